/* SPDX-License-Identifier: Apache-2.0 */
/* Python's "%" on strings, and str.format with its format specifications. */
#include "tokenizer/template_p.h"

#include "base/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- format specifications ---- */

enum { MOST_PRECISION = 400, NUMBER_TEXT = 800 };

typedef struct specification {
    base_slice fill;
    char align;    /* '<', '>', '^', '=' or 0 */
    char sign;     /* '+', ' ' or 0 */
    char grouping; /* ',' , '_' or 0 */
    bool alternate;
    int64_t width, precision; /* precision -1: none given */
    char type;                /* 0: none given */
} specification;

static void pad(tok_builder *builder, base_slice fill, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        tok_add_bytes(builder, fill.data, fill.length, false);
}

/* Puts text into the width asked for; `prefix` bytes at its front stay before the fill if the alignment is '='. */
static void add_aligned(tok_builder *builder, const specification *spec, char standard, const tok_text *text,
                        size_t prefix)
{
    char align = spec->align != '\0' ? spec->align : standard;
    int64_t missing = spec->width - (int64_t)tok_count_characters(text);
    if (missing < 0)
        missing = 0;
    int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
    size_t split = align == '=' ? prefix : 0;
    tok_add(builder, text, 0, split);
    pad(builder, spec->fill, left);
    tok_add(builder, text, split, text->length);
    pad(builder, spec->fill, missing - left);
}

/* Copies digits with a separator between groups of `size`, counted from the end of text[from, to). */
static size_t group(const char *text, size_t from, size_t to, size_t size, char separator, char *out)
{
    size_t length = 0;
    for (size_t i = from; i < to; i++) {
        if (i > from && (to - i) % size == 0)
            out[length++] = separator;
        out[length++] = text[i];
    }
    return length;
}

/* Groups the digits before the point, then aligns a number's text, which begins with `prefix` bytes of sign or "0x". */
static void add_number_text(tok_builder *builder, const specification *spec, const char *text, size_t length,
                            size_t prefix, size_t group_size)
{
    char grouped[2 * NUMBER_TEXT];
    memcpy(grouped, text, prefix);
    size_t to = prefix, used = prefix;
    while (to < length && ((text[to] >= '0' && text[to] <= '9') || (group_size == 4 && text[to] >= 'A')))
        to++;
    if (spec->grouping != '\0') {
        used += group(text, prefix, to, group_size, spec->grouping, grouped + used);
    } else {
        memcpy(grouped + used, text + prefix, to - prefix);
        used += to - prefix;
    }
    memcpy(grouped + used, text + to, length - to);
    tok_text whole = {.data = grouped, .length = (uint32_t)(used + length - to)};
    add_aligned(builder, spec, '>', &whole, prefix);
}

static size_t put_sign(char *text, bool negative, char sign)
{
    if (!negative && sign == '\0')
        return 0;
    text[0] = negative ? '-' : sign;
    return 1;
}

static void format_integer(tok_builder *builder, const specification *spec, int64_t value)
{
    char text[NUMBER_TEXT];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char type = spec->type == '\0' ? 'd' : spec->type;
    unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    const char *digits = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t length = put_sign(text, value < 0, spec->sign);
    if (spec->alternate && base != 10) {
        text[length++] = '0';
        text[length++] = type;
    }
    size_t prefix = length;
    char reversed[64];
    size_t n = 0;
    do {
        reversed[n++] = digits[magnitude % base];
        magnitude /= base;
    } while (magnitude > 0);
    for (int64_t i = (int64_t)n; i < spec->precision && length < NUMBER_TEXT - 80; i++)
        text[length++] = '0';
    while (n > 0)
        text[length++] = reversed[--n];
    add_number_text(builder, spec, text, length, prefix, base == 10 ? 3 : 4);
}

static void check_precision(tok_render *render, int64_t precision)
{
    if (precision > MOST_PRECISION)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "a precision of more than %d digits is not supported",
                  MOST_PRECISION);
}

