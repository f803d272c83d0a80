/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/firn.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect(const char *messages, const char *wanted)
{
    char *out;
    firn_error error = {0};
    cr_assert_eq(firn_messages_parse_arguments(messages, &out, &error), FIRN_OK, "%s", error.message);
    cr_expect_str_eq(out, wanted);
    free(out);
}

#define CALL(arguments)                                                                              \
    "[ {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"1\", \"function\": " \
    "{\"arguments\": " arguments ", \"name\": \"f\"}}, {\"arguments\": " arguments                   \
    "}]}, {\"role\": \"tool\", \"content\": \"{}\"}]"

Test(messages, strings_that_hold_an_object_become_it)
{
    expect(CALL("\"{\\\"x\\\": [1.50, \\\"\\\\n\\u00e9\\\"]}\""), CALL("{\"x\": [1.50, \"\\n\xC3\xA9\"]}"));
    expect(CALL("\"{}\""), CALL("{}"));
    expect(CALL("\" {} \""), CALL(" {} "));
}

Test(messages, all_else_stays)
{
    static const char *const same[] = {
        CALL("\"\""),
        CALL("\"5\""),
        CALL("\"[1]\""),
        CALL("\"{\""),
        CALL("\"{} {}\""),
        CALL("{\"x\": 1}"),
        CALL("null"),
        CALL("[\"{}\"]"),
        "[]",
        "[{\"arguments\": \"{}\", \"tool_calls\": null, \"function\": {\"arguments\": \"{}\"}}]",
        "[{\"tool_calls\": [], \"x\": [{\"y\": {\"arguments\": \"{}\"}}]}]",
        "{\"tool_calls\": 1}",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        expect(same[i], same[i]);
}

Test(messages, broken_json_is_refused)
{
    char *out = (char *)"";
    firn_error error = {0};
    cr_expect_eq(firn_messages_parse_arguments("[{\"tool_calls\": [", &out, &error), FIRN_ERROR_FORMAT);
    cr_expect(out == NULL && strstr(error.message, "line 1") != NULL, "%s", error.message);
}
