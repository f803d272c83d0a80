/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report.h"
#include "tests/support/checkpoints.h"
#include "tests/support/gguf_writer.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Three runs of 1, 4 and 2 seconds: 100, 25 and 50 tokens a second. */
static bench_result sample(double seconds[3])
{
    seconds[0] = 1;
    seconds[1] = 4;
    seconds[2] = 2;
    return (bench_result){
        .file = "dir/a \"b\", c.gguf",
        .model = "llama | tiny",
        .tensor_bytes = 4096,
        .n_parameters = 1000,
        .cpu_level = "avx2",
        .n_batch = 512,
        .n_threads = 2,
        .n_sequences = 1,
        .pair = {0, 100},
        .time = "2026-01-02T03:04:05Z",
        .work = {.parameter_bytes = 3000000000, .cache_bytes = 1000000000, .integer_multiplies = 5000000000},
        .roofline = {2, 8e9, 1e11, 1e12, 6e9},
        .n_samples = 3,
        .seconds = seconds,
    };
}

static char *reported(bench_format format, const bench_result *results, size_t count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const out = open_memstream(&text, &length);
    bench_report(out, format, results, count);
    fclose(out);
    return text;
}

Test(bench_report, statistics_are_those_of_the_samples)
{
    double seconds[3];
    bench_result result = sample(seconds);
    const bench_statistics rate = bench_summarise(&result, 100), time = bench_summarise(&result, 0);
    cr_assert_float_eq(rate.average, 175.0 / 3, 1e-9);
    cr_assert_float_eq(rate.deviation, 38.188130791, 1e-6);
    cr_assert(rate.median == 50 && rate.least == 25 && rate.most == 100);
    cr_assert(time.median == 2 && time.least == 1 && time.most == 4);
    result.n_samples = 2;
    cr_assert_eq(bench_summarise(&result, 0).median, 2.5);
    result.n_samples = 1;
    cr_assert(bench_summarise(&result, 0).median == 1 && bench_summarise(&result, 0).deviation == 0);
}

Test(bench_report, tests_have_the_names_of_llama_bench)
{
    bench_result result = {.pair = {512, 0}};
    char name[64];
    bench_test_name(&result, name);
    cr_assert_str_eq(name, "pp512");
    result.pair = (bench_pair){0, 128};
    result.n_depth = 512;
    bench_test_name(&result, name);
    cr_assert_str_eq(name, "tg128 @ d512");
    result.pair.n_prompt = 512;
    result.n_depth = 0;
    bench_test_name(&result, name);
    cr_assert_str_eq(name, "pp512+tg128");
    result.n_depth = 64;
    result.n_sequences = 8;
    bench_test_name(&result, name);
    cr_assert_str_eq(name, "pp512+tg128 x8 @ d64");
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *const item = cJSON_GetObjectItemCaseSensitive(object, name);
    cr_assert(cJSON_IsNumber(item), "%s", name);
    return item->valuedouble;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *const item = cJSON_GetObjectItemCaseSensitive(object, name);
    cr_assert(cJSON_IsString(item), "%s", name);
    return item->valuestring;
}

Test(bench_report, json_has_the_known_fields_and_ours)
{
    double seconds[3];
    const bench_result result = sample(seconds), both[2] = {result, result};
    char *const text = reported(BENCH_JSON, both, 2);
    cJSON *const array = cJSON_Parse(text);
    cr_assert_eq(cJSON_GetArraySize(array), 2, "%s", text);
    const cJSON *const object = cJSON_GetArrayItem(array, 1);
    cr_assert_str_eq(text_of(object, "model_filename"), "dir/a \"b\", c.gguf");
    cr_assert_str_eq(text_of(object, "test"), "tg100");
    cr_assert_str_eq(text_of(object, "test_time"), "2026-01-02T03:04:05Z");
    cr_assert(number(object, "model_size") == 4096 && number(object, "model_n_params") == 1000);
    cr_assert(number(object, "n_prompt") == 0 && number(object, "n_gen") == 100 && number(object, "n_depth") == 0);
    cr_assert(number(object, "n_threads") == 2 && number(object, "n_batch") == 512);
    cr_assert(number(object, "median_ts") == 50 && number(object, "median_ns") == 2e9);
    cr_assert_float_eq(number(object, "avg_ts"), 175.0 / 3, 1e-6);
    /* 4 GB in the 2 s of the median run; 10 Gop; reading 4 GB would take 0.5 s, multiplying 0.01 s */
    cr_assert_float_eq(number(object, "gb_per_s"), 2, 1e-9);
    cr_assert_float_eq(number(object, "gop_per_s"), 5, 1e-9);
    cr_assert_float_eq(number(object, "roofline_share"), 0.25, 1e-9);
    cr_assert_str_eq(text_of(object, "roofline_limit"), "memory");
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(object, "samples_ns")), 3);
    cr_assert_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(object, "samples_ts"), 2)->valuedouble, 50);
    cJSON_Delete(array);
    free(text);
}

Test(bench_report, sequences_count_together)
{
    double seconds[3];
    bench_result result = sample(seconds);
    result.n_sequences = 8;
    char *const text = reported(BENCH_JSONL, &result, 1);
    cJSON *const object = cJSON_Parse(text);
    cr_assert(number(object, "pl") == 8 && number(object, "median_ts") == 400);
    cr_assert_str_eq(text_of(object, "test"), "tg100 x8");
    cr_assert(number(object, "machine_read_gb_per_s") == 8 && number(object, "machine_read_median_gb_per_s") == 6);
    cJSON_Delete(object);
    free(text);
}

