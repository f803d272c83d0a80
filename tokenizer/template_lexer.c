/* SPDX-License-Identifier: Apache-2.0 */
/* Template source to tokens, with Jinja's whitespace control as trim_blocks and lstrip_blocks set it. */
#include "tokenizer/template_p.h"

#include "base/number.h"
#include "base/utf8.h"

typedef struct lexer {
    tok_guard *guard;
    base_slice source;
    size_t at;
    tok_token *tokens;
    size_t count, capacity;
    char brackets[TOK_TEMPLATE_DEPTH]; /* the closing ones that are awaited inside a tag */
    size_t n_brackets;
} lexer;

static bool starts(const lexer *lex, size_t at, const char *text)
{
    size_t length = strlen(text);
    return at <= lex->source.length && length <= lex->source.length - at &&
           memcmp(lex->source.data + at, text, length) == 0;
}

_Noreturn static void fault_at(lexer *lex, size_t at, const char *message)
{
    lex->guard->position = (uint32_t)at;
    tok_fault(lex->guard, FIRN_ERROR_FORMAT, "%s", message);
}

static tok_token *push(lexer *lex, tok_token_kind kind, size_t from, size_t to)
{
    tok_token *token = tok_grow(lex->guard, (void **)&lex->tokens, lex->count, &lex->capacity, sizeof *lex->tokens);
    lex->count++;
    *token = (tok_token){.kind = kind, .position = (uint32_t)from, .text = {lex->source.data + from, to - from}};
    return token;
}

/* ---- whitespace control ---- */

/* Bytes of the white space that begins at `at`, or 0. */
static size_t space_at(const lexer *lex, size_t at)
{
    uint32_t code;
    if (at >= lex->source.length)
        return 0;
    size_t width = base_utf8_decode(lex->source.data + at, lex->source.length - at, &code);
    return width > 0 && tok_is_space(code) ? width : 0;
}

static size_t skip_space(const lexer *lex, size_t at)
{
    for (size_t width = space_at(lex, at); width > 0; width = space_at(lex, at))
        at += width;
    return at;
}

/* The end of source[from, to) without the white space before it. */
static size_t strip_right(const lexer *lex, size_t from, size_t to)
{
    while (to > from) {
        size_t before = to - 1;
        while (before > from && ((unsigned char)lex->source.data[before] & 0xC0) == 0x80)
            before--;
        if (space_at(lex, before) == 0)
            break;
        to = before;
    }
    return to;
}

/* Emits the data source[from, to) that stands before a tag whose sign is `sign` ('-', '+' or 0). */
static void push_data(lexer *lex, size_t from, size_t to, char sign, bool lstrip)
{
    size_t end = to;
    if (sign == '-') {
        end = strip_right(lex, from, to);
    } else if (sign != '+' && lstrip) {
        size_t line = to;
        while (line > from && lex->source.data[line - 1] != '\n')
            line--;
        bool whole_line = line > from || from == 0 || lex->source.data[from - 1] == '\n';
        if (whole_line && skip_space(lex, line) >= to)
            end = line;
    }
    if (end > from)
        push(lex, TOK_T_DATA, from, end);
}

/* Bytes of the tag's end at `at` ("%}" or "#}" as `close`), with what it takes along, or 0. */
static size_t tag_end(const lexer *lex, size_t at, const char *close, bool plus)
{
    char first = at < lex->source.length ? lex->source.data[at] : '\0';
    if (first == '-' && starts(lex, at + 1, close))
        return skip_space(lex, at + 3) - at;
    if (plus && first == '+' && starts(lex, at + 1, close))
        return 3;
    if (!starts(lex, at, close))
        return 0;
    return plus && starts(lex, at + 2, "\n") ? 3 : 2;
}

static char sign_at(const lexer *lex, size_t at)
{
    char c = at < lex->source.length ? lex->source.data[at] : '\0';
    return c == '-' || c == '+' ? c : '\0';
}

/* ---- comments and raw blocks ---- */

