/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logprobs.h"

#include "engine/firn.h"
#include "kernels/math.h"

/*
 * Sums and maxima run over 16 virtual lanes, lane j taking the elements j, j + 16, …; then a tree joins the lanes. They
 * are written with the compilers' vectors of four, which every baseline has; wider ones would give the same bits.
 */
enum { CHUNK = 256, VECTORS = 4, WIDTH = 4, LANES = VECTORS * WIDTH };
typedef float floats __attribute__((vector_size(16)));
typedef int32_t integers __attribute__((vector_size(16)));

static inline floats load(const float *from)
{
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

/* The larger of two; b where a is not a number. */
static inline floats larger(floats a, floats b)
{
    floats x;
    for (int i = 0; i < WIDTH; i++)
        x[i] = a[i] > b[i] ? a[i] : b[i];
    return x;
}

/*
 * e^d for d from -87 to 0, and 0 for every other d and for NaN. Multiplies and adds only, since fma is a call where the
 * baseline lacks it.
 */
static inline floats exp_of_negative(floats d)
{
    const float shift = 0x1.8p+23f; /* adding it leaves the nearest integer in the low bits */
    const integers inside = (d >= -87.0f) & (d <= 0.0f);
    d = (floats)((integers)d & inside);
    const floats shifted = d * KERN_LOG2_E + shift;
    const floats n = shifted - shift;
    const floats r = (d - n * KERN_LN2_HIGH) - n * KERN_LN2_LOW;
    floats p = KERN_EXP_6 * r + KERN_EXP_5;
    p = p * r + KERN_EXP_4;
    p = p * r + KERN_EXP_3;
    p = p * r + KERN_EXP_2;
    p = p * (r * r) + r;
    p = p + 1.0f;
    const integers power = (integers)shifted - (int32_t)kern_bits_from_float(shift);
    p *= (floats)((power + 127) << 23); /* 2^n */
    return (floats)((integers)p & inside);
}

static float sum_exp_chunk(const float logits[CHUNK], float highest)
{
    floats sums[VECTORS] = {{0}};
    for (int i = 0; i < CHUNK; i += LANES)
        for (int v = 0; v < VECTORS; v++)
            sums[v] += exp_of_negative(load(logits + i + v * WIDTH) - highest);
    const floats sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Adds a chunk's sum of e^d, and of e^d * d, where d = logit - highest. */
static void add_entropy_chunk(const float logits[CHUNK], float highest, double *sum, double *weighted)
{
    floats sums[VECTORS] = {{0}}, weights[VECTORS] = {{0}};
    for (int i = 0; i < CHUNK; i += LANES)
        for (int v = 0; v < VECTORS; v++) {
            const floats d = load(logits + i + v * WIDTH) - highest;
            const floats e = exp_of_negative(d);
            sums[v] += e;
            weights[v] += e * (floats)((integers)d & (e > 0.0f)); /* 0 * -infinity is none */
        }
    const floats s = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    const floats w = (weights[0] + weights[2]) + (weights[1] + weights[3]);
    *sum += (double)((s[0] + s[2]) + (s[1] + s[3]));
    *weighted += (double)((w[0] + w[2]) + (w[1] + w[3]));
}

static float highest_of_chunk(const float logits[CHUNK])
{
    const floats lowest = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    floats highest[VECTORS] = {lowest, lowest, lowest, lowest};
    for (int i = 0; i < CHUNK; i += LANES)
        for (int v = 0; v < VECTORS; v++)
            highest[v] = larger(load(logits + i + v * WIDTH), highest[v]);
    const floats x = larger(larger(highest[0], highest[2]), larger(highest[1], highest[3]));
    float result = -INFINITY;
    for (int i = 0; i < WIDTH; i++)
        result = x[i] > result ? x[i] : result;
    if (result <= FLT_MAX)
        return result;
    result = -INFINITY; /* an infinite logit hid the others */
    for (int i = 0; i < CHUNK; i++)
        result = eng_usable_logit(logits[i]) > result ? logits[i] : result;
    return result;
}

/* The last, incomplete chunk, made whole with logits of tokens that can't come. */
static void pad(const float *logits, uint32_t count, float chunk[CHUNK])
{
    for (uint32_t i = 0; i < CHUNK; i++)
        chunk[i] = i < count ? logits[i] : -INFINITY;
}

double eng_sum_exp(const float *logits, uint32_t n, float highest)
{
    double sum = 0.0;
    uint32_t i = 0;
    for (; n - i >= CHUNK; i += CHUNK)
        sum += (double)sum_exp_chunk(logits + i, highest);
    if (i < n) {
        float chunk[CHUNK];
        pad(logits + i, n - i, chunk);
        sum += (double)sum_exp_chunk(chunk, highest);
    }
    return sum;
}

float eng_highest_logit(const float *logits, uint32_t count)
{
    float highest = -INFINITY;
    uint32_t i = 0;
    for (; count - i >= CHUNK; i += CHUNK) {
        const float x = highest_of_chunk(logits + i);
        highest = x > highest ? x : highest;
    }
    if (i < count) {
        float chunk[CHUNK];
        pad(logits + i, count - i, chunk);
        const float x = highest_of_chunk(chunk);
        highest = x > highest ? x : highest;
    }
    return highest;
}

/* Puts a token into the list of the likeliest, which is in descending order and full; its last one falls out. */
static void insert(int32_t id, float logit, uint32_t n_top, int32_t *top_ids, float *top_logits)
{
    uint32_t i = n_top - 1;
    for (; i > 0 && top_logits[i - 1] < logit; i--) {
        top_ids[i] = top_ids[i - 1];
        top_logits[i] = top_logits[i - 1];
    }
    top_ids[i] = id;
    top_logits[i] = logit;
}

float firn_logprobs(const float *logits, uint32_t n_vocab, int32_t id, uint32_t n_top, int32_t *top_ids,
                    float *top_logprobs)
{
    const float highest = eng_highest_logit(logits, n_vocab);
    const bool any = highest >= -FLT_MAX;
    const double sum_log = any ? kern_log_double(eng_sum_exp(logits, n_vocab, highest)) : 0.0;
    for (uint32_t i = 0; i < n_top; i++) {
        top_ids[i] = -1;
        top_logprobs[i] = -INFINITY;
    }
    for (uint32_t i = 0; i < n_vocab && n_top > 0; i++) {
        const float logit = eng_usable_logit(logits[i]);
        if (logit > top_logprobs[n_top - 1])
            insert((int32_t)i, logit, n_top, top_ids, top_logprobs);
    }
    for (uint32_t i = 0; i < n_top && any; i++)
        top_logprobs[i] = (float)((double)top_logprobs[i] - (double)highest - sum_log);
    if (id < 0 || (uint32_t)id >= n_vocab)
        return 0.0f;
    return any ? (float)((double)eng_usable_logit(logits[id]) - (double)highest - sum_log) : -INFINITY;
}

void firn_surprise(const float *logits, uint32_t n_vocab, int32_t id, float *logprob, float *entropy)
{
    const float highest = eng_highest_logit(logits, n_vocab);
    double sum = 0.0, weighted = 0.0;
    *logprob = -INFINITY;
    *entropy = 0.0f;
    if (!(highest >= -FLT_MAX))
        return;
    for (uint32_t i = 0; i < n_vocab; i += CHUNK) {
        float chunk[CHUNK];
        if (n_vocab - i < CHUNK)
            pad(logits + i, n_vocab - i, chunk);
        add_entropy_chunk(n_vocab - i < CHUNK ? chunk : logits + i, highest, &sum, &weighted);
    }
    const double sum_log = kern_log_double(sum);
    *entropy = (float)(sum_log - weighted / sum);
    if (id >= 0 && (uint32_t)id < n_vocab)
        *logprob = (float)((double)eng_usable_logit(logits[id]) - (double)highest - sum_log);
}
