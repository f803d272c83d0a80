/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of grammars and of regular expressions share: a place in a text, alternatives in groups, whose open
 * ones are on a stack, repetitions and classes of characters.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_READER_H
#define FIRN_ENGINE_CONSTRAINT_READER_H

#include "engine/constraint_compile.h"

typedef struct eng_reader_group {
    uint32_t choice, sequence; /* nodes: the alternatives, and the one that is being read */
    size_t at;                 /* its parenthesis */
} eng_reader_group;

typedef struct eng_reader {
    eng_ir *ir;
    base_slice text;
    size_t at;
    bool json;       /* of a regular expression: ECMA-262's, for characters as JSON strings write them */
    uint32_t *table; /* of a grammar: rule + 1 by hash of the name, or 0 */
    eng_reader_group groups[ENG_NESTING_MOST + 1];
    size_t n_groups;
    eng_ir_range *ranges; /* of the class that is being read */
    size_t n_ranges, room_ranges;
    firn_error *error;
} eng_reader;

static inline char eng_peek(const eng_reader *reader)
{
    return reader->at < reader->text.length ? reader->text.data[reader->at] : '\0';
}

firn_status eng_fault(const eng_reader *reader, size_t at, firn_status status, const char *what);

/* Opens a group (the whole is the first) and its first alternative; its next one; closes it, behind its ')'. */
firn_status eng_reader_open(eng_reader *reader);
void eng_reader_alternative(eng_reader *reader);
void eng_reader_close(eng_reader *reader);

/* Adds an item to the alternative that is being read; the last one that it has, or 0. */
void eng_reader_add(eng_reader *reader, uint32_t item);
uint32_t eng_reader_last(const eng_reader *reader);

/* Reads *, +, ? or {m,n}, and repeats the alternative's last item; what stands behind it is the caller's matter. */
firn_status eng_reader_repeat(eng_reader *reader);

/* Whether the text goes on with '-' and the last character of a range. */
bool eng_reader_at_range(const eng_reader *reader);

/* Adds a range to the class that is being read and that began at `at`. */
firn_status eng_reader_add_range(eng_reader *reader, size_t at, uint32_t first, uint32_t last);

#endif
