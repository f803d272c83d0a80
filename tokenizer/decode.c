/* SPDX-License-Identifier: Apache-2.0 */
/* From token ids back to bytes, and the stream that gives them out in whole characters. */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>

static size_t copy(base_slice text, char *buffer, size_t capacity)
{
    if (text.length > 0 && text.length <= capacity)
        memcpy(buffer, text.data, text.length);
    return text.length;
}

int tok_byte_of_character(uint32_t code)
{
    if (code < 0x100)
        return (code > 0x20 && code < 0x7F) || (code > 0xA0 && code != 0xAD) ? (int)code : -1;
    if (code < 0x121)
        return (int)(code - 0x100);
    if (code < 0x143)
        return (int)(code - 0x121 + 0x7F);
    return code == 0x143 ? 0xAD : -1;
}

/* Characters that stand for no byte come out as they are. */
static size_t decode_byte_level(base_slice text, char *buffer, size_t capacity)
{
    const char *const end = text.data + text.length;
    size_t length = 0;
    for (const char *at = text.data; at < end;) {
        const tok_character c = tok_character_at(at, end);
        const int byte = tok_byte_of_character(c.code);
        const size_t bytes = byte >= 0 ? 1 : c.length;
        if (length + bytes <= capacity) {
            if (byte >= 0)
                buffer[length] = (char)byte;
            else
                memcpy(buffer + length, at, bytes);
        }
        length += bytes;
        at += c.length;
    }
    return length;
}

static size_t decode_spaces(base_slice text, char *buffer, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; length++) {
        const bool space = text.length - i >= 3 && memcmp(text.data + i, TOK_SPACE_SYMBOL, 3) == 0;
        if (length < capacity)
            buffer[length] = space ? ' ' : text.data[i];
        i += space ? 3 : 1;
    }
    return length;
}

static bool is_shown(const tok_tokenizer *tokenizer, uint32_t id, bool special)
{
    return special || tok_type_of(tokenizer, id) != TOK_TYPE_CONTROL;
}

/* A token in the middle of others. Without memory it has no bytes. */
static size_t decode_described(const tok_tokenizer *tokenizer, base_slice token, char *buffer, size_t capacity)
{
    tok_buffer first = {0}, second = {0};
    base_slice text;
    size_t length = 0;
    if (tok_decode_token(tokenizer->pipeline, token, false, false, &first, &second, &text) == TOK_DONE)
        length = copy(text, buffer, capacity);
    tok_buffer_free(&first);
    tok_buffer_free(&second);
    return length;
}

static bool append_simply(const tok_tokenizer *tokenizer, int32_t id, bool special, tok_buffer *out)
{
    char bytes[TOK_LONGEST_SPECIAL];
    size_t length = tok_decode_one(tokenizer, id, special, bytes, sizeof bytes);
    if (length <= sizeof bytes)
        return tok_append(out, bytes, length);
    char *const more = malloc(length);
    length = more ? tok_decode_one(tokenizer, id, special, more, length) : 0;
    const bool done = more && tok_append(out, more, length);
    free(more);
    return done;
}

static tok_outcome append_described(const tok_tokenizer *tokenizer, int32_t id, bool first, bool last,
                                    tok_buffer work[2], tok_buffer *out)
{
    base_slice text;
    if (!first && tokenizer->pipeline->joins_by_spaces && !tok_append(out, " ", 1))
        return TOK_NO_MEMORY;
    const tok_outcome outcome =
        tok_decode_token(tokenizer->pipeline, tokenizer->config.tokens[id], first, last, &work[0], &work[1], &text);
    return outcome != TOK_DONE || tok_append(out, text.data, text.length) ? outcome : TOK_NO_MEMORY;
}

static tok_outcome decode_ids(const tok_tokenizer *tokenizer, const int32_t *ids, size_t n_ids, bool special,
                              tok_buffer work[2], tok_buffer *out)
{
    const uint32_t n_tokens = tokenizer->config.n_tokens;
    tok_outcome outcome = TOK_DONE;
    size_t n_shown = n_ids;
    while (n_shown > 0 && (ids[n_shown - 1] < 0 || (uint32_t)ids[n_shown - 1] >= n_tokens ||
                           !is_shown(tokenizer, (uint32_t)ids[n_shown - 1], special)))
        n_shown--;
    bool first = true;
    for (size_t i = 0; outcome == TOK_DONE && i < n_shown; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= n_tokens || !is_shown(tokenizer, (uint32_t)ids[i], special))
            continue;
        if (!tokenizer->decodes_simply)
            outcome = append_described(tokenizer, ids[i], first, i + 1 == n_shown, work, out);
        else if (!append_simply(tokenizer, ids[i], special, out))
            outcome = TOK_NO_MEMORY;
        first = false;
    }
    if (outcome == TOK_DONE && !tokenizer->decodes_simply) {
        base_slice text;
        outcome = tok_decode_whole(tokenizer->pipeline, tok_buffer_text(out), &work[0], &work[1], &text);
        if (outcome == TOK_DONE && text.data != out->data) {
            out->length = 0;
            outcome = tok_append(out, text.data, text.length) ? TOK_DONE : TOK_NO_MEMORY;
        }
    }
    return outcome;
}

