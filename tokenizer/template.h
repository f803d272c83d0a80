/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chat templates: our own engine for the language of Jinja2 as Hugging Face configures it (immutable sandbox,
 * trim_blocks, lstrip_blocks, loop controls, `generation`, tojson, raise_exception, strftime_now). A template is
 * compiled once, is immutable, and may be rendered by several threads at once.
 *
 * Templates and data are untrusted. What a render may use is bounded: steps, memory, output, depth, ranges. Every error
 * names the line and column in the template.
 *
 * Every byte of the caller's data carries a mark through all string operations, so that the output says which bytes the
 * template wrote and which came from data: special tokens may only be recognised in the template's own bytes. The names
 * of roles that are in common use ("user", "assistant", …) under a key "role" count as the template's, since templates
 * build special tokens from them ("<|" + role + "|>").
 */
#ifndef FIRN_TOKENIZER_TEMPLATE_H
#define FIRN_TOKENIZER_TEMPLATE_H

#include "base/slice.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum {
    TOK_TEMPLATE_SIZE = 64 * 1024,     /* bytes of a template */
    TOK_TEMPLATE_DEPTH = 64,           /* blocks and brackets inside each other; macros calling macros */
    TOK_TEMPLATE_STEPS = 1000 * 1000,  /* evaluated nodes, and a step for every 64 bytes or item worked on */
    TOK_TEMPLATE_OUTPUT = 1024 * 1024, /* bytes of output and of any string, on top of the size of the data */
    TOK_TEMPLATE_RANGE = 10 * 1000,    /* items of a range() */
};

typedef struct tok_template tok_template;

/*
 * Compiles a template (UTF-8; copied). On failure *out is NULL and the error's message begins "line L, column C: ".
 */
firn_status tok_template_compile(base_slice source, tok_template **out, firn_error *error);
void tok_template_destroy(tok_template *program); /* NULL is allowed */

/*
 * One variable that a template can read. Exactly one of the forms: JSON text (its strings are data), or plain text that
 * counts as the template's own, such as the checkpoint's bos token.
 */
typedef struct tok_template_variable {
    base_slice name;
    base_slice json; /* used if json.data is not NULL */
    base_slice text;
} tok_template_variable;

typedef struct tok_template_input {
    const tok_template_variable *variables; /* [n_variables]; of two with one name the later counts */
    size_t n_variables;
    base_slice members;   /* JSON object each of whose members is a variable too; or no bytes */
    const struct tm *now; /* what strftime_now formats; NULL: the template may not ask for the time */
} tok_template_input;

/* Bytes [previous end, end) of the text come from the template, or from data. */
typedef struct tok_template_segment {
    size_t end;
    bool from_template;
} tok_template_segment;

typedef struct tok_template_output {
    char *text; /* terminated; no other byte is 0 unless the data has one */
    size_t length;
    tok_template_segment *segments; /* [n_segments], neighbours differ */
    size_t n_segments;
} tok_template_output;

/*
 * Renders. On success the output is the caller's (tok_template_output_free). On failure the message begins with the
 * line and column; a refusal by the template itself (raise_exception) has status FIRN_ERROR_ARGUMENT and ends with the
 * template's words.
 */
firn_status tok_template_render(const tok_template *program, const tok_template_input *input, tok_template_output *out,
                                firn_error *error);
void tok_template_output_free(tok_template_output *output);

#endif
