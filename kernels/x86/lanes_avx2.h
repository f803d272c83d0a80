/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float lanes as two AVX registers. See ref/lanes_scalar.h for what each operation means. */
#ifndef FIRN_KERNELS_LANES_AVX2_H
#define FIRN_KERNELS_LANES_AVX2_H

#include "kernels/half.h"
#include "kernels/kernels.h"

#include <immintrin.h>

enum { LANES_ROWS = 4, LANES_WIDE = 1, LANES_COLUMNS = 6 };

typedef struct lanes {
    __m256 low, high;
} lanes;

static inline lanes lanes_splat(float value)
{
    const __m256 v = _mm256_set1_ps(value);
    return (lanes){v, v};
}

static inline lanes lanes_load(const float *from)
{
    return (lanes){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

static inline void lanes_store(float *to, lanes a)
{
    _mm256_storeu_ps(to, a.low);
    _mm256_storeu_ps(to + 8, a.high);
}

static inline lanes lanes_load_half(const uint16_t *from)
{
    return (lanes){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)),
                   _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + 8)))};
}

static inline void lanes_store_half(uint16_t *to, lanes a)
{
    _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(a.low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(to + 8), _mm256_cvtps_ph(a.high, _MM_FROUND_TO_NEAREST_INT));
}

static inline __m256 bfloat_half(const uint16_t *from)
{
    const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

static inline lanes lanes_load_bfloat(const uint16_t *from)
{
    return (lanes){bfloat_half(from), bfloat_half(from + 8)};
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return (lanes){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

static inline lanes lanes_subtract(lanes a, lanes b)
{
    return (lanes){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline lanes lanes_multiply(lanes a, lanes b)
{
    return (lanes){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

static inline lanes lanes_divide(lanes a, lanes b)
{
    return (lanes){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

static inline lanes lanes_maximum(lanes a, lanes b)
{
    return (lanes){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

static inline lanes lanes_minimum(lanes a, lanes b)
{
    return (lanes){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return (lanes){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

static inline lanes lanes_absolute(lanes a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (lanes){_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}

static inline lanes lanes_even(lanes a)
{
    return (lanes){_mm256_moveldup_ps(a.low), _mm256_moveldup_ps(a.high)};
}

static inline lanes lanes_odd(lanes a)
{
    return (lanes){_mm256_movehdup_ps(a.low), _mm256_movehdup_ps(a.high)};
}

static inline __m256 maximum_bits_half(__m256 a, __m256 b)
{
    return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}

static inline lanes lanes_maximum_bits(lanes a, lanes b)
{
    return (lanes){maximum_bits_half(a.low, b.low), maximum_bits_half(a.high, b.high)};
}

static inline lanes lanes_round(lanes a)
{
    return (lanes){_mm256_round_ps(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                   _mm256_round_ps(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

static inline lanes lanes_floor(lanes a)
{
    return (lanes){_mm256_floor_ps(a.low), _mm256_floor_ps(a.high)};
}

static inline __m256 power_of_two_half(__m256 a)
{
    const __m256i biased = _mm256_add_epi32(_mm256_cvttps_epi32(a), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

static inline lanes lanes_power_of_two(lanes a)
{
    return (lanes){power_of_two_half(a.low), power_of_two_half(a.high)};
}

static inline lanes lanes_copy_sign(lanes a, lanes b)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (lanes){_mm256_or_ps(_mm256_andnot_ps(sign, a.low), _mm256_and_ps(sign, b.low)),
                   _mm256_or_ps(_mm256_andnot_ps(sign, a.high), _mm256_and_ps(sign, b.high))};
}

static inline __m256 range_mask(int first, int begin, int end)
{
    const __m256i index = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(begin), index),
                                                   _mm256_cmpgt_epi32(_mm256_set1_epi32(end), index)));
}

static inline lanes lanes_select_range(lanes a, lanes b, int begin, int end)
{
    return (lanes){_mm256_blendv_ps(b.low, a.low, range_mask(0, begin, end)),
                   _mm256_blendv_ps(b.high, a.high, range_mask(8, begin, end))};
}

static inline void lanes_store_int8(int8_t *to, lanes a)
{
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
    const __m256i bytes = _mm256_packs_epi16(words, words); /* dwords: 0-3, 8-11, again | 4-7, 12-15, again */
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
}

static inline void lanes_store_int16(int16_t *to, lanes a)
{
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
    _mm256_storeu_si256((__m256i *)to, _mm256_permute4x64_epi64(words, _MM_SHUFFLE(3, 1, 2, 0)));
}

static inline float lanes_sum(lanes a)
{
    const __m256 eight = _mm256_add_ps(a.low, a.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float lanes_largest(lanes a)
{
    const __m256 eight = _mm256_max_ps(a.low, a.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* The largest by bits, of values without sign. */
static inline float lanes_largest_bits(lanes a)
{
    const __m256i eight = _mm256_max_epi32(_mm256_castps_si256(a.low), _mm256_castps_si256(a.high));
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    const __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, _MM_SHUFFLE(2, 3, 0, 1)));
    return kern_float_from_bits((uint32_t)_mm_cvtsi128_si32(one));
}

static inline __m256 where_at_most_half(__m256 a, __m256 x, __m256 limit)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, limit, _CMP_LE_OQ), a);
}

static inline lanes lanes_where_at_most(lanes a, lanes x, lanes limit)
{
    return (lanes){where_at_most_half(a.low, x.low, limit.low), where_at_most_half(a.high, x.high, limit.high)};
}

static inline uint32_t lanes_reach(lanes a, lanes b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ)) |
           (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ)) << 8;
}

static inline lanes lanes_bits(lanes a)
{
    return (lanes){_mm256_cvtepi32_ps(_mm256_castps_si256(a.low)), _mm256_cvtepi32_ps(_mm256_castps_si256(a.high))};
}

/* One round for four counters. A word is the lower half of 64 bits; the upper half is whatever it may be. */
static inline void philox_round(__m256i word[4], __m256i key0, __m256i key1)
{
    const __m256i product0 = _mm256_mul_epu32(word[0], _mm256_set1_epi64x(KERN_PHILOX_0));
    const __m256i product1 = _mm256_mul_epu32(word[2], _mm256_set1_epi64x(KERN_PHILOX_1));
    word[0] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product1, 32), word[1]), key0);
    word[1] = product1;
    word[2] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product0, 32), word[3]), key1);
    word[3] = product0;
}

/* Of eight counters from `first` on. */
static inline void philox_half(uint32_t first, const uint32_t counter[3], const uint32_t key[2], __m256 words[4])
{
    const __m256i rest[3] = {_mm256_set1_epi64x(counter[0]), _mm256_set1_epi64x(counter[1]),
                             _mm256_set1_epi64x(counter[2])};
    const __m256i steps = _mm256_setr_epi64x(0, 2, 4, 6);
    __m256i even[4] = {_mm256_add_epi64(_mm256_set1_epi64x(first), steps), rest[0], rest[1], rest[2]};
    __m256i odd[4] = {_mm256_add_epi64(even[0], _mm256_set1_epi64x(1)), rest[0], rest[1], rest[2]};
    uint32_t key0 = key[0], key1 = key[1];
    for (int round = 0; round < 10; round++) {
        philox_round(even, _mm256_set1_epi64x(key0), _mm256_set1_epi64x(key1));
        philox_round(odd, _mm256_set1_epi64x(key0), _mm256_set1_epi64x(key1));
        key0 += KERN_PHILOX_KEY_0;
        key1 += KERN_PHILOX_KEY_1;
    }
    for (int j = 0; j < 4; j++) {
        const __m256i both = _mm256_blend_epi32(even[j], _mm256_slli_epi64(odd[j], 32), 0xaa);
        words[j] = _mm256_cvtepi32_ps(_mm256_srli_epi32(both, 8));
    }
}

static inline void lanes_philox(uint32_t first, const uint32_t counter[3], const uint32_t key[2], lanes words[4])
{
    __m256 low[4], high[4];
    philox_half(first, counter, key, low);
    philox_half(first + 8, counter, key, high);
    for (int j = 0; j < 4; j++)
        words[j] = (lanes){low[j], high[j]};
}

#endif
