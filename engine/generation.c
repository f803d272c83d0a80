/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checked.h"
#include "engine/draft.h"
#include "engine/generation_p.h"
#include "engine/model.h"

#include <stdlib.h>

enum { RESERVED_TOKENS = 1 << 15, RESERVED_BYTES = 16 }; /* a token; longer ones are rare */

/* ---- making one ---- */

firn_generation_options firn_generation_options_default(void)
{
    return (firn_generation_options){.size = sizeof(firn_generation_options), .n_logprobs = -1};
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
        !eng_generation_reserve_logprobs(g, n))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text of %zu tokens", n);
    return firn_sampler_reserve(g->sampler, n_prompt + n + ENG_MOST_DRAFTS, error);
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

/* Contrast reads logits of both models side by side. */
static firn_status check_vocabularies(const firn_model *model, const firn_model *weaker, firn_error *error)
{
    const uint32_t n_vocab = model->hyperparameters->n_vocab, n_weaker = weaker->hyperparameters->n_vocab;
    if (n_vocab != n_weaker)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "the weaker model has %u tokens and the model %u: contrast needs the same vocabulary",
                         n_weaker, n_vocab);
    return eng_models_check_tokens(model, weaker, "weaker model", error);
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

firn_status eng_generation_check(firn_model *model, const firn_generation_parameters *parameters,
                                 const firn_generation_options *options, eng_tokens prompt, firn_error *error)
{
    eng_row_plan rows[FIRN_GENERATION_ROWS];
    size_t n_rows;
    if (prompt.count == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt has no token");
    firn_status status = firn_generation_parameters_check(parameters, error);
    if (status == FIRN_OK)
        status = eng_generation_plan_rows(model, parameters, options, prompt, rows, &n_rows, error);
    if (status == FIRN_OK && options->n_ctx != 0 && options->n_negative > options->n_ctx)
        status =
            base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                      "the negative prompt has %zu tokens and the context holds %u; shorten it or give a larger -c",
                      options->n_negative, options->n_ctx);
    if (status == FIRN_OK && options->weaker != NULL)
        status = check_vocabularies(model, options->weaker, error);
    return status;
}

static firn_status add_rows(firn_generation *g, const int32_t *prompt, size_t n_prompt, firn_error *error)
{
    eng_row_plan rows[FIRN_GENERATION_ROWS];
    size_t n_rows = 0;
    firn_status status = eng_generation_plan_rows(g->model, &g->parameters, &g->options, (eng_tokens){prompt, n_prompt},
                                                  rows, &n_rows, error);
    for (size_t i = 0; i < n_rows && status == FIRN_OK; i++)
        status = add_row(g, &rows[i], error);
    if (status != FIRN_OK || g->n_rows == 1)
        return status;
    g->guided = malloc(g->n_vocab * sizeof *g->guided);
    return g->guided != NULL
               ? FIRN_OK
               : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to guide %u tokens", g->n_vocab);
}

firn_status eng_generation_create(firn_model *model, const firn_generation_parameters *parameters,
                                  const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                  firn_generation **out, firn_error *error)
{
    *out = NULL;
    firn_generation *const g = calloc(1, sizeof *g);
    if (g == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a generation");
    g->model = model;
    eng_model_retain(model);
    g->parameters = *parameters;
    g->options = *options;
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

firn_status firn_generation_create(firn_model *model, const firn_generation_parameters *parameters,
                                   const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                   firn_generation **out, firn_error *error)
{
    const firn_generation_options own = options != NULL ? *options : firn_generation_options_default();
    *out = NULL;
    const firn_status status = eng_generation_check(model, parameters, &own, (eng_tokens){prompt, n_prompt}, error);
    return status == FIRN_OK ? eng_generation_create(model, parameters, &own, prompt, n_prompt, out, error) : status;
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
    free(generation->completed);
    free(generation->explained);
    free(generation->logprobs);
    free(generation->shaped_logprobs);
    free(generation->top_ids);
    free(generation->top_logprobs);
    free(generation->entropies);
    free(generation);
}

/* ---- rows ---- */

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
