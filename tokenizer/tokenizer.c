/* SPDX-License-Identifier: Apache-2.0 */
/* Making a tokenizer: checks the vocabulary and indexes it, in one pass over its tokens and one over its merges. */
#include "tokenizer/internal.h"

#include <stdlib.h>

static firn_status check_config(const tok_config *config, firn_error *error)
{
    if (config->n_tokens == 0 || config->n_tokens > TOK_MOST_TOKENS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "vocabulary: it has %u tokens; 1 to %d are allowed",
                         config->n_tokens, TOK_MOST_TOKENS);
    if (config->n_merges > TOK_MOST_TOKENS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "vocabulary: it has %u merges; %d are allowed",
                         config->n_merges, TOK_MOST_TOKENS);
    if ((config->kind == TOK_SENTENCE_BPE || config->kind == TOK_UNIGRAM) && !config->scores)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "vocabulary: the tokens have no scores, which a SentencePiece vocabulary needs");
    if (config->kind == TOK_WORDPIECE && !config->described)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "vocabulary: WordPiece needs a normaliser and a pre-tokeniser");
    const struct {
        const char *name;
        int32_t id;
    } special[] = {{"bos", config->bos},
                   {"eos", config->eos},
                   {"eot", config->eot},
                   {"unknown", config->unknown},
                   {"padding", config->padding}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (special[i].id != TOK_NONE && (special[i].id < 0 || (uint32_t)special[i].id >= config->n_tokens))
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: the %s token's id is %d, but there are only %u tokens", special[i].name,
                             special[i].id, config->n_tokens);
    }
    for (uint32_t i = 0; i < config->n_before + config->n_after; i++) {
        const int32_t id = i < config->n_before ? config->before[i] : config->after[i - config->n_before];
        if (id < 0 || (uint32_t)id >= config->n_tokens)
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: token %d is put around texts, but there are only %u tokens", id,
                             config->n_tokens);
    }
    return FIRN_OK;
}

static firn_status choose_pretokenizer(tok_tokenizer *tokenizer, firn_error *error)
{
    char names[400];
    const base_slice name = tokenizer->config.pre;
    tokenizer->pre = tok_pretokenizer_find(name);
    if (tokenizer->pre) {
        tokenizer->characters = tokenizer->pre->characters;
        tokenizer->space_symbol = tokenizer->pre->space_symbol;
        tokenizer->ignore_merges = tokenizer->pre->ignore_merges;
        return FIRN_OK;
    }
    tok_pretokenizer_names(names, sizeof names);
    return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET, "pre-tokeniser '%.*s' is not known; known are %s",
                     name.length < 40 ? (int)name.length : 40, name.length ? name.data : "", names);
}

/* Notes which bytes come before a space symbol inside of the token. */
static void note_spaces(tok_tokenizer *tokenizer, base_slice text)
{
    const char *const end = text.data + text.length;
    const char *at = text.data + 1;
    while (at < end && (at = memchr(at, TOK_SPACE_SYMBOL[0], (size_t)(end - at))) != NULL) {
        if (end - at >= 3 && memcmp(at, TOK_SPACE_SYMBOL, 3) == 0)
            tokenizer->joins_space[(unsigned char)at[-1]] = true;
        at++;
    }
}

