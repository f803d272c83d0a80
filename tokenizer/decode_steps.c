/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a pipeline that turn tokens back into text. */
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

static bool append_replaced(base_slice text, base_slice what, base_slice by, tok_buffer *out)
{
    const tok_step step = {.kind = TOK_STEP_REPLACE, .text = what, .content = by};
    return tok_replace_matches(&step, text, NULL, out) == TOK_DONE;
}

/* All characters of the token stand for bytes, or it is left as it is. */
static bool append_bytes(base_slice token, tok_buffer *out)
{
    const size_t before = out->length;
    const char *const end = token.data + token.length;
    for (const char *at = token.data; at < end;) {
        const tok_character c = tok_character_at(at, end);
        const int byte = tok_byte_of_character(c.code);
        const char bytes[1] = {(char)byte};
        if (byte < 0) {
            out->length = before;
            return tok_append(out, token.data, token.length);
        }
        if (!tok_append(out, bytes, 1))
            return false;
        at += c.length;
    }
    return true;
}

static bool append_wordpiece(const tok_step *step, base_slice token, bool first, tok_buffer *first_buffer,
                             tok_buffer *out)
{
    static const char *const cleaned[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                             {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                             {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    const base_slice prefix = step->content;
    const bool continues = token.length >= prefix.length && memcmp(token.data, prefix.data, prefix.length) == 0;
    if (!first && continues)
        token = (base_slice){token.data + prefix.length, token.length - prefix.length};
    if ((!first && !continues && !tok_append(out, " ", 1)) || !tok_append(out, token.data, token.length))
        return false;
    for (size_t i = 0; (step->flags & TOK_CLEAN) != 0 && i < sizeof cleaned / sizeof *cleaned; i++) {
        first_buffer->length = 0;
        if (!tok_append(first_buffer, out->data, out->length))
            return false;
        out->length = 0;
        if (!append_replaced(tok_buffer_text(first_buffer), base_slice_from(cleaned[i][0]),
                             base_slice_from(cleaned[i][1]), out))
            return false;
    }
    return true;
}

static bool append_stripped(const tok_step *step, base_slice text, tok_buffer *out)
{
    const size_t length = step->content.length;
    for (uint32_t i = 0; length > 0 && i < step->left && text.length >= length; i++) {
        if (memcmp(text.data, step->content.data, length) != 0)
            break;
        text = (base_slice){text.data + length, text.length - length};
    }
    for (uint32_t i = 0; length > 0 && i < step->right && text.length >= length; i++) {
        if (memcmp(text.data + text.length - length, step->content.data, length) != 0)
            break;
        text.length -= length;
    }
    return tok_append(out, text.data, text.length);
}

typedef struct row_place {
    bool first, last; /* of the tokens in the row */
} row_place;

static tok_outcome decode_step(const tok_step *step, base_slice text, row_place place, tok_buffer *out)
{
    static const base_slice space = {" ", 1}, nothing = {"", 0};
    bool done;
    switch (step->kind) {
    case TOK_STEP_REPLACE:
        return tok_replace_matches(step, text, NULL, out);
    case TOK_STEP_BYTES:
        done = append_bytes(text, out);
        break;
    case TOK_STEP_BYTE_TOKEN: {
        const int byte = tok_byte_of_token(text);
        const char bytes[1] = {(char)byte};
        done = byte < 0 ? tok_append(out, text.data, text.length) : tok_append(out, bytes, 1);
        break;
    }
    case TOK_STEP_METASPACE_TEXT:
        done =
            append_replaced(text, step->content, place.first && (step->flags & TOK_FIRST) != 0 ? nothing : space, out);
        break;
    case TOK_STEP_SUFFIX:
        done = append_replaced(text, step->content, place.last ? nothing : space, out);
        break;
    case TOK_STEP_WORDPIECE_TEXT: {
        tok_buffer own = {0}; /* the token is short */
        done = append_wordpiece(step, text, place.first, &own, out);
        tok_buffer_free(&own);
        break;
    }
    default:
        done = append_stripped(step, text, out);
    }
    return done ? TOK_DONE : TOK_NO_MEMORY;
}

static tok_outcome run_steps(const tok_steps *steps, uint32_t from, uint32_t to, base_slice text, row_place place,
                             tok_buffer *first, tok_buffer *second, base_slice *out)
{
    tok_outcome outcome = TOK_DONE;
    for (uint32_t i = from; outcome == TOK_DONE && i < to; i++) {
        if (steps->steps[i].kind == TOK_STEP_FUSE)
            continue;
        tok_buffer *const work = text.data == first->data ? second : first;
        work->length = 0;
        outcome = decode_step(&steps->steps[i], text, place, work);
        text = tok_buffer_text(work);
    }
    *out = text;
    return outcome;
}

/* The index of the first TOK_STEP_FUSE, or the number of steps. */
static uint32_t find_fuse(const tok_steps *steps)
{
    uint32_t i = 0;
    while (i < steps->count && steps->steps[i].kind != TOK_STEP_FUSE)
        i++;
    return i;
}

tok_outcome tok_decode_token(const tok_pipeline *pipeline, base_slice token, bool first, bool last,
                             tok_buffer *first_buffer, tok_buffer *second, base_slice *out)
{
    const uint32_t fuse = find_fuse(&pipeline->decoders);
    return run_steps(&pipeline->decoders, 0, fuse, token, (row_place){first, last}, first_buffer, second, out);
}

tok_outcome tok_decode_whole(const tok_pipeline *pipeline, base_slice text, tok_buffer *first, tok_buffer *second,
                             base_slice *out)
{
    const tok_steps *const steps = &pipeline->decoders;
    return run_steps(steps, find_fuse(steps), steps->count, text, (row_place){true, true}, first, second, out);
}
