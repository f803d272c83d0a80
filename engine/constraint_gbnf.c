/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GBNF, the notation for grammars that llama.cpp's users write:
 *
 *     root ::= "answer: " (yes | no){1,3} # a comment
 *     yes  ::= [yY] "es"
 *
 * Groups that are open are on a stack of their own.
 */
#include "engine/constraint_reader.h"

#include "base/utf8.h"

#include <stdlib.h>

enum { TABLE = 32768 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Spaces and comments; line ends too where `lines`. */
static void skip_space(eng_reader *r, bool lines)
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
static firn_status find_rule(eng_reader *r, base_slice name, size_t at, uint32_t *rule)
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

static base_slice read_name(eng_reader *r)
{
    const size_t from = r->at;
    while (is_word(eng_peek(r)))
        r->at++;
    return (base_slice){r->text.data + from, r->at - from};
}

/* A character of a literal or a class, escapes included. */
static firn_status read_character(eng_reader *r, uint32_t *character)
{
    const size_t from = r->at;
    const size_t bytes = base_utf8_decode(r->text.data + from, r->text.length - from, character);
    if (bytes == 0)
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "the text is not UTF-8");
    r->at += bytes;
    if (*character != '\\')
        return FIRN_OK;
    static const char letters[] = "n\nr\rt\t\\\\\"\"[[]]--^^"; /* pairs: the letter and what it stands for */
    const char c = eng_peek(r);
    r->at++;
    for (size_t i = 0; i + 1 < sizeof letters - 1; i += 2)
        if (c == letters[i]) {
            *character = (uint8_t)letters[i + 1];
            return FIRN_OK;
        }
    const unsigned digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || r->at > r->text.length || !eng_parse_hex(r->text, &r->at, digits, character))
        return eng_fault(r, from, FIRN_ERROR_FORMAT,
                         "unknown escape; known are \\n \\r \\t \\\\ \\\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH");
    if (*character > ENG_CODE_POINT_LAST || (*character >= 0xD800 && *character <= 0xDFFF))
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "the escape is no character of Unicode");
    return FIRN_OK;
}

static firn_status read_literal(eng_reader *r, uint32_t *node)
{
    const size_t from = r->at++;
    char *const bytes = malloc(r->text.length - from);
    size_t length = 0;
    firn_status status = FIRN_OK;
    if (bytes == NULL)
        return eng_fault(r, from, FIRN_ERROR_MEMORY, "no memory for a literal");
    while (status == FIRN_OK && eng_peek(r) != '"') {
        uint32_t character = 0;
        if (r->at >= r->text.length || eng_peek(r) == '\n')
            status = eng_fault(r, from, FIRN_ERROR_FORMAT, "the literal that begins here has no closing '\"'");
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

static firn_status read_class(eng_reader *r, uint32_t *node)
{
    const size_t from = r->at++;
    const bool negated = eng_peek(r) == '^';
    firn_status status = FIRN_OK;
    r->at += negated;
    r->n_ranges = 0;
    while (status == FIRN_OK && eng_peek(r) != ']') {
        uint32_t first, last;
        if (r->at >= r->text.length || eng_peek(r) == '\n')
            return eng_fault(r, from, FIRN_ERROR_FORMAT, "the class that begins here has no closing ']'");
        if ((status = read_character(r, &first)) != FIRN_OK)
            return status;
        last = first;
        if (eng_reader_at_range(r)) {
            r->at++;
            status = read_character(r, &last);
        }
        if (status == FIRN_OK)
            status = eng_reader_add_range(r, from, first, last);
    }
    if (status != FIRN_OK)
        return status;
    r->at++;
    *node = eng_ir_class(r->ir, r->ranges, r->n_ranges, negated);
    return FIRN_OK;
}

/* One item of a sequence that is not a parenthesis. */
static firn_status read_item(eng_reader *r, uint32_t *node)
{
    const size_t from = r->at;
    if (eng_peek(r) == '"')
        return read_literal(r, node);
    if (eng_peek(r) == '[')
        return read_class(r, node);
    if (eng_peek(r) == '.') {
        r->at++;
        *node = eng_ir_character(r->ir, 0, ENG_CODE_POINT_LAST);
        return FIRN_OK;
    }
    if (!is_word(eng_peek(r)))
        return eng_fault(r, from, FIRN_ERROR_FORMAT,
                         eng_peek(r) == '<' || eng_peek(r) == '!'
                             ? "tokens in grammars are not supported; write their text"
                             : "expected a literal, a class, a group, a rule's name or '|'");
    uint32_t rule = 0;
    const firn_status status = find_rule(r, read_name(r), from, &rule);
    *node = eng_ir_call(r->ir, rule);
    return status;
}

/* True where the rule goes on in a later line, with '|'. */
static bool goes_on(eng_reader *r)
{
    const size_t from = r->at;
    skip_space(r, true);
    if (eng_peek(r) == '|')
        return true;
    r->at = from;
    return false;
}

/* The alternatives of a rule, up to its end. */
static firn_status read_alternatives(eng_reader *r, uint32_t *node)
{
    r->n_groups = 0;
    firn_status status = eng_reader_open(r);
    *node = r->groups[0].choice;
    while (status == FIRN_OK && !eng_ir_failed(r->ir)) {
        const bool nested = r->n_groups > 1;
        skip_space(r, nested);
        const char c = eng_peek(r);
        if (c == '|' || (!nested && (c == '\n' || c == '\r') && goes_on(r))) {
            r->at++;
            skip_space(r, true);
            eng_reader_alternative(r);
        } else if (r->at >= r->text.length || (!nested && (c == '\n' || c == '\r'))) {
            return nested ? eng_fault(r, r->groups[r->n_groups - 1].at, FIRN_ERROR_FORMAT, "the '(' here has no ')'")
                          : FIRN_OK;
        } else if (c == '(') {
            status = eng_reader_open(r);
            r->at++;
        } else if (c == ')') {
            if (!nested)
                return eng_fault(r, r->at, FIRN_ERROR_FORMAT, "this ')' has no '('");
            eng_reader_close(r);
        } else if (c == '*' || c == '+' || c == '?' || c == '{') {
            status = eng_reader_repeat(r);
        } else {
            uint32_t item = 0;
            status = read_item(r, &item);
            if (status == FIRN_OK)
                eng_reader_add(r, item);
        }
    }
    return status;
}

static firn_status read_rule(eng_reader *r)
{
    const size_t from = r->at;
    uint32_t rule, node;
    const base_slice name = read_name(r);
    if (name.length == 0)
        return eng_fault(r, from, FIRN_ERROR_FORMAT, "expected a rule: name ::= what it matches");
    firn_status status = find_rule(r, name, from, &rule);
    if (status != FIRN_OK)
        return status;
    skip_space(r, false);
    if (r->text.length - r->at < 3 || memcmp(r->text.data + r->at, "::=", 3) != 0)
        return eng_fault(r, r->at, FIRN_ERROR_FORMAT, "expected ::= after the rule's name");
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

static firn_status read_grammar(eng_reader *r)
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
    eng_reader *const r = calloc(1, sizeof *r);
    uint32_t *const table = calloc(TABLE, sizeof *table);
    firn_status status;
    if (r == NULL || table == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a grammar");
    } else {
        *r = (eng_reader){.ir = ir, .text = text, .table = table, .error = error};
        status = read_grammar(r);
        free(r->ranges);
    }
    free(table);
    free(r);
    return status;
}
