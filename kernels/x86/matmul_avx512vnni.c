/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised matmul with AVX-512 VNNI: one register holds one k-group of a tile's 16 rows as unsigned bytes, and
 * vpdpbusd adds its products with four broadcast inputs to 16 exact int32 sums. The zero point of a type is taken off
 * by one vpdpwssd with the inputs' sums.
 */
#include "kernels/x86/rows_avx512.h"
#include "kernels/x86/q8_0.h"
#include "kernels/x86/shuffles_avx512.h"
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

/*
 * Fetches the weights that come FETCH_DISTANCE after `bytes`. With up to four columns the processor's own look-ahead is
 * better; the products of more take longer than it looks ahead, and memory and arithmetic would take turns (Zen 4, one
 * core, eight columns: half as fast again with 4 KiB; less with 2 or 8).
 */
ALWAYS_INLINE void fetch_ahead(const uint8_t *bytes, uint32_t n_lines)
{
    enum { FETCH_DISTANCE = 4096 };
    for (uint32_t line = 0; line < n_lines; line++)
        _mm_prefetch((const char *)bytes + FETCH_DISTANCE + 64 * line, _MM_HINT_T0);
}

/*
 * What sums of a block begin with: the zero point's part, from the inputs' sums of both halves. It is broadcast from
 * memory: vpdpwssd would take the pipes of the products.
 */
ALWAYS_INLINE void zero_points(const form f, const uint8_t *x, size_t panel_bytes, uint32_t b, const uint32_t columns,
                               __m512i *sums, __m512i *second)
{
    const uint32_t width = columns == 1 ? 1 : KERN_PANEL;
    const __m128i zero = _mm_set1_epi32((uint16_t)-zero_point(f)), high = _mm_slli_epi32(zero, 16);
    const __m128i low = has_halves(f) ? zero : _mm_or_si128(zero, high);
    int32_t first_part[MOST_COLUMNS], second_part[MOST_COLUMNS];
#pragma GCC unroll 3
    for (uint32_t c = 0; c < columns; c += width) {
        const uint8_t *const pairs = column_at(x, panel_bytes, b, width, c) + 8 * width;
        if (width == 1) {
            const __m128i pair = _mm_cvtsi32_si128((int32_t)kern_load32(pairs));
            first_part[c] = _mm_cvtsi128_si32(_mm_madd_epi16(pair, low));
            second_part[c] = _mm_cvtsi128_si32(_mm_madd_epi16(pair, high));
        } else {
            const __m128i four = _mm_loadu_si128((const __m128i *)(const void *)pairs);
            _mm_storeu_si128((__m128i *)(void *)(first_part + c), _mm_madd_epi16(four, low));
            _mm_storeu_si128((__m128i *)(void *)(second_part + c), _mm_madd_epi16(four, high));
        }
    }
    __asm__ volatile("" : "+m"(first_part), "+m"(second_part)); /* not shuffled from registers */
#pragma GCC unroll 12
    for (uint32_t c = 0; c < columns; c++) {
        sums[c] = zero_point(f) != 0 ? _mm512_set1_epi32(first_part[c]) : _mm512_setzero_si512();
        second[c] = zero_point(f) != 0 && has_halves(f) ? _mm512_set1_epi32(second_part[c]) : _mm512_setzero_si512();
    }
}

/* One tile times `columns` columns (a constant where this is inlined), of which `n_out` are stored; `again` as
 * block_of() says. */
