/* SPDX-License-Identifier: Apache-2.0 */
/* Every level's matmul gives the bits of the scalar one, for any number of columns and rows. */
#include "tests/support/kernels.h"
#include "kernels/pack.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

enum { MOST_COLUMNS = 70 };

typedef struct inputs {
    float *floats;
    uint8_t *int8, *int16;
    kern_activations activations;
} inputs;

static void quantise_all(const kern_table *table, const inputs *x, uint32_t n_columns, uint32_t n_inputs)
{
    const uint32_t width = n_columns == 1 ? 1 : KERN_PANEL, n_blocks = n_inputs / KERN_BLOCK;
    for (uint32_t c = 0; c < n_columns; c += width) {
        const uint32_t count = n_columns - c < width ? n_columns - c : width;
        const float *const floats = x->floats + (size_t)c * n_inputs;
        table->quantise_int8(floats, n_inputs, count, width, n_blocks,
                             x->int8 + (size_t)c * n_blocks * KERN_INT8_BYTES);
        table->quantise_int16(floats, n_inputs, count, width, n_blocks,
                              x->int16 + (size_t)c * n_blocks * KERN_INT16_BYTES);
    }
}

/* `extreme` makes every input the largest or the smallest integer. */
static inputs make_inputs(support_random *random, const kern_table *table, uint32_t n_columns, uint32_t n_inputs,
                          bool extreme)
{
    const size_t padded = ((size_t)n_columns + KERN_PANEL) * (n_inputs / KERN_BLOCK);
    inputs x = {support_poisoned((size_t)n_columns * n_inputs * sizeof(float)),
                support_poisoned(padded * KERN_INT8_BYTES),
                support_poisoned(padded * KERN_INT16_BYTES),
                {0}};
    for (size_t i = 0; i < (size_t)n_columns * n_inputs; i++) {
        const float value = support_random_float(random) * 4.0f;
        x.floats[i] = extreme ? (value < 0 ? -1.0f : 1.0f) : value;
    }
    quantise_all(table, &x, n_columns, n_inputs);
    x.activations = (kern_activations){x.floats, n_inputs, x.int8, x.int16, n_columns};
    return x;
}

static void free_inputs(const inputs *x)
{
    free(x->floats), free(x->int8), free(x->int16);
}

static void check(const kern_table *table, const kern_table *scalar, support_random *random, kern_type type,
                  uint32_t n_rows, uint32_t n_inputs, uint32_t n_columns, bool extreme)
{
    uint8_t *packed, *const rows = support_random_rows(random, type, n_rows, n_inputs);
    const kern_matrix matrix = support_matrix(type, rows, n_rows, n_inputs, &packed);
    const inputs x = make_inputs(random, scalar, n_columns, n_inputs, extreme);
    const size_t stride = (size_t)kern_tiles(&matrix) * KERN_TILE_ROWS + 16;
    const size_t bytes = stride * n_columns * sizeof(float);
    float *const expected = support_poisoned(bytes), *const found = support_poisoned(bytes);
    uint8_t *const scratch = support_poisoned(kern_matmul_scratch(n_inputs));
    kern_matmul(scalar, &matrix, 0, kern_tiles(&matrix), &x.activations, expected, stride, scratch);
    kern_matmul(table, &matrix, 0, kern_tiles(&matrix), &x.activations, found, stride, scratch);
    cr_assert_arr_eq(expected, found, bytes, "%s %s: %u rows, %u inputs, %u columns%s", kern_level_name(table->level),
                     kern_type_find(type)->name, n_rows, n_inputs, n_columns, extreme ? ", extreme" : "");
    free_inputs(&x);
    free(rows), free(packed), free(expected), free(found), free(scratch);
}

Test(matmul, every_level_gives_the_scalar_bits)
{
    static const uint32_t columns[] = {1, 2, 3, 4, 5, 8, 9, 12, 13, 16, 25, 49, MOST_COLUMNS};
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    for (int level = support_next_level(KERN_LEVEL_SCALAR); level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {7};
        for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++) {
            for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
                for (uint32_t n_inputs = 256; n_inputs <= 768; n_inputs += 512)
                    check(&table, &scalar, &random, *type, 16 + (uint32_t)i, n_inputs, columns[i], i % 3 == 0);
        }
        printf("ran %s: %s\n", SUPPORT_HOW, kern_level_name(table.level));
    }
}

Test(matmul, small_blocks_and_long_rows)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR), best = kern_table_for(kern_level_detect());
    support_random random = {8};
    static const kern_type types[] = {KERN_F32, KERN_Q4_1, KERN_Q5_0, KERN_Q8_0};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        check(&best, &scalar, &random, types[t], 1, 32, 1, false);
        check(&best, &scalar, &random, types[t], 15, 32, 3, true);
        check(&best, &scalar, &random, types[t], 33, 96, 2, false);
        check(&best, &scalar, &random, types[t], 17, 32 * 400, 50, false); /* panels beyond the cache: column steps */
    }
}

