/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: how arguments meet parameters, of built-in functions and of macros, with Python's rules. */
#include "tokenizer/template_p.h"

static int shown(base_slice name)
{
    return (int)(name.length < 100 ? name.length : 100);
}

/* ---- built-in functions ---- */

typedef struct native_parameter {
    base_slice name;
    bool optional;
} native_parameter;

/* Splits "name,other?" and returns how many there are. */
static size_t split_parameters(const char *text, native_parameter parameters[TOK_MOST_PARAMETERS])
{
    size_t count = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        bool optional = text[length - 1] == '?';
        parameters[count++] = (native_parameter){{text, length - optional}, optional};
        text += length + (text[length] == ',');
    }
    return count;
}

static void bind_keyword(tok_render *render, const tok_callable *callable, const native_parameter *parameters,
                         size_t count, const tok_keyword *keyword, tok_value *bound)
{
    for (size_t i = 0; i < count; i++) {
        if (!base_slice_equal(parameters[i].name, keyword->name))
            continue;
        if (bound[i].type != TOK_V_MISSING)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s got multiple values for argument '%.*s'", callable->name,
                      shown(keyword->name), keyword->name.data);
        bound[i] = keyword->value;
        return;
    }
    tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s got an unexpected keyword argument '%.*s'", callable->name,
              shown(keyword->name), keyword->name.data);
}

tok_value tok_call_native(tok_render *render, const tok_callable *callable, tok_value subject,
                          const tok_arguments *arguments)
{
    if (callable->parameters == NULL)
        return callable->call(render, subject, NULL, arguments);
    native_parameter parameters[TOK_MOST_PARAMETERS];
    tok_value bound[TOK_MOST_PARAMETERS] = {{.type = TOK_V_MISSING}};
    size_t count = split_parameters(callable->parameters, parameters);
    if (arguments->n_positional > count)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s takes at most %zu arguments (%zu given)", callable->name,
                  count, arguments->n_positional);
    for (size_t i = 0; i < arguments->n_positional; i++)
        bound[i] = arguments->positional[i];
    for (size_t i = 0; i < arguments->n_keywords; i++)
        bind_keyword(render, callable, parameters, count, &arguments->keywords[i], bound);
    for (size_t i = 0; i < count; i++)
        if (bound[i].type == TOK_V_MISSING && !parameters[i].optional)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s is missing its argument '%.*s'", callable->name,
                      shown(parameters[i].name), parameters[i].name.data);
    return callable->call(render, subject, bound, arguments);
}

/* ---- macros ---- */

/* The keyword of that name, taken out of `left` (used flags), or TOK_V_MISSING. */
static tok_value take_keyword(const tok_arguments *arguments, bool *used, base_slice name)
{
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (!used[i] && base_slice_equal(arguments->keywords[i].name, name)) {
            used[i] = true;
            return arguments->keywords[i].value;
        }
    return (tok_value){.type = TOK_V_MISSING};
}

static uint32_t symbol_named(const tok_template *program, const char *name)
{
    for (size_t i = 0; i < program->n_names; i++)
        if (base_slice_is(program->names[i], name))
            return (uint32_t)i;
    return UINT32_MAX;
}

static void store_named(tok_render *render, const char *name, tok_value value)
{
    tok_store(render, symbol_named(render->program, name), value);
}

static tok_value rest_of(tok_render *render, const tok_arguments *arguments, size_t taken)
{
    size_t count = arguments->n_positional > taken ? arguments->n_positional - taken : 0;
    tok_value rest = tok_sequence_new(render, TOK_V_TUPLE, count);
    for (size_t i = 0; i < count; i++)
        rest.as.sequence->items[i] = arguments->positional[taken + i];
    return rest;
}

static tok_value keywords_left(tok_render *render, const tok_arguments *arguments, const bool *used)
{
    tok_dict *dict = tok_dict_new(&render->guard);
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (!used[i])
            tok_dict_set(render, dict, tok_from_bytes(&render->guard, arguments->keywords[i].name, false),
                         arguments->keywords[i].value);
    return (tok_value){.type = TOK_V_DICT, .as.dict = dict};
}

