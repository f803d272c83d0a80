/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to token ids: cuts out the special tokens, then cuts the rest into words and merges each. Words that
 * came up before are copied from the ids they got then.
 */
#include "base/memory.h"
#include "tokenizer/internal.h"
#include "tokenizer/template.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>

enum {
    LONGEST_CACHED_WORD = 64, /* bytes */
    MOST_CACHED_WORDS = 1 << 17,
    MOST_CACHED_PAIRS = 1 << 15,
    MOST_WAITING = 16,
    FEW_IDS = 2,
    KNOWN_CHARACTERS = 4096,
    LEAST_FOR_CUTS = 1 << 18, /* bytes of a text that is worth finding out where words may be cut */
};

/* A word's bytes: those of up to 16 in two numbers that may overlap, of longer ones where they are. */
typedef struct tok_key {
    uint64_t low, high;
    const char *text; /* NULL: they are in the numbers */
    uint32_t length;
    bool part; /* of a longer word, where that matters */
} tok_key;

/* A word that was encoded earlier in the same text. */
typedef struct cached_word {
    tok_key key;
    uint32_t first_id; /* index of its first id */
    uint32_t n_ids;
    int32_t ids[FEW_IDS]; /* the first of them, again */
} cached_word;

/* A word whose turn comes soon. */
typedef struct waiting_word {
    base_slice word;
    tok_key key;
    cached_word *cached; /* its slot */
} waiting_word;

typedef struct known_character {
    uint32_t key; /* its three bytes */
    int32_t id;
} known_character;

typedef struct encoder {
    const tok_tokenizer *tokenizer;
    tok_ids *ids;
    tok_merger merger;
    cached_word *cache; /* [cache_mask + 1], the slot being chosen by the hash; NULL: none */
    size_t cache_mask;
    waiting_word waiting[MOST_WAITING];
    uint32_t n_waiting;
    tok_cuts *cuts;              /* or NULL */
    known_character *characters; /* [KNOWN_CHARACTERS], with cuts */
    tok_merger single;           /* for one character */
    bool after_unknown;          /* several characters without token may make one unknown token */
    bool all_trusted;            /* all of the text may hold control tokens */
    bool regex_limit;            /* why it failed */
    tok_regex_budget budget;
    char **kept; /* [n_kept]: texts that the cache may point into */
    size_t n_kept;
} encoder;

void tok_ids_free(tok_ids *ids)
{
    free(ids->ids);
    *ids = (tok_ids){0};
}

static bool reserve_ids(tok_ids *ids, size_t more)
{
    return more <= ids->capacity - ids->count ||
           base_grow(&ids->ids, &ids->capacity, ids->count + more, sizeof *ids->ids);
}

bool tok_push_id(tok_ids *ids, int32_t id)
{
    if (!reserve_ids(ids, 1))
        return false;
    ids->ids[ids->count++] = id;
    return true;
}

/* Appends bytes as byte-level BPE writes them, as one symbol. */
static void spell_symbol(const tok_tokenizer *tokenizer, tok_merger *merger, const char *bytes, size_t n, int32_t id)
{
    tok_symbol *const symbol = &merger->symbols[merger->n_symbols++];
    symbol->start = merger->text_length;
    symbol->id = id;
    for (size_t i = 0; i < n; i++) {
        const tok_byte_text *const text = &tokenizer->byte_texts[(unsigned char)bytes[i]];
        memcpy(merger->text + merger->text_length, text->text, 2);
        merger->text_length += text->length;
    }
}

/* What the vocabulary writes after a word's last character, or byte, is a part of it. */
static void spell_suffix(const tok_tokenizer *tokenizer, tok_merger *merger)
{
    const base_slice suffix = tokenizer->config.word_suffix;
    if (suffix.length == 0 || merger->n_symbols == 0)
        return;
    tok_symbol *const last = &merger->symbols[merger->n_symbols - 1];
    memcpy(merger->text + merger->text_length, suffix.data, suffix.length);
    merger->text_length += (uint32_t)suffix.length;
    last->id = tok_find(tokenizer, (base_slice){merger->text + last->start, merger->text_length - last->start});
}

static void spell_bytes(const tok_tokenizer *tokenizer, tok_merger *merger, base_slice word)
{
    merger->n_symbols = merger->text_length = 0;
    for (size_t i = 0; i < word.length; i++)
        spell_symbol(tokenizer, merger, word.data + i, 1, tokenizer->byte_ids[(unsigned char)word.data[i]]);
}

