/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_copy(const char *argument, int escapes, const char *bytes, size_t length)
{
    tool_text text;
    cr_assert_eq(tool_copy(argument, escapes, &text, NULL), FIRN_OK);
    cr_assert_eq(text.length, length, "'%s': %zu bytes", argument, text.length);
    cr_assert(memcmp(text.data, bytes, length + 1) == 0, "'%s'", argument);
    free(text.data);
}

Test(common_text, escapes)
{
    expect_copy("a\\nb\\t\\\"\\'\\\\n\\r", 1, "a\nb\t\"'\\n\r", 9);
    expect_copy("a\\nb", 0, "a\\nb", 4);
    expect_copy("\\x41\\xfF\\x00z", 1, "A\xff\0z", 4);
    expect_copy("\\x4", 1, "\\x4", 3);
    expect_copy("\\xg1\\q\\", 1, "\\xg1\\q\\", 7);
    expect_copy("", 1, "", 0);
}

Test(common_text, reads_a_file_whole)
{
    char path[] = "/tmp/firn-text-XXXXXX";
    const int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    enum { LENGTH = 200001 };
    char *const bytes = malloc(LENGTH);
    for (int i = 0; i < LENGTH; i++)
        bytes[i] = (char)(i * 31 % 256);
    cr_assert_eq(write(descriptor, bytes, LENGTH), LENGTH);
    close(descriptor);
    tool_text text;
    firn_error error = {0};
    cr_assert_eq(tool_read(path, &text, &error), FIRN_OK, "%s", error.message);
    cr_assert(text.length == LENGTH && memcmp(text.data, bytes, LENGTH) == 0 && text.data[LENGTH] == '\0');
    free(text.data);
    free(bytes);
    unlink(path);
    cr_assert_eq(tool_read(path, &text, &error), FIRN_ERROR_IO);
    cr_assert(strstr(error.message, path) != NULL);
    cr_assert_null(text.data);
    cr_assert_eq(tool_read("/", &text, &error), FIRN_ERROR_IO);
}

Test(common_text, ids)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    firn_error error = {0};
    cr_assert_eq(tool_read_ids("1,20,2147483647", &ids, &n_ids, &error), FIRN_OK);
    cr_assert(n_ids == 3 && ids[0] == 1 && ids[1] == 20 && ids[2] == INT32_MAX);
    cr_assert_eq(tool_check_ids(ids, 2, 21, &error), FIRN_OK);
    cr_assert_eq(tool_check_ids(ids, 2, 20, &error), FIRN_ERROR_ARGUMENT);
    cr_assert(strstr(error.message, "number 2, 20,") != NULL && strstr(error.message, "0 to 19") != NULL);
    free(ids);
    static const char *const bad[] = {"", ",", "1,", ",1", "1,,2", "1, 2", "-1", "1.5", "2147483648", "99999999999999",
                                      "a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(tool_read_ids(bad[i], &ids, &n_ids, &error), FIRN_ERROR_ARGUMENT, "'%s'", bad[i]);
        cr_assert_null(ids);
        cr_assert(strstr(error.message, "token id number ") != NULL, "%s", error.message);
    }
}