firn_status tok_decode(const tok_tokenizer *tokenizer, const int32_t *ids, size_t n_ids, bool special, char **text,
                       size_t *length, firn_error *error)
{
    tok_buffer out = {0}, work[2] = {{0}, {0}};
    tok_outcome outcome = decode_ids(tokenizer, ids, n_ids, special, work, &out);
    if (outcome == TOK_DONE && !tok_append(&out, "", 1)) /* the terminator */
        outcome = TOK_NO_MEMORY;
    tok_buffer_free(&work[0]);
    tok_buffer_free(&work[1]);
    *text = NULL;
    *length = 0;
    if (outcome != TOK_DONE) {
        tok_buffer_free(&out);
        return base_fail(error, outcome == TOK_REGEX_LIMIT ? FIRN_ERROR_LIMIT : FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                         "%zu tokens could not be decoded: %s", n_ids,
                         outcome == TOK_REGEX_LIMIT ? "a regular expression takes too many steps" : "no memory");
    }
    *length = out.length - 1;
    if (tokenizer->drops_first_space && out.data[0] == ' ')
        memmove(out.data, out.data + 1, (*length)--);
    *text = out.data;
    return FIRN_OK;
}

size_t tok_decode_one(const tok_tokenizer *tokenizer, int32_t id, bool special, char *buffer, size_t capacity)
{
    if (id < 0 || (uint32_t)id >= tokenizer->config.n_tokens)
        return 0;
    const base_slice text = tokenizer->config.tokens[id];
    if (!tokenizer->decodes_simply)
        return is_shown(tokenizer, (uint32_t)id, special) ? decode_described(tokenizer, text, buffer, capacity) : 0;
    switch (tok_type_of(tokenizer, (uint32_t)id)) {
    case TOK_TYPE_CONTROL:
    case TOK_TYPE_UNKNOWN:
        return special ? copy(text, buffer, capacity) : 0;
    case TOK_TYPE_USER_DEFINED:
        if (!tokenizer->pipeline) /* else it goes through its decoder as others do */
            return copy(text, buffer, capacity);
        break;
    case TOK_TYPE_BYTE: {
        const int byte = tok_byte_of_token(text);
        const char bytes[1] = {(char)byte};
        return byte < 0 ? 0 : copy((base_slice){bytes, 1}, buffer, capacity);
    }
    default:
        break;
    }
    if (!tokenizer->characters)
        return decode_byte_level(text, buffer, capacity);
    return tokenizer->space_symbol || tokenizer->pipeline ? decode_spaces(text, buffer, capacity)
                                                          : copy(text, buffer, capacity);
}

/* How many bytes at the end of `text` begin a character that is not complete: 0 to 3. */
static size_t incomplete(const char *text, size_t length)
{
    for (size_t n = 1; n <= 3 && n <= length; n++) {
        const unsigned char byte = (unsigned char)text[length - n];
        if ((byte & 0xC0) == 0x80)
            continue;
        const size_t whole = byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
        return byte < 0xF5 && whole > n ? n : 0;
    }
    return 0;
}

size_t tok_stream_add(tok_stream *stream, const char *bytes, size_t length, char *ready)
{
    const size_t held = stream->n_held;
    size_t total = held + length;
    memcpy(ready, stream->held, held);
    if (length > 0)
        memcpy(ready + held, bytes, length);
    stream->n_held = (uint8_t)incomplete(ready, total);
    total -= stream->n_held;
    memcpy(stream->held, ready + total, stream->n_held);
    return total;
}

size_t tok_stream_flush(tok_stream *stream, char *ready)
{
    const size_t held = stream->n_held;
    memcpy(ready, stream->held, held);
    stream->n_held = 0;
    return held;
}
