/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen rows of a tile in one AVX-512 register: what ref/forms_body.h needs of an instruction set. */
#ifndef FIRN_KERNELS_ROWS_AVX512_H
#define FIRN_KERNELS_ROWS_AVX512_H

#include "kernels/tile.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { ROWS = 16 };

typedef __m512i rows_int; /* int32 a row, or four bytes */
typedef __m512 rows_float;

ALWAYS_INLINE rows_int rows_load(const uint8_t *bytes)
{
    return _mm512_loadu_si512(bytes);
}

ALWAYS_INLINE rows_int rows_load_bytes(const uint8_t *bytes)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)bytes));
}

ALWAYS_INLINE rows_int rows_load_signed(const uint8_t *bytes)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)bytes));
}

ALWAYS_INLINE rows_float rows_load_halves(const uint8_t *halves)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)halves));
}

ALWAYS_INLINE rows_float rows_load_floats(const uint8_t *floats)
{
    return _mm512_loadu_ps(floats);
}

ALWAYS_INLINE rows_int rows_splat(int32_t value)
{
    return _mm512_set1_epi32(value);
}

ALWAYS_INLINE rows_int rows_and(rows_int a, rows_int b)
{
    return _mm512_and_si512(a, b);
}

ALWAYS_INLINE rows_int rows_or(rows_int a, rows_int b)
{
    return _mm512_or_si512(a, b);
}

/* a | (b & mask) */
ALWAYS_INLINE rows_int rows_insert(rows_int a, rows_int b, rows_int mask)
{
    return _mm512_ternarylogic_epi64(a, b, mask, 0xf8);
}

ALWAYS_INLINE rows_int rows_add(rows_int a, rows_int b)
{
    return _mm512_add_epi32(a, b);
}

ALWAYS_INLINE rows_int rows_subtract(rows_int a, rows_int b)
{
    return _mm512_sub_epi32(a, b);
}

ALWAYS_INLINE rows_int rows_shift_left(rows_int a, uint32_t n)
{
    return _mm512_slli_epi32(a, n);
}

ALWAYS_INLINE rows_int rows_shift_right(rows_int a, uint32_t n)
{
    return _mm512_srli_epi32(a, n);
}

/* Each byte shifted; bits may cross from a byte into its neighbour. */
ALWAYS_INLINE rows_int rows_bytes_up(rows_int a, int n)
{
    return _mm512_slli_epi16(a, n);
}

ALWAYS_INLINE rows_int rows_bytes_down(rows_int a, int n)
{
    return _mm512_srli_epi16(a, n);
}

/* values[index] + offset for each byte */
ALWAYS_INLINE rows_int rows_look_up(const int8_t *values, int offset, rows_int indices)
{
    const __m128i table = _mm_add_epi8(_mm_loadu_si128((const __m128i *)values), _mm_set1_epi8((char)offset));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), indices);
}

/* Three times the bytes times `factor` (both modulo 256), divided by 256: 0, 1 or 2. In the upper bytes of words. */
ALWAYS_INLINE rows_int rows_trits(rows_int a, int factor)
{
    const rows_int times = _mm512_set1_epi16((int16_t)factor), three = _mm512_set1_epi16(3);
    const rows_int even = _mm512_mullo_epi16(_mm512_slli_epi16(a, 8), times);
    const rows_int odd = _mm512_mullo_epi16(_mm512_and_si512(a, _mm512_set1_epi16((int16_t)0xff00)), times);
    return _mm512_or_si512(_mm512_mulhi_epu16(even, three), _mm512_slli_epi16(_mm512_mulhi_epu16(odd, three), 8));
}

ALWAYS_INLINE rows_float rows_to_float(rows_int a)
{
    return _mm512_cvtepi32_ps(a);
}

ALWAYS_INLINE rows_float rows_as_float(rows_int a)
{
    return _mm512_castsi512_ps(a);
}

ALWAYS_INLINE rows_float rows_multiply(rows_float a, rows_float b)
{
    return _mm512_mul_ps(a, b);
}

/* low * the lower int16 of the four bytes + high * the upper one; low and high are int16 */
ALWAYS_INLINE rows_int rows_multiply_pair(rows_int low, rows_int high, const uint8_t *pair)
{
    return _mm512_madd_epi16(_mm512_mask_blend_epi16(0xaaaaaaaa, low, _mm512_slli_epi32(high, 16)),
                             _mm512_set1_epi32((int32_t)kern_load32(pair)));
}

/* a * b + c, rounded once */
ALWAYS_INLINE rows_float rows_fma(rows_float a, rows_float b, rows_float c)
{
    return _mm512_fmadd_ps(a, b, c);
}

ALWAYS_INLINE rows_int rows_multiply_int(rows_int a, rows_int b)
{
    return _mm512_mullo_epi32(a, b);
}

ALWAYS_INLINE rows_float rows_splat_float(const uint8_t *bytes)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32((int32_t)kern_load32(bytes)));
}

/* Bytes, negated where their bit is set. */
ALWAYS_INLINE __m256i negate_where(__m256i bytes, const uint32_t *bits)
{
    return _mm256_mask_sub_epi8(bytes, (__mmask32)*bits, _mm256_setzero_si256(), bytes);
}

ALWAYS_INLINE void rows_store(float *to, rows_float a)
{
    _mm512_storeu_ps(to, a);
}

#endif
