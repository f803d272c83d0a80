/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX2: a register holds one k-group of 8 of a tile's 16 rows as unsigned bytes, vpmaddubsw
 * multiplies them with four broadcast inputs, and int16 sums are widened before they can overflow: 8 k-groups of 4-bit
 * weights (8*2*15*127), 4 of 5-bit, 2 of 6-bit ones stay below 2^15. Q8_0 is widened to int16 for vpmaddwd.
 */
#include "kernels/x86/rows_avx2.h"
#include "kernels/x86/q8_0.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 1 };

#include "kernels/ref/forms_body.h"

enum { MOST_COLUMNS = KERN_PANEL, CACHED_PANELS = 256 * 1024 };

ALWAYS_INLINE __m256i broadcast_int(const uint8_t *bytes)
{
    return _mm256_set1_epi32((int32_t)kern_load32(bytes));
}

ALWAYS_INLINE __m256 broadcast_float(const uint8_t *bytes)
{
    return _mm256_castsi256_ps(broadcast_int(bytes));
}

/* Products of four inputs, summed by pairs in int16. Signed weights pass their signs to the inputs. */
ALWAYS_INLINE __m256i multiply(const form f, __m256i weights, const uint8_t *q)
{
    const __m256i inputs = broadcast_int(q);
    if (is_iq4(f))
        return _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(inputs, weights));
    return _mm256_maddubs_epi16(weights, inputs);
}

/* As int16 twice in each dword. */
ALWAYS_INLINE __m256i twice(__m256i a)
{
    return _mm256_blend_epi16(a, _mm256_slli_epi32(a, 16), 0xaa);
}

/* Whether k-groups 0 to 3 and 4 to 7 have sums of their own: halves to be scaled, or products too large to add. */
ALWAYS_INLINE bool sums_apart(form f)
{
    return has_halves(f) || largest(f) * 127 * 4 > INT16_MAX;
}

/* How many pairs of k-groups an int16 sum takes before it is widened; a sum of halves takes one group of each pair. */
ALWAYS_INLINE int flush_interval(form f)
{
    const int groups = INT16_MAX / (largest(f) * 127 * 2), pairs = sums_apart(f) ? groups : groups / 2;
    return pairs >= 4 ? 4 : pairs >= 2 ? 2 : 1;
}

/* Keeps the compiler from computing all products of a block before adding any, which fills and spills the registers. */
#define IN_REGISTER(value) __asm__ volatile("" : "+x"(value))

/*
 * Exact sums of one block's products for eight rows and `columns` columns; those of the second half apart where it has
 * a float scale.
 */
ALWAYS_INLINE void sum_products(const form f, const form_view *v, const uint8_t *block, const uint32_t columns,
                                __m256i *sums, __m256i *second_sums)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i first_scale = has_subscales(f) ? twice(v->subscale[0]) : ones;
    const __m256i second_scale = has_subscales(f) ? twice(v->subscale[1]) : ones;
    const int flush = flush_interval(f);
    __m256i low16[KERN_PANEL], high16[KERN_PANEL]; /* k-groups 0 to 3, and 4 to 7; or both in low16 */
    for (uint32_t c = 0; c < columns; c++)
        sums[c] = second_sums[c] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        __m256i low, high;
        load_groups(f, v, g, &low, &high);
#pragma GCC unroll 4
        for (uint32_t c = 0; c < columns; c++) {
            const uint8_t *const q = block + 12 * columns + 4 * c + 4 * columns * (uint32_t)g;
            const __m256i first = multiply(f, low, q), second = multiply(f, high, q + 16 * columns);
            const bool start = g % flush == 0, end = (g + 1) % flush == 0;
            if (sums_apart(f)) {
                low16[c] = start ? first : _mm256_add_epi16(low16[c], first);
                high16[c] = start ? second : _mm256_add_epi16(high16[c], second);
                IN_REGISTER(low16[c]);
                IN_REGISTER(high16[c]);
                if (end && has_two_scales(f)) {
                    sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(low16[c], ones));
                    second_sums[c] = _mm256_add_epi32(second_sums[c], _mm256_madd_epi16(high16[c], ones));
                } else if (end) {
                    sums[c] = _mm256_add_epi32(sums[c], _mm256_add_epi32(_mm256_madd_epi16(low16[c], first_scale),
                                                                         _mm256_madd_epi16(high16[c], second_scale)));
                }
            } else {
                low16[c] = start ? first : _mm256_add_epi16(low16[c], first);
                low16[c] = _mm256_add_epi16(low16[c], second);
                IN_REGISTER(low16[c]);
                if (end)
                    sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(low16[c], ones));
            }
        }
    }
}

