/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include "base/checked.h"
#include "engine/forward.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- memory: one map, cut into aligned pieces; measured first, then cut ---- */

typedef struct memory_cutter {
    uint8_t *base; /* NULL while measuring */
    uint64_t used;
    bool overflow;
} memory_cutter;

static void *cut(memory_cutter *cutter, uint64_t count, size_t element_bytes)
{
    uint64_t bytes, end;
    if (!base_multiply_u64(count, element_bytes, &bytes) || !base_align_u64(bytes, KERN_ALIGNMENT, &bytes) ||
        !base_add_u64(cutter->used, bytes, &end)) {
        cutter->overflow = true;
        return NULL;
    }
    void *const piece = cutter->base != NULL ? cutter->base + cutter->used : NULL;
    cutter->used = end;
    return piece;
}

static size_t whole_tiles(uint64_t rows)
{
    return (size_t)((rows + KERN_TILE_ROWS - 1) / KERN_TILE_ROWS * KERN_TILE_ROWS);
}

static void cut_panels(memory_cutter *cutter, eng_panels *panels, uint32_t n_columns, uint64_t n_inputs)
{
    const uint64_t n_blocks = ((uint64_t)n_columns + KERN_PANEL) * (n_inputs / KERN_BLOCK + 1);
    panels->int8 = cut(cutter, n_blocks, KERN_INT8_BYTES);
    panels->int16 = cut(cutter, n_blocks, KERN_INT16_BYTES);
}

static void cut_stream(memory_cutter *cutter, eng_stream *stream, uint32_t n_columns, uint32_t n_embd)
{
    stream->x = cut(cutter, (uint64_t)n_columns * n_embd, sizeof(float));
    stream->normed = cut(cutter, (uint64_t)n_columns * n_embd, sizeof(float));
    cut_panels(cutter, &stream->panels, n_columns, n_embd);
}

static void cut_scratch(memory_cutter *cutter, eng_scratch *scratch, const mod_hyperparameters *hp, uint32_t n_batch)
{
    const uint32_t n_attended = hp->n_heads * hp->head_dim;
    uint32_t widest = hp->n_embd > hp->n_ff ? hp->n_embd : hp->n_ff;
    widest = widest > n_attended ? widest : n_attended;
    cut_stream(cutter, &scratch->own, ENG_HEAD_COLUMNS, hp->n_embd);
    cut_panels(cutter, &scratch->attended, ENG_PRIVATE_COLUMNS, n_attended);
    scratch->gate = cut(cutter, (uint64_t)n_batch * ENG_FFN_ROWS, sizeof(float));
    scratch->up = cut(cutter, (uint64_t)n_batch * ENG_FFN_ROWS, sizeof(float));
    scratch->block = cut(cutter, hp->n_embd, sizeof(float));
    scratch->queries = cut(cutter, (uint64_t)KERN_ATTENTION_ROWS * hp->head_dim, sizeof(float));
    scratch->attention = cut(cutter, kern_attention_scratch(hp->head_dim), sizeof(float));
    scratch->chunk_out = cut(cutter, (uint64_t)KERN_ATTENTION_ROWS * hp->head_dim, sizeof(float));
    scratch->state_out = cut(cutter, (uint64_t)KERN_ATTENTION_ROWS * hp->head_dim, sizeof(float));
    scratch->matmul = cut(cutter, kern_matmul_scratch(widest), 1);
}

static uint32_t whole_chunks(uint32_t n_ctx)
{
    return (n_ctx + KERN_CHUNK - 1) / KERN_CHUNK;
}

static void cut_cache(memory_cutter *cutter, firn_session *session, const mod_hyperparameters *hp)
{
    session->head_elements = (size_t)whole_chunks(session->n_ctx) * KERN_CHUNK * hp->head_dim;
    const uint64_t heads = (uint64_t)hp->n_layers * hp->n_kv_heads;
    session->keys = cut(cutter, heads, session->head_elements * sizeof(uint16_t));
    session->values = cut(cutter, heads, session->head_elements * sizeof(uint16_t));
}

/* Whether any layer's down matrix reads floats. */
static bool needs_inner_floats(const firn_model *model)
{
    for (uint32_t i = 0; i < model->hyperparameters->n_layers; i++)
        if (kern_type_input(model->layers[i].down.type) == KERN_INPUT_FLOATS)
            return true;
    return false;
}

