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

/* Adds a token that came after these logits [n_vocab]; NULL: no prediction of it is known. */
firn_status tool_tokens_add(tool_tokens *tokens, int32_t id, const float *logits, uint32_t n_vocab, firn_error *error);

/*
 * Writes the tokens from `first` to `end` (excluded) as an array of {"id", "text", "bytes", "logprob", "top": [{"id",
 * "logprob"}…]}. "text" and "bytes" are the token's own, also where it is a control token that adds nothing to a text.
 */
firn_status tool_tokens_json(FILE *out, const firn_model *model, const tool_tokens *tokens, size_t first, size_t end,
                             firn_error *error);

#endif
