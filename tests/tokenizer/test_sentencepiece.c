/* SPDX-License-Identifier: Apache-2.0 */
/* SentencePiece's own files (make_sentencepiece.py): ids of 2,000 texts are those of its library; damage is an error.
 */
#include "engine/vocabulary.h"
#include "tests/support/checkpoints.h"
#include "tests/support/texts.h"
#include "tests/support/vocabulary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void check(const char *folder, const char *rows)
{
    char *const path = support_tokenizer_data(folder);
    support_texts *const texts = support_texts_read(rows);
    support_vocabulary v = support_vocabulary_open(path);
    for (size_t i = 0; i < SUPPORT_TEXTS; i++) {
        tok_ids ids = {0};
        const base_slice text = texts->at[i];
        cr_assert_eq(tok_encode(v.tokenizer, text, 0, &ids, NULL), FIRN_OK);
        cr_expect(support_texts_match(texts, i, &ids), "text %zu '%.*s': %zu ids", i, (int)text.length, text.data,
                  ids.count);
        tok_ids_free(&ids);
    }
    support_vocabulary_close(&v);
    support_texts_free(texts);
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
    char *const source = support_tokenizer_data("sentencepiece/bpe/tokenizer.model");
    char *const good = support_read_file(source, &length);
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
    free(source);
}
