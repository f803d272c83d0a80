/* SPDX-License-Identifier: Apache-2.0 */
/* Text and tokens of a model: the public face of its tokenizer. */
#include "engine/firn.h"
#include "engine/model.h"
#include "tokenizer/template.h"

#include <stdlib.h>
#include <string.h>

/* Gives what was found to the caller, or nothing. */
static firn_status give(firn_status status, tok_ids *found, int32_t **ids, size_t *n_ids)
{
    if (status != FIRN_OK)
        tok_ids_free(found);
    *ids = found->ids;
    *n_ids = found->count;
    return status;
}

static unsigned tok_flags_of(unsigned flags)
{
    return ((flags & FIRN_ADD_SPECIAL) != 0 ? TOK_ADD_SPECIAL : 0u) |
           ((flags & FIRN_PARSE_SPECIAL) != 0 ? TOK_PARSE_SPECIAL : 0u);
}

firn_status firn_tokenize(const firn_model *model, const char *text, size_t length, unsigned flags, int32_t **ids,
                          size_t *n_ids, firn_error *error)
{
    tok_ids found = {0};
    return give(tok_encode(model->tokenizer, (base_slice){text, length}, tok_flags_of(flags), &found, error), &found,
                ids, n_ids);
}

/* One text's ids. */
typedef struct encoding {
    tok_ids ids;
    firn_status status;
} encoding;

typedef struct encoding_job {
    const firn_model *model;
    const firn_text *texts;
    size_t n_texts;
    unsigned flags;
    encoding *encodings; /* [n_texts] */
} encoding_job;

static void encode_texts(void *argument, uint32_t thread)
{
    const encoding_job *const job = argument;
    base_range range;
    while (base_pool_claim(job->model->context->pool, thread, (uint32_t)job->n_texts, &range)) {
        for (uint32_t i = range.begin; i < range.end; i++) {
            const base_slice text = {job->texts[i].data, job->texts[i].length};
            encoding *const to = &job->encodings[i];
            to->status = tok_encode(job->model->tokenizer, text, job->flags, &to->ids, NULL);
        }
    }
}

/* Puts the ids of all texts into one array. */
static firn_status join(const encoding *encodings, size_t n_texts, int32_t **ids, size_t **starts, firn_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < n_texts; i++)
        count += encodings[i].ids.count; /* fewer than 2^31 each, in memory */
    *starts = malloc((n_texts + 1) * sizeof **starts);
    *ids = malloc(count * sizeof **ids + 1);
    if (*starts == NULL || *ids == NULL) {
        free(*starts);
        free(*ids);
        *starts = NULL;
        *ids = NULL;
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the %zu ids of %zu texts", count,
                         n_texts);
    }
    count = 0;
    for (size_t i = 0; i < n_texts; i++) {
        const tok_ids *const from = &encodings[i].ids;
        (*starts)[i] = count;
        if (from->count > 0)
            memcpy(*ids + count, from->ids, from->count * sizeof *from->ids);
        count += from->count;
    }
    (*starts)[n_texts] = count;
    return FIRN_OK;
}

firn_status firn_tokenize_many(const firn_model *model, const firn_text *texts, size_t n_texts, unsigned flags,
                               int32_t **ids, size_t **starts, firn_error *error)
{
    *ids = NULL;
    *starts = NULL;
    if (n_texts > UINT32_MAX)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%zu texts; at most %u can be encoded at once",
                         n_texts, UINT32_MAX);
    encoding *const encodings = calloc(n_texts + 1, sizeof *encodings);
    if (encodings == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to encode %zu texts", n_texts);
    encoding_job job = {model, texts, n_texts, tok_flags_of(flags), encodings};
    if (n_texts > 0)
        base_pool_run(model->context->pool, encode_texts, &job);
    firn_status status = FIRN_OK;
    for (size_t i = 0; status == FIRN_OK && i < n_texts; i++) {
        const base_slice text = {texts[i].data, texts[i].length};
        if (encodings[i].status != FIRN_OK) /* again, for its message */
            status = tok_encode(model->tokenizer, text, job.flags, &encodings[i].ids, error);
    }
    if (status == FIRN_OK)
        status = join(encodings, n_texts, ids, starts, error);
    for (size_t i = 0; i < n_texts; i++)
        tok_ids_free(&encodings[i].ids);
    free(encodings);
    return status;
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
    return id >= 0 && (id == vocabulary->eos || id == vocabulary->eot); /* as add_ending of sampler_texts.c has them */
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
