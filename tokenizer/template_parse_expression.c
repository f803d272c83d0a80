/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions, by recursive descent with Jinja's precedences:
 *   a if b else c < or < and < not < comparisons, in < + - < ~ < * / // % < ** < unary < . [] () < | is
 * Every recursion counts against TOK_TEMPLATE_DEPTH, and chains that grow to the left against a height of their own.
 */
#include "tokenizer/template_parser_p.h"

static tok_node *parse_unary(tok_parser *p, bool with_filter);
static tok_node *parse_postfix(tok_parser *p, tok_node *node);

static tok_node *constant(tok_parser *p, uint32_t position, tok_value value)
{
    tok_node *node = tok_new_node(p, TOK_N_CONSTANT, position);
    node->value = value;
    return node;
}

static tok_node *text_constant(tok_parser *p)
{
    const tok_token *first = tok_next_token(p);
    base_slice joined = first->text;
    while (tok_at_kind(p, TOK_T_TEXT)) {
        base_slice more = tok_next_token(p)->text;
        char *both = tok_allocate(p->guard, joined.length + more.length + 1);
        if (joined.length > 0)
            memcpy(both, joined.data, joined.length);
        if (more.length > 0)
            memcpy(both + joined.length, more.data, more.length);
        joined = (base_slice){both, joined.length + more.length};
    }
    return constant(p, first->position, tok_from_bytes(p->guard, joined, false));
}

static tok_node *word(tok_parser *p)
{
    const tok_token *token = tok_next_token(p);
    base_slice text = token->text;
    if (base_slice_is(text, "true") || base_slice_is(text, "True"))
        return constant(p, token->position, tok_bool(true));
    if (base_slice_is(text, "false") || base_slice_is(text, "False"))
        return constant(p, token->position, tok_bool(false));
    if (base_slice_is(text, "none") || base_slice_is(text, "None"))
        return constant(p, token->position, tok_none());
    if (base_slice_is(text, "caller"))
        p->special_uses |= TOK_USES_CALLER;
    else if (base_slice_is(text, "kwargs"))
        p->special_uses |= TOK_USES_KEYWORDS;
    else if (base_slice_is(text, "varargs"))
        p->special_uses |= TOK_USES_REST;
    return tok_name_node(p, token);
}

/* Whether a tuple without parentheses ends at this token. `stop` is a word that ends it too, or NULL. */
bool tok_tuple_ends(const tok_parser *p, const char *stop)
{
    return tok_at_kind(p, TOK_T_VARIABLE_END) || tok_at_kind(p, TOK_T_BLOCK_END) || tok_at_kind(p, TOK_T_RIGHT_PAREN) ||
           (stop != NULL && tok_at_word(p, stop));
}

/* One expression, or several with commas between them: a tuple. */
tok_node *tok_parse_tuple(tok_parser *p, tok_node *(*parse)(tok_parser *), const char *stop, bool parentheses)
{
    uint32_t position = p->token->position;
    tok_node_list list = {.capacity = 0};
    bool tuple = false;
    while (!tok_tuple_ends(p, stop)) {
        tok_append_node(p, &list, parse(p));
        if (!tok_skip_kind(p, TOK_T_COMMA))
            break;
        tuple = true;
    }
    if (!tuple && list.body.count > 0)
        return list.body.nodes[0];
    if (!tuple && !parentheses)
        tok_unexpected_token(p, "an expression");
    tok_node *node = tok_new_node(p, TOK_N_TUPLE, position);
    tok_set_items(p, node, &list);
    return node;
}

static tok_node *parse_list(tok_parser *p)
{
    tok_node *node = tok_new_node(p, TOK_N_LIST, tok_next_token(p)->position);
    tok_node_list list = {.capacity = 0};
    while (!tok_at_kind(p, TOK_T_RIGHT_BRACKET)) {
        tok_append_node(p, &list, tok_parse_expression(p));
        if (!tok_skip_kind(p, TOK_T_COMMA))
            break;
    }
    tok_expect_kind(p, TOK_T_RIGHT_BRACKET, "',' or ']'");
    tok_set_items(p, node, &list);
    return node;
}

