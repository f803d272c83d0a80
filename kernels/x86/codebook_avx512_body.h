/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks in AVX-512. A codebook of up to 512 entries fits into registers and first-level cache when
 * an entry is a word: its numbers of 2 (eight of them) or 4 bits (four). Permutations look up 32 words at once, and
 * shifts make bytes of them. Larger codebooks are looked up in memory, eight weights at once. Include the level's rows
 * first, and define add_products().
 *
 * Part p of 256 weights has eight p (weights 8p to 8p + 7) of each of the eight blocks: a block's products are added in
 * the same two lanes of a register.
 */
#ifndef FIRN_KERNELS_X86_CODEBOOK_AVX512_BODY_H
#define FIRN_KERNELS_X86_CODEBOOK_AVX512_BODY_H

#include "kernels/x86/codebook_beside_body.h"
#include "kernels/x86/shuffles_avx512.h"

enum { PARTS = SUPER / 64, WORDS = 512 };

ALWAYS_INLINE bool is_iq3(kern_type type)
{
    return type == KERN_IQ3_XXS || type == KERN_IQ3_S;
}

/* Entries of a codebook that is kept as words; 0: it is too large. */
ALWAYS_INLINE uint32_t word_count(kern_type type)
{
    return type == KERN_IQ2_XXS || type == KERN_IQ3_XXS ? 256 : type == KERN_IQ2_XS || type == KERN_IQ3_S ? WORDS : 0;
}

/* Numbers of weights 2j and 2j + 1 are at bits w * j and 8 + w * j of a word, where they have w = 2 or 4 bits. */
ALWAYS_INLINE void fill_words(const kern_type type, uint16_t *words)
{
    for (uint32_t i = 0; i < word_count(type); i += is_iq3(type) ? 16 : 8) {
        if (is_iq3(type)) {
            const uint32_t *const values = type == KERN_IQ3_XXS ? kern_iq3_xxs_values : kern_iq3_s_values;
            __m512i v = _mm512_loadu_si512(values + i);
            if (type == KERN_IQ3_XXS) /* 4, 12, …, 52, 62 are numbered; 1, 3, …, 15 are numbers */
                v = _mm512_and_si512(_mm512_srli_epi16(v, 3), _mm512_set1_epi8(7));
            v = _mm512_or_si512(v, _mm512_srli_epi32(v, 12));
            _mm256_storeu_si256((__m256i *)(void *)(words + i), _mm512_cvtepi32_epi16(v));
        } else {
            const uint64_t *const values = type == KERN_IQ2_XXS ? kern_iq2_xxs_values : kern_iq2_xs_values;
            __m512i v = _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(values + i), 4), _mm512_set1_epi8(3));
            v = _mm512_sllv_epi16(v, _mm512_set1_epi64(0x0006000400020000)); /* 8, 25, 43 are numbered 0, 1, 2 */
            v = _mm512_or_si512(v, _mm512_srli_epi64(v, 32));
            v = _mm512_or_si512(v, _mm512_srli_epi64(v, 16));
            _mm_storeu_si128((__m128i *)(void *)(words + i), _mm512_cvtepi64_epi16(v));
        }
    }
}

/* ---- bytes ---- */

/* The words of 32 codes; bits above those that number n words may be anything. */
ALWAYS_INLINE __m512i look_up_words(const uint16_t *words, const uint32_t n, __m512i codes)
{
    __m512i found[WORDS / 64];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < n / 64; i++)
        found[i] = _mm512_permutex2var_epi16(_mm512_loadu_si512(words + 64 * i), codes,
                                             _mm512_loadu_si512(words + 64 * i + 32));
#pragma GCC unroll 3
    for (uint32_t bit = 64; bit < n; bit *= 2) {
        const __mmask32 upper = _mm512_test_epi16_mask(codes, _mm512_set1_epi16((short)bit));
#pragma GCC unroll 4
        for (uint32_t i = 0; i < n / (2 * bit); i++)
            found[i] = _mm512_mask_blend_epi16(upper, found[2 * i], found[2 * i + 1]);
    }
    return found[0];
}

