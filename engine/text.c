/* SPDX-License-Identifier: Apache-2.0 */
/* Text and tokens of a model: the public face of its tokenizer. */
#include "engine/model.h"

#include <stdlib.h>

firn_status firn_tokenize(const firn_model *model, const char *text, size_t length, unsigned flags, int32_t **ids,
                          size_t *n_ids, firn_error *error)
{
    *ids = NULL;
    *n_ids = 0;
    tok_ids found = {0};
    const unsigned tok_flags = ((flags & FIRN_ADD_SPECIAL) != 0 ? TOK_ADD_SPECIAL : 0u) |
                               ((flags & FIRN_PARSE_SPECIAL) != 0 ? TOK_PARSE_SPECIAL : 0u);
    const firn_status status = tok_encode(model->tokenizer, (base_slice){text, length}, tok_flags, &found, error);
    if (status != FIRN_OK) {
        tok_ids_free(&found);
        return status;
    }
    *ids = found.ids;
    *n_ids = found.count;
    return FIRN_OK;
}

size_t firn_token_bytes(const firn_model *model, int32_t id, bool special, char *buffer, size_t capacity)
{
    return tok_decode_one(model->tokenizer, id, special, buffer, capacity);
}

size_t firn_token_longest(const firn_model *model)
{
    return tok_longest_token(model->tokenizer);
}

bool firn_token_is_control(const firn_model *model, int32_t id)
{
    return tok_is_control(model->tokenizer, id);
}

bool firn_token_ends_text(const firn_model *model, int32_t id)
{
    const mod_vocabulary *const vocabulary = mod_checkpoint_vocabulary(model->checkpoint);
    return id >= 0 && (id == vocabulary->eos || id == vocabulary->eot);
}

int32_t firn_token_find(const firn_model *model, const char *text, size_t length)
{
    return tok_find(model->tokenizer, (base_slice){text, length});
}
