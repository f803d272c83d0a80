/* SPDX-License-Identifier: Apache-2.0 */
/* The pre-tokenisers by name. The comment above each list of rules is the regular expression it stands for. */
#include "tokenizer/pretokenize.h"
#include "tokenizer/unicode.h"

#include <string.h>

#define BIT(name)    (1ULL << TOK_##name)
#define SPACE        BIT(SPACE)
#define NEWLINES     (BIT(CR) | BIT(LF))
#define SPACES       (NEWLINES | SPACE | BIT(TAB) | BIT(BLANK))
#define MARKS        BIT(MARK)
#define UPPER        (BIT(ASCII_UPPER) | BIT(UPPER) | BIT(TITLE) | BIT(MODIFIER) | BIT(LETTER) | BIT(HAN) | MARKS)
#define LOWER        (BIT(ASCII_LOWER) | BIT(LOWER) | BIT(MODIFIER) | BIT(LETTER) | BIT(HAN) | MARKS)
#define LETTERS      ((UPPER | LOWER) & ~MARKS)
#define DECIMALS     (BIT(ASCII_DIGIT) | BIT(DIGIT))
#define NUMBERS      (DECIMALS | BIT(NUMBER))
#define ASCII_PUNCT  (BIT(APOSTROPHE) | BIT(SLASH) | BIT(ASCII_PUNCTUATION))
#define PUNCTUATION  (ASCII_PUNCT | BIT(PUNCTUATION))
#define ASCII_SYMBOL (BIT(BACKTICK) | BIT(ASCII_SYMBOL))
#define SYMBOLS      (ASCII_SYMBOL | BIT(SYMBOL))
#define ALL          ((1ULL << TOK_CLASSES) - 1)
#define ALL_BUT(set) (ALL & ~(set))
#define NO_WORD      ALL_BUT(SPACES | LETTERS | NUMBERS)   /* [^\s\p{L}\p{N}] */
#define BEFORE_WORD  ALL_BUT(NEWLINES | LETTERS | NUMBERS) /* [^\r\n\p{L}\p{N}] */

#define RUN(prefix_set, body_set)                                        \
    {                                                                    \
        .kind = TOK_RULE_RUN, .prefix = (prefix_set), .body = (body_set) \
    }
#define RUN_MOST(prefix_set, body_set, n)                                             \
    {                                                                                 \
        .kind = TOK_RULE_RUN, .prefix = (prefix_set), .body = (body_set), .most = (n) \
    }
#define RUN_EXACTLY(body_set, n)                                            \
    {                                                                       \
        .kind = TOK_RULE_RUN, .body = (body_set), .least = (n), .most = (n) \
    }
#define RUN_TAIL(prefix_set, body_set, tail_set, n)                                                            \
    {                                                                                                          \
        .kind = TOK_RULE_RUN, .prefix = (prefix_set), .body = (body_set), .tail = (tail_set), .most_tail = (n) \
    }
#define RUN_RANGES(prefix_set, body_set, list)                                              \
    {                                                                                       \
        .kind = TOK_RULE_RUN, .prefix = (prefix_set), .body = (body_set), .ranges = (list), \
        .n_ranges = sizeof(list) / sizeof *(list)                                           \
    }
#define RULE(rule_kind)              \
    {                                \
        .kind = TOK_RULE_##rule_kind \
    }
#define CONTRACTION                  \
    {                                \
        .kind = TOK_RULE_CONTRACTION \
    }
#define CONTRACTION_ANY_CASE                         \
    {                                                \
        .kind = TOK_RULE_CONTRACTION, .option = true \
    }

#define STAGE(list)                                               \
    {                                                             \
        .rules = (list), .n_rules = sizeof(list) / sizeof *(list) \
    }

