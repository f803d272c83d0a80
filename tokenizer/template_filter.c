/* SPDX-License-Identifier: Apache-2.0 */
/* Filters on text and on values of any kind, and the look-up of all filters. */
#include "tokenizer/template_p.h"

/* ---- arguments ---- */

int64_t tok_integer_argument(tok_render *render, tok_value value, int64_t standard)
{
    if (value.type == TOK_V_MISSING)
        return standard;
    if (value.type == TOK_V_BOOL)
        return value.as.boolean;
    if (value.type != TOK_V_INT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "'%s' object cannot be interpreted as an integer",
                  tok_type_name(value));
    return value.as.integer;
}

const tok_text *tok_text_argument(tok_render *render, tok_value value, const char *standard)
{
    if (value.type == TOK_V_MISSING)
        return tok_from_literal(render, standard).as.text;
    if (value.type != TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "must be str, not %s", tok_type_name(value));
    return value.as.text;
}

#define FILTER(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)
#define UNUSED_ARGUMENTS \
    (void)p;             \
    (void)arguments

/* ---- text ---- */

FILTER(filter_upper)
{
    UNUSED_ARGUMENTS;
    return tok_change_case(render, tok_text_of(render, value), TOK_UPPER);
}

FILTER(filter_lower)
{
    UNUSED_ARGUMENTS;
    return tok_change_case(render, tok_text_of(render, value), TOK_LOWER);
}

FILTER(filter_capitalize)
{
    UNUSED_ARGUMENTS;
    return tok_change_case(render, tok_text_of(render, value), TOK_CAPITALIZE);
}

static bool begins_word(const tok_text *text, size_t at)
{
    uint32_t code = tok_character(text, at);
    return tok_is_space(code) || (code < 0x80 && code != 0 && strchr("-({[<", (int)code) != NULL);
}

/* Jinja's title: what follows white space, '-' or an opening bracket becomes a capital, the rest small. */
FILTER(filter_title)
{
    UNUSED_ARGUMENTS;
    const tok_text *text = tok_text_of(render, value);
    tok_builder builder = tok_build(render);
    for (size_t at = 0; at < text->length;) {
        size_t first = at + tok_character_length(text, at), end = first;
        if (begins_word(text, at)) {
            tok_add(&builder, text, at, first);
            at = first;
            continue;
        }
        while (end < text->length && !begins_word(text, end))
            end += tok_character_length(text, end);
        tok_add_text(&builder, tok_change_case(render, tok_part(render, text, at, first).as.text, TOK_UPPER).as.text);
        tok_add_text(&builder, tok_change_case(render, tok_part(render, text, first, end).as.text, TOK_LOWER).as.text);
        at = end;
    }
    return tok_built(&builder);
}

FILTER(filter_trim)
{
    UNUSED_ARGUMENTS;
    bool given = p[0].type != TOK_V_MISSING && p[0].type != TOK_V_NONE;
    return tok_strip(render, tok_text_of(render, value), given ? tok_text_argument(render, p[0], "") : NULL, true,
                     true);
}

FILTER(filter_string)
{
    UNUSED_ARGUMENTS;
    return value.type == TOK_V_TEXT ? value : tok_str(render, value);
}

FILTER(filter_safe)
{
    UNUSED_ARGUMENTS;
    return tok_with_markup(render, tok_text_of(render, value), true);
}

static tok_value escaped(tok_render *render, const tok_text *text)
{
    tok_builder builder = tok_build(render);
    tok_add_escaped(&builder, text);
    return tok_with_markup(render, tok_built(&builder).as.text, true);
}

FILTER(filter_escape)
{
    UNUSED_ARGUMENTS;
    if (value.type == TOK_V_TEXT && value.as.text->markup)
        return value;
    return escaped(render, tok_text_of(render, value));
}

FILTER(filter_force_escape)
{
    UNUSED_ARGUMENTS;
    return escaped(render, tok_text_of(render, value));
}

tok_value tok_replace(tok_render *render, const tok_text *text, const tok_text *old, const tok_text *new_text,
                      int64_t count)
{
    tok_builder builder = tok_build(render);
    size_t from = 0, at;
    int64_t done = 0;
    while ((count < 0 || done < count) && from <= text->length && tok_find_text(render, text, old, from, &at)) {
        tok_charge(render, 1);
        done++;
        if (old->length == 0) { /* between all characters */
            size_t width = from < text->length ? tok_character_length(text, from) : 0;
            tok_add_text(&builder, new_text);
            tok_add(&builder, text, from, from + width);
            from += width > 0 ? width : 1;
            continue;
        }
        tok_add(&builder, text, from, at);
        tok_add_text(&builder, new_text);
        from = at + old->length;
    }
    if (from < text->length)
        tok_add(&builder, text, from, text->length);
    return tok_built(&builder);
}

