/* SPDX-License-Identifier: Apache-2.0 */
/* Eight rows of a tile in one AVX register: what ref/forms_body.h needs of an instruction set. */
#ifndef FIRN_KERNELS_ROWS_AVX2_H
#define FIRN_KERNELS_ROWS_AVX2_H

#include "kernels/tile.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { ROWS = 8 };

typedef __m256i rows_int; /* int32 a row, or four bytes */
typedef __m256 rows_float;

ALWAYS_INLINE rows_int rows_load(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const __m256i *)bytes);
}

ALWAYS_INLINE rows_int rows_load_bytes(const uint8_t *bytes)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
}

ALWAYS_INLINE rows_int rows_load_signed(const uint8_t *bytes)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
}

ALWAYS_INLINE rows_float rows_load_halves(const uint8_t *halves)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}

ALWAYS_INLINE rows_float rows_load_floats(const uint8_t *floats)
{
    return _mm256_loadu_ps((const float *)(const void *)floats);
}

ALWAYS_INLINE rows_int rows_splat(int32_t value)
{
    return _mm256_set1_epi32(value);
}

ALWAYS_INLINE rows_int rows_and(rows_int a, rows_int b)
{
    return _mm256_and_si256(a, b);
}

ALWAYS_INLINE rows_int rows_or(rows_int a, rows_int b)
{
    return _mm256_or_si256(a, b);
}

/* a | (b & mask) */
ALWAYS_INLINE rows_int rows_insert(rows_int a, rows_int b, rows_int mask)
{
    return _mm256_or_si256(a, _mm256_and_si256(b, mask));
}

ALWAYS_INLINE rows_int rows_add(rows_int a, rows_int b)
{
    return _mm256_add_epi32(a, b);
}

ALWAYS_INLINE rows_int rows_subtract(rows_int a, rows_int b)
{
    return _mm256_sub_epi32(a, b);
}

ALWAYS_INLINE rows_int rows_shift_left(rows_int a, uint32_t n)
{
    return _mm256_slli_epi32(a, (int)n);
}

ALWAYS_INLINE rows_int rows_shift_right(rows_int a, uint32_t n)
{
    return _mm256_srli_epi32(a, (int)n);
}

/* Each byte shifted; bits may cross from a byte into its neighbour. */
ALWAYS_INLINE rows_int rows_bytes_up(rows_int a, int n)
{
    return _mm256_slli_epi16(a, n);
}

ALWAYS_INLINE rows_int rows_bytes_down(rows_int a, int n)
{
    return _mm256_srli_epi16(a, n);
}

/* values[index] + offset for each byte */
ALWAYS_INLINE rows_int rows_look_up(const int8_t *values, int offset, rows_int indices)
{
    const __m128i table = _mm_add_epi8(_mm_loadu_si128((const __m128i *)values), _mm_set1_epi8((char)offset));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), indices);
}

/* Three times the bytes times `factor` (both modulo 256), divided by 256: 0, 1 or 2. In the upper bytes of words. */
ALWAYS_INLINE rows_int rows_trits(rows_int a, int factor)
{
    const rows_int times = _mm256_set1_epi16((int16_t)factor), three = _mm256_set1_epi16(3);
    const rows_int even = _mm256_mullo_epi16(_mm256_slli_epi16(a, 8), times);
    const rows_int odd = _mm256_mullo_epi16(_mm256_and_si256(a, _mm256_set1_epi16((int16_t)0xff00)), times);
    return _mm256_or_si256(_mm256_mulhi_epu16(even, three), _mm256_slli_epi16(_mm256_mulhi_epu16(odd, three), 8));
}

ALWAYS_INLINE rows_float rows_to_float(rows_int a)
{
    return _mm256_cvtepi32_ps(a);
}

ALWAYS_INLINE rows_float rows_as_float(rows_int a)
{
    return _mm256_castsi256_ps(a);
}

ALWAYS_INLINE rows_float rows_multiply(rows_float a, rows_float b)
{
    return _mm256_mul_ps(a, b);
}

/* low * the lower int16 of the four bytes + high * the upper one; low and high are int16 */
ALWAYS_INLINE rows_int rows_multiply_pair(rows_int low, rows_int high, const uint8_t *pair)
{
    return _mm256_madd_epi16(_mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa),
                             _mm256_set1_epi32((int32_t)kern_load32(pair)));
}

/* a * b + c, rounded once */
ALWAYS_INLINE rows_float rows_fma(rows_float a, rows_float b, rows_float c)
{
    return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE rows_int rows_multiply_int(rows_int a, rows_int b)
{
    return _mm256_mullo_epi32(a, b);
}

ALWAYS_INLINE rows_float rows_splat_float(const uint8_t *bytes)
{
    return _mm256_castsi256_ps(_mm256_set1_epi32((int32_t)kern_load32(bytes)));
}

/* Bytes, negated where their bit is set. */
ALWAYS_INLINE __m256i negate_where(__m256i bytes, const uint32_t *bits)
{
    const __m256i each =
        _mm256_shuffle_epi8(_mm256_set1_epi32((int)*bits),
                            _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
    const __m256i one_bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i negative = _mm256_cmpeq_epi8(_mm256_and_si256(each, one_bit), one_bit);
    return _mm256_sub_epi8(_mm256_xor_si256(bytes, negative), negative);
}

ALWAYS_INLINE void rows_store(float *to, rows_float a)
{
    _mm256_storeu_ps(to, a);
}

#endif
