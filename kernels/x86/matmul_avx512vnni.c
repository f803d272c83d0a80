/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX-512 VNNI: one register holds one k-group of a tile's 16 rows as unsigned bytes, and
 * vpdpbusd adds its products with four broadcast inputs to 16 exact int32 sums. The zero point of a type is taken off
 * by one vpdpwssd with the inputs' sums.
 */
#include "kernels/x86/rows_avx512.h"
#include "kernels/x86/q8_0.h"
#include "kernels/vector.h"

enum { ROWS_SIGNED = 0 };

#include "kernels/ref/forms_body.h"

enum { MOST_COLUMNS = 12, CACHED_PANELS = 384 * 1024 };

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

ALWAYS_INLINE void one_column(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, float *out)
{
    tile_columns(f, tile, n_blocks, x, 1, 1, out, 0);
}

ALWAYS_INLINE void many_columns(const form f, const uint8_t *tile, uint32_t n_blocks, const uint8_t *x,
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

#include "kernels/ref/matmul_body.h"

/*
 * ---- Q8_0 with one column ----
 *
 * Rows are read one after the other, as they lie in memory: the processor foresees one stream, not sixteen (on Zen 4
 * with two threads 28 GB/s instead of 17). Lanes are 16 blocks of a row, and what is to be added goes to `terms`; when
 * all rows are there it is transposed, so that lanes are rows and blocks are added in order.
 */

/* Adds neighbours: each 128-bit part gets the sums of four registers' parts, in order. */
ALWAYS_INLINE __m512i sum_four(__m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

enum { GROUP = 16, GROUP_TERMS = KERN_TILE_ROWS * 2 * GROUP }; /* blocks; floats: scale and sum of each row and block */

ALWAYS_INLINE __m512i block_products(const uint8_t *weights, const uint8_t *x)
{
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(weights + 2));
    return _mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_cvtepi8_epi16(bytes), _mm512_loadu_si512(x + 4));
}

/* Up to 16 blocks of one row; what is beyond n_blocks is 0. */
ALWAYS_INLINE void row_terms(const uint8_t *row, const uint8_t *x, const float *x_scales, const uint32_t n_blocks,
                             float *terms)
{
    __m512i fours[4];
    uint16_t scales[GROUP];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        __m512i sums[4];
#pragma GCC unroll 4
        for (uint32_t b = 4 * i; b < 4 * i + 4; b++) {
            sums[b % 4] =
                b < n_blocks ? block_products(row + b * ROW_BLOCK, x + b * KERN_INT16_BYTES) : _mm512_setzero_si512();
            scales[b] = b < n_blocks ? kern_load16(row + b * ROW_BLOCK) : 0;
        }
        fours[i] = sum_four(sums[0], sums[1], sums[2], sums[3]);
    }
    /* part p of register i holds partial sums of blocks 4i to 4i + 3: transpose the parts, add */
    const __m512i even01 = _mm512_shuffle_i32x4(fours[0], fours[1], _MM_SHUFFLE(2, 0, 2, 0));
    const __m512i odd01 = _mm512_shuffle_i32x4(fours[0], fours[1], _MM_SHUFFLE(3, 1, 3, 1));
    const __m512i even23 = _mm512_shuffle_i32x4(fours[2], fours[3], _MM_SHUFFLE(2, 0, 2, 0));
    const __m512i odd23 = _mm512_shuffle_i32x4(fours[2], fours[3], _MM_SHUFFLE(3, 1, 3, 1));
    const __m512i two01 = _mm512_add_epi32(even01, odd01), two23 = _mm512_add_epi32(even23, odd23);
    const __m512i sum = _mm512_add_epi32(_mm512_shuffle_i32x4(two01, two23, _MM_SHUFFLE(2, 0, 2, 0)),
                                         _mm512_shuffle_i32x4(two01, two23, _MM_SHUFFLE(3, 1, 3, 1)));
    const __m256i half = _mm256_set_epi16((short)scales[15], (short)scales[14], (short)scales[13], (short)scales[12],
                                          (short)scales[11], (short)scales[10], (short)scales[9], (short)scales[8],
                                          (short)scales[7], (short)scales[6], (short)scales[5], (short)scales[4],
                                          (short)scales[3], (short)scales[2], (short)scales[1], (short)scales[0]);
    _mm512_storeu_ps(terms, _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_loadu_ps(x_scales)));
    _mm512_storeu_ps(terms + GROUP, _mm512_cvtepi32_ps(sum));
}

