/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* asprintf */
#include "tools/sweep_prompts.h"

#include "tools/common_guidance.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_prompt(sweep_prompt *prompt)
{
    free(prompt->text.data);
    free(prompt->messages);
    free(prompt->name);
    free(prompt->expect);
    free(prompt->negative.data);
}

void sweep_prompts_free(sweep_prompts *prompts)
{
    for (size_t i = 0; i < prompts->count; i++)
        free_prompt(&prompts->at[i]);
    free(prompts->at);
    *prompts = (sweep_prompts){.count = 0};
}

static firn_status no_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the prompts");
}

static firn_status add(sweep_prompts *prompts, sweep_prompt **out, firn_error *error)
{
    sweep_prompt *const grown = realloc(prompts->at, (prompts->count + 1) * sizeof *grown);
    if (grown == NULL)
        return no_memory(error);
    prompts->at = grown;
    *out = &prompts->at[prompts->count++];
    **out = (sweep_prompt){.messages = NULL};
    return FIRN_OK;
}

firn_status sweep_prompts_add(sweep_prompts *prompts, const char *text, bool escapes, firn_error *error)
{
    sweep_prompt *prompt = NULL;
    const firn_status status = add(prompts, &prompt, error);
    return status == FIRN_OK && text != NULL ? tool_copy(text, escapes, &prompt->text, error) : status;
}

/* ---- files ---- */

/* Gives *out a copy of a member that is a string, or leaves it. */
static firn_status take_string(const cJSON *object, const char *name, char **out, firn_error *error)
{
    const cJSON *const member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (member == NULL)
        return FIRN_OK;
    if (!cJSON_IsString(member))
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "\"%s\" is not a string", name);
    *out = strdup(member->valuestring);
    return *out != NULL ? FIRN_OK : no_memory(error);
}

static firn_status take_object(sweep_prompt *prompt, const cJSON *object, base_slice line, firn_error *error)
{
    firn_status status = take_string(object, "prompt", &prompt->text.data, error);
    if (status == FIRN_OK)
        status = take_string(object, "name", &prompt->name, error);
    if (status == FIRN_OK)
        status = take_string(object, "expect", &prompt->expect, error);
    if (status == FIRN_OK)
        status = take_string(object, "negative_prompt", &prompt->negative.data, error);
    if (status != FIRN_OK)
        return status;
    prompt->text.length = prompt->text.data != NULL ? strlen(prompt->text.data) : 0;
    prompt->negative.length = prompt->negative.data != NULL ? strlen(prompt->negative.data) : 0;
    const bool messages = cJSON_GetObjectItemCaseSensitive(object, "messages") != NULL;
    if (messages == (prompt->text.data != NULL))
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "give one of \"prompt\" and \"messages\"");
    if (!messages)
        return FIRN_OK;
    prompt->messages = strndup(line.data, line.length);
    return prompt->messages != NULL ? FIRN_OK : no_memory(error);
}

static firn_status read_line(sweep_prompts *prompts, base_slice line, firn_error *error)
{
    sweep_prompt *prompt = NULL;
    firn_status status = add(prompts, &prompt, error);
    if (status != FIRN_OK)
        return status;
    if (line.data[0] != '{') {
        prompt->text = (tool_text){strndup(line.data, line.length), line.length};
        return prompt->text.data != NULL ? FIRN_OK : no_memory(error);
    }
    cJSON *const object = cJSON_ParseWithLength(line.data, line.length);
    if (object == NULL)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "begins with '{' and is no JSON object");
    status = take_object(prompt, object, line, error);
    cJSON_Delete(object);
    return status;
}

firn_status sweep_prompts_read(sweep_prompts *prompts, const char *path, firn_error *error)
{
    tool_text text;
    const char *const name = path != NULL ? path : "standard input";
    firn_status status = tool_read(path, &text, error);
    if (status != FIRN_OK)
        return status;
    size_t number = 1, count = prompts->count;
    for (size_t at = 0; at < text.length && status == FIRN_OK; number++) {
        firn_error fault = {0};
        const char *const newline = memchr(text.data + at, '\n', text.length - at);
        base_slice line = {text.data + at, newline != NULL ? (size_t)(newline - text.data) - at : text.length - at};
        at += line.length + 1;
        line.length -= line.length > 0 && line.data[line.length - 1] == '\r';
        if (line.length > 0)
            status = read_line(prompts, line, &fault);
        if (status != FIRN_OK)
            base_fail(error, status, FIRN_NO_OFFSET, "%.200s: line %zu: %s", name, number, fault.message);
    }
    free(text.data);
    if (status == FIRN_OK && prompts->count == count)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%.200s: there is no prompt in it", name);
    return status;
}

/* ---- negative prompts ---- */

static bool copy_text(const tool_text *from, tool_text *to)
{
    if (from->data == NULL)
        return true;
    *to = (tool_text){malloc(from->length + 1), from->length};
    if (to->data != NULL)
        memcpy(to->data, from->data, from->length + 1);
    return to->data != NULL;
}

