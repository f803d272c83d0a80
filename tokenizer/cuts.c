/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts without spaces make words as long as sentences, which seldom come twice. But where no token has two
 * neighbouring characters inside of it no merge crosses from one to the other: the word may be cut there, and most
 * parts have come before. Only characters of three bytes from E3 on (Chinese, Japanese, Korean) are looked at.
 */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>

enum { PAIR_BITS = 20 };

struct tok_cuts {
    uint64_t pairs[1 << (PAIR_BITS - 6)]; /* set of hashes of two characters that some token has in a row */
    uint64_t edges[256][4];               /* [last byte]: set of first bytes where a token has but a part of one */
};

static bool is_character(const unsigned char *at)
{
    return at[0] >= 0xE3 && at[0] < 0xF0 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80;
}

static uint32_t hash_pair(const unsigned char *left)
{
    uint64_t both = 0;
    memcpy(&both, left, 6);
    return (uint32_t)(both * 0x9E3779B97F4A7C15U >> (64 - PAIR_BITS));
}

/* `bytes` are a token's as they are in texts. */
static void note_token(tok_cuts *cuts, const unsigned char *bytes, size_t length)
{
    for (size_t i = 1; i < length; i++) {
        if (bytes[i] < 0xE3 || bytes[i - 1] < 0x80)
            continue;
        if (i >= 3 && i + 3 <= length && is_character(bytes + i - 3) && is_character(bytes + i)) {
            const uint32_t hash = hash_pair(bytes + i - 3);
            cuts->pairs[hash >> 6] |= 1ULL << (hash & 63);
        } else {
            cuts->edges[bytes[i - 1]][bytes[i] >> 6] |= 1ULL << (bytes[i] & 63);
        }
    }
}

/* What byte-level BPE writes for bytes from C0 on begins with C3: tokens without that have nothing to note. */
static size_t bytes_of(const tok_tokenizer *tokenizer, base_slice token, unsigned char *bytes)
{
    if (tokenizer->characters) {
        memcpy(bytes, token.data, token.length);
        return token.length;
    }
    const char *const end = token.data + token.length;
    size_t length = 0;
    for (const char *at = token.data; at < end && memchr(token.data, 0xC3, token.length);) {
        const tok_character c = tok_character_at(at, end);
        const int byte = tok_byte_of_character(c.code);
        bytes[length++] = (unsigned char)(byte < 0 ? 0 : byte);
        at += c.length;
    }
    return length;
}

tok_cuts *tok_cuts_create(const tok_tokenizer *tokenizer)
{
    tok_cuts *const cuts = calloc(1, sizeof *cuts);
    unsigned char *const bytes = malloc(tokenizer->longest + 1);
    for (uint32_t id = 0; cuts && bytes && id < tokenizer->config.n_tokens; id++)
        note_token(cuts, bytes, bytes_of(tokenizer, tokenizer->config.tokens[id], bytes));
    free(bytes);
    if (bytes)
        return cuts;
    free(cuts);
    return NULL;
}

size_t tok_cut(const tok_cuts *cuts, base_slice word)
{
    const unsigned char *const bytes = (const unsigned char *)word.data;
    for (size_t i = 3; i + 3 <= word.length; i++) {
        if (bytes[i] < 0xE3 || !is_character(bytes + i) || !is_character(bytes + i - 3))
            continue;
        const uint32_t hash = hash_pair(bytes + i - 3);
        if ((cuts->pairs[hash >> 6] >> (hash & 63) & 1) == 0 && !tok_set_has(cuts->edges[bytes[i - 1]], bytes[i]))
            return i;
    }
    return word.length;
}
