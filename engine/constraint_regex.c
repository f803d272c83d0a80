/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions as RE2 and ECMA-262 write them, as far as they are regular: no references to groups, no look
 * around, no word boundaries. Greedy or not makes no difference to what matches. Groups that are open are on a stack.
 */
#include "engine/constraint_compile.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>

typedef struct group {
    uint32_t choice, sequence; /* nodes: the alternatives, and the one that is being read */
    size_t at;                 /* its parenthesis */
} group;

typedef struct reader {
    eng_ir *ir;
    base_slice text;
    size_t at;
    bool json;
    group groups[ENG_NESTING_MOST + 1];
    size_t n_groups;
    eng_ir_range *ranges; /* of the class that is being read */
    size_t n_ranges, room_ranges;
    firn_error *error;
} reader;

static const eng_ir_range digits[] = {{'0', '9'}};
static const eng_ir_range words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const eng_ir_range spaces[] = {{'\t', '\r'}, {' ', ' '}};

static firn_status fault(const reader *r, size_t at, firn_status status, const char *what)
{
    return eng_text_fault(r->text, at, status, r->error, "%s", what);
}

static bool starts(const reader *r, const char *prefix)
{
    const size_t length = strlen(prefix);
    return r->text.length - r->at >= length && memcmp(r->text.data + r->at, prefix, length) == 0;
}

static char peek(const reader *r)
{
    return r->at < r->text.length ? r->text.data[r->at] : '\0';
}

static firn_status add_range(reader *r, uint32_t first, uint32_t last)
{
    if (!base_grow(&r->ranges, &r->room_ranges, r->n_ranges + 1, sizeof *r->ranges))
        return fault(r, r->at, FIRN_ERROR_MEMORY, "no memory for a class");
    r->ranges[r->n_ranges++] = (eng_ir_range){first, last};
    return FIRN_OK;
}

/* Adds a set, or all that it does not hold, to the class that is being read. */
static firn_status add_set(reader *r, const eng_ir_range *set, size_t n_ranges, bool negated)
{
    uint32_t from = 0;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < n_ranges && status == FIRN_OK; i++) {
        if (!negated)
            status = add_range(r, set[i].first, set[i].last);
        else if (set[i].first > from)
            status = add_range(r, from, set[i].first - 1);
        from = set[i].last + 1;
    }
    return status == FIRN_OK && negated ? add_range(r, from, ENG_CODE_POINT_LAST) : status;
}

/* The sets \d \w \s and their opposites; *known is false for other letters. */
static firn_status add_letter_set(reader *r, char letter, bool *known)
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
static firn_status add_named_set(reader *r)
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
    return fault(r, r->at, FIRN_ERROR_UNSUPPORTED, "unknown set; known are [:alpha:], [:digit:], [:space:] and such");
}

static firn_status read_hex_escape(reader *r, size_t from, unsigned n_digits, uint32_t *character)
{
    if (peek(r) == '{') {
        size_t end = ++r->at;
        while (end < r->text.length && r->text.data[end] != '}')
            end++;
        n_digits = end < r->text.length && end - r->at <= 6 ? (unsigned)(end - r->at) : 0;
    }
    const bool brace = r->text.data[r->at - 1] == '{';
    if (n_digits == 0 || !eng_parse_hex(r->text, &r->at, n_digits, character))
        return fault(r, from, FIRN_ERROR_FORMAT, "expected \\xHH, \\uHHHH or \\x{H...}");
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
        return fault(r, from, FIRN_ERROR_FORMAT, "the escape is no character of Unicode");
    return FIRN_OK;
}

