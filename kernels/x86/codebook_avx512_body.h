/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks in AVX-512. A codebook of up to 512 entries fits into registers and first-level cache when
 * an entry is a word: its numbers of 2 (eight of them) or 4 bits (four). Permutations look up 32 words at once, and
 * shifts make bytes of them. Larger codebooks are looked up in memory, eight weights at once. Include the level's rows
 * first, and define multiply_bytes().
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

/* Each of the words from `first` on 4 (IQ2) or 2 times, as 64 magnitudes. */
ALWAYS_INLINE __m512i word_bytes(kern_type type, __m512i words, uint32_t first)
{
    const __m512i every =
        is_iq3(type)
            ? _mm512_setr_epi64(0x0001000100000000, 0x0003000300020002, 0x0005000500040004, 0x0007000700060006,
                                0x0009000900080008, 0x000b000b000a000a, 0x000d000d000c000c, 0x000f000f000e000e)
            : _mm512_setr_epi64(0, 0x0001000100010001, 0x0002000200020002, 0x0003000300030003, 0x0004000400040004,
                                0x0005000500050005, 0x0006000600060006, 0x0007000700070007);
    const __m512i repeated = _mm512_permutexvar_epi16(_mm512_add_epi16(every, _mm512_set1_epi16((short)first)), words);
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

/* The codes of 128 (IQ3) or 256 weights, those of IQ3 from part `part` on. */
ALWAYS_INLINE __m512i word_codes(kern_type type, const uint8_t *block, uint32_t part)
{
    if (type == KERN_IQ2_XXS)
        return _mm512_shuffle_epi8(
            _mm512_loadu_si512(block + 2),
            _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 1, -1, 2, -1, 3, -1, 8, -1, 9, -1, 10, -1, 11, -1)));
    if (type == KERN_IQ2_XS)
        return _mm512_loadu_si512(block + 2);
    const __m512i low = _mm512_cvtepu8_epi16(load_256(block + 2 + 16 * (size_t)part));
    if (type == KERN_IQ3_XXS)
        return low;
    const __mmask32 high = kern_load32(block + 66 + 2 * part);
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

ALWAYS_INLINE __m128i two_eights(const uint64_t *first, const uint64_t *second)
{
    const __m128 low = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(const void *)first));
    return _mm_castps_si128(_mm_loadh_pi(low, (const __m64 *)(const void *)second));
}

/* The entries of eight codes. */
ALWAYS_INLINE __m512i eight_entries(const uint64_t *values, const uint16_t *codes)
{
    const __m256i low = _mm256_set_m128i(two_eights(values + codes[2], values + codes[3]),
                                         two_eights(values + codes[0], values + codes[1]));
    const __m256i high = _mm256_set_m128i(two_eights(values + codes[6], values + codes[7]),
                                          two_eights(values + codes[4], values + codes[5]));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* What is read of a row's 256 weights before any of them is looked up. */
ALWAYS_INLINE void read_row(const kern_type type, const uint8_t *block, codebook_row *row, uint16_t *codes)
{
    read_beside(type, block, row);
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
            bytes[p] = eight_entries(is_iq1(type) ? kern_iq1_s_values : kern_iq2_s_values, codes + 8 * p);
        return;
    }
    const uint32_t step = is_iq3(type) ? 2 : 4;
#pragma GCC unroll 2
    for (uint32_t p = 0; p < PARTS; p += step) {
        const __m512i found = look_up_words(words, word_count(type), word_codes(type, block, p));
#pragma GCC unroll 4
        for (uint32_t i = 0; i < step; i++)
            bytes[p + i] = word_bytes(type, found, 32 / step * i);
    }
}

/* A bit for each of the 64 weights of a part: it is negative. */
ALWAYS_INLINE __mmask64 signs_of(const codebook_row *row, uint32_t part)
{
    uint64_t bits;
    memcpy(&bits, row->extras + 2 * part, sizeof bits);
    return bits;
}

/* ---- one column ---- */

/*
 * Sums of 16 half blocks, of which part i of register p has half 4p + i: lane 4i + p of what comes out. Sums of four
 * products (of at most 62 * 127) fit into an int16.
 */
