/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks, for every x86 level: 256 weights of a row decoded as eight blocks of unsigned bytes with
 * signs beside them; rows times one column, one row after the other as they lie in memory; and a tile expanded for
 * many columns. Include the level's rows first: negate_where() is theirs.
 */
#ifndef FIRN_KERNELS_X86_CODEBOOK_BODY_H
#define FIRN_KERNELS_X86_CODEBOOK_BODY_H

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

ALWAYS_INLINE bool is_iq1(kern_type type)
{
    return type == KERN_IQ1_S || type == KERN_IQ1_M;
}

/* IQ1's weights are 0, 8 or 16 less 8, plus or minus 1. */
ALWAYS_INLINE int codebook_zero(kern_type type)
{
    return is_iq1(type) ? 9 : 0;
}

ALWAYS_INLINE bool has_codebook_subscales(kern_type type)
{
    return type == KERN_IQ2_XS || type == KERN_IQ2_S || type == KERN_IQ1_M;
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

/* ---- bytes ---- */

ALWAYS_INLINE __m256i four_eights(const uint64_t *values, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return _mm256_set_epi64x((long long)values[d], (long long)values[c], (long long)values[b], (long long)values[a]);
}

/* Indices of eight bits in `low` and a ninth in `high`. */
ALWAYS_INLINE __m256i eight_fours(const uint32_t *values, const uint8_t *low, uint32_t high)
{
    uint32_t v[8];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; i++)
        v[i] = values[low[i] | (high << (8 - i) & 256)];
    return _mm256_setr_epi32((int)v[0], (int)v[1], (int)v[2], (int)v[3], (int)v[4], (int)v[5], (int)v[6], (int)v[7]);
}

/* The magnitudes of block b; of IQ1 the bytes without what is beside them. */
ALWAYS_INLINE __m256i magnitudes(kern_type type, const uint8_t *block, uint32_t b)
{
    if (type == KERN_IQ2_XXS) {
        const uint32_t i = kern_load32(block + 2 + 8 * b);
        return four_eights(kern_iq2_xxs_values, i & 255, i >> 8 & 255, i >> 16 & 255, i >> 24);
    }
    if (type == KERN_IQ2_XS) {
        const uint32_t i = kern_load32(block + 2 + 8 * b), j = kern_load32(block + 6 + 8 * b);
        return four_eights(kern_iq2_xs_values, i & 511, i >> 16 & 511, j & 511, j >> 16 & 511);
    }
    if (type == KERN_IQ2_S) {
        const uint8_t *const low = block + 2 + 4 * b;
        const uint32_t high = block[66 + b];
        return four_eights(kern_iq2_s_values, low[0] | (high << 8 & 768), low[1] | (high << 6 & 768),
                           low[2] | (high << 4 & 768), low[3] | (high << 2 & 768));
    }
    if (type == KERN_IQ3_XXS)
        return eight_fours(kern_iq3_xxs_values, block + 2 + 8 * b, 0);
    if (type == KERN_IQ3_S)
        return eight_fours(kern_iq3_s_values, block + 2 + 8 * b, block[66 + b]);
    const bool small = type == KERN_IQ1_S;
    const uint8_t *const low = block + (small ? 2 : 0) + 4 * b;
    const uint32_t high = kern_load16(block + (small ? 34 : 32) + 2 * b), step = small ? 3 : 4;
    return four_eights(kern_iq1_s_values, low[0] | (high & 7) << 8, low[1] | (high >> step & 7) << 8,
                       low[2] | (high >> 2 * step & 7) << 8, low[3] | (high >> 3 * step & 7) << 8);
}

