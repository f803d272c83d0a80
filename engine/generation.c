/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checked.h"
#include "engine/generation_text.h"
#include "engine/model.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { RESERVED_TOKENS = 1 << 15, RESERVED_BYTES = 16 }; /* a token; longer ones are rare */

struct firn_generation {
    firn_model *model;
    firn_generation_parameters parameters;
    firn_generation_options options;
    firn_sampler *sampler;
    uint32_t n_vocab;
    size_t n_prompt;
    int32_t last_of_prompt;
    eng_answer answer;
    bool begun; /* logits were taken */
    firn_end end;
    double start; /* seconds */
    firn_explained_token *explained;
    firn_constraint_state *constraint; /* or NULL */
    uint64_t *allowed;                 /* [n_vocab / 64 + 1] bits */
    float *masked;                     /* [n_vocab] logits as far as they are allowed */
    size_t n_top, logprob_capacity;    /* tokens */
    float *logprobs, *shaped_logprobs, *top_logprobs, *entropies;
    int32_t *top_ids;
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- making one ---- */

firn_generation_options firn_generation_options_default(void)
{
    return (firn_generation_options){.size = sizeof(firn_generation_options), .n_logprobs = -1};
}

/* Makes *array hold count * width elements of 4 bytes. */
static bool grow(void *array, size_t count, size_t width)
{
    void **const pointer = array;
    size_t bytes;
    if (width == 0)
        return true;
    if (!base_multiply_size(count, width, &bytes) || !base_multiply_size(bytes, 4, &bytes))
        return false;
    void *const grown = realloc(*pointer, bytes);
    *pointer = grown != NULL ? grown : *pointer;
    return grown != NULL;
}

static bool reserve_logprobs(firn_generation *g, size_t n_tokens)
{
    if ((g->options.n_logprobs < 0 && !g->options.entropies) || n_tokens <= g->logprob_capacity)
        return true;
    if (!grow(&g->logprobs, n_tokens, g->options.n_logprobs >= 0) ||
        !grow(&g->shaped_logprobs, n_tokens, g->options.n_logprobs >= 0) ||
        !grow(&g->entropies, n_tokens, g->options.entropies) || !grow(&g->top_ids, n_tokens, g->n_top) ||
        !grow(&g->top_logprobs, n_tokens, g->n_top))
        return false;
    g->logprob_capacity = n_tokens;
    return true;
}

/* Makes room for as many tokens as can come, where that is known and not absurd. */
static firn_status reserve(firn_generation *g, firn_error *error)
{
    const uint32_t n_ctx = g->options.n_ctx;
    size_t n = n_ctx != 0 ? (n_ctx > g->n_prompt ? n_ctx - g->n_prompt : 0) + 1 : RESERVED_TOKENS;
    if (g->parameters.n_predict >= 0 && (size_t)g->parameters.n_predict < n)
        n = (size_t)g->parameters.n_predict;
    n = n < RESERVED_TOKENS ? n : RESERVED_TOKENS;
    if (!eng_answer_reserve(&g->answer, n, n * RESERVED_BYTES + firn_token_longest(g->model)) ||
        !reserve_logprobs(g, n))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text of %zu tokens", n);
    return firn_sampler_reserve(g->sampler, g->n_prompt + n, error);
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
    g->n_prompt = n_prompt;
    g->last_of_prompt = prompt[n_prompt - 1];
    g->n_top = g->options.n_logprobs > 0 ? (size_t)g->options.n_logprobs : 0;
    g->end = parameters->n_predict == 0 ? FIRN_END_LENGTH : FIRN_END_NOT_YET;
    firn_status status = firn_sampler_create_for(parameters, model, &g->sampler, error);
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
    return g->n_prompt + g->answer.n_tokens;
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
    if (g->options.n_ctx != 0 && length_of(g) > g->options.n_ctx)
        return FIRN_END_CONTEXT;
    return p->t_max_predict_ms > 0 && 1e3 * (seconds() - g->start) >= p->t_max_predict_ms ? FIRN_END_TIME
                                                                                          : FIRN_END_NOT_YET;
}

static firn_status go_back(firn_generation *g, int32_t banned, firn_error *error)
{
    firn_sampler_rewind(g->sampler, length_of(g));
    if (g->constraint != NULL)
        firn_constraint_rewind(g->constraint, g->answer.n_tokens);
    return firn_sampler_ban(g->sampler, banned, error);
}

firn_status firn_generation_take(firn_generation *generation, const float *logits, firn_error *error)
{
    firn_generation *const g = generation;
    const float *shaped = logits;
    int32_t id = -1, banned = -1;
    eng_answer_event event = ENG_ANSWER_GOES_ON;
    if (g->end != FIRN_END_NOT_YET)
        return FIRN_OK;
    if (!g->begun && g->parameters.t_max_predict_ms > 0)
        g->start = seconds();
    g->begun = true;
    firn_status status = mask(g, &shaped, error);
    if (status == FIRN_OK)
        status = pick(g, shaped, &id, error);
    if (status == FIRN_OK)
        status = keep_logprobs(g, logits, id, error);
    if (status == FIRN_OK)
        status = firn_sampler_accept(g->sampler, id, error);
    if (status == FIRN_OK && g->constraint != NULL)
        status = firn_constraint_accept(g->constraint, id, error);
    if (status == FIRN_OK)
        status = eng_answer_add(&g->answer, g->model, &g->parameters, id, &event, &banned, error);
    if (status != FIRN_OK)
        return status;
    if (event == ENG_ANSWER_REWINDS)
        return go_back(g, banned, error);
    g->end = end_after(g, id, event);
    if (g->end != FIRN_END_NOT_YET)
        g->answer.shown = g->answer.length;
    return FIRN_OK;
}

firn_generation_step firn_generation_next(const firn_generation *generation)
{
    const eng_answer *const a = &generation->answer;
    const int32_t last = a->n_tokens > 0 ? a->ids[a->n_tokens - 1] : generation->last_of_prompt;
    return (firn_generation_step){length_of(generation) - 1, last};
}

firn_status firn_generation_advance(firn_generation *generation, firn_session *session, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (generation->end != FIRN_END_NOT_YET)
        return FIRN_OK;
    if (generation->begun) {
        const firn_generation_step step = firn_generation_next(generation);
        firn_session_rewind(session, step.n_keep);
        status = firn_session_append(session, &step.id, 1, FIRN_LOGITS_LAST, NULL, NULL, error);
    }
    return status == FIRN_OK ? firn_generation_take(generation, firn_session_logits(session), error) : status;
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