Test(bench_report, jsonl_is_an_object_a_line_and_unknown_is_null)
{
    double seconds[3];
    bench_result result = sample(seconds);
    result.roofline.n_threads = 0;
    char *const text = reported(BENCH_JSONL, &result, 1);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
    cJSON *const object = cJSON_Parse(text);
    cr_assert(cJSON_IsNull(cJSON_GetObjectItem(object, "roofline_share")));
    cr_assert(cJSON_IsNull(cJSON_GetObjectItem(object, "machine_read_gb_per_s")));
    cJSON_Delete(object);
    free(text);
}

/* A line of a text; lines count from 0. */
static const char *row(const char *text, int index)
{
    for (; index > 0; index--)
        text = strchr(text, '\n') + 1;
    return text;
}

/* Commas that separate values, not those in quotes. */
static int csv_columns(const char *line)
{
    int count = 1;
    bool quoted = false;
    for (; *line != '\0' && *line != '\n'; line++) {
        quoted ^= *line == '"';
        count += *line == ',' && !quoted;
    }
    return count;
}

Test(bench_report, csv_rows_have_the_columns_of_the_header)
{
    double seconds[3];
    bench_result results[2] = {sample(seconds), sample(seconds)};
    results[1].roofline.n_threads = 0;
    char *const text = reported(BENCH_CSV, results, 2);
    const char *const begin = "firn_version,cpu_level,model_filename,model_type,model_size,";
    cr_assert_eq(strncmp(text, begin, strlen(begin)), 0, "%s", text);
    cr_assert_gt(csv_columns(text), 30);
    cr_assert_eq(csv_columns(row(text, 1)), csv_columns(text));
    cr_assert_eq(csv_columns(row(text, 2)), csv_columns(text));
    cr_assert(strstr(row(text, 1), "\"dir/a \"\"b\"\", c.gguf\"") != NULL);
    cr_assert_eq(*row(text, 3), '\0');
    free(text);
}

static int markdown_cells(const char *line)
{
    int count = -1;
    for (const char *c = line; *c != '\n'; c++)
        count += *c == '|' && (c == line || c[-1] != '\\');
    return count;
}

Test(bench_report, markdown_is_a_table)
{
    double seconds[3];
    bench_result results[3] = {sample(seconds), sample(seconds), sample(seconds)};
    results[0].startup = true;
    char *text = reported(BENCH_MARKDOWN, results, 3);
    const char *const begin = "| model | size | params | backend | threads | test | t/s |";
    cr_assert_eq(strncmp(text, begin, strlen(begin)), 0, "%s", text);
    for (int i = 1; i < 5; i++)
        cr_assert_eq(markdown_cells(row(text, i)), markdown_cells(text), "line %d of:\n%s", i, text);
    cr_assert(strstr(row(text, 2), "| start | 2333.3 ± 1527.5 ms | 2000.0 (1000.0 to 4000.0) ms |") != NULL, "%s",
              text);
    cr_assert(strstr(row(text, 3), "llama \\| tiny") != NULL && strstr(row(text, 3), "58.33 ± 38.19") != NULL);
    cr_assert(strstr(row(text, 3), "50.00 (25.00 to 100.00)") != NULL);
    cr_assert(strstr(row(text, 3), "25 % of memory") != NULL);
    free(text);

    results[2].n_batch = 64;
    text = reported(BENCH_MARKDOWN, results, 3);
    cr_assert(strstr(text, "| n_batch |") != NULL);
    for (int i = 1; i < 5; i++)
        cr_assert_eq(markdown_cells(row(text, i)), markdown_cells(text), "line %d of:\n%s", i, text);
    free(text);
}

Test(bench_report, a_plot_has_a_line_for_each_series)
{
    double seconds[3];
    bench_result results[4];
    for (int i = 0; i < 4; i++) {
        results[i] = sample(seconds);
        results[i].n_depth = i % 2 == 0 ? 0 : 512;
        results[i].n_threads = i < 2 ? 1 : 2;
        results[i].file = "dir/<a>&b.gguf";
    }
    char *const path = support_temporary_file("", 0);
    firn_error error = {0};
    cr_assert_eq(bench_plot(path, results, 4, &error), FIRN_OK, "%s", error.message);
    char *const text = support_read_file(path, NULL);
    int lines = 0;
    for (const char *at = text; (at = strstr(at, "<polyline")) != NULL; at++)
        lines++;
    cr_assert_eq(lines, 2);
    cr_assert(strstr(text, "&lt;a&gt;&amp;b.gguf, tg100, 1 threads") != NULL, "%s", text);
    cr_assert(strncmp(text, "<svg ", 5) == 0 && strstr(text, "</svg>") != NULL && strstr(text, "nan") == NULL);
    free(text);

    results[1].n_depth = results[3].n_depth = 0;
    for (int i = 0; i < 4; i++)
        results[i].n_sequences = i % 2 == 0 ? 1 : 8;
    cr_assert_eq(bench_plot(path, results, 4, &error), FIRN_OK, "%s", error.message);
    char *const batched = support_read_file(path, NULL);
    cr_assert(strstr(batched, "tokens a second of all sequences") != NULL, "%s", batched);
    free(batched);
    for (int i = 0; i < 4; i++)
        results[i].n_sequences = 1;
    cr_assert_eq(bench_plot(path, results, 4, &error), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, "--plot") != NULL);
    results[1].n_depth = 512;
    cr_assert_eq(bench_plot("/nowhere/at/all.svg", results, 4, NULL), FIRN_ERROR_IO);
    support_remove(path);
}
