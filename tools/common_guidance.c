/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_guidance.h"

#include <stdlib.h>

firn_status tool_guidance_check(const tool_guidance_options *options, const firn_generation_parameters *parameters,
                                firn_error *error)
{
    const bool contrast = parameters->contrast > 0;
    if (contrast != (options->weaker != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         contrast ? "contrast needs a weaker model (--weaker-model)"
                                  : "a weaker model has no effect unless contrast (--contrast) is above 0");
    if ((options->negative != NULL || options->negative_file != NULL) && parameters->guidance == 1)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a negative prompt has no effect unless guidance (--guidance) is other than 1");
    return FIRN_OK;
}

firn_status tool_guidance_open(const tool_guidance_options *options, int escapes, firn_context *context,
                               tool_guidance *out, firn_error *error)
{
    firn_status status = FIRN_OK;
    *out = (tool_guidance){0};
    if (options->negative != NULL && options->negative_file != NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "more than one negative prompt; give one of --negative-prompt and --negative-prompt-file");
    if (options->negative != NULL)
        status = tool_copy(options->negative, escapes, &out->negative, error);
    if (options->negative_file != NULL) {
        status = tool_read(options->negative_file, &out->negative, error);
        if (status == FIRN_OK)
            out->negative.length = tool_without_newline(&out->negative).length;
    }
    if (status == FIRN_OK && options->weaker != NULL)
        status = firn_model_open(context, options->weaker, NULL, &out->weaker, error);
    return status;
}

void tool_guidance_close(tool_guidance *guidance)
{
    free(guidance->negative.data);
    free(guidance->ids);
    firn_model_release(guidance->weaker);
    *guidance = (tool_guidance){0};
}

/* The conversation's ids with this text as the last user message. */
static firn_status render_instead(tool_chat *chat, base_slice text, int32_t **ids, size_t *n_ids, firn_error *error)
{
    tool_conversation *const all = &chat->conversation, other = {0};
    const size_t last = tool_conversation_last_user(all);
    if (last == all->count)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "there is no user message in whose place the negative prompt could stand");
    firn_status status = tool_conversation_insert(&other, 0, TOOL_USER, text, error);
    if (status == FIRN_OK) {
        const tool_message own = all->messages[last];
        all->messages[last] = other.messages[0];
        status = tool_chat_prompt(chat, NULL, ids, n_ids, error);
        all->messages[last] = own;
    }
    tool_conversation_free(&other);
    return status;
}

firn_status tool_guidance_apply(tool_guidance *guidance, tool_chat *chat, const firn_model *model,
                                firn_generation_options *options, firn_error *error)
{
    tool_guidance *const g = guidance;
    firn_status status = FIRN_OK;
    if (g->negative.data != NULL) {
        free(g->ids);
        g->ids = NULL;
        if (chat->program != NULL)
            status =
                render_instead(chat, (base_slice){g->negative.data, g->negative.length}, &g->ids, &g->n_ids, error);
        else
            status = firn_tokenize(model, g->negative.data, g->negative.length, FIRN_ADD_SPECIAL | FIRN_PARSE_SPECIAL,
                                   &g->ids, &g->n_ids, error);
    }
    options->negative = g->ids;
    options->n_negative = g->n_ids;
    options->weaker = g->weaker;
    return status;
}
