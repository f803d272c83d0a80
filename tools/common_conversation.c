/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_conversation.h"

#include "base/json.h"
#include "base/memory.h"
#include "tools/common_json.h"

#include <stdlib.h>

static firn_status no_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a conversation");
}

void tool_conversation_cut(tool_conversation *conversation, size_t count)
{
    while (conversation->count > count)
        free(conversation->messages[--conversation->count].json);
}

void tool_conversation_free(tool_conversation *conversation)
{
    tool_conversation_cut(conversation, 0);
    free(conversation->messages);
    free(conversation->tools);
    *conversation = (tool_conversation){.messages = NULL};
}

void tool_conversation_remove(tool_conversation *conversation, size_t index)
{
    tool_message *const message = &conversation->messages[index];
    free(message->json);
    memmove(message, message + 1, (--conversation->count - index) * sizeof *message);
}

size_t tool_conversation_last_user(const tool_conversation *conversation)
{
    size_t index = conversation->count;
    while (index > 0 && conversation->messages[index - 1].role != TOOL_USER)
        index--;
    return index > 0 ? index - 1 : conversation->count;
}

/* Takes `json`, which is released on failure. */
static firn_status insert(tool_conversation *conversation, size_t index, tool_role role, char *json, firn_error *error)
{
    if (!base_grow(&conversation->messages, &conversation->capacity, conversation->count + 1,
                   sizeof *conversation->messages)) {
        free(json);
        return no_memory(error);
    }
    tool_message *const message = &conversation->messages[index];
    memmove(message + 1, message, (conversation->count++ - index) * sizeof *message);
    *message = (tool_message){json, role};
    return FIRN_OK;
}

firn_status tool_conversation_insert(tool_conversation *conversation, size_t index, tool_role role, base_slice text,
                                     firn_error *error)
{
    static const char *const names[] = {"system", "user", "assistant"};
    char *json = NULL;
    size_t size;
    FILE *const out = open_memstream(&json, &size);
    if (out == NULL)
        return no_memory(error);
    fprintf(out, "{\"role\":\"%s\",\"content\":", names[role]);
    tool_json_string(out, text.data, text.length);
    fputc('}', out);
    const bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(json);
        return no_memory(error);
    }
    return insert(conversation, index, role, json, error);
}

/* ---- reading ---- */

static tool_role role_named(const base_json_event *event)
{
    if (event->kind != BASE_JSON_STRING)
        return TOOL_OTHER;
    return base_slice_is(event->text, "system")      ? TOOL_SYSTEM
           : base_slice_is(event->text, "user")      ? TOOL_USER
           : base_slice_is(event->text, "assistant") ? TOOL_ASSISTANT
                                                     : TOOL_OTHER;
}

/* Reads on to the end of the message whose beginning was the last event. */
static firn_status read_message(base_json *reader, size_t start, tool_conversation *out, firn_error *error)
{
    const uint32_t depth = reader->depth;
    tool_role role = TOOL_OTHER;
    base_json_event event;
    do {
        firn_status status = base_json_next(reader, &event, error);
        const bool is_role = event.kind == BASE_JSON_KEY && reader->depth == depth && base_slice_is(event.text, "role");
        if (status == FIRN_OK && is_role) {
            status = base_json_next(reader, &event, error);
            role = role_named(&event);
        }
        if (status != FIRN_OK)
            return status;
    } while (reader->depth >= depth);
    char *const json = strndup(reader->text.data + start, reader->position - start);
    return json != NULL ? insert(out, out->count, role, json, error) : no_memory(error);
}

static firn_status read_messages(base_json *reader, tool_conversation *out, firn_error *error)
{
    base_json_event event;
    for (;;) {
        const firn_status status = base_json_next(reader, &event, error);
        if (status != FIRN_OK || event.kind == BASE_JSON_ARRAY_END)
            return status;
        const firn_status read = event.kind == BASE_JSON_OBJECT_BEGIN
                                     ? read_message(reader, event.offset, out, error)
                                     : base_fail(error, FIRN_ERROR_FORMAT, event.offset,
                                                 "message %zu is not an object such as {\"role\": \"user\", "
                                                 "\"content\": \"…\"}",
                                                 out->count + 1);
        if (read != FIRN_OK)
            return read;
    }
}

