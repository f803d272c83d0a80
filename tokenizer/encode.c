/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to token ids: cuts out the special tokens, then cuts the rest into words and merges each. Words that
 * came up before are copied from the ids they got then.
 */
#include "tokenizer/internal.h"
#include "tokenizer/template.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>

enum {
    LONGEST_CACHED_WORD = 64, /* bytes */
    MOST_CACHED_WORDS = 1 << 15,
};

/* A word that was encoded earlier in the same text. */
typedef struct cached_word {
    base_slice word; /* in the text */
    size_t first_id; /* index of its first id */
    uint32_t n_ids;
} cached_word;

typedef struct encoder {
    const tok_tokenizer *tokenizer;
    tok_ids *ids;
    tok_merger merger;
    cached_word *cache; /* [cache_mask + 1], the slot being chosen by the hash; NULL: none */
    size_t cache_mask;
    bool after_unknown; /* TOK_UNIGRAM: several characters without token make one unknown token */
} encoder;

void tok_ids_free(tok_ids *ids)
{
    free(ids->ids);
    *ids = (tok_ids){0};
}

static bool reserve_ids(tok_ids *ids, size_t more)
{
    if (more <= ids->capacity - ids->count)
        return true;
    size_t capacity = ids->capacity ? ids->capacity : 64;
    while (capacity - ids->count < more)
        capacity *= 2;
    int32_t *const grown = realloc(ids->ids, capacity * sizeof *grown);
    if (!grown)
        return false;
    ids->ids = grown;
    ids->capacity = capacity;
    return true;
}

static bool push_id(tok_ids *ids, int32_t id)
{
    if (!reserve_ids(ids, 1))
        return false;
    ids->ids[ids->count++] = id;
    return true;
}

/* Writes the word to the merger as byte-level BPE has it: a symbol for each byte. */
static void spell_byte_level(encoder *e, base_slice word)
{
    tok_merger *const merger = &e->merger;
    uint32_t length = 0;
    for (size_t i = 0; i < word.length; i++) {
        const unsigned char byte = (unsigned char)word.data[i];
        const tok_byte_text *const text = &e->tokenizer->byte_texts[byte];
        merger->symbols[i].start = length;
        merger->symbols[i].id = e->tokenizer->byte_ids[byte];
        memcpy(merger->text + length, text->text, 2);
        length += text->length;
    }
    merger->n_symbols = (uint32_t)word.length;
    merger->text_length = length;
}

/* The same with a symbol for each character, and maybe a space before the word. */
static void spell_characters(encoder *e, base_slice word, bool space_prefix)
{
    tok_merger *const merger = &e->merger;
    const char *const end = word.data + word.length;
    uint32_t length = 0, n = 0;
    for (const char *at = word.data; at < end || space_prefix;) {
        const bool space = space_prefix || (e->tokenizer->space_symbol && *at == ' ');
        const char *const text = space ? TOK_SPACE_SYMBOL : at;
        const uint32_t bytes = space ? 3 : tok_character_at(at, end).length;
        merger->symbols[n].start = length;
        merger->symbols[n].id = tok_find(e->tokenizer, (base_slice){text, bytes});
        memcpy(merger->text + length, text, bytes);
        length += bytes;
        at += space_prefix ? 0 : space ? 1 : bytes;
        space_prefix = false;
        n++;
    }
    merger->n_symbols = n;
    merger->text_length = length;
}

/* The tokens of single bytes, or the unknown token; a byte for which there is neither is left out. */
static bool push_bytes(encoder *e, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const int32_t byte_id = e->tokenizer->byte_ids[(unsigned char)text[i]];
        const int32_t id = byte_id != TOK_NONE ? byte_id : e->tokenizer->config.unknown;
        if (id != TOK_NONE && !push_id(e->ids, id))
            return false;
    }
    return true;
}

