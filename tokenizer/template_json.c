/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to values and back, the latter as Python's json.dumps writes it. */
#include "tokenizer/template_p.h"

#include "base/json.h"
#include "base/number.h"

#include <inttypes.h>
#include <math.h>

/* ---- reading ---- */

/* A list or object that is being read. */
typedef struct level {
    tok_value container;
    tok_value key;
    size_t capacity; /* of a list's items */
} level;

static tok_value json_text(tok_render *render, const base_json_event *event, bool mark)
{
    base_slice bytes = event->text;
    if (event->escaped) {
        char *value = tok_allocate(&render->guard, bytes.length);
        bytes = (base_slice){value, base_json_unescape(event, value)};
    } else if (bytes.length > 0) {
        char *copy = tok_allocate(&render->guard, bytes.length);
        memcpy(copy, bytes.data, bytes.length);
        bytes.data = copy;
    }
    return tok_from_bytes(&render->guard, bytes, mark);
}

/*
 * Templates write special tokens around a role's name, or build them from it. The names in common use can't do harm,
 * so they count as the template's own text.
 */
static bool is_plain_role(tok_value key, base_slice value)
{
    static const char *const roles[] = {"system",    "user",    "assistant", "tool",         "developer",
                                        "function",  "ipython", "model",     "observation",  "environment",
                                        "documents", "context", "tool_call", "tool_response"};
    if (key.type != TOK_V_TEXT || !base_slice_is(tok_bytes(key.as.text), "role"))
        return false;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (base_slice_is(value, roles[i]))
            return true;
    return false;
}

static tok_value json_number(tok_render *render, const base_json_event *event)
{
    int64_t integer;
    double number;
    if (base_json_integer(event, &integer))
        return tok_int(integer);
    bool whole = true;
    for (size_t i = 0; i < event->text.length; i++)
        whole = whole && strchr(".eE", event->text.data[i]) == NULL;
    if (whole || !base_json_double(event, &number))
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "JSON: the number %.*s does not fit in 64 bits",
                  (int)(event->text.length < 40 ? event->text.length : 40), event->text.data);
    return tok_float(number);
}

static tok_value json_scalar(tok_render *render, const base_json_event *event, tok_value key, bool mark)
{
    switch (event->kind) {
    case BASE_JSON_NULL:
        return tok_none();
    case BASE_JSON_FALSE:
    case BASE_JSON_TRUE:
        return tok_bool(event->kind == BASE_JSON_TRUE);
    case BASE_JSON_NUMBER:
        return json_number(render, event);
    case BASE_JSON_STRING:
        return json_text(render, event, mark && !is_plain_role(key, event->text));
    case BASE_JSON_ARRAY_BEGIN:
        return tok_sequence_new(render, TOK_V_LIST, 0);
    default:
        return (tok_value){.type = TOK_V_DICT, .as.dict = tok_dict_new(&render->guard)};
    }
}

static void put(tok_render *render, level *into, tok_value value)
{
    if (into->container.type == TOK_V_DICT) {
        tok_dict_set(render, into->container.as.dict, into->key, value);
        return;
    }
    tok_sequence *list = into->container.as.sequence;
    tok_value *slot =
        tok_grow(&render->guard, (void **)&list->items, list->count, &into->capacity, sizeof *list->items);
    *slot = value;
    list->count++;
}

