/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/batch.h"

#include "base/checked.h"
#include "engine/forward.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- memory ---- */

void *eng_cut(eng_cutter *cutter, uint64_t count, uint64_t element_bytes)
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

void *eng_map(const eng_cutter *measure, const char *purpose, firn_error *error)
{
    void *map = MAP_FAILED;
    if (!measure->overflow && measure->used <= SIZE_MAX)
        map = mmap(NULL, (size_t)measure->used, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                   0);
    if (map != MAP_FAILED)
        return map;
    base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %s (%" PRIu64 " bytes)", purpose, measure->used);
    return NULL;
}

static size_t whole_tiles(uint64_t rows)
{
    return (size_t)((rows + KERN_TILE_ROWS - 1) / KERN_TILE_ROWS * KERN_TILE_ROWS);
}

static void cut_panels(eng_cutter *cutter, eng_panels *panels, uint32_t n_columns, uint64_t n_inputs)
{
    const uint64_t n_blocks = ((uint64_t)n_columns + KERN_PANEL) * (n_inputs / KERN_BLOCK + 1);
    panels->int8 = eng_cut(cutter, n_blocks, KERN_INT8_BYTES);
    panels->int16 = eng_cut(cutter, n_blocks, KERN_INT16_BYTES);
}

static void cut_stream(eng_cutter *cutter, eng_stream *stream, uint32_t n_columns, uint32_t n_embd)
{
    stream->x = eng_cut(cutter, (uint64_t)n_columns * n_embd, sizeof(float));
    stream->normed = eng_cut(cutter, (uint64_t)n_columns * n_embd, sizeof(float));
    cut_panels(cutter, &stream->panels, n_columns, n_embd);
}

static void cut_scratch(eng_cutter *cutter, eng_scratch *scratch, const mod_hyperparameters *hp, uint32_t n_batch)
{
    const uint32_t n_attended = hp->n_heads * hp->head_dim;
    uint32_t widest = hp->n_embd > hp->n_ff ? hp->n_embd : hp->n_ff;
    widest = widest > n_attended ? widest : n_attended;
    cut_stream(cutter, &scratch->own, ENG_HEAD_COLUMNS, hp->n_embd);
    cut_panels(cutter, &scratch->attended, ENG_PRIVATE_COLUMNS, n_attended);
    scratch->gate = eng_cut(cutter, (uint64_t)n_batch * ENG_FFN_ROWS, sizeof(float));
    scratch->up = eng_cut(cutter, (uint64_t)n_batch * ENG_FFN_ROWS, sizeof(float));
    scratch->block = eng_cut(cutter, hp->n_embd, sizeof(float));
    scratch->queries = eng_cut(cutter, (uint64_t)KERN_ATTENTION_ROWS * hp->head_dim, sizeof(float));
    scratch->attention = eng_cut(cutter, kern_attention_scratch(hp->head_dim), sizeof(float));
    scratch->chunk_out = eng_cut(cutter, (uint64_t)KERN_ATTENTION_ROWS * hp->head_dim, sizeof(float));
    scratch->state_out = eng_cut(cutter, (uint64_t)KERN_ATTENTION_ROWS * hp->head_dim, sizeof(float));
    scratch->matmul = eng_cut(cutter, kern_matmul_scratch(widest), 1);
    scratch->rows = eng_cut(cutter, (uint64_t)ENG_SELECT_ROWS * hp->n_embd, sizeof(float));
}

static void cut_selection(eng_cutter *cutter, eng_selection *selection, const firn_batch *batch)
{
    const uint64_t n_blocks = batch->model->hyperparameters->n_embd / KERN_BLOCK;
    selection->lost = eng_cut(cutter, ENG_HEAD_COLUMNS, (n_blocks + 1) * sizeof(double));
    selection->squares = eng_cut(cutter, ENG_HEAD_COLUMNS, sizeof(double));
    selection->left = eng_cut(cutter, ENG_HEAD_COLUMNS, KERN_BLOCK * sizeof(float));
    selection->factors = eng_cut(cutter, ENG_HEAD_COLUMNS, sizeof(float));
    selection->certain =
        eng_cut(cutter, (uint64_t)ENG_HEAD_COLUMNS * eng_select_pieces(batch->model), KERN_LANES * sizeof(float));
    selection->ids = eng_cut(cutter, ENG_HEAD_COLUMNS, ENG_SELECT_MOST * sizeof(int32_t));
    selection->counts = eng_cut(cutter, ENG_HEAD_COLUMNS, sizeof(uint32_t));
    selection->refused = eng_cut(cutter, ENG_HEAD_COLUMNS, sizeof(bool));
    selection->rows = eng_cut(cutter, ENG_HEAD_COLUMNS, batch->vocab_stride * sizeof(float));
}

