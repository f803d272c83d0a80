/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checked.h"
#include "base/clock.h"
#include "base/memory.h"
#include "engine/generation_p.h"
#include "engine/guidance.h"
#include "engine/model.h"

#include <math.h>
#include <stdlib.h>

enum { RESERVED_TOKENS = 1 << 15, RESERVED_BYTES = 16 }; /* a token; longer ones are rare */

/* ---- making one ---- */

firn_generation_options firn_generation_options_default(void)
{
    return (firn_generation_options){.size = sizeof(firn_generation_options), .n_logprobs = -1};
}

static bool reserve_logprobs(firn_generation *g, size_t n_tokens)
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

/* Makes room for as many tokens as can come, where that is known and not absurd. */
static firn_status reserve(firn_generation *g, firn_error *error)
{
    const uint32_t n_ctx = g->options.n_ctx;
    const size_t n_prompt = g->rows[0].n_prompt;
    size_t n = n_ctx != 0 ? (n_ctx > n_prompt ? n_ctx - n_prompt : 0) + 1 : RESERVED_TOKENS;
    if (g->parameters.n_predict >= 0 && (size_t)g->parameters.n_predict < n)
        n = (size_t)g->parameters.n_predict;
    n = n < RESERVED_TOKENS ? n : RESERVED_TOKENS;
    if (!eng_answer_reserve(&g->answer, n, n * RESERVED_BYTES + firn_token_longest(g->model)) ||
        !reserve_logprobs(g, n))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text of %zu tokens", n);
    return firn_sampler_reserve(g->sampler, n_prompt + n, error);
}

/* Follows the constraint from here on. */
static firn_status begin_constraint(firn_generation *g, firn_error *error)
{
    firn_vocabulary *vocabulary;
    if (g->options.constraint == NULL)
        return FIRN_OK;
    g->allowed = calloc(g->n_vocab / 64 + 1, sizeof *g->allowed);
    g->masked = malloc(g->n_vocab * sizeof *g->masked);
    if (g->allowed == NULL || g->masked == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to mask %u tokens", g->n_vocab);
    firn_status status = firn_model_vocabulary(g->model, &vocabulary, error);
    if (status == FIRN_OK)
        status = firn_constraint_state_create(g->options.constraint, vocabulary, &g->constraint, error);
    if (status == FIRN_OK && g->end == FIRN_END_NOT_YET && firn_constraint_must_end(g->constraint))
        g->end = FIRN_END_CONSTRAINT;
    return status;
}

static firn_status add_row(firn_generation *g, const eng_row_plan *plan, firn_error *error)
{
    eng_generation_row *const row = &g->rows[g->n_rows];
    const eng_tokens prompt = plan->prompt;
    size_t bytes;
    row->n_prompt = prompt.count;
    row->last_of_prompt = prompt.ids[prompt.count - 1];
    if (g->n_rows > 0) {
        row->prompt = base_multiply_size(prompt.count, sizeof *prompt.ids, &bytes) ? malloc(bytes) : NULL;
        if (row->prompt == NULL)
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a prompt of %zu tokens",
                             prompt.count);
        memcpy(row->prompt, prompt.ids, bytes);
    }
    row->model = plan->model;
    eng_model_retain(plan->model);
    g->n_rows++;
    return FIRN_OK;
}

/* Whether the ids of both models mean the same. */
static firn_status check_vocabularies(const firn_model *model, const firn_model *weaker, firn_error *error)
{
    const size_t longest = firn_token_longest(model);
    const uint32_t n_vocab = firn_model_describe(model).n_vocab, n_weaker = firn_model_describe(weaker).n_vocab;
    if (n_vocab != n_weaker)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "the weaker model has %u tokens and the model %u: contrast needs the same vocabulary",
                         n_weaker, n_vocab);
    if (firn_token_longest(weaker) != longest)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "the weaker model's longest token has %zu bytes and the model's %zu: contrast needs the same "
                         "vocabulary",
                         firn_token_longest(weaker), longest);
    char *const bytes = malloc(2 * longest + 1);
    if (bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token of %zu bytes", longest);
    bool same = true;
    uint32_t id = 0;
    for (; id < n_vocab && same; id++) {
        const size_t length = firn_token_bytes(model, (int32_t)id, true, bytes, longest);
        same = firn_token_bytes(weaker, (int32_t)id, true, bytes + longest, longest) == length &&
               memcmp(bytes, bytes + longest, length) == 0;
    }
    free(bytes);
    return same ? FIRN_OK
                : base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                            "token %u of the weaker model is not that of the model: contrast needs the same vocabulary",
                            id - 1);
}