/* Code points of the brackets in the expressions below, in rising order. */
static const tok_range han_and_kana[] = {{0x3040, 0x30FF}, {0x4E00, 0x9FA5}};
static const tok_range hangul[] = {{0x3131, 0x318E}, {0xAC00, 0xD7A3}};
static const tok_range bopomofo[] = {{0x3105, 0x312F}};
static const tok_range han_to_hangul[] = {{0x0800, 0x9FA5}, {0xAC00, 0xD7FF}};
static const tok_range full_width_marks[] = {{0x2014, 0x2014}, {0x2018, 0x2019}, {0x201C, 0x201D},
                                             {0x2026, 0x2026}, {0x3001, 0x303F}, {0xFE30, 0xFE4F},
                                             {0xFF01, 0xFF01}, {0xFF0C, 0xFF0C}, {0xFF1A, 0xFF1B}};
static const tok_range marks_and_ascii[] = {{0x0021, 0x002F}, {0x003A, 0x007E}, {0x2018, 0x201F},
                                            {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
static const tok_range no_sentence_mark[] = {{0x0000, 0x0020},  {0x0022, 0x0027}, {0x002A, 0x002B}, {0x002D, 0x002D},
                                             {0x002F, 0x003E},  {0x0040, 0x007B}, {0x007D, 0x060B}, {0x060D, 0x06D3},
                                             {0x06D5, 0x0963},  {0x0965, 0x2025}, {0x2027, 0x3000}, {0x3003, 0xFF0B},
                                             {0xFF0D, 0x10FFFF}};
static const tok_range han_script[] = {{0x2E80, 0x2E99},   {0x2E9B, 0x2EF3},  {0x2F00, 0x2FD5}, {0x3005, 0x3005},
                                       {0x3007, 0x3007},   {0x3021, 0x3029},  {0x3038, 0x303B}, {0x3400, 0x4DBF},
                                       {0x4E00, 0x9FFF},   {0xF900, 0xFA6D},  {0xFA70, 0xFAD9}, {0x16FE2, 0x16FE3},
                                       {0x16FF0, 0x16FF1}, {0x20000, 0x3FFFF}};
static const tok_range cased_letters[] = {
    {0x0041, 0x005A},   {0x0061, 0x007A},   {0x00B5, 0x00B5},   {0x00C0, 0x00D6},   {0x00D8, 0x00F6},
    {0x00F8, 0x01BA},   {0x01BC, 0x01BF},   {0x01C4, 0x0293},   {0x0295, 0x02AF},   {0x0370, 0x0373},
    {0x0376, 0x0376},   {0x0377, 0x0377},   {0x037B, 0x037D},   {0x037F, 0x037F},   {0x0386, 0x0386},
    {0x0388, 0x038A},   {0x038C, 0x038C},   {0x038E, 0x03A1},   {0x03A3, 0x03F5},   {0x03F7, 0x0481},
    {0x048A, 0x052F},   {0x0531, 0x0556},   {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},
    {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},
    {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},
    {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},
    {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},
    {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
    {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},
    {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},
    {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
    {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
    {0x118A0, 0x118DF}, {0x1E900, 0x1E943}};
static const tok_range asian_scripts[] = {{0x0E40, 0x0E7F}, {0x0E80, 0x0EFF}, {0x1000, 0x109F}, {0x1100, 0x11FF},
                                          {0x1780, 0x17FF}, {0x2F00, 0x2FDF}, {0x3040, 0x309F}, {0x30A0, 0x30FF},
                                          {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xA9E0, 0xA9FF}, {0xAA60, 0xAA7F},
                                          {0xAC00, 0xD7AF}, {0xF900, 0xFAFF}, {0xFF65, 0xFF9F}};

/* \p{N} */
static const tok_rule each_number[] = {RUN_MOST(0, NUMBERS, 1)};
/* \p{N}{1,3} */
static const tok_rule three_numbers[] = {RUN_MOST(0, NUMBERS, 3)};
/* \p{N}+ */
static const tok_rule numbers[] = {RUN(0, NUMBERS)};
/* [0-9][0-9][0-9] */
static const tok_rule three_digits[] = {RUN_EXACTLY(BIT(ASCII_DIGIT), 3)};
/* (?=(\d{3})+(?!\d)) within \p{N}+: groups of three from the right */
static const tok_rule digit_groups[] = {{.kind = TOK_RULE_DIGIT_GROUPS, .body = NUMBERS}};
/* \d{1,3}(?=(?:\d{3})*\b) */
static const tok_rule digit_group_words[] = {{.kind = TOK_RULE_DIGIT_GROUPS, .body = DECIMALS, .option = true}};
/* [\r\n] */
static const tok_rule each_newline[] = {RUN_MOST(0, NEWLINES, 1)};
/* [^\n]+|[\n]+ */
static const tok_rule lines[] = {RUN(0, ALL_BUT(BIT(LF))), RUN(0, BIT(LF))};
/* \S+ */
static const tok_rule no_spaces[] = {RUN(0, ALL_BUT(SPACES))};

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static const tok_rule gpt2[] = {
    CONTRACTION,         RUN(SPACE, LETTERS),      RUN(SPACE, NUMBERS),
    RUN(SPACE, NO_WORD), RULE(SPACES_BEFORE_WORD), RUN(0, SPACES),
};

/*
 * [^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * and before that, but for the last, (?i:'s|'t|'re|'ve|'m|'ll|'d)|
 */
#define WORDS_AND_NUMBERS(n)                                                                                   \
    RUN(BEFORE_WORD, LETTERS), RUN_MOST(0, NUMBERS, n), RUN_TAIL(SPACE, NO_WORD, NEWLINES, 0), RULE(NEWLINES), \
        RULE(SPACES_BEFORE_WORD), RUN(0, SPACES)
static const tok_rule llama3[] = {CONTRACTION_ANY_CASE, WORDS_AND_NUMBERS(3)};
static const tok_rule qwen2[] = {CONTRACTION_ANY_CASE, WORDS_AND_NUMBERS(1)};
static const tok_rule minicpm5[] = {CONTRACTION_ANY_CASE, WORDS_AND_NUMBERS(0)};
static const tok_rule ufakzeka[] = {WORDS_AND_NUMBERS(1)};

/* As llama3, with \s{512}(?!\S)|\s{256}(?!\S)|…|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1} for white space */
static const tok_rule jais2[] = {
    CONTRACTION_ANY_CASE, RUN(BEFORE_WORD, LETTERS), RUN_MOST(0, NUMBERS, 3), RUN_TAIL(SPACE, NO_WORD, NEWLINES, 0),
    RULE(NEWLINES),       RULE(SPACES_BY_HALVES),
};

/* As qwen2, marks being part of words: [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+ and  ?[^\s\p{L}\p{M}\p{N}]+[\r\n]* */
static const tok_rule qwen35[] = {
    CONTRACTION_ANY_CASE,    RUN(BEFORE_WORD, LETTERS | MARKS),
    RUN_MOST(0, NUMBERS, 1), RUN_TAIL(SPACE, NO_WORD & ~MARKS, NEWLINES, 0),
    RULE(NEWLINES),          RULE(SPACES_BEFORE_WORD),
    RUN(0, SPACES),
};

/* As qwen2 with  ?[^\s\p{L}\p{N}\r\n]+ */
static const tok_rule seed_coder[] = {
    CONTRACTION_ANY_CASE, RUN(BEFORE_WORD, LETTERS), RUN_MOST(0, NUMBERS, 1), RUN(SPACE, NO_WORD),
    RULE(NEWLINES),       RULE(SPACES_BEFORE_WORD),  RUN(0, SPACES),
};

/* As qwen2 with [^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+ and  ?[^\s\p{L}\p{N}]+[\r\n/]? */
static const tok_rule exaone_moe[] = {
    CONTRACTION_ANY_CASE,    {.kind = TOK_RULE_SPACED_WORD, .prefix = BEFORE_WORD},
    RUN_MOST(0, NUMBERS, 1), RUN_TAIL(SPACE, NO_WORD, NEWLINES | BIT(SLASH), 1),
    RULE(NEWLINES),          RULE(SPACES_BEFORE_WORD),
    RUN(0, SPACES),
};

/*
 * [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
 * [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
 * \p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 */
#define CASED_WORD(contraction, without)                                             \
    {                                                                                \
        .kind = TOK_RULE_CASED_WORD, .option = (contraction), .prefix = BEFORE_WORD, \
        .body = UPPER & ~(uint64_t)(without), .tail = LOWER & ~(uint64_t)(without)   \
    }
#define CASED_WORDS(contraction, n, tail_set)                                                                   \
    CASED_WORD(contraction, 0), RUN_MOST(0, NUMBERS, n), RUN_TAIL(SPACE, NO_WORD, tail_set, 0), RULE(NEWLINES), \
        RULE(SPACES_BEFORE_WORD), RUN(0, SPACES)
static const tok_rule gpt4o[] = {CASED_WORDS(true, 3, NEWLINES | BIT(SLASH))};
static const tok_rule tekken[] = {CASED_WORDS(false, 1, NEWLINES | BIT(SLASH))};
static const tok_rule youtu_words[] = {CASED_WORDS(true, 1, NEWLINES | BIT(SLASH))};

/* [\p{Han}]+| and then as gpt4o, Han being no part of a word, with [\r\n]* */
static const tok_rule kimi_k2[] = {
    RUN_RANGES(0, ALL, han_script),
    CASED_WORD(true, BIT(HAN)),
    RUN_MOST(0, NUMBERS, 3),
    RUN_TAIL(SPACE, NO_WORD, NEWLINES, 0),
    RULE(NEWLINES),
    RULE(SPACES_BEFORE_WORD),
    RUN(0, SPACES),
};

/* [가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+ */
static const tok_rule youtu_scripts[] = {
    RUN_RANGES(0, ALL, hangul),
    RUN_RANGES(0, ALL, full_width_marks),
    RUN_RANGES(0, ALL, bopomofo),
    RUN_RANGES(0, ALL, han_and_kana),
};

/* [一-龥぀-ゟ゠-ヿ]+ */
static const tok_rule han_and_kana_runs[] = {RUN_RANGES(0, ALL, han_and_kana)};

/*
 * [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
 * \s*[\r\n]+|\s+(?!\S)|\s+
 */
#define ASCII_AFTER_MARK                                                                  \
    {                                                                                     \
        .kind = TOK_RULE_RUN, .needs_prefix = true, .prefix = ASCII_PUNCT | ASCII_SYMBOL, \
        .body = BIT(ASCII_UPPER) | BIT(ASCII_LOWER)                                       \
    }
static const tok_rule deepseek_v3[] = {
    ASCII_AFTER_MARK,
    RUN(ALL_BUT(NEWLINES | LETTERS | PUNCTUATION | SYMBOLS), LETTERS | MARKS),
    RUN_TAIL(SPACE, PUNCTUATION | SYMBOLS, NEWLINES, 0),
    RULE(NEWLINES),
    RULE(SPACES_BEFORE_WORD),
    RUN(0, SPACES),
};

/* As deepseek_v3 with  ?[\p{P}\p{S}]+|[\r\n] */
static const tok_rule spark[] = {
    ASCII_AFTER_MARK,
    RUN(ALL_BUT(NEWLINES | LETTERS | PUNCTUATION | SYMBOLS), LETTERS | MARKS),
    RUN(SPACE, PUNCTUATION | SYMBOLS),
    RUN_MOST(0, NEWLINES, 1),
    RULE(SPACES_BEFORE_WORD),
    RUN(0, SPACES),
};

/* [一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+ */
static const tok_rule asian_runs[] = {RUN_RANGES(0, ALL, asian_scripts)};

/* \s?[letters of scripts with case]+, then \s?[!-/:-~！-／：-～‘-‟　-。]+, then \s+$, then
 * [一-龥ࠀ-一가-퟿]+
 */
static const tok_rule deepseek_letters[] = {RUN_RANGES(SPACES, ALL, cased_letters)};
static const tok_rule deepseek_marks[] = {RUN_RANGES(SPACES, ALL, marks_and_ascii)};
static const tok_rule spaces_at_end[] = {RULE(SPACES_AT_END)};
static const tok_rule deepseek_scripts[] = {RUN_RANGES(0, ALL, han_to_hangul)};

/* \s?\p{L}+, then \s?\p{P}+ */
static const tok_rule spaced_letters[] = {RUN(SPACES, LETTERS)};
static const tok_rule spaced_punctuation[] = {RUN(SPACES, PUNCTUATION)};

/* [\p{P}\$\+<=>\^~\|`]+, and without the backtick */
static const tok_rule marks[] = {RUN(0, PUNCTUATION | ASCII_SYMBOL)};
static const tok_rule marks_no_backtick[] = {RUN(0, PUNCTUATION | BIT(ASCII_SYMBOL))};

/*  ?[^(\s|.,!?…。，、।۔،)]+ */
static const tok_rule bloom[] = {RUN_RANGES(SPACE, ALL_BUT(SPACES), no_sentence_mark)};

/* ([\t\n]|    |  ), then [\p{P}!-/:-@\[-`{-~] */
static const tok_rule chameleon_spaces[] = {
    RUN_MOST(0, BIT(TAB) | BIT(LF), 1),
    RUN_EXACTLY(SPACE, 4),
    RUN_EXACTLY(SPACE, 2),
};
static const tok_rule each_mark[] = {RUN_MOST(0, PUNCTUATION | ASCII_SYMBOL, 1)};

#define ONE(a)                {STAGE(a)}, 1
#define TWO(a, b)             {STAGE(a), STAGE(b)}, 2
#define THREE(a, b, c)        {STAGE(a), STAGE(b), STAGE(c)}, 3
#define FOUR(a, b, c, d)      {STAGE(a), STAGE(b), STAGE(c), STAGE(d)}, 4
#define FIVE(a, b, c, d, e)   {STAGE(a), STAGE(b), STAGE(c), STAGE(d), STAGE(e)}, 5
#define SIX(a, b, c, d, e, f) {STAGE(a), STAGE(b), STAGE(c), STAGE(d), STAGE(e), STAGE(f)}, 6

static const tok_pretokenizer pretokenizers[] = {
    {"default", FOUR(marks_no_backtick, gpt2, numbers, three_digits), false, false, false},
    {"gpt-2 mpt olmo jais trillion granite-docling phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum "
     "modern-bert jina-v1-en jina-v2-code roberta-bpe exaone4",
     ONE(gpt2), false, false, false},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", ONE(llama3), true, false, false},
    {"dbrx smaug-bpe chatglm-bpe", ONE(llama3), false, false, false},
    {"glm4 glm5", ONE(llama3), true, false, false},
    {"qwen2 stablelm2 deepseek-r1-qwen kormo f2llmv2 megrez hunyuan solar-open grok-2 bailingmoe bailingmoe2 llada-moe",
     ONE(qwen2), false, false, false},
    {"qwen35", ONE(qwen35), false, false, false},
    {"smollm starcoder refact command-r codeshell exaone minerva-7b mellum2", TWO(each_number, gpt2), false, false,
     false},
    {"deepseek-llm", SIX(each_newline, deepseek_letters, deepseek_marks, spaces_at_end, deepseek_scripts, numbers),
     false, false, false},
    {"deepseek-coder", FIVE(each_newline, spaced_letters, spaced_punctuation, deepseek_scripts, each_number), false,
     false, false},
    {"deepseek-v3 hunyuan-dense joyai-llm hy_v4", THREE(three_numbers, han_and_kana_runs, deepseek_v3), false, false,
     false},
    {"spark2_5", FOUR(three_numbers, han_and_kana_runs, spark, each_number), false, false, false},
    {"afmoe", THREE(digit_groups, asian_runs, deepseek_v3), false, false, false},
    {"youtu", TWO(youtu_scripts, youtu_words), true, false, false},
    {"falcon", THREE(marks, gpt2, three_digits), false, false, false},
    {"gpt-4o llama4 kanana2 talkie minimax-m2", ONE(gpt4o), false, false, false},
    {"granite-embed-multi-97m", ONE(gpt4o), true, false, false},
    {"tiny_aya cohere2moe", TWO(digit_group_words, gpt4o), false, false, false},
    {"tekken", ONE(tekken), true, false, false},
    {"kimi-k2", ONE(kimi_k2), false, false, false},
    {"jais-2", ONE(jais2), false, false, false},
    {"seed-coder", ONE(seed_coder), false, false, false},
    {"ufakzeka", ONE(ufakzeka), false, false, false},
    {"exaone-moe", ONE(exaone_moe), false, false, false},
    {"laguna", TWO(lines, qwen2), false, false, false},
    {"minicpm5", TWO(three_numbers, minicpm5), true, false, false},
    {"superbpe", TWO(numbers, digit_groups), false, false, false},
    {"bloom poro-chat gpt3-finnish", ONE(bloom), false, false, false},
    {"viking", TWO(bloom, each_number), false, false, false},
    {"chameleon", FOUR(chameleon_spaces, each_number, each_mark, gpt2), false, false, false},
    {"gemma4 granite-embed-multi-311m sarvam-moe", ONE(lines), false, true, true},
    {"whitespace", ONE(no_spaces), false, true, false},
};

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define UPPER_TEXT   "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER_TEXT   "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define BEFORE_TEXT  "[^\\r\\n\\p{L}\\p{N}]?"
#define SPACES_TEXT  "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CASED_TEXT(contractions)                                                                                      \
    BEFORE_TEXT UPPER_TEXT "*" LOWER_TEXT "+" contractions "|" BEFORE_TEXT UPPER_TEXT "+" LOWER_TEXT "*" contractions \
                           "|"

/* Regular expressions of files, of which there is a stage. Those that `cover` a text match all of it. */
static const struct {
    const char *pattern;
    bool covers;
    tok_pretokenizer pre;
} patterns[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     true,
     {"", ONE(gpt2), false, false, false}},
    {CONTRACTIONS "|" BEFORE_TEXT "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES_TEXT,
     true,
     {"", ONE(llama3), false, false, false}},
    {CONTRACTIONS "|" BEFORE_TEXT "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" SPACES_TEXT,
     true,
     {"", ONE(qwen2), false, false, false}},
    {CONTRACTIONS "|" BEFORE_TEXT "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES_TEXT,
     true,
     {"", ONE(qwen35), false, false, false}},
    {CASED_TEXT(CONTRACTIONS "?") "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES_TEXT,
     true,
     {"", ONE(gpt4o), false, false, false}},
    {CASED_TEXT("") "\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" SPACES_TEXT,
     true,
     {"", ONE(tekken), false, false, false}},
    {"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
     "?[\\p{P}\\p{S}]+[\r\n]*|\\s*"
     "[\r\n]+|\\s+(?!\\S)|\\s+",
     false,
     {"", ONE(deepseek_v3), false, false, false}},
    {"[一-龥぀-ゟ゠-ヿ]+", false, {"", ONE(han_and_kana_runs), false, false, false}},
    {"\\p{N}{1,3}", false, {"", ONE(three_numbers), false, false, false}},
    {"\\p{N}", false, {"", ONE(each_number), false, false, false}},
    {"[\r\n]", false, {"", ONE(each_newline), false, false, false}},
    {"\\s?\\p{L}+", false, {"", ONE(spaced_letters), false, false, false}},
    {"\\s?\\p{P}+", false, {"", ONE(spaced_punctuation), false, false, false}},
    {"[一-龥ࠀ-一가-퟿]+", false, {"", ONE(deepseek_scripts), false, false, false}},
    {"[0-9][0-9][0-9]", false, {"", ONE(three_digits), false, false, false}},
};

const tok_pretokenizer *tok_pretokenizer_of_pattern(base_slice pattern, bool *covers)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (base_slice_is(pattern, patterns[i].pattern)) {
            *covers = patterns[i].covers;
            return &patterns[i].pre;
        }
    }
    return NULL;
}

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