/* Whether any layer's down matrix reads floats. */
static bool needs_inner_floats(const firn_model *model)
{
    for (uint32_t i = 0; i < model->hyperparameters->n_layers; i++)
        if (kern_type_input(model->layers[i].down.type) == KERN_INPUT_FLOATS)
            return true;
    return false;
}

static void cut_wanted(eng_cutter *cutter, eng_wanted *wanted, uint32_t n_batch)
{
    wanted->columns = eng_cut(cutter, n_batch, sizeof(uint32_t));
    wanted->tiles = eng_cut(cutter, n_batch, sizeof(eng_tile));
}

static void cut_all(eng_cutter *cutter, firn_batch *batch)
{
    const mod_hyperparameters *const hp = batch->model->hyperparameters;
    const uint32_t n_batch = batch->n_batch, n_attended = hp->n_heads * hp->head_dim;
    const uint32_t threads = base_pool_threads(batch->model->context->pool);
    batch->qkv_stride = whole_tiles(n_attended) + 2 * whole_tiles((uint64_t)hp->n_kv_heads * hp->head_dim);
    batch->embd_stride = whole_tiles(hp->n_embd);
    batch->ff_stride = ((size_t)hp->n_ff + ENG_FFN_ROWS - 1) / ENG_FFN_ROWS * ENG_FFN_ROWS;
    batch->vocab_stride = whole_tiles(hp->n_vocab);
    cut_stream(cutter, &batch->shared, n_batch, hp->n_embd);
    batch->needed_x = eng_cut(cutter, (uint64_t)n_batch * hp->n_embd, sizeof(float));
    batch->qkv = eng_cut(cutter, n_batch, batch->qkv_stride * sizeof(float));
    batch->attended = eng_cut(cutter, (uint64_t)n_batch * n_attended, sizeof(float));
    cut_panels(cutter, &batch->attended_panels, n_batch, n_attended);
    batch->block_out = eng_cut(cutter, n_batch, batch->embd_stride * sizeof(float));
    if (needs_inner_floats(batch->model))
        batch->inner = eng_cut(cutter, n_batch, batch->ff_stride * sizeof(float));
    cut_panels(cutter, &batch->inner_panels, n_batch, batch->ff_stride);
    batch->angles_stride = (size_t)hp->rope_dims * (hp->rope_pairs == MOD_ROPE_ADJACENT ? 2 : 1);
    for (int local = 0; local < 2; local++)
        batch->angles[local] = eng_cut(cutter, (uint64_t)n_batch * batch->angles_stride, sizeof(float));
    batch->logits = eng_cut(cutter, ENG_HEAD_COLUMNS, batch->vocab_stride * sizeof(float));
    batch->logits_of = eng_cut(cutter, ENG_HEAD_COLUMNS, sizeof(float *));
    cut_selection(cutter, &batch->selection, batch);
    const uint64_t partials = (uint64_t)ENG_PRIVATE_COLUMNS * hp->n_heads * batch->n_chunks;
    batch->partial_out = eng_cut(cutter, partials, hp->head_dim * sizeof(float));
    batch->partial_state = eng_cut(cutter, partials, 2 * sizeof(float));
    batch->columns = eng_cut(cutter, n_batch, sizeof(eng_column));
    cut_wanted(cutter, &batch->all, n_batch);
    cut_wanted(cutter, &batch->needed, n_batch);
    batch->asked = eng_cut(cutter, n_batch, sizeof(eng_asked));
    batch->scratch = eng_cut(cutter, threads, sizeof(eng_scratch));
    for (uint32_t i = 0; i < threads; i++) {
        eng_scratch measured;
        cut_scratch(cutter, batch->scratch != NULL ? &batch->scratch[i] : &measured, hp, n_batch);
    }
}