ALWAYS_INLINE void tile_columns(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
                                const uint32_t columns, uint32_t n_out, float *out, size_t out_stride)
{
    const uint32_t width = columns == 1 ? 1 : KERN_PANEL;
    const size_t panel_bytes = (size_t)n_blocks * width * KERN_INT8_BYTES;
    __m512 results[MOST_COLUMNS];
#pragma GCC unroll 12
    for (uint32_t c = 0; c < columns; c++)
        results[c] = _mm512_setzero_ps();
    for (uint32_t b = 0; b < n_blocks; b++) {
        const form_view v = view(f, tile, block_of(f, b, n_blocks, again), 0);
        if (columns > 4)
            fetch_ahead(v.quants, quant_lines(f));
        __m512i sums[MOST_COLUMNS],
            second[MOST_COLUMNS]; /* second: of k-groups 4 to 7, where they have their own scale */
        zero_points(f, x, panel_bytes, b, columns, sums, second);
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
            if (has_subscales(f))
                sum = _mm512_add_epi32(_mm512_mullo_epi32(sum, v.subscale[0]),
                                       _mm512_mullo_epi32(second[c], v.subscale[1]));
            else if (!has_halves(f) && columns == 1)
                sum = _mm512_add_epi32(sum, second[c]);
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
    tile_columns(f, tile, n_blocks, 0, x, 1, 1, out, 0);
}

ALWAYS_INLINE void many_columns(const form f, const uint8_t *tile, uint32_t n_blocks, uint32_t again, const uint8_t *x,
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
            tile_columns(f, tile, n_blocks, again, panels, 12, left, to, out_stride);
        } else if (left > 4) {
            tile_columns(f, tile, n_blocks, again, panels, 8, left, to, out_stride);
            taken = 8;
        } else {
            tile_columns(f, tile, n_blocks, again, panels, 4, left, to, out_stride);
            taken = 4;
        }
    }
}

/* sums + four products of bytes without and with a sign */
ALWAYS_INLINE __m512i add_products(__m512i sums, __m512i weights, __m512i inputs)
{
    return _mm512_dpbusd_epi32(sums, weights, inputs);
}

#include "kernels/x86/codebook_avx512_body.h"
#include "kernels/ref/matmul_body.h"
#include "kernels/ref/matmul_rounded_body.h"

/*
 * ---- Q8_0 with one column or two ----
 *
 * A tile's blocks are read one after the other, as they lie in memory: the processor foresees one stream, not sixteen
 * (on Zen 4 with two threads 28 GB/s instead of 17). Lanes are 16 blocks in a row; their scales and sums are kept until
 * the tile is done and then transposed, so that lanes are rows and blocks are added in order.
 *
 * Inputs are int16, split into a high byte with a sign and a low one without: vpdpbusd takes the first with the weights
 * made positive by adding 128, and the second with the weights as they are.
 */

enum {
    GROUP = 16,       /* blocks */
    NEAR_BLOCKS = 40, /* of a row: more, and the processor's look-ahead alone reads a tile more slowly (Zen 4) */
};

/* The inputs of n_blocks blocks, and the first 16 again: a group may begin with any block of a row. */
typedef struct split_inputs {
    uint8_t *low, *high; /* [n_blocks + 16][32] */
    int32_t *correction; /* [n_blocks + 16] what adding 128 to the weights adds to a block's sum */
    float *scales;       /* [n_blocks + 16] */
    float *terms;        /* behind them: float [16 rows][n_blocks] scales of rows and inputs, then as many sums */
} split_inputs;

/* The int16 of a block of one column; of one in a panel of four, pairs are (0, 2), (1, 3), (4, 6), … and 16 bytes
 * apart. */
ALWAYS_INLINE __m512i block_inputs(const uint8_t *block, bool alone)
{
    if (alone)
        return _mm512_loadu_si512(block + 4);
    uint32_t pairs[KERN_BLOCK / 2];
    for (size_t p = 0; p < KERN_BLOCK / 2; p++)
        memcpy(&pairs[p], block + 4 * KERN_PANEL * (1 + p), sizeof pairs[p]);
    const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    return _mm512_shuffle_epi8(_mm512_loadu_si512(pairs), _mm512_broadcast_i32x4(order));
}

/* Lays everything out in `scratch`, and the terms, for which there is room, behind it. */
static split_inputs split(const uint8_t *x, bool alone, uint32_t n_blocks, uint8_t *scratch)
{
    const size_t n = n_blocks + GROUP, block_bytes = (size_t)(alone ? 1 : KERN_PANEL) * KERN_INT16_BYTES;
    split_inputs s = {scratch, scratch + 32 * n, (int32_t *)(void *)(scratch + 64 * n), NULL, NULL};
    s.scales = (float *)(void *)(s.correction + n);
    s.terms = s.scales + n;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *const block = x + i % n_blocks * block_bytes;
        const __m512i q = block_inputs(block, alone);
        const __m256i high = _mm512_cvtepi16_epi8(_mm512_srai_epi16(q, 8));
        const __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), high);
        _mm256_storeu_si256((__m256i *)(s.low + 32 * (size_t)i), _mm512_cvtepi16_epi8(q));
        _mm256_storeu_si256((__m256i *)(s.high + 32 * (size_t)i), high);
        s.correction[i] = 128 * 256 * _mm512_reduce_add_epi32(_mm512_zextsi256_si512(sums));
        memcpy(&s.scales[i], block, sizeof s.scales[i]);
    }
    return s;
}