/* The escape behind a '\' that stands for one character. */
static firn_status read_escape(reader *r, size_t from, uint32_t *character)
{
    static const char letters[] = "n\nr\rt\tf\fv\va\a0"; /* pairs; "\0" ends with the string's terminator */
    const size_t bytes = base_utf8_decode(r->text.data + r->at, r->text.length - r->at, character);
    if (bytes == 0)
        return fault(r, from, FIRN_ERROR_FORMAT, "the text ends within an escape, or is not UTF-8");
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
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "references to groups are not regular and not supported");
    if (c == 'b' || c == 'B')
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "word boundaries (\\b, \\B) are not supported");
    if (c == 'p' || c == 'P')
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "classes by Unicode property (\\p) are not supported");
    if (c == 'A' || c == 'z' || c == 'Z')
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "write ^ and $ instead of \\A and \\z");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (bytes == 1 && *character < 0x20))
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "unknown escape");
    return FIRN_OK;
}

static uint32_t finish_class(reader *r, bool negated)
{
    const uint32_t node = eng_ir_class(r->ir, r->ranges, r->n_ranges, negated);
    if (!eng_ir_failed(r->ir))
        r->ir->nodes[node].json = r->json;
    return node;
}

/* One character or set, as it may stand in a class ("[:alpha:]", "\\b") or outside. */
static firn_status read_part(reader *r, bool in_class, uint32_t *character, bool *set)
{
    const size_t from = r->at;
    *set = in_class && starts(r, "[:");
    if (*set)
        return add_named_set(r);
    if (peek(r) != '\\') {
        const size_t bytes = base_utf8_decode(r->text.data + from, r->text.length - from, character);
        r->at += bytes;
        return bytes == 0 ? fault(r, from, FIRN_ERROR_FORMAT, "the text is not UTF-8") : FIRN_OK;
    }
    r->at++;
    const firn_status status = add_letter_set(r, peek(r), set);
    r->at += *set;
    if (*set || status != FIRN_OK)
        return status;
    if (in_class && peek(r) == 'b') { /* within a class it is a backspace */
        r->at++;
        *character = '\b';
        return FIRN_OK;
    }
    return read_escape(r, from, character);
}

static firn_status read_class(reader *r, uint32_t *node)
{
    const size_t from = r->at++;
    const bool negated = peek(r) == '^';
    r->at += negated;
    r->n_ranges = 0;
    for (bool first = true; first || peek(r) != ']'; first = false) {
        uint32_t low = 0, high;
        bool set;
        if (r->at >= r->text.length)
            return fault(r, from, FIRN_ERROR_FORMAT, "the class that begins here has no closing ']'");
        if (first && peek(r) == ']' && r->json)
            break; /* ECMA-262's empty class; elsewhere a ']' that comes first stands for itself */
        firn_status status = read_part(r, true, &low, &set);
        if (status != FIRN_OK)
            return status;
        if (set)
            continue;
        high = low;
        if (peek(r) == '-' && r->at + 1 < r->text.length && r->text.data[r->at + 1] != ']') {
            r->at++;
            status = read_part(r, true, &high, &set);
            if (status != FIRN_OK)
                return status;
            if (set || high < low)
                return fault(r, from, FIRN_ERROR_FORMAT, "a range of the class ends below its beginning");
        }
        if ((status = add_range(r, low, high)) != FIRN_OK)
            return status;
    }
    r->at++;
    *node = finish_class(r, negated);
    return FIRN_OK;
}

static firn_status open_group(reader *r)
{
    if (r->n_groups > ENG_NESTING_MOST)
        return eng_text_fault(r->text, r->at, FIRN_ERROR_LIMIT, r->error, "more than %d groups inside each other",
                              ENG_NESTING_MOST);
    group *const g = &r->groups[r->n_groups++];
    *g = (group){.choice = eng_ir_node_of(r->ir, ENG_IR_CHOICE),
                 .sequence = eng_ir_node_of(r->ir, ENG_IR_SEQUENCE),
                 .at = r->at};
    eng_ir_add(r->ir, g->choice, g->sequence);
    return FIRN_OK;
}

