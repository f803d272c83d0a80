/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a generation, for the files that make it: generation.c, generation_take.c,
 * generation_run.c, search.c. */
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
    float *completed;                  /* [n_vocab] of a draft model that has fewer; NULL until needed */
    size_t n_top, logprob_capacity;    /* tokens */
    float *logprobs, *shaped_logprobs, *top_logprobs, *entropies;
    int32_t *top_ids;
    firn_batch *batch; /* of firn_generation_advance, for rows of one model */
};

typedef struct eng_tokens {
    const int32_t *ids; /* [count] */
    size_t count;
} eng_tokens;

/* What a row of a generation begins with. */
typedef struct eng_row_plan {
    firn_model *model;
    eng_tokens prompt; /* at least one token */
} eng_row_plan;

/* The rows that a generation with these will have. Refuses what would have no effect, and searches. */
firn_status eng_generation_plan_rows(firn_model *model, const firn_generation_parameters *parameters,
                                     const firn_generation_options *options, eng_tokens prompt,
                                     eng_row_plan rows[FIRN_GENERATION_ROWS], size_t *n_rows, firn_error *error);

/* What firn_generation_create checks, and what it does then: a search makes many. */
firn_status eng_generation_check(firn_model *model, const firn_generation_parameters *parameters,
                                 const firn_generation_options *options, eng_tokens prompt, firn_error *error);
firn_status eng_generation_create(firn_model *model, const firn_generation_parameters *parameters,
                                  const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                  firn_generation **out, firn_error *error);

/* A session of the row's model with its prompt, and logits after it. */
firn_status eng_row_session(const eng_generation_row *row, const firn_session *like, firn_session **out,
                            firn_error *error);

/* Appends a token that somebody else picked. *taken: a banned string didn't come of it. */
firn_status eng_generation_append(firn_generation *generation, int32_t id, bool *taken, firn_error *error);

/* Goes back to the first n_keep generated tokens, as if nothing had been after them. */
void eng_generation_rewind(firn_generation *generation, size_t n_keep);

/* As firn_generation_take_rows, but with a token that somebody else picked; NULL: the sampler's. */
firn_status eng_generation_take(firn_generation *generation, const float *const *logits, const int32_t *chosen,
                                firn_error *error);

bool eng_generation_reserve_logprobs(firn_generation *generation, size_t n_tokens); /* in all; false: no memory */

/* The likeliest tokens after all shaping, as firn_sampler_logprobs gives them; ids of -1 where there are none. */
firn_status eng_generation_candidates(firn_generation *generation, const float *const *logits, uint32_t n_top,
                                      int32_t *top_ids, float *top_logprobs, firn_error *error);

/* Tokens that may yet come, as far as n_predict says; SIZE_MAX where it doesn't. */
size_t eng_generation_left(const firn_generation *generation);

/* What a draft model says comes next. */
typedef struct eng_guess_logits {
    const float *logits; /* [n_vocab], of the draft model */
    uint32_t n_vocab;
    double p_min; /* tokens less likely than this, as the draft model has it, are no guess */
} eng_guess_logits;

/*
 * What would be picked here from these logits, after n_guessed guesses already: with all shaping, under the constraint
 * and with the noise of that position, so that it is what will be picked wherever the models agree well enough. It then
 * counts as come until eng_generation_forget, which must be called before anything is taken. False: no guess. For
 * generations of one row.
 */
bool eng_generation_guess(firn_generation *generation, const eng_guess_logits *given, uint32_t n_guessed, int32_t *id);
void eng_generation_forget(firn_generation *generation);

/* Releases what firn_generation_advance has made. */
void eng_generation_stop(firn_generation *generation);

#endif
