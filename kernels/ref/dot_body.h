/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tile times one column, or one panel, for instruction sets that add four byte products to an int32 a row: written
 * once over ROWS rows and rows_dot(). Include the level's rows first, then forms_body.h.
 */
#ifndef FIRN_KERNELS_DOT_BODY_H
#define FIRN_KERNELS_DOT_BODY_H

#include "kernels/vector.h"

/*
 * Adds one block of one column to ROWS rows of the output, from the sums of its first and its second half (or of both
 * in `first`, where nothing tells them apart). `column`: its numbers in a panel `width` wide.
 */
ALWAYS_INLINE rows_float add_block(const form f, const form_view *v, rows_int first, rows_int second,
                                   const uint8_t *column, const uint32_t width, rows_float result)
{
    const rows_int zero = rows_splat(-zero_point(f)), nothing = rows_splat(0);
    const uint8_t *const input_sums = column + 8 * width;
    if (zero_point(f) != 0)
        first = rows_add(first, rows_multiply_pair(zero, has_halves(f) ? nothing : zero, input_sums));
    if (zero_point(f) != 0 && has_halves(f))
        second = rows_add(second, rows_multiply_pair(nothing, zero, input_sums));
    if (has_subscales(f))
        first = rows_add(rows_multiply_int(first, v->subscale[0]), rows_multiply_int(second, v->subscale[1]));
    const rows_float x_scale = rows_splat_float(column);
    result = rows_fma(rows_multiply(v->scale, x_scale), rows_to_float(first), result);
    if (has_two_scales(f))
        result = rows_fma(rows_multiply(v->second_scale, x_scale), rows_to_float(second), result);
    if (has_minimum(f))
        result = rows_fma(v->minimum, rows_splat_float(column + 4 * width), result);
    if (has_subminima(f)) {
        const rows_int minima = rows_multiply_pair(v->subminimum[0], v->subminimum[1], input_sums);
        result = rows_fma(rows_multiply(v->minimum, x_scale), rows_to_float(minima), result);
    }
    return result;
}

/* One tile times `columns` columns (1 or 4, a constant where this is inlined), of which `n_out` are stored; `again` as
 * block_of() says. */
ALWAYS_INLINE void dot_columns(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
                               const uint32_t columns, uint32_t n_out, float *out, size_t out_stride)
{
    for (uint32_t part = 0; part < KERN_TILE_ROWS / ROWS; part++) {
        rows_float results[KERN_PANEL];
        for (uint32_t c = 0; c < columns; c++)
            results[c] = rows_to_float(rows_splat(0));
        for (uint32_t b = 0; b < n_blocks; b++) {
            const uint8_t *const block = x + (size_t)b * columns * KERN_INT8_BYTES;
            const form_view v = view(f, tile, block_of(f, b, n_blocks, again), part);
            rows_int first[KERN_PANEL], second[KERN_PANEL];
            for (uint32_t c = 0; c < columns; c++)
                first[c] = second[c] = rows_splat(0);
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) {
                rows_int low, high;
                load_groups(f, &v, g, &low, &high);
#pragma GCC unroll 4
                for (uint32_t c = 0; c < columns; c++) {
                    const uint8_t *const q = block + 12 * columns + 4 * c + 4 * columns * (uint32_t)g;
                    first[c] = rows_dot(first[c], low, q, is_iq4(f));
                    if (has_halves(f))
                        second[c] = rows_dot(second[c], high, q + 16 * columns, is_iq4(f));
                    else
                        first[c] = rows_dot(first[c], high, q + 16 * columns, is_iq4(f));
                }
            }
#pragma GCC unroll 4
            for (uint32_t c = 0; c < columns; c++)
                results[c] = add_block(f, &v, first[c], second[c], block + 4 * c, columns, results[c]);
        }
#pragma GCC unroll 4
        for (uint32_t c = 0; c < columns; c++)
            if (c < n_out)
                rows_store(out + c * out_stride + ROWS * part, results[c]);
    }
}

ALWAYS_INLINE void one_column(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, float *out)
{
    dot_columns(f, tile, n_blocks, 0, x, 1, 1, out, 0);
}

#endif
