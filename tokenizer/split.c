/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a pipeline that cut a text into words: each cuts the pieces of the step before further. */
#include "base/memory.h"
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

/* Where `what` begins in the text at or after `from`, or NULL. */
static const char *find_text(base_slice text, size_t from, base_slice what)
{
    const char *at = text.data + from;
    const char *const end = text.data + text.length;
    while (what.length > 0 && (size_t)(end - at) >= what.length) {
        at = memchr(at, what.data[0], (size_t)(end - at) - what.length + 1);
        if (!at || memcmp(at, what.data, what.length) == 0)
            return at;
        at++;
    }
    return NULL;
}

tok_found tok_find_match(const tok_step *step, tok_regex_search *search, base_slice text, size_t from, size_t *start,
                         size_t *end)
{
    if (search)
        return tok_regex_find(search, text, from, start, end);
    if (step->set == 0) {
        const char *const found = from < text.length ? find_text(text, from, step->text) : NULL;
        if (!found)
            return TOK_NOT_FOUND;
        *start = (size_t)(found - text.data);
        *end = *start + step->text.length;
        return TOK_FOUND;
    }
    for (size_t at = from; at < text.length;) {
        const tok_character c = tok_character_at(text.data + at, text.data + text.length);
        if ((step->set >> c.class_of & 1) != 0) {
            *start = at;
            *end = at + c.length;
            return TOK_FOUND;
        }
        at += c.length;
    }
    return TOK_NOT_FOUND;
}

void tok_pieces_free(tok_pieces *pieces)
{
    tok_buffer_free(&pieces->text);
    free(pieces->items);
    *pieces = (tok_pieces){0};
}

static bool push(tok_pieces *pieces, size_t start, size_t end)
{
    if (pieces->count == pieces->capacity &&
        !base_grow(&pieces->items, &pieces->capacity, pieces->count + 1, sizeof *pieces->items))
        return false;
    pieces->items[pieces->count++] = (tok_piece){(uint32_t)start, (uint32_t)end};
    return true;
}

/* What one step makes of one piece, match by match. */
typedef struct cutter {
    const tok_step *step;
    tok_pieces *out;
    bool extend;        /* the last piece of `out` may grow: it is of the same text and the behaviour says so */
    bool waiting;       /* a match waits for what comes next */
    size_t waits_since; /* where it begins */
    bool after_match;
} cutter;

static bool take(cutter *c, size_t start, size_t end, bool is_match)
{
    if (start == end)
        return true;
    is_match = is_match != c->step->invert;
    bool done = true;
    switch (c->step->behaviour) {
    case TOK_REMOVED:
        done = is_match || push(c->out, start, end);
        break;
    case TOK_ISOLATED:
        done = push(c->out, start, end);
        break;
    case TOK_CONTIGUOUS:
        if (c->extend && is_match == c->after_match)
            c->out->items[c->out->count - 1].end = (uint32_t)end;
        else
            done = push(c->out, start, end);
        break;
    case TOK_MERGED_WITH_PREVIOUS:
        if (c->extend && is_match && !c->after_match)
            c->out->items[c->out->count - 1].end = (uint32_t)end;
        else
            done = push(c->out, start, end);
        break;
    case TOK_MERGED_WITH_NEXT:
        if (c->waiting && is_match)
            done = push(c->out, c->waits_since, start);
        if (is_match)
            c->waits_since = start;
        else
            done = push(c->out, c->waiting ? c->waits_since : start, end);
        c->waiting = is_match;
        break;
    }
    c->extend = true;
    c->after_match = is_match;
    return done;
}

static tok_outcome cut_piece(const tok_step *step, tok_regex_search *search, base_slice text, size_t offset,
                             tok_pieces *out)
{
    cutter c = {.step = step, .out = out};
    size_t at = 0, start, end;
    tok_found found;
    while ((found = tok_find_match(step, search, text, at, &start, &end)) == TOK_FOUND) {
        if (!take(&c, offset + at, offset + start, false) || !take(&c, offset + start, offset + end, true))
            return TOK_NO_MEMORY;
        at = end;
    }
    if (found == TOK_FOUND_LIMIT)
        return TOK_REGEX_LIMIT;
    if (!take(&c, offset + at, offset + text.length, false) ||
        (c.waiting && !push(out, c.waits_since, offset + text.length)))
        return TOK_NO_MEMORY;
    return TOK_DONE;
}

static bool scan_piece(const tok_pretokenizer *pre, base_slice text, size_t offset, tok_pieces *out)
{
    tok_scanner scanner;
    base_slice word;
    tok_scanner_start(&scanner, pre, text);
    while (tok_scanner_next(&scanner, &word)) {
        const size_t start = offset + (size_t)(word.data - text.data);
        if (!push(out, start, start + word.length))
            return false;
    }
    return true;
}

