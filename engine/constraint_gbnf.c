/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GBNF, the notation for grammars that llama.cpp's users write:
 *
 *     root ::= "answer: " (yes | no){1,3} # a comment
 *     yes  ::= [yY] "es"
 *
 * Groups that are open are on a stack of their own.
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
    uint32_t *table; /* [TABLE] rule + 1 by hash of the name, or 0 */
    group groups[ENG_NESTING_MOST + 1];
    size_t n_groups;
    eng_ir_range *ranges; /* of the class that is being read */
    size_t n_ranges, room_ranges;
    firn_error *error;
} reader;

enum { TABLE = 32768 };

static firn_status fault(const reader *r, size_t at, firn_status status, const char *what)
{
    return eng_text_fault(r->text, at, status, r->error, "%s", what);
}

static char peek(const reader *r)
{
    return r->at < r->text.length ? r->text.data[r->at] : '\0';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Spaces and comments; line ends too where `lines`. */
static void skip_space(reader *r, bool lines)
{
    for (; r->at < r->text.length; r->at++) {
        const char c = r->text.data[r->at];
        if (c == '#')
            while (r->at + 1 < r->text.length && r->text.data[r->at + 1] != '\n')
                r->at++;
        else if (!(c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))))
            return;
    }
}

/* The rule of a name, which may not be defined yet. */
static firn_status find_rule(reader *r, base_slice name, size_t at, uint32_t *rule)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.length; i++)
        hash = (hash ^ (uint8_t)name.data[i]) * 16777619u;
    size_t slot = hash % TABLE;
    for (; r->table[slot] != 0; slot = (slot + 1) % TABLE) {
        const eng_ir_rule *const known = &r->ir->rules[r->table[slot] - 1];
        *rule = r->table[slot] - 1;
        if (base_slice_equal(name, (base_slice){r->ir->bytes + known->name, known->length}))
            return FIRN_OK;
    }
    if (r->ir->n_rules == ENG_GRAMMAR_RULES_MOST)
        return eng_text_fault(r->text, at, FIRN_ERROR_LIMIT, r->error, "more than %d rules", ENG_GRAMMAR_RULES_MOST);
    *rule = eng_ir_add_rule(r->ir, name, at);
    r->table[slot] = *rule + 1;
    return FIRN_OK;
}

static base_slice read_name(reader *r)
{
    const size_t from = r->at;
    while (is_word(peek(r)))
        r->at++;
    return (base_slice){r->text.data + from, r->at - from};
}

/* A character of a literal or a class, escapes included. */
static firn_status read_character(reader *r, uint32_t *character)
{
    const size_t from = r->at;
    const size_t bytes = base_utf8_decode(r->text.data + from, r->text.length - from, character);
    if (bytes == 0)
        return fault(r, from, FIRN_ERROR_FORMAT, "the text is not UTF-8");
    r->at += bytes;
    if (*character != '\\')
        return FIRN_OK;
    static const char letters[] = "n\nr\rt\t\\\\\"\"[[]]--^^"; /* pairs: the letter and what it stands for */
    const char c = peek(r);
    r->at++;
    for (size_t i = 0; i + 1 < sizeof letters - 1; i += 2)
        if (c == letters[i]) {
            *character = (uint8_t)letters[i + 1];
            return FIRN_OK;
        }
    const unsigned digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || r->at > r->text.length || !eng_parse_hex(r->text, &r->at, digits, character))
        return fault(r, from, FIRN_ERROR_FORMAT,
                     "unknown escape; known are \\n \\r \\t \\\\ \\\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH");
    if (*character > ENG_CODE_POINT_LAST || (*character >= 0xD800 && *character <= 0xDFFF))
        return fault(r, from, FIRN_ERROR_FORMAT, "the escape is no character of Unicode");
    return FIRN_OK;
}