static void cut_all(memory_cutter *cutter, firn_session *session)
{
    const mod_hyperparameters *const hp = session->model->hyperparameters;
    const uint32_t n_batch = session->n_batch, n_attended = hp->n_heads * hp->head_dim;
    const uint32_t threads = base_pool_threads(session->model->context->pool);
    session->qkv_stride = whole_tiles(n_attended) + 2 * whole_tiles((uint64_t)hp->n_kv_heads * hp->head_dim);
    session->embd_stride = whole_tiles(hp->n_embd);
    session->ff_stride = ((size_t)hp->n_ff + ENG_FFN_ROWS - 1) / ENG_FFN_ROWS * ENG_FFN_ROWS;
    session->vocab_stride = whole_tiles(hp->n_vocab);
    cut_cache(cutter, session, hp);
    cut_stream(cutter, &session->shared, n_batch, hp->n_embd);
    session->needed_x = cut(cutter, (uint64_t)n_batch * hp->n_embd, sizeof(float));
    session->qkv = cut(cutter, n_batch, session->qkv_stride * sizeof(float));
    session->attended = cut(cutter, (uint64_t)n_batch * n_attended, sizeof(float));
    cut_panels(cutter, &session->attended_panels, n_batch, n_attended);
    session->block_out = cut(cutter, n_batch, session->embd_stride * sizeof(float));
    if (needs_inner_floats(session->model))
        session->inner = cut(cutter, n_batch, session->ff_stride * sizeof(float));
    cut_panels(cutter, &session->inner_panels, n_batch, session->ff_stride);
    for (int local = 0; local < 2; local++)
        session->angles[local] = cut(cutter, (uint64_t)n_batch * hp->rope_dims, sizeof(float));
    session->logits = cut(cutter, ENG_HEAD_COLUMNS, session->vocab_stride * sizeof(float));
    const uint64_t partials = (uint64_t)ENG_PRIVATE_COLUMNS * hp->n_heads * whole_chunks(session->n_ctx);
    session->partial_out = cut(cutter, partials, hp->head_dim * sizeof(float));
    session->partial_state = cut(cutter, partials, 2 * sizeof(float));
    session->needed = cut(cutter, n_batch, sizeof(uint32_t));
    session->all = cut(cutter, n_batch, sizeof(uint32_t));
    session->scratch = cut(cutter, threads, sizeof(eng_scratch));
    for (uint32_t i = 0; i < threads; i++) {
        eng_scratch measured;
        cut_scratch(cutter, session->scratch != NULL ? &session->scratch[i] : &measured, hp, n_batch);
    }
}

uint64_t firn_model_session_bytes(const firn_model *model, uint32_t n_ctx)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    return 2 * (uint64_t)hp->n_layers * hp->n_kv_heads * whole_chunks(n_ctx) * KERN_CHUNK * hp->head_dim *
           sizeof(uint16_t);
}

firn_session_options firn_session_options_default(void)
{
    return (firn_session_options){.size = sizeof(firn_session_options)};
}

firn_status firn_session_create(firn_model *model, const firn_session_options *options, firn_session **out,
                                firn_error *error)
{
    *out = NULL;
    const firn_session_options chosen = options != NULL ? *options : firn_session_options_default();
    const uint32_t n_ctx = chosen.n_ctx != 0 ? chosen.n_ctx : model->hyperparameters->n_ctx_train;
    if (n_ctx > INT32_MAX - KERN_CHUNK)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "a context of %u positions is more than %d", n_ctx,
                         INT32_MAX - KERN_CHUNK);
    firn_session *const session = calloc(1, sizeof *session);
    if (session == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a session");
    const uint32_t n_batch = chosen.n_batch != 0 ? chosen.n_batch : ENG_DEFAULT_BATCH;
    session->model = model;
    session->n_ctx = n_ctx;
    session->n_batch = n_batch < n_ctx ? n_batch : n_ctx;
    memory_cutter measure = {0};
    cut_all(&measure, session);
    void *map = MAP_FAILED;
    if (!measure.overflow && measure.used <= SIZE_MAX)
        map = mmap(NULL, (size_t)measure.used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                   0);
    if (map == MAP_FAILED) {
        free(session);
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                         "no memory for a session of %u positions (%" PRIu64 " bytes); ask for a shorter context",
                         n_ctx, measure.used);
    }
    session->map = map;
    session->map_bytes = (size_t)measure.used;
    memory_cutter cutting = {.base = map};
    cut_all(&cutting, session);
    for (uint32_t i = 0; i < session->n_batch; i++)
        session->all[i] = i;
    eng_model_retain(model);
    *out = session;
    return FIRN_OK;
}

