/* SPDX-License-Identifier: Apache-2.0 */
/* What a program takes, made from its table of options and the table of generation parameters, in three forms. */
#include "tools/common_arguments.h"

#include <string.h>

enum { HELP_COLUMN = 34 };

/* Writes a list of flags with what stands between them, in each `before` and `after`. How many characters. */
static int print_flags(FILE *out, const char *flags, const char *before, const char *after)
{
    int width = 0;
    for (const char *separator = ""; *flags != '\0'; separator = ", ") {
        const int length = (int)strcspn(flags, ",");
        width += fprintf(out, "%s%s%.*s%s", separator, before, length, flags, after);
        flags += length + (flags[length] == ',');
    }
    return width;
}

static const char *value_name(const firn_parameter *parameter)
{
    return parameter->kind == FIRN_PARAMETER_SWITCH ? NULL : "X";
}

typedef struct range_text {
    char range[FIRN_PARAMETER_RANGE_TEXT], value[FIRN_PARAMETER_TEXT];
} range_text;

static range_text describe(const firn_parameter *parameter)
{
    const firn_generation_parameters defaults = firn_generation_parameters_default();
    range_text text;
    firn_parameter_range(parameter, text.range);
    firn_parameter_print(&defaults, parameter, text.value);
    return text;
}

/* ---- text ---- */

static void print_row(FILE *out, const char *flags, const char *value, const char *help)
{
    int width = fprintf(out, "  ") + print_flags(out, flags, "", "");
    width += value != NULL ? fprintf(out, " %s", value) : 0;
    if (width >= HELP_COLUMN)
        width = fprintf(out, "\n") - 1;
    fprintf(out, "%*s%s", HELP_COLUMN - width, "", help);
}

static void help_text(const tool_command *command, FILE *out)
{
    fprintf(out, "%s\n\nusage: %s [options]%s%s%s\n\n", command->purpose, command->name,
            command->positional != NULL ? " [" : "", command->positional != NULL ? command->positional : "",
            command->positional != NULL ? "]" : "");
    for (size_t i = 0; i < command->n_options; i++) {
        print_row(out, command->options[i].flags, command->options[i].value, command->options[i].help);
        fputc('\n', out);
    }
    if (command->parameters == NULL)
        return;
    fprintf(out, "\ngeneration parameters:\n\n");
    for (size_t i = 0; i < firn_parameter_count(); i++) {
        const firn_parameter *const parameter = firn_parameter_at(i);
        const range_text text = describe(parameter);
        print_row(out, parameter->flags, value_name(parameter), parameter->help);
        if (value_name(parameter) != NULL)
            fprintf(out, "\n%*s(%s; default %s)", HELP_COLUMN, "", text.range, text.value);
        fputc('\n', out);
    }
}

/* ---- a manual page, in roff's man macros ---- */

static void print_roff(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        const bool at_start = c == text || c[-1] == '\n';
        if (at_start && (*c == '.' || *c == '\''))
            fputs("\\&", out);
        if (*c == '\\')
            fputs("\\e", out);
        else if (*c == '-')
            fputs("\\-", out);
        else
            fputc(*c, out);
    }
}

static void manual_row(FILE *out, const char *flags, const char *value, const char *help)
{
    fputs(".TP\n", out);
    for (const char *separator = ""; *flags != '\0'; separator = ", ") {
        char flag[64];
        const size_t length = strcspn(flags, ",");
        snprintf(flag, sizeof flag, "%.*s", (int)length, flags);
        fprintf(out, "%s\\fB", separator);
        print_roff(out, flag);
        fputs("\\fR", out);
        flags += length + (flags[length] == ',');
    }
    if (value != NULL) {
        fputs(" \\fI", out);
        print_roff(out, value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    print_roff(out, help);
    fputc('\n', out);
}

static void help_manual(const tool_command *command, FILE *out)
{
    const size_t first_line = strcspn(command->purpose, "\n");
    char purpose[200], name[40];
    snprintf(purpose, sizeof purpose, "%.*s", (int)first_line, command->purpose);
    snprintf(name, sizeof name, "%s", command->name);
    fprintf(out, ".TH %s 1 \"\" \"firn " FIRN_VERSION "\" \"firn\"\n.SH NAME\n", name);
    print_roff(out, name);
    fputs(" \\- ", out);
    print_roff(out, purpose);
    fprintf(out, "\n.SH SYNOPSIS\n.B %s\n[\\fIoptions\\fR]", name);
    if (command->positional != NULL)
        fprintf(out, " [\\fI%s\\fR]", command->positional);
    fputs("\n.SH DESCRIPTION\n", out);
    print_roff(out, command->purpose);
    fputs("\n.SH OPTIONS\n", out);
    for (size_t i = 0; i < command->n_options; i++)
        manual_row(out, command->options[i].flags, command->options[i].value, command->options[i].help);
    if (command->parameters != NULL)
        fputs(".SH GENERATION PARAMETERS\n", out);
    for (size_t i = 0; command->parameters != NULL && i < firn_parameter_count(); i++) {
        const firn_parameter *const parameter = firn_parameter_at(i);
        const range_text text = describe(parameter);
        manual_row(out, parameter->flags, value_name(parameter), parameter->help);
        fputs(".br\n", out);
        print_roff(out, text.range);
        fputs("; default ", out);
        print_roff(out, text.value);
        fprintf(out, "; in JSON \\fB%s\\fR\n", parameter->name);
    }
    fputs(".SH EXIT STATUS\n0 where it ran to its end, 1 for an error, which one line on standard error tells.\n", out);
}

/* ---- tables in Markdown ---- */

/* A bar would end the cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '|')
            fputs("\\|", out);
        else
            fputc(*text == '\n' ? ' ' : *text, out);
}

static void help_markdown(const tool_command *command, FILE *out)
{
    fputs("| option | what it does |\n|---|---|\n", out);
    for (size_t i = 0; i < command->n_options; i++) {
        const tool_option *const option = &command->options[i];
        fputs("| ", out);
        print_flags(out, option->flags, "`", "`");
        if (option->value != NULL) {
            fputc(' ', out);
            print_cell(out, option->value);
        }
        fputs(" | ", out);
        print_cell(out, option->help);
        fputs(" |\n", out);
    }
    if (command->parameters == NULL)
        return;
    fputs(
        "\n| parameter | flags, and other names in JSON | allowed | default | what it does |\n|---|---|---|---|---|\n",
        out);
    for (size_t i = 0; i < firn_parameter_count(); i++) {
        const firn_parameter *const parameter = firn_parameter_at(i);
        const range_text text = describe(parameter);
        fprintf(out, "| `%s` | ", parameter->name);
        print_flags(out, parameter->flags, "`", "`");
        if (*parameter->aliases != '\0')
            fputs("; ", out);
        print_flags(out, parameter->aliases, "`", "`");
        fputs(" | ", out);
        print_cell(out, text.range);
        fputs(" | `", out);
        print_cell(out, text.value);
        fputs("` | ", out);
        print_cell(out, parameter->help);
        fputs(" |\n", out);
    }
}

void tool_help(const tool_command *command, tool_help_form form, FILE *out)
{
    if (form == TOOL_HELP_MANUAL)
        help_manual(command, out);
    else if (form == TOOL_HELP_MARKDOWN)
        help_markdown(command, out);
    else
        help_text(command, out);
}
