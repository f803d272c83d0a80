/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation is one request as it is answered: the sampler, the text so far and what ends it. It never runs a model:
 * whoever does gives it logits and is told what to append, so a program with one session and a scheduler of hundreds
 * get the same text.
 *
 *     the caller appends the prompt to a session and has logits after its last token;
 *     firn_generation_take(generation, &logits, &error);
 *     while (firn_generation_end(generation) == FIRN_END_NOT_YET) {
 *         firn_generation_step step = firn_generation_next(generation);
 *         the caller rewinds the session to step.n_keep tokens (mostly it has so many) and appends step.id;
 *         firn_generation_take(generation, &logits, &error);
 *     }
 *
 * firn_generation_advance is this loop's body for one session. Once begun, a token allocates nothing.
 *
 * Guidance and contrast need several timelines, the generation's rows: the prompt's, the negative prompt's, and the
 * weaker model's. Each token is appended to all of them, and all their logits are given together.
 */
#ifndef FIRN_ENGINE_GENERATION_H
#define FIRN_ENGINE_GENERATION_H

#include "engine/firn.h" /* which includes this file at its end */

typedef struct firn_generation firn_generation;

/* Told how each token was picked, `number` counting from 1. Anything but FIRN_OK ends the generation with it. */
typedef firn_status (*firn_explain_callback)(void *argument, size_t number, const firn_explanation *explanation,
                                             firn_error *error);

typedef struct firn_generation_options {
    size_t size;
    uint64_t sequence;  /* of the noise: texts of one seed and another sequence differ */
    uint32_t n_ctx;     /* positions that the session can hold; 0: any number */
    int32_t n_logprobs; /* keep each token's log-probability, and those of so many alternatives; -1: neither */
    bool entropies;     /* keep the entropy of the model's distribution at each token */
    firn_explain_callback explain; /* NULL: none. Slow */
    void *explain_argument;
    uint32_t n_explained;        /* candidates to tell of */
    firn_constraint *constraint; /* on the text; NULL: none. Kept alive */
    const int32_t *negative;     /* [n_negative] prompt to go away from, where the parameters have guidance; */
    size_t n_negative;           /* 0: the prompt's last token */
    firn_model *weaker;          /* to go away from, where they have contrast. Of the same vocabulary; kept alive */
} firn_generation_options;

firn_generation_options firn_generation_options_default(void);

/* Keeps the model alive; copies the rest. The prompt has one token at least. `options` may be NULL. */
firn_status firn_generation_create(firn_model *model, const firn_generation_parameters *parameters,
                                   const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                   firn_generation **out, firn_error *error);
void firn_generation_release(firn_generation *generation);

typedef enum firn_end {
    FIRN_END_NOT_YET,
    FIRN_END_TOKEN,      /* the model ended the text */
    FIRN_END_STOP,       /* a stop string or a stop token came */
    FIRN_END_LENGTH,     /* n_predict tokens */
    FIRN_END_CONTEXT,    /* the context is full */
    FIRN_END_TIME,       /* t_max_predict_ms, counted from the first logits on */
    FIRN_END_CONSTRAINT, /* the constraint is satisfied, and nothing may follow */
} firn_end;

/*
 * Takes the logits [n_vocab] after the timeline's last token, and picks. After a failure, such as a constraint that no
 * token can satisfy any more, it can't go on.
 */
firn_status firn_generation_take(firn_generation *generation, const float *logits, firn_error *error);

/* How many of the highest logits it needs for that (firn_sampler_needs); 0: all. */
uint32_t firn_generation_needs(const firn_generation *generation);

typedef struct firn_generation_step {
    size_t n_keep; /* tokens of the timeline, prompt included, that stay */
    int32_t id;    /* the token to append to them */
} firn_generation_step;

/* What the timeline wants before the next logits, where it has not ended and something was taken. */
firn_generation_step firn_generation_next(const firn_generation *generation);

enum { FIRN_GENERATION_ROWS = 3 }; /* at most */

/* The same for a generation of several rows; the first is the prompt's. */
size_t firn_generation_rows(const firn_generation *generation);
firn_status firn_generation_take_rows(firn_generation *generation, const float *const *logits, firn_error *error);
firn_generation_step firn_generation_next_of(const firn_generation *generation, size_t row);

/* What the timelines of the other rows begin with, and of which model they are. */
const int32_t *firn_generation_prompt_of(const firn_generation *generation, size_t row, size_t *n_ids);
firn_model *firn_generation_model_of(const firn_generation *generation, size_t row);

/*
 * One token more, on a session that has the prompt and its logits, and is changed by nobody else. What was picked last
 * is in the text, but not yet in the session. Other rows get sessions of the generation's own. Does nothing once ended.
 */
firn_status firn_generation_advance(firn_generation *generation, firn_session *session, firn_error *error);

/*
 * Where parameters have n_beams or best_of above 1: makes several texts at once and gives the best, which may not have
 * ended if `goes_on`, asked at each token, said false. `session` has the prompt and its logits, and stays as it is.
 * Where log-probabilities of beams or explanations are wanted, the best text is made again for them at the end.
 */
bool firn_generation_searches(const firn_generation_parameters *parameters);
firn_status firn_generation_search(firn_model *model, const firn_generation_parameters *parameters,
                                   const firn_generation_options *options, const int32_t *prompt, size_t n_prompt,
                                   firn_session *session, bool (*goes_on)(void *argument), void *argument,
                                   firn_generation **out, firn_error *error);

firn_end firn_generation_end(const firn_generation *generation);
const char *
firn_end_name(firn_end end); /* for programs: "end", "stop", "limit", "context", "time", "constraint" or "" */

/* Generated tokens: all of the text's, and the one that ended it. A banned string takes some back. */
const int32_t *firn_generation_ids(const firn_generation *generation, size_t *n_ids);

/*
 * The text so far, not terminated, valid until the next token; of *length bytes the first *n_shown (may be NULL) will
 * stay as they are and end with a whole character. Once ended, that is all.
 */
const char *firn_generation_text(const firn_generation *generation, size_t *length, size_t *n_shown);

/*
 * Natural-log probabilities under the model itself: of each generated token, and of the likeliest in its place
 * ([n_ids][n_logprobs], as in firn_logprobs). NULL where they aren't kept. The last two may be NULL.
 */
const float *firn_generation_logprobs(const firn_generation *generation, const int32_t **top_ids,
                                      const float **top_logprobs);

/* The same of each generated token, of what it was drawn from: after all shaping. */
const float *firn_generation_shaped_logprobs(const firn_generation *generation);

/* [n_ids] in nats, of the model's own distribution that each generated token came from. NULL where they aren't kept. */
const float *firn_generation_entropies(const firn_generation *generation);

#endif
