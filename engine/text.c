/* SPDX-License-Identifier: Apache-2.0 */
/* Text and tokens of a model: the public face of its tokenizer. */
#include "engine/firn.h"
#include "engine/model.h"
#include "tokenizer/template.h"

#include <stdlib.h>

/* Gives what was found to the caller, or nothing. */
static firn_status give(firn_status status, tok_ids *found, int32_t **ids, size_t *n_ids)
{
    if (status != FIRN_OK)
        tok_ids_free(found);
    *ids = found->ids;
    *n_ids = found->count;
    return status;
}

firn_status firn_tokenize(const firn_model *model, const char *text, size_t length, unsigned flags, int32_t **ids,
                          size_t *n_ids, firn_error *error)
{
    tok_ids found = {0};
    const unsigned tok_flags = ((flags & FIRN_ADD_SPECIAL) != 0 ? TOK_ADD_SPECIAL : 0u) |
                               ((flags & FIRN_PARSE_SPECIAL) != 0 ? TOK_PARSE_SPECIAL : 0u);
    return give(tok_encode(model->tokenizer, (base_slice){text, length}, tok_flags, &found, error), &found, ids, n_ids);
}

firn_status firn_tokenize_rendered(const firn_model *model, const firn_rendered *rendered, int32_t **ids, size_t *n_ids,
                                   firn_error *error)
{
    tok_ids found = {0};
    const base_slice text = {rendered->text, rendered->length};
    const firn_status status = tok_encode_segments(
        model->tokenizer, text, (const tok_template_segment *)rendered->segments, rendered->n_segments, &found, error);
    return give(status, &found, ids, n_ids);
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

int32_t firn_token_special(const firn_model *model, firn_special_token which)
{
    const mod_vocabulary *const vocabulary = mod_checkpoint_vocabulary(model->checkpoint);
    switch (which) {
    case FIRN_TOKEN_BOS:
        return vocabulary->bos;
    case FIRN_TOKEN_EOS:
        return vocabulary->eos;
    case FIRN_TOKEN_EOT:
        return vocabulary->eot;
    }
    return -1;
}

const char *firn_model_chat_template(const firn_model *model, size_t *length)
{
    const base_slice source = mod_checkpoint_vocabulary(model->checkpoint)->chat_template;
    *length = source.length;
    return source.length > 0 ? source.data : NULL;
}
