/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include "engine/batch.h"

#include <stdlib.h>
#include <sys/mman.h>

static uint32_t whole_chunks(uint32_t n_ctx)
{
    return (n_ctx + KERN_CHUNK - 1) / KERN_CHUNK;
}

static void cut_cache(eng_cutter *cutter, firn_session *session)
{
    const mod_hyperparameters *const hp = session->model->hyperparameters;
    session->head_elements = (size_t)whole_chunks(session->n_ctx) * KERN_CHUNK * hp->head_dim;
    const uint64_t heads = (uint64_t)hp->n_layers * hp->n_kv_heads;
    session->keys = eng_cut(cutter, heads, session->head_elements * sizeof(uint16_t));
    session->values = eng_cut(cutter, heads, session->head_elements * sizeof(uint16_t));
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
    const firn_status status = eng_model_check_runs(model, error);
    if (status != FIRN_OK)
        return status;
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
    eng_cutter measure = {0};
    cut_cache(&measure, session);
    session->map = eng_map(&measure, "a session's keys and values: ask for a shorter context", error);
    if (session->map == NULL) {
        free(session);
        return FIRN_ERROR_MEMORY;
    }
    session->map_bytes = (size_t)measure.used;
    cut_cache(&(eng_cutter){.base = session->map}, session);
    eng_model_retain(model);
    *out = session;
    return FIRN_OK;
}

void firn_session_release(firn_session *session)
{
    if (session == NULL)
        return;
    firn_batch_release(session->own);
    munmap(session->map, session->map_bytes);
    firn_model_release(session->model);
    free(session);
}

/* ---- the timeline ---- */

typedef struct single {
    firn_logits_callback callback;
    void *argument;
} single;

static bool pass_on(void *argument, size_t entry, size_t index, const float *logits)
{
    (void)entry;
    const single *const one = argument;
    return one->callback(one->argument, index, logits);
}

firn_status firn_session_append(firn_session *session, const int32_t *ids, size_t n_ids, unsigned logits,
                                firn_logits_callback callback, void *argument, firn_error *error)
{
    if (session->own == NULL) {
        const firn_status status =
            eng_batch_create(session->model, session->n_batch, session->n_ctx, &session->own, error);
        if (status != FIRN_OK)
            return status;
    }
    single one = {callback, argument};
    const firn_batch_entry entry = {session, ids, n_ids, logits};
    return firn_batch_append(session->own, &entry, 1, callback != NULL ? pass_on : NULL, &one, error);
}

const float *firn_session_logits(const firn_session *session)
{
    return session->logits;
}

void firn_session_rewind(firn_session *session, size_t n_keep)
{
    if (n_keep < session->length) {
        session->length = n_keep;
        session->logits = NULL;
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
