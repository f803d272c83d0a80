/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/template_p.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

static tok_text *new_text(tok_guard *guard)
{
    tok_text *text = tok_allocate(guard, sizeof *text);
    *text = (tok_text){.data = "", .length = 0};
    return text;
}

static tok_value text_value(const tok_text *text)
{
    return (tok_value){.type = TOK_V_TEXT, .as.text = text};
}

tok_value tok_from_bytes(tok_guard *guard, base_slice bytes, bool mark)
{
    if (bytes.length > UINT32_MAX / 2)
        tok_fault(guard, FIRN_ERROR_LIMIT, "a text of %zu bytes is larger than a template may handle", bytes.length);
    tok_text *text = new_text(guard);
    *text = (tok_text){.data = bytes.data, .length = (uint32_t)bytes.length, .mark = mark};
    return text_value(text);
}

tok_value tok_from_literal(tok_render *render, const char *text)
{
    return tok_from_bytes(&render->guard, base_slice_from(text), false);
}

base_slice tok_bytes(const tok_text *text)
{
    return (base_slice){text->data, text->length};
}

tok_value tok_part(tok_render *render, const tok_text *text, size_t from, size_t to)
{
    tok_text *part = new_text(&render->guard);
    *part = *text;
    part->data += from;
    part->length = (uint32_t)(to > from ? to - from : 0);
    if (text->marks != NULL)
        part->marks += from;
    return text_value(part);
}

tok_value tok_with_markup(tok_render *render, const tok_text *text, bool markup)
{
    tok_text *copy = new_text(&render->guard);
    *copy = *text;
    copy->markup = markup;
    return text_value(copy);
}

bool tok_mark_at(const tok_text *text, size_t at)
{
    return text->marks != NULL ? text->marks[at] != 0 : text->mark;
}

bool tok_any_mark(const tok_text *text)
{
    return text->marks != NULL ? memchr(text->marks, 1, text->length) != NULL : text->mark;
}

/* ---- characters ---- */

static size_t decode(const tok_text *text, size_t at, uint32_t *code)
{
    unsigned char first = (unsigned char)text->data[at];
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    size_t width = base_utf8_decode(text->data + at, text->length - at, code);
    if (width != 0)
        return width;
    *code = 0xFFFD;
    return 1;
}

size_t tok_character_length(const tok_text *text, size_t at)
{
    uint32_t code;
    return decode(text, at, &code);
}

uint32_t tok_character(const tok_text *text, size_t at)
{
    uint32_t code;
    decode(text, at, &code);
    return code;
}

size_t tok_count_characters(const tok_text *text)
{
    size_t count = 0;
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at))
        count++;
    return count;
}

size_t tok_character_offset(const tok_text *text, size_t n)
{
    size_t at = 0;
    while (n > 0 && at < text->length) {
        at += tok_character_length(text, at);
        n--;
    }
    return at;
}

bool tok_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool tok_find_text(tok_render *render, const tok_text *text, const tok_text *part, size_t from, size_t *at)
{
    if (part->length > text->length || from > text->length - part->length)
        return false;
    size_t last = text->length - part->length;
    for (size_t i = from; i <= last; i++) {
        if (part->length > 0) {
            const char *hit = memchr(text->data + i, part->data[0], last - i + 1);
            if (hit == NULL)
                break;
            i = (size_t)(hit - text->data);
        }
        if (memcmp(text->data + i, part->data, part->length) == 0) {
            tok_charge(render, (i - from) / 64);
            *at = i;
            return true;
        }
        if (i % 16 == 0)
            tok_charge(render, 1 + part->length / 64);
    }
    tok_charge(render, (text->length - from) / 64);
    return false;
}

static bool strips(const tok_text *characters, uint32_t code)
{
    if (characters == NULL)
        return tok_is_space(code);
    for (size_t at = 0; at < characters->length; at += tok_character_length(characters, at))
        if (tok_character(characters, at) == code)
            return true;
    return false;
}

static size_t previous_character(const tok_text *text, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)text->data[at] & 0xC0) == 0x80);
    return at;
}