static bool copy_string(const char *from, char **to)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL;
}

/* Adds a prompt with this negative prompt, which `named` puts into its name. */
static firn_status add_crossed(sweep_prompts *out, const sweep_prompt *prompt, const tool_text *negative, bool named,
                               firn_error *error)
{
    sweep_prompt *copy = NULL;
    if (add(out, &copy, error) != FIRN_OK)
        return FIRN_ERROR_MEMORY;
    bool good = copy_text(&prompt->text, &copy->text) && copy_string(prompt->messages, &copy->messages) &&
                copy_string(prompt->expect, &copy->expect) && copy_text(negative, &copy->negative);
    if (good && named)
        good = asprintf(&copy->name, "%s%saway from: %s", prompt->name != NULL ? prompt->name : "",
                        prompt->name != NULL ? ", " : "", negative->data) >= 0;
    else if (good)
        good = copy_string(prompt->name, &copy->name);
    return good ? FIRN_OK : no_memory(error);
}

firn_status sweep_prompts_cross(sweep_prompts *prompts, const tool_text *negatives, size_t count, firn_error *error)
{
    sweep_prompts crossed = {.count = 0};
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < prompts->count; i++) {
        const sweep_prompt *const prompt = &prompts->at[i];
        const bool own = prompt->negative.data != NULL;
        for (size_t n = 0; n < (own ? 1 : count) && status == FIRN_OK; n++)
            status = add_crossed(&crossed, prompt, own ? &prompt->negative : &negatives[n], !own && count > 1, error);
    }
    sweep_prompts_free(prompts);
    *prompts = crossed;
    return status;
}

/* ---- ids ---- */

void sweep_input_free(sweep_input *input)
{
    free(input->ids);
    free(input->negative_ids);
    free(input->text.data);
    free(input->messages.data);
    *input = (sweep_input){.ids = NULL};
}

/* The conversation that a prompt stands for: its own, or what the options begin with and the prompt's text. */
static firn_status converse(tool_chat *chat, const sweep_prompt *prompt, const tool_chat_options *options,
                            firn_error *error)
{
    tool_conversation *const all = &chat->conversation;
    const base_slice text = {prompt->text.data, prompt->text.length};
    if (prompt->messages != NULL) {
        const firn_status status = tool_conversation_parse(all, base_slice_from(prompt->messages), error);
        return status == FIRN_OK && options->system != NULL
                   ? tool_chat_set_system(chat, base_slice_from(options->system), error)
                   : status;
    }
    if (text.data == NULL)
        return FIRN_OK;
    return text.length > 0 ? tool_conversation_insert(all, all->count, TOOL_USER, text, error)
                           : base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt is empty");
}

static firn_status make_input(tool_chat *chat, const sweep_prompt *prompt, const tool_chat_options *options,
                              sweep_input *out, firn_error *error)
{
    if (chat->program != NULL) {
        firn_status status = converse(chat, prompt, options, error);
        if (status == FIRN_OK)
            status = tool_conversation_json(&chat->conversation, false, &out->messages, error);
        return status == FIRN_OK ? tool_chat_prompt(chat, &out->text, &out->ids, &out->n_ids, error) : status;
    }
    if (prompt->text.data == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a conversation needs a chat template, and the checkpoint has none or --raw is given");
    out->text = (tool_text){strndup(prompt->text.data, prompt->text.length), prompt->text.length};
    if (out->text.data == NULL)
        return no_memory(error);
    return firn_tokenize(chat->model, out->text.data, out->text.length, FIRN_ADD_SPECIAL | FIRN_PARSE_SPECIAL,
                         &out->ids, &out->n_ids, error);
}

static firn_status make_negative(tool_chat *chat, tool_text text, sweep_input *out, firn_error *error)
{
    tool_guidance guidance = {.negative = text};
    firn_generation_options options = firn_generation_options_default();
    const firn_status status = tool_guidance_apply(&guidance, chat, chat->model, &options, error);
    out->negative_ids = guidance.ids;
    out->n_negative = guidance.n_ids;
    return status;
}

firn_status sweep_prompt_input(const sweep_prompt *prompt, firn_model *model, const tool_chat_options *options,
                               bool raw, sweep_input *out, firn_error *error)
{
    tool_chat chat = {.model = model};
    *out = (sweep_input){.ids = NULL};
    firn_status status = raw ? FIRN_OK : tool_chat_open(&chat, model, options, error);
    if (status == FIRN_OK)
        status = make_input(&chat, prompt, options, out, error);
    if (status == FIRN_OK && out->n_ids == 0)
        status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "the prompt is empty");
    if (status == FIRN_OK && prompt->negative.data != NULL)
        status = make_negative(&chat, prompt->negative, out, error);
    tool_chat_close(&chat);
    if (status != FIRN_OK)
        sweep_input_free(out);
    return status;
}
