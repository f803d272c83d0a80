/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One distribution out of several predictions of the same token. Guidance goes away from what the model says after
 * another prompt; contrast from what a weaker model says after the same one:
 *
 *     logit + (guidance - 1) (log p(token | prompt) - log p(token | negative prompt))
 *           + contrast (log p(token | prompt) - log p_weaker(token | prompt))
 *
 * The first is classifier-free guidance (Sanchez et al., 2023, "Stay on topic with Classifier-Free Guidance", equation
 * 7) but for a constant that no softmax sees, so that what acts on logits acts as it does without guidance. The second
 * is contrastive decoding as O'Brien and Lewis write it (2023, "Contrastive Decoding Improves Reasoning in Large
 * Language Models"), with the cut-off of Li et al. (2022): tokens less likely than contrast_alpha times the likeliest
 * never come. Under a constraint that is the likeliest which it allows.
 */
#ifndef FIRN_ENGINE_GUIDANCE_H
#define FIRN_ENGINE_GUIDANCE_H

#include "engine/firn.h"
#include "kernels/kernels.h"

/* All arrays [n_vocab]; negative and weaker may be NULL. */
typedef struct eng_predictions {
    const float *logits, *negative, *weaker;
    const uint64_t *allowed; /* a bit a token; NULL: all are */
    uint32_t n_vocab;
    const kern_table *kernels;
} eng_predictions;

/* `alpha` is that of contrast; 0: no cut-off. */
void eng_guide(const eng_predictions *predictions, const firn_generation_parameters *parameters, double alpha,
               float *out);

#endif
