/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matmul of Q8_0 with int8 inputs, for levels with products of four bytes: of tiles that the level's pack_rounded()
 * has made ROUNDED_Q8_0. Include matmul_body.h first.
 */
#ifndef FIRN_KERNELS_MATMUL_ROUNDED_BODY_H
#define FIRN_KERNELS_MATMUL_ROUNDED_BODY_H

static void matmul_rounded(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_rounded *x,
                           float *out, size_t out_stride)
{
    const uint32_t n_all = weights->n_inputs / KERN_BLOCK + 1;
    const size_t column_bytes = (size_t)n_all * KERN_INT8_BYTES;
    const uint32_t step = columns_together(column_bytes);
    for (uint32_t c = 0; c < x->n_columns; c += step) {
        const uint32_t left = x->n_columns - c, count = left < step ? left : step;
        for (uint32_t t = tile_begin; t < tile_end; t++)
            many_columns(ROUNDED_Q8_0, weights->data + t * weights->tile_bytes, n_all, x->again,
                         x->panels + c * column_bytes, count, out + c * out_stride + (size_t)t * KERN_TILE_ROWS,
                         out_stride);
    }
}

#endif
