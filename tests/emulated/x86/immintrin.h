/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the compiler's header where a program has AVX2 and emulates AVX-VNNI and AVX-512: see
 * tests/kernels/plain_levels.py. SIMDe has most of AVX-512; what its version 0.7.4 lacks or gets wrong is here. Nothing
 * is inlined: expanded in place, hundreds of them in one function take minutes to compile.
 */
#ifndef FIRN_TESTS_EMULATED_IMMINTRIN_H
#define FIRN_TESTS_EMULATED_IMMINTRIN_H

#include_next <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX2__
#define SIMDE_ENABLE_NATIVE_ALIASES
#define SIMDE_NO_INLINE
#include <simde/x86/avx512.h>

#define EMULATED __attribute__((noinline, unused)) static

/* sums + four products of unsigned and signed bytes, exactly: even and odd bytes as int16 */
EMULATED __m256i emulated_dpbusd(__m256i sums, __m256i a, __m256i b)
{
    const __m256i low = _mm256_set1_epi16(255);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, low), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sums, _mm256_add_epi32(even, odd));
}

#define _mm256_dpbusd_avx_epi32 emulated_dpbusd

typedef __m512i emulated_ints;
typedef __m512 emulated_floats;

typedef union emulated_halves {
    emulated_ints ints;
    emulated_floats floats;
    __m256i half_ints[2];
    __m256 half_floats[2];
} emulated_halves;

/* A function of each half by itself, from ints or floats to ints or floats. */
#define EMULATED_EACH_HALF(name, from, to, function)     \
    EMULATED emulated_##to name(emulated_##from a)       \
    {                                                    \
        emulated_halves x = {.from = a};                 \
        for (int i = 0; i < 2; i++)                      \
            x.half_##to[i] = function(x.half_##from[i]); \
        return x.to;                                     \
    }

EMULATED __m512i emulated_madd(__m512i a, __m512i b)
{
    emulated_halves x = {a}, y = {b};
    for (int i = 0; i < 2; i++)
        x.half_ints[i] = _mm256_madd_epi16(x.half_ints[i], y.half_ints[i]);
    return x.ints;
}
#undef _mm512_madd_epi16
#define _mm512_madd_epi16 emulated_madd

EMULATED_EACH_HALF(emulated_even, floats, floats, _mm256_moveldup_ps)
#undef _mm512_moveldup_ps
#define _mm512_moveldup_ps emulated_even

EMULATED_EACH_HALF(emulated_odd, floats, floats, _mm256_movehdup_ps)
#undef _mm512_movehdup_ps
#define _mm512_movehdup_ps emulated_odd

EMULATED __m256i emulated_mask_subtract(__m256i otherwise, uint32_t mask, __m256i a, __m256i b)
{
    int8_t from[32], to[32];
    const __m256i all = _mm256_sub_epi8(a, b);
    memcpy(from, &all, sizeof from);
    memcpy(to, &otherwise, sizeof to);
    for (int i = 0; i < 32; i++)
        to[i] = mask >> i & 1 ? from[i] : to[i];
    return _mm256_loadu_si256((const __m256i *)to);
}
#undef _mm256_mask_sub_epi8
#define _mm256_mask_sub_epi8 emulated_mask_subtract

EMULATED __m256i emulated_mask_broadcast(__m256i otherwise, uint8_t mask, __m128i a)
{
    uint64_t to[4];
    memcpy(to, &otherwise, sizeof to);
    for (int i = 0; i < 4; i++)
        if (mask >> i & 1)
            memcpy(&to[i], &a, sizeof to[i]);
    return _mm256_loadu_si256((const __m256i *)to);
}
#undef _mm256_mask_broadcastq_epi64
#define _mm256_mask_broadcastq_epi64 emulated_mask_broadcast

EMULATED __m512i emulated_extend(__m256i a)
{
    const emulated_halves x = {.half_ints = {a, _mm256_setzero_si256()}};
    return x.ints;
}
#undef _mm512_zextsi256_si512
#define _mm512_zextsi256_si512 emulated_extend

EMULATED int emulated_sum(__m512i a)
{
    uint32_t each[16], sum = 0;
    memcpy(each, &a, sizeof each);
    for (int i = 0; i < 16; i++)
        sum += each[i];
    return (int)sum;
}
#undef _mm512_reduce_add_epi32
#define _mm512_reduce_add_epi32 emulated_sum

EMULATED __m512 emulated_absolute(__m512 a)
{
    emulated_halves x = {.floats = a};
    for (int i = 0; i < 2; i++)
        x.half_floats[i] = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.half_floats[i]);
    return x.floats;
}
#undef _mm512_abs_ps
#define _mm512_abs_ps emulated_absolute

