/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_arguments.h"

#include "tools/common_text.h"

#include <stdlib.h>
#include <string.h>

/* A flag as it stands in a list of them, or as a user wrote it: not terminated. */
typedef struct flag_name {
    const char *text;
    size_t length;
} flag_name;

/* Takes the next flag off a list that commas separate; length 0 at its end. */
static flag_name next_flag(const char **list)
{
    const flag_name flag = {*list, strcspn(*list, ",")};
    *list += flag.length;
    *list += **list == ',';
    return flag;
}

static bool flag_listed(const char *list, flag_name wanted)
{
    for (flag_name flag; (flag = next_flag(&list)).length > 0;)
        if (flag.length == wanted.length && memcmp(flag.text, wanted.text, wanted.length) == 0)
            return true;
    return false;
}

/* ---- the flag that was meant ---- */

enum { LONGEST_FLAG = 40 };

/* How many letters to add, drop or replace to turn `a` into `b`. */
static size_t distance(flag_name a, flag_name b)
{
    size_t row[LONGEST_FLAG + 1];
    if (a.length > LONGEST_FLAG || b.length > LONGEST_FLAG)
        return LONGEST_FLAG;
    for (size_t j = 0; j <= b.length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            const size_t replaced = diagonal + (a.text[i - 1] != b.text[j - 1]);
            const size_t dropped = row[j] + 1, added = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = dropped < added ? dropped : added;
            row[j] = replaced < row[j] ? replaced : row[j];
        }
    }
    return row[b.length];
}

static void consider(const char *list, flag_name written, flag_name *nearest, size_t *least)
{
    for (flag_name flag; (flag = next_flag(&list)).length > 0;) {
        const size_t steps = distance(flag, written);
        if (steps < *least) {
            *least = steps;
            *nearest = flag;
        }
    }
}

static firn_status unknown_flag(const tool_command *command, flag_name written, firn_error *error)
{
    flag_name nearest = {NULL, 0};
    size_t least = written.length < 9 ? 1 + written.length / 3 : 4; /* from here on it would be a guess */
    for (size_t i = 0; i < command->n_options; i++)
        consider(command->options[i].flags, written, &nearest, &least);
    for (size_t i = 0; command->parameters != NULL && i < firn_parameter_count(); i++)
        consider(firn_parameter_at(i)->flags, written, &nearest, &least);
    const int shown = written.length < 60 ? (int)written.length : 60;
    if (nearest.length == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "there is no option '%.*s'; --help lists what is allowed", shown, written.text);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "there is no option '%.*s'; did you mean '%.*s'? --help lists what is allowed", shown,
                     written.text, (int)nearest.length, nearest.text);
}

/* ---- parsing ---- */

static firn_status set_count(const tool_option *option, const char *text, firn_error *error)
{
    uint64_t count = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && count <= option->highest; i++)
        count = 10 * count + (uint64_t)(text[i] - '0');
    if (i == 0 || text[i] != '\0' || count > option->highest)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "%s: '%.60s' is not allowed; give an integer from 0 to %u", option->flags, text,
                         option->highest);
    *(uint32_t *)option->target = (uint32_t)count;
    return FIRN_OK;
}

static firn_status set_cache_type(const tool_option *option, const char *text, firn_error *error)
{
    firn_error fault = {0};
    const firn_status status = firn_cache_type_find(text, option->target, &fault);
    return status == FIRN_OK ? FIRN_OK
                             : base_fail(error, status, FIRN_NO_OFFSET, "%s: %s", option->flags, fault.message);
}

static firn_status add_text(const tool_option *option, const char *text, firn_error *error)
{
    tool_texts *const texts = option->target;
    if (texts->count == TOOL_MOST_TEXTS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s is given more than %d times", option->flags,
                         TOOL_MOST_TEXTS);
    texts->at[texts->count++] = text;
    return FIRN_OK;
}

static tool_help_form help_form(const char *flag)
{
    return strcmp(flag, "--help-man") == 0        ? TOOL_HELP_MANUAL
           : strcmp(flag, "--help-markdown") == 0 ? TOOL_HELP_MARKDOWN
                                                  : TOOL_HELP_TEXT;
}

/* `text`: the value, or the flag itself where it takes none. */
static firn_status set_option(const tool_option *option, const char *text, firn_error *error)
{
    switch (option->kind) {
    case TOOL_TEXT:
        *(const char **)option->target = text;
        break;
    case TOOL_TEXTS:
        return add_text(option, text, error);
    case TOOL_COUNT:
        return set_count(option, text, error);
    case TOOL_ON:
    case TOOL_OFF:
        *(bool *)option->target = option->kind == TOOL_ON;
        break;
    case TOOL_CACHE:
        return set_cache_type(option, text, error);
    case TOOL_HELP:
        *(tool_help_form *)option->target = help_form(text);
        break;
    }
    return FIRN_OK;
}

