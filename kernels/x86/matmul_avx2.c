/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX2: vpmaddubsw on eight rows, and sums in int16 as far as they go. Q8_0 is widened to int16
 * for vpmaddwd.
 */
#include "kernels/x86/rows_avx2.h"
#include "kernels/x86/q8_0.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 1 };

#include "kernels/ref/forms_body.h"

ALWAYS_INLINE __m256i broadcast_int(const uint8_t *bytes)
{
    return _mm256_set1_epi32((int32_t)kern_load32(bytes));
}

ALWAYS_INLINE __m256 broadcast_float(const uint8_t *bytes)
{
    return _mm256_castsi256_ps(broadcast_int(bytes));
}

/* Products of four inputs, summed by pairs in int16. Signed weights pass their signs to the inputs. */
ALWAYS_INLINE rows_int rows_multiply_bytes(rows_int weights, const uint8_t *q, bool negative)
{
    const rows_int inputs = broadcast_int(q);
    if (negative)
        return _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(inputs, weights));
    return _mm256_maddubs_epi16(weights, inputs);
}

ALWAYS_INLINE rows_int rows_add_words(rows_int a, rows_int b)
{
    return _mm256_add_epi16(a, b);
}

/* Products of words, summed by pairs in int32. */
ALWAYS_INLINE rows_int rows_multiply_words(rows_int a, rows_int b)
{
    return _mm256_madd_epi16(a, b);
}

/* Keeps the compiler from computing all products of a block before adding any, which fills and spills the registers. */
#define IN_REGISTER(value) __asm__ volatile("" : "+x"(value))

#include "kernels/x86/pairs_body.h"
#include "kernels/x86/codebook_avx2_body.h"
#include "kernels/ref/matmul_body.h"

/*
 * ---- Q8_0 with one column ----
 *
 * Rows are read one after the other, as they lie in memory: the processor foresees one stream, not eight or sixteen.
 * Lanes are 8 blocks of a row, and what is to be added goes to `terms`; when all rows are there it is transposed, so
 * that lanes are rows and blocks are added in order.
 */

enum { GROUP = 8, GROUP_TERMS = KERN_TILE_ROWS * 2 * GROUP }; /* blocks; floats: scale and sum of each row and block */

/* The inputs' scales, side by side at the front of `scratch`; those of blocks that fill up the last group are 0. */
ALWAYS_INLINE float *copy_scales(const uint8_t *x, uint32_t n_blocks, uint32_t n_whole, uint8_t *scratch)
{
    float *const scales = (float *)(void *)scratch;
    for (uint32_t b = 0; b < n_blocks; b++)
        memcpy(&scales[b], x + (size_t)b * KERN_INT16_BYTES, sizeof scales[b]);
    for (uint32_t b = n_blocks; b < n_whole; b++)
        scales[b] = 0.0f;
    return scales;
}

ALWAYS_INLINE __m256i block_products(const uint8_t *weights, const uint8_t *x)
{
    const __m128i *const w = (const __m128i *)(const void *)(weights + 2);
    return _mm256_add_epi32(_mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(w)), rows_load(x + 4)),
                            _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(w + 1)), rows_load(x + 36)));
}

/* Up to 8 blocks of one row; what is beyond n_blocks is 0. */
ALWAYS_INLINE void row_terms(const uint8_t *row, const uint8_t *x, const float *x_scales, const uint32_t n_blocks,
                             float *terms)
{
    __m256i sums[GROUP];
    uint16_t scales[GROUP];
#pragma GCC unroll 8
    for (uint32_t b = 0; b < GROUP; b++) {
        sums[b] = b < n_blocks ? block_products(row + b * ROW_BLOCK, x + b * KERN_INT16_BYTES) : rows_splat(0);
        scales[b] = b < n_blocks ? kern_load16(row + b * ROW_BLOCK) : 0;
    }
    const __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    const __m256i high = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[4], sums[5]), _mm256_hadd_epi32(sums[6], sums[7]));
    const __m256i sum =
        _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
    const __m128i halves = _mm_setr_epi16((short)scales[0], (short)scales[1], (short)scales[2], (short)scales[3],
                                          (short)scales[4], (short)scales[5], (short)scales[6], (short)scales[7]);
    _mm256_storeu_ps(terms, _mm256_mul_ps(_mm256_cvtph_ps(halves), _mm256_loadu_ps(x_scales)));
    _mm256_storeu_ps(terms + GROUP, _mm256_cvtepi32_ps(sum));
}

/* Adds n blocks of 8 rows, in order. */
ALWAYS_INLINE __m256 add_terms(const float *terms, uint32_t n, __m256 result)
{
    __m256i scales[GROUP], sums[GROUP];
    for (uint32_t r = 0; r < 8; r++) {
        scales[r] = _mm256_castps_si256(_mm256_loadu_ps(terms + (size_t)r * 2 * GROUP));
        sums[r] = _mm256_castps_si256(_mm256_loadu_ps(terms + (size_t)r * 2 * GROUP + GROUP));
    }
    transpose_eight(scales);
    transpose_eight(sums);
    for (uint32_t b = 0; b < n; b++)
        result = _mm256_fmadd_ps(_mm256_castsi256_ps(scales[b]), _mm256_castsi256_ps(sums[b]), result);
    return result;
}

