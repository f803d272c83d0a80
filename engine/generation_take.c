/* SPDX-License-Identifier: Apache-2.0 */
/* A token: logits of all rows become one distribution, the sampler picks, and the text takes it in or goes back. */
#include "base/clock.h"
#include "base/memory.h"
#include "engine/generation_p.h"
#include "engine/guidance.h"
#include "engine/model.h"
#include "kernels/math.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens of the timeline, with what was picked last. */
static size_t length_of(const firn_generation *g)
{
    return g->rows[0].n_prompt + g->answer.n_tokens;
}

/* The logits of what the constraint allows; the others are -infinity. */
static const float *mask(firn_generation *g, const float *logits)
{
    for (uint32_t first = 0; first < g->n_vocab; first += 64) {
        const uint32_t left = g->n_vocab - first, count = left < 64 ? left : 64;
        const uint64_t bits = g->allowed[first / 64];
        for (uint32_t i = 0; i < count; i++)
            g->masked[first + i] = (bits >> i & 1) != 0 ? logits[first + i] : -INFINITY;
    }
    return g->masked;
}

/* The logits to pick from: of all rows together, as far as the constraint allows them. */
static firn_status shape(firn_generation *g, const float *const *logits, double alpha, const float **shaped,
                         firn_error *error)
{
    firn_status status = FIRN_OK;
    *shaped = logits[0];
    if (g->constraint != NULL)
        status = firn_constraint_mask(g->constraint, g->allowed, error);
    if (status != FIRN_OK)
        return status;
    if (g->n_rows > 1) {
        const bool negative = g->parameters.guidance != 1, weaker = g->options.weaker != NULL;
        const eng_predictions all = {
            logits[0],  negative ? logits[1] : NULL, weaker ? logits[g->n_rows - 1] : NULL, g->allowed,
            g->n_vocab, &g->model->context->kernels};
        eng_guide(&all, &g->parameters, alpha, g->guided);
        *shaped = g->guided;
    }
    if (g->constraint != NULL)
        *shaped = mask(g, *shaped);
    return FIRN_OK;
}

/* What is done to logits before the sampler gets them, for an explanation. */
static void tell_edits(const firn_generation *g, const float *const *logits, firn_explanation *explanation)
{
    const bool negative = g->parameters.guidance != 1, weaker = g->options.weaker != NULL;
    const float *before = logits[0];
    if (g->n_rows > 1) {
        const char *const name = !weaker ? "guidance" : !negative ? "contrast" : "guidance+contrast";
        explanation->edits[explanation->n_edits++] = (firn_explained_edit){name, before};
        before = g->guided;
    }
    if (g->constraint != NULL)
        explanation->edits[explanation->n_edits++] = (firn_explained_edit){"constraint", before};
}

/* What the sampler picks, or *chosen in its place, and tells how where that is wanted; -1: nothing may come. */
static firn_status pick_from(firn_generation *g, const float *const *logits, const float *shaped, const int32_t *chosen,
                             int32_t *id, firn_error *error)
{
    const size_t position = length_of(g);
    firn_explanation explanation = {.n_tokens = g->options.n_explained, .tokens = g->explained, .chosen = chosen};
    if (g->explained == NULL) {
        *id = firn_sampler_pick(g->sampler, shaped, g->options.sequence, position);
        *id = *id >= 0 && chosen != NULL ? *chosen : *id;
        return FIRN_OK;
    }
    tell_edits(g, logits, &explanation);
    *id = firn_sampler_explain(g->sampler, shaped, g->options.sequence, position, &explanation);
    if (*id < 0)
        return FIRN_OK;
    return g->options.explain(g->options.explain_argument, g->answer.n_tokens + 1, &explanation, error);
}

/* The same of all rows' logits. Where the cut-off of contrast leaves only what is banned, there is none. */
static firn_status pick(firn_generation *g, const float *const *logits, const int32_t *chosen, int32_t *id,
                        firn_error *error)
{
    const float *shaped;
    double alpha = g->parameters.contrast_alpha;
    for (*id = -1;; alpha = 0) {
        firn_status status = shape(g, logits, alpha, &shaped, error);
        if (status == FIRN_OK)
            status = pick_from(g, logits, shaped, chosen, id, error);
        if (status != FIRN_OK || *id >= 0 || g->options.weaker == NULL || alpha == 0)
            return status;
    }
}

/* ---- what is kept of it ---- */