void firn_session_release(firn_session *session)
{
    if (session == NULL)
        return;
    munmap(session->map, session->map_bytes);
    firn_model_release(session->model);
    free(session);
}

/* ---- the timeline ---- */

static firn_status check_ids(const firn_session *session, const int32_t *ids, size_t n_ids, firn_error *error)
{
    const uint32_t n_vocab = session->model->hyperparameters->n_vocab;
    if (n_ids > session->n_ctx - session->length)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "%zu tokens after %zu do not fit the context of %u positions", n_ids, session->length,
                         session->n_ctx);
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= n_vocab)
            return base_fail(error, FIRN_ERROR_ARGUMENT, i, "token %zu has id %d: the vocabulary ends at %u", i, ids[i],
                             n_vocab - 1);
    return FIRN_OK;
}

/* Gives the logits of the step's needed columns, which start at token `index` of the call; false to cancel. */
static firn_status report_logits(firn_session *session, size_t index, uint32_t n_needed, firn_logits_callback callback,
                                 void *argument, firn_error *error)
{
    for (uint32_t first = 0; first < n_needed; first += ENG_HEAD_COLUMNS) {
        const uint32_t left = n_needed - first, count = left < ENG_HEAD_COLUMNS ? left : ENG_HEAD_COLUMNS;
        if (first > 0 && !eng_forward_head(session, first, count, n_needed))
            return base_fail(error, FIRN_ERROR_NUMERIC, index + session->needed[first],
                             "a logit is not a finite number: the checkpoint is damaged");
        for (uint32_t i = 0; i < count; i++) {
            const float *const logits = session->logits + i * session->vocab_stride;
            session->last_logits = logits;
            if (callback != NULL && !callback(argument, index + session->needed[first + i], logits))
                return base_fail(error, FIRN_ERROR_CANCELLED, FIRN_NO_OFFSET, "cancelled by the caller");
        }
    }
    return FIRN_OK;
}

firn_status firn_session_append(firn_session *session, const int32_t *ids, size_t n_ids, unsigned logits,
                                firn_logits_callback callback, void *argument, firn_error *error)
{
    firn_status status = check_ids(session, ids, n_ids, error);
    if (status != FIRN_OK || n_ids == 0)
        return status;
    const size_t before = session->length;
    session->has_logits = false;
    for (size_t begin = 0; begin < n_ids && status == FIRN_OK; begin += session->n_batch) {
        const size_t left = n_ids - begin;
        const uint32_t n_columns = left < session->n_batch ? (uint32_t)left : session->n_batch;
        uint32_t n_needed = 0;
        for (uint32_t i = 0; i < n_columns; i++)
            if (logits == FIRN_LOGITS_ALL || begin + i + 1 == n_ids)
                session->needed[n_needed++] = i;
        if (!eng_forward(session, ids + begin, n_columns, n_needed))
            status = base_fail(error, FIRN_ERROR_NUMERIC, begin,
                               "a logit is not a finite number: the checkpoint is damaged");
        else
            status = report_logits(session, begin, n_needed, callback, argument, error);
        session->length += n_columns;
    }
    if (status != FIRN_OK)
        session->length = before;
    session->has_logits = status == FIRN_OK;
    return status;
}

const float *firn_session_logits(const firn_session *session)
{
    return session->has_logits ? session->last_logits : NULL;
}

void firn_session_rewind(firn_session *session, size_t n_keep)
{
    if (n_keep < session->length) {
        session->length = n_keep;
        session->has_logits = false;
    }
}

size_t firn_session_length(const firn_session *session)
{
    return session->length;
}

uint32_t firn_session_context(const firn_session *session)
{
    return session->n_ctx;
}
