/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tile times one column, or panels, for x86 without VNNI: a register holds one k-group of ROWS of a tile's 16 rows as
 * unsigned bytes, vpmaddubsw multiplies them with four broadcast inputs, and int16 sums are widened before they can
 * overflow: 8 k-groups of 4-bit weights (8*2*15*127), 4 of 5-bit, 2 of 6-bit ones stay below 2^15. Include the level's
 * rows and forms_body.h first, and define rows_multiply_bytes(), rows_add_words(), rows_multiply_words() and
 * IN_REGISTER().
 */
#ifndef FIRN_KERNELS_X86_PAIRS_BODY_H
#define FIRN_KERNELS_X86_PAIRS_BODY_H

enum { PARTS_OF_TILE = KERN_TILE_ROWS / ROWS };

/* As int16 twice in each dword. */
ALWAYS_INLINE rows_int twice(rows_int a)
{
    return rows_or(rows_and(a, rows_splat(0xffff)), rows_shift_left(a, 16));
}

/* Whether k-groups 0 to 3 and 4 to 7 have sums of their own: halves to be scaled, or products too large to add. */
ALWAYS_INLINE bool sums_apart(form f)
{
    return has_halves(f) || largest(f) * 127 * 4 > INT16_MAX;
}

/* How many pairs of k-groups an int16 sum takes before it is widened; a sum of halves takes one group of each pair. */
ALWAYS_INLINE int flush_interval(form f)
{
    const int groups = INT16_MAX / (largest(f) * 127 * 2), pairs = sums_apart(f) ? groups : groups / 2;
    return pairs >= 4 ? 4 : pairs >= 2 ? 2 : 1;
}

/*
 * Exact sums of one block's products for ROWS rows and `columns` columns; those of the second half apart where it has
 * a float scale.
 */
ALWAYS_INLINE void sum_products(const form f, const form_view *v, const uint8_t *block, const uint32_t columns,
                                rows_int *sums, rows_int *second_sums)
{
    const rows_int ones = rows_splat(0x00010001);
    const rows_int first_scale = has_subscales(f) ? twice(v->subscale[0]) : ones;
    const rows_int second_scale = has_subscales(f) ? twice(v->subscale[1]) : ones;
    const int flush = flush_interval(f);
    rows_int low16[KERN_PANEL], high16[KERN_PANEL]; /* k-groups 0 to 3, and 4 to 7; or both in low16 */
    for (uint32_t c = 0; c < columns; c++)
        sums[c] = second_sums[c] = rows_splat(0);
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        rows_int low, high;
        load_groups(f, v, g, &low, &high);
#pragma GCC unroll 4
        for (uint32_t c = 0; c < columns; c++) {
            const uint8_t *const q = block + 12 * columns + 4 * c + 4 * columns * (uint32_t)g;
            const rows_int first = rows_multiply_bytes(low, q, is_iq4(f)),
                           second = rows_multiply_bytes(high, q + 16 * columns, is_iq4(f));
            const bool start = g % flush == 0, end = (g + 1) % flush == 0;
            if (sums_apart(f)) {
                low16[c] = start ? first : rows_add_words(low16[c], first);
                high16[c] = start ? second : rows_add_words(high16[c], second);
                IN_REGISTER(low16[c]);
                IN_REGISTER(high16[c]);
                if (end && has_two_scales(f)) {
                    sums[c] = rows_add(sums[c], rows_multiply_words(low16[c], ones));
                    second_sums[c] = rows_add(second_sums[c], rows_multiply_words(high16[c], ones));
                } else if (end) {
                    sums[c] = rows_add(sums[c], rows_add(rows_multiply_words(low16[c], first_scale),
                                                         rows_multiply_words(high16[c], second_scale)));
                }
            } else {
                low16[c] = start ? first : rows_add_words(low16[c], first);
                low16[c] = rows_add_words(low16[c], second);
                IN_REGISTER(low16[c]);
                if (end)
                    sums[c] = rows_add(sums[c], rows_multiply_words(low16[c], ones));
            }
        }
    }
}

/* One tile times `columns` columns (1 or 4, a constant where this is inlined), of which `n_out` are stored; `again` as
 * block_of() says. */
ALWAYS_INLINE void dot_columns(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
                               const uint32_t columns, uint32_t n_out, float *out, size_t out_stride)
{
    const rows_int zero = rows_splat(-zero_point(f)), nothing = rows_splat(0);
    rows_float results[PARTS_OF_TILE][KERN_PANEL];
    for (uint32_t c = 0; c < columns; c++)
        for (uint32_t part = 0; part < PARTS_OF_TILE; part++)
            results[part][c] = rows_to_float(rows_splat(0));
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = x + (size_t)b * columns * KERN_INT8_BYTES;
#pragma GCC unroll 2
        for (uint32_t part = 0; part < PARTS_OF_TILE; part++) {
            /* the second part loads its inputs again: kept in registers from the first, they would be spilled */
            __asm__ volatile("" ::: "memory");
            const form_view v = view(f, tile, block_of(f, b, n_blocks, again), part);
            rows_int sums[KERN_PANEL], second_sums[KERN_PANEL];
            sum_products(f, &v, block, columns, sums, second_sums);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < columns; c++) {
                const uint8_t *const column = block + 4 * c;
                const uint8_t *const input_sums = column + 8 * columns;
                rows_int sum = sums[c];
                if (has_subscales(f)) { /* the zero point times both sums, each with its scale */
                    const rows_int inputs = rows_multiply_pair(v.subscale[0], v.subscale[1], input_sums);
                    if (zero_point(f) != 0)
                        sum = rows_subtract(sum, rows_multiply_int(inputs, rows_splat(zero_point(f))));
                } else if (zero_point(f) != 0) {
                    sum = rows_add(sum, rows_multiply_pair(zero, has_two_scales(f) ? nothing : zero, input_sums));
                }
                const rows_float x_scale = rows_splat_float(column), scale = rows_multiply(v.scale, x_scale);
                results[part][c] = rows_fma(scale, rows_to_float(sum), results[part][c]);
                if (has_two_scales(f)) {
                    const rows_int second = rows_add(second_sums[c], rows_multiply_pair(nothing, zero, input_sums));
                    results[part][c] =
                        rows_fma(rows_multiply(v.second_scale, x_scale), rows_to_float(second), results[part][c]);
                }
                if (has_minimum(f))
                    results[part][c] = rows_fma(v.minimum, rows_splat_float(column + 4 * columns), results[part][c]);
                if (has_subminima(f)) {
                    const rows_int inputs = rows_multiply_pair(v.subminimum[0], v.subminimum[1], input_sums);
                    results[part][c] =
                        rows_fma(rows_multiply(v.minimum, x_scale), rows_to_float(inputs), results[part][c]);
                }
            }
        }
    }
#pragma GCC unroll 4
    for (uint32_t c = 0; c < columns; c++) {
        if (c < n_out) {
            for (uint32_t part = 0; part < PARTS_OF_TILE; part++)
                rows_store(out + c * out_stride + ROWS * part, results[part][c]);
        }
    }
}

ALWAYS_INLINE void one_column(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, float *out)
{
    dot_columns(f, tile, n_blocks, 0, x, 1, 1, out, 0);
}

#include "kernels/ref/dot_columns_body.h"

#endif
