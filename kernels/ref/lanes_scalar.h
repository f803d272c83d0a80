/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen float lanes in plain C: the definition of what the vector variants (x86/lanes_avx2.h, …) do. Each operation
 * is correctly rounded in each lane and lanes never mix, but for the two reductions, which add or compare in one fixed
 * tree.
 */
#ifndef FIRN_KERNELS_LANES_SCALAR_H
#define FIRN_KERNELS_LANES_SCALAR_H

#include "kernels/half.h"
#include "kernels/kernels.h"

enum {
    LANES_ROWS = 4,
    LANES_WIDE = 1,
    LANES_COLUMNS = 4
}; /* attention's register block: rows, and blocks of 16 lanes beside them */

typedef struct lanes {
    float at[KERN_LANES];
} lanes;

#define LANES_EACH(expression)           \
    lanes result;                        \
    for (int i = 0; i < KERN_LANES; i++) \
        result.at[i] = (expression);     \
    return result

static inline lanes lanes_splat(float value)
{
    LANES_EACH(value);
}

static inline lanes lanes_load(const float *from)
{
    LANES_EACH(from[i]);
}

static inline void lanes_store(float *to, lanes a)
{
    memcpy(to, a.at, sizeof a.at);
}

static inline lanes lanes_load_half(const uint16_t *from)
{
    LANES_EACH(kern_float_from_half(from[i]));
}

static inline void lanes_store_half(uint16_t *to, lanes a)
{
    for (int i = 0; i < KERN_LANES; i++)
        to[i] = kern_half_from_float(a.at[i]);
}

static inline lanes lanes_load_bfloat(const uint16_t *from)
{
    LANES_EACH(kern_float_from_bfloat(from[i]));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    LANES_EACH(a.at[i] + b.at[i]);
}

static inline lanes lanes_subtract(lanes a, lanes b)
{
    LANES_EACH(a.at[i] - b.at[i]);
}

static inline lanes lanes_multiply(lanes a, lanes b)
{
    LANES_EACH(a.at[i] * b.at[i]);
}

static inline lanes lanes_divide(lanes a, lanes b)
{
    LANES_EACH(a.at[i] / b.at[i]);
}

/* a * b + c, rounded once */
static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    LANES_EACH(fmaf(a.at[i], b.at[i], c.at[i]));
}

/* the larger; b where either is NaN */
static inline lanes lanes_maximum(lanes a, lanes b)
{
    LANES_EACH(a.at[i] > b.at[i] ? a.at[i] : b.at[i]);
}

static inline lanes lanes_minimum(lanes a, lanes b)
{
    LANES_EACH(a.at[i] < b.at[i] ? a.at[i] : b.at[i]);
}

static inline lanes lanes_absolute(lanes a)
{
    LANES_EACH(fabsf(a.at[i]));
}

/* Each lane's even neighbour, and each lane's odd one: itself or the lane beside it. */
static inline lanes lanes_even(lanes a)
{
    LANES_EACH(a.at[i / 2 * 2]);
}

static inline lanes lanes_odd(lanes a)
{
    LANES_EACH(a.at[i / 2 * 2 + 1]);
}

/* the larger by bits, of values without sign: NaN counts as larger than infinity */
static inline lanes lanes_maximum_bits(lanes a, lanes b)
{
    LANES_EACH(kern_bits_from_float(a.at[i]) > kern_bits_from_float(b.at[i]) ? a.at[i] : b.at[i]);
}

/* to the nearest integer, halves to even */
static inline lanes lanes_round(lanes a)
{
    LANES_EACH(rintf(a.at[i]));
}

static inline lanes lanes_floor(lanes a)
{
    LANES_EACH(floorf(a.at[i]));
}

/* 2^a for integers a from -126 to 127 */
static inline lanes lanes_power_of_two(lanes a)
{
    LANES_EACH(kern_float_from_bits((uint32_t)((int32_t)a.at[i] + 127) << 23));
}

/* the magnitude of a with the sign of b */
static inline lanes lanes_copy_sign(lanes a, lanes b)
{
    LANES_EACH(copysignf(a.at[i], b.at[i]));
}

/* lanes [begin, end) of a, elsewhere those of b */
static inline lanes lanes_select_range(lanes a, lanes b, int begin, int end)
{
    LANES_EACH(i >= begin && i < end ? a.at[i] : b.at[i]);
}

/* integers from -127 to 127 */
static inline void lanes_store_int8(int8_t *to, lanes a)
{
    for (int i = 0; i < KERN_LANES; i++)
        to[i] = (int8_t)a.at[i];
}

/* integers from -32767 to 32767 */
static inline void lanes_store_int16(int16_t *to, lanes a)
{
    for (int i = 0; i < KERN_LANES; i++)
        to[i] = (int16_t)a.at[i];
}

/* (0+8), (1+9), …: halves are added until one lane is left */
static inline float lanes_sum(lanes a)
{
    for (int half = KERN_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.at[i] += a.at[i + half];
    return a.at[0];
}

static inline float lanes_largest(lanes a)
{
    for (int half = KERN_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.at[i] = a.at[i] > a.at[i + half] ? a.at[i] : a.at[i + half];
    return a.at[0];
}

/* The largest by bits, of values without sign. */
static inline float lanes_largest_bits(lanes a)
{
    for (int half = KERN_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.at[i] = kern_bits_from_float(a.at[i]) > kern_bits_from_float(a.at[i + half]) ? a.at[i] : a.at[i + half];
    return a.at[0];
}

/* a where x is at most `limit`, else 0, also where x is NaN */
static inline lanes lanes_where_at_most(lanes a, lanes x, lanes limit)
{
    LANES_EACH(x.at[i] <= limit.at[i] ? a.at[i] : 0.0f);
}

/* a bit for each lane, the lowest for the first: whether a reaches b; not where either is NaN */
static inline uint32_t lanes_reach(lanes a, lanes b)
{
    uint32_t bits = 0;
    for (int i = 0; i < KERN_LANES; i++)
        bits |= (uint32_t)(a.at[i] >= b.at[i]) << i;
    return bits;
}

/* the bits of a, of values without sign, as an integer that is rounded to a float */
static inline lanes lanes_bits(lanes a)
{
    LANES_EACH((float)(int32_t)kern_bits_from_float(a.at[i]));
}

/*
 * Philox4x32-10 for the counters (first + lane, counter[0], counter[1], counter[2]): the upper 24 bits of each of its
 * four words, as integers.
 */
static inline void lanes_philox(uint32_t first, const uint32_t counter[3], const uint32_t key[2], lanes words[4])
{
    for (int i = 0; i < KERN_LANES; i++) {
        uint32_t word[4] = {first + (uint32_t)i, counter[0], counter[1], counter[2]};
        uint32_t key0 = key[0], key1 = key[1];
        for (int round = 0; round < 10; round++) {
            const uint64_t product0 = (uint64_t)KERN_PHILOX_0 * word[0], product1 = (uint64_t)KERN_PHILOX_1 * word[2];
            word[0] = (uint32_t)(product1 >> 32) ^ word[1] ^ key0;
            word[1] = (uint32_t)product1;
            word[2] = (uint32_t)(product0 >> 32) ^ word[3] ^ key1;
            word[3] = (uint32_t)product0;
            key0 += KERN_PHILOX_KEY_0;
            key1 += KERN_PHILOX_KEY_1;
        }
        for (int j = 0; j < 4; j++)
            words[j].at[i] = (float)(word[j] >> 8);
    }
}

#undef LANES_EACH

#endif
