/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and values as Q8_0: in blocks of 32 elements of a head a byte each and an F16 scale for each position. Products
 * add up exactly: of a key with a query that is rounded by blocks of 32, over the block; of values with weights that
 * are rounded after the scales are multiplied in, over the chunk. (kernels.h has the layouts and formulas.)
 */
#ifndef FIRN_KERNELS_ATTENTION_Q8_0_BODY_H
#define FIRN_KERNELS_ATTENTION_Q8_0_BODY_H

/* A byte stands for itself less this. */
enum { BYTE_ZERO = 128 };

/* Of rounded factors: value = step * factor; a sum of products with bytes begins at `start`, which takes BYTE_ZERO off.
 */
typedef struct factors_head {
    float step;
    int32_t start;
} factors_head;

enum {
    WEIGHT_BYTES = (int)sizeof(factors_head) + 2 * KERN_CHUNK, /* of a row's weights in one block of elements */
};

/* A block whose largest magnitude is below this is stored as zeros: its inverse would leave the range of a float. */
#define SMALLEST_FACTOR 0x1p-100f

/* The largest factor: as two signed bytes, 127 * 256 + 127. */
#define QUADS_LARGEST 32639.0f

/* Elements of the block that begins at `first`. */
ALWAYS_INLINE uint32_t block_elements(uint32_t head_dim, uint32_t first)
{
    return head_dim - first < KERN_BLOCK ? head_dim - first : KERN_BLOCK;
}

ALWAYS_INLINE const uint16_t *scales_of(const uint8_t *cache, uint32_t head_dim, uint32_t first)
{
    return (const uint16_t *)(const void *)(cache + kern_cache_scales(head_dim, first));
}

/* ---- spreading ---- */

/* Elements that are spread over each other: the largest power of two that divides the head, which is at least 16. */
ALWAYS_INLINE uint32_t spread_elements(uint32_t head_dim)
{
    return head_dim & (~head_dim + 1);
}

/* A Hadamard transform of 16 elements: row j of it is the product of the rows of j's bits. */
ALWAYS_INLINE lanes spread_lanes(const float x[KERN_LANES])
{
    static const float bits[4][KERN_LANES] = {{1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1},
                                              {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1},
                                              {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1},
                                              {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1}};
    lanes rows[KERN_LANES] = {lanes_splat(1.0f)}, sum = lanes_splat(x[0]);
    for (unsigned bit = 0; bit < 4; bit++)
        for (unsigned j = 0; j < 1u << bit; j++)
            rows[j + (1u << bit)] = lanes_multiply(rows[j], lanes_load(bits[bit]));
    for (unsigned j = 1; j < KERN_LANES; j++)
        sum = lanes_fma(lanes_splat(x[j]), rows[j], sum);
    return sum;
}

/*
 * Multiplies each group of n = spread_elements of a head by the Hadamard matrix of that size, and by `unit`: products
 * of a key and a query, whose unit is 1 / n, are what they were, while what a single large element of a key had of its
 * block's precision is shared by all. Some checkpoints have keys whose few large elements would else round all others
 * to zero.
 */
static void spread(float *x, uint32_t head_dim, float unit)
{
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES)
        lanes_store(x + d, lanes_multiply(spread_lanes(x + d), lanes_splat(unit)));
    for (uint32_t half = KERN_LANES; half < spread_elements(head_dim); half *= 2)
        for (uint32_t first = 0; first < head_dim; first += 2 * half)
            for (uint32_t d = first; d < first + half; d += KERN_LANES) {
                const lanes a = lanes_load(x + d), b = lanes_load(x + d + half);
                lanes_store(x + d, lanes_add(a, b));
                lanes_store(x + d + half, lanes_subtract(a, b));
            }
}

/* ---- storing ---- */