static tok_node *parse_dict(tok_parser *p)
{
    tok_node *node = tok_new_node(p, TOK_N_DICT, tok_next_token(p)->position);
    tok_node_list list = {.capacity = 0};
    while (!tok_at_kind(p, TOK_T_RIGHT_BRACE)) {
        tok_append_node(p, &list, tok_parse_expression(p));
        tok_expect_kind(p, TOK_T_COLON, "':'");
        tok_append_node(p, &list, tok_parse_expression(p));
        if (!tok_skip_kind(p, TOK_T_COMMA))
            break;
    }
    tok_expect_kind(p, TOK_T_RIGHT_BRACE, "',' or '}'");
    tok_set_items(p, node, &list);
    return node;
}

static tok_node *parse_primary(tok_parser *p)
{
    const tok_token *token = p->token;
    tok_node *node;
    switch (token->kind) {
    case TOK_T_NAME:
        return word(p);
    case TOK_T_TEXT:
        return text_constant(p);
    case TOK_T_INTEGER:
    case TOK_T_FLOAT:
        tok_next_token(p);
        return constant(p, token->position, token->value);
    case TOK_T_LEFT_PAREN:
        tok_next_token(p);
        node = tok_parse_tuple(p, tok_parse_expression, NULL, true);
        tok_expect_kind(p, TOK_T_RIGHT_PAREN, "')'");
        return node;
    case TOK_T_LEFT_BRACKET:
        return parse_list(p);
    case TOK_T_LEFT_BRACE:
        return parse_dict(p);
    default:
        tok_unexpected_token(p, "an expression");
    }
}

/* What stands in brackets between commas: an expression or a slice. */
static tok_node *parse_subscript_part(tok_parser *p)
{
    uint32_t position = p->token->position;
    tok_node *parts[3] = {NULL, NULL, NULL};
    if (!tok_at_kind(p, TOK_T_COLON)) {
        parts[0] = tok_parse_expression(p);
        if (!tok_at_kind(p, TOK_T_COLON))
            return parts[0];
    }
    for (int i = 1; i < 3 && tok_skip_kind(p, TOK_T_COLON); i++)
        if (!tok_at_kind(p, TOK_T_COLON) && !tok_at_kind(p, TOK_T_RIGHT_BRACKET) && !tok_at_kind(p, TOK_T_COMMA))
            parts[i] = tok_parse_expression(p);
    return tok_with_children(p, tok_new_node(p, TOK_N_SLICE, position), parts[0], parts[1], parts[2]);
}

static tok_node *parse_subscript(tok_parser *p, tok_node *object)
{
    const tok_token *open = tok_next_token(p);
    if (open->kind == TOK_T_DOT) {
        const tok_token *name = tok_next_token(p);
        if (name->kind == TOK_T_INTEGER)
            return tok_with_children(p, tok_new_node(p, TOK_N_ITEM, open->position), object,
                                     constant(p, name->position, name->value), NULL);
        if (name->kind != TOK_T_NAME) {
            p->token = name;
            tok_unexpected_token(p, "a name or number");
        }
        tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_ATTRIBUTE, open->position), object, NULL, NULL);
        node->name = name->text;
        return node;
    }
    tok_node *key = tok_new_node(p, TOK_N_TUPLE, open->position);
    tok_node_list list = {.capacity = 0};
    if (!tok_at_kind(p, TOK_T_RIGHT_BRACKET))
        do
            tok_append_node(p, &list, parse_subscript_part(p));
        while (tok_skip_kind(p, TOK_T_COMMA));
    tok_expect_kind(p, TOK_T_RIGHT_BRACKET, "']'");
    tok_set_items(p, key, &list);
    if (list.body.count == 1)
        key = list.body.nodes[0];
    return tok_with_children(p, tok_new_node(p, TOK_N_ITEM, open->position), object, key, NULL);
}

