/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of lists, dicts and the engine's own objects. Those that change an object do not exist. */
#include "tokenizer/template_p.h"

#define METHOD(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)

/* ---- lists and dicts ---- */

METHOD(list_count)
{
    (void)arguments;
    int64_t count = 0;
    for (size_t i = 0; i < value.as.sequence->count; i++) {
        tok_charge(render, 1);
        count += tok_equal(render, value.as.sequence->items[i], p[0]);
    }
    return tok_int(count);
}

METHOD(list_index)
{
    (void)arguments;
    int64_t count = (int64_t)value.as.sequence->count;
    int64_t from = tok_integer_argument(render, p[1], 0), to = tok_integer_argument(render, p[2], count);
    from = from < 0 ? from + count : from;
    to = to < 0 ? to + count : to;
    for (int64_t i = from < 0 ? 0 : from; i < to && i < count; i++) {
        tok_charge(render, 1);
        if (tok_equal(render, value.as.sequence->items[i], p[0]))
            return tok_int(i);
    }
    tok_fault(&render->guard, FIRN_ERROR_FORMAT, "the value is not in the list");
}

METHOD(copy)
{
    (void)render;
    (void)p;
    (void)arguments;
    return value; /* nothing can change it */
}

METHOD(dict_get)
{
    (void)arguments;
    const tok_value *found = tok_dict_get(render, value.as.dict, p[0]);
    if (found != NULL)
        return *found;
    return p[1].type == TOK_V_MISSING ? tok_none() : p[1];
}

static tok_value view(tok_render *render, const tok_dict *dict, const char *name, int part)
{
    tok_value result = tok_sequence_new(render, TOK_V_VIEW, dict->count);
    result.as.sequence->name = name;
    for (size_t i = 0; i < dict->count; i++) {
        tok_entry entry = dict->entries[i];
        result.as.sequence->items[i] = part == 0   ? entry.key
                                       : part == 1 ? entry.value
                                                   : tok_pair(render, entry.key, entry.value);
    }
    return result;
}

METHOD(dict_keys)
{
    (void)p;
    (void)arguments;
    return view(render, value.as.dict, "dict_keys", 0);
}

METHOD(dict_values)
{
    (void)p;
    (void)arguments;
    return view(render, value.as.dict, "dict_values", 1);
}

METHOD(dict_items)
{
    (void)p;
    (void)arguments;
    return view(render, value.as.dict, "dict_items", 2);
}

/* ---- loop, cycler ---- */

METHOD(loop_cycle)
{
    (void)p;
    if (arguments->n_positional == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "no items for cycling given");
    return arguments->positional[(size_t)value.as.loop->index0 % arguments->n_positional];
}

METHOD(loop_changed)
{
    (void)p;
    tok_loop *loop = value.as.loop;
    bool same = loop->was_changed && loop->n_changed == arguments->n_positional;
    for (size_t i = 0; same && i < loop->n_changed; i++)
        same = tok_equal(render, loop->changed[i], arguments->positional[i]);
    if (same)
        return tok_bool(false);
    loop->changed = arguments->positional;
    loop->n_changed = arguments->n_positional;
    loop->was_changed = true;
    return tok_bool(true);
}

METHOD(cycler_next)
{
    (void)render;
    (void)p;
    (void)arguments;
    tok_cycler *cycler = value.as.cycler;
    tok_value item = cycler->items[cycler->position];
    cycler->position = (cycler->position + 1) % cycler->count;
    return item;
}

METHOD(cycler_reset)
{
    (void)render;
    (void)p;
    (void)arguments;
    value.as.cycler->position = 0;
    return tok_none();
}

/* ---- tables ---- */

static const tok_callable list_methods[] = {
    {"count", list_count, "value"},
    {"index", list_index, "value,start?,stop?"},
    {"copy", copy, ""}, /* last: tuples and ranges have none */
};

static const tok_callable dict_methods[] = {
    {"copy", copy, ""},      {"get", dict_get, "key,default?"}, {"items", dict_items, ""},
    {"keys", dict_keys, ""}, {"values", dict_values, ""},
};

static const tok_callable loop_methods[] = {{"changed", loop_changed, NULL}, {"cycle", loop_cycle, NULL}};
static const tok_callable cycler_methods[] = {{"next", cycler_next, ""}, {"reset", cycler_reset, ""}};

#define FIND(table, less) tok_find_in(table, sizeof table / sizeof table[0] - (less), name)

const tok_callable *tok_find_method(tok_type_of_value type, base_slice name)
{
    switch (type) {
    case TOK_V_TEXT:
        return tok_find_in(tok_text_methods, tok_n_text_methods, name);
    case TOK_V_LIST:
        return FIND(list_methods, 0);
    case TOK_V_TUPLE:
    case TOK_V_RANGE:
        return FIND(list_methods, 1);
    case TOK_V_DICT:
        return FIND(dict_methods, 0);
    case TOK_V_LOOP:
        return FIND(loop_methods, 0);
    case TOK_V_CYCLER:
        return FIND(cycler_methods, 0);
    default:
        return NULL;
    }
}
