/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/pretokenize.h"

#include "tokenizer/unicode.h"

#define SET(name) (1ULL << TOK_##name)
#define NEWLINES  (SET(CR) | SET(LF))
#define SPACES    (NEWLINES | SET(SPACE) | SET(TAB) | SET(BLANK))
#define LETTERS                                                                                                 \
    (SET(ASCII_UPPER) | SET(ASCII_LOWER) | SET(UPPER) | SET(LOWER) | SET(TITLE) | SET(MODIFIER) | SET(LETTER) | \
     SET(HAN))
#define DECIMALS (SET(ASCII_DIGIT) | SET(DIGIT))

/* A place in a text that a stage matches at. */
typedef struct place {
    const char *at, *end;
    tok_character first; /* the character there */
    tok_run *spaces, *digits;
} place;

static bool in_set(uint64_t set, tok_class class_of)
{
    return (set >> class_of & 1) != 0;
}

/* The end of the longest run, of at most `most` characters (0: any number), of the set. */
static const char *run_end(uint64_t set, uint32_t most, const char *at, const char *end)
{
    for (uint32_t n = 0; at < end && (most == 0 || n < most); n++) {
        const tok_character c = tok_character_at(at, end);
        if (!in_set(set, c.class_of))
            break;
        at += c.length;
    }
    return at;
}

/* As it says; `at` moves along inside a run for as long as it is asked about, so each run is measured once. */
static void measure_run(tok_run *run, uint64_t set, const char *at, const char *end)
{
    if (at >= run->start && at < run->end)
        return;
    *run = (tok_run){.start = at, .end = at};
    while (run->end < end) {
        const tok_character c = tok_character_at(run->end, end);
        if (!in_set(set, c.class_of))
            break;
        run->end += c.length;
        run->length++;
        if (in_set(NEWLINES, c.class_of))
            run->newline = run->end;
    }
}

static bool in_body(const tok_rule *rule, tok_character c)
{
    if (!in_set(rule->body, c.class_of))
        return false;
    for (uint32_t i = 0; i < rule->n_ranges; i++) {
        if (c.code <= rule->ranges[i].last)
            return c.code >= rule->ranges[i].first;
    }
    return rule->n_ranges == 0;
}

/* The end of the body that begins at `at`, or NULL if it has too few characters. */
static const char *body_end(const tok_rule *rule, const char *at, const char *end)
{
    uint32_t n = 0;
    for (; at < end && (rule->most == 0 || n < rule->most); n++) {
        const tok_character c = tok_character_at(at, end);
        if (!in_body(rule, c))
            break;
        at += c.length;
    }
    return n > 0 && n >= rule->least ? at : NULL;
}

static const char *match_run(const tok_rule *rule, const place *p)
{
    const char *stop = NULL;
    if (in_set(rule->prefix, p->first.class_of))
        stop = body_end(rule, p->at + p->first.length, p->end);
    if (!stop && !rule->needs_prefix && in_body(rule, p->first))
        stop = body_end(rule, p->at, p->end);
    return stop && rule->tail ? run_end(rule->tail, rule->most_tail, stop, p->end) : stop;
}

