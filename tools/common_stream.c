/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_stream.h"

#include "tools/common_text.h"

#include <stdlib.h>

void tool_stream_free(tool_stream *stream)
{
    free(stream->text);
    free(stream->ids);
    free(stream->starts);
    *stream = (tool_stream){0};
}

static firn_status make_room(tool_stream *stream, size_t bytes, firn_error *error)
{
    if (stream->capacity - stream->length < bytes) {
        char *const grown = realloc(stream->text, 2 * stream->capacity + bytes);
        if (grown == NULL)
            goto no_memory;
        stream->text = grown;
        stream->capacity = 2 * stream->capacity + bytes;
    }
    if (stream->n_tokens == stream->token_capacity) {
        const size_t capacity = 2 * stream->token_capacity + 64;
        int32_t *const ids = realloc(stream->ids, capacity * sizeof *ids);
        stream->ids = ids != NULL ? ids : stream->ids;
        size_t *const starts = realloc(stream->starts, capacity * sizeof *starts);
        stream->starts = starts != NULL ? starts : stream->starts;
        if (ids == NULL || starts == NULL)
            goto no_memory;
        stream->token_capacity = capacity;
    }
    return FIRN_OK;
no_memory:
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a text of %zu bytes", stream->length);
}

/* The token that the byte belongs to. */
static size_t token_at(const tool_stream *stream, size_t byte)
{
    size_t token = stream->n_tokens;
    while (token > 0 && stream->starts[token - 1] > byte)
        token--;
    return token > 0 ? token - 1 : 0;
}

static bool is_stop_id(const firn_generation_parameters *parameters, int32_t id)
{
    firn_list_entry entry;
    for (size_t i = 0; firn_list_at(&parameters->stop_token_ids, i, &entry); i++)
        if (entry.id == id)
            return true;
    return false;
}

firn_status tool_stream_add(tool_stream *stream, const firn_model *model, const firn_generation_parameters *parameters,
                            int32_t id, tool_stream_event *event, int32_t *banned, firn_error *error)
{
    const firn_status status = make_room(stream, firn_token_longest(model), error);
    if (status != FIRN_OK)
        return status;
    const size_t start = stream->length;
    bool found;
    *event = TOOL_STREAM_GOES_ON;
    stream->ids[stream->n_tokens] = id;
    stream->starts[stream->n_tokens++] = start;
    if (is_stop_id(parameters, id)) {
        *event = TOOL_STREAM_STOPS;
        stream->shown = stream->length;
        return FIRN_OK;
    }
    stream->length +=
        firn_token_bytes(model, id, false, stream->text + stream->length, stream->capacity - stream->length);

    const size_t from =
        firn_find_texts(&parameters->banned_strings, stream->text, stream->length, stream->clean, &found);
    if (found) {
        const size_t token = token_at(stream, from);
        *event = TOOL_STREAM_REWINDS;
        *banned = stream->ids[token];
        stream->n_tokens = token;
        stream->length = stream->starts[token];
        stream->clean = stream->clean < stream->length ? stream->clean : stream->length;
        return FIRN_OK;
    }
    /* a token is taken back whole, so none is shown before all of it is clean */
    stream->clean = from < stream->length ? stream->starts[token_at(stream, from)] : from;
    size_t shown = firn_find_texts(&parameters->stop, stream->text, stream->length, stream->shown, &found);
    if (found) {
        *event = TOOL_STREAM_STOPS;
        stream->length = stream->shown = shown;
        return FIRN_OK;
    }
    shown = shown < stream->clean ? shown : stream->clean;
    const size_t whole = tool_whole_characters(stream->text, shown);
    stream->shown = whole > stream->shown ? whole : stream->shown;
    return FIRN_OK;
}
