/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matmul of Q8_0 with int8 inputs, for levels with products of four bytes. Include matmul_body.h first, and define
 * expand_q8_0(), which makes a tile EXPANDED_Q8_0.
 */
#ifndef FIRN_KERNELS_MATMUL_ROUNDED_BODY_H
#define FIRN_KERNELS_MATMUL_ROUNDED_BODY_H

static void matmul_rounded(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_rounded *x,
                           float *out, size_t out_stride, uint8_t *scratch)
{
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK, n_all = n_blocks + 1;
    const size_t column_bytes = (size_t)n_all * KERN_INT8_BYTES;
    const uint32_t step = columns_together(column_bytes);
    for (uint32_t c = 0; c < x->n_columns; c += step) {
        const uint32_t left = x->n_columns - c, count = left < step ? left : step;
        for (uint32_t t = tile_begin; t < tile_end; t++) {
            expand_q8_0(weights, t, scratch);
            memcpy(scratch + (size_t)n_blocks * KERN_EXPANDED_BLOCK, scratch + (size_t)x->again * KERN_EXPANDED_BLOCK,
                   KERN_EXPANDED_BLOCK);
            many_columns(EXPANDED_Q8_0, scratch, n_all, x->panels + c * column_bytes, count,
                         out + c * out_stride + (size_t)t * KERN_TILE_ROWS, out_stride);
        }
    }
}

#endif
