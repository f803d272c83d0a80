/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic and slices, as Python's. Integers have 64 bits; what does not fit is a fault and never wraps. */
#include "tokenizer/template_p.h"

#include <math.h>

static const char *const signs[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

_Noreturn static void unsupported(tok_render *render, tok_operator op, tok_value a, tok_value b)
{
    tok_fault(&render->guard, FIRN_ERROR_FORMAT, "unsupported operand type(s) for %s: '%s' and '%s'", signs[op],
              tok_type_name(a), tok_type_name(b));
}

_Noreturn static void too_large(tok_render *render)
{
    tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the result does not fit in a 64-bit integer");
}

static int64_t whole(tok_value value)
{
    return value.type == TOK_V_BOOL ? value.as.boolean : value.as.integer;
}

/* ---- numbers ---- */

/* `base` to a whole power, in extended precision so that the one rounding at the end is nearly always the right one. */
static double whole_power(double base, double exponent)
{
    long double result = 1, factor = base;
    if (fabs(exponent) > 1e6)
        exponent = copysign(1e6, exponent) + (fmod(exponent, 2) != 0 ? copysign(1, exponent) : 0);
    for (uint64_t n = (uint64_t)fabs(exponent); n > 0; n >>= 1) {
        if ((n & 1) != 0)
            result *= factor;
        factor *= factor;
    }
    return (double)(exponent < 0 ? 1 / result : result);
}

static tok_value power_of_integers(tok_render *render, int64_t base, int64_t exponent)
{
    if (exponent < 0) {
        if (base == 0)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "0.0 cannot be raised to a negative power");
        return tok_float(whole_power((double)base, (double)exponent));
    }
    int64_t result = 1;
    while (exponent > 0) {
        if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result))
            too_large(render);
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
            too_large(render);
    }
    return tok_int(result);
}

static tok_value integers(tok_render *render, tok_operator op, int64_t a, int64_t b)
{
    int64_t result = 0;
    bool overflow = false;
    bool divides = op == TOK_OP_DIVIDE || op == TOK_OP_FLOOR_DIVIDE || op == TOK_OP_MODULO;
    if (divides && b == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT,
                  op == TOK_OP_DIVIDE ? "division by zero" : "integer division or modulo by zero");
    switch (op) {
    case TOK_OP_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case TOK_OP_SUBTRACT:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case TOK_OP_MULTIPLY:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case TOK_OP_DIVIDE:
        return tok_float((double)a / (double)b);
    case TOK_OP_FLOOR_DIVIDE:
        overflow = b == -1 && a == INT64_MIN;
        if (!overflow)
            result = a / b - (a % b != 0 && (a < 0) != (b < 0));
        break;
    case TOK_OP_MODULO:
        result = b == -1 ? 0 : a % b;
        if (result != 0 && (result < 0) != (b < 0))
            result += b;
        break;
    default:
        return power_of_integers(render, a, b);
    }
    if (overflow)
        too_large(render);
    return tok_int(result);
}

static double floor_modulo(double a, double b)
{
    double rest = fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0))
        return rest + b;
    return rest != 0 ? rest : copysign(0.0, b);
}

static tok_value floats(tok_render *render, tok_operator op, double a, double b)
{
    bool divides = op == TOK_OP_DIVIDE || op == TOK_OP_FLOOR_DIVIDE || op == TOK_OP_MODULO;
    if (divides && b == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "float division by zero");
    switch (op) {
    case TOK_OP_ADD:
        return tok_float(a + b);
    case TOK_OP_SUBTRACT:
        return tok_float(a - b);
    case TOK_OP_MULTIPLY:
        return tok_float(a * b);
    case TOK_OP_DIVIDE:
        return tok_float(a / b);
    case TOK_OP_FLOOR_DIVIDE: {
        double quotient = (a - floor_modulo(a, b)) / b;
        return tok_float(floor(quotient) + (quotient - floor(quotient) > 0.5 ? 1 : 0));
    }
    case TOK_OP_MODULO:
        return tok_float(floor_modulo(a, b));
    default:
        if (a == 0 && b < 0)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "0.0 cannot be raised to a negative power");
        if (floor(b) == b)
            return tok_float(whole_power(a, b));
        if (a < 0 || b != 0.5)
            tok_fault(&render->guard, FIRN_ERROR_UNSUPPORTED, "of powers with a fraction only 0.5 is supported");
        return tok_float(sqrt(a));
    }
}

