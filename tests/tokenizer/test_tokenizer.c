/* SPDX-License-Identifier: Apache-2.0 */
/* Tiny vocabularies made here: merging, special tokens, byte fallback, decoding, streams, and damaged vocabularies. */
#include "tokenizer/tokenizer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NO_SPECIAL   .bos = TOK_NONE, .eos = TOK_NONE, .eot = TOK_NONE, .unknown = TOK_NONE, .padding = TOK_NONE
#define SLICE(text)            \
    {                          \
        text, sizeof(text) - 1 \
    }

/* Byte-level: "\xC4\xA0" is how a space is written. */
static const base_slice byte_tokens[] = {SLICE("a"),
                                         SLICE("b"),
                                         SLICE("c"),
                                         SLICE("\xC4\xA0"),
                                         SLICE("ab"),
                                         SLICE("bc"),
                                         SLICE("abc"),
                                         SLICE("\xC4\xA0"
                                               "ab"),
                                         SLICE("<|end|>"),
                                         SLICE("<|end|>>"),
                                         SLICE("  "),
                                         SLICE("\xC3\xBF")};
static const int32_t byte_types[] = {1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 4, 1};
static const base_slice byte_merges[] = {SLICE("b c"), SLICE("a b"), SLICE("a bc"), SLICE("\xC4\xA0 ab")};
enum { A, B, C, SPACE, AB, BC, ABC, SPACE_AB, END, END_MORE, TWO_SPACES, BYTE_FF };

/* SentencePiece: "\xE2\x96\x81" stands for a space. */
static const base_slice sentence_tokens[] = {SLICE("<unk>"),          SLICE("<s>"), SLICE("<0x41>"), SLICE("<0xFF>"),
                                             SLICE("\xE2\x96\x81"),   SLICE("h"),   SLICE("i"),      SLICE("hi"),
                                             SLICE("\xE2\x96\x81hi"), SLICE("</s>")};
static const float sentence_scores[] = {0, 0, 0, 0, -5, -6, -7, -1, -2, 0};
static const int32_t sentence_types[] = {2, 3, 6, 6, 1, 1, 1, 1, 1, 3};

static tok_config byte_config(void)
{
    return (tok_config){.kind = TOK_BYTE_BPE,
                        .pre = base_slice_from("gpt-2"),
                        .tokens = byte_tokens,
                        .types = byte_types,
                        .n_tokens = COUNT(byte_tokens),
                        .merges = byte_merges,
                        .n_merges = COUNT(byte_merges),
                        NO_SPECIAL};
}

static tok_config sentence_config(void)
{
    tok_config config = {.kind = TOK_SENTENCE_BPE,
                         .tokens = sentence_tokens,
                         .scores = sentence_scores,
                         .types = sentence_types,
                         .n_tokens = COUNT(sentence_tokens),
                         NO_SPECIAL,
                         .add_space_prefix = true};
    config.bos = 1;
    config.eos = 9;
    config.unknown = 0;
    config.add_bos = true;
    return config;
}

static tok_tokenizer *create(tok_config config)
{
    tok_tokenizer *tokenizer;
    firn_error error = {0};
    cr_assert_eq(tok_create(&config, &tokenizer, &error), FIRN_OK, "%s", error.message);
    return tokenizer;
}

static void expect_ids(const tok_tokenizer *tokenizer, base_slice text, unsigned flags, const int32_t *expected,
                       size_t count)
{
    tok_ids ids = {0};
    firn_error error = {0};
    cr_assert_eq(tok_encode(tokenizer, text, flags, &ids, &error), FIRN_OK, "%s", error.message);
    cr_expect_eq(ids.count, count, "'%s' gives %zu ids, not %zu", text.data, ids.count, count);
    for (size_t i = 0; i < ids.count && i < count; i++)
        cr_expect_eq(ids.ids[i], expected[i], "'%s': id %zu is %d, not %d", text.data, i, ids.ids[i], expected[i]);
    tok_ids_free(&ids);
}

#define EXPECT_IDS(tokenizer, text, flags, ...)                                         \
    expect_ids(tokenizer, base_slice_from(text), flags, (const int32_t[]){__VA_ARGS__}, \
               COUNT(((const int32_t[]){__VA_ARGS__})))

