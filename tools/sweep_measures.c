/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { WINDOW = 64, MOST_GRAM = 3 };

const char *sweep_measure_name(sweep_measure measure)
{
    static const char *const names[] = {
#define NAME(name, what) #name,
        SWEEP_MEASURE_LIST(NAME)
#undef NAME
    };
    return names[measure];
}

const char *sweep_measure_help(sweep_measure measure)
{
    static const char *const helps[] = {
#define HELP(name, what) what,
        SWEEP_MEASURE_LIST(HELP)
#undef HELP
    };
    return helps[measure];
}

static firn_status no_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to measure a text");
}

/* ---- n-grams ---- */

/* Compares what begins at two places of the ids; `width` ids of each. */
static int compare_ids(const int32_t *a, const int32_t *b, size_t width)
{
    for (size_t i = 0; i < width; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static int compare_pairs(const void *a, const void *b)
{
    return compare_ids(a, b, 2);
}

static int compare_triples(const void *a, const void *b)
{
    return compare_ids(a, b, 3);
}

static int compare_singles(const void *a, const void *b)
{
    return compare_ids(a, b, 1);
}

/* Fills grams [n - width + 1][width] in ascending order, and returns how many there are. */
static size_t sort_grams(const int32_t *ids, size_t n, size_t width, int32_t *grams)
{
    int (*const orders[])(const void *, const void *) = {compare_singles, compare_pairs, compare_triples};
    const size_t count = n < width ? 0 : n - width + 1;
    for (size_t i = 0; i < count; i++)
        memcpy(grams + i * width, ids + i, width * sizeof *grams);
    qsort(grams, count, width * sizeof *grams, orders[width - 1]);
    return count;
}

/* Different grams as a share of all; NaN where there are none. */
static double distinct(const int32_t *ids, size_t n, size_t width, int32_t *grams)
{
    const size_t count = sort_grams(ids, n, width, grams);
    size_t different = count > 0;
    for (size_t i = 1; i < count; i++)
        different += compare_ids(grams + (i - 1) * width, grams + i * width, width) != 0;
    return count > 0 ? (double)different / (double)count : NAN;
}

static double repetition(const int32_t *ids, size_t n)
{
    size_t repeated = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = i > WINDOW ? i - WINDOW : 0;
        while (j < i && ids[j] != ids[i])
            j++;
        repeated += j < i;
    }
    return n > 0 ? (double)repeated / (double)n : NAN;
}

/* The longest stretch that stands at two places, which may overlap. `row` [n + 1] is scratch. */
static double longest_repeat(const int32_t *ids, size_t n, uint32_t *row)
{
    uint32_t longest = 0;
    memset(row, 0, (n + 1) * sizeof *row);
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j-- > 0;) { /* row[j + 1]: how long the stretches that end at i and j agree */
            row[j + 1] = ids[j] == ids[i] ? row[j] + 1 : 0;
            longest = row[j + 1] > longest ? row[j + 1] : longest;
        }
    return (double)longest;
}

firn_status sweep_similarity(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, double *similarity,
                             firn_error *error)
{
    if (n_a < 2 || n_b < 2) {
        *similarity = n_a == n_b && compare_ids(a, b, n_a) == 0;
        return FIRN_OK;
    }
    int32_t *const grams = malloc((n_a + n_b) * 2 * sizeof *grams);
    if (grams == NULL)
        return no_memory(error);
    int32_t *const others = grams + 2 * n_a;
    const size_t count = sort_grams(a, n_a, 2, grams), other_count = sort_grams(b, n_b, 2, others);
    size_t shared = 0;
    for (size_t i = 0, j = 0; i < count && j < other_count;) {
        const int order = compare_ids(grams + 2 * i, others + 2 * j, 2);
        shared += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    *similarity = 2.0 * (double)shared / (double)(count + other_count);
    free(grams);
    return FIRN_OK;
}

bool sweep_divergence(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t *at)
{
    const size_t shorter = n_a < n_b ? n_a : n_b;
    size_t i = 0;
    while (i < shorter && a[i] == b[i])
        i++;
    *at = i;
    return i < n_a || i < n_b;
}

/* ---- a text ---- */

static double mean(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i];
    return n > 0 ? sum / (double)n : NAN;
}

static firn_status compression(const char *text, size_t length, double *ratio, firn_error *error)
{
    uLongf packed = compressBound((uLong)length);
    *ratio = NAN;
    if (length == 0)
        return FIRN_OK;
    Bytef *const out = malloc(packed);
    const int result =
        out != NULL ? compress2(out, &packed, (const Bytef *)text, (uLong)length, Z_BEST_COMPRESSION) : Z_MEM_ERROR;
    free(out);
    if (result != Z_OK)
        return no_memory(error);
    *ratio = (double)length / (double)packed;
    return FIRN_OK;
}

firn_status sweep_measure_text(const sweep_sample *sample, double values[SWEEP_MEASURES], firn_error *error)
{
    const size_t n = sample->n_ids;
    int32_t *const scratch = malloc((n + 1) * MOST_GRAM * sizeof *scratch);
    if (scratch == NULL)
        return no_memory(error);
    size_t characters = 0;
    for (size_t i = 0; i < sample->length; i++)
        characters += ((unsigned char)sample->text[i] & 0xc0) != 0x80;
    for (int i = 0; i < SWEEP_MEASURES; i++)
        values[i] = NAN;
    values[SWEEP_tokens] = (double)n;
    values[SWEEP_characters] = (double)characters;
    values[SWEEP_logprob] = mean(sample->logprobs, n);
    values[SWEEP_perplexity] = exp(-values[SWEEP_logprob]);
    values[SWEEP_entropy] = mean(sample->entropies, n);
    values[SWEEP_distinct_1] = distinct(sample->ids, n, 1, scratch);
    values[SWEEP_distinct_2] = distinct(sample->ids, n, 2, scratch);
    values[SWEEP_distinct_3] = distinct(sample->ids, n, 3, scratch);
    values[SWEEP_repetition] = repetition(sample->ids, n);
    values[SWEEP_longest_repeat] = longest_repeat(sample->ids, n, (uint32_t *)scratch);
    free(scratch);
    return compression(sample->text, sample->length, &values[SWEEP_compression], error);
}

void sweep_wilson(size_t passed, size_t n, double *low, double *high)
{
    const double z = 1.959963984540054; /* of 95 %, both sides */
    const double rate = (double)passed / (double)n, weight = z * z / (double)n;
    const double centre = (rate + weight / 2) / (1 + weight);
    const double half = z * sqrt(rate * (1 - rate) / (double)n + weight / (4 * (double)n)) / (1 + weight);
    *low = centre - half < 0 || passed == 0 ? 0 : centre - half;
    *high = centre + half > 1 || passed == n ? 1 : centre + half;
}
