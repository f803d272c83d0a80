/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/guidance.h"

#include "engine/logprobs.h"
#include "kernels/math.h"

/* Logits, and the logarithm of the sum of their exponentials. */
typedef struct prediction {
    const float *logits;
    float log_sum;
} prediction;

/* *highest is the largest logit. */
static prediction predict(const eng_predictions *p, const float *logits, float *highest)
{
    *highest = eng_highest_logit(logits, p->n_vocab);
    if (!(*highest >= -FLT_MAX))
        return (prediction){logits, 0.0f};
    const double sum = p->kernels->sum_exponentials(logits, p->n_vocab, *highest, NULL);
    return (prediction){logits, (float)((double)*highest + kern_log_double(sum))};
}

/* out = from + weight (log p - log p_other). No fused operations, so that every compiler gives the same. */
static void go_away(prediction p, prediction other, uint32_t n_vocab, float weight, const float *from, float *out)
{
    for (uint32_t i = 0; i < n_vocab; i++) {
        const float difference = (p.logits[i] - p.log_sum) - (other.logits[i] - other.log_sum);
        out[i] = from[i] + weight * difference;
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
    float highest, other_highest;
    const prediction own = predict(p, p->logits, &highest);
    if (p->negative != NULL)
        go_away(own, predict(p, p->negative, &other_highest), p->n_vocab, (float)(parameters->guidance - 1), p->logits,
                out);
    else
        memcpy(out, p->logits, p->n_vocab * sizeof *out);
    if (p->weaker == NULL)
        return;
    go_away(own, predict(p, p->weaker, &other_highest), p->n_vocab, (float)parameters->contrast, out, out);
    if (alpha > 0)
        cut(p, highest, alpha, out);
}
