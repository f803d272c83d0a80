/* SPDX-License-Identifier: Apache-2.0 */
/* What a matmul with quantised weights is: the order of every float operation is the one written here. */
#include "kernels/math.h"
#include "kernels/pack.h"
#include "kernels/tile.h"
#include "kernels/vector.h"

/* Column c of block b in the panels: where its numbers start, and the distance between them (the panel's width). */
static const uint8_t *panel_block(const kern_activations *x, uint32_t n_blocks, uint32_t c, uint32_t b, size_t *width)
{
    *width = x->n_columns == 1 ? 1 : KERN_PANEL;
    const size_t block_bytes = *width * KERN_COLUMN_BLOCK_BYTES;
    return x->panels + (c / *width * n_blocks + b) * block_bytes + 4 * (c % *width);
}

static float number_at(const uint8_t *bytes)
{
    return kern_float_from_bits(kern_load32(bytes));
}

static bool has_minimum(kern_type type)
{
    return type == KERN_Q4_1 || type == KERN_Q5_1 || type == KERN_Q4_K || type == KERN_Q5_K;
}

static void add_block(const kern_block *weights, bool minimum, const uint8_t *x, size_t width, float *out)
{
    int32_t sums[2] = {0, 0};
    for (uint32_t g = 0; g < 8; g++)
        for (uint32_t i = 0; i < 4; i++)
            sums[g / 4] += weights->q[4 * g + i] * (int8_t)x[12 * width + 4 * width * g + i];
    const int32_t sum = weights->subscale[0] * sums[0] + weights->subscale[1] * sums[1];
    *out = fmaf(weights->scale * number_at(x), (float)sum, *out);
    if (minimum)
        *out = fmaf(weights->minimum, number_at(x + 4 * width), *out);
}

static void matmul(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                   float *out, size_t out_stride, uint8_t *scratch)
{
    (void)scratch;
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK;
    for (uint32_t row = tile_begin * KERN_TILE_ROWS; row < tile_end * KERN_TILE_ROWS; row++) {
        /* packed tiles are padded with zeros; in place, rows that pad the last tile repeat the matrix' last row */
        const bool beyond = kern_type_in_place(weights->type) && row >= weights->n_rows;
        const uint32_t real = beyond ? weights->n_rows - 1 : row;
        const uint8_t *const tile = weights->data + real / KERN_TILE_ROWS * weights->tile_bytes;
        for (uint32_t c = 0; c < x->n_columns; c++)
            out[c * out_stride + row] = 0.0f;
        for (uint32_t b = 0; b < n_blocks; b++) {
            kern_block block;
            kern_tile_block(weights->type, tile, weights->n_inputs, b, real % KERN_TILE_ROWS, &block);
            for (uint32_t c = 0; c < x->n_columns; c++) {
                size_t width;
                const uint8_t *const column = panel_block(x, n_blocks, c, b, &width);
                add_block(&block, has_minimum(weights->type), column, width, &out[c * out_stride + row]);
            }
        }
    }
}

void kern_fill_matmul_scalar(kern_table *table)
{
    table->matmul_quantised = matmul;
}
