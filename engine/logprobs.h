/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over a whole vocabulary, shared by the sampler and by firn_logprobs. Their order of operations is fixed. */
#ifndef FIRN_ENGINE_LOGPROBS_H
#define FIRN_ENGINE_LOGPROBS_H

#include <float.h>
#include <math.h>
#include <stdint.h>

/* A logit that is not finite counts as one of a token that can't come: x itself, or -infinity. */
static inline float eng_usable_logit(float x)
{
    return x <= FLT_MAX ? x : -INFINITY;
}

/* The sum of exp(logit - highest) over all n logits; `highest` is the largest of them and finite. */
double eng_sum_exp(const float *logits, uint32_t n, float highest);

/* The largest of `count` usable logits; -infinity if there is none. */
float eng_highest_logit(const float *logits, uint32_t count);

#endif
