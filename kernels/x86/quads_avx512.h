/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen exact sums as 32 of pairs: bytes become int16, and vpmaddwd adds two products. See ref/quads_scalar.h. */
#ifndef FIRN_KERNELS_QUADS_AVX512_H
#define FIRN_KERNELS_QUADS_AVX512_H

#include "kernels/x86/lanes_avx512.h"

enum { QUADS_ROWS = 4, QUADS_WIDE = 2 };

typedef struct quads {
    __m512i low, high; /* of each sum two parts, side by side */
} quads;

static inline quads quads_start(int32_t start)
{
    const __m512i first = _mm512_set1_epi64((uint32_t)start);
    return (quads){first, first};
}

static inline __m512i add_half(__m512i sums, const uint8_t *bytes, __m512i factor)
{
    const __m512i wide = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)bytes));
    return _mm512_add_epi32(sums, _mm512_madd_epi16(wide, factor));
}

static inline quads quads_add(quads sums, const uint8_t *bytes, const uint8_t *factors)
{
    int64_t four;
    memcpy(&four, factors, sizeof four);
    const __m512i factor = _mm512_set1_epi64(four);
    return (quads){add_half(sums.low, bytes, factor), add_half(sums.high, bytes + 32, factor)};
}

static inline lanes quads_total(quads sums)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_permutex2var_epi32(sums.low, even, sums.high),
                                               _mm512_permutex2var_epi32(sums.low, odd, sums.high)));
}

#endif