/* Copies a piece with the symbol for spaces, and with one before it if it has none and wants one. */
static bool mark_spaces(const tok_step *step, base_slice text, bool begins, tok_pieces *out)
{
    const base_slice symbol = step->content;
    const size_t start = out->text.length;
    bool wanted = (step->flags & TOK_ALWAYS) != 0 || ((step->flags & TOK_FIRST) != 0 && begins);
    if (text.length >= symbol.length && memcmp(text.data, symbol.data, symbol.length) == 0)
        wanted = false;
    if (text.length > 0 && text.data[0] == ' ')
        wanted = false;
    if (wanted && !tok_append(&out->text, symbol.data, symbol.length))
        return false;
    for (size_t at = 0; at < text.length;) {
        const char *const space = memchr(text.data + at, ' ', text.length - at);
        const size_t stop = space ? (size_t)(space - text.data) : text.length;
        if (!tok_append(&out->text, text.data + at, stop - at) ||
            (space && !tok_append(&out->text, symbol.data, symbol.length)))
            return false;
        at = stop + (space ? 1 : 0);
    }
    if ((step->flags & TOK_CUT) == 0)
        return push(out, start, out->text.length);
    const tok_step cut = {.kind = TOK_STEP_SPLIT, .behaviour = TOK_MERGED_WITH_NEXT, .text = symbol};
    const base_slice marked = {out->text.data + start, out->text.length - start};
    return cut_piece(&cut, NULL, marked, start, out) == TOK_DONE;
}

static bool lead_space(base_slice text, tok_pieces *out)
{
    const size_t start = out->text.length;
    const bool spaced = text.length > 0 && (tok_character_at(text.data, text.data + text.length).class_of == TOK_SPACE);
    return (spaced || tok_append(&out->text, " ", 1)) && tok_append(&out->text, text.data, text.length) &&
           push(out, start, out->text.length);
}

static bool write_bytes(base_slice text, tok_pieces *out)
{
    const size_t start = out->text.length;
    return tok_append_byte_text(&out->text, text) && push(out, start, out->text.length);
}

static tok_outcome split_step(const tok_step *step, const tok_pieces *in, bool begins, tok_regex_budget *budget,
                              tok_pieces *out)
{
    tok_regex_search *const search = step->regex ? tok_regex_begin(step->regex, budget) : NULL;
    tok_outcome outcome = step->regex && !search ? TOK_NO_MEMORY : TOK_DONE;
    for (size_t i = 0; outcome == TOK_DONE && i < in->count; i++) {
        const tok_piece piece = in->items[i];
        const base_slice text = {in->text.data + piece.start, piece.end - piece.start};
        bool done = true;
        if (step->kind == TOK_STEP_SPLIT)
            outcome = cut_piece(step, search, text, piece.start, out);
        else if (step->kind == TOK_STEP_SCAN)
            done = scan_piece(step->scanner, text, piece.start, out);
        else if (step->kind == TOK_STEP_METASPACE)
            done = mark_spaces(step, text, begins && i == 0 && piece.start == 0, out);
        else if (step->kind == TOK_STEP_BYTE_TEXT)
            done = write_bytes(text, out);
        else
            done = lead_space(text, out);
        outcome = done ? outcome : TOK_NO_MEMORY;
    }
    tok_regex_end(search);
    return outcome;
}

tok_outcome tok_split(const tok_pipeline *pipeline, base_slice text, bool begins, tok_regex_budget *budget,
                      tok_pieces *out)
{
    tok_pieces spare = {0};
    out->count = out->text.length = 0;
    tok_outcome outcome =
        tok_append(&out->text, text.data, text.length) && push(out, 0, text.length) ? TOK_DONE : TOK_NO_MEMORY;
    for (uint32_t i = 0; outcome == TOK_DONE && i < pipeline->splitters.count; i++) {
        const tok_step *const step = &pipeline->splitters.steps[i];
        const bool rewrites =
            step->kind == TOK_STEP_METASPACE || step->kind == TOK_STEP_LEAD_SPACE || step->kind == TOK_STEP_BYTE_TEXT;
        spare.count = spare.text.length = 0;
        outcome = split_step(step, out, begins, budget, &spare);
        /* the new pieces, and the new text if the step made one */
        const tok_pieces before = *out;
        *out = spare;
        spare = before;
        if (!rewrites) {
            const tok_buffer made = out->text;
            out->text = spare.text;
            spare.text = made;
        }
    }
    tok_pieces_free(&spare);
    return outcome;
}
