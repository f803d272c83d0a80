/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every level's float kernels give the scalar ones' bits, on values of every kind and on lengths that don't fill a
 * vector, and touch nothing behind their output; and the scalar ones do what kernels.h says. Attention has a file of
 * its own.
 */
#include "kernels/half.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MOST = 272, SEEDS = 6, OUT_BYTES = (MOST + 32) * 16 * sizeof(float) };

/* What the values of an input are like. */
enum { ORDINARY, SUBNORMAL, LARGE, ZEROS, MIXED, KINDS };

static float make_value(support_random *random, int kind)
{
    const float x = support_random_float(random);
    switch (kind == MIXED ? (int)(support_random_bits(random) >> 20) % MIXED : kind) {
    case SUBNORMAL:
        return x * 0x1p-127f;
    case LARGE:
        return x < 0 ? -FLT_MAX : FLT_MAX * x;
    case ZEROS:
        return copysignf(0.0f, x);
    default:
        return x * 8.0f;
    }
}

/* n values in a buffer that goes on with NaN. */
static float *make_values(support_random *random, int kind, uint32_t n)
{
    float *const values = support_poisoned(MOST * 2 * sizeof(float));
    for (uint32_t i = 0; i < n; i++)
        values[i] = make_value(random, kind);
    return values;
}

/* ---- functions of one or two vectors, in one form ---- */

typedef void (*one_function)(const kern_table *table, const float *x, const float *y, uint32_t n, void *out);

static void run_add(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    memcpy(out, x, n * sizeof *x);
    table->add(out, y, n);
}

static void run_scale(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    memcpy(out, x, n * sizeof *x);
    table->scale(out, y[0], n);
}

static void run_rms_norm(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    table->rms_norm(x, y, 1e-6f, n, out);
}

static void run_rms_norm_in_place(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    memcpy(out, x, n * sizeof *x);
    table->rms_norm(out, y, 1e-6f, n, out);
}

static void run_silu(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    table->activate(KERN_SILU, x, y, n, out);
}

static void run_gelu(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    table->activate(KERN_GELU_TANH, x, y, n, out);
}

static void run_softcap(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    memcpy(out, x, n * sizeof *x);
    table->softcap(out, 30.0f + fabsf(y[0]), n);
}

static void run_rotate_halves(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    memcpy(out, x, n * sizeof *x);
    table->rotate(out, y, n / 2, false);
}

static void run_rotate_adjacent(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    float angles[2 * MOST];
    for (uint32_t i = 0; i + 1 < n; i += 2) {
        angles[i] = angles[n / 2 * 2 + i + 1] = y[i];
        angles[i + 1] = y[i + 1];
        angles[n / 2 * 2 + i] = -y[i + 1];
    }
    memcpy(out, x, n * sizeof *x);
    table->rotate(out, angles, n / 2, true);
}

static void run_store_value(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    (void)y;
    table->store_value(KERN_F16, x, n, 3, out);
}

static void run_store_value_q8_0(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    (void)y;
    table->store_value(KERN_Q8_0, x, n, 6, out);
}

static void store_key(const kern_table *table, kern_type type, const float *x, uint32_t n, uint32_t position, void *out)
{
    float key[MOST]; /* is changed */
    memcpy(key, x, n * sizeof *key);
    table->store_key(type, key, n, position, out);
}

static void run_store_key(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    (void)y;
    store_key(table, KERN_F16, x, n, 5, out);
}

static void run_store_key_q8_0(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    (void)y;
    store_key(table, KERN_Q8_0, x, n, 20, out);
}

static void run_merge(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    float *const state = out;
    state[0] = fminf(x[0], 1e30f), state[1] = fabsf(x[1]); /* maximum and sum; a difference of maxima is finite */
    memcpy(state + 2, x, n * sizeof *x);
    table->attention_merge(state, state + 1, state + 2, fminf(y[0], 1e30f), fabsf(y[1]), y, n);
}

static void run_finish(const kern_table *table, const float *x, const float *y, uint32_t n, void *out)
{
    table->attention_finish(x, fabsf(y[0]) + 1.0f, n, out);
}