static int hexadecimal(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tok_byte_of_token(base_slice text)
{
    if (text.length != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const int high = hexadecimal(text.data[3]), low = hexadecimal(text.data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool takes_byte_tokens(const tok_tokenizer *tokenizer)
{
    return !tokenizer->config.described || tokenizer->config.byte_fallback;
}

static firn_status add_byte_token(tok_tokenizer *tokenizer, uint32_t id, firn_error *error)
{
    const int byte = tok_byte_of_token(tokenizer->config.tokens[id]);
    if (byte < 0)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "vocabulary: token %u is of type byte, but its text is not of the form <0x0A>", id);
    if (tokenizer->byte_ids[byte] != TOK_NONE)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "vocabulary: tokens %d and %u both stand for byte 0x%02X", tokenizer->byte_ids[byte], id,
                         (unsigned)byte);
    tokenizer->byte_ids[byte] = (int32_t)id;
    return FIRN_OK;
}

static firn_status add_token(tok_tokenizer *tokenizer, uint32_t id, uint64_t hash, firn_error *error)
{
    const base_slice text = tokenizer->config.tokens[id];
    const tok_type type = tok_type_of(tokenizer, id);
    if (text.length == 0)
        return FIRN_OK; /* it is never found in a text */
    const bool special = type == TOK_TYPE_CONTROL || type == TOK_TYPE_USER_DEFINED || type == TOK_TYPE_UNKNOWN;
    const bool lengths = tokenizer->config.kind == TOK_UNIGRAM || tokenizer->config.kind == TOK_WORDPIECE;
    const size_t limit = special || lengths ? TOK_LONGEST_SPECIAL : TOK_LONGEST_TOKEN;
    if (text.length > limit)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "vocabulary: token %u has %zu bytes; %zu are allowed for its type", id, text.length, limit);
    uint32_t step = 0, other;
    while ((other = tok_table_candidate(&tokenizer->tokens, hash, &step)) != TOK_NO_INDEX) {
        if (base_slice_equal(tokenizer->config.tokens[other], text))
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: tokens %u and %u have the same text", other, id);
    }
    if (!tok_table_insert(&tokenizer->tokens, hash, step, id))
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "vocabulary: the texts of its tokens, such as token %u, collide on purpose", id);
    if (text.length > tokenizer->longest)
        tokenizer->longest = text.length;
    if (tokenizer->config.kind == TOK_SENTENCE_BPE)
        note_spaces(tokenizer, text);
    if (lengths)
        tokenizer->lengths[(unsigned char)text.data[0]][text.length >> 6] |= 1ULL << (text.length & 63);
    return tokenizer->characters && type == TOK_TYPE_BYTE && takes_byte_tokens(tokenizer)
               ? add_byte_token(tokenizer, id, error)
               : FIRN_OK;
}

/* The hash table's slots come from main memory: a batch of them is fetched at a time. */
enum { BATCH = 32 };

static firn_status add_tokens(tok_tokenizer *tokenizer, firn_error *error)
{
    const base_slice *const tokens = tokenizer->config.tokens;
    const uint32_t n_tokens = tokenizer->config.n_tokens;
    for (uint32_t first = 0; first < n_tokens; first += BATCH) {
        const uint32_t n = n_tokens - first < BATCH ? n_tokens - first : BATCH;
        uint64_t hashes[BATCH];
        for (uint32_t i = 0; i < n; i++) {
            hashes[i] = tok_hash(tokens[first + i].data, tokens[first + i].length);
            tok_table_prefetch(&tokenizer->tokens, hashes[i]);
        }
        for (uint32_t i = 0; i < n; i++) {
            const firn_status status = add_token(tokenizer, first + i, hashes[i], error);
            if (status != FIRN_OK)
                return status;
        }
    }
    return FIRN_OK;
}

/* How byte-level BPE writes each byte, and the tokens of single bytes. */
static void find_byte_tokens(tok_tokenizer *tokenizer)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned next = 256; /* the code point of the next byte that isn't printable in Latin-1 */
    for (unsigned byte = 0; byte < 256; byte++) {
        tok_byte_text *const text = &tokenizer->byte_texts[byte];
        const bool printable = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
        const unsigned code = printable ? byte : next++;
        if (code < 0x80)
            *text = (tok_byte_text){{(char)code, 0}, 1};
        else
            *text = (tok_byte_text){{(char)(0xC0 | code >> 6), (char)(0x80 | (code & 0x3F))}, 2};
        const char hex[6] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
        if (!tokenizer->characters)
            tokenizer->byte_ids[byte] = tok_find(tokenizer, (base_slice){text->text, text->length});
        else if (tokenizer->byte_ids[byte] == TOK_NONE && takes_byte_tokens(tokenizer))
            tokenizer->byte_ids[byte] = tok_find(tokenizer, (base_slice){hex, sizeof hex});
        if (byte < 128)
            tokenizer->ascii_ids[byte] = tok_find(tokenizer, (base_slice){(const char[1]){(char)byte}, 1});
    }
}

static bool is_concatenation(base_slice text, base_slice left, base_slice right)
{
    return text.length == left.length + right.length && memcmp(text.data, left.data, left.length) == 0 &&
           memcmp(text.data + left.length, right.data, right.length) == 0;
}

