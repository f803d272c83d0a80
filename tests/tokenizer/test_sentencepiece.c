/* SPDX-License-Identifier: Apache-2.0 */
/* SentencePiece's own files (make_sentencepiece.py): ids of 2,000 texts are those of its library; damage is an error.
 */
#include "base/json.h"
#include "engine/vocabulary.h"
#include "tests/support/checkpoints.h"
#include "tests/support/vocabulary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N_TEXTS = 2000, ROW = 6 /* bytes: count, hash */ };

static char *data_path(const char *name)
{
    char relative[120];
    snprintf(relative, sizeof relative, "tests/data/tokenizer/%s", name);
    char *const path = support_source(relative);
    cr_assert(path, "no %s", relative);
    return path;
}

static char *read_data(const char *name, unsigned long *length)
{
    char *const path = data_path(name);
    char *const bytes = support_read_file(path, length);
    free(path);
    return bytes;
}

static void check_text(const support_vocabulary *v, int index, base_slice text, const char *row)
{
    tok_ids ids = {0};
    uint16_t count;
    uint32_t hash = 0x811C9DC5U, expected;
    memcpy(&count, row, 2);
    memcpy(&expected, row + 2, 4);
    cr_assert_eq(tok_encode(v->tokenizer, text, 0, &ids, NULL), FIRN_OK);
    for (size_t i = 0; i < ids.count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = (hash ^ ((uint32_t)ids.ids[i] >> shift & 0xFF)) * 0x01000193U;
    cr_expect(ids.count == count && hash == expected, "text %d '%.*s': %zu ids, not %u", index, (int)text.length,
              text.data, ids.count, count);
    tok_ids_free(&ids);
}

static void check(const char *folder, const char *ids)
{
    unsigned long length, json_length;
    char *const path = data_path(folder);
    char *const rows = read_data(ids, &length);
    char *const json = read_data("real/strings.json", &json_length);
    cr_assert_eq(length, N_TEXTS * ROW);
    support_vocabulary v = support_vocabulary_open(path);
    base_json reader = base_json_begin((base_slice){json, json_length});
    base_json_event event;
    cr_assert_eq(base_json_next(&reader, &event, NULL), FIRN_OK);
    int index = 0;
    for (; base_json_next(&reader, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_STRING; index++) {
        char *const text = malloc(event.text.length + 1);
        check_text(&v, index, (base_slice){text, base_json_unescape(&event, text)}, rows + index * ROW);
        free(text);
    }
    cr_expect_eq(index, N_TEXTS);
    support_vocabulary_close(&v);
    free(json);
    free(rows);
    free(path);
}

Test(sentencepiece, bpe)
{
    check("sentencepiece/bpe", "sentencepiece/bpe/ids");
}

Test(sentencepiece, unigram)
{
    check("sentencepiece/unigram", "sentencepiece/unigram/ids");
}

static void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *const file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

/* Opens what is in the folder; a tokenizer is made of it if it can be. */
static firn_status open_folder(const char *folder, firn_error *error)
{
    mod_checkpoint *checkpoint;
    tok_config config;
    tok_tokenizer *tokenizer = NULL;
    firn_status status = mod_checkpoint_open_vocabulary(folder, &checkpoint, error);
    if (status != FIRN_OK)
        return status;
    status = eng_tokenizer_config(mod_checkpoint_vocabulary(checkpoint), &config, error);
    if (status == FIRN_OK)
        status = tok_create(&config, &tokenizer, error);
    tok_destroy(tokenizer);
    mod_checkpoint_close(checkpoint);
    return status;
}

Test(sentencepiece, damaged_files_are_errors, .timeout = 120)
{
    char folder[] = "/tmp/firn-sentencepiece-XXXXXX", path[80];
    unsigned long length;
    char *const good = read_data("sentencepiece/bpe/tokenizer.model", &length);
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/tokenizer.model", folder);
    size_t refused = 0, tried = 0;
    for (size_t n = 0; n < length; n += n < 400 ? 1 : 997, tried++) { /* cut short */
        firn_error error = {0};
        write_file(path, good, n);
        const firn_status status = open_folder(folder, &error);
        refused += status != FIRN_OK;
        cr_expect(status == FIRN_OK || strlen(error.message) > 0);
    }
    cr_expect_geq(refused, tried / 2, "%zu of %zu", refused, tried);
    for (size_t place = 0; place < length; place += place < 400 ? 1 : 499) { /* a byte is wrong */
        char *const bytes = malloc(length);
        memcpy(bytes, good, length);
        bytes[place] = (char)(bytes[place] ^ 0xFF);
        write_file(path, bytes, length);
        firn_error error = {0};
        open_folder(folder, &error);
        free(bytes);
    }
    static const char kind[] = {0x0A, 3, 0x0A, 1, 'a', 0x12, 2, 0x18, 3}; /* one token, and words as the model */
    firn_error error = {0};
    write_file(path, kind, sizeof kind);
    cr_expect_eq(open_folder(folder, &error), FIRN_ERROR_UNSUPPORTED);
    cr_expect(strstr(error.message, "kind 3"), "%s", error.message);
    unlink(path);
    rmdir(folder);
    free(good);
}
