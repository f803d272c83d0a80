/* SPDX-License-Identifier: Apache-2.0 */
/* Quantised matmul with AVX-VNNI: vpdpbusd on eight rows. Q8_0, where its inputs are int16, goes as in AVX2. */
#include "kernels/x86/rows_avx2.h"
#include "kernels/x86/q8_0.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 0 };

#include "kernels/ref/forms_body.h"

/* sums + products of four weights and four inputs of each row; no weight is negative */
ALWAYS_INLINE rows_int rows_dot(rows_int sums, rows_int weights, const uint8_t *q, bool negative)
{
    (void)negative;
    return _mm256_dpbusd_avx_epi32(sums, weights, _mm256_set1_epi32((int32_t)kern_load32(q)));
}

#include "kernels/ref/dot_body.h"
#include "kernels/ref/dot_columns_body.h"
#include "kernels/x86/codebook_avx2_body.h"
#include "kernels/ref/matmul_body.h"
#include "kernels/ref/matmul_rounded_body.h"

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    kern_matmul_avx2(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

void kern_fill_matmul_avxvnni(kern_table *table)
{
    table->matmul_quantised = matmul;
    table->pack_rounded = pack_rounded;
    table->matmul_rounded = matmul_rounded;
}
