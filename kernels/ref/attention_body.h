/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention over one chunk of a head's keys and values, written once over sixteen lanes and sixteen exact sums. A file
 * for one instruction set includes its lanes and its quads first, then this: as with vector_body.h, nothing that could
 * change a bit is left to it.
 */
#ifndef FIRN_KERNELS_ATTENTION_BODY_H
#define FIRN_KERNELS_ATTENTION_BODY_H

#include "kernels/ref/exp_body.h"
#include "kernels/vector.h"

/*
 * Does all of n_rows rows, `most` (3 or more) at a time, then those that are left: in `call` the first is `row`, and
 * their number, `rows`, is a constant, so that an inlined function keeps its sums in registers.
 */
#define BY_ROWS(most, n_rows, call)  \
    do {                             \
        uint32_t row = 0;            \
        ROWS_OF(most, n_rows, call)  \
        if ((most) > 7)              \
            ROWS_OF(7, n_rows, call) \
        if ((most) > 6)              \
            ROWS_OF(6, n_rows, call) \
        if ((most) > 5)              \
            ROWS_OF(5, n_rows, call) \
        if ((most) > 4)              \
            ROWS_OF(4, n_rows, call) \
        if ((most) > 3)              \
            ROWS_OF(3, n_rows, call) \
        ROWS_OF(2, n_rows, call)     \
        ROWS_OF(1, n_rows, call)     \
    } while (0)
#define ROWS_OF(size, n_rows, call)                                         \
    for (const uint32_t rows = (size); row + rows <= (n_rows); row += rows) \
        call;

#include "kernels/ref/attention_f16_body.h"
#include "kernels/ref/attention_q8_0_body.h"

static void store_key(kern_type type, float *key, uint32_t head_dim, uint32_t position, void *keys)
{
    if (type == KERN_Q8_0)
        store_key_q8_0(key, head_dim, position, keys);
    else
        store_key_f16(key, head_dim, position, keys);
}

static void store_value(kern_type type, const float *value, uint32_t head_dim, uint32_t position, void *values)
{
    if (type == KERN_Q8_0)
        store_value_q8_0(value, head_dim, position, values);
    else
        store_value_f16(value, head_dim, position, values);
}

static void prepare_query(kern_type type, float *query, uint32_t head_dim)
{
    if (type == KERN_Q8_0)
        prepare_query_q8_0(query, head_dim);
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

static void attention_chunk(const kern_attention *a)
{
    uint32_t begin = KERN_CHUNK, end = 0;
    for (uint32_t r = 0; r < a->n_rows; r++) {
        begin = a->begins[r] < begin ? a->begins[r] : begin;
        end = a->ends[r] > end ? a->ends[r] : end;
    }
    const uint32_t first_block = begin / KERN_LANES, end_block = (end + KERN_LANES - 1) / KERN_LANES;
    float *const scores = a->scratch, *const room = scores + KERN_CHUNK * KERN_ATTENTION_ROWS;
    if (a->key_type == KERN_Q8_0)
        score_q8_0(a, first_block, end_block, scores);
    else
        score_f16(a, first_block, end_block, scores, room);
    for (uint32_t row = 0; row < a->n_rows; row++)
        weigh_row(a, row, first_block, end_block, scores + (size_t)row * KERN_CHUNK);
    if (a->value_type == KERN_Q8_0)
        gather_q8_0(a, begin, end, scores, room);
    else
        gather_f16(a, begin, end, scores, room);
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

static void fill_attention(kern_table *table)
{
    table->store_key = store_key;
    table->store_value = store_value;
    table->prepare_query = prepare_query;
    table->attention_chunk = attention_chunk;
    table->attention_merge = attention_merge;
    table->attention_finish = attention_finish;
}

#endif