static bool encode_word(encoder *e, base_slice word, bool space_prefix)
{
    tok_merger *const merger = &e->merger;
    if (!tok_merger_reserve(merger, word.length + 1))
        return false;
    if (e->tokenizer->characters)
        spell_characters(e, word, space_prefix);
    else
        spell_byte_level(e, word);
    /* Lines end in runs that merges don't make, where a pre-tokeniser works on characters. */
    const tok_pretokenizer *const pre = e->tokenizer->pre;
    if (pre && (pre->ignore_merges || (pre->characters && word.data[0] == '\n'))) {
        const int32_t id = tok_find(e->tokenizer, (base_slice){merger->text, merger->text_length});
        if (id != TOK_NONE)
            return push_id(e->ids, id);
    }
    tok_merge(e->tokenizer, merger);
    for (uint32_t i = 0; i < merger->n_symbols; i = merger->symbols[i].next) {
        const tok_symbol *const symbol = &merger->symbols[i];
        const uint32_t end = merger->symbols[symbol->next].start;
        if (symbol->id != TOK_NONE) {
            if (!push_id(e->ids, symbol->id))
                return false;
        } else if (e->tokenizer->characters && !push_bytes(e, merger->text + symbol->start, end - symbol->start)) {
            return false;
        }
    }
    return true;
}

/* As encode_word, by way of the cache. */
static bool encode_cached(encoder *e, base_slice word)
{
    if (!e->cache || word.length > LONGEST_CACHED_WORD)
        return encode_word(e, word, false);
    cached_word *const cached = &e->cache[tok_hash(word.data, word.length) & e->cache_mask];
    if (base_slice_equal(cached->word, word)) {
        if (!reserve_ids(e->ids, cached->n_ids))
            return false;
        memcpy(e->ids->ids + e->ids->count, e->ids->ids + cached->first_id, cached->n_ids * sizeof *e->ids->ids);
        e->ids->count += cached->n_ids;
        return true;
    }
    const size_t first_id = e->ids->count;
    if (!encode_word(e, word, false))
        return false;
    *cached = (cached_word){word, first_id, (uint32_t)(e->ids->count - first_id)};
    return true;
}

/*
 * The length of the first word of a text to be cut for SentencePiece: up to a space that no token has after the byte
 * before, so that no merge crosses it.
 */
static size_t sentence_word(const tok_tokenizer *tokenizer, base_slice text)
{
    size_t i = 1;
    while (i < text.length) {
        const char *const before = &text.data[i - 1];
        const unsigned char last = (unsigned char)(*before == ' ' ? TOK_SPACE_SYMBOL[2] : *before);
        if (text.data[i] == ' ' && !tokenizer->joins_space[last])
            break;
        i++;
    }
    return i;
}

static bool push_unigram(void *receiver, int32_t id, base_slice bytes)
{
    encoder *const e = receiver;
    const bool after_unknown = e->after_unknown;
    e->after_unknown = id == TOK_NONE && e->tokenizer->byte_ids[(unsigned char)bytes.data[0]] == TOK_NONE;
    if (id != TOK_NONE)
        return push_id(e->ids, id);
    if (!e->after_unknown)
        return push_bytes(e, bytes.data, bytes.length);
    return after_unknown || e->tokenizer->config.unknown == TOK_NONE || push_id(e->ids, e->tokenizer->config.unknown);
}

/* Text without special tokens; not empty. */
static bool encode_plain(encoder *e, base_slice text)
{
    if (e->tokenizer->config.kind == TOK_BYTE_BPE) {
        tok_scanner scanner;
        base_slice word;
        tok_scanner_start(&scanner, e->tokenizer->pre, text);
        while (tok_scanner_next(&scanner, &word)) {
            if (!encode_cached(e, word))
                return false;
        }
        return true;
    }
    if (e->tokenizer->config.kind == TOK_UNIGRAM) {
        e->after_unknown = false;
        return tok_unigram_encode(e->tokenizer, text, push_unigram, e);
    }
    bool space_prefix = e->tokenizer->config.add_space_prefix;
    while (text.length > 0) {
        const base_slice word = {text.data, sentence_word(e->tokenizer, text)};
        if (!(space_prefix ? encode_word(e, word, true) : encode_cached(e, word)))
            return false;
        space_prefix = false;
        text = (base_slice){text.data + word.length, text.length - word.length};
    }
    return true;
}

/* What begins or ends a text or a turn must be the template's own, whatever its type. */
static bool is_control(const tok_tokenizer *tokenizer, int32_t id)
{
    const tok_config *const config = &tokenizer->config;
    return tok_type_of(tokenizer, (uint32_t)id) != TOK_TYPE_USER_DEFINED || id == config->bos || id == config->eos ||
           id == config->eot;
}

/*
 * The longest special token that the text begins with, or TOK_NONE. Of control tokens only those that end within the
 * first `trusted` bytes.
 */
