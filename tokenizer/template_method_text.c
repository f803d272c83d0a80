/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of text. */
#include "tokenizer/template_p.h"

#define METHOD(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)
#define TEXT_METHOD(name, expression)         \
    METHOD(name)                              \
    {                                         \
        (void)render;                         \
        (void)p;                              \
        (void)arguments;                      \
        const tok_text *text = value.as.text; \
        return expression;                    \
    }

static bool given(tok_value value)
{
    return value.type != TOK_V_MISSING && value.type != TOK_V_NONE;
}

static const tok_text *required_text(tok_render *render, tok_value value)
{
    return tok_text_argument(render, value, "");
}

/* Text that is joined to markup: escaped unless it is markup as well. */
static const tok_text *fitting(tok_render *render, const tok_text *whole, tok_value value)
{
    const tok_text *text = required_text(render, value);
    if (!whole->markup || text->markup)
        return text;
    tok_builder builder = tok_build(render);
    tok_add_escaped(&builder, text);
    return tok_built(&builder).as.text;
}

static tok_value like(tok_render *render, const tok_text *original, tok_value result)
{
    return original->markup ? tok_with_markup(render, result.as.text, true) : result;
}

/* ---- case ---- */

TEXT_METHOD(text_upper, tok_change_case(render, text, TOK_UPPER))
TEXT_METHOD(text_lower, tok_change_case(render, text, TOK_LOWER))
TEXT_METHOD(text_title, tok_change_case(render, text, TOK_TITLE))
TEXT_METHOD(text_capitalize, tok_change_case(render, text, TOK_CAPITALIZE))
TEXT_METHOD(text_swapcase, tok_change_case(render, text, TOK_SWAP))

/* ---- strip, pad ---- */

static tok_value strip(tok_render *render, const tok_text *text, tok_value characters, bool left, bool right)
{
    return tok_strip(render, text, given(characters) ? required_text(render, characters) : NULL, left, right);
}

TEXT_METHOD(text_strip, strip(render, text, p[0], true, true))
TEXT_METHOD(text_lstrip, strip(render, text, p[0], true, false))
TEXT_METHOD(text_rstrip, strip(render, text, p[0], false, true))

static tok_value align(tok_render *render, const tok_text *text, const tok_value *p, char side)
{
    const tok_text *fill = tok_text_argument(render, p[1], " ");
    if (tok_count_characters(fill) != 1)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "The fill character must be exactly one character long");
    return like(render, text, tok_center(render, text, tok_integer_argument(render, p[0], 0), fill, side));
}

TEXT_METHOD(text_center, align(render, text, p, '^'))
TEXT_METHOD(text_ljust, align(render, text, p, '<'))
TEXT_METHOD(text_rjust, align(render, text, p, '>'))

METHOD(text_zfill)
{
    (void)arguments;
    const tok_text *text = value.as.text;
    size_t sign = text->length > 0 && (text->data[0] == '-' || text->data[0] == '+') ? 1 : 0;
    int64_t width = tok_integer_argument(render, p[0], 0) - (int64_t)sign;
    tok_builder builder = tok_build(render);
    tok_add(&builder, text, 0, sign);
    tok_add_text(&builder, tok_center(render, tok_part(render, text, sign, text->length).as.text, width,
                                      tok_from_literal(render, "0").as.text, '>')
                               .as.text);
    return like(render, text, tok_built(&builder));
}

static bool has_at(const tok_text *text, const tok_text *part, size_t at)
{
    return part->length <= text->length && at <= text->length - part->length &&
           (part->length == 0 || memcmp(text->data + at, part->data, part->length) == 0);
}

METHOD(text_removeprefix)
{
    (void)arguments;
    const tok_text *text = value.as.text, *prefix = required_text(render, p[0]);
    return tok_part(render, text, has_at(text, prefix, 0) ? prefix->length : 0, text->length);
}

METHOD(text_removesuffix)
{
    (void)arguments;
    const tok_text *text = value.as.text, *suffix = required_text(render, p[0]);
    bool ends = suffix->length <= text->length && has_at(text, suffix, text->length - suffix->length);
    return tok_part(render, text, 0, text->length - (ends ? suffix->length : 0));
}

