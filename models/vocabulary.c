/* SPDX-License-Identifier: Apache-2.0 */
#include "models/hyperparameters.h"

#include "base/checked.h"

#include <inttypes.h>
#include <strings.h>

enum { TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4 }; /* in tokenizer.ggml.token_type */

/* Byte-level vocabularies whose texts begin with a bos token although the file need not say so, by pre-tokeniser. */
static const char *const pre_with_bos[] = {"llama-bpe", "llama3", "llama-v3", "tekken"};

/* What an end-of-turn token is called where no key names it, the likeliest first. */
static const char *const end_of_turn_texts[] = {
    "<|eot_id|>",      "<|im_end|>",    "<|end|>", "<end_of_turn>", "<end_of_utterance>",
    "<|end_of_text|>", "<|endoftext|>", "<EOT>",   "[EOT]",
};
enum { N_END_OF_TURN_TEXTS = sizeof end_of_turn_texts / sizeof end_of_turn_texts[0] };

/* Control tokens are looked at first, which spares reading the text of all others. */
static int32_t find_turn_text(const mod_vocabulary *v, bool control_only)
{
    base_slice wanted[N_END_OF_TURN_TEXTS];
    for (size_t w = 0; w < N_END_OF_TURN_TEXTS; w++)
        wanted[w] = base_slice_from(end_of_turn_texts[w]);
    int32_t best = -1;
    size_t n_wanted = N_END_OF_TURN_TEXTS; /* those before the best found so far */
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        const base_slice token = v->tokens[i];
        if (control_only && (v->types == NULL || v->types[i] != TOKEN_CONTROL))
            continue;
        if (token.length < 5 || (token.data[0] != '<' && token.data[0] != '['))
            continue;
        for (size_t w = 0; w < n_wanted; w++)
            if (base_slice_equal(token, wanted[w])) {
                best = (int32_t)i;
                n_wanted = w;
            }
    }
    return best;
}

int32_t mod_find_end_of_turn(const mod_vocabulary *vocabulary)
{
    const int32_t id = find_turn_text(vocabulary, true);
    return id >= 0 ? id : find_turn_text(vocabulary, false);
}

/* A copy of an array of 4-byte numbers that has to have one for each token; *copy stays NULL where there is none. */
static firn_status copy_numbers(const mod_gguf *file, const char *key, mod_gguf_type type, mod_vocabulary *vocabulary,
                                void **copy, firn_error *error)
{
    const mod_gguf_value *value = NULL;
    const uint32_t n_tokens = vocabulary->n_tokens;
    const firn_status status = mod_gguf_array(file, key, MOD_OPTIONAL, type, &value, error);
    if (status != FIRN_OK || value == NULL)
        return status;
    if (value->count != n_tokens)
        return base_fail(error, FIRN_ERROR_FORMAT, value->offset,
                         "%s: key '%s' has %" PRIu64 " elements; it needs one for each of the %" PRIu32 " tokens",
                         file->path, key, value->count, n_tokens);
    size_t bytes;
    if (!base_multiply_size(n_tokens, 4, &bytes) || (*copy = base_arena_allocate(&vocabulary->arena, bytes)) == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for the %" PRIu32 " elements of '%s'",
                         file->path, n_tokens, key);
    memcpy(*copy, value->data, bytes);
    return FIRN_OK;
}

static firn_status read_arrays(const mod_gguf *file, mod_vocabulary *out, firn_error *error)
{
    static const char tokens_key[] = "tokenizer.ggml.tokens";
    const mod_gguf_value *tokens = NULL, *merges = NULL;
    void *scores = NULL, *types = NULL;
    firn_status status = mod_gguf_array(file, tokens_key, MOD_REQUIRED, MOD_GGUF_STRING, &tokens, error);
    if (status == FIRN_OK)
        status = mod_gguf_array(file, "tokenizer.ggml.merges", MOD_OPTIONAL, MOD_GGUF_STRING, &merges, error);
    if (status != FIRN_OK)
        return status;
    if (tokens->count < 1 || tokens->count > INT32_MAX || (merges != NULL && merges->count > INT32_MAX))
        return base_fail(error, FIRN_ERROR_FORMAT, tokens->offset,
                         "%s: key '%s' has %" PRIu64 " elements; allowed are 1 to %d (merges: at most that)",
                         file->path, tokens_key, tokens->count, INT32_MAX);
    out->tokens = tokens->strings;
    out->n_tokens = (uint32_t)tokens->count;
    if (merges != NULL) {
        out->merges = merges->strings;
        out->n_merges = (uint32_t)merges->count;
    }
    status = copy_numbers(file, "tokenizer.ggml.scores", MOD_GGUF_FLOAT32, out, &scores, error);
    out->scores = scores;
    if (status == FIRN_OK)
        status = copy_numbers(file, "tokenizer.ggml.token_type", MOD_GGUF_INT32, out, &types, error);
    out->types = types;
    return status;
}