static const struct {
    const char *name;
    one_function run;
    uint32_t multiple; /* of lengths */
} functions[] = {
    {"add", run_add, 1},
    {"scale", run_scale, 1},
    {"rms_norm", run_rms_norm, 1},
    {"rms_norm in place", run_rms_norm_in_place, 1},
    {"activate, silu", run_silu, 1},
    {"activate, gelu", run_gelu, 1},
    {"softcap", run_softcap, 1},
    {"rotate, halves", run_rotate_halves, 2},
    {"rotate, adjacent", run_rotate_adjacent, 2},
    {"store_value", run_store_value, KERN_LANES},
    {"store_key", run_store_key, KERN_LANES},
    {"store_value, Q8_0", run_store_value_q8_0, KERN_LANES},
    {"store_key, Q8_0", run_store_key_q8_0, KERN_LANES},
    {"attention_merge", run_merge, KERN_LANES},
    {"attention_finish", run_finish, KERN_LANES},
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions };

static void compare(const kern_table *table, const kern_table *scalar, size_t function, uint32_t n, int kind,
                    support_random *random)
{
    float *const x = make_values(random, kind, n), *const y = make_values(random, kind, n);
    void *const expected = support_poisoned(OUT_BYTES), *const found = support_poisoned(OUT_BYTES);
    functions[function].run(scalar, x, y, n, expected);
    functions[function].run(table, x, y, n, found);
    cr_assert_arr_eq(found, expected, OUT_BYTES, "%s, %s of %u, values of kind %d", kern_level_name(table->level),
                     functions[function].name, n, kind);
    free(x), free(y), free(expected), free(found);
}

Test(vector, every_level_gives_the_scalar_bits)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    for (int level = support_next_level(KERN_LEVEL_SCALAR); level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        for (size_t f = 0; f < N_FUNCTIONS; f++) {
            support_random random = {f + 1};
            for (uint32_t n = functions[f].multiple; n <= MOST; n += functions[f].multiple + (n > 70 ? 16 : 0))
                for (int kind = 0; kind < KINDS; kind++)
                    for (int seed = 0; seed < SEEDS; seed++)
                        compare(&table, &scalar, f, n, kind, &random);
        }
    }
}

/* The poison behind an output of n elements is still there: of those functions that write n floats. */
Test(vector, nothing_is_written_behind_the_output)
{
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {3};
        for (size_t f = 0; functions[f].multiple <= 2; f++)
            for (uint32_t n = 2; n <= 70; n += functions[f].multiple) {
                float *const x = make_values(&random, ORDINARY, n), *const y = make_values(&random, ORDINARY, n);
                float *const out = support_poisoned(OUT_BYTES);
                functions[f].run(&table, x, y, n, out);
                for (uint32_t i = 0; i < n + 32; i++)
                    cr_assert_eq(i >= n, isnan(out[i]) != 0, "%s of %u at %u", functions[f].name, n, i);
                free(x), free(y), free(out);
            }
    }
}

/* ---- what they compute ---- */

Test(vector, activations_are_those_of_math_h)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {11};
    for (int kind = 0; kind < KINDS; kind++) {
        float *const x = make_values(&random, kind, MOST), *const y = make_values(&random, kind, MOST);
        float silu[MOST], gelu[MOST];
        scalar.activate(KERN_SILU, x, y, MOST, silu);
        scalar.activate(KERN_GELU_TANH, x, y, MOST, gelu);
        for (uint32_t i = 0; i < MOST; i++) {
            cr_assert_eq(kern_bits_from_float(silu[i]), kern_bits_from_float(kern_silu(x[i]) * y[i]));
            cr_assert_eq(kern_bits_from_float(gelu[i]), kern_bits_from_float(kern_gelu_tanh(x[i]) * y[i]));
        }
        scalar.softcap(x, 30.0f, MOST);
        for (uint32_t i = 0; i < MOST; i++)
            cr_assert_leq(fabsf(x[i]), 30.0f);
        free(x), free(y);
    }
}

Test(vector, rms_norm_is_near_the_exact_one)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {12};
    for (uint32_t n = 1; n <= MOST; n += 9) {
        float *const x = make_values(&random, ORDINARY, n), *const gain = make_values(&random, ORDINARY, n);
        float out[MOST];
        double squares = 0;
        for (uint32_t i = 0; i < n; i++)
            squares += (double)x[i] * (double)x[i];
        const double factor = 1 / sqrt(squares / n + 1e-6);
        scalar.rms_norm(x, gain, 1e-6f, n, out);
        for (uint32_t i = 0; i < n; i++) {
            const double exact = (double)x[i] * factor * (double)gain[i];
            cr_assert_leq(fabs((double)out[i] - exact), fabs(exact) * 1e-6);
        }
        free(x), free(gain);
    }
}