/*
 * The token that a merge makes. Vocabularies mostly list tokens in the order of merges, so the token of the merge
 * before (`previous`) and the one after that are compared first, which spares looking it up. `scratch` has room for the
 * longest token.
 */
static int32_t find_merged(const tok_tokenizer *tokenizer, base_slice left, base_slice right, int32_t previous,
                           char *scratch)
{
    for (int32_t id = previous; id <= previous + 1 && (uint32_t)id < tokenizer->config.n_tokens; id++) {
        if (is_concatenation(tokenizer->config.tokens[id], left, right))
            return id;
    }
    if (left.length + right.length > tokenizer->longest)
        return TOK_NONE;
    memcpy(scratch, left.data, left.length);
    memcpy(scratch + left.length, right.data, right.length);
    return tok_find(tokenizer, (base_slice){scratch, left.length + right.length});
}

/* Splits a merge into its sides, which may begin with a space but not be empty. */
static bool split_merge(base_slice merge, base_slice *left, base_slice *right)
{
    const char *const space = merge.length > 2 ? memchr(merge.data + 1, ' ', merge.length - 2) : NULL;
    if (!space)
        return false;
    *left = (base_slice){merge.data, (size_t)(space - merge.data)};
    *right = (base_slice){space + 1, merge.length - left->length - 1};
    return true;
}

static firn_status link_merges(tok_tokenizer *tokenizer, char *scratch, firn_error *error)
{
    int32_t merged = 0;
    for (uint32_t rank = 0; rank < tokenizer->config.n_merges; rank++) {
        const base_slice merge = tokenizer->config.merges[rank];
        base_slice left = merge, right;
        if (tokenizer->config.merge_rights)
            right = tokenizer->config.merge_rights[rank];
        else if (!split_merge(merge, &left, &right))
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: merge %u is not two texts with a space between them", rank);
        merged = find_merged(tokenizer, left, right, merged, scratch);
        if (merged == TOK_NONE)
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: merge %u ('%.*s') makes a text that is no token", rank,
                             merge.length < 80 ? (int)merge.length : 80, merge.data);
        if (left.length == 0 || left.length > UINT16_MAX || right.length == 0)
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "vocabulary: merge %u has an empty side", rank);
        tokenizer->merge_links[rank] = (tok_merge_link){0, (uint16_t)left.length};
        uint32_t *const place = tok_merge_place(tokenizer, (uint32_t)merged, left.length);
        if (*place == 0) /* of equal ones the first counts */
            *place = rank + 1;
    }
    return FIRN_OK;
}

static firn_status add_merges(tok_tokenizer *tokenizer, firn_error *error)
{
    const uint32_t n_merges = tokenizer->config.n_merges;
    char *const scratch = malloc(tokenizer->longest + 1);
    tokenizer->first_merges = calloc(tokenizer->config.n_tokens, sizeof *tokenizer->first_merges);
    tokenizer->merge_links = malloc((n_merges + (size_t)1) * sizeof *tokenizer->merge_links);
    const firn_status status = scratch && tokenizer->first_merges && tokenizer->merge_links
                                   ? link_merges(tokenizer, scratch, error)
                                   : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                                               "vocabulary: no memory for the index of %u merges", n_merges);
    free(scratch);
    return status;
}

/* A character without token costs as much as the rarest token and a factor of e^10 besides. */
static firn_status set_unknown_score(tok_tokenizer *tokenizer, firn_error *error)
{
    float least = 0.0F;
    for (uint32_t id = 0; id < tokenizer->config.n_tokens; id++) {
        const float score = tokenizer->config.scores[id];
        if (!(score > -1e30F && score < 1e30F))
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: the score of token %u is %g; it must be a log probability", id,
                             (double)score);
        if (tok_type_of(tokenizer, id) == TOK_TYPE_NORMAL && score < least)
            least = score;
    }
    tokenizer->unknown_score = tokenizer->config.described ? (double)least - 10.0 : (double)(least - 10.0F);
    return FIRN_OK;
}