/* Each of four bytes eight times. */
ALWAYS_INLINE __m256i each_eight_times(const uint32_t *four)
{
    return _mm256_shuffle_epi8(_mm256_set1_epi32((int)*four),
                               _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
}

/* ---- one column ---- */

/* Eight blocks of one row: what is to be multiplied and added for each, scale and sum. `x_sums`: of half blocks. */
ALWAYS_INLINE void codebook_terms(const kern_type type, const uint8_t *block, const uint8_t *q, const float *x_scales,
                                  const int16_t *x_sums, float *terms)
{
    codebook_row row;
    __m256i sums[SUPER_BLOCKS];
    read_beside(type, block, &row);
    /* the two subscales of a block for eight products of two each */
    const __m256i spread =
        _mm256_setr_epi64x(0x0100010001000100, 0x0100010001000100, 0x0302030203020302, 0x0302030203020302);
#pragma GCC unroll 8
    for (uint32_t b = 0; b < SUPER_BLOCKS; b++) {
        __m256i bytes = magnitudes(type, block, b), inputs = load_256(q + KERN_BLOCK * b);
        if (is_iq1(type))
            bytes = _mm256_add_epi8(bytes, each_eight_times(&row.extras[b]));
        else
            inputs = negate_where(inputs, &row.extras[b]);
        __m256i factors = _mm256_set1_epi16(1);
        if (has_codebook_subscales(type)) {
            int pair;
            memcpy(&pair, row.subscales + 2 * b, sizeof pair);
            factors = _mm256_shuffle_epi8(_mm256_set1_epi32(pair), spread);
        }
        sums[b] = _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, inputs), factors);
    }
    const __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    const __m256i high = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[4], sums[5]), _mm256_hadd_epi32(sums[6], sums[7]));
    __m256i sum =
        _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
    if (codebook_zero(type) != 0) {
        const __m256i inputs = _mm256_madd_epi16(load_256(row.subscales), load_256(x_sums));
        sum = _mm256_sub_epi32(sum, _mm256_mullo_epi32(inputs, _mm256_set1_epi32(codebook_zero(type))));
    }
    _mm256_storeu_ps(terms, _mm256_mul_ps(row.scales, _mm256_loadu_ps(x_scales)));
    _mm256_storeu_ps(terms + SUPER_BLOCKS, _mm256_cvtepi32_ps(sum));
}

/* Adds the terms of eight blocks and eight rows, blocks in order. */
ALWAYS_INLINE __m256 add_super_terms(const float *terms, __m256 result)
{
    __m256i scales[8], sums[8];
    for (uint32_t r = 0; r < 8; r++) {
        scales[r] = load_256(terms + (size_t)r * 2 * SUPER_BLOCKS);
        sums[r] = load_256(terms + (size_t)r * 2 * SUPER_BLOCKS + SUPER_BLOCKS);
    }
    transpose_eight(scales);
    transpose_eight(sums);
    for (uint32_t b = 0; b < SUPER_BLOCKS; b++)
        result = _mm256_fmadd_ps(_mm256_castsi256_ps(scales[b]), _mm256_castsi256_ps(sums[b]), result);
    return result;
}

/* The column's numbers apart from each other, at the front of the scratch. */
typedef struct codebook_inputs {
    float *scales; /* [blocks] */
    int16_t *sums; /* [blocks][2] */
    uint8_t *q;    /* [blocks][32] */
    float *terms;  /* [supers][SUPER_TERMS] */
} codebook_inputs;

ALWAYS_INLINE codebook_inputs split_column(const uint8_t *x, uint32_t n_blocks, uint8_t *scratch)
{
    codebook_inputs in = {.scales = (float *)(void *)scratch, .sums = (int16_t *)(void *)(scratch + 4 * n_blocks)};
    in.q = scratch + 8 * (size_t)n_blocks;
    in.terms = (float *)(void *)(in.q + KERN_BLOCK * (size_t)n_blocks);
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = x + (size_t)b * KERN_INT8_BYTES;
        memcpy(&in.scales[b], block, 4);
        memcpy(&in.sums[2 * b], block + 8, 4);
        memcpy(in.q + KERN_BLOCK * (size_t)b, block + 12, KERN_BLOCK);
    }
    return in;
}