static void skip_comment(lexer *lex, size_t open)
{
    for (size_t at = lex->at; at < lex->source.length; at++) {
        size_t width = tag_end(lex, at, "#}", true);
        if (width > 0) {
            lex->at = at + width;
            return;
        }
    }
    fault_at(lex, open, "the comment has no end ('#}')");
}

/* If a tag that consists of `word` alone begins behind "{%" at `open`, where its closing part begins; else 0. */
static size_t word_tag(const lexer *lex, size_t open, const char *word)
{
    size_t at = open + 2;
    if (sign_at(lex, at) != '\0')
        at++;
    at = skip_space(lex, at);
    return starts(lex, at, word) ? skip_space(lex, at + strlen(word)) : 0;
}

/* Handles {% raw %}: false if the tag at `open` is none. */
static bool raw_block(lexer *lex, size_t open)
{
    size_t close = word_tag(lex, open, "raw");
    if (close == 0)
        return false;
    size_t body;
    if (starts(lex, close, "-%}"))
        body = skip_space(lex, close + 3);
    else if (starts(lex, close, "%}"))
        body = close + 2;
    else
        return false;
    for (size_t at = body; at < lex->source.length; at++) {
        size_t end = starts(lex, at, "{%") ? word_tag(lex, at, "endraw") : 0;
        size_t width = end != 0 ? tag_end(lex, end, "%}", true) : 0;
        if (width == 0)
            continue;
        push_data(lex, body, at, sign_at(lex, at + 2), true);
        lex->at = end + width;
        return true;
    }
    fault_at(lex, open, "the raw block has no end ('{% endraw %}')");
}

/* ---- tokens inside tags ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

static bool is_name(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80 ||
           (!first && is_digit(c));
}

/* Passes over digits of a base, single underscores between them allowed. */
static size_t skip_digits(const lexer *lex, size_t at, int base)
{
    const char *data = lex->source.data;
    while (at < lex->source.length) {
        if (digit_value(data[at]) < base)
            at++;
        else if (data[at] == '_' && at + 1 < lex->source.length && digit_value(data[at + 1]) < base)
            at += 2;
        else
            break;
    }
    return at;
}

/* The end of a float that begins at `at`, or 0 if the number there is none. */
static size_t float_end(const lexer *lex, size_t at)
{
    const char *data = lex->source.data;
    size_t length = lex->source.length, end = skip_digits(lex, at, 10);
    bool is_float = false;
    if (at > 0 && data[at - 1] == '.')
        return 0;
    if (end + 1 < length && data[end] == '.' && is_digit(data[end + 1])) {
        end = skip_digits(lex, end + 1, 10);
        is_float = true;
    }
    if (end + 1 < length && (data[end] | 0x20) == 'e') {
        size_t exponent = end + 1 + (data[end + 1] == '+' || data[end + 1] == '-');
        if (exponent < length && is_digit(data[exponent])) {
            end = skip_digits(lex, exponent, 10);
            is_float = true;
        }
    }
    return is_float ? end : 0;
}

static void lex_float(lexer *lex, size_t end)
{
    char digits[400];
    size_t length = 0;
    for (size_t i = lex->at; i < end; i++) {
        if (lex->source.data[i] == '_')
            continue;
        if (length == sizeof digits)
            fault_at(lex, lex->at, "the number has too many digits");
        digits[length++] = lex->source.data[i];
    }
    double value = 0;
    base_parse_double((base_slice){digits, length}, &value);
    push(lex, TOK_T_FLOAT, lex->at, end)->value = (tok_value){.type = TOK_V_FLOAT, .as.number = value};
    lex->at = end;
}

