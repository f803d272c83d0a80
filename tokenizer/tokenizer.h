/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to token ids and back. Takes plain arrays and knows no file format. A tokenizer is immutable once made, so any
 * number of threads may use one at the same time. It keeps pointers into the arrays of its configuration (no copy of
 * the vocabulary's text is made), which therefore have to outlive it.
 */
#ifndef FIRN_TOKENIZER_TOKENIZER_H
#define FIRN_TOKENIZER_TOKENIZER_H

#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tok_kind {
    TOK_BYTE_BPE,     /* byte-level BPE (GGUF tokenizer.ggml.model "gpt2"): merges by rank, a pre-tokeniser first */
    TOK_SENTENCE_BPE, /* SentencePiece BPE ("llama"): merges by score, byte fallback */
    TOK_UNIGRAM,      /* SentencePiece Unigram ("t5"): the likeliest tokens, text being normalised first */
    TOK_WORDPIECE,    /* WordPiece ("bert"): the longest tokens from the left; needs a described pipeline */
} tok_kind;

/* The values of GGUF's tokenizer.ggml.token_type. */
typedef enum tok_type {
    TOK_TYPE_NORMAL = 1,
    TOK_TYPE_UNKNOWN = 2,
    TOK_TYPE_CONTROL = 3,
    TOK_TYPE_USER_DEFINED = 4,
    TOK_TYPE_UNUSED = 5,
    TOK_TYPE_BYTE = 6,
} tok_type;

#define TOK_NONE (-1) /* no such token */

/* A token that is found in a text before anything else. */
enum {
    TOK_ADDED_CONTROL = 1,     /* only with TOK_PARSE_SPECIAL */
    TOK_ADDED_LEFT_SPACE = 2,  /* takes in the white space before it */
    TOK_ADDED_RIGHT_SPACE = 4, /* and after it */
    TOK_ADDED_SINGLE_WORD = 8, /* not inside of a word */
    TOK_ADDED_NORMALISED = 16, /* found in normalised text */
};
typedef struct tok_config {
    tok_kind kind;
    base_slice pre;           /* name of the pre-tokeniser, such as "smollm"; only for TOK_BYTE_BPE */
    const base_slice *tokens; /* [n_tokens], as stored in the checkpoint */
    const float *scores;      /* [n_tokens], or NULL (only TOK_BYTE_BPE does without) */
    const int32_t *types;     /* [n_tokens] of tok_type, or NULL: all normal */
    uint32_t n_tokens;
    const base_slice *merges; /* [n_merges] "left right", in order of rank (TOK_BYTE_BPE); only tok_create reads */
    const base_slice *merge_rights; /* [n_merges], or NULL; with it, `merges` has the left sides only */
    uint32_t n_merges;
    int32_t bos, eos, eot, unknown, padding; /* token ids or TOK_NONE */
    bool add_bos, add_eos;                   /* what the checkpoint puts around a text */
    bool add_space_prefix;                   /* TOK_SENTENCE_BPE, TOK_UNIGRAM: a space before the text */
    bool remove_extra_spaces;                /* those two: of several spaces one stays, at the ends none */
    base_slice replacements;                 /* those two: tokenizer.ggml.precompiled_charsmap, or empty */
    const int32_t *added_ids;    /* [n_added] found before anything else; NULL: those that the types tell of */
    const uint32_t *added_flags; /* [n_added] of TOK_ADDED_ */
    uint32_t n_added;
    /*
     * With `described`, how a text is normalised and cut, and how tokens become text again, is told by JSON values as a
     * Hugging Face tokenizer.json has them (empty: null), in place of `pre` and the rules of SentencePiece above.
     */
    bool described;
    base_slice normaliser, pretokeniser, decoder;
    bool byte_fallback; /* a character without token becomes tokens such as <0x0A> */
    bool fuse_unknown;  /* unknown characters in a row are one unknown token */
    bool ignore_merges; /* a word that is a token stays whole */
    base_slice word_prefix,
        continuing_prefix;         /* TOK_WORDPIECE: before the text of tokens that begin a word, or don't */
    base_slice word_suffix;        /* TOK_BYTE_BPE: after the text of tokens that end a word */
    uint32_t longest_word;         /* TOK_WORDPIECE: characters; longer ones are unknown; 0: no limit */
    const int32_t *before, *after; /* [n_before], [n_after]: ids put around a text besides bos and eos */
    uint32_t n_before, n_after;
} tok_config;

