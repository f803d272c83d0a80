/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_axes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The values of a flag's text with spaces between, or what is wrong with it. */
static const char *values_of(const char *flag, const char *text)
{
    static char out[4096];
    sweep_axis axis = {.row = firn_parameter_find(flag)};
    firn_error error = {0};
    cr_assert(sweep_is_axis(axis.row, text), "%s", text);
    if (sweep_axis_parse(&axis, text, &error) != FIRN_OK)
        snprintf(out, sizeof out, "error: %s", error.message);
    else
        out[0] = '\0';
    for (size_t i = 0; error.status == FIRN_OK && i < axis.n_values; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i == 0 ? "" : " ", axis.values[i]);
    sweep_axis_free(&axis);
    return out;
}

Test(sweep_axes, numbers_are_lists_and_ranges)
{
    cr_expect_str_eq(values_of("--temp", "0,0.3..1.5:0.3"), "0 0.3 0.6 0.9 1.2 1.5");
    cr_expect_str_eq(values_of("--temp", "1..0:0.25"), "1 0.75 0.5 0.25 0");
    cr_expect_str_eq(values_of("--temp", "0.1..0.95:0.4"), "0.1 0.5 0.9");
    cr_expect_str_eq(values_of("--presence-penalty", "-0.2..0.2:0.1"), "-0.2 -0.1 0 0.1 0.2");
    cr_expect_str_eq(values_of("--temp", ".5..1.:.5"), "0.5 1");
    cr_expect_str_eq(values_of("--top-k", "1,40,0"), "1 40 0");
    cr_expect_str_eq(values_of("--top-k", "1..64:*2"), "1 2 4 8 16 32 64");
    cr_expect_str_eq(values_of("--temp", "0.1..100:*10"), "0.1 1 10 100");
    cr_expect_str_eq(values_of("--temp", "1..4:*1.5"), "1 1.5 2.25 3.375");
    cr_expect_str_eq(values_of("--seed", "1..4,9"), "1 2 3 4 9");
    cr_expect_str_eq(values_of("--seed", "9..7"), "9 8 7");
    cr_expect_str_eq(values_of("--temp", "1,1.0,1e0,2"), "1 2"); /* each value once */
    cr_expect_str_eq(values_of("--seed", "9007199254740993..9007199254740994"), "9007199254740993 9007199254740994");
}

Test(sweep_axes, a_hundred_thousandths_are_as_typed)
{
    sweep_axis axis = {.row = firn_parameter_find("min_p")};
    cr_assert_eq(sweep_axis_parse(&axis, "0..1:0.00001", NULL), FIRN_OK);
    cr_assert_eq(axis.n_values, 100001);
    for (size_t i = 0; i < axis.n_values; i++) {
        char typed[64];
        snprintf(typed, sizeof typed, "%zu.%05zu", i / 100000, i % 100000);
        cr_assert_eq(strtod(axis.values[i], NULL), strtod(typed, NULL));
    }
    sweep_axis_free(&axis);
}

Test(sweep_axes, lists_of_lists)
{
    cr_expect_str_eq(values_of("--stop", "[[\"a\"],[\"b\",\"c\"],[]]"), "[\"a\"] [\"b\",\"c\"] []");
    cr_expect_str_eq(values_of("--stop", "[[]]"), "[]");
    cr_expect_str_eq(values_of("-l", "[[[5,false]],[[6,1.5],[7,-1]],[]]"), "[[5,false]] [[6,1.5],[7,-1]] []");
    cr_expect_str_eq(values_of("--samplers", "top_k;temperature,kt,t"),
                     "[\"top_k\",\"temperature\"] [\"temperature\"]");
    cr_expect_str_eq(values_of("--ignore-eos", "false,true"), "false true");
}

Test(sweep_axes, one_value_is_no_axis)
{
    const char *const single[][2] = {{"--temp", "0.5"},        {"--seed", "-1"},      {"--stop", "a, b"},
                                     {"--stop", "[\"a\"]"},    {"--stop", "[]"},      {"-l", "5-inf"},
                                     {"-l", "[[5,false]]"},    {"--samplers", "k;t"}, {"--samplers", "[\"top_k\"]"},
                                     {"--banned-string", ".."}};
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        cr_expect_not(sweep_is_axis(firn_parameter_find(single[i][0]), single[i][1]), "%s", single[i][1]);
}

Test(sweep_axes, what_is_wrong_is_told)
{
    const char *const wrong[][3] = {{"--temp", "0,2000", "0 to 1000"},
                                    {"--temp", "0..1:0", "no number above 0"},
                                    {"--temp", "0..1:x", "no number above 0"},
                                    {"--temp", "a..1:1", "no plain numbers"},
                                    {"--temp", "0.5,,1", "temperature"},
                                    {"--temp", "0..1,2", "range"},
                                    {"--temp", "0..8:*2", "begin above 0"},
                                    {"--temp", "1..8:*1", "factor"},
                                    {"--top-k", "0..1:0.5", "an integer"},
                                    {"--seed", "1,-1", "no seed to sweep over"},
                                    {"--seed", "1..2000000", "more than"},
                                    {"--stop", "[[\"a\"],5]", "stop"},
                                    {"--temp", "0..123456789012345678:1", "no plain numbers"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const told = values_of(wrong[i][0], wrong[i][1]);
        cr_expect(strncmp(told, "error: ", 7) == 0 && strstr(told, wrong[i][2]) != NULL, "%s: %s", wrong[i][1], told);
    }
}