/* What a macro gets besides its parameters: caller, kwargs, varargs, or a fault for what it does not take. */
static void bind_rest(tok_render *render, const tok_node *node, const tok_arguments *arguments, bool *used)
{
    if ((node->flags & TOK_USES_CALLER) != 0) {
        tok_value caller = take_keyword(arguments, used, base_slice_from("caller"));
        store_named(render, "caller",
                    caller.type != TOK_V_MISSING ? caller : tok_undefined_message(render, "No caller defined"));
    }
    if ((node->flags & TOK_USES_KEYWORDS) != 0)
        store_named(render, "kwargs", keywords_left(render, arguments, used));
    if ((node->flags & TOK_USES_REST) != 0)
        store_named(render, "varargs", rest_of(render, arguments, node->items.count));
    else if (arguments->n_positional > node->items.count)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "macro '%.*s' takes not more than %zu argument(s)",
                  shown(node->name), node->name.data, node->items.count);
    for (size_t i = 0; i < arguments->n_keywords && (node->flags & TOK_USES_KEYWORDS) == 0; i++)
        if (!used[i])
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "macro '%.*s' takes no keyword argument '%.*s'",
                      shown(node->name), node->name.data, shown(arguments->keywords[i].name),
                      arguments->keywords[i].name.data);
}

static tok_value missing_parameter(tok_render *render, base_slice name)
{
    tok_builder message = tok_build(render);
    tok_add_format(&message, "parameter '%.*s' was not provided", shown(name), name.data);
    tok_add_bytes(&message, "", 1, false);
    return tok_undefined_message(render, message.data);
}

static void bind_parameters(tok_render *render, const tok_node *node, const tok_arguments *arguments)
{
    bool *used = tok_allocate_array(&render->guard, arguments->n_keywords, sizeof *used);
    tok_value *given = tok_allocate_array(&render->guard, node->items.count, sizeof *given);
    for (size_t i = 0; i < node->items.count; i++)
        given[i] = i < arguments->n_positional ? arguments->positional[i]
                                               : take_keyword(arguments, used, node->items.nodes[i]->name);
    bind_rest(render, node, arguments, used);
    for (size_t i = 0; i < node->items.count; i++) {
        const tok_node *parameter = node->items.nodes[i];
        if (given[i].type == TOK_V_MISSING)
            given[i] =
                parameter->a != NULL ? tok_evaluate(render, parameter->a) : missing_parameter(render, parameter->name);
        tok_store(render, parameter->symbol, given[i]);
    }
}

static void enter_macro(tok_render *render)
{
    if (render->macro_depth == TOK_TEMPLATE_DEPTH)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "macros or recursive loops run more than %d deep inside each other",
                  TOK_TEMPLATE_DEPTH);
    render->macro_depth++;
}

static tok_value call_macro(tok_render *render, const tok_macro *macro, const tok_arguments *arguments)
{
    tok_scope *outer = render->scope;
    enter_macro(render);
    tok_scope *scope = tok_allocate(&render->guard, sizeof *scope);
    *scope = (tok_scope){.parent = macro->scope};
    render->scope = scope;
    bind_parameters(render, macro->node, arguments);
    tok_value text = tok_collect(render, &macro->node->body);
    render->scope = outer;
    render->macro_depth--;
    return text;
}

/* loop(items) in a recursive loop: the same loop over them, as text. */
static tok_value call_loop(tok_render *render, tok_loop *loop, const tok_arguments *arguments)
{
    if (loop->node->flags == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT,
                  "The loop must have the 'recursive' marker to be called recursively.");
    if (arguments->n_positional != 1 || arguments->n_keywords != 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "loop() takes the items to go through and nothing else");
    enter_macro(render);
    tok_builder text = tok_build(render), *outer = render->out;
    render->out = &text;
    tok_run_for(render, loop->node, loop->scope, arguments->positional[0], loop->depth0 + 1);
    render->out = outer;
    render->macro_depth--;
    return tok_built(&text);
}

static tok_value call_joiner(tok_render *render, tok_cycler *joiner)
{
    if (joiner->position > 0)
        return joiner->items[0];
    joiner->position = 1;
    return tok_from_literal(render, "");
}

tok_value tok_call(tok_render *render, tok_value callee, const tok_arguments *arguments)
{
    switch (callee.type) {
    case TOK_V_UNDEFINED:
        tok_fault_undefined(render, callee);
    case TOK_V_MACRO:
        return call_macro(render, callee.as.macro, arguments);
    case TOK_V_FUNCTION:
        return tok_call_native(render, callee.as.function, tok_none(), arguments);
    case TOK_V_METHOD:
        return tok_call_native(render, callee.as.bound->callable, callee.as.bound->subject, arguments);
    case TOK_V_LOOP:
        return call_loop(render, callee.as.loop, arguments);
    case TOK_V_JOINER:
        return call_joiner(render, callee.as.cycler);
    default:
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object is not callable", tok_type_name(callee));
    }
}
