/* SPDX-License-Identifier: Apache-2.0 */
/* Filters on lists and dicts. What is a generator in Jinja is computed at once here, and can be gone through once. */
#include "tokenizer/template_p.h"

#define FILTER(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)

/* A list that grows; ends up as a LIST or GENERATOR. */
typedef struct collector {
    tok_render *render;
    tok_value list;
    size_t capacity;
} collector;

static collector collect(tok_render *render, tok_type_of_value type)
{
    return (collector){.render = render, .list = tok_sequence_new(render, type, 0)};
}

static void add(collector *into, tok_value value)
{
    tok_sequence *list = into->list.as.sequence;
    tok_charge(into->render, 1);
    tok_value *slot =
        tok_grow(&into->render->guard, (void **)&list->items, list->count, &into->capacity, sizeof *list->items);
    *slot = value;
    list->count++;
}

static bool given(tok_value value)
{
    return value.type != TOK_V_MISSING && value.type != TOK_V_NONE;
}

/* ---- sorting ---- */

typedef struct keyed {
    tok_value key, item;
} keyed;

static bool goes_before(tok_render *render, const keyed *a, const keyed *b, bool reverse)
{
    tok_charge(render, 1);
    return reverse ? tok_compare(render, a->key, b->key, "<") > 0 : tok_compare(render, a->key, b->key, "<") < 0;
}

static void merge(tok_render *render, keyed *from, keyed *to, size_t left, size_t middle, size_t right, bool reverse)
{
    size_t a = left, b = middle;
    for (size_t i = left; i < right; i++) {
        bool second = a >= middle || (b < right && goes_before(render, &from[b], &from[a], reverse));
        to[i] = second ? from[b++] : from[a++];
    }
}

tok_value tok_sort(tok_render *render, tok_value list, tok_key_function key, const void *context, bool reverse)
{
    tok_items items = tok_iterate(render, list);
    keyed *from = tok_allocate_array(&render->guard, items.count, sizeof *from);
    keyed *to = tok_allocate_array(&render->guard, items.count, sizeof *to);
    for (size_t i = 0; i < items.count; i++) {
        tok_value item = items.items[i];
        from[i] = (keyed){key != NULL ? key(render, item, context) : item, item};
    }
    for (size_t width = 1; width < items.count; width *= 2) {
        for (size_t left = 0; left < items.count; left += 2 * width) {
            size_t middle = left + width < items.count ? left + width : items.count;
            size_t right = left + 2 * width < items.count ? left + 2 * width : items.count;
            merge(render, from, to, left, middle, right, reverse);
        }
        keyed *swap = from;
        from = to;
        to = swap;
    }
    tok_value sorted = tok_sequence_new(render, TOK_V_LIST, items.count);
    for (size_t i = 0; i < items.count; i++)
        sorted.as.sequence->items[i] = from[i].item;
    return sorted;
}

tok_value tok_first_of_pair(tok_render *render, tok_value item, const void *context)
{
    (void)render;
    (void)context;
    return item.as.sequence->items[0];
}

/* How a filter looks at an item: one of its attributes, with case ignored or not. */
typedef struct getter {
    tok_value attribute, standard; /* standard: for an attribute that is undefined, or MISSING */
    bool fold;
} getter;

static tok_value folded(tok_render *render, tok_value value)
{
    return value.type == TOK_V_TEXT ? tok_change_case(render, value.as.text, TOK_LOWER) : value;
}

static tok_value get(tok_render *render, tok_value item, const void *context)
{
    const getter *g = context;
    tok_value value = tok_get_path(render, item, g->attribute);
    if (value.type == TOK_V_UNDEFINED && given(g->standard))
        value = g->standard;
    return g->fold ? folded(render, value) : value;
}