/* The token that the three bytes of a character make by themselves, or TOK_NONE. */
static int32_t character_id(encoder *e, const char *bytes)
{
    uint32_t key = 0;
    memcpy(&key, bytes, 3);
    known_character *const known = &e->characters[tok_hash_mix(0, key) & (KNOWN_CHARACTERS - 1)];
    if (known->key == key)
        return known->id;
    tok_merger *const merger = &e->single;
    *known = (known_character){key, TOK_NONE};
    if (tok_merger_reserve(merger, 4)) {
        spell_bytes(e->tokenizer, merger, (base_slice){bytes, 3});
        tok_merge(e->tokenizer, merger);
        known->id = merger->symbols[0].next == merger->n_symbols ? merger->symbols[0].id : TOK_NONE;
    }
    return known->id;
}

/* Writes the word to the merger as byte-level BPE has it: a symbol for each byte, or for a character known to end so.
 */
static void spell_byte_level(encoder *e, base_slice word)
{
    if (!e->cuts) {
        spell_bytes(e->tokenizer, &e->merger, word);
        return;
    }
    e->merger.n_symbols = e->merger.text_length = 0;
    for (size_t i = 0; i < word.length;) {
        const bool whole = (unsigned char)word.data[i] >= 0xE3 && tok_stays_whole(e->cuts, word, i);
        const int32_t id = whole ? character_id(e, word.data + i) : TOK_NONE;
        const size_t n = id != TOK_NONE ? 3 : 1;
        spell_symbol(e->tokenizer, &e->merger, word.data + i, n,
                     n == 3 ? id : e->tokenizer->byte_ids[(unsigned char)word.data[i]]);
        i += n;
    }
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
        merger->symbols[n].id = bytes == 1 && (unsigned char)*text < 0x80
                                    ? e->tokenizer->ascii_ids[(unsigned char)*text]
                                    : tok_find(e->tokenizer, (base_slice){text, bytes});
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
        if (id != TOK_NONE && !tok_push_id(e->ids, id))
            return false;
    }
    return true;
}

/* As the libraries do that described pipelines come from: all bytes of a character, or the unknown token. */
static bool push_unknown(encoder *e, const char *text, size_t length)
{
    bool bytes = e->tokenizer->config.byte_fallback;
    for (size_t i = 0; bytes && i < length; i++)
        bytes = e->tokenizer->byte_ids[(unsigned char)text[i]] != TOK_NONE;
    if (bytes)
        return push_bytes(e, text, length);
    const bool fused = e->after_unknown && e->tokenizer->config.fuse_unknown;
    const int32_t unknown = e->tokenizer->config.unknown;
    e->after_unknown = true;
    return fused || unknown == TOK_NONE || tok_push_id(e->ids, unknown);
}

static bool push_symbols(encoder *e)
{
    const tok_merger *const merger = &e->merger;
    e->after_unknown = false;
    for (uint32_t i = 0; i < merger->n_symbols; i = merger->symbols[i].next) {
        const tok_symbol *const symbol = &merger->symbols[i];
        const char *const text = merger->text + symbol->start;
        const size_t length = merger->symbols[symbol->next].start - symbol->start;
        bool done = true;
        if (symbol->id != TOK_NONE) {
            e->after_unknown = false;
            done = tok_push_id(e->ids, symbol->id);
        } else if (e->tokenizer->pipeline) {
            done = push_unknown(e, text, length);
        } else if (e->tokenizer->characters) {
            done = push_bytes(e, text, length);
        }
        if (!done)
            return false;
    }
    return true;
}

/* `part`: it is cut from a longer word, so that it isn't looked for as a whole. */
static bool encode_word(encoder *e, base_slice word, bool space_prefix, bool part)
{
    tok_merger *const merger = &e->merger;
    if (!tok_merger_reserve(merger, word.length + 1 + e->tokenizer->config.word_suffix.length))
        return false;
    if (e->tokenizer->characters)
        spell_characters(e, word, space_prefix);
    else
        spell_byte_level(e, word);
    /* Lines end in runs that merges don't make, where a pre-tokeniser works on characters. */
    const tok_pretokenizer *const pre = e->tokenizer->pre;
    if ((e->tokenizer->ignore_merges && !part) || (pre && pre->characters && word.data[0] == '\n')) {
        const int32_t id = tok_find(e->tokenizer, (base_slice){merger->text, merger->text_length});
        if (id != TOK_NONE)
            return tok_push_id(e->ids, id);
    }
    spell_suffix(e->tokenizer, merger);
    tok_merge(e->tokenizer, merger);
    return push_symbols(e);
}

