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
        {"samplers", "top_k;temp;min-p", "[\"top_k\",\"temperature\",\"min_p\"]"},
        {"--sampler-seq", "kt", "[\"top_k\",\"temperature\"]"},
        {"samplers", "[\"typical_p\"]", "[\"typ_p\"]"},
        {"stop", "a\"\n", "[\"a\\\"\\n\"]"},
        {"stop", "[\"a\", \"b\"]", "[\"a\",\"b\"]"},
        {"stop", "[a", "[\"[a\"]"},
        {"dry_sequence_breakers", "x", "[\"x\"]"},
        {"stop_token_ids", "[2,3]", "[2,3]"},
        {"stop_token_ids", "7", "[7]"},
        {"logit_bias", "15043+1.5", "[[15043,1.5]]"},
        {"logit_bias", "the-inf", "[[\"the\",false]]"},
        {"logit_bias", " a-b-2e-1@10", "[[\" a-b\",-0.2,10]]"},
        {"logit_bias", "[[5,false],[\"x\",1,3]]", "[[5,false],[\"x\",1,3]]"},
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
    expect_refused("stop", "", "isn't empty");
    expect_refused("stop", "\xff", "text");
    expect_refused("samplers", "top_k;top_q", "temperature ('t')");
    expect_refused("samplers", "kk", "letters");
    expect_refused("samplers", "[3]", "letters");
    expect_refused("logit_bias", "15043", "ID+X");
    expect_refused("logit_bias", "1+1001", "1000");
    expect_refused("logit_bias", "1+nan", "ID+X");
    expect_refused("stop_token_ids", "-1", "a token id");
    expect_refused("stop_token_ids", "2147483648", "a token id");
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

Test(parameters, flags_that_are_given_again_add_to_a_list)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    char printed[FIRN_PARAMETER_TEXT];
    firn_list_entry entry;
    cr_assert_eq(firn_parameter_set(&parameters, "--dry-sequence-breaker", "a", NULL), FIRN_OK);
    cr_assert_eq(firn_parameter_set(&parameters, "--dry-sequence-breaker", "b", NULL), FIRN_OK);
    firn_parameter_print(&parameters, firn_parameter_find("dry_sequence_breakers"), printed);
    cr_assert_str_eq(printed, "[\"a\",\"b\"]");
    cr_assert_eq(firn_parameter_set(&parameters, "-l", "7+2", NULL), FIRN_OK);
    cr_assert_eq(firn_parameter_set(&parameters, "-l", "x\n-inf@4", NULL), FIRN_OK);
    cr_assert(firn_list_at(&parameters.logit_bias, 0, &entry) && entry.id == 7 && entry.bias == 2 &&
              entry.lasts == INT32_MAX);
    cr_assert(firn_list_at(&parameters.logit_bias, 1, &entry) && entry.id == -1 && isinf(entry.bias) &&
              entry.lasts == 4);
    cr_assert_str_eq(entry.text, "x\n");
    cr_assert_not(firn_list_at(&parameters.logit_bias, 2, &entry));
    int added = 0;
    while (added < 1000 && firn_parameter_set(&parameters, "stop", "x", NULL) == FIRN_OK)
        added++;
    cr_assert_eq(added, FIRN_LIST_ENTRIES);
    cr_assert_eq(firn_generation_parameters_check(&parameters, NULL), FIRN_OK);
}

static void expect_json_refused(const char *json, const char *part_of_message)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    const firn_generation_parameters before = parameters;
    firn_error error = {0};
    cr_assert_neq(firn_parameters_read(&parameters, json, strlen(json), "prompt,model", &error), FIRN_OK, "%s", json);
    cr_assert(strstr(error.message, part_of_message) != NULL, "%s: %s", json, error.message);
    cr_assert(memcmp(&parameters, &before, sizeof before) == 0);
}