bool eng_generation_reserve_logprobs(firn_generation *g, size_t n_tokens)
{
    if ((g->options.n_logprobs < 0 && !g->options.entropies) || n_tokens <= g->logprob_capacity)
        return true;
    const size_t chosen = g->options.n_logprobs >= 0 ? sizeof *g->logprobs : 0;
    if (!base_resize(&g->logprobs, n_tokens, chosen) || !base_resize(&g->shaped_logprobs, n_tokens, chosen) ||
        !base_resize(&g->entropies, n_tokens, g->options.entropies ? sizeof *g->entropies : 0) ||
        !base_resize(&g->top_ids, n_tokens, g->n_top * sizeof *g->top_ids) ||
        !base_resize(&g->top_logprobs, n_tokens, g->n_top * sizeof *g->top_logprobs))
        return false;
    g->logprob_capacity = n_tokens;
    return true;
}

static firn_status keep_logprobs(firn_generation *g, const float *logits, int32_t id, firn_error *error)
{
    const size_t at = g->answer.n_tokens;
    if (g->options.n_logprobs < 0 && !g->options.entropies)
        return FIRN_OK;
    if (at == g->logprob_capacity && !eng_generation_reserve_logprobs(g, 2 * at + 64))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                         "no memory for the log-probabilities of %zu tokens with %zu alternatives each", at, g->n_top);
    float logprob = 0.0f;
    if (g->options.entropies)
        firn_surprise(g->model, logits, id, &logprob, &g->entropies[at]);
    if (g->n_top > 0 || !g->options.entropies)
        logprob = firn_logprobs(g->model, logits, id, (uint32_t)g->n_top, g->top_ids + at * g->n_top,
                                g->top_logprobs + at * g->n_top);
    if (g->options.n_logprobs >= 0) {
        g->logprobs[at] = logprob;
        g->shaped_logprobs[at] = firn_sampler_logprobs(g->sampler, id, 0, NULL, NULL);
    }
    return FIRN_OK;
}

/* Why the token that has just come is the last; or FIRN_END_NOT_YET. */
static firn_end end_after(const firn_generation *g, int32_t id, eng_answer_event event)
{
    const firn_generation_parameters *const p = &g->parameters;
    if (event == ENG_ANSWER_STOPS)
        return FIRN_END_STOP;
    if (firn_token_ends_text(g->model, id))
        return FIRN_END_TOKEN;
    if (g->constraint != NULL && firn_constraint_must_end(g->constraint))
        return FIRN_END_CONSTRAINT;
    if (p->n_predict >= 0 && g->answer.n_tokens == (size_t)p->n_predict)
        return FIRN_END_LENGTH;
    for (size_t i = 0; i < g->n_rows && g->options.n_ctx != 0; i++)
        if (g->rows[i].n_prompt + g->answer.n_tokens > g->options.n_ctx)
            return FIRN_END_CONTEXT;
    return p->t_max_predict_ms > 0 && 1e3 * (base_seconds() - g->start) >= p->t_max_predict_ms ? FIRN_END_TIME
                                                                                               : FIRN_END_NOT_YET;
}

/* Takes from the sampler and the constraint what the text no longer has. */
static void go_back(firn_generation *g)
{
    firn_sampler_rewind(g->sampler, length_of(g));
    if (g->constraint != NULL)
        firn_constraint_rewind(g->constraint, g->answer.n_tokens);
}

void eng_generation_rewind(firn_generation *generation, size_t n_keep)
{
    eng_answer_rewind(&generation->answer, n_keep);
    go_back(generation);
    generation->end = FIRN_END_NOT_YET;
}

/* Takes a token in. Where a banned string came, goes back, and *banned is the token that must come another way. */
static firn_status append(firn_generation *g, int32_t id, int32_t *banned, firn_error *error)
{
    eng_answer_event event = ENG_ANSWER_GOES_ON;
    firn_status status = firn_sampler_accept(g->sampler, id, error);
    if (status == FIRN_OK && g->constraint != NULL)
        status = firn_constraint_accept(g->constraint, id, error);
    if (status == FIRN_OK)
        status = eng_answer_add(&g->answer, g->model, &g->parameters, id, &event, banned, error);
    if (status != FIRN_OK)
        return status;
    if (event == ENG_ANSWER_REWINDS) {
        go_back(g);
        return FIRN_OK;
    }
    g->end = end_after(g, id, event);
    if (g->end != FIRN_END_NOT_YET)
        g->answer.shown = g->answer.length;
    return FIRN_OK;
}

