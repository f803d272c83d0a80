/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks in AVX2: 256 weights of a row as eight blocks of unsigned bytes, each code looked up in
 * memory, and their signs given to the inputs; and a tile expanded for many columns. Include the level's rows first:
 * negate_where() is theirs.
 */
#ifndef FIRN_KERNELS_X86_CODEBOOK_AVX2_BODY_H
#define FIRN_KERNELS_X86_CODEBOOK_AVX2_BODY_H

#include "kernels/x86/codebook_beside_body.h"

/* Codes are looked up where they are. */
ALWAYS_INLINE void fill_words(const kern_type type, uint16_t *words)
{
    (void)type, (void)words;
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

ALWAYS_INLINE void store_inputs(uint8_t *q, uint32_t block, __m256i inputs)
{
    _mm256_storeu_si256((__m256i *)(void *)(q + KERN_BLOCK * (size_t)block), inputs);
}

ALWAYS_INLINE void read_row(const kern_type type, const uint8_t *block, codebook_row *row, uint16_t *codes)
{
    (void)codes;
    read_beside(type, block, row);
}

/* Eight blocks of one row: what is to be multiplied and added for each, scale and sum. */
ALWAYS_INLINE void codebook_terms(const kern_type type, const uint16_t *words, const uint8_t *block,
                                  const codebook_row *row, const uint16_t *codes, const codebook_inputs *in, uint32_t s,
                                  float *terms)
{
    const uint8_t *const q = in->q + (size_t)s * SUPER;
    __m256i sums[SUPER_BLOCKS];
    (void)words, (void)codes;
    /* the two subscales of a block for eight products of two each */
    const __m256i spread =
        _mm256_setr_epi64x(0x0100010001000100, 0x0100010001000100, 0x0302030203020302, 0x0302030203020302);
#pragma GCC unroll 8
    for (uint32_t b = 0; b < SUPER_BLOCKS; b++) {
        __m256i bytes = magnitudes(type, block, b), inputs = load_256(q + KERN_BLOCK * b);
        if (is_iq1(type))
            bytes = _mm256_add_epi8(bytes, each_eight_times(&row->extras[b]));
        else
            inputs = negate_where(inputs, &row->extras[b]);
        __m256i factors = _mm256_set1_epi16(1);
        if (kern_codebook_subscales(type)) {
            int pair;
            memcpy(&pair, row->subscales + 2 * b, sizeof pair);
            factors = _mm256_shuffle_epi8(_mm256_set1_epi32(pair), spread);
        }
        sums[b] = _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, inputs), factors);
    }
    const __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    const __m256i high = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[4], sums[5]), _mm256_hadd_epi32(sums[6], sums[7]));
    __m256i sum =
        _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
    if (codebook_zero(type) != 0) {
        const __m256i inputs = _mm256_madd_epi16(load_256(row->subscales), load_256(in->sums + s * 2 * SUPER_BLOCKS));
        sum = _mm256_sub_epi32(sum, _mm256_mullo_epi32(inputs, _mm256_set1_epi32(codebook_zero(type))));
    }
    _mm256_storeu_ps(terms, _mm256_mul_ps(row->scales, _mm256_loadu_ps(in->scales + s * SUPER_BLOCKS)));
    _mm256_storeu_ps(terms + SUPER_BLOCKS, _mm256_cvtepi32_ps(sum));
}

/* ---- many columns ---- */

/* A tile expanded as kernels/tile.h has it. */
ALWAYS_INLINE void expand_codebook(const kern_type type, const uint16_t *words, const kern_matrix *weights,
                                   uint32_t tile, uint8_t *out)
{
    (void)words;
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

#include "kernels/x86/codebook_body.h"

#endif