static void format_float(tok_builder *builder, const specification *spec, double value)
{
    char text[NUMBER_TEXT];
    check_precision(builder->render, spec->precision);
    size_t length = put_sign(text, signbit(value) && !isnan(value), spec->sign), prefix = length;
    double magnitude = fabs(value) * (spec->type == '%' ? 100 : 1);
    char lower = spec->type == '\0' ? '\0' : (char)(spec->type | 0x20);
    if (isnan(value) || isinf(value))
        length += (size_t)snprintf(text + length, 8, "%s", isnan(value) ? "nan" : "inf");
    else if (spec->type == '\0' && spec->precision < 0)
        length += base_format_double(magnitude, text + length);
    else
        length += (size_t)base_print_double(text + length, NUMBER_TEXT - length,
                                            spec->type == '%'                    ? 'f'
                                            : spec->type == '\0' || lower == 'n' ? 'g'
                                                                                 : lower,
                                            (int)(spec->precision < 0 ? 6 : spec->precision), magnitude);
    if (spec->type == '\0' && !isnan(value) && !isinf(value) && memchr(text, '.', length) == NULL &&
        memchr(text, 'e', length) == NULL) {
        text[length++] = '.';
        text[length++] = '0';
    }
    for (size_t i = prefix; i < length && spec->type >= 'A' && spec->type <= 'Z'; i++)
        if (text[i] >= 'a' && text[i] <= 'z')
            text[i] = (char)(text[i] - 'a' + 'A');
    if (spec->type == '%')
        text[length++] = '%';
    add_number_text(builder, spec, text, length, prefix, 3);
}

static void format_text(tok_builder *builder, const specification *spec, const tok_text *text)
{
    tok_text cut = *text;
    if (spec->precision >= 0) {
        size_t end = tok_character_offset(text, (size_t)spec->precision);
        cut.length = (uint32_t)end;
    }
    add_aligned(builder, spec, '<', &cut, 0);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static int64_t read_count(tok_render *render, const tok_text *text, size_t *at)
{
    int64_t count = 0;
    while (*at < text->length && text->data[*at] >= '0' && text->data[*at] <= '9') {
        count = count * 10 + (text->data[(*at)++] - '0');
        if (count > (int64_t)render->text_limit)
            tok_fault(&render->guard, FIRN_ERROR_LIMIT, "a width or precision in a format is too large");
    }
    return count;
}

/* Reads [[fill]align][sign][#][0][width][grouping][.precision][type]. */
static specification read_specification(tok_render *render, const tok_text *text)
{
    specification spec = {.fill = {" ", 1}, .precision = -1};
    size_t at = 0, first = text->length > 0 ? tok_character_length(text, 0) : 0;
    if (first > 0 && first < text->length && is_one_of(text->data[first], "<>=^")) {
        spec.fill = (base_slice){text->data, first};
        spec.align = text->data[first];
        at = first + 1;
    } else if (first > 0 && is_one_of(text->data[0], "<>=^")) {
        spec.align = text->data[at++];
    }
#define CURRENT (at < text->length ? text->data[at] : '\0')
    if (is_one_of(CURRENT, "+- "))
        spec.sign = text->data[at++];
    if (spec.sign == '-')
        spec.sign = '\0';
    if (CURRENT == '#') {
        spec.alternate = true;
        at++;
    }
    if (CURRENT == '0' && spec.align == '\0') {
        spec.fill = (base_slice){"0", 1};
        spec.align = '=';
        at++;
    }
    spec.width = read_count(render, text, &at);
    if (is_one_of(CURRENT, ",_"))
        spec.grouping = text->data[at++];
    if (CURRENT == '.') {
        at++;
        spec.precision = read_count(render, text, &at);
    }
    if (at < text->length)
        spec.type = text->data[at++];
#undef CURRENT
    if (at != text->length)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Invalid format specifier '%.*s'",
                  (int)(text->length < 60 ? text->length : 60), text->data);
    return spec;
}

