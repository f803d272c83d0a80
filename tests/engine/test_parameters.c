/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/firn.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void expect_refused(const char *name, const char *text, const char *part_of_message)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    const firn_generation_parameters before = parameters;
    firn_error error = {0};
    cr_assert_eq(firn_parameter_set(&parameters, name, text, &error), FIRN_ERROR_ARGUMENT, "%s = %s", name, text);
    cr_assert(strstr(error.message, part_of_message) != NULL, "%s = %s: %s", name, text, error.message);
    cr_assert(memcmp(&parameters, &before, sizeof before) == 0);
}

Test(parameters, defaults_are_the_known_ones)
{
    const firn_generation_parameters parameters = firn_generation_parameters_default();
    cr_assert_eq(parameters.size, sizeof parameters);
    cr_assert_eq(parameters.seed, FIRN_SEED_DRAW);
    cr_assert_eq(parameters.temperature, 0.80);
    cr_assert_eq(parameters.top_k, 40);
    cr_assert_eq(parameters.top_p, 0.95);
    cr_assert_eq(parameters.min_p, 0.05);
    cr_assert_eq(parameters.n_predict, -1);
    cr_assert_eq(parameters.ignore_eos, false);
    cr_assert_eq(firn_generation_parameters_check(&parameters, NULL), FIRN_OK);
}

Test(parameters, found_by_name_alias_and_flag)
{
    const firn_parameter *const top_k = firn_parameter_find("top_k");
    cr_assert_not_null(top_k);
    cr_assert_eq(firn_parameter_find("--top-k"), top_k);
    cr_assert_str_eq(firn_parameter_find("max_tokens")->name, "n_predict");
    cr_assert_str_eq(firn_parameter_find("-n")->name, "n_predict");
    cr_assert_str_eq(firn_parameter_find("-s")->name, "seed");
    cr_assert_null(firn_parameter_find("top"));
    cr_assert_null(firn_parameter_find(""));
    cr_assert_null(firn_parameter_find("--top-k,"));
}

Test(parameters, names_and_flags_are_unique)
{
    for (size_t i = 0; i < firn_parameter_count(); i++) {
        const firn_parameter *const row = firn_parameter_at(i);
        char list[256], *state = NULL;
        snprintf(list, sizeof list, "%s,%s,%s", row->name, row->flags, row->aliases);
        for (char *name = strtok_r(list, ",", &state); name != NULL; name = strtok_r(NULL, ",", &state))
            cr_assert_eq(firn_parameter_find(name), row, "%s", name);
    }
}

Test(parameters, set_and_print)
{
    static const struct {
        const char *name, *text, *printed;
    } cases[] = {
        {"temperature", "0.1", "0.1"},
        {"temperature", "0", "0"},
        {"--temp", "1e-3", "0.001"},
        {"top_p", ".5", "0.5"},
        {"min_p", "1", "1"},
        {"top_k", "0", "0"},
        {"--top-k", "1e2", "100"},
        {"top_k", "2147483647", "2147483647"},
        {"seed", "0", "0"},
        {"seed", "-1", "-1"},
        {"--seed", "18446744073709551614", "18446744073709551614"},
        {"-n", "-1", "-1"},
        {"ignore_eos", "true", "true"},
        {"ignore_eos", "0", "false"},
        {"top_p", "0.30000000000000004", "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_generation_parameters parameters = firn_generation_parameters_default();
        firn_error error = {0};
        char printed[FIRN_PARAMETER_TEXT];
        cr_assert_eq(firn_parameter_set(&parameters, cases[i].name, cases[i].text, &error), FIRN_OK, "%s",
                     error.message);
        firn_parameter_print(&parameters, firn_parameter_find(cases[i].name), printed);
        cr_assert_str_eq(printed, cases[i].printed);
    }
}

Test(parameters, bad_values_name_parameter_and_range)
{
    expect_refused("temperature", "nan", "a number from 0 to 1000");
    expect_refused("temperature", "inf", "--temp");
    expect_refused("temperature", "-0.1", "temperature");
    expect_refused("temperature", "1e999", "1000");
    expect_refused("temperature", "0x1", "0x1");
    expect_refused("temperature", " 1", "1000");
    expect_refused("temperature", "", "1000");
    expect_refused("temperature", "\"0.5\"", "1000");
    expect_refused("temperature", "null", "1000");
    expect_refused("temperature", "true", "1000");
    expect_refused("top_p", "1.01", "0 to 1");
    expect_refused("top_p", "0,5", "0 to 1");
    expect_refused("min_p", "-1", "0 to 1");
    expect_refused("top_k", "-1", "an integer from 0 to 2147483647");
    expect_refused("top_k", "1.5", "an integer");
    expect_refused("top_k", "2147483648", "2147483647");
    expect_refused("top_k", "[40]", "an integer");
    expect_refused("n_predict", "-2", "from -1 to");
    expect_refused("seed", "-2", "-1, or an integer from 0 to 18446744073709551614");
    expect_refused("seed", "1.5", "seed");
    expect_refused("seed", "18446744073709551615", "18446744073709551614");
    expect_refused("seed", "99999999999999999999", "18446744073709551614");
    expect_refused("ignore_eos", "yes", "true or false");
    expect_refused("temprature", "1", "temprature");
}

Test(parameters, check_refuses_values_set_without_it)
{
    firn_error error = {0};
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.temperature = NAN;
    cr_assert_eq(firn_generation_parameters_check(&parameters, &error), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, "temperature") != NULL);
    parameters = firn_generation_parameters_default();
    parameters.top_k = -5;
    cr_assert_eq(firn_generation_parameters_check(&parameters, &error), FIRN_ERROR_ARGUMENT);
    parameters = firn_generation_parameters_default();
    parameters.top_p = INFINITY;
    cr_assert_eq(firn_generation_parameters_check(&parameters, &error), FIRN_ERROR_ARGUMENT);
    parameters = firn_generation_parameters_default();
    parameters.size = 0;
    cr_assert_eq(firn_generation_parameters_check(&parameters, &error), FIRN_ERROR_ARGUMENT);
}
