/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sampling does to a whole vocabulary, written once over sixteen lanes: included behind vector_body.h, whose rules
 * hold here too.
 */
#ifndef FIRN_KERNELS_CANDIDATES_BODY_H
#define FIRN_KERNELS_CANDIDATES_BODY_H

#include <float.h>

/* The first n (1 to 16) logits, the others such as don't count. */
ALWAYS_INLINE lanes load_logits(const float *from, uint32_t n)
{
    return n >= KERN_LANES ? lanes_load(from) : lanes_select_range(load_part(from, n), lanes_splat(NAN), 0, (int)n);
}

/* Behind n numbers, those of the lanes in a mask, the first of which has number `first`; how many there are then. */
ALWAYS_INLINE uint32_t add_numbers(uint32_t mask, uint32_t first, int32_t *numbers, uint32_t n)
{
    for (; mask != 0; mask &= mask - 1)
        numbers[n++] = (int32_t)(first + (uint32_t)__builtin_ctz(mask));
    return n;
}

static void sum_weights(const kern_candidates *c, kern_weights *out)
{
    const lanes highest = lanes_splat(c->highest), factor = lanes_splat(c->factor), zero = lanes_splat(0.0f);
    const lanes one = lanes_splat(1.0f);
    *out = (kern_weights){0, 0, 0};
    for (uint32_t piece = 0; piece < c->n; piece += KERN_PIECE) {
        const uint32_t end = c->n - piece < KERN_PIECE ? c->n : piece + KERN_PIECE;
        lanes sum = zero, moment = zero, count = zero;
        for (uint32_t i = piece; i < end; i += KERN_LANES) {
            const lanes below = lanes_subtract(load_logits(c->logits + i, end - i), highest);
            const lanes bounded = lanes_maximum(lanes_multiply(below, factor), lanes_splat(KERN_EXP_LOWEST));
            const lanes exponent = lanes_minimum(bounded, zero);
            const lanes weight = lanes_where_at_most(lanes_exp(exponent), below, zero);
            sum = lanes_add(sum, weight);
            moment = lanes_fma(weight, exponent, moment);
            const lanes usable = lanes_where_at_most(one, lanes_subtract(zero, below), lanes_splat(FLT_MAX));
            count = lanes_add(count, lanes_where_at_most(usable, below, zero));
        }
        out->sum += (double)lanes_sum(sum);
        out->moment += (double)lanes_sum(moment);
        out->count += (uint32_t)lanes_sum(count); /* exact: at most KERN_PIECE */
    }
}

/*
 * The noise as a number v from 0 to 1 gives -log2 v as Gumbel noise, nearly, and never less than the true one: see
 * eng_gumbel_at_most. Of v = m 2^e, 1 <= m < 2, it is at most -(e + m - 1), which the bits of a float spell.
 */
static uint32_t contenders(const kern_candidates *c, const kern_noise *noise, uint32_t first, uint32_t count,
                           float least, int32_t *ids)
{
    const lanes highest = lanes_splat(c->highest), factor = lanes_splat(c->factor);
    const lanes slope = lanes_splat(-0x1.62e430p-24f);                    /* ln 2 / 2^23 */
    const lanes zero_bits = lanes_splat(151.0f * 0x1.62e430p-1f + 0.01f); /* 24 bits of fraction, and for rounding */
    uint32_t n_found = 0;
    for (uint32_t group = first; group < first + count; group += KERN_NOISE_TOKENS) {
        lanes words[4];
        lanes_philox(group / 4, noise->counter, noise->key, words);
        for (uint32_t w = 0; w < 4 && group + w * KERN_LANES < first + count; w++) {
            const uint32_t start = group + w * KERN_LANES;
            const lanes logits = load_logits(c->logits + start, first + count - start);
            const lanes exponent = lanes_multiply(lanes_subtract(logits, highest), factor);
            const lanes bound = lanes_fma(lanes_bits(words[w]), slope, zero_bits);
            const uint32_t found = lanes_reach(lanes_add(exponent, bound), lanes_splat(least));
            n_found = add_numbers(found, start, ids, n_found);
        }
    }
    return n_found;
}

