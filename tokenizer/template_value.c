/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/template_p.h"

#include <math.h>

/* ---- making values ---- */

tok_value tok_none(void)
{
    return (tok_value){.type = TOK_V_NONE};
}

tok_value tok_bool(bool value)
{
    return (tok_value){.type = TOK_V_BOOL, .as.boolean = value};
}

tok_value tok_int(int64_t value)
{
    return (tok_value){.type = TOK_V_INT, .as.integer = value};
}

tok_value tok_float(double value)
{
    return (tok_value){.type = TOK_V_FLOAT, .as.number = value};
}

static tok_value new_undefined(tok_render *render, tok_undefined why)
{
    tok_undefined *copy = tok_allocate(&render->guard, sizeof *copy);
    *copy = why;
    return (tok_value){.type = TOK_V_UNDEFINED, .as.undefined = copy};
}

tok_value tok_undefined_named(tok_render *render, const char *owner, tok_value name)
{
    return new_undefined(render, (tok_undefined){.owner = owner, .name = name});
}

tok_value tok_undefined_message(tok_render *render, const char *message)
{
    return new_undefined(render, (tok_undefined){.message = message, .name = tok_none()});
}

_Noreturn void tok_fault_undefined(tok_render *render, tok_value undefined)
{
    const tok_undefined *why = undefined.as.undefined;
    if (why->message != NULL)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s", why->message);
    tok_builder name = tok_build(render);
    tok_add_repr(&name, why->name);
    int length = (int)(name.length < 200 ? name.length : 200);
    if (why->owner == NULL)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%.*s is undefined", length, name.data);
    if (why->name.type == TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s%s' has no attribute %.*s", why->owner,
                  strcmp(why->owner, "None") == 0 ? "" : " object", length, name.data);
    tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s%s has no element %.*s", why->owner,
              strcmp(why->owner, "None") == 0 ? "" : " object", length, name.data);
}

tok_value tok_sequence_new(tok_render *render, tok_type_of_value type, size_t count)
{
    tok_charge(render, count / 8);
    tok_sequence *sequence = tok_allocate(&render->guard, sizeof *sequence);
    *sequence = (tok_sequence){.count = count};
    sequence->items = tok_allocate_array(&render->guard, count, sizeof *sequence->items);
    return (tok_value){.type = type, .as.sequence = sequence};
}

tok_value tok_pair(tok_render *render, tok_value first, tok_value second)
{
    tok_value pair = tok_sequence_new(render, TOK_V_TUPLE, 2);
    pair.as.sequence->items[0] = first;
    pair.as.sequence->items[1] = second;
    return pair;
}

/* ---- what a value is ---- */

const char *tok_type_name(tok_value value)
{
    switch (value.type) {
    case TOK_V_UNDEFINED:
        return "Undefined";
    case TOK_V_NONE:
        return "NoneType";
    case TOK_V_BOOL:
        return "bool";
    case TOK_V_INT:
        return "int";
    case TOK_V_FLOAT:
        return "float";
    case TOK_V_TEXT:
        return value.as.text->markup ? "Markup" : "str";
    case TOK_V_LIST:
        return "list";
    case TOK_V_TUPLE:
        return "tuple";
    case TOK_V_RANGE:
        return "range";
    case TOK_V_VIEW:
        return value.as.sequence->name;
    case TOK_V_GENERATOR:
        return "generator";
    case TOK_V_DICT:
        return "dict";
    case TOK_V_NAMESPACE:
        return "Namespace";
    case TOK_V_MACRO:
        return "Macro";
    case TOK_V_METHOD:
        return "builtin_function_or_method";
    case TOK_V_LOOP:
        return "LoopContext";
    case TOK_V_CYCLER:
        return "Cycler";
    case TOK_V_JOINER:
        return "Joiner";
    case TOK_V_FUNCTION:
    case TOK_V_MISSING:
        break;
    }
    return "function";
}

bool tok_is_sequence(tok_value value)
{
    return value.type >= TOK_V_LIST && value.type <= TOK_V_GENERATOR;
}

bool tok_is_number(tok_value value)
{
    return value.type == TOK_V_BOOL || value.type == TOK_V_INT || value.type == TOK_V_FLOAT;
}

static int64_t to_integer(tok_value value)
{
    return value.type == TOK_V_BOOL ? value.as.boolean : value.as.integer;
}

double tok_to_double(tok_value number)
{
    return number.type == TOK_V_FLOAT ? number.as.number : (double)to_integer(number);
}

