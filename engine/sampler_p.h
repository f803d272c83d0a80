/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a sampler, for the files that make it: sampler.c, sampler_stages.c and sampler_history.c. */
#ifndef FIRN_ENGINE_SAMPLER_P_H
#define FIRN_ENGINE_SAMPLER_P_H

#include "engine/candidates.h"
#include "engine/firn.h"
#include "engine/noise.h"

/* What a sampler that steers learns from each token. */
typedef struct eng_steering {
    double mu;                         /* mirostat: the surprise in bits that is allowed next */
    double weighted_sum, total_weight; /* adaptive-p: of earlier tokens' probabilities */
} eng_steering;

typedef struct eng_seen {
    int32_t id;
    eng_steering before; /* the token */
} eng_seen;

typedef struct eng_bias {
    int32_t id;
    double bias;
    size_t lasts; /* generated tokens */
} eng_bias;

/* A sequence of tokens in `ids`; its last never follows the others. */
typedef struct eng_word {
    size_t first, count;
} eng_word;

/* What parameters say about single tokens. The arrays are malloc's. */
typedef struct eng_words {
    eng_bias *biases;  /* [n_biases] */
    int32_t *ids;      /* [n_ids] */
    eng_word *words;   /* [n_words] */
    int32_t ending[2]; /* [n_ending] tokens that end a text */
    size_t n_biases, n_ids, n_words, n_ending;
    uint64_t *breakers; /* [n_vocab / 64 + 1] DRY: one bit a token */
} eng_words;

typedef struct eng_ban {
    size_t position;
    int32_t id;
} eng_ban;

typedef struct eng_stage eng_stage;

struct firn_sampler {
    firn_generation_parameters parameters;
    kern_table kernels;
    eng_candidates candidates;
    const eng_stage *stages[FIRN_SAMPLER_STAGES];
    size_t n_stages;
    eng_noise noise; /* of the pick that is being made */

    eng_seen *seen; /* [n_seen] the tokens so far; the first n_prompt were not generated */
    uint32_t *z;    /* [seen_capacity] lengths of repeats */
    size_t n_seen, n_prompt, seen_capacity;
    uint32_t *marks; /* [n_vocab] all zero between stages */
    int32_t *marked; /* [n_vocab] the ids that have one */
    size_t n_marked;

    eng_steering steering;
    int32_t picked;            /* by the last pick; -1: none, or it taught nothing */
    double picked_probability; /* what it teaches */
    double adaptive_total;     /* of the weights that adaptive-p saw; 0: it wasn't there */
    float *adaptive_weights;   /* [n_vocab] of the tokens that it saw */

    eng_words words;
    eng_ban *bans; /* ascending by position */
    size_t n_bans;
};

/* A step that changes the candidates; a truncation leaves at least one. */
struct eng_stage {
    const char *name;
    bool (*active)(const firn_generation_parameters *parameters);
    void (*apply)(firn_sampler *sampler, eng_candidates *c);
    bool keeps_best; /* the best candidate stays, and stays the best: has no effect on a greedy choice */
};

const eng_stage *eng_stage_find(const char *name); /* or NULL */

/* Which are not in the order that users choose: what acts on the model's own logits, and mirostat at the end. */
extern const eng_stage eng_stage_bias, eng_stage_mirostat;

/* sampler_history.c */
void eng_apply_bias(firn_sampler *sampler, eng_candidates *c);
void eng_apply_penalties(firn_sampler *sampler, eng_candidates *c);
void eng_apply_dry(firn_sampler *sampler, eng_candidates *c);

/* Takes the words, also on failure. */
firn_status eng_sampler_create(const firn_generation_parameters *parameters, uint32_t n_vocab, eng_words words,
                               kern_level level, firn_sampler **out, firn_error *error);
void eng_words_free(eng_words *words);

/* How many of the last tokens a window of `last_n` has; -1: all. */
static inline size_t eng_window(const firn_sampler *sampler, int32_t last_n)
{
    return last_n < 0 || (size_t)last_n > sampler->n_seen ? sampler->n_seen : (size_t)last_n;
}

static inline bool eng_bit(const uint64_t *bits, int32_t id)
{
    return bits != NULL && (bits[id / 64] >> (id % 64) & 1) != 0;
}

#endif
