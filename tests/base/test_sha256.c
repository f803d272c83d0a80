/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known answers are the standard's examples, by the processor's instructions where it has them and without. That
 * both agree on other bytes is a test of its own.
 */
#include "base/sha256.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect(const char *text, const char *answer)
{
    const size_t length = strlen(text);
    for (size_t piece = 1; piece <= 2 * (length + 1); piece++) {
        base_sha256 hash = base_sha256_begin();
        char hex[BASE_SHA256_HEX];
        hash.instructions = hash.instructions && piece <= length + 1;
        for (size_t at = 0; at < length; at += piece)
            base_sha256_add(&hash, text + at, length - at < piece ? length - at : piece);
        base_sha256_end(&hash, hex);
        cr_assert_str_eq(hex, answer, "'%s' in pieces of %zu", text, piece);
    }
}

Test(sha256, known_answers_in_any_pieces)
{
    expect("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
           "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnop"
           "qrst"
           "u",
           "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

Test(sha256, a_million_letters)
{
    char letters[1000], hex[BASE_SHA256_HEX];
    base_sha256 hash = base_sha256_begin();
    memset(letters, 'a', sizeof letters);
    for (int i = 0; i < 1000; i++)
        base_sha256_add(&hash, letters, sizeof letters);
    base_sha256_end(&hash, hex);
    cr_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(sha256, the_processors_instructions_agree)
{
    uint8_t bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 3 ^ i);
    for (size_t length = 0; length < sizeof bytes; length += 61) {
        base_sha256 fast = base_sha256_begin(), plain = base_sha256_begin();
        char hex[BASE_SHA256_HEX], expected[BASE_SHA256_HEX];
        plain.instructions = false;
        base_sha256_add(&fast, bytes, length);
        base_sha256_add(&plain, bytes, length);
        base_sha256_end(&fast, hex);
        base_sha256_end(&plain, expected);
        cr_assert_str_eq(hex, expected, "%zu bytes", length);
    }
}