bool tok_truth(tok_value value)
{
    switch (value.type) {
    case TOK_V_MISSING:
    case TOK_V_UNDEFINED:
    case TOK_V_NONE:
        return false;
    case TOK_V_BOOL:
        return value.as.boolean;
    case TOK_V_INT:
        return value.as.integer != 0;
    case TOK_V_FLOAT:
        return value.as.number != 0;
    case TOK_V_TEXT:
        return value.as.text->length > 0;
    case TOK_V_LIST:
    case TOK_V_TUPLE:
    case TOK_V_RANGE:
    case TOK_V_VIEW:
        return value.as.sequence->count > 0;
    case TOK_V_DICT:
        return value.as.dict->count > 0;
    default:
        return true;
    }
}

/* ---- equality and order ---- */

static bool equal_numbers(tok_value a, tok_value b)
{
    if (a.type == TOK_V_FLOAT || b.type == TOK_V_FLOAT)
        return tok_to_double(a) == tok_to_double(b);
    return to_integer(a) == to_integer(b);
}

static bool equal_dicts(tok_render *render, const tok_dict *a, const tok_dict *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const tok_value *other = tok_dict_get(render, b, a->entries[i].key);
        if (other == NULL || !tok_equal(render, a->entries[i].value, *other))
            return false;
    }
    return true;
}

static bool equal_items(tok_render *render, tok_value a, tok_value b)
{
    const tok_sequence *left = a.as.sequence, *right = b.as.sequence;
    if (left == right || a.type == TOK_V_GENERATOR)
        return left == right;
    if (left->count != right->count || (a.type == TOK_V_VIEW && strcmp(left->name, right->name) != 0))
        return false;
    for (size_t i = 0; i < left->count; i++)
        if (!tok_equal(render, left->items[i], right->items[i]))
            return false;
    return true;
}

bool tok_equal(tok_render *render, tok_value a, tok_value b)
{
    if (tok_is_number(a) && tok_is_number(b))
        return equal_numbers(a, b);
    if (a.type != b.type)
        return false;
    bool equal;
    switch (a.type) {
    case TOK_V_UNDEFINED:
    case TOK_V_NONE:
        return true;
    case TOK_V_TEXT:
        tok_charge(render, a.as.text->length / 64);
        return base_slice_equal(tok_bytes(a.as.text), tok_bytes(b.as.text));
    case TOK_V_LIST:
    case TOK_V_TUPLE:
    case TOK_V_RANGE:
    case TOK_V_VIEW:
    case TOK_V_GENERATOR:
        tok_enter(render);
        equal = equal_items(render, a, b);
        tok_leave(render);
        return equal;
    case TOK_V_DICT:
        tok_enter(render);
        equal = equal_dicts(render, a.as.dict, b.as.dict);
        tok_leave(render);
        return equal;
    case TOK_V_NAMESPACE:
        return a.as.dict == b.as.dict;
    case TOK_V_METHOD:
        return a.as.bound == b.as.bound;
    default:
        return a.as.function == b.as.function;
    }
}

static int compare_bytes(tok_render *render, const tok_text *a, const tok_text *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length;
    tok_charge(render, shorter / 64);
    int order = shorter > 0 ? memcmp(a->data, b->data, shorter) : 0;
    if (order != 0)
        return order;
    return (a->length > b->length) - (a->length < b->length);
}

int tok_compare(tok_render *render, tok_value a, tok_value b, const char *sign)
{
    if (a.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, a);
    if (b.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, b);
    if (tok_is_number(a) && tok_is_number(b)) {
        if (a.type != TOK_V_FLOAT && b.type != TOK_V_FLOAT)
            return (to_integer(a) > to_integer(b)) - (to_integer(a) < to_integer(b));
        double x = tok_to_double(a), y = tok_to_double(b);
        return isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
    }
    if (a.type == TOK_V_TEXT && b.type == TOK_V_TEXT)
        return compare_bytes(render, a.as.text, b.as.text);
    if (a.type != b.type || (a.type != TOK_V_LIST && a.type != TOK_V_TUPLE))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' not supported between instances of '%s' and '%s'", sign,
                  tok_type_name(a), tok_type_name(b));
    const tok_sequence *left = a.as.sequence, *right = b.as.sequence;
    for (size_t i = 0; i < left->count && i < right->count; i++) {
        if (tok_equal(render, left->items[i], right->items[i]))
            continue;
        tok_enter(render);
        int order = tok_compare(render, left->items[i], right->items[i], sign);
        tok_leave(render);
        return order;
    }
    return (left->count > right->count) - (left->count < right->count);
}

/* ---- containers ---- */

