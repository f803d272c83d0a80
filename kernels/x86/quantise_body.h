/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations to integers, four blocks at once: those of a panel's four columns, or four of one column. Their largest
 * magnitudes, scales and sums then fill one register each, and their integers are written sixteen bytes at a time.
 * Needs ref/vector_body.h before it, which does what is left over, and blocks with a value that is not finite.
 */
#ifndef FIRN_KERNELS_X86_QUANTISE_BODY_H
#define FIRN_KERNELS_X86_QUANTISE_BODY_H

#include "kernels/kernels.h"

#include <immintrin.h>

typedef struct four_blocks {
    const float *x[4];
} four_blocks;

/* The largest of eight numbers without sign, by bits, of each of four registers. */
ALWAYS_INLINE __m128 largest_of_four(__m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i ab = _mm256_max_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    const __m256i cd = _mm256_max_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    const __m256i all = _mm256_max_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    return _mm_castsi128_ps(_mm_max_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}

/* round_block() of four: false if a value is not finite. q is int32, [block][8 of the 32 values]. */
ALWAYS_INLINE bool round_four(four_blocks blocks, float limit, __m128 *steps, __m256i q[4][4])
{
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    __m256i most[4];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        __m256i bits[4];
#pragma GCC unroll 4
        for (uint32_t j = 0; j < 4; j++)
            bits[j] = _mm256_castps_si256(_mm256_and_ps(_mm256_loadu_ps(blocks.x[i] + 8 * j), magnitude));
        most[i] = _mm256_max_epi32(_mm256_max_epi32(bits[0], bits[1]), _mm256_max_epi32(bits[2], bits[3]));
    }
    const __m128 largest = largest_of_four(most[0], most[1], most[2], most[3]), limits = _mm_set1_ps(limit);
    if (_mm_movemask_ps(_mm_cmplt_ps(largest, _mm_set1_ps(INFINITY))) != 15)
        return false;
    const __m128 counts = _mm_cmpgt_ps(largest, _mm_set1_ps(SMALLEST_LARGEST));
    float inverses[4];
    _mm_storeu_ps(inverses, _mm_and_ps(counts, _mm_div_ps(limits, largest)));
    *steps = _mm_and_ps(counts, _mm_div_ps(largest, limits));
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++)
#pragma GCC unroll 4
        for (uint32_t j = 0; j < 4; j++)
            q[i][j] =
                _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(blocks.x[i] + 8 * j), _mm256_set1_ps(inverses[i])));
    return true;
}

/* Word j of four registers side by side, for j from 0 to 7. */
ALWAYS_INLINE void store_interleaved(uint8_t *out, __m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
    const __m256i cd_low = _mm256_unpacklo_epi32(c, d), cd_high = _mm256_unpackhi_epi32(c, d);
    const __m256i words[4] = {_mm256_unpacklo_epi64(ab_low, cd_low), _mm256_unpackhi_epi64(ab_low, cd_low),
                              _mm256_unpacklo_epi64(ab_high, cd_high), _mm256_unpackhi_epi64(ab_high, cd_high)};
#pragma GCC unroll 4
    for (uint32_t j = 0; j < 4; j++) { /* words j and j + 4 */
        _mm_storeu_si128((__m128i *)(out + 16 * j), _mm256_castsi256_si128(words[j]));
        _mm_storeu_si128((__m128i *)(out + 64 + 16 * j), _mm256_extracti128_si256(words[j], 1));
    }
}

/* Four blocks as a panel holds them beside each other, or one column after each other. */
ALWAYS_INLINE bool int8_four(four_blocks blocks, bool panel, uint8_t *out)
{
    __m128 steps;
    __m256i q[4][4], bytes[4], sums[4];
    if (!round_four(blocks, 127.0f, &steps, q))
        return false;
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7), ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        const __m256i mixed =
            _mm256_packs_epi16(_mm256_packs_epi32(q[i][0], q[i][1]), _mm256_packs_epi32(q[i][2], q[i][3]));
        bytes[i] = _mm256_permutevar8x32_epi32(mixed, order);
        sums[i] = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes[i]), ones);
    }
    const __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    const __m128i first = _mm256_castsi256_si128(halves), second = _mm256_extracti128_si256(halves, 1);
    const __m128 scaled_sums = _mm_mul_ps(steps, _mm_cvtepi32_ps(_mm_add_epi32(first, second)));
    const __m128i pairs = _mm_blend_epi16(first, _mm_slli_epi32(second, 16), 0xaa);
    if (panel) {
        _mm_storeu_ps((float *)(void *)out, steps);
        _mm_storeu_ps((float *)(void *)(out + 16), scaled_sums);
        _mm_storeu_si128((__m128i *)(out + 32), pairs);
        store_interleaved(out + 48, bytes[0], bytes[1], bytes[2], bytes[3]);
        return true;
    }
    const __m128 low = _mm_unpacklo_ps(steps, scaled_sums), high = _mm_unpackhi_ps(steps, scaled_sums);
    const __m128 headers[4] = {low, _mm_movehl_ps(low, low), high, _mm_movehl_ps(high, high)};
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        uint8_t *const block = out + KERN_INT8_BYTES * i;
        const int sum = _mm_cvtsi128_si32(_mm_shuffle_epi32(pairs, (int)i));
        _mm_storel_pi((__m64 *)(void *)block, headers[i]);
        memcpy(block + 8, &sum, sizeof sum);
        _mm256_storeu_si256((__m256i *)(block + 12), bytes[i]);
    }
    return true;
}

