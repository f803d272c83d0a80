/* SPDX-License-Identifier: Apache-2.0 */
/* The program itself, on a tiny checkpoint. Nothing here says how fast anything has to be. */
#include "tests/support/tiny_checkpoint.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* What a command writes to standard output and error; *status is its exit status. The caller frees it. */
static char *output_of(const char *command, int *status)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const out = open_memstream(&text, &length), *const in = popen(command, "r");
    for (int c; (c = fgetc(in)) != EOF;)
        fputc(c, out);
    fclose(out);
    const int ended = pclose(in);
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    return text;
}

static char *run_program(int *status, const char *name, const char *arguments)
{
    char command[2048];
    snprintf(command, sizeof command, "%s/bin/%s %s 2>&1", FIRN_BUILD_DIR, name, arguments);
    return output_of(command, status);
}

__attribute__((format(printf, 2, 3))) static char *run_bench(int *status, const char *format, ...)
{
    char arguments[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(arguments, sizeof arguments, format, list);
    va_end(list);
    return run_program(status, "bench", arguments);
}

static const char *name_at(const cJSON *array, int index)
{
    return cJSON_GetObjectItem(cJSON_GetArrayItem(array, index), "test")->valuestring;
}

Test(bench, all_combinations_are_measured_in_order)
{
    const tiny_options options = tiny_default("llama");
    char *const path = tiny_write(&options);
    int status;
    char *const text = run_bench(&status, "-m %s -p 8,16 -n 2 -pg 8,2 -d 0,32 -t 1 -r 3 --no-roofline -o json", path);
    cr_assert_eq(status, 0, "%s", text);
    cJSON *const array = cJSON_Parse(text);
    const char *const names[] = {"pp8",       "pp16",       "tg2",       "pp8+tg2",
                                 "pp8 @ d32", "pp16 @ d32", "tg2 @ d32", "pp8+tg2 @ d32"};
    cr_assert_eq(cJSON_GetArraySize(array), 8, "%s", text);
    for (int i = 0; i < 8; i++) {
        cr_assert_str_eq(name_at(array, i), names[i]);
        const cJSON *const object = cJSON_GetArrayItem(array, i);
        const cJSON *const samples = cJSON_GetObjectItem(object, "samples_ns");
        cr_assert_eq(cJSON_GetArraySize(samples), 3);
        cr_assert(cJSON_GetArrayItem(samples, 0)->valuedouble > 0);
        cr_assert(cJSON_GetObjectItem(object, "median_ts")->valuedouble > 0);
        cr_assert(cJSON_IsNull(cJSON_GetObjectItem(object, "roofline_share")));
    }
    cJSON_Delete(array);
    free(text);
    support_remove(path);
}

Test(bench, files_threads_batches_and_levels_are_passed_on)
{
    const tiny_options llama = tiny_default("llama"), gemma = tiny_default("gemma3");
    char *const first = tiny_write(&llama), *const second = tiny_write(&gemma);
    int status;
    char *const text = run_bench(
        &status, "-m %s -m %s -p 40 -n 0 -t 1-2 -b 8-32*4 -r 1 --cpu scalar --no-roofline -o jsonl", first, second);
    cr_assert_eq(status, 0, "%s", text);
    int lines = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        cJSON *const object = cJSON_Parse(line);
        cr_assert(cJSON_IsObject(object), "%s", line);
        cr_assert_str_eq(cJSON_GetObjectItem(object, "model_filename")->valuestring, lines < 4 ? first : second);
        cr_assert_str_eq(cJSON_GetObjectItem(object, "cpu_level")->valuestring, "scalar");
        cr_assert_eq(cJSON_GetObjectItem(object, "n_threads")->valueint, 1 + lines / 2 % 2);
        cr_assert_eq(cJSON_GetObjectItem(object, "n_batch")->valueint, lines % 2 == 0 ? 8 : 32);
        cJSON_Delete(object);
    }
    cr_assert_eq(lines, 8);
    free(text);
    support_remove(first);
    support_remove(second);
}

