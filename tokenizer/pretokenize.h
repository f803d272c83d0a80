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
    TOK_RULE_RUN,                /* prefix? body{least,most} tail{0,most_tail} */
    TOK_RULE_CASED_WORD,         /* prefix? body* tail+ | prefix? body+ tail*, and a contraction if `option` */
    TOK_RULE_SPACED_WORD,        /* prefix? words of letters and marks with single spaces between them */
    TOK_RULE_CONTRACTION,        /* 's 't 're 've 'm 'll 'd; in any case if `option` */
    TOK_RULE_NEWLINES,           /* \s*[\r\n]+ */
    TOK_RULE_SPACES_BEFORE_WORD, /* \s+(?!\S): white space but for the last before a word */
    TOK_RULE_SPACES_AT_END,      /* \s+$ */
    TOK_RULE_SPACES_BY_HALVES,   /* \s{512}(?!\S), then 256, and so on to 4; \s{1,2}(?!\S)|\s */
    TOK_RULE_DIGIT_GROUPS,       /* three of the body, counted from the run's end; before \b only if `option` */
} tok_rule_kind;

/* Inclusive code points. */
typedef struct tok_range {
    uint32_t first, last;
} tok_range;

typedef struct tok_rule {
    tok_rule_kind kind;
    uint8_t least, most, most_tail; /* characters; a most of 0 is any number */
    bool needs_prefix, option;
    uint64_t prefix, body, tail; /* sets of tok_class: 1 << class */
    const tok_range *ranges;     /* [n_ranges] or NULL: the body is also in one of them */
    uint32_t n_ranges;
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
    bool characters;    /* merging begins with characters as they are, not with bytes and their printable form */
    bool space_symbol;  /* spaces become U+2581 first */
} tok_pretokenizer;

/* The pre-tokeniser of that name, or NULL. */
const tok_pretokenizer *tok_pretokenizer_find(base_slice name);

/* One that matches what this regular expression does, or NULL. *covers: nothing is left between its matches. */
const tok_pretokenizer *tok_pretokenizer_of_pattern(base_slice pattern, bool *covers);

/* Writes a name of each pre-tokeniser, separated by spaces, to `buffer` as far as they fit, with a terminator. */
void tok_pretokenizer_names(char *buffer, size_t capacity);

/* A run of characters of one set that was measured, so that it isn't measured again from within. */
typedef struct tok_run {
    const char *start, *end;
    const char *newline; /* the end of the last newline in it, or NULL */
    size_t length;       /* characters, from `start` */
} tok_run;

typedef struct tok_scanner {
    const tok_pretokenizer *pre;
    const char *position, *end;
    const char *stops[TOK_MAX_STAGES]; /* where the current piece of each stage ends */
    tok_run spaces[TOK_MAX_STAGES], digits[TOK_MAX_STAGES];
} tok_scanner;

void tok_scanner_start(tok_scanner *scanner, const tok_pretokenizer *pre, base_slice text);

/* The next word, which is not empty; false at the end. */
bool tok_scanner_next(tok_scanner *scanner, base_slice *word);

#endif