FILTER(filter_replace)
{
    UNUSED_ARGUMENTS;
    bool counted = p[2].type != TOK_V_MISSING && p[2].type != TOK_V_NONE;
    return tok_replace(render, tok_text_of(render, value), tok_text_of(render, p[0]), tok_text_of(render, p[1]),
                       counted ? tok_integer_argument(render, p[2], -1) : -1);
}

tok_value tok_center(tok_render *render, const tok_text *text, int64_t width, const tok_text *fill, char align)
{
    int64_t missing = width - (int64_t)tok_count_characters(text);
    if (missing <= 0)
        return tok_part(render, text, 0, text->length);
    if (missing > (int64_t)render->text_limit)
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "the text grows beyond %zu bytes, the limit of output",
                  render->text_limit);
    /* Python puts the odd one left if the width is odd. */
    int64_t left = align == '<' ? 0 : align == '>' ? missing : missing / 2 + (missing & width & 1);
    tok_builder builder = tok_build(render);
    for (int64_t i = 0; i < left; i++)
        tok_add_text(&builder, fill);
    tok_add_text(&builder, text);
    for (int64_t i = left; i < missing; i++)
        tok_add_text(&builder, fill);
    return tok_built(&builder);
}

FILTER(filter_center)
{
    UNUSED_ARGUMENTS;
    return tok_center(render, tok_text_of(render, value), tok_integer_argument(render, p[0], 80),
                      tok_from_literal(render, " ").as.text, '^');
}

FILTER(filter_format)
{
    (void)p;
    const tok_text *format = tok_text_of(render, value);
    if (arguments->n_keywords > 0 && arguments->n_positional > 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "can't handle positional and keyword arguments at the same time");
    if (arguments->n_keywords > 0)
        return tok_percent(render, format, tok_make_dict(render, arguments));
    tok_value values = tok_sequence_new(render, TOK_V_TUPLE, arguments->n_positional);
    for (size_t i = 0; i < arguments->n_positional; i++)
        values.as.sequence->items[i] = arguments->positional[i];
    return tok_percent(render, format, values);
}

static bool is_line_end(uint32_t code)
{
    return (code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) || code == 0x85 || code == 0x2028 ||
           code == 0x2029;
}

/* Bytes of the line end at `at`, or 0. */
static size_t line_end(const tok_text *text, size_t at)
{
    if (!is_line_end(tok_character(text, at)))
        return 0;
    if (text->data[at] == '\r' && at + 1 < text->length && text->data[at + 1] == '\n')
        return 2;
    return tok_character_length(text, at);
}

tok_value tok_split_lines(tok_render *render, const tok_text *text, bool keep_ends)
{
    tok_value lines = tok_sequence_new(render, TOK_V_LIST, 0);
    size_t capacity = 0, from = 0;
    for (size_t at = 0, width; at < text->length; at += width) {
        size_t end = line_end(text, at);
        bool last = at + (width = tok_character_length(text, at)) >= text->length;
        if (end == 0 && !last)
            continue;
        if (end > 0)
            width = end;
        size_t to = end > 0 && !keep_ends ? at : at + width;
        tok_sequence *list = lines.as.sequence;
        tok_value *slot = tok_grow(&render->guard, (void **)&list->items, list->count, &capacity, sizeof *list->items);
        *slot = tok_part(render, text, from, to);
        list->count++;
        from = at + width;
        tok_charge(render, 1);
    }
    return lines;
}

/* p: width, first, blank */
FILTER(filter_indent)
{
    (void)arguments;
    if (value.type == TOK_V_UNDEFINED)
        tok_fault_undefined(render, value);
    if (value.type != TOK_V_TEXT)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "indent needs text, not %s", tok_type_name(value));
    const tok_text *indent = p[0].type == TOK_V_TEXT ? p[0].as.text
                                                     : tok_center(render, tok_from_literal(render, "").as.text,
                                                                  tok_integer_argument(render, p[0], 4),
                                                                  tok_from_literal(render, " ").as.text, '<')
                                                           .as.text;
    tok_builder whole = tok_build(render);
    tok_add_text(&whole, value.as.text);
    tok_add_literal(&whole, "\n"); /* so that the last line's end counts */
    tok_value lines = tok_split_lines(render, tok_built(&whole).as.text, false);
    tok_builder builder = tok_build(render);
    for (size_t i = 0; i < lines.as.sequence->count; i++) {
        const tok_text *line = lines.as.sequence->items[i].as.text;
        if (i > 0)
            tok_add_literal(&builder, "\n");
        if (i == 0 ? tok_truth(p[1]) : line->length > 0 || tok_truth(p[2]))
            tok_add_text(&builder, indent);
        tok_add_text(&builder, line);
    }
    tok_value indented = tok_built(&builder);
    return value.as.text->markup ? tok_with_markup(render, indented.as.text, true) : indented;
}