firn_status eng_generation_plan_rows(firn_model *model, const firn_generation_parameters *parameters,
                                     const firn_generation_options *options, eng_tokens prompt,
                                     eng_row_plan rows[FIRN_GENERATION_ROWS], size_t *n_rows, firn_error *error)
{
    const bool contrast = parameters->contrast > 0, empty = options->n_negative == 0;
    const eng_tokens last = {prompt.ids + prompt.count - 1, 1}, negative = {options->negative, options->n_negative};
    if (firn_generation_searches(parameters))
        return base_fail(
            error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
            "n_beams (--beams) and best_of (--best-of) above 1 don't work here, where texts come token by token");
    if (contrast != (options->weaker != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         contrast ? "contrast needs a weaker model (--weaker-model)"
                                  : "a weaker model has no effect unless contrast (--contrast) is above 0");
    if (!empty && parameters->guidance == 1)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a negative prompt has no effect unless guidance (--guidance) is other than 1");
    *n_rows = 0;
    rows[(*n_rows)++] = (eng_row_plan){model, prompt};
    if (parameters->guidance != 1)
        rows[(*n_rows)++] = (eng_row_plan){model, empty ? last : negative};
    if (contrast)
        rows[(*n_rows)++] = (eng_row_plan){options->weaker, prompt};
    return FIRN_OK;
}

static firn_status add_rows(firn_generation *g, const int32_t *prompt, size_t n_prompt, firn_error *error)
{
    eng_row_plan rows[FIRN_GENERATION_ROWS];
    size_t n_rows = 0;
    firn_status status = eng_generation_plan_rows(g->model, &g->parameters, &g->options, (eng_tokens){prompt, n_prompt},
                                                  rows, &n_rows, error);
    if (status == FIRN_OK && g->options.weaker != NULL)
        status = check_vocabularies(g->model, g->options.weaker, error);
    for (size_t i = 0; i < n_rows && status == FIRN_OK; i++)
        status = add_row(g, &rows[i], error);
    if (status != FIRN_OK || g->n_rows == 1)
        return status;
    g->guided = malloc(g->n_vocab * sizeof *g->guided);
    return g->guided != NULL
               ? FIRN_OK
               : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to guide %u tokens", g->n_vocab);
}

firn_status firn_generation_create(firn_model *model, const firn_generation_parameters *parameters,
                                   const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                   firn_generation **out, firn_error *error)
{
    *out = NULL;
    if (n_prompt == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt has no token");
    firn_generation *const g = calloc(1, sizeof *g);
    if (g == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a generation");
    g->model = model;
    eng_model_retain(model);
    g->parameters = *parameters;
    g->options = options != NULL ? *options : firn_generation_options_default();
    g->n_vocab = model->hyperparameters->n_vocab;
    g->n_top = g->options.n_logprobs > 0 ? (size_t)g->options.n_logprobs : 0;
    g->end = parameters->n_predict == 0 ? FIRN_END_LENGTH : FIRN_END_NOT_YET;
    firn_status status = add_rows(g, prompt, n_prompt, error);
    if (status == FIRN_OK)
        status = firn_sampler_create_for(parameters, model, &g->sampler, error);
    if (status == FIRN_OK)
        status = begin_constraint(g, error);
    if (status == FIRN_OK)
        status = reserve(g, error);
    if (status == FIRN_OK)
        status = firn_sampler_prompt(g->sampler, prompt, n_prompt, error);
    if (status == FIRN_OK && g->options.explain != NULL && g->options.n_explained > 0) {
        g->explained = calloc(g->options.n_explained, sizeof *g->explained);
        if (g->explained == NULL)
            status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to explain %u candidates",
                               g->options.n_explained);
    }
    if (status == FIRN_OK)
        *out = g;
    else
        firn_generation_release(g);
    return status;
}

void firn_generation_release(firn_generation *generation)
{
    if (generation == NULL)
        return;
    eng_generation_stop(generation);
    for (size_t i = 0; i < generation->n_rows; i++) {
        firn_model_release(generation->rows[i].model);
        free(generation->rows[i].prompt);
    }
    free(generation->guided);
    firn_sampler_release(generation->sampler);
    firn_model_release(generation->model);
    eng_answer_free(&generation->answer);
    firn_constraint_state_release(generation->constraint);
    free(generation->allowed);
    free(generation->masked);
    free(generation->explained);
    free(generation->logprobs);
    free(generation->shaped_logprobs);
    free(generation->top_ids);
    free(generation->top_logprobs);
    free(generation->entropies);
    free(generation);
}

/* ---- a token ---- */

/* Tokens of the timeline, with what was picked last. */
static size_t length_of(const firn_generation *g)
{
    return g->rows[0].n_prompt + g->answer.n_tokens;
}

/* The logits of what the constraint allows; the others are -infinity. */
static firn_status mask(firn_generation *g, const float **logits, firn_error *error)
{
    if (g->constraint == NULL)
        return FIRN_OK;
    const firn_status status = firn_constraint_mask(g->constraint, g->allowed, error);
    for (uint32_t first = 0; first < g->n_vocab && status == FIRN_OK; first += 64) {
        const uint32_t left = g->n_vocab - first, count = left < 64 ? left : 64;
        const uint64_t bits = g->allowed[first / 64];
        for (uint32_t i = 0; i < count; i++)
            g->masked[first + i] = (bits >> i & 1) != 0 ? (*logits)[first + i] : -INFINITY;
    }
    *logits = g->masked;
    return status;
}

/* Picks the next token, and tells how where that is wanted. */
static firn_status pick(firn_generation *g, const float *logits, int32_t *id, firn_error *error)
{
    firn_explanation explanation = {.n_tokens = g->options.n_explained, .tokens = g->explained};
    const size_t position = length_of(g);
    firn_status status = FIRN_OK;
    if (g->explained == NULL) {
        *id = firn_sampler_pick(g->sampler, logits, g->options.sequence, position);
    } else {
        *id = firn_sampler_explain(g->sampler, logits, g->options.sequence, position, &explanation);
        status = g->options.explain(g->options.explain_argument, g->answer.n_tokens + 1, &explanation, error);
    }
    if (status == FIRN_OK && *id < 0)
        status = base_fail(error, FIRN_ERROR_NUMERIC, FIRN_NO_OFFSET, "no token may come after token %zu: %s", position,
                           g->constraint != NULL ? "other parameters ban each one that the constraint allows"
                                                 : "none has a logit that is a number, or all are banned");
    return status;
}

static firn_status keep_logprobs(firn_generation *g, const float *logits, int32_t id, firn_error *error)
{
    const size_t at = g->answer.n_tokens;
    if (g->options.n_logprobs < 0 && !g->options.entropies)
        return FIRN_OK;
    if (at == g->logprob_capacity && !reserve_logprobs(g, 2 * at + 64))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                         "no memory for the log-probabilities of %zu tokens with %zu alternatives each", at, g->n_top);
    float logprob = 0.0f;
    if (g->options.entropies)
        firn_surprise(logits, g->n_vocab, id, &logprob, &g->entropies[at]);
    if (g->n_top > 0 || !g->options.entropies)
        logprob = firn_logprobs(logits, g->n_vocab, id, (uint32_t)g->n_top, g->top_ids + at * g->n_top,
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

/* The logits to pick from: of all rows together, as far as the constraint allows them. */
static firn_status shape(firn_generation *g, const float *const *logits, const float **shaped, firn_error *error)
{
    *shaped = logits[0];
    if (g->n_rows > 1) {
        const bool negative = g->parameters.guidance != 1, weaker = g->options.weaker != NULL;
        const eng_predictions all = {logits[0], negative ? logits[1] : NULL, weaker ? logits[g->n_rows - 1] : NULL,
                                     g->n_vocab};
        eng_guide(&all, &g->parameters, g->guided);
        *shaped = g->guided;
    }
    return mask(g, shaped, error);
}

firn_status firn_generation_take(firn_generation *generation, const float *logits, firn_error *error)
{
    if (generation->n_rows == 1)
        return firn_generation_take_rows(generation, &logits, error);
    return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                     "guidance and contrast need several timelines, and one was given");
}

firn_status firn_generation_take_rows(firn_generation *generation, const float *const *logits, firn_error *error)
{
    firn_generation *const g = generation;
    const float *shaped;
    int32_t id = -1, banned = -1;
    if (g->end != FIRN_END_NOT_YET)
        return FIRN_OK;
    if (!g->begun && g->parameters.t_max_predict_ms > 0)
        g->start = base_seconds();
    g->begun = true;
    firn_status status = shape(g, logits, &shaped, error);
    if (status == FIRN_OK)
        status = pick(g, shaped, &id, error);
    if (status == FIRN_OK)
        status = keep_logprobs(g, logits[0], id, error);
    if (status == FIRN_OK)
        status = append(g, id, &banned, error);
    return status == FIRN_OK && banned >= 0 ? firn_sampler_ban(g->sampler, banned, error) : status;
}

firn_status eng_generation_candidates(firn_generation *generation, const float *logits, uint32_t n_top,
                                      int32_t *top_ids, float *top_logprobs, firn_error *error)
{
    const float *shaped;
    const firn_status status = shape(generation, &logits, &shaped, error);
    if (status != FIRN_OK)
        return status;
    const int32_t id = firn_sampler_pick(generation->sampler, shaped, 0, length_of(generation));
    for (uint32_t i = 0; i < n_top; i++)
        top_ids[i] = -1;
    if (id >= 0)
        firn_sampler_logprobs(generation->sampler, -1, n_top, top_ids, top_logprobs);
    return FIRN_OK;
}

size_t firn_generation_rows(const firn_generation *generation)
{
    return generation->n_rows;
}

firn_generation_step firn_generation_next_of(const firn_generation *generation, size_t row)
{
    const eng_answer *const a = &generation->answer;
    const eng_generation_row *const r = &generation->rows[row];
    return (firn_generation_step){r->n_prompt + a->n_tokens - 1,
                                  a->n_tokens > 0 ? a->ids[a->n_tokens - 1] : r->last_of_prompt};
}

firn_generation_step firn_generation_next(const firn_generation *generation)
{
    return firn_generation_next_of(generation, 0);
}

const int32_t *firn_generation_prompt_of(const firn_generation *generation, size_t row, size_t *n_ids)
{
    *n_ids = generation->rows[row].n_prompt;
    return generation->rows[row].prompt;
}

firn_model *firn_generation_model_of(const firn_generation *generation, size_t row)
{
    return generation->rows[row].model;
}

/* ---- what came ---- */

firn_end firn_generation_end(const firn_generation *generation)
{
    return generation->end;
}

const char *firn_end_name(firn_end end)
{
    static const char *const names[] = {
        [FIRN_END_NOT_YET] = "",
        [FIRN_END_TOKEN] = "end",
        [FIRN_END_STOP] = "stop",
        [FIRN_END_LENGTH] = "limit",
        [FIRN_END_CONTEXT] = "context",
        [FIRN_END_TIME] = "time",
        [FIRN_END_CONSTRAINT] = "constraint",
    };
    return names[end];
}

const int32_t *firn_generation_ids(const firn_generation *generation, size_t *n_ids)
{
    *n_ids = generation->answer.n_tokens;
    return generation->answer.ids;
}

const char *firn_generation_text(const firn_generation *generation, size_t *length, size_t *n_shown)
{
    *length = generation->answer.length;
    if (n_shown != NULL)
        *n_shown = generation->answer.shown;
    return generation->answer.text;
}

const float *firn_generation_logprobs(const firn_generation *generation, const int32_t **top_ids,
                                      const float **top_logprobs)
{
    if (top_ids != NULL)
        *top_ids = generation->top_ids;
    if (top_logprobs != NULL)
        *top_logprobs = generation->top_logprobs;
    return generation->logprobs;
}

const float *firn_generation_shaped_logprobs(const firn_generation *generation)
{
    return generation->shaped_logprobs;
}

const float *firn_generation_entropies(const firn_generation *generation)
{
    return generation->entropies;
}
