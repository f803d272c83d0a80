/* SPDX-License-Identifier: Apache-2.0 */
/* In place of the files that the emulated program leaves out: its table never asks for them. */
#include "kernels/vector.h"

void kern_fill_vector_avx512(kern_table *table)
{
    (void)table;
}

void kern_fill_matmul_avx512(kern_table *table)
{
    (void)table;
}

void kern_fill_matmul_avx512vnni(kern_table *table)
{
    (void)table;
}