EMULATED __m512 emulated_round(__m512 a, int mode)
{
    emulated_halves x = {.floats = a};
    for (int i = 0; i < 2; i++) {
        if (mode == (_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
            x.half_floats[i] = _mm256_round_ps(x.half_floats[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        else if (mode == (_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))
            x.half_floats[i] = _mm256_round_ps(x.half_floats[i], _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        else
            abort();
    }
    return x.floats;
}
#undef _mm512_roundscale_ps
#define _mm512_roundscale_ps emulated_round

/* a * 2^floor(b), rounded once, subnormal or not; SIMDe's power underflows before the product does */
EMULATED __m512 emulated_scale(__m512 a, __m512 b)
{
    float x[16], exponents[16];
    memcpy(x, &a, sizeof x);
    memcpy(exponents, &b, sizeof exponents);
    for (int i = 0; i < 16; i++)
        x[i] = isnan(exponents[i]) ? exponents[i] : ldexpf(x[i], (int)floorf(exponents[i]));
    memcpy(&a, x, sizeof x);
    return a;
}
#undef _mm512_scalef_ps
#define _mm512_scalef_ps emulated_scale

EMULATED_EACH_HALF(emulated_to_floats, ints, floats, _mm256_cvtepi32_ps)
#define _mm512_cvtepi32_ps emulated_to_floats

EMULATED_EACH_HALF(emulated_to_ints, floats, ints, _mm256_cvtps_epi32)
#define _mm512_cvtps_epi32 emulated_to_ints

EMULATED_EACH_HALF(emulated_truncate, floats, ints, _mm256_cvttps_epi32)
#define _mm512_cvttps_epi32 emulated_truncate

EMULATED __m512 emulated_from_halves(__m256i a)
{
    const emulated_halves x = {
        .half_floats = {_mm256_cvtph_ps(_mm256_castsi256_si128(a)), _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1))}};
    return x.floats;
}
#define _mm512_cvtph_ps emulated_from_halves

EMULATED __m256i emulated_round_to_halves(__m512 a)
{
    const emulated_halves x = {.floats = a};
    return _mm256_set_m128i(_mm256_cvtps_ph(x.half_floats[1], _MM_FROUND_TO_NEAREST_INT),
                            _mm256_cvtps_ph(x.half_floats[0], _MM_FROUND_TO_NEAREST_INT));
}
#define _mm512_cvtps_ph(a, rounding) emulated_round_to_halves(a)

EMULATED __m256 emulated_extract(__m512 a, int which)
{
    const emulated_halves x = {.floats = a};
    return x.half_floats[which];
}
#define _mm512_extractf32x8_ps emulated_extract

/* Each half of the result comes of a half of `a`: low, high. */
#define EMULATED_WIDEN(name, source, low, high)                                                   \
    EMULATED __m512i emulated_widen_##name(source a)                                              \
    {                                                                                             \
        const emulated_halves x = {.half_ints = {_mm256_cvt##name(low), _mm256_cvt##name(high)}}; \
        return x.ints;                                                                            \
    }
EMULATED_WIDEN(epu8_epi32, __m128i, a, _mm_srli_si128(a, 8))
EMULATED_WIDEN(epi8_epi32, __m128i, a, _mm_srli_si128(a, 8))
EMULATED_WIDEN(epu8_epi64, __m128i, a, _mm_srli_si128(a, 4))
EMULATED_WIDEN(epu8_epi16, __m256i, _mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1))
EMULATED_WIDEN(epu16_epi32, __m256i, _mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1))
EMULATED_WIDEN(epi16_epi32, __m256i, _mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1))
#define _mm512_cvtepu8_epi32  emulated_widen_epu8_epi32
#define _mm512_cvtepi8_epi32  emulated_widen_epi8_epi32
#define _mm512_cvtepu8_epi64  emulated_widen_epu8_epi64
#define _mm512_cvtepu8_epi16  emulated_widen_epu8_epi16
#define _mm512_cvtepu16_epi32 emulated_widen_epu16_epi32
#define _mm512_cvtepi16_epi32 emulated_widen_epi16_epi32

EMULATED __m128i emulated_narrow_eight_to_words(__m512i a)
{
    int64_t from[8];
    int16_t to[8];
    memcpy(from, &a, sizeof from);
    for (int i = 0; i < 8; i++)
        to[i] = (int16_t)from[i];
    return _mm_loadu_si128((const __m128i *)to);
}
#define _mm512_cvtepi64_epi16 emulated_narrow_eight_to_words

EMULATED __m512i emulated_multiply_upper(__m512i a, __m512i b)
{
    emulated_halves x = {a}, y = {b};
    for (int i = 0; i < 2; i++)
        x.half_ints[i] = _mm256_mulhi_epu16(x.half_ints[i], y.half_ints[i]);
    return x.ints;
}
#define _mm512_mulhi_epu16 emulated_multiply_upper

EMULATED __m512i emulated_shift_signed(__m512i a, unsigned count)
{
    emulated_halves x = {a};
    for (int i = 0; i < 2; i++)
        x.half_ints[i] = _mm256_srai_epi32(x.half_ints[i], (int)count);
    return x.ints;
}
#define _mm512_srai_epi32 emulated_shift_signed

EMULATED __m128i emulated_narrow_to_bytes(__m512i a)
{
    int32_t from[16];
    int8_t to[16];
    memcpy(from, &a, sizeof from);
    for (int i = 0; i < 16; i++)
        to[i] = (int8_t)from[i];
    return _mm_loadu_si128((const __m128i *)to);
}
#define _mm512_cvtepi32_epi8 emulated_narrow_to_bytes

EMULATED __m256i emulated_narrow_to_words(__m512i a)
{
    int32_t from[16];
    int16_t to[16];
    memcpy(from, &a, sizeof from);
    for (int i = 0; i < 16; i++)
        to[i] = (int16_t)from[i];
    return _mm256_loadu_si256((const __m256i *)to);
}
#define _mm512_cvtepi32_epi16 emulated_narrow_to_words

#endif

#endif
