/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX2: a register holds one k-group of 8 of a tile's 16 rows as unsigned bytes, vpmaddubsw
 * multiplies them with four broadcast inputs, and int16 sums are widened before they can overflow: 8 k-groups of 4-bit
 * weights (8*2*15*127), 4 of 5-bit, 2 of 6-bit ones stay below 2^15. Q8_0 is widened to int16 for vpmaddwd.
 */
#include "kernels/tile.h"
#include "kernels/vector.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
    SCRATCH_BLOCK = 64 + 1024,  /* Q8_0 made into a tile: float scale[16], then int16 [16][16 rows][2] */
    CACHED_PANELS = 256 * 1024, /* bytes of activations that stay in the second-level cache while tiles pass by */
};

/* The packed types. */
typedef enum form { Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K } form;

/* Eight rows of a block. */
typedef struct half_view {
    __m256 scale, minimum;
    __m256i subscale[2]; /* the int16 scale twice in each dword */
    const uint8_t *planes, *quants;
} half_view;

ALWAYS_INLINE __m256 load_halves(const uint8_t *halves)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}

ALWAYS_INLINE __m256i load_bytes(const uint8_t *bytes)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
}

ALWAYS_INLINE bool has_minimum(form f)
{
    return f == Q4_1 || f == Q5_1 || f == Q4_K || f == Q5_K;
}

ALWAYS_INLINE int zero_point(form f)
{
    return f == Q4_0 ? 8 : f == Q5_0 ? 16 : f == Q6_K ? 32 : 0;
}

/* Blocks with F16 scales (and minima), then planes, then nibbles. `half` is 0 for rows 0-7, 1 for rows 8-15. */
ALWAYS_INLINE half_view view_32(form f, const uint8_t *tile, uint32_t b, uint32_t half)
{
    const size_t header = has_minimum(f) ? 64 : 32, planes = f == Q5_0 || f == Q5_1 ? 64 : 0;
    const uint8_t *const block = tile + b * (header + planes + 256);
    half_view v = {.scale = load_halves(block + 16 * half),
                   .planes = block + header + 32 * half,
                   .quants = block + header + planes + 32 * half};
    if (has_minimum(f))
        v.minimum = load_halves(block + 32 + 16 * half);
    return v;
}

/* Q4_K and Q5_K: 6-bit scales and minima. */
ALWAYS_INLINE half_view view_six_bit(form f, const uint8_t *tile, uint32_t b, uint32_t half)
{
    const size_t planes = f == Q5_K ? 64 : 0;
    const uint8_t *const super = tile + b / 8 * (256 + 8 * (planes + 256));
    const uint8_t *const pair = super + 64 + 48 * (b % 8 / 2) + 8 * half;
    const uint8_t *const block = super + 256 + b % 8 * (planes + 256) + 32 * half;
    const __m256i low = load_bytes(pair + 16 * (b & 1));
    const __m256i high = _mm256_srli_epi32(load_bytes(pair + 32), 4 * (b & 1));
    const __m256i two_bits = _mm256_set1_epi32(3);
    const __m256i scale = _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi32(15)),
                                          _mm256_slli_epi32(_mm256_and_si256(high, two_bits), 4));
    const __m256i minimum = _mm256_or_si256(
        _mm256_srli_epi32(low, 4), _mm256_slli_epi32(_mm256_and_si256(_mm256_srli_epi32(high, 2), two_bits), 4));
    const __m256i negative = _mm256_sub_epi32(_mm256_setzero_si256(), minimum);
    return (half_view){
        .scale = _mm256_mul_ps(load_halves(super + 16 * half), _mm256_cvtepi32_ps(scale)),
        .minimum = _mm256_mul_ps(load_halves(super + 32 + 16 * half), _mm256_cvtepi32_ps(negative)),
        .planes = block,
        .quants = block + planes,
    };
}