ALWAYS_INLINE bool int16_four(four_blocks blocks, bool panel, uint8_t *out)
{
    __m128 steps;
    __m256i q[4][4], words[4][2];
    if (!round_four(blocks, 32767.0f, &steps, q))
        return false;
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15)); /* (0, 2), (1, 3), … */
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++)
#pragma GCC unroll 2
        for (uint32_t j = 0; j < 2; j++) {
            const __m256i mixed = _mm256_packs_epi32(q[i][2 * j], q[i][2 * j + 1]);
            words[i][j] = _mm256_permute4x64_epi64(mixed, _MM_SHUFFLE(3, 1, 2, 0));
            if (panel)
                words[i][j] = _mm256_shuffle_epi8(words[i][j], order);
        }
    if (panel) {
        _mm_storeu_ps((float *)(void *)out, steps);
#pragma GCC unroll 2
        for (uint32_t j = 0; j < 2; j++)
            store_interleaved(out + 16 + 128 * j, words[0][j], words[1][j], words[2][j], words[3][j]);
        return true;
    }
    float scales[4];
    _mm_storeu_ps(scales, steps);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        uint8_t *const block = out + KERN_INT16_BYTES * i;
        memcpy(block, &scales[i], sizeof scales[i]);
        _mm256_storeu_si256((__m256i *)(block + 4), words[i][0]);
        _mm256_storeu_si256((__m256i *)(block + 36), words[i][1]);
    }
    return true;
}

typedef void (*quantiser)(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                          uint8_t *out);

/* `four` and `rest` are constants where this is inlined. */
ALWAYS_INLINE void quantise_fours(bool (*four)(four_blocks, bool, uint8_t *), quantiser rest, size_t block_bytes,
                                  const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                                  uint8_t *out)
{
    static const float zeros[KERN_BLOCK];
    uint32_t b = 0;
    if (width == 1) {
        for (; b + 4 <= n_blocks; b += 4) {
            const float *const first = x + (size_t)b * KERN_BLOCK;
            const four_blocks blocks = {
                {first, first + KERN_BLOCK, first + 2 * KERN_BLOCK, first + 3 * (size_t)KERN_BLOCK}};
            if (!four(blocks, false, out + b * block_bytes))
                rest(first, stride, 1, 1, 4, out + b * block_bytes);
        }
        rest(x + (size_t)b * KERN_BLOCK, stride, 1, 1, n_blocks - b, out + b * block_bytes);
        return;
    }
    for (; b < n_blocks; b++) {
        four_blocks blocks;
        uint8_t *const to = out + b * KERN_PANEL * block_bytes;
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            blocks.x[c] = c < n_columns ? x + c * stride + (size_t)b * KERN_BLOCK : zeros;
        if (!four(blocks, true, to))
            rest(x + (size_t)b * KERN_BLOCK, stride, n_columns, KERN_PANEL, 1, to);
    }
}

static void quantise_int8_fours(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                                uint8_t *out)
{
    quantise_fours(int8_four, quantise_int8, KERN_INT8_BYTES, x, stride, n_columns, width, n_blocks, out);
}

static void quantise_int16_fours(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                                 uint8_t *out)
{
    quantise_fours(int16_four, quantise_int16, KERN_INT16_BYTES, x, stride, n_columns, width, n_blocks, out);
}

static void fill_quantisers(kern_table *table)
{
    table->quantise_int8 = quantise_int8_fours;
    table->quantise_int16 = quantise_int16_fours;
}

#endif