/* ---- text and lists ---- */

static void add_operand(tok_builder *builder, const tok_text *text, bool escape)
{
    if (escape && !text->markup)
        tok_add_escaped(builder, text);
    else
        tok_add_text(builder, text);
}

static tok_value join_texts(tok_render *render, const tok_text *a, const tok_text *b)
{
    bool markup = a->markup || b->markup;
    tok_builder builder = tok_build(render);
    add_operand(&builder, a, markup);
    add_operand(&builder, b, markup);
    tok_value joined = tok_built(&builder);
    return markup ? tok_with_markup(render, joined.as.text, true) : joined;
}

static tok_value join_lists(tok_render *render, tok_value a, tok_value b)
{
    size_t first = a.as.sequence->count, second = b.as.sequence->count;
    tok_value joined = tok_sequence_new(render, a.type, first + second);
    if (first > 0)
        memcpy(joined.as.sequence->items, a.as.sequence->items, first * sizeof(tok_value));
    if (second > 0)
        memcpy(joined.as.sequence->items + first, b.as.sequence->items, second * sizeof(tok_value));
    return joined;
}

static tok_value repeat(tok_render *render, tok_value value, int64_t times)
{
    if (times < 0)
        times = 0;
    if (value.type == TOK_V_TEXT) {
        tok_builder builder = tok_build(render);
        size_t total;
        if (__builtin_mul_overflow((size_t)times, (size_t)value.as.text->length, &total) || total > render->text_limit)
            tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the text grows beyond %zu bytes, the limit of output",
                      render->text_limit);
        for (int64_t i = 0; i < times && value.as.text->length > 0; i++)
            tok_add_text(&builder, value.as.text);
        tok_charge(render, total / 8);
        tok_value repeated = tok_built(&builder);
        return value.as.text->markup ? tok_with_markup(render, repeated.as.text, true) : repeated;
    }
    size_t count = value.as.sequence->count, total;
    if (__builtin_mul_overflow((size_t)times, count, &total) || total > TOK_TEMPLATE_STEPS)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "a list would have more than %d items", TOK_TEMPLATE_STEPS);
    tok_value list = tok_sequence_new(render, value.type, total);
    for (size_t i = 0; i < total; i++)
        list.as.sequence->items[i] = value.as.sequence->items[i % count];
    return list;
}

static bool repeatable(tok_value value)
{
    return value.type == TOK_V_TEXT || value.type == TOK_V_LIST || value.type == TOK_V_TUPLE;
}

static bool is_whole(tok_value value)
{
    return value.type == TOK_V_INT || value.type == TOK_V_BOOL;
}

tok_value tok_binary(tok_render *render, tok_operator op, tok_value a, tok_value b)
{
    if (op == TOK_OP_MODULO && a.type == TOK_V_TEXT)
        return tok_percent(render, a.as.text, b);
    if (a.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, a);
    if (b.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, b);
    if (is_whole(a) && is_whole(b))
        return integers(render, op, whole(a), whole(b));
    if (tok_is_number(a) && tok_is_number(b))
        return floats(render, op, tok_to_double(a), tok_to_double(b));
    if (op == TOK_OP_ADD && a.type == TOK_V_TEXT) {
        if (b.type != TOK_V_TEXT)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "can only concatenate str (not \"%s\") to str",
                      tok_type_name(b));
        return join_texts(render, a.as.text, b.as.text);
    }
    if (op == TOK_OP_ADD && a.type == b.type && (a.type == TOK_V_LIST || a.type == TOK_V_TUPLE))
        return join_lists(render, a, b);
    if (op == TOK_OP_MULTIPLY && repeatable(a) && is_whole(b))
        return repeat(render, a, whole(b));
    if (op == TOK_OP_MULTIPLY && repeatable(b) && is_whole(a))
        return repeat(render, b, whole(a));
    unsupported(render, op, a, b);
}

