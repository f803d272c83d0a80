/* SPDX-License-Identifier: Apache-2.0 */
/* The pre-tokenisers by name. The comment above each list of rules is the regular expression it stands for. */
#include "tokenizer/pretokenize.h"
#include "tokenizer/unicode.h"

#include <string.h>

#define BIT(name)    (1ULL << TOK_##name)
#define SPACE        BIT(SPACE)
#define NEWLINES     (BIT(CR) | BIT(LF))
#define SPACES       (NEWLINES | SPACE | BIT(TAB) | BIT(BLANK))
#define UPPER        (BIT(ASCII_UPPER) | BIT(UPPER) | BIT(TITLE) | BIT(MODIFIER) | BIT(LETTER))
#define LOWER        (BIT(ASCII_LOWER) | BIT(LOWER) | BIT(MODIFIER) | BIT(LETTER))
#define LETTERS      (UPPER | LOWER)
#define NUMBERS      (BIT(ASCII_DIGIT) | BIT(DIGIT) | BIT(NUMBER))
#define ALL          ((1ULL << TOK_CLASSES) - 1)
#define ALL_BUT(set) (ALL & ~(set))

#define RUN(prefix_set, body_set, most, tail_set)                                                             \
    {                                                                                                         \
        .kind = TOK_RULE_RUN, .limit = (most), .prefix = (prefix_set), .body = (body_set), .tail = (tail_set) \
    }
#define CONTRACTION                              \
    {                                            \
        .kind = TOK_RULE_CONTRACTION, .limit = 0 \
    }
#define CONTRACTION_ANY_CASE                     \
    {                                            \
        .kind = TOK_RULE_CONTRACTION, .limit = 1 \
    }
#define LINE_ENDS                 \
    {                             \
        .kind = TOK_RULE_NEWLINES \
    }
#define SPACES_BEFORE_WORD                  \
    {                                       \
        .kind = TOK_RULE_SPACES_BEFORE_WORD \
    }

#define STAGE(list)                                               \
    {                                                             \
        .rules = (list), .n_rules = sizeof(list) / sizeof *(list) \
    }

/* \p{N} */
static const tok_rule each_number[] = {RUN(0, NUMBERS, 1, 0)};

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static const tok_rule gpt2[] = {
    CONTRACTION,
    RUN(SPACE, LETTERS, 0, 0),
    RUN(SPACE, NUMBERS, 0, 0),
    RUN(SPACE, ALL_BUT(SPACES | LETTERS | NUMBERS), 0, 0),
    SPACES_BEFORE_WORD,
    RUN(0, SPACES, 0, 0),
};

/*
 * (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,most}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
 * \s+(?!\S)|\s+
 */
#define LLAMA3_RULES(most)                                                                                         \
    {                                                                                                              \
        CONTRACTION_ANY_CASE, RUN(ALL_BUT(NEWLINES | LETTERS | NUMBERS), LETTERS, 0, 0), RUN(0, NUMBERS, most, 0), \
            RUN(SPACE, ALL_BUT(SPACES | LETTERS | NUMBERS), 0, NEWLINES), LINE_ENDS, SPACES_BEFORE_WORD,           \
            RUN(0, SPACES, 0, 0),                                                                                  \
    }
static const tok_rule llama3[] = LLAMA3_RULES(3);
static const tok_rule qwen2[] = LLAMA3_RULES(1);

static const tok_pretokenizer pretokenizers[] = {
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", {STAGE(llama3)}, 1, true},
    {"dbrx smaug-bpe chatglm-bpe", {STAGE(llama3)}, 1, false},
    {"glm4 glm5", {STAGE(llama3)}, 1, true},
    {"qwen2 stablelm2 deepseek-r1-qwen kormo f2llmv2 megrez hunyuan solar-open grok-2", {STAGE(qwen2)}, 1, false},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
     {STAGE(each_number), STAGE(gpt2)},
     2,
     false},
    {"gpt-2 mpt olmo jais trillion granite-docling phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum "
     "modern-bert jina-v1-en jina-v2-code roberta-bpe exaone4",
     {STAGE(gpt2)},
     1,
     false},
};

enum { N_PRETOKENIZERS = sizeof pretokenizers / sizeof *pretokenizers };

static bool has_name(const char *names, base_slice name)
{
    while (*names) {
        const size_t length = strcspn(names, " ");
        if (base_slice_equal((base_slice){names, length}, name))
            return true;
        names += length + strspn(names + length, " ");
    }
    return false;
}

const tok_pretokenizer *tok_pretokenizer_find(base_slice name)
{
    for (size_t i = 0; i < N_PRETOKENIZERS; i++) {
        if (has_name(pretokenizers[i].names, name))
            return &pretokenizers[i];
    }
    return NULL;
}

void tok_pretokenizer_names(char *buffer, size_t capacity)
{
    size_t used = 0;
    for (size_t i = 0; i < N_PRETOKENIZERS; i++) {
        const size_t length = strcspn(pretokenizers[i].names, " ");
        if (length + 2 > capacity - used)
            break;
        if (i > 0)
            buffer[used++] = ' ';
        memcpy(buffer + used, pretokenizers[i].names, length);
        used += length;
    }
    buffer[used] = '\0';
}