/* sort's key: a list with one entry for each of the attributes, which have commas between them. */
static tok_value get_several(tok_render *render, tok_value item, const void *context)
{
    const getter *g = context;
    collector keys = collect(render, TOK_V_LIST);
    if (g->attribute.type != TOK_V_TEXT) {
        add(&keys, get(render, item, g));
        return keys.list;
    }
    const tok_text *names = g->attribute.as.text;
    for (size_t from = 0; from <= names->length;) {
        size_t to = from;
        while (to < names->length && names->data[to] != ',')
            to++;
        getter one = {.attribute = tok_part(render, names, from, to), .fold = g->fold};
        add(&keys, get(render, item, &one));
        from = to + 1;
    }
    return keys.list;
}

/* p: reverse, case_sensitive, attribute */
FILTER(filter_sort)
{
    (void)arguments;
    getter g = {.attribute = p[2], .fold = !tok_truth(p[1])};
    return tok_sort(render, value, get_several, &g, tok_truth(p[0]));
}

static tok_value pairs_of(tok_render *render, tok_value value, tok_type_of_value type)
{
    tok_value pairs = tok_sequence_new(render, type, value.as.dict->count);
    for (size_t i = 0; i < value.as.dict->count; i++)
        pairs.as.sequence->items[i] = tok_pair(render, value.as.dict->entries[i].key, value.as.dict->entries[i].value);
    return pairs;
}

typedef struct pair_getter {
    int part;
    bool fold;
} pair_getter;

static tok_value get_part(tok_render *render, tok_value item, const void *context)
{
    const pair_getter *g = context;
    tok_value value = item.as.sequence->items[g->part];
    return g->fold ? folded(render, value) : value;
}

/* p: case_sensitive, by, reverse */
FILTER(filter_dictsort)
{
    (void)arguments;
    const tok_text *by = tok_text_argument(render, p[1], "key");
    pair_getter g = {.part = base_slice_is(tok_bytes(by), "value"), .fold = !tok_truth(p[0])};
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (value.type != TOK_V_DICT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object has no attribute 'items'", tok_type_name(value));
    if (g.part == 0 && !base_slice_is(tok_bytes(by), "key"))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "You can only sort by either \"key\" or \"value\"");
    return tok_sort(render, pairs_of(render, value, TOK_V_LIST), get_part, &g, tok_truth(p[2]));
}

static tok_value group(tok_render *render, tok_value name, tok_value items)
{
    tok_value tuple = tok_pair(render, name, items);
    tuple.as.sequence->name = "group";
    return tuple;
}

/* p: attribute, default, case_sensitive */
FILTER(filter_groupby)
{
    (void)arguments;
    getter g = {.attribute = p[0], .standard = p[1], .fold = !tok_truth(p[2])}, plain = g;
    plain.fold = false;
    tok_value sorted = tok_sort(render, value, get, &g, false);
    collector groups = collect(render, TOK_V_LIST), members = collect(render, TOK_V_LIST);
    tok_value last = tok_none();
    for (size_t i = 0; i < sorted.as.sequence->count; i++) {
        tok_value item = sorted.as.sequence->items[i], key = get(render, item, &g);
        if (i == 0 || !tok_equal(render, key, last)) {
            members = collect(render, TOK_V_LIST);
            add(&groups, group(render, get(render, item, &plain), members.list));
        }
        add(&members, item);
        last = key;
    }
    return groups.list;
}

/* p: case_sensitive, attribute */
FILTER(filter_unique)
{
    (void)arguments;
    getter g = {.attribute = p[1], .fold = !tok_truth(p[0])};
    tok_items items = tok_iterate(render, value);
    tok_dict *seen = tok_dict_new(&render->guard);
    collector unique = collect(render, TOK_V_GENERATOR);
    for (size_t i = 0; i < items.count; i++) {
        tok_value key = get(render, items.items[i], &g);
        if (tok_dict_get(render, seen, key) != NULL)
            continue;
        tok_dict_set(render, seen, key, tok_none());
        add(&unique, items.items[i]);
    }
    return unique.list;
}