static tok_node *parse_argument(tok_parser *p)
{
    const tok_token *token = p->token;
    tok_node_kind kind = TOK_N_CONSTANT;
    base_slice name = {NULL, 0};
    if (tok_skip_kind(p, TOK_T_MULTIPLY)) {
        kind = TOK_N_SPREAD;
    } else if (tok_skip_kind(p, TOK_T_POWER)) {
        kind = TOK_N_SPREAD_KEYWORDS;
    } else if (token->kind == TOK_T_NAME && token[1].kind == TOK_T_ASSIGN) {
        kind = TOK_N_KEYWORD;
        name = token->text;
        p->token += 2;
    }
    tok_node *value = tok_parse_expression(p);
    if (kind == TOK_N_CONSTANT)
        return value;
    tok_node *node = tok_with_children(p, tok_new_node(p, kind, token->position), value, NULL, NULL);
    node->name = name;
    return node;
}

/* Python's order: positional, *rest, then (or before that) keywords, and **keywords last. */
static void check_argument_order(tok_parser *p, const tok_body *arguments)
{
    bool keywords = false, spread = false, last = false;
    for (size_t i = 0; i < arguments->count; i++) {
        const tok_node *node = arguments->nodes[i];
        bool good = !last;
        if (node->kind == TOK_N_SPREAD_KEYWORDS)
            last = true;
        else if (node->kind == TOK_N_SPREAD)
            good = good && !spread, spread = true;
        else if (node->kind == TOK_N_KEYWORD)
            keywords = true;
        else
            good = good && !keywords && !spread;
        if (!good) {
            p->guard->position = node->position;
            tok_fault(p->guard, FIRN_ERROR_FORMAT, "invalid syntax for function call expression");
        }
    }
}

static void parse_arguments(tok_parser *p, tok_node *node)
{
    tok_node_list list = {.capacity = 0};
    tok_expect_kind(p, TOK_T_LEFT_PAREN, "'('");
    while (!tok_at_kind(p, TOK_T_RIGHT_PAREN)) {
        tok_append_node(p, &list, parse_argument(p));
        if (!tok_skip_kind(p, TOK_T_COMMA))
            break;
    }
    tok_expect_kind(p, TOK_T_RIGHT_PAREN, "',' or ')'");
    check_argument_order(p, &list.body);
    tok_set_items(p, node, &list);
}

static tok_node *parse_call(tok_parser *p, tok_node *callee)
{
    tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_CALL, p->token->position), callee, NULL, NULL);
    parse_arguments(p, node);
    return node;
}

static tok_node *parse_postfix(tok_parser *p, tok_node *node)
{
    for (;;) {
        if (tok_at_kind(p, TOK_T_DOT) || tok_at_kind(p, TOK_T_LEFT_BRACKET))
            node = parse_subscript(p, node);
        else if (tok_at_kind(p, TOK_T_LEFT_PAREN))
            node = parse_call(p, node);
        else
            return node;
    }
}

/* A filter's or test's name, which may have dots. */
static base_slice dotted_name(tok_parser *p)
{
    base_slice name = tok_expect_kind(p, TOK_T_NAME, "a name")->text;
    while (tok_skip_kind(p, TOK_T_DOT)) {
        const tok_token *more = tok_expect_kind(p, TOK_T_NAME, "a name");
        name.length = (size_t)(more->text.data + more->text.length - name.data);
    }
    return name;
}

static void check_known(tok_parser *p, const tok_node *node, const char *what)
{
    if (node->callable != NULL || p->conditions > 0)
        return;
    p->guard->position = node->position;
    size_t length = node->name.length < 100 ? node->name.length : 100;
    tok_fault(p->guard, FIRN_ERROR_FORMAT, "No %s named '%.*s'", what, (int)length, node->name.data);
}

/* One filter; the name is the next token. */
tok_node *tok_parse_filter(tok_parser *p, tok_node *subject)
{
    tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_FILTER, p->token->position), subject, NULL, NULL);
    node->name = dotted_name(p);
    node->callable = tok_find_filter(node->name);
    check_known(p, node, "filter");
    if (tok_at_kind(p, TOK_T_LEFT_PAREN))
        parse_arguments(p, node);
    return node;
}

static bool begins_test_argument(const tok_parser *p)
{
    switch (p->token->kind) {
    case TOK_T_NAME:
        return !tok_at_word(p, "else") && !tok_at_word(p, "or") && !tok_at_word(p, "and");
    case TOK_T_TEXT:
    case TOK_T_INTEGER:
    case TOK_T_FLOAT:
    case TOK_T_LEFT_BRACKET:
    case TOK_T_LEFT_BRACE:
        return true;
    default:
        return false;
    }
}