/* p: length, killwords, end, leeway */
FILTER(filter_truncate)
{
    (void)arguments;
    const tok_text *text = tok_text_argument(render, value, "");
    const tok_text *end = tok_text_argument(render, p[2], "...");
    int64_t length = tok_integer_argument(render, p[0], 255), keep = length - (int64_t)tok_count_characters(end);
    int64_t leeway = p[3].type == TOK_V_NONE ? 5 : tok_integer_argument(render, p[3], 5);
    if (keep < 0 || leeway < 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "truncate's length has to be at least that of its end");
    if ((int64_t)tok_count_characters(text) <= length + leeway)
        return value;
    size_t to = tok_character_offset(text, (size_t)keep);
    size_t space = to;
    while (space > 0 && text->data[space - 1] != ' ')
        space--;
    if (!tok_truth(p[1]) && space > 0)
        to = space - 1;
    tok_builder builder = tok_build(render);
    tok_add(&builder, text, 0, to);
    tok_add_text(&builder, end);
    return tok_built(&builder);
}

FILTER(filter_wordcount)
{
    UNUSED_ARGUMENTS;
    const tok_text *text = tok_text_of(render, value);
    int64_t count = 0;
    bool inside = false;
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at)) {
        uint32_t code = tok_character(text, at);
        bool word = code == '_' || (tok_character_class(code) & (TOK_IS_LETTER | TOK_IS_NUMERIC)) != 0;
        count += word && !inside;
        inside = word;
    }
    tok_charge(render, text->length / 16);
    return tok_int(count);
}

static void add_quoted(tok_builder *builder, const tok_text *text, bool query)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t at = 0; at < text->length; at++) {
        unsigned char c = (unsigned char)text->data[at];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     (c != 0 && strchr(query ? "_.-~" : "_.-~/", c) != NULL);
        char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
        if (plain)
            tok_add(builder, text, at, at + 1);
        else if (query && c == ' ')
            tok_add_bytes(builder, "+", 1, tok_mark_at(text, at));
        else
            tok_add_bytes(builder, escape, 3, tok_mark_at(text, at));
    }
}

FILTER(filter_urlencode)
{
    UNUSED_ARGUMENTS;
    tok_builder builder = tok_build(render);
    if (value.type == TOK_V_TEXT || !tok_iterable(value)) {
        add_quoted(&builder, tok_text_of(render, value), false);
        return tok_built(&builder);
    }
    bool dict = value.type == TOK_V_DICT;
    tok_items items = dict ? (tok_items){NULL, value.as.dict->count} : tok_iterate(render, value);
    for (size_t i = 0; i < items.count; i++) {
        tok_value pair =
            dict ? tok_pair(render, value.as.dict->entries[i].key, value.as.dict->entries[i].value) : items.items[i];
        tok_items two = tok_iterate(render, pair);
        if (two.count != 2)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT, "urlencode needs pairs of key and value");
        if (i > 0)
            tok_add_literal(&builder, "&");
        add_quoted(&builder, tok_text_of(render, two.items[0]), true);
        tok_add_literal(&builder, "=");
        add_quoted(&builder, tok_text_of(render, two.items[1]), true);
    }
    return tok_built(&builder);
}

/* ---- any value ---- */

FILTER(filter_default)
{
    UNUSED_ARGUMENTS;
    if (value.type != TOK_V_UNDEFINED && !(tok_truth(p[1]) && !tok_truth(value)))
        return value;
    return p[0].type == TOK_V_MISSING ? tok_from_literal(render, "") : p[0];
}

FILTER(filter_length)
{
    UNUSED_ARGUMENTS;
    return tok_int((int64_t)tok_length(render, value));
}

FILTER(filter_tojson)
{
    (void)arguments;
    return tok_to_json(render, value, p);
}