/* The words of part `part` as 64 magnitudes. The second 32 words are those of IQ3, which has 64. */
ALWAYS_INLINE __m512i word_bytes(kern_type type, __m512i words, __m512i second, uint32_t part)
{
    const __m512i every =
        is_iq3(type)
            ? _mm512_setr_epi64(0x0001000100000000, 0x0009000900080008, 0x0011001100100010, 0x0019001900180018,
                                0x0021002100200020, 0x0029002900280028, 0x0031003100300030, 0x0039003900380038)
            : _mm512_setr_epi64(0x0000000000000000, 0x0004000400040004, 0x0008000800080008, 0x000c000c000c000c,
                                0x0010001000100010, 0x0014001400140014, 0x0018001800180018, 0x001c001c001c001c);
    const __m512i which = _mm512_add_epi16(every, _mm512_set1_epi16((short)(is_iq3(type) ? 2 * part : part)));
    const __m512i repeated =
        is_iq3(type) ? _mm512_permutex2var_epi16(words, which, second) : _mm512_permutexvar_epi16(which, words);
    const __m512i shifts = _mm512_set1_epi64(is_iq3(type) ? 0x0004000000040000 : 0x0006000400020000);
    const __m512i numbers =
        _mm512_and_si512(_mm512_srlv_epi16(repeated, shifts), _mm512_set1_epi8(is_iq3(type) ? 15 : 3));
    if (type == KERN_IQ3_S)
        return numbers;
    const __m128i magnitudes = type == KERN_IQ3_XXS
                                   ? _mm_setr_epi8(4, 12, 20, 28, 36, 44, 52, 62, 0, 0, 0, 0, 0, 0, 0, 0)
                                   : _mm_setr_epi8(8, 25, 43, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(magnitudes), numbers);
}

/* The 32 codes of 256 weights, of IQ3 of the first or the second 128. */
ALWAYS_INLINE __m512i word_codes(kern_type type, const uint8_t *block, uint32_t half)
{
    if (type == KERN_IQ2_XXS)
        return _mm512_shuffle_epi8(
            _mm512_loadu_si512(block + 2),
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 1, -1, 2, -1, 3, -1, 8, -1, 9, -1, 10, -1, 11, -1)));
    if (type == KERN_IQ2_XS)
        return _mm512_loadu_si512(block + 2);
    const __m512i low = _mm512_cvtepu8_epi16(load_256(block + 2 + 32 * (size_t)half));
    if (type == KERN_IQ3_XXS)
        return low;
    const __mmask32 high = kern_load32(block + 66 + 4 * half);
    return _mm512_mask_add_epi16(low, high, low, _mm512_set1_epi16(256));
}

/* The 32 codes of a type whose codebook is in memory: eight bits in a byte, others above them. */
ALWAYS_INLINE __m512i long_codes(kern_type type, const uint8_t *block)
{
    const __m512i low = _mm512_cvtepu8_epi16(load_256(block + (type == KERN_IQ1_M ? 0 : 2)));
    __m512i high;
    if (type == KERN_IQ1_M) { /* a nibble for each */
        const __m512i bytes = _mm512_cvtepu8_epi32(load_128(block + 32));
        high = _mm512_or_si512(_mm512_slli_epi32(bytes, 8), _mm512_slli_epi32(bytes, 20));
        return _mm512_or_si512(low, _mm512_and_si512(high, _mm512_set1_epi16(0x700)));
    }
    if (type == KERN_IQ1_S) { /* three bits for each in the word of a block */
        high = _mm512_broadcast_i32x4(load_128(block + 34));
        high = _mm512_permutexvar_epi16(_mm512_setr_epi64(0, 0x0001000100010001, 0x0002000200020002, 0x0003000300030003,
                                                          0x0004000400040004, 0x0005000500050005, 0x0006000600060006,
                                                          0x0007000700070007),
                                        high);
        high = _mm512_slli_epi16(_mm512_srlv_epi16(high, _mm512_set1_epi64(0x0009000600030000)), 8);
        return _mm512_or_si512(low, _mm512_and_si512(high, _mm512_set1_epi16(0x700)));
    }
    /* IQ2_S: two bits for each in the byte of a block */
    high = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)(block + 66)));
    high = _mm512_shuffle_epi8(
        high, _mm512_broadcast_i32x4(_mm_setr_epi8(-1, 0, -1, 0, -1, 0, -1, 0, -1, 8, -1, 8, -1, 8, -1, 8)));
    high = _mm512_srlv_epi16(high, _mm512_set1_epi64(0x0006000400020000));
    return _mm512_or_si512(low, _mm512_and_si512(high, _mm512_set1_epi16(0x300)));
}

ALWAYS_INLINE __m256i with_eight(__m256i entries, uint32_t place, const uint64_t *eight)
{
    return _mm256_mask_broadcastq_epi64(entries, (__mmask8)(1u << place),
                                        _mm_loadl_epi64((const __m128i *)(const void *)eight));
}

/* The entries of four codes, 4 apart. */
ALWAYS_INLINE __m256i four_entries(const uint64_t *values, const uint16_t *codes)
{
    __m256i entries = _mm256_set1_epi64x((long long)values[codes[0]]);
#pragma GCC unroll 3
    for (uint32_t i = 1; i < 4; i++)
        entries = with_eight(entries, i, &values[codes[4 * i]]);
    return entries;
}