/* Rows R4 to R6 of the inputs that have to be rejected. */
Test(parameters, bad_json_is_refused)
{
    expect_json_refused("{\"n_predict\":-2}", "n_predict");
    expect_json_refused("{\"max_tokens\":1.5}", "an integer");
    expect_json_refused("{\"n_predict\":1e99}", "an integer");
    expect_json_refused("{\"n_predict\":\"10\"}", "an integer");
    expect_json_refused("{\"n_predict\":null}", "null");
    expect_json_refused("{\"top_k\":-1}", "top_k");
    expect_json_refused("{\"top_k\":true}", "top_k");
    expect_json_refused("{\"seed\":-5}", "seed");
    expect_json_refused("{\"seed\":0.5}", "seed");
    expect_json_refused("{\"temperature\":-0.5}", "temperature");
    expect_json_refused("{\"temperature\":1e999}", "temperature");
    expect_json_refused("{\"temperature\":NaN}", "");
    expect_json_refused("{\"top_p\":[0.5]}", "top_p");
    expect_json_refused("{\"ignore_eos\":1}", "true or false");
    expect_json_refused("{\"stop\":\"\"}", "stop");
    expect_json_refused("{\"stop\":[\"a\",\"\"]}", "stop");
    expect_json_refused("{\"stop\":[\"a\",5]}", "stop");
    expect_json_refused("{\"logit_bias\":{\"5\":\"a\"}}", "logit_bias");
    expect_json_refused("{\"logit_bias\":[[-1,1]]}", "logit_bias");
    expect_json_refused("{\"logit_bias\":[[1]]}", "logit_bias");
    expect_json_refused("{\"logit_bias\":[[1,1,1,1]]}", "logit_bias");
    expect_json_refused("{\"top_k\":1,\"top_k\":2}", "twice");
    expect_json_refused("{\"temp\":1,\"temperature\":2}", "twice");
    expect_json_refused("{\"topk\":1}", "topk");
    expect_json_refused("{\"--top-k\":1}", "--top-k");
    expect_json_refused("[]", "object");
    expect_json_refused("{\"top_k\":1} x", "");
    expect_json_refused("{\"top_k\":1", "");
    char many[5000] = "{\"stop\":[\"a\"";
    for (int i = 0; i < 1000; i++)
        strcat(many, ",\"a\"");
    strcat(many, "]}");
    expect_json_refused(many, "at most 64");
}

Test(parameters, read_from_json)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    firn_error error = {0};
    const char *const json = "{\"temp\":0.5, \"prompt\":{\"a\":[1,{}]}, \"top_k\" : 3,\n\"stop\":\"\\n\", "
                             "\"logit_bias\":{\"17\":-2,\"x\":false}}";
    cr_assert_eq(firn_parameters_read(&parameters, json, strlen(json), "prompt", &error), FIRN_OK, "%s", error.message);
    cr_assert(parameters.temperature == 0.5 && parameters.top_k == 3);
    cr_assert_str_eq(parameters.stop.json, "[\"\\n\"]");
    cr_assert_str_eq(parameters.logit_bias.json, "[[17,-2],[\"x\",false]]");
}

Test(parameters, contradictions_are_refused)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    firn_error error = {0};
    parameters.min_tokens = 10;
    cr_assert_eq(firn_generation_parameters_check(&parameters, &error), FIRN_OK);
    parameters.n_predict = 9;
    cr_assert_eq(firn_generation_parameters_check(&parameters, &error), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, "min_tokens") != NULL && strstr(error.message, "n_predict") != NULL);
}

Test(parameters, texts_are_found_as_they_come)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    bool found;
    cr_assert_eq(firn_find_texts(&parameters.stop, "abc", 3, 0, &found), 3);
    cr_assert_not(found);
    cr_assert_eq(firn_parameter_set(&parameters, "stop", "[\"cde\",\"bx\"]", NULL), FIRN_OK);
    cr_assert(firn_find_texts(&parameters.stop, "abc", 3, 0, &found) == 2 && !found);
    cr_assert(firn_find_texts(&parameters.stop, "abcd", 4, 0, &found) == 2 && !found);
    cr_assert(firn_find_texts(&parameters.stop, "abcde", 5, 0, &found) == 2 && found);
    cr_assert(firn_find_texts(&parameters.stop, "abcdebx", 7, 3, &found) == 5 && found);
    cr_assert(firn_find_texts(&parameters.stop, "abcd!", 5, 0, &found) == 5 && !found);
}
