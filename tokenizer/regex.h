/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions that are found only in a file: PCRE2 with Unicode properties, compiled, with limits. */
#ifndef FIRN_TOKENIZER_REGEX_H
#define FIRN_TOKENIZER_REGEX_H

#include "base/slice.h"
#include "base/status.h"

typedef struct tok_regex tok_regex;

/* On success *out is the caller's. On failure the error holds the expression, the place in it and what is wrong. */
firn_status tok_regex_create(base_slice pattern, tok_regex **out, firn_error *error);
void tok_regex_free(tok_regex *regex); /* NULL is allowed */

/* Room to search with, for one thread at a time. */
typedef struct tok_regex_search tok_regex_search;

/* Processor time that all searches of a text may take together. */
typedef struct tok_regex_budget {
    double seconds;
} tok_regex_budget;
tok_regex_budget tok_regex_budget_for(size_t length); /* of a text of so many bytes: far more than a sane one needs */

/* NULL: no memory. `budget` may be NULL; else it lives until the end. */
tok_regex_search *tok_regex_begin(const tok_regex *regex, tok_regex_budget *budget);
void tok_regex_end(tok_regex_search *search); /* NULL is allowed */

typedef enum tok_found { TOK_FOUND, TOK_NOT_FOUND, TOK_FOUND_LIMIT } tok_found;

/* The first match at or after `from`, not empty. TOK_FOUND_LIMIT: it takes more steps or time than allowed. */
tok_found tok_regex_find(tok_regex_search *search, base_slice text, size_t from, size_t *start, size_t *end);

#endif
