/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions as RE2 and ECMA-262 write them, as far as they are regular: no references to groups, no look
 * around, no word boundaries. Greedy or not makes no difference to what matches. Groups that are open are on a stack.
 */
#include "engine/constraint_reader.h"

#include "base/utf8.h"

#include <stdlib.h>

static const eng_ir_range digits[] = {{'0', '9'}};
static const eng_ir_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const eng_ir_range spaces[] = {{'\t', '\r'}, {' ', ' '}};

static bool starts(const eng_reader *r, const char *prefix)
{
    const size_t length = strlen(prefix);
    return r->text.length - r->at >= length && memcmp(r->text.data + r->at, prefix, length) == 0;
}

/* Adds a set, or all that it does not hold, to the class that is being read. */
static firn_status add_set(eng_reader *r, const eng_ir_range *set, size_t n_ranges, bool negated)
{
    uint32_t from = 0;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < n_ranges && status == FIRN_OK; i++) {
        if (!negated)
            status = eng_reader_add_range(r, r->at, set[i].first, set[i].last);
        else if (set[i].first > from)
            status = eng_reader_add_range(r, r->at, from, set[i].first - 1);
        from = set[i].last + 1;
    }
    return status == FIRN_OK && negated ? eng_reader_add_range(r, r->at, from, ENG_CODE_POINT_LAST) : status;
}

/* The sets \d \w \s and their opposites; *known is false for other letters. */
static firn_status add_letter_set(eng_reader *r, char letter, bool *known)
{
    *known = true;
    switch (letter) {
    case 'd':
    case 'D':
        return add_set(r, digits, 1, letter == 'D');
    case 'w':
    case 'W':
        return add_set(r, words, 4, letter == 'W');
    case 's':
    case 'S':
        return add_set(r, spaces, 2, letter == 'S');
    default:
        *known = false;
        return FIRN_OK;
    }
}

/* The sets that have names, such as [:alpha:], within a class. */
static firn_status add_named_set(eng_reader *r)
{
    static const struct {
        const char *name;
        size_t n_ranges;
        eng_ir_range ranges[4];
    } sets[] = {
        {"[:alnum:]", 3, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
        {"[:alpha:]", 2, {{'A', 'Z'}, {'a', 'z'}}},
        {"[:ascii:]", 1, {{0, 0x7F}}},
        {"[:blank:]", 2, {{'\t', '\t'}, {' ', ' '}}},
        {"[:cntrl:]", 2, {{0, 0x1F}, {0x7F, 0x7F}}},
        {"[:digit:]", 1, {{'0', '9'}}},
        {"[:graph:]", 1, {{'!', '~'}}},
        {"[:lower:]", 1, {{'a', 'z'}}},
        {"[:print:]", 1, {{' ', '~'}}},
        {"[:punct:]", 4, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
        {"[:space:]", 2, {{'\t', '\r'}, {' ', ' '}}},
        {"[:upper:]", 1, {{'A', 'Z'}}},
        {"[:word:]", 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
        {"[:xdigit:]", 3, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        if (starts(r, sets[i].name)) {
            r->at += strlen(sets[i].name);
            return add_set(r, sets[i].ranges, sets[i].n_ranges, false);
        }
    return eng_fault(r, r->at, FIRN_ERROR_UNSUPPORTED,
                     "unknown set; known are [:alpha:], [:digit:], [:space:] and such");
}

static firn_status read_hex_escape(eng_reader *r, size_t from, unsigned n_digits, uint32_t *character)
{
    if (eng_peek(r) == '{') {
        size_t end = ++r->at;
        while (end < r->text.length && r->text.data[end] != '}')
            end++;
        n_digits = end < r->text.length && end - r->at <= 6 ? (unsigned)(end - r->at) : 0;
    }
    const bool brace = r->text.data[r->at - 1] == '{';
    if (n_digits == 0 || !eng_parse_hex(r->text, &r->at, n_digits, character))
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "expected \\xHH, \\uHHHH or \\x{H...}");
    r->at += brace;
    uint32_t low;
    const size_t behind = r->at;
    if (*character >= 0xD800 && *character <= 0xDBFF && starts(r, "\\u")) { /* a pair of surrogates, as in ECMA-262 */
        r->at += 2;
        if (eng_parse_hex(r->text, &r->at, 4, &low) && low >= 0xDC00 && low <= 0xDFFF)
            *character = 0x10000 + ((*character & 0x3FF) << 10) + (low & 0x3FF);
        else
            r->at = behind;
    }
    if (*character > ENG_CODE_POINT_LAST || (*character >= 0xD800 && *character <= 0xDFFF))
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "the escape is no character of Unicode");
    return FIRN_OK;
}

/* The escape behind a '\' that stands for one character. */
static firn_status read_escape(eng_reader *r, size_t from, uint32_t *character)
{
    static const char letters[] = "n\nr\rt\tf\fv\va\a0"; /* pairs; "\0" ends with the string's terminator */
    const size_t bytes = base_utf8_decode(r->text.data + r->at, r->text.length - r->at, character);
    if (bytes == 0)
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "the text ends within an escape, or is not UTF-8");
    r->at += bytes;
    const char c = bytes == 1 ? (char)*character : '\0';
    if (c == 'x' || c == 'u')
        return read_hex_escape(r, from, c == 'x' ? 2 : 4, character);
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (c == letters[i] && c != '\0') {
            *character = (uint8_t)letters[i + 1];
            return FIRN_OK;
        }
    if (c >= '1' && c <= '9')
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "references to groups are not regular and not supported");
    if (c == 'b' || c == 'B')
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "word boundaries (\\b, \\B) are not supported");
    if (c == 'p' || c == 'P')
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "classes by Unicode property (\\p) are not supported");
    if (c == 'A' || c == 'z' || c == 'Z')
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "write ^ and $ instead of \\A and \\z");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (bytes == 1 && *character < 0x20))
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "unknown escape");
    return FIRN_OK;
}