Test(vector, rotation_turns_pairs)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    static const float of_halves[] = {0.6f, 0.0f, 0.8f, 1.0f};
    static const float of_adjacent[] = {0.6f, 0.8f, 0.0f, 1.0f, -0.8f, 0.6f, -1.0f, 0.0f};
    float halves[] = {1, 2, 3, 4, 5}, adjacent[] = {1, 2, 3, 4, 5};
    const float turned_halves[] = {0.6f - 2.4f, -4, 0.8f + 1.8f, 2, 5}, turned_adjacent[] = {-1, 2, -4, 3, 5};
    scalar.rotate(halves, of_halves, 2, false);
    scalar.rotate(adjacent, of_adjacent, 2, true);
    for (int i = 0; i < 5; i++) {
        cr_expect_float_eq(halves[i], turned_halves[i], 1e-6);
        cr_expect_float_eq(adjacent[i], turned_adjacent[i], 1e-6);
    }
}

Test(vector, keys_and_values_become_halves)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {13};
    float *const x = make_values(&random, MIXED, 64);
    uint16_t key[64 * KERN_LANES] = {0}, value[3 * 64] = {0};
    scalar.store_key(KERN_F16, x, 64, 3, key);
    scalar.store_value(KERN_F16, x, 64, 2, value);
    for (uint32_t i = 0; i < 64; i++) {
        cr_assert_eq(value[2 * 64 + i], kern_half_from_float(x[i]));
        cr_assert_eq(key[i * KERN_LANES + 3], value[2 * 64 + i]);
        cr_assert_eq(key[i * KERN_LANES + 4], 0);
    }
    free(x);
}

Test(vector, all_finite_sees_every_place)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {14};
        for (uint32_t n = 1; n <= 70; n++) {
            float *const x = make_values(&random, (int)n % KINDS, n); /* NaN follows */
            cr_assert(table.all_finite(x, n), "%s, %u values", kern_level_name(table.level), n);
            for (uint32_t i = 0; i < n; i++) {
                const float good = x[i];
                x[i] = bad[i % 4];
                cr_assert_not(table.all_finite(x, n), "%s, %u values, at %u", kern_level_name(table.level), n, i);
                x[i] = good;
            }
            free(x);
        }
    }
}

/* ---- quantisation ---- */

enum { BLOCKS = 5, STRIDE = BLOCKS * KERN_BLOCK + 3, PANEL_BYTES = BLOCKS * KERN_PANEL * KERN_INT16_BYTES };

typedef void (*quantiser)(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                          uint8_t *out);

static void compare_quantisers(quantiser found, quantiser expected, const float *x, uint32_t columns, uint32_t width)
{
    uint8_t *const a = support_poisoned(PANEL_BYTES + 64), *const b = support_poisoned(PANEL_BYTES + 64);
    found(x, STRIDE, columns, width, BLOCKS, a);
    expected(x, STRIDE, columns, width, BLOCKS, b);
    cr_assert_arr_eq(a, b, PANEL_BYTES + 64, "%u columns, width %u", columns, width);
    free(a), free(b);
}

Test(vector, every_level_quantises_alike)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    for (int level = support_next_level(KERN_LEVEL_SCALAR); level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {15};
        for (int round = 0; round < 400; round++) {
            float *const x = support_poisoned(KERN_PANEL * STRIDE * sizeof(float));
            const uint32_t width = round % 2 ? 1 : KERN_PANEL, columns = width == 1 ? 1 : 1 + (uint32_t)round / 2 % 4;
            for (uint32_t c = 0; c < columns; c++)
                for (uint32_t i = 0; i < BLOCKS * KERN_BLOCK; i++)
                    x[c * STRIDE + i] = make_value(&random, round / 8 % KINDS);
            if (round % 5 == 0)
                x[support_random_bits(&random) % (BLOCKS * KERN_BLOCK)] = bad[round % 3];
            compare_quantisers(table.quantise_int8, scalar.quantise_int8, x, columns, width);
            compare_quantisers(table.quantise_int16, scalar.quantise_int16, x, columns, width);
            free(x);
        }
    }
}

/* Input k of a column in a block of an int16 panel; see kern_activations. */
static int int16_at(const uint8_t *block, uint32_t width, uint32_t column, uint32_t k)
{
    const uint32_t k4 = k / 4, in4 = k % 4;
    const uint32_t pair = width == 1 ? k / 2 : 2 * k4 + in4 % 2, second = width == 1 ? k % 2 : in4 / 2;
    int16_t q;
    memcpy(&q, block + 4 * width + 4 * (size_t)width * pair + 4 * column + 2 * second, sizeof q);
    return q;
}

