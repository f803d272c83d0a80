/* SPDX-License-Identifier: Apache-2.0 */
/* A model's tokens as constraints need them: made when first asked for, kept by the model. */
#include "engine/constraint_vocabulary.h"
#include "engine/model.h"

#include <stdlib.h>

typedef struct describer {
    const firn_model *model;
    char *bytes; /* of one token */
    size_t capacity;
} describer;

static firn_token_kind describe(void *argument, int32_t id, const char **bytes, size_t *length)
{
    const describer *const d = argument;
    if (firn_token_ends_text(d->model, id))
        return FIRN_TOKEN_ENDS;
    *bytes = d->bytes;
    *length = firn_token_bytes(d->model, id, false, d->bytes, d->capacity);
    return *length > 0 && *length <= d->capacity ? FIRN_TOKEN_TEXT : FIRN_TOKEN_NEVER;
}

firn_status firn_model_vocabulary(firn_model *model, firn_vocabulary **out, firn_error *error)
{
    *out = atomic_load(&model->vocabulary);
    if (*out != NULL)
        return FIRN_OK;
    firn_vocabulary *made, *there = NULL;
    describer d = {model, NULL, firn_token_longest(model)};
    d.bytes = malloc(d.capacity + 1);
    if (d.bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token of %zu bytes", d.capacity);
    const firn_status status = firn_vocabulary_create(tok_count(model->tokenizer), describe, &d, &made, error);
    free(d.bytes);
    if (status != FIRN_OK)
        return status;
    if (atomic_compare_exchange_strong(&model->vocabulary, &there, made)) {
        *out = made;
    } else { /* another thread was as quick */
        firn_vocabulary_release(made);
        *out = there;
    }
    return FIRN_OK;
}
