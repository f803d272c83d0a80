/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation in OpenAI's message form. Messages are kept as JSON texts, so that what a file says of tool calls and
 * the like reaches the chat template untouched.
 */
#ifndef FIRN_TOOLS_COMMON_CONVERSATION_H
#define FIRN_TOOLS_COMMON_CONVERSATION_H

#include "base/slice.h"
#include "tools/common_text.h"

#include <stdbool.h>

typedef enum tool_role { TOOL_SYSTEM, TOOL_USER, TOOL_ASSISTANT, TOOL_OTHER } tool_role;

typedef struct tool_message {
    char *json; /* an object */
    tool_role role;
} tool_message;

/* Start from {0}, release with tool_conversation_free. */
typedef struct tool_conversation {
    tool_message *messages; /* [count] */
    size_t count, capacity;
    char *tools; /* a JSON array, or NULL */
} tool_conversation;

void tool_conversation_free(tool_conversation *conversation);

/*
 * Adds a message at `index`, at most count. Bytes that are no part of a character become U+FFFD. `role` is not
 * TOOL_OTHER. On failure nothing is added.
 */
firn_status tool_conversation_insert(tool_conversation *conversation, size_t index, tool_role role, base_slice text,
                                     firn_error *error);

/* Leaves the first `count` messages. */
void tool_conversation_cut(tool_conversation *conversation, size_t count);
void tool_conversation_remove(tool_conversation *conversation, size_t index);

/* How many messages there are before the last one of the user's; the count of all where there is none. */
size_t tool_conversation_last_user(const tool_conversation *conversation);

/*
 * Reads a file with an array of messages, or with an object that has it as "messages" and maybe "tools". On success
 * what was there before is released; on failure nothing changes.
 */
firn_status tool_conversation_read(tool_conversation *conversation, const char *path, firn_error *error);

/* The same from a text. */
firn_status tool_conversation_parse(tool_conversation *conversation, base_slice text, firn_error *error);

/* The messages as an array, or (whole) as an object with the tools where there are any. */
firn_status tool_conversation_json(const tool_conversation *conversation, bool whole, tool_text *out,
                                   firn_error *error);

#endif