tok_value tok_negate(tok_render *render, tok_value value)
{
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (value.type == TOK_V_FLOAT)
        return tok_float(-value.as.number);
    if (!is_whole(value))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "bad operand type for unary -: '%s'", tok_type_name(value));
    return integers(render, TOK_OP_SUBTRACT, 0, whole(value));
}

/* ---- slices ---- */

/* One bound of a slice, moved into [lowest, highest]; `absent` if it was left out. */
static int64_t bound(tok_render *render, tok_value value, int64_t count, int64_t absent, bool backwards)
{
    if (value.type == TOK_V_NONE)
        return absent;
    if (!is_whole(value))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "slice indices must be integers or None, not %s",
                  tok_type_name(value));
    int64_t at = whole(value), lowest = backwards ? -1 : 0, highest = backwards ? count - 1 : count;
    if (at < 0)
        at = at < -count ? lowest : at + count;
    if (at < lowest)
        return lowest;
    return at > highest ? highest : at;
}

static tok_value slice_text(tok_render *render, const tok_text *text, int64_t from, int64_t to, int64_t step)
{
    if (step == 1)
        return tok_part(render, text, tok_character_offset(text, (size_t)from),
                        tok_character_offset(text, (size_t)(to > from ? to : from)));
    tok_value whole_text = {.type = TOK_V_TEXT, .as.text = text};
    tok_items characters = tok_iterate(render, whole_text);
    tok_builder builder = tok_build(render);
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step) {
        tok_add_text(&builder, characters.items[i].as.text);
        if (step > 0 ? i > INT64_MAX - step : i < INT64_MIN - step)
            break;
    }
    return tok_built(&builder);
}

tok_value tok_slice(tok_render *render, tok_value object, tok_value start, tok_value stop, tok_value step)
{
    if (object.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, object);
    bool list = object.type == TOK_V_LIST || object.type == TOK_V_TUPLE || object.type == TOK_V_RANGE;
    if (!list && object.type != TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object can't be sliced", tok_type_name(object));
    if (step.type != TOK_V_NONE && !is_whole(step))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "slice indices must be integers or None, not %s",
                  tok_type_name(step));
    int64_t by = step.type == TOK_V_NONE ? 1 : whole(step);
    if (by == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "slice step cannot be zero");
    int64_t count = (int64_t)tok_length(render, object);
    int64_t from = bound(render, start, count, by > 0 ? 0 : count - 1, by < 0);
    int64_t to = bound(render, stop, count, by > 0 ? count : -1, by < 0);
    if (!list) {
        tok_charge(render, object.as.text->length / 64);
        tok_value part = slice_text(render, object.as.text, from, to, by);
        return object.as.text->markup ? tok_with_markup(render, part.as.text, true) : part;
    }
    uint64_t distance = by > 0 ? (to > from ? (uint64_t)(to - from) : 0) : (from > to ? (uint64_t)(from - to) : 0);
    uint64_t stride = by > 0 ? (uint64_t)by : 0 - (uint64_t)by;
    size_t taken = (size_t)(distance / stride + (distance % stride != 0));
    tok_value slice = tok_sequence_new(render, object.type == TOK_V_TUPLE ? TOK_V_TUPLE : TOK_V_LIST, taken);
    for (size_t i = 0; i < taken; i++)
        slice.as.sequence->items[i] = object.as.sequence->items[from + (int64_t)i * by];
    return slice;
}