static firn_status index_vocabulary(tok_tokenizer *tokenizer, firn_error *error)
{
    const tok_config *const config = &tokenizer->config;
    if (!tok_table_create(&tokenizer->tokens, config->n_tokens))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "vocabulary: no memory for the index of %u tokens",
                         config->n_tokens);
    for (unsigned byte = 0; byte < 256; byte++)
        tokenizer->byte_ids[byte] = TOK_NONE;
    const firn_status status = add_tokens(tokenizer, error);
    if (status != FIRN_OK)
        return status;
    find_byte_tokens(tokenizer);
    return config->kind == TOK_BYTE_BPE ? add_merges(tokenizer, error) : FIRN_OK;
}

static bool is_special_type(tok_type type)
{
    return type == TOK_TYPE_CONTROL || type == TOK_TYPE_USER_DEFINED || type == TOK_TYPE_UNKNOWN;
}

static firn_status fail_special_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "vocabulary: no memory for its special tokens");
}

/* `text` is the token's, or what normalising makes of it. */
static firn_status add_special(const tok_config *config, tok_specials *specials, base_slice text, tok_added added,
                               firn_error *error)
{
    if (text.length == 0)
        return FIRN_OK;
    if (text.length > TOK_LONGEST_SPECIAL)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "vocabulary: special token %d has %zu bytes; %d are allowed", added.id, text.length,
                         TOK_LONGEST_SPECIAL);
    /* what begins or ends a text or a turn must be the template's own, whatever its type */
    const bool ends = added.id == config->bos || added.id == config->eos || added.id == config->eot;
    if (!tok_special_add(specials, text, added.id, added.flags | (ends ? TOK_ADDED_CONTROL : 0U)))
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "vocabulary: the texts of special tokens, such as token %d, collide on purpose", added.id);
    return FIRN_OK;
}

static firn_status add_normalised_special(tok_tokenizer *tokenizer, tok_added added, firn_error *error)
{
    tok_buffer first = {0}, second = {0};
    base_slice text;
    char *copy = NULL;
    if (tok_normalise(tokenizer->pipeline, tokenizer->config.tokens[added.id], NULL, &first, &second, &text) ==
        TOK_DONE)
        copy = base_arena_allocate(&tokenizer->arena, text.length + 1);
    if (copy && text.length > 0)
        memcpy(copy, text.data, text.length);
    tok_buffer_free(&first);
    tok_buffer_free(&second);
    if (!copy)
        return fail_special_memory(error);
    return add_special(&tokenizer->config, &tokenizer->normalised_specials, (base_slice){copy, text.length}, added,
                       error);
}

static firn_status add_specials(tok_tokenizer *tokenizer, firn_error *error)
{
    const tok_config *const config = &tokenizer->config;
    uint32_t count = config->added_ids ? config->n_added : 0;
    for (uint32_t id = 0; !config->added_ids && config->types && id < config->n_tokens; id++)
        count += is_special_type(tok_type_of(tokenizer, id));
    if (!tok_special_create(&tokenizer->specials, count) || !tok_special_create(&tokenizer->normalised_specials, count))
        return fail_special_memory(error);
    firn_status status = FIRN_OK;
    for (uint32_t id = 0; status == FIRN_OK && !config->added_ids && count > 0 && id < config->n_tokens; id++) {
        const tok_type type = tok_type_of(tokenizer, id);
        if (is_special_type(type))
            status =
                add_special(&tokenizer->config, &tokenizer->specials, config->tokens[id],
                            (tok_added){(int32_t)id, type == TOK_TYPE_USER_DEFINED ? 0U : TOK_ADDED_CONTROL}, error);
    }
    for (uint32_t i = 0; status == FIRN_OK && config->added_ids && i < config->n_added; i++) {
        const tok_added added = {config->added_ids[i], config->added_flags[i]};
        if (added.id < 0 || (uint32_t)added.id >= config->n_tokens)
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "vocabulary: the id of an added token is %d, but there are only %u tokens", added.id,
                             config->n_tokens);
        if ((added.flags & TOK_ADDED_NORMALISED) != 0 && tokenizer->pipeline &&
            tokenizer->pipeline->normalisers.count > 0)
            status = add_normalised_special(tokenizer, added, error);
        else
            status = add_special(&tokenizer->config, &tokenizer->specials, config->tokens[added.id], added, error);
    }
    return status;
}

static bool is_replace(const tok_step *step, const char *text, const char *content)
{
    return step->kind == TOK_STEP_REPLACE && base_slice_is(step->text, text) && base_slice_is(step->content, content);
}