tok_value tok_from_json(tok_render *render, base_slice json, bool mark)
{
    base_json reader = base_json_begin(json);
    level *levels = tok_allocate_array(&render->guard, TOK_TEMPLATE_DEPTH + 1, sizeof *levels);
    size_t depth = 0;
    tok_value result = tok_none();
    for (;;) {
        base_json_event event;
        firn_error error;
        if (base_json_next(&reader, &event, &error) != FIRN_OK)
            tok_fault(&render->guard, FIRN_ERROR_ARGUMENT, "%s", error.message);
        if (event.kind == BASE_JSON_END)
            return result;
        if (event.kind == BASE_JSON_ARRAY_END || event.kind == BASE_JSON_OBJECT_END) {
            depth--;
            continue;
        }
        if (event.kind == BASE_JSON_KEY) {
            levels[depth - 1].key = json_text(render, &event, mark);
            continue;
        }
        tok_value value = json_scalar(render, &event, depth > 0 ? levels[depth - 1].key : tok_none(), mark);
        if (depth > 0)
            put(render, &levels[depth - 1], value);
        else
            result = value;
        if (event.kind == BASE_JSON_ARRAY_BEGIN || event.kind == BASE_JSON_OBJECT_BEGIN) {
            if (depth > TOK_TEMPLATE_DEPTH)
                tok_fault(&render->guard, FIRN_ERROR_LIMIT,
                          "JSON: arrays and objects lie more than %d deep inside each other", TOK_TEMPLATE_DEPTH);
            levels[depth++] = (level){.container = value};
        }
    }
}

/* ---- writing ---- */

typedef struct writer {
    tok_builder *builder;
    const tok_text *indent; /* NULL: all on one line */
    const tok_text *item_separator, *key_separator;
    bool ascii, sort;
} writer;

static void write_escape(writer *w, uint32_t code, bool mark)
{
    char escape[16];
    static const char hex[] = "0123456789abcdef";
    if (code > 0xFFFF) {
        write_escape(w, 0xD800 + ((code - 0x10000) >> 10), mark);
        code = 0xDC00 + ((code - 0x10000) & 0x3FF);
    }
    memcpy(escape, "\\u", 2);
    for (int i = 0; i < 4; i++)
        escape[2 + i] = hex[code >> (12 - 4 * i) & 15];
    tok_add_bytes(w->builder, escape, 6, mark);
}

static void write_text(writer *w, const tok_text *text)
{
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char *const escapes[] = {"\\\"", "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t"};
    tok_add_literal(w->builder, "\"");
    size_t plain = 0; /* where what is not yet written begins */
    for (size_t at = 0, width; at < text->length; at += width) {
        uint32_t code = tok_character(text, at);
        width = tok_character_length(text, at);
        const char *name = code != 0 && code < 0x80 ? strchr(named, (int)code) : NULL;
        bool ascii = w->ascii && code >= 0x7F;
        if (name == NULL && code >= 0x20 && !ascii)
            continue;
        tok_add(w->builder, text, plain, at);
        plain = at + width;
        if (name != NULL)
            tok_add_bytes(w->builder, escapes[name - named], 2, tok_mark_at(text, at));
        else
            write_escape(w, code, tok_mark_at(text, at));
    }
    tok_add(w->builder, text, plain, text->length);
    tok_add_literal(w->builder, "\"");
}

static void new_line(writer *w, size_t depth)
{
    if (w->indent == NULL)
        return;
    tok_add_literal(w->builder, "\n");
    for (size_t i = 0; i < depth; i++)
        tok_add_text(w->builder, w->indent);
}

static void write_number(writer *w, tok_value value)
{
    char text[BASE_DOUBLE_TEXT];
    if (value.type == TOK_V_BOOL)
        tok_add_literal(w->builder, value.as.boolean ? "true" : "false");
    else if (value.type == TOK_V_INT)
        tok_add_format(w->builder, "%" PRId64, value.as.integer);
    else if (isnan(value.as.number))
        tok_add_literal(w->builder, "NaN");
    else if (isinf(value.as.number))
        tok_add_literal(w->builder, value.as.number > 0 ? "Infinity" : "-Infinity");
    else
        tok_add_bytes(w->builder, text, base_format_double(value.as.number, text), false);
}

static void write_value(writer *w, tok_value value, size_t depth);

static void write_list(writer *w, const tok_sequence *list, size_t depth)
{
    tok_add_literal(w->builder, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            tok_add_text(w->builder, w->item_separator);
        new_line(w, depth + 1);
        write_value(w, list->items[i], depth + 1);
    }
    if (list->count > 0)
        new_line(w, depth);
    tok_add_literal(w->builder, "]");
}

