/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a generation, for the files that make it: generation.c and generation_run.c. */
#ifndef FIRN_ENGINE_GENERATION_P_H
#define FIRN_ENGINE_GENERATION_P_H

#include "engine/generation_text.h"

typedef struct eng_generation_row {
    firn_model *model;
    int32_t *prompt; /* [n_prompt]; NULL for the first row, whose prompt the caller has */
    size_t n_prompt;
    int32_t last_of_prompt;
    firn_session *session; /* of firn_generation_advance; the first row's is the caller's */
} eng_generation_row;

struct firn_generation {
    firn_model *model;
    firn_generation_parameters parameters;
    firn_generation_options options;
    firn_sampler *sampler;
    uint32_t n_vocab;
    eng_generation_row rows[FIRN_GENERATION_ROWS];
    size_t n_rows;
    float *guided; /* [n_vocab] logits of all rows together; NULL where there is one */
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
    firn_batch *batch; /* of firn_generation_advance, for rows of one model */
};

/* Releases what firn_generation_advance has made. */
void eng_generation_stop(firn_generation *generation);

#endif