static tok_key key_of(base_slice word, bool part)
{
    tok_key key = {.length = (uint32_t)word.length, .part = part};
    const char *const end = word.data + word.length;
    if (word.length > 16) {
        key.text = word.data;
        key.low = tok_hash(word.data, word.length);
    } else if (word.length >= 8) {
        memcpy(&key.low, word.data, 8);
        memcpy(&key.high, end - 8, 8);
    } else if (word.length >= 4) {
        memcpy(&key.low, word.data, 4);
        memcpy(&key.high, end - 4, 4);
    } else {
        const unsigned char *const byte = (const unsigned char *)word.data;
        key.low = (uint64_t)byte[0] << 16 | (uint64_t)byte[word.length / 2] << 8 | byte[word.length - 1];
    }
    return key;
}

static bool is_same(const tok_key *a, const tok_key *b)
{
    return a->low == b->low && a->high == b->high && a->length == b->length && a->part == b->part &&
           (!a->text || memcmp(a->text, b->text, a->length) == 0);
}

static bool push_cached(encoder *e, const cached_word *cached)
{
    tok_ids *const ids = e->ids;
    if (!reserve_ids(ids, (size_t)cached->n_ids + FEW_IDS))
        return false;
    memcpy(ids->ids + ids->count, cached->ids, sizeof cached->ids);
    if (cached->n_ids > FEW_IDS)
        memcpy(ids->ids + ids->count, ids->ids + cached->first_id, cached->n_ids * sizeof *ids->ids);
    ids->count += cached->n_ids;
    return true;
}

static bool encode_through(encoder *e, const waiting_word *next)
{
    if (is_same(&next->cached->key, &next->key))
        return push_cached(e, next->cached);
    const size_t first = e->ids->count;
    if (!encode_word(e, next->word, false, next->key.part))
        return false;
    const size_t n_ids = e->ids->count - first;
    *next->cached = (cached_word){.key = next->key, .first_id = (uint32_t)first, .n_ids = (uint32_t)n_ids};
    for (size_t i = 0; i < n_ids && i < FEW_IDS; i++)
        next->cached->ids[i] = e->ids->ids[first + i];
    return true;
}

/* Encodes the words that wait; before any other id is pushed. */
static bool encode_waiting(encoder *e)
{
    bool done = true;
    for (uint32_t i = 0; done && i < e->n_waiting; i++)
        done = encode_through(e, &e->waiting[i]);
    e->n_waiting = 0;
    return done;
}

/* As encode_word, by way of the cache: in a while, so that its slot has come from main memory by then. */
static bool encode_cached(encoder *e, base_slice word, bool part)
{
    if (!e->cache || word.length > LONGEST_CACHED_WORD)
        return encode_waiting(e) && encode_word(e, word, false, part);
    const tok_key key = key_of(word, part);
    cached_word *const cached = &e->cache[tok_hash_mix(tok_hash_mix(key.length, key.low), key.high) & e->cache_mask];
    __builtin_prefetch(cached, 1);
    e->waiting[e->n_waiting++] = (waiting_word){word, key, cached};
    return e->n_waiting < MOST_WAITING || encode_waiting(e);
}

static bool encode_in_parts(encoder *e, base_slice word)
{
    if (!e->cuts)
        return encode_cached(e, word, false);
    bool part = false;
    while (word.length > 0) {
        const size_t length = tok_cut(e->cuts, word);
        part = part || (length < word.length && e->tokenizer->ignore_merges);
        if (!encode_cached(e, (base_slice){word.data, length}, part))
            return false;
        word = (base_slice){word.data + length, word.length - length};
    }
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
        return tok_push_id(e->ids, id);
    if (!e->after_unknown)
        return push_bytes(e, bytes.data, bytes.length);
    return after_unknown || e->tokenizer->config.unknown == TOK_NONE ||
           tok_push_id(e->ids, e->tokenizer->config.unknown);
}

