/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of tests/data/tokenizer/real/strings.json, and what reference libraries made of them: for each text a row
 * with the number of its ids and a hash of them, as make_real_ids.py and make_sentencepiece.py write.
 */
#ifndef FIRN_TESTS_SUPPORT_TEXTS_H
#define FIRN_TESTS_SUPPORT_TEXTS_H

#include "base/slice.h"
#include "tokenizer/tokenizer.h"

enum { SUPPORT_TEXTS = 2000 };

typedef struct support_texts {
    base_slice at[SUPPORT_TEXTS];
    base_slice json; /* the file: all of them, with quotes and commas */
    char *rows;
    char *bytes; /* of the texts */
} support_texts;

/* `rows` is a file in tests/data/tokenizer, or NULL. Aborts where that or the texts aren't whole. */
support_texts *support_texts_read(const char *rows);
void support_texts_free(support_texts *texts);

/* Whether these are the reference's ids of the text with that number. */
bool support_texts_match(const support_texts *texts, size_t number, const tok_ids *ids);

/* The path of a file in tests/data/tokenizer; released with free(). Aborts where it isn't there. */
char *support_tokenizer_data(const char *name);

#endif
