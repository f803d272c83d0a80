/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the tokenizer's inside, and the merging of one word. */
#ifndef FIRN_TOKENIZER_INTERNAL_H
#define FIRN_TOKENIZER_INTERNAL_H

#include "tokenizer/hash.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/tokenizer.h"

/* U+2581, which stands for a space in SentencePiece vocabularies. */
#define TOK_SPACE_SYMBOL "\xE2\x96\x81"

/* Limits on what a vocabulary may hold. They bound the time of encoding too. */
enum {
    TOK_MOST_TOKENS = 1 << 26,
    TOK_LONGEST_TOKEN = 65536,  /* bytes */
    TOK_LONGEST_SPECIAL = 255,  /* bytes */
    TOK_LONGEST_TEXT = 1 << 30, /* bytes: ids of a text are then fewer than INT32_MAX, offsets fit into 32 bits */
};

/*
 * Byte-level BPE writes a byte as a printable character: itself where it is one in Latin-1, else one from U+0100 on.
 * As UTF-8 that is one or two bytes.
 */
typedef struct tok_byte_text {
    char text[2];
    uint8_t length;
} tok_byte_text;

/* One of the merges that make a token; they differ in where they cut its text. */
typedef struct tok_merge_link {
    uint32_t next; /* rank + 1 of the next one that makes the same token; 0: none */
    uint16_t left; /* bytes of the left side */
} tok_merge_link;

typedef struct tok_added {
    int32_t id;
    unsigned flags; /* of TOK_ADDED_ */
} tok_added;

/* A token that is found before anything else. */
typedef struct tok_special {
    base_slice text;
    int32_t id;
    unsigned flags; /* of TOK_ADDED_ */
} tok_special;

typedef struct tok_specials {
    tok_special *items; /* [count] */
    uint32_t count;
    tok_table table;          /* of items, by text */
    bool first[256];          /* one begins with this byte */
    uint64_t second[256][4];  /* [first byte]: set of second bytes */
    uint64_t lengths[256][4]; /* [first byte]: set of lengths in bytes */
} tok_specials;

typedef struct tok_special_match {
    int32_t id;
    size_t start, end; /* with the white space that the token takes in */
} tok_special_match;

bool tok_special_create(tok_specials *specials, uint32_t count); /* room for so many; false: no memory */
void tok_special_free(tok_specials *specials);
bool tok_special_add(tok_specials *specials, base_slice text, int32_t id, unsigned flags); /* false: texts collide */

/* Which parts of a text may hold control tokens; moves along with the place that is asked about. */
struct tok_template_segment;
typedef struct tok_trust {
    const struct tok_template_segment *segments, *end;
} tok_trust;

/* The first one in the text at or after `from`. Of control tokens only those that lie in one trusted segment. */
bool tok_special_next(const tok_specials *specials, base_slice text, size_t from, tok_trust *trust,
                      tok_special_match *out);

struct tok_tokenizer {
    tok_config config;
    const tok_pretokenizer *pre; /* TOK_BYTE_BPE */
    bool characters;             /* tokens are written as they are, not byte by byte in printable characters */
    bool space_symbol;           /* with U+2581 for a space */
    tok_table tokens;            /* ids by stored text */
    uint32_t *first_merges;      /* [n_tokens] (TOK_BYTE_BPE): rank + 1 of the first merge that makes it; 0: none */
    tok_merge_link *merge_links; /* [n_merges] */
    int32_t byte_ids[256];       /* or TOK_NONE */
    int32_t ascii_ids[128];      /* tokens that are one character, where words are written in characters */
    tok_byte_text byte_texts[256];
    bool joins_space[256];            /* TOK_SENTENCE_BPE: in some token this byte comes before the space symbol */
    tok_specials specials;            /* found in the text as it is */
    tok_specials normalised_specials; /* found in normalised text, by their own normalised text */
    base_arena arena;                 /* texts of those */
    tok_pipeline *pipeline;           /* or NULL: the kind says it all */
    bool decodes_simply;              /* one token after the other, without work space */
    bool drops_first_space;           /* of a decoded text */
    bool ignore_merges;               /* a word that is a token stays whole, whatever the merges say */
    tok_replacements replacements;
    double unknown_score;     /* TOK_UNIGRAM: of a character that no token has */
    uint64_t lengths[256][4]; /* TOK_UNIGRAM, TOK_WORDPIECE: [first byte]: set of the lengths of all tokens */
    size_t longest;           /* bytes of the longest token */
};

static inline tok_type tok_type_of(const tok_tokenizer *tokenizer, uint32_t id)
{
    return tokenizer->config.types ? (tok_type)tokenizer->config.types[id] : TOK_TYPE_NORMAL;
}

static inline bool tok_set_has(const uint64_t set[4], unsigned value)
{
    return (set[value >> 6] >> (value & 63) & 1) != 0;
}

