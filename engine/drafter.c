/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/drafter.h"

#include "base/clock.h"
#include "engine/draft.h"
#include "engine/draft_line.h"
#include "engine/draft_pace.h"
#include "engine/generation_p.h"

#include <stdlib.h>

struct firn_drafter {
    firn_drafter_options options;
    eng_draft repeats; /* of the text's own words */
    eng_draft_line line;
    eng_pace pace;
    eng_acceptance acceptance;
    firn_drafter_figures figures;
};

firn_drafter_options firn_drafter_options_default(void)
{
    return (firn_drafter_options){.size = sizeof(firn_drafter_options), .n_max = ENG_MOST_DRAFTS};
}

firn_status firn_drafter_create(const firn_model *model, const firn_drafter_options *options, firn_drafter **out,
                                firn_error *error)
{
    *out = NULL;
    const firn_drafter_options chosen = options != NULL ? *options : firn_drafter_options_default();
    const firn_status status =
        chosen.draft_model != NULL ? eng_draft_model_check(model, chosen.draft_model, error) : FIRN_OK;
    if (status != FIRN_OK)
        return status;
    firn_drafter *const drafter = calloc(1, sizeof *drafter);
    if (drafter == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a drafter");
    drafter->options = chosen;
    drafter->options.n_max = chosen.n_max < ENG_MOST_DRAFTS ? chosen.n_max : ENG_MOST_DRAFTS;
    if (chosen.draft_model != NULL) {
        drafter->pace = eng_pace_begin(model, chosen.draft_model);
        eng_model_retain(chosen.draft_model);
    }
    *out = drafter;
    return FIRN_OK;
}

void firn_drafter_release(firn_drafter *drafter)
{
    if (drafter == NULL)
        return;
    firn_session_release(drafter->line.session);
    firn_model_release(drafter->options.draft_model);
    free(drafter);
}

firn_drafter_figures firn_drafter_measure(const firn_drafter *drafter)
{
    return drafter->figures;
}

/* ---- the step ---- */

/* A step whose token and drafts are ids[0, 1 + n_drafts). */
typedef struct drafted_step {
    firn_generation *generation;
    const int32_t *ids;
    size_t n_keep; /* tokens of the timeline before them */
    uint32_t n_drafts, n_true;
    bool settled;
    firn_status status;
    firn_error *error;
} drafted_step;

static bool take(void *argument, size_t index, const float *logits)
{
    drafted_step *const s = argument;
    if (s->settled)
        return true;
    s->status = firn_generation_take(s->generation, logits, s->error);
    s->settled = true;
    if (s->status != FIRN_OK || index == s->n_drafts || firn_generation_end(s->generation) != FIRN_END_NOT_YET)
        return true;
    const firn_generation_step next = firn_generation_next(s->generation);
    if (next.n_keep == s->n_keep + index + 1 && next.id == s->ids[index + 1]) {
        s->n_true++;
        s->settled = false;
    }
    return true;
}

static firn_status run_step(firn_drafter *d, drafted_step *step, firn_session *session, firn_error *error)
{
    const double start = base_seconds();
    const firn_status status =
        firn_session_append(session, step->ids, 1 + step->n_drafts, FIRN_LOGITS_ALL, take, step, error);
    if (d->options.draft_model != NULL)
        eng_pace_model_took(&d->pace, 1 + step->n_drafts, base_seconds() - start);
    return status != FIRN_OK ? status : step->status;
}

/* ---- drafts of the draft model ---- */

/* How many to make; 0: they don't pay. */
static uint32_t choose_length(firn_drafter *d, const int32_t *ids, size_t n_ids, uint32_t most)
{
    const double chance = eng_pace_chance(&d->pace, &d->acceptance);
    uint32_t length = eng_pace_length(&d->pace, 1, 1, chance, most);
    if (length == 0 && eng_pace_tries(&d->pace, &d->acceptance, 1, eng_draft_line_lacks(&d->line, ids, n_ids)))
        length = 1;
    length = length > d->options.n_min ? length : d->options.n_min;
    return length < most ? length : most;
}

static firn_status open_line(firn_drafter *d, uint32_t n_ctx, firn_error *error)
{
    firn_session_options options = firn_session_options_default();
    const uint32_t n_ctx_train = firn_model_describe(d->options.draft_model).n_ctx_train;
    options.n_ctx = n_ctx < n_ctx_train ? n_ctx : n_ctx_train;
    return d->line.session != NULL ? FIRN_OK
                                   : firn_session_create(d->options.draft_model, &options, &d->line.session, error);
}

/* Guesses what follows ids[0, n_ids), `length` tokens at most, to the end of them. */
static firn_status guess(firn_drafter *d, firn_generation *g, int32_t *ids, size_t n_ids, uint32_t length,
                         uint32_t *n_drafts, firn_error *error)
{
    firn_session *const session = d->line.session;
    firn_status status = FIRN_OK;
    size_t n_lacking = eng_draft_line_follow(&d->line, ids, n_ids, length);
    *n_drafts = 0;
    while (n_lacking > 0 && status == FIRN_OK) {
        const double start = base_seconds();
        int32_t id;
        status = firn_session_append(session, session->ids + firn_session_length(session), n_lacking, FIRN_LOGITS_LAST,
                                     NULL, NULL, error);
        if (status != FIRN_OK)
            break;
        const eng_guess_logits given = {firn_session_logits(session), d->options.draft_model->hyperparameters->n_vocab,
                                        d->options.p_min};
        const bool guessed = eng_generation_guess(g, &given, *n_drafts, &id);
        eng_pace_draft_took(&d->pace, (uint32_t)n_lacking, base_seconds() - start);
        if (guessed)
            ids[n_ids + (*n_drafts)++] = id;
        n_lacking = guessed && *n_drafts < length && !firn_token_ends_text(g->model, id);
        if (n_lacking > 0)
            session->ids[firn_session_length(session)] = id;
    }
    eng_generation_forget(g);
    return status;
}

/* ---- all of it ---- */

/* Tokens that may be drafted after n_ids of a timeline. */
static uint32_t most_drafts(const firn_drafter *d, const firn_generation *g, size_t n_ids, uint32_t n_ctx)
{
    const size_t room = n_ctx - n_ids, left = eng_generation_left(g) - 1, most = room < left ? room : left;
    return most < d->options.n_max ? (uint32_t)most : d->options.n_max;
}

static firn_status draft_by_model(firn_drafter *d, firn_generation *g, int32_t *ids, size_t n_ids, uint32_t n_ctx,
                                  uint32_t *n_drafts, firn_error *error)
{
    const uint32_t most = most_drafts(d, g, n_ids, n_ctx);
    const uint32_t length = d->options.draft_model != NULL && most > 0 ? choose_length(d, ids, n_ids, most) : 0;
    firn_status status = length > 0 ? open_line(d, n_ctx, error) : FIRN_OK;
    if (status == FIRN_OK && length > 0)
        status = guess(d, g, ids, n_ids, length, n_drafts, error);
    return status;
}

static void learn(firn_drafter *d, const drafted_step *step, bool by_model)
{
    if (step->n_drafts == 0)
        return;
    d->figures.n_drafted += step->n_drafts;
    d->figures.n_accepted += step->n_true;
    if (by_model) {
        eng_pace_learn(&d->pace, &d->acceptance, step->n_drafts, step->n_true);
        d->figures.n_model_drafted += step->n_drafts;
        d->figures.n_model_accepted += step->n_true;
    } else {
        eng_draft_learn(&d->repeats, step->n_drafts, step->n_true);
    }
}

firn_status firn_drafter_advance(firn_drafter *drafter, firn_generation *generation, firn_session *session,
                                 firn_error *error)
{
    firn_drafter *const d = drafter;
    size_t n_generated;
    firn_generation_ids(generation, &n_generated);
    const firn_generation_step next = firn_generation_next(generation);
    if (n_generated == 0 || firn_generation_rows(generation) > 1 || next.n_keep >= session->n_ctx ||
        firn_generation_end(generation) != FIRN_END_NOT_YET)
        return firn_generation_advance(generation, session, error);
    firn_session_rewind(session, next.n_keep);
    int32_t *const ids = session->ids; /* what is drafted stands behind the timeline, where it goes next */
    const size_t n_ids = next.n_keep + 1;
    ids[next.n_keep] = next.id;
    drafted_step step = {.generation = generation, .ids = ids + next.n_keep, .n_keep = next.n_keep, .error = error};
    step.n_drafts =
        eng_draft_guess(&d->repeats, ids, n_ids, most_drafts(d, generation, n_ids, session->n_ctx), ids + n_ids);
    const bool by_model = step.n_drafts == 0;
    firn_status status = FIRN_OK;
    if (by_model)
        status = draft_by_model(d, generation, ids, n_ids, session->n_ctx, &step.n_drafts, error);
    if (status == FIRN_OK)
        status = run_step(d, &step, session, error);
    if (status != FIRN_OK)
        return status;
    firn_session_rewind(session, firn_generation_next(generation).n_keep);
    learn(d, &step, by_model);
    return FIRN_OK;
}
