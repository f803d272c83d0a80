/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words can be as long as sentences, which seldom come twice. But where no token has two neighbouring characters inside
 * of it no merge crosses from one to the other: the word may be cut there, and most parts have come before. Looked at
 * are characters of three bytes from E3 on (Chinese, Japanese, Korean) side by side, and ASCII beside anything.
 */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>

enum { PAIR_BITS = 20 };

struct tok_cuts {
    uint64_t pairs[1 << (PAIR_BITS - 6)]; /* set of hashes of two characters that some token has in a row */
    uint64_t edges[256][4]; /* [last byte]: set of first bytes that come next in a token which has but a part of a
                               character there, or ASCII */
    bool ascii;             /* ASCII has been looked at */
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

static size_t length_of(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* A whole character ends before byte i, or begins there. */
static bool ends_whole(const unsigned char *bytes, size_t i)
{
    size_t n = 1;
    while (n < i && (bytes[i - n] & 0xC0) == 0x80)
        n++;
    return length_of(bytes[i - n]) == n;
}

static bool begins_whole(const unsigned char *bytes, size_t i, size_t length)
{
    size_t n = 1;
    while (i + n < length && (bytes[i + n] & 0xC0) == 0x80)
        n++;
    return length_of(bytes[i]) == n;
}

/* `bytes` are a token's as they are in texts. */
static void note_token(tok_cuts *cuts, const unsigned char *bytes, size_t length)
{
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) == 0x80)
            continue;
        const bool whole = ends_whole(bytes, i) && begins_whole(bytes, i, length);
        if (whole && i >= 3 && i + 3 <= length && is_character(bytes + i - 3) && is_character(bytes + i)) {
            const uint32_t hash = hash_pair(bytes + i - 3);
            cuts->pairs[hash >> 6] |= 1ULL << (hash & 63);
        } else if (!whole || bytes[i - 1] < 0x80 || bytes[i] < 0x80) {
            cuts->edges[bytes[i - 1]][bytes[i] >> 6] |= 1ULL << (bytes[i] & 63);
        }
    }
}

static bool is_ascii_text(base_slice token)
{
    for (size_t i = 0; i < token.length; i++) {
        /* as byte-level BPE writes spaces and controls: U+0100 to U+0121 */
        if ((unsigned char)token.data[i] == 0xC4 && i + 1 < token.length && (unsigned char)token.data[i + 1] < 0xA2)
            i++;
        else if ((unsigned char)token.data[i] >= 0x80)
            return false;
    }
    return true;
}

/* As byte-level BPE writes it. */
static size_t bytes_of(base_slice token, unsigned char *bytes)
{
    const char *const end = token.data + token.length;
    size_t length = 0;
    for (const char *at = token.data; at < end;) {
        const tok_character c = tok_character_at(at, end);
        const int byte = tok_byte_of_character(c.code);
        bytes[length++] = (unsigned char)(byte < 0 ? 0 : byte);
        at += c.length;
    }
    return length;
}

/* With spaces for their symbol. */
static size_t spaced(base_slice token, unsigned char *bytes)
{
    size_t length = 0;
    for (size_t i = 0; i < token.length; length++) {
        const bool symbol = token.length - i >= 3 && memcmp(token.data + i, TOK_SPACE_SYMBOL, 3) == 0;
        bytes[length] = symbol ? ' ' : (unsigned char)token.data[i];
        i += symbol ? 3 : 1;
    }
    return length;
}

tok_cuts *tok_cuts_create(const tok_tokenizer *tokenizer)
{
    tok_cuts *const cuts = calloc(1, sizeof *cuts);
    unsigned char *const bytes = malloc(tokenizer->longest + 1);
    if (cuts)
        cuts->ascii = tokenizer->characters;
    for (uint32_t id = 0; cuts && bytes && id < tokenizer->config.n_tokens; id++) {
        const base_slice token = tokenizer->config.tokens[id];
        if (!tokenizer->characters) {
            if (!is_ascii_text(token))
                note_token(cuts, bytes, bytes_of(token, bytes));
            continue;
        }
        note_token(cuts, (const unsigned char *)token.data, token.length);
        if (tokenizer->space_symbol && token.length > 3 && memchr(token.data, TOK_SPACE_SYMBOL[0], token.length))
            note_token(cuts, bytes, spaced(token, bytes));
    }
    free(bytes);
    if (bytes)
        return cuts;
    free(cuts);
    return NULL;
}

static bool crosses_edge(const tok_cuts *cuts, const unsigned char *at)
{
    return tok_set_has(cuts->edges[at[-1]], *at);
}

size_t tok_cut(const tok_cuts *cuts, base_slice word)
{
    const unsigned char *const bytes = (const unsigned char *)word.data;
    if (!cuts->ascii && (word.length < 6 || (bytes[0] < 0x80 && bytes[1] < 0x80)))
        return word.length; /* but for a few, it has nothing to look at */
    for (size_t i = 1; i < word.length; i++) {
        if ((bytes[i] & 0xC0) == 0x80)
            continue;
        if (bytes[i] < 0x80 || bytes[i - 1] < 0x80) {
            if (cuts->ascii && !crosses_edge(cuts, bytes + i))
                return i;
            continue;
        }
        if (i < 3 || i + 3 > word.length || !is_character(bytes + i) || !is_character(bytes + i - 3))
            continue;
        const uint32_t hash = hash_pair(bytes + i - 3);
        if ((cuts->pairs[hash >> 6] >> (hash & 63) & 1) == 0 && !crosses_edge(cuts, bytes + i))
            return i;
    }
    return word.length;
}

bool tok_stays_whole(const tok_cuts *cuts, base_slice word, size_t at)
{
    const unsigned char *const bytes = (const unsigned char *)word.data + at;
    if (word.length - at < 3 || !is_character(bytes) || (at > 0 && crosses_edge(cuts, bytes)))
        return false;
    return word.length - at == 3 || ((bytes[3] & 0xC0) != 0x80 && !crosses_edge(cuts, bytes + 3));
}
