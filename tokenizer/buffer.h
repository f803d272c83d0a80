/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text. Start from {0}; what it holds may move with every append. */
#ifndef FIRN_TOKENIZER_BUFFER_H
#define FIRN_TOKENIZER_BUFFER_H

#include "base/slice.h"

#include <stdlib.h>

typedef struct tok_buffer {
    char *data;
    size_t length, capacity;
} tok_buffer;

enum { TOK_LONGEST_BUFFER = 0x7FFFFFFF }; /* bytes, so that offsets fit into 32 bits */

/* False: no memory, or longer than allowed. */
static inline bool tok_append(tok_buffer *buffer, const char *text, size_t length)
{
    if (length > buffer->capacity - buffer->length) {
        if (length > TOK_LONGEST_BUFFER - buffer->length)
            return false;
        size_t capacity = 2 * (buffer->length + length) + 64;
        char *const grown = realloc(buffer->data, capacity);
        if (!grown)
            return false;
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    if (length > 0)
        memcpy(buffer->data + buffer->length, text, length);
    buffer->length += length;
    return true;
}

static inline base_slice tok_buffer_text(const tok_buffer *buffer)
{
    return (base_slice){buffer->data, buffer->length};
}

static inline void tok_buffer_free(tok_buffer *buffer)
{
    free(buffer->data);
    *buffer = (tok_buffer){0};
}

#endif