firn_status eng_batch_create(firn_model *model, uint32_t n_batch, uint32_t n_ctx, firn_batch **out, firn_error *error)
{
    *out = NULL;
    const firn_status status = eng_model_check_runs(model, error);
    if (status != FIRN_OK)
        return status;
    firn_batch *const batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a batch");
    batch->model = model;
    batch->n_batch = n_batch;
    batch->n_chunks = (n_ctx + KERN_CHUNK - 1) / KERN_CHUNK;
    eng_cutter measure = {0};
    cut_all(&measure, batch);
    batch->map = eng_map(&measure, "the buffers of a batch", error);
    if (batch->map == NULL) {
        free(batch);
        return FIRN_ERROR_MEMORY;
    }
    batch->map_bytes = (size_t)measure.used;
    cut_all(&(eng_cutter){.base = batch->map}, batch);
    *out = batch;
    return FIRN_OK;
}

firn_batch_options firn_batch_options_default(void)
{
    return (firn_batch_options){.size = sizeof(firn_batch_options)};
}

firn_status firn_batch_create(firn_model *model, const firn_batch_options *options, firn_batch **out, firn_error *error)
{
    const firn_batch_options chosen = options != NULL ? *options : firn_batch_options_default();
    const firn_status status = eng_batch_create(model, chosen.n_batch != 0 ? chosen.n_batch : ENG_DEFAULT_BATCH,
                                                model->hyperparameters->n_ctx_train, out, error);
    if (status == FIRN_OK) {
        eng_model_retain(model);
        (*out)->retains_model = true;
    }
    return status;
}

void firn_batch_release(firn_batch *batch)
{
    if (batch == NULL)
        return;
    firn_model *const model = batch->retains_model ? batch->model : NULL;
    munmap(batch->map, batch->map_bytes);
    free(batch);
    firn_model_release(model);
}

/* ---- steps ---- */

static firn_status check_entry(const firn_batch *batch, const firn_batch_entry *entry, firn_error *error)
{
    const firn_session *const session = entry->session;
    const uint32_t n_vocab = batch->model->hyperparameters->n_vocab;
    if (session->model != batch->model)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a session of another model is not for this batch");
    if (entry->n_ids > session->n_ctx - session->length)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "%zu tokens after %zu do not fit the context of %u positions", entry->n_ids, session->length,
                         session->n_ctx);
    for (size_t i = 0; i < entry->n_ids; i++)
        if (entry->ids[i] < 0 || (uint32_t)entry->ids[i] >= n_vocab)
            return base_fail(error, FIRN_ERROR_ARGUMENT, i, "token %zu has id %d: the vocabulary ends at %u", i,
                             entry->ids[i], n_vocab - 1);
    return FIRN_OK;
}

/* Groups a list of columns into tiles of one session each. */
static void make_tiles(const firn_batch *batch, eng_wanted *wanted)
{
    const mod_hyperparameters *const hp = batch->model->hyperparameters;
    const uint32_t most = KERN_ATTENTION_ROWS / (hp->n_heads / hp->n_kv_heads);
    wanted->n_tiles = 0;
    for (uint32_t i = 0; i < wanted->n_columns; i++) {
        eng_tile *const tile = wanted->n_tiles > 0 ? &wanted->tiles[wanted->n_tiles - 1] : NULL;
        const firn_session *const session = batch->columns[wanted->columns[i]].session;
        if (tile != NULL && i - tile->begin < most && batch->columns[wanted->columns[tile->begin]].session == session)
            tile->end = i + 1;
        else
            wanted->tiles[wanted->n_tiles++] = (eng_tile){i, i + 1};
    }
}

/* Where the next step starts: token `index` of an entry. */
typedef struct cursor {
    size_t entry, index;
} cursor;

/* Whether two sessions, which both have the position, have the same tokens up to it: they share its page. */
static bool same_page(const firn_session *a, const firn_session *b, size_t position)
{
    for (int g = 0; g < ENG_GROUPS; g++)
        if (a->tables[g] != NULL && a->tables[g][position / KERN_CHUNK] != b->tables[g][position / KERN_CHUNK])
            return false;
    return true;
}