METHOD(text_expandtabs)
{
    (void)arguments;
    const tok_text *text = value.as.text;
    int64_t size = tok_integer_argument(render, p[0], 8), column = 0;
    tok_builder builder = tok_build(render);
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at)) {
        char c = text->data[at];
        if (c != '\t') {
            tok_add(&builder, text, at, at + tok_character_length(text, at));
            column = c == '\n' || c == '\r' ? 0 : column + 1;
            continue;
        }
        for (int64_t fill = size > 0 ? size - column % size : 0; fill > 0; fill--, column++)
            tok_add_bytes(&builder, " ", 1, tok_mark_at(text, at));
    }
    return tok_built(&builder);
}

/* ---- find ---- */

/* Turns the optional start and end (characters) of find, count, startswith, … into the part they name. */
static const tok_text *window(tok_render *render, const tok_text *text, tok_value start, tok_value end, int64_t *first)
{
    int64_t count = (int64_t)tok_count_characters(text);
    int64_t from = given(start) ? tok_integer_argument(render, start, 0) : 0;
    int64_t to = given(end) ? tok_integer_argument(render, end, 0) : count;
    tok_charge(render, text->length / 64);
    from = from < 0 ? (from + count < 0 ? 0 : from + count) : from;
    to = to < 0 ? (to + count < 0 ? 0 : to + count) : to > count ? count : to;
    *first = from;
    if (from > to)
        return NULL;
    return tok_part(render, text, tok_character_offset(text, (size_t)from), tok_character_offset(text, (size_t)to))
        .as.text;
}

/* Byte offset of the last place of `part`, or false. */
static bool find_last(tok_render *render, const tok_text *text, const tok_text *part, size_t *at)
{
    if (part->length > text->length)
        return false;
    tok_charge(render, text->length / 16);
    for (size_t i = text->length - part->length + 1; i > 0; i--) {
        tok_charge(render, part->length / 64);
        if (has_at(text, part, i - 1)) {
            *at = i - 1;
            return true;
        }
    }
    return false;
}

static int64_t find(tok_render *render, const tok_text *text, const tok_value *p, bool last)
{
    int64_t first;
    size_t at;
    const tok_text *part = required_text(render, p[0]), *within = window(render, text, p[1], p[2], &first);
    if (within == NULL || !(last ? find_last(render, within, part, &at) : tok_find_text(render, within, part, 0, &at)))
        return -1;
    tok_text before = *within;
    before.length = (uint32_t)at;
    return first + (int64_t)tok_count_characters(&before);
}

static tok_value index_of(tok_render *render, const tok_text *text, const tok_value *p, bool last)
{
    int64_t at = find(render, text, p, last);
    if (at < 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "substring not found");
    return tok_int(at);
}

TEXT_METHOD(text_find, tok_int(find(render, text, p, false)))
TEXT_METHOD(text_rfind, tok_int(find(render, text, p, true)))
TEXT_METHOD(text_index, index_of(render, text, p, false))
TEXT_METHOD(text_rindex, index_of(render, text, p, true))

METHOD(text_count)
{
    (void)arguments;
    int64_t first, count = 0;
    const tok_text *part = required_text(render, p[0]), *within = window(render, value.as.text, p[1], p[2], &first);
    if (within == NULL)
        return tok_int(0);
    if (part->length == 0)
        return tok_int((int64_t)tok_count_characters(within) + 1);
    for (size_t at = 0; tok_find_text(render, within, part, at, &at); at += part->length) {
        tok_charge(render, 1);
        count++;
    }
    return tok_int(count);
}

static bool begins_or_ends(const tok_text *text, const tok_text *part, bool ends)
{
    return part->length <= text->length && has_at(text, part, ends ? text->length - part->length : 0);
}

