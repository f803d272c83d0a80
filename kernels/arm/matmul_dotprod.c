/* SPDX-License-Identifier: Apache-2.0 */
/* Quantised matmul with NEON's int8 dot products: sdot on four rows. Q8_0, whose inputs are int16, goes as in NEON. */
#include "kernels/arm/rows_neon.h"
#include "kernels/ref/forms_body.h"
#include "kernels/vector.h"

/* sums + products of four weights and four inputs of each row */
ALWAYS_INLINE rows_int rows_dot(rows_int sums, rows_int weights, const uint8_t *q, bool negative)
{
    (void)negative;
    return vdotq_s32(sums, vreinterpretq_s8_s32(weights), rows_splat_bytes(q));
}

#include "kernels/ref/dot_body.h"
#include "kernels/ref/dot_columns_body.h"
#include "kernels/arm/codebook_neon.h"
#include "kernels/arm/pack_rounded_neon.h"
#include "kernels/ref/matmul_body.h"
#include "kernels/ref/matmul_rounded_body.h"

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    kern_matmul_neon(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

void kern_fill_matmul_dotprod(kern_table *table)
{
    table->matmul_quantised = matmul;
    table->pack_rounded = pack_rounded;
    table->matmul_rounded = matmul_rounded;
}
