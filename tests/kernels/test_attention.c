/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attention kernels: every level gives the scalar bits, a row's result doesn't depend on the rows beside it, what
 * no row sees is never used, and the whole is the softmax that textbooks define.
 */
#include "kernels/half.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { MOST_DIM = 256, OUT_FLOATS = KERN_ATTENTION_ROWS * (MOST_DIM + 2) + 64 };

typedef struct problem {
    float *queries;             /* [n_rows][head_dim + 5] */
    float *key_floats, *floats; /* [KERN_CHUNK][head_dim] keys (of Q8_0 spread) and values that were stored */
    uint8_t *keys, *values;     /* positions that no row sees are poison: NaN, or their scales are */
    uint8_t *begins, *ends;     /* [n_rows] */
    uint32_t n_rows, head_dim;
    kern_type key_type, value_type;
} problem;

/* The types of problem i: all four pairs come, the pairs of one type most often. */
static const kern_type types[][2] = {
    {KERN_F16, KERN_F16}, {KERN_Q8_0, KERN_Q8_0}, {KERN_F16, KERN_Q8_0}, {KERN_Q8_0, KERN_F16}};
enum { TYPES = sizeof types / sizeof *types };

/* How the rows' ranges are chosen: all positions, causal steps, a window, or anything. */
enum { WHOLE, CAUSAL, WINDOW, ANY, RANGES };

static void choose_range(support_random *random, int kind, uint32_t row, uint8_t *begin, uint8_t *end)
{
    const uint32_t a = support_random_bits(random) >> 26, b = support_random_bits(random) >> 26; /* below 64 */
    *begin = 0;
    *end = KERN_CHUNK;
    if (kind == CAUSAL)
        *end = (uint8_t)(1 + row / 2);
    if (kind == WINDOW)
        *begin = (uint8_t)(row / 2), *end = (uint8_t)(row / 2 + 8 < KERN_CHUNK ? row / 2 + 8 : KERN_CHUNK);
    if (kind == ANY)
        *begin = (uint8_t)(a < b ? a : b), *end = (uint8_t)((a < b ? b : a) + 1);
}

enum { FAR_APART = 200 };

/* Where scores are far apart values are zeros and the smallest numbers: their products with weights round to -0. */
static float make_cache_value(support_random *random, float size)
{
    const uint32_t bits = support_random_bits(random) >> 8;
    if (size >= FAR_APART)
        return kern_float_from_half((uint16_t)((bits & 1) << 15 | ((bits >> 1) % 8 == 0 ? 1 : 0)));
    return support_random_float(random) * 3.0f;
}

/* `size`: of the queries, and so of the scores. */
static problem make_problem(support_random *random, const kern_type of[2], uint32_t n_rows, uint32_t head_dim,
                            int ranges, float size)
{
    problem p = {.n_rows = n_rows, .head_dim = head_dim, .key_type = of[0], .value_type = of[1]};
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    const size_t stride = head_dim + 5, cache = (size_t)KERN_CHUNK * head_dim;
    bool seen[KERN_CHUNK] = {false};
    p.queries = support_poisoned(n_rows * stride * sizeof(float));
    p.key_floats = support_poisoned(cache * sizeof(float)), p.floats = support_poisoned(cache * sizeof(float));
    p.keys = support_poisoned(kern_cache_bytes(p.key_type, head_dim)); /* as halves the poison is NaN too */
    p.values = support_poisoned(kern_cache_bytes(p.value_type, head_dim));
    p.begins = support_poisoned(n_rows), p.ends = support_poisoned(n_rows);
    for (uint32_t r = 0; r < n_rows; r++) {
        for (uint32_t d = 0; d < head_dim; d++)
            p.queries[r * stride + d] = support_random_float(random) * size / sqrtf((float)head_dim);
        choose_range(random, ranges, r, &p.begins[r], &p.ends[r]);
        for (uint32_t i = p.begins[r]; i < p.ends[r]; i++)
            seen[i] = true;
    }
    for (uint32_t i = 0; i < KERN_CHUNK; i++) {
        float *const key = p.key_floats + (size_t)i * head_dim, *const value = p.floats + (size_t)i * head_dim;
        for (uint32_t d = 0; seen[i] && d < head_dim; d++) {
            key[d] = support_random_float(random) * 3.0f;
            value[d] = make_cache_value(random, size);
        }
        if (seen[i]) {
            scalar.store_key(p.key_type, key, head_dim, i, p.keys);
            scalar.store_value(p.value_type, value, head_dim, i, p.values);
        }
    }
    return p;
}

static void free_problem(const problem *p)
{
    free(p->queries), free(p->keys), free(p->values), free(p->begins), free(p->ends);
    free(p->key_floats), free(p->floats);
}

