/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_text.h"

#include "base/checked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_TEXT = 1 << 28 }; /* bytes; more than any context holds */

firn_status tool_read(const char *path, tool_text *out, firn_error *error)
{
    firn_status status = FIRN_OK;
    const char *const name = path != NULL ? path : "standard input";
    size_t capacity = 0;
    FILE *const file = path != NULL ? fopen(path, "rb") : stdin;
    *out = (tool_text){NULL, 0};
    if (file == NULL)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.200s: %s", name, strerror(errno));
    do {
        if (capacity - out->length < 2) {
            capacity = capacity == 0 ? 1 << 16 : 2 * capacity;
            char *const grown = capacity > LARGEST_TEXT ? NULL : realloc(out->data, capacity);
            if (grown == NULL) {
                status = base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                                   "%.200s: a text of more than %zu bytes; at most %d are allowed", name, out->length,
                                   LARGEST_TEXT);
                goto done;
            }
            out->data = grown;
        }
        out->length += fread(out->data + out->length, 1, capacity - out->length - 1, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file)) {
        status =
            base_fail(error, FIRN_ERROR_IO, out->length, "%.200s: byte %zu: %s", name, out->length, strerror(errno));
        goto done;
    }
    out->data[out->length] = '\0';
done:
    if (path != NULL)
        fclose(file);
    if (status != FIRN_OK) {
        free(out->data);
        *out = (tool_text){NULL, 0};
    }
    return status;
}

base_slice tool_without_newline(const tool_text *text)
{
    const bool newline = text->length > 0 && text->data[text->length - 1] == '\n';
    return (base_slice){text->data, text->length - newline};
}

static int hexadecimal(char c)
{
    const char *const digits = "0123456789abcdef";
    const char *const at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* What the escape at `text`, behind its backslash, stands for; gives its length, 0 if it is none. */
static size_t escape(const char *text, char *value)
{
    static const char letters[] = "nrt'\"\\", values[] = "\n\r\t'\"\\";
    const char *const at = *text == '\0' ? NULL : strchr(letters, *text);
    if (at != NULL) {
        *value = values[at - letters];
        return 1;
    }
    if (text[0] != 'x' || hexadecimal(text[1]) < 0 || hexadecimal(text[2]) < 0)
        return 0;
    *value = (char)(16 * hexadecimal(text[1]) + hexadecimal(text[2]));
    return 3;
}

firn_status tool_copy(const char *argument, int escapes, tool_text *out, firn_error *error)
{
    *out = (tool_text){malloc(strlen(argument) + 1), 0};
    if (out->data == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text of %zu bytes",
                         strlen(argument));
    while (*argument != '\0') {
        char *const to = &out->data[out->length++];
        const size_t length = escapes && *argument == '\\' ? escape(argument + 1, to) : 0;
        if (length == 0)
            *to = *argument;
        argument += 1 + length;
    }
    out->data[out->length] = '\0';
    return FIRN_OK;
}

firn_status tool_read_ids(const char *list, int32_t **ids, size_t *n_ids, firn_error *error)
{
    size_t count = 1, n = 0, bytes;
    for (const char *c = list; *c != '\0'; c++)
        count += *c == ',';
    *ids = base_multiply_size(count, sizeof **ids, &bytes) ? malloc(bytes) : NULL;
    if (*ids == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu token ids", count);
    for (const char *c = list;; c++) {
        const char *const start = c;
        int64_t id = 0;
        for (; *c >= '0' && *c <= '9' && id <= INT32_MAX; c++)
            id = 10 * id + (*c - '0');
        if (c == start || id > INT32_MAX || (*c != ',' && *c != '\0')) {
            free(*ids);
            *ids = NULL;
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "token id number %zu, '%.20s', is not one; give ids as in 1,2,3", n + 1, start);
        }
        (*ids)[n++] = (int32_t)id;
        if (*c == '\0')
            break;
    }
    *n_ids = n;
    return FIRN_OK;
}

firn_status tool_check_ids(const int32_t *ids, size_t n_ids, uint32_t n_vocab, firn_error *error)
{
    for (size_t i = 0; i < n_ids; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= n_vocab)
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "token id number %zu, %d, is outside the vocabulary; 0 to %u are allowed", i + 1, ids[i],
                             n_vocab - 1);
    return FIRN_OK;
}
