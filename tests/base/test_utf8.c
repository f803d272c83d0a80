/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <criterion/criterion.h>

Test(utf8, every_character_goes_round)
{
    for (uint32_t c = 0; c < 0x120000; c++) {
        char bytes[4];
        uint32_t back = UINT32_MAX;
        const size_t n = base_utf8_encode(c, bytes);
        const bool exists = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
        cr_assert_eq(n, !exists ? 0 : c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, "U+%04X", c);
        if (!exists)
            continue;
        cr_assert_eq(base_utf8_decode(bytes, n, &back), n, "U+%04X", c);
        cr_assert_eq(back, c);
        cr_assert_eq(base_utf8_decode(bytes, n - 1, &back), 0, "U+%04X cut", c);
    }
}

/* A two-byte prefix allows as many third bytes as the definition's table says. */
Test(utf8, counts_of_well_formed_sequences)
{
    size_t counts[5] = {0};
    for (uint32_t i = 0; i < 1u << 24; i++) {
        const char bytes[4] = {(char)(i >> 16), (char)(i >> 8), (char)i, (char)0x80};
        uint32_t code_point;
        counts[base_utf8_decode(bytes, 4, &code_point)]++;
    }
    cr_expect_eq(counts[1], 128u << 16);
    cr_expect_eq(counts[2], 30u * 64 << 8);
    cr_expect_eq(counts[3], 0x10000 - 0x800 - 0x800); /* no surrogates, none below U+0800 */
    cr_expect_eq(counts[4], 0x100000 / 64);
}

Test(utf8, validity_of_texts)
{
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"gr\xc3\xbc\xc3\x9f", true},
        {"\xf0\x9f\x8c\xa8", true},
        {"\x80", false},
        {"a\xc3", false},
        {"\xc0\xaf", false},
        {"\xe0\x80\x80", false},
        {"\xed\xa0\x80", false},
        {"\xf4\x90\x80\x80", false},
        {"\xff", false},
        {"\xf8\x88\x80\x80\x80", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(base_utf8_valid(base_slice_from(cases[i].text)), cases[i].valid, "case %zu", i);
}

Test(utf8, whole_characters)
{
    cr_assert_eq(base_utf8_whole("", 0), 0);
    cr_assert_eq(base_utf8_whole("abc", 3), 3);
    cr_assert_eq(base_utf8_whole("a\xc3", 2), 1);
    cr_assert_eq(base_utf8_whole("a\xc3\xa9", 3), 3);
    cr_assert_eq(base_utf8_whole("a\xe2\x82", 3), 1);
    cr_assert_eq(base_utf8_whole("\xf0\x9f\x98", 3), 0);
    cr_assert_eq(base_utf8_whole("\xf0\x9f\x98\x80", 4), 4);
    cr_assert_eq(base_utf8_whole("\x80\x80\x80\x80", 4), 4); /* never a character: nothing to wait for */
    cr_assert_eq(base_utf8_whole("a\xff", 2), 2);
}