static void tile_in_place(const kern_matrix *weights, uint32_t tile, const uint8_t *x, const float *x_scales,
                          float *terms, float *out)
{
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK;
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
        float *to = terms + (size_t)r * 2 * GROUP;
        uint32_t b = 0;
        for (; b + GROUP <= n_blocks; b += GROUP, to += GROUP_TERMS)
            row_terms(rows.at[r] + b * ROW_BLOCK, x + b * KERN_INT16_BYTES, x_scales + b, GROUP, to);
        if (b < n_blocks)
            row_terms(rows.at[r] + b * ROW_BLOCK, x + b * KERN_INT16_BYTES, x_scales + b, n_blocks - b, to);
    }
    for (uint32_t half = 0; half < 2; half++) {
        __m256 result = _mm256_setzero_ps();
        for (uint32_t b = 0; b < n_blocks; b += GROUP)
            result = add_terms(terms + (size_t)(b / GROUP) * GROUP_TERMS + half * GROUP_TERMS / 2,
                               n_blocks - b < GROUP ? n_blocks - b : GROUP, result);
        _mm256_storeu_ps(out + 8 * half, result);
    }
}

/* ---- Q8_0 with many ---- */

/* An expanded tile times one panel, of which `n_out` columns are stored. */
static void expanded_panel(const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, uint32_t n_out, float *out,
                           size_t out_stride, const uint8_t *next)
{
    __m256 results[2][KERN_PANEL];
    for (uint32_t c = 0; c < KERN_PANEL; c++)
        results[0][c] = results[1][c] = _mm256_setzero_ps();
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = tile + (size_t)b * SCRATCH_BLOCK;
        const uint8_t *const inputs = x + (size_t)b * KERN_PANEL * KERN_INT16_BYTES;
        __m256i sums[2][KERN_PANEL];
        fetch_block(next, b);
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            sums[0][c] = sums[1][c] = _mm256_setzero_si256();
        for (uint32_t p = 0; p < 16; p++) {
            const __m256i low = rows_load(block + 64 + 64 * (size_t)p), high = rows_load(block + 96 + 64 * (size_t)p);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < KERN_PANEL; c++) {
                const __m256i input = broadcast_int(inputs + 16 * (1 + p) + 4 * (size_t)c);
                sums[0][c] = _mm256_add_epi32(sums[0][c], _mm256_madd_epi16(low, input));
                sums[1][c] = _mm256_add_epi32(sums[1][c], _mm256_madd_epi16(high, input));
                IN_REGISTER(sums[0][c]);
                IN_REGISTER(sums[1][c]);
            }
        }
#pragma GCC unroll 2
        for (uint32_t half = 0; half < 2; half++) {
            const __m256 weight_scale = _mm256_loadu_ps((const float *)(const void *)block + 8 * half);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < KERN_PANEL; c++) {
                const __m256 scale = _mm256_mul_ps(weight_scale, broadcast_float(inputs + 4 * (size_t)c));
                results[half][c] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sums[half][c]), results[half][c]);
            }
        }
    }
#pragma GCC unroll 4
    for (uint32_t c = 0; c < KERN_PANEL; c++) {
        if (c < n_out) {
            _mm256_storeu_ps(out + c * out_stride, results[0][c]);
            _mm256_storeu_ps(out + c * out_stride + 8, results[1][c]);
        }
    }
}

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK;
    if (x->n_columns == 1) {
        const uint32_t n_whole = (n_blocks + GROUP - 1) / GROUP * GROUP;
        float *const scales = copy_scales(x->int16_panels, n_blocks, n_whole, scratch);
        for (uint32_t t = tile_begin; t < tile_end; t++)
            tile_in_place(weights, t, x->int16_panels, scales, scales + n_whole, out + (size_t)t * KERN_TILE_ROWS);
        return;
    }
    const size_t column_bytes = (size_t)n_blocks * KERN_INT16_BYTES;
    const uint32_t step = columns_together(column_bytes);
    for (uint32_t first = 0; first < x->n_columns; first += step) {
        const uint32_t end = x->n_columns - first < step ? x->n_columns : first + step;
        for (uint32_t t = tile_begin; t < tile_end; t++) {
            expand_tile(weights, t, scratch);
            for (uint32_t c = first; c < end; c += KERN_PANEL)
                expanded_panel(scratch, n_blocks, x->int16_panels + c * column_bytes, end - c,
                               out + c * out_stride + (size_t)t * KERN_TILE_ROWS, out_stride,
                               c == first ? weights->data + (t + 1) * weights->tile_bytes : NULL);
        }
    }
}

void kern_matmul_avx2(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                      float *out, size_t out_stride, uint8_t *scratch)
{
    matmul(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

void kern_fill_matmul_avx2(kern_table *table)
{
    table->matmul_quantised = kern_matmul_avx2;
    table->pack_rounded = NULL;
    table->matmul_rounded = NULL;
}
