/* SPDX-License-Identifier: Apache-2.0 */
/* A model's tokens as constraints need them, made when first asked for and kept by the model; and beside another's. */
#include "engine/constraint_vocabulary.h"
#include "engine/model.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 40 }; /* bytes of a token in an error */

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

firn_status eng_models_check_tokens(const firn_model *model, const firn_model *other, const char *role,
                                    firn_error *error)
{
    const size_t longest = firn_token_longest(model), longest_other = firn_token_longest(other);
    const size_t room = longest > longest_other ? longest : longest_other;
    const uint32_t n_vocab = firn_model_describe(model).n_vocab, n_other = firn_model_describe(other).n_vocab;
    firn_status status = FIRN_OK;
    char *const bytes = malloc(2 * room + 1);
    if (bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token of %zu bytes", room);
    char *const theirs = bytes + room;
    for (uint32_t id = 0; id < n_vocab && id < n_other && status == FIRN_OK; id++) {
        const size_t n = firn_token_bytes(model, (int32_t)id, true, bytes, room);
        const size_t n_theirs = firn_token_bytes(other, (int32_t)id, true, theirs, room);
        if (n != n_theirs || memcmp(bytes, theirs, n) != 0)
            status = base_fail(
                error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                "token %u is \"%.*s\" in the model and \"%.*s\" in the %s: both need the same vocabulary", id,
                (int)(n < SHOWN ? n : SHOWN), bytes, (int)(n_theirs < SHOWN ? n_theirs : SHOWN), theirs, role);
    }
    free(bytes);
    return status;
}