firn_status eng_generation_append(firn_generation *generation, int32_t id, bool *taken, firn_error *error)
{
    int32_t banned = -1;
    const firn_status status = append(generation, id, &banned, error);
    *taken = banned < 0;
    return status;
}

uint32_t firn_generation_needs(const firn_generation *generation)
{
    const firn_generation_options *const o = &generation->options;
    const bool all = generation->n_rows > 1 || generation->constraint != NULL || o->n_logprobs >= 0 || o->entropies ||
                     o->explain != NULL;
    return all ? 0 : firn_sampler_needs(generation->sampler);
}

firn_status firn_generation_take(firn_generation *generation, const float *logits, firn_error *error)
{
    if (generation->n_rows == 1)
        return firn_generation_take_rows(generation, &logits, error);
    return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                     "guidance and contrast need several timelines, and one was given");
}

firn_status eng_generation_take(firn_generation *generation, const float *const *logits, const int32_t *chosen,
                                firn_error *error)
{
    firn_generation *const g = generation;
    int32_t id, banned = -1;
    if (g->end != FIRN_END_NOT_YET)
        return FIRN_OK;
    if (!g->begun && g->parameters.t_max_predict_ms > 0)
        g->start = base_seconds();
    g->begun = true;
    firn_status status = pick(g, logits, chosen, &id, error);
    if (status == FIRN_OK && id < 0)
        status =
            base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET, "no token may come after token %zu: %s", length_of(g),
                      g->constraint != NULL ? "other parameters ban each one that the constraint allows"
                                            : "none has a logit that is a number, or all are banned");
    if (status == FIRN_OK)
        status = keep_logprobs(g, logits[0], id, error);
    if (status == FIRN_OK)
        status = append(g, id, &banned, error);
    return status == FIRN_OK && banned >= 0 ? firn_sampler_ban(g->sampler, banned, error) : status;
}

firn_status firn_generation_take_rows(firn_generation *generation, const float *const *logits, firn_error *error)
{
    return eng_generation_take(generation, logits, NULL, error);
}

firn_status eng_generation_candidates(firn_generation *generation, const float *const *logits, uint32_t n_top,
                                      int32_t *top_ids, float *top_logprobs, firn_error *error)
{
    int32_t id;
    const firn_status status = pick(generation, logits, NULL, &id, error);
    for (uint32_t i = 0; i < n_top; i++)
        top_ids[i] = -1;
    if (status == FIRN_OK && id >= 0)
        firn_sampler_logprobs(generation->sampler, -1, n_top, top_ids, top_logprobs);
    return status;
}

/* ---- what may come ---- */

size_t eng_generation_left(const firn_generation *generation)
{
    const int32_t n_predict = generation->parameters.n_predict;
    return n_predict < 0 ? SIZE_MAX : (size_t)n_predict - generation->answer.n_tokens;
}

/* The logits of a draft model as those of a whole vocabulary: of tokens that it lacks, -infinity. NULL: no memory. */
static const float *complete(firn_generation *g, const float *logits, uint32_t n_logits)
{
    if (n_logits >= g->n_vocab)
        return logits;
    if (g->completed == NULL)
        g->completed = malloc(g->n_vocab * sizeof *g->completed);
    if (g->completed == NULL)
        return NULL;
    memcpy(g->completed, logits, n_logits * sizeof *logits);
    for (uint32_t i = n_logits; i < g->n_vocab; i++)
        g->completed[i] = -INFINITY;
    return g->completed;
}

bool eng_generation_guess(firn_generation *generation, const eng_guess_logits *given, uint32_t n_guessed, int32_t *id)
{
    firn_generation *const g = generation;
    const float *const rows[FIRN_GENERATION_ROWS] = {complete(g, given->logits, given->n_vocab)};
    const float *logits;
    if (rows[0] == NULL || shape(g, rows, 0, &logits, NULL) != FIRN_OK)
        return false;
    *id = firn_sampler_pick(g->sampler, logits, g->options.sequence, length_of(g) + n_guessed);
    if (*id < 0 || (given->p_min > 0 &&
                    (double)firn_logprobs(g->model, logits, *id, 0, NULL, NULL) < kern_log_double(given->p_min)))
        return false;
    return firn_sampler_accept(g->sampler, *id, NULL) == FIRN_OK &&
           (g->constraint == NULL || firn_constraint_accept(g->constraint, *id, NULL) == FIRN_OK);
}

void eng_generation_forget(firn_generation *generation)
{
    go_back(generation);
}