static tok_value affix(tok_render *render, const tok_text *text, const tok_value *p, bool ends)
{
    int64_t first;
    const tok_text *within = window(render, text, p[1], p[2], &first);
    if (p[0].type == TOK_V_UNDEFINED || (p[0].type != TOK_V_TEXT && p[0].type != TOK_V_TUPLE))
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "%s first arg must be str or a tuple of str, not %s",
                  ends ? "endswith" : "startswith", tok_type_name(p[0]));
    if (within == NULL)
        return tok_bool(false);
    if (p[0].type == TOK_V_TEXT)
        return tok_bool(begins_or_ends(within, p[0].as.text, ends));
    for (size_t i = 0; i < p[0].as.sequence->count; i++)
        if (begins_or_ends(within, required_text(render, p[0].as.sequence->items[i]), ends))
            return tok_bool(true);
    return tok_bool(false);
}

TEXT_METHOD(text_startswith, affix(render, text, p, false))
TEXT_METHOD(text_endswith, affix(render, text, p, true))

/* ---- split and join ---- */

typedef struct parts {
    tok_render *render;
    const tok_text *text;
    tok_value list;
    size_t capacity;
} parts;

static parts begin_parts(tok_render *render, const tok_text *text)
{
    return (parts){.render = render, .text = text, .list = tok_sequence_new(render, TOK_V_LIST, 0)};
}

static void add_part(parts *into, size_t from, size_t to)
{
    tok_sequence *list = into->list.as.sequence;
    tok_charge(into->render, 1);
    tok_value *slot =
        tok_grow(&into->render->guard, (void **)&list->items, list->count, &into->capacity, sizeof *list->items);
    *slot = tok_part(into->render, into->text, from, to);
    list->count++;
}

static tok_value reversed(tok_value list)
{
    tok_sequence *sequence = list.as.sequence;
    for (size_t i = 0; i < sequence->count / 2; i++) {
        tok_value swap = sequence->items[i];
        sequence->items[i] = sequence->items[sequence->count - 1 - i];
        sequence->items[sequence->count - 1 - i] = swap;
    }
    return list;
}

static size_t character_before(const tok_text *text, size_t at)
{
    do
        at--;
    while (at > 0 && ((unsigned char)text->data[at] & 0xC0) == 0x80);
    return at;
}

static tok_value split_at_space(tok_render *render, const tok_text *text, int64_t most)
{
    parts found = begin_parts(render, text);
    size_t at = 0;
    for (;;) {
        while (at < text->length && tok_is_space(tok_character(text, at)))
            at += tok_character_length(text, at);
        if (at >= text->length)
            return found.list;
        size_t from = at;
        if (most >= 0 && (int64_t)found.list.as.sequence->count == most)
            at = text->length;
        while (at < text->length && !tok_is_space(tok_character(text, at)))
            at += tok_character_length(text, at);
        if (most >= 0 && (int64_t)found.list.as.sequence->count == most) {
            add_part(&found, from, text->length);
            return found.list;
        }
        add_part(&found, from, at);
    }
}

static tok_value rsplit_at_space(tok_render *render, const tok_text *text, int64_t most)
{
    parts found = begin_parts(render, text);
    size_t at = text->length;
    for (;;) {
        while (at > 0 && tok_is_space(tok_character(text, character_before(text, at))))
            at = character_before(text, at);
        if (at == 0)
            return reversed(found.list);
        size_t to = at;
        if (most >= 0 && (int64_t)found.list.as.sequence->count == most) {
            add_part(&found, 0, to);
            return reversed(found.list);
        }
        while (at > 0 && !tok_is_space(tok_character(text, character_before(text, at))))
            at = character_before(text, at);
        add_part(&found, at, to);
    }
}

static const tok_text *separator(tok_render *render, tok_value value)
{
    const tok_text *text = required_text(render, value);
    if (text->length == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "empty separator");
    return text;
}

/* p: sep, maxsplit */
METHOD(text_split)
{
    (void)arguments;
    const tok_text *text = value.as.text;
    int64_t most = tok_integer_argument(render, p[1], -1);
    tok_charge(render, text->length / 16);
    if (!given(p[0]))
        return split_at_space(render, text, most);
    const tok_text *between = separator(render, p[0]);
    parts found = begin_parts(render, text);
    size_t from = 0, at;
    while ((most < 0 || (int64_t)found.list.as.sequence->count < most) &&
           tok_find_text(render, text, between, from, &at)) {
        add_part(&found, from, at);
        from = at + between->length;
    }
    add_part(&found, from, text->length);
    return found.list;
}

