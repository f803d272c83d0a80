/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Characters of UTF-8 text and their classes. A class is a Unicode general category, or a part of one that some
 * pre-tokeniser treats apart; a set of classes is a 64-bit mask. Bytes that are no valid UTF-8 are characters of one
 * byte and of class OTHER, so every text can be walked through.
 */
#ifndef FIRN_TOKENIZER_UNICODE_H
#define FIRN_TOKENIZER_UNICODE_H

#include "base/utf8.h"

#include <stdint.h>

/* make_unicode.py has the same names in the same order. */
typedef enum tok_class {
    TOK_OTHER, /* controls, format characters, unassigned code points, broken UTF-8 */
    TOK_SPACE, /* U+0020 */
    TOK_CR,
    TOK_LF,
    TOK_TAB,
    TOK_BLANK, /* all other white space */
    TOK_ASCII_UPPER,
    TOK_ASCII_LOWER,
    TOK_UPPER,
    TOK_LOWER,
    TOK_TITLE,
    TOK_MODIFIER,
    TOK_LETTER, /* letters without case, Lo, of other scripts than Han */
    TOK_HAN,    /* Lo, Lm */
    TOK_MARK,
    TOK_ASCII_DIGIT,
    TOK_DIGIT,
    TOK_NUMBER, /* Nl, No */
    TOK_APOSTROPHE,
    TOK_SLASH,
    TOK_ASCII_PUNCTUATION,
    TOK_PUNCTUATION,
    TOK_BACKTICK,
    TOK_ASCII_SYMBOL,
    TOK_SYMBOL,
    TOK_CLASSES
} tok_class;

extern const uint8_t tok_unicode_pages[272];
extern const uint16_t tok_unicode_blocks[][64];
extern const char tok_unicode_classes[][65];

typedef struct tok_character {
    uint32_t code;   /* the code point, or the byte where the text is no valid UTF-8 */
    uint32_t length; /* bytes */
    tok_class class_of;
} tok_character;

static inline tok_class tok_class_of(uint32_t code)
{
    const uint16_t block = tok_unicode_blocks[tok_unicode_pages[code >> 12]][code >> 6 & 63];
    return (tok_class)(tok_unicode_classes[block][code & 63] - 'A');
}

/* The character at `text`, which is before `end`. */
static inline tok_character tok_character_at(const char *text, const char *end)
{
    tok_character c = {.code = (unsigned char)*text, .length = 1, .class_of = TOK_OTHER};
    if (c.code < 0x80) {
        c.class_of = (tok_class)(tok_unicode_classes[c.code >> 6][c.code & 63] - 'A');
        return c;
    }
    const size_t length = base_utf8_decode(text, (size_t)(end - text), &c.code);
    if (length == 0)
        return c;
    c.length = (uint32_t)length;
    c.class_of = tok_class_of(c.code);
    return c;
}

#endif