tok_value tok_strip(tok_render *render, const tok_text *text, const tok_text *characters, bool left, bool right)
{
    size_t from = 0, to = text->length;
    tok_charge(render, text->length / 64);
    while (left && from < to && strips(characters, tok_character(text, from)))
        from += tok_character_length(text, from);
    while (right && to > from) {
        size_t before = previous_character(text, to);
        if (before < from || !strips(characters, tok_character(text, before)))
            break;
        to = before;
    }
    return tok_part(render, text, from, to);
}

/* ---- builder ---- */

tok_builder tok_build(tok_render *render)
{
    return (tok_builder){.render = render};
}

static void *enlarge(tok_render *render, void *old, size_t used, size_t capacity, size_t new_capacity)
{
    if (base_arena_extend(&render->guard.arena, old, capacity, new_capacity))
        return old;
    void *wider = tok_allocate(&render->guard, new_capacity);
    if (used > 0)
        memcpy(wider, old, used);
    return wider;
}

static void reserve(tok_builder *builder, size_t more)
{
    tok_render *render = builder->render;
    if (more > render->text_limit - builder->length)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the text grows beyond %zu bytes, the limit of output",
                  render->text_limit);
    tok_charge(render, more / 64);
    size_t needed = builder->length + more;
    if (needed <= builder->capacity)
        return;
    size_t capacity = needed < 64 ? 64 : needed + needed / 2;
    builder->data = enlarge(render, builder->data, builder->length, builder->capacity, capacity);
    if (builder->marks != NULL)
        builder->marks = enlarge(render, builder->marks, builder->length, builder->capacity, capacity);
    builder->capacity = capacity;
}

/* Gives the builder one mark a byte, because a second kind of mark arrives. */
static void split_marks(tok_builder *builder)
{
    builder->marks = tok_allocate(&builder->render->guard, builder->capacity);
    memset(builder->marks, builder->mark, builder->length);
}

void tok_add_bytes(tok_builder *builder, const char *bytes, size_t length, bool mark)
{
    if (length == 0)
        return;
    reserve(builder, length);
    if (builder->length == 0)
        builder->mark = mark;
    if (builder->marks == NULL && builder->mark != mark)
        split_marks(builder);
    if (builder->marks != NULL)
        memset(builder->marks + builder->length, mark, length);
    memcpy(builder->data + builder->length, bytes, length);
    builder->length += length;
}

void tok_add(tok_builder *builder, const tok_text *text, size_t from, size_t to)
{
    if (text->marks == NULL) {
        tok_add_bytes(builder, text->data + from, to - from, text->mark);
        return;
    }
    for (size_t end; from < to; from = end) {
        for (end = from + 1; end < to && text->marks[end] == text->marks[from]; end++)
            ;
        tok_add_bytes(builder, text->data + from, end - from, text->marks[from] != 0);
    }
}

void tok_add_text(tok_builder *builder, const tok_text *text)
{
    tok_add(builder, text, 0, text->length);
}

void tok_add_literal(tok_builder *builder, const char *text)
{
    tok_add_bytes(builder, text, strlen(text), false);
}

void tok_add_format(tok_builder *builder, const char *format, ...)
{
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    if (length > 0)
        tok_add_bytes(builder, buffer, (size_t)length < sizeof buffer ? (size_t)length : sizeof buffer - 1, false);
}

tok_value tok_built(tok_builder *builder)
{
    tok_text *text = new_text(&builder->render->guard);
    *text = (tok_text){.data = builder->length > 0 ? builder->data : "",
                       .marks = builder->marks,
                       .length = (uint32_t)builder->length,
                       .mark = builder->mark};
    return text_value(text);
}

void tok_add_escaped(tok_builder *builder, const tok_text *text)
{
    for (size_t at = 0; at < text->length; at++) {
        static const char special[] = "&<>'\"";
        static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
        const char *hit = text->data[at] == '\0' ? NULL : strchr(special, text->data[at]);
        if (hit == NULL)
            tok_add(builder, text, at, at + 1);
        else
            tok_add_bytes(builder, names[hit - special], strlen(names[hit - special]), tok_mark_at(text, at));
    }
}
