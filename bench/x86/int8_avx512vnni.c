/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/int8.h"

#include <immintrin.h>

int32_t bench_int8_avx512vnni(uint64_t rounds)
{
    enum { CHAINS = 16 };
    __m512i weights = _mm512_set1_epi8(3), inputs = _mm512_set1_epi8(-5), sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_setzero_si512();
    for (uint64_t round = 0; round < rounds; round++) {
        /* Hides where the values come from, so that the products can't be computed once for all rounds. */
        __asm__ volatile("" : "+v"(weights), "+v"(inputs));
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm512_dpbusd_epi32(sums[i], weights, inputs);
    }
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm512_add_epi32(sums[0], sums[i]);
    return _mm_cvtsi128_si32(_mm512_castsi512_si128(sums[0]));
}