static firn_status read_literal(reader *r, uint32_t *node)
{
    const size_t from = r->at++;
    char *const bytes = malloc(r->text.length - from);
    size_t length = 0;
    firn_status status = FIRN_OK;
    if (bytes == NULL)
        return fault(r, from, FIRN_ERROR_MEMORY, "no memory for a literal");
    while (status == FIRN_OK && peek(r) != '"') {
        uint32_t character = 0;
        if (r->at >= r->text.length || peek(r) == '\n')
            status = fault(r, from, FIRN_ERROR_FORMAT, "the literal that begins here has no closing '\"'");
        else
            status = read_character(r, &character);
        if (status == FIRN_OK) /* an escape is never shorter than its character */
            length += base_utf8_encode(character, bytes + length);
    }
    r->at++;
    if (status == FIRN_OK)
        *node = eng_ir_literal(r->ir, (base_slice){bytes, length});
    free(bytes);
    return status;
}

static firn_status read_class(reader *r, uint32_t *node)
{
    const size_t from = r->at++;
    const bool negated = peek(r) == '^';
    firn_status status = FIRN_OK;
    r->at += negated;
    r->n_ranges = 0;
    while (peek(r) != ']') {
        eng_ir_range range;
        if (r->at >= r->text.length || peek(r) == '\n')
            return fault(r, from, FIRN_ERROR_FORMAT, "the class that begins here has no closing ']'");
        if ((status = read_character(r, &range.first)) != FIRN_OK)
            return status;
        range.last = range.first;
        if (peek(r) == '-' && r->at + 1 < r->text.length && r->text.data[r->at + 1] != ']') {
            r->at++;
            if ((status = read_character(r, &range.last)) != FIRN_OK)
                return status;
        }
        if (range.last < range.first)
            return fault(r, from, FIRN_ERROR_FORMAT, "a range of the class ends below its beginning");
        if (!base_grow(&r->ranges, &r->room_ranges, r->n_ranges + 1, sizeof range))
            return fault(r, from, FIRN_ERROR_MEMORY, "no memory for a class");
        r->ranges[r->n_ranges++] = range;
    }
    r->at++;
    *node = eng_ir_class(r->ir, r->ranges, r->n_ranges, negated);
    return FIRN_OK;
}

/* Opens a group (the rule itself is the first) and its first alternative. */
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

static firn_status read_repetition(reader *r, const group *g)
{
    const char c = peek(r);
    uint32_t low = c == '+', high = c == '?' ? 1 : ENG_IR_UNBOUNDED;
    const uint32_t item = eng_ir_failed(r->ir) ? 0 : r->ir->nodes[g->sequence].last_child;
    if (item == 0)
        return fault(r, r->at, FIRN_ERROR_FORMAT, "nothing stands before this repetition");
    r->at++;
    if (c == '{' && !eng_parse_bounds(r->text, &r->at, &low, &high, r->error))
        return r->error->status;
    eng_ir_wrap(r->ir, item, low, high);
    return FIRN_OK;
}

/* One item of a sequence that is not a parenthesis. */
static firn_status read_item(reader *r, uint32_t *node)
{
    const size_t from = r->at;
    if (peek(r) == '"')
        return read_literal(r, node);
    if (peek(r) == '[')
        return read_class(r, node);
    if (peek(r) == '.') {
        r->at++;
        *node = eng_ir_character(r->ir, 0, ENG_CODE_POINT_LAST);
        return FIRN_OK;
    }
    if (!is_word(peek(r)))
        return fault(r, from, FIRN_ERROR_FORMAT,
                     peek(r) == '<' || peek(r) == '!' ? "tokens in grammars are not supported; write their text"
                                                      : "expected a literal, a class, a group, a rule's name or '|'");
    uint32_t rule = 0;
    const firn_status status = find_rule(r, read_name(r), from, &rule);
    *node = eng_ir_call(r->ir, rule);
    return status;
}

/* True where the rule goes on in a later line, with '|'. */
static bool goes_on(reader *r)
{
    const size_t from = r->at;
    skip_space(r, true);
    if (peek(r) == '|')
        return true;
    r->at = from;
    return false;
}

