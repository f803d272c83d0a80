/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/pretokenize.h"

#include "tokenizer/unicode.h"

#define NEWLINES (1ULL << TOK_CR | 1ULL << TOK_LF)
#define SPACES   (NEWLINES | 1ULL << TOK_SPACE | 1ULL << TOK_TAB | 1ULL << TOK_BLANK)

static bool in_set(uint64_t set, tok_class class_of)
{
    return (set >> class_of & 1) != 0;
}

/* The end of the longest run, of at most `limit` characters (0: any number), of the set. */
static const char *run_end(uint64_t set, uint32_t limit, const char *position, const char *end)
{
    for (uint32_t n = 0; position < end && (limit == 0 || n < limit); n++) {
        const tok_character c = tok_character_at(position, end);
        if (!in_set(set, c.class_of))
            break;
        position += c.length;
    }
    return position;
}

static const char *match_run(const tok_rule *rule, tok_character first, const char *position, const char *end)
{
    const char *body = position;
    const char *const second = position + first.length;
    if (in_set(rule->prefix, first.class_of) && second < end &&
        in_set(rule->body, tok_character_at(second, end).class_of))
        body = second;
    else if (!in_set(rule->body, first.class_of))
        return NULL;
    const char *const stop = run_end(rule->body, rule->limit, body, end);
    return rule->tail ? run_end(rule->tail, 0, stop, end) : stop;
}

static const char *match_contraction(bool any_case, const char *position, const char *end)
{
    static const char *const suffixes[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (*position != '\'')
        return NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        const char *text = position + 1;
        const char *suffix = suffixes[i];
        while (*suffix && text < end && (*text == *suffix || (any_case && *text == *suffix - 'a' + 'A'))) {
            text++;
            suffix++;
        }
        if (!*suffix)
            return text;
    }
    return NULL;
}

static const char *match_newlines(const char *position, const char *end)
{
    const char *stop = NULL;
    while (position < end) {
        const tok_character c = tok_character_at(position, end);
        if (!in_set(SPACES, c.class_of))
            break;
        position += c.length;
        if (in_set(NEWLINES, c.class_of))
            stop = position;
    }
    return stop;
}

static const char *match_spaces_before_word(const char *position, const char *end)
{
    const char *last = NULL; /* the last white space character of the run */
    const char *stop = position;
    while (stop < end) {
        const tok_character c = tok_character_at(stop, end);
        if (!in_set(SPACES, c.class_of))
            return last > position ? last : NULL;
        last = stop;
        stop += c.length;
    }
    return stop;
}

/* The end of what some rule of the stage matches at `position`, or NULL. */
static const char *match(const tok_stage *stage, const char *position, const char *end)
{
    const tok_character first = tok_character_at(position, end);
    const char *stop = NULL;
    for (uint32_t i = 0; i < stage->n_rules && !stop; i++) {
        const tok_rule *const rule = &stage->rules[i];
        switch (rule->kind) {
        case TOK_RULE_RUN:
            stop = match_run(rule, first, position, end);
            break;
        case TOK_RULE_CONTRACTION:
            stop = match_contraction(rule->limit != 0, position, end);
            break;
        case TOK_RULE_NEWLINES:
            if (in_set(SPACES, first.class_of))
                stop = match_newlines(position, end);
            break;
        case TOK_RULE_SPACES_BEFORE_WORD:
            if (in_set(SPACES, first.class_of))
                stop = match_spaces_before_word(position, end);
            break;
        }
    }
    return stop;
}

/* Where the piece that begins at `position` ends: a match, or the gap before the next one. */
static const char *piece_end(const tok_stage *stage, const char *position, const char *end)
{
    const char *stop = match(stage, position, end);
    if (stop)
        return stop;
    do
        position += tok_character_at(position, end).length;
    while (position < end && !match(stage, position, end));
    return position;
}

void tok_scanner_start(tok_scanner *scanner, const tok_pretokenizer *pre, base_slice text)
{
    *scanner = (tok_scanner){.pre = pre, .position = text.data, .end = text.data + text.length};
    for (uint32_t i = 0; i < TOK_MAX_STAGES; i++)
        scanner->stops[i] = text.data;
}

bool tok_scanner_next(tok_scanner *scanner, base_slice *word)
{
    const char *const position = scanner->position;
    const char *stop = scanner->end;
    if (position == stop)
        return false;
    for (uint32_t i = 0; i < scanner->pre->n_stages; i++) {
        if (scanner->stops[i] == position)
            scanner->stops[i] = piece_end(&scanner->pre->stages[i], position, stop);
        stop = scanner->stops[i];
    }
    *word = (base_slice){position, (size_t)(stop - position)};
    scanner->position = stop;
    return true;
}
