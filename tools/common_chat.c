/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_chat.h"

#include <stdlib.h>
#include <string.h>

/* The forms that many checkpoints without a template of their own were trained on. */
static const struct {
    const char *name, *source;
} known_templates[] = {
    {"chatml", "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
               "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"},
    {"gemma", "{{ bos_token }}{% set first = '' %}{% if messages[0].role == 'system' %}"
              "{% set first = messages[0].content + '\\n\\n' %}{% set messages = messages[1:] %}{% endif %}"
              "{% for message in messages %}<start_of_turn>"
              "{{ 'model' if message.role == 'assistant' else message.role }}\n{{ first if loop.first }}"
              "{{ message.content | trim }}<end_of_turn>\n{% endfor %}"
              "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"},
    {"llama2", "{% set first = '' %}{% if messages[0].role == 'system' %}"
               "{% set first = '<<SYS>>\\n' + messages[0].content + '\\n<</SYS>>\\n\\n' %}"
               "{% set messages = messages[1:] %}{% endif %}{% for message in messages %}"
               "{% if message.role == 'user' %}{{ bos_token }}[INST] {{ first if loop.first }}{{ message.content }} "
               "[/INST]{% else %} {{ message.content }} {{ eos_token }}{% endif %}{% endfor %}"},
    {"llama3", "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
               "{{ message.content | trim }}<|eot_id|>{% endfor %}"
               "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"},
    {"phi3", "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}<|end|>\n{% endfor %}"
             "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"},
    {"zephyr", "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}{{ eos_token }}\n"
               "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"},
};

bool tool_chat_asked(const tool_chat_options *options)
{
    return options->system != NULL || options->system_file != NULL || options->messages != NULL ||
           options->template != NULL || options->template_file != NULL || options->variables != NULL;
}

static firn_status compile(tool_chat *chat, base_slice source, firn_error *error)
{
    firn_error fault = {0};
    const firn_status status = firn_template_compile(source.data, source.length, &chat->program, &fault);
    return status == FIRN_OK
               ? FIRN_OK
               : base_fail(error, status, fault.offset, "the chat template, %s; --raw does without it", fault.message);
}

static firn_status compile_named(tool_chat *chat, const char *name, firn_error *error)
{
    if (strstr(name, "{%") != NULL || strstr(name, "{{") != NULL)
        return compile(chat, base_slice_from(name), error);
    for (size_t i = 0; i < sizeof known_templates / sizeof known_templates[0]; i++)
        if (strcmp(name, known_templates[i].name) == 0)
            return compile(chat, base_slice_from(known_templates[i].source), error);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "--chat-template: '%.60s' is neither a template's text nor one of " TOOL_TEMPLATE_NAMES, name);
}

static firn_status take_template(tool_chat *chat, const tool_chat_options *options, firn_error *error)
{
    if (options->template != NULL)
        return compile_named(chat, options->template, error);
    if (options->template_file != NULL) {
        tool_text source = {NULL, 0};
        firn_status status = tool_read(options->template_file, &source, error);
        if (status == FIRN_OK)
            status = compile(chat, (base_slice){source.data, source.length}, error);
        free(source.data);
        return status;
    }
    base_slice source;
    source.data = firn_model_chat_template(chat->model, &source.length);
    if (source.data != NULL)
        return compile(chat, source, error);
    if (tool_chat_asked(options))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "the checkpoint has no chat template, which a conversation needs; name one with "
                         "--chat-template");
    return FIRN_OK;
}

char *tool_token_text(const firn_model *model, int32_t id)
{
    const size_t length = id >= 0 ? firn_token_bytes(model, id, true, NULL, 0) : 0;
    char *const text = id >= 0 ? malloc(length + 1) : NULL;
    if (text != NULL)
        text[firn_token_bytes(model, id, true, text, length)] = '\0';
    return text;
}