/* The entries of the part whose first code is given. */
ALWAYS_INLINE __m512i part_entries(const uint64_t *values, const uint16_t *codes)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(four_entries(values, codes)), four_entries(values, codes + 16), 1);
}

/* Signs part by part. */
ALWAYS_INLINE void order_signs(codebook_row *row)
{
    const __m256i fours = _mm256_shuffle_epi8(
        load_256(row->extras),
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)));
    _mm256_storeu_si256((__m256i *)(void *)row->extras,
                        _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

/* What is read of a row's 256 weights before any of them is looked up. */
ALWAYS_INLINE void read_row(const kern_type type, const uint8_t *block, codebook_row *row, uint16_t *codes)
{
    read_beside(type, block, row);
    if (!is_iq1(type))
        order_signs(row);
    if (word_count(type) == 0)
        _mm512_storeu_si512(codes, long_codes(type, block));
}

/* The magnitudes of 256 weights; of IQ1 the bytes without what is beside them. */
ALWAYS_INLINE void code_bytes(const kern_type type, const uint16_t *words, const uint8_t *block, const uint16_t *codes,
                              __m512i *bytes)
{
    if (word_count(type) == 0) {
#pragma GCC unroll 4
        for (uint32_t p = 0; p < PARTS; p++)
            bytes[p] = part_entries(is_iq1(type) ? kern_iq1_s_values : kern_iq2_s_values, codes + p);
        return;
    }
    const __m512i first = look_up_words(words, word_count(type), word_codes(type, block, 0));
    const __m512i second = is_iq3(type) ? look_up_words(words, word_count(type), word_codes(type, block, 1)) : first;
#pragma GCC unroll 4
    for (uint32_t p = 0; p < PARTS; p++)
        bytes[p] = word_bytes(type, first, second, p);
}

/* A bit for each of the 64 weights of a part: it is negative. */
ALWAYS_INLINE __mmask64 signs_of(const codebook_row *row, uint32_t part)
{
    uint64_t bits;
    memcpy(&bits, row->extras + 2 * part, sizeof bits);
    return bits;
}

/* ---- one column ---- */

/* Sums of two lanes, in the even ones. */
ALWAYS_INLINE __m512i add_neighbours(__m512i a)
{
    return _mm512_add_epi32(a, _mm512_srli_epi64(a, 32));
}

/* The inputs of a block, part by part as weights are. */
ALWAYS_INLINE void store_inputs(uint8_t *q, uint32_t block, __m256i inputs)
{
    uint64_t eights[PARTS];
    _mm256_storeu_si256((__m256i *)(void *)eights, inputs);
    for (uint32_t p = 0; p < PARTS; p++)
        memcpy(q + block / SUPER_BLOCKS * (size_t)SUPER + 64 * p + block % SUPER_BLOCKS * 8, &eights[p], 8);
}

/* What stands beside the weights of IQ1, less their zero, times the inputs: for each half block. */
ALWAYS_INLINE __m512i sum_extras(const kern_type type, const codebook_row *row, const int16_t *eights)
{
    const __m512i zero = _mm512_set1_epi16((short)codebook_zero(type));
    const __m512i extras = _mm512_sub_epi16(_mm512_cvtepu8_epi16(load_256(row->extras)), zero);
    return _mm512_madd_epi16(extras, _mm512_loadu_si512(eights));
}

/* Eight blocks of one row: what is to be multiplied and added for each, scale and sum. */
ALWAYS_INLINE void codebook_terms(const kern_type type, const uint16_t *words, const uint8_t *block,
                                  const codebook_row *row, const uint16_t *codes, const codebook_inputs *in, uint32_t s,
                                  float *terms)
{
    const bool apart = kern_codebook_subscales(type);
    __m512i bytes[PARTS], halves[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    code_bytes(type, words, block, codes, bytes);
#pragma GCC unroll 4
    for (uint32_t p = 0; p < PARTS; p++) {
        __m512i inputs = _mm512_loadu_si512(in->q + (size_t)s * SUPER + 64 * p);
        if (!is_iq1(type))
            inputs = _mm512_mask_sub_epi8(inputs, signs_of(row, p), _mm512_setzero_si512(), inputs);
        const uint32_t half = apart ? p / 2 : 0;
        halves[half] = add_products(halves[half], bytes[p], inputs);
    }
    __m512i sums = halves[0]; /* of half blocks, or whose sum is that of a block */
    if (apart)
        sums = _mm512_mask_blend_epi32(0xaaaa, add_neighbours(halves[0]),
                                       _mm512_add_epi32(halves[1], _mm512_slli_epi64(halves[1], 32)));
    if (is_iq1(type))
        sums = _mm512_add_epi32(sums, sum_extras(type, row, in->eights + (size_t)s * SUPER / 8));
    if (apart)
        sums = _mm512_mullo_epi32(sums, _mm512_cvtepi16_epi32(load_256(row->subscales)));
    const __m256i sum = _mm512_cvtepi64_epi32(add_neighbours(sums));
    _mm256_storeu_ps(terms, _mm256_mul_ps(row->scales, _mm256_loadu_ps(in->scales + s * SUPER_BLOCKS)));
    _mm256_storeu_ps(terms + SUPER_BLOCKS, _mm256_cvtepi32_ps(sum));
}

/* ---- many columns ---- */

/* 64 weights, KERN_EXPANDED_ZERO too large. */
ALWAYS_INLINE __m512i expanded_bytes(kern_type type, const codebook_row *row, uint32_t part, __m512i bytes)
{
    const __m512i zero = _mm512_set1_epi8((char)(KERN_EXPANDED_ZERO - codebook_zero(type)));
    if (is_iq1(type)) {
        const __m128i first = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8);
        const __m128i which = _mm_add_epi8(first, _mm_set1_epi8((char)part));
        const __m512i twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
        const __m512i fours = _mm512_permutexvar_epi32(twice, _mm512_castsi256_si512(load_256(row->extras)));
        const __m512i each = _mm512_shuffle_epi8(fours, _mm512_broadcast_i32x4(which));
        return _mm512_add_epi8(_mm512_add_epi8(bytes, each), zero);
    }
    return _mm512_add_epi8(_mm512_mask_sub_epi8(bytes, signs_of(row, part), _mm512_setzero_si512(), bytes), zero);
}

/* Scales of 16 rows and eight expanded blocks. */
ALWAYS_INLINE void expand_scales(const codebook_row *rows, uint8_t *out)
{
    for (uint32_t half = 0; half < 2; half++) {
        __m256i v[8];
        for (uint32_t r = 0; r < 8; r++)
            v[r] = _mm256_castps_si256(rows[8 * half + r].scales);
        transpose_eight(v);
        for (uint32_t b = 0; b < SUPER_BLOCKS; b++)
            _mm256_storeu_si256((__m256i *)(void *)(out + (size_t)b * KERN_EXPANDED_BLOCK + 32 * half), v[b]);
    }
}

/* Their subscales: 16 x 16 bytes, transposed by four shuffles of rows i and i + 8. */
ALWAYS_INLINE void expand_subscales(const codebook_row *rows, uint8_t *out)
{
    __m128i v[KERN_TILE_ROWS], t[KERN_TILE_ROWS];
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
        v[r] = _mm_packs_epi16(load_128(rows[r].subscales), load_128(rows[r].subscales + 8));
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t r = 0; r < 8; r++) {
            t[2 * r] = _mm_unpacklo_epi8(v[r], v[r + 8]);
            t[2 * r + 1] = _mm_unpackhi_epi8(v[r], v[r + 8]);
        }
        memcpy(v, t, sizeof v);
    }
    for (uint32_t h = 0; h < 2 * SUPER_BLOCKS; h++)
        _mm_storeu_si128((__m128i *)(void *)(out + (size_t)h / 2 * KERN_EXPANDED_BLOCK + 64 + 16 * (h % 2)), v[h]);
}

