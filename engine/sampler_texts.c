/* SPDX-License-Identifier: Apache-2.0 */
/* What parameters say in texts, turned into token ids: the only part of sampling that looks at a vocabulary. */
#include "engine/context.h"
#include "engine/sampler_p.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adds a text's tokens to words->ids; how many, 0 on failure. */
static size_t add_ids(const firn_model *model, const char *text, size_t length, eng_words *words, firn_error *error)
{
    int32_t *ids = NULL;
    size_t n = 0;
    if (firn_tokenize(model, text, length, FIRN_PARSE_SPECIAL, &ids, &n, error) != FIRN_OK)
        return 0;
    int32_t *const grown = realloc(words->ids, (words->n_ids + n + 1) * sizeof *ids);
    if (grown == NULL) {
        free(ids);
        base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the tokens of %.60s", text);
        return 0;
    }
    words->ids = grown;
    memcpy(grown + words->n_ids, ids, n * sizeof *ids);
    words->n_ids += n;
    free(ids);
    return n;
}

/* As it is written alone and after a space; the tokens differ. */
static firn_status add_bad_word(const firn_model *model, const firn_list_entry *entry, eng_words *words,
                                firn_error *error)
{
    char spaced[FIRN_LIST_TEXT + 1];
    spaced[0] = ' ';
    memcpy(spaced + 1, entry->text, entry->length + 1);
    for (size_t skip = 0; skip < 2; skip++) {
        const size_t first = words->n_ids;
        const size_t n = add_ids(model, spaced + skip, entry->length + 1 - skip, words, error);
        if (n == 0)
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "bad_words: '%.60s' has no tokens",
                             entry->text);
        words->words[words->n_words++] = (eng_word){first, n};
    }
    return FIRN_OK;
}

/* A bias by text acts on each of its tokens, as in llama.cpp. */
static firn_status add_bias(const firn_model *model, uint32_t n_vocab, const firn_list_entry *entry, eng_words *words,
                            firn_error *error)
{
    int32_t *ids = NULL;
    size_t n = 1;
    if (entry->id >= 0 && (uint32_t)entry->id >= n_vocab)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "logit_bias (--logit-bias): token id %d is outside the vocabulary; 0 to %u are allowed",
                         entry->id, n_vocab - 1);
    if (entry->id < 0 && model == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "logit_bias: the text '%.60s' needs a sampler that was made for a model", entry->text);
    if (entry->id < 0) {
        const firn_status status =
            firn_tokenize(model, entry->text, entry->length, FIRN_PARSE_SPECIAL, &ids, &n, error);
        if (status != FIRN_OK)
            return status;
    }
    eng_bias *const grown = realloc(words->biases, (words->n_biases + n) * sizeof *grown);
    words->biases = grown != NULL ? grown : words->biases;
    for (size_t i = 0; i < n && grown != NULL; i++)
        grown[words->n_biases++] = (eng_bias){ids != NULL ? ids[i] : entry->id, entry->bias,
                                              entry->lasts == INT32_MAX ? SIZE_MAX : (size_t)entry->lasts};
    free(ids);
    return grown != NULL ? FIRN_OK : base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for biases");
}

static bool contains(const char *bytes, size_t length, const firn_list_entry *entry)
{
    for (size_t at = 0; at + entry->length <= length; at++)
        if (memcmp(bytes + at, entry->text, entry->length) == 0)
            return true;
    return false;
}

/* Marks every token with the text in it. */
static void add_breaker(const firn_model *model, uint32_t n_vocab, const firn_list_entry *entry, char *bytes,
                        uint64_t *breakers)
{
    for (uint32_t id = 0; id < n_vocab; id++) {
        const size_t length = firn_token_bytes(model, (int32_t)id, false, bytes, firn_token_longest(model));
        if (contains(bytes, length, entry))
            breakers[id / 64] |= (uint64_t)1 << (id % 64);
    }
}

