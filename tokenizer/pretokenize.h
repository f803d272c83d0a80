/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a text into the words that byte-level BPE merges within. A pre-tokeniser is data: up to TOK_MAX_STAGES stages,
 * each of which cuts the pieces of the stage before it further. A stage is a list of rules, tried in order at a
 * position like the alternatives of a regular expression; what no rule matches, up to the next match, is a piece too.
 * The scanner reads every byte a bounded number of times, whatever the text.
 */
#ifndef FIRN_TOKENIZER_PRETOKENIZE_H
#define FIRN_TOKENIZER_PRETOKENIZE_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { TOK_MAX_STAGES = 6 };

typedef enum tok_rule_kind {
    TOK_RULE_RUN,                /* prefix? body{1,limit} tail* */
    TOK_RULE_CONTRACTION,        /* 's 't 're 've 'm 'll 'd; in any case if `limit` */
    TOK_RULE_NEWLINES,           /* \s*[\r\n]+ */
    TOK_RULE_SPACES_BEFORE_WORD, /* \s+(?!\S): white space but for the last before a word */
} tok_rule_kind;

/* Inclusive code points. */
typedef struct tok_range {
    uint32_t first, last;
} tok_range;

typedef struct tok_rule {
    tok_rule_kind kind;
    uint32_t limit;              /* most characters of the body; 0: any number */
    uint64_t prefix, body, tail; /* sets of tok_class: 1 << class */
} tok_rule;

typedef struct tok_stage {
    const tok_rule *rules;
    uint32_t n_rules;
} tok_stage;

typedef struct tok_pretokenizer {
    const char *names; /* separated by spaces, as in GGUF's tokenizer.ggml.pre */
    tok_stage stages[TOK_MAX_STAGES];
    uint32_t n_stages;
    bool ignore_merges; /* a word that is a token stays whole, whatever the merges say */
} tok_pretokenizer;

/* The pre-tokeniser of that name, or NULL. */
const tok_pretokenizer *tok_pretokenizer_find(base_slice name);

/* Writes a name of each pre-tokeniser, separated by spaces, to `buffer` as far as they fit, with a terminator. */
void tok_pretokenizer_names(char *buffer, size_t capacity);

typedef struct tok_scanner {
    const tok_pretokenizer *pre;
    const char *position, *end;
    const char *stops[TOK_MAX_STAGES]; /* where the current piece of each stage ends */
} tok_scanner;

void tok_scanner_start(tok_scanner *scanner, const tok_pretokenizer *pre, base_slice text);

/* The next word, which is not empty; false at the end. */
bool tok_scanner_next(tok_scanner *scanner, base_slice *word);

#endif
