/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX2: a register holds one k-group of 8 of a tile's 16 rows as unsigned bytes, vpmaddubsw
 * multiplies them with four broadcast inputs, and int16 sums are widened before they can overflow: 8 k-groups of 4-bit
 * weights (8*2*15*127), 4 of 5-bit, 2 of 6-bit ones stay below 2^15. Q8_0 is widened to int16 for vpmaddwd.
 */
#include "kernels/x86/rows_avx2.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 1 };

#include "kernels/ref/forms_body.h"

enum {
    SCRATCH_BLOCK = 64 + 1024,  /* Q8_0 made into a tile: float scale[16], then int16 [16][16 rows][2] */
    CACHED_PANELS = 256 * 1024, /* bytes of activations that stay in the second-level cache while tiles pass by */
};

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
    return has_halves(f) || is_iq4(f);
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

ALWAYS_INLINE void tile_all_columns(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x,
                                    uint32_t n_columns, float *out, size_t out_stride)
{
    const size_t panel_bytes = (size_t)n_blocks * KERN_PANEL * KERN_INT8_BYTES;
    for (uint32_t c = 0; c < n_columns; c += KERN_PANEL)
        tile_columns(f, tile, n_blocks, x + c / KERN_PANEL * panel_bytes, KERN_PANEL, n_columns - c,
                     out + c * out_stride, out_stride);
}

/* ---- Q8_0 in place: rows as the checkpoint stores them, blocks of F16 scale and 32 bytes ---- */

enum { ROW_BLOCK = 34, HALF_ROWS = 8, HALF_TILE_BLOCK = HALF_ROWS * ROW_BLOCK };

typedef struct row_pointers {
    const uint8_t *at[HALF_ROWS];
} row_pointers;

/* Eight rows from `first` on; rows beyond the matrix repeat its last one. */
ALWAYS_INLINE row_pointers eight_rows(const kern_matrix *weights, uint32_t first)
{
    const size_t row_bytes = weights->tile_bytes / KERN_TILE_ROWS;
    row_pointers rows;
    for (uint32_t r = 0; r < HALF_ROWS; r++) {
        const uint32_t row = first + r;
        rows.at[r] = weights->data + (row < weights->n_rows ? row : weights->n_rows - 1) * row_bytes;
    }
    return rows;
}

ALWAYS_INLINE short scale_at(const row_pointers *rows, uint32_t r, size_t offset)
{
    return (short)kern_load16(rows->at[r] + offset);
}

ALWAYS_INLINE __m256 row_scales(const row_pointers *rows, size_t offset)
{
    return _mm256_cvtph_ps(_mm_set_epi16(
        scale_at(rows, 7, offset), scale_at(rows, 6, offset), scale_at(rows, 5, offset), scale_at(rows, 4, offset),
        scale_at(rows, 3, offset), scale_at(rows, 2, offset), scale_at(rows, 1, offset), scale_at(rows, 0, offset)));
}

static void one_column_in_place(const kern_matrix *weights, uint32_t first, const uint8_t *x, float *out)
{
    const row_pointers rows = eight_rows(weights, first);
    __m256 result = _mm256_setzero_ps();
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        const size_t offset = (size_t)b * ROW_BLOCK;
        /* the same block of the next rows: eight short streams are more than the processor foresees by itself */
        for (uint32_t line = 0; line < 5; line++)
            _mm_prefetch((const char *)rows.at[0] + weights->tile_bytes / 2 + b * HALF_TILE_BLOCK + 64 * line,
                         _MM_HINT_T0);
        const uint8_t *const column = x + (size_t)b * KERN_INT16_BYTES;
        const __m256i q_low = rows_load(column + 4), q_high = rows_load(column + 36);
        __m256i sums[HALF_ROWS];
#pragma GCC unroll 8
        for (uint32_t r = 0; r < HALF_ROWS; r++) {
            const __m128i *const w = (const __m128i *)(rows.at[r] + offset + 2);
            sums[r] = _mm256_add_epi32(_mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(w)), q_low),
                                       _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(w + 1)), q_high));
        }
        const __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
        const __m256i high =
            _mm256_hadd_epi32(_mm256_hadd_epi32(sums[4], sums[5]), _mm256_hadd_epi32(sums[6], sums[7]));
        const __m256i sum =
            _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
        const __m256 scale = _mm256_mul_ps(row_scales(&rows, offset), broadcast_float(column));
        result = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum), result);
    }
    _mm256_storeu_ps(out, result);
}

/* Transposes an 8 x 8 matrix of dwords. */
ALWAYS_INLINE void transpose_eight(__m256i *v)
{
    __m256i t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x20);
        v[i + 4] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x31);
    }
}