static void lex_number(lexer *lex)
{
    const char *data = lex->source.data;
    size_t at = lex->at, end = float_end(lex, at);
    if (end != 0) {
        lex_float(lex, end);
        return;
    }
    int base = 10;
    char prefix = at + 2 < lex->source.length && data[at] == '0' ? (char)(data[at + 1] | 0x20) : '\0';
    int prefixed = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
    size_t digits = at;
    if (prefixed != 0 && skip_digits(lex, at + 2, prefixed) > at + 2) {
        base = prefixed;
        digits = at + 2;
    }
    end = skip_digits(lex, digits, data[at] == '0' && base == 10 ? 1 : base);
    int64_t value = 0;
    for (size_t i = digits; i < end; i++)
        if (data[i] != '_' && (__builtin_mul_overflow(value, base, &value) ||
                               __builtin_add_overflow(value, digit_value(data[i]), &value)))
            fault_at(lex, at, "the number does not fit in a 64-bit integer");
    push(lex, TOK_T_INTEGER, at, end)->value = (tok_value){.type = TOK_V_INT, .as.integer = value};
    lex->at = end;
}

/* Reads `count` digits of `base`; false if there are fewer than `least`. */
static bool escape_code(const char *text, size_t length, size_t *at, size_t least, size_t most, int base,
                        uint32_t *code)
{
    size_t n = 0;
    *code = 0;
    while (n < most && *at < length && digit_value(text[*at]) < base) {
        *code = *code * (uint32_t)base + (uint32_t)digit_value(text[*at]);
        (*at)++;
        n++;
    }
    return n >= least;
}