/* The needed column that a session's next token would repeat, where that writes nothing; or the next one. */
static uint32_t find_needed(const firn_batch *batch, const firn_session *session)
{
    for (uint32_t i = 0; i < batch->needed.n_columns && session->cached < session->known; i++) {
        const eng_column *const column = &batch->columns[batch->needed.columns[i]];
        if (column->stored && column->position == session->cached &&
            same_page(column->session, session, column->position))
            return i;
    }
    return batch->needed.n_columns;
}

/* Adds a session's next token to a step; `asked` says whose logits it is for, or NULL, and n_best how many of these. */
static void add_column(firn_batch *batch, firn_session *session, int32_t id, eng_asked *asked, uint32_t n_best)
{
    const uint32_t n_needed = batch->needed.n_columns;
    const bool stored = session->cached < session->known;
    if (asked != NULL)
        asked->needed = find_needed(batch, session);
    if (asked == NULL || asked->needed == n_needed) {
        const uint32_t n = batch->n_columns++;
        batch->columns[n] = (eng_column){session, session->cached, id, stored, n_best};
        batch->all.columns[n] = n;
        if (asked != NULL)
            batch->needed.columns[batch->needed.n_columns++] = n;
    } else {
        uint32_t *const most = &batch->columns[batch->needed.columns[asked->needed]].n_best;
        *most = *most == 0 || n_best == 0 ? 0 : *most > n_best ? *most : n_best;
    }
    session->ids[session->cached++] = id;
}

/* Adds the next n_ids tokens of an entry to the columns of a step. False: there is no memory for their keys and values.
 */
static bool add_columns(firn_batch *batch, const firn_batch_entry *entry, cursor *from, size_t n_ids)
{
    if (!eng_session_extend(entry->session, n_ids))
        return false;
    for (size_t i = 0; i < n_ids; i++, from->index++) {
        const bool last = from->index + 1 == entry->n_ids;
        eng_asked *asked = NULL;
        if (entry->logits == FIRN_LOGITS_ALL || (entry->logits == FIRN_LOGITS_LAST && last)) {
            asked = &batch->asked[batch->n_asked++];
            *asked = (eng_asked){.entry = (uint32_t)from->entry, .index = from->index};
        }
        add_column(batch, entry->session, entry->ids[from->index], asked, entry->n_best);
    }
    return true;
}

/* Fills the columns of a step from `from` on. */
static firn_status fill_columns(firn_batch *batch, const firn_batch_entry *entries, size_t n_entries, cursor *from,
                                firn_error *error)
{
    batch->n_columns = batch->needed.n_columns = batch->n_asked = 0;
    while (from->entry < n_entries && batch->n_columns < batch->n_batch && batch->n_asked < batch->n_batch) {
        const firn_batch_entry *const entry = &entries[from->entry];
        const uint32_t n_taken = batch->n_columns > batch->n_asked ? batch->n_columns : batch->n_asked;
        const size_t left = entry->n_ids - from->index, room = batch->n_batch - n_taken;
        if (!add_columns(batch, entry, from, left < room ? left : room))
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                             "no memory for the keys and values of tokens after %zu", entry->session->cached);
        if (from->index == entry->n_ids)
            *from = (cursor){from->entry + 1, 0};
    }
    batch->all.n_columns = batch->n_columns;
    batch->n_computed += batch->n_columns;
    make_tiles(batch, &batch->all);
    make_tiles(batch, &batch->needed);
    return FIRN_OK;
}

/* Gives the logits of needed columns [first, first + count) to all who asked for them. False: cancelled. */
static bool report_rows(firn_batch *batch, uint32_t first, uint32_t count, eng_rows_callback callback, void *argument)
{
    eng_row rows[ENG_HEAD_COLUMNS];
    uint32_t n_rows = 0;
    for (uint32_t i = 0; i < batch->n_asked; i++) {
        const eng_asked *const asked = &batch->asked[i];
        if (asked->needed < first || asked->needed >= first + count)
            continue;
        firn_session *const session = batch->columns[batch->needed.columns[asked->needed]].session;
        rows[n_rows] = (eng_row){asked->entry, asked->index, batch->logits_of[asked->needed - first]};
        if (session->own == batch)
            session->logits = rows[n_rows].logits;
        if (++n_rows == ENG_HEAD_COLUMNS) {
            if (callback != NULL && !callback(argument, rows, n_rows))
                return false;
            n_rows = 0;
        }
    }
    return callback == NULL || n_rows == 0 || callback(argument, rows, n_rows);
}

