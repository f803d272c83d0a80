/* SPDX-License-Identifier: Apache-2.0 */
/* Filters that give numbers: abs, int, float, round, and filesizeformat. */
#include "tokenizer/template_p.h"

#include "base/number.h"

#include <math.h>

#define FILTER(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)
#define UNUSED_ARGUMENTS \
    (void)p;             \
    (void)arguments

FILTER(filter_abs)
{
    UNUSED_ARGUMENTS;
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (!tok_is_number(value))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "bad operand type for abs(): '%s'", tok_type_name(value));
    if (value.type == TOK_V_FLOAT)
        return tok_float(fabs(value.as.number));
    if (value.type == TOK_V_BOOL)
        return tok_int(value.as.boolean);
    return value.as.integer < 0 ? tok_negate(render, value) : value;
}

/* Copies digits without the underscores that Python allows between them; false if there are others, or it is long. */
static bool clean_number(base_slice text, char *out, size_t capacity, size_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool between = i > 0 && i + 1 < text.length && text.data[i - 1] != '_' && text.data[i + 1] != '_';
        if (text.data[i] == '_' && between)
            continue;
        if (text.data[i] == '_' || *length + 1 >= capacity)
            return false;
        out[(*length)++] = text.data[i];
    }
    out[*length] = '\0';
    return *length > 0;
}

static bool text_to_double(tok_render *render, const tok_text *text, double *number)
{
    char clean[400];
    size_t length;
    base_slice trimmed = tok_bytes(tok_strip(render, text, NULL, true, true).as.text);
    if (!clean_number(trimmed, clean, sizeof clean, &length))
        return false;
    if (base_parse_double((base_slice){clean, length}, number))
        return true;
    size_t sign = clean[0] == '-' || clean[0] == '+';
    static const char *const words[] = {"inf", "infinity", "nan"};
    for (size_t i = 0; i < 3; i++) {
        bool same = strlen(words[i]) == length - sign;
        for (size_t k = 0; same && k < length - sign; k++)
            same = (clean[sign + k] | 0x20) == words[i][k];
        if (same) {
            *number = i == 2 ? NAN : clean[0] == '-' ? -INFINITY : INFINITY;
            return true;
        }
    }
    return false;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

/* int(text, base): false if the text is not such a number. */
static bool text_to_integer(tok_render *render, const tok_text *text, int64_t base, int64_t *number)
{
    char clean[400];
    size_t length, at = 0;
    base_slice trimmed = tok_bytes(tok_strip(render, text, NULL, true, true).as.text);
    if (!clean_number(trimmed, clean, sizeof clean, &length))
        return false;
    bool negative = clean[0] == '-';
    at += clean[0] == '-' || clean[0] == '+';
    char mark = clean[at] == '0' ? (char)(clean[at + 1] | 0x20) : '\0';
    int64_t marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == marked || base == 0)) {
        at += 2;
        base = marked;
    }
    if (base == 0)
        base = 10;
    if (base < 2 || base > 36 || at >= length)
        return false;
    *number = 0;
    for (; at < length; at++) {
        int digit = digit_of(clean[at]);
        if (digit >= base)
            return false;
        if (__builtin_mul_overflow(*number, base, number) || __builtin_sub_overflow(*number, digit, number))
            tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the number does not fit in a 64-bit integer");
    }
    if (!negative && __builtin_sub_overflow(0, *number, number))
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the number does not fit in a 64-bit integer");
    return true;
}

static bool double_to_integer(tok_render *render, double number, int64_t *integer)
{
    if (isnan(number) || isinf(number))
        return false;
    if (fabs(number) >= 9.2e18)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the number does not fit in a 64-bit integer");
    *integer = (int64_t)number;
    return true;
}

FILTER(filter_int)
{
    (void)arguments;
    int64_t integer = 0;
    double number;
    bool good = false;
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (value.type == TOK_V_TEXT)
        good = text_to_integer(render, value.as.text, tok_integer_argument(render, p[1], 10), &integer) ||
               (text_to_double(render, value.as.text, &number) && double_to_integer(render, number, &integer));
    else if (value.type == TOK_V_FLOAT)
        good = double_to_integer(render, value.as.number, &integer);
    else if (tok_is_number(value)) {
        integer = tok_integer_argument(render, value, 0);
        good = true;
    }
    return good ? tok_int(integer) : p[0].type == TOK_V_MISSING ? tok_int(0) : p[0];
}

