/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every float kernel but the quantised matmuls, written once over sixteen lanes. A file for one instruction set
 * includes its lanes first, then this, and gets functions that compute the same bits as all others: what a lane does
 * and the order in which lanes are reduced are fixed here, and nothing else is free.
 */
#ifndef FIRN_KERNELS_VECTOR_BODY_H
#define FIRN_KERNELS_VECTOR_BODY_H

#include "kernels/ref/exp_body.h"
#include "kernels/vector.h"

/* ---- elementwise functions: kernels/math.h lane by lane ---- */

ALWAYS_INLINE lanes lanes_tanh(lanes x)
{
    const lanes one = lanes_splat(1.0f);
    const lanes t = lanes_exp(lanes_multiply(lanes_splat(-2.0f), lanes_absolute(x)));
    return lanes_copy_sign(lanes_divide(lanes_subtract(one, t), lanes_add(one, t)), x);
}

ALWAYS_INLINE lanes lanes_silu(lanes x)
{
    const lanes e = lanes_exp(lanes_subtract(lanes_splat(0.0f), x));
    return lanes_divide(x, lanes_add(lanes_splat(1.0f), e));
}

ALWAYS_INLINE lanes lanes_gelu_tanh(lanes x)
{
    const lanes one = lanes_splat(1.0f);
    const lanes cubic = lanes_fma(lanes_multiply(lanes_splat(KERN_GELU_CUBIC), x), x, one);
    const lanes z = lanes_multiply(x, cubic);
    return lanes_divide(x, lanes_add(one, lanes_exp(lanes_multiply(z, lanes_splat(KERN_GELU_SCALE)))));
}

/* The first n (1 to 16) floats; the other lanes are zero. */
ALWAYS_INLINE lanes load_part(const float *from, uint32_t n)
{
    float part[KERN_LANES] = {0};
    if (n >= KERN_LANES)
        return lanes_load(from);
    memcpy(part, from, n * sizeof *part);
    return lanes_load(part);
}

ALWAYS_INLINE void store_part(float *to, lanes a, uint32_t n)
{
    float part[KERN_LANES];
    if (n >= KERN_LANES) {
        lanes_store(to, a);
        return;
    }
    lanes_store(part, a);
    memcpy(to, part, n * sizeof *part);
}

static void add(float *x, const float *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES)
        store_part(x + i, lanes_add(load_part(x + i, n - i), load_part(y + i, n - i)), n - i);
}

static void scale(float *x, float factor, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES)
        store_part(x + i, lanes_multiply(load_part(x + i, n - i), lanes_splat(factor)), n - i);
}

static void activate(kern_activation activation, const float *gate, const float *up, uint32_t n, float *out)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes x = load_part(gate + i, n - i);
        const lanes a = activation == KERN_SILU ? lanes_silu(x) : lanes_gelu_tanh(x);
        store_part(out + i, lanes_multiply(a, load_part(up + i, n - i)), n - i);
    }
}

static void softcap(float *x, float cap, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes bounded = lanes_tanh(lanes_divide(load_part(x + i, n - i), lanes_splat(cap)));
        store_part(x + i, lanes_multiply(bounded, lanes_splat(cap)), n - i);
    }
}

static bool all_finite(const float *x, uint32_t n)
{
    lanes zero = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n; i += KERN_LANES) /* 0 * x is 0 if x is finite, else NaN, which stays in the sum */
        zero = lanes_fma(load_part(x + i, n - i), lanes_splat(0.0f), zero);
    return lanes_sum(zero) == 0.0f;
}

static void rms_norm(const float *x, const float *gain, float epsilon, uint32_t n, float *out)
{
    lanes squares = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes v = load_part(x + i, n - i);
        squares = lanes_fma(v, v, squares);
    }
    const float mean = lanes_sum(squares) / (float)n;
    const lanes factor = lanes_splat(1.0f / sqrtf(mean + epsilon));
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes normal = lanes_multiply(load_part(x + i, n - i), factor);
        store_part(out + i, lanes_multiply(normal, load_part(gain + i, n - i)), n - i);
    }
}

/* ---- activations to integers ---- */

/* A block whose largest magnitude is below this is stored as zeros: its inverse would leave the range of a float. */
#define SMALLEST_LARGEST 0x1p-100f

typedef struct rounded {
    lanes low, high; /* integers from -limit to limit */
    float step;      /* value = step * integer; NaN if a value was not finite */
} rounded;

