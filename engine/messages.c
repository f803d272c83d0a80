/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of tool calls: OpenAI's form writes them as a string of JSON, most chat templates want the object. */
#include "base/json.h"
#include "engine/chat.h"

#include <stdlib.h>

typedef struct rewriter {
    base_slice text;
    size_t copied; /* bytes of `text` that are in `out`, in their new form */
    char *out;     /* as large as `text`: an unescaped string is never longer */
    size_t length;
} rewriter;

static void copy_until(rewriter *r, size_t end)
{
    memcpy(r->out + r->length, r->text.data + r->copied, end - r->copied);
    r->length += end - r->copied;
    r->copied = end;
}

static bool is_object(base_slice text)
{
    base_json reader = base_json_begin(text);
    base_json_event event;
    if (base_json_next(&reader, &event, NULL) != FIRN_OK || event.kind != BASE_JSON_OBJECT_BEGIN)
        return false;
    while (event.kind != BASE_JSON_END)
        if (base_json_next(&reader, &event, NULL) != FIRN_OK)
            return false;
    return true;
}

/* The string that was the last event, which ends at `end`: an object replaces it, anything else is left. */
static void take_string(rewriter *r, const base_json_event *event, size_t end)
{
    copy_until(r, event->offset);
    char *const value = r->out + r->length;
    const size_t length = base_json_unescape(event, value);
    if (is_object((base_slice){value, length})) {
        r->length += length;
        r->copied = end;
    }
}

static firn_status rewrite(rewriter *r, firn_error *error)
{
    base_json reader = base_json_begin(r->text);
    base_json_event event;
    uint32_t calls = 0; /* depth inside of a message's tool calls; 0: outside */
    bool arguments = false;
    do {
        const firn_status status = base_json_next(&reader, &event, error);
        if (status != FIRN_OK)
            return status;
        if (arguments && event.kind == BASE_JSON_STRING)
            take_string(r, &event, reader.position);
        if (calls != 0 && reader.depth < calls)
            calls = 0;
        if (event.kind == BASE_JSON_KEY && reader.depth == 2 && base_slice_is(event.text, "tool_calls"))
            calls = 3; /* the array of messages, a message, the array of calls */
        /* of a call itself, or of its "function" */
        arguments = event.kind == BASE_JSON_KEY && calls != 0 && reader.depth >= 4 && reader.depth <= 5 &&
                    base_slice_is(event.text, "arguments");
    } while (event.kind != BASE_JSON_END);
    copy_until(r, r->text.length);
    return FIRN_OK;
}

firn_status firn_messages_parse_arguments(const char *messages, char **out, firn_error *error)
{
    rewriter r = {.text = base_slice_from(messages)};
    *out = NULL;
    r.out = malloc(r.text.length + 1);
    if (r.out == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for messages of %zu bytes",
                         r.text.length);
    const firn_status status = rewrite(&r, error);
    if (status != FIRN_OK) {
        free(r.out);
        return status;
    }
    r.out[r.length] = '\0';
    *out = r.out;
    return FIRN_OK;
}
