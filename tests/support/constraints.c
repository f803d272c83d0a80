/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/constraints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
    "ab",
    "abc",
    "ba",
    "cab",
    "aaa",
    "\", \"",
    "\":",
    "\": ",
    "{\"",
    "\"}",
    "}",
    "]}",
    "\"a\"",
    "true",
    "null",
    "false",
    "12",
    "123",
    "0.5",
    "-1",
    ",\n",
    "\n  ",
    "  ",
    "\\\"",
    "\\n",
    "\\u00",
    "é",
    "日本",
    "\xF0\x9F",
    "\x98\x80",
    "name",
    "age",
    "id",
    "hello world",
    "abcdefghijklmnopq",
    "((",
    "))",
    "())",
    "a\"b",
    "[]",
    "ab", /* a second token with the same bytes */
    /* longer than what constraints look at as a whole */
    "                                        ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    "日本日本日本日本日本日本日本",
    "abbaabbaabbaabbaabbaabbaabbaabba\\n\"",
    "\"                                                       ",
};
enum { TEXTS = sizeof texts / sizeof texts[0], FIRST_TEXT = SUPPORT_CONTROL_TOKEN + 1 };

size_t support_token_bytes(int32_t id, char bytes[SUPPORT_TOKEN_BYTES])
{
    if (id < 256) {
        bytes[0] = (char)id;
        return 1;
    }
    if (id < FIRST_TEXT)
        return 0;
    return (size_t)snprintf(bytes, SUPPORT_TOKEN_BYTES, "%s", texts[(id - FIRST_TEXT) % TEXTS]);
}

static firn_token_kind describe(void *argument, int32_t id, const char **bytes, size_t *length)
{
    char *const buffer = argument;
    *bytes = buffer;
    *length = support_token_bytes(id, buffer);
    return id == SUPPORT_END_TOKEN ? FIRN_TOKEN_ENDS : id == SUPPORT_CONTROL_TOKEN ? FIRN_TOKEN_NEVER : FIRN_TOKEN_TEXT;
}

firn_vocabulary *support_byte_vocabulary(void)
{
    char buffer[SUPPORT_TOKEN_BYTES];
    firn_vocabulary *vocabulary;
    if (firn_vocabulary_create(FIRST_TEXT + TEXTS, describe, buffer, &vocabulary, NULL) != FIRN_OK)
        abort();
    return vocabulary;
}

firn_constraint *support_compile(firn_constraint_kind kind, const char *text)
{
    firn_constraint *constraint;
    firn_error error = {0};
    if (firn_constraint_compile(kind, text, strlen(text), &constraint, &error) != FIRN_OK) {
        fprintf(stderr, "%s\n%s\n", text, error.message);
        abort();
    }
    return constraint;
}

bool support_satisfies(firn_constraint *constraint, firn_vocabulary *vocabulary, const char *text, size_t length)
{
    firn_constraint_state *state;
    firn_error error = {0};
    if (firn_constraint_state_create(constraint, vocabulary, &state, &error) != FIRN_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < length && status == FIRN_OK; i++)
        status = firn_constraint_accept(state, (uint8_t)text[i], &error);
    if (status != FIRN_OK && status != FIRN_ERROR_ARGUMENT) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    const bool satisfied = status == FIRN_OK && firn_constraint_accept(state, SUPPORT_END_TOKEN, NULL) == FIRN_OK;
    firn_constraint_state_release(state);
    return satisfied;
}
