/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's view of tokens, and the nodes it makes. */
#include "tokenizer/template_parser_p.h"

enum { HEIGHT = 500 }; /* of a tree of expressions */

/* ---- tokens ---- */

bool tok_at_kind(const tok_parser *p, tok_token_kind kind)
{
    return p->token->kind == kind;
}

bool tok_token_is_word(const tok_token *token, const char *word)
{
    return token->kind == TOK_T_NAME && base_slice_is(token->text, word);
}

bool tok_at_word(const tok_parser *p, const char *word)
{
    return tok_token_is_word(p->token, word);
}

const tok_token *tok_next_token(tok_parser *p)
{
    const tok_token *token = p->token;
    if (token->kind != TOK_T_END)
        p->token++;
    return token;
}

bool tok_skip_kind(tok_parser *p, tok_token_kind kind)
{
    if (!tok_at_kind(p, kind))
        return false;
    tok_next_token(p);
    return true;
}

bool tok_skip_word(tok_parser *p, const char *word)
{
    if (!tok_at_word(p, word))
        return false;
    tok_next_token(p);
    return true;
}

_Noreturn void tok_unexpected_token(tok_parser *p, const char *wanted)
{
    const tok_token *token = p->token;
    p->guard->position = token->position;
    size_t length = token->text.length < 60 ? token->text.length : 60;
    if (token->kind == TOK_T_END)
        tok_fault(p->guard, FIRN_ERROR_FORMAT, "the template ends where %s is expected", wanted);
    if (token->kind == TOK_T_BLOCK_END || token->kind == TOK_T_VARIABLE_END)
        tok_fault(p->guard, FIRN_ERROR_FORMAT, "the tag ends where %s is expected", wanted);
    tok_fault(p->guard, FIRN_ERROR_FORMAT, "'%.*s' stands where %s is expected", (int)length, token->text.data, wanted);
}

const tok_token *tok_expect_kind(tok_parser *p, tok_token_kind kind, const char *wanted)
{
    if (!tok_at_kind(p, kind))
        tok_unexpected_token(p, wanted);
    return tok_next_token(p);
}

void tok_deeper(tok_parser *p)
{
    if (p->depth == TOK_TEMPLATE_DEPTH) {
        p->guard->position = p->token->position;
        tok_fault(p->guard, FIRN_ERROR_LIMIT, "blocks and expressions lie more than %d deep inside each other",
                  TOK_TEMPLATE_DEPTH);
    }
    p->depth++;
}

/* ---- nodes ---- */

tok_node *tok_new_node(tok_parser *p, tok_node_kind kind, uint32_t position)
{
    tok_node *node = tok_allocate(p->guard, sizeof *node);
    *node = (tok_node){.kind = (uint8_t)kind, .position = position};
    return node;
}

static void raise_height(tok_parser *p, tok_node *node, const tok_node *child)
{
    if (child == NULL || child->height < node->height)
        return;
    if (child->height >= HEIGHT) {
        p->guard->position = node->position;
        tok_fault(p->guard, FIRN_ERROR_LIMIT, "the expression has more than %d operations that depend on each other",
                  HEIGHT);
    }
    node->height = (uint16_t)(child->height + 1);
}

tok_node *tok_with_children(tok_parser *p, tok_node *node, tok_node *a, tok_node *b, tok_node *c)
{
    node->a = a;
    node->b = b;
    node->c = c;
    raise_height(p, node, a);
    raise_height(p, node, b);
    raise_height(p, node, c);
    return node;
}

void tok_append_node(tok_parser *p, tok_node_list *list, tok_node *node)
{
    tok_node **slot =
        tok_grow(p->guard, (void **)&list->body.nodes, list->body.count, &list->capacity, sizeof *list->body.nodes);
    *slot = node;
    list->body.count++;
}

void tok_set_items(tok_parser *p, tok_node *node, const tok_node_list *list)
{
    node->items = list->body;
    for (size_t i = 0; i < list->body.count; i++)
        raise_height(p, node, list->body.nodes[i]);
}

uint32_t tok_symbol_of(tok_parser *p, base_slice name)
{
    tok_template *program = p->program;
    for (size_t i = 0; i < program->n_names; i++)
        if (base_slice_equal(program->names[i], name))
            return (uint32_t)i;
    base_slice *slot = tok_grow(p->guard, (void **)&program->names, program->n_names, &program->names_capacity,
                                sizeof *program->names);
    *slot = name;
    return (uint32_t)program->n_names++;
}

tok_node *tok_name_node(tok_parser *p, const tok_token *token)
{
    tok_node *node = tok_new_node(p, TOK_N_NAME, token->position);
    node->name = token->text;
    node->symbol = tok_symbol_of(p, token->text);
    return node;
}