/* Rows [first, first + count): maxima, then sums, then outputs. The caller frees it. */
static float *solve(const kern_table *table, const problem *p, uint32_t first, uint32_t count)
{
    float *const result = support_poisoned(OUT_FLOATS * sizeof(float));
    float *const scratch = support_poisoned(kern_attention_scratch(p->head_dim) * sizeof(float));
    float *const queries = support_poisoned(count * (p->head_dim + 5) * sizeof(float));
    for (uint32_t r = 0; r < count; r++) {
        memcpy(queries + r * (p->head_dim + 5), p->queries + (first + r) * (p->head_dim + 5),
               p->head_dim * sizeof(float));
        table->prepare_query(p->key_type, queries + r * (p->head_dim + 5), p->head_dim);
    }
    table->attention_chunk(&(kern_attention){
        .queries = queries,
        .query_stride = p->head_dim + 5,
        .n_rows = count,
        .head_dim = p->head_dim,
        .key_type = p->key_type,
        .value_type = p->value_type,
        .keys = p->keys,
        .values = p->values,
        .begins = p->begins + first,
        .ends = p->ends + first,
        .maximum = result,
        .sum = result + count,
        .out = result + 2 * (size_t)count,
        .scratch = scratch,
    });
    free(scratch), free(queries);
    return result;
}

static const uint32_t dims[] = {16, 32, 48, 64, 80, 96, 128, 160, 256};
enum { N_DIMS = sizeof dims / sizeof *dims };

Test(attention, every_level_gives_the_scalar_bits)
{
    const kern_table scalar = kern_table_for(KERN_LEVEL_SCALAR);
    for (int level = support_next_level(KERN_LEVEL_SCALAR); level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {21};
        for (uint32_t n_rows = 1; n_rows <= KERN_ATTENTION_ROWS; n_rows++)
            for (uint32_t i = 0; i < 2 * RANGES; i++) {
                const uint32_t dim = dims[(n_rows + i) % N_DIMS];
                const problem p = make_problem(&random, types[(n_rows + i / 2) % TYPES], n_rows, dim, (int)i % RANGES,
                                               i < RANGES ? 4.0f : FAR_APART);
                float *const expected = solve(&scalar, &p, 0, n_rows), *const found = solve(&table, &p, 0, n_rows);
                cr_assert_arr_eq(found, expected, OUT_FLOATS * sizeof(float), "%s: %u rows of %u, ranges %u",
                                 kern_level_name(table.level), n_rows, dim, i % RANGES);
                free(expected), free(found);
                free_problem(&p);
            }
    }
}

/* Alone, or with any neighbours: the same bits. */
Test(attention, rows_do_not_see_each_other)
{
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {22};
        for (uint32_t i = 0; i < 4 * RANGES; i++) {
            const uint32_t n_rows = 1 + support_random_bits(&random) % KERN_ATTENTION_ROWS, dim = dims[i % N_DIMS];
            const problem p = make_problem(&random, types[i / 4 % TYPES], n_rows, dim, (int)i % RANGES,
                                           i % 8 < RANGES ? 4.0f : FAR_APART);
            float *const all = solve(&table, &p, 0, n_rows);
            for (uint32_t r = 0; r < n_rows; r++) {
                float *const one = solve(&table, &p, r, 1);
                cr_assert_arr_eq(&one[0], &all[r], sizeof(float));
                cr_assert_arr_eq(&one[1], &all[n_rows + r], sizeof(float));
                cr_assert_arr_eq(&one[2], &all[2 * n_rows + r * dim], dim * sizeof(float),
                                 "%s: row %u of %u, %u elements, ranges %u", kern_level_name(table.level), r, n_rows,
                                 dim, i % RANGES);
                free(one);
            }
            free(all);
            free_problem(&p);
        }
    }
}

/* Element d of the head times the Hadamard matrix of the largest power of two that divides its size. */
static double spread(const float *x, uint32_t head_dim, uint32_t d)
{
    const uint32_t n = head_dim & (~head_dim + 1), first = d / n * n;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += __builtin_popcount(i & (d - first)) % 2 == 0 ? (double)x[first + i] : -(double)x[first + i];
    return sum;
}

Test(attention, keys_of_q8_0_are_spread_over_their_head)
{
    support_random random = {25};
    for (uint32_t i = 0; i < N_DIMS; i++) {
        const kern_table table = kern_table_for(KERN_LEVEL_SCALAR);
        const uint32_t head_dim = dims[i];
        uint8_t *const keys = support_poisoned(kern_cache_bytes(KERN_Q8_0, head_dim));
        float key[MOST_DIM], stored[MOST_DIM];
        for (uint32_t d = 0; d < head_dim; d++)
            stored[d] = key[d] = support_random_float(&random);
        table.store_key(KERN_Q8_0, stored, head_dim, 0, keys);
        for (uint32_t d = 0; d < head_dim; d++)
            cr_assert_float_eq((double)stored[d], spread(key, head_dim, d), 1e-5, "%u of %u", d, head_dim);
        free(keys);
    }
}

