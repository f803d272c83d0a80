/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matmul over all types, columns and tiles. A level's file first says how many columns it likes to take together
 * and how many bytes of activations it keeps in the second-level cache while tiles pass by (enum MOST_COLUMNS,
 * CACHED_PANELS), and defines one_column() and many_columns(): a tile times one column, and times whole panels; and of
 * the types with codebooks prepare_codebook(), expand_any_codebook() and codebook_column(), whole tiles times one
 * column. After this it defines matmul_q8_0(), the whole product for Q8_0.
 */
#ifndef FIRN_KERNELS_MATMUL_BODY_H
#define FIRN_KERNELS_MATMUL_BODY_H

#include "kernels/pack.h"
#include "kernels/vector.h"

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch);

/* How many columns of this many bytes pass by a range of tiles together. */
ALWAYS_INLINE uint32_t columns_together(size_t column_bytes)
{
    const uint32_t fitting = (uint32_t)(CACHED_PANELS / column_bytes) / MOST_COLUMNS * MOST_COLUMNS;
    const uint32_t fewest = 48; /* a multiple of any MOST_COLUMNS */
    return fitting < fewest ? fewest : fitting;
}

static void tile_product(const kern_matrix *weights, uint32_t t, const uint8_t *x, uint32_t n_columns, bool alone,
                         float *out, size_t out_stride, uint8_t *scratch)
{
    const uint8_t *const tile = weights->data + t * weights->tile_bytes;
    const uint32_t n = weights->n_inputs / KERN_BLOCK;
    switch (weights->type) {
#define FIRN_FORM(name)                                                    \
    case KERN_##name:                                                      \
        if (alone)                                                         \
            one_column(name, tile, n, x, out);                             \
        else                                                               \
            many_columns(name, tile, n, 0, x, n_columns, out, out_stride); \
        break;
        FIRN_FORM(Q4_0)
        FIRN_FORM(Q4_1)
        FIRN_FORM(Q5_0)
        FIRN_FORM(Q5_1)
        FIRN_FORM(Q2_K)
        FIRN_FORM(Q3_K)
        FIRN_FORM(Q4_K)
        FIRN_FORM(Q5_K)
        FIRN_FORM(Q6_K)
        FIRN_FORM(IQ4_NL)
        FIRN_FORM(IQ4_XS)
        FIRN_FORM(MXFP4)
        FIRN_FORM(NVFP4)
        FIRN_FORM(TQ1_0)
        FIRN_FORM(TQ2_0)
#undef FIRN_FORM
    default: /* types with codebooks */
        expand_any_codebook(weights, t, scratch);
        if (kern_codebook_subscales(weights->type))
            many_columns(EXPANDED_HALVES, scratch, n, 0, x, n_columns, out, out_stride);
        else
            many_columns(EXPANDED, scratch, n, 0, x, n_columns, out, out_stride);
        break;
    }
}

static void matmul(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                   float *out, size_t out_stride, uint8_t *scratch)
{
    if (weights->type == KERN_Q8_0) {
        matmul_q8_0(weights, tile_begin, tile_end, x, out, out_stride, scratch);
        return;
    }
    if (kern_type_in_place(weights->type))
        prepare_codebook(weights, scratch);
    if (kern_type_in_place(weights->type) && x->n_columns == 1) {
        codebook_column(weights, tile_begin, tile_end, x->int8_panels, out, scratch);
        return;
    }
    const size_t column_bytes = (size_t)(weights->n_inputs / KERN_BLOCK) * KERN_INT8_BYTES;
    const uint32_t step = columns_together(column_bytes);
    for (uint32_t c = 0; c < x->n_columns; c += step) {
        const uint32_t left = x->n_columns - c;
        for (uint32_t t = tile_begin; t < tile_end; t++)
            tile_product(weights, t, x->int8_panels + c * column_bytes, left < step ? left : step, x->n_columns == 1,
                         out + c * out_stride + (size_t)t * KERN_TILE_ROWS, out_stride, scratch);
    }
}

#endif
