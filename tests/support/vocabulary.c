/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vocabulary.h"

#include "engine/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>

support_vocabulary support_vocabulary_open(const char *path)
{
    support_vocabulary out = {0};
    firn_error error = {0};
    if (mod_checkpoint_open_vocabulary(path, &out.checkpoint, &error) != FIRN_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    if (eng_tokenizer_config(mod_checkpoint_vocabulary(out.checkpoint), &out.config, &error) != FIRN_OK ||
        tok_create(&out.config, &out.tokenizer, &error) != FIRN_OK) {
        fprintf(stderr, "%s: %s\n", path, error.message);
        abort();
    }
    return out;
}

void support_vocabulary_close(support_vocabulary *vocabulary)
{
    tok_destroy(vocabulary->tokenizer);
    mod_checkpoint_close(vocabulary->checkpoint);
}
