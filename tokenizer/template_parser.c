/* SPDX-License-Identifier: Apache-2.0 */
/* Statements, by recursive descent; blocks inside each other count against TOK_TEMPLATE_DEPTH. */
#include "tokenizer/template_parser_p.h"

static tok_body parse_body(tok_parser *p, const char *const *ends);

/* The rest of a tag, then what stands until a tag of `ends`, which becomes the current token. */
static tok_body parse_block(tok_parser *p, const char *const *ends)
{
    tok_skip_kind(p, TOK_T_COLON);
    tok_expect_kind(p, TOK_T_BLOCK_END, "the end of the tag");
    tok_deeper(p);
    tok_body body = parse_body(p, ends);
    p->depth--;
    return body;
}

static tok_body parse_block_to(tok_parser *p, const char *end)
{
    const char *const ends[] = {end, NULL};
    tok_body body = parse_block(p, ends);
    tok_next_token(p);
    return body;
}

static tok_node *target_name(tok_parser *p)
{
    const tok_token *token = tok_expect_kind(p, TOK_T_NAME, "a name");
    static const char *const constants[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (base_slice_is(token->text, constants[i])) {
            p->token = token;
            tok_unexpected_token(p, "a name that can be assigned to");
        }
    return tok_name_node(p, token);
}

static tok_node *parse_target_tuple(tok_parser *p, tok_node *(*parse)(tok_parser *), const char *stop);

static tok_node *parse_loop_target(tok_parser *p)
{
    if (!tok_at_kind(p, TOK_T_LEFT_PAREN)) {
        if (tok_at_word(p, "loop"))
            tok_unexpected_token(p, "a name other than the special variable loop");
        return target_name(p);
    }
    tok_next_token(p);
    tok_deeper(p);
    tok_node *node = parse_target_tuple(p, parse_loop_target, NULL);
    p->depth--;
    tok_expect_kind(p, TOK_T_RIGHT_PAREN, "')'");
    return node;
}

static tok_node *parse_set_target(tok_parser *p)
{
    if (tok_at_kind(p, TOK_T_LEFT_PAREN)) {
        tok_next_token(p);
        tok_deeper(p);
        tok_node *tuple = parse_target_tuple(p, parse_set_target, NULL);
        p->depth--;
        tok_expect_kind(p, TOK_T_RIGHT_PAREN, "')'");
        return tuple;
    }
    tok_node *node = target_name(p);
    if (tok_skip_kind(p, TOK_T_DOT)) {
        node->kind = TOK_N_ATTRIBUTE_TARGET;
        node->a = tok_name_node(p, tok_expect_kind(p, TOK_T_NAME, "a name"));
    }
    return node;
}

static tok_node *parse_target_tuple(tok_parser *p, tok_node *(*parse)(tok_parser *), const char *stop)
{
    tok_node *node = tok_new_node(p, TOK_N_TUPLE, p->token->position);
    tok_node_list list = {.capacity = 0};
    bool tuple = false;
    while (!tok_tuple_ends(p, stop) && !tok_at_kind(p, TOK_T_ASSIGN)) {
        tok_append_node(p, &list, parse(p));
        if (!tok_skip_kind(p, TOK_T_COMMA))
            break;
        tuple = true;
    }
    if (list.body.count == 0)
        tok_unexpected_token(p, "a name");
    if (!tuple)
        return list.body.nodes[0];
    node->items = list.body;
    return node;
}

static tok_node *parse_for(tok_parser *p, uint32_t position)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    tok_node *node = tok_new_node(p, TOK_N_FOR, position);
    node->a = parse_target_tuple(p, parse_loop_target, "in");
    if (!tok_skip_word(p, "in"))
        tok_unexpected_token(p, "'in'");
    node->b = tok_parse_tuple(p, tok_parse_or, "recursive", false);
    if (tok_skip_word(p, "if"))
        node->c = tok_parse_expression(p);
    node->flags = tok_skip_word(p, "recursive") ? 1 : 0;
    node->symbol = tok_symbol_of(p, base_slice_from("loop"));
    p->loops++;
    node->body = parse_block(p, ends);
    p->loops--;
    if (tok_token_is_word(tok_next_token(p), "else"))
        node->otherwise = parse_block_to(p, "endfor");
    return node;
}

static tok_node *parse_if(tok_parser *p, uint32_t position)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    tok_node *first = NULL, *last = NULL;
    p->conditions++;
    do {
        tok_node *node = tok_new_node(p, TOK_N_IF, position);
        node->a = tok_parse_tuple(p, tok_parse_or, NULL, false);
        node->body = parse_block(p, ends);
        if (last == NULL) {
            first = node;
        } else {
            /* elif: an if that is all of the previous one's else, linked without recursion */
            last->c = node;
        }
        last = node;
        position = p->token->position;
    } while (tok_skip_word(p, "elif"));
    if (tok_token_is_word(tok_next_token(p), "else"))
        last->otherwise = parse_block_to(p, "endif");
    p->conditions--;
    return first;
}

