/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the compiler's header where a program has AVX2 and emulates AVX-VNNI: see
 * tests/kernels/plain_levels.py.
 */
#ifndef FIRN_TESTS_EMULATED_IMMINTRIN_H
#define FIRN_TESTS_EMULATED_IMMINTRIN_H

#include_next <immintrin.h>

#ifdef __AVX2__
/* sums + four products of unsigned and signed bytes, exactly: even and odd bytes as int16 */
static inline __m256i emulated_dpbusd(__m256i sums, __m256i a, __m256i b)
{
    const __m256i low = _mm256_set1_epi16(255);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, low), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sums, _mm256_add_epi32(even, odd));
}

#define _mm256_dpbusd_avx_epi32 emulated_dpbusd
#endif

#endif
