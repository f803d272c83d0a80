/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The general pipeline of a Hugging Face tokenizer.json: steps that normalise a text, steps that cut it into words, and
 * steps that turn tokens back into text. Each list is flat (nested sequences are read as one) and immutable once read.
 */
#ifndef FIRN_TOKENIZER_PIPELINE_H
#define FIRN_TOKENIZER_PIPELINE_H

#include "base/arena.h"
#include "tokenizer/buffer.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/regex.h"
#include "tokenizer/replacements.h"

typedef enum tok_step_kind {
    /* normalisers: text to text */
    TOK_STEP_NFC,
    TOK_STEP_NFD,
    TOK_STEP_NFKC,
    TOK_STEP_NFKD,
    TOK_STEP_LOWERCASE,
    TOK_STEP_DROP,        /* characters of `set` */
    TOK_STEP_DROP_MARKS,  /* non-spacing ones only */
    TOK_STEP_CLEAN,       /* controls go, white space becomes a space */
    TOK_STEP_SPACE_HAN,   /* spaces around Chinese characters */
    TOK_STEP_TRIM,        /* white space at the ends; TOK_LEFT, TOK_RIGHT */
    TOK_STEP_REPLACE,     /* `text` or `regex` by `content`; a decoder too */
    TOK_STEP_PREPEND,     /* `content`, to a text that isn't empty */
    TOK_STEP_PRECOMPILED, /* SentencePiece's table */
    TOK_STEP_NMT,         /* controls go, odd spaces become spaces */
    TOK_STEP_BYTE_TEXT,   /* bytes become byte-level text; cutting as well */
    /* cutting */
    TOK_STEP_SCAN,       /* the stages of `scanner` */
    TOK_STEP_SPLIT,      /* at matches of `text`, `regex` or each character of `set` */
    TOK_STEP_METASPACE,  /* `content` for each space and before a word (TOK_ALWAYS, TOK_FIRST); TOK_SPLIT: cut there */
    TOK_STEP_LEAD_SPACE, /* a space before each piece that has none */
    /* decoders, of a token in a row of them */
    TOK_STEP_BYTES,           /* byte-level text becomes bytes */
    TOK_STEP_BYTE_TOKEN,      /* "<0x0A>" becomes its byte */
    TOK_STEP_METASPACE_TEXT,  /* `content` becomes a space; TOK_FIRST: nothing in the first token */
    TOK_STEP_WORDPIECE_TEXT,  /* a space before tokens that don't begin with `content`; TOK_CLEAN: not before marks */
    TOK_STEP_SUFFIX,          /* `content` becomes a space; nothing in the last token */
    TOK_STEP_FUSE,            /* from here on all is one token */
    TOK_STEP_STRIP_CHARACTER, /* `content` goes at the begin `left` times, at the end `right` times */
} tok_step_kind;

/* What becomes of a match where a text is cut. */
typedef enum tok_behaviour {
    TOK_ISOLATED,
    TOK_REMOVED,
    TOK_MERGED_WITH_PREVIOUS,
    TOK_MERGED_WITH_NEXT,
    TOK_CONTIGUOUS, /* adjacent matches are one */
} tok_behaviour;

enum { TOK_LEFT = 1, TOK_RIGHT = 2, TOK_ALWAYS = 4, TOK_FIRST = 8, TOK_CUT = 16, TOK_CLEAN = 32 };

typedef struct tok_step {
    tok_step_kind kind;
    unsigned flags;
    tok_behaviour behaviour;
    bool invert; /* what is between matches counts as match */
    uint64_t set;
    base_slice text, content;
    tok_regex *regex; /* or NULL */
    const tok_pretokenizer *scanner;
    tok_replacements replacements;
    uint32_t left, right;
} tok_step;

enum { TOK_MAX_STEPS = 32 };

typedef struct tok_steps {
    tok_step steps[TOK_MAX_STEPS];
    uint32_t count;
} tok_steps;

typedef struct tok_pipeline {
    base_arena arena; /* texts of the steps */
    tok_steps normalisers, splitters, decoders;
    bool byte_level;          /* words are written byte by byte in printable characters */
    bool joins_by_spaces;     /* no decoder: tokens are joined by spaces */
    bool only_scans;          /* `scanner` does all the cutting */
    tok_pretokenizer scanner; /* with the stages of all steps */
} tok_pipeline;

/*
 * Reads the three values of a tokenizer.json (empty: null). What is not known is an error that names it. On failure
 * *out still has to be freed.
 */
firn_status tok_pipeline_read(base_slice normaliser, base_slice pretokenizer, base_slice decoder, tok_pipeline *out,
                              firn_error *error);
void tok_pipeline_free(tok_pipeline *pipeline);

/* What failed: memory, or a regular expression's limit. */
typedef enum tok_outcome { TOK_DONE, TOK_NO_MEMORY, TOK_REGEX_LIMIT } tok_outcome;

/*
 * The text after all normalisers: *out is `text` itself where nothing changed, else it lies in `first` or `second`,
 * which are work space.
 */
tok_outcome tok_normalise(const tok_pipeline *pipeline, base_slice text, tok_regex_budget *budget, tok_buffer *first,
                          tok_buffer *second, base_slice *out);

/* Pieces of a text, as offsets. */
typedef struct tok_piece {
    uint32_t start, end;
} tok_piece;

typedef struct tok_pieces {
    tok_buffer text;  /* that the pieces lie in */
    tok_piece *items; /* [count] */
    size_t count, capacity;
} tok_pieces;

/* Cuts the text into words. `begins`: it is the begin of all the text. */
tok_outcome tok_split(const tok_pipeline *pipeline, base_slice text, bool begins, tok_regex_budget *budget,
                      tok_pieces *out);
void tok_pieces_free(tok_pieces *pieces);

/* Applies the decoders to one token of a row, up to TOK_STEP_FUSE. */
tok_outcome tok_decode_token(const tok_pipeline *pipeline, base_slice token, bool first, bool last,
                             tok_buffer *first_buffer, tok_buffer *second, base_slice *out);
/* And the rest of them to all of the text. */
tok_outcome tok_decode_whole(const tok_pipeline *pipeline, base_slice text, tok_buffer *first, tok_buffer *second,
                             base_slice *out);

#endif