static tok_node *parse_set(tok_parser *p, uint32_t position)
{
    tok_node *target = parse_target_tuple(p, parse_set_target, NULL);
    if (tok_skip_kind(p, TOK_T_ASSIGN)) {
        tok_node *value = tok_parse_tuple(p, tok_parse_expression, NULL, false);
        tok_node *node = tok_new_node(p, TOK_N_SET, position);
        node->a = target;
        node->b = value;
        return node;
    }
    tok_node *node = tok_new_node(p, TOK_N_SET_BLOCK, position);
    node->a = target;
    while (tok_skip_kind(p, TOK_T_PIPE))
        node->b = tok_parse_filter(p, node->b);
    node->body = parse_block_to(p, "endset");
    return node;
}

static void parse_parameters(tok_parser *p, tok_node *node)
{
    tok_node_list list = {.capacity = 0};
    bool defaults = false;
    tok_expect_kind(p, TOK_T_LEFT_PAREN, "'('");
    while (!tok_at_kind(p, TOK_T_RIGHT_PAREN)) {
        if (list.body.count > 0)
            tok_expect_kind(p, TOK_T_COMMA, "',' or ')'");
        tok_node *parameter = target_name(p);
        if (tok_skip_kind(p, TOK_T_ASSIGN)) {
            parameter->a = tok_parse_expression(p);
            defaults = true;
        } else if (defaults) {
            tok_unexpected_token(p, "'=': a parameter with a default comes before");
        }
        tok_append_node(p, &list, parameter);
    }
    tok_next_token(p);
    node->items = list.body;
}

/* The body of a macro or call block, with which of caller, kwargs and varargs it mentions. */
static void parse_macro_body(tok_parser *p, tok_node *node, const char *end)
{
    uint8_t outside = p->special_uses;
    unsigned loops = p->loops;
    p->special_uses = 0;
    p->loops = 0;
    node->body = parse_block_to(p, end);
    for (size_t i = 0; i < node->items.count; i++) {
        base_slice name = node->items.nodes[i]->name;
        if (base_slice_is(name, "kwargs"))
            p->special_uses &= (uint8_t)~TOK_USES_KEYWORDS;
        if (base_slice_is(name, "varargs"))
            p->special_uses &= (uint8_t)~TOK_USES_REST;
        if (base_slice_is(name, "caller"))
            p->special_uses &= (uint8_t)~TOK_USES_CALLER;
    }
    node->flags = p->special_uses;
    p->special_uses |= outside;
    p->loops = loops;
}

static tok_node *parse_macro(tok_parser *p, uint32_t position)
{
    tok_node *node = tok_new_node(p, TOK_N_MACRO, position);
    const tok_node *name = target_name(p);
    node->name = name->name;
    node->symbol = name->symbol;
    parse_parameters(p, node);
    parse_macro_body(p, node, "endmacro");
    return node;
}

static tok_node *parse_call_block(tok_parser *p, uint32_t position)
{
    tok_node *node = tok_new_node(p, TOK_N_CALL_BLOCK, position);
    node->name = base_slice_from("caller");
    if (tok_at_kind(p, TOK_T_LEFT_PAREN))
        parse_parameters(p, node);
    uint32_t at = p->token->position;
    node->a = tok_parse_expression(p);
    if (node->a->kind != TOK_N_CALL) {
        p->guard->position = at;
        tok_fault(p->guard, FIRN_ERROR_FORMAT, "a call block needs a call such as name(…)");
    }
    parse_macro_body(p, node, "endcall");
    return node;
}

static tok_node *parse_filter_block(tok_parser *p, uint32_t position)
{
    tok_node *node = tok_new_node(p, TOK_N_FILTER_BLOCK, position);
    node->a = tok_parse_filter(p, NULL);
    while (tok_skip_kind(p, TOK_T_PIPE))
        node->a = tok_parse_filter(p, node->a);
    node->body = parse_block_to(p, "endfilter");
    return node;
}

static tok_node *parse_with(tok_parser *p, uint32_t position)
{
    tok_node *node = tok_new_node(p, TOK_N_WITH, position);
    tok_node_list list = {.capacity = 0};
    while (!tok_at_kind(p, TOK_T_BLOCK_END)) {
        if (list.body.count > 0)
            tok_expect_kind(p, TOK_T_COMMA, "',' or the end of the tag");
        tok_append_node(p, &list, parse_loop_target(p));
        tok_expect_kind(p, TOK_T_ASSIGN, "'='");
        tok_append_node(p, &list, tok_parse_expression(p));
    }
    node->items = list.body;
    node->body = parse_block_to(p, "endwith");
    return node;
}

