/* SPDX-License-Identifier: Apache-2.0 */
/* Words of each family of pre-tokenisers, against what its regular expression gives. */
#include "tokenizer/pretokenize.h"

#include "tests/support/texts.h"
#include "tokenizer/regex.h"
#include "tokenizer/unicode.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* The words of `text`, with '|' between them; valid until the next call. */
static const char *words(const char *name, const char *text)
{
    static char line[512];
    const tok_pretokenizer *const pre = tok_pretokenizer_find(base_slice_from(name));
    cr_assert(pre, "%s is not known", name);
    tok_scanner scanner;
    base_slice word;
    size_t used = 0;
    tok_scanner_start(&scanner, pre, base_slice_from(text));
    while (tok_scanner_next(&scanner, &word)) {
        cr_assert(word.length > 0 && used + word.length + 2 < sizeof line);
        if (used > 0)
            line[used++] = '|';
        memcpy(line + used, word.data, word.length);
        used += word.length;
    }
    line[used] = '\0';
    return line;
}

Test(pretokenize, gpt2)
{
    cr_expect_str_eq(words("gpt-2", "Hello world's 123 items!"), "Hello| world|'s| 123| items|!");
    cr_expect_str_eq(words("gpt-2", "a   b \n\nc  "), "a|  | b| \n|\n|c|  ");
    cr_expect_str_eq(words("gpt-2", "I'll 'LL they've don't"), "I|'ll| '|LL| they|'ve| don|'t");
    cr_expect_str_eq(words("gpt-2", "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96"),
                     "\xE4\xBD\xA0\xE5\xA5\xBD|\xEF\xBC\x8C|\xE4\xB8\x96");
}

Test(pretokenize, llama3)
{
    cr_expect_str_eq(words("llama-bpe", "Hello,world 12345 HE'LL"), "Hello|,world| |123|45| HE|'LL");
    cr_expect_str_eq(words("llama-bpe", "a!!\n\n  b\t\tc"), "a|!!\n\n| | b|\t|\tc");
    cr_expect_str_eq(words("llama-bpe", " \n \n  x"), " \n \n| | x");
}

Test(pretokenize, qwen2_digits_are_single)
{
    cr_expect_str_eq(words("qwen2", "x = 2026;"), "x| =| |2|0|2|6|;");
}

Test(pretokenize, smollm_digits_first)
{
    cr_expect_str_eq(words("smollm", "in 42 days"), "in| |4|2| days");
    cr_expect_str_eq(words("smollm", "a1b\n2"), "a|1|b|\n|2");
}

