/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_schema.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct schema_case {
    const char *schema, *fits[6], *fails[6]; /* up to NULL */
} schema_case;

static const schema_case cases[] = {
    {"{}", {"1", " [ ] ", "\"a\"", "null"}, {"", "{", "1 2", "nan", "'a'", "[1,]"}},
    {"{\"type\":\"integer\"}", {"1", "1.0", "-3"}, {"1.5", "\"1\"", "null"}},
    {"{\"type\":[\"string\",\"null\"]}", {"\"\"", "null"}, {"0", "false"}},
    {"{\"enum\":[1,\"a\",{\"b\":[]}]}", {"1", "\"a\"", "{\"b\":[]}"}, {"2", "{\"b\":[1]}", "\"A\""}},
    {"{\"const\":false}", {"false"}, {"null", "0"}},
    {"{\"minimum\":1,\"exclusiveMaximum\":3}", {"1", "2.9", "\"x\""}, {"0.9", "3"}},
    {"{\"maximum\":3,\"exclusiveMinimum\":1,\"multipleOf\":0.1}", {"1.1", "3"}, {"1", "3.1", "1.15"}},
    {"{\"minLength\":2,\"maxLength\":3}", {"\"ab\"", "\"äöü\"", "5"}, {"\"a\"", "\"abcd\""}},
    {"{\"pattern\":\"^a.c$\"}", {"\"abc\"", "7"}, {"\"ac\"", "\"abcd\""}},
    {"{\"items\":{\"type\":\"number\"},\"minItems\":1,\"maxItems\":2}",
     {"[1]", "[1,2]", "{}"},
     {"[]", "[1,2,3]", "[null]"}},
    {"{\"prefixItems\":[{\"const\":1},{\"const\":2}],\"items\":false}", {"[]", "[1]", "[1,2]"}, {"[2]", "[1,2,3]"}},
    {"{\"contains\":{\"const\":5},\"uniqueItems\":true}", {"[5]", "[1,5]"}, {"[]", "[1]", "[5,5]"}},
    {"{\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}",
     {"{\"a\":\"\"}", "[]"},
     {"{}", "{\"a\":1}", "{\"a\":\"\",\"b\":1}"}},
    {"{\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"additionalProperties\":{\"type\":\"number\"}}",
     {"{\"x1\":null,\"y\":1}"},
     {"{\"x1\":1}", "{\"y\":null}"}},
    {"{\"propertyNames\":{\"maxLength\":1},\"minProperties\":1,\"maxProperties\":2}",
     {"{\"a\":1}"},
     {"{}", "{\"ab\":1}", "{\"a\":1,\"b\":1,\"c\":1}"}},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", {"1", "2"}, {"0", "3"}},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", {"\"a\"", "5"}, {"4"}},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":5}]}", {"1", "5.5"}, {"6", "1.5"}},
    {"{\"not\":{\"type\":\"string\"}}", {"1"}, {"\"a\""}},
    {"{\"$defs\":{\"a/b\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/a~1b\"}}},\"$ref\":\"#/$defs/a~1b\"}",
     {"[]", "[[],[[]]]"},
     {"[1]", "{}"}},
    {"{\"title\":\"x\",\"description\":\"y\",\"format\":\"email\",\"default\":1}", {"1"}, {"x"}},
};

static sweep_verdict verdict_of(const sweep_schema *schema, const char *text)
{
    sweep_verdict verdict;
    cr_assert_eq(sweep_schema_ask(schema, base_slice_from(text), &verdict, NULL), FIRN_OK);
    return verdict;
}

Test(sweep_schema, every_keyword)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sweep_schema *schema;
        firn_error error = {0};
        cr_assert_eq(sweep_schema_open(cases[i].schema, &schema, &error), FIRN_OK, "%s", error.message);
        for (int j = 0; j < 6 && cases[i].fits[j] != NULL; j++)
            cr_expect_eq(verdict_of(schema, cases[i].fits[j]), SWEEP_PASSES, "%s: %s", cases[i].schema,
                         cases[i].fits[j]);
        for (int j = 0; j < 6 && cases[i].fails[j] != NULL; j++)
            cr_expect_eq(verdict_of(schema, cases[i].fails[j]), SWEEP_FAILS, "%s: %s", cases[i].schema,
                         cases[i].fails[j]);
        sweep_schema_close(schema);
    }
}

Test(sweep_schema, what_cannot_be_judged_is_an_error)
{
    const char *const wrong[][2] = {{"{\"properties\":{\"a\":{\"unevaluatedItems\":false}}}", "unevaluatedItems"},
                                    {"{\"items\":5}", "items"},
                                    {"{\"type\":", "no JSON"},
                                    {"no such file", "no such file"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sweep_schema *schema;
        firn_error error = {0};
        cr_expect_neq(sweep_schema_open(wrong[i][0], &schema, &error), FIRN_OK);
        cr_expect(schema == NULL && strstr(error.message, wrong[i][1]) != NULL, "%s", error.message);
    }
    const char *const endless[] = {"{\"$ref\":\"#\"}", "{\"$ref\":\"elsewhere.json\"}", "{\"pattern\":\"(\"}",
                                   "{\"not\":{\"$ref\":\"#/nowhere\"}}"};
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        sweep_schema *schema;
        sweep_verdict verdict;
        firn_error error = {0};
        cr_assert_eq(sweep_schema_open(endless[i], &schema, NULL), FIRN_OK);
        cr_expect_eq(sweep_schema_ask(schema, base_slice_from("\"a\""), &verdict, &error), FIRN_ERROR_UNSUPPORTED);
        cr_expect(error.message[0] != '\0', "%s", endless[i]);
        sweep_schema_close(schema);
    }
}