static int32_t special_at(const tok_tokenizer *tokenizer, base_slice text, size_t trusted)
{
    const unsigned char first = (unsigned char)text.data[0];
    const uint64_t *const lengths = tokenizer->special_lengths[first];
    const bool second = text.length > 1 && tok_set_has(tokenizer->special_second[first], (unsigned char)text.data[1]);
    size_t length = !second ? 1 : text.length < TOK_LONGEST_SPECIAL ? text.length : TOK_LONGEST_SPECIAL;
    for (; length > 0; length--) {
        if (!tok_set_has(lengths, (unsigned)length))
            continue;
        const int32_t id = tok_find(tokenizer, (base_slice){text.data, length});
        if (id == TOK_NONE)
            continue;
        const tok_type type = tok_type_of(tokenizer, (uint32_t)id);
        const bool special = type == TOK_TYPE_USER_DEFINED || type == TOK_TYPE_CONTROL || type == TOK_TYPE_UNKNOWN;
        if (special && (length <= trusted || !is_control(tokenizer, id)))
            return id;
    }
    return TOK_NONE;
}

/* How many bytes from `at` on are the template's. *segments moves on to the segment that holds this byte. */
static size_t trusted_at(const tok_template_segment **segments, const tok_template_segment *end, size_t at)
{
    while (*segments < end && (*segments)->end <= at)
        ++*segments;
    return *segments < end && (*segments)->from_template ? (*segments)->end - at : 0;
}

static bool encode_text(encoder *e, base_slice text, unsigned flags, const tok_template_segment *segments,
                        size_t n_segments)
{
    const tok_template_segment *const segments_end = segments + n_segments;
    const bool add = (flags & TOK_ADD_SPECIAL) != 0;
    const tok_config *const config = &e->tokenizer->config;
    if (add && config->add_bos && config->bos != TOK_NONE && !push_id(e->ids, config->bos))
        return false;
    size_t start = 0; /* of the plain text before `i` */
    for (size_t i = 0; i <= text.length;) {
        int32_t special = TOK_NONE;
        if (i < text.length) {
            if (e->tokenizer->special_first[(unsigned char)text.data[i]])
                special = special_at(e->tokenizer, (base_slice){text.data + i, text.length - i},
                                     trusted_at(&segments, segments_end, i));
            if (special == TOK_NONE) {
                i++;
                continue;
            }
        }
        if (i > start && !encode_plain(e, (base_slice){text.data + start, i - start}))
            return false;
        if (special == TOK_NONE)
            break;
        if (!push_id(e->ids, special))
            return false;
        i += config->tokens[special].length;
        start = i;
    }
    return !add || !config->add_eos || config->eos == TOK_NONE || push_id(e->ids, config->eos);
}

static firn_status encode(const tok_tokenizer *tokenizer, base_slice text, unsigned flags,
                          const tok_template_segment *segments, size_t n_segments, tok_ids *ids, firn_error *error)
{
    if (text.length > TOK_LONGEST_TEXT)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "the text has %zu bytes; at most %d can be encoded at once", text.length, TOK_LONGEST_TEXT);
    encoder e = {.tokenizer = tokenizer, .ids = ids};
    const size_t count = ids->count;
    size_t cache_size = MOST_CACHED_WORDS;
    while (cache_size > text.length / 16)
        cache_size /= 2;
    if (cache_size >= 32) {
        e.cache = calloc(cache_size, sizeof *e.cache); /* without memory for it we are slower, no more */
        e.cache_mask = cache_size - 1;
    }
    const bool done = encode_text(&e, text, flags, segments, n_segments);
    free(e.cache);
    tok_merger_free(&e.merger);
    if (done)
        return FIRN_OK;
    ids->count = count;
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to encode a text of %zu bytes", text.length);
}

firn_status tok_encode(const tok_tokenizer *tokenizer, base_slice text, unsigned flags, tok_ids *ids, firn_error *error)
{
    const tok_template_segment whole = {text.length, (flags & TOK_PARSE_SPECIAL) != 0};
    return encode(tokenizer, text, flags, &whole, 1, ids, error);
}

firn_status tok_encode_segments(const tok_tokenizer *tokenizer, base_slice text, const tok_template_segment *segments,
                                size_t n_segments, tok_ids *ids, firn_error *error)
{
    return encode(tokenizer, text, 0, segments, n_segments, ids, error);
}
