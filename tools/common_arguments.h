/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines: a program's own options as a table, and the generation parameters from theirs. A flag and its value
 * are two arguments or one with '=' between ("--top-k 40", "--top-k=40"); after "--" nothing is a flag. What is wrong
 * gives an error that says what is allowed.
 */
#ifndef FIRN_TOOLS_COMMON_ARGUMENTS_H
#define FIRN_TOOLS_COMMON_ARGUMENTS_H

#include "engine/firn.h"

#include <stdio.h>

typedef enum tool_option_kind {
    TOOL_TEXT,  /* target: const char * */
    TOOL_TEXTS, /* target: tool_texts, which gets one more each time the flag is given */
    TOOL_COUNT, /* target: uint32_t, from 0 to `highest` */
    TOOL_ON,    /* target: bool, becomes true; the flag takes no value */
    TOOL_OFF,   /* target: bool, becomes false; the flag takes no value */
    TOOL_CACHE, /* target: firn_cache_type */
    TOOL_HELP,  /* target: tool_help_form, which the flag's name says */
} tool_option_kind;

typedef enum tool_help_form { TOOL_NO_HELP, TOOL_HELP_TEXT, TOOL_HELP_MANUAL, TOOL_HELP_MARKDOWN } tool_help_form;

/* The row that every program has. */
#define TOOL_HELP_OPTION(target)                                                                                     \
    {                                                                                                                \
        "-h,--help,--help-man,--help-markdown", NULL, TOOL_HELP, target, 0, "this text; as a manual page; as tables" \
    }

/* Rows of a program that keeps keys and values; types is a firn_cache_types *. */
#define TOOL_CACHE_OPTIONS(types)                                                                      \
    {"-ctk,--cache-type-k",                                                                            \
     "TYPE",                                                                                           \
     TOOL_CACHE,                                                                                       \
     &(types)->k,                                                                                      \
     0,                                                                                                \
     "how keys are kept: f16 (default), or q8_0, which takes half the memory and gives another text"}, \
    {                                                                                                  \
        "-ctv,--cache-type-v", "TYPE", TOOL_CACHE, &(types)->v, 0, "how values are kept, likewise"     \
    }

enum { TOOL_MOST_TEXTS = 64 };

typedef struct tool_texts {
    size_t count;
    const char *at[TOOL_MOST_TEXTS];
} tool_texts;

typedef struct tool_option {
    const char *flags; /* separated by commas, the short one first */
    const char *value; /* what stands for the value in the help; NULL where there is none */
    tool_option_kind kind;
    void *target; /* keeps its value where the flag is not given */
    uint32_t highest;
    const char *help;
} tool_option;

typedef struct tool_command {
    const char *name, *purpose;
    const tool_option *options;
    size_t n_options;
    firn_generation_parameters *parameters; /* NULL: the program takes none */
    const char *positional;                 /* what the argument without a flag is called; NULL: there is none */
    const char **positional_target;
} tool_command;

/* argv[0] is skipped. On failure some targets may have been set. */
firn_status tool_parse(const tool_command *command, int argc, char *const *argv, firn_error *error);

/* Takes the value of a generation parameter instead of the command's `parameters`. */
typedef struct tool_setter {
    firn_status (*set)(void *argument, const firn_parameter *parameter, const char *text, firn_error *error);
    void *argument;
} tool_setter;

/* The same with values for the setter. A switch may then have one too ("--ignore-eos=false"); without, it is "true". */
firn_status tool_parse_into(const tool_command *command, const tool_setter *setter, int argc, char *const *argv,
                            firn_error *error);

/* Reads a preset: a JSON object of generation parameters. On failure they are as before. */
firn_status tool_read_parameters(const char *path, firn_generation_parameters *parameters, firn_error *error);

/*
 * The main of a program that needs no more: parses, then writes the help if `help` asks for it, or runs. What is wrong
 * is said on standard error. Its exit status.
 */
int tool_main(const tool_command *command, const tool_help_form *help, int argc, char *const *argv,
              firn_status (*run)(void *settings, firn_error *error), void *settings);

/* Everything that the program takes, with ranges and defaults: common_help.c. */
void tool_help(const tool_command *command, tool_help_form form, FILE *out);

#endif
