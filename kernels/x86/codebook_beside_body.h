/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks, for every x86 level: what stands beside the codes of 256 weights of a row (scales, signs),
 * as registers.
 */
#ifndef FIRN_KERNELS_X86_CODEBOOK_BESIDE_BODY_H
#define FIRN_KERNELS_X86_CODEBOOK_BESIDE_BODY_H

#include "kernels/codebooks.h"
#include "kernels/half.h"
#include "kernels/kernels.h"
#include "kernels/x86/q8_0.h"

enum { SUPER = 256, SUPER_BLOCKS = SUPER / KERN_BLOCK, SUPER_TERMS = KERN_TILE_ROWS * 2 * SUPER_BLOCKS };

/* 256 weights of a row beside their bytes: weight = (byte - codebook_zero) * sign * subscale * scale. */
typedef struct codebook_row {
    __m256 scales;         /* of eight blocks */
    int16_t subscales[16]; /* of their halves */
    uint32_t extras[8];    /* a bit for each weight: it is negative; IQ1: a byte for each eight weights, to be added */
} codebook_row;

/* The column's numbers apart from each other, at the front of the scratch. */
typedef struct codebook_inputs {
    float *scales;   /* [blocks] */
    int16_t *sums;   /* [blocks][2] */
    int16_t *eights; /* [blocks][4] sums of eight inputs */
    uint8_t *q;      /* [blocks][32], in the order that store_inputs() gives them */
    float *terms;    /* [supers][SUPER_TERMS] */
} codebook_inputs;

ALWAYS_INLINE bool is_iq1(kern_type type)
{
    return type == KERN_IQ1_S || type == KERN_IQ1_M;
}

/* IQ1's weights are 0, 8 or 16 less 8, plus or minus 1. */
ALWAYS_INLINE int codebook_zero(kern_type type)
{
    return is_iq1(type) ? 9 : 0;
}

ALWAYS_INLINE __m256i load_256(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

ALWAYS_INLINE __m128i load_128(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* ---- what stands beside 256 weights ---- */

/* Each byte's 7 bits, and an eighth that makes their number even. */
ALWAYS_INLINE __m256i with_even_bits(__m256i bytes)
{
    const char o = (char)0x80;
    const __m256i odd = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, o, o, 0, o, 0, 0, o, o, 0, 0, o, 0, o, o, 0));
    const __m256i folded = _mm256_xor_si256(bytes, _mm256_srli_epi16(bytes, 4));
    return _mm256_or_si256(bytes, _mm256_shuffle_epi8(odd, _mm256_and_si256(folded, _mm256_set1_epi8(15))));
}

/* Four numbers of 7 bits in each word, as its bytes. */
ALWAYS_INLINE __m256i four_sevens(__m256i words)
{
    __m256i bytes = _mm256_and_si256(words, _mm256_set1_epi32(0x7f));
    bytes = _mm256_or_si256(bytes, _mm256_and_si256(_mm256_slli_epi32(words, 1), _mm256_set1_epi32(0x7f00)));
    bytes = _mm256_or_si256(bytes, _mm256_and_si256(_mm256_slli_epi32(words, 2), _mm256_set1_epi32(0x7f0000)));
    return _mm256_or_si256(bytes, _mm256_and_si256(_mm256_slli_epi32(words, 3), _mm256_set1_epi32(0x7f000000)));
}

/* 2 * numbers + 1 */
ALWAYS_INLINE __m256i odd_words(__m256i numbers)
{
    return _mm256_or_si256(_mm256_slli_epi32(numbers, 1), _mm256_set1_epi32(1));
}

/* 2 * n + 1 for the nibbles n of eight bytes, the lower of each first. */
ALWAYS_INLINE __m256i odd_nibbles(const uint8_t *bytes)
{
    const __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)bytes);
    const __m128i nibbles = _mm_and_si128(_mm_unpacklo_epi8(eight, _mm_srli_epi16(eight, 4)), _mm_set1_epi8(15));
    return _mm256_cvtepu8_epi16(_mm_or_si128(_mm_slli_epi16(nibbles, 1), _mm_set1_epi8(1)));
}

ALWAYS_INLINE __m256i xxs_words(kern_type type, const uint8_t *block)
{
    if (type == KERN_IQ3_XXS)
        return load_256(block + 66);
    const __m256 a = _mm256_loadu_ps((const float *)(const void *)(block + 2));
    const __m256 b = _mm256_loadu_ps((const float *)(const void *)(block + 34));
    const __m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
    return _mm256_permute4x64_epi64(odd, _MM_SHUFFLE(3, 1, 2, 0));
}