/* Partial sums of two blocks: eight of the first, then eight of the second. */
ALWAYS_INLINE __m512i two_blocks(const uint8_t *weights, const uint8_t *low, const uint8_t *high)
{
    const __m512i w = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(weights + 2))),
                                         _mm256_loadu_si256((const __m256i *)(weights + ROW_BLOCK + 2)), 1);
    const __m512i positive = _mm512_xor_si512(w, _mm512_set1_epi8((char)0x80));
    const __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), positive, _mm512_loadu_si512(high));
    return _mm512_dpbusd_epi32(_mm512_slli_epi32(sums, 8), _mm512_loadu_si512(low), w);
}

/* Scales of 16 blocks: those of four stand 17 words apart in 128 bytes. */
ALWAYS_INLINE __m512 group_scales(const uint8_t *blocks)
{
    const __m512i every = _mm512_set1_epi64(0x0033002200110000);
    __m512i halves = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        const uint8_t *const four = blocks + 4 * ROW_BLOCK * (size_t)i;
        halves = _mm512_or_si512(halves, _mm512_maskz_permutex2var_epi16(0xfu << 4 * i, _mm512_loadu_si512(four), every,
                                                                         _mm512_loadu_si512(four + 64)));
    }
    return _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
}

/* Scale and sum of 16 blocks, the first of which belongs to input block `first`. */
ALWAYS_INLINE void group_terms(const uint8_t *blocks, const split_inputs *x, uint32_t first, float *scales, float *sums)
{
    __m512i twos[8];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; i++)
        twos[i] = two_blocks(blocks + 2 * ROW_BLOCK * (size_t)i, x->low + 32 * (size_t)(first + 2 * i),
                             x->high + 32 * (size_t)(first + 2 * i));
    /* parts 0 and 1 hold sums of even, 2 and 3 of odd blocks */
    const __m512i low = sum_four(twos[0], twos[1], twos[2], twos[3]);
    const __m512i high = sum_four(twos[4], twos[5], twos[6], twos[7]);
    const __m512i mixed = _mm512_add_epi32(_mm512_shuffle_i32x4(low, high, _MM_SHUFFLE(2, 0, 2, 0)),
                                           _mm512_shuffle_i32x4(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
    const __m512i order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
    const __m512i sum =
        _mm512_sub_epi32(_mm512_permutexvar_epi32(order, mixed), _mm512_loadu_si512(x->correction + first));
    _mm512_storeu_ps(scales, _mm512_mul_ps(group_scales(blocks), _mm512_loadu_ps(x->scales + first)));
    _mm512_storeu_ps(sums, _mm512_cvtepi32_ps(sum));
}

/* Four numbers of each of 16 rows that are `stride` apart, so that lanes are rows. */
ALWAYS_INLINE void four_by_row(const float *numbers, size_t stride, __m512 *out)
{
    __m512 q[4]; /* part i of q[j]: row 4 i + j */
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        q[j] = _mm512_castps128_ps512(_mm_loadu_ps(numbers + j * stride));
        q[j] = _mm512_insertf32x4(q[j], _mm_loadu_ps(numbers + (4 + j) * stride), 1);
        q[j] = _mm512_insertf32x4(q[j], _mm_loadu_ps(numbers + (8 + j) * stride), 2);
        q[j] = _mm512_insertf32x4(q[j], _mm_loadu_ps(numbers + (12 + j) * stride), 3);
    }
    const __m512d low[2] = {_mm512_castps_pd(_mm512_unpacklo_ps(q[0], q[1])),
                            _mm512_castps_pd(_mm512_unpacklo_ps(q[2], q[3]))};
    const __m512d high[2] = {_mm512_castps_pd(_mm512_unpackhi_ps(q[0], q[1])),
                             _mm512_castps_pd(_mm512_unpackhi_ps(q[2], q[3]))};
    out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low[0], low[1]));
    out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low[0], low[1]));
    out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high[0], high[1]));
    out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high[0], high[1]));
}

