/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX-512 VNNI: one register holds one k-group of a tile's 16 rows as unsigned bytes, and
 * vpdpbusd adds its products with four broadcast inputs to 16 exact int32 sums. The zero point of a type is taken off
 * by one vpdpwssd with the inputs' sums.
 */
#include "kernels/x86/rows_avx512.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 0 };

#include "kernels/ref/forms_body.h"

enum {
    MOST_COLUMNS = 12,
    SCRATCH_BLOCK = 64 + 1024,  /* Q8_0 made into a tile: float scale[16], then int16 [16][16 rows][2] */
    CACHED_PANELS = 384 * 1024, /* bytes of activations that stay in the second-level cache while tiles pass by */
};

ALWAYS_INLINE __m512i broadcast_int(const uint8_t *bytes)
{
    return _mm512_set1_epi32((int32_t)kern_load32(bytes));
}

ALWAYS_INLINE __m512 broadcast_float(const uint8_t *bytes)
{
    return _mm512_castsi512_ps(broadcast_int(bytes));
}

/* Column c of `columns` in block b: its numbers are `width` apart. */
ALWAYS_INLINE const uint8_t *column_at(const uint8_t *x, size_t panel_bytes, uint32_t b, const uint32_t width,
                                       uint32_t c)
{
    return x + c / width * panel_bytes + (size_t)b * width * KERN_INT8_BYTES + 4 * (c % width);
}

/* One tile times `columns` columns (a constant where this is inlined), of which `n_out` are stored. */
ALWAYS_INLINE void tile_columns(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x,
                                const uint32_t columns, uint32_t n_out, float *out, size_t out_stride)
{
    const uint32_t width = columns == 1 ? 1 : KERN_PANEL;
    const size_t panel_bytes = (size_t)n_blocks * width * KERN_INT8_BYTES;
    const __m512i zero = _mm512_set1_epi16((int16_t)-zero_point(f));
    const __m512i zero_low = _mm512_set1_epi32((uint16_t)-zero_point(f)), zero_high = _mm512_slli_epi32(zero_low, 16);
    __m512 results[MOST_COLUMNS];
#pragma GCC unroll 12
    for (uint32_t c = 0; c < columns; c++)
        results[c] = _mm512_setzero_ps();
    for (uint32_t b = 0; b < n_blocks; b++) {
        const form_view v = view(f, tile, b, 0);
        __m512i sums[MOST_COLUMNS],
            second[MOST_COLUMNS]; /* second: of k-groups 4 to 7, where they have their own scale */
#pragma GCC unroll 12
        for (uint32_t c = 0; c < columns; c++)
            sums[c] = second[c] = _mm512_setzero_si512();
#pragma GCC unroll 4
        for (uint32_t g = 0; g < 4; g++) {
            __m512i low, high;
            load_groups(f, &v, (int)g, &low, &high);
#pragma GCC unroll 12
            for (uint32_t c = 0; c < columns; c++) {
                const uint8_t *const q = column_at(x, panel_bytes, b, width, c) + 12 * width + 4 * width * g;
                sums[c] = _mm512_dpbusd_epi32(sums[c], low, broadcast_int(q));
                if (has_halves(f) || columns == 1)
                    second[c] = _mm512_dpbusd_epi32(second[c], high, broadcast_int(q + 16 * width));
                else
                    sums[c] = _mm512_dpbusd_epi32(sums[c], high, broadcast_int(q + 16 * width));
            }
        }
#pragma GCC unroll 12
        for (uint32_t c = 0; c < columns; c++) {
            const uint8_t *const column = column_at(x, panel_bytes, b, width, c);
            __m512i sum = sums[c];
            if (has_halves(f) && zero_point(f) != 0) {
                sum = _mm512_dpwssd_epi32(sum, zero_low, broadcast_int(column + 8 * width));
                second[c] = _mm512_dpwssd_epi32(second[c], zero_high, broadcast_int(column + 8 * width));
            }
            if (has_subscales(f)) {
                sum = _mm512_add_epi32(_mm512_mullo_epi32(sum, v.subscale[0]),
                                       _mm512_mullo_epi32(second[c], v.subscale[1]));
            } else if (!has_halves(f)) {
                if (columns == 1)
                    sum = _mm512_add_epi32(sum, second[c]);
                if (zero_point(f) != 0)
                    sum = _mm512_dpwssd_epi32(sum, zero, broadcast_int(column + 8 * width));
            }
            const __m512 scale = _mm512_mul_ps(v.scale, broadcast_float(column));
            results[c] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum), results[c]);
            if (has_two_scales(f))
                results[c] = _mm512_fmadd_ps(_mm512_mul_ps(v.second_scale, broadcast_float(column)),
                                             _mm512_cvtepi32_ps(second[c]), results[c]);
            if (has_minimum(f))
                results[c] = _mm512_fmadd_ps(v.minimum, broadcast_float(column + 4 * width), results[c]);
            if (has_subminima(f)) {
                const __m512i inputs = rows_multiply_pair(v.subminimum[0], v.subminimum[1], column + 8 * width);
                results[c] = _mm512_fmadd_ps(_mm512_mul_ps(v.minimum, broadcast_float(column)),
                                             _mm512_cvtepi32_ps(inputs), results[c]);
            }
        }
    }
