/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON schemas: keywords one by one; some 400 random schemas with texts judged by another implementation
 * (tests/engine/make_constraint_schemas.py made them); random texts that the masks allow; what is refused.
 */
#include "base/json.h"
#include "engine/constraint.h"
#include "tests/support/checkpoints.h"
#include "tests/support/constraints.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static firn_vocabulary *vocabulary;

static void begin(void)
{
    vocabulary = support_byte_vocabulary();
}

static void end(void)
{
    firn_vocabulary_release(vocabulary);
}

TestSuite(schema, .init = begin, .fini = end);

/* Those behind a '!' must not satisfy the schema. */
static void expect(const char *source, const char *const *texts)
{
    firn_constraint *const constraint = support_compile(FIRN_CONSTRAINT_SCHEMA, source);
    for (; *texts != NULL; texts++) {
        const bool wanted = (*texts)[0] != '!';
        const char *const text = *texts + !wanted;
        cr_expect_eq(support_satisfies(constraint, vocabulary, text, strlen(text)), wanted, "%s %s %s", source,
                     wanted ? "should allow" : "should not allow", text);
    }
    firn_constraint_release(constraint);
}

#define SCHEMA(source, ...) expect(source, (const char *const[]){__VA_ARGS__, NULL})

Test(schema, types)
{
    SCHEMA("{}", "1", "null", "\"x\"", "[]", "{\"a\": [1, {}]}", "-0.5e+10", "!", "!01", "!nul", "![1,]");
    SCHEMA("true", "{}", "!x");
    SCHEMA("{\"type\": \"integer\"}", "0", "-12", "!1.0", "!01", "!\"1\"");
    SCHEMA("{\"type\": [\"null\", \"boolean\"]}", "null", "true", "false", "!0");
    SCHEMA("{\"type\": \"string\"}", "\"\"", "\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"\u65e5\"", "!\"\\ud800\"", "!\"\n\"",
           "!\"\\x\"", "!\"a");
}

Test(schema, numbers)
{
    SCHEMA("{\"type\": \"integer\", \"minimum\": -12, \"maximum\": 345}", "-12", "-1", "0", "9", "99", "345", "!-13",
           "!346", "!1000", "!-0");
    SCHEMA("{\"type\": \"integer\", \"exclusiveMinimum\": 9.5, \"exclusiveMaximum\": 100}", "10", "99", "!9", "!100");
    SCHEMA("{\"type\": \"integer\", \"minimum\": 7}", "7", "8", "10", "7000000000000", "!6", "!-8");
    SCHEMA("{\"type\": \"integer\", \"maximum\": -20}", "-20", "-21", "-100", "!-19", "!0", "!5");
    SCHEMA("{\"type\": \"number\", \"minimum\": 0, \"exclusiveMaximum\": 1}", "0", "0.5", "0.999", "!1", "!-0.1",
           "!1.0");
    SCHEMA("{\"type\": \"number\", \"exclusiveMinimum\": -3, \"maximum\": 2}", "-2.99", "2", "2.00", "0", "-0.5", "!-3",
           "!-3.0", "!2.01");
    SCHEMA("{\"multipleOf\": 1, \"type\": \"number\"}", "5", "!5.5");
}

/* Every whole number of a range, and none beside it. */
Test(schema, integer_ranges)
{
    static const int ranges[][2] = {{0, 0},       {-3, 3},    {7, 123},   {95, 1005},
                                    {-1005, -98}, {-120, 15}, {100, 999}, {0, 10}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"type\": \"integer\", \"minimum\": %d, \"maximum\": %d}", ranges[i][0],
                 ranges[i][1]);
        firn_constraint *const constraint = support_compile(FIRN_CONSTRAINT_SCHEMA, text);
        for (int number = -1100; number <= 1100; number++) {
            const size_t length = (size_t)snprintf(text, sizeof text, "%d", number);
            cr_assert_eq(support_satisfies(constraint, vocabulary, text, length),
                         number >= ranges[i][0] && number <= ranges[i][1], "%d", number);
        }
        firn_constraint_release(constraint);
    }
}

