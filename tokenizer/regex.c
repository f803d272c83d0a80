/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    LONGEST_PATTERN = 16384, /* bytes */
    MOST_STEPS = 1000000,    /* of one search */
    MOST_HEAP = 32768,       /* KiB, of one search */
    STACK_LEAST = 32768,     /* bytes, of compiled code */
    STACK_MOST = 1 << 20,
};

struct tok_regex {
    pcre2_code *code;
};

struct tok_regex_search {
    tok_regex_budget *budget; /* or NULL */
    double started;           /* processor time of this thread, in seconds, that is not yet taken from the budget */
    uint32_t n_searches;
    const pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

/*
 * Writes the pattern with \\w and \\W (outside of brackets) spelled out: the engines that files are written for count
 * marks and connectors, and of fractions and superscripts those of Latin-1, as parts of words, PCRE2 does not. `out`
 * has room for 32 times the pattern.
 */
static size_t spell_out_words(base_slice pattern, char *out)
{
    static const char word[] = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\xB2\\xB3\\xB9\\xBC-\\xBE";
    size_t length = 0;
    bool in_brackets = false;
    for (size_t i = 0; i < pattern.length; i++) {
        const char c = pattern.data[i];
        const char escaped = c == '\\' && i + 1 < pattern.length ? pattern.data[i + 1] : '\0';
        if (escaped == 'w' || (escaped == 'W' && !in_brackets)) {
            if (!in_brackets)
                length += (size_t)sprintf(out + length, "[%s", escaped == 'W' ? "^" : "");
            memcpy(out + length, word, sizeof word - 1);
            length += sizeof word - 1;
            if (!in_brackets)
                out[length++] = ']';
            i++;
            continue;
        }
        if (c == '[' || c == ']')
            in_brackets = c == '[';
        out[length++] = c;
        if (c == '\\' && i + 1 < pattern.length)
            out[length++] = pattern.data[++i];
    }
    return length;
}

firn_status tok_regex_create(base_slice pattern, tok_regex **out, firn_error *error)
{
    *out = NULL;
    if (pattern.length > LONGEST_PATTERN)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "a regular expression of %zu bytes; at most %d are allowed", pattern.length, LONGEST_PATTERN);
    tok_regex *const regex = calloc(1, sizeof *regex);
    char *const spelled = malloc(32 * pattern.length + 1);
    int code = 0;
    size_t place = 0;
    if (regex && spelled)
        regex->code = pcre2_compile((PCRE2_SPTR)spelled, spell_out_words(pattern, spelled),
                                    PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                                    &place, NULL);
    if (!regex || !regex->code) {
        unsigned char message[120] = "no memory";
        if (regex && spelled)
            pcre2_get_error_message(code, message, sizeof message);
        free(spelled);
        free(regex);
        return base_fail(error, FIRN_ERROR_FORMAT, place, "the regular expression '%.*s' is wrong at byte %zu: %s",
                         (int)(pattern.length < 200 ? pattern.length : 200), pattern.length > 0 ? pattern.data : "",
                         place, (const char *)message);
    }
    free(spelled);
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* where it can't be, it is interpreted */
    *out = regex;
    return FIRN_OK;
}

void tok_regex_free(tok_regex *regex)
{
    if (regex)
        pcre2_code_free(regex->code);
    free(regex);
}

static double processor_seconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

tok_regex_budget tok_regex_budget_for(size_t length)
{
    return (tok_regex_budget){2.0 + 1e-5 * (double)length};
}

/* False: the budget is used up. */
static bool take_time(tok_regex_search *search)
{
    if (!search->budget)
        return true;
    const double now = processor_seconds();
    search->budget->seconds -= now - search->started;
    search->started = now;
    return search->budget->seconds > 0;
}

tok_regex_search *tok_regex_begin(const tok_regex *regex, tok_regex_budget *budget)
{
    tok_regex_search *const search = calloc(1, sizeof *search);
    if (!search)
        return NULL;
    search->code = regex->code;
    search->budget = budget;
    search->started = budget ? processor_seconds() : 0;
    search->match = pcre2_match_data_create(1, NULL);
    search->context = pcre2_match_context_create(NULL);
    search->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL);
    if (!search->match || !search->context) {
        tok_regex_end(search);
        return NULL;
    }
    pcre2_set_match_limit(search->context, MOST_STEPS);
    pcre2_set_heap_limit(search->context, MOST_HEAP);
    pcre2_jit_stack_assign(search->context, NULL, search->stack);
    return search;
}

void tok_regex_end(tok_regex_search *search)
{
    if (!search)
        return;
    take_time(search);
    pcre2_jit_stack_free(search->stack);
    pcre2_match_context_free(search->context);
    pcre2_match_data_free(search->match);
    free(search);
}

tok_found tok_regex_find(tok_regex_search *search, base_slice text, size_t from, size_t *start, size_t *end)
{
    if (from >= text.length)
        return TOK_NOT_FOUND;
    /* a search takes milliseconds at most, and asking for the time more than most do */
    if (++search->n_searches % 32 == 0 && !take_time(search))
        return TOK_FOUND_LIMIT;
    const int n = pcre2_match(search->code, (PCRE2_SPTR)text.data, text.length, from, PCRE2_NOTEMPTY, search->match,
                              search->context);
    if (n < 0)
        return n == PCRE2_ERROR_NOMATCH ? TOK_NOT_FOUND : TOK_FOUND_LIMIT;
    const size_t *const found = pcre2_get_ovector_pointer(search->match);
    if (found[0] < from || found[1] <= found[0]) /* \K can do that */
        return TOK_NOT_FOUND;
    *start = found[0];
    *end = found[1];
    return TOK_FOUND;
}