/* The alternatives of a rule, up to its end. */
static firn_status read_alternatives(reader *r, uint32_t *node)
{
    r->n_groups = 0;
    firn_status status = open_group(r);
    *node = r->groups[0].choice;
    while (status == FIRN_OK && !eng_ir_failed(r->ir)) {
        group *const g = &r->groups[r->n_groups - 1];
        const bool nested = r->n_groups > 1;
        skip_space(r, nested);
        const char c = peek(r);
        if (c == '|' || (!nested && (c == '\n' || c == '\r') && goes_on(r))) {
            r->at++;
            skip_space(r, true);
            g->sequence = eng_ir_node_of(r->ir, ENG_IR_SEQUENCE);
            eng_ir_add(r->ir, g->choice, g->sequence);
        } else if (r->at >= r->text.length || (!nested && (c == '\n' || c == '\r'))) {
            return nested ? fault(r, g->at, FIRN_ERROR_FORMAT, "the '(' here has no ')'") : FIRN_OK;
        } else if (c == '(') {
            status = open_group(r);
            r->at++;
        } else if (c == ')') {
            if (!nested)
                return fault(r, r->at, FIRN_ERROR_FORMAT, "this ')' has no '('");
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
    return status;
}

static firn_status read_rule(reader *r)
{
    const size_t from = r->at;
    uint32_t rule, node;
    const base_slice name = read_name(r);
    if (name.length == 0)
        return fault(r, from, FIRN_ERROR_FORMAT, "expected a rule: name ::= what it matches");
    firn_status status = find_rule(r, name, from, &rule);
    if (status != FIRN_OK)
        return status;
    skip_space(r, false);
    if (r->text.length - r->at < 3 || memcmp(r->text.data + r->at, "::=", 3) != 0)
        return fault(r, r->at, FIRN_ERROR_FORMAT, "expected ::= after the rule's name");
    r->at += 3;
    skip_space(r, true);
    status = read_alternatives(r, &node);
    if (status != FIRN_OK || eng_ir_failed(r->ir))
        return status;
    if (r->ir->rules[rule].node != 0)
        return eng_text_fault(r->text, from, FIRN_ERROR_FORMAT, r->error, "the rule '%.*s' is defined twice",
                              name.length > 100 ? 100 : (int)name.length, name.data);
    r->ir->rules[rule].node = node;
    return FIRN_OK;
}

static firn_status read_grammar(reader *r)
{
    uint32_t root = 0;
    firn_status status = find_rule(r, base_slice_from("root"), SIZE_MAX, &root);
    for (skip_space(r, true); status == FIRN_OK && r->at < r->text.length && !eng_ir_failed(r->ir); skip_space(r, true))
        status = read_rule(r);
    if (status != FIRN_OK || eng_ir_failed(r->ir))
        return status;
    if (r->ir->rules[root].node == 0)
        return base_fail(r->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "the grammar has no rule 'root', where it begins");
    for (size_t i = 0; i < r->ir->n_rules; i++) {
        const eng_ir_rule *const rule = &r->ir->rules[i];
        if (rule->node == 0)
            return eng_text_fault(r->text, rule->offset, FIRN_ERROR_FORMAT, r->error, "the rule '%.*s' is not defined",
                                  rule->length > 100 ? 100 : (int)rule->length, r->ir->bytes + rule->name);
    }
    return FIRN_OK;
}

firn_status eng_compile_gbnf(eng_ir *ir, base_slice text, firn_error *error)
{
    if (text.length > ENG_GRAMMAR_BYTES_MOST)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "the grammar has %zu bytes, but the limit is %d",
                         text.length, ENG_GRAMMAR_BYTES_MOST);
    reader *const r = calloc(1, sizeof *r);
    uint32_t *const table = calloc(TABLE, sizeof *table);
    firn_status status;
    if (r == NULL || table == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a grammar");
    } else {
        *r = (reader){.ir = ir, .text = text, .table = table, .error = error};
        status = read_grammar(r);
        free(r->ranges);
    }
    free(table);
    free(r);
    return status;
}