#pragma GCC unroll 12
    for (uint32_t c = 0; c < columns; c++)
        if (c < n_out)
            _mm512_storeu_ps(out + c * out_stride, results[c]);
}

ALWAYS_INLINE void tile_all_columns(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x,
                                    uint32_t n_columns, float *out, size_t out_stride)
{
    const size_t panel_bytes = (size_t)n_blocks * KERN_PANEL * KERN_INT8_BYTES;
    const uint32_t most = has_halves(f) ? 8 : MOST_COLUMNS; /* halves: twice the sums */
    for (uint32_t c = 0, taken; c < n_columns; c += taken) {
        const uint32_t left = n_columns - c;
        const uint8_t *const panels = x + c / KERN_PANEL * panel_bytes;
        float *const to = out + c * out_stride;
        taken = most;
        if (left > 8 && most == 12) {
            tile_columns(f, tile, n_blocks, panels, 12, left, to, out_stride);
        } else if (left > 4) {
            tile_columns(f, tile, n_blocks, panels, 8, left, to, out_stride);
            taken = 8;
        } else {
            tile_columns(f, tile, n_blocks, panels, 4, left, to, out_stride);
            taken = 4;
        }
    }
}

/* ---- Q8_0 in place: rows as the checkpoint stores them, blocks of F16 scale and 32 bytes ---- */

enum { ROW_BLOCK = 34, TILE_BLOCK = KERN_TILE_ROWS * ROW_BLOCK };

typedef struct row_pointers {
    const uint8_t *at[KERN_TILE_ROWS];
} row_pointers;

/* The rows of a tile; rows beyond the matrix repeat its last one. */
ALWAYS_INLINE row_pointers tile_rows(const kern_matrix *weights, uint32_t tile)
{
    const size_t row_bytes = weights->tile_bytes / KERN_TILE_ROWS;
    row_pointers rows;
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
        const uint32_t row = tile * KERN_TILE_ROWS + r;
        rows.at[r] = weights->data + (row < weights->n_rows ? row : weights->n_rows - 1) * row_bytes;
    }
    return rows;
}

ALWAYS_INLINE short scale_at(const row_pointers *rows, uint32_t r, size_t offset)
{
    return (short)kern_load16(rows->at[r] + offset);
}

ALWAYS_INLINE __m512 row_scales(const row_pointers *rows, size_t offset)
{
    return _mm512_cvtph_ps(_mm256_set_epi16(
        scale_at(rows, 15, offset), scale_at(rows, 14, offset), scale_at(rows, 13, offset), scale_at(rows, 12, offset),
        scale_at(rows, 11, offset), scale_at(rows, 10, offset), scale_at(rows, 9, offset), scale_at(rows, 8, offset),
        scale_at(rows, 7, offset), scale_at(rows, 6, offset), scale_at(rows, 5, offset), scale_at(rows, 4, offset),
        scale_at(rows, 3, offset), scale_at(rows, 2, offset), scale_at(rows, 1, offset), scale_at(rows, 0, offset)));
}

