/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens with the model's own log-probabilities of them, kept to be written as JSON. */
#ifndef FIRN_TOOLS_COMMON_TOKENS_H
#define FIRN_TOOLS_COMMON_TOKENS_H

#include "engine/firn.h"

#include <stdio.h>

/* Start from {.n_top = …}, release with tool_tokens_free. */
typedef struct tool_tokens {
    uint32_t n_top; /* how many alternatives each token is kept with */
    size_t count, capacity;
    int32_t *ids;        /* [capacity] */
    float *logprobs;     /* [capacity]; NaN where there was no prediction */
    int32_t *top_ids;    /* [capacity][n_top] */
    float *top_logprobs; /* [capacity][n_top] */
} tool_tokens;

void tool_tokens_free(tool_tokens *tokens);

/* Adds a token that came after these logits of the model; NULL: no prediction of it is known. */
firn_status tool_tokens_add(tool_tokens *tokens, const firn_model *model, int32_t id, const float *logits,
                            firn_error *error);

/* The same to be read only, wherever it is kept. */
typedef struct tool_predictions {
    uint32_t n_top;
    size_t count;
    const int32_t *ids;           /* [count] */
    const float *logprobs;        /* [count], or NULL */
    const float *shaped_logprobs; /* [count], or NULL */
    const int32_t *top_ids;
    const float *top_logprobs;
} tool_predictions;

tool_predictions tool_tokens_predictions(const tool_tokens *tokens);
tool_predictions tool_generated_predictions(const firn_generation *generation, uint32_t n_top);

/*
 * Writes an array of {"id", "text", "bytes", "logprob", "shaped_logprob", "top": [{"id", "logprob"}…]}. "text" and
 * "bytes" are the token's own, also where it is a control token that adds nothing to a text; "shaped_logprob" is of
 * what it was drawn from, and there for generated tokens.
 */
firn_status tool_predictions_json(FILE *out, const firn_model *model, tool_predictions tokens, firn_error *error);

#endif