static firn_status read_ids(const mod_gguf *file, bool sentence, mod_vocabulary *out, firn_error *error)
{
    const struct {
        const char *key;
        int32_t *id;
        int32_t implied; /* SentencePiece's own numbering */
    } ids[] = {
        {"tokenizer.ggml.bos_token_id", &out->bos, 1},          {"tokenizer.ggml.eos_token_id", &out->eos, 2},
        {"tokenizer.ggml.unknown_token_id", &out->unknown, 0},  {"tokenizer.ggml.eot_token_id", &out->eot, -1},
        {"tokenizer.ggml.padding_token_id", &out->padding, -1},
    };
    const int64_t highest = (int64_t)out->n_tokens - 1;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        int64_t id = sentence && ids[i].implied <= highest ? ids[i].implied : -1;
        const firn_status status = mod_gguf_integer(file, ids[i].key, MOD_OPTIONAL, 0, highest, &id, error);
        if (status != FIRN_OK)
            return status;
        *ids[i].id = (int32_t)id;
    }
    if (out->eot < 0)
        out->eot = mod_find_end_of_turn(out);
    return FIRN_OK;
}

static firn_status read_rules(const mod_gguf *file, bool sentence, mod_vocabulary *out, firn_error *error)
{
    const bool unigram = base_slice_is(out->model, "t5"), wordpiece = base_slice_is(out->model, "bert");
    out->add_bos = sentence || wordpiece;
    out->add_eos = unigram || wordpiece;
    out->add_space_prefix = sentence || unigram;
    for (size_t i = 0; !sentence && i < sizeof pre_with_bos / sizeof pre_with_bos[0]; i++)
        out->add_bos = out->add_bos || base_slice_is(out->pre, pre_with_bos[i]);
    const struct {
        const char *key;
        bool *value;
    } rules[] = {{"tokenizer.ggml.remove_extra_whitespaces", &out->remove_extra_spaces},
                 {"tokenizer.ggml.add_bos_token", &out->add_bos},
                 {"tokenizer.ggml.add_eos_token", &out->add_eos},
                 {"tokenizer.ggml.add_space_prefix", &out->add_space_prefix}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const firn_status status = mod_gguf_bool(file, rules[i].key, MOD_OPTIONAL, rules[i].value, error);
        if (status != FIRN_OK)
            return status;
    }
    /* an array of signed or of unsigned bytes */
    const mod_gguf_value *map = NULL;
    firn_status status =
        mod_gguf_array(file, "tokenizer.ggml.precompiled_charsmap", MOD_OPTIONAL, MOD_GGUF_UINT8, &map, NULL);
    if (status != FIRN_OK)
        status = mod_gguf_array(file, "tokenizer.ggml.precompiled_charsmap", MOD_OPTIONAL, MOD_GGUF_INT8, &map, error);
    if (status == FIRN_OK && map != NULL)
        out->replacements = (base_slice){(const char *)map->data, (size_t)map->count};
    return status != FIRN_OK ? status
                             : mod_gguf_text(file, "tokenizer.chat_template", MOD_OPTIONAL, &out->chat_template, error);
}

/*
 * Which special tokens take in the white space beside them. No key says so: it goes by what is written in other keys,
 * capitals or not. The first rule that fits counts.
 */
