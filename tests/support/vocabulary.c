/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vocabulary.h"

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
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(out.checkpoint);
    out.config = (tok_config){
        .kind = base_slice_is(v->model, "llama") ? TOK_SENTENCE_BPE : TOK_BYTE_BPE,
        .pre = v->pre,
        .tokens = v->tokens,
        .scores = v->scores,
        .types = v->types,
        .n_tokens = v->n_tokens,
        .merges = v->merges,
        .n_merges = v->n_merges,
        .bos = v->bos,
        .eos = v->eos,
        .eot = v->eot,
        .unknown = v->unknown,
        .padding = v->padding,
        .add_bos = v->add_bos,
        .add_eos = v->add_eos,
        .add_space_prefix = v->add_space_prefix,
    };
    if (tok_create(&out.config, &out.tokenizer, &error) != FIRN_OK) {
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