firn_status tool_chat_set_system(tool_chat *chat, base_slice text, firn_error *error)
{
    tool_conversation *const all = &chat->conversation;
    const bool replaces = all->count > 0 && all->messages[0].role == TOOL_SYSTEM;
    const firn_status status = text.length > 0 ? tool_conversation_insert(all, 0, TOOL_SYSTEM, text, error) : FIRN_OK;
    if (status == FIRN_OK && replaces)
        tool_conversation_remove(all, text.length > 0);
    return status;
}

static firn_status begin_conversation(tool_chat *chat, const tool_chat_options *options, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (options->messages != NULL)
        status = tool_conversation_read(&chat->conversation, options->messages, error);
    if (status == FIRN_OK && options->system != NULL)
        status = tool_chat_set_system(chat, base_slice_from(options->system), error);
    if (status == FIRN_OK && options->system_file != NULL) {
        tool_text text = {NULL, 0};
        status = tool_read(options->system_file, &text, error);
        if (status == FIRN_OK)
            status = tool_chat_set_system(chat, tool_without_newline(&text), error);
        free(text.data);
    }
    return status;
}

firn_status tool_chat_open(tool_chat *chat, firn_model *model, const tool_chat_options *options, firn_error *error)
{
    *chat = (tool_chat){.model = model, .variables = options->variables};
    if ((options->system != NULL && options->system_file != NULL) ||
        (options->template != NULL && options->template_file != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "give one of -sys and -sysf, and one of --chat-template and --chat-template-file");
    const time_t now = time(NULL);
    if (localtime_r(&now, &chat->now) == NULL)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "the local time, for chat templates, is not known");
    chat->bos = tool_token_text(model, firn_token_special(model, FIRN_TOKEN_BOS));
    chat->eos = tool_token_text(model, firn_token_special(model, FIRN_TOKEN_EOS));
    const firn_status status = take_template(chat, options, error);
    return status == FIRN_OK ? begin_conversation(chat, options, error) : status;
}

void tool_chat_close(tool_chat *chat)
{
    firn_template_release(chat->program);
    free(chat->bos);
    free(chat->eos);
    tool_conversation_free(&chat->conversation);
    *chat = (tool_chat){.model = NULL};
}

/* With the arguments of tool calls as objects, or as they are written where the template doesn't take that. */
static firn_status render(const tool_chat *chat, const char *messages, firn_rendered *out, firn_error *error)
{
    firn_error fault = {0};
    char *parsed = NULL;
    firn_template_input input = firn_template_input_default();
    input.tools = chat->conversation.tools;
    input.variables = chat->variables;
    input.bos = chat->bos;
    input.eos = chat->eos;
    input.now = &chat->now;
    firn_status status = firn_messages_parse_arguments(messages, &parsed, error);
    if (status != FIRN_OK)
        return status;
    input.messages = parsed;
    status = firn_template_render(chat->program, &input, out, NULL);
    if (status != FIRN_OK) {
        input.messages = messages;
        status = firn_template_render(chat->program, &input, out, &fault);
    }
    free(parsed);
    return status == FIRN_OK ? FIRN_OK : base_fail(error, status, fault.offset, "the chat template, %s", fault.message);
}

firn_status tool_chat_prompt(const tool_chat *chat, tool_text *text, int32_t **ids, size_t *n_ids, firn_error *error)
{
    tool_text messages = {NULL, 0};
    firn_rendered rendered = {.text = NULL};
    firn_status status = tool_conversation_json(&chat->conversation, false, &messages, error);
    if (status == FIRN_OK)
        status = render(chat, messages.data, &rendered, error);
    free(messages.data);
    if (status == FIRN_OK)
        status = firn_tokenize_rendered(chat->model, &rendered, ids, n_ids, error);
    if (status == FIRN_OK && text != NULL) {
        *text = (tool_text){rendered.text, rendered.length};
        rendered.text = NULL;
    }
    firn_rendered_free(&rendered);
    return status;
}