/* Decodes one escape of a string literal, whose backslash is at text[*at]; returns the bytes written. */
static size_t unescape(lexer *lex, size_t origin, const char *text, size_t length, size_t *at, char *out)
{
    static const char names[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    char c = text[++*at];
    const char *name = memchr(names, c, sizeof names - 1);
    if (name != NULL) {
        ++*at;
        *out = values[name - names];
        return 1;
    }
    if (c == '\n') {
        ++*at;
        return 0;
    }
    uint32_t code = 0;
    bool good = true;
    if (c >= '0' && c <= '7') {
        good = escape_code(text, length, at, 1, 3, 8, &code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        ++*at;
        good = escape_code(text, length, at, digits, digits, 16, &code);
    } else {
        *out = '\\'; /* not an escape: the backslash stays */
        return 1;
    }
    size_t width = good ? base_utf8_encode(code, out) : 0;
    if (width == 0)
        fault_at(lex, origin, "the string has an escape that is not a character");
    return width;
}

static void lex_text(lexer *lex)
{
    const char *data = lex->source.data;
    size_t from = lex->at + 1, end = from;
    bool escaped = false;
    while (end < lex->source.length && data[end] != data[lex->at]) {
        if (data[end] == '\\') {
            escaped = true;
            end++;
        }
        end++;
    }
    if (end >= lex->source.length)
        fault_at(lex, lex->at, "the string has no end");
    tok_token *token = push(lex, TOK_T_TEXT, lex->at, end + 1);
    token->text = (base_slice){data + from, end - from};
    if (escaped) {
        char *value = tok_allocate(lex->guard, end - from + 4);
        size_t length = 0;
        for (size_t i = 0; i < end - from;) {
            if (data[from + i] == '\\')
                length += unescape(lex, lex->at, data + from, end - from, &i, value + length);
            else
                value[length++] = data[from + i++];
        }
        token->text = (base_slice){value, length};
    }
    lex->at = end + 1;
}

static void track_brackets(lexer *lex, char c)
{
    char close = c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : '\0';
    if (close != '\0') {
        if (lex->n_brackets == TOK_TEMPLATE_DEPTH)
            tok_fault(lex->guard, FIRN_ERROR_LIMIT, "brackets lie more than %d deep inside each other",
                      TOK_TEMPLATE_DEPTH);
        lex->brackets[lex->n_brackets++] = close;
    } else if (c == ')' || c == ']' || c == '}') {
        if (lex->n_brackets == 0 || lex->brackets[--lex->n_brackets] != c)
            tok_fault(lex->guard, FIRN_ERROR_FORMAT, "unexpected '%c'", c);
    }
}

static void lex_operator(lexer *lex)
{
    static const struct {
        const char *text;
        tok_token_kind kind;
    } operators[] = {
        {"//", TOK_T_FLOOR_DIVIDE},  {"**", TOK_T_POWER},        {"==", TOK_T_EQUAL},     {"!=", TOK_T_NOT_EQUAL},
        {">=", TOK_T_GREATER_EQUAL}, {"<=", TOK_T_LESS_EQUAL},   {"+", TOK_T_ADD},        {"-", TOK_T_SUBTRACT},
        {"/", TOK_T_DIVIDE},         {"*", TOK_T_MULTIPLY},      {"%", TOK_T_MODULO},     {"~", TOK_T_TILDE},
        {"[", TOK_T_LEFT_BRACKET},   {"]", TOK_T_RIGHT_BRACKET}, {"(", TOK_T_LEFT_PAREN}, {")", TOK_T_RIGHT_PAREN},
        {"{", TOK_T_LEFT_BRACE},     {"}", TOK_T_RIGHT_BRACE},   {">", TOK_T_GREATER},    {"<", TOK_T_LESS},
        {"=", TOK_T_ASSIGN},         {".", TOK_T_DOT},           {":", TOK_T_COLON},      {"|", TOK_T_PIPE},
        {",", TOK_T_COMMA},          {";", TOK_T_SEMICOLON},
    };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (!starts(lex, lex->at, operators[i].text))
            continue;
        size_t length = strlen(operators[i].text);
        lex->guard->position = (uint32_t)lex->at;
        if (length == 1)
            track_brackets(lex, operators[i].text[0]);
        push(lex, operators[i].kind, lex->at, lex->at + length);
        lex->at += length;
        return;
    }
    fault_at(lex, lex->at, "a character that means nothing here");
}

/* The tokens of one tag, up to and with its end. `open` is where the tag begins. */
static void lex_tag(lexer *lex, size_t open, bool block)
{
    const char *data = lex->source.data;
    lex->n_brackets = 0;
    for (;;) {
        size_t width = lex->n_brackets == 0 ? tag_end(lex, lex->at, block ? "%}" : "}}", block) : 0;
        if (width > 0) {
            push(lex, block ? TOK_T_BLOCK_END : TOK_T_VARIABLE_END, lex->at, lex->at + width);
            lex->at += width;
            return;
        }
        if (lex->at >= lex->source.length)
            fault_at(lex, open, block ? "the tag has no end ('%}')" : "the expression has no end ('}}')");
        char c = data[lex->at];
        size_t space = space_at(lex, lex->at);
        if (space > 0) {
            lex->at += space;
        } else if (is_digit(c)) {
            lex_number(lex);
        } else if (is_name(c, true)) {
            size_t end = lex->at;
            while (end < lex->source.length && is_name(data[end], false))
                end++;
            push(lex, TOK_T_NAME, lex->at, end);
            lex->at = end;
        } else if (c == '\'' || c == '"') {
            lex_text(lex);
        } else {
            lex_operator(lex);
        }
    }
}

/* Where the next tag opens, or the end of the source. */
static size_t next_tag(const lexer *lex)
{
    for (size_t at = lex->at; at + 1 < lex->source.length; at++)
        if (lex->source.data[at] == '{' && strchr("%{#", lex->source.data[at + 1]) != NULL &&
            lex->source.data[at + 1] != '\0')
            return at;
    return lex->source.length;
}

tok_token *tok_template_lex(tok_guard *guard)
{
    lexer lex = {.guard = guard, .source = guard->source};
    while (lex.at < lex.source.length) {
        size_t from = lex.at, open = next_tag(&lex);
        if (open == lex.source.length) {
            push(&lex, TOK_T_DATA, from, open);
            break;
        }
        char kind = lex.source.data[open + 1], sign = sign_at(&lex, open + 2);
        push_data(&lex, from, open, sign, kind != '{');
        if (kind == '%' && raw_block(&lex, open))
            continue;
        lex.at = open + 2 + (sign != '\0');
        if (kind == '#') {
            skip_comment(&lex, open);
            continue;
        }
        push(&lex, kind == '%' ? TOK_T_BLOCK_BEGIN : TOK_T_VARIABLE_BEGIN, open, lex.at);
        lex_tag(&lex, open, kind == '%');
    }
    push(&lex, TOK_T_END, lex.source.length, lex.source.length);
    return lex.tokens;
}
