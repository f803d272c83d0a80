/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that are found in a text before anything else: the longest that begins at the first place where one does. */
#include "tokenizer/internal.h"
#include "tokenizer/template.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>

bool tok_special_create(tok_specials *specials, uint32_t count)
{
    *specials = (tok_specials){.items = malloc((count + (size_t)1) * sizeof *specials->items)};
    return specials->items && tok_table_create(&specials->table, count);
}

void tok_special_free(tok_specials *specials)
{
    free(specials->items);
    free(specials->table.slots);
    *specials = (tok_specials){0};
}

bool tok_special_add(tok_specials *specials, base_slice text, int32_t id, unsigned flags)
{
    const unsigned char *const byte = (const unsigned char *)text.data;
    specials->items[specials->count] = (tok_special){text, id, flags};
    specials->first[byte[0]] = true;
    specials->lengths[byte[0]][text.length >> 6] |= 1ULL << (text.length & 63);
    if (text.length > 1)
        specials->second[byte[0]][byte[1] >> 6] |= 1ULL << (byte[1] & 63);
    return tok_table_insert(&specials->table, tok_hash(text.data, text.length), 0, specials->count++);
}

static const tok_special *find(const tok_specials *specials, base_slice text)
{
    const uint64_t hash = tok_hash(text.data, text.length);
    uint32_t step = 0, i;
    while ((i = tok_table_candidate(&specials->table, hash, &step)) != TOK_NO_INDEX) {
        if (base_slice_equal(specials->items[i].text, text))
            return &specials->items[i];
    }
    return NULL;
}

/* How many bytes from `at` on are trusted. */
static size_t trusted_at(tok_trust *trust, size_t at)
{
    while (trust->segments < trust->end && trust->segments->end <= at)
        trust->segments++;
    return trust->segments < trust->end && trust->segments->from_template ? trust->segments->end - at : 0;
}

/* The greatest number in the set that is at most `most`, or 0. */
static size_t longest_length(const uint64_t set[4], size_t most)
{
    uint64_t word = set[most >> 6] & UINT64_MAX >> (63 - (most & 63));
    size_t i = most >> 6;
    while (word == 0 && i > 0)
        word = set[--i];
    return word == 0 ? 0 : i * 64 + 63 - (size_t)__builtin_clzll(word);
}

/* The longest one that the text begins with, or NULL. Control tokens are within the first `trusted` bytes. */
static const tok_special *special_at(const tok_specials *specials, base_slice text, size_t trusted)
{
    const unsigned char first = (unsigned char)text.data[0];
    const bool second = text.length > 1 && tok_set_has(specials->second[first], (unsigned char)text.data[1]);
    size_t length = !second ? 1 : text.length < TOK_LONGEST_SPECIAL ? text.length : TOK_LONGEST_SPECIAL;
    for (; (length = longest_length(specials->lengths[first], length)) > 0; length--) {
        const tok_special *const special = find(specials, (base_slice){text.data, length});
        if (special && (length <= trusted || (special->flags & TOK_ADDED_CONTROL) == 0))
            return special;
    }
    return NULL;
}

static const uint64_t space_set =
    1ULL << TOK_SPACE | 1ULL << TOK_CR | 1ULL << TOK_LF | 1ULL << TOK_TAB | 1ULL << TOK_BLANK;

/* The character that ends before `at`. */
static tok_character character_before(base_slice text, size_t at)
{
    size_t start = at - 1;
    while (start > 0 && at - start < 4 && (text.data[start] & 0xC0) == 0x80)
        start--;
    const tok_character c = tok_character_at(text.data + start, text.data + at);
    return c.length == at - start ? c : tok_character_at(text.data + at - 1, text.data + at);
}

static bool is_word(tok_character c)
{
    static const uint64_t set = 1ULL << TOK_ASCII_UPPER | 1ULL << TOK_ASCII_LOWER | 1ULL << TOK_UPPER |
                                1ULL << TOK_LOWER | 1ULL << TOK_TITLE | 1ULL << TOK_MODIFIER | 1ULL << TOK_LETTER |
                                1ULL << TOK_HAN | 1ULL << TOK_MARK | 1ULL << TOK_ASCII_DIGIT | 1ULL << TOK_DIGIT;
    return (set >> c.class_of & 1) != 0 || c.code == '_';
}

static bool is_single_word(base_slice text, size_t start, size_t end)
{
    const char *const stop = text.data + text.length;
    return (start == 0 || !is_word(character_before(text, start))) &&
           (end == text.length || !is_word(tok_character_at(text.data + end, stop)));
}

bool tok_special_next(const tok_specials *specials, base_slice text, size_t from, tok_trust *trust,
                      tok_special_match *out)
{
    const char *const stop = text.data + text.length;
    for (size_t at = from; at < text.length;) {
        const tok_special *const special =
            specials->first[(unsigned char)text.data[at]]
                ? special_at(specials, (base_slice){text.data + at, text.length - at}, trusted_at(trust, at))
                : NULL;
        if (!special) {
            at++;
            continue;
        }
        *out = (tok_special_match){special->id, at, at + special->text.length};
        at = out->end;
        if ((special->flags & TOK_ADDED_SINGLE_WORD) != 0 && !is_single_word(text, out->start, out->end))
            continue;
        while ((special->flags & TOK_ADDED_LEFT_SPACE) != 0 && out->start > from) {
            const tok_character c = character_before(text, out->start);
            if ((space_set >> c.class_of & 1) == 0)
                break;
            out->start -= c.length;
        }
        while ((special->flags & TOK_ADDED_RIGHT_SPACE) != 0 && out->end < text.length) {
            const tok_character c = tok_character_at(text.data + out->end, stop);
            if ((space_set >> c.class_of & 1) == 0)
                break;
            out->end += c.length;
        }
        return true;
    }
    return false;
}
