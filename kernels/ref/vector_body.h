/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every float kernel but the quantised matmuls, written once over sixteen lanes. A file for one instruction set
 * includes its lanes first, then this, and gets functions that compute the same bits as all others: what a lane does
 * and the order in which lanes are reduced are fixed here, and nothing else is free.
 */
#ifndef FIRN_KERNELS_VECTOR_BODY_H
#define FIRN_KERNELS_VECTOR_BODY_H

#include "kernels/vector.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* ---- elementwise functions: kernels/math.h lane by lane ---- */

#ifndef LANES_SCALE
/* a * 2^n, rounded once; a is about 1, n an integer from -151 to 129 */
ALWAYS_INLINE lanes lanes_scale(lanes a, lanes n)
{
    const lanes half = lanes_floor(lanes_multiply(n, lanes_splat(0.5f)));
    return lanes_multiply(lanes_multiply(a, lanes_power_of_two(half)), lanes_power_of_two(lanes_subtract(n, half)));
}
#endif

ALWAYS_INLINE lanes lanes_exp(lanes x)
{
    x = lanes_minimum(x, lanes_splat(KERN_EXP_HIGHEST));
    x = lanes_maximum(x, lanes_splat(KERN_EXP_LOWEST));
    const lanes n = lanes_round(lanes_multiply(x, lanes_splat(KERN_LOG2_E)));
    lanes r = lanes_fma(n, lanes_splat(-KERN_LN2_HIGH), x);
    r = lanes_fma(n, lanes_splat(-KERN_LN2_LOW), r);
    lanes p = lanes_splat(KERN_EXP_6);
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_5));
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_4));
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_3));
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_2));
    p = lanes_fma(p, lanes_multiply(r, r), r);
    p = lanes_add(p, lanes_splat(1.0f));
    return lanes_scale(p, n);
}

ALWAYS_INLINE lanes lanes_tanh(lanes x)
{
    const lanes one = lanes_splat(1.0f);
    const lanes t = lanes_exp(lanes_multiply(lanes_splat(-2.0f), lanes_absolute(x)));
    return lanes_copy_sign(lanes_divide(lanes_subtract(one, t), lanes_add(one, t)), x);
}

ALWAYS_INLINE lanes lanes_silu(lanes x)
{
    const lanes e = lanes_exp(lanes_subtract(lanes_splat(0.0f), x));
    return lanes_divide(x, lanes_add(lanes_splat(1.0f), e));
}

ALWAYS_INLINE lanes lanes_gelu_tanh(lanes x)
{
    const lanes one = lanes_splat(1.0f);
    const lanes cubic = lanes_fma(lanes_multiply(lanes_splat(KERN_GELU_CUBIC), x), x, one);
    const lanes z = lanes_multiply(x, cubic);
    return lanes_divide(x, lanes_add(one, lanes_exp(lanes_multiply(z, lanes_splat(KERN_GELU_SCALE)))));
}

/* The first n (1 to 16) floats; the other lanes are zero. */
ALWAYS_INLINE lanes load_part(const float *from, uint32_t n)
{
    float part[KERN_LANES] = {0};
    if (n >= KERN_LANES)
        return lanes_load(from);
    memcpy(part, from, n * sizeof *part);
    return lanes_load(part);
}

ALWAYS_INLINE void store_part(float *to, lanes a, uint32_t n)
{
    float part[KERN_LANES];
    if (n >= KERN_LANES) {
        lanes_store(to, a);
        return;
    }
    lanes_store(part, a);
    memcpy(to, part, n * sizeof *part);
}

static void add(float *x, const float *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES)
        store_part(x + i, lanes_add(load_part(x + i, n - i), load_part(y + i, n - i)), n - i);
}

static void scale(float *x, float factor, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES)
        store_part(x + i, lanes_multiply(load_part(x + i, n - i), lanes_splat(factor)), n - i);
}

static void activate(kern_activation activation, const float *gate, const float *up, uint32_t n, float *out)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes x = load_part(gate + i, n - i);
        const lanes a = activation == KERN_SILU ? lanes_silu(x) : lanes_gelu_tanh(x);
        store_part(out + i, lanes_multiply(a, load_part(up + i, n - i)), n - i);
    }
}

static void softcap(float *x, float cap, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes bounded = lanes_tanh(lanes_divide(load_part(x + i, n - i), lanes_splat(cap)));
        store_part(x + i, lanes_multiply(bounded, lanes_splat(cap)), n - i);
    }
}