static uint32_t finish_class(eng_reader *r, bool negated)
{
    const uint32_t node = eng_ir_class(r->ir, r->ranges, r->n_ranges, negated);
    if (!eng_ir_failed(r->ir))
        r->ir->nodes[node].json = r->json;
    return node;
}

/* One character or set, as it may stand in a class ("[:alpha:]", "\\b") or outside. */
static firn_status read_part(eng_reader *r, bool in_class, uint32_t *character, bool *set)
{
    const size_t from = r->at;
    *set = in_class && starts(r, "[:");
    if (*set)
        return add_named_set(r);
    if (eng_peek(r) != '\\') {
        const size_t bytes = base_utf8_decode(r->text.data + from, r->text.length - from, character);
        r->at += bytes;
        return bytes == 0 ? eng_fault(r, from, FIRN_ERROR_FORMAT, "the text is not UTF-8") : FIRN_OK;
    }
    r->at++;
    const firn_status status = add_letter_set(r, eng_peek(r), set);
    r->at += *set;
    if (*set || status != FIRN_OK)
        return status;
    if (in_class && eng_peek(r) == 'b') { /* within a class it is a backspace */
        r->at++;
        *character = '\b';
        return FIRN_OK;
    }
    return read_escape(r, from, character);
}

static firn_status read_class(eng_reader *r, uint32_t *node)
{
    const size_t from = r->at++;
    const bool negated = eng_peek(r) == '^';
    r->at += negated;
    r->n_ranges = 0;
    for (bool first = true; first || eng_peek(r) != ']'; first = false) {
        uint32_t low = 0, high;
        bool set;
        if (r->at >= r->text.length)
            return eng_fault(r, from, FIRN_ERROR_FORMAT, "the class that begins here has no closing ']'");
        if (first && eng_peek(r) == ']' && r->json)
            break; /* ECMA-262's empty class; elsewhere a ']' that comes first stands for itself */
        firn_status status = read_part(r, true, &low, &set);
        if (status != FIRN_OK)
            return status;
        if (set)
            continue;
        high = low;
        if (eng_reader_at_range(r)) {
            r->at++;
            status = read_part(r, true, &high, &set);
            if (status != FIRN_OK)
                return status;
            if (set)
                return eng_fault(r, from, FIRN_ERROR_FORMAT, "a set ends a range of the class");
        }
        if ((status = eng_reader_add_range(r, from, low, high)) != FIRN_OK)
            return status;
    }
    r->at++;
    *node = finish_class(r, negated);
    return FIRN_OK;
}

