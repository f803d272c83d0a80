/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen exact sums as 32 of pairs: bytes become int16, and vpmaddwd adds two products. See ref/quads_scalar.h. */
#ifndef FIRN_KERNELS_QUADS_AVX2_H
#define FIRN_KERNELS_QUADS_AVX2_H

#include "kernels/x86/lanes_avx2.h"

enum { QUADS_ROWS = 3, QUADS_WIDE = 1 };

typedef struct quads {
    __m256i at[4]; /* of each sum two parts, side by side */
} quads;

static inline quads quads_start(int32_t start)
{
    const __m256i first = _mm256_set1_epi64x((uint32_t)start);
    return (quads){{first, first, first, first}};
}

static inline quads quads_add(quads sums, const uint8_t *bytes, const uint8_t *factors)
{
    int64_t four;
    memcpy(&four, factors, sizeof four);
    const __m256i factor = _mm256_set1_epi64x(four);
    for (int i = 0; i < 4; i++) {
        const __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)));
        sums.at[i] = _mm256_add_epi32(sums.at[i], _mm256_madd_epi16(wide, factor));
    }
    return sums;
}

/* The sums of 16 parts. */
static inline __m256 eight_totals(__m256i a, __m256i b)
{
    const __m256i sums = _mm256_hadd_epi32(a, b); /* 0, 1, 4, 5 | 2, 3, 6, 7 */
    return _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(sums, _MM_SHUFFLE(3, 1, 2, 0)));
}

static inline lanes quads_total(quads sums)
{
    return (lanes){eight_totals(sums.at[0], sums.at[1]), eight_totals(sums.at[2], sums.at[3])};
}

#endif