/* Hands over a text that has to stay as long as the cache does. */
static bool keep(encoder *e, tok_buffer *buffer)
{
    char **const grown = realloc(e->kept, (e->n_kept + 1) * sizeof *grown);
    if (!grown) {
        tok_buffer_free(buffer);
        return false;
    }
    e->kept = grown;
    e->kept[e->n_kept++] = buffer->data;
    *buffer = (tok_buffer){0};
    return true;
}

static bool scan_words(encoder *e, const tok_pretokenizer *pre, base_slice text)
{
    tok_scanner scanner;
    base_slice word;
    tok_scanner_start(&scanner, pre, text);
    while (tok_scanner_next(&scanner, &word)) {
        if (!encode_in_parts(e, word))
            return false;
    }
    return encode_waiting(e);
}

static bool encode_sentence(encoder *e, base_slice text)
{
    const tok_config *const config = &e->tokenizer->config;
    bool space_prefix = config->add_space_prefix;
    tok_buffer normalised = {0};
    if (config->kind == TOK_UNIGRAM || config->remove_extra_spaces || config->replacements.length > 0) {
        if (!tok_normalise_sentence(e->tokenizer, text, &normalised)) {
            tok_buffer_free(&normalised);
            return false;
        }
        space_prefix = false;
        text = tok_buffer_text(&normalised);
    }
    bool done = true;
    e->after_unknown = false;
    if (config->kind == TOK_UNIGRAM)
        done = tok_unigram_encode(e->tokenizer, text, push_unigram, e);
    while (done && config->kind == TOK_SENTENCE_BPE && text.length > 0) {
        const base_slice word = {text.data, sentence_word(e->tokenizer, text)};
        /* the cache keeps no words of a text that goes soon */
        done = space_prefix || normalised.data ? encode_word(e, word, space_prefix, false) : encode_in_parts(e, word);
        space_prefix = false;
        text = (base_slice){text.data + word.length, text.length - word.length};
    }
    done = done && encode_waiting(e);
    tok_buffer_free(&normalised);
    return done;
}

static bool encode_piece(encoder *e, base_slice word)
{
    e->after_unknown = false;
    switch (e->tokenizer->config.kind) {
    case TOK_WORDPIECE:
        return tok_wordpiece_encode(e->tokenizer, word, e->ids);
    case TOK_UNIGRAM:
        return tok_unigram_encode(e->tokenizer, word, push_unigram, e);
    default:
        return encode_in_parts(e, word);
    }
}

static bool succeeded(encoder *e, tok_outcome outcome)
{
    e->regex_limit = e->regex_limit || outcome == TOK_REGEX_LIMIT;
    return outcome == TOK_DONE;
}

/* Normalised text without special tokens. */
static bool encode_described(encoder *e, base_slice text, bool begins)
{
    const tok_pipeline *const pipeline = e->tokenizer->pipeline;
    if (pipeline->only_scans && e->tokenizer->config.kind == TOK_BYTE_BPE)
        return scan_words(e, &pipeline->scanner, text);
    tok_pieces pieces = {0};
    bool done = succeeded(e, tok_split(pipeline, text, begins, &e->budget, &pieces));
    for (size_t i = 0; done && i < pieces.count; i++) {
        const tok_piece piece = pieces.items[i];
        done = piece.start == piece.end ||
               encode_piece(e, (base_slice){pieces.text.data + piece.start, piece.end - piece.start});
    }
    done = done && encode_waiting(e) && keep(e, &pieces.text);
    tok_pieces_free(&pieces);
    return done;
}