static void expect_failure(tok_config config, firn_status status, const char *part)
{
    tok_tokenizer *tokenizer = (tok_tokenizer *)&config;
    firn_error error = {0};
    cr_expect_eq(tok_create(&config, &tokenizer, &error), status);
    cr_expect_null(tokenizer);
    cr_expect(strstr(error.message, part), "'%s' doesn't say '%s'", error.message, part);
}

Test(tokenizer, merges_go_by_rank)
{
    tok_tokenizer *const tokenizer = create(byte_config());
    EXPECT_IDS(tokenizer, "abc", 0, ABC); /* "b c" goes before "a b" */
    EXPECT_IDS(tokenizer, "ab ab", 0, AB, SPACE_AB);
    EXPECT_IDS(tokenizer, "aab c", 0, A, AB, SPACE, C);
    expect_ids(tokenizer, (base_slice){0}, 0, NULL, 0);
    tok_destroy(tokenizer);
}

Test(tokenizer, several_merges_make_one_token)
{
    static const base_slice merges[] = {SLICE("a b"), SLICE("ab c"), SLICE("b c"), SLICE("a bc"), SLICE("b c")};
    tok_config config = byte_config();
    config.merges = merges;
    config.n_merges = 2;
    tok_tokenizer *tokenizer = create(config);
    EXPECT_IDS(tokenizer, "abcbc", 0, ABC, B, C);
    tok_destroy(tokenizer);
    config.merges = merges + 2; /* and one of them twice */
    config.n_merges = 3;
    tokenizer = create(config);
    EXPECT_IDS(tokenizer, "abcab", 0, ABC, A, B);
    tok_destroy(tokenizer);
    config.merges = merges;
    config.n_merges = COUNT(merges);
    tokenizer = create(config);
    EXPECT_IDS(tokenizer, "abcbc", 0, ABC, BC);
    tok_destroy(tokenizer);
}

Test(tokenizer, a_byte_without_token_is_left_out)
{
    tok_config config = byte_config();
    config.unknown = END; /* which is never to come from plain text */
    tok_tokenizer *const tokenizer = create(config);
    EXPECT_IDS(tokenizer, "a\xFFz", 0, A, BYTE_FF);
    tok_destroy(tokenizer);
}

Test(tokenizer, special_tokens)
{
    tok_tokenizer *const tokenizer = create(byte_config());
    EXPECT_IDS(tokenizer, "a<|end|>b", TOK_PARSE_SPECIAL, A, END, B);
    EXPECT_IDS(tokenizer, "<|end|>>", TOK_PARSE_SPECIAL, END_MORE); /* the longest */
    expect_ids(tokenizer, base_slice_from("<|end|"), TOK_PARSE_SPECIAL, NULL, 0);
    EXPECT_IDS(tokenizer, "<|end|>c", 0, C);                    /* its characters have no tokens here */
    EXPECT_IDS(tokenizer, "a   b", 0, A, TWO_SPACES, SPACE, B); /* user-defined: always */
    cr_expect(tok_is_control(tokenizer, END));
    cr_expect_not(tok_is_control(tokenizer, TWO_SPACES));
    cr_expect_not(tok_is_control(tokenizer, -1));
    cr_expect_not(tok_is_control(tokenizer, 1000));
    tok_destroy(tokenizer);
}

Test(tokenizer, sentence_merges_go_by_score_and_fall_back_to_bytes)
{
    tok_tokenizer *const tokenizer = create(sentence_config());
    EXPECT_IDS(tokenizer, "hi hi", TOK_ADD_SPECIAL, 1, 8, 8);
    EXPECT_IDS(tokenizer, "hhi", 0, 4, 5, 7);
    EXPECT_IDS(tokenizer, "A\xFF!", 0, 4, 2, 3, 0);
    EXPECT_IDS(tokenizer, "hi</s>hi", TOK_PARSE_SPECIAL, 8, 9, 8); /* a space after a special token too */
    EXPECT_IDS(tokenizer, "  hi", 0, 4, 4, 8);
    expect_ids(tokenizer, (base_slice){0}, TOK_ADD_SPECIAL, (const int32_t[]){1}, 1);
    tok_destroy(tokenizer);
    tok_config config = sentence_config();
    config.add_space_prefix = false;
    config.add_eos = true;
    tok_tokenizer *const plain = create(config);
    EXPECT_IDS(plain, "hi", TOK_ADD_SPECIAL, 1, 7, 9);
    EXPECT_IDS(plain, "hi", 0, 7);
    tok_destroy(plain);
}