static firn_status read_tools(base_json *reader, tool_conversation *out, firn_error *error)
{
    const size_t start = reader->position;
    const firn_status status = base_json_skip(reader, error);
    if (status != FIRN_OK)
        return status;
    free(out->tools);
    out->tools = strndup(reader->text.data + start, reader->position - start);
    return out->tools != NULL ? FIRN_OK : no_memory(error);
}

static firn_status expect(const base_json_event *event, base_json_kind kind, firn_error *error)
{
    if (event->kind == kind)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_FORMAT, event->offset,
                     "a conversation is an array of messages, or an object with it as \"messages\"");
}

static firn_status read_members(base_json *reader, tool_conversation *out, firn_error *error)
{
    bool found = false;
    for (;;) {
        base_json_event event;
        firn_status status = base_json_next(reader, &event, error);
        if (status != FIRN_OK || event.kind == BASE_JSON_OBJECT_END)
            return status == FIRN_OK && !found ? expect(&event, BASE_JSON_ARRAY_BEGIN, error) : status;
        if (base_slice_is(event.text, "messages")) {
            found = true;
            tool_conversation_cut(out, 0);
            status = base_json_next(reader, &event, error);
            if (status == FIRN_OK)
                status = expect(&event, BASE_JSON_ARRAY_BEGIN, error);
            if (status == FIRN_OK)
                status = read_messages(reader, out, error);
        } else {
            status =
                base_slice_is(event.text, "tools") ? read_tools(reader, out, error) : base_json_skip(reader, error);
        }
        if (status != FIRN_OK)
            return status;
    }
}

static firn_status read_text(base_slice text, tool_conversation *out, firn_error *error)
{
    base_json reader = base_json_begin(text);
    base_json_event event;
    firn_status status = base_json_next(&reader, &event, error);
    if (status == FIRN_OK && event.kind == BASE_JSON_OBJECT_BEGIN) {
        status = read_members(&reader, out, error);
    } else if (status == FIRN_OK) {
        status = expect(&event, BASE_JSON_ARRAY_BEGIN, error);
        if (status == FIRN_OK)
            status = read_messages(&reader, out, error);
    }
    return status == FIRN_OK ? base_json_next(&reader, &event, error) : status; /* nothing may follow */
}

firn_status tool_conversation_parse(tool_conversation *conversation, base_slice text, firn_error *error)
{
    tool_conversation found = {.messages = NULL};
    const firn_status status = read_text(text, &found, error);
    if (status != FIRN_OK) {
        tool_conversation_free(&found);
        return status;
    }
    tool_conversation_free(conversation);
    *conversation = found;
    return FIRN_OK;
}

firn_status tool_conversation_read(tool_conversation *conversation, const char *path, firn_error *error)
{
    tool_text text = {NULL, 0};
    firn_error fault = {0};
    firn_status status = tool_read(path, &text, error);
    if (status != FIRN_OK)
        return status;
    status = tool_conversation_parse(conversation, (base_slice){text.data, text.length}, &fault);
    free(text.data);
    return status == FIRN_OK ? FIRN_OK : base_fail(error, status, fault.offset, "%.150s: %s", path, fault.message);
}

/* ---- writing ---- */

firn_status tool_conversation_json(const tool_conversation *conversation, bool whole, tool_text *out, firn_error *error)
{
    *out = (tool_text){NULL, 0};
    FILE *const file = open_memstream(&out->data, &out->length);
    if (file == NULL)
        return no_memory(error);
    const bool object = whole && conversation->tools != NULL;
    if (object)
        fprintf(file, "{\"tools\":%s,\n\"messages\":", conversation->tools);
    for (size_t i = 0; i < conversation->count; i++)
        fprintf(file, "%s%s", i == 0 ? "[" : ",\n", conversation->messages[i].json);
    fprintf(file, "%s]%s", conversation->count == 0 ? "[" : "", object ? "}" : "");
    const bool failed = ferror(file) != 0;
    if (fclose(file) == 0 && !failed)
        return FIRN_OK;
    free(out->data);
    *out = (tool_text){NULL, 0};
    return no_memory(error);
}
