/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a generation on sessions: the caller's for the prompt, and its own for other rows. */
#include "engine/generation_p.h"

void eng_generation_stop(firn_generation *generation)
{
    for (size_t i = 1; i < generation->n_rows; i++)
        firn_session_release(generation->rows[i].session);
    firn_batch_release(generation->batch);
}

firn_status eng_row_session(const eng_generation_row *row, const firn_session *like, firn_session **out,
                            firn_error *error)
{
    firn_session_options options = firn_session_options_default();
    options.n_ctx = firn_session_context(like);
    options.cache_types = firn_session_cache_types(like);
    const firn_status status = firn_session_create(row->model, &options, out, error);
    return status == FIRN_OK
               ? firn_session_append(*out, row->prompt, row->n_prompt, FIRN_LOGITS_LAST, NULL, NULL, error)
               : status;
}

/* Makes the sessions of the other rows. */
static firn_status start(firn_generation *g, firn_session *session, firn_error *error)
{
    firn_status status = FIRN_OK;
    firn_batch_options batch_options = firn_batch_options_default();
    batch_options.n_batch = FIRN_GENERATION_ROWS;
    g->rows[0].session = session;
    for (size_t i = 1; i < g->n_rows && status == FIRN_OK; i++)
        status = eng_row_session(&g->rows[i], session, &g->rows[i].session, error);
    if (status == FIRN_OK && g->n_rows > 1)
        status = firn_batch_create(g->model, &batch_options, &g->batch, error);
    return status;
}

static bool receive(void *argument, size_t entry, size_t index, const float *logits)
{
    const float **const of_entry = argument;
    (void)index;
    of_entry[entry] = logits; /* of a step of few tokens, all stay until the next */
    return true;
}

/* Appends to each row what it wants: rows of the model in one batch, where there is another model on its own. */
static firn_status step_rows(firn_generation *g, const float **logits, firn_error *error)
{
    firn_generation_step steps[FIRN_GENERATION_ROWS];
    firn_batch_entry entries[FIRN_GENERATION_ROWS];
    size_t n_entries = 0;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < g->n_rows; i++) {
        eng_generation_row *const row = &g->rows[i];
        steps[i] = firn_generation_next_of(g, i);
        firn_session_rewind(row->session, steps[i].n_keep);
        if (row->model == g->model)
            entries[n_entries++] = (firn_batch_entry){row->session, &steps[i].id, 1, FIRN_LOGITS_LAST, 0};
    }
    if (n_entries > 1)
        status = firn_batch_append(g->batch, entries, n_entries, receive, logits, error);
    for (size_t i = n_entries > 1 ? n_entries : 0; i < g->n_rows && status == FIRN_OK; i++) {
        status = firn_session_append(g->rows[i].session, &steps[i].id, 1, FIRN_LOGITS_LAST, NULL, NULL, error);
        logits[i] = firn_session_logits(g->rows[i].session);
    }
    return status;
}

firn_status firn_generation_advance(firn_generation *generation, firn_session *session, firn_error *error)
{
    firn_generation *const g = generation;
    const float *logits[FIRN_GENERATION_ROWS];
    if (g->end != FIRN_END_NOT_YET)
        return FIRN_OK;
    firn_status status = g->begun ? step_rows(g, logits, error) : start(g, session, error);
    for (size_t i = 0; i < g->n_rows && !g->begun && status == FIRN_OK; i++)
        logits[i] = firn_session_logits(g->rows[i].session);
    return status == FIRN_OK ? firn_generation_take_rows(g, logits, error) : status;
}