static tok_value extreme(tok_render *render, tok_value value, const tok_value *p, int sign)
{
    getter g = {.attribute = p[1], .fold = !tok_truth(p[0])};
    tok_items items = tok_iterate(render, value);
    if (items.count == 0)
        return tok_undefined_message(render, "No aggregated item, sequence was empty.");
    size_t best = 0;
    tok_value best_key = get(render, items.items[0], &g);
    for (size_t i = 1; i < items.count; i++) {
        tok_value key = get(render, items.items[i], &g);
        tok_charge(render, 1);
        int order = tok_compare(render, key, best_key, sign > 0 ? ">" : "<");
        if (order != 2 && order * sign > 0) {
            best = i;
            best_key = key;
        }
    }
    return items.items[best];
}

FILTER(filter_max)
{
    (void)arguments;
    return extreme(render, value, p, 1);
}

FILTER(filter_min)
{
    (void)arguments;
    return extreme(render, value, p, -1);
}

/* ---- choosing and mapping ---- */

static tok_arguments after(const tok_arguments *arguments, size_t n)
{
    tok_arguments rest = *arguments;
    rest.positional += n;
    rest.n_positional -= n;
    return rest;
}

static const tok_callable *named(tok_render *render, tok_value name, const char *what,
                                 const tok_callable *(*find)(base_slice))
{
    const tok_callable *callable = name.type == TOK_V_TEXT ? find(tok_bytes(name.as.text)) : NULL;
    if (callable == NULL)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "No %s named '%.*s'", what,
                  (int)(name.type == TOK_V_TEXT && name.as.text->length < 100 ? name.as.text->length : 0),
                  name.type == TOK_V_TEXT ? name.as.text->data : "");
    return callable;
}

static tok_value choose(tok_render *render, tok_value value, const tok_arguments *arguments, bool by_attribute,
                        bool wanted)
{
    collector chosen = collect(render, TOK_V_GENERATOR);
    if (!tok_truth(value))
        return chosen.list;
    size_t used = by_attribute ? 1 : 0;
    if (arguments->n_positional < used)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Missing parameter for attribute name");
    const tok_callable *test = NULL;
    tok_arguments rest = {.n_positional = 0};
    if (arguments->n_positional > used) {
        test = named(render, arguments->positional[used], "test", tok_find_test);
        rest = after(arguments, used + 1);
    }
    tok_items items = tok_iterate(render, value);
    for (size_t i = 0; i < items.count; i++) {
        tok_value item = items.items[i];
        tok_value subject = by_attribute ? tok_get_path(render, item, arguments->positional[0]) : item;
        tok_charge(render, 1);
        if (test != NULL)
            subject = tok_call_native(render, test, subject, &rest);
        if (tok_truth(subject) == wanted)
            add(&chosen, item);
    }
    return chosen.list;
}

FILTER(filter_select)
{
    (void)p;
    return choose(render, value, arguments, false, true);
}

FILTER(filter_reject)
{
    (void)p;
    return choose(render, value, arguments, false, false);
}

FILTER(filter_selectattr)
{
    (void)p;
    return choose(render, value, arguments, true, true);
}

FILTER(filter_rejectattr)
{
    (void)p;
    return choose(render, value, arguments, true, false);
}

/* The getter of map(attribute=…, default=…). */
static getter map_getter(tok_render *render, const tok_arguments *arguments)
{
    getter g = {.attribute = {.type = TOK_V_MISSING}};
    for (size_t i = 0; i < arguments->n_keywords; i++) {
        const tok_keyword *keyword = &arguments->keywords[i];
        if (base_slice_is(keyword->name, "attribute"))
            g.attribute = keyword->value;
        else if (base_slice_is(keyword->name, "default"))
            g.standard = keyword->value;
        else
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Unexpected keyword argument '%.*s'",
                      (int)(keyword->name.length < 100 ? keyword->name.length : 100), keyword->name.data);
    }
    if (g.attribute.type == TOK_V_MISSING)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "map requires a filter argument");
    return g;
}