/* Rounds n (16 or 32) elements to bytes; the result is their scale, as F16: NaN if one is not finite. */
ALWAYS_INLINE uint16_t round_to_bytes(const float *x, uint32_t n, uint8_t bytes[KERN_BLOCK])
{
    lanes parts[2], largest_part = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n / KERN_LANES; i++) {
        parts[i] = lanes_load(x + i * KERN_LANES);
        largest_part = lanes_maximum_bits(lanes_absolute(parts[i]), largest_part);
    }
    const float largest = lanes_largest_bits(largest_part);
    memset(bytes, BYTE_ZERO, KERN_BLOCK);
    if (!(largest < INFINITY))
        return kern_half_from_float(NAN);
    const float wanted = largest / 127.0f;
    const uint16_t scale = kern_half_from_float(wanted < 65504.0f ? wanted : 65504.0f); /* the largest F16 */
    if (scale == 0)
        return scale;
    const lanes inverse = lanes_splat(1.0f / kern_float_from_half(scale));
    for (uint32_t i = 0; i < n / KERN_LANES; i++) {
        const lanes q = lanes_round(lanes_multiply(parts[i], inverse));
        int8_t part[KERN_LANES];
        lanes_store_int8(part, lanes_maximum(lanes_minimum(q, lanes_splat(127.0f)), lanes_splat(-127.0f)));
        for (uint32_t j = 0; j < KERN_LANES; j++)
            bytes[i * KERN_LANES + j] = (uint8_t)(part[j] + BYTE_ZERO);
    }
    return scale;
}

static void store_key_q8_0(float *key, uint32_t head_dim, uint32_t position, uint8_t *keys)
{
    uint8_t *const out = keys + (size_t)(position / KERN_LANES) * KERN_LANES * head_dim + 4 * (position % KERN_LANES);
    spread(key, head_dim, 1.0f);
    for (uint32_t d = 0; d < head_dim; d += KERN_BLOCK) {
        uint8_t bytes[KERN_BLOCK];
        const uint32_t n = block_elements(head_dim, d);
        const uint16_t scale = round_to_bytes(key + d, n, bytes);
        for (uint32_t i = 0; i < n; i += 4)
            memcpy(out + (size_t)(d + i) * KERN_LANES, bytes + i, 4);
        memcpy(keys + kern_cache_scales(head_dim, d) + 2 * (size_t)position, &scale, sizeof scale);
    }
}

static void store_value_q8_0(const float *value, uint32_t head_dim, uint32_t position, uint8_t *values)
{
    for (uint32_t d = 0; d < head_dim; d += KERN_BLOCK) {
        uint8_t bytes[KERN_BLOCK];
        const uint32_t n = block_elements(head_dim, d);
        const uint16_t scale = round_to_bytes(value + d, n, bytes);
        uint8_t *const out = values + (size_t)d * KERN_CHUNK + (size_t)(position / 4) * 4 * n + position % 4;
        for (uint32_t i = 0; i < n; i++)
            out[4 * (size_t)i] = bytes[i];
        memcpy(values + kern_cache_scales(head_dim, d) + 2 * (size_t)position, &scale, sizeof scale);
    }
}

/* ---- rounding factors ---- */

#ifndef QUADS_STORE
/* Writes four quads of factors, 8 bytes each, as quads_add reads them: integers from -32639 to 32639. */
static inline void quads_store(uint8_t *to, lanes factors)
{
    int16_t stored[KERN_LANES];
    lanes_store_int16(stored, factors);
    memcpy(to, stored, sizeof stored);
}
#endif

/* Rounds n_parts (up to 4) times 16 factors: a head, and behind it their quads. */
ALWAYS_INLINE void round_factors(const lanes *x, const uint32_t n_parts, uint8_t *out)
{
    factors_head head = {NAN, 0};
    lanes largest_part = lanes_absolute(x[0]);
    for (uint32_t i = 1; i < n_parts; i++)
        largest_part = lanes_maximum_bits(lanes_absolute(x[i]), largest_part);
    const float largest = lanes_largest_bits(largest_part);
    const bool zero = !(largest > SMALLEST_FACTOR) || !(largest < INFINITY);
    if (largest < INFINITY)
        head.step = zero ? 0.0f : largest / QUADS_LARGEST;
    const lanes inverse = lanes_splat(zero ? 0.0f : QUADS_LARGEST / largest);
    lanes sum = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n_parts; i++) {
        const lanes q = zero ? lanes_splat(0.0f) : lanes_round(lanes_multiply(x[i], inverse));
        sum = lanes_add(sum, q); /* exact: below 2^24 */
        quads_store(out + sizeof head + 2 * (size_t)i * KERN_LANES, q);
    }
    head.start = -BYTE_ZERO * (int32_t)lanes_sum(sum);
    memcpy(out, &head, sizeof head);
}