/* gemma4: merges by rank, but on characters, with the space symbol and byte tokens. */
Test(tokenizer, merges_of_characters)
{
    static const base_slice tokens[] = {SLICE("a"),
                                        SLICE("\xE2\x96\x81"),
                                        SLICE("\xE2\x96\x81"
                                              "a"),
                                        SLICE("\n\n\n"),
                                        SLICE("<0x0A>"),
                                        SLICE("<0xC3>"),
                                        SLICE("<0xA9>"),
                                        SLICE("aa")};
    static const int32_t types[] = {1, 1, 1, 1, 6, 6, 6, 1};
    static const base_slice merges[] = {SLICE("\xE2\x96\x81 a"), SLICE("a a")};
    tok_config config = byte_config();
    config.pre = base_slice_from("gemma4");
    config.tokens = tokens;
    config.types = types;
    config.n_tokens = COUNT(tokens);
    config.merges = merges;
    config.n_merges = COUNT(merges);
    tok_tokenizer *const tokenizer = create(config);
    EXPECT_IDS(tokenizer, "a aaa", 0, 0, 2, 7);
    EXPECT_IDS(tokenizer, "\n\n\na\n", 0, 3, 0, 4);
    EXPECT_IDS(tokenizer, "\xC3\xA9", 0, 5, 6);
    char buffer[8];
    cr_expect_eq(tok_decode_one(tokenizer, 2, false, buffer, sizeof buffer), 2);
    cr_expect_arr_eq(buffer, " a", 2);
    tok_destroy(tokenizer);
}

static const base_slice unigram_tokens[] = {SLICE("<unk>"),
                                            SLICE("</s>"),
                                            SLICE("\xE2\x96\x81"),
                                            SLICE("a"),
                                            SLICE("b"),
                                            SLICE("ab"),
                                            SLICE("\xE2\x96\x81"
                                                  "ab"),
                                            SLICE("bab")};
static const float unigram_scores[] = {0, 0, -2, -3, -3, -4, -7, -4.5F};
static const int32_t unigram_types[] = {2, 3, 1, 1, 1, 1, 1, 1};

static tok_config unigram_config(void)
{
    tok_config config = {.kind = TOK_UNIGRAM,
                         .tokens = unigram_tokens,
                         .scores = unigram_scores,
                         .types = unigram_types,
                         .n_tokens = COUNT(unigram_tokens),
                         NO_SPECIAL,
                         .add_space_prefix = true,
                         .remove_extra_spaces = true,
                         .add_eos = true};
    config.eos = 1;
    config.unknown = 0;
    return config;
}

Test(tokenizer, unigram_takes_the_likeliest_tokens)
{
    tok_config config = unigram_config();
    tok_tokenizer *tokenizer = create(config);
    EXPECT_IDS(tokenizer, "ab", TOK_ADD_SPECIAL, 2, 5, 1); /* -2 - 4 beats -7 */
    EXPECT_IDS(tokenizer, "abab", 0, 2, 3, 7);             /* -2 - 3 - 4.5 beats -2 - 4 - 4 */
    EXPECT_IDS(tokenizer, "  a   b ", 0, 2, 3, 2, 4);
    EXPECT_IDS(tokenizer, "xyza", 0, 2, 0, 3); /* unknown characters in a row are one token */
    EXPECT_IDS(tokenizer, "a</s>", TOK_PARSE_SPECIAL, 2, 3, 1);
    expect_ids(tokenizer, base_slice_from("  "), 0, NULL, 0);
    tok_destroy(tokenizer);
    config.remove_extra_spaces = config.add_space_prefix = false;
    tokenizer = create(config);
    EXPECT_IDS(tokenizer, "a  b ", 0, 3, 2, 2, 4, 2);
    tok_destroy(tokenizer);
    config.add_space_prefix = true;
    tokenizer = create(config);
    EXPECT_IDS(tokenizer, " a b", 0, 2, 2, 3, 2, 4);
    tok_destroy(tokenizer);
}