/* Signed bytes, each as int16 twice in a dword. */
ALWAYS_INLINE __m256i load_subscales(const uint8_t *bytes)
{
    const __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)bytes));
    return _mm256_or_si256(_mm256_and_si256(wide, _mm256_set1_epi32(0xffff)), _mm256_slli_epi32(wide, 16));
}

ALWAYS_INLINE half_view view_q6_k(const uint8_t *tile, uint32_t b, uint32_t half)
{
    const uint8_t *const super = tile + b / 8 * 3360;
    const uint8_t *const scales = super + 32 + 32 * (b % 8) + 8 * half;
    const uint8_t *const block = super + 288 + 384 * (b % 8) + 32 * half;
    return (half_view){
        .scale = load_halves(super + 16 * half),
        .subscale = {load_subscales(scales), load_subscales(scales + 16)},
        .planes = block,
        .quants = block + 128,
    };
}

ALWAYS_INLINE half_view view(form f, const uint8_t *tile, uint32_t b, uint32_t half)
{
    if (f == Q4_K || f == Q5_K)
        return view_six_bit(f, tile, b, half);
    if (f == Q6_K)
        return view_q6_k(tile, b, half);
    return view_32(f, tile, b, half);
}

ALWAYS_INLINE __m256i load_quants(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const __m256i *)bytes);
}

/* k-groups g and g + 4 (g from 0 to 3) as unsigned bytes. */
ALWAYS_INLINE void load_groups(form f, const half_view *v, uint32_t g, __m256i *low, __m256i *high)
{
    const __m256i four_bits = _mm256_set1_epi8(15);
    const __m256i nibbles = load_quants(v->quants + 64 * (size_t)g);
    *low = _mm256_and_si256(nibbles, four_bits);
    *high = _mm256_and_si256(_mm256_srli_epi16(nibbles, 4), four_bits);
    if (f == Q5_0 || f == Q5_1 || f == Q5_K) { /* bits g and g + 4 of the plane become bit 4 */
        const __m256i plane = load_quants(v->planes), bit = _mm256_set1_epi8(16);
        *low = _mm256_or_si256(*low, _mm256_and_si256(_mm256_slli_epi16(plane, (int)(4 - g)), bit));
        *high = _mm256_or_si256(*high, _mm256_and_si256(_mm256_srli_epi16(plane, (int)g), bit));
    }
    if (f == Q6_K) { /* bits 2g and 2g + 1 of each plane become bits 4 and 5 */
        const __m256i bits = _mm256_set1_epi8(48);
        const __m256i first = load_quants(v->planes), second = load_quants(v->planes + 64);
        const __m256i a = g < 3 ? _mm256_slli_epi16(first, (int)(4 - 2 * g)) : _mm256_srli_epi16(first, 2);
        const __m256i b = g < 3 ? _mm256_slli_epi16(second, (int)(4 - 2 * g)) : _mm256_srli_epi16(second, 2);
        *low = _mm256_or_si256(*low, _mm256_and_si256(a, bits));
        *high = _mm256_or_si256(*high, _mm256_and_si256(b, bits));
    }
}

ALWAYS_INLINE __m256i broadcast_int(const uint8_t *bytes)
{
    return _mm256_set1_epi32((int32_t)kern_load32(bytes));
}

ALWAYS_INLINE __m256 broadcast_float(const uint8_t *bytes)
{
    return _mm256_castsi256_ps(broadcast_int(bytes));
}

/* Products of four inputs, summed by pairs in int16. */
ALWAYS_INLINE __m256i multiply(__m256i weights, const uint8_t *q)
{
    return _mm256_maddubs_epi16(weights, broadcast_int(q));
}

/* Keeps the compiler from computing all products of a block before adding any, which fills and spills the registers. */
#define IN_REGISTER(value) __asm__ volatile("" : "+x"(value))