static firn_status set_positional(const tool_command *command, const char *text, firn_error *error)
{
    if (command->positional == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "'%.60s' belongs to no option; --help lists what is allowed", text);
    if (*command->positional_target != NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "there are two of %s: '%.60s' and '%.60s'; put quotes around words that belong together",
                         command->positional, *command->positional_target, text);
    *command->positional_target = text;
    return FIRN_OK;
}

static firn_status set_parameter(const tool_command *command, const tool_setter *setter,
                                 const firn_parameter *parameter, const char *text, firn_error *error)
{
    return setter != NULL ? setter->set(setter->argument, parameter, text, error)
                          : firn_parameter_set(command->parameters, parameter->name, text, error);
}

/* One option, with its value either in the same argument or in the next, which is then used up. */
static firn_status parse_flag(const tool_command *command, const tool_setter *setter, const char *argument,
                              const char *next, bool *used_next, firn_error *error)
{
    const flag_name flag = {argument, strcspn(argument, "=")};
    const char *const joined = argument[flag.length] == '=' ? argument + flag.length + 1 : NULL;
    const tool_option *option = NULL;
    const firn_parameter *parameter = NULL;
    for (size_t i = 0; i < command->n_options; i++)
        if (flag_listed(command->options[i].flags, flag))
            option = &command->options[i];
    for (size_t i = 0; command->parameters != NULL && option == NULL && i < firn_parameter_count(); i++)
        if (flag_listed(firn_parameter_at(i)->flags, flag))
            parameter = firn_parameter_at(i);
    if (option == NULL && parameter == NULL)
        return unknown_flag(command, flag, error);

    const bool is_switch = option != NULL ? option->value == NULL : parameter->kind == FIRN_PARAMETER_SWITCH;
    if (is_switch && joined != NULL && (option != NULL || setter == NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%.*s takes no value", (int)flag.length,
                         flag.text);
    if (is_switch)
        return option != NULL ? set_option(option, argument, error)
                              : set_parameter(command, setter, parameter, joined != NULL ? joined : "true", error);
    const char *const value = joined != NULL ? joined : next;
    *used_next = joined == NULL;
    if (option != NULL && value != NULL)
        return set_option(option, value, error);
    if (value != NULL)
        return set_parameter(command, setter, parameter, value, error);
    char range[FIRN_PARAMETER_RANGE_TEXT];
    if (option != NULL)
        snprintf(range, sizeof range, "%s", option->value);
    else
        firn_parameter_range(parameter, range);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%.*s needs a value: %s", (int)flag.length, flag.text,
                     range);
}

firn_status tool_parse(const tool_command *command, int argc, char *const *argv, firn_error *error)
{
    return tool_parse_into(command, NULL, argc, argv, error);
}

firn_status tool_parse_into(const tool_command *command, const tool_setter *setter, int argc, char *const *argv,
                            firn_error *error)
{
    bool flags_ended = false;
    for (int i = 1; i < argc; i++) {
        firn_status status = FIRN_OK;
        bool used_next = false;
        if (!flags_ended && strcmp(argv[i], "--") == 0)
            flags_ended = true;
        else if (!flags_ended && argv[i][0] == '-' && argv[i][1] != '\0')
            status = parse_flag(command, setter, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used_next, error);
        else
            status = set_positional(command, argv[i], error);
        if (status != FIRN_OK)
            return status;
        i += used_next;
    }
    return FIRN_OK;
}

firn_status tool_read_parameters(const char *path, firn_generation_parameters *parameters, firn_error *error)
{
    tool_text text;
    firn_error fault = {0};
    firn_status status = tool_read(path, &text, error);
    if (status != FIRN_OK)
        return status;
    status = firn_parameters_read(parameters, text.data, text.length, "", &fault);
    if (status != FIRN_OK)
        base_fail(error, status, fault.offset, "%.200s: %s", path, fault.message);
    free(text.data);
    return status;
}

int tool_main(const tool_command *command, const tool_help_form *help, int argc, char *const *argv,
              firn_status (*run)(void *settings, firn_error *error), void *settings)
{
    firn_error error = {0};
    firn_status status = tool_parse(command, argc, argv, &error);
    if (status == FIRN_OK && *help != TOOL_NO_HELP)
        tool_help(command, *help, stdout);
    else if (status == FIRN_OK)
        status = run(settings, &error);
    if (status != FIRN_OK)
        fprintf(stderr, "%s: %s\n", command->name, error.message);
    return status == FIRN_OK && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