bool tok_contains(tok_render *render, tok_value container, tok_value item)
{
    if (container.type == TOK_V_TEXT) {
        size_t at;
        if (item.type != TOK_V_TEXT)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'in <string>' requires string as left operand, not %s",
                      tok_type_name(item));
        return tok_find_text(render, container.as.text, item.as.text, 0, &at);
    }
    if (container.type == TOK_V_DICT)
        return tok_dict_get(render, container.as.dict, item) != NULL;
    if (!tok_iterable(container))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "argument of type '%s' is not iterable", tok_type_name(container));
    tok_items items = tok_iterate(render, container);
    for (size_t i = 0; i < items.count; i++) {
        tok_charge(render, 1);
        if (tok_equal(render, items.items[i], item))
            return true;
    }
    return false;
}

size_t tok_length(tok_render *render, tok_value value)
{
    if (value.type == TOK_V_TEXT) {
        tok_charge(render, value.as.text->length / 64);
        return tok_count_characters(value.as.text);
    }
    if (tok_is_sequence(value) && value.type != TOK_V_GENERATOR)
        return value.as.sequence->count;
    if (value.type == TOK_V_DICT)
        return value.as.dict->count;
    if (value.type == TOK_V_UNDEFINED)
        return 0;
    tok_fault(&render->guard, FIRN_ERROR_FORMAT, "object of type '%s' has no len()", tok_type_name(value));
}

bool tok_iterable(tok_value value)
{
    return tok_is_sequence(value) || value.type == TOK_V_TEXT || value.type == TOK_V_DICT ||
           value.type == TOK_V_UNDEFINED || value.type == TOK_V_LOOP;
}

static tok_items iterate_text(tok_render *render, const tok_text *text)
{
    tok_value list = tok_sequence_new(render, TOK_V_LIST, tok_count_characters(text));
    size_t at = 0;
    for (size_t i = 0; i < list.as.sequence->count; i++) {
        size_t width = tok_character_length(text, at);
        list.as.sequence->items[i] = tok_part(render, text, at, at + width);
        at += width;
    }
    return (tok_items){list.as.sequence->items, list.as.sequence->count};
}

tok_items tok_iterate(tok_render *render, tok_value value)
{
    if (tok_is_sequence(value)) {
        tok_sequence *sequence = value.as.sequence;
        tok_items items = {sequence->items + sequence->taken, sequence->count - sequence->taken};
        if (value.type == TOK_V_GENERATOR)
            sequence->taken = sequence->count;
        return items;
    }
    if (value.type == TOK_V_TEXT)
        return iterate_text(render, value.as.text);
    if (value.type == TOK_V_DICT) {
        tok_value keys = tok_sequence_new(render, TOK_V_LIST, value.as.dict->count);
        for (size_t i = 0; i < value.as.dict->count; i++)
            keys.as.sequence->items[i] = value.as.dict->entries[i].key;
        return (tok_items){keys.as.sequence->items, keys.as.sequence->count};
    }
    if (value.type == TOK_V_UNDEFINED)
        return (tok_items){NULL, 0};
    tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object is not iterable", tok_type_name(value));
}

/* ---- attributes and items ---- */

static tok_value bind(tok_render *render, const tok_callable *callable, tok_value subject)
{
    tok_bound *bound = tok_allocate(&render->guard, sizeof *bound);
    *bound = (tok_bound){callable, subject};
    return (tok_value){.type = TOK_V_METHOD, .as.bound = bound};
}

