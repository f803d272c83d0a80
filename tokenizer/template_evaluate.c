/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/template_p.h"

/* ---- calls ---- */

static void add_positional(tok_render *render, tok_arguments *arguments, size_t *capacity, tok_value value)
{
    tok_value *slot = tok_grow(&render->guard, (void **)&arguments->positional, arguments->n_positional, capacity,
                               sizeof *arguments->positional);
    *slot = value;
    arguments->n_positional++;
}

static void add_keyword(tok_render *render, tok_arguments *arguments, size_t *capacity, base_slice name,
                        tok_value value)
{
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (base_slice_equal(arguments->keywords[i].name, name))
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "got multiple values for keyword argument '%.*s'",
                      (int)(name.length < 100 ? name.length : 100), name.data);
    tok_keyword *slot = tok_grow(&render->guard, (void **)&arguments->keywords, arguments->n_keywords, capacity,
                                 sizeof *arguments->keywords);
    *slot = (tok_keyword){name, value};
    arguments->n_keywords++;
}

static void spread_keywords(tok_render *render, tok_arguments *arguments, size_t *capacity, tok_value value)
{
    if (value.type != TOK_V_DICT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "argument after ** must be a mapping, not %s",
                  tok_type_name(value));
    for (size_t i = 0; i < value.as.dict->count; i++) {
        tok_entry entry = value.as.dict->entries[i];
        if (entry.key.type != TOK_V_TEXT)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "keywords must be strings");
        tok_charge(render, arguments->n_keywords);
        add_keyword(render, arguments, capacity, tok_bytes(entry.key.as.text), entry.value);
    }
}

static tok_arguments evaluate_arguments(tok_render *render, const tok_node *call)
{
    tok_arguments arguments = {.n_positional = 0};
    size_t capacity = 0, keyword_capacity = 0;
    for (size_t i = 0; i < call->items.count; i++) {
        const tok_node *node = call->items.nodes[i];
        bool wrapped = node->kind == TOK_N_KEYWORD || node->kind == TOK_N_SPREAD || node->kind == TOK_N_SPREAD_KEYWORDS;
        tok_value value = tok_evaluate(render, wrapped ? node->a : node);
        render->guard.position = node->position;
        if (node->kind == TOK_N_KEYWORD) {
            add_keyword(render, &arguments, &keyword_capacity, node->name, value);
        } else if (node->kind == TOK_N_SPREAD_KEYWORDS) {
            spread_keywords(render, &arguments, &keyword_capacity, value);
        } else if (node->kind == TOK_N_SPREAD) {
            tok_items items = tok_iterate(render, value);
            for (size_t k = 0; k < items.count; k++)
                add_positional(render, &arguments, &capacity, items.items[k]);
        } else {
            add_positional(render, &arguments, &capacity, value);
        }
    }
    return arguments;
}

tok_value tok_call_with(tok_render *render, const tok_node *call, tok_value caller)
{
    tok_value callee = tok_evaluate(render, call->a);
    tok_arguments arguments = evaluate_arguments(render, call);
    render->guard.position = call->position;
    if (caller.type != TOK_V_MISSING) {
        size_t capacity = arguments.n_keywords;
        tok_keyword *all = tok_allocate_array(&render->guard, capacity + 1, sizeof *all);
        if (capacity > 0)
            memcpy(all, arguments.keywords, capacity * sizeof *all);
        all[capacity] = (tok_keyword){base_slice_from("caller"), caller};
        arguments.keywords = all;
        arguments.n_keywords++;
    }
    return tok_call(render, callee, &arguments);
}

static tok_value call_named(tok_render *render, const tok_node *node, const char *what, tok_value subject)
{
    tok_arguments arguments = evaluate_arguments(render, node);
    render->guard.position = node->position;
    if (node->callable == NULL)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "No %s named '%.*s'", what,
                  (int)(node->name.length < 100 ? node->name.length : 100), node->name.data);
    return tok_call_native(render, node->callable, subject, &arguments);
}

tok_value tok_evaluate_filters(tok_render *render, const tok_node *node, tok_value subject)
{
    if (node->a != NULL) {
        tok_enter(render);
        subject = tok_evaluate_filters(render, node->a, subject);
        tok_leave(render);
    }
    return call_named(render, node, "filter", subject);
}

/* ---- operators ---- */

static bool holds(tok_render *render, tok_operator op, tok_value a, tok_value b)
{
    int order;
    switch (op) {
    case TOK_OP_EQUAL:
        return tok_equal(render, a, b);
    case TOK_OP_NOT_EQUAL:
        return !tok_equal(render, a, b);
    case TOK_OP_IN:
        return tok_contains(render, b, a);
    case TOK_OP_NOT_IN:
        return !tok_contains(render, b, a);
    case TOK_OP_LESS:
        return tok_compare(render, a, b, "<") < 0;
    case TOK_OP_LESS_EQUAL:
        return tok_compare(render, a, b, "<=") <= 0;
    case TOK_OP_GREATER:
        order = tok_compare(render, a, b, ">");
        return order > 0 && order != 2;
    default:
        order = tok_compare(render, a, b, ">=");
        return order >= 0 && order != 2;
    }
}

static tok_value compare(tok_render *render, const tok_node *node)
{
    tok_value left = tok_evaluate(render, node->a);
    for (size_t i = 0; i < node->items.count; i++) {
        const tok_node *operand = node->items.nodes[i];
        tok_value right = tok_evaluate(render, operand->a);
        render->guard.position = operand->position;
        if (!holds(render, (tok_operator)operand->op, left, right))
            return tok_bool(false);
        left = right;
    }
    return tok_bool(true);
}