ALWAYS_INLINE __m512i sum_halves(const kern_type type, const codebook_row *row, const __m512i *sums)
{
    __m512i first = _mm512_set1_epi16(1), second = first;
    if (kern_codebook_subscales(type)) { /* each part's, four times from two registers */
        const __m512i all = _mm512_castsi256_si512(load_256(row->subscales));
        const __m512i which =
            _mm512_setr_epi64(0, 0x0004000400040004, 0x0001000100010001, 0x0005000500050005, 0x0002000200020002,
                              0x0006000600060006, 0x0003000300030003, 0x0007000700070007);
        first = _mm512_permutexvar_epi16(which, all);
        second = _mm512_permutexvar_epi16(_mm512_add_epi16(which, _mm512_set1_epi16(8)), all);
    }
    const __m512 low = _mm512_castsi512_ps(_mm512_madd_epi16(_mm512_packs_epi32(sums[0], sums[1]), first));
    const __m512 high = _mm512_castsi512_ps(_mm512_madd_epi16(_mm512_packs_epi32(sums[2], sums[3]), second));
    return _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0))),
                            _mm512_castps_si512(_mm512_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1))));
}

/* What stands beside the weights of IQ1, less their zero, times the inputs: in the order of sum_halves(). */
ALWAYS_INLINE __m512i sum_extras(const kern_type type, const codebook_row *row, const int16_t *eights)
{
    const __m256i order =
        _mm256_setr_epi64x(0x000c000800040000, 0x000d000900050001, 0x000e000a00060002, 0x000f000b00070003);
    const __m256i pairs = _mm256_permutexvar_epi16(order, load_256(row->extras));
    const __m512i zero = _mm512_set1_epi16((short)codebook_zero(type));
    __m512i extras = _mm512_sub_epi16(_mm512_cvtepu8_epi16(pairs), zero);
    if (kern_codebook_subscales(type)) {
        const __m512i subscales = _mm512_cvtepi16_epi32(_mm256_permutexvar_epi16(order, load_256(row->subscales)));
        extras = _mm512_mullo_epi16(extras, _mm512_or_si512(subscales, _mm512_slli_epi32(subscales, 16)));
    }
    return _mm512_madd_epi16(extras,
                             _mm512_permutexvar_epi32(_mm512_cvtepu16_epi32(order), _mm512_loadu_si512(eights)));
}

/* Eight blocks of one row: what is to be multiplied and added for each, scale and sum. */
ALWAYS_INLINE void codebook_terms(const kern_type type, const uint16_t *words, const uint8_t *block,
                                  const codebook_row *row, const uint16_t *codes, const codebook_inputs *in, uint32_t s,
                                  float *terms)
{
    __m512i sums[PARTS];
    code_bytes(type, words, block, codes, sums);
#pragma GCC unroll 4
    for (uint32_t p = 0; p < PARTS; p++) {
        __m512i inputs = _mm512_loadu_si512(in->q + (size_t)s * SUPER + 64 * p);
        if (!is_iq1(type))
            inputs = _mm512_mask_sub_epi8(inputs, signs_of(row, p), _mm512_setzero_si512(), inputs);
        sums[p] = multiply_bytes(sums[p], inputs);
    }
    __m512i halves = sum_halves(type, row, sums);
    if (is_iq1(type))
        halves = _mm512_add_epi32(halves, sum_extras(type, row, in->eights + (size_t)s * SUPER / 8));
    /* parts 0 and 1 are the halves of even blocks, 2 and 3 of odd ones */
    const __m512i both = _mm512_add_epi32(halves, _mm512_shuffle_i32x4(halves, halves, _MM_SHUFFLE(2, 3, 0, 1)));
    const __m512i order = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i sum = _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, both));
    _mm256_storeu_ps(terms, _mm256_mul_ps(row->scales, _mm256_loadu_ps(in->scales + s * SUPER_BLOCKS)));
    _mm256_storeu_ps(terms + SUPER_BLOCKS, _mm256_cvtepi32_ps(sum));
}

/* ---- many columns ---- */

/* 64 weights, KERN_EXPANDED_ZERO too large. */
ALWAYS_INLINE __m512i expanded_bytes(kern_type type, const codebook_row *row, uint32_t part, __m512i bytes)
{
    const __m512i zero = _mm512_set1_epi8((char)(KERN_EXPANDED_ZERO - codebook_zero(type)));
    if (is_iq1(type)) {
        const __m512i eight =
            _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)(row->extras + 2 * part)));
        const __m512i each = _mm512_shuffle_epi8(
            eight, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8)));
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

/* As kern_expand_tile, but that subscales of types that have none are not written. */
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
                _mm512_storeu_si512(out + (2 * (size_t)p + g / 8) * KERN_EXPANDED_BLOCK + 96 + 64 * (g % 8),
                                    bytes[p][g]);
        }
    }
}

#include "kernels/x86/codebook_body.h"

#endif
