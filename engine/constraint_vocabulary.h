/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens' bytes as tries in depth-first order, so that walking one is a run through an array that leaps over the
 * subtrees that a constraint forbids. Tokens of plain characters (what may stand in a JSON string as it is) have a trie
 * of their own: where any such characters are allowed, it need not be walked at all.
 */
#ifndef FIRN_ENGINE_CONSTRAINT_VOCABULARY_H
#define FIRN_ENGINE_CONSTRAINT_VOCABULARY_H

#include "base/slice.h"
#include "engine/constraint.h"
#include "engine/constraint_configs.h"

#include <stdatomic.h>

typedef struct eng_trie_node {
    uint32_t after; /* the first node that is not below this one */
    uint32_t first; /* in `tokens`: those that end here are before the next node's first, those below before after's */
    uint16_t depth; /* bytes before this one */
    uint8_t byte;
} eng_trie_node;

typedef struct eng_trie {
    eng_trie_node *nodes; /* [n_nodes + 1] the last one ends the tokens */
    int32_t *tokens;      /* by their bytes */
    uint32_t n_nodes;
} eng_trie;

typedef struct eng_long_token {
    int32_t id;
    uint32_t n_characters;
} eng_long_token;

struct firn_vocabulary {
    atomic_uint references;
    uint32_t n_tokens, n_words; /* 64-bit words of a mask */
    size_t longest;             /* bytes of a token */
    char *bytes;
    size_t *offsets;       /* [n_tokens + 1] into `bytes` */
    uint8_t *kinds;        /* [n_tokens] of firn_token_kind */
    eng_trie plain, other; /* all text tokens are in one of them */
    /*
     * The tokens of `other` again, by the number of plain characters that they begin with, and without these: where any
     * plain characters lead the same way, only what follows them is walked.
     */
    eng_trie rests[ENG_PLAIN_CHARACTERS + 1];
    /* Tokens of more than ENG_ALIKE_BYTES bytes once more: those of plain characters as a list, the others as a trie.
     */
    eng_long_token *long_plain; /* [n_long_plain] */
    size_t n_long_plain;
    eng_trie long_other;
    uint64_t *long_mask;   /* [n_words] all of them */
    uint64_t *plain_masks; /* [ENG_PLAIN_CHARACTERS + 1][n_words] tokens of at most so many plain characters */
    uint64_t *end_mask;    /* [n_words] tokens that end the text */
};

/* Those of at most n plain characters. */
static inline uint64_t *eng_plain_mask(const firn_vocabulary *vocabulary, size_t n)
{
    return vocabulary->plain_masks + n * vocabulary->n_words;
}

static inline base_slice eng_token_bytes(const firn_vocabulary *vocabulary, int32_t id)
{
    return (base_slice){vocabulary->bytes + vocabulary->offsets[id],
                        vocabulary->offsets[id + 1] - vocabulary->offsets[id]};
}

#endif
