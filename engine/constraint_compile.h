/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers of the kinds of constraints: each fills an empty IR whose rule 0 is the whole. Texts are untrusted; their
 * size, nesting and repetitions have limits.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_COMPILE_H
#define FIRN_ENGINE_CONSTRAINT_COMPILE_H

#include "engine/constraint_ir.h"

enum {
    ENG_GRAMMAR_BYTES_MOST = 64 * 1024, /* of a grammar or a regular expression */
    ENG_GRAMMAR_RULES_MOST = 10000,
    ENG_SCHEMA_BYTES_MOST = 1024 * 1024, /* of a schema or a list of choices */
    ENG_NESTING_MOST = 256,
    ENG_REPETITION_MOST = 2000,
    ENG_LENGTH_MOST = 65535, /* of strings and arrays in a schema's bounds */
};

firn_status eng_compile_gbnf(eng_ir *ir, base_slice text, firn_error *error);
firn_status eng_compile_schema(eng_ir *ir, base_slice text, firn_error *error);

/*
 * Reads a regular expression into nodes and returns the one that stands for the whole, or 0 (then `error` is filled,
 * with a place in `text`). With `search`, ^ and $ are needed to tie it to the ends of the text, as in JSON schema;
 * without, it is tied anyway. With `json`, its characters are as JSON strings write them.
 */
uint32_t eng_parse_regex(eng_ir *ir, base_slice text, bool search, bool json, firn_error *error);

/* {m}, {m,} or {m,n} behind the brace at *at; false (error filled) if it is none or above the limit. */
bool eng_parse_bounds(base_slice text, size_t *at, uint32_t *low, uint32_t *high, firn_error *error);

/* `digits` hexadecimal digits at *at; false if there are fewer. */
bool eng_parse_hex(base_slice text, size_t *at, unsigned digits, uint32_t *value);

/* Fills `error` with the line and column of a byte of the text. */
__attribute__((format(printf, 5, 6))) firn_status eng_text_fault(base_slice text, size_t at, firn_status status,
                                                                 firn_error *error, const char *format, ...);

#endif