METHOD(text_rsplit)
{
    (void)arguments;
    const tok_text *text = value.as.text;
    int64_t most = tok_integer_argument(render, p[1], -1);
    tok_charge(render, text->length / 16);
    if (!given(p[0]))
        return rsplit_at_space(render, text, most);
    const tok_text *between = separator(render, p[0]);
    parts found = begin_parts(render, text);
    tok_text rest = *text;
    size_t at;
    while ((most < 0 || (int64_t)found.list.as.sequence->count < most) && find_last(render, &rest, between, &at)) {
        add_part(&found, at + between->length, rest.length);
        rest.length = (uint32_t)at;
    }
    add_part(&found, 0, rest.length);
    return reversed(found.list);
}

static tok_value partition(tok_render *render, const tok_text *text, tok_value by, bool last)
{
    const tok_text *between = separator(render, by);
    size_t at;
    bool found = last ? find_last(render, text, between, &at) : tok_find_text(render, text, between, 0, &at);
    tok_value tuple = tok_sequence_new(render, TOK_V_TUPLE, 3);
    tok_value *items = tuple.as.sequence->items;
    if (!found)
        at = last ? 0 : text->length;
    items[0] = tok_part(render, text, 0, at);
    items[1] = found ? tok_part(render, text, at, at + between->length) : tok_from_literal(render, "");
    items[2] = tok_part(render, text, at + (found ? between->length : 0), text->length);
    return tuple;
}

TEXT_METHOD(text_partition, partition(render, text, p[0], false))
TEXT_METHOD(text_rpartition, partition(render, text, p[0], true))
TEXT_METHOD(text_splitlines, tok_split_lines(render, text, tok_truth(p[0])))

METHOD(text_join)
{
    (void)arguments;
    const tok_text *between = value.as.text;
    tok_items items = tok_iterate(render, p[0]);
    tok_builder text = tok_build(render);
    for (size_t i = 0; i < items.count; i++) {
        tok_charge(render, 1);
        if (items.items[i].type != TOK_V_TEXT)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "sequence item %zu: expected str instance, %s found", i,
                      tok_type_name(items.items[i]));
        if (i > 0)
            tok_add_text(&text, between);
        tok_add_text(&text, fitting(render, between, items.items[i]));
    }
    return like(render, between, tok_built(&text));
}

METHOD(text_replace)
{
    (void)arguments;
    const tok_text *text = value.as.text;
    return like(render, text,
                tok_replace(render, text, required_text(render, p[0]), fitting(render, text, p[1]),
                            tok_integer_argument(render, p[2], -1)));
}

METHOD(text_format)
{
    (void)p;
    return tok_format(render, value.as.text, arguments);
}

METHOD(text_format_map)
{
    (void)arguments;
    tok_arguments named = {.n_positional = 0};
    if (p[0].type != TOK_V_DICT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "format_map needs a dict");
    const tok_dict *dict = p[0].as.dict;
    named.keywords = tok_allocate_array(&render->guard, dict->count, sizeof *named.keywords);
    for (size_t i = 0; i < dict->count; i++)
        if (dict->entries[i].key.type == TOK_V_TEXT)
            named.keywords[named.n_keywords++] =
                (tok_keyword){tok_bytes(dict->entries[i].key.as.text), dict->entries[i].value};
    return tok_format(render, value.as.text, &named);
}

/* ---- what the characters are ---- */

/* Whether the text is not empty and all its characters are of one of these classes. */
static tok_value all_are(const tok_text *text, unsigned classes)
{
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at))
        if ((tok_character_class(tok_character(text, at)) & classes) == 0)
            return tok_bool(false);
    return tok_bool(text->length > 0);
}