/* The byte that a token such as "<0x0A>" stands for, or -1. */
int tok_byte_of_token(base_slice text);

/*
 * Where the rank + 1 of the merge that makes token `id` from a left side of this length stands, or is to be put: it is
 * 0 where there is none. There are fewer such merges than the token has bytes.
 */
static inline uint32_t *tok_merge_place(const tok_tokenizer *tokenizer, uint32_t id, size_t left)
{
    uint32_t *place = &tokenizer->first_merges[id];
    while (*place != 0 && tokenizer->merge_links[*place - 1].left != left)
        place = &tokenizer->merge_links[*place - 1].next;
    return place;
}

/* The token whose stored text has these bytes and this hash, or TOK_NONE. */
static inline int32_t tok_find_hashed(const tok_tokenizer *tokenizer, base_slice text, uint64_t hash)
{
    uint32_t step = 0, id;
    while ((id = tok_table_candidate(&tokenizer->tokens, hash, &step)) != TOK_NO_INDEX) {
        if (base_slice_equal(tokenizer->config.tokens[id], text))
            return (int32_t)id;
    }
    return TOK_NONE;
}

bool tok_push_id(tok_ids *ids, int32_t id); /* false: no memory */

/* Where no merge goes from one character to the next. */
typedef struct tok_cuts tok_cuts;
tok_cuts *tok_cuts_create(const tok_tokenizer *tokenizer); /* NULL: no memory. Released by free() */

/* The length of the first part of a word that can be encoded by itself. */
size_t tok_cut(const tok_cuts *cuts, base_slice word);

/*
 * Byte-level BPE: a character of three bytes begins at byte `at` of the word, and no merge takes one of its bytes
 * without the others together with what is beside it.
 */
bool tok_stays_whole(const tok_cuts *cuts, base_slice word, size_t at);

/* The text after the table of replacements, with symbols for spaces as the vocabulary wants them. False: no memory. */
bool tok_normalise_sentence(const tok_tokenizer *tokenizer, base_slice text, tok_buffer *out);

/*
 * Gives the tokens of normalised text to `push`, in order: an id, or TOK_NONE for a character without token, with its
 * bytes. False: no memory, or `push` said so.
 */
bool tok_unigram_encode(const tok_tokenizer *tokenizer, base_slice text, bool (*push)(void *, int32_t, base_slice),
                        void *receiver);

bool tok_wordpiece_encode(const tok_tokenizer *tokenizer, base_slice word, tok_ids *ids); /* false: no memory */

/* The next match of a step's pattern that isn't empty. */
tok_found tok_find_match(const tok_step *step, tok_regex_search *search, base_slice text, size_t from, size_t *start,
                         size_t *end);

/* Replaces all matches. */
tok_outcome tok_replace_matches(const tok_step *step, base_slice text, tok_regex_budget *budget, tok_buffer *out);

/* Appends bytes as byte-level BPE writes them. */
bool tok_append_byte_text(tok_buffer *out, base_slice bytes);

/* The byte that byte-level BPE writes as this character, or -1. */
int tok_byte_of_character(uint32_t code);

/* A piece of a word, on its way to become a token. */
typedef struct tok_symbol {
    uint32_t start;          /* offset in the word; it ends where the next one starts */
    uint32_t previous, next; /* indices */
    uint32_t pair_key;       /* of the merge with the next one: the least goes first; UINT32_MAX: none */
    int32_t pair_id;         /* the token that this merge makes */
    int32_t id;              /* or TOK_NONE */
} tok_symbol;

/* What two tokens make. */
typedef struct tok_pair {
    uint64_t ids; /* left << 32 | right, + 1; 0: none */
    uint32_t key; /* as pair_key above */
    int32_t id;   /* as pair_id */
} tok_pair;

/* Room for the merging of one word. */
typedef struct tok_merger {
    char *text;          /* [text_length]: the word as the vocabulary writes it */
    tok_symbol *symbols; /* [n_symbols + 1]: the last is no symbol but the word's end */
    uint64_t *heap;      /* [2 * n_symbols]: pair_key << 32 | index */
    uint32_t text_length, n_symbols;
    tok_pair *pairs; /* [pair_mask + 1]: some that were looked up; or NULL */
    size_t pair_mask;
    size_t capacity; /* symbols that there is room for, and 4 times as many bytes of text */
} tok_merger;

/* False: no memory. */
bool tok_merger_reserve(tok_merger *merger, size_t n_symbols);
void tok_merger_free(tok_merger *merger);
void tok_merger_remember(tok_merger *merger, size_t n_pairs); /* a power of two */

/*
 * Merges the symbols of merger->text for as long as the vocabulary knows a merge. Those that are left are linked by
 * `next` from symbol 0 to index n_symbols.
 */
void tok_merge(const tok_tokenizer *tokenizer, tok_merger *merger);

#endif
