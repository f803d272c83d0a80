/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and lists of token ids as a program gets them: from an argument, a file or standard input. */
#ifndef FIRN_TOOLS_COMMON_TEXT_H
#define FIRN_TOOLS_COMMON_TEXT_H

#include "base/slice.h"
#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes owned by whoever holds it (free(data)); always has a terminator, which `length` doesn't count. */
typedef struct tool_text {
    char *data;
    size_t length;
} tool_text;

/* Everything in the file, or in standard input where `path` is NULL. Names the file in an error. */
firn_status tool_read(const char *path, tool_text *out, firn_error *error);

/* The text less the newline at its end: files end in one that nobody means. */
base_slice tool_without_newline(const tool_text *text);

/*
 * Copies an argument; with `escapes`, \n \r \t \' \" \\ and \xHH become what they stand for, and any other backslash
 * stays.
 */
firn_status tool_copy(const char *argument, int escapes, tool_text *out, firn_error *error);

/* Reads "1,2,3". *ids is the caller's on success (free()). */
firn_status tool_read_ids(const char *list, int32_t **ids, size_t *n_ids, firn_error *error);

/* Whether every id is below n_vocab. */
firn_status tool_check_ids(const int32_t *ids, size_t n_ids, uint32_t n_vocab, firn_error *error);

#endif