/* What is stored of element d at position i: the float rounded to F16, or to a byte of its block of 32. */
static double stored(kern_type type, const float *floats, uint32_t head_dim, uint32_t i, uint32_t d)
{
    const float *const row = floats + (size_t)i * head_dim;
    const uint32_t first = d / KERN_BLOCK * KERN_BLOCK;
    float largest = 0;
    if (type == KERN_F16)
        return (double)kern_float_from_half(kern_half_from_float(row[d]));
    for (uint32_t j = first; j < head_dim && j < first + KERN_BLOCK; j++)
        largest = fmaxf(largest, fabsf(row[j]));
    const float scale = kern_float_from_half(kern_half_from_float(largest / 127.0f));
    return (double)scale * nearbyint((double)(row[d] * (1.0f / scale)));
}

/* Scores of one row in double, minus infinity where it doesn't look; gives the largest. */
static double exact_scores(const problem *p, uint32_t row, double scores[KERN_CHUNK])
{
    const float *const given = p->queries + row * (p->head_dim + 5);
    double largest = -INFINITY, query[MOST_DIM];
    for (uint32_t d = 0; d < p->head_dim; d++)
        query[d] = p->key_type == KERN_Q8_0 ? spread(given, p->head_dim, d) / (p->head_dim & (~p->head_dim + 1))
                                            : (double)given[d];
    for (uint32_t i = 0; i < KERN_CHUNK; i++) {
        scores[i] = -INFINITY;
        if (i < p->begins[row] || i >= p->ends[row])
            continue;
        scores[i] = 0;
        for (uint32_t d = 0; d < p->head_dim; d++)
            scores[i] += query[d] * stored(p->key_type, p->key_floats, p->head_dim, i, d);
        largest = fmax(largest, scores[i]);
    }
    return largest;
}

/* Over two chunks that are merged, against softmax in double over both. */
Test(attention, is_near_the_exact_softmax)
{
    const kern_table table = kern_table_for(KERN_LEVEL_SCALAR);
    support_random random = {23};
    for (uint32_t i = 0; i < 3 * TYPES * N_DIMS; i++) {
        const uint32_t d = dims[i % N_DIMS];
        const kern_type *const of = types[i / N_DIMS % TYPES];
        const double bound =
            of[0] == KERN_F16 && of[1] == KERN_F16 ? 2e-5 : 6e-4; /* rounded queries and weights: 3e-4 was seen */
        const problem first = make_problem(&random, of, 1, d, WHOLE, 4.0f);
        problem second = make_problem(&random, of, 1, d, ANY, 4.0f);
        memcpy(second.queries, first.queries, d * sizeof(float));
        float *const a = solve(&table, &first, 0, 1), *const b = solve(&table, &second, 0, 1);
        float maximum = -INFINITY, sum = 0, state[MOST_DIM] = {0}, out[MOST_DIM];
        table.attention_merge(&maximum, &sum, state, a[0], a[1], a + 2, d);
        table.attention_merge(&maximum, &sum, state, b[0], b[1], b + 2, d);
        table.attention_finish(state, sum, d, out);

        double scores[2][KERN_CHUNK], total = 0, exact[MOST_DIM] = {0};
        const double largest = fmax(exact_scores(&first, 0, scores[0]), exact_scores(&second, 0, scores[1]));
        for (uint32_t p = 0; p < 2 * KERN_CHUNK; p++) {
            const double weight = exp(scores[p / KERN_CHUNK][p % KERN_CHUNK] - largest);
            const float *const values = p < KERN_CHUNK ? first.floats : second.floats;
            total += weight;
            for (uint32_t e = 0; weight > 0 && e < d; e++)
                exact[e] += weight * stored(of[1], values, d, p % KERN_CHUNK, e);
        }
        for (uint32_t e = 0; e < d; e++) /* values are below 3; scores of some 10 are off by about 1e-6 */
            cr_assert_leq(fabs((double)out[e] - exact[e] / total), bound, "%u elements", d);
        free(a), free(b);
        free_problem(&first), free_problem(&second);
    }
}

/* The first chunk into an empty state leaves the chunk's own result. */
Test(attention, merging_into_nothing_changes_nothing)
{
    for (int level = KERN_LEVEL_SCALAR; level < KERN_LEVELS; level = support_next_level(level)) {
        const kern_table table = kern_table_for((kern_level)level);
        support_random random = {24};
        float chunk[MOST_DIM], state[MOST_DIM] = {0}, maximum = -INFINITY, sum = 0;
        for (uint32_t i = 0; i < MOST_DIM; i++)
            chunk[i] = support_random_float(&random);
        table.attention_merge(&maximum, &sum, state, -80.0f, 17.0f, chunk, MOST_DIM);
        cr_expect_eq(maximum, -80.0f);
        cr_expect_eq(sum, 17.0f);
        cr_expect_arr_eq(state, chunk, sizeof chunk);
    }
}