TEXT_METHOD(text_isalpha, all_are(text, TOK_IS_LETTER))
TEXT_METHOD(text_isalnum, all_are(text, TOK_IS_LETTER | TOK_IS_DECIMAL | TOK_IS_NUMERIC | TOK_IS_DIGIT))
TEXT_METHOD(text_isdecimal, all_are(text, TOK_IS_DECIMAL))
TEXT_METHOD(text_isdigit, all_are(text, TOK_IS_DIGIT))
TEXT_METHOD(text_isnumeric, all_are(text, TOK_IS_NUMERIC))
TEXT_METHOD(text_isprintable, text->length == 0 ? tok_bool(true) : all_are(text, TOK_IS_PRINTABLE))

TEXT_METHOD(text_islower, tok_bool(tok_all_lower(text)))
TEXT_METHOD(text_isupper, tok_bool(tok_all_upper(text)))

METHOD(text_isspace)
{
    (void)render;
    (void)p;
    (void)arguments;
    const tok_text *text = value.as.text;
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at))
        if (!tok_is_space(tok_character(text, at)))
            return tok_bool(false);
    return tok_bool(text->length > 0);
}

METHOD(text_isascii)
{
    (void)render;
    (void)p;
    (void)arguments;
    for (size_t at = 0; at < value.as.text->length; at++)
        if ((unsigned char)value.as.text->data[at] >= 0x80)
            return tok_bool(false);
    return tok_bool(true);
}

METHOD(text_istitle)
{
    (void)render;
    (void)p;
    (void)arguments;
    const tok_text *text = value.as.text;
    bool cased_before = false, found = false;
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at)) {
        unsigned class = tok_character_class(tok_character(text, at));
        bool capital = (class & (TOK_IS_UPPER | TOK_IS_TITLE)) != 0, small = (class & TOK_IS_LOWER) != 0;
        if ((capital && cased_before) || (small && !cased_before))
            return tok_bool(false);
        cased_before = capital || small;
        found = found || cased_before;
    }
    return tok_bool(found);
}

/* ---- their table ---- */

const tok_callable tok_text_methods[] = {
    {"capitalize", text_capitalize, ""},
    {"center", text_center, "width,fillchar?"},
    {"count", text_count, "sub,start?,end?"},
    {"endswith", text_endswith, "suffix,start?,end?"},
    {"expandtabs", text_expandtabs, "tabsize?"},
    {"find", text_find, "sub,start?,end?"},
    {"format", text_format, NULL},
    {"format_map", text_format_map, "mapping"},
    {"index", text_index, "sub,start?,end?"},
    {"isalnum", text_isalnum, ""},
    {"isalpha", text_isalpha, ""},
    {"isascii", text_isascii, ""},
    {"isdecimal", text_isdecimal, ""},
    {"isdigit", text_isdigit, ""},
    {"islower", text_islower, ""},
    {"isnumeric", text_isnumeric, ""},
    {"isprintable", text_isprintable, ""},
    {"isspace", text_isspace, ""},
    {"istitle", text_istitle, ""},
    {"isupper", text_isupper, ""},
    {"join", text_join, "iterable"},
    {"ljust", text_ljust, "width,fillchar?"},
    {"lower", text_lower, ""},
    {"lstrip", text_lstrip, "chars?"},
    {"partition", text_partition, "sep"},
    {"removeprefix", text_removeprefix, "prefix"},
    {"removesuffix", text_removesuffix, "suffix"},
    {"replace", text_replace, "old,new,count?"},
    {"rfind", text_rfind, "sub,start?,end?"},
    {"rindex", text_rindex, "sub,start?,end?"},
    {"rjust", text_rjust, "width,fillchar?"},
    {"rpartition", text_rpartition, "sep"},
    {"rsplit", text_rsplit, "sep?,maxsplit?"},
    {"rstrip", text_rstrip, "chars?"},
    {"split", text_split, "sep?,maxsplit?"},
    {"splitlines", text_splitlines, "keepends?"},
    {"startswith", text_startswith, "prefix,start?,end?"},
    {"strip", text_strip, "chars?"},
    {"swapcase", text_swapcase, ""},
    {"title", text_title, ""},
    {"upper", text_upper, ""},
    {"zfill", text_zfill, "width"},
};
const size_t tok_n_text_methods = sizeof tok_text_methods / sizeof tok_text_methods[0];