/* One tile times `columns` columns (1 or 4, a constant where this is inlined), of which `n_out` are stored. */
ALWAYS_INLINE void tile_columns(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x,
                                const uint32_t columns, uint32_t n_out, float *out, size_t out_stride)
{
    const __m256i zero = _mm256_set1_epi32(-zero_point(f)), nothing = _mm256_setzero_si256();
    __m256 results[2][KERN_PANEL];
    for (uint32_t c = 0; c < columns; c++)
        results[0][c] = results[1][c] = _mm256_setzero_ps();
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = x + (size_t)b * columns * KERN_INT8_BYTES;
#pragma GCC unroll 2
        for (uint32_t half = 0; half < 2; half++) {
            /* the second half loads its inputs again: kept in registers from the first, they would be spilled */
            __asm__ volatile("" ::: "memory");
            const form_view v = view(f, tile, b, half);
            __m256i sums[KERN_PANEL], second_sums[KERN_PANEL];
            sum_products(f, &v, block, columns, sums, second_sums);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < columns; c++) {
                const uint8_t *const column = block + 4 * c;
                const uint8_t *const input_sums = column + 8 * columns;
                __m256i sum = sums[c];
                if (has_subscales(f)) { /* the zero point times both sums, each with its scale */
                    const __m256i inputs = rows_multiply_pair(v.subscale[0], v.subscale[1], input_sums);
                    if (zero_point(f) != 0)
                        sum = _mm256_sub_epi32(sum, _mm256_mullo_epi32(inputs, _mm256_set1_epi32(zero_point(f))));
                } else if (zero_point(f) != 0) {
                    sum =
                        _mm256_add_epi32(sum, rows_multiply_pair(zero, has_two_scales(f) ? nothing : zero, input_sums));
                }
                const __m256 x_scale = broadcast_float(column), scale = _mm256_mul_ps(v.scale, x_scale);
                results[half][c] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum), results[half][c]);
                if (has_two_scales(f)) {
                    const __m256i second =
                        _mm256_add_epi32(second_sums[c], rows_multiply_pair(nothing, zero, input_sums));
                    results[half][c] = _mm256_fmadd_ps(_mm256_mul_ps(v.second_scale, x_scale),
                                                       _mm256_cvtepi32_ps(second), results[half][c]);
                }
                if (has_minimum(f))
                    results[half][c] =
                        _mm256_fmadd_ps(v.minimum, broadcast_float(column + 4 * columns), results[half][c]);
                if (has_subminima(f)) {
                    const __m256i inputs = rows_multiply_pair(v.subminimum[0], v.subminimum[1], input_sums);
                    results[half][c] = _mm256_fmadd_ps(_mm256_mul_ps(v.minimum, x_scale), _mm256_cvtepi32_ps(inputs),
                                                       results[half][c]);
                }
            }
        }
    }
#pragma GCC unroll 4
    for (uint32_t c = 0; c < columns; c++) {
        if (c < n_out) {
            _mm256_storeu_ps(out + c * out_stride, results[0][c]);
            _mm256_storeu_ps(out + c * out_stride + 8, results[1][c]);
        }
    }
}

ALWAYS_INLINE void one_column(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, float *out)
{
    tile_columns(f, tile, n_blocks, x, 1, 1, out, 0);
}

ALWAYS_INLINE void many_columns(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x,
                                uint32_t n_columns, float *out, size_t out_stride)
{
    for (uint32_t c = 0; c < n_columns; c += KERN_PANEL)
        tile_columns(f, tile, n_blocks, x + (size_t)c * n_blocks * KERN_INT8_BYTES, KERN_PANEL, n_columns - c,
                     out + c * out_stride, out_stride);
}

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
    for (uint32_t half = 0; half < 2; half++) {
        __m256 results[KERN_PANEL];
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            results[c] = _mm256_setzero_ps();
        for (uint32_t b = 0; b < n_blocks; b++) {
            const uint8_t *const block = tile + (size_t)b * SCRATCH_BLOCK;
            const uint8_t *const inputs = x + (size_t)b * KERN_PANEL * KERN_INT16_BYTES;
            __m256i sums[KERN_PANEL];
            fetch_block(half == 0 ? next : NULL, b);
            for (uint32_t c = 0; c < KERN_PANEL; c++)
                sums[c] = _mm256_setzero_si256();
#pragma GCC unroll 4
            for (uint32_t p = 0; p < 16; p++) {
                const __m256i w = rows_load(block + 64 + 64 * (size_t)p + 32 * half);
#pragma GCC unroll 4
                for (uint32_t c = 0; c < KERN_PANEL; c++)
                    sums[c] = _mm256_add_epi32(
                        sums[c], _mm256_madd_epi16(w, broadcast_int(inputs + 16 * (1 + p) + 4 * (size_t)c)));
            }
            const __m256 weight_scale = _mm256_loadu_ps((const float *)(const void *)block + 8 * half);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < KERN_PANEL; c++) {
                const __m256 scale = _mm256_mul_ps(weight_scale, broadcast_float(inputs + 4 * (size_t)c));
                results[c] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sums[c]), results[c]);
            }
        }
#pragma GCC unroll 4
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            if (c < n_out)
                _mm256_storeu_ps(out + c * out_stride + 8 * half, results[c]);
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
}
