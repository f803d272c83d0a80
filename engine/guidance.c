/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guidance.h"

#include "engine/logprobs.h"
#include "kernels/math.h"

/* The logarithm of the sum of exp(logit); *highest is the largest logit. */
static float log_sum_exp(const float *logits, uint32_t n_vocab, float *highest)
{
    *highest = eng_highest_logit(logits, n_vocab);
    return *highest >= -FLT_MAX ? (float)((double)*highest + kern_log_double(eng_sum_exp(logits, n_vocab, *highest)))
                                : 0.0f;
}

/* Adds weight (log p - log p_other) to the logits. No fused operations, so that every compiler gives the same. */
static void go_away(const float *logits, float log_sum, const float *other, uint32_t n_vocab, float weight, float *out)
{
    float highest;
    const float other_log_sum = log_sum_exp(other, n_vocab, &highest);
    for (uint32_t i = 0; i < n_vocab; i++) {
        const float difference = (logits[i] - log_sum) - (other[i] - other_log_sum);
        out[i] += weight * difference;
    }
}

/* Drops what is less likely than alpha times the likeliest. */
static void cut(const eng_predictions *p, float highest, double alpha, float *out)
{
    if (p->allowed != NULL) {
        highest = -INFINITY;
        for (uint32_t i = 0; i < p->n_vocab; i++)
            if ((p->allowed[i / 64] >> (i % 64) & 1) != 0 && eng_usable_logit(p->logits[i]) > highest)
                highest = p->logits[i];
    }
    const double floor = (double)highest + kern_log_double(alpha);
    for (uint32_t i = 0; i < p->n_vocab; i++)
        if ((double)p->logits[i] < floor)
            out[i] = -INFINITY;
}

void eng_guide(const eng_predictions *predictions, const firn_generation_parameters *parameters, double alpha,
               float *out)
{
    const eng_predictions *const p = predictions;
    float highest;
    const float log_sum = log_sum_exp(p->logits, p->n_vocab, &highest);
    memcpy(out, p->logits, p->n_vocab * sizeof *out);
    if (p->negative != NULL)
        go_away(p->logits, log_sum, p->negative, p->n_vocab, (float)(parameters->guidance - 1), out);
    if (p->weaker == NULL)
        return;
    go_away(p->logits, log_sum, p->weaker, p->n_vocab, (float)parameters->contrast, out);
    if (alpha > 0)
        cut(p, highest, alpha, out);
}
