/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What matmul_body.h wants of a level that takes many columns panel by panel. Define dot_columns() first, as dot_body.h
 * does.
 */
#ifndef FIRN_KERNELS_DOT_COLUMNS_BODY_H
#define FIRN_KERNELS_DOT_COLUMNS_BODY_H

enum { MOST_COLUMNS = KERN_PANEL, CACHED_PANELS = 256 * 1024 };

ALWAYS_INLINE void many_columns(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
                                uint32_t n_columns, float *out, size_t out_stride)
{
    for (uint32_t c = 0; c < n_columns; c += KERN_PANEL)
        dot_columns(f, tile, n_blocks, again, x + (size_t)c * n_blocks * KERN_INT8_BYTES, KERN_PANEL, n_columns - c,
                    out + c * out_stride, out_stride);
}

#endif