ALWAYS_INLINE void codebook_tile(const kern_type type, const kern_matrix *weights, uint32_t tile,
                                 const codebook_inputs *in, float *out)
{
    const uint32_t n_supers = weights->n_inputs / SUPER, block_bytes = kern_type_find(type)->block_bytes;
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
        for (uint32_t s = 0; s < n_supers; s++)
            codebook_terms(type, rows.at[r] + (size_t)s * block_bytes, in->q + (size_t)s * SUPER,
                           in->scales + s * SUPER_BLOCKS, in->sums + s * 2 * SUPER_BLOCKS,
                           in->terms + (size_t)s * SUPER_TERMS + r * 2 * SUPER_BLOCKS);
    for (uint32_t half = 0; half < 2; half++) {
        __m256 result = _mm256_setzero_ps();
        for (uint32_t s = 0; s < n_supers; s++)
            result = add_super_terms(in->terms + (size_t)s * SUPER_TERMS + half * SUPER_TERMS / 2, result);
        _mm256_storeu_ps(out + 8 * half, result);
    }
}

/* ---- many columns ---- */

/* As kern_expand_tile. */
ALWAYS_INLINE void expand_codebook(const kern_type type, const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    const uint32_t n_supers = weights->n_inputs / SUPER, block_bytes = kern_type_find(type)->block_bytes;
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t s = 0; s < n_supers; s++) {
        codebook_row beside[KERN_TILE_ROWS];
        for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
            read_beside(type, rows.at[r] + (size_t)s * block_bytes, &beside[r]);
        for (uint32_t b = 0; b < SUPER_BLOCKS; b++, out += KERN_EXPANDED_BLOCK) {
            for (uint32_t half = 0; half < 2; half++) {
                __m256i v[8];
                for (uint32_t i = 0; i < 8; i++) {
                    const uint32_t r = 8 * half + i;
                    v[i] = magnitudes(type, rows.at[r] + (size_t)s * block_bytes, b);
                    if (is_iq1(type))
                        v[i] = _mm256_add_epi8(v[i], each_eight_times(&beside[r].extras[b]));
                    else
                        v[i] = negate_where(v[i], &beside[r].extras[b]);
                    v[i] = _mm256_add_epi8(v[i], _mm256_set1_epi8((char)(KERN_EXPANDED_ZERO - codebook_zero(type))));
                    memcpy(out + 4 * r, (const float *)(const void *)&beside[r].scales + b, 4);
                    out[64 + r] = (uint8_t)beside[r].subscales[2 * b];
                    out[80 + r] = (uint8_t)beside[r].subscales[2 * b + 1];
                }
                transpose_eight(v);
                for (uint32_t g = 0; g < 8; g++)
                    _mm256_storeu_si256((__m256i *)(void *)(out + 96 + 64 * g + 32 * half), v[g]);
            }
        }
    }
}

#define FIRN_CODEBOOKS(X) X(IQ2_XXS) X(IQ2_XS) X(IQ2_S) X(IQ3_XXS) X(IQ3_S) X(IQ1_S) X(IQ1_M)

static void expand_any_codebook(const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    switch (weights->type) {
#define FIRN_CASE(name)                                   \
    case KERN_##name:                                     \
        expand_codebook(KERN_##name, weights, tile, out); \
        break;
        FIRN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
    default:
        break;
    }
}

/* Tiles times one column. */
static void codebook_column(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const uint8_t *x,
                            float *out, uint8_t *scratch)
{
    const codebook_inputs in = split_column(x, weights->n_inputs / KERN_BLOCK, scratch);
    for (uint32_t t = tile_begin; t < tile_end; t++) {
        float *const to = out + (size_t)t * KERN_TILE_ROWS;
        switch (weights->type) {
#define FIRN_CASE(name)                                  \
    case KERN_##name:                                    \
        codebook_tile(KERN_##name, weights, t, &in, to); \
        break;
            FIRN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
        default:
            break;
        }
    }
}

#endif
