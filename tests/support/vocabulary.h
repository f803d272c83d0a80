/* SPDX-License-Identifier: Apache-2.0 */
/* A tokenizer from a GGUF file, for tests. */
#ifndef FIRN_TESTS_SUPPORT_VOCABULARY_H
#define FIRN_TESTS_SUPPORT_VOCABULARY_H

#include "models/checkpoint.h"
#include "tokenizer/tokenizer.h"

typedef struct support_vocabulary {
    mod_checkpoint *checkpoint;
    tok_config config;
    tok_tokenizer *tokenizer;
} support_vocabulary;

/* Aborts where the file can't be opened. */
support_vocabulary support_vocabulary_open(const char *path);
void support_vocabulary_close(support_vocabulary *vocabulary);

#endif