/* Computes and gives the logits of the step's needed columns. */
static firn_status report_logits(firn_batch *batch, eng_rows_callback callback, void *argument, firn_error *error)
{
    const uint32_t n_needed = batch->needed.n_columns;
    for (uint32_t first = 0; first < n_needed; first += ENG_HEAD_COLUMNS) {
        const uint32_t left = n_needed - first, count = left < ENG_HEAD_COLUMNS ? left : ENG_HEAD_COLUMNS;
        if (first > 0 && !eng_forward_head(batch, first, count))
            return base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET,
                             "a logit is not a finite number: the checkpoint is damaged");
        if (!report_rows(batch, first, count, callback, argument))
            return base_fail(error, FIRN_ERROR_CANCELLED, FIRN_NO_OFFSET, "cancelled by the caller");
    }
    return FIRN_OK;
}

/* Computes all entries, step by step; their sessions' `cached` grows, and `length` doesn't. */
static firn_status run_steps(firn_batch *batch, const firn_batch_entry *entries, size_t n_entries,
                             eng_rows_callback callback, void *argument, firn_error *error)
{
    cursor next = {0, 0};
    for (;;) {
        firn_status status = fill_columns(batch, entries, n_entries, &next, error);
        if (status != FIRN_OK || batch->n_columns == 0)
            return status;
        if (!eng_forward(batch))
            return base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET,
                             "a logit is not a finite number: the checkpoint is damaged");
        status = report_logits(batch, callback, argument, error);
        if (status != FIRN_OK)
            return status;
    }
}

/* Computes the keys and values that a session has let go. */
static firn_status restore(firn_batch *batch, firn_session *session, firn_error *error)
{
    const firn_batch_entry entry = {session, session->ids + session->cached, session->length - session->cached,
                                    FIRN_LOGITS_NONE, 0};
    return run_steps(batch, &entry, 1, NULL, NULL, error);
}

firn_status eng_batch_append(firn_batch *batch, const firn_batch_entry *entries, size_t n_entries,
                             eng_rows_callback callback, void *argument, firn_error *error)
{
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < n_entries && status == FIRN_OK; i++)
        status = check_entry(batch, &entries[i], error);
    if (status != FIRN_OK)
        return status;
    for (size_t i = 0; i < n_entries && status == FIRN_OK; i++) {
        if (entries[i].n_ids == 0)
            continue;
        entries[i].session->logits = NULL;
        status = restore(batch, entries[i].session, error);
    }
    if (status == FIRN_OK)
        status = run_steps(batch, entries, n_entries, callback, argument, error);
    for (size_t i = 0; i < n_entries; i++) {
        firn_session *const session = entries[i].session;
        if (status == FIRN_OK) {
            session->length += entries[i].n_ids;
            continue;
        }
        eng_session_cut(session, session->length); /* as before */
        if (entries[i].n_ids > 0)
            session->logits = NULL;
    }
    return status;
}

/* A caller who is given one row at a time. */
typedef struct row_caller {
    firn_batch_callback callback;
    void *argument;
} row_caller;

static bool give_each_row(void *argument, const eng_row *rows, uint32_t n_rows)
{
    const row_caller *const caller = argument;
    for (uint32_t i = 0; i < n_rows; i++)
        if (!caller->callback(caller->argument, rows[i].entry, rows[i].index, rows[i].logits))
            return false;
    return true;
}

firn_status firn_batch_append(firn_batch *batch, const firn_batch_entry *entries, size_t n_entries,
                              firn_batch_callback callback, void *argument, firn_error *error)
{
    row_caller caller = {callback, argument};
    return eng_batch_append(batch, entries, n_entries, callback != NULL ? give_each_row : NULL, &caller, error);
}
