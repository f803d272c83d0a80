/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks, for every ARM level: plain C looks up the magnitudes of 32 weights, which become two
 * registers of signed bytes. For one column a row's blocks are multiplied as they lie; for more a tile is expanded,
 * then multiplied as any other.
 */
#ifndef FIRN_KERNELS_ARM_CODEBOOK_NEON_H
#define FIRN_KERNELS_ARM_CODEBOOK_NEON_H

#include "kernels/arm/rows_neon.h"
#include "kernels/codes.h"

#include <math.h>

enum { SUPER = 256, SUPER_BLOCKS = SUPER / KERN_BLOCK };

static void prepare_codebook(const kern_matrix *weights, uint8_t *scratch)
{
    (void)weights, (void)scratch;
}

/* The weights of half a block, before any scale. */
ALWAYS_INLINE int8x16_t half_block(const kern_type type, const kern_codes *codes, uint32_t half)
{
    static const uint8_t bytes[2][16] = {{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1},
                                         {2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3}};
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint64_t *const m = codes->magnitudes + 2 * half;
    const uint8x16_t magnitudes = vcombine_u8(vcreate_u8(m[0]), vcreate_u8(m[1]));
    const uint32_t beside = kern_codes_signed(type) ? codes->signs : codes->less;
    const uint8x16_t each = vqtbl1q_u8(vreinterpretq_u8_u32(vdupq_n_u32(beside)), vld1q_u8(bytes[half]));
    if (!kern_codes_signed(type))
        return vreinterpretq_s8_u8(vsubq_u8(magnitudes, each));
    const uint8x16_t negative = vtstq_u8(each, vld1q_u8(bits));
    return vreinterpretq_s8_u8(vsubq_u8(veorq_u8(magnitudes, negative), negative));
}

/* ---- one column ---- */

/* Products of half a block; two of at most 64 * 127 stay in an int16. */
ALWAYS_INLINE int32_t sum_half(int8x16_t w, const int8_t *inputs)
{
    const int8x16_t x = vld1q_s8(inputs);
    return vaddlvq_s16(vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(x)), w, x));
}

ALWAYS_INLINE float codebook_row(const kern_type type, const uint8_t *row, uint32_t n_inputs, const uint8_t *x)
{
    const uint32_t block_bytes = kern_type_find(type)->block_bytes;
    float result = 0.0f;
    for (uint32_t s = 0; s < n_inputs / SUPER; s++, row += block_bytes) {
        const float scale = kern_codes_scale(type, row);
        for (uint32_t b = 0; b < SUPER_BLOCKS; b++, x += KERN_INT8_BYTES) {
            const int8_t *const q = (const int8_t *)x + 12;
            const kern_codes codes = kern_codes_read(type, row, b);
            float x_scale;
            memcpy(&x_scale, x, sizeof x_scale);
            const int32_t first = (int32_t)codes.subscales[0] * sum_half(half_block(type, &codes, 0), q);
            const int32_t second =
                (int32_t)codes.subscales[1] * sum_half(half_block(type, &codes, 1), q + KERN_BLOCK / 2);
            result = fmaf(scale * (float)codes.factor * x_scale, (float)(first + second), result);
        }
    }
    return result;
}

/* Tiles times one column. */
static void codebook_column(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const uint8_t *x,
                            float *out, uint8_t *scratch)
{
    (void)scratch;
    for (uint32_t row = tile_begin * KERN_TILE_ROWS; row < tile_end * KERN_TILE_ROWS; row++) {
        const uint8_t *const data = kern_row_in_place(weights, row);
        switch (weights->type) {
#define FIRN_CASE(name)                                                   \
    case KERN_##name:                                                     \
        out[row] = codebook_row(KERN_##name, data, weights->n_inputs, x); \
        break;
            KERN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
        default:
            break;
        }
    }
}

/* ---- many columns ---- */

/* Four rows of four k-groups become four k-groups of four rows, 64 bytes apart. */
ALWAYS_INLINE void store_turned(const int8x16_t rows[4], uint8_t *out)
{
    int32x4_t words[4];
    for (uint32_t i = 0; i < 4; i++)
        words[i] = vreinterpretq_s32_s8(rows[i]);
    for (uint32_t odd = 0; odd < 2; odd++) {
        const int32x4_t a = odd ? vtrn2q_s32(words[0], words[1]) : vtrn1q_s32(words[0], words[1]),
                        b = odd ? vtrn2q_s32(words[2], words[3]) : vtrn1q_s32(words[2], words[3]);
        const int64x2_t first = vreinterpretq_s64_s32(a), second = vreinterpretq_s64_s32(b);
        vst1q_u8(out + 64 * odd, vreinterpretq_u8_s64(vtrn1q_s64(first, second)));
        vst1q_u8(out + 64 * (odd + 2), vreinterpretq_u8_s64(vtrn2q_s64(first, second)));
    }
}

/* A tile expanded as kernels/tile.h has it, but that subscales of types that have none are not written. */
ALWAYS_INLINE void expand_codebook(const kern_type type, const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    const uint32_t block_bytes = kern_type_find(type)->block_bytes;
    const uint8_t *rows[KERN_TILE_ROWS];
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
        rows[r] = kern_row_in_place(weights, tile * KERN_TILE_ROWS + r);
    for (uint32_t s = 0; s < weights->n_inputs / SUPER; s++) {
        float scales[KERN_TILE_ROWS];
        for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
            scales[r] = kern_codes_scale(type, rows[r] + (size_t)s * block_bytes);
        for (uint32_t b = 0; b < SUPER_BLOCKS; b++, out += KERN_EXPANDED_BLOCK) {
            for (uint32_t first = 0; first < KERN_TILE_ROWS; first += ROWS) {
                int8x16_t halves[2][ROWS];
                for (uint32_t i = 0; i < ROWS; i++) {
                    const uint32_t r = first + i;
                    const kern_codes codes = kern_codes_read(type, rows[r] + (size_t)s * block_bytes, b);
                    for (uint32_t h = 0; h < 2; h++)
                        halves[h][i] = vaddq_s8(half_block(type, &codes, h), vdupq_n_s8(KERN_EXPANDED_ZERO));
                    const float scale = scales[r] * (float)codes.factor;
                    memcpy(out + 4 * r, &scale, sizeof scale);
                    for (uint32_t h = 0; h < 2 && kern_codebook_subscales(type); h++)
                        out[64 + 16 * h + r] = (uint8_t)codes.subscales[h];
                }
                for (uint32_t h = 0; h < 2; h++)
                    store_turned(halves[h], out + 96 + 256 * h + 4 * first);
            }
        }
    }
}

static void expand_any_codebook(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    switch (weights->type) {
#define FIRN_CASE(name)                                       \
    case KERN_##name:                                         \
        expand_codebook(KERN_##name, weights, tile, scratch); \
        break;
        KERN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
    default:
        break;
    }
}

#endif