static void format_value(tok_builder *builder, tok_value value, const tok_text *format)
{
    tok_render *render = builder->render;
    specification spec = read_specification(render, format);
    bool number = tok_is_number(value);
    if (format->length == 0) {
        tok_add_str(builder, value);
    } else if (value.type == TOK_V_TEXT && is_one_of(spec.type == '\0' ? 's' : spec.type, "s")) {
        format_text(builder, &spec, value.as.text);
    } else if (number && value.type != TOK_V_FLOAT && is_one_of(spec.type == '\0' ? 'd' : spec.type, "bdoxXn")) {
        format_integer(builder, &spec, value.type == TOK_V_BOOL ? value.as.boolean : value.as.integer);
    } else if (number && (is_one_of(spec.type, "eEfFgG%n") || (value.type == TOK_V_FLOAT && spec.type == '\0'))) {
        format_float(builder, &spec, tok_to_double(value));
    } else if (spec.type == '\0' || value.type == TOK_V_NONE || tok_is_sequence(value)) {
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "unsupported format string passed to %s.__format__",
                  tok_type_name(value));
    } else {
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Unknown format code '%c' for object of type '%s'", spec.type,
                  tok_type_name(value));
    }
}

/* ---- "%" ---- */

typedef struct percent {
    tok_render *render;
    const tok_text *format;
    size_t at;
    tok_value values;
    size_t used;
    bool by_name;
} percent;

static tok_value next_value(percent *p)
{
    bool tuple = p->values.type == TOK_V_TUPLE;
    size_t count = tuple ? p->values.as.sequence->count : 1;
    if (p->used >= count)
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "not enough arguments for format string");
    p->used++;
    return tuple ? p->values.as.sequence->items[p->used - 1] : p->values;
}

static char percent_character(percent *p)
{
    if (p->at >= p->format->length)
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "incomplete format");
    return p->format->data[p->at];
}

static tok_value named_value(percent *p)
{
    size_t from = ++p->at;
    while (percent_character(p) != ')')
        p->at++;
    if (p->values.type != TOK_V_DICT)
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "format requires a mapping");
    const tok_value *found =
        tok_dict_find(p->render, p->values.as.dict, (base_slice){p->format->data + from, p->at - from});
    if (found == NULL)
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "the format names a key that the mapping does not have");
    p->at++;
    p->by_name = true;
    return *found;
}

static int64_t percent_count(percent *p)
{
    if (percent_character(p) != '*')
        return read_count(p->render, p->format, &p->at);
    p->at++;
    tok_value value = next_value(p);
    if (value.type != TOK_V_INT || value.as.integer > (int64_t)p->render->text_limit ||
        value.as.integer < -(int64_t)p->render->text_limit)
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "* wants int");
    return value.as.integer;
}

static int64_t percent_integer(percent *p, tok_value value, char type)
{
    if (value.type == TOK_V_BOOL)
        return value.as.boolean;
    if (value.type == TOK_V_FLOAT && fabs(value.as.number) < 9e18 && (type == 'd' || type == 'i' || type == 'u'))
        return (int64_t)value.as.number;
    if (value.type != TOK_V_INT)
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "%%%c format: a real number is required, not %s", type,
                  tok_type_name(value));
    return value.as.integer;
}

static void add_converted(percent *p, tok_builder *builder, specification *spec, tok_value value)
{
    tok_render *render = p->render;
    char type = spec->type;
    if (is_one_of(type, "diuoxX")) {
        spec->type = is_one_of(type, "diu") ? 'd' : type;
        format_integer(builder, spec, percent_integer(p, value, type));
        return;
    }
    if (is_one_of(type, "eEfFgG")) {
        if (!tok_is_number(value))
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "must be real number, not %s", tok_type_name(value));
        format_float(builder, spec, tok_to_double(value));
        return;
    }
    tok_builder text = tok_build(render);
    if (type == 'r' || type == 'a')
        tok_add_repr(&text, value);
    else if (type == 'c' && value.type != TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_UNSUPPORTED, "%%c takes text of one character here");
    else if (p->format->markup && (value.type != TOK_V_TEXT || !value.as.text->markup))
        tok_add_escaped(&text, tok_text_of(render, value));
    else
        tok_add_str(&text, value);
    spec->fill = (base_slice){" ", 1};
    if (spec->align != '<')
        spec->align = '>';
    format_text(builder, spec, tok_built(&text).as.text);
}