static const char *match_contraction(bool any_case, const char *at, const char *end)
{
    static const char *const suffixes[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (at == end || *at != '\'')
        return NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        const char *text = at + 1;
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

/*
 * upper* lower+, or else upper+ lower*, where some classes are in both sets: a run of upper that no lower follows
 * gives back as much as it must to end in a lower.
 */
static const char *cased_word(const tok_rule *rule, const char *at, const char *end, bool ends_in_lower)
{
    const char *const upper = run_end(rule->body, 0, at, end);
    const char *const lower = run_end(rule->tail, 0, upper, end);
    if (lower > upper)
        return lower;
    const char *last = NULL;
    for (const char *inside = at; inside < upper;) {
        const tok_character c = tok_character_at(inside, end);
        inside += c.length;
        if (in_set(rule->tail, c.class_of))
            last = inside;
    }
    return last || ends_in_lower ? last : upper > at ? upper : NULL;
}

static const char *match_cased_word(const tok_rule *rule, const place *p)
{
    const char *const second = in_set(rule->prefix, p->first.class_of) ? p->at + p->first.length : NULL;
    const char *stop = second ? cased_word(rule, second, p->end, true) : NULL;
    if (!stop)
        stop = cased_word(rule, p->at, p->end, true);
    if (!stop && second)
        stop = cased_word(rule, second, p->end, false);
    if (!stop)
        stop = cased_word(rule, p->at, p->end, false);
    const char *const contraction = stop && rule->option ? match_contraction(true, stop, p->end) : NULL;
    return contraction ? contraction : stop;
}

static const char *match_spaced_word(const tok_rule *rule, const place *p)
{
    const char *at = in_set(rule->prefix, p->first.class_of) ? p->at + p->first.length : p->at;
    const char *stop = NULL;
    while (at < p->end && in_set(LETTERS, tok_character_at(at, p->end).class_of)) {
        at = run_end(LETTERS, 0, at, p->end);
        at = stop = run_end(SET(MARK), 0, at, p->end);
        if (at < p->end && *at == ' ')
            at++;
    }
    return stop;
}

static const char *match_spaces_before_word(const place *p)
{
    measure_run(p->spaces, SPACES, p->at, p->end);
    const char *last = p->spaces->end;
    if (last == p->end)
        return last;
    do
        last--;
    while ((*last & 0xC0) == 0x80);
    return last > p->at ? last : NULL;
}

static const char *match_spaces_by_halves(const place *p)
{
    for (uint32_t wanted = 512; wanted > 0; wanted /= 2) {
        const char *stop = p->at;
        uint32_t n = 0;
        for (; n < wanted && stop < p->end; n++) {
            const tok_character c = tok_character_at(stop, p->end);
            if (!in_set(SPACES, c.class_of))
                break;
            stop += c.length;
        }
        if (n == wanted && (stop == p->end || in_set(SPACES, tok_character_at(stop, p->end).class_of)))
            return stop;
    }
    return p->at + p->first.length;
}

/* Groups of three from the run's end, so that the first has 1 to 3. */
static const char *match_digit_group(const tok_rule *rule, const place *p)
{
    static const uint64_t word = LETTERS | DECIMALS | SET(MARK); /* \w, with '_' */
    measure_run(p->digits, rule->body, p->at, p->end);
    const char *const end = p->digits->end;
    if (rule->option && end < p->end && (*end == '_' || in_set(word, tok_character_at(end, p->end).class_of)))
        return NULL;
    const uint32_t first = p->at == p->digits->start ? (uint32_t)(p->digits->length % 3) : 0;
    return run_end(rule->body, first ? first : 3, p->at, end);
}

static const char *match_rule(const tok_rule *rule, const place *p)
{
    const bool space = in_set(SPACES, p->first.class_of);
    switch (rule->kind) {
    case TOK_RULE_RUN:
        return match_run(rule, p);
    case TOK_RULE_CASED_WORD:
        return match_cased_word(rule, p);
    case TOK_RULE_SPACED_WORD:
        return match_spaced_word(rule, p);
    case TOK_RULE_CONTRACTION:
        return match_contraction(rule->option, p->at, p->end);
    case TOK_RULE_NEWLINES:
        if (!space)
            return NULL;
        measure_run(p->spaces, SPACES, p->at, p->end);
        return p->spaces->newline && p->spaces->newline > p->at ? p->spaces->newline : NULL;
    case TOK_RULE_SPACES_BEFORE_WORD:
        return space ? match_spaces_before_word(p) : NULL;
    case TOK_RULE_SPACES_AT_END:
        if (!space)
            return NULL;
        measure_run(p->spaces, SPACES, p->at, p->end);
        return p->spaces->end == p->end ? p->end : NULL;
    case TOK_RULE_SPACES_BY_HALVES:
        return space ? match_spaces_by_halves(p) : NULL;
    case TOK_RULE_DIGIT_GROUPS:
        return in_set(rule->body, p->first.class_of) ? match_digit_group(rule, p) : NULL;
    }
    return NULL;
}

/* The end of what some rule of the stage matches at `at`, or NULL. */
static const char *match(tok_scanner *scanner, uint32_t stage, const char *at, const char *end)
{
    const tok_stage *const rules = &scanner->pre->stages[stage];
    const place p = {at, end, tok_character_at(at, end), &scanner->spaces[stage], &scanner->digits[stage]};
    const char *stop = NULL;
    for (uint32_t i = 0; i < rules->n_rules && !stop; i++)
        stop = match_rule(&rules->rules[i], &p);
    return stop;
}

/* Where the piece that begins at `at` ends: a match, or the gap before the next one. */
static const char *piece_end(tok_scanner *scanner, uint32_t stage, const char *at, const char *end)
{
    const char *const stop = match(scanner, stage, at, end);
    if (stop)
        return stop;
    do
        at += tok_character_at(at, end).length;
    while (at < end && !match(scanner, stage, at, end));
    return at;
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
            scanner->stops[i] = piece_end(scanner, i, position, stop);
        stop = scanner->stops[i];
    }
    *word = (base_slice){position, (size_t)(stop - position)};
    scanner->position = stop;
    return true;
}