/* A column's result doesn't depend on how many others there are. */
Test(matmul, column_count_changes_nothing)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR), best = kern_table_for(kern_level_detect());
    support_random random = {9};
    for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++) {
        uint8_t *packed, *const rows = support_random_rows(&random, *type, 16, 256);
        const kern_matrix matrix = support_matrix(*type, rows, 16, 256, &packed);
        const inputs many = make_inputs(&random, &scalar, 7, 256, false);
        inputs one = make_inputs(&random, &scalar, 1, 256, false);
        float all[7][16], alone[16];
        uint8_t *const scratch = support_poisoned(kern_matmul_scratch(256));
        kern_matmul(&best, &matrix, 0, 1, &many.activations, all[0], 16, scratch);
        for (uint32_t c = 0; c < 7; c++) {
            memcpy(one.floats, many.floats + c * 256, 256 * sizeof(float));
            quantise_all(&best, &one, 1, 256);
            kern_matmul(&best, &matrix, 0, 1, &one.activations, alone, 16, scratch);
            cr_assert_arr_eq(alone, all[c], sizeof alone);
        }
        free_inputs(&many), free_inputs(&one);
        free(rows), free(packed), free(scratch);
    }
}

/* Against plain arithmetic in double with dequantised weights: only the rounding of inputs to int8 differs. */
Test(matmul, is_near_the_exact_product)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {10};
    for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++) {
        uint8_t *packed, *const rows = support_random_rows(&random, *type, 16, 512);
        const kern_matrix matrix = support_matrix(*type, rows, 16, 512, &packed);
        const inputs x = make_inputs(&random, &scalar, 1, 512, false);
        float found[16], weights[512];
        kern_matmul(&scalar, &matrix, 0, 1, &x.activations, found, 16, NULL);
        for (uint32_t r = 0; r < 16; r++) {
            kern_unpack_row(&matrix, r, weights);
            double exact = 0, magnitude = 0;
            for (uint32_t k = 0; k < 512; k++) {
                exact += (double)weights[k] * (double)x.floats[k];
                magnitude += fabs((double)weights[k]);
            }
            /* an input is off by at most half a step, 4 / 127 / 2; float rounding adds a little */
            cr_assert_leq(fabs(exact - (double)found[r]), magnitude * (4.0 / 254.0 + 1e-4), "%s row %u",
                          kern_type_find(*type)->name, r);
        }
        free_inputs(&x);
        free(rows), free(packed);
    }
}

/* Packs as the level wants it, and multiplies. */
static void multiply_rounded(const kern_table *table, const kern_matrix *matrix, const kern_rounded *x, float *out,
                             size_t stride)
{
    const uint32_t n_tiles = kern_tiles(matrix);
    uint8_t *const packed = support_poisoned(n_tiles * matrix->tile_bytes);
    kern_matrix rounded = *matrix;
    for (uint32_t t = 0; t < n_tiles; t++)
        table->pack_rounded(matrix, t, packed + t * matrix->tile_bytes);
    rounded.data = packed;
    table->matmul_rounded(&rounded, 0, n_tiles, x, out, stride);
    free(packed);
}

/* Estimates: any level that has them gives the scalar bits, and they are near the true product. */
static void check_rounded(const kern_table *table, const kern_table *scalar, support_random *random, uint32_t n_rows,
                          uint32_t n_inputs, uint32_t n_columns, bool extreme)
{
    const uint32_t n_all = n_inputs + KERN_BLOCK, again = support_random_bits(random) % (n_inputs / KERN_BLOCK);
    uint8_t *packed, *const rows = support_random_rows(random, KERN_Q8_0, n_rows, n_inputs);
    const kern_matrix matrix = support_matrix(KERN_Q8_0, rows, n_rows, n_inputs, &packed);
    const inputs x = make_inputs(random, scalar, n_columns, n_all, extreme);
    const size_t stride = (size_t)kern_tiles(&matrix) * KERN_TILE_ROWS + 16;
    const size_t bytes = stride * n_columns * sizeof(float);
    float *const expected = support_poisoned(bytes), *const found = support_poisoned(bytes);
    float *const weights = malloc(n_inputs * sizeof *weights);
    const kern_rounded rounded = {x.int8, n_columns, again};
    multiply_rounded(scalar, &matrix, &rounded, expected, stride);
    multiply_rounded(table, &matrix, &rounded, found, stride);
    cr_assert_arr_eq(expected, found, bytes, "%s: %u rows, %u inputs, %u columns", kern_level_name(table->level),
                     n_rows, n_inputs, n_columns);
    for (uint32_t r = 0; r < n_rows; r++) {
        kern_unpack_row(&matrix, r, weights);
        double exact = 0, magnitude = 0;
        for (uint32_t k = 0; k < n_all; k++) {
            const double weight = (double)weights[k < n_inputs ? k : again * KERN_BLOCK + k - n_inputs];
            exact += weight * (double)x.floats[k];
            magnitude += fabs(weight);
        }
        cr_assert_leq(fabs(exact - (double)found[r]), magnitude * (4.0 / 254.0 + 1e-4));
    }
    free_inputs(&x);
    free(rows), free(packed), free(expected), free(found), free(weights);
}

Test(matmul, rounded)
{
    static const uint32_t columns[] = {2, 3, 4, 5, 8, 9, 12, 13, 32, MOST_COLUMNS};
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {11};
        for (size_t i = 0; i < sizeof columns / sizeof *columns && table.matmul_rounded != NULL; i++) {
            check_rounded(&table, &scalar, &random, 1 + 7 * (uint32_t)i, 32, columns[i], i % 2 == 0);
            check_rounded(&table, &scalar, &random, 32, 576, columns[i], i % 2 != 0);
        }
    }
}
