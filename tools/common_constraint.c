/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_constraint.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    firn_constraint_kind kind;
} kinds[] = {
    {"grammar", FIRN_CONSTRAINT_GRAMMAR},
    {"json_schema", FIRN_CONSTRAINT_SCHEMA},
    {"regex", FIRN_CONSTRAINT_REGEX},
    {"choices", FIRN_CONSTRAINT_CHOICES},
};

static firn_status compile(base_slice kind, base_slice text, firn_constraint **out, firn_error *error)
{
    *out = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (base_slice_is(kind, kinds[i].name))
            return firn_constraint_compile(kinds[i].kind, text.data, text.length, out, error);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "a constraint of the kind '%.*s'; there are grammar, json_schema, regex and choices",
                     (int)(kind.length < 40 ? kind.length : 40), kind.data);
}

/* Choices in one line become one a line. */
static void split_choices(tool_text *text)
{
    if (memchr(text->data, '\n', text->length) != NULL)
        return;
    for (size_t i = 0; i < text->length; i++)
        if (text->data[i] == ',')
            text->data[i] = '\n';
}

firn_status tool_constraint_open(const tool_constraint_options *options, tool_constraint *out, firn_error *error)
{
    const struct {
        const char *flag, *kind, *text, *file;
    } sources[] = {
        {"--grammar", "grammar", options->grammar, NULL},
        {NULL, "grammar", NULL, options->grammar_file},
        {"--json-schema", "json_schema", options->schema, NULL},
        {NULL, "json_schema", NULL, options->schema_file},
        {"--regex", "regex", options->regex, NULL},
        {"--choices", "choices", options->choices, NULL},
    };
    const char *place = NULL;
    firn_error fault = {0};
    firn_status status = FIRN_OK;
    *out = (tool_constraint){0};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0] && status == FIRN_OK; i++) {
        if (sources[i].text == NULL && sources[i].file == NULL)
            continue;
        if (place != NULL) {
            status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                               "more than one constraint; give one of --grammar, --grammar-file, --json-schema, "
                               "--json-schema-file, --regex and --choices");
            break;
        }
        place = sources[i].flag != NULL ? sources[i].flag : sources[i].file;
        out->kind = sources[i].kind;
        status = sources[i].file != NULL ? tool_read(sources[i].file, &out->text, error)
                                         : tool_copy(sources[i].text, false, &out->text, error);
    }
    if (status == FIRN_OK && out->kind != NULL) {
        if (strcmp(out->kind, "choices") == 0)
            split_choices(&out->text);
        status =
            compile(base_slice_from(out->kind), (base_slice){out->text.data, out->text.length}, &out->compiled, &fault);
        if (status != FIRN_OK)
            base_fail(error, status, fault.offset, "%.200s: %s", place, fault.message);
    }
    if (status != FIRN_OK)
        tool_constraint_close(out);
    return status;
}

firn_status tool_constraint_open_as(const char *kind, base_slice text, tool_constraint *out, firn_error *error)
{
    *out = (tool_constraint){.kind = kind};
    firn_status status = tool_copy(text.data != NULL ? text.data : "", false, &out->text, error);
    if (status == FIRN_OK)
        status = compile(base_slice_from(kind), (base_slice){out->text.data, out->text.length}, &out->compiled, error);
    if (status != FIRN_OK)
        tool_constraint_close(out);
    return status;
}

void tool_constraint_close(tool_constraint *constraint)
{
    free(constraint->text.data);
    firn_constraint_release(constraint->compiled);
    *constraint = (tool_constraint){0};
}