static tok_node *parse_test(tok_parser *p, tok_node *subject)
{
    uint32_t position = tok_next_token(p)->position;
    bool negated = tok_skip_word(p, "not");
    tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_TEST, position), subject, NULL, NULL);
    node->name = dotted_name(p);
    node->callable = tok_find_test(node->name);
    check_known(p, node, "test");
    if (tok_at_kind(p, TOK_T_LEFT_PAREN)) {
        parse_arguments(p, node);
    } else if (begins_test_argument(p)) {
        if (tok_at_word(p, "is"))
            tok_unexpected_token(p, "an operator other than another 'is'");
        tok_node_list list = {.capacity = 0};
        tok_deeper(p);
        tok_append_node(p, &list, parse_postfix(p, parse_primary(p)));
        p->depth--;
        tok_set_items(p, node, &list);
    }
    return negated ? tok_with_children(p, tok_new_node(p, TOK_N_NOT, position), node, NULL, NULL) : node;
}

static tok_node *parse_filters(tok_parser *p, tok_node *node)
{
    for (;;) {
        if (tok_skip_kind(p, TOK_T_PIPE))
            node = tok_parse_filter(p, node);
        else if (tok_at_word(p, "is"))
            node = parse_test(p, node);
        else if (tok_at_kind(p, TOK_T_LEFT_PAREN))
            node = parse_call(p, node);
        else
            return node;
    }
}

static tok_node *parse_unary(tok_parser *p, bool with_filter)
{
    tok_node *node;
    if (tok_at_kind(p, TOK_T_SUBTRACT) || tok_at_kind(p, TOK_T_ADD)) {
        const tok_token *sign = tok_next_token(p);
        node = tok_new_node(p, sign->kind == TOK_T_ADD ? TOK_N_PLUS : TOK_N_NEGATE, sign->position);
        tok_deeper(p);
        tok_with_children(p, node, parse_unary(p, false), NULL, NULL);
        p->depth--;
    } else {
        node = parse_primary(p);
    }
    node = parse_postfix(p, node);
    return with_filter ? parse_filters(p, node) : node;
}

/* Operators of one precedence, grouped to the left. */
typedef struct operator_token {
    tok_token_kind token;
    tok_operator op;
} operator_token;

static const operator_token *find_operator(const tok_parser *p, const operator_token *operators, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tok_at_kind(p, operators[i].token))
            return &operators[i];
    return NULL;
}

static tok_node *binary(tok_parser *p, tok_operator op, tok_node *left, tok_node *right, uint32_t position)
{
    tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_BINARY, position), left, right, NULL);
    node->op = (uint8_t)op;
    return node;
}

static tok_node *parse_power(tok_parser *p)
{
    tok_node *left = parse_unary(p, true);
    while (tok_at_kind(p, TOK_T_POWER)) {
        uint32_t position = tok_next_token(p)->position;
        left = binary(p, TOK_OP_POWER, left, parse_unary(p, true), position);
    }
    return left;
}

static tok_node *parse_product(tok_parser *p)
{
    static const operator_token operators[] = {{TOK_T_MULTIPLY, TOK_OP_MULTIPLY},
                                               {TOK_T_DIVIDE, TOK_OP_DIVIDE},
                                               {TOK_T_FLOOR_DIVIDE, TOK_OP_FLOOR_DIVIDE},
                                               {TOK_T_MODULO, TOK_OP_MODULO}};
    tok_node *left = parse_power(p);
    const operator_token *found;
    while ((found = find_operator(p, operators, 4)) != NULL) {
        uint32_t position = tok_next_token(p)->position;
        left = binary(p, found->op, left, parse_power(p), position);
    }
    return left;
}