/* In place: what is written never passes what is still to be read. */
static void prepare_query_q8_0(float *query, uint32_t head_dim)
{
    uint8_t *out = (uint8_t *)query;
    spread(query, head_dim, 1.0f / (float)spread_elements(head_dim));
    for (uint32_t d = 0; d < head_dim; d += KERN_BLOCK) {
        const uint32_t n = block_elements(head_dim, d);
        const lanes parts[2] = {lanes_load(query + d),
                                n > KERN_LANES ? lanes_load(query + d + KERN_LANES) : lanes_splat(0.0f)};
        round_factors(parts, n / KERN_LANES, out);
        out += sizeof(factors_head) + 2 * (size_t)n;
    }
}

ALWAYS_INLINE factors_head head_of(const uint8_t *factors)
{
    factors_head head;
    memcpy(&head, factors, sizeof head);
    return head;
}

/* ---- scores ---- */

/* Scores of `rows` rows for `blocks` blocks of 16 positions, which are constants where this is inlined. */
ALWAYS_INLINE void score_rows_q8_0(const kern_attention *a, uint32_t row, const uint32_t rows, uint32_t block,
                                   const uint32_t blocks, float *scores)
{
    const size_t stride = a->query_stride * sizeof(float);
    const uint8_t *const keys = a->keys, *query = (const uint8_t *)a->queries + row * stride;
    lanes results[QUADS_ROWS][QUADS_WIDE];
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            results[r][b] = lanes_splat(0.0f);
    for (uint32_t d = 0; d < a->head_dim; d += KERN_BLOCK) {
        const uint32_t n = block_elements(a->head_dim, d);
        quads sums[QUADS_ROWS][QUADS_WIDE];
        for (uint32_t r = 0; r < rows; r++)
            for (uint32_t b = 0; b < blocks; b++)
                sums[r][b] = quads_start(head_of(query + r * stride).start);
        for (uint32_t i = 0; i < n; i += 4)
            for (uint32_t b = 0; b < blocks; b++) {
                const uint8_t *const bytes = keys + ((size_t)(block + b) * a->head_dim + d + i) * KERN_LANES;
                if (row == 0)
                    __builtin_prefetch((const char *)bytes + a->next, 0, 2);
                for (uint32_t r = 0; r < rows; r++)
                    sums[r][b] =
                        quads_add(sums[r][b], bytes, query + r * stride + sizeof(factors_head) + 2 * (size_t)i);
            }
        const uint16_t *const scales = scales_of(a->keys, a->head_dim, d);
        for (uint32_t b = 0; b < blocks; b++) {
            const lanes scale = lanes_load_half(scales + (size_t)(block + b) * KERN_LANES);
            for (uint32_t r = 0; r < rows; r++) {
                const lanes step = lanes_multiply(scale, lanes_splat(head_of(query + r * stride).step));
                results[r][b] = lanes_fma(step, quads_total(sums[r][b]), results[r][b]);
            }
        }
        query += sizeof(factors_head) + 2 * (size_t)n;
    }
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            lanes_store(scores + (size_t)(row + r) * KERN_CHUNK + (size_t)(block + b) * KERN_LANES, results[r][b]);
}

ALWAYS_INLINE void score_block_q8_0(const kern_attention *a, uint32_t row, const uint32_t rows, uint32_t first_block,
                                    uint32_t end_block, float *scores)
{
    uint32_t block = first_block;
    for (; block + QUADS_WIDE <= end_block; block += QUADS_WIDE)
        score_rows_q8_0(a, row, rows, block, QUADS_WIDE, scores);
    for (; block < end_block; block++)
        score_rows_q8_0(a, row, rows, block, 1, scores);
}

static void score_q8_0(const kern_attention *a, uint32_t first_block, uint32_t end_block, float *scores)
{
    BY_ROWS(QUADS_ROWS, a->n_rows, score_block_q8_0(a, row, rows, first_block, end_block, scores));
}