/* One conversion; p->at is behind its '%'. */
static void convert(percent *p, tok_builder *builder)
{
    specification spec = {.fill = {" ", 1}, .precision = -1};
    tok_value value = {.type = TOK_V_MISSING};
    if (percent_character(p) == '%') {
        tok_add_literal(builder, "%");
        p->at++;
        return;
    }
    if (percent_character(p) == '(')
        value = named_value(p);
    bool left = false, zero = false;
    for (; is_one_of(percent_character(p), "#0- +"); p->at++) {
        char flag = percent_character(p);
        left = left || flag == '-';
        zero = zero || flag == '0';
        spec.alternate = spec.alternate || flag == '#';
        if (flag == '+' || (flag == ' ' && spec.sign == '\0'))
            spec.sign = flag;
    }
    spec.width = percent_count(p);
    if (spec.width < 0) {
        left = true;
        spec.width = -spec.width;
    }
    if (percent_character(p) == '.') {
        p->at++;
        spec.precision = percent_count(p);
        if (spec.precision < 0)
            spec.precision = 0;
    }
    while (is_one_of(percent_character(p), "hlL"))
        p->at++;
    spec.type = percent_character(p);
    p->at++;
    if (!is_one_of(spec.type, "diuoxXeEfFgGcrsa"))
        tok_fault(&p->render->guard, FIRN_ERROR_FORMAT, "unsupported format character '%c' (0x%x)", spec.type,
                  (unsigned)(unsigned char)spec.type);
    if (zero && !left)
        spec.fill = (base_slice){"0", 1};
    spec.align = left ? '<' : zero ? '=' : '>';
    add_converted(p, builder, &spec, value.type == TOK_V_MISSING ? next_value(p) : value);
}

tok_value tok_percent(tok_render *render, const tok_text *format, tok_value values)
{
    percent p = {.render = render, .format = format, .values = values};
    tok_builder builder = tok_build(render);
    while (p.at < format->length) {
        const char *sign = memchr(format->data + p.at, '%', format->length - p.at);
        size_t to = sign != NULL ? (size_t)(sign - format->data) : format->length;
        tok_add(&builder, format, p.at, to);
        p.at = to;
        if (sign != NULL) {
            p.at++;
            convert(&p, &builder);
        }
    }
    bool tuple = values.type == TOK_V_TUPLE;
    bool mapping = values.type == TOK_V_DICT || values.type == TOK_V_LIST;
    if (!p.by_name && p.used < (tuple ? values.as.sequence->count : 1) && !mapping)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "not all arguments converted during string formatting");
    tok_value text = tok_built(&builder);
    return format->markup ? tok_with_markup(render, text.as.text, true) : text;
}

/* ---- str.format ---- */

typedef struct formatter {
    tok_render *render;
    const tok_arguments *arguments;
    size_t automatic; /* the next number of "{}" */
    bool numbered;    /* a number was written out */
} formatter;

/* The first part of a field's name: a number, nothing (the next number) or a keyword. */
static tok_value field_value(formatter *f, const tok_text *name)
{
    tok_render *render = f->render;
    size_t at = 0;
    int64_t number = read_count(render, name, &at);
    if (at < name->length) {
        for (size_t i = 0; i < f->arguments->n_keywords; i++)
            if (base_slice_equal(f->arguments->keywords[i].name, tok_bytes(name)))
                return f->arguments->keywords[i].value;
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "format() has no argument '%.*s'",
                  (int)(name->length < 60 ? name->length : 60), name->data);
    }
    if (name->length == 0)
        number = (int64_t)f->automatic++;
    else
        f->numbered = true;
    if (f->numbered && f->automatic > 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "format() can't mix numbered fields with automatic ones");
    if ((size_t)number >= f->arguments->n_positional)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT,
                  "Replacement index %" PRId64 " out of range for positional args tuple", number);
    return f->arguments->positional[number];
}