static firn_status add_breakers(const firn_generation_parameters *p, const firn_model *model, uint32_t n_vocab,
                                eng_words *words, firn_error *error)
{
    firn_list_entry entry;
    char *const bytes = malloc(firn_token_longest(model) + 1);
    words->breakers = calloc(n_vocab / 64 + 1, sizeof *words->breakers);
    if (bytes == NULL || words->breakers == NULL) {
        free(bytes);
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for sequence breakers");
    }
    for (size_t i = 0; firn_list_at(&p->dry_sequence_breakers, i, &entry); i++)
        add_breaker(model, n_vocab, &entry, bytes, words->breakers);
    free(bytes);
    return FIRN_OK;
}

static void add_ending(const firn_model *model, eng_words *words)
{
    const int32_t eos = firn_token_special(model, FIRN_TOKEN_EOS), eot = firn_token_special(model, FIRN_TOKEN_EOT);
    if (eos >= 0)
        words->ending[words->n_ending++] = eos;
    if (eot >= 0 && eot != eos)
        words->ending[words->n_ending++] = eot;
}

/* `model` may be NULL. */
static firn_status find_words(const firn_generation_parameters *p, const firn_model *model, uint32_t n_vocab,
                              eng_words *words, firn_error *error)
{
    firn_list_entry entry;
    firn_status status = FIRN_OK;
    const bool dry = p->dry_multiplier > 0 && firn_list_at(&p->dry_sequence_breakers, 0, &entry);
    const bool ending = p->ignore_eos || p->min_tokens > 0;
    if (model == NULL && (dry || ending || firn_list_at(&p->bad_words, 0, &entry)))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "dry_sequence_breakers, bad_words, ignore_eos and min_tokens need a sampler that was made for "
                         "a model");
    for (size_t i = 0; firn_list_at(&p->logit_bias, i, &entry) && status == FIRN_OK; i++)
        status = add_bias(model, n_vocab, &entry, words, error);
    words->words = calloc(2 * FIRN_LIST_ENTRIES, sizeof *words->words);
    if (words->words == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for bad words");
    for (size_t i = 0; firn_list_at(&p->bad_words, i, &entry) && status == FIRN_OK; i++)
        status = add_bad_word(model, &entry, words, error);
    if (dry && status == FIRN_OK)
        status = add_breakers(p, model, n_vocab, words, error);
    if (ending)
        add_ending(model, words);
    return status;
}

static firn_status create(const firn_generation_parameters *parameters, const firn_model *model, uint32_t n_vocab,
                          firn_sampler **out, firn_error *error)
{
    *out = NULL;
    firn_status status = firn_generation_parameters_check(parameters, error);
    if (status != FIRN_OK)
        return status;
    if (parameters->seed == FIRN_SEED_DRAW && (parameters->temperature > 0 || parameters->dynatemp_range > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "seed: -1 has to be replaced by a drawn seed before a sampler is made");
    if (n_vocab == 0 || n_vocab > INT32_MAX)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "a vocabulary of %u tokens; 1 to %d are allowed",
                         n_vocab, INT32_MAX);
    eng_words words = {0};
    status = find_words(parameters, model, n_vocab, &words, error);
    const kern_level level = model != NULL ? eng_model_level(model) : kern_level_detect();
    if (status == FIRN_OK)
        return eng_sampler_create(parameters, n_vocab, words, level, out, error);
    eng_words_free(&words);
    return status;
}

firn_status firn_sampler_create_for(const firn_generation_parameters *parameters, const firn_model *model,
                                    firn_sampler **out, firn_error *error)
{
    return create(parameters, model, firn_model_describe(model).n_vocab, out, error);
}

firn_status firn_sampler_create(const firn_generation_parameters *parameters, uint32_t n_vocab, firn_sampler **out,
                                firn_error *error)
{
    return create(parameters, NULL, n_vocab, out, error);
}
