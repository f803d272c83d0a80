/* SPDX-License-Identifier: Apache-2.0 */
/* Levels have names, a table has a kernel in every place, and a level overlays only what it has of its own. */
#include "kernels/kernels.h"

#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <string.h>

typedef void (*any_kernel)(void);
enum { N_KERNELS = (sizeof(kern_table) - offsetof(kern_table, matmul_quantised)) / sizeof(any_kernel) };

/* Kernel number i of a table: all that follows its level. */
static any_kernel kernel_at(const kern_table *table, size_t i)
{
    any_kernel kernel;
    memcpy(&kernel, (const char *)table + offsetof(kern_table, matmul_quantised) + i * sizeof kernel, sizeof kernel);
    return kernel;
}

Test(table, level_names)
{
    static const char *const names[] = {"scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "neon", "dotprod", "i8mm"};
    cr_assert_eq(sizeof names / sizeof *names, (size_t)KERN_LEVELS);
    for (int i = 0; i < KERN_LEVELS; i++) {
        kern_level found = KERN_LEVELS;
        cr_expect_str_eq(kern_level_name((kern_level)i), names[i]);
        cr_expect(kern_level_find(names[i], &found));
        cr_expect_eq(found, (kern_level)i);
    }
}

Test(table, unknown_names_change_nothing)
{
    static const char *const names[] = {"", "AVX2", "avx", "avx22", " scalar", "neon512", "i8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        kern_level level = KERN_LEVEL_AVX2;
        cr_expect_not(kern_level_find(names[i], &level), "%s", names[i]);
        cr_expect_eq(level, KERN_LEVEL_AVX2);
    }
}

/* Estimates are left out where they are no faster. */
static bool may_lack(size_t kernel)
{
    const size_t first = (offsetof(kern_table, pack_rounded) - offsetof(kern_table, matmul_quantised)) / sizeof(void *);
    return kernel == first || kernel == first + 1; /* matmul_rounded follows */
}

Test(table, is_full_at_every_level)
{
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        cr_expect_eq(table.level, (kern_level)level);
        for (size_t i = 0; i < N_KERNELS; i++)
            cr_expect(kernel_at(&table, i) != NULL || may_lack(i), "%s: kernel %zu", kern_level_name(table.level), i);
        cr_expect_eq(table.pack_rounded != NULL, table.matmul_rounded != NULL);
        cr_expect(table.matmul_rounded != NULL || level == KERN_LEVEL_AVX2 || level == KERN_LEVEL_AVX512 ||
                  level == KERN_LEVEL_NEON);
    }
}

/* The scalar table is never touched by what the machine has; AVX2 has every kernel of its own. */
Test(table, levels_have_kernels_of_their_own)
{
    if (!kern_level_available(KERN_LEVEL_AVX2))
        cr_skip("hardware: no AVX2");
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR), avx2 = kern_table_for(KERN_LEVEL_AVX2);
    for (size_t i = 0; i < N_KERNELS; i++)
        cr_expect(kernel_at(&scalar, i) != kernel_at(&avx2, i), "kernel %zu", i);
}

Test(table, a_level_without_a_kernel_has_the_one_below)
{
    if (!kern_level_available(KERN_LEVEL_AVX512VNNI))
        cr_skip("hardware: no AVX-512 VNNI");
    const kern_table avx2 = kern_table_for(KERN_LEVEL_AVX2), avx512 = kern_table_for(KERN_LEVEL_AVX512),
                     vnni = kern_table_for(KERN_LEVEL_AVX512VNNI);
    cr_expect(avx512.attention_chunk != avx2.attention_chunk);
    cr_expect(vnni.attention_chunk != avx512.attention_chunk);
    cr_expect(vnni.rms_norm == avx512.rms_norm);
    cr_expect(vnni.matmul_quantised != avx512.matmul_quantised);
    cr_expect(avx512.matmul_quantised != avx2.matmul_quantised);
}