Test(bench, sequences_go_through_the_model_together)
{
    const tiny_options options = tiny_default("llama");
    char *const path = tiny_write(&options);
    int status;
    char *const text =
        run_bench(&status, "-m %s -p 8 -n 4 -npl 1,3 -d 0,40 -t 1 -r 1 -b 16 --no-roofline -o json", path);
    cr_assert_eq(status, 0, "%s", text);
    cJSON *const array = cJSON_Parse(text);
    const char *const names[] = {"pp8",       "tg4",       "pp8 x3",       "tg4 x3",
                                 "pp8 @ d40", "tg4 @ d40", "pp8 x3 @ d40", "tg4 x3 @ d40"};
    cr_assert_eq(cJSON_GetArraySize(array), 8, "%s", text);
    for (int i = 0; i < 8; i++) {
        cr_assert_str_eq(name_at(array, i), names[i]);
        cr_assert(cJSON_GetObjectItem(cJSON_GetArrayItem(array, i), "median_ts")->valuedouble > 0);
    }
    /* parameters are read once for all, caches for each */
    const char *const counts[] = {"parameter_bytes", "cache_bytes", "int_operations", "float_operations"};
    for (int i = 0; i < 4; i++) {
        const double one = cJSON_GetObjectItem(cJSON_GetArrayItem(array, 5), counts[i])->valuedouble;
        const double three = cJSON_GetObjectItem(cJSON_GetArrayItem(array, 7), counts[i])->valuedouble;
        cr_assert_eq(three, i == 0 ? one : 3 * one, "%s", counts[i]);
    }
    cJSON_Delete(array);
    free(text);
    support_remove(path);
}

Test(bench, the_machine_alone_is_measured)
{
    int status;
    char *const text = run_bench(&status, "-t 1 -o json");
    cr_assert_eq(status, 0, "%s", text);
    cJSON *const array = cJSON_Parse(text);
    const cJSON *const object = cJSON_GetArrayItem(array, 0);
    const char *const names[] = {"machine_read_gb_per_s", "machine_sgemm_gop_per_s", "machine_int8_gop_per_s"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert(cJSON_GetObjectItem(object, names[i])->valuedouble > 0, "%s", text);
    cJSON_Delete(array);
    free(text);
}

Test(bench, start_up_is_that_of_generate)
{
    const tiny_options options = tiny_default("llama");
    char *const path = tiny_write(&options);
    int status;
    char *const text = run_bench(&status, "-m %s -p 0 -n 0 -r 2 -t 1 --startup --no-roofline -o json", path);
    cr_assert_eq(status, 0, "%s", text);
    cJSON *const array = cJSON_Parse(text);
    cr_assert_eq(cJSON_GetArraySize(array), 1);
    cr_assert_str_eq(name_at(array, 0), "start");
    const cJSON *const object = cJSON_GetArrayItem(array, 0);
    cr_assert(cJSON_GetObjectItem(object, "peak_memory")->valuedouble > 100000);
    cr_assert(cJSON_GetObjectItem(object, "median_ns")->valuedouble > 0);
    cr_assert(cJSON_GetObjectItem(object, "model_n_params")->valuedouble > 0);
    cJSON_Delete(array);
    free(text);
    support_remove(path);
}

Test(bench, faults_are_told_in_one_line)
{
    const char *const bad[][2] = {{"-m /nowhere/a.gguf -p 1 -n 0", "/nowhere/a.gguf"},
                                  {"-m x -p 1-", "'1-'"},
                                  {"-m x --startup --cpu none -p 1", "x"},
                                  {"--cpu none -m x --no-roofline", "none"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int status;
        char *const text = run_bench(&status, "%s --no-roofline", bad[i][0]);
        cr_assert_eq(status, 1, "%s: %s", bad[i][0], text);
        cr_assert(strstr(text, "bench: ") == text && strstr(text, bad[i][1]) != NULL, "%s", text);
        cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
        free(text);
    }
}

Test(bench, help_names_the_options)
{
    int status;
    char *const text = run_bench(&status, "--help");
    cr_assert_eq(status, 0);
    cr_assert(strstr(text, "--n-prompt") != NULL && strstr(text, "--plot") != NULL && strstr(text, "8-64*2") != NULL);
    free(text);
}

Test(bench, kernels_have_a_row_for_each_type_and_level)
{
    int status;
    char *text = run_program(&status, "bench-kernels",
                             "--type Q4_1 --type IQ2_XS --type F16 --cpu scalar --size 1 -r 1 -npl 1,3");
    cr_assert_eq(status, 0, "%s", text);
    cr_assert(strstr(text, "\n| type | level | 1: GB/s | GMAC/s | 3: GB/s | GMAC/s |\n") != NULL, "%s", text);
    const char *const rows[] = {"\n| F16 | scalar | ", "\n| Q4_1 | scalar | ", "\n| IQ2_XS | scalar | "};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const row = strstr(text, rows[i]);
        cr_assert(row != NULL && atof(row + strlen(rows[i])) > 0, "%s: %s", rows[i], text);
    }
    free(text);
    const char *const bad[][2] = {{"--type Q9_9", "Q9_9"}, {"--cpu none", "none"}, {"-npl 0", "-npl"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text = run_program(&status, "bench-kernels", bad[i][0]);
        cr_assert(status == 1 && strstr(text, bad[i][1]) != NULL, "%s", text);
        free(text);
    }
}