/* Passes over "(", and "?:" or a name behind it. */
static firn_status read_group_start(eng_reader *r)
{
    const size_t from = r->at++;
    if (eng_peek(r) != '?')
        return FIRN_OK;
    if (starts(r, "?:")) {
        r->at += 2;
        return FIRN_OK;
    }
    if (starts(r, "?=") || starts(r, "?!") || starts(r, "?<=") || starts(r, "?<!"))
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "looking ahead or behind is not regular and not supported");
    if (!starts(r, "?<") && !starts(r, "?P<"))
        return eng_fault(r, from, FIRN_ERROR_UNSUPPORTED, "flags within the expression are not supported");
    const char *const end = memchr(r->text.data + r->at, '>', r->text.length - r->at);
    if (end == NULL)
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "the group's name has no closing '>'");
    r->at = (size_t)(end - r->text.data) + 1;
    return FIRN_OK;
}

static firn_status read_repetition(eng_reader *r)
{
    const uint32_t item = eng_reader_last(r);
    if (item != 0 && r->ir->nodes[item].kind == ENG_IR_REPEAT)
        return eng_fault(r, r->at, FIRN_ERROR_FORMAT, "a repetition of a repetition; put a group around the first");
    const firn_status status = eng_reader_repeat(r);
    if (status != FIRN_OK)
        return status;
    if (eng_peek(r) == '?') /* not greedy: matches the same texts */
        r->at++;
    else if (eng_peek(r) == '+')
        return eng_fault(r, r->at, FIRN_ERROR_UNSUPPORTED, "possessive repetitions are not supported");
    return FIRN_OK;
}

static firn_status read_item(eng_reader *r, uint32_t *node)
{
    const char c = eng_peek(r);
    uint32_t character;
    bool set = false;
    firn_status status = FIRN_OK;
    if (c == '[')
        return read_class(r, node);
    r->n_ranges = 0;
    if (c == '^' || c == '$') {
        r->at++;
        *node = eng_ir_node_of(r->ir, c == '^' ? ENG_IR_BEGIN : ENG_IR_END);
        return FIRN_OK;
    }
    if (c == '.') {
        static const eng_ir_range line_end[] = {{'\n', '\n'}};
        r->at++;
        status = add_set(r, line_end, 1, true);
    } else {
        status = read_part(r, false, &character, &set);
        if (status == FIRN_OK && !set)
            status = eng_reader_add_range(r, r->at, character, character);
    }
    if (status == FIRN_OK)
        *node = finish_class(r, false);
    return status;
}

static firn_status read_expression(eng_reader *r, uint32_t *node)
{
    firn_status status = eng_reader_open(r);
    *node = r->groups[0].choice;
    while (status == FIRN_OK && r->at < r->text.length && !eng_ir_failed(r->ir)) {
        const char c = eng_peek(r);
        if (c == '|') {
            r->at++;
            eng_reader_alternative(r);
        } else if (c == '(') {
            status = eng_reader_open(r);
            if (status == FIRN_OK)
                status = read_group_start(r);
        } else if (c == ')') {
            if (r->n_groups == 1)
                return eng_fault(r, r->at, FIRN_ERROR_FORMAT, "this ')' has no '('; write \\) for the character");
            eng_reader_close(r);
        } else if (c == '*' || c == '+' || c == '?' || c == '{') {
            status = read_repetition(r);
        } else {
            uint32_t item = 0;
            status = read_item(r, &item);
            if (status == FIRN_OK)
                eng_reader_add(r, item);
        }
    }
    if (status == FIRN_OK && r->n_groups > 1 && !eng_ir_failed(r->ir))
        return eng_fault(r, r->groups[r->n_groups - 1].at, FIRN_ERROR_FORMAT, "the '(' here has no ')'");
    return status;
}

uint32_t eng_parse_regex(eng_ir *ir, base_slice text, bool search, bool json, firn_error *error)
{
    const size_t first_node = ir->n_nodes;
    uint32_t node = 0;
    if (text.length > ENG_GRAMMAR_BYTES_MOST) {
        base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "the regular expression has %zu bytes, but the limit is %d",
                  text.length, ENG_GRAMMAR_BYTES_MOST);
        return 0;
    }
    eng_reader *const r = calloc(1, sizeof *r);
    if (r == NULL) {
        base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a regular expression");
        return 0;
    }
    *r = (eng_reader){.ir = ir, .text = text, .json = json, .error = error};
    const firn_status status = read_expression(r, &node);
    free(r->ranges);
    free(r);
    if (status == FIRN_OK)
        node = eng_ir_anchor(ir, node, first_node, search, json);
    if (status == FIRN_OK && eng_ir_failed(ir))
        base_fail(error, ir->error.status, FIRN_NO_OFFSET, "%s", ir->error.message);
    return status == FIRN_OK && !eng_ir_failed(ir) ? node : 0;
}
