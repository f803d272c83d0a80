/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_arguments.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct target {
    const char *model, *positional;
    uint32_t threads;
    firn_cache_type cache;
    bool json, escapes;
    firn_generation_parameters parameters;
    tool_texts lists;
} target;

enum { MOST = 16 };

static firn_status parse(target *t, firn_error *error, const char *const *arguments)
{
    *t = (target){.escapes = true, .parameters = firn_generation_parameters_default()};
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXT, &t->model, 0, "checkpoint"},
        {"-t,--threads", "N", TOOL_COUNT, &t->threads, 64, "threads"},
        {"-ctk,--cache-type-k", "TYPE", TOOL_CACHE, &t->cache, 0, "of keys"},
        {"--json", NULL, TOOL_ON, &t->json, 0, "one object"},
        {"--no-escape", NULL, TOOL_OFF, &t->escapes, 0, "as they are"},
        {"--list", "A", TOOL_TEXTS, &t->lists, 0, "may be given several times"},
    };
    const tool_command command = {"test", "Tests.", options, 6, &t->parameters, "PROMPT", &t->positional};
    char *argv[MOST] = {(char *)"test"};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++)
        argv[argc] = (char *)arguments[argc - 1];
    return tool_parse(&command, argc, argv, error);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_error(const char *const *arguments, const char *part, const char *other_part)
{
    target t;
    firn_error error = {0};
    cr_assert_eq(parse(&t, &error, arguments), FIRN_ERROR_ARGUMENT, "%s", arguments[0]);
    cr_assert(strstr(error.message, part) != NULL && strstr(error.message, other_part) != NULL, "%s: %s", arguments[0],
              error.message);
}

Test(common_arguments, flags_values_and_the_positional)
{
    target t;
    firn_error error = {0};
    const char *const *const all =
        ARGUMENTS("-m", "a.gguf", "--threads=7", "--top-k", "5", "--temp=0.25", "hello", "--json", "--no-escape", "-n",
                  "-1", "--ignore-eos", "-s=9", "-ctk", "q8_0");
    cr_assert_eq(parse(&t, &error, all), FIRN_OK, "%s", error.message);
    cr_assert_str_eq(t.model, "a.gguf");
    cr_assert_str_eq(t.positional, "hello");
    cr_assert(t.threads == 7 && t.json && !t.escapes && t.cache == FIRN_CACHE_Q8_0);
    cr_assert(t.parameters.top_k == 5 && t.parameters.temperature == 0.25 && t.parameters.n_predict == -1);
    cr_assert(t.parameters.ignore_eos && t.parameters.seed == 9);
    cr_assert_eq(parse(&t, &error, ARGUMENTS("--", "--json")), FIRN_OK);
    cr_assert_str_eq(t.positional, "--json");
    cr_assert_eq(parse(&t, &error, ARGUMENTS("--model=a=b")), FIRN_OK);
    cr_assert_str_eq(t.model, "a=b");
}

Test(common_arguments, unknown_flags_suggest_the_nearest)
{
    expect_error(ARGUMENTS("--tmep", "1"), "'--tmep'", "'--temp'");
    expect_error(ARGUMENTS("--topk", "1"), "'--topk'", "'--top-k'");
    expect_error(ARGUMENTS("--jsn"), "'--json'", "--help");
    expect_error(ARGUMENTS("--modle=x"), "'--modle'", "'--model'");
    target t;
    firn_error error = {0};
    cr_assert_eq(parse(&t, &error, ARGUMENTS("--entirely-different")), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, "did you mean") == NULL && strstr(error.message, "--help") != NULL);
}

Test(common_arguments, a_flag_for_many_texts_keeps_each)
{
    target t;
    firn_error error = {0};
    cr_assert_eq(parse(&t, &error, ARGUMENTS("--list", "a", "--json", "--list=b,c", "--list", "a")), FIRN_OK);
    cr_assert_eq(t.lists.count, 3);
    cr_assert_str_eq(t.lists.at[0], "a");
    cr_assert_str_eq(t.lists.at[1], "b,c");
    cr_assert_str_eq(t.lists.at[2], "a");

    tool_texts full = {.count = TOOL_MOST_TEXTS};
    const tool_option option = {"--list", "A", TOOL_TEXTS, &full, 0, ""};
    const tool_command command = {"test", "Tests.", &option, 1, NULL, NULL, NULL};
    char *argv[] = {(char *)"test", (char *)"--list=a"};
    cr_assert_eq(tool_parse(&command, 2, argv, &error), FIRN_ERROR_LIMIT);
}

Test(common_arguments, bad_values_say_what_is_allowed)
{
    expect_error(ARGUMENTS("-t", "65"), "--threads", "0 to 64");
    expect_error(ARGUMENTS("-t", "-1"), "'-1'", "0 to 64");
    expect_error(ARGUMENTS("-t", "1.5"), "'1.5'", "0 to 64");
    expect_error(ARGUMENTS("-t", "4294967297"), "--threads", "0 to 64");
    expect_error(ARGUMENTS("-t", ""), "--threads", "0 to 64");
    expect_error(ARGUMENTS("--temp", "nan"), "temperature", "0 to 1000");
    expect_error(ARGUMENTS("--top-p=2"), "top_p", "0 to 1");
    expect_error(ARGUMENTS("--temp"), "--temp needs a value", "0 to 1000");
    expect_error(ARGUMENTS("-m"), "-m needs a value", "FILE");
    expect_error(ARGUMENTS("-ctk", "q4_0"), "--cache-type-k: ", "'q4_0'; give f16 or q8_0");
    expect_error(ARGUMENTS("--json=1"), "--json", "no value");
    expect_error(ARGUMENTS("--ignore-eos=true"), "--ignore-eos", "no value");
    expect_error(ARGUMENTS("two", "words"), "'two' and 'words'", "quotes");
}

Test(common_arguments, help_names_every_flag)
{
    char *text = NULL;
    size_t length = 0;
    FILE *const out = open_memstream(&text, &length);
    const char *model = NULL;
    firn_generation_parameters parameters = firn_generation_parameters_default();
    const tool_option option = {"-m,--model", "FILE", TOOL_TEXT, &model, 0, "the checkpoint"};
    const tool_command command = {"test", "Tests.", &option, 1, &parameters, NULL, NULL};
    for (tool_help_form form = TOOL_HELP_TEXT; form <= TOOL_HELP_MARKDOWN; form++)
        tool_help(&command, form, out);
    fclose(out);
    cr_assert(strstr(text, "-m, --model FILE") != NULL && strstr(text, "the checkpoint") != NULL);
    for (size_t i = 0; i < firn_parameter_count(); i++)
        cr_assert(strstr(text, firn_parameter_at(i)->help) != NULL, "%s", firn_parameter_at(i)->name);
    cr_assert(strstr(text, "default 0.8)") != NULL);
    cr_assert(strstr(text, ".TP\n\\fB\\-m\\fR, \\fB\\-\\-model\\fR \\fIFILE\\fR\nthe checkpoint\n") != NULL);
    cr_assert(strstr(text, "\n| `-m`, `--model` FILE | the checkpoint |\n") != NULL);
    cr_assert(strstr(text, "\n| `top_k` | `--top-k` | an integer from 0 to 2147483647 | `40` | ") != NULL, "%s", text);
    free(text);
}