/* Adds neighbours: each 128-bit part gets the sums of four registers' parts, in order. */
ALWAYS_INLINE __m512i sum_four(__m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

static void one_column_in_place(const kern_matrix *weights, uint32_t tile, const uint8_t *x, float *out)
{
    const row_pointers rows = tile_rows(weights, tile);
    __m512 result = _mm512_setzero_ps();
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        const size_t offset = (size_t)b * ROW_BLOCK;
        /* the same block of the next tile: sixteen short streams are more than the processor foresees by itself */
        for (uint32_t line = 0; line < 9; line++)
            _mm_prefetch((const char *)rows.at[0] + weights->tile_bytes + b * TILE_BLOCK + 64 * line, _MM_HINT_T0);
        const uint8_t *const column = x + (size_t)b * KERN_INT16_BYTES;
        const __m512i q = _mm512_loadu_si512(column + 4);
        __m512i fours[4];
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; i++) {
            __m512i sums[4];
#pragma GCC unroll 4
            for (uint32_t r = 0; r < 4; r++) {
                const __m256i bytes = _mm256_loadu_si256((const __m256i *)(rows.at[4 * i + r] + offset + 2));
                sums[r] = _mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_cvtepi8_epi16(bytes), q);
            }
            fours[i] = sum_four(sums[0], sums[1], sums[2], sums[3]);
        }
        /* part p of register i holds partial sums of rows 4i to 4i + 3: transpose the parts, add */
        const __m512i even01 = _mm512_shuffle_i32x4(fours[0], fours[1], _MM_SHUFFLE(2, 0, 2, 0));
        const __m512i odd01 = _mm512_shuffle_i32x4(fours[0], fours[1], _MM_SHUFFLE(3, 1, 3, 1));
        const __m512i even23 = _mm512_shuffle_i32x4(fours[2], fours[3], _MM_SHUFFLE(2, 0, 2, 0));
        const __m512i odd23 = _mm512_shuffle_i32x4(fours[2], fours[3], _MM_SHUFFLE(3, 1, 3, 1));
        const __m512i two01 = _mm512_add_epi32(even01, odd01), two23 = _mm512_add_epi32(even23, odd23);
        const __m512i sum = _mm512_add_epi32(_mm512_shuffle_i32x4(two01, two23, _MM_SHUFFLE(2, 0, 2, 0)),
                                             _mm512_shuffle_i32x4(two01, two23, _MM_SHUFFLE(3, 1, 3, 1)));
        const __m512 scale = _mm512_mul_ps(row_scales(&rows, offset), broadcast_float(column));
        result = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sum), result);
    }
    _mm512_storeu_ps(out, result);
}

