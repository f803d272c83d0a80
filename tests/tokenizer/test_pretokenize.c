/* SPDX-License-Identifier: Apache-2.0 */
/* Words of each family of pre-tokenisers, against what its regular expression gives. */
#include "tokenizer/pretokenize.h"

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