static void expand_tile(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    for (uint32_t half = 0; half < 2; half++) {
        const row_pointers rows = eight_rows(weights, tile * KERN_TILE_ROWS + HALF_ROWS * half);
        for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
            const size_t offset = (size_t)b * ROW_BLOCK;
            uint8_t *const to = scratch + (size_t)b * SCRATCH_BLOCK;
            _mm256_storeu_ps((float *)(void *)to + HALF_ROWS * half, row_scales(&rows, offset));
            __m256i v[HALF_ROWS];
            for (uint32_t r = 0; r < HALF_ROWS; r++)
                v[r] = rows_load(rows.at[r] + offset + 2);
            transpose_eight(v);
            for (uint32_t g = 0; g < 8; g++) { /* bytes 0 and 2 of each four, then 1 and 3, as int16 */
                uint8_t *const pairs = to + 64 + 128 * g + 32 * half;
                const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(v[g], 8), 8);
                _mm256_storeu_si256((__m256i *)pairs, even);
                _mm256_storeu_si256((__m256i *)(pairs + 64), _mm256_srai_epi16(v[g], 8));
            }
        }
    }
}

/* An expanded tile times one panel, of which `n_out` columns are stored. */
static void expanded_panel(const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, uint32_t n_out, float *out,
                           size_t out_stride)
{
    for (uint32_t half = 0; half < 2; half++) {
        __m256 results[KERN_PANEL];
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            results[c] = _mm256_setzero_ps();
        for (uint32_t b = 0; b < n_blocks; b++) {
            const uint8_t *const block = tile + (size_t)b * SCRATCH_BLOCK;
            const uint8_t *const inputs = x + (size_t)b * KERN_PANEL * KERN_INT16_BYTES;
            __m256i sums[KERN_PANEL];
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
            const __m256 weight_scale = _mm256_loadu_ps((const float *)(const void *)block + HALF_ROWS * half);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < KERN_PANEL; c++) {
                const __m256 scale = _mm256_mul_ps(weight_scale, broadcast_float(inputs + 4 * (size_t)c));
                results[c] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sums[c]), results[c]);
            }
        }
#pragma GCC unroll 4
        for (uint32_t c = 0; c < KERN_PANEL; c++)
            if (c < n_out)
                _mm256_storeu_ps(out + c * out_stride + HALF_ROWS * half, results[c]);
    }
}

/* ---- all types ---- */

static void tile_product(const kern_matrix *weights, uint32_t t, const uint8_t *x, uint32_t n_columns, bool alone,
                         float *out, size_t out_stride, uint8_t *scratch)
{
    const uint8_t *const tile = weights->data + t * weights->tile_bytes;
    const uint32_t n = weights->n_inputs / KERN_BLOCK;
    switch (weights->type) {
#define FIRN_FORM(name)                                                     \
    case KERN_##name:                                                       \
        if (alone)                                                          \
            tile_columns(name, tile, n, x, 1, 1, out, out_stride);          \
        else                                                                \
            tile_all_columns(name, tile, n, x, n_columns, out, out_stride); \
        break;
        FIRN_FORM(Q4_0)
        FIRN_FORM(Q4_1)
        FIRN_FORM(Q5_0)
        FIRN_FORM(Q5_1)
        FIRN_FORM(Q2_K)
        FIRN_FORM(Q3_K)
        FIRN_FORM(Q4_K)
        FIRN_FORM(Q5_K)
        FIRN_FORM(Q6_K)
        FIRN_FORM(IQ4_NL)
        FIRN_FORM(IQ4_XS)
        FIRN_FORM(MXFP4)
        FIRN_FORM(NVFP4)
        FIRN_FORM(TQ1_0)
        FIRN_FORM(TQ2_0)
#undef FIRN_FORM
    case KERN_Q8_0:
        if (alone) {
            one_column_in_place(weights, t * KERN_TILE_ROWS, x, out);
            one_column_in_place(weights, t * KERN_TILE_ROWS + HALF_ROWS, x, out + HALF_ROWS);
        } else {
            expand_tile(weights, t, scratch);
            for (uint32_t c = 0; c < n_columns; c += KERN_PANEL)
                expanded_panel(scratch, n, x + (size_t)c * n * KERN_INT16_BYTES, n_columns - c, out + c * out_stride,
                               out_stride);
        }
        break;
    default: /* types with codebooks */
        kern_expand_tile(weights, t, scratch);
        if (alone)
            tile_columns(EXPANDED, scratch, n, x, 1, 1, out, out_stride);
        else
            tile_all_columns(EXPANDED, scratch, n, x, n_columns, out, out_stride);
        break;
    }
}

void kern_matmul_avx2(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                      float *out, size_t out_stride, uint8_t *scratch)
{
    const bool wide = kern_type_input(weights->type) == KERN_INPUT_INT16;
    const uint8_t *const panels = wide ? x->int16_panels : x->int8_panels;
    const size_t column_bytes = (size_t)(weights->n_inputs / KERN_BLOCK) * (wide ? KERN_INT16_BYTES : KERN_INT8_BYTES);
    const uint32_t fitting = (uint32_t)(CACHED_PANELS / column_bytes) / KERN_PANEL * KERN_PANEL;
    const uint32_t step = fitting < 32 ? 32 : fitting;
    for (uint32_t c = 0; c < x->n_columns; c += step) {
        const uint32_t left = x->n_columns - c;
        for (uint32_t t = tile_begin; t < tile_end; t++)
            tile_product(weights, t, panels + c * column_bytes, left < step ? left : step, x->n_columns == 1,
                         out + c * out_stride + (size_t)t * KERN_TILE_ROWS, out_stride, scratch);
    }
}

void kern_fill_matmul_avx2(kern_table *table)
{
    table->matmul_quantised = kern_matmul_avx2;
}
