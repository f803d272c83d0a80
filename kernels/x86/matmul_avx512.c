/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX-512 but without VNNI: vpmaddubsw on sixteen rows, and sums in int16 as far as they go.
 * Q8_0, whose inputs are int16, goes as in AVX2.
 */
#include "kernels/x86/rows_avx512.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 1 };

#include "kernels/ref/forms_body.h"

/* Products of four inputs, summed by pairs in int16. Signed weights pass their signs to the inputs. */
ALWAYS_INLINE rows_int rows_multiply_bytes(rows_int weights, const uint8_t *q, bool negative)
{
    rows_int inputs = rows_splat((int32_t)kern_load32(q));
    if (negative) {
        inputs = _mm512_mask_sub_epi8(inputs, _mm512_movepi8_mask(weights), _mm512_setzero_si512(), inputs);
        weights = _mm512_abs_epi8(weights);
    }
    return _mm512_maddubs_epi16(weights, inputs);
}

ALWAYS_INLINE rows_int rows_add_words(rows_int a, rows_int b)
{
    return _mm512_add_epi16(a, b);
}

/* Products of words, summed by pairs in int32. */
ALWAYS_INLINE rows_int rows_multiply_words(rows_int a, rows_int b)
{
    return _mm512_madd_epi16(a, b);
}

/* There are registers enough. */
#define IN_REGISTER(value) ((void)0)

#include "kernels/x86/pairs_body.h"

/* sums + four products of bytes without and with a sign, of which two stay in an int16 */
ALWAYS_INLINE __m512i add_products(__m512i sums, __m512i weights, __m512i inputs)
{
    return _mm512_add_epi32(sums, _mm512_madd_epi16(_mm512_maddubs_epi16(weights, inputs), _mm512_set1_epi16(1)));
}

#include "kernels/x86/codebook_avx512_body.h"
#include "kernels/ref/matmul_body.h"

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    kern_matmul_avx2(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

void kern_fill_matmul_avx512(kern_table *table)
{
    table->matmul_quantised = matmul;
    table->pack_rounded = NULL;
    table->matmul_rounded = NULL;
}
