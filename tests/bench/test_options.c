/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct values_case {
    const char *text;
    size_t count;
    uint32_t at[6];
} values_case;

Test(bench_options, lists_and_ranges_give_their_values)
{
    const values_case cases[] = {
        {"7", 1, {7}},
        {"0", 1, {0}},
        {"3,1,3", 3, {3, 1, 3}},
        {"2-5", 4, {2, 3, 4, 5}},
        {"5-5", 1, {5}},
        {"0-8+4", 3, {0, 4, 8}},
        {"0-9+4", 3, {0, 4, 8}},
        {"1-100*10", 3, {1, 10, 100}},
        {"8-63*2", 3, {8, 16, 32}},
        {"0-2,64,1-3*3", 6, {0, 1, 2, 64, 1, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench_values values = {0};
        firn_error error = {0};
        cr_assert_eq(bench_values_add(&values, "-x", cases[i].text, 0, 1000, &error), FIRN_OK, "%s: %s", cases[i].text,
                     error.message);
        cr_assert_eq(values.count, cases[i].count, "%s: %zu", cases[i].text, values.count);
        cr_assert_arr_eq(values.at, cases[i].at, values.count * sizeof(uint32_t), "%s", cases[i].text);
    }
}

Test(bench_options, texts_that_are_no_lists_are_refused)
{
    const char *const bad[] = {"",
                               ",",
                               "1,",
                               "-1",
                               "1-",
                               "5-2",
                               "1-9+0",
                               "1-9*1",
                               "0-9*2",
                               "1-9x",
                               "a",
                               "1 2",
                               "1.5",
                               "+3",
                               "1001",
                               "0-1001",
                               "1--2",
                               "1-9+",
                               "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench_values values = {0};
        firn_error error = {0};
        cr_assert_eq(bench_values_add(&values, "-x", bad[i], 0, 1000, &error), FIRN_ERROR_ARGUMENT, "'%s'", bad[i]);
        cr_assert(strstr(error.message, "-x") != NULL && strstr(error.message, bad[i]) != NULL, "%s", error.message);
    }
    bench_values values = {0};
    cr_assert_eq(bench_values_add(&values, "-x", "1-1000", 0, 1000, NULL), FIRN_ERROR_LIMIT);
    values.count = 0;
    cr_assert_eq(bench_values_add(&values, "-x", "0", 1, 1000, NULL), FIRN_ERROR_ARGUMENT, "below the lowest");
}

#define ARGUMENTS(...)                     \
    (char *[])                             \
    {                                      \
        (char *)"bench", __VA_ARGS__, NULL \
    }

static firn_status parse(char *const *argv, bench_options *options, firn_error *error)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    return bench_options_parse(argc, argv, options, error);
}

Test(bench_options, defaults_are_those_of_llama_bench)
{
    bench_options options;
    cr_assert_eq(parse(ARGUMENTS("-m", "a.gguf"), &options, NULL), FIRN_OK);
    cr_assert_eq(options.n_pairs, 2);
    cr_assert(options.pairs[0].n_prompt == 512 && options.pairs[0].n_gen == 0);
    cr_assert(options.pairs[1].n_prompt == 0 && options.pairs[1].n_gen == 128);
    cr_assert(options.depths.count == 1 && options.depths.at[0] == 0);
    cr_assert(options.sequences.count == 1 && options.sequences.at[0] == 1);
    cr_assert(options.threads.count == 1 && options.threads.at[0] >= 1);
    cr_assert_eq(options.repetitions, 5);
    cr_assert_eq(options.format, BENCH_MARKDOWN);
    cr_assert(options.roofline && !options.startup && !options.progress);
}

Test(bench_options, everything_that_is_given_is_kept)
{
    bench_options options;
    firn_error error = {0};
    cr_assert_eq(parse(ARGUMENTS("-m", "a", "--model", "b", "-p", "0", "-n", "1", "-n", "2,3", "-pg", "16,4", "-d",
                                 "0-8+4", "-b", "32", "-ctk", "q8_0", "-ctv", "f16,q8_0", "-npl", "1,8-32*4", "-t",
                                 "1,2", "-r", "2", "--delay", "1", "--cpu", "scalar", "-o", "jsonl", "--plot", "x.svg",
                                 "--progress", "--startup", "--no-roofline"),
                       &options, &error),
                 FIRN_OK, "%s", error.message);
    cr_assert_eq(options.models.count, 2);
    cr_assert_str_eq(options.models.at[1], "b");
    cr_assert_eq(options.n_pairs, 4);
    cr_assert(options.pairs[2].n_prompt == 0 && options.pairs[2].n_gen == 3);
    cr_assert(options.pairs[3].n_prompt == 16 && options.pairs[3].n_gen == 4);
    cr_assert(options.depths.count == 3 && options.batches.at[0] == 32 && options.threads.count == 2);
    cr_assert(options.cache_k.count == 1 && options.cache_k.at[0] == FIRN_CACHE_Q8_0);
    cr_assert(options.cache_v.count == 2 && options.cache_v.at[1] == FIRN_CACHE_Q8_0);
    cr_assert(options.sequences.count == 3 && options.sequences.at[2] == 32);
    cr_assert(options.repetitions == 2 && options.delay_s == 1 && options.format == BENCH_JSONL);
    cr_assert_str_eq(options.cpu_level, "scalar");
    cr_assert_str_eq(options.plot, "x.svg");
    cr_assert(options.progress && options.startup && !options.roofline);
}

Test(bench_options, bad_values_are_refused_by_name)
{
    char *const *const bad[] = {ARGUMENTS("-pg", "16"),  ARGUMENTS("-pg", "1,2,3"),     ARGUMENTS("-pg", "0,4"),
                                ARGUMENTS("-o", "xml"),  ARGUMENTS("-t", "0"),          ARGUMENTS("-b", "0"),
                                ARGUMENTS("-r", "0"),    ARGUMENTS("-p", "x"),          ARGUMENTS("-d", "-1"),
                                ARGUMENTS("--plot"),     ARGUMENTS("-n", "1-9*0"),      ARGUMENTS("-npl", "0"),
                                ARGUMENTS("--ngl", "1"), ARGUMENTS("-ctk", "f16,q4_0"), ARGUMENTS("-ctv", "f16,")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench_options options;
        firn_error error = {0};
        cr_assert_eq(parse(bad[i], &options, &error), FIRN_ERROR_ARGUMENT, "%s", bad[i][1]);
        cr_assert(strstr(error.message, bad[i][1]) != NULL, "%s", error.message);
    }
}