ALWAYS_INLINE rounded round_block(const float *x, float limit)
{
    const lanes low = lanes_load(x), high = lanes_load(x + KERN_LANES);
    const float largest = lanes_largest_bits(lanes_maximum_bits(lanes_absolute(low), lanes_absolute(high)));
    if (!(largest < INFINITY))
        return (rounded){lanes_splat(0.0f), lanes_splat(0.0f), NAN};
    if (!(largest > SMALLEST_LARGEST))
        return (rounded){lanes_splat(0.0f), lanes_splat(0.0f), 0.0f};
    const lanes inverse = lanes_splat(limit / largest);
    return (rounded){lanes_round(lanes_multiply(low, inverse)), lanes_round(lanes_multiply(high, inverse)),
                     largest / limit};
}

/* Writes one column of one panel block; see kern_activations. */
ALWAYS_INLINE void int8_block(const float *x, uint32_t width, uint8_t *out)
{
    const rounded r = round_block(x, 127.0f);
    int8_t q[KERN_BLOCK];
    lanes_store_int8(q, r.low);
    lanes_store_int8(q + KERN_LANES, r.high);
    const int16_t sums[2] = {(int16_t)lanes_sum(r.low), (int16_t)lanes_sum(r.high)}; /* exact: small integers */
    const float scaled_sum = r.step * (float)(sums[0] + sums[1]);
    memcpy(out, &r.step, 4);
    memcpy(out + 4 * width, &scaled_sum, 4);
    memcpy(out + 8 * width, sums, 4);
    for (uint32_t g = 0; g < 8; g++)
        memcpy(out + 12 * width + 4 * (size_t)width * g, q + 4 * g, 4);
}

ALWAYS_INLINE void int16_block(const float *x, uint32_t width, uint8_t *out)
{
    const rounded r = round_block(x, 32767.0f);
    int16_t q[KERN_BLOCK];
    lanes_store_int16(q, r.low);
    lanes_store_int16(q + KERN_LANES, r.high);
    memcpy(out, &r.step, 4);
    if (width == 1) {
        memcpy(out + 4, q, sizeof q);
        return;
    }
    for (uint32_t g = 0; g < 8; g++) {
        const int16_t even[2] = {q[4 * g], q[4 * g + 2]}, odd[2] = {q[4 * g + 1], q[4 * g + 3]};
        memcpy(out + 4 * width + 4 * (size_t)width * (2 * g), even, 4);
        memcpy(out + 4 * width + 4 * (size_t)width * (2 * g + 1), odd, 4);
    }
}

static void quantise_int8(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                          uint8_t *out)
{
    const size_t block_bytes = (size_t)width * KERN_INT8_BYTES;
    if (n_columns < width)
        memset(out, 0, n_blocks * block_bytes);
    for (uint32_t c = 0; c < n_columns; c++)
        for (uint32_t b = 0; b < n_blocks; b++)
            int8_block(x + c * stride + (size_t)b * KERN_BLOCK, width, out + b * block_bytes + 4 * c);
}

static void quantise_int16(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                           uint8_t *out)
{
    const size_t block_bytes = (size_t)width * KERN_INT16_BYTES;
    if (n_columns < width)
        memset(out, 0, n_blocks * block_bytes);
    for (uint32_t c = 0; c < n_columns; c++)
        for (uint32_t b = 0; b < n_blocks; b++)
            int16_block(x + c * stride + (size_t)b * KERN_BLOCK, width, out + b * block_bytes + 4 * c);
}

/* ---- rotary position embedding ---- */

static void rotate(float *head, const float *angles, uint32_t n_pairs, bool adjacent)
{
    const float *const others = angles + (adjacent ? 2 * (size_t)n_pairs : n_pairs);
    float *const second = head + n_pairs;
    for (uint32_t i = 0, n = adjacent ? 2 * n_pairs : n_pairs; i < n; i += KERN_LANES) {
        const lanes angle = load_part(angles + i, n - i), other = load_part(others + i, n - i);
        const lanes a = load_part(head + i, n - i);
        if (adjacent) {
            store_part(head + i, lanes_fma(lanes_even(a), angle, lanes_multiply(lanes_odd(a), other)), n - i);
        } else {
            const lanes b = load_part(second + i, n - i);
            const lanes negative = lanes_multiply(other, lanes_splat(-1.0f));
            store_part(head + i, lanes_fma(a, angle, lanes_multiply(b, negative)), n - i);
            store_part(second + i, lanes_fma(a, other, lanes_multiply(b, angle)), n - i);
        }
    }
}

#include "kernels/ref/matmul_float_body.h"

static void fill(kern_table *table)
{
    table->matmul_float = matmul_float;
    table->quantise_int8 = quantise_int8;
    table->quantise_int16 = quantise_int16;
    table->rms_norm = rms_norm;
    table->add = add;
    table->scale = scale;
    table->activate = activate;
    table->softcap = softcap;
    table->rotate = rotate;
    table->all_finite = all_finite;
}

#endif