/* Exact sums of one block's products for eight rows and `columns` columns. */
ALWAYS_INLINE void sum_products(const form f, const half_view *v, const uint8_t *block, const uint32_t columns,
                                __m256i *sums)
{
    const __m256i ones = _mm256_set1_epi16(1);
    /* pairs of k-groups that an int16 sum can take before it is widened */
    const uint32_t flush = f == Q5_0 || f == Q5_1 || f == Q5_K || f == Q6_K ? 2 : 4;
    __m256i low16[KERN_PANEL], high16[KERN_PANEL]; /* Q6_K: k-groups 0 to 3, and 4 to 7; else both in low16 */
    for (uint32_t c = 0; c < columns; c++)
        sums[c] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (uint32_t g = 0; g < 4; g++) {
        __m256i low, high;
        load_groups(f, v, g, &low, &high);
#pragma GCC unroll 4
        for (uint32_t c = 0; c < columns; c++) {
            const uint8_t *const q = block + 12 * columns + 4 * c + 4 * columns * g;
            const __m256i first = multiply(low, q), second = multiply(high, q + 16 * columns);
            const bool start = g % flush == 0, end = (g + 1) % flush == 0;
            if (f == Q6_K) {
                low16[c] = start ? first : _mm256_add_epi16(low16[c], first);
                high16[c] = start ? second : _mm256_add_epi16(high16[c], second);
                IN_REGISTER(low16[c]);
                IN_REGISTER(high16[c]);
                if (end)
                    sums[c] = _mm256_add_epi32(sums[c], _mm256_add_epi32(_mm256_madd_epi16(low16[c], v->subscale[0]),
                                                                         _mm256_madd_epi16(high16[c], v->subscale[1])));
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
    const __m256i zero = _mm256_set1_epi16((int16_t)-zero_point(f));
    __m256 results[2][KERN_PANEL];
    for (uint32_t c = 0; c < columns; c++)
        results[0][c] = results[1][c] = _mm256_setzero_ps();
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = x + (size_t)b * columns * KERN_INT8_BYTES;
#pragma GCC unroll 2
        for (uint32_t half = 0; half < 2; half++) {
            /* the second half loads its inputs again: kept in registers from the first, they would be spilled */
            __asm__ volatile("" ::: "memory");
            const half_view v = view(f, tile, b, half);
            __m256i sums[KERN_PANEL];
            sum_products(f, &v, block, columns, sums);
#pragma GCC unroll 4
            for (uint32_t c = 0; c < columns; c++) {
                const uint8_t *const column = block + 4 * c;
                __m256i sum = sums[c];
                if (f == Q6_K) { /* the zero point times both sums, each with its scale */
                    const __m256i pair = _mm256_blend_epi16(v.subscale[0], v.subscale[1], 0xaa);
                    const __m256i inputs = _mm256_madd_epi16(pair, broadcast_int(column + 8 * columns));
                    sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(inputs, 5));
                } else if (zero_point(f) != 0) {
                    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(zero, broadcast_int(column + 8 * columns)));
                }
                const __m256 scale = _mm256_mul_ps(v.scale, broadcast_float(column));
                results[half][c] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(sum), results[half][c]);
                if (has_minimum(f))
                    results[half][c] =
                        _mm256_fmadd_ps(v.minimum, broadcast_float(column + 4 * columns), results[half][c]);
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

enum { ROW_BLOCK = 34, HALF_ROWS = 8 };

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
        const uint8_t *const column = x + (size_t)b * KERN_INT16_BYTES;
        const __m256i q_low = load_quants(column + 4), q_high = load_quants(column + 36);
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
                v[r] = load_quants(rows.at[r] + offset + 2);
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
                const __m256i w = load_quants(block + 64 + 64 * (size_t)p + 32 * half);
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
        FIRN_FORM(Q4_K)
        FIRN_FORM(Q5_K)
        FIRN_FORM(Q6_K)
#undef FIRN_FORM
    default: /* KERN_Q8_0 */
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
    }
}

static void matmul(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
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
    table->matmul_quantised = matmul;
}