/* IQ2_XS: the upper 7 bits of each code. */
ALWAYS_INLINE __m256i xs_sevens(const uint8_t *block)
{
    const __m256i both =
        _mm256_packus_epi16(_mm256_srli_epi16(load_256(block + 2), 9), _mm256_srli_epi16(load_256(block + 34), 9));
    return _mm256_permute4x64_epi64(both, _MM_SHUFFLE(3, 1, 2, 0));
}

/* IQ1_M: 2 where an eighth is to be added and not taken off: a bit of each nibble. */
ALWAYS_INLINE __m256i iq1_m_extras(const uint8_t *block)
{
    const __m128i bytes = load_128(block + 32), upper = _mm_srli_epi16(bytes, 4);
    const __m256i nibbles = _mm256_set_m128i(_mm_unpackhi_epi8(bytes, upper), _mm_unpacklo_epi8(bytes, upper));
    const __m256i plus = _mm256_cmpeq_epi8(_mm256_and_si256(nibbles, _mm256_set1_epi8(8)), _mm256_setzero_si256());
    return _mm256_and_si256(plus, _mm256_set1_epi8(2));
}

/* IQ1_M: four numbers of 3 bits in each of four words of 16, and the block's scale in their upper 4 bits. */
ALWAYS_INLINE __m256i iq1_m_subscales(const uint8_t *words)
{
    const __m128i four = _mm_loadl_epi64((const __m128i *)(const void *)words);
    const __m256i each = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four),
                                             _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3, 4, 5, 4,
                                                              5, 4, 5, 4, 5, 6, 7, 6, 7, 6, 7, 6, 7));
    const __m256i up = _mm256_set1_epi64x(0x0001000800400200); /* by 9, 6, 3 and 0 bits */
    const __m256i numbers = _mm256_and_si256(_mm256_srli_epi16(_mm256_mullo_epi16(each, up), 9), _mm256_set1_epi16(7));
    return _mm256_or_si256(_mm256_slli_epi16(numbers, 1), _mm256_set1_epi16(1));
}

ALWAYS_INLINE uint16_t iq1_m_scale(const uint8_t *words)
{
    return (uint16_t)(words[1] >> 4 | (words[3] & 0xf0) | (words[5] & 0xf0) << 4 | (words[7] & 0xf0) << 8);
}

ALWAYS_INLINE void read_beside(kern_type type, const uint8_t *block, codebook_row *row)
{
    const float unit = type == KERN_IQ3_S ? 1.0f : type == KERN_IQ3_XXS ? 0.25f : 0.125f;
    const uint16_t half = type == KERN_IQ1_M ? iq1_m_scale(block + 48) : kern_load16(block);
    const __m256 scale = _mm256_mul_ps(_mm256_cvtph_ps(_mm_set1_epi16((short)half)), _mm256_set1_ps(unit));
    __m256i factors = _mm256_set1_epi32(1), subscales = _mm256_set1_epi16(1), extras;
    if (type == KERN_IQ2_XXS || type == KERN_IQ3_XXS) {
        const __m256i words = xxs_words(type, block);
        factors = odd_words(_mm256_srli_epi32(words, 28));
        extras = with_even_bits(four_sevens(words));
    } else if (type == KERN_IQ2_XS) {
        subscales = odd_nibbles(block + 66);
        extras = with_even_bits(xs_sevens(block));
    } else if (type == KERN_IQ2_S) {
        subscales = odd_nibbles(block + 74);
        extras = load_256(block + 34);
    } else if (type == KERN_IQ3_S) {
        const __m128i four = _mm_cvtsi32_si128((int)kern_load32(block + 106));
        const __m128i nibbles = _mm_and_si128(_mm_unpacklo_epi8(four, _mm_srli_epi16(four, 4)), _mm_set1_epi8(15));
        factors = odd_words(_mm256_cvtepu8_epi32(nibbles));
        extras = load_256(block + 74);
    } else if (type == KERN_IQ1_S) {
        const __m256i high = _mm256_cvtepu16_epi32(load_128(block + 34));
        factors = odd_words(_mm256_and_si256(_mm256_srli_epi32(high, 12), _mm256_set1_epi32(7)));
        const __m256i minus = _mm256_srai_epi32(_mm256_slli_epi32(high, 16), 31);
        extras = _mm256_andnot_si256(minus, _mm256_set1_epi8(2));
    } else {
        subscales = iq1_m_subscales(block + 48);
        extras = iq1_m_extras(block);
    }
    row->scales = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(factors));
    _mm256_storeu_si256((__m256i *)(void *)row->subscales, subscales);
    _mm256_storeu_si256((__m256i *)(void *)row->extras, extras);
}

#endif