/* A tile expanded as kernels/tile.h has it, but that subscales of types that have none are not written. */
ALWAYS_INLINE void expand_codebook(const kern_type type, const uint16_t *words, const kern_matrix *weights,
                                   uint32_t tile, uint8_t *out)
{
    const uint32_t n_supers = weights->n_inputs / SUPER, block_bytes = kern_type_find(type)->block_bytes;
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t s = 0; s < n_supers; s++, out += SUPER_BLOCKS * KERN_EXPANDED_BLOCK) {
        codebook_row beside[KERN_TILE_ROWS];
        uint16_t codes[KERN_TILE_ROWS][SUPER / 8];
        __m512i bytes[PARTS][KERN_TILE_ROWS];
        for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
            read_row(type, rows.at[r] + (size_t)s * block_bytes, &beside[r], codes[r]);
        for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
            __m512i parts[PARTS];
            code_bytes(type, words, rows.at[r] + (size_t)s * block_bytes, codes[r], parts);
            for (uint32_t p = 0; p < PARTS; p++)
                bytes[p][r] = expanded_bytes(type, &beside[r], p, parts[p]);
        }
        expand_scales(beside, out);
        if (kern_codebook_subscales(type))
            expand_subscales(beside, out);
        for (uint32_t p = 0; p < PARTS; p++) {
            transpose_sixteen(bytes[p]);
            for (uint32_t g = 0; g < 16; g++)
                _mm512_storeu_si512(out + g / 2 * (size_t)KERN_EXPANDED_BLOCK + 96 + 64 * (2 * (size_t)p + g % 2),
                                    bytes[p][g]);
        }
    }
}

#include "kernels/x86/codebook_body.h"

#endif