/* A case or two of each family: what its regular expression gives. */
Test(pretokenize, other_families)
{
    static const struct {
        const char *name, *text, *words;
    } cases[] = {
        {"default", "a+b 12345 `x", "a|+|b| |123|45| `|x"},
        {"falcon", "a`b 12345.", "a|`|b| |123|45|."},
        {"qwen35", "e\u0301e 12", "e\u0301e| |1|2"},
        {"gpt-4o", "HelloWORLD'S xY/\n/z 1234", "Hello|WORLD'S| x|Y|/\n/|z| |123|4"},
        {"tekken", "HTTPServer\u6F22ABC it's", "HTTPServer\u6F22|ABC| it|'s"},
        {"kimi-k2", "ab\u6F22\u5B57cd\u3042", "ab|\u6F22\u5B57|cd\u3042"},
        {"deepseek-v3", "(abc \u4E00x 12345\n", "(abc| |\u4E00|x| |123|45|\n"},
        {"deepseek-llm", "ab\ncd\u4E00 x, 123  ", "ab|\n|cd|\u4E00| x|,| |123|  "},
        {"deepseek-coder", "a, b\n12", "a|,| b|\n|1|2"},
        {"spark2_5", "a!!\n\n", "a|!!|\n|\n"},
        {"youtu", "\uAC00\u3001\u4E00 a1", "\uAC00|\u3001|\u4E00| a|1"},
        {"afmoe", "n 1234567", "n| |1|234|567"},
        {"tiny_aya", "1234567 12345x", "1|234|567| |123|45|x"},
        {"superbpe", "a b 12345", "a b |12|345"},
        {"seed-coder", "a!\n\n", "a|!|\n\n"},
        {"ufakzeka", "Ali's", "Ali|'s"},
        {"exaone-moe", "ab cd  e/\n\n", "ab cd| | e|/\n|\n"},
        {"laguna", "a!\nb", "a|!|\n|b"},
        {"minicpm5", "1234 a", "123|4| a"},
        {"bloom", "ab, (cd) e", "ab|, (|cd|)| e"},
        {"viking", "ab12.", "ab|1|2|."},
        {"chameleon", "a    b  c\td.1", "a|    |b|  |c|\t|d|.|1"},
        {"jais-2", "a        b", "a|    |  | | b"},
        {"whitespace", "ab  cd", "ab|  |cd"},
        {"gemma4", "ab cd\n\ne", "ab cd|\n\n|e"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(words(cases[i].name, cases[i].text), cases[i].words, "%s: '%s'", cases[i].name,
                         words(cases[i].name, cases[i].text));
}

/* 2,000,000 bytes of one character, and a run of them with something else at its end. */
Test(pretokenize, time_is_linear_for_every_family, .timeout = 120)
{
    enum { LENGTH = 2000000 };
    char names[4096];
    char *const text = malloc(LENGTH);
    cr_assert(text);
    tok_pretokenizer_names(names, sizeof names);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        for (const char *c = " \n7aA.'\xFF"; *c; c++) {
            memset(text, *c, LENGTH);
            text[LENGTH - 1] = 'x';
            tok_scanner scanner;
            base_slice word;
            size_t total = 0;
            tok_scanner_start(&scanner, tok_pretokenizer_find(base_slice_from(name)), (base_slice){text, LENGTH});
            while (tok_scanner_next(&scanner, &word))
                total += word.length;
            cr_expect_eq(total, LENGTH);
        }
    }
    free(text);
}

Test(pretokenize, broken_utf8_is_walked_through)
{
    cr_expect_str_eq(words("gpt-2", "a\xFF\xC3 b\xE4\xBD"), "a|\xFF\xC3| b|\xE4\xBD");
}

Test(pretokenize, names)
{
    char names[4096], few[20];
    tok_pretokenizer_names(names, sizeof names);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
        cr_expect(tok_pretokenizer_find(base_slice_from(name)), "%s is listed but not known", name);
    cr_expect_null(tok_pretokenizer_find(base_slice_from("")));
    cr_expect_null(tok_pretokenizer_find(base_slice_from("gpt")));
    cr_expect_null(tok_pretokenizer_find(base_slice_from("gpt-2 mpt")));
    tok_pretokenizer_names(few, sizeof few);
    cr_expect_lt(strlen(few), sizeof few);
}

/* As they stand in tokenizer.json files. */
static const char *const patterns[] = {
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|"
    "'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|"
    "'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?"
    "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
    "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
    "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
    "\\p{N}{1,3}",
    "\\p{N}",
    "[\r\n]",
    "\\s?\\p{L}+",
    "\\s?\\p{P}+",
    "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+",
    "[0-9][0-9][0-9]",
};

/* The next piece that the expression makes from `at` on: a match, or what is before it. */
static size_t expected_end(tok_regex_search *search, base_slice text, size_t at)
{
    size_t start, end;
    if (tok_regex_find(search, text, at, &start, &end) != TOK_FOUND)
        return text.length;
    return start > at ? start : end;
}

static void compare(const char *pattern, tok_regex_search *search, base_slice text)
{
    bool covers;
    tok_scanner scanner;
    base_slice word;
    tok_scanner_start(&scanner, tok_pretokenizer_of_pattern(base_slice_from(pattern), &covers), text);
    for (size_t at = 0; tok_scanner_next(&scanner, &word); at += word.length) {
        const size_t end = expected_end(search, text, at);
        cr_expect_eq(at + word.length, end, "%.30s: '%.*s' from byte %zu goes to %zu, not %zu", pattern,
                     (int)text.length, text.data, at, at + word.length, end);
        if (at + word.length != end)
            return;
    }
}

/* PCRE2's tables may be older than ours, and U+180E is a space to it, as it was in old Unicode. */
static bool is_disputed(base_slice text)
{
    for (size_t at = 0; at < text.length;) {
        const tok_character c = tok_character_at(text.data + at, text.data + text.length);
        if (c.code == 0x180E || (c.code > 0x2FFB && c.code < 0x3000) || (c.code > 0x10800 && c.code < 0x1F000) ||
            (c.code > 0x1FA70 && c.code < 0x20000))
            return true;
        at += c.length;
    }
    return false;
}

Test(pretokenize, scanners_match_what_the_regular_expressions_match)
{
    support_texts *const texts = support_texts_read(NULL);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        tok_regex *regex;
        firn_error error = {0};
        bool covers;
        cr_assert(tok_pretokenizer_of_pattern(base_slice_from(patterns[i]), &covers), "%s", patterns[i]);
        cr_assert_eq(tok_regex_create(base_slice_from(patterns[i]), &regex, &error), FIRN_OK, "%s", error.message);
        tok_regex_search *const search = tok_regex_begin(regex, NULL);
        size_t n = 0;
        for (size_t k = 0; k < SUPPORT_TEXTS; k++) {
            if (!is_disputed(texts->at[k])) {
                compare(patterns[i], search, texts->at[k]);
                n++;
            }
        }
        cr_expect_gt(n, 1500, "%zu", n);
        tok_regex_end(search);
        tok_regex_free(regex);
    }
    support_texts_free(texts);
}
