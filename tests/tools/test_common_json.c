/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_json.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct memory {
    FILE *out;
    char *text;
    size_t length;
} memory;

static void start(memory *m)
{
    m->out = open_memstream(&m->text, &m->length);
    cr_assert_not_null(m->out);
}

static void expect(memory *m, const char *text)
{
    fclose(m->out);
    cr_assert_str_eq(m->text, text);
    free(m->text);
}

static void expect_string(const char *bytes, size_t length, const char *json)
{
    memory m;
    start(&m);
    tool_json_string(m.out, bytes, length);
    expect(&m, json);
}

Test(common_json, strings_are_valid_whatever_the_bytes)
{
    expect_string("a\"b\\c\n", 6, "\"a\\\"b\\\\c\\n\"");
    expect_string("\0\x1b\x7f", 3, "\"\\u0000\\u001b\\u007f\"");
    expect_string("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    expect_string("a\xff\xc3", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
    expect_string("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
    expect_string("", 0, "\"\"");
}

Test(common_json, bytes_and_numbers)
{
    memory m;
    start(&m);
    tool_json_bytes(m.out, "\0\x80\xff", 3);
    tool_json_bytes(m.out, "", 0);
    expect(&m, "[0,128,255][]");
    start(&m);
    tool_json_number(m.out, -1.25, 7);
    fputc(' ', m.out);
    tool_json_number(m.out, -INFINITY, 7);
    fputc(' ', m.out);
    tool_json_number(m.out, NAN, 7);
    expect(&m, "-1.25 null null");
}

Test(common_json, parameters_read_back)
{
    memory m;
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 9007199254740993u;
    start(&m);
    tool_json_parameters(m.out, &parameters);
    fclose(m.out);
    cr_assert(strstr(m.text, "\"seed\":9007199254740993") != NULL);
    cJSON *const object = cJSON_Parse(m.text);
    cr_assert_not_null(object);
    cr_assert_eq(cJSON_GetArraySize(object), (int)firn_parameter_count());
    cr_assert_eq(cJSON_GetObjectItem(object, "temperature")->valuedouble, 0.8);
    cr_assert(cJSON_IsFalse(cJSON_GetObjectItem(object, "ignore_eos")));
    cJSON_Delete(object);
    free(m.text);
}