Test(schema, strings)
{
    SCHEMA("{\"type\": \"string\", \"minLength\": 2, \"maxLength\": 3}", "\"ab\"", "\"\u65e5\u672c\u8a9e\"",
           "\"\\\\\\n\\u00e9\"", "!\"a\"", "!\"abcd\"");
    SCHEMA("{\"type\": \"string\", \"pattern\": \"^[a-z]+$\", \"maxLength\": 3}", "\"abc\"", "!\"abcd\"", "!\"\"");
    SCHEMA("{\"type\": \"string\", \"pattern\": \"b\"}", "\"abc\"", "\"\\\"b\"", "!\"ac\"");
    SCHEMA("{\"type\": \"string\", \"pattern\": \"^.$\"}", "\"\\\"\"", "\"\\\\\"", "\"\\t\"", "!\"\\n\"", "!\"ab\"");
    SCHEMA("{\"allOf\": [{\"pattern\": \"a\"}, {\"pattern\": \"b\"}], \"type\": \"string\"}", "\"ab\"", "\"xbya\"",
           "!\"a\"", "!\"b\"");
    SCHEMA("{\"type\": \"string\", \"format\": \"date\"}", "\"2026-11-30\"", "!\"2026-11-31\"", "!\"2026-13-01\"");
    SCHEMA("{\"type\": \"string\", \"format\": \"ipv4\"}", "\"255.0.10.1\"", "!\"256.0.0.1\"", "!\"1.2.3\"");
    SCHEMA("{\"type\": \"string\", \"format\": \"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"", "!\"123\"");
    SCHEMA("{\"type\": \"string\", \"format\": \"duration\"}", "\"P1Y2M\"", "\"PT5M\"", "!\"P\"", "!\"P1YT\"");
}

