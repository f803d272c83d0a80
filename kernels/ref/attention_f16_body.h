/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values as F16: scores and sums are chains of fma. Many rows read a chunk that was widened to floats once.
 */
#ifndef FIRN_KERNELS_ATTENTION_F16_BODY_H
#define FIRN_KERNELS_ATTENTION_F16_BODY_H

static void store_key_f16(const float *key, uint32_t head_dim, uint32_t position, uint16_t *keys)
{
    uint16_t *const out = keys + (size_t)(position / KERN_LANES) * KERN_LANES * head_dim + position % KERN_LANES;
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES) {
        uint16_t half[KERN_LANES];
        lanes_store_half(half, lanes_load(key + d));
        for (uint32_t i = 0; i < KERN_LANES; i++)
            out[(size_t)(d + i) * KERN_LANES] = half[i];
    }
}

static void store_value_f16(const float *value, uint32_t head_dim, uint32_t position, uint16_t *values)
{
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES)
        lanes_store_half(values + (size_t)position * head_dim + d, lanes_load(value + d));
}

/* A cache vector: as stored, or widened before because many rows read it. */
ALWAYS_INLINE lanes load_cache(const kern_attention *a, const void *cache, size_t index, bool wide)
{
    /* decode: the next chunk lies elsewhere; fetched beside this one, it is more than the first-level cache holds */
    if (!wide && index % 32 == 0)
        __builtin_prefetch((const char *)((const uint16_t *)cache + index) + a->next, 0, 2);
    return wide ? lanes_load((const float *)cache + index) : lanes_load_half((const uint16_t *)cache + index);
}

/*
 * Scores of `rows` rows for `blocks` blocks of 16 positions: each is one chain of fma over the head's elements in
 * ascending order. `rows` and `blocks` are constants where this is inlined.
 */
ALWAYS_INLINE void score_rows(const kern_attention *a, const void *keys, bool wide, uint32_t row, uint32_t block,
                              const uint32_t rows, const uint32_t blocks, float *scores)
{
    lanes sums[LANES_ROWS][LANES_WIDE];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            sums[r][b] = lanes_splat(0.0f);
    const float *const query = a->queries + row * a->query_stride;
    for (uint32_t d = 0; d < a->head_dim; d++) {
        lanes key[LANES_WIDE];
        for (uint32_t b = 0; b < blocks; b++)
            key[b] = load_cache(a, keys, ((size_t)(block + b) * a->head_dim + d) * KERN_LANES, wide);
        for (uint32_t r = 0; r < rows; r++) {
            const lanes q = lanes_splat(query[r * a->query_stride + d]);
            for (uint32_t b = 0; b < blocks; b++)
                sums[r][b] = lanes_fma(q, key[b], sums[r][b]);
        }
    }
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            lanes_store(scores + (size_t)(row + r) * KERN_CHUNK + (size_t)(block + b) * KERN_LANES, sums[r][b]);
}

/* out[row] = sum over positions [begin, end) of weight * value, ascending, for `blocks` blocks of 16 elements. */
ALWAYS_INLINE void add_values(const kern_attention *a, const void *values, bool wide, uint32_t row, uint32_t element,
                              const uint32_t rows, const uint32_t blocks, uint32_t begin, uint32_t end,
                              const float *weights)
{
    lanes sums[LANES_ROWS][LANES_WIDE];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            sums[r][b] = lanes_splat(0.0f);
    for (uint32_t p = begin; p < end; p++) {
        lanes value[LANES_WIDE];
        for (uint32_t b = 0; b < blocks; b++)
            value[b] = load_cache(a, values, (size_t)p * a->head_dim + element + b * KERN_LANES, wide);
        for (uint32_t r = 0; r < rows; r++) {
            const lanes w = lanes_splat(weights[(size_t)(row + r) * KERN_CHUNK + p]);
            for (uint32_t b = 0; b < blocks; b++)
                sums[r][b] = lanes_fma(w, value[b], sums[r][b]);
        }
    }
    /* adding zero makes -0 +0: rows that see fewer positions than their neighbours get the same bits as alone */
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            lanes_store(a->out + (size_t)(row + r) * a->head_dim + element + b * KERN_LANES,
                        lanes_add(sums[r][b], lanes_splat(0.0f)));
}

/* From this many rows on, widening a chunk to floats once costs less than doing it for each register block of rows. */
enum { ROWS_WORTH_WIDENING = LANES_ROWS + 1 };

ALWAYS_INLINE void score_blocks(const kern_attention *a, const void *keys, const bool wide, uint32_t row,
                                const uint32_t rows, uint32_t first_block, uint32_t end_block, float *scores)
{
    uint32_t block = first_block;
    for (; block + LANES_WIDE <= end_block; block += LANES_WIDE)
        score_rows(a, keys, wide, row, block, rows, LANES_WIDE, scores);
    for (; block < end_block; block++)
        score_rows(a, keys, wide, row, block, rows, 1, scores);
}

ALWAYS_INLINE void score_all(const kern_attention *a, const void *keys, const bool wide, uint32_t first_block,
                             uint32_t end_block, float *scores)
{
    BY_ROWS(LANES_ROWS, a->n_rows, score_blocks(a, keys, wide, row, rows, first_block, end_block, scores));
}

/* Scores of all rows for the blocks of 16 positions [first_block, end_block). `room` holds a chunk of floats. */
static void score_f16(const kern_attention *a, uint32_t first_block, uint32_t end_block, float *scores, float *room)
{
    const uint16_t *const keys = a->keys;
    if (a->n_rows < ROWS_WORTH_WIDENING) {
        score_all(a, keys, false, first_block, end_block, scores);
        return;
    }
    for (size_t i = (size_t)first_block * a->head_dim; i < (size_t)end_block * a->head_dim; i++)
        lanes_store(room + i * KERN_LANES, lanes_load_half(keys + i * KERN_LANES));
    score_all(a, room, true, first_block, end_block, scores);
}

ALWAYS_INLINE void gather_blocks(const kern_attention *a, const void *values, const bool wide, uint32_t row,
                                 const uint32_t rows, uint32_t begin, uint32_t end, const float *weights)
{
    uint32_t element = 0;
    for (; element + LANES_WIDE * KERN_LANES <= a->head_dim; element += LANES_WIDE * KERN_LANES)
        add_values(a, values, wide, row, element, rows, LANES_WIDE, begin, end, weights);
    for (; element < a->head_dim; element += KERN_LANES)
        add_values(a, values, wide, row, element, rows, 1, begin, end, weights);
}

ALWAYS_INLINE void gather_all(const kern_attention *a, const void *values, const bool wide, uint32_t begin,
                              uint32_t end, const float *weights)
{
    BY_ROWS(LANES_ROWS, a->n_rows, gather_blocks(a, values, wide, row, rows, begin, end, weights));
}

/* Weighted values of all rows at the positions [begin, end), to a->out. */
static void gather_f16(const kern_attention *a, uint32_t begin, uint32_t end, const float *weights, float *room)
{
    const uint16_t *const values = a->values;
    if (a->n_rows < ROWS_WORTH_WIDENING) {
        gather_all(a, values, false, begin, end, weights);
        return;
    }
    for (size_t i = (size_t)begin * a->head_dim; i < (size_t)end * a->head_dim; i += KERN_LANES)
        lanes_store(room + i, lanes_load_half(values + i));
    gather_all(a, room, true, begin, end, weights);
}

#endif
