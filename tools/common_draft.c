/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_draft.h"

#include "base/number.h"
#include "tools/common_context.h"

#include <stdio.h>
#include <sys/stat.h>

static firn_status read_p_min(const char *text, double *p_min, firn_error *error)
{
    if (text == NULL)
        return FIRN_OK;
    if (!base_parse_double(base_slice_from(text), p_min) || !(*p_min >= 0 && *p_min <= 1))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--spec-draft-p-min: '%.60s' is not allowed; give a number from 0 to 1", text);
    return FIRN_OK;
}

bool tool_draft_helps(const firn_generation_parameters *parameters)
{
    return parameters->guidance == 1 && parameters->contrast == 0 && !firn_generation_searches(parameters);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

firn_status tool_draft_check(const tool_draft_options *options, const char *model_path, firn_error *error)
{
    if (options->model == NULL || !is_same_file(options->model, model_path))
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "%.200s is the model and the draft model (-md), which has to be a smaller one", model_path);
}

firn_status tool_draft_open(const tool_draft_options *options, bool helps, firn_context *context, bool pack_cache,
                            tool_draft *out, firn_error *error)
{
    *out = (tool_draft){.n_max = options->n_max, .n_min = options->n_min};
    const firn_status status = read_p_min(options->p_min, &out->p_min, error);
    if (status != FIRN_OK)
        return status;
    if (options->model == NULL && (options->n_min > 0 || options->p_min != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--spec-draft-n-min and --spec-draft-p-min have no effect without a draft model (-md)");
    if (options->model == NULL)
        return FIRN_OK;
    if (options->n_max == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a draft model (-md) has no effect with --spec-draft-n-max 0");
    if (!helps)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a draft model (-md) drafts for one timeline: it has no effect with guidance, contrast, "
                         "n_beams or best_of");
    return tool_model_open(context, options->model, firn_model_options_default(), pack_cache, &out->model, error);
}

void tool_draft_close(tool_draft *draft)
{
    firn_model_release(draft->model);
    *draft = (tool_draft){0};
}

void tool_draft_print_fault(const firn_error *fault)
{
    if (fault->status != FIRN_OK)
        fprintf(stderr, "draft model: it failed, and texts went on without: %s\n", fault->message);
}

firn_status tool_draft_create(const tool_draft *draft, const firn_model *model, firn_drafter **out, firn_error *error)
{
    firn_drafter_options options = firn_drafter_options_default();
    options.n_max = draft->n_max;
    options.draft_model = draft->model;
    options.n_min = draft->n_min;
    options.p_min = draft->p_min;
    return firn_drafter_create(model, &options, out, error);
}
