/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict RFC 8259 reader that pulls one event at a time from a text in memory: no allocation, no recursion, no copy of
 * strings. It refuses what the standard refuses (comments, trailing commas, NaN, lone surrogates, control characters
 * and broken UTF-8 in strings, anything after the value) and says where by line and column.
 *
 *     base_json reader = base_json_begin(text);
 *     base_json_event event;
 *     do {
 *         status = base_json_next(&reader, &event, error);
 *     } while (status == FIRN_OK && event.kind != BASE_JSON_END);
 */
#ifndef FIRN_BASE_JSON_H
#define FIRN_BASE_JSON_H

#include "base/slice.h"
#include "base/status.h"

#include <stdint.h>

enum { BASE_JSON_DEPTH = 256 }; /* arrays and objects inside each other */

typedef enum base_json_kind {
    BASE_JSON_NULL,
    BASE_JSON_FALSE,
    BASE_JSON_TRUE,
    BASE_JSON_NUMBER,
    BASE_JSON_STRING,
    BASE_JSON_KEY, /* a member's name; its value is the next event */
    BASE_JSON_ARRAY_BEGIN,
    BASE_JSON_ARRAY_END,
    BASE_JSON_OBJECT_BEGIN,
    BASE_JSON_OBJECT_END,
    BASE_JSON_END, /* the text is over */
} base_json_kind;

typedef struct base_json_event {
    base_json_kind kind;
    base_slice text; /* a number's characters; a string's or key's bytes between the quotes, as written */
    bool escaped;    /* the string has escapes: base_json_unescape gives its value. Otherwise `text` is its value */
    size_t offset;   /* where the event begins in the text */
} base_json_event;

typedef struct base_json {
    base_slice text;
    size_t position;
    uint32_t depth;
    uint8_t expect;                       /* what may come next; see json.c */
    uint8_t objects[BASE_JSON_DEPTH / 8]; /* one bit a level: object or array */
} base_json;

base_json base_json_begin(base_slice text);
firn_status base_json_next(base_json *reader, base_json_event *event, firn_error *error);

/* Passes over the value that comes next (call it after a key or where an element may stand). */
firn_status base_json_skip(base_json *reader, firn_error *error);

/* The value of a string or key that was read: writes at most text.length bytes and returns how many. */
size_t base_json_unescape(const base_json_event *event, char *value);

/* A number written as an integer (no point, no exponent) that fits; false otherwise. */
bool base_json_integer(const base_json_event *event, int64_t *value);
bool base_json_double(const base_json_event *event, double *value);

/* Line and column (characters), both from 1, of a byte in a text. */
void base_line_column(base_slice text, size_t offset, size_t *line, size_t *column);

/* `text` as a JSON string with its quotes: at most 6 * length + 2 bytes. Returns how many were written. */
size_t base_json_escape(base_slice text, char *escaped);

#endif
