/* SPDX-License-Identifier: Apache-2.0 */
/* Small tokenizers of many configurations (make_ids.py): ids and decoded texts are those of the reference library. */
#include "engine/vocabulary.h"
#include "tests/support/checkpoints.h"
#include "tests/support/vocabulary.h"

#include <criterion/criterion.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static cJSON *read_json(const char *name)
{
    char relative[200];
    snprintf(relative, sizeof relative, "tests/data/tokenizer/trained/%s", name);
    char *const path = support_source(relative);
    cr_assert(path, "no %s", relative);
    char *const text = support_read_file(path, NULL);
    cJSON *const json = cJSON_Parse(text);
    cr_assert(json, "%s", relative);
    free(text);
    free(path);
    return json;
}

static void check_ids(const support_vocabulary *v, const char *name, const char *text, const cJSON *expected)
{
    tok_ids ids = {0};
    firn_error error = {0};
    cr_assert_eq(tok_encode(v->tokenizer, base_slice_from(text), TOK_ADD_SPECIAL | TOK_PARSE_SPECIAL, &ids, &error),
                 FIRN_OK, "%s: %s", name, error.message);
    char got[4000] = "", wanted[4000] = "";
    for (size_t i = 0, used = 0; i < ids.count && used < sizeof got - 16; i++)
        used += (size_t)snprintf(got + used, sizeof got - used, "%d ", ids.ids[i]);
    const cJSON *id;
    size_t used = 0;
    cJSON_ArrayForEach(id, expected)
    {
        if (used < sizeof wanted - 16)
            used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%d ", id->valueint);
    }
    cr_expect_str_eq(got, wanted, "%s: '%s':\n got  %s\n want %s", name, text, got, wanted);
    tok_ids_free(&ids);
}

static void check_decoded(const support_vocabulary *v, const char *name, const cJSON *row, const char *expected)
{
    const size_t count = (size_t)cJSON_GetArraySize(row);
    int32_t *const ids = malloc((count + 1) * sizeof *ids);
    firn_error error = {0};
    char *text;
    size_t length, n = 0;
    const cJSON *id;
    cJSON_ArrayForEach(id, row) ids[n++] = id->valueint;
    cr_assert_eq(tok_decode(v->tokenizer, ids, count, false, &text, &length, &error), FIRN_OK, "%s", error.message);
    /* where bytes are no character, the reference has U+FFFD */
    if (!strstr(expected, "\xEF\xBF\xBD"))
        cr_expect_str_eq(text, expected, "%s: decoded '%s', not '%s'", name, text, expected);
    free(text);
    free(ids);
}

static void check(const char *name)
{
    char path[200];
    cJSON *const strings = read_json("strings.json");
    snprintf(path, sizeof path, "%s/expected.json", name);
    cJSON *const expected = read_json(path);
    snprintf(path, sizeof path, "tests/data/tokenizer/trained/%s", name);
    char *const folder = support_source(path);
    support_vocabulary v = support_vocabulary_open(folder);
    const cJSON *ids = cJSON_GetObjectItem(expected, "ids")->child;
    const cJSON *decoded = cJSON_GetObjectItem(expected, "decoded")->child;
    const cJSON *text;
    int n_strings = 0;
    cJSON_ArrayForEach(text, strings)
    {
        check_ids(&v, name, text->valuestring, ids);
        check_decoded(&v, name, ids, decoded->valuestring);
        ids = ids->next;
        decoded = decoded->next;
        n_strings++;
    }
    cr_expect_eq(n_strings, 200);
    support_vocabulary_close(&v);
    free(folder);
    cJSON_Delete(expected);
    cJSON_Delete(strings);
}

/* What is left of a damaged file is refused or used, but never more than that. */
Test(trained, damaged_files_are_refused_or_used, .timeout = 120)
{
    static const char *const names[] = {"bpe-llama2", "unigram-split", "wordpiece-bert"};
    char folder[] = "/tmp/firn-trained-XXXXXX", path[64];
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    int n_refused = 0;
    for (int i = 0; i < 600; i++) {
        char relative[200];
        snprintf(relative, sizeof relative, "tests/data/tokenizer/trained/%s/tokenizer.json", names[i % 3]);
        char *const source = support_source(relative);
        unsigned long length;
        char *const text = support_read_file(source, &length);
        const size_t at = (size_t)i * 7919 % (i % 2 ? length : 4000);
        if (i % 4 < 2)
            text[at] = "0{}[]\",:-9e"[i % 11];
        else
            length = at + 1;
        FILE *const file = fopen(path, "wb");
        cr_assert(file && fwrite(text, 1, length, file) == length && fclose(file) == 0);
        mod_checkpoint *checkpoint = NULL;
        tok_tokenizer *tokenizer = NULL;
        tok_config config;
        firn_error error = {0};
        const bool done = mod_checkpoint_open_vocabulary(folder, &checkpoint, &error) == FIRN_OK &&
                          eng_tokenizer_config(mod_checkpoint_vocabulary(checkpoint), &config, &error) == FIRN_OK &&
                          tok_create(&config, &tokenizer, &error) == FIRN_OK;
        cr_expect(done || error.message[0], "refused without a message");
        n_refused += !done;
        tok_ids ids = {0};
        if (done)
            cr_expect_eq(tok_encode(tokenizer, base_slice_from("a <s> caf\u00e9"), 3, &ids, &error), FIRN_OK);
        tok_ids_free(&ids);
        tok_destroy(tokenizer);
        mod_checkpoint_close(checkpoint);
        free(text);
        free(source);
    }
    cr_expect_gt(n_refused, 300);
    remove(path);
    remove(folder);
}

#define TRAINED_LIST(X)                               \
    X(bpe_gpt2, "bpe-gpt2")                           \
    X(bpe_gpt2_prefix, "bpe-gpt2-prefix")             \
    X(bpe_llama3, "bpe-llama3")                       \
    X(bpe_nfc_regex, "bpe-nfc-regex")                 \
    X(bpe_digits, "bpe-digits")                       \
    X(bpe_digits_runs, "bpe-digits-runs")             \
    X(bpe_metaspace, "bpe-metaspace")                 \
    X(bpe_metaspace_first, "bpe-metaspace-first")     \
    X(bpe_metaspace_never, "bpe-metaspace-never")     \
    X(bpe_llama2, "bpe-llama2")                       \
    X(bpe_gemma, "bpe-gemma")                         \
    X(bpe_next, "bpe-next")                           \
    X(bpe_contiguous, "bpe-contiguous")               \
    X(bpe_inverted, "bpe-inverted")                   \
    X(bpe_whitespace, "bpe-whitespace")               \
    X(bpe_delimiter, "bpe-delimiter")                 \
    X(wordpiece_bert, "wordpiece-bert")               \
    X(wordpiece_cased, "wordpiece-cased")             \
    X(wordpiece_punctuation, "wordpiece-punctuation") \
    X(unigram_metaspace, "unigram-metaspace")         \
    X(unigram_split, "unigram-split")                 \
    X(unigram_plain, "unigram-plain")                 \
    X(bpe_suffix, "bpe-suffix")                       \
    X(bpe_falcon, "bpe-falcon")                       \
    X(bpe_level_normaliser, "bpe-level-normaliser")

#define TRAINED_TEST(test, name) \
    Test(trained, test)          \
    {                            \
        check(name);             \
    }
TRAINED_LIST(TRAINED_TEST)