/* A table that makes "A" to "ab": the root's children are at 0 ^ label, those of "A" at its place ^ 1. */
static void put_table(char table[300 * 4 + 4 + 3], uint32_t offset)
{
    const uint32_t bytes = 300 * 4, node = 'A' | 1U << 8 | 1U << 10;
    memset(table, 0, 300 * 4 + 4 + 3);
    memcpy(table, &bytes, 4);
    memcpy(table + 4 + 4 * 'A', &node, 4);
    memcpy(table + 4 + 4 * ('A' ^ 1), &offset, 4);
    memcpy(table + 4 + bytes, "ab", 3);
}

Test(tokenizer, unigram_replaces_texts_and_T9_damaged_tables)
{
    char table[300 * 4 + 4 + 3];
    tok_config config = unigram_config();
    put_table(table, 0);
    config.replacements = (base_slice){table, sizeof table};
    tok_tokenizer *tokenizer = create(config);
    EXPECT_IDS(tokenizer, "AxA", 0, 2, 5, 0, 5);
    tok_destroy(tokenizer);
    put_table(table, 3); /* a replacement outside of the table is none */
    tokenizer = create(config);
    EXPECT_IDS(tokenizer, "Aa", 0, 2, 0, 3);
    tok_destroy(tokenizer);
    config.replacements.length = 3;
    expect_failure(config, FIRN_ERROR_FORMAT, "3 bytes");
    config.replacements.length = 100;
    expect_failure(config, FIRN_ERROR_FORMAT, "100 bytes");
    config.replacements.length = sizeof table - 1;
    expect_failure(config, FIRN_ERROR_FORMAT, "no end");
}

Test(tokenizer, T13_a_text_that_is_too_long_leaves_the_ids)
{
    tok_tokenizer *const tokenizer = create(byte_config());
    tok_ids ids = {0};
    firn_error error = {0};
    cr_assert_eq(tok_encode(tokenizer, base_slice_from("ab"), 0, &ids, &error), FIRN_OK);
    const base_slice huge = {"ab", (size_t)1 << 31};
    cr_expect_eq(tok_encode(tokenizer, huge, 0, &ids, &error), FIRN_ERROR_LIMIT);
    cr_expect(strstr(error.message, "2147483648 bytes"), "%s", error.message);
    cr_expect_eq(ids.count, 1);
    tok_ids_free(&ids);
    cr_expect_null(ids.ids);
    tok_destroy(tokenizer);
}

static void expect_bytes(const tok_tokenizer *tokenizer, int32_t id, bool special, const char *expected)
{
    char buffer[16];
    const size_t length = tok_decode_one(tokenizer, id, special, buffer, sizeof buffer);
    cr_assert_leq(length, tok_longest_token(tokenizer));
    cr_expect(base_slice_is((base_slice){buffer, length}, expected), "token %d is '%.*s', not '%s'", id, (int)length,
              buffer, expected);
}

Test(tokenizer, decoding)
{
    tok_tokenizer *tokenizer = create(byte_config());
    cr_expect_eq(tok_count(tokenizer), COUNT(byte_tokens));
    cr_expect_eq(tok_find(tokenizer, base_slice_from("<|end|>")), END);
    cr_expect_eq(tok_find(tokenizer, base_slice_from("none")), TOK_NONE);
    expect_bytes(tokenizer, SPACE_AB, false, " ab");
    expect_bytes(tokenizer, BYTE_FF, false, "\xFF");
    expect_bytes(tokenizer, END, false, "");
    expect_bytes(tokenizer, END, true, "<|end|>");
    expect_bytes(tokenizer, TWO_SPACES, false, "  ");
    expect_bytes(tokenizer, -1, true, "");
    expect_bytes(tokenizer, (int32_t)COUNT(byte_tokens), true, "");
    char small[2] = "#";
    cr_expect_eq(tok_decode_one(tokenizer, ABC, false, small, sizeof small), 3);
    tok_destroy(tokenizer);
    tokenizer = create(sentence_config());
    expect_bytes(tokenizer, 8, false, " hi");
    expect_bytes(tokenizer, 3, false, "\xFF");
    expect_bytes(tokenizer, 0, false, "");
    tok_destroy(tokenizer);
}

