/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <criterion/criterion.h>

/* The events of a text as letters: n f t 0(number) s k [ ] { } and '.' for the end; or '!' where it is refused. */
static void events(const char *text, size_t length, char *out, firn_error *error)
{
    base_json reader = base_json_begin((base_slice){text, length});
    base_json_event event;
    do {
        if (base_json_next(&reader, &event, error) != FIRN_OK) {
            *out++ = '!';
            break;
        }
        *out++ = "nft0sk[]{}."[event.kind];
    } while (event.kind != BASE_JSON_END);
    *out = '\0';
}

static void expect(const char *text, const char *wanted)
{
    char got[1200];
    firn_error error = {0};
    events(text, strlen(text), got, &error);
    cr_expect_str_eq(got, wanted, "%s: %s, not %s", text, got, wanted);
}

Test(json, events_of_what_the_standard_allows)
{
    expect("null", "n.");
    expect(" [1, -2.5e+3, \"a\", true, false, null] \n", "[00stfn].");
    expect("{\"a\": {\"b\": []}, \"c\": {}}", "{k{k[]}k{}}.");
    expect("[[[]],[]]", "[[[]][]].");
    expect("\"\\u00e9\\ud83d\\ude00\\n\"", "s.");
    expect("0", "0.");
    expect("-0.0e-0", "0.");
}

Test(json, refuses_everything_else)
{
    static const char *const bad[] = {
        "",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\"}",
        "{1:2}",
        "{\"a\":1,}",
        "]",
        "}",
        "1 2",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "NaN",
        "Infinity",
        "nul",
        "truee",
        "\"a",
        "\"\\x\"",
        "\"\n\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\u12\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "'a'",
        "[1}",
        "{\"a\":1]",
        "[,1]",
        "// c\n1",
        "[1 2]",
        "{\"a\" 1}",
        "\"\\ud800\\u0041\"",
        "{,}",
        "[1,,2]",
        "\"\\\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char got[64];
        firn_error error = {0};
        events(bad[i], strlen(bad[i]), got, &error);
        cr_expect(strchr(got, '!') != NULL, "%s is accepted: %s", bad[i], got);
        cr_expect_eq(error.status, FIRN_ERROR_FORMAT);
    }
}

Test(json, says_line_and_column)
{
    char got[64];
    firn_error error = {0};
    const char *text = "{\n  \"é\": x}";
    events(text, strlen(text), got, &error);
    cr_expect(strstr(error.message, "line 2, column 8") != NULL, "%s", error.message);
    cr_expect_eq(error.offset, 10);
}

Test(json, depth_has_a_limit)
{
    char text[700], got[700];
    firn_error error = {0};
    memset(text, '[', 256);
    memset(text + 256, ']', 256);
    events(text, 512, got, &error);
    cr_expect(strchr(got, '!') == NULL);
    memset(text, '[', 300);
    events(text, 300, got, &error);
    cr_expect(strstr(error.message, "256 deep") != NULL, "%s", error.message);
}

static base_json_event only_event(const char *text)
{
    base_json reader = base_json_begin(base_slice_from(text));
    base_json_event event;
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    return event;
}

Test(json, strings_and_numbers_have_their_values)
{
    char value[64];
    base_json_event event = only_event("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00z\"");
    size_t length = base_json_unescape(&event, value);
    cr_assert(event.escaped);
    cr_expect(base_slice_is((base_slice){value, length}, "a\"\\/\b\f\n\r\té😀z"));

    int64_t integer;
    event = only_event("-9223372036854775808");
    cr_expect(base_json_integer(&event, &integer) && integer == INT64_MIN);
    event = only_event("9223372036854775807");
    cr_expect(base_json_integer(&event, &integer) && integer == INT64_MAX);
    event = only_event("9223372036854775808");
    cr_expect(!base_json_integer(&event, &integer));
    event = only_event("1.0");
    cr_expect(!base_json_integer(&event, &integer));
    double number;
    cr_expect(base_json_double(&event, &number) && number == 1.0);
}

Test(json, skips_a_value)
{
    base_json reader = base_json_begin(base_slice_from("{\"a\": [1, {\"b\": 2}], \"c\": 3, \"d\": 4}"));
    base_json_event event;
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    for (const char *name = "acd"; *name != '\0'; name++) {
        cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
        cr_expect_eq(event.kind, BASE_JSON_KEY);
        cr_expect_eq(*event.text.data, *name);
        cr_assert_eq(base_json_skip(&reader, NULL), FIRN_OK);
    }
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    cr_expect_eq(event.kind, BASE_JSON_OBJECT_END);
}

Test(json, escapes_and_reads_back_every_byte_of_text)
{
    char text[128], escaped[128 * 6 + 2], back[128 * 6];
    for (int i = 0; i < 128; i++)
        text[i] = (char)i;
    size_t length = base_json_escape((base_slice){text, 128}, escaped);
    base_json reader = base_json_begin((base_slice){escaped, length});
    base_json_event event;
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    cr_expect(base_slice_equal((base_slice){text, 128}, (base_slice){back, base_json_unescape(&event, back)}));
}
