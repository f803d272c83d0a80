/* SPDX-License-Identifier: Apache-2.0 */
/* Log-probabilities under the model itself, and what the sampler shares with them. */
#ifndef FIRN_ENGINE_LOGPROBS_H
#define FIRN_ENGINE_LOGPROBS_H

#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <stdint.h>

/* A logit that is not finite counts as one of a token that can't come: x itself, or -infinity. */
static inline float eng_usable_logit(float x)
{
    return x <= FLT_MAX ? x : -INFINITY;
}

/* The largest of `count` usable logits; -infinity if there is none. */
float eng_highest_logit(const float *logits, uint32_t count);

/* firn_logprobs and firn_surprise, of any logits. */
float eng_logprobs(const kern_table *kernels, const float *logits, uint32_t n_vocab, int32_t id, uint32_t n_top,
                   int32_t *top_ids, float *top_logprobs);
void eng_surprise(const kern_table *kernels, const float *logits, uint32_t n_vocab, int32_t id, float *logprob,
                  float *entropy);

#endif