static size_t until(const tok_text *text, size_t at, const char *stops)
{
    while (at < text->length && !is_one_of(text->data[at], stops))
        at++;
    return at;
}

/* The value of "name.attribute[key]…". */
static tok_value field_path(formatter *f, const tok_text *field)
{
    tok_render *render = f->render;
    size_t at = until(field, 0, ".[");
    tok_value value = field_value(f, tok_part(render, field, 0, at).as.text);
    while (at < field->length) {
        bool item = field->data[at] == '[';
        size_t from = at + 1, to = until(field, from, item ? "]" : ".[");
        tok_value part = tok_part(render, field, from, to);
        size_t digits = 0;
        int64_t number = read_count(render, part.as.text, &digits);
        if (!item)
            value = tok_get_attribute(render, value, tok_bytes(part.as.text));
        else
            value = tok_get_item(render, value, digits > 0 && digits == part.as.text->length ? tok_int(number) : part);
        at = to + (item && to < field->length);
    }
    return value;
}

static void format_into(formatter *f, tok_builder *builder, const tok_text *format, int level);

/* One field; text[from, to) is what stands between its braces. */
static void format_field(formatter *f, tok_builder *builder, const tok_text *format, size_t from, size_t to, int level)
{
    tok_render *render = f->render;
    size_t colon = from, brackets = 0;
    while (colon < to && (brackets > 0 || !is_one_of(format->data[colon], ":!"))) {
        brackets += format->data[colon] == '[';
        brackets -= brackets > 0 && format->data[colon] == ']';
        colon++;
    }
    tok_value value = field_path(f, tok_part(render, format, from, colon).as.text);
    if (colon < to && format->data[colon] == '!') {
        char conversion = colon + 1 < to ? format->data[colon + 1] : '\0';
        tok_builder text = tok_build(render);
        if (conversion == 'r' || conversion == 'a')
            tok_add_repr(&text, value);
        else if (conversion == 's')
            tok_add_str(&text, value);
        else
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "Unknown conversion specifier in a format");
        value = tok_built(&text);
        colon += 2;
        if (colon < to && format->data[colon] != ':')
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "expected ':' after conversion specifier");
    }
    tok_builder spec = tok_build(render);
    if (colon < to)
        format_into(f, &spec, tok_part(render, format, colon + 1, to).as.text, level + 1);
    tok_builder text = tok_build(render);
    format_value(&text, value, tok_built(&spec).as.text);
    const tok_text *done = tok_built(&text).as.text;
    if (format->markup && !(value.type == TOK_V_TEXT && value.as.text->markup))
        tok_add_escaped(builder, done);
    else
        tok_add_text(builder, done);
}

static void format_into(formatter *f, tok_builder *builder, const tok_text *format, int level)
{
    if (level > 1)
        tok_fault(&f->render->guard, FIRN_ERROR_FORMAT, "Max string recursion exceeded");
    for (size_t at = 0; at < format->length;) {
        char c = format->data[at];
        bool brace = c == '{' || c == '}';
        if (!brace || (at + 1 < format->length && format->data[at + 1] == c)) {
            tok_add(builder, format, at, at + 1);
            at += brace ? 2 : 1;
            continue;
        }
        size_t end = at + 1, open = 1;
        for (; end < format->length && open > 0; end++)
            open = open + (format->data[end] == '{') - (format->data[end] == '}');
        if (c == '}' || open > 0)
            tok_fault(&f->render->guard, FIRN_ERROR_FORMAT, "Single '%c' encountered in format string", c);
        format_field(f, builder, format, at + 1, end - 1, level);
        at = end;
    }
}

tok_value tok_format(tok_render *render, const tok_text *format, const tok_arguments *arguments)
{
    formatter f = {.render = render, .arguments = arguments};
    tok_builder builder = tok_build(render);
    format_into(&f, &builder, format, 0);
    tok_value text = tok_built(&builder);
    return format->markup ? tok_with_markup(render, text.as.text, true) : text;
}