FILTER(filter_from_json)
{
    UNUSED_ARGUMENTS;
    const tok_text *text = tok_text_argument(render, value, "");
    tok_charge(render, text->length / 8);
    return tok_from_json(render, tok_bytes(text), tok_any_mark(text));
}

/* Where what begins with '<' at `at` ends (a comment or a tag), or 0 if it is neither. */
static size_t tag_end(const tok_text *text, size_t at)
{
    size_t rest = text->length - at;
    const char *from = text->data + at, *end = NULL;
    if (rest >= 4 && memcmp(from, "<!--", 4) == 0) {
        for (size_t i = 4; i + 3 <= rest && end == NULL; i++)
            if (memcmp(from + i, "-->", 3) == 0)
                end = from + i + 2;
    } else {
        end = memchr(from, '>', rest);
    }
    return end != NULL ? (size_t)(end - text->data) + 1 : 0;
}

/* Appends what the entity at `at` stands for and returns its length; 0 if there is none that is known. */
static size_t add_entity(tok_builder *builder, const tok_text *text, size_t at)
{
    static const struct {
        const char *name, *value;
    } entities[] = {{"&amp;", "&"},  {"&lt;", "<"},  {"&gt;", ">"},   {"&quot;", "\""},
                    {"&#34;", "\""}, {"&#39;", "'"}, {"&apos;", "'"}, {"&nbsp;", "\xC2\xA0"}};
    for (size_t i = 0; i < sizeof entities / sizeof entities[0]; i++) {
        size_t length = strlen(entities[i].name);
        if (length > text->length - at || memcmp(text->data + at, entities[i].name, length) != 0)
            continue;
        tok_add_bytes(builder, entities[i].value, strlen(entities[i].value), tok_mark_at(text, at));
        return length;
    }
    return 0;
}

FILTER(filter_striptags)
{
    UNUSED_ARGUMENTS;
    const tok_text *text = tok_text_of(render, value);
    tok_builder builder = tok_build(render);
    bool space = false;
    size_t tag;
    tok_charge(render, text->length / 8);
    for (size_t at = 0; at < text->length;) {
        size_t width = tok_character_length(text, at);
        if (text->data[at] == '<' && (tag = tag_end(text, at)) != 0) {
            at = tag;
            continue;
        }
        tok_charge(render, text->data[at] == '<' ? (text->length - at) / 64 : 0);
        if (tok_is_space(tok_character(text, at))) {
            space = builder.length > 0;
            at += width;
            continue;
        }
        if (space)
            tok_add_bytes(&builder, " ", 1, tok_mark_at(text, at));
        space = false;
        size_t entity = text->data[at] == '&' ? add_entity(&builder, text, at) : 0;
        if (entity == 0)
            tok_add(&builder, text, at, at + width);
        at += entity != 0 ? entity : width;
    }
    return tok_built(&builder);
}

static const tok_callable filters[] = {
    {"capitalize", filter_capitalize, ""},
    {"center", filter_center, "width?"},
    {"count", filter_length, ""},
    {"d", filter_default, "default_value?,boolean?"},
    {"default", filter_default, "default_value?,boolean?"},
    {"e", filter_escape, ""},
    {"escape", filter_escape, ""},
    {"forceescape", filter_force_escape, ""},
    {"format", filter_format, NULL},
    {"from_json", filter_from_json, ""},
    {"indent", filter_indent, "width?,first?,blank?"},
    {"length", filter_length, ""},
    {"lower", filter_lower, ""},
    {"replace", filter_replace, "old,new,count?"},
    {"safe", filter_safe, ""},
    {"string", filter_string, ""},
    {"striptags", filter_striptags, ""},
    {"title", filter_title, ""},
    {"tojson", filter_tojson, "ensure_ascii?,indent?,separators?,sort_keys?"},
    {"trim", filter_trim, "chars?"},
    {"truncate", filter_truncate, "length?,killwords?,end?,leeway?"},
    {"upper", filter_upper, ""},
    {"urlencode", filter_urlencode, ""},
    {"wordcount", filter_wordcount, ""},
};

const tok_callable *tok_find_in(const tok_callable *table, size_t count, base_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (base_slice_is(name, table[i].name))
            return &table[i];
    return NULL;
}

const tok_callable *tok_find_filter(base_slice name)
{
    const tok_callable *found = tok_find_in(filters, sizeof filters / sizeof filters[0], name);
    if (found == NULL)
        found = tok_find_in(tok_list_filters, tok_n_list_filters, name);
    return found != NULL ? found : tok_find_in(tok_number_filters, tok_n_number_filters, name);
}