static uint32_t reaching(const float *logits, uint32_t n, float floor, int32_t *ids)
{
    uint32_t n_found = 0;
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const uint32_t found = lanes_reach(load_logits(logits + i, n - i), lanes_splat(floor));
        n_found = add_numbers(found, i, ids, n_found);
    }
    return n_found;
}

static bool certain(const float *estimates, const float *radii, float factor, uint32_t n, float *largest)
{
    lanes highest = lanes_splat(-INFINITY), zero = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes part = load_part(estimates + i, n - i), radius = load_part(radii + i, n - i);
        const lanes least = lanes_fma(radius, lanes_splat(-factor), part);
        highest = lanes_maximum(lanes_select_range(least, lanes_splat(-INFINITY), 0, (int)(n - i)), highest);
        zero = lanes_fma(part, lanes_splat(0.0f), zero);
    }
    lanes_store(largest, highest);
    return lanes_sum(zero) == 0.0f;
}

static uint32_t possible(const float *estimates, const float *radii, float factor, uint32_t n, float floor,
                         int32_t *numbers)
{
    uint32_t n_found = 0;
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes most =
            lanes_fma(load_part(radii + i, n - i), lanes_splat(factor), load_logits(estimates + i, n - i));
        const uint32_t found = lanes_reach(most, lanes_splat(floor));
        n_found = add_numbers(found, i, numbers, n_found);
    }
    return n_found;
}

/* a where d is from -87 to 0, else 0, also where d is NaN */
ALWAYS_INLINE lanes where_usable(lanes a, lanes d)
{
    return lanes_where_at_most(lanes_where_at_most(a, lanes_splat(-87.0f), d), d, lanes_splat(0.0f));
}

/* e^x for x from -87 to 0, without fused operations. */
ALWAYS_INLINE lanes plain_exp(lanes x)
{
    const lanes shift = lanes_splat(0x1.8p+23f); /* adding it leaves the nearest integer in the low bits */
    const lanes n = lanes_subtract(lanes_add(lanes_multiply(x, lanes_splat(KERN_LOG2_E)), shift), shift);
    const lanes high = lanes_multiply(n, lanes_splat(KERN_LN2_HIGH)),
                low = lanes_multiply(n, lanes_splat(KERN_LN2_LOW));
    const lanes r = lanes_subtract(lanes_subtract(x, high), low);
    lanes p = lanes_add(lanes_multiply(lanes_splat(KERN_EXP_6), r), lanes_splat(KERN_EXP_5));
    p = lanes_add(lanes_multiply(p, r), lanes_splat(KERN_EXP_4));
    p = lanes_add(lanes_multiply(p, r), lanes_splat(KERN_EXP_3));
    p = lanes_add(lanes_multiply(p, r), lanes_splat(KERN_EXP_2));
    p = lanes_add(lanes_multiply(p, lanes_multiply(r, r)), r);
    return lanes_multiply(lanes_add(p, lanes_splat(1.0f)), lanes_power_of_two(n));
}

static double sum_exponentials(const float *logits, uint32_t n, float highest, double *moment)
{
    double sum = 0, weighted = 0;
    for (uint32_t piece = 0; piece < n; piece += KERN_PIECE) {
        const uint32_t end = n - piece < KERN_PIECE ? n : piece + KERN_PIECE;
        lanes part = lanes_splat(0.0f), part_weighted = part;
        for (uint32_t i = piece; i < end; i += KERN_LANES) {
            const lanes d = lanes_subtract(load_logits(logits + i, end - i), lanes_splat(highest));
            const lanes x = where_usable(d, d), e = where_usable(plain_exp(x), d);
            part = lanes_add(part, e);
            if (moment != NULL)
                part_weighted = lanes_add(part_weighted, lanes_multiply(e, x));
        }
        sum += (double)lanes_sum(part);
        weighted += (double)lanes_sum(part_weighted);
    }
    if (moment != NULL)
        *moment = weighted;
    return sum;
}

static void exponentials(float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES)
        store_part(x + i, lanes_exp(load_part(x + i, n - i)), n - i);
}

static void fill_candidates(kern_table *table)
{
    table->sum_weights = sum_weights;
    table->contenders = contenders;
    table->reaching = reaching;
    table->certain = certain;
    table->possible = possible;
    table->exponentials = exponentials;
    table->sum_exponentials = sum_exponentials;
}

#endif