static void write_key(writer *w, tok_value key)
{
    tok_render *render = w->builder->render;
    if (key.type == TOK_V_TEXT) {
        write_text(w, key.as.text);
        return;
    }
    if (key.type != TOK_V_NONE && !tok_is_number(key))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "keys must be str, int, float, bool or None, not %s",
                  tok_type_name(key));
    tok_add_literal(w->builder, "\"");
    write_value(w, key, 0);
    tok_add_literal(w->builder, "\"");
}

static void write_dict(writer *w, const tok_dict *dict, size_t depth)
{
    tok_render *render = w->builder->render;
    tok_value entries = tok_sequence_new(render, TOK_V_LIST, dict->count);
    for (size_t i = 0; i < dict->count; i++)
        entries.as.sequence->items[i] = tok_pair(render, dict->entries[i].key, dict->entries[i].value);
    if (w->sort)
        entries = tok_sort(render, entries, tok_first_of_pair, NULL, false);
    tok_add_literal(w->builder, "{");
    for (size_t i = 0; i < dict->count; i++) {
        const tok_value *entry = entries.as.sequence->items[i].as.sequence->items;
        if (i > 0)
            tok_add_text(w->builder, w->item_separator);
        new_line(w, depth + 1);
        write_key(w, entry[0]);
        tok_add_text(w->builder, w->key_separator);
        write_value(w, entry[1], depth + 1);
    }
    if (dict->count > 0)
        new_line(w, depth);
    tok_add_literal(w->builder, "}");
}

static void write_value(writer *w, tok_value value, size_t depth)
{
    tok_render *render = w->builder->render;
    tok_enter(render);
    tok_charge(render, 1);
    if (value.type == TOK_V_NONE)
        tok_add_literal(w->builder, "null");
    else if (value.type == TOK_V_TEXT)
        write_text(w, value.as.text);
    else if (tok_is_number(value))
        write_number(w, value);
    else if (value.type == TOK_V_LIST || value.type == TOK_V_TUPLE)
        write_list(w, value.as.sequence, depth);
    else if (value.type == TOK_V_DICT)
        write_dict(w, value.as.dict, depth);
    else
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Object of type %s is not JSON serializable",
                  tok_type_name(value));
    tok_leave(render);
}

static const tok_text *spaces(tok_render *render, int64_t count)
{
    tok_builder builder = tok_build(render);
    if (count > (int64_t)render->text_limit)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "tojson's indent is too large");
    for (int64_t i = 0; i < count; i++)
        tok_add_literal(&builder, " ");
    return tok_built(&builder).as.text;
}

static void read_separators(tok_render *render, writer *w, tok_value value)
{
    tok_items pair = tok_iterate(render, value);
    if (pair.count != 2 || pair.items[0].type != TOK_V_TEXT || pair.items[1].type != TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "tojson's separators have to be two strings");
    w->item_separator = pair.items[0].as.text;
    w->key_separator = pair.items[1].as.text;
}

/* p: ensure_ascii, indent, separators, sort_keys */
tok_value tok_to_json(tok_render *render, tok_value value, const tok_value *p)
{
    tok_builder builder = tok_build(render);
    writer w = {.builder = &builder, .ascii = tok_truth(p[0]), .sort = tok_truth(p[3])};
    if (p[1].type == TOK_V_TEXT)
        w.indent = p[1].as.text;
    else if (p[1].type == TOK_V_INT || p[1].type == TOK_V_BOOL)
        w.indent = spaces(render, p[1].type == TOK_V_INT ? p[1].as.integer : p[1].as.boolean);
    else if (tok_truth(p[1]))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "tojson's indent has to be a number or text");
    w.item_separator = tok_from_literal(render, w.indent != NULL ? "," : ", ").as.text;
    w.key_separator = tok_from_literal(render, ": ").as.text;
    if (p[2].type != TOK_V_MISSING && p[2].type != TOK_V_NONE)
        read_separators(render, &w, p[2]);
    write_value(&w, value, 0);
    return tok_built(&builder);
}