Test(tokenizer, stream_holds_back_unfinished_characters)
{
    static const char text[] = "a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80z";
    tok_stream stream = {0};
    char out[64], ready[8];
    size_t length = 0;
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        const size_t n = tok_stream_add(&stream, text + i, 1, ready);
        cr_expect(n == 0 || ((unsigned char)ready[0] & 0xC0) != 0x80);
        memcpy(out + length, ready, n);
        length += n;
    }
    cr_expect_eq(tok_stream_flush(&stream, ready), 0);
    cr_expect(base_slice_is((base_slice){out, length}, text));
    cr_expect_eq(tok_stream_add(&stream, "x\xE4\xBD", 3, ready), 1);
    cr_expect_eq(tok_stream_flush(&stream, ready), 2);
    cr_expect_eq(tok_stream_add(&stream, "\xFF", 1, ready), 1); /* begins no character */
    cr_expect_eq(tok_stream_add(&stream, "\x80\x80\x80\x80", 4, ready), 4);
}

Test(tokenizer, T1_empty_vocabulary_and_T2_no_scores)
{
    tok_config config = byte_config();
    config.n_tokens = 0;
    expect_failure(config, FIRN_ERROR_LIMIT, "0 tokens");
    config = sentence_config();
    config.scores = NULL;
    expect_failure(config, FIRN_ERROR_FORMAT, "scores");
}

Test(tokenizer, T3_byte_tokens)
{
    static const char *const wrong[] = {"<0x-1>", "<0xZZ>", "<0xff>", "<0x4>", "<0x041>"};
    base_slice tokens[COUNT(sentence_tokens)];
    memcpy(tokens, sentence_tokens, sizeof tokens);
    tok_config config = sentence_config();
    config.tokens = tokens;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        tokens[2] = base_slice_from(wrong[i]);
        expect_failure(config, FIRN_ERROR_FORMAT, i == 2 ? "tokens 2 and 3 both stand for byte 0xFF" : "token 2");
    }
}

Test(tokenizer, T4_merges)
{
    static const base_slice no_space[] = {SLICE("a b"), SLICE("ab")}, unknown[] = {SLICE("b a")},
                            empty_side[] = {SLICE("a ")}, empty[] = {SLICE("")};
    tok_config config = byte_config();
    config.merges = no_space;
    config.n_merges = 2;
    expect_failure(config, FIRN_ERROR_FORMAT, "merge 1");
    config.n_merges = 1;
    config.merges = unknown;
    expect_failure(config, FIRN_ERROR_FORMAT, "merge 0 ('b a')");
    config.merges = empty_side;
    expect_failure(config, FIRN_ERROR_FORMAT, "merge 0");
    config.merges = empty;
    expect_failure(config, FIRN_ERROR_FORMAT, "merge 0");
}

Test(tokenizer, T5_long_tokens)
{
    const size_t length = 65537;
    char *const text = malloc(length);
    cr_assert(text);
    memset(text, 'a', length);
    base_slice tokens[COUNT(byte_tokens)];
    memcpy(tokens, byte_tokens, sizeof tokens);
    tok_config config = byte_config();
    config.tokens = tokens;
    tokens[BYTE_FF] = (base_slice){text, length};
    expect_failure(config, FIRN_ERROR_LIMIT, "token 11 has 65537 bytes");
    tokens[BYTE_FF].length = 65536;
    tok_destroy(create(config));
    tokens[END] = (base_slice){text, 256};
    expect_failure(config, FIRN_ERROR_LIMIT, "token 8 has 256 bytes");
    free(text);
}

Test(tokenizer, T6_duplicates_and_T7_special_ids)
{
    base_slice tokens[COUNT(byte_tokens)];
    memcpy(tokens, byte_tokens, sizeof tokens);
    tokens[BYTE_FF] = tokens[A];
    tok_config config = byte_config();
    config.tokens = tokens;
    expect_failure(config, FIRN_ERROR_FORMAT, "tokens 0 and 11 have the same text");
    config = byte_config();
    config.eos = COUNT(byte_tokens);
    expect_failure(config, FIRN_ERROR_FORMAT, "eos token's id is 12");
    config.eos = -2;
    expect_failure(config, FIRN_ERROR_FORMAT, "eos token's id is -2");
}

Test(tokenizer, T8_unknown_pretokenizer)
{
    tok_config config = byte_config();
    config.pre = base_slice_from("gpt-99");
    expect_failure(config, FIRN_ERROR_UNSUPPORTED, "'gpt-99'");
    expect_failure(config, FIRN_ERROR_UNSUPPORTED, "llama-bpe");
    config.pre = (base_slice){0};
    expect_failure(config, FIRN_ERROR_UNSUPPORTED, "''");
}