static const struct {
    const char *key, *part, *token; /* NULL: all special ones but those below */
    uint32_t flag;
} white_space_rules[] = {
    {"tokenizer.ggml.pre", "jina-v2-de", "<mask>", MOD_ADDED_LEFT_SPACE},
    {"tokenizer.ggml.pre", "jina-v2-es", "<mask>", MOD_ADDED_LEFT_SPACE},
    {"tokenizer.ggml.pre", "jina-v2-code", "<mask>", MOD_ADDED_LEFT_SPACE},
    {"general.architecture", "nomic-bert-moe", "<mask>", MOD_ADDED_LEFT_SPACE},
    {"general.architecture", "jina-bert-v3", "<mask>", MOD_ADDED_LEFT_SPACE},
    {"general.name", "phi-3", NULL, MOD_ADDED_RIGHT_SPACE},
    {"general.name", "phi3", NULL, MOD_ADDED_RIGHT_SPACE},
    {"general.name", "modern-bert", "[MASK]", MOD_ADDED_LEFT_SPACE},
};

static bool contains(base_slice text, const char *part)
{
    const size_t length = strlen(part);
    for (size_t i = 0; i + length <= text.length; i++)
        if (strncasecmp(text.data + i, part, length) == 0)
            return true;
    return false;
}

static bool takes_space(base_slice text, const char *token)
{
    if (token != NULL)
        return base_slice_is(text, token);
    return !base_slice_is(text, "<unk>") && !base_slice_is(text, "<s>") && !base_slice_is(text, "<|endoftext|>");
}

/* Lists the special tokens, with the flag for those that the rule is about. */
static firn_status list_special(const mod_gguf *file, const char *token, uint32_t flag, mod_vocabulary *v,
                                firn_error *error)
{
    uint32_t n_special = 0;
    for (uint32_t i = 0; i < v->n_tokens; i++)
        n_special += v->types[i] >= TOKEN_UNKNOWN && v->types[i] <= TOKEN_USER_DEFINED;
    int32_t *const ids = base_arena_allocate(&v->arena, (n_special + 1) * sizeof *ids);
    uint32_t *const flags = base_arena_allocate(&v->arena, (n_special + 1) * sizeof *flags);
    if (ids == NULL || flags == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for the %" PRIu32 " special tokens",
                         file->path, n_special);
    v->added_ids = ids;
    v->added_flags = flags;
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        if (v->types[i] < TOKEN_UNKNOWN || v->types[i] > TOKEN_USER_DEFINED)
            continue;
        ids[v->n_added] = (int32_t)i;
        flags[v->n_added++] = (v->types[i] == TOKEN_USER_DEFINED ? 0U : MOD_ADDED_CONTROL) |
                              (takes_space(v->tokens[i], token) ? flag : 0U);
    }
    return FIRN_OK;
}

static firn_status read_white_space(const mod_gguf *file, mod_vocabulary *out, firn_error *error)
{
    for (size_t i = 0; out->types != NULL && i < sizeof white_space_rules / sizeof white_space_rules[0]; i++) {
        base_slice value = {NULL, 0};
        const firn_status status = mod_gguf_text(file, white_space_rules[i].key, MOD_OPTIONAL, &value, error);
        if (status != FIRN_OK)
            return status;
        if (contains(value, white_space_rules[i].part))
            return list_special(file, white_space_rules[i].token, white_space_rules[i].flag, out, error);
    }
    return FIRN_OK;
}

firn_status mod_vocabulary_read(const mod_gguf *file, mod_vocabulary *out, firn_error *error)
{
    *out = (mod_vocabulary){.arena = {.limit = SIZE_MAX}}; /* what is copied is bounded by the file */
    firn_status status = mod_gguf_text(file, "tokenizer.ggml.model", MOD_REQUIRED, &out->model, error);
    if (status == FIRN_OK)
        status = mod_gguf_text(file, "tokenizer.ggml.pre", MOD_OPTIONAL, &out->pre, error);
    const bool sentence = base_slice_is(out->model, "llama");
    if (status == FIRN_OK)
        status = read_arrays(file, out, error);
    if (status == FIRN_OK)
        status = read_ids(file, sentence, out, error);
    if (status == FIRN_OK)
        status = read_rules(file, sentence, out, error);
    if (status == FIRN_OK)
        status = read_white_space(file, out, error);
    return status;
}

void mod_vocabulary_free(mod_vocabulary *vocabulary)
{
    base_arena_free(&vocabulary->arena);
    base_file_map_close(&vocabulary->map);
    *vocabulary = (mod_vocabulary){0};
}
