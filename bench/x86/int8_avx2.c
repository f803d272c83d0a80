/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/int8.h"

#include <immintrin.h>

int32_t bench_int8_avx2(uint64_t rounds)
{
    enum { CHAINS = 8 };
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i weights = _mm256_set1_epi8(3), inputs = _mm256_set1_epi8(-5), sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm256_setzero_si256();
    for (uint64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < CHAINS; i++) {
            /* Hides where the values come from, so that the products can't be computed once for all rounds. */
            __asm__ volatile("" : "+x"(weights), "+x"(inputs));
            __m256i narrow = _mm256_maddubs_epi16(weights, inputs);
            for (int j = 1; j < 4; j++) {
                __asm__ volatile("" : "+x"(weights));
                narrow = _mm256_add_epi16(narrow, _mm256_maddubs_epi16(weights, inputs));
            }
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(narrow, ones));
        }
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm256_add_epi32(sums[0], sums[i]);
    return _mm_cvtsi128_si32(_mm256_castsi256_si128(sums[0]));
}
