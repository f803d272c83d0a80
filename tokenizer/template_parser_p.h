/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the parser share: the token they are at, making nodes, and the rules that statements use. */
#ifndef FIRN_TOKENIZER_TEMPLATE_PARSER_P_H
#define FIRN_TOKENIZER_TEMPLATE_PARSER_P_H

#include "tokenizer/template_p.h"

typedef struct tok_parser {
    tok_guard *guard;
    tok_template *program;
    const tok_token *token;
    unsigned depth;
    unsigned conditions;  /* ifs around: an unknown filter there is a fault only if it is reached */
    unsigned loops;       /* for bodies around */
    uint8_t special_uses; /* TOK_USES_… seen so far */
} tok_parser;

/* Nodes that are collected for another one. Start from {.capacity = 0}. */
typedef struct tok_node_list {
    tok_body body;
    size_t capacity;
} tok_node_list;

/* ---- template_nodes.c ---- */

bool tok_at_kind(const tok_parser *p, tok_token_kind kind);
bool tok_token_is_word(const tok_token *token, const char *word);
bool tok_at_word(const tok_parser *p, const char *word);
const tok_token *tok_next_token(tok_parser *p); /* the current one, going on to the next */
bool tok_skip_kind(tok_parser *p, tok_token_kind kind);
bool tok_skip_word(tok_parser *p, const char *word);
_Noreturn void tok_unexpected_token(tok_parser *p, const char *wanted);
const tok_token *tok_expect_kind(tok_parser *p, tok_token_kind kind, const char *wanted);
void tok_deeper(tok_parser *p); /* a recursion; the caller takes it back from p->depth */

tok_node *tok_new_node(tok_parser *p, tok_node_kind kind, uint32_t position);
tok_node *tok_with_children(tok_parser *p, tok_node *node, tok_node *a, tok_node *b, tok_node *c);
void tok_append_node(tok_parser *p, tok_node_list *list, tok_node *node);
void tok_set_items(tok_parser *p, tok_node *node, const tok_node_list *list);
uint32_t tok_symbol_of(tok_parser *p, base_slice name);
tok_node *tok_name_node(tok_parser *p, const tok_token *token);

/* ---- template_parse_expression.c ---- */

tok_node *tok_parse_expression(tok_parser *p);
tok_node *tok_parse_or(tok_parser *p);                        /* without "a if b else c" */
tok_node *tok_parse_filter(tok_parser *p, tok_node *subject); /* the filter's name is the current token */
bool tok_tuple_ends(const tok_parser *p, const char *stop);   /* `stop`: a word that ends it too, or NULL */

/* One expression, or several with commas between them: a tuple. */
tok_node *tok_parse_tuple(tok_parser *p, tok_node *(*parse)(tok_parser *), const char *stop, bool parentheses);

#endif