/*
 * The decoders of most checkpoints need no work space: byte-level ones, and those of SentencePiece, which are a
 * replacement of U+2581, byte tokens, and a space that goes at the text's begin.
 */
static void choose_decoding(tok_tokenizer *tokenizer)
{
    const tok_steps *const decoders = &tokenizer->pipeline->decoders;
    const tok_step *const steps = decoders->steps;
    if (decoders->count == 1 && steps[0].kind == TOK_STEP_BYTES && tokenizer->pipeline->byte_level) {
        tokenizer->decodes_simply = true;
    } else if (decoders->count >= 3 && is_replace(&steps[0], TOK_SPACE_SYMBOL, " ") &&
               steps[1].kind == TOK_STEP_BYTE_TOKEN && steps[2].kind == TOK_STEP_FUSE) {
        tokenizer->drops_first_space = decoders->count == 4 && steps[3].kind == TOK_STEP_STRIP_CHARACTER &&
                                       base_slice_is(steps[3].content, " ") && steps[3].left == 1 &&
                                       steps[3].right == 0;
        tokenizer->decodes_simply = decoders->count == 3 || tokenizer->drops_first_space;
    }
}

static firn_status read_pipeline(tok_tokenizer *tokenizer, firn_error *error)
{
    const tok_config *const config = &tokenizer->config;
    tokenizer->pipeline = calloc(1, sizeof *tokenizer->pipeline);
    if (!tokenizer->pipeline)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a tokenizer");
    const firn_status status =
        tok_pipeline_read(config->normaliser, config->pretokeniser, config->decoder, tokenizer->pipeline, error);
    tokenizer->characters = !tokenizer->pipeline->byte_level;
    tokenizer->space_symbol = false;
    tokenizer->ignore_merges = config->ignore_merges;
    choose_decoding(tokenizer);
    return status;
}

firn_status tok_create(const tok_config *config, tok_tokenizer **out, firn_error *error)
{
    *out = NULL;
    firn_status status = check_config(config, error);
    if (status != FIRN_OK)
        return status;
    tok_tokenizer *const tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a tokenizer");
    tokenizer->config = *config;
    tokenizer->arena.limit = (size_t)1 << 26;
    tokenizer->characters = tokenizer->space_symbol = true;
    tokenizer->decodes_simply = !config->described;
    tokenizer->drops_first_space = config->kind != TOK_BYTE_BPE && config->add_space_prefix;
    if (config->described)
        status = read_pipeline(tokenizer, error);
    else if (config->kind == TOK_BYTE_BPE)
        status = choose_pretokenizer(tokenizer, error);
    if (config->kind == TOK_UNIGRAM && status == FIRN_OK)
        status = set_unknown_score(tokenizer, error);
    if (status == FIRN_OK)
        status = tok_replacements_read(config->replacements, &tokenizer->replacements, error);
    if (status == FIRN_OK)
        status = index_vocabulary(tokenizer, error);
    if (status == FIRN_OK)
        status = add_specials(tokenizer, error);
    if (status == FIRN_OK)
        *out = tokenizer;
    else
        tok_destroy(tokenizer);
    return status;
}

void tok_destroy(tok_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    if (tokenizer->pipeline)
        tok_pipeline_free(tokenizer->pipeline);
    free(tokenizer->pipeline);
    tok_special_free(&tokenizer->specials);
    tok_special_free(&tokenizer->normalised_specials);
    base_arena_free(&tokenizer->arena);
    free(tokenizer->tokens.slots);
    free(tokenizer->first_merges);
    free(tokenizer->merge_links);
    free(tokenizer);
}

size_t tok_longest_token(const tok_tokenizer *tokenizer)
{
    return tokenizer->longest;
}

uint32_t tok_count(const tok_tokenizer *tokenizer)
{
    return tokenizer->config.n_tokens;
}

bool tok_is_control(const tok_tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && (uint32_t)id < tokenizer->config.n_tokens &&
           tok_type_of(tokenizer, (uint32_t)id) == TOK_TYPE_CONTROL;
}

int32_t tok_find(const tok_tokenizer *tokenizer, base_slice text)
{
    return tok_find_hashed(tokenizer, text, tok_hash(text.data, text.length));
}
