/* SPDX-License-Identifier: Apache-2.0 */
/* From token ids back to bytes, and the stream that gives them out in whole characters. */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

static size_t copy(base_slice text, char *buffer, size_t capacity)
{
    if (text.length > 0 && text.length <= capacity)
        memcpy(buffer, text.data, text.length);
    return text.length;
}

/* The byte that byte-level BPE writes as this character, or -1. */
static int byte_of_character(uint32_t code)
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
        const int byte = byte_of_character(c.code);
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

size_t tok_decode_one(const tok_tokenizer *tokenizer, int32_t id, bool special, char *buffer, size_t capacity)
{
    if (id < 0 || (uint32_t)id >= tokenizer->config.n_tokens)
        return 0;
    const base_slice text = tokenizer->config.tokens[id];
    switch (tok_type_of(tokenizer, (uint32_t)id)) {
    case TOK_TYPE_CONTROL:
    case TOK_TYPE_UNKNOWN:
        return special ? copy(text, buffer, capacity) : 0;
    case TOK_TYPE_USER_DEFINED:
        return copy(text, buffer, capacity);
    case TOK_TYPE_BYTE: {
        const int byte = tok_byte_of_token(text);
        const char bytes[1] = {(char)byte};
        return byte < 0 ? 0 : copy((base_slice){bytes, 1}, buffer, capacity);
    }
    default:
        if (!tokenizer->characters)
            return decode_byte_level(text, buffer, capacity);
        return tokenizer->space_symbol ? decode_spaces(text, buffer, capacity) : copy(text, buffer, capacity);
    }
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