static int days_in(int year, int month)
{
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28 + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Every day of years of each kind, and the days beside them that there aren't. */
Test(schema, dates_are_those_of_the_calendar)
{
    static const int years[] = {0,    1,    4,    100,  400,  404,  1600, 1900, 1996,
                                2000, 2023, 2024, 2026, 2100, 2400, 9996, 9999};
    firn_constraint *const date = support_compile(FIRN_CONSTRAINT_SCHEMA, "{\"type\":\"string\",\"format\":\"date\"}");
    firn_constraint *const time =
        support_compile(FIRN_CONSTRAINT_SCHEMA, "{\"type\":\"string\",\"format\":\"date-time\"}");
    char text[60];
    for (size_t y = 0; y < sizeof years / sizeof years[0]; y++)
        for (int month = 0; month <= 13; month++)
            for (int day = 0; day <= 32; day++) {
                const bool there =
                    years[y] > 0 && month >= 1 && month <= 12 && day >= 1 && day <= days_in(years[y], month);
                int n = snprintf(text, sizeof text, "\"%04d-%02d-%02d\"", years[y], month, day);
                cr_assert_eq(support_satisfies(date, vocabulary, text, (size_t)n), there, "%s", text);
                if (day < 28)
                    continue;
                n = snprintf(text, sizeof text, "\"%04d-%02d-%02dT23:59:59.5+01:00\"", years[y], month, day);
                cr_assert_eq(support_satisfies(time, vocabulary, text, (size_t)n), there, "%s", text);
            }
    firn_constraint_release(date);
    firn_constraint_release(time);
}

Test(schema, arrays)
{
    SCHEMA("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 1, \"maxItems\": 3}", "[1]",
           "[1, 2,3]", "[\n  1,\n  2\n]", "![]", "![1,2,3,4]", "![\"a\"]");
    SCHEMA("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"null\"}, {\"const\": 5}], \"items\": false}", "[]",
           "[null]", "[null, 5]", "![5]", "![null, 5, 1]");
    SCHEMA("{\"type\": \"array\", \"prefixItems\": [{\"type\": \"null\"}], \"items\": {\"type\": \"boolean\"}, "
           "\"minItems\": 3}",
           "[null, true, false]", "[null,true,true,true]", "![null, true]", "![true, true, true]");
    SCHEMA("{\"type\": \"array\", \"maxItems\": 0}", "[]", "![1]");
    SCHEMA("{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 30, \"maxItems\": 30}",
           "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
           "![1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]");
}

Test(schema, objects)
{
    SCHEMA(
        "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"null\"}, \"c\": "
        "true}, \"required\": [\"b\"], \"additionalProperties\": false}",
        "{\"b\": null}", "{\"a\":1,\"b\":null}", "{\n  \"b\": null,\n  \"c\": []\n}", "!{}", "!{\"a\": 1}",
        "!{\"b\": null, \"d\": 1}", "!{\"b\": null,}", "!{\"b\": 1}");
    SCHEMA("{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\"}}}", "{}", "{\"name\": \"x\"}",
           "{\"nam\": 1}", "{\"names\": 1, \"\": null}", "{\"name\": \"x\", \"other\": 2}", "!{\"name\": 1}",
           "!{\"n\\u0061me\": 1}");
    SCHEMA("{\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}, \"required\": [\"z\"]}",
           "{\"z\": 1}", "{\"z\": 1, \"y\": 2}", "!{}", "!{\"z\": \"1\"}");
    SCHEMA("{\"type\": \"object\", \"patternProperties\": {\"^x-\": {\"const\": 1}}, \"additionalProperties\": false}",
           "{}", "{\"x-a\": 1}", "!{\"a\": 1}", "!{\"x-a\": 2}");
    SCHEMA(
        "{\"type\": \"object\", \"properties\": {\"q\\\"\\u00e9\": {\"const\": 1}}, \"required\": [\"q\\\"\u00e9\"], "
        "\"additionalProperties\": false}",
        "{\"q\\\"\u00e9\": 1}");
}

Test(schema, combinations)
{
    SCHEMA("{\"enum\": [1, \"a\", null, [1, 2], {\"k\": true}]}", "1", "\"a\"", "null", "[1, 2]", "{\"k\": true}",
           "!2");
    SCHEMA("{\"type\": \"string\", \"enum\": [1, \"a\"]}", "\"a\"", "!1");
    SCHEMA("{\"const\": \"\\u00e9\\\"\"}", "\"\u00e9\\\"\"", "!\"\u00e9\"");
    SCHEMA("{\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\"}], \"minimum\": 5}", "5", "\"x\"", "!4");
    SCHEMA("{\"oneOf\": [{\"type\": \"object\", \"properties\": {\"t\": {\"const\": \"a\"}}, \"required\": [\"t\"]}, "
           "{\"type\": \"object\", \"properties\": {\"t\": {\"const\": \"b\"}}, \"required\": [\"t\"]}]}",
           "{\"t\": \"a\"}", "{\"t\": \"b\", \"u\": 1}", "!{\"t\": \"c\"}", "!{}");
    SCHEMA(
        "{\"allOf\": [{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"number\"}}, \"required\": [\"a\"]}, "
        "{\"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {\"type\": \"null\"}}}]}",
        "{\"a\": 1}", "{\"a\": 1, \"b\": null}", "!{\"a\": 1.5}", "!{\"b\": null}");
    SCHEMA("{\"$defs\": {\"a/b~c\": {\"type\": \"null\"}}, \"type\": \"array\", \"items\": {\"$ref\": "
           "\"#/$defs/a~1b~0c\"}}",
           "[]", "[null, null]", "![1]");
    SCHEMA("{\"type\": \"object\", \"properties\": {\"next\": {\"$ref\": \"#\"}}, \"additionalProperties\": false}",
           "{}", "{\"next\": {\"next\": {}}}", "!{\"next\": 1}");
    SCHEMA("{\"anyOf\": [{\"type\": \"array\", \"items\": {\"$ref\": \"#\"}}, {\"type\": \"null\"}]}", "null",
           "[[null], []]", "![1]");
    SCHEMA("{\"title\": \"t\", \"description\": \"d\", \"default\": 1, \"examples\": [], \"x-own\": 1, \"type\": "
           "\"null\"}",
           "null");
    SCHEMA("{\"anyOf\": [false, {\"type\": \"null\"}]}", "null", "!1");
}

static void expect_refused(const char *source, firn_status status, const char *part)
{
    firn_constraint *constraint;
    firn_error error = {0};
    const clock_t start = clock();
    const firn_status got =
        firn_constraint_compile(FIRN_CONSTRAINT_SCHEMA, source, strlen(source), &constraint, &error);
    const double milliseconds = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
    cr_expect_eq(got, status, "%.80s: %s (%s)", source, firn_status_name(got), error.message);
    cr_expect_null(constraint);
    cr_expect_not_null(strstr(error.message, part), "%.80s: %s", source, error.message);
    cr_expect_lt(milliseconds, 1500, "%.80s: %g ms", source, milliseconds);
}

Test(schema, refused)
{
    static const struct {
        const char *source;
        firn_status status;
        const char *part;
    } rows[] = {
        {"", FIRN_ERROR_FORMAT, ""},
        {"{\"type\": \"int\"}", FIRN_ERROR_FORMAT, "schema #/type: unknown type"},
        {"3", FIRN_ERROR_FORMAT, "schema #: a schema is an object"},
        {"{\"properties\": {\"a\": {\"not\": {}}}}", FIRN_ERROR_UNSUPPORTED, "schema #/properties/a/not"},
        {"{\"minimun\": 1}", FIRN_ERROR_UNSUPPORTED, "#/minimun: this keyword"},
        {"{\"if\": {}}", FIRN_ERROR_UNSUPPORTED, "#/if"},
        {"{\"type\": \"array\", \"uniqueItems\": true}", FIRN_ERROR_UNSUPPORTED, "#/uniqueItems"},
        {"{\"type\": \"object\", \"minProperties\": 1}", FIRN_ERROR_UNSUPPORTED, "#/minProperties"},
        {"{\"type\": \"number\", \"multipleOf\": 0.1}", FIRN_ERROR_UNSUPPORTED, "#/multipleOf"},
        {"{\"type\": \"number\", \"minimum\": 0.5}", FIRN_ERROR_UNSUPPORTED, "#/minimum"},
        {"{\"type\": \"string\", \"format\": \"regex\"}", FIRN_ERROR_UNSUPPORTED, "#/format"},
        {"{\"pattern\": \"*a\"}", FIRN_ERROR_FORMAT, "#/pattern: line 1, column 1: nothing stands"},
        {"{\"pattern\": \"(?<=x)\"}", FIRN_ERROR_UNSUPPORTED, "#/pattern: line 1, column 1: looking"},
        {"{\"$ref\": \"#\"}", FIRN_ERROR_UNSUPPORTED, "refers to itself"},
        {"{\"$defs\": {\"a\": {\"$ref\": \"#/$defs/b\"}, \"b\": {\"$ref\": \"#/$defs/a\"}}, \"$ref\": \"#/$defs/a\"}",
         FIRN_ERROR_UNSUPPORTED, "refers to itself"},
        {"{\"anyOf\": [{\"$ref\": \"#\"}, {\"type\": \"null\"}]}", FIRN_ERROR_UNSUPPORTED, "refers to itself"},
        {"{\"$ref\": \"https://example.org/x.json\"}", FIRN_ERROR_UNSUPPORTED, "#/$ref: 'https://example.org/x.json'"},
        {"{\"$ref\": \"#/$defs/none\"}", FIRN_ERROR_UNSUPPORTED, "no place"},
        {"{\"type\": \"array\", \"minItems\": 1000000000}", FIRN_ERROR_LIMIT, "#/minItems"},
        {"{\"type\": \"string\", \"minLength\": -1}", FIRN_ERROR_FORMAT, "#/minLength"},
        {"{\"type\": \"integer\", \"minimum\": 5, \"maximum\": 4}", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"{\"type\": \"string\", \"minLength\": 5, \"maxLength\": 4}", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"{\"type\": \"string\", \"pattern\": \"^a$\", \"minLength\": 2}", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"{\"allOf\": [{\"type\": \"null\"}, {\"type\": \"string\"}]}", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"{\"enum\": []}", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"{\"type\": \"object\", \"properties\": {\"a\": {\"$ref\": \"#\"}}, \"required\": [\"a\"]}",
         FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"false", FIRN_ERROR_ARGUMENT, "no text satisfies"},
        {"{\"oneOf\": [{\"type\": \"integer\"}, {\"type\": \"number\"}]}", FIRN_ERROR_UNSUPPORTED,
         "both 0 and 1 of oneOf"},
        {"{\"enum\": [\"a\"], \"pattern\": \"b\"}", FIRN_ERROR_UNSUPPORTED, "together with enum"},
        {"{\"type\": \"null\", \"type\": \"string\"}", FIRN_ERROR_FORMAT, "comes twice"},
        {"{\"properties\": {\"a\": 1}}", FIRN_ERROR_FORMAT, "#/properties/a: a schema is an object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_refused(rows[i].source, rows[i].status, rows[i].part);
}

Test(schema, sizes_have_limits)
{
    enum { LARGE = 4000000 };
    char *const text = malloc(LARGE), *at = text;
    for (int i = 0; i < 100000; i++)
        at = stpcpy(at, "{\"items\":");
    expect_refused(text, FIRN_ERROR_FORMAT, "more than 256 deep");
    text[2000] = '\0'; /* cut off */
    expect_refused(text, FIRN_ERROR_FORMAT, "");
    at = stpcpy(text, "{\"enum\":[0");
    for (int i = 1; i < 1000000 && at < text + LARGE - 20; i++)
        at = stpcpy(at, ",1");
    strcpy(at, "]}");
    expect_refused(text, FIRN_ERROR_LIMIT, "the limit is 1048576");
    strcpy(text + 100000, "1]}");
    expect_refused(text, FIRN_ERROR_LIMIT, "more than 10000 values");
    at = stpcpy(text, "{\"oneOf\":[{}");
    for (int i = 1; i < 100000; i++)
        at = stpcpy(at, ",{}");
    strcpy(at, "]}");
    expect_refused(text, FIRN_ERROR_LIMIT, "more than 512 schemas");
    at = stpcpy(text, "{\"allOf\":[{}");
    for (int i = 1; i < 100000; i++)
        at = stpcpy(at, ",{}");
    strcpy(at, "]}");
    expect_refused(text, FIRN_ERROR_LIMIT, "schemas hold for one value");
    at = stpcpy(text, "{\"properties\":{");
    for (int i = 0; i < 60000; i++)
        at += sprintf(at, "\"p%d\":{},", i);
    expect_refused(text, FIRN_ERROR_LIMIT, "more than 4096 members");
    free(text);
}

/* Random texts that the masks allow are JSON, and what ended satisfies the constraint byte by byte. */
static void check_random_text(firn_constraint *constraint, const char *source, uint64_t seed)
{
    firn_constraint_state *state;
    uint64_t bits[(SUPPORT_TOKENS + 63) / 64];
    char text[4096];
    size_t length = 0;
    cr_assert_eq(firn_constraint_state_create(constraint, vocabulary, &state, NULL), FIRN_OK);
    for (;;) {
        int32_t possible[SUPPORT_TOKENS], id;
        uint32_t n_possible = 0;
        firn_error error = {0};
        cr_assert_eq(firn_constraint_mask(state, bits, &error), FIRN_OK, "%s: %s", source, error.message);
        for (id = 0; id < SUPPORT_TOKENS; id++)
            if (bits[id / 64] >> id % 64 & 1)
                possible[n_possible++] = id;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        id = possible[(seed >> 33) % n_possible];
        if (length > 300) { /* long enough: whatever ends things */
            for (const char *wanted = "\"]},0e"; *wanted != '\0' && seed >> 60 < 14; wanted++)
                if (bits[(uint8_t)*wanted / 64] >> (uint8_t)*wanted % 64 & 1) {
                    id = *wanted;
                    break;
                }
            if (firn_constraint_can_end(state))
                id = SUPPORT_END_TOKEN;
        }
        cr_assert_eq(firn_constraint_accept(state, id, NULL), FIRN_OK);
        if (id == SUPPORT_END_TOKEN || length > sizeof text - 64)
            break;
        length += support_token_bytes(id, text + length);
    }
    firn_constraint_state_release(state);
    if (length > sizeof text - 64)
        return; /* did not end: nothing to say */
    base_json reader = base_json_begin((base_slice){text, length});
    base_json_event event = {.kind = BASE_JSON_NULL};
    while (event.kind != BASE_JSON_END)
        cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK, "%s gave %.*s", source, (int)length, text);
    cr_expect(support_satisfies(constraint, vocabulary, text, length), "%s gave %.*s", source, (int)length, text);
}

static void expect_texts(firn_constraint *constraint, const char *source, const cJSON *texts, bool wanted)
{
    const cJSON *text;
    cJSON_ArrayForEach(text, texts)
        cr_expect_eq(support_satisfies(constraint, vocabulary, text->valuestring, strlen(text->valuestring)), wanted,
                     "%s %s %s", source, wanted ? "should allow" : "should not allow", text->valuestring);
}

Test(schema, texts_judged_by_another_implementation, .timeout = 120)
{
    char *const path = support_source("tests/data/constraint_schemas.json"), *const file =
                                                                                 support_read_file(path, NULL);
    cJSON *const rows = cJSON_Parse(file), *row;
    double slowest = 0;
    cr_assert_geq(cJSON_GetArraySize(rows), 300);
    cJSON_ArrayForEach(row, rows)
    {
        const char *const source = cJSON_GetObjectItem(row, "schema")->valuestring;
        const clock_t start = clock();
        firn_constraint *const constraint = support_compile(FIRN_CONSTRAINT_SCHEMA, source);
        const double milliseconds = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
        slowest = milliseconds > slowest ? milliseconds : slowest;
        expect_texts(constraint, source, cJSON_GetObjectItem(row, "valid"), true);
        expect_texts(constraint, source, cJSON_GetObjectItem(row, "invalid"), false);
        for (uint64_t seed = 1; seed < 5; seed++)
            check_random_text(constraint, source, seed);
        firn_constraint_release(constraint);
    }
    cr_log_info("slowest compilation: %g ms", slowest);
    cJSON_Delete(rows);
    free(file);
    free(path);
}