/* One column of one block holds the values, to half a step, and what is said of them is true. */
static void check_block(const float *x, const uint8_t *int8, const uint8_t *int16, uint32_t width, uint32_t column)
{
    float largest = 0, scale8, scale16, scaled_sum;
    int16_t sums[2], sum[2] = {0, 0};
    for (uint32_t k = 0; k < KERN_BLOCK; k++)
        largest = fmaxf(largest, fabsf(x[k]));
    memcpy(&scale8, int8 + 4 * column, 4);
    memcpy(&scaled_sum, int8 + 4 * width + 4 * column, 4);
    memcpy(sums, int8 + 8 * width + 4 * column, 4);
    memcpy(&scale16, int16 + 4 * column, 4);
    cr_assert_eq(scale8, largest / 127.0f);
    cr_assert_eq(scale16, largest / 32767.0f);
    for (uint32_t k = 0; k < KERN_BLOCK; k++) {
        const int q8 = ((const int8_t *)int8)[12 * width + 4 * width * (k / 4) + 4 * column + k % 4];
        const int q16 = int16_at(int16, width, column, k);
        cr_assert_leq(fabsf(x[k] - scale8 * (float)q8), scale8 * 0.5001f);
        cr_assert_leq(fabsf(x[k] - scale16 * (float)q16), scale16 * 0.51f);
        sum[k / 16] = (int16_t)(sum[k / 16] + q8);
    }
    cr_assert_eq(sums[0], sum[0]);
    cr_assert_eq(sums[1], sum[1]);
    cr_assert_eq(scaled_sum, scale8 * (float)(sum[0] + sum[1]));
}

Test(vector, quantised_blocks_hold_the_values)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {16};
    for (uint32_t columns = 1; columns <= KERN_PANEL; columns++) {
        const uint32_t width = columns == 1 ? 1 : KERN_PANEL;
        float x[KERN_PANEL * STRIDE];
        uint8_t int8[PANEL_BYTES], int16[PANEL_BYTES];
        static const uint8_t zeros[4] = {0};
        for (size_t i = 0; i < sizeof x / sizeof *x; i++)
            x[i] = make_value(&random, ORDINARY);
        scalar.quantise_int8(x, STRIDE, columns, width, BLOCKS, int8);
        scalar.quantise_int16(x, STRIDE, columns, width, BLOCKS, int16);
        for (uint32_t b = 0; b < BLOCKS; b++) {
            const uint8_t *const block8 = int8 + (size_t)b * width * KERN_INT8_BYTES;
            const uint8_t *const block16 = int16 + (size_t)b * width * KERN_INT16_BYTES;
            for (uint32_t c = 0; c < columns; c++)
                check_block(x + c * STRIDE + b * KERN_BLOCK, block8, block16, width, c);
            for (uint32_t c = columns; c < width; c++) /* padding is zero in every word */
                for (uint32_t word = 0; word < KERN_INT16_BYTES / 4; word++) {
                    cr_assert_arr_eq(block16 + 4 * (word * width + c), zeros, 4);
                    if (word < KERN_INT8_BYTES / 4)
                        cr_assert_arr_eq(block8 + 4 * (word * width + c), zeros, 4);
                }
        }
    }
}

/* A value that is not finite makes its own block's scale NaN, so that the damage arrives at the logits. */
Test(vector, quantisation_keeps_damage)
{
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        for (uint32_t place = 0; place < 2 * KERN_BLOCK; place++) {
            float x[2 * KERN_BLOCK], scale8[2], scale16[2];
            uint8_t int8[2 * KERN_INT8_BYTES], int16[2 * KERN_INT16_BYTES];
            for (uint32_t i = 0; i < 2 * KERN_BLOCK; i++)
                x[i] = (float)i - 20.0f;
            x[place] = bad[place % 4];
            table.quantise_int8(x, 2 * KERN_BLOCK, 1, 1, 2, int8);
            table.quantise_int16(x, 2 * KERN_BLOCK, 1, 1, 2, int16);
            for (uint32_t b = 0; b < 2; b++) {
                memcpy(&scale8[b], int8 + b * KERN_INT8_BYTES, 4);
                memcpy(&scale16[b], int16 + b * KERN_INT16_BYTES, 4);
                cr_assert_eq(isnan(scale8[b]) != 0, b == place / KERN_BLOCK);
                cr_assert_eq(isnan(scale16[b]) != 0, b == place / KERN_BLOCK);
            }
        }
    }
}
