/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of a text, and of texts of one cell. One list names every measure; records, tables, the database and
 * the report have them by these names.
 */
#ifndef FIRN_TOOLS_SWEEP_MEASURES_H
#define FIRN_TOOLS_SWEEP_MEASURES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, what it is). A measure that a text doesn't have is NaN. */
#define SWEEP_MEASURE_LIST(X)                                                                                  \
    X(tokens, "tokens that were generated")                                                                    \
    X(characters, "characters of the text")                                                                    \
    X(logprob, "mean natural-log probability of the tokens under the untouched model")                         \
    X(perplexity, "e to the minus mean log-probability of the tokens under the untouched model")               \
    X(entropy, "mean entropy, in nats, of the untouched model's distribution at each token")                   \
    X(distinct_1, "different tokens, as a share of all")                                                       \
    X(distinct_2, "different pairs of tokens next to each other, as a share of all")                           \
    X(distinct_3, "the same of three tokens")                                                                  \
    X(repetition, "share of the tokens that stand among the 64 before them")                                   \
    X(longest_repeat, "tokens of the longest stretch that came before")                                        \
    X(compression, "bytes of the text over those that zlib makes of it: the more, the more it repeats itself") \
    X(judge_logprob, "mean natural-log probability of the text under the checkpoint of --judge-model")         \
    X(score, "number that the command of --judge wrote")                                                       \
    X(passed, "1 where every judge passes the text, 0 where one doesn't")

typedef enum sweep_measure {
#define SWEEP_MEASURE_ENUM(name, what) SWEEP_##name,
    SWEEP_MEASURE_LIST(SWEEP_MEASURE_ENUM)
#undef SWEEP_MEASURE_ENUM
        SWEEP_MEASURES,
} sweep_measure;

const char *sweep_measure_name(sweep_measure measure);
const char *sweep_measure_help(sweep_measure measure);

/* A text as it is measured. */
typedef struct sweep_sample {
    const int32_t *ids;     /* [n_ids] */
    const float *logprobs;  /* [n_ids] of each token under the untouched model */
    const float *entropies; /* [n_ids] */
    size_t n_ids;
    const char *text; /* [length] */
    size_t length;
} sweep_sample;

/* All measures but the judges', which become NaN. */
firn_status sweep_measure_text(const sweep_sample *sample, double values[SWEEP_MEASURES], firn_error *error);

/*
 * How alike two texts are: twice the pairs of neighbouring tokens that they share, over all that they have (0 to 1;
 * each counts as often as it stands). Texts of less than two tokens are alike where they are equal.
 */
firn_status sweep_similarity(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, double *similarity,
                             firn_error *error);

/* The index of the first token that differs; false where none does and one does not end before the other. */
bool sweep_divergence(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t *at);

/* Wilson's interval of a rate: with 95 % confidence it lies there, when `passed` of `n` were seen. n is above 0. */
void sweep_wilson(size_t passed, size_t n, double *low, double *high);

#endif