/* Transposes a 16 x 16 matrix of dwords whose rows are 2 * GROUP apart. */
ALWAYS_INLINE void transpose_sixteen(const float *from, __m512i *v)
{
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const __m512i even = _mm512_loadu_si512(from + 4 * GROUP * i);
        const __m512i odd = _mm512_loadu_si512(from + 4 * GROUP * i + 2 * GROUP);
        t[2 * i] = _mm512_unpacklo_epi32(even, odd);
        t[2 * i + 1] = _mm512_unpackhi_epi32(even, odd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        v[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        v[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        v[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        v[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    /* part p of v[4i + j] holds rows 4i to 4i + 3 of column 4p + j */
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        const __m512i even_low = _mm512_shuffle_i32x4(v[j], v[4 + j], _MM_SHUFFLE(2, 0, 2, 0));
        const __m512i odd_low = _mm512_shuffle_i32x4(v[j], v[4 + j], _MM_SHUFFLE(3, 1, 3, 1));
        const __m512i even_high = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], _MM_SHUFFLE(2, 0, 2, 0));
        const __m512i odd_high = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], _MM_SHUFFLE(3, 1, 3, 1));
        t[j] = _mm512_shuffle_i32x4(even_low, even_high, _MM_SHUFFLE(2, 0, 2, 0));
        t[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, _MM_SHUFFLE(2, 0, 2, 0));
        t[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, _MM_SHUFFLE(3, 1, 3, 1));
        t[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, _MM_SHUFFLE(3, 1, 3, 1));
    }
    for (int i = 0; i < 16; i++)
        v[i] = t[i];
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
    __m512 result = _mm512_setzero_ps();
    for (uint32_t first = 0; first < n_blocks; first += GROUP) {
        const float *const group = terms + (size_t)(first / GROUP) * GROUP_TERMS;
        const uint32_t n = n_blocks - first < GROUP ? n_blocks - first : GROUP;
        __m512i scales[GROUP], sums[GROUP];
        transpose_sixteen(group, scales);
        transpose_sixteen(group + GROUP, sums);
        for (uint32_t b = 0; b < n; b++)
            result = _mm512_fmadd_ps(_mm512_castsi512_ps(scales[b]), _mm512_castsi512_ps(sums[b]), result);
    }
    _mm512_storeu_ps(out, result);
}

/* ---- Q8_0 with many ---- */

/* An expanded tile times `columns` columns (a constant where this is inlined), of which `n_out` are stored. */
ALWAYS_INLINE void expanded_columns(const uint8_t *tile, uint32_t n_blocks, const uint8_t *x, const uint32_t columns,
                                    uint32_t n_out, float *out, size_t out_stride, const uint8_t *next)
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
        fetch_block(next, b);
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
                                 float *out, size_t out_stride, const uint8_t *next)
{
    const size_t panel_bytes = (size_t)n_blocks * KERN_PANEL * KERN_INT16_BYTES;
    for (uint32_t c = 0, taken; c < n_columns; c += taken) {
        const uint32_t left = n_columns - c;
        const uint8_t *const panels = x + c / KERN_PANEL * panel_bytes;
        float *const to = out + c * out_stride;
        taken = left > 8 ? 12 : left > 4 ? 8 : 4;
        if (taken == 12)
            expanded_columns(tile, n_blocks, panels, 12, left, to, out_stride, c == 0 ? next : NULL);
        else if (taken == 8)
            expanded_columns(tile, n_blocks, panels, 8, left, to, out_stride, c == 0 ? next : NULL);
        else
            expanded_columns(tile, n_blocks, panels, 4, left, to, out_stride, c == 0 ? next : NULL);
    }
}

static void matmul_q8_0(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                        float *out, size_t out_stride, uint8_t *scratch)
{
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK;
    if (x->n_columns == 1) {
        float *const scales = copy_scales(x->int16_panels, n_blocks, GROUP, scratch);
        for (uint32_t t = tile_begin; t < tile_end; t++)
            tile_in_place(weights, t, x->int16_panels, scales, scales + whole_groups(n_blocks, GROUP),
                          out + (size_t)t * KERN_TILE_ROWS);
        return;
    }
    const size_t column_bytes = (size_t)n_blocks * KERN_INT16_BYTES;
    const uint32_t step = columns_together(column_bytes);
    for (uint32_t c = 0; c < x->n_columns; c += step) {
        const uint32_t left = x->n_columns - c;
        for (uint32_t t = tile_begin; t < tile_end; t++) {
            expand_tile(weights, t, scratch);
            expanded_all_columns(scratch, n_blocks, x->int16_panels + c * column_bytes, left < step ? left : step,
                                 out + c * out_stride + (size_t)t * KERN_TILE_ROWS, out_stride,
                                 weights->data + (t + 1) * weights->tile_bytes);
        }
    }
}

void kern_fill_matmul_avx512vnni(kern_table *table)
{
    table->matmul_quantised = matmul;
}