static tok_node *parse_concat(tok_parser *p)
{
    uint32_t position = p->token->position;
    tok_node *first = parse_product(p);
    if (!tok_at_kind(p, TOK_T_TILDE))
        return first;
    tok_node_list list = {.capacity = 0};
    tok_append_node(p, &list, first);
    while (tok_skip_kind(p, TOK_T_TILDE))
        tok_append_node(p, &list, parse_product(p));
    tok_node *node = tok_new_node(p, TOK_N_CONCAT, position);
    tok_set_items(p, node, &list);
    return node;
}

static tok_node *parse_sum(tok_parser *p)
{
    static const operator_token operators[] = {{TOK_T_ADD, TOK_OP_ADD}, {TOK_T_SUBTRACT, TOK_OP_SUBTRACT}};
    tok_node *left = parse_concat(p);
    const operator_token *found;
    while ((found = find_operator(p, operators, 2)) != NULL) {
        uint32_t position = tok_next_token(p)->position;
        left = binary(p, found->op, left, parse_concat(p), position);
    }
    return left;
}

static bool comparison(tok_parser *p, tok_operator *op)
{
    static const operator_token operators[] = {
        {TOK_T_EQUAL, TOK_OP_EQUAL},
        {TOK_T_NOT_EQUAL, TOK_OP_NOT_EQUAL},
        {TOK_T_LESS, TOK_OP_LESS},
        {TOK_T_GREATER, TOK_OP_GREATER},
        {TOK_T_LESS_EQUAL, TOK_OP_LESS_EQUAL},
        {TOK_T_GREATER_EQUAL, TOK_OP_GREATER_EQUAL},
    };
    const operator_token *found = find_operator(p, operators, 6);
    if (found != NULL) {
        *op = found->op;
        tok_next_token(p);
    } else if (tok_skip_word(p, "in")) {
        *op = TOK_OP_IN;
    } else if (tok_at_word(p, "not") && tok_token_is_word(p->token + 1, "in")) {
        *op = TOK_OP_NOT_IN;
        p->token += 2;
    } else {
        return false;
    }
    return true;
}

static tok_node *parse_comparison(tok_parser *p)
{
    tok_node *first = parse_sum(p);
    tok_node_list list = {.capacity = 0};
    uint32_t position = p->token->position;
    tok_operator op;
    for (uint32_t at = position; comparison(p, &op); at = p->token->position) {
        tok_node *operand = tok_with_children(p, tok_new_node(p, TOK_N_OPERAND, at), parse_sum(p), NULL, NULL);
        operand->op = (uint8_t)op;
        tok_append_node(p, &list, operand);
    }
    if (list.body.count == 0)
        return first;
    tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_COMPARE, position), first, NULL, NULL);
    tok_set_items(p, node, &list);
    return node;
}

static tok_node *parse_not(tok_parser *p)
{
    if (!tok_at_word(p, "not"))
        return parse_comparison(p);
    uint32_t position = tok_next_token(p)->position;
    tok_deeper(p);
    tok_node *node = tok_with_children(p, tok_new_node(p, TOK_N_NOT, position), parse_not(p), NULL, NULL);
    p->depth--;
    return node;
}

static tok_node *parse_and(tok_parser *p)
{
    tok_node *left = parse_not(p);
    while (tok_at_word(p, "and")) {
        uint32_t position = tok_next_token(p)->position;
        left = tok_with_children(p, tok_new_node(p, TOK_N_AND, position), left, parse_not(p), NULL);
    }
    return left;
}

tok_node *tok_parse_or(tok_parser *p)
{
    tok_node *left = parse_and(p);
    while (tok_at_word(p, "or")) {
        uint32_t position = tok_next_token(p)->position;
        left = tok_with_children(p, tok_new_node(p, TOK_N_OR, position), left, parse_and(p), NULL);
    }
    return left;
}

tok_node *tok_parse_expression(tok_parser *p)
{
    tok_deeper(p);
    tok_node *node = tok_parse_or(p);
    while (tok_at_word(p, "if")) {
        uint32_t position = tok_next_token(p)->position;
        tok_node *condition = tok_parse_or(p);
        tok_node *otherwise = tok_skip_word(p, "else") ? tok_parse_expression(p) : NULL;
        node = tok_with_children(p, tok_new_node(p, TOK_N_CONDITION, position), node, condition, otherwise);
    }
    p->depth--;
    return node;
}
