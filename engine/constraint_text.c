/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of grammars and regular expressions share. */
#include "engine/constraint_compile.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>

firn_status eng_text_fault(base_slice text, size_t at, firn_status status, firn_error *error, const char *format, ...)
{
    char what[400];
    size_t line, column;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    base_line_column(text, at, &line, &column);
    return base_fail(error, status, at, "line %zu, column %zu: %s", line, column, what);
}

static bool parse_number(base_slice text, size_t *at, uint32_t *value)
{
    const size_t from = *at;
    *value = 0;
    for (; *at < text.length && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at)
        if (*value <= ENG_REPETITION_MOST) /* more digits only make it larger */
            *value = *value * 10 + (uint32_t)(text.data[*at] - '0');
    return *at > from;
}

static void skip_spaces(base_slice text, size_t *at)
{
    while (*at < text.length && text.data[*at] == ' ')
        ++*at;
}

bool eng_parse_bounds(base_slice text, size_t *at, uint32_t *low, uint32_t *high, firn_error *error)
{
    const size_t from = *at;
    bool valid, comma = false;
    skip_spaces(text, at);
    valid = parse_number(text, at, low);
    skip_spaces(text, at);
    *high = *low;
    if (valid && *at < text.length && text.data[*at] == ',') {
        comma = true;
        ++*at;
        skip_spaces(text, at);
        if (!parse_number(text, at, high))
            *high = ENG_IR_UNBOUNDED;
        skip_spaces(text, at);
    }
    if (!valid || *at >= text.length || text.data[*at] != '}') {
        eng_text_fault(text, from, FIRN_ERROR_FORMAT, error, "a repetition is {m}, {m,} or {m,n}");
        return false;
    }
    ++*at;
    if (*low > ENG_REPETITION_MOST || (*high != ENG_IR_UNBOUNDED && *high > ENG_REPETITION_MOST)) {
        eng_text_fault(text, from, FIRN_ERROR_LIMIT, error,
                       "more than %d repetitions; use * or + where any number will "
                       "do",
                       ENG_REPETITION_MOST);
        return false;
    }
    if (comma && *high < *low) {
        eng_text_fault(text, from, FIRN_ERROR_FORMAT, error, "the repetition {%u,%u} ends below its beginning", *low,
                       *high);
        return false;
    }
    return true;
}

bool eng_parse_hex(base_slice text, size_t *at, unsigned digits, uint32_t *value)
{
    *value = 0;
    if (text.length - *at < digits)
        return false;
    for (unsigned i = 0; i < digits; i++) {
        const char c = text.data[*at + i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return false;
        *value = *value << 4 | (uint32_t)digit;
    }
    *at += digits;
    return true;
}
