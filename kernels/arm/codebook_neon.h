/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks, for every ARM level: plain C decodes eight weights at a time. For one column a row's blocks
 * are multiplied as they lie; for more a tile is expanded, then multiplied as any other.
 */
#ifndef FIRN_KERNELS_ARM_CODEBOOK_NEON_H
#define FIRN_KERNELS_ARM_CODEBOOK_NEON_H

#include "kernels/arm/rows_neon.h"

#include <math.h>

static void prepare_codebook(const kern_matrix *weights, uint8_t *scratch)
{
    (void)weights, (void)scratch;
}

static void expand_any_codebook(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    kern_expand_tile(weights, tile, scratch);
}

/* Products of half a block; two of at most 64 * 127 stay in an int16. */
ALWAYS_INLINE int32_t sum_half(const int8_t *weights, const int8_t *inputs)
{
    const int8x16_t w = vld1q_s8(weights), x = vld1q_s8(inputs);
    return vaddlvq_s16(vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(x)), w, x));
}

/* Tiles times one column. */
static void codebook_column(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const uint8_t *x,
                            float *out, uint8_t *scratch)
{
    const size_t row_bytes = weights->tile_bytes / KERN_TILE_ROWS;
    (void)scratch;
    for (uint32_t row = tile_begin * KERN_TILE_ROWS; row < tile_end * KERN_TILE_ROWS; row++) {
        const uint32_t real = row < weights->n_rows ? row : weights->n_rows - 1; /* the last one is repeated */
        float result = 0.0f;
        for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
            const uint8_t *const inputs = x + (size_t)b * KERN_INT8_BYTES;
            const int8_t *const q = (const int8_t *)inputs + 12;
            float x_scale;
            kern_block block;
            memcpy(&x_scale, inputs, sizeof x_scale);
            kern_row_block(weights->type, weights->data + real * row_bytes, b, &block);
            const int32_t first = block.subscale[0] * sum_half(block.q, q);
            const int32_t second = block.subscale[1] * sum_half(block.q + KERN_BLOCK / 2, q + KERN_BLOCK / 2);
            result = fmaf(block.scale[0] * x_scale, (float)(first + second), result);
        }
        out[row] = result;
    }
}

#endif
