/* SPDX-License-Identifier: Apache-2.0 */
/* What a matmul with quantised weights is: the order of every float operation is the one written here. */
#include "kernels/math.h"
#include "kernels/pack.h"
#include "kernels/tile.h"
#include "kernels/vector.h"

/* Column c of block b in panels: where its numbers start, and the distance between them (the panel's width). */
static const uint8_t *panel_block(const uint8_t *panels, size_t column_bytes, uint32_t n_columns, uint32_t n_blocks,
                                  uint32_t c, uint32_t b, size_t *width)
{
    *width = n_columns == 1 ? 1 : KERN_PANEL;
    return panels + (c / *width * n_blocks + b) * *width * column_bytes + 4 * (c % *width);
}

static float number_at(const uint8_t *bytes)
{
    return kern_float_from_bits(kern_load32(bytes));
}

static void add_block(const kern_block *weights, kern_scaling scaling, const uint8_t *x, size_t width, float *out)
{
    const float x_scale = number_at(x);
    int32_t sums[2] = {0, 0}, minima = 0;
    for (uint32_t h = 0; h < 2; h++) {
        for (uint32_t i = 16 * h; i < 16 * h + 16; i++)
            sums[h] += weights->q[i] * (int8_t)x[12 * width + 4 * width * (i / 4) + i % 4];
        sums[h] *= weights->subscale[h];
        minima += weights->subminimum[h] * (int16_t)kern_load16(x + 8 * width + 2 * h);
    }
    if (scaling == KERN_TWO_SCALES) {
        *out = fmaf(weights->scale[0] * x_scale, (float)sums[0], *out);
        *out = fmaf(weights->scale[1] * x_scale, (float)sums[1], *out);
    } else {
        *out = fmaf(weights->scale[0] * x_scale, (float)(sums[0] + sums[1]), *out);
    }
    if (scaling == KERN_MINIMUM)
        *out = fmaf(weights->minimum, number_at(x + 4 * width), *out);
    if (scaling == KERN_SUBMINIMA)
        *out = fmaf(weights->minimum * x_scale, (float)minima, *out);
}

/* Q8_0: inputs are int16, in pairs (2p, 2p + 1) for one column and (4g, 4g + 2), (4g + 1, 4g + 3) in a panel. */
static void add_wide_block(const kern_block *weights, const uint8_t *x, size_t width, float *out)
{
    int32_t sum = 0;
    for (uint32_t p = 0; p < 16; p++) {
        const uint8_t *const pair = x + 4 * width * (1 + p);
        const uint32_t first = width == 1 ? 2 * p : p / 2 * 4 + p % 2, second = width == 1 ? first + 1 : first + 2;
        sum += weights->q[first] * (int16_t)kern_load16(pair) + weights->q[second] * (int16_t)kern_load16(pair + 2);
    }
    *out = fmaf(weights->scale[0] * number_at(x), (float)sum, *out);
}

/* In place, rows that pad the last tile repeat the matrix' last one; packed tiles are padded with zeros. */
static void load_block(const kern_matrix *weights, uint32_t row, uint32_t b, kern_block *block)
{
    const bool beyond = kern_type_in_place(weights->type) && row >= weights->n_rows;
    const uint32_t real = beyond ? weights->n_rows - 1 : row;
    kern_tile_block(weights->type, weights->data + real / KERN_TILE_ROWS * weights->tile_bytes, weights->n_inputs, b,
                    real % KERN_TILE_ROWS, block);
}

static void matmul(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                   float *out, size_t out_stride, uint8_t *scratch)
{
    (void)scratch;
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK;
    const bool wide = kern_type_input(weights->type) == KERN_INPUT_INT16;
    for (uint32_t row = tile_begin * KERN_TILE_ROWS; row < tile_end * KERN_TILE_ROWS; row++) {
        for (uint32_t c = 0; c < x->n_columns; c++)
            out[c * out_stride + row] = 0.0f;
        for (uint32_t b = 0; b < n_blocks; b++) {
            kern_block block;
            load_block(weights, row, b, &block);
            for (uint32_t c = 0; c < x->n_columns; c++) {
                float *const to = &out[c * out_stride + row];
                size_t width;
                const uint8_t *const column =
                    panel_block(wide ? x->int16_panels : x->int8_panels, wide ? KERN_INT16_BYTES : KERN_INT8_BYTES,
                                x->n_columns, n_blocks, c, b, &width);
                if (wide)
                    add_wide_block(&block, column, width, to);
                else
                    add_block(&block, kern_type_scaling(weights->type), column, width, to);
            }
        }
    }
}

/* Rows as they are. */
static void pack_rounded(const kern_matrix *weights, uint32_t tile, uint8_t *out)
{
    const size_t row_bytes = weights->tile_bytes / KERN_TILE_ROWS;
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
        memcpy(out + r * row_bytes, kern_row_in_place(weights, tile * KERN_TILE_ROWS + r), row_bytes);
}

static void matmul_rounded(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_rounded *x,
                           float *out, size_t out_stride)
{
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK, n_all = n_blocks + 1;
    for (uint32_t row = tile_begin * KERN_TILE_ROWS; row < tile_end * KERN_TILE_ROWS; row++)
        for (uint32_t c = 0; c < x->n_columns; c++) {
            float *const to = &out[c * out_stride + row];
            *to = 0.0f;
            for (uint32_t b = 0; b < n_all; b++) {
                kern_block block;
                load_block(weights, row, b < n_blocks ? b : x->again, &block);
                add_block(&block, KERN_SCALED,
                          x->panels + ((size_t)c / KERN_PANEL * n_all + b) * KERN_PANEL * KERN_INT8_BYTES +
                              4 * (c % KERN_PANEL),
                          KERN_PANEL, to);
            }
        }
}

void kern_fill_matmul_scalar(kern_table *table)
{
    table->matmul_quantised = matmul;
    table->pack_rounded = pack_rounded;
    table->matmul_rounded = matmul_rounded;
}
