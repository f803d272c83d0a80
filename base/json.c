/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/number.h"
#include "base/utf8.h"

/* What may come next, kept in base_json.expect. */
enum { EXPECT_VALUE, EXPECT_VALUE_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COMMA_OR_END, EXPECT_NOTHING };

base_json base_json_begin(base_slice text)
{
    return (base_json){.text = text, .expect = EXPECT_VALUE};
}

void base_line_column(base_slice text, size_t offset, size_t *line, size_t *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < text.length; i++) {
        if (text.data[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)text.data[i] & 0xC0) != 0x80) {
            (*column)++;
        }
    }
}

static firn_status fault(const base_json *reader, size_t offset, const char *what, firn_error *error)
{
    size_t line, column;
    base_line_column(reader->text, offset, &line, &column);
    return base_fail(error, FIRN_ERROR_FORMAT, offset, "JSON, line %zu, column %zu: %s", line, column, what);
}

static int peek(const base_json *reader)
{
    return reader->position < reader->text.length ? (unsigned char)reader->text.data[reader->position] : -1;
}

static void skip_space(base_json *reader)
{
    for (int c = peek(reader); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(reader))
        reader->position++;
}

static bool in_object(const base_json *reader)
{
    uint32_t level = reader->depth - 1;
    return (reader->objects[level / 8] >> (level % 8) & 1) != 0;
}

static void after_value(base_json *reader)
{
    reader->expect = reader->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
}

