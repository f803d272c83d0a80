/* SPDX-License-Identifier: Apache-2.0 */
/* WordPiece: a word is cut from the left, each time at the longest token that fits; where none does, it is unknown. */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

/* `prefix` and `length` bytes at `text` as a token; `scratch` has room for them. */
static int32_t find_piece(const tok_tokenizer *tokenizer, base_slice prefix, const char *text, size_t length,
                          char *scratch)
{
    if (prefix.length == 0)
        return tok_find(tokenizer, (base_slice){text, length});
    memcpy(scratch, prefix.data, prefix.length);
    memcpy(scratch + prefix.length, text, length);
    return tok_find(tokenizer, (base_slice){scratch, prefix.length + length});
}

static size_t count_characters(base_slice word)
{
    size_t n = 0;
    for (size_t at = 0; at < word.length; n++)
        at += tok_character_at(word.data + at, word.data + word.length).length;
    return n;
}

/* The longest token at the word's begin or inside of it; *length is how much of `rest` it takes. */
static int32_t longest_piece(const tok_tokenizer *tokenizer, bool begins, base_slice rest, char *scratch,
                             size_t *length)
{
    const tok_config *const config = &tokenizer->config;
    const base_slice prefix = begins ? config->word_prefix : config->continuing_prefix;
    const unsigned char first = (unsigned char)(prefix.length > 0 ? prefix.data[0] : rest.data[0]);
    const size_t most = tokenizer->longest > prefix.length ? tokenizer->longest - prefix.length : 0;
    for (size_t n = rest.length < most ? rest.length : most; n > 0; n--) {
        const bool middle = n < rest.length && (rest.data[n] & 0xC0) == 0x80;
        if (middle || !tok_set_has(tokenizer->lengths[first], (unsigned)(prefix.length + n)))
            continue;
        const int32_t id = find_piece(tokenizer, prefix, rest.data, n, scratch);
        if (id != TOK_NONE && tok_type_of(tokenizer, (uint32_t)id) != TOK_TYPE_CONTROL) {
            *length = n;
            return id;
        }
    }
    return TOK_NONE;
}

bool tok_wordpiece_encode(const tok_tokenizer *tokenizer, base_slice word, tok_ids *ids)
{
    char scratch[TOK_LONGEST_SPECIAL];
    const size_t count = ids->count;
    const uint32_t most = tokenizer->config.longest_word;
    bool known = most == 0 || word.length <= most || count_characters(word) <= most;
    for (size_t at = 0, length; known && at < word.length; at += length) {
        const base_slice rest = {word.data + at, word.length - at};
        const int32_t id = longest_piece(tokenizer, at == 0, rest, scratch, &length);
        if (id == TOK_NONE)
            known = false;
        else if (!tok_push_id(ids, id))
            return false;
    }
    if (known)
        return true;
    ids->count = count;
    return tokenizer->config.unknown == TOK_NONE || tok_push_id(ids, tokenizer->config.unknown);
}