typedef struct tok_tokenizer tok_tokenizer;

/*
 * Makes a tokenizer. On success *out is owned by the caller (tok_destroy). On failure *out is NULL and `error` names
 * the pre-tokeniser, token or merge at fault.
 */
firn_status tok_create(const tok_config *config, tok_tokenizer **out, firn_error *error);
void tok_destroy(tok_tokenizer *tokenizer); /* NULL is allowed */

enum {
    TOK_ADD_SPECIAL = 1,  /* add what the checkpoint puts around a text (bos, eos) */
    TOK_PARSE_SPECIAL = 2 /* text such as "<|im_end|>" becomes the control token; without it, it stays text */
};

/* Token ids, a growable array owned by the caller: start from {0}, release with tok_ids_free. */
typedef struct tok_ids {
    int32_t *ids; /* [count] */
    size_t count, capacity;
} tok_ids;
void tok_ids_free(tok_ids *ids);

/*
 * Appends the ids of `text` (any bytes: broken UTF-8 goes byte by byte) to `ids`. `flags` is a set of TOK_ADD_SPECIAL
 * and TOK_PARSE_SPECIAL. On failure `ids` is as it was. Time is linear in the text's length, for any text (but for a
 * logarithm in its longest word). A byte that the vocabulary can't express becomes the unknown token, or is left out
 * where the kind has none (TOK_BYTE_BPE), as the models were trained.
 */
firn_status tok_encode(const tok_tokenizer *tokenizer, base_slice text, unsigned flags, tok_ids *ids,
                       firn_error *error);

/*
 * As above for a text whose parts differ: bytes [end of the previous segment, end) of it come from a template or from
 * data. Tokens of type control are recognised only where all of their bytes lie in one segment of the template's. The
 * rest is encoded as one text, whatever the segments, so that the ids are those of the whole.
 */
struct tok_template_segment;
firn_status tok_encode_segments(const tok_tokenizer *tokenizer, base_slice text,
                                const struct tok_template_segment *segments, size_t n_segments, tok_ids *ids,
                                firn_error *error);

/*
 * Writes the bytes of one token, without a terminator, to `buffer` (at most `capacity`) and returns how many there
 * are, which may exceed `capacity` (then nothing is written). Control tokens have no bytes unless `special`.
 * An id outside the vocabulary has none.
 */
size_t tok_decode_one(const tok_tokenizer *tokenizer, int32_t id, bool special, char *buffer, size_t capacity);

/*
 * The bytes of all tokens as one text, terminated and with its length in *length; *text is the caller's (free()).
 * Unlike the tokens one by one it has no space at the begin that encoding has put there.
 */
firn_status tok_decode(const tok_tokenizer *tokenizer, const int32_t *ids, size_t n_ids, bool special, char **text,
                       size_t *length, firn_error *error);

/* The longest token's bytes: a buffer of this size always suffices for tok_decode_one. */
size_t tok_longest_token(const tok_tokenizer *tokenizer);

uint32_t tok_count(const tok_tokenizer *tokenizer);
bool tok_is_control(const tok_tokenizer *tokenizer, int32_t id);

/* The id whose stored text is exactly `text` (special or not), or TOK_NONE. */
int32_t tok_find(const tok_tokenizer *tokenizer, base_slice text);

/*
 * Holds back the bytes of an unfinished character, so that a stream of tokens is printed in whole characters.
 * Start from {0}. Add a token's bytes, and write out the `ready` bytes; at the end flush what is left (an
 * incomplete character comes out as the bytes it has).
 */
typedef struct tok_stream {
    char held[4];
    uint8_t n_held;
} tok_stream;

/*
 * Gives the bytes that are ready after adding `bytes`: writes at most length + 3 bytes to `ready`, returns how many.
 */
size_t tok_stream_add(tok_stream *stream, const char *bytes, size_t length, char *ready);
size_t tok_stream_flush(tok_stream *stream, char *ready); /* at most 3 bytes */

#endif