FILTER(filter_map)
{
    (void)p;
    collector mapped = collect(render, TOK_V_GENERATOR);
    if (!tok_truth(value))
        return mapped.list;
    const tok_callable *filter = NULL;
    tok_arguments rest = {.n_positional = 0};
    getter g = {.attribute = {.type = TOK_V_MISSING}};
    if (arguments->n_positional > 0) {
        filter = named(render, arguments->positional[0], "filter", tok_find_filter);
        rest = after(arguments, 1);
    } else {
        g = map_getter(render, arguments);
    }
    tok_items items = tok_iterate(render, value);
    tok_enter(render);
    for (size_t i = 0; i < items.count; i++)
        add(&mapped,
            filter != NULL ? tok_call_native(render, filter, items.items[i], &rest) : get(render, items.items[i], &g));
    tok_leave(render);
    return mapped.list;
}

/* ---- the rest ---- */

FILTER(filter_list)
{
    (void)p;
    (void)arguments;
    tok_items items = tok_iterate(render, value);
    tok_value list = tok_sequence_new(render, TOK_V_LIST, items.count);
    if (items.count > 0)
        memcpy(list.as.sequence->items, items.items, items.count * sizeof *items.items);
    return list;
}

FILTER(filter_first)
{
    (void)p;
    (void)arguments;
    if (tok_is_sequence(value)) {
        tok_sequence *sequence = value.as.sequence;
        if (sequence->taken >= sequence->count)
            return tok_undefined_message(render, "No first item, sequence was empty.");
        size_t at = sequence->taken;
        sequence->taken += value.type == TOK_V_GENERATOR;
        return sequence->items[at];
    }
    tok_items items = tok_iterate(render, value);
    return items.count > 0 ? items.items[0] : tok_undefined_message(render, "No first item, sequence was empty.");
}

FILTER(filter_last)
{
    (void)p;
    (void)arguments;
    if (value.type == TOK_V_GENERATOR || value.type == TOK_V_UNDEFINED)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object is not reversible", tok_type_name(value));
    tok_items items = tok_iterate(render, value);
    return items.count > 0 ? items.items[items.count - 1]
                           : tok_undefined_message(render, "No last item, sequence was empty.");
}

FILTER(filter_reverse)
{
    (void)p;
    (void)arguments;
    if (value.type == TOK_V_TEXT)
        return tok_slice(render, value, tok_none(), tok_none(), tok_int(-1));
    tok_items items = tok_iterate(render, value);
    tok_value reversed = tok_sequence_new(render, TOK_V_GENERATOR, items.count);
    for (size_t i = 0; i < items.count; i++)
        reversed.as.sequence->items[i] = items.items[items.count - 1 - i];
    return reversed;
}

/* p: d, attribute */
FILTER(filter_join)
{
    (void)arguments;
    tok_items items = tok_iterate(render, value);
    tok_builder text = tok_build(render);
    const tok_text *between = p[0].type == TOK_V_MISSING ? NULL : tok_text_of(render, p[0]);
    for (size_t i = 0; i < items.count; i++) {
        tok_charge(render, 1);
        if (i > 0 && between != NULL)
            tok_add_text(&text, between);
        tok_add_str(&text, tok_get_path(render, items.items[i], p[1]));
    }
    return tok_built(&text);
}