static tok_value evaluate_items(tok_render *render, const tok_node *node, tok_type_of_value type)
{
    tok_value list = tok_sequence_new(render, type, node->items.count);
    for (size_t i = 0; i < node->items.count; i++)
        list.as.sequence->items[i] = tok_evaluate(render, node->items.nodes[i]);
    return list;
}

static tok_value evaluate_dict(tok_render *render, const tok_node *node)
{
    tok_dict *dict = tok_dict_new(&render->guard);
    for (size_t i = 0; i < node->items.count; i += 2) {
        tok_value key = tok_evaluate(render, node->items.nodes[i]);
        tok_value value = tok_evaluate(render, node->items.nodes[i + 1]);
        render->guard.position = node->position;
        tok_dict_set(render, dict, key, value);
    }
    return (tok_value){.type = TOK_V_DICT, .as.dict = dict};
}

static tok_value concat(tok_render *render, const tok_node *node)
{
    tok_value *values = tok_allocate_array(&render->guard, node->items.count, sizeof *values);
    for (size_t i = 0; i < node->items.count; i++)
        values[i] = tok_evaluate(render, node->items.nodes[i]);
    render->guard.position = node->position;
    tok_builder text = tok_build(render);
    for (size_t i = 0; i < node->items.count; i++)
        tok_add_str(&text, values[i]);
    return tok_built(&text);
}

static tok_value optional(tok_render *render, const tok_node *node)
{
    return node != NULL ? tok_evaluate(render, node) : tok_none();
}

static tok_value item(tok_render *render, const tok_node *node)
{
    tok_value object = tok_evaluate(render, node->a);
    const tok_node *key = node->b;
    if (key->kind == TOK_N_SLICE) {
        tok_value start = optional(render, key->a), stop = optional(render, key->b), step = optional(render, key->c);
        render->guard.position = node->position;
        return tok_slice(render, object, start, stop, step);
    }
    tok_value value = tok_evaluate(render, key);
    render->guard.position = node->position;
    return tok_get_item(render, object, value);
}

static tok_value condition(tok_render *render, const tok_node *node)
{
    if (tok_truth(tok_evaluate(render, node->b)))
        return tok_evaluate(render, node->a);
    if (node->c != NULL)
        return tok_evaluate(render, node->c);
    return tok_undefined_message(render,
                                 "the inline if-expression evaluated to false and no else section was defined.");
}

static tok_value unary(tok_render *render, const tok_node *node)
{
    tok_value value = tok_evaluate(render, node->a);
    render->guard.position = node->position;
    if (node->kind == TOK_N_NOT)
        return tok_bool(!tok_truth(value));
    tok_value negated = tok_negate(render, value);
    return node->kind == TOK_N_NEGATE ? negated : tok_negate(render, negated);
}

static tok_value binary(tok_render *render, const tok_node *node)
{
    tok_value left = tok_evaluate(render, node->a);
    if (node->kind == TOK_N_AND || node->kind == TOK_N_OR)
        return tok_truth(left) == (node->kind == TOK_N_OR) ? left : tok_evaluate(render, node->b);
    tok_value right = tok_evaluate(render, node->b);
    render->guard.position = node->position;
    return tok_binary(render, (tok_operator)node->op, left, right);
}

static tok_value evaluate(tok_render *render, const tok_node *node)
{
    tok_value value;
    switch ((tok_node_kind)node->kind) {
    case TOK_N_CONSTANT:
        return node->value;
    case TOK_N_NAME:
        return tok_look_up(render, node);
    case TOK_N_LIST:
        return evaluate_items(render, node, TOK_V_LIST);
    case TOK_N_TUPLE:
        return evaluate_items(render, node, TOK_V_TUPLE);
    case TOK_N_DICT:
        return evaluate_dict(render, node);
    case TOK_N_CONDITION:
        return condition(render, node);
    case TOK_N_AND:
    case TOK_N_OR:
    case TOK_N_BINARY:
        return binary(render, node);
    case TOK_N_NOT:
    case TOK_N_NEGATE:
    case TOK_N_PLUS:
        return unary(render, node);
    case TOK_N_COMPARE:
        return compare(render, node);
    case TOK_N_CONCAT:
        return concat(render, node);
    case TOK_N_ATTRIBUTE:
        value = tok_evaluate(render, node->a);
        render->guard.position = node->position;
        return tok_get_attribute(render, value, node->name);
    case TOK_N_ITEM:
        return item(render, node);
    case TOK_N_CALL:
        return tok_call_with(render, node, (tok_value){.type = TOK_V_MISSING});
    case TOK_N_FILTER:
        return call_named(render, node, "filter", tok_evaluate(render, node->a));
    case TOK_N_TEST:
        return call_named(render, node, "test", tok_evaluate(render, node->a));
    default:
        /* A slice between commas, such as a[1:2, 3]: Python has no list that takes one. */
        tok_fault(&render->guard, FIRN_ERROR_UNSUPPORTED, "a slice may only stand alone in its brackets");
    }
}

tok_value tok_evaluate(tok_render *render, const tok_node *node)
{
    tok_enter(render);
    tok_charge(render, 1);
    render->guard.position = node->position;
    tok_value value = evaluate(render, node);
    tok_leave(render);
    return value;
}