FILTER(filter_float)
{
    (void)arguments;
    double number;
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (tok_is_number(value))
        return tok_float(tok_to_double(value));
    if (value.type == TOK_V_TEXT && text_to_double(render, value.as.text, &number))
        return tok_float(number);
    return p[0].type == TOK_V_MISSING ? tok_float(0) : p[0];
}

/* 10 to the power of n, exact up to 22. */
static double power_of_ten(int64_t n)
{
    double power = 1;
    for (int64_t i = 0; i < n && i < 400; i++)
        power *= 10;
    return power;
}

/* round(number, digits) with Python's correctly rounded halves to even. */
static double round_to(double number, int64_t digits)
{
    char text[800];
    double rounded = number;
    if (isnan(number) || isinf(number) || digits > 300)
        return number;
    if (digits < 0) {
        double unit = power_of_ten(-digits);
        return isinf(unit) ? 0 * number : rint(number / unit) * unit;
    }
    int length = base_print_double(text, sizeof text, 'f', (int)digits, number);
    if (length <= 0 || (size_t)length >= sizeof text ||
        !base_parse_double((base_slice){text, (size_t)length}, &rounded))
        return number;
    return rounded;
}

/* p: precision, method */
FILTER(filter_round)
{
    (void)arguments;
    const tok_text *method = tok_text_argument(render, p[1], "common");
    int64_t precision = tok_integer_argument(render, p[0], 0);
    base_slice name = tok_bytes(method);
    if (!base_slice_is(name, "common") && !base_slice_is(name, "ceil") && !base_slice_is(name, "floor"))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "method must be common, ceil or floor");
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (!tok_is_number(value))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "type %s doesn't define __round__ method", tok_type_name(value));
    if (base_slice_is(name, "common")) {
        if (value.type == TOK_V_FLOAT)
            return tok_float(round_to(value.as.number, precision));
        if (precision >= 0)
            return tok_int(tok_integer_argument(render, value, 0));
        return tok_int((int64_t)round_to(tok_to_double(value), precision));
    }
    double unit = precision < 0 ? 1 / power_of_ten(-precision) : power_of_ten(precision);
    double scaled = tok_to_double(value) * unit;
    return tok_float((base_slice_is(name, "ceil") ? ceil(scaled) : floor(scaled)) / unit);
}

static tok_value size_text(tok_render *render, double size, double divisor, const char *unit)
{
    char number[64];
    tok_builder builder = tok_build(render);
    int length = base_print_double(number, sizeof number, 'f', 1, size / divisor);
    tok_add_bytes(&builder, number, length > 0 && length < 64 ? (size_t)length : 0, false);
    tok_add_format(&builder, " %s", unit);
    return tok_built(&builder);
}

FILTER(filter_filesizeformat)
{
    static const char *const decimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    static const char *const binary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
    tok_value number = filter_float(render, value, (const tok_value[]){{.type = TOK_V_MISSING}}, arguments);
    double size = number.as.number, base = tok_truth(p[0]) ? 1024 : 1000, unit = base;
    tok_builder builder = tok_build(render);
    if (size == 1) {
        tok_add_literal(&builder, "1 Byte");
        return tok_built(&builder);
    }
    if (size < base) {
        tok_add_format(&builder, "%lld Bytes", (long long)size);
        return tok_built(&builder);
    }
    for (size_t i = 0;; i++, unit *= base)
        if (size < unit * base || i == 7)
            return size_text(render, size, unit, base == 1024 ? binary[i] : decimal[i]);
}

const tok_callable tok_number_filters[] = {
    {"abs", filter_abs, ""},
    {"filesizeformat", filter_filesizeformat, "binary?"},
    {"float", filter_float, "default?"},
    {"int", filter_int, "default?,base?"},
    {"round", filter_round, "precision?,method?"},
};
const size_t tok_n_number_filters = sizeof tok_number_filters / sizeof tok_number_filters[0];
