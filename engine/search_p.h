/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a search, for the files that make it: search.c and search_beams.c. */
#ifndef FIRN_ENGINE_SEARCH_P_H
#define FIRN_ENGINE_SEARCH_P_H

#include "engine/generation_p.h"

typedef struct eng_search_text {
    firn_generation *generation;
    firn_session
        *sessions[FIRN_GENERATION_ROWS]; /* of each row, without the last token; NULL before it and at the end */
    double logprob;                      /* sum over its tokens */
} eng_search_text;

typedef struct eng_search_candidate {
    double logprob; /* of the text with the token */
    int32_t id;
    uint32_t text;
} eng_search_candidate;

typedef struct eng_search eng_search;
struct eng_search {
    firn_generation_parameters parameters; /* of each text */
    firn_generation_options options;
    firn_model *model;
    const int32_t *prompt; /* [n_prompt] */
    size_t n_prompt;
    firn_session *prompts[FIRN_GENERATION_ROWS]; /* of each row, with logits; the first is the caller's */
    size_t n_rows, n_own;                        /* rows of a text; those of the model, which come first */
    firn_batch *batch, *weaker_batch;            /* the latter NULL where all rows are the model's */
    uint32_t n_vocab;
    float *waiting;                          /* [n_own - 1][n_vocab] logits of a text's first rows */
    float *weaker_logits;                    /* [width][n_vocab] */
    uint32_t width;                          /* texts at once */
    eng_search_text *running, *next, *ended; /* [width + 1] each */
    uint32_t n_running, n_next, n_ended;
    firn_generation **spare; /* [3 * width + 3] */
    uint32_t n_spare;
    eng_search_candidate *candidates; /* [width * 2 * width] */
    uint32_t n_candidates;
    firn_batch_entry *entries; /* [width * n_rows] */
    int32_t *top_ids;          /* [2 * width] */
    float *top_logprobs;
    double deadline;    /* seconds; 0: none */
    firn_status status; /* of what is done with logits */
    firn_error *error;
    void (*receive)(eng_search *s, uint32_t text, const float *const *logits); /* of all rows; sets the status */
    const firn_generation *told; /* the text that is made again at the end */
    bool beams;
};

/* More is better. */
double eng_search_worth(const eng_search *s, const eng_search_text *t);

/* A generation of any text: it is made to have the tokens that are wanted by whoever gets it. */
firn_status eng_search_generation(eng_search *s, uint64_t sequence, firn_generation **out, firn_error *error);

/* Takes a text's sessions away, and keeps its generation for another. */
void eng_search_drop(eng_search *s, eng_search_text *t);

/* Makes a text's sessions those of another, or of the prompts where that has none. */
firn_status eng_search_fork(eng_search *s, const eng_search_text *before, eng_search_text *t, firn_error *error);

/* Keeps a text that has ended if it is of the best; among equals, the earlier. */
void eng_search_keep_ended(eng_search *s, eng_search_text t);

/* Gives each running text's last token to the models, and what comes of it to s->receive. */
firn_status eng_search_step(eng_search *s, firn_error *error);

/* Gives what comes after the prompt to s->receive. */
firn_status eng_search_receive_first(eng_search *s, uint32_t number, firn_error *error);

firn_status eng_search_beams(eng_search *s, bool (*goes_on)(void *argument), void *argument, firn_error *error);

#endif