/* Text without special tokens, but for those that are found in normalised text; not empty. */
static bool encode_plain(encoder *e, base_slice text, bool begins)
{
    const tok_tokenizer *const tokenizer = e->tokenizer;
    if (!tokenizer->pipeline)
        return tokenizer->config.kind == TOK_BYTE_BPE ? scan_words(e, tokenizer->pre, text) : encode_sentence(e, text);
    tok_buffer first = {0}, second = {0};
    base_slice normalised;
    bool done = succeeded(e, tok_normalise(tokenizer->pipeline, text, &e->budget, &first, &second, &normalised));
    if (normalised.data == second.data) {
        const tok_buffer other = first;
        first = second;
        second = other;
    }
    /* where a text's parts differ in trust, normalised text doesn't show which is which */
    const tok_template_segment whole = {normalised.length, e->all_trusted};
    tok_trust trust = {&whole, &whole + 1};
    tok_special_match match = {0};
    for (size_t at = 0; done && at < normalised.length;) {
        const bool found = tok_special_next(&tokenizer->normalised_specials, normalised, at, &trust, &match);
        const size_t stop = found ? match.start : normalised.length;
        if (stop > at)
            done = encode_described(e, (base_slice){normalised.data + at, stop - at}, begins && at == 0);
        done = done && (!found || tok_push_id(e->ids, match.id));
        at = found ? match.end : stop;
    }
    tok_buffer_free(&second);
    if (!done)
        tok_buffer_free(&first);
    return done && (!first.data || keep(e, &first));
}

static bool push_ids(encoder *e, const int32_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!tok_push_id(e->ids, ids[i]))
            return false;
    }
    return true;
}

static bool encode_text(encoder *e, base_slice text, unsigned flags, tok_trust trust)
{
    const bool add = (flags & TOK_ADD_SPECIAL) != 0;
    const tok_config *const config = &e->tokenizer->config;
    if (add && config->add_bos && !push_ids(e, &config->bos, config->bos != TOK_NONE))
        return false;
    if (add && !push_ids(e, config->before, config->n_before))
        return false;
    tok_special_match match = {0};
    for (size_t at = 0; at < text.length;) {
        const bool found = tok_special_next(&e->tokenizer->specials, text, at, &trust, &match);
        const size_t stop = found ? match.start : text.length;
        if (stop > at && !encode_plain(e, (base_slice){text.data + at, stop - at}, at == 0))
            return false;
        if (found && !tok_push_id(e->ids, match.id))
            return false;
        at = found ? match.end : stop;
    }
    if (add && !push_ids(e, config->after, config->n_after))
        return false;
    return !add || !config->add_eos || push_ids(e, &config->eos, config->eos != TOK_NONE);
}

/* Unknown characters in a row that make one token must not come apart; a suffix is for the end of the whole word. */
static bool may_cut(const tok_tokenizer *tokenizer)
{
    const tok_config *const config = &tokenizer->config;
    return (config->kind == TOK_BYTE_BPE || config->kind == TOK_SENTENCE_BPE) &&
           (!config->fuse_unknown || config->byte_fallback) && config->word_suffix.length == 0;
}

static firn_status encode(const tok_tokenizer *tokenizer, base_slice text, unsigned flags,
                          const tok_template_segment *segments, size_t n_segments, tok_ids *ids, firn_error *error)
{
    if (text.length > TOK_LONGEST_TEXT)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "the text has %zu bytes; at most %d can be encoded at once", text.length, TOK_LONGEST_TEXT);
    encoder e = {.tokenizer = tokenizer, .ids = ids, .budget = tok_regex_budget_for(text.length)};
    e.all_trusted = n_segments == 1 && segments->from_template;
    const size_t count = ids->count;
    size_t cache_size = MOST_CACHED_WORDS;
    while (cache_size > text.length / 16)
        cache_size /= 2;
    if (cache_size >= 32) {
        e.cache = calloc(cache_size, sizeof *e.cache); /* without memory for it we are slower, no more */
        e.cache_mask = cache_size - 1;
        tok_merger_remember(&e.merger, cache_size < MOST_CACHED_PAIRS ? cache_size : MOST_CACHED_PAIRS);
    }
    if (text.length >= LEAST_FOR_CUTS && may_cut(tokenizer))
        e.characters = calloc(KNOWN_CHARACTERS, sizeof *e.characters);
    if (e.characters)
        e.cuts = tok_cuts_create(tokenizer);
    const bool done = encode_text(&e, text, flags, (tok_trust){segments, segments + n_segments});
    free(e.cuts);
    free(e.characters);
    free(e.cache);
    for (size_t i = 0; i < e.n_kept; i++)
        free(e.kept[i]);
    free(e.kept);
    tok_merger_free(&e.merger);
    tok_merger_free(&e.single);
    if (done)
        return FIRN_OK;
    ids->count = count;
    if (e.regex_limit)
        return base_fail(
            error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
            "a regular expression of the vocabulary takes too many steps or too much time on a text of %zu bytes",
            text.length);
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
