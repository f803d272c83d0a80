/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vector.h"

kern_table kern_table_for(kern_level level)
{
    kern_table table = {.level = level};
    kern_fill_vector_scalar(&table);
    kern_fill_attention_scalar(&table);
    kern_fill_matmul_scalar(&table);
#if defined(__x86_64__)
    if (level == KERN_LEVEL_SCALAR)
        return table;
    kern_fill_vector_avx2(&table);
    kern_fill_attention_avx2(&table);
    kern_fill_matmul_avx2(&table);
    if (level == KERN_LEVEL_AVXVNNI)
        kern_fill_matmul_avxvnni(&table);
    if (level < KERN_LEVEL_AVX512)
        return table;
    kern_fill_vector_avx512(&table);
    kern_fill_attention_avx512(&table);
    kern_fill_matmul_avx512(&table);
    if (level == KERN_LEVEL_AVX512VNNI) {
        kern_fill_attention_avx512vnni(&table);
        kern_fill_matmul_avx512vnni(&table);
    }
#elif defined(__aarch64__)
    if (level == KERN_LEVEL_SCALAR)
        return table;
    kern_fill_vector_neon(&table);
    kern_fill_attention_neon(&table);
    kern_fill_matmul_neon(&table);
    if (level == KERN_LEVEL_DOTPROD || level == KERN_LEVEL_I8MM)
        kern_fill_attention_dotprod(&table);
    if (level == KERN_LEVEL_DOTPROD)
        kern_fill_matmul_dotprod(&table);
    if (level == KERN_LEVEL_I8MM)
        kern_fill_matmul_i8mm(&table);
#endif
    return table;
}

size_t kern_matmul_scratch(uint32_t n_inputs)
{
    /* one tile with an int16 for each weight and a float scale for each row and block; up to 15 blocks more are made */
    return (size_t)(n_inputs / KERN_BLOCK + 16) * (KERN_TILE_ROWS * (KERN_BLOCK * sizeof(int16_t) + sizeof(float)));
}
