/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/measure.h"

#include "tools/common_system.h"

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
    qsort(values, count, sizeof *values, compare_doubles);
    s.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    s.least = values[0];
    s.most = values[count - 1];
    free(values);
    return s;
}

uint32_t bench_tokens(const bench_result *result)
{
    return result->pair.n_prompt + result->pair.n_gen;
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

/* Seconds of the prompt, and then of the tokens; the session is as before afterwards. */
static firn_status run_once(firn_session *session, const int32_t *ids, bench_pair pair, double *seconds,
                            firn_error *error)
{
    const size_t depth = firn_session_length(session);
    const double start = tool_seconds();
    firn_status status = FIRN_OK;
    if (pair.n_prompt > 0)
        status = firn_session_append(session, ids, pair.n_prompt, FIRN_LOGITS_LAST, NULL, NULL, error);
    for (uint32_t i = 0; i < pair.n_gen && status == FIRN_OK; i++)
        status = firn_session_append(session, ids + pair.n_prompt + i, 1, FIRN_LOGITS_LAST, NULL, NULL, error);
    *seconds = tool_seconds() - start;
    firn_session_rewind(session, depth);
    return status;
}

static firn_work count_work(const firn_model *model, uint32_t depth, bench_pair pair)
{
    firn_work sum = pair.n_prompt > 0 ? firn_model_work(model, depth, pair.n_prompt) : (firn_work){0};
    for (uint32_t i = 0; i < pair.n_gen; i++) {
        const firn_work one = firn_model_work(model, depth + pair.n_prompt + i, 1);
        sum.parameter_bytes += one.parameter_bytes;
        sum.cache_bytes += one.cache_bytes;
        sum.integer_multiplies += one.integer_multiplies;
        sum.float_multiplies += one.float_multiplies;
    }
    return sum;
}

firn_status bench_measure(firn_model *model, bench_result *result, firn_error *error)
{
    const bench_pair pair = result->pair;
    const firn_model_info info = firn_model_describe(model);
    const size_t longest = result->n_depth > bench_tokens(result) ? result->n_depth : bench_tokens(result);
    firn_session_options options = firn_session_options_default();
    options.n_ctx = result->n_depth + bench_tokens(result);
    options.n_batch = result->n_batch;
    firn_session *session = NULL;
    int32_t *const ids = malloc(longest * sizeof *ids);
    if (ids == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu tokens", longest);
    for (size_t i = 0; i < longest; i++)
        ids[i] = (int32_t)((uint32_t)(i + 1) * 2654435761U % info.n_vocab);

    bench_note_time(result->time);
    result->work = count_work(model, result->n_depth, pair);
    firn_status status = firn_session_create(model, &options, &session, error);
    if (status == FIRN_OK && result->n_depth > 0)
        status = firn_session_append(session, ids, result->n_depth, FIRN_LOGITS_LAST, NULL, NULL, error);
    double unused;
    const bench_pair warm_up = {pair.n_prompt, pair.n_gen < WARM_UP_TOKENS ? pair.n_gen : WARM_UP_TOKENS};
    if (status == FIRN_OK)
        status = run_once(session, ids, warm_up, &unused, error);
    for (size_t i = 0; i < result->n_samples && status == FIRN_OK; i++)
        status = run_once(session, ids, pair, &result->seconds[i], error);
    firn_session_release(session);
    free(ids);
    return status;
}