static bool all_finite(const float *x, uint32_t n)
{
    lanes zero = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n; i += KERN_LANES) /* 0 * x is 0 if x is finite, else NaN, which stays in the sum */
        zero = lanes_fma(load_part(x + i, n - i), lanes_splat(0.0f), zero);
    return lanes_sum(zero) == 0.0f;
}

static void rms_norm(const float *x, const float *gain, float epsilon, uint32_t n, float *out)
{
    lanes squares = lanes_splat(0.0f);
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes v = load_part(x + i, n - i);
        squares = lanes_fma(v, v, squares);
    }
    const float mean = lanes_sum(squares) / (float)n;
    const lanes factor = lanes_splat(1.0f / sqrtf(mean + epsilon));
    for (uint32_t i = 0; i < n; i += KERN_LANES) {
        const lanes normal = lanes_multiply(load_part(x + i, n - i), factor);
        store_part(out + i, lanes_multiply(normal, load_part(gain + i, n - i)), n - i);
    }
}

/* ---- activations to integers ---- */

/* A block whose largest magnitude is below this is stored as zeros: its inverse would leave the range of a float. */
#define SMALLEST_LARGEST 0x1p-100f

typedef struct rounded {
    lanes low, high; /* integers from -limit to limit */
    float step;      /* value = step * integer; NaN if a value was not finite */
} rounded;

ALWAYS_INLINE rounded round_block(const float *x, float limit)
{
    const lanes low = lanes_load(x), high = lanes_load(x + KERN_LANES);
    const float largest = lanes_largest_bits(lanes_maximum_bits(lanes_absolute(low), lanes_absolute(high)));
    if (!(largest < INFINITY))
        return (rounded){lanes_splat(0.0f), lanes_splat(0.0f), NAN};
    if (!(largest > SMALLEST_LARGEST))
        return (rounded){lanes_splat(0.0f), lanes_splat(0.0f), 0.0f};
    const lanes inverse = lanes_splat(limit / largest);
    return (rounded){lanes_round(lanes_multiply(low, inverse)), lanes_round(lanes_multiply(high, inverse)),
                     largest / limit};
}

/* Writes one column of one panel block; see kern_activations. */
ALWAYS_INLINE void int8_block(const float *x, uint32_t width, uint8_t *out)
{
    const rounded r = round_block(x, 127.0f);
    int8_t q[KERN_BLOCK];
    lanes_store_int8(q, r.low);
    lanes_store_int8(q + KERN_LANES, r.high);
    const int16_t sums[2] = {(int16_t)lanes_sum(r.low), (int16_t)lanes_sum(r.high)}; /* exact: small integers */
    const float scaled_sum = r.step * (float)(sums[0] + sums[1]);
    memcpy(out, &r.step, 4);
    memcpy(out + 4 * width, &scaled_sum, 4);
    memcpy(out + 8 * width, sums, 4);
    for (uint32_t g = 0; g < 8; g++)
        memcpy(out + 12 * width + 4 * (size_t)width * g, q + 4 * g, 4);
}

ALWAYS_INLINE void int16_block(const float *x, uint32_t width, uint8_t *out)
{
    const rounded r = round_block(x, 32767.0f);
    int16_t q[KERN_BLOCK];
    lanes_store_int16(q, r.low);
    lanes_store_int16(q + KERN_LANES, r.high);
    memcpy(out, &r.step, 4);
    if (width == 1) {
        memcpy(out + 4, q, sizeof q);
        return;
    }
    for (uint32_t g = 0; g < 8; g++) {
        const int16_t even[2] = {q[4 * g], q[4 * g + 2]}, odd[2] = {q[4 * g + 1], q[4 * g + 3]};
        memcpy(out + 4 * width + 4 * (size_t)width * (2 * g), even, 4);
        memcpy(out + 4 * width + 4 * (size_t)width * (2 * g + 1), odd, 4);
    }
}

static void quantise_int8(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                          uint8_t *out)
{
    const size_t block_bytes = (size_t)width * KERN_INT8_BYTES;
    if (n_columns < width)
        memset(out, 0, n_blocks * block_bytes);
    for (uint32_t c = 0; c < n_columns; c++)
        for (uint32_t b = 0; b < n_blocks; b++)
            int8_block(x + c * stride + (size_t)b * KERN_BLOCK, width, out + b * block_bytes + 4 * c);
}

static void quantise_int16(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                           uint8_t *out)
{
    const size_t block_bytes = (size_t)width * KERN_INT16_BYTES;
    if (n_columns < width)
        memset(out, 0, n_blocks * block_bytes);
    for (uint32_t c = 0; c < n_columns; c++)
        for (uint32_t b = 0; b < n_blocks; b++)
            int16_block(x + c * stride + (size_t)b * KERN_BLOCK, width, out + b * block_bytes + 4 * c);
}

