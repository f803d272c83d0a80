/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/measure.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP_TOKENS = 8 };

/* ---- what samples say ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
}

bench_statistics bench_summarise(const bench_result *result, double n)
{
    const size_t count = result->n_samples;
    bench_statistics s = {0};
    double *const values = malloc(count * sizeof *values);
    if (values == NULL)
        return s;
    for (size_t i = 0; i < count; i++) {
        values[i] = n > 0 ? n / result->seconds[i] : result->seconds[i];
        s.average += values[i] / (double)count;
    }
    for (size_t i = 0; i < count && count > 1; i++)
        s.deviation += (values[i] - s.average) * (values[i] - s.average) / (double)(count - 1);
    s.deviation = sqrt(s.deviation);
    bench_sort(values, count);
    s.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    s.least = values[0];
    s.most = values[count - 1];
    free(values);
    return s;
}

uint64_t bench_tokens(const bench_result *result)
{
    return ((uint64_t)result->pair.n_prompt + result->pair.n_gen) * result->n_sequences;
}

void bench_test_name(const bench_result *result, char name[64])
{
    const bench_pair pair = result->pair;
    int length = 0;
    if (result->startup)
        length = snprintf(name, 64, "start");
    else if (pair.n_gen == 0)
        length = snprintf(name, 64, "pp%u", pair.n_prompt);
    else if (pair.n_prompt == 0)
        length = snprintf(name, 64, "tg%u", pair.n_gen);
    else
        length = snprintf(name, 64, "pp%u+tg%u", pair.n_prompt, pair.n_gen);
    if (result->n_sequences > 1)
        length += snprintf(name + length, 64 - (size_t)length, " x%u", result->n_sequences);
    if (result->n_depth > 0)
        snprintf(name + length, 64 - (size_t)length, " @ d%u", result->n_depth);
}

void bench_note_time(char text[24])
{
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, 24, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* ---- a test ---- */

/* Sequences that go through the model together. */
typedef struct timelines {
    uint32_t count;
    firn_session **sessions;   /* [count] */
    firn_batch_entry *entries; /* [count] */
    firn_batch *batch;         /* NULL where there is one sequence, which goes alone */
    int32_t *ids;              /* sequence i has those from ids[i] on */
    uint32_t n_best;           /* logits that are wanted */
} timelines;

/* Appends n tokens to each timeline, those from `first` on. */
static firn_status append(const timelines *t, size_t first, size_t n, firn_error *error)
{
    if (t->batch == NULL)
        return firn_session_append(t->sessions[0], t->ids + first, n, FIRN_LOGITS_LAST, NULL, NULL, error);
    for (uint32_t i = 0; i < t->count; i++)
        t->entries[i] = (firn_batch_entry){t->sessions[i], t->ids + i + first, n, FIRN_LOGITS_LAST, t->n_best};
    return firn_batch_append(t->batch, t->entries, t->count, NULL, NULL, error);
}

/* Seconds of the prompt, and then of the tokens; the timelines are as before afterwards. */
static firn_status run_once(const timelines *t, bench_pair pair, double *seconds, firn_error *error)
{
    const size_t depth = firn_session_length(t->sessions[0]);
    const double start = base_seconds();
    firn_status status = pair.n_prompt > 0 ? append(t, 0, pair.n_prompt, error) : FIRN_OK;
    for (uint32_t i = 0; i < pair.n_gen && status == FIRN_OK; i++)
        status = append(t, (size_t)pair.n_prompt + i, 1, error);
    *seconds = base_seconds() - start;
    for (uint32_t i = 0; i < t->count; i++)
        firn_session_rewind(t->sessions[i], depth);
    return status;
}

/* Adds a pass of n tokens for each sequence, from `position` behind the depth on: parameters are read once for all. */
static void add_pass(firn_work *sum, const firn_model *model, const bench_result *result, uint32_t position, uint32_t n)
{
    const firn_work one = firn_model_work(model, result->n_depth + position, n, result->cache_types);
    const uint32_t n_sequences = result->n_sequences;
    sum->parameter_bytes += one.parameter_bytes;
    sum->cache_bytes += one.cache_bytes * n_sequences;
    sum->integer_multiplies += one.integer_multiplies * n_sequences;
    sum->float_multiplies += one.float_multiplies * n_sequences;
}

static firn_work count_work(const firn_model *model, const bench_result *result)
{
    const bench_pair pair = result->pair;
    firn_work sum = {0};
    if (pair.n_prompt > 0)
        add_pass(&sum, model, result, 0, pair.n_prompt);
    for (uint32_t i = 0; i < pair.n_gen; i++)
        add_pass(&sum, model, result, pair.n_prompt + i, 1);
    return sum;
}

static void end_timelines(timelines *t)
{
    firn_batch_release(t->batch);
    for (uint32_t i = 0; i < t->count && t->sessions != NULL; i++)
        firn_session_release(t->sessions[i]);
    free(t->sessions);
    free(t->entries);
    free(t->ids);
}

static firn_status begin_timelines(timelines *t, firn_model *model, const bench_result *result, firn_error *error)
{
    const uint32_t tokens = result->pair.n_prompt + result->pair.n_gen, n_vocab = firn_model_describe(model).n_vocab;
    const size_t n_ids = (result->n_depth > tokens ? result->n_depth : tokens) + (size_t)result->n_sequences;
    *t = (timelines){
        .count = result->n_sequences,
        .n_best = result->n_best,
        .sessions = calloc(result->n_sequences, sizeof(firn_session *)),
        .entries = calloc(result->n_sequences, sizeof(firn_batch_entry)),
        .ids = malloc(n_ids * sizeof(int32_t)),
    };
    if (t->sessions == NULL || t->entries == NULL || t->ids == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u sequences of %zu tokens", t->count,
                         n_ids);
    for (size_t i = 0; i < n_ids; i++)
        t->ids[i] = (int32_t)((uint32_t)(i + 1) * 2654435761U % n_vocab);
    firn_session_options options = firn_session_options_default();
    options.n_ctx = result->n_depth + tokens;
    options.n_batch = result->n_batch;
    options.cache_types = result->cache_types;
    firn_batch_options batch_options = firn_batch_options_default();
    batch_options.n_batch = result->n_batch;
    firn_status status = t->count > 1 ? firn_batch_create(model, &batch_options, &t->batch, error) : FIRN_OK;
    for (uint32_t i = 0; i < t->count && status == FIRN_OK; i++)
        status = firn_session_create(model, &options, &t->sessions[i], error);
    return status;
}

firn_status bench_measure(firn_model *model, bench_result *result, firn_error *error)
{
    const bench_pair pair = result->pair;
    bench_note_time(result->time);
    result->work = count_work(model, result);
    timelines t;
    firn_status status = begin_timelines(&t, model, result, error);
    if (status == FIRN_OK && result->n_depth > 0)
        status = append(&t, 0, result->n_depth, error);
    double unused;
    const bench_pair warm_up = {pair.n_prompt, pair.n_gen < WARM_UP_TOKENS ? pair.n_gen : WARM_UP_TOKENS};
    if (status == FIRN_OK)
        status = run_once(&t, warm_up, &unused, error);
    for (size_t i = 0; i < result->n_samples && status == FIRN_OK; i++)
        status = run_once(&t, pair, &result->seconds[i], error);
    end_timelines(&t);
    return status;
}
