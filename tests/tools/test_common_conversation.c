/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_conversation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void expect_json(const tool_conversation *conversation, bool whole, const char *wanted)
{
    tool_text text;
    cr_assert_eq(tool_conversation_json(conversation, whole, &text, NULL), FIRN_OK);
    cr_expect_str_eq(text.data, wanted);
    cr_expect_eq(text.length, strlen(wanted));
    free(text.data);
}

static firn_status read_text(tool_conversation *conversation, const char *text, firn_error *error)
{
    char path[] = "/tmp/firn-conversation-XXXXXX";
    const int descriptor = mkstemp(path);
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
    const firn_status status = tool_conversation_read(conversation, path, error);
    unlink(path);
    return status;
}

Test(common_conversation, messages_come_and_go)
{
    tool_conversation c = {.messages = NULL};
    expect_json(&c, true, "[]");
    cr_expect_eq(tool_conversation_last_user(&c), 0);
    cr_assert_eq(tool_conversation_insert(&c, 0, TOOL_USER, base_slice_from("a\"\n"), NULL), FIRN_OK);
    cr_assert_eq(tool_conversation_insert(&c, 1, TOOL_ASSISTANT, (base_slice){"b\xff\xe2\x82", 4}, NULL), FIRN_OK);
    cr_assert_eq(tool_conversation_insert(&c, 0, TOOL_SYSTEM, (base_slice){NULL, 0}, NULL), FIRN_OK);
    expect_json(&c, true,
                "[{\"role\":\"system\",\"content\":\"\"},\n{\"role\":\"user\",\"content\":\"a\\\"\\n\"},\n"
                "{\"role\":\"assistant\",\"content\":\"b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}]");
    cr_expect_eq(tool_conversation_last_user(&c), 1);
    tool_conversation_remove(&c, 0);
    cr_expect_eq(tool_conversation_last_user(&c), 0);
    tool_conversation_cut(&c, 1);
    expect_json(&c, false, "[{\"role\":\"user\",\"content\":\"a\\\"\\n\"}]");
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(tool_conversation_insert(&c, i / 2, TOOL_ASSISTANT, base_slice_from("x"), NULL), FIRN_OK);
    cr_expect_eq(tool_conversation_last_user(&c), 100);
    tool_conversation_remove(&c, 100);
    cr_expect_eq(tool_conversation_last_user(&c), c.count, "no message is the user's");
    tool_conversation_free(&c);
}

Test(common_conversation, files_are_kept_to_the_byte)
{
    const char *const message = "{\"content\": [1.50, {\"role\": \"user\"}], \"role\": \"assistant\", \"x\": null}";
    char text[400];
    tool_conversation c = {.messages = NULL};
    snprintf(text, sizeof text, " [ {\"role\":\"user\"} ,%s ] ", message);
    cr_assert_eq(read_text(&c, text, NULL), FIRN_OK);
    cr_assert(c.count == 2 && c.messages[0].role == TOOL_USER && c.messages[1].role == TOOL_ASSISTANT);
    cr_expect_str_eq(c.messages[1].json, message);

    snprintf(text, sizeof text, "{\"model\": [{}], \"tools\": [{\"a\": 1e2}], \"messages\": [%s]}", message);
    cr_assert_eq(read_text(&c, text, NULL), FIRN_OK);
    cr_assert_eq(c.count, 1);
    cr_expect_str_eq(c.tools, " [{\"a\": 1e2}]");
    snprintf(text, sizeof text, "{\"tools\": [{\"a\": 1e2}],\n\"messages\":[%s]}", message);
    expect_json(&c, true, text);
    cr_assert_eq(read_text(&c, text, NULL), FIRN_OK, "what was written can be read");
    tool_conversation_free(&c);
}

Test(common_conversation, bad_files_change_nothing)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[",
        "[1]",
        "[{}",
        "[{}] 1",
        "{\"messages\": {}}",
        "{\"messages\": [{}], \"tools\": }",
        "\"a\"",
        "5",
        "[{},[]]",
        "nul",
        "{\"tools\": []}",
        "[{\"role\"}]",
        "[{\"role\": ",
    };
    tool_conversation c = {.messages = NULL};
    cr_assert_eq(tool_conversation_insert(&c, 0, TOOL_USER, base_slice_from("a"), NULL), FIRN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        firn_error error = {0};
        cr_expect_neq(read_text(&c, bad[i], &error), FIRN_OK, "%s", bad[i]);
        cr_expect_not_null(strstr(error.message, "firn-conversation-"), "'%s' names no file", error.message);
        cr_expect_eq(c.count, 1);
    }
    tool_conversation_free(&c);
}
