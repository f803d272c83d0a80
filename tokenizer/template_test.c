/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand behind `is`. */
#include "tokenizer/template_p.h"

#define TEST(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)
#define SIMPLE_TEST(name, condition) \
    TEST(name)                       \
    {                                \
        (void)render;                \
        (void)p;                     \
        (void)arguments;             \
        return tok_bool(condition);  \
    }

SIMPLE_TEST(is_boolean, value.type == TOK_V_BOOL)
SIMPLE_TEST(is_callable, value.type == TOK_V_UNDEFINED || value.type == TOK_V_MACRO || value.type == TOK_V_FUNCTION ||
                             value.type == TOK_V_METHOD || value.type == TOK_V_LOOP || value.type == TOK_V_JOINER)
SIMPLE_TEST(is_defined, value.type != TOK_V_UNDEFINED)
SIMPLE_TEST(is_escaped, value.type == TOK_V_TEXT && value.as.text->markup)
SIMPLE_TEST(is_false, value.type == TOK_V_BOOL && !value.as.boolean)
SIMPLE_TEST(is_float, value.type == TOK_V_FLOAT)
SIMPLE_TEST(is_integer, value.type == TOK_V_INT)
SIMPLE_TEST(is_iterable, tok_iterable(value))
SIMPLE_TEST(is_mapping, value.type == TOK_V_DICT)
SIMPLE_TEST(is_none, value.type == TOK_V_NONE)
SIMPLE_TEST(is_number, tok_is_number(value))
SIMPLE_TEST(is_sequence, value.type == TOK_V_TEXT || value.type == TOK_V_DICT || value.type == TOK_V_UNDEFINED ||
                             value.type == TOK_V_LIST || value.type == TOK_V_TUPLE || value.type == TOK_V_RANGE)
SIMPLE_TEST(is_string, value.type == TOK_V_TEXT)
SIMPLE_TEST(is_true, value.type == TOK_V_BOOL && value.as.boolean)
SIMPLE_TEST(is_undefined, value.type == TOK_V_UNDEFINED)
SIMPLE_TEST(is_filter, value.type == TOK_V_TEXT && tok_find_filter(tok_bytes(value.as.text)) != NULL)
SIMPLE_TEST(is_test, value.type == TOK_V_TEXT && tok_find_test(tok_bytes(value.as.text)) != NULL)
SIMPLE_TEST(is_equal, tok_equal(render, value, p[0]))
SIMPLE_TEST(is_not_equal, !tok_equal(render, value, p[0]))
SIMPLE_TEST(is_less, tok_compare(render, value, p[0], "<") < 0)
SIMPLE_TEST(is_less_equal, tok_compare(render, value, p[0], "<=") <= 0)
SIMPLE_TEST(is_in, tok_contains(render, p[0], value))

static bool above(int order, int least)
{
    return order >= least && order != 2; /* 2: not a number */
}

SIMPLE_TEST(is_greater, above(tok_compare(render, value, p[0], ">"), 1))
SIMPLE_TEST(is_greater_equal, above(tok_compare(render, value, p[0], ">="), 0))

static bool remainder_is(tok_render *render, tok_value value, tok_value divisor, int64_t rest)
{
    return tok_equal(render, tok_binary(render, TOK_OP_MODULO, value, divisor), tok_int(rest));
}

SIMPLE_TEST(is_divisible_by, remainder_is(render, value, p[0], 0))
SIMPLE_TEST(is_even, remainder_is(render, value, tok_int(2), 0))
SIMPLE_TEST(is_odd, remainder_is(render, value, tok_int(2), 1))

/* Python's `is`: the same object. Equal small values of one type are taken to be the same. */
TEST(is_same_as)
{
    (void)arguments;
    if (value.type != p[0].type)
        return tok_bool(false);
    if (value.type == TOK_V_TEXT)
        return tok_bool(value.as.text->data == p[0].as.text->data && value.as.text->length == p[0].as.text->length);
    if (tok_is_sequence(value))
        return tok_bool(value.as.sequence == p[0].as.sequence);
    if (value.type == TOK_V_DICT)
        return tok_bool(value.as.dict == p[0].as.dict);
    return tok_bool(tok_equal(render, value, p[0]));
}

SIMPLE_TEST(is_lower, tok_all_lower(tok_text_of(render, value)))
SIMPLE_TEST(is_upper, tok_all_upper(tok_text_of(render, value)))

static const tok_callable tests[] = {
    {"!=", is_not_equal, "other"},
    {"<", is_less, "other"},
    {"<=", is_less_equal, "other"},
    {"==", is_equal, "other"},
    {">", is_greater, "other"},
    {">=", is_greater_equal, "other"},
    {"boolean", is_boolean, ""},
    {"callable", is_callable, ""},
    {"defined", is_defined, ""},
    {"divisibleby", is_divisible_by, "num"},
    {"eq", is_equal, "other"},
    {"equalto", is_equal, "other"},
    {"escaped", is_escaped, ""},
    {"even", is_even, ""},
    {"false", is_false, ""},
    {"filter", is_filter, ""},
    {"float", is_float, ""},
    {"ge", is_greater_equal, "other"},
    {"greaterthan", is_greater, "other"},
    {"gt", is_greater, "other"},
    {"in", is_in, "seq"},
    {"integer", is_integer, ""},
    {"iterable", is_iterable, ""},
    {"le", is_less_equal, "other"},
    {"lessthan", is_less, "other"},
    {"lower", is_lower, ""},
    {"lt", is_less, "other"},
    {"mapping", is_mapping, ""},
    {"ne", is_not_equal, "other"},
    {"none", is_none, ""},
    {"number", is_number, ""},
    {"odd", is_odd, ""},
    {"sameas", is_same_as, "other"},
    {"sequence", is_sequence, ""},
    {"string", is_string, ""},
    {"test", is_test, ""},
    {"true", is_true, ""},
    {"undefined", is_undefined, ""},
    {"upper", is_upper, ""},
};

const tok_callable *tok_find_test(base_slice name)
{
    return tok_find_in(tests, sizeof tests / sizeof tests[0], name);
}
