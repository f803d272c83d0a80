/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SentencePiece's "precompiled charsmap": texts that are replaced before all else, a trie in a double array. Entries
 * that point outside of the table count as none.
 */
#ifndef FIRN_TOKENIZER_REPLACEMENTS_H
#define FIRN_TOKENIZER_REPLACEMENTS_H

#include "base/slice.h"
#include "base/status.h"

#include <stdint.h>

typedef struct tok_replacements {
    const char *units; /* [n_units] of 4 bytes, little-endian, unaligned */
    uint32_t n_units;
    base_slice texts; /* ends with a zero */
} tok_replacements;

/* Checks the table's frame. An empty map is a table without entries. */
firn_status tok_replacements_read(base_slice map, tok_replacements *out, firn_error *error);

/*
 * The replacement of what `text`, which isn't empty, begins with; the return value is how many bytes it replaces. Where
 * the table has none it is the first character, or U+FFFD for a byte that is no part of one.
 */
size_t tok_replacement_at(const tok_replacements *map, base_slice text, base_slice *replacement);

#endif
