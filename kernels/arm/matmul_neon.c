/* SPDX-License-Identifier: Apache-2.0 */
/* Quantised matmul with NEON of every 64-bit ARM: products of bytes as int16, added by pairs. Q8_0 for all levels. */
#include "kernels/arm/rows_neon.h"
#include "kernels/ref/forms_body.h"
#include "kernels/vector.h"

/* sums + products of four weights and four inputs of each row; 2 * 127 * 127 stays in an int16 */
ALWAYS_INLINE rows_int rows_dot(rows_int sums, rows_int weights, const uint8_t *q, bool negative)
{
    (void)negative;
    const int8x16_t w = vreinterpretq_s8_s32(weights), inputs = rows_splat_bytes(q);
    const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(inputs)), high = vmull_high_s8(w, inputs);
    return vpadalq_s16(sums, vpaddq_s16(low, high));
}

#include "kernels/ref/dot_body.h"
#include "kernels/ref/dot_columns_body.h"
#include "kernels/arm/codebook_neon.h"
#include "kernels/ref/matmul_body.h"

/* ---- Q8_0 in place: rows as the checkpoint stores them, blocks of F16 scale and 32 bytes ---- */

enum { ROW_BLOCK = 34 };

typedef struct row_pointers {
    const uint8_t *at[ROWS];
} row_pointers;

/* Four rows from `first` on; rows beyond the matrix repeat its last one. */
ALWAYS_INLINE row_pointers four_rows(const kern_matrix *weights, uint32_t first)
{
    row_pointers rows;
    for (uint32_t r = 0; r < ROWS; r++)
        rows.at[r] = kern_row_in_place(weights, first + r);
    return rows;
}

ALWAYS_INLINE float32x4_t row_scales(const row_pointers *rows, size_t offset)
{
    uint8_t halves[2 * ROWS];
    for (uint32_t r = 0; r < ROWS; r++)
        memcpy(halves + 2 * r, rows->at[r] + offset, 2);
    return rows_load_halves(halves);
}

ALWAYS_INLINE int16x8_t load_eight(const uint8_t *words)
{
    return vreinterpretq_s16_u8(vld1q_u8(words));
}

/* Eight products, four sums. */
ALWAYS_INLINE int32x4_t add_products(int32x4_t sums, int16x8_t weights, int16x8_t inputs)
{
    return vmlal_high_s16(vmlal_s16(sums, vget_low_s16(weights), vget_low_s16(inputs)), weights, inputs);
}

static void one_column_in_place(const kern_matrix *weights, uint32_t first, const uint8_t *x, float *out)
{
    const row_pointers rows = four_rows(weights, first);
    float32x4_t result = vdupq_n_f32(0.0f);
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        const size_t offset = (size_t)b * ROW_BLOCK;
        const uint8_t *const column = x + (size_t)b * KERN_INT16_BYTES;
        int32x4_t sums[ROWS];
        for (uint32_t r = 0; r < ROWS; r++) {
            sums[r] = vdupq_n_s32(0);
            for (uint32_t i = 0; i < 2; i++) {
                const int8x16_t w = vreinterpretq_s8_u8(vld1q_u8(rows.at[r] + offset + 2 + 16 * i));
                sums[r] = add_products(sums[r], vmovl_s8(vget_low_s8(w)), load_eight(column + 4 + 32 * i));
                sums[r] = add_products(sums[r], vmovl_high_s8(w), load_eight(column + 20 + 32 * i));
            }
        }
        const int32x4_t sum = vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]));
        const float32x4_t scale = vmulq_f32(row_scales(&rows, offset), rows_splat_float(column));
        result = vfmaq_f32(result, scale, vcvtq_f32_s32(sum));
    }
    vst1q_f32(out, result);
}

/* Sums of one row for four columns: a panel has pairs of inputs (0, 2), (1, 3), (4, 6), … of each column in turn. */
ALWAYS_INLINE int32x4_t row_times_panel(const uint8_t *weights, const uint8_t *pairs)
{
    static const uint8_t even_first[16] = {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15};
    int32x4_t low = vdupq_n_s32(0), high = vdupq_n_s32(0); /* columns 0 and 1, 2 and 3: two sums each */
    for (uint32_t i = 0; i < 2; i++) {
        const int8x16_t stored = vreinterpretq_s8_u8(vld1q_u8(weights + 16 * i));
        const int8x16_t w = vqtbl1q_s8(stored, vld1q_u8(even_first));
        const int32x4_t words[2] = {vreinterpretq_s32_s16(vmovl_s8(vget_low_s8(w))),
                                    vreinterpretq_s32_s16(vmovl_high_s8(w))};
        for (uint32_t p = 0; p < 8; p++) {
            const int16x8_t inputs = load_eight(pairs + 128 * i + 16 * p);
            const int32_t pair = words[p / 4][p % 4];
            const int16x8_t pair_of_weights = vreinterpretq_s16_s32(vdupq_n_s32(pair));
            low = vmlal_s16(low, vget_low_s16(pair_of_weights), vget_low_s16(inputs));
            high = vmlal_high_s16(high, pair_of_weights, inputs);
        }
    }
    return vpaddq_s32(low, high);
}

static void panel_in_place(const kern_matrix *weights, uint32_t first, const uint8_t *x, uint32_t n_out, float *out,
                           size_t out_stride)
{
    const row_pointers rows = four_rows(weights, first);
    float32x4_t results[KERN_PANEL];
    for (uint32_t c = 0; c < KERN_PANEL; c++)
        results[c] = vdupq_n_f32(0.0f);
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        const size_t offset = (size_t)b * ROW_BLOCK;
        const uint8_t *const block = x + (size_t)b * KERN_PANEL * KERN_INT16_BYTES;
        int32_t by_row[ROWS][KERN_PANEL];
        for (uint32_t r = 0; r < ROWS; r++)
            vst1q_s32(by_row[r], row_times_panel(rows.at[r] + offset + 2, block + 16));
        const int32x4x4_t sums = vld4q_s32(by_row[0]); /* transposed: a register a column */
        const float32x4_t weight_scales = row_scales(&rows, offset);
        for (uint32_t c = 0; c < KERN_PANEL; c++) {
            const float32x4_t scale = vmulq_f32(weight_scales, rows_splat_float(block + 4 * c));
            results[c] = vfmaq_f32(results[c], scale, vcvtq_f32_s32(sums.val[c]));
        }
    }
    for (uint32_t c = 0; c < KERN_PANEL; c++)
        if (c < n_out)
            vst1q_f32(out + c * out_stride, results[c]);
}

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    (void)scratch;
    const size_t column_bytes = (size_t)(weights->n_inputs / KERN_BLOCK) * KERN_INT16_BYTES;
    for (uint32_t row = tile_begin * KERN_TILE_ROWS; row < tile_end * KERN_TILE_ROWS; row += ROWS) {
        if (x->n_columns == 1) {
            one_column_in_place(weights, row, x->int16_panels, out + row);
            continue;
        }
        for (uint32_t c = 0; c < x->n_columns; c += KERN_PANEL)
            panel_in_place(weights, row, x->int16_panels + c * column_bytes, x->n_columns - c,
                           out + c * out_stride + row, out_stride);
    }
}

void kern_matmul_neon(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                      float *out, size_t out_stride, uint8_t *scratch)
{
    matmul(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

void kern_fill_matmul_neon(kern_table *table)
{
    table->matmul_quantised = kern_matmul_neon;
    table->pack_rounded = NULL;
    table->matmul_rounded = NULL;
}
