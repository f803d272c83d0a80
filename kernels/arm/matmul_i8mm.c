/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with NEON's int8 matrix products: smmla multiplies two rows with two columns, eight inputs each. One
 * column goes by dot products, Q8_0 as in NEON.
 */
#include "kernels/arm/rows_neon.h"
#include "kernels/ref/forms_body.h"
#include "kernels/vector.h"

/* sums + products of four weights and four inputs of each row */
ALWAYS_INLINE rows_int rows_dot(rows_int sums, rows_int weights, const uint8_t *q, bool negative)
{
    (void)negative;
    return vdotq_s32(sums, vreinterpretq_s8_s32(weights), rows_splat_bytes(q));
}

#include "kernels/ref/dot_body.h"

/* Sums of four rows and four columns, as products of two rows and two columns. */
typedef struct squares {
    int32x4_t at[2][2]; /* [rows 0 and 1, 2 and 3][columns 0 and 1, 2 and 3] */
} squares;

/* Adds the products of k-groups `a` and `b` of four rows; inputs of the same groups: columns 0 and 1, 2 and 3. */
ALWAYS_INLINE void add_squares(squares *sums, rows_int a, rows_int b, const int8x16_t *inputs)
{
    const int8x16_t rows[2] = {vreinterpretq_s8_s32(vzip1q_s32(a, b)), vreinterpretq_s8_s32(vzip2q_s32(a, b))};
    for (uint32_t i = 0; i < 2; i++)
        for (uint32_t j = 0; j < 2; j++)
            sums->at[i][j] = vmmlaq_s32(sums->at[i][j], rows[i], inputs[j]);
}

/* Column c (0 to 3) of the sums, for each row. */
ALWAYS_INLINE rows_int column_of(const squares *sums, uint32_t c)
{
    const int32x4_t first = sums->at[0][c / 2], second = sums->at[1][c / 2];
    return c % 2 == 0 ? vuzp1q_s32(first, second) : vuzp2q_s32(first, second);
}

/* Inputs of k-groups g and g + 1 of a panel's block, for g = 2 * pair: each column's eight side by side. */
ALWAYS_INLINE void load_inputs(const uint8_t *block, uint32_t pair, int8x16_t *inputs)
{
    const uint8_t *const q = block + 12 * KERN_PANEL + 8 * KERN_PANEL * pair;
    const int32x4_t a = rows_load(q), b = rows_load(q + 4 * KERN_PANEL);
    inputs[0] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
    inputs[1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
}

ALWAYS_INLINE void one_panel(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
                             uint32_t n_out, float *out, size_t out_stride)
{
    enum { PARTS = KERN_TILE_ROWS / ROWS };
    rows_float results[PARTS][KERN_PANEL];
    for (uint32_t part = 0; part < PARTS; part++)
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            results[part][c] = vdupq_n_f32(0.0f);
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = x + (size_t)b * KERN_PANEL * KERN_INT8_BYTES;
        int8x16_t inputs[4][2];
        for (uint32_t pair = 0; pair < 4; pair++)
            load_inputs(block, pair, inputs[pair]);
#pragma GCC unroll 4
        for (uint32_t part = 0; part < PARTS; part++) {
            const form_view v = view(f, tile, block_of(f, b, n_blocks, again), part);
            squares first = {{{vdupq_n_s32(0), vdupq_n_s32(0)}, {vdupq_n_s32(0), vdupq_n_s32(0)}}}, second = first;
            for (int pair = 0; pair < 2; pair++) {
                rows_int low[2], high[2];
                load_groups(f, &v, 2 * pair, &low[0], &high[0]);
                load_groups(f, &v, 2 * pair + 1, &low[1], &high[1]);
                add_squares(&first, low[0], low[1], inputs[pair]);
                add_squares(has_halves(f) ? &second : &first, high[0], high[1], inputs[pair + 2]);
            }
#pragma GCC unroll 4
            for (uint32_t c = 0; c < KERN_PANEL; c++)
                results[part][c] = add_block(f, &v, column_of(&first, c), column_of(&second, c), block + 4 * c,
                                             KERN_PANEL, results[part][c]);
        }
    }
    for (uint32_t part = 0; part < PARTS; part++)
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            if (c < n_out)
                rows_store(out + c * out_stride + ROWS * part, results[part][c]);
}

enum { MOST_COLUMNS = KERN_PANEL, CACHED_PANELS = 256 * 1024 };

ALWAYS_INLINE void many_columns(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
                                uint32_t n_columns, float *out, size_t out_stride)
{
    for (uint32_t c = 0; c < n_columns; c += KERN_PANEL)
        one_panel(f, tile, n_blocks, again, x + (size_t)c * n_blocks * KERN_INT8_BYTES, n_columns - c,
                  out + c * out_stride, out_stride);
}

#include "kernels/arm/codebook_neon.h"
#include "kernels/arm/pack_rounded_neon.h"
#include "kernels/ref/matmul_body.h"
#include "kernels/ref/matmul_rounded_body.h"

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    kern_matmul_neon(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

void kern_fill_matmul_i8mm(kern_table *table)
{
    table->matmul_quantised = matmul;
    table->pack_rounded = pack_rounded;
    table->matmul_rounded = matmul_rounded;
}