/* ---- rotary position embedding and the cache ---- */

static void rotate(float *head, const float *angles, uint32_t n_pairs, bool adjacent)
{
    const float *const others = angles + (adjacent ? 2 * (size_t)n_pairs : n_pairs);
    float *const second = head + n_pairs;
    for (uint32_t i = 0, n = adjacent ? 2 * n_pairs : n_pairs; i < n; i += KERN_LANES) {
        const lanes angle = load_part(angles + i, n - i), other = load_part(others + i, n - i);
        const lanes a = load_part(head + i, n - i);
        if (adjacent) {
            store_part(head + i, lanes_fma(lanes_even(a), angle, lanes_multiply(lanes_odd(a), other)), n - i);
        } else {
            const lanes b = load_part(second + i, n - i);
            const lanes negative = lanes_multiply(other, lanes_splat(-1.0f));
            store_part(head + i, lanes_fma(a, angle, lanes_multiply(b, negative)), n - i);
            store_part(second + i, lanes_fma(a, other, lanes_multiply(b, angle)), n - i);
        }
    }
}

static void store_key(const float *key, uint32_t head_dim, uint16_t *out)
{
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES) {
        uint16_t half[KERN_LANES];
        lanes_store_half(half, lanes_load(key + d));
        for (uint32_t i = 0; i < KERN_LANES; i++)
            out[(size_t)(d + i) * KERN_LANES] = half[i];
    }
}

static void store_value(const float *value, uint32_t head_dim, uint16_t *out)
{
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES)
        lanes_store_half(out + d, lanes_load(value + d));
}

/* ---- attention ---- */

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

/* Turns a row's scores into exp(score - maximum), zero where the row does not look. */
static void weigh_row(const kern_attention *a, uint32_t row, uint32_t first_block, uint32_t n_blocks, float *scores)
{
    const int begin = a->begins[row], end = a->ends[row];
    lanes largest = lanes_splat(-INFINITY);
    for (uint32_t b = first_block; b < n_blocks; b++) {
        const int first = (int)b * KERN_LANES;
        const lanes s = lanes_load(scores + first);
        largest = lanes_maximum(lanes_select_range(s, lanes_splat(-INFINITY), begin - first, end - first), largest);
    }
    const float maximum = lanes_largest(largest);
    lanes sum = lanes_splat(0.0f);
    for (uint32_t b = first_block; b < n_blocks; b++) {
        const int first = (int)b * KERN_LANES;
        const lanes e = lanes_exp(lanes_subtract(lanes_load(scores + first), lanes_splat(maximum)));
        const lanes weight = lanes_select_range(e, lanes_splat(0.0f), begin - first, end - first);
        lanes_store(scores + first, weight);
        sum = lanes_add(sum, weight);
    }
    a->maximum[row] = maximum;
    a->sum[row] = lanes_sum(sum);
}

/* How many of the rows that are left go through the registers together. */
ALWAYS_INLINE uint32_t rows_at_once(uint32_t left)
{
    if (left >= LANES_ROWS)
        return LANES_ROWS;
    return left == 3 ? 3 : left >= LANES_ROWS / 2 ? LANES_ROWS / 2 : left > 3 ? 3 : 1;
}

/* score_rows and add_values with the number of rows as a constant */
ALWAYS_INLINE void score(const kern_attention *a, const void *keys, bool wide, uint32_t row, uint32_t rows,
                         uint32_t block, const uint32_t blocks, float *scores)
{
    if (rows == LANES_ROWS)
        score_rows(a, keys, wide, row, block, LANES_ROWS, blocks, scores);
    else if (rows == 3)
        score_rows(a, keys, wide, row, block, 3, blocks, scores);
    else if (rows == LANES_ROWS / 2)
        score_rows(a, keys, wide, row, block, LANES_ROWS / 2, blocks, scores);
    else
        score_rows(a, keys, wide, row, block, 1, blocks, scores);
}

ALWAYS_INLINE void gather(const kern_attention *a, const void *values, bool wide, uint32_t row, uint32_t rows,
                          uint32_t element, const uint32_t blocks, uint32_t begin, uint32_t end, const float *weights)
{
    if (rows == LANES_ROWS)
        add_values(a, values, wide, row, element, LANES_ROWS, blocks, begin, end, weights);
    else if (rows == 3)
        add_values(a, values, wide, row, element, 3, blocks, begin, end, weights);
    else if (rows == LANES_ROWS / 2)
        add_values(a, values, wide, row, element, LANES_ROWS / 2, blocks, begin, end, weights);
    else
        add_values(a, values, wide, row, element, 1, blocks, begin, end, weights);
}

