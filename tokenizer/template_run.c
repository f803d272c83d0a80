/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements and variables. Scopes lie in the render's arena and are never freed before it, so a macro may keep the
 * one it was defined in. `if` opens no scope; loops (each turn anew), macros, with, and blocks that collect do.
 */
#include "tokenizer/template_p.h"

/* ---- variables ---- */

static tok_variable *find_variable(tok_scope *scope, uint32_t symbol)
{
    for (size_t i = 0; i < scope->count; i++)
        if (scope->variables[i].symbol == symbol)
            return &scope->variables[i];
    return NULL;
}

void tok_store(tok_render *render, uint32_t symbol, tok_value value)
{
    tok_scope *scope = render->scope;
    tok_variable *variable = find_variable(scope, symbol);
    tok_charge(render, scope->count / 16);
    if (variable == NULL) {
        variable = tok_grow(&render->guard, (void **)&scope->variables, scope->count, &scope->capacity,
                            sizeof *scope->variables);
        scope->count++;
    }
    *variable = (tok_variable){symbol, value};
}

tok_value tok_look_up(tok_render *render, const tok_node *name)
{
    for (tok_scope *scope = render->scope; scope != NULL; scope = scope->parent) {
        const tok_variable *variable = find_variable(scope, name->symbol);
        tok_charge(render, scope->count / 16);
        if (variable != NULL)
            return variable->value;
    }
    const tok_value *given = tok_dict_find(render, render->extra, name->name);
    if (given != NULL)
        return *given;
    const tok_callable *global = tok_find_global(name->name);
    if (global != NULL)
        return (tok_value){.type = TOK_V_FUNCTION, .as.function = global};
    return tok_undefined_named(render, NULL, tok_from_bytes(&render->guard, name->name, false));
}

static void unpack(tok_render *render, const tok_node *target, tok_value value)
{
    size_t wanted = target->items.count;
    render->guard.position = target->position;
    if (!tok_iterable(value))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "cannot unpack non-iterable %s object", tok_type_name(value));
    tok_items items = tok_iterate(render, value);
    if (items.count > wanted)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "too many values to unpack (expected %zu)", wanted);
    if (items.count < wanted)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "not enough values to unpack (expected %zu, got %zu)", wanted,
                  items.count);
    for (size_t i = 0; i < wanted; i++)
        tok_assign(render, target->items.nodes[i], items.items[i]);
}

void tok_assign(tok_render *render, const tok_node *target, tok_value value)
{
    if (target->kind == TOK_N_TUPLE) {
        unpack(render, target, value);
    } else if (target->kind == TOK_N_NAME) {
        tok_store(render, target->symbol, value);
    } else {
        tok_value space = tok_look_up(render, target);
        render->guard.position = target->position;
        if (space.type != TOK_V_NAMESPACE)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "cannot assign attribute on non-namespace object");
        tok_dict_set(render, space.as.dict, tok_from_bytes(&render->guard, target->a->name, false), value);
    }
}

static tok_scope *push_scope(tok_render *render)
{
    tok_scope *scope = tok_allocate(&render->guard, sizeof *scope);
    *scope = (tok_scope){.parent = render->scope};
    render->scope = scope;
    return scope;
}

/* ---- statements ---- */

tok_value tok_collect(tok_render *render, const tok_body *body)
{
    tok_builder text = tok_build(render), *outer = render->out;
    render->out = &text;
    tok_run_body(render, body);
    render->out = outer;
    return tok_built(&text);
}

static tok_value collect_in_scope(tok_render *render, const tok_body *body)
{
    push_scope(render);
    tok_value text = tok_collect(render, body);
    render->scope = render->scope->parent;
    return text;
}

static void run_if(tok_render *render, const tok_node *node)
{
    for (; node != NULL; node = node->c) {
        if (tok_truth(tok_evaluate(render, node->a))) {
            tok_run_body(render, &node->body);
            return;
        }
        if (node->c == NULL)
            tok_run_body(render, &node->otherwise);
    }
}

static void run_with(tok_render *render, const tok_node *node)
{
    tok_scope *outer = render->scope;
    tok_value *values = tok_allocate_array(&render->guard, node->items.count, sizeof *values);
    for (size_t i = 1; i < node->items.count; i += 2)
        values[i] = tok_evaluate(render, node->items.nodes[i]);
    push_scope(render);
    for (size_t i = 1; i < node->items.count; i += 2)
        tok_assign(render, node->items.nodes[i - 1], values[i]);
    tok_run_body(render, &node->body);
    render->scope = outer;
}

static tok_value new_macro(tok_render *render, const tok_node *node)
{
    tok_macro *macro = tok_allocate(&render->guard, sizeof *macro);
    *macro = (tok_macro){node, render->scope};
    return (tok_value){.type = TOK_V_MACRO, .as.macro = macro};
}

static void run_output(tok_render *render, const tok_node *node)
{
    for (size_t i = 0; i < node->items.count; i++) {
        tok_value value = tok_evaluate(render, node->items.nodes[i]);
        render->guard.position = node->position;
        tok_add_str(render->out, value);
    }
}

static void run_set_block(tok_render *render, const tok_node *node)
{
    tok_value text = collect_in_scope(render, &node->body);
    if (node->b != NULL)
        text = tok_evaluate_filters(render, node->b, text);
    tok_assign(render, node->a, text);
}

static void run_statement(tok_render *render, const tok_node *node)
{
    tok_value value;
    switch ((tok_node_kind)node->kind) {
    case TOK_N_DATA:
        tok_add_text(render->out, node->value.as.text);
        break;
    case TOK_N_OUTPUT:
        run_output(render, node);
        break;
    case TOK_N_IF:
        run_if(render, node);
        break;
    case TOK_N_FOR:
        value = tok_evaluate(render, node->b);
        render->guard.position = node->b->position;
        tok_run_for(render, node, render->scope, value, 0);
        break;
    case TOK_N_SET:
        value = tok_evaluate(render, node->b);
        render->guard.position = node->position;
        tok_assign(render, node->a, value);
        break;
    case TOK_N_SET_BLOCK:
        run_set_block(render, node);
        break;
    case TOK_N_MACRO:
        tok_store(render, node->symbol, new_macro(render, node));
        break;
    case TOK_N_CALL_BLOCK:
        tok_add_str(render->out, tok_call_with(render, node->a, new_macro(render, node)));
        break;
    case TOK_N_FILTER_BLOCK:
        tok_add_str(render->out, tok_evaluate_filters(render, node->a, collect_in_scope(render, &node->body)));
        break;
    case TOK_N_WITH:
        run_with(render, node);
        break;
    case TOK_N_SCOPE:
        tok_add_str(render->out, collect_in_scope(render, &node->body));
        break;
    case TOK_N_BREAK:
        render->breaks = true;
        break;
    case TOK_N_CONTINUE:
        render->continues = true;
        break;
    default: /* expressions are no statements */
        break;
    }
}

void tok_run_body(tok_render *render, const tok_body *body)
{
    tok_enter(render);
    for (size_t i = 0; i < body->count && !render->breaks && !render->continues; i++) {
        tok_charge(render, 1);
        render->guard.position = body->nodes[i]->position;
        run_statement(render, body->nodes[i]);
    }
    tok_leave(render);
}

void tok_run_program(tok_render *render)
{
    push_scope(render);
    tok_run_body(render, &render->program->body);
}
