/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text: Python's str() and repr(). */
#include "tokenizer/template_p.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>

static void add_repr_character(tok_builder *builder, const tok_text *text, size_t at, uint32_t quote)
{
    uint32_t code = tok_character(text, at);
    size_t width = tok_character_length(text, at);
    bool mark = tok_mark_at(text, at);
    char escaped[16];
    int length = 0;
    if (code == quote || code == '\\')
        length = snprintf(escaped, sizeof escaped, "\\%c", (char)code);
    else if (code == '\n' || code == '\r' || code == '\t')
        length = snprintf(escaped, sizeof escaped, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    else if (code != ' ' && (tok_character_class(code) & TOK_IS_PRINTABLE) == 0)
        length = code < 0x100     ? snprintf(escaped, sizeof escaped, "\\x%02" PRIx32, code)
                 : code < 0x10000 ? snprintf(escaped, sizeof escaped, "\\u%04" PRIx32, code)
                                  : snprintf(escaped, sizeof escaped, "\\U%08" PRIx32, code);
    if (length > 0)
        tok_add_bytes(builder, escaped, (size_t)length, mark);
    else
        tok_add(builder, text, at, at + width);
}

static void add_repr_text(tok_builder *builder, const tok_text *text)
{
    bool single = text->length > 0 && memchr(text->data, '\'', text->length) != NULL;
    bool twice = text->length > 0 && memchr(text->data, '"', text->length) != NULL;
    const char *quote = single && !twice ? "\"" : "'";
    if (text->markup)
        tok_add_literal(builder, "Markup(");
    tok_add_literal(builder, quote);
    for (size_t at = 0; at < text->length; at += tok_character_length(text, at))
        add_repr_character(builder, text, at, (unsigned char)*quote);
    tok_add_literal(builder, quote);
    if (text->markup)
        tok_add_literal(builder, ")");
}

static void add_items(tok_builder *builder, const char *open, const tok_sequence *sequence, const char *close)
{
    tok_add_literal(builder, open);
    for (size_t i = 0; i < sequence->count; i++) {
        if (i > 0)
            tok_add_literal(builder, ", ");
        tok_add_repr(builder, sequence->items[i]);
    }
    tok_add_literal(builder, close);
}

static void add_dict(tok_builder *builder, const tok_dict *dict)
{
    tok_add_literal(builder, "{");
    for (size_t i = 0; i < dict->count; i++) {
        if (i > 0)
            tok_add_literal(builder, ", ");
        tok_add_repr(builder, dict->entries[i].key);
        tok_add_literal(builder, ": ");
        tok_add_repr(builder, dict->entries[i].value);
    }
    tok_add_literal(builder, "}");
}

static void add_number(tok_builder *builder, tok_value value)
{
    char text[BASE_DOUBLE_TEXT];
    if (value.type == TOK_V_INT)
        tok_add_format(builder, "%" PRId64, value.as.integer);
    else if (value.type == TOK_V_BOOL)
        tok_add_literal(builder, value.as.boolean ? "True" : "False");
    else
        tok_add_bytes(builder, text, base_format_double(value.as.number, text), false);
}

static void add_range(tok_builder *builder, const tok_sequence *range)
{
    tok_add_format(builder, "range(%" PRId64 ", %" PRId64, range->start, range->stop);
    if (range->step != 1)
        tok_add_format(builder, ", %" PRId64, range->step);
    tok_add_literal(builder, ")");
}

static void add_container(tok_builder *builder, tok_value value)
{
    switch (value.type) {
    case TOK_V_LIST:
        add_items(builder, "[", value.as.sequence, "]");
        break;
    case TOK_V_TUPLE:
        add_items(builder, "(", value.as.sequence, value.as.sequence->count == 1 ? ",)" : ")");
        break;
    case TOK_V_RANGE:
        add_range(builder, value.as.sequence);
        break;
    case TOK_V_VIEW:
        tok_add_literal(builder, value.as.sequence->name);
        add_items(builder, "([", value.as.sequence, "])");
        break;
    case TOK_V_NAMESPACE:
        tok_add_literal(builder, "<Namespace ");
        add_dict(builder, value.as.dict);
        tok_add_literal(builder, ">");
        break;
    case TOK_V_DICT:
        add_dict(builder, value.as.dict);
        break;
    case TOK_V_MACRO:
        tok_add_format(builder, "<Macro '%.*s'>", (int)value.as.macro->node->name.length,
                       value.as.macro->node->name.data);
        break;
    case TOK_V_LOOP:
        tok_add_format(builder, "<LoopContext %" PRId64 "/%" PRId64 ">", value.as.loop->index0 + 1,
                       tok_loop_attribute(builder->render, value, base_slice_from("length")).as.integer);
        break;
    default:
        tok_add_format(builder, "<%s object>", tok_type_name(value));
    }
}

void tok_add_repr(tok_builder *builder, tok_value value)
{
    tok_render *render = builder->render;
    tok_enter(render);
    tok_charge(render, 1);
    if (value.type == TOK_V_TEXT)
        add_repr_text(builder, value.as.text);
    else if (value.type == TOK_V_UNDEFINED)
        tok_add_literal(builder, "Undefined");
    else if (value.type == TOK_V_NONE)
        tok_add_literal(builder, "None");
    else if (tok_is_number(value))
        add_number(builder, value);
    else
        add_container(builder, value);
    tok_leave(render);
}

void tok_add_str(tok_builder *builder, tok_value value)
{
    if (value.type == TOK_V_TEXT)
        tok_add_text(builder, value.as.text);
    else if (value.type != TOK_V_UNDEFINED)
        tok_add_repr(builder, value);
}

tok_value tok_str(tok_render *render, tok_value value)
{
    if (value.type == TOK_V_TEXT)
        return value.as.text->markup ? tok_with_markup(render, value.as.text, false) : value;
    tok_builder builder = tok_build(render);
    tok_add_str(&builder, value);
    return tok_built(&builder);
}

const tok_text *tok_text_of(tok_render *render, tok_value value)
{
    return value.type == TOK_V_TEXT ? value.as.text : tok_str(render, value).as.text;
}