/* The methods by which Python changes a list or dict in place; the sandbox keeps templates from calling them. */
static const char *const list_changes[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
static const char *const dict_changes[] = {"clear", "pop", "popitem", "setdefault", "update"};

static bool changes(tok_value object, base_slice name)
{
    bool list = object.type == TOK_V_LIST;
    if (!list && object.type != TOK_V_DICT)
        return false;
    const char *const *names = list ? list_changes : dict_changes;
    size_t count = list ? sizeof list_changes / sizeof *names : sizeof dict_changes / sizeof *names;
    for (size_t i = 0; i < count; i++)
        if (base_slice_is(name, names[i]))
            return true;
    return false;
}

/* What Python finds as an attribute of the object; TOK_V_MISSING if there is none. */
static tok_value own_attribute(tok_render *render, tok_value object, base_slice name)
{
    const tok_value *found = NULL;
    if (name.length > 2 && name.data[0] == '_' && name.data[1] == '_')
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "access to attribute '%.*s' of '%s' object is unsafe",
                  (int)(name.length < 100 ? name.length : 100), name.data, tok_type_name(object));
    const tok_callable *method = tok_find_method(object.type, name);
    if (method != NULL)
        return bind(render, method, object);
    if (changes(object, name)) {
        tok_builder message = tok_build(render);
        tok_add_format(&message, "access to attribute '%.*s' of '%s' object is unsafe.", (int)name.length, name.data,
                       tok_type_name(object));
        tok_add_bytes(&message, "", 1, false);
        return tok_undefined_message(render, message.data);
    }
    if (object.type == TOK_V_LOOP)
        return tok_loop_attribute(render, object, name);
    if (object.type == TOK_V_NAMESPACE)
        found = tok_dict_find(render, object.as.dict, name);
    else if (object.type == TOK_V_CYCLER && base_slice_is(name, "current"))
        found = &object.as.cycler->items[object.as.cycler->position];
    else if (object.type == TOK_V_TUPLE && object.as.sequence->name != NULL && base_slice_is(name, "grouper"))
        found = &object.as.sequence->items[0];
    else if (object.type == TOK_V_TUPLE && object.as.sequence->name != NULL && base_slice_is(name, "list"))
        found = &object.as.sequence->items[1];
    else if (object.type == TOK_V_MACRO && base_slice_is(name, "name"))
        return tok_from_bytes(&render->guard, object.as.macro->node->name, false);
    return found != NULL ? *found : (tok_value){.type = TOK_V_MISSING};
}

static const char *owner_name(tok_value object)
{
    return object.type == TOK_V_NONE ? "None" : tok_type_name(object);
}

tok_value tok_get_attribute(tok_render *render, tok_value object, base_slice name)
{
    if (object.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, object);
    tok_value value = own_attribute(render, object, name);
    if (value.type != TOK_V_MISSING)
        return value;
    const tok_value *member = object.type == TOK_V_DICT ? tok_dict_find(render, object.as.dict, name) : NULL;
    if (member != NULL)
        return *member;
    return tok_undefined_named(render, owner_name(object), tok_from_bytes(&render->guard, name, false));
}

/* Element number `index` (negative: from the end) of a list or text; TOK_V_MISSING if there is none. */
static tok_value element(tok_render *render, tok_value object, int64_t index)
{
    int64_t count = (int64_t)tok_length(render, object);
    if (index < 0)
        index += count;
    if (index < 0 || index >= count)
        return (tok_value){.type = TOK_V_MISSING};
    if (object.type != TOK_V_TEXT)
        return object.as.sequence->items[index];
    size_t at = tok_character_offset(object.as.text, (size_t)index);
    return tok_part(render, object.as.text, at, at + tok_character_length(object.as.text, at));
}

tok_value tok_get_item(tok_render *render, tok_value object, tok_value key)
{
    if (object.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, object);
    tok_value value = {.type = TOK_V_MISSING};
    bool indexed = object.type == TOK_V_TEXT || object.type == TOK_V_LIST || object.type == TOK_V_TUPLE ||
                   object.type == TOK_V_RANGE;
    bool hashable = key.type != TOK_V_LIST && key.type != TOK_V_DICT;
    if (object.type == TOK_V_DICT && hashable) {
        const tok_value *member = tok_dict_get(render, object.as.dict, key);
        if (member != NULL)
            value = *member;
    } else if (indexed && (key.type == TOK_V_INT || key.type == TOK_V_BOOL)) {
        value = element(render, object, to_integer(key));
    }
    if (value.type == TOK_V_MISSING && key.type == TOK_V_TEXT)
        value = own_attribute(render, object, tok_bytes(key.as.text));
    if (value.type != TOK_V_MISSING)
        return value;
    return tok_undefined_named(render, owner_name(object), key);
}

/* "12" -> 12, as an attribute path's parts are read. */
static bool all_digits(base_slice part, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < part.length; i++) {
        if (part.data[i] < '0' || part.data[i] > '9' || *number > INT64_MAX / 10 - 1)
            return false;
        *number = *number * 10 + (part.data[i] - '0');
    }
    return part.length > 0;
}

tok_value tok_get_path(tok_render *render, tok_value object, tok_value path)
{
    if (path.type == TOK_V_NONE || path.type == TOK_V_MISSING)
        return object;
    if (path.type != TOK_V_TEXT)
        return tok_get_item(render, object, path);
    const tok_text *text = path.as.text;
    for (size_t from = 0; from <= text->length;) {
        size_t to = from;
        while (to < text->length && text->data[to] != '.')
            to++;
        int64_t number;
        tok_value part = tok_part(render, text, from, to);
        if (all_digits(tok_bytes(part.as.text), &number))
            part = tok_int(number);
        object = tok_get_item(render, object, part);
        from = to + 1;
    }
    return object;
}
