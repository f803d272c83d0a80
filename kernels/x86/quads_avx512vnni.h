/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen exact sums in two registers: a factor is 256 * high + low, two signed bytes, and vpdpbusd adds four products
 * with each. A quad of factors is stored as four low bytes and four high ones. See ref/quads_scalar.h.
 */
#ifndef FIRN_KERNELS_QUADS_AVX512VNNI_H
#define FIRN_KERNELS_QUADS_AVX512VNNI_H

#include "kernels/x86/lanes_avx512.h"

enum { QUADS_ROWS = 4, QUADS_WIDE = 2 };

typedef struct quads {
    __m512i low, high;
} quads;

static inline quads quads_start(int32_t start)
{
    return (quads){_mm512_set1_epi32(start), _mm512_setzero_si512()};
}

static inline quads quads_add(quads sums, const uint8_t *bytes, const uint8_t *factors)
{
    const __m512i data = _mm512_loadu_si512(bytes);
    int32_t low, high;
    memcpy(&low, factors, 4);
    memcpy(&high, factors + 4, 4);
    return (quads){_mm512_dpbusd_epi32(sums.low, data, _mm512_set1_epi32(low)),
                   _mm512_dpbusd_epi32(sums.high, data, _mm512_set1_epi32(high))};
}

static inline lanes quads_total(quads sums)
{
    return _mm512_cvtepi32_ps(_mm512_add_epi32(sums.low, _mm512_slli_epi32(sums.high, 8)));
}

#define QUADS_STORE
static inline void quads_store(uint8_t *to, lanes factors)
{
    const __m512i whole = _mm512_cvtps_epi32(factors);
    const __m128i low = _mm512_cvtepi32_epi8(whole); /* as signed bytes; what they lack of the whole is 256 * high */
    const __m128i high = _mm512_cvtepi32_epi8(_mm512_srai_epi32(_mm512_add_epi32(whole, _mm512_set1_epi32(128)), 8));
    _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi32(low, high));
    _mm_storeu_si128((__m128i *)(to + 16), _mm_unpackhi_epi32(low, high));
}

#endif