static tok_node *parse_generation(tok_parser *p, uint32_t position)
{
    tok_node *node = tok_new_node(p, TOK_N_SCOPE, position);
    node->body = parse_block_to(p, "endgeneration");
    return node;
}

static tok_node *parse_print(tok_parser *p, uint32_t position)
{
    tok_node *node = tok_new_node(p, TOK_N_OUTPUT, position);
    tok_node_list list = {.capacity = 0};
    while (!tok_at_kind(p, TOK_T_BLOCK_END)) {
        if (list.body.count > 0)
            tok_expect_kind(p, TOK_T_COMMA, "',' or the end of the tag");
        tok_append_node(p, &list, tok_parse_expression(p));
    }
    node->items = list.body;
    return node;
}

static tok_node *loop_control(tok_parser *p, uint32_t position, tok_node_kind kind)
{
    if (p->loops == 0) {
        p->guard->position = position;
        tok_fault(p->guard, FIRN_ERROR_FORMAT, "break and continue may only stand inside a for loop");
    }
    return tok_new_node(p, kind, position);
}

static tok_node *parse_break(tok_parser *p, uint32_t position)
{
    return loop_control(p, position, TOK_N_BREAK);
}

static tok_node *parse_continue(tok_parser *p, uint32_t position)
{
    return loop_control(p, position, TOK_N_CONTINUE);
}

static tok_node *parse_statement(tok_parser *p)
{
    static const struct {
        const char *name;
        tok_node *(*parse)(tok_parser *, uint32_t position);
    } statements[] = {
        {"for", parse_for},
        {"if", parse_if},
        {"set", parse_set},
        {"macro", parse_macro},
        {"call", parse_call_block},
        {"filter", parse_filter_block},
        {"with", parse_with},
        {"break", parse_break},
        {"continue", parse_continue},
        {"print", parse_print},
        {"generation", parse_generation},
    };
    static const char *const refused[] = {"include", "import", "from", "extends", "block", "autoescape"};
    const tok_token *name = tok_expect_kind(p, TOK_T_NAME, "the name of a tag");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        if (base_slice_is(name->text, statements[i].name))
            return statements[i].parse(p, name->position);
    p->guard->position = name->position;
    size_t length = name->text.length < 60 ? name->text.length : 60;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (base_slice_is(name->text, refused[i]))
            tok_fault(p->guard, FIRN_ERROR_UNSUPPORTED, "the tag '%s' is not supported: a chat template stands alone",
                      refused[i]);
    if (length > 3 && memcmp(name->text.data, "end", 3) == 0)
        tok_fault(p->guard, FIRN_ERROR_FORMAT, "'%.*s' closes nothing that is open here", (int)length, name->text.data);
    tok_fault(p->guard, FIRN_ERROR_FORMAT, "Encountered unknown tag '%.*s'", (int)length, name->text.data);
}

static bool at_end_tag(const tok_parser *p, const char *const *ends)
{
    for (; ends != NULL && *ends != NULL; ends++)
        if (tok_at_word(p, *ends))
            return true;
    return false;
}

static tok_body parse_body(tok_parser *p, const char *const *ends)
{
    tok_node_list list = {.capacity = 0};
    for (;;) {
        const tok_token *token = p->token;
        if (token->kind == TOK_T_END) {
            if (ends != NULL)
                tok_fault(p->guard, FIRN_ERROR_FORMAT, "the template ends before '%s'",
                          ends[1] == NULL                ? ends[0]
                          : strcmp(ends[0], "elif") == 0 ? "endif"
                                                         : "endfor");
            return list.body;
        }
        tok_next_token(p);
        tok_node *node;
        if (token->kind == TOK_T_DATA) {
            node = tok_new_node(p, TOK_N_DATA, token->position);
            node->value = tok_from_bytes(p->guard, token->text, false);
        } else if (token->kind == TOK_T_VARIABLE_BEGIN) {
            tok_node_list one = {.capacity = 0};
            node = tok_new_node(p, TOK_N_OUTPUT, token->position);
            tok_append_node(p, &one, tok_parse_tuple(p, tok_parse_expression, NULL, false));
            node->items = one.body;
            tok_expect_kind(p, TOK_T_VARIABLE_END, "an operator or '}}'");
        } else {
            p->guard->position = token->position;
            if (at_end_tag(p, ends))
                return list.body;
            node = parse_statement(p);
            tok_expect_kind(p, TOK_T_BLOCK_END, "the end of the tag");
        }
        tok_append_node(p, &list, node);
    }
}

void tok_template_parse(tok_template *program, const tok_token *tokens)
{
    tok_parser p = {.guard = &program->guard, .program = program, .token = tokens};
    program->body = parse_body(&p, NULL);
}
