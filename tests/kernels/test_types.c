/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of every type are what the gguf package says they are: tests/data/types/make.py wrote its answers. */
#include "kernels/pack.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { WEIGHTS = 512 };

/* Bit for bit, but for the sign of zeros: the package subtracts minima, firn adds their negatives. */
Test(types, weights_are_those_of_the_gguf_package)
{
    for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++) {
        const kern_type_info *const info = kern_type_find(*type);
        const size_t bytes = WEIGHTS / info->block_elements * info->block_bytes;
        char path[1024];
        snprintf(path, sizeof path, FIRN_SOURCE_DIR "/tests/data/types/%s.bin", info->name);
        unsigned char data[WEIGHTS * 8 + 1];
        FILE *const file = fopen(path, "rb");
        cr_assert_not_null(file, "%s is missing", path);
        cr_assert_eq(fread(data, 1, sizeof data, file), bytes + WEIGHTS * sizeof(float), "%s", path);
        fclose(file);
        float expected[WEIGHTS], found[WEIGHTS];
        memcpy(expected, data + bytes, sizeof expected);
        kern_dequantise(*type, data, WEIGHTS, found);
        for (uint32_t i = 0; i < WEIGHTS; i++)
            cr_expect(found[i] == expected[i], "%s, weight %u: %a, not %a", info->name, i, found[i], expected[i]);
    }
}

Test(types, matmul_takes_every_type_that_checkpoints_have_weights_of)
{
    uint32_t taken = 0;
    for (uint32_t number = 0; number < KERN_TYPE_LIMIT; number++)
        taken += kern_type_find(number) != NULL && kern_type_has_matmul((kern_type)number);
    uint32_t listed = 0;
    for (const kern_type *type = support_matmul_types; *type != KERN_TYPE_LIMIT; type++, listed++)
        cr_expect(kern_type_has_matmul(*type), "%s", kern_type_find(*type)->name);
    cr_expect_eq(taken, listed);
    cr_expect_not(kern_type_has_matmul(KERN_Q8_K));
    cr_expect_not(kern_type_has_matmul(KERN_I32));
}
