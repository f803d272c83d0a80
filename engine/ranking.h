/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidates by rank, as far as somebody looks. A list becomes a heap. Of a whole vocabulary, what reaches a floor is
 * taken out and sorted, then what reaches a lower one, and so on; how deep a floor has to be is guessed from every
 * sixteenth logit or so, and a guess only decides how much is sorted at once, never what comes out.
 */
#ifndef FIRN_ENGINE_RANKING_H
#define FIRN_ENGINE_RANKING_H

#include "engine/candidates.h"

enum { ENG_RANKING_BINS = 1280 };

typedef struct eng_ranking {
    eng_candidates *candidates;
    eng_candidate *end; /* the best is end[-1], the next end[-2] */
    size_t count;       /* are ranked */
    size_t waiting;     /* in a heap before those */
    bool all;           /* nothing else is to be ranked */
    float lowest;       /* what is below it is left out, of a whole vocabulary */
    float floor;        /* what reaches it was taken out, of a whole vocabulary */
    uint32_t stride;    /* of the logits that were counted; 0: none yet */
    uint32_t counts[ENG_RANKING_BINS];
} eng_ranking;

/* The candidates must have been surveyed; until the ranking is done with, nothing else may change them. */
void eng_ranking_begin(eng_ranking *ranking, eng_candidates *candidates, float lowest);

/* Ranks the n best, or more, or all. Returns how many are. */
size_t eng_ranking_reach(eng_ranking *ranking, size_t n);

/* Weights of the ranks from `first` on; n of them must be ranked. */
void eng_ranking_weights(const eng_ranking *ranking, size_t first, size_t n, float *weights);

/* Leaves the n best, which must be ranked. */
void eng_ranking_keep(eng_ranking *ranking, size_t n);

/* Sorts n candidates of ascending ids, which are used up, to `out`: the best is the last, of equal ones the lower id.
 */
void eng_sort_candidates(eng_candidate *from, eng_candidate *out, size_t n);

/* ---- a heap of candidates, the best at index 0 ---- */

void eng_heap_build(eng_candidate *heap, size_t count);
eng_candidate eng_heap_pop(eng_candidate *heap, size_t count); /* moves the best behind the others */

#endif
