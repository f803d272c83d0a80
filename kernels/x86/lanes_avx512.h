/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen float lanes as one AVX-512 register. See ref/lanes_scalar.h for what each operation means. */
#ifndef FIRN_KERNELS_LANES_AVX512_H
#define FIRN_KERNELS_LANES_AVX512_H

#include "kernels/half.h"
#include "kernels/kernels.h"

#include <immintrin.h>

enum { LANES_ROWS = 8, LANES_WIDE = 2, LANES_COLUMNS = 8 };

typedef __m512 lanes;

static inline lanes lanes_splat(float value)
{
    return _mm512_set1_ps(value);
}

static inline lanes lanes_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

static inline void lanes_store(float *to, lanes a)
{
    _mm512_storeu_ps(to, a);
}

static inline lanes lanes_load_half(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}

static inline void lanes_store_half(uint16_t *to, lanes a)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

static inline lanes lanes_load_bfloat(const uint16_t *from)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline lanes lanes_add(lanes a, lanes b)
{
    return _mm512_add_ps(a, b);
}

static inline lanes lanes_subtract(lanes a, lanes b)
{
    return _mm512_sub_ps(a, b);
}

static inline lanes lanes_multiply(lanes a, lanes b)
{
    return _mm512_mul_ps(a, b);
}

static inline lanes lanes_divide(lanes a, lanes b)
{
    return _mm512_div_ps(a, b);
}

static inline lanes lanes_maximum(lanes a, lanes b)
{
    return _mm512_max_ps(a, b);
}

static inline lanes lanes_minimum(lanes a, lanes b)
{
    return _mm512_min_ps(a, b);
}

static inline lanes lanes_fma(lanes a, lanes b, lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline lanes lanes_absolute(lanes a)
{
    return _mm512_abs_ps(a);
}

static inline lanes lanes_even(lanes a)
{
    return _mm512_moveldup_ps(a);
}

static inline lanes lanes_odd(lanes a)
{
    return _mm512_movehdup_ps(a);
}

static inline lanes lanes_maximum_bits(lanes a, lanes b)
{
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

static inline lanes lanes_round(lanes a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline lanes lanes_floor(lanes a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

static inline lanes lanes_power_of_two(lanes a)
{
    const __m512i biased = _mm512_add_epi32(_mm512_cvttps_epi32(a), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

#define LANES_SCALE
static inline lanes lanes_scale(lanes a, lanes n)
{
    return _mm512_scalef_ps(a, n);
}

static inline lanes lanes_copy_sign(lanes a, lanes b)
{
    const __m512 sign = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, b));
}

static inline uint32_t lanes_below(int end)
{
    return end <= 0 ? 0 : end >= KERN_LANES ? 0xffffu : (1u << end) - 1u;
}

static inline lanes lanes_select_range(lanes a, lanes b, int begin, int end)
{
    return _mm512_mask_blend_ps((__mmask16)(lanes_below(end) & ~lanes_below(begin)), b, a);
}

static inline void lanes_store_int8(int8_t *to, lanes a)
{
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}

static inline void lanes_store_int16(int16_t *to, lanes a)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(a)));
}

static inline float lanes_sum(lanes a)
{
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float lanes_largest(lanes a)
{
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* The largest by bits, of values without sign. */
static inline float lanes_largest_bits(lanes a)
{
    const __m256i eight = _mm256_max_epi32(_mm256_castps_si256(_mm512_castps512_ps256(a)),
                                           _mm256_castps_si256(_mm512_extractf32x8_ps(a, 1)));
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, _MM_SHUFFLE(1, 0, 3, 2)));
    const __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, _MM_SHUFFLE(2, 3, 0, 1)));
    return kern_float_from_bits((uint32_t)_mm_cvtsi128_si32(one));
}

static inline lanes lanes_where_at_most(lanes a, lanes x, lanes limit)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_LE_OQ), a);
}

static inline uint32_t lanes_reach(lanes a, lanes b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

static inline lanes lanes_bits(lanes a)
{
    return _mm512_cvtepi32_ps(_mm512_castps_si512(a));
}

/* One round for eight counters. A word is the lower half of 64 bits; the upper half is whatever it may be. */
static inline void philox_round(__m512i word[4], __m512i key0, __m512i key1)
{
    const __m512i product0 = _mm512_mul_epu32(word[0], _mm512_set1_epi64(KERN_PHILOX_0));
    const __m512i product1 = _mm512_mul_epu32(word[2], _mm512_set1_epi64(KERN_PHILOX_1));
    word[0] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(product1, 32), word[1], key0, 0x96); /* a ^ b ^ c */
    word[1] = product1;
    word[2] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(product0, 32), word[3], key1, 0x96);
    word[3] = product0;
}

static inline void lanes_philox(uint32_t first, const uint32_t counter[3], const uint32_t key[2], lanes words[4])
{
    const __m512i steps = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i rest[3] = {_mm512_set1_epi64(counter[0]), _mm512_set1_epi64(counter[1]),
                             _mm512_set1_epi64(counter[2])};
    __m512i even[4] = {_mm512_add_epi64(_mm512_set1_epi64(first), steps), rest[0], rest[1], rest[2]};
    __m512i odd[4] = {_mm512_add_epi64(even[0], _mm512_set1_epi64(1)), rest[0], rest[1], rest[2]};
    uint32_t key0 = key[0], key1 = key[1];
    for (int round = 0; round < 10; round++) {
        philox_round(even, _mm512_set1_epi64(key0), _mm512_set1_epi64(key1));
        philox_round(odd, _mm512_set1_epi64(key0), _mm512_set1_epi64(key1));
        key0 += KERN_PHILOX_KEY_0;
        key1 += KERN_PHILOX_KEY_1;
    }
    for (int j = 0; j < 4; j++) {
        const __m512i both = _mm512_mask_blend_epi32(0xaaaa, even[j], _mm512_slli_epi64(odd[j], 32));
        words[j] = _mm512_cvtepi32_ps(_mm512_srli_epi32(both, 8));
    }
}

#endif
