/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens that may still come. At first these are all, as the logits lie (dense); a truncation makes a list of those
 * it leaves, in any order or ranked: ascending, so that the best is the last. What is kept never depends on the order;
 * where two logits are equal, the lower id is the better.
 *
 * Nothing sorts a whole vocabulary: it is looked through in blocks whose largest logits are known, and ranking goes as
 * far as tokens are kept.
 */
#ifndef FIRN_ENGINE_CANDIDATES_H
#define FIRN_ENGINE_CANDIDATES_H

#include "kernels/kernels.h"

typedef struct eng_candidate {
    float logit;
    int32_t id;
} eng_candidate;

typedef struct eng_candidates {
    const kern_table *kernels;
    uint32_t n_vocab, n_blocks;
    const float *logits;   /* [n_vocab] while dense; NULL when there is a list */
    float *own;            /* [n_vocab] a copy that may be edited */
    float *blocks;         /* [n_blocks] the largest logit of each */
    eng_candidate *memory; /* [n_vocab] where lists are */
    eng_candidate *keys;   /* [n_vocab] for ranking */
    float *weights;        /* [n_vocab] for a stage that needs them by rank or token */
    eng_candidate *first;  /* [count] the list */
    size_t count;
    bool ranked, surveyed;
    bool listed;    /* dense, where what is defined is a list: sums go through it in a list's order */
    float highest;  /* of those that are left, once surveyed */
    double divisor; /* product of the temperatures so far: what counts is logit / divisor */
    bool weighed;   /* the sums are known: */
    kern_weights sums;
} eng_candidates;

/* Memory for a vocabulary; false if there is none. */
bool eng_candidates_create(eng_candidates *c, uint32_t n_vocab, const kern_table *kernels); /* which outlive it */
void eng_candidates_free(eng_candidates *c);

/* All tokens with a finite logit. */
void eng_candidates_begin(eng_candidates *c, const float *logits);

/* Looks for the highest logit, which the other functions below need. False if there is no candidate. */
bool eng_candidates_survey(eng_candidates *c);

/* Makes a list of those whose logit is not below `floor`. */
void eng_candidates_gather(eng_candidates *c, float floor);
void eng_candidates_list(eng_candidates *c); /* of all, unless there is one */

/* Writes those from `floor` to below `below`, by ascending id, to `out`, unless a list has been made; how many. */
size_t eng_candidates_between(const eng_candidates *c, float floor, float below, eng_candidate *out);

void eng_candidates_set_list(eng_candidates *c, eng_candidate *first, size_t count, bool ranked);

/* Keeps those whose logit is not below `floor`; the best always is kept. */
void eng_candidates_cut(eng_candidates *c, double floor);

void eng_candidates_keep_best(eng_candidates *c, size_t k); /* the k best, ranked; 1 or more */

/* The likeliest that together have at least probability p, ranked. */
void eng_candidates_keep_nucleus(eng_candidates *c, double p);

/* exp((logit - highest) / divisor): proportional to the probability, 1 for the best. */
double eng_candidates_weight(const eng_candidates *c, float logit);
void eng_candidates_weights(const eng_candidates *c, const eng_candidate *last, size_t n,
                            float *weights);          /* downwards */
double eng_candidates_total(const eng_candidates *c); /* the sum of the weights */

size_t eng_candidates_count(const eng_candidates *c);

/* Has the sums over all at hand until the candidates change: for stages that need several. */
void eng_candidates_weigh(eng_candidates *c);

/* Of dense ones that were surveyed: all as kernels take them, and the best. */
kern_candidates eng_candidates_for_kernels(const eng_candidates *c);
int32_t eng_candidates_likeliest(const eng_candidates *c);

/* Minus the sum of p log p over the candidates, in nats. */
double eng_candidates_entropy(const eng_candidates *c);

/* Makes logits editable: returns the dense copy, or NULL if there is a list, whose logits then are free to change. */
float *eng_candidates_edit(eng_candidates *c);

bool eng_candidate_better(eng_candidate a, eng_candidate b);

#endif