FILTER(filter_items)
{
    (void)p;
    (void)arguments;
    if (value.type == TOK_V_UNDEFINED)
        return tok_sequence_new(render, TOK_V_GENERATOR, 0);
    if (value.type != TOK_V_DICT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Can only get item pairs from a mapping.");
    return pairs_of(render, value, TOK_V_GENERATOR);
}

/* p: attribute, start */
FILTER(filter_sum)
{
    (void)arguments;
    tok_items items = tok_iterate(render, value);
    tok_value sum = p[1].type == TOK_V_MISSING ? tok_int(0) : p[1];
    if (sum.type == TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "sum() can't sum strings [use ''.join(seq) instead]");
    for (size_t i = 0; i < items.count; i++) {
        tok_charge(render, 1);
        sum = tok_binary(render, TOK_OP_ADD, sum, tok_get_path(render, items.items[i], p[0]));
    }
    return sum;
}

/* p: linecount, fill_with */
FILTER(filter_batch)
{
    (void)arguments;
    tok_items items = tok_iterate(render, value);
    int64_t size = tok_integer_argument(render, p[0], 1);
    collector batches = collect(render, TOK_V_GENERATOR), batch = collect(render, TOK_V_LIST);
    for (size_t i = 0; i < items.count; i++) {
        if ((int64_t)batch.list.as.sequence->count == size) {
            add(&batches, batch.list);
            batch = collect(render, TOK_V_LIST);
        }
        add(&batch, items.items[i]);
    }
    if (batch.list.as.sequence->count > 0) {
        while (given(p[1]) && (int64_t)batch.list.as.sequence->count < size)
            add(&batch, p[1]);
        add(&batches, batch.list);
    }
    return batches.list;
}

/* p: slices, fill_with */
FILTER(filter_slice)
{
    (void)arguments;
    tok_items items = tok_iterate(render, value);
    int64_t slices = tok_integer_argument(render, p[0], 1);
    if (slices == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "integer division or modulo by zero");
    collector result = collect(render, TOK_V_GENERATOR);
    size_t at = 0;
    for (int64_t i = 0; i < slices; i++) {
        collector slice = collect(render, TOK_V_LIST);
        bool longer = i < (int64_t)items.count % slices;
        for (int64_t k = 0; k < (int64_t)items.count / slices + longer; k++)
            add(&slice, items.items[at++]);
        if (given(p[1]) && !longer)
            add(&slice, p[1]);
        add(&result, slice.list);
    }
    return result.list;
}

/* p: autospace */
FILTER(filter_xmlattr)
{
    (void)arguments;
    if (value.type != TOK_V_DICT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object has no attribute 'items'", tok_type_name(value));
    tok_builder text = tok_build(render);
    bool space = p[0].type == TOK_V_MISSING || tok_truth(p[0]);
    for (size_t i = 0; i < value.as.dict->count; i++) {
        tok_entry entry = value.as.dict->entries[i];
        if (entry.value.type == TOK_V_NONE || entry.value.type == TOK_V_UNDEFINED)
            continue;
        const tok_text *key = tok_text_argument(render, entry.key, "");
        for (size_t k = 0; k < key->length; k++)
            if (key->data[k] == '\0' || strchr(" \t\n\r\f\v/>=", key->data[k]) != NULL)
                tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Invalid character in attribute name");
        if (space || text.length > 0)
            tok_add_literal(&text, " ");
        tok_add_escaped(&text, key);
        tok_add_literal(&text, "=\"");
        tok_add_escaped(&text, tok_text_of(render, entry.value));
        tok_add_literal(&text, "\"");
    }
    return tok_built(&text);
}

const tok_callable tok_list_filters[] = {
    {"batch", filter_batch, "linecount,fill_with?"},
    {"dictsort", filter_dictsort, "case_sensitive?,by?,reverse?"},
    {"first", filter_first, ""},
    {"groupby", filter_groupby, "attribute,default?,case_sensitive?"},
    {"items", filter_items, ""},
    {"join", filter_join, "d?,attribute?"},
    {"last", filter_last, ""},
    {"list", filter_list, ""},
    {"map", filter_map, NULL},
    {"max", filter_max, "case_sensitive?,attribute?"},
    {"min", filter_min, "case_sensitive?,attribute?"},
    {"reject", filter_reject, NULL},
    {"rejectattr", filter_rejectattr, NULL},
    {"reverse", filter_reverse, ""},
    {"select", filter_select, NULL},
    {"selectattr", filter_selectattr, NULL},
    {"slice", filter_slice, "slices,fill_with?"},
    {"sort", filter_sort, "reverse?,case_sensitive?,attribute?"},
    {"sum", filter_sum, "attribute?,start?"},
    {"unique", filter_unique, "case_sensitive?,attribute?"},
    {"xmlattr", filter_xmlattr, "autospace?"},
};
const size_t tok_n_list_filters = sizeof tok_list_filters / sizeof tok_list_filters[0];