/* Transposes an 8 x 8 matrix of dwords: row r of `rows` becomes column r. */
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
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t b = 0; b < weights->n_inputs / KERN_BLOCK; b++) {
        const size_t offset = (size_t)b * ROW_BLOCK;
        uint8_t *const to = scratch + (size_t)b * SCRATCH_BLOCK;
        _mm512_storeu_ps(to, row_scales(&rows, offset));
        for (uint32_t half = 0; half < 2; half++) {
            __m256i v[8];
            for (uint32_t r = 0; r < 8; r++)
                v[r] = _mm256_loadu_si256((const __m256i *)(rows.at[8 * half + r] + offset + 2));
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

/* An expanded tile times `columns` columns (a constant where this is inlined), of which `n_out` are stored. */
ALWAYS_INLINE void expanded_columns(const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, const uint32_t columns,
                                    uint32_t n_out, float *out, size_t out_stride)
{
    const size_t panel_bytes = (size_t)n_blocks * KERN_PANEL * KERN_INT16_BYTES;
    __m512 results[MOST_COLUMNS];
#pragma GCC unroll 12
    for (uint32_t c = 0; c < columns; c++)
        results[c] = _mm512_setzero_ps();
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = tile + (size_t)b * SCRATCH_BLOCK;
        const uint8_t *const inputs = x + (size_t)b * KERN_PANEL * KERN_INT16_BYTES;
        __m512i sums[MOST_COLUMNS];
#pragma GCC unroll 12
        for (uint32_t c = 0; c < columns; c++)
            sums[c] = _mm512_setzero_si512();
#pragma GCC unroll 4
        for (uint32_t p = 0; p < 16; p++) {
            const __m512i w = _mm512_loadu_si512(block + 64 + 64 * (size_t)p);
#pragma GCC unroll 12
            for (uint32_t c = 0; c < columns; c++)
                sums[c] = _mm512_dpwssd_epi32(
                    sums[c], w,
                    broadcast_int(inputs + c / KERN_PANEL * panel_bytes + 16 * (1 + p) + 4 * (c % KERN_PANEL)));
        }
        const __m512 weight_scale = _mm512_loadu_ps((const float *)(const void *)block);
#pragma GCC unroll 12
        for (uint32_t c = 0; c < columns; c++) {
            const __m512 scale = _mm512_mul_ps(
                weight_scale, broadcast_float(inputs + c / KERN_PANEL * panel_bytes + 4 * (c % KERN_PANEL)));
            results[c] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(sums[c]), results[c]);
        }
    }
#pragma GCC unroll 12
    for (uint32_t c = 0; c < columns; c++)
        if (c < n_out)
            _mm512_storeu_ps(out + c * out_stride, results[c]);
}

static void expanded_all_columns(const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, uint32_t n_columns,
                                 float *out, size_t out_stride)
{
    const size_t panel_bytes = (size_t)n_blocks * KERN_PANEL * KERN_INT16_BYTES;
    for (uint32_t c = 0, taken; c < n_columns; c += taken) {
        const uint32_t left = n_columns - c;
        const uint8_t *const panels = x + c / KERN_PANEL * panel_bytes;
        float *const to = out + c * out_stride;
        taken = left > 8 ? 12 : left > 4 ? 8 : 4;
        if (taken == 12)
            expanded_columns(tile, n_blocks, panels, 12, left, to, out_stride);
        else if (taken == 8)
            expanded_columns(tile, n_blocks, panels, 8, left, to, out_stride);
        else
            expanded_columns(tile, n_blocks, panels, 4, left, to, out_stride);
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
            one_column_in_place(weights, t, x, out);
        } else {
            expand_tile(weights, t, scratch);
            expanded_all_columns(scratch, n, x, n_columns, out, out_stride);
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

static void matmul(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                   float *out, size_t out_stride, uint8_t *scratch)
{
    const bool wide = kern_type_input(weights->type) == KERN_INPUT_INT16;
    const uint8_t *const panels = wide ? x->int16_panels : x->int8_panels;
    const size_t column_bytes = (size_t)(weights->n_inputs / KERN_BLOCK) * (wide ? KERN_INT16_BYTES : KERN_INT8_BYTES);
    const uint32_t fitting = (uint32_t)(CACHED_PANELS / column_bytes) / MOST_COLUMNS * MOST_COLUMNS;
    const uint32_t step = fitting < 4 * MOST_COLUMNS ? 4 * MOST_COLUMNS : fitting;
    for (uint32_t c = 0; c < x->n_columns; c += step) {
        const uint32_t left = x->n_columns - c;
        for (uint32_t t = tile_begin; t < tile_end; t++)
            tile_product(weights, t, panels + c * column_bytes, left < step ? left : step, x->n_columns == 1,
                         out + c * out_stride + (size_t)t * KERN_TILE_ROWS, out_stride, scratch);
    }
}

void kern_fill_matmul_avx512vnni(kern_table *table)
{
    table->matmul_quantised = matmul;
}