/* Passes over "(", and "?:" or a name behind it. */
static firn_status read_group_start(reader *r)
{
    const size_t from = r->at++;
    if (peek(r) != '?')
        return FIRN_OK;
    if (starts(r, "?:")) {
        r->at += 2;
        return FIRN_OK;
    }
    if (starts(r, "?=") || starts(r, "?!") || starts(r, "?<=") || starts(r, "?<!"))
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "looking ahead or behind is not regular and not supported");
    if (!starts(r, "?<") && !starts(r, "?P<"))
        return fault(r, from, FIRN_ERROR_UNSUPPORTED, "flags within the expression are not supported");
    const char *const end = memchr(r->text.data + r->at, '>', r->text.length - r->at);
    if (end == NULL)
        return fault(r, from, FIRN_ERROR_FORMAT, "the group's name has no closing '>'");
    r->at = (size_t)(end - r->text.data) + 1;
    return FIRN_OK;
}

static firn_status read_repetition(reader *r, const group *g)
{
    const char c = peek(r);
    uint32_t low = c == '+', high = c == '?' ? 1 : ENG_IR_UNBOUNDED;
    const uint32_t item = eng_ir_failed(r->ir) ? 0 : r->ir->nodes[g->sequence].last_child;
    if (item == 0)
        return fault(r, r->at, FIRN_ERROR_FORMAT, "nothing stands before this repetition");
    if (r->ir->nodes[item].kind == ENG_IR_REPEAT)
        return fault(r, r->at, FIRN_ERROR_FORMAT, "a repetition of a repetition; put a group around the first");
    r->at++;
    if (c == '{' && !eng_parse_bounds(r->text, &r->at, &low, &high, r->error))
        return r->error->status;
    if (peek(r) == '?') /* not greedy: matches the same texts */
        r->at++;
    else if (peek(r) == '+')
        return fault(r, r->at, FIRN_ERROR_UNSUPPORTED, "possessive repetitions are not supported");
    eng_ir_wrap(r->ir, item, low, high);
    return FIRN_OK;
}

static firn_status read_item(reader *r, uint32_t *node)
{
    const char c = peek(r);
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
            status = add_range(r, character, character);
    }
    if (status == FIRN_OK)
        *node = finish_class(r, false);
    return status;
}

static firn_status read_expression(reader *r, uint32_t *node)
{
    firn_status status = open_group(r);
    *node = r->groups[0].choice;
    while (status == FIRN_OK && r->at < r->text.length && !eng_ir_failed(r->ir)) {
        group *const g = &r->groups[r->n_groups - 1];
        const char c = peek(r);
        if (c == '|') {
            r->at++;
            g->sequence = eng_ir_node_of(r->ir, ENG_IR_SEQUENCE);
            eng_ir_add(r->ir, g->choice, g->sequence);
        } else if (c == '(') {
            status = open_group(r);
            if (status == FIRN_OK)
                status = read_group_start(r);
        } else if (c == ')') {
            if (r->n_groups == 1)
                return fault(r, r->at, FIRN_ERROR_FORMAT, "this ')' has no '('; write \\) for the character");
            r->at++;
            r->n_groups--;
            eng_ir_add(r->ir, r->groups[r->n_groups - 1].sequence, g->choice);
        } else if (c == '*' || c == '+' || c == '?' || c == '{') {
            status = read_repetition(r, g);
        } else {
            uint32_t item = 0;
            status = read_item(r, &item);
            if (status == FIRN_OK)
                eng_ir_add(r->ir, g->sequence, item);
        }
    }
    if (status == FIRN_OK && r->n_groups > 1 && !eng_ir_failed(r->ir))
        return fault(r, r->groups[r->n_groups - 1].at, FIRN_ERROR_FORMAT, "the '(' here has no ')'");
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
    reader *const r = calloc(1, sizeof *r);
    if (r == NULL) {
        base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a regular expression");
        return 0;
    }
    *r = (reader){.ir = ir, .text = text, .json = json, .error = error};
    const firn_status status = read_expression(r, &node);
    free(r->ranges);
    free(r);
    if (status == FIRN_OK)
        node = eng_ir_anchor(ir, node, first_node, search, json);
    if (status == FIRN_OK && eng_ir_failed(ir))
        base_fail(error, ir->error.status, FIRN_NO_OFFSET, "%s", ir->error.message);
    return status == FIRN_OK && !eng_ir_failed(ir) ? node : 0;
}