Test(tokenizer, T11_two_megabytes_of_one_character, .timeout = 60)
{
    const size_t length = 2000000;
    char *const text = malloc(length);
    cr_assert(text);
    tok_tokenizer *const byte_level = create(byte_config()), *const sentence = create(sentence_config());
    tok_tokenizer *const unigram = create(unigram_config());
    for (const char *c = "a \nh<\xE4\xFF"; *c; c++) {
        memset(text, *c, length);
        tok_ids ids = {0};
        cr_expect_eq(tok_encode(byte_level, (base_slice){text, length}, TOK_PARSE_SPECIAL, &ids, NULL), FIRN_OK);
        cr_expect_eq(tok_encode(sentence, (base_slice){text, length}, TOK_PARSE_SPECIAL, &ids, NULL), FIRN_OK);
        cr_expect_eq(tok_encode(unigram, (base_slice){text, length}, TOK_PARSE_SPECIAL, &ids, NULL), FIRN_OK);
        tok_ids_free(&ids);
    }
    tok_destroy(unigram);
    tok_destroy(byte_level);
    tok_destroy(sentence);
    free(text);
}

static tok_config described_config(const char *pretokeniser)
{
    tok_config config = byte_config();
    config.described = true;
    config.pretokeniser = base_slice_from(pretokeniser);
    return config;
}

/* One search takes more steps than allowed, or each is allowed but all of them would take minutes. */
Test(tokenizer, T8_regular_expressions, .timeout = 60)
{
    enum { LENGTH = 200000 };
    static const char *const slow[] = {"(?:a+)+[bc]{2}", "a{0,900}a{0,900}b|a"};
    expect_failure(
        described_config("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a(\"}, \"behavior\": \"Isolated\"}"),
        FIRN_ERROR_FORMAT, "'a(' is wrong at byte 2");
    char *const text = malloc(LENGTH);
    memset(text, 'a', LENGTH);
    for (size_t i = 0; i < COUNT(slow); i++) {
        char json[200];
        snprintf(json, sizeof json,
                 "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, \"behavior\": \"Isolated\"}", slow[i]);
        tok_tokenizer *const tokenizer = create(described_config(json));
        tok_ids ids = {0};
        firn_error error = {0};
        cr_expect_eq(tok_encode(tokenizer, (base_slice){text, LENGTH}, 0, &ids, &error), FIRN_ERROR_LIMIT, "%s",
                     slow[i]);
        cr_expect(strstr(error.message, "regular expression") && strstr(error.message, "200000 bytes"), "%s",
                  error.message);
        cr_expect_eq(ids.count, 0);
        tok_ids_free(&ids);
        tok_destroy(tokenizer);
    }
    free(text);
}

Test(tokenizer, T12_broken_utf8)
{
    tok_tokenizer *const tokenizer = create(sentence_config());
    EXPECT_IDS(tokenizer, "\xFF\xFF", 0, 4, 3, 3);
    EXPECT_IDS(tokenizer, "h\xF0\x9F", 0, 4, 5, 0, 0); /* bytes without token are unknown */
    EXPECT_IDS(tokenizer, "\xC3h", 0, 4, 0, 5);
    tok_destroy(tokenizer);
}

Test(tokenizer, a_suffix_ends_each_word)
{
    static const base_slice tokens[] = {SLICE("a"),     SLICE("b"),      SLICE("a</w>"),
                                        SLICE("b</w>"), SLICE("ab</w>"), SLICE("ab")};
    static const base_slice merges[] = {SLICE("a b</w>"), SLICE("a b")};
    tok_config config = described_config("{\"type\": \"WhitespaceSplit\"}");
    config.word_suffix = base_slice_from("</w>");
    config.tokens = tokens;
    config.types = NULL;
    config.n_tokens = COUNT(tokens);
    config.merges = merges;
    config.n_merges = COUNT(merges);
    tok_tokenizer *const tokenizer = create(config);
    EXPECT_IDS(tokenizer, "ab a  aba b", 0, 4, 2, 5, 2, 3);
    tok_destroy(tokenizer);
}