ALWAYS_INLINE void attend(const kern_attention *a, const void *keys, const void *values, bool wide, uint32_t begin,
                          uint32_t end, float *scores)
{
    const uint32_t first_block = begin / KERN_LANES, n_blocks = (end + KERN_LANES - 1) / KERN_LANES;
    for (uint32_t row = 0, rows; row < a->n_rows; row += rows) {
        rows = rows_at_once(a->n_rows - row);
        uint32_t block = first_block;
        for (; block + LANES_WIDE <= n_blocks; block += LANES_WIDE)
            score(a, keys, wide, row, rows, block, LANES_WIDE, scores);
        for (; block < n_blocks; block++)
            score(a, keys, wide, row, rows, block, 1, scores);
    }
    for (uint32_t row = 0; row < a->n_rows; row++)
        weigh_row(a, row, first_block, n_blocks, scores + (size_t)row * KERN_CHUNK);
    for (uint32_t row = 0, rows; row < a->n_rows; row += rows) {
        rows = rows_at_once(a->n_rows - row);
        uint32_t element = 0;
        for (; element + LANES_WIDE * KERN_LANES <= a->head_dim; element += LANES_WIDE * KERN_LANES)
            gather(a, values, wide, row, rows, element, LANES_WIDE, begin, end, scores);
        for (; element < a->head_dim; element += KERN_LANES)
            gather(a, values, wide, row, rows, element, 1, begin, end, scores);
    }
}

/* From this many rows on, widening the chunk to floats once costs less than doing it for each register block of rows.
 */
enum { ROWS_WORTH_WIDENING = LANES_ROWS + 1 };

static void attention_chunk(const kern_attention *a)
{
    uint32_t begin = KERN_CHUNK, end = 0;
    for (uint32_t r = 0; r < a->n_rows; r++) {
        begin = a->begins[r] < begin ? a->begins[r] : begin;
        end = a->ends[r] > end ? a->ends[r] : end;
    }
    float *const scores = a->scratch;
    if (a->n_rows < ROWS_WORTH_WIDENING) {
        attend(a, a->keys, a->values, false, begin, end, scores);
        return;
    }
    float *const keys = scores + KERN_CHUNK * KERN_ATTENTION_ROWS;
    float *const values = keys + (size_t)KERN_CHUNK * a->head_dim;
    const uint32_t end_block = (end + KERN_LANES - 1) / KERN_LANES;
    for (size_t i = (size_t)(begin / KERN_LANES) * a->head_dim; i < (size_t)end_block * a->head_dim; i++)
        lanes_store(keys + i * KERN_LANES, lanes_load_half(a->keys + i * KERN_LANES));
    for (size_t i = (size_t)begin * a->head_dim; i < (size_t)end * a->head_dim; i += KERN_LANES)
        lanes_store(values + i, lanes_load_half(a->values + i));
    attend(a, keys, values, true, begin, end, scores);
}

static void attention_merge(float *maximum, float *sum, float *out, float chunk_maximum, float chunk_sum,
                            const float *chunk_out, uint32_t head_dim)
{
    const float larger = *maximum > chunk_maximum ? *maximum : chunk_maximum;
    const float keep = kern_exp(*maximum - larger), take = kern_exp(chunk_maximum - larger);
    *maximum = larger;
    *sum = fmaf(*sum, keep, chunk_sum * take);
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES) {
        const lanes taken = lanes_multiply(lanes_load(chunk_out + d), lanes_splat(take));
        lanes_store(out + d, lanes_fma(lanes_load(out + d), lanes_splat(keep), taken));
    }
}

static void attention_finish(const float *values, float sum, uint32_t head_dim, float *out)
{
    for (uint32_t d = 0; d < head_dim; d += KERN_LANES)
        lanes_store(out + d, lanes_divide(lanes_load(values + d), lanes_splat(sum)));
}

#include "kernels/ref/matmul_float_body.h"

static void fill(kern_table *table)
{
    table->matmul_float = matmul_float;
    table->quantise_int8 = quantise_int8;
    table->quantise_int16 = quantise_int16;
    table->rms_norm = rms_norm;
    table->add = add;
    table->scale = scale;
    table->activate = activate;
    table->softcap = softcap;
    table->rotate = rotate;
    table->store_key = store_key;
    table->store_value = store_value;
    table->attention_chunk = attention_chunk;
    table->attention_merge = attention_merge;
    table->attention_finish = attention_finish;
    table->all_finite = all_finite;
}

#endif