/* ---- sums of values ---- */

/* A row's weights times the scales that its positions have in one block of elements, rounded. */
ALWAYS_INLINE void round_weights(const float *weights, const uint16_t *scales, int begin, int end, uint8_t *out)
{
    enum { PARTS = KERN_CHUNK / KERN_LANES };
    lanes parts[PARTS];
    for (int i = 0; i < PARTS; i++) {
        const int first = i * KERN_LANES; /* weights are defined from the block of 16 on that begins first */
        const lanes x = lanes_multiply(lanes_load(weights + first), lanes_load_half(scales + first));
        parts[i] = lanes_select_range(x, lanes_splat(0.0f), begin - first, end - first);
    }
    round_factors(parts, PARTS, out);
}

/* `blocks` (1 or 2, a constant) times 16 elements of `rows` rows, over the quads of positions [begin, end). */
ALWAYS_INLINE void add_values_q8_0(const kern_attention *a, const uint8_t *values, uint32_t n, uint32_t row,
                                   const uint32_t rows, const uint32_t blocks, uint32_t begin, uint32_t end,
                                   const uint8_t *weights, float *out)
{
    quads sums[QUADS_ROWS][QUADS_WIDE];
    weights += (size_t)row * WEIGHT_BYTES;
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t b = 0; b < blocks; b++)
            sums[r][b] = quads_start(head_of(weights + (size_t)r * WEIGHT_BYTES).start);
    for (uint32_t p = begin; p < end; p++)
        for (uint32_t b = 0; b < blocks; b++) {
            const uint8_t *const bytes = values + 4 * ((size_t)p * n + b * KERN_LANES);
            if (row == 0)
                __builtin_prefetch((const char *)bytes + a->next, 0, 2);
            for (uint32_t r = 0; r < rows; r++)
                sums[r][b] = quads_add(sums[r][b], bytes,
                                       weights + (size_t)r * WEIGHT_BYTES + sizeof(factors_head) + 8 * (size_t)p);
        }
    for (uint32_t r = 0; r < rows; r++) {
        const lanes step = lanes_splat(head_of(weights + (size_t)r * WEIGHT_BYTES).step);
        for (uint32_t b = 0; b < blocks; b++)
            lanes_store(out + (size_t)(row + r) * a->head_dim + b * KERN_LANES,
                        lanes_multiply(step, quads_total(sums[r][b])));
    }
}

ALWAYS_INLINE void gather_rows_q8_0(const kern_attention *a, const uint8_t *values, uint32_t n, uint32_t row,
                                    const uint32_t rows, uint32_t begin, uint32_t end, const uint8_t *weights,
                                    float *out)
{
    uint32_t element = 0;
    for (; element + QUADS_WIDE * KERN_LANES <= n; element += QUADS_WIDE * KERN_LANES)
        add_values_q8_0(a, values + 4 * (size_t)element, n, row, rows, QUADS_WIDE, begin, end, weights, out + element);
    for (; element < n; element += KERN_LANES)
        add_values_q8_0(a, values + 4 * (size_t)element, n, row, rows, 1, begin, end, weights, out + element);
}

static void gather_q8_0(const kern_attention *a, uint32_t begin, uint32_t end, const float *weights, float *room)
{
    uint8_t *const rounded = (uint8_t *)room;
    begin /= 4;
    end = (end + 3) / 4;
    for (uint32_t d = 0; d < a->head_dim; d += KERN_BLOCK) {
        const uint32_t n = block_elements(a->head_dim, d);
        const uint8_t *const values = (const uint8_t *)a->values + (size_t)d * KERN_CHUNK;
        const uint16_t *const scales = scales_of(a->values, a->head_dim, d);
        for (uint32_t row = 0; row < a->n_rows; row++)
            round_weights(weights + (size_t)row * KERN_CHUNK, scales, a->begins[row], a->ends[row],
                          rounded + (size_t)row * WEIGHT_BYTES);
        BY_ROWS(QUADS_ROWS, a->n_rows, gather_rows_q8_0(a, values, n, row, rows, begin, end, rounded, a->out + d));
    }
}

#endif
