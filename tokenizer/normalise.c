/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a pipeline that turn a text into another. Unicode's normal forms are utf8proc's. */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

#define BIT(name) (1ULL << TOK_##name)
#define SPACES    (BIT(SPACE) | BIT(CR) | BIT(LF) | BIT(TAB) | BIT(BLANK))

static bool in_set(uint64_t set, tok_class class_of)
{
    return (set >> class_of & 1) != 0;
}

/*
 * Sorting the marks of a character takes time that grows with the square of their number, so a text goes in parts:
 * cut before a character that can't combine with what is before it, or anywhere once a part has become senseless.
 */
enum { PART_LEAST = 256, PART_MOST = 1024 }; /* bytes */

static bool stands_alone(tok_character c)
{
    return c.class_of != TOK_MARK && !(c.code >= 0x1100 && c.code < 0x1200) && !(c.code >= 0xAC00 && c.code < 0xD7FC);
}

static size_t part_length(base_slice text)
{
    const char *const end = text.data + text.length;
    size_t length = 0;
    while (length < text.length && length < PART_MOST) {
        const tok_character c = tok_character_at(text.data + length, end);
        if (c.length == 1 && c.code >= 0x80)
            break; /* no character: it stays as it is */
        if (length >= PART_LEAST && stands_alone(c))
            break;
        length += c.length;
    }
    return length;
}

static bool is_ascii(base_slice text)
{
    uint64_t bits = 0, word;
    size_t i = 0;
    for (; i + 8 <= text.length; i += 8) {
        memcpy(&word, text.data + i, 8);
        bits |= word;
    }
    for (; i < text.length; i++)
        bits |= (unsigned char)text.data[i];
    return (bits & 0x8080808080808080U) == 0;
}

static bool to_normal_form(tok_step_kind kind, base_slice text, tok_buffer *out)
{
    const int form = kind == TOK_STEP_NFC || kind == TOK_STEP_NFKC ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
    const int compatible = kind == TOK_STEP_NFKC || kind == TOK_STEP_NFKD ? UTF8PROC_COMPAT : 0;
    while (text.length > 0) {
        size_t length = part_length(text);
        const base_slice part = {text.data, length};
        if (length == 0 || is_ascii(part)) {
            length += length == 0;
            if (!tok_append(out, text.data, length))
                return false;
        } else {
            utf8proc_uint8_t *mapped = NULL;
            const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text.data, (utf8proc_ssize_t)length,
                                                    &mapped, (utf8proc_option_t)(UTF8PROC_STABLE | form | compatible));
            const bool done = n >= 0 && tok_append(out, (const char *)mapped, (size_t)n);
            free(mapped);
            if (!done)
                return false;
        }
        text = (base_slice){text.data + length, text.length - length};
    }
    return true;
}

static bool append_lowercase(tok_buffer *out, tok_character c, const char *bytes)
{
    char lower[4];
    if (c.length == 1 && c.code >= 0x80)
        return tok_append(out, bytes, 1);
    if (c.code == 0x130) /* the only one that becomes two characters */
        return tok_append(out, "i\xCC\x87", 3);
    return tok_append(out, lower, base_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)c.code), lower));
}

/* Controls go, though not those code points that are nothing yet; other white space becomes a space. */
static bool append_clean(tok_buffer *out, tok_character c, const char *bytes)
{
    const bool broken = c.length == 1 && c.code >= 0x80;
    if (c.code == '\t' || c.code == '\n' || c.code == '\r')
        return tok_append(out, " ", 1);
    const utf8proc_category_t category = broken ? UTF8PROC_CATEGORY_SO : utf8proc_category((utf8proc_int32_t)c.code);
    if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO ||
        c.code == 0xFFFD)
        return true;
    return in_set(SPACES, c.class_of) ? tok_append(out, " ", 1) : tok_append(out, bytes, c.length);
}

static bool append_nmt(tok_buffer *out, tok_character c, const char *bytes)
{
    const uint32_t code = c.length == 1 && c.code >= 0x80 ? 'x' : c.code; /* a byte that is no character stays */
    if ((code >= 1 && code <= 8) || code == 0x0B || (code >= 0x0E && code <= 0x1F) || code == 0x7F || code == 0x8F ||
        code == 0x9F)
        return true;
    if ((code >= 9 && code <= 0x0D) || code == 0x1680 || (code >= 0x200B && code <= 0x200F) || code == 0x2028 ||
        code == 0x2029 || code == 0x2581 || code == 0xFEFF || code == 0xFFFD)
        return tok_append(out, " ", 1);
    return tok_append(out, bytes, c.length);
}

bool tok_append_byte_text(tok_buffer *out, base_slice bytes)
{
    bool done = true;
    for (size_t i = 0; done && i < bytes.length; i++) {
        const uint32_t byte = (unsigned char)bytes.data[i];
        const uint32_t code = byte <= 0x20                   ? 0x100 + byte
                              : byte >= 0x7F && byte <= 0xA0 ? 0x121 + byte - 0x7F
                              : byte == 0xAD                 ? 0x143
                                                             : byte;
        char text[4];
        done = tok_append(out, text, base_utf8_encode(code, text));
    }
    return done;
}

