/* SPDX-License-Identifier: Apache-2.0 */
/* Upper and lower case, and kinds of characters, as Python's str methods see them. */
#include "tokenizer/template_p.h"

#include "base/utf8.h"
#include "tokenizer/template_unicode.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

unsigned tok_character_class(uint32_t code)
{
    size_t low = 0, high = COUNT(character_runs);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (character_runs[middle] >> 8 <= code)
            low = middle;
        else
            high = middle;
    }
    return character_runs[low] & 0xFF;
}

/* False if no run has the character. */
static bool map(const case_run *runs, size_t count, uint32_t code, uint32_t *mapped)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (runs[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    /* Runs of stride 2 may interleave with their neighbour, so the next one is looked at as well. */
    for (size_t i = low; i < count && i < low + 2; i++)
        if (code >= runs[i].first && code <= runs[i].last && (code - runs[i].first) % runs[i].stride == 0) {
            *mapped = (uint32_t)((int32_t)code + runs[i].delta);
            return true;
        }
    return false;
}

static const char *special(const special_case *cases, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++)
        if (cases[i].code == code)
            return cases[i].text;
    return NULL;
}

/* Appends the character at `at` in the case asked for (TOK_UPPER, TOK_LOWER or TOK_TITLE), with its mark. */
static void add_character(tok_builder *builder, const tok_text *text, size_t at, tok_case change)
{
    uint32_t code = tok_character(text, at);
    bool mark = tok_mark_at(text, at);
    if (code < 0x80) {
        bool letter = (code | 0x20) >= 'a' && (code | 0x20) <= 'z';
        char c = (char)(!letter ? code : change == TOK_LOWER ? code | 0x20 : code & ~0x20U);
        tok_add_bytes(builder, &c, 1, mark);
        return;
    }
    const char *several = NULL;
    uint32_t mapped = code;
    if (change == TOK_LOWER) {
        several = special(lower_specials, COUNT(lower_specials), code);
        map(lower_runs, COUNT(lower_runs), code, &mapped);
    } else if (change == TOK_UPPER || !map(title_runs, COUNT(title_runs), code, &mapped)) {
        several = change == TOK_UPPER ? special(upper_specials, COUNT(upper_specials), code)
                                      : special(title_specials, COUNT(title_specials), code);
        map(upper_runs, COUNT(upper_runs), code, &mapped);
    }
    char bytes[4];
    if (several != NULL)
        tok_add_bytes(builder, several, strlen(several), mark);
    else if (mapped == code)
        tok_add(builder, text, at, at + tok_character_length(text, at));
    else
        tok_add_bytes(builder, bytes, base_utf8_encode(mapped, bytes), mark);
}

static bool is_cased(uint32_t code)
{
    return (tok_character_class(code) & (TOK_IS_UPPER | TOK_IS_LOWER | TOK_IS_TITLE)) != 0;
}

/* Greek capital sigma becomes the final form at a word's end. */
static bool final_sigma(const tok_text *text, size_t at, bool after_cased)
{
    size_t next = at + tok_character_length(text, at);
    return after_cased && tok_character(text, at) == 0x3A3 &&
           (next >= text->length || !is_cased(tok_character(text, next)));
}

tok_value tok_change_case(tok_render *render, const tok_text *text, tok_case change)
{
    tok_builder builder = tok_build(render);
    bool after_cased = false;
    tok_charge(render, text->length / 8);
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at)) {
        uint32_t code = tok_character(text, at);
        tok_case one = change;
        if (change == TOK_TITLE)
            one = after_cased ? TOK_LOWER : TOK_TITLE;
        else if (change == TOK_CAPITALIZE)
            one = at == 0 ? TOK_TITLE : TOK_LOWER;
        else if (change == TOK_SWAP)
            one = (tok_character_class(code) & TOK_IS_UPPER) != 0 ? TOK_LOWER : TOK_UPPER;
        if (change == TOK_SWAP && (tok_character_class(code) & TOK_IS_TITLE) != 0)
            tok_add(&builder, text, at, at + tok_character_length(text, at));
        else if (one == TOK_LOWER && final_sigma(text, at, after_cased))
            tok_add_bytes(&builder, "\xCF\x82", 2, tok_mark_at(text, at));
        else
            add_character(&builder, text, at, one);
        after_cased = is_cased(code);
    }
    tok_value changed = tok_built(&builder);
    return text->markup ? tok_with_markup(render, changed.as.text, true) : changed;
}

/* Whether the text has letters with case and all of them are of the class `wanted`. */
static bool all_of_case(const tok_text *text, unsigned wanted)
{
    const unsigned cased = TOK_IS_UPPER | TOK_IS_LOWER | TOK_IS_TITLE;
    bool found = false;
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at)) {
        unsigned class = tok_character_class(tok_character(text, at));
        if ((class & cased & ~wanted) != 0)
            return false;
        found = found || (class & wanted) != 0;
    }
    return found;
}

bool tok_all_lower(const tok_text *text)
{
    return all_of_case(text, TOK_IS_LOWER);
}

bool tok_all_upper(const tok_text *text)
{
    return all_of_case(text, TOK_IS_UPPER);
}
