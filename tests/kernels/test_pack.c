/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/pack.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>

Test(pack, keeps_every_value)
{
    support_random random = {1};
    for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++) {
        const uint32_t n_rows = 37, n_inputs = 512;
        uint8_t *packed, *const rows = support_random_rows(&random, *type, n_rows, n_inputs);
        const kern_matrix matrix = support_matrix(*type, rows, n_rows, n_inputs, &packed);
        const size_t row_bytes = matrix.tile_bytes / KERN_TILE_ROWS;
        float expected[512], found[512];
        for (uint32_t r = 0; r < n_rows; r++) {
            kern_dequantise(*type, rows + r * row_bytes, n_inputs, expected);
            kern_unpack_row(&matrix, r, found);
            cr_assert_arr_eq(expected, found, sizeof expected, "%s row %u", kern_type_find(*type)->name, r);
        }
        free(packed);
        free(rows);
    }
}

/* Rows of numbers that don't end with a piece that vectors take. */
Test(pack, keeps_numbers_of_rows_of_any_length)
{
    static const kern_type types[] = {KERN_F32, KERN_F16, KERN_BF16};
    support_random random = {2};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (uint32_t n_inputs = 1; n_inputs < 20; n_inputs++) {
            const uint32_t n_rows = 21;
            uint8_t *packed, *const rows = support_random_rows(&random, types[t], n_rows, n_inputs);
            const kern_matrix matrix = support_matrix(types[t], rows, n_rows, n_inputs, &packed);
            const size_t row_bytes = matrix.tile_bytes / KERN_TILE_ROWS;
            float expected[20], found[20];
            for (uint32_t r = 0; r < n_rows; r++) {
                kern_dequantise(types[t], rows + r * row_bytes, n_inputs, expected);
                kern_unpack_row(&matrix, r, found);
                cr_assert_arr_eq(expected, found, n_inputs * sizeof *found, "%s row %u of %u",
                                 kern_type_find(types[t])->name, r, n_inputs);
            }
            free(packed);
            free(rows);
        }
    }
}

Test(pack, is_never_larger_than_the_checkpoint)
{
    for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++) {
        const kern_type_info *const info = kern_type_find(*type);
        cr_expect_eq(kern_tile_bytes(*type, 512), 16 * 512 / info->block_elements * info->block_bytes);
    }
}