static bool is_chinese(uint32_t code)
{
    static const uint32_t ranges[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                         {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                         {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    }
    return false;
}

/* The steps that look at one character at a time. */
static bool map_characters(const tok_step *step, base_slice text, tok_buffer *out)
{
    const char *const end = text.data + text.length;
    bool done = true;
    for (const char *at = text.data; done && at < end;) {
        const tok_character c = tok_character_at(at, end);
        const bool chinese = step->kind == TOK_STEP_SPACE_HAN && c.length > 1 && is_chinese(c.code);
        const bool mark = c.class_of == TOK_MARK;
        switch (step->kind) {
        case TOK_STEP_LOWERCASE:
            done = append_lowercase(out, c, at);
            break;
        case TOK_STEP_CLEAN:
            done = append_clean(out, c, at);
            break;
        case TOK_STEP_NMT:
            done = append_nmt(out, c, at);
            break;
        case TOK_STEP_DROP:
            done = in_set(step->set, c.class_of) || tok_append(out, at, c.length);
            break;
        case TOK_STEP_DROP_MARKS:
            done = (mark && utf8proc_category((utf8proc_int32_t)c.code) == UTF8PROC_CATEGORY_MN) ||
                   tok_append(out, at, c.length);
            break;
        default:
            done = (!chinese || tok_append(out, " ", 1)) && tok_append(out, at, c.length) &&
                   (!chinese || tok_append(out, " ", 1));
        }
        at += c.length;
    }
    return done;
}

static bool trim(unsigned sides, base_slice text, tok_buffer *out)
{
    const char *start = text.data, *stop = text.data;
    const char *const end = text.data + text.length;
    for (const char *at = text.data; at < end;) {
        const tok_character c = tok_character_at(at, end);
        at += c.length;
        if (!in_set(SPACES, c.class_of))
            stop = at;
        else if (stop == text.data)
            start = at;
    }
    start = (sides & TOK_LEFT) != 0 ? start : text.data;
    stop = (sides & TOK_RIGHT) != 0 ? stop : end;
    return stop <= start || tok_append(out, start, (size_t)(stop - start));
}

tok_outcome tok_replace_matches(const tok_step *step, base_slice text, tok_regex_budget *budget, tok_buffer *out)
{
    tok_regex_search *const search = step->regex ? tok_regex_begin(step->regex, budget) : NULL;
    if (step->regex && !search)
        return TOK_NO_MEMORY;
    size_t at = 0, start, end;
    tok_found found;
    bool done = true;
    while (done && (found = tok_find_match(step, search, text, at, &start, &end)) == TOK_FOUND) {
        done = tok_append(out, text.data + at, start - at) && tok_append(out, step->content.data, step->content.length);
        at = end;
    }
    tok_regex_end(search);
    if (!done || (at < text.length && !tok_append(out, text.data + at, text.length - at)))
        return TOK_NO_MEMORY;
    return found == TOK_FOUND_LIMIT ? TOK_REGEX_LIMIT : TOK_DONE;
}

static bool replace_by_table(const tok_step *step, base_slice text, tok_buffer *out)
{
    while (text.length > 0) {
        base_slice piece;
        const size_t used = tok_replacement_at(&step->replacements, text, &piece);
        if (!tok_append(out, piece.data, piece.length))
            return false;
        text = (base_slice){text.data + used, text.length - used};
    }
    return true;
}

static tok_outcome normalise_step(const tok_step *step, base_slice text, tok_regex_budget *budget, tok_buffer *out)
{
    bool done;
    switch (step->kind) {
    case TOK_STEP_NFC:
    case TOK_STEP_NFD:
    case TOK_STEP_NFKC:
    case TOK_STEP_NFKD:
        done = to_normal_form(step->kind, text, out);
        break;
    case TOK_STEP_TRIM:
        done = trim(step->flags, text, out);
        break;
    case TOK_STEP_PREPEND:
        done = tok_append(out, step->content.data, step->content.length) && tok_append(out, text.data, text.length);
        break;
    case TOK_STEP_BYTE_TEXT:
        done = tok_append_byte_text(out, text);
        break;
    case TOK_STEP_PRECOMPILED:
        done = replace_by_table(step, text, out);
        break;
    case TOK_STEP_REPLACE:
        return tok_replace_matches(step, text, budget, out);
    default:
        done = map_characters(step, text, out);
    }
    return done ? TOK_DONE : TOK_NO_MEMORY;
}

tok_outcome tok_normalise(const tok_pipeline *pipeline, base_slice text, tok_regex_budget *budget, tok_buffer *first,
                          tok_buffer *second, base_slice *out)
{
    tok_outcome outcome = TOK_DONE;
    for (uint32_t i = 0; outcome == TOK_DONE && text.length > 0 && i < pipeline->normalisers.count; i++) {
        const tok_step *const step = &pipeline->normalisers.steps[i];
        if (step->kind <= TOK_STEP_NFKD && is_ascii(text))
            continue;
        tok_buffer *const to = text.data == first->data ? second : first;
        to->length = 0;
        outcome = normalise_step(step, text, budget, to);
        text = tok_buffer_text(to);
    }
    *out = text;
    return outcome;
}