static firn_status enter(base_json *reader, bool object, firn_error *error)
{
    if (reader->depth == BASE_JSON_DEPTH)
        return fault(reader, reader->position, "arrays and objects lie more than 256 deep inside each other", error);
    uint32_t level = reader->depth++;
    uint8_t bit = (uint8_t)(1U << (level % 8));
    reader->objects[level / 8] =
        (uint8_t)(object ? reader->objects[level / 8] | bit : reader->objects[level / 8] & ~bit);
    reader->position++;
    reader->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    return FIRN_OK;
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The value of the four hexadecimal digits at `at`, or -1. */
static int32_t hex4(base_slice text, size_t at)
{
    int32_t value = 0;
    if (text.length < 4 || at > text.length - 4)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        int digit = hex_digit((unsigned char)text.data[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/*
 * Reads the escape whose backslash is at `at`: its character goes to *code, its length is returned; 0 if it is none of
 * the standard's.
 */
static size_t read_escape(base_slice text, size_t at, uint32_t *code)
{
    if (at + 1 >= text.length)
        return 0;
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name = memchr(names, text.data[at + 1], sizeof names - 1);
    if (name != NULL) {
        *code = (uint32_t)values[name - names];
        return 2;
    }
    int32_t first = text.data[at + 1] == 'u' ? hex4(text, at + 2) : -1;
    if (first < 0 || (first >= 0xDC00 && first < 0xE000))
        return 0;
    *code = (uint32_t)first;
    if (first < 0xD800 || first > 0xDBFF)
        return 6;
    if (at + 7 >= text.length || text.data[at + 6] != '\\' || text.data[at + 7] != 'u')
        return 0;
    int32_t second = hex4(text, at + 8);
    if (second < 0xDC00 || second > 0xDFFF)
        return 0;
    *code = 0x10000 + ((uint32_t)(first - 0xD800) << 10) + (uint32_t)(second - 0xDC00);
    return 12;
}

static firn_status read_string(base_json *reader, base_json_event *event, firn_error *error)
{
    base_slice text = reader->text;
    size_t at = reader->position + 1;
    event->escaped = false;
    while (at < text.length && text.data[at] != '"') {
        unsigned char c = (unsigned char)text.data[at];
        uint32_t code;
        size_t width = 1;
        if (c == '\\') {
            event->escaped = true;
            width = read_escape(text, at, &code);
            if (width == 0)
                return fault(reader, at, "the escape is not one of JSON's, or half of a surrogate pair", error);
        } else if (c < 0x20) {
            return fault(reader, at, "a control character in a string has to be escaped", error);
        } else if (c >= 0x80) {
            width = base_utf8_decode(text.data + at, text.length - at, &code);
            if (width == 0)
                return fault(reader, at, "the string is not valid UTF-8", error);
        }
        at += width;
    }
    if (at >= text.length)
        return fault(reader, reader->position, "the string has no end", error);
    event->text = (base_slice){text.data + reader->position + 1, at - reader->position - 1};
    reader->position = at + 1;
    return FIRN_OK;
}

static size_t digits(const base_json *reader, size_t at)
{
    size_t start = at;
    while (at < reader->text.length && reader->text.data[at] >= '0' && reader->text.data[at] <= '9')
        at++;
    return at - start;
}

static firn_status read_number(base_json *reader, base_json_event *event, firn_error *error)
{
    base_slice text = reader->text;
    size_t start = reader->position, at = start + (text.data[start] == '-');
    size_t whole = digits(reader, at);
    if (whole == 0 || (whole > 1 && text.data[at] == '0'))
        return fault(reader, start, "a value is expected here", error);
    at += whole;
    if (at < text.length && text.data[at] == '.') {
        size_t fraction = digits(reader, at + 1);
        if (fraction == 0)
            return fault(reader, at, "digits have to follow the point", error);
        at += 1 + fraction;
    }
    if (at < text.length && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.length && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        size_t exponent = digits(reader, at);
        if (exponent == 0)
            return fault(reader, at, "digits have to follow the exponent's sign", error);
        at += exponent;
    }
    event->kind = BASE_JSON_NUMBER;
    event->text = (base_slice){text.data + start, at - start};
    reader->position = at;
    return FIRN_OK;
}

static firn_status read_word(base_json *reader, const char *word, base_json_kind kind, base_json_event *event,
                             firn_error *error)
{
    size_t length = strlen(word);
    if (reader->text.length - reader->position < length ||
        memcmp(reader->text.data + reader->position, word, length) != 0)
        return fault(reader, reader->position, "a value is expected here", error);
    event->kind = kind;
    event->text = (base_slice){reader->text.data + reader->position, length};
    reader->position += length;
    return FIRN_OK;
}

static firn_status read_value(base_json *reader, base_json_event *event, firn_error *error)
{
    firn_status status;
    switch (peek(reader)) {
    case '{':
        event->kind = BASE_JSON_OBJECT_BEGIN;
        return enter(reader, true, error);
    case '[':
        event->kind = BASE_JSON_ARRAY_BEGIN;
        return enter(reader, false, error);
    case '"':
        event->kind = BASE_JSON_STRING;
        status = read_string(reader, event, error);
        break;
    case 't':
        status = read_word(reader, "true", BASE_JSON_TRUE, event, error);
        break;
    case 'f':
        status = read_word(reader, "false", BASE_JSON_FALSE, event, error);
        break;
    case 'n':
        status = read_word(reader, "null", BASE_JSON_NULL, event, error);
        break;
    case -1:
        return fault(reader, reader->position, "the text ends where a value is expected", error);
    default:
        status = read_number(reader, event, error);
    }
    after_value(reader);
    return status;
}

static firn_status read_key(base_json *reader, base_json_event *event, firn_error *error)
{
    if (peek(reader) != '"')
        return fault(reader, reader->position, "a member's name in quotes is expected here", error);
    event->kind = BASE_JSON_KEY;
    firn_status status = read_string(reader, event, error);
    if (status != FIRN_OK)
        return status;
    skip_space(reader);
    if (peek(reader) != ':')
        return fault(reader, reader->position, "':' is expected after a member's name", error);
    reader->position++;
    reader->expect = EXPECT_VALUE;
    return FIRN_OK;
}

static void leave(base_json *reader, base_json_event *event)
{
    event->kind = in_object(reader) ? BASE_JSON_OBJECT_END : BASE_JSON_ARRAY_END;
    reader->position++;
    reader->depth--;
    after_value(reader);
}

firn_status base_json_next(base_json *reader, base_json_event *event, firn_error *error)
{
    skip_space(reader);
    *event = (base_json_event){.kind = BASE_JSON_END, .offset = reader->position};
    int c = peek(reader);
    if (reader->expect == EXPECT_NOTHING)
        return c < 0 ? FIRN_OK : fault(reader, reader->position, "nothing may follow the value", error);
    bool closes = reader->depth > 0 && c == (in_object(reader) ? '}' : ']');
    if (reader->expect == EXPECT_COMMA_OR_END) {
        if (closes) {
            leave(reader, event);
            return FIRN_OK;
        }
        if (c != ',')
            return fault(reader, reader->position, "',' or the end of the array or object is expected here", error);
        reader->position++;
        reader->expect = in_object(reader) ? EXPECT_KEY : EXPECT_VALUE;
        skip_space(reader);
        event->offset = reader->position;
    } else if (closes && (reader->expect == EXPECT_VALUE_OR_END || reader->expect == EXPECT_KEY_OR_END)) {
        leave(reader, event);
        return FIRN_OK;
    }
    if (reader->expect == EXPECT_KEY || reader->expect == EXPECT_KEY_OR_END)
        return read_key(reader, event, error);
    return read_value(reader, event, error);
}

firn_status base_json_skip(base_json *reader, firn_error *error)
{
    uint32_t depth = reader->depth;
    do {
        base_json_event event;
        firn_status status = base_json_next(reader, &event, error);
        if (status != FIRN_OK)
            return status;
    } while (reader->depth > depth);
    return FIRN_OK;
}

size_t base_json_unescape(const base_json_event *event, char *value)
{
    base_slice text = event->text;
    size_t length = 0;
    for (size_t at = 0; at < text.length;) {
        uint32_t code = 0;
        size_t width = text.data[at] == '\\' ? read_escape(text, at, &code) : 0;
        if (width == 0) {
            value[length++] = text.data[at++];
            continue;
        }
        length += base_utf8_encode(code, value + length);
        at += width;
    }
    return length;
}

bool base_json_integer(const base_json_event *event, int64_t *value)
{
    base_slice text = event->text;
    size_t at = text.length > 0 && text.data[0] == '-' ? 1 : 0;
    int64_t result = 0;
    for (size_t i = at; i < text.length; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(result, 10, &result) ||
            __builtin_sub_overflow(result, digit, &result))
            return false;
    }
    /* Collected as a negative number, since that range is the larger one. */
    if (at == 0 && __builtin_sub_overflow(0, result, &result))
        return false;
    *value = result;
    return event->kind == BASE_JSON_NUMBER;
}

bool base_json_double(const base_json_event *event, double *value)
{
    return event->kind == BASE_JSON_NUMBER && base_parse_double(event->text, value);
}

size_t base_json_escape(base_slice text, char *escaped)
{
    static const char hex[] = "0123456789abcdef";
    size_t length = 0;
    escaped[length++] = '"';
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
        const char *name = c == 0 ? NULL : strchr(named, c);
        if (name != NULL) {
            escaped[length++] = '\\';
            escaped[length++] = names[name - named];
        } else if (c < 0x20) {
            memcpy(escaped + length, "\\u00", 4);
            escaped[length + 4] = hex[c >> 4];
            escaped[length + 5] = hex[c & 15];
            length += 6;
        } else {
            escaped[length++] = (char)c;
        }
    }
    escaped[length++] = '"';
    return length;
}
