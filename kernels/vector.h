/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between kernels/table.c and the files that fill the table: one function a file, that overlays what the file has. A
 * file for a level that is not compiled in for this architecture is simply not called.
 */
#ifndef FIRN_KERNELS_VECTOR_H
#define FIRN_KERNELS_VECTOR_H

#include "kernels/kernels.h"

void kern_fill_vector_scalar(kern_table *table);
void kern_fill_vector_avx2(kern_table *table);
void kern_fill_vector_avx512(kern_table *table);

void kern_fill_attention_scalar(kern_table *table);
void kern_fill_attention_avx2(kern_table *table);
void kern_fill_attention_avx512(kern_table *table);
void kern_fill_attention_avx512vnni(kern_table *table);
void kern_fill_attention_neon(kern_table *table);
void kern_fill_attention_dotprod(kern_table *table);

void kern_fill_matmul_scalar(kern_table *table);
void kern_fill_matmul_avx2(kern_table *table);
void kern_fill_matmul_avxvnni(kern_table *table);
void kern_fill_matmul_avx512(kern_table *table);
void kern_fill_matmul_avx512vnni(kern_table *table);

void kern_fill_vector_neon(kern_table *table);
void kern_fill_matmul_neon(kern_table *table);
void kern_fill_matmul_dotprod(kern_table *table);
void kern_fill_matmul_i8mm(kern_table *table);

/* What levels that have only int8 products of their own do with Q8_0. */
void kern_matmul_avx2(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                      float *out, size_t out_stride, uint8_t *scratch);
void kern_matmul_neon(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                      float *out, size_t out_stride, uint8_t *scratch);

#endif