/* A tile whose 16 rows lie one after the other; meanwhile the next one is fetched, if there is one. */
static void tile_in_place(const uint8_t *blocks, uint32_t n_blocks, const split_inputs *x, const uint8_t *next,
                          float *out)
{
    float *const scales = x->terms, *const sums = scales + (size_t)KERN_TILE_ROWS * n_blocks;
    for (uint32_t g = 0, first = 0; g < n_blocks; g++) {
        fetch_block(next, g);
        group_terms(blocks + (size_t)g * GROUP * ROW_BLOCK, x, first, scales + (size_t)g * GROUP,
                    sums + (size_t)g * GROUP);
        first = (first + GROUP) % n_blocks;
    }
    __m512 result = _mm512_setzero_ps();
    uint32_t first = 0;
    for (; first + GROUP / 2 < n_blocks; first += GROUP) {
        const uint32_t n = n_blocks - first < GROUP ? n_blocks - first : GROUP;
        __m512i by_row[GROUP], sums_by_row[GROUP];
#pragma GCC unroll 16
        for (size_t r = 0; r < KERN_TILE_ROWS; r++) {
            by_row[r] = _mm512_loadu_si512(scales + first + r * n_blocks);
            sums_by_row[r] = _mm512_loadu_si512(sums + first + r * n_blocks);
        }
        transpose_sixteen(by_row);
        transpose_sixteen(sums_by_row);
        for (uint32_t b = 0; b < n; b++)
            result = _mm512_fmadd_ps(_mm512_castsi512_ps(by_row[b]), _mm512_castsi512_ps(sums_by_row[b]), result);
    }
    for (; first < n_blocks; first += 4) {
        __m512 by_row[4], sums_by_row[4];
        four_by_row(scales + first, n_blocks, by_row);
        four_by_row(sums + first, n_blocks, sums_by_row);
        for (uint32_t b = 0; b < 4 && first + b < n_blocks; b++)
            result = _mm512_fmadd_ps(by_row[b], sums_by_row[b], result);
    }
    _mm512_storeu_ps(out, result);
}

/* One column, or two: then each tile is read again from the cache. */
static void columns_in_place(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end,
                             const kern_activations *x, float *out, size_t out_stride, uint8_t *scratch)
{
    const uint32_t n_blocks = weights->n_inputs / KERN_BLOCK;
    const bool alone = x->n_columns == 1;
    split_inputs inputs = split(x->int16_panels, alone, n_blocks, scratch), second = inputs;
    if (!alone) { /* both use the same terms */
        second = split(x->int16_panels + sizeof(float), false, n_blocks, (uint8_t *)inputs.terms);
        inputs.terms = second.terms;
    }
    for (uint32_t t = tile_begin; t < tile_end; t++) {
        const uint8_t *blocks = weights->data + t * weights->tile_bytes;
        if (t == weights->n_rows / KERN_TILE_ROWS) { /* not a whole one */
            uint8_t *const copy = (uint8_t *)(inputs.terms + (size_t)2 * KERN_TILE_ROWS * n_blocks + GROUP);
            const row_pointers rows = tile_rows(weights, t);
            for (uint32_t r = 0; r < KERN_TILE_ROWS; r++)
                memcpy(copy + r * (weights->tile_bytes / KERN_TILE_ROWS), rows.at[r],
                       weights->tile_bytes / KERN_TILE_ROWS);
            blocks = copy;
        }
        float *const to = out + (size_t)t * KERN_TILE_ROWS;
        const uint8_t *const next = weights->data + (t + 1) * weights->tile_bytes;
        tile_in_place(blocks, n_blocks, &inputs, alone && n_blocks > NEAR_BLOCKS ? next : NULL, to);
        if (!alone)
            tile_in_place(blocks, n_blocks, &second, next, to + out_stride);
    }
}

/* ---- Q8_0 with more ---- */

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
    if (x->n_columns <= 2) {
        columns_in_place(weights, tile_begin, tile_end, x, out, out_stride, scratch);
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
    table->pack_rounded = pack_rounded;
    table->matmul_rounded = matmul_rounded;
}
