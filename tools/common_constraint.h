/* SPDX-License-Identifier: Apache-2.0 */
/* A constraint on generated text as it is given on a command line, or in a record. */
#ifndef FIRN_TOOLS_COMMON_CONSTRAINT_H
#define FIRN_TOOLS_COMMON_CONSTRAINT_H

#include "engine/firn.h"
#include "tools/common_text.h"

/* At most one is given; the others are NULL. */
typedef struct tool_constraint_options {
    const char *grammar, *grammar_file, *schema, *schema_file, *regex;
    const char *choices; /* one a line, or all in one line with commas between */
} tool_constraint_options;

/* Their rows of a program's options. */
/* clang-format off */
#define TOOL_CONSTRAINT_OPTIONS(to) \
    {"--grammar", "GBNF", TOOL_TEXT, &(to).grammar, 0, "the text follows this grammar, from `root` on"}, \
    {"--grammar-file", "FILE", TOOL_TEXT, &(to).grammar_file, 0, "the same from a file"}, \
    {"-j,--json-schema", "JSON", TOOL_TEXT, &(to).schema, 0, \
     "the text is JSON that this schema allows; {}: any JSON"}, \
    {"-jf,--json-schema-file", "FILE", TOOL_TEXT, &(to).schema_file, 0, "the same from a file"}, \
    {"--regex", "REGEX", TOOL_TEXT, &(to).regex, 0, "the whole text matches this regular expression"}, \
    {"--choices", "A,B,C", TOOL_TEXT, &(to).choices, 0, "the text is one of these, with commas between or one a line"}
/* clang-format on */

/* Starts as zeros; release with tool_constraint_close. */
typedef struct tool_constraint {
    const char *kind; /* "grammar", "json_schema", "regex" or "choices"; NULL: no constraint */
    tool_text text;   /* what was compiled */
    firn_constraint *compiled;
} tool_constraint;

/* An error names the flag or the file. */
firn_status tool_constraint_open(const tool_constraint_options *options, tool_constraint *out, firn_error *error);

/* The same of a kind and a text as a record has them; `kind` has to outlive it. */
firn_status tool_constraint_open_as(const char *kind, base_slice text, tool_constraint *out, firn_error *error);
void tool_constraint_close(tool_constraint *constraint);

#endif
