/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/drafter.h"

#include "base/clock.h"
#include "engine/drafting.h"
#include "engine/generation_p.h"

#include <stdlib.h>

struct firn_drafter {
    eng_drafting drafting;
    eng_drafted text;
};

firn_drafter_options firn_drafter_options_default(void)
{
    return (firn_drafter_options){.size = sizeof(firn_drafter_options), .n_max = ENG_MOST_DRAFTS};
}

static firn_status make_store(firn_drafter *drafter, firn_error *error)
{
    firn_model *const draft_model = drafter->drafting.options.draft_model;
    eng_draft_store *const store = &drafter->drafting.store;
    if (draft_model == NULL)
        return FIRN_OK;
    store->pages = draft_model->pages[FIRN_CACHE_F16][FIRN_CACHE_F16];
    store->n_ctx = draft_model->hyperparameters->n_ctx_train;
    return eng_batch_create(draft_model, ENG_DEFAULT_BATCH, store->n_ctx, &store->batch, error);
}

firn_status firn_drafter_create(const firn_model *model, const firn_drafter_options *options, firn_drafter **out,
                                firn_error *error)
{
    *out = NULL;
    const firn_drafter_options chosen = options != NULL ? *options : firn_drafter_options_default();
    firn_drafter *const drafter = calloc(1, sizeof *drafter);
    if (drafter == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a drafter");
    firn_status status = eng_drafting_begin(&drafter->drafting, model, &chosen, error);
    if (chosen.draft_model != NULL)
        eng_model_retain(chosen.draft_model);
    if (status == FIRN_OK)
        status = make_store(drafter, error);
    if (status == FIRN_OK && !eng_drafting_reserve(&drafter->drafting, 1))
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a drafter");
    if (status == FIRN_OK)
        *out = drafter;
    else
        firn_drafter_release(drafter);
    return status;
}

void firn_drafter_release(firn_drafter *drafter)
{
    if (drafter == NULL)
        return;
    eng_draft_line_stop(&drafter->text.line);
    firn_batch_release(drafter->drafting.store.batch);
    firn_model_release(drafter->drafting.options.draft_model);
    eng_drafting_end(&drafter->drafting);
    free(drafter);
}

firn_drafter_figures firn_drafter_measure(const firn_drafter *drafter)
{
    return drafter->drafting.figures;
}

/* ---- the step ---- */

/* A step that appends a token and drafts. */
typedef struct drafted_step {
    eng_drafted *text;
    bool settled;
    firn_status status;
    firn_error *error;
} drafted_step;

static bool take(void *argument, size_t index, const float *logits)
{
    drafted_step *const s = argument;
    s->settled =
        s->settled || !eng_drafted_take(s->text, s->text->generation, (uint32_t)index, logits, &s->status, s->error);
    return true;
}

firn_status firn_drafter_advance(firn_drafter *drafter, firn_generation *generation, firn_session *session,
                                 firn_error *error)
{
    eng_drafting *const d = &drafter->drafting;
    eng_drafted *const text = &drafter->text;
    size_t n_generated;
    firn_generation_ids(generation, &n_generated);
    const firn_generation_step next = firn_generation_next(generation);
    if (n_generated == 0 || firn_generation_rows(generation) > 1 || next.n_keep >= session->n_ctx ||
        firn_generation_end(generation) != FIRN_END_NOT_YET)
        return firn_generation_advance(generation, session, error);
    firn_session_rewind(session, next.n_keep);
    session->ids[next.n_keep] = next.id; /* what is drafted stands behind the timeline, where it goes next */
    text->generation = generation;
    text->ids = session->ids;
    text->n_ids = next.n_keep + 1;
    text->most = session->n_ctx - (uint32_t)text->n_ids;
    eng_drafting_make(d, &text, 1, (eng_plain_step){1, 1}, ENG_MOST_DRAFTS, true);
    drafted_step step = {.text = text, .error = error};
    const double start = base_seconds();
    firn_status status =
        firn_session_append(session, text->ids + next.n_keep, 1 + text->n_drafts, FIRN_LOGITS_ALL, take, &step, error);
    status = status != FIRN_OK ? status : step.status;
    if (status != FIRN_OK)
        return status;
    firn_session_rewind(session, firn_generation_next(generation).n_keep);
    eng_drafting_learn(d, &text, 1, true, base_seconds() - start);
    return FIRN_OK;
}
