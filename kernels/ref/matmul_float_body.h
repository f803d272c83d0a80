/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matmul with float weights, over sixteen lanes: lanes are rows, and each output is one chain of fma, inputs
 * ascending. A level's lanes say how many such chains fit into its registers (LANES_COLUMNS): as each waits for its
 * last, it takes several to keep the multipliers busy.
 */
#ifndef FIRN_KERNELS_MATMUL_FLOAT_BODY_H
#define FIRN_KERNELS_MATMUL_FLOAT_BODY_H

/*
 * What is fetched of the next tile while one is multiplied: for each input `step` bytes from `from` on. Where products
 * take less time than reading, the processor's own look-ahead is better.
 */
typedef struct fetching {
    const uint8_t *from;
    size_t step;
} fetching;

ALWAYS_INLINE lanes load_weights(const uint8_t *tile, kern_type type, size_t k)
{
    if (type == KERN_F32)
        return lanes_load((const float *)(const void *)tile + k * KERN_LANES);
    const uint16_t *const halves = (const uint16_t *)(const void *)tile + k * KERN_LANES;
    return type == KERN_F16 ? lanes_load_half(halves) : lanes_load_bfloat(halves);
}

/* A tile times `columns` columns (a constant where this is inlined), of which the first `n_out` are there. */
ALWAYS_INLINE void float_columns(const uint8_t *tile, const kern_type type, uint32_t n_inputs, const float *x,
                                 size_t x_stride, const uint32_t columns, uint32_t n_out, fetching fetch, float *out,
                                 size_t out_stride)
{
    lanes sums[LANES_COLUMNS];
    const float *column[LANES_COLUMNS];
#pragma GCC unroll 8
    for (uint32_t c = 0; c < columns; c++) {
        sums[c] = lanes_splat(0.0f);
        column[c] = x + (c < n_out ? c : n_out - 1) * x_stride;
    }
    for (uint32_t k = 0; k < n_inputs; k++) {
        const lanes weights = load_weights(tile, type, k);
        if (columns > (type == KERN_F32 ? 4 : 1))
            __builtin_prefetch(fetch.from + k * fetch.step, 0, 2);
#pragma GCC unroll 8
        for (uint32_t c = 0; c < columns; c++)
            sums[c] = lanes_fma(weights, lanes_splat(column[c][k]), sums[c]);
    }
#pragma GCC unroll 8
    for (uint32_t c = 0; c < columns; c++)
        if (c < n_out)
            lanes_store(out + c * out_stride, sums[c]);
}

ALWAYS_INLINE void float_tile(const uint8_t *tile, const kern_type type, size_t tile_bytes, uint32_t n_inputs,
                              const kern_activations *x, float *out, size_t out_stride)
{
    const uint32_t passes = (x->n_columns + LANES_COLUMNS - 1) / LANES_COLUMNS;
    fetching fetch = {tile + tile_bytes, (type == KERN_F32 ? 64 : 32) / passes};
    for (uint32_t c = 0, taken; c < x->n_columns; c += taken) {
        const uint32_t left = x->n_columns - c;
        const float *const floats = x->floats + c * x->float_stride;
        float *const to = out + c * out_stride;
        taken = LANES_COLUMNS;
        if (left > 4) {
            float_columns(tile, type, n_inputs, floats, x->float_stride, LANES_COLUMNS, left, fetch, to, out_stride);
        } else if (left > 1) {
            float_columns(tile, type, n_inputs, floats, x->float_stride, 4, left, fetch, to, out_stride);
            taken = 4;
        } else {
            float_columns(tile, type, n_inputs, floats, x->float_stride, 1, left, fetch, to, out_stride);
            taken = 1;
        }
        fetch.from += n_inputs * fetch.step;
    }
}

static void matmul_float(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                         float *out, size_t out_stride)
{
    for (uint32_t t = tile_begin; t < tile_end; t++) {
        const uint8_t *const tile = weights->data + t * weights->tile_bytes;
        float *const to = out + (size_t)t * KERN_TILE_ROWS;
        switch (weights->type) {
        case KERN_F32:
            float_tile(tile, KERN_F32, weights->tile_bytes, weights->n_inputs, x, to, out_stride);
            break;
        case KERN_F16:
            float_tile(tile, KERN_F16, weights->tile_bytes, weights->n_inputs, x, to, out_stride);
            break;
        default:
            float_tile(tile, KERN_BF16, weights->tile_bytes, weights->n_inputs, x, to, out_stride);
            break;
        }
    }
}

#endif
