/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prompts as conversations: the chat template that is in use, what it is given, and the text and token ids of a
 * conversation. The checkpoint's own template is used unless another is named.
 */
#ifndef FIRN_TOOLS_COMMON_CHAT_H
#define FIRN_TOOLS_COMMON_CHAT_H

#include "engine/firn.h"
#include "tools/common_conversation.h"

/* What a command line says; NULL where it doesn't. */
typedef struct tool_chat_options {
    const char *system, *system_file;     /* the system message, or a file with it */
    const char *template, *template_file; /* a name that is known or a template's text, or a file with it */
    const char *variables;                /* JSON object that the template can read */
    const char *messages;                 /* file of a conversation to begin with */
} tool_chat_options;

/* The rows of a program's options that name a template. */
/* clang-format off */
#define TOOL_TEMPLATE_OPTIONS(to) \
    {"--chat-template", "NAME|TEXT", TOOL_TEXT, &(to).template, 0, \
     "instead of the checkpoint's: " TOOL_TEMPLATE_NAMES ", or Jinja"}, \
    {"--chat-template-file", "FILE", TOOL_TEXT, &(to).template_file, 0, "the same from a file"}, \
    {"--chat-template-kwargs", "JSON", TOOL_TEXT, &(to).variables, 0, \
     "what the template can read, such as {\"enable_thinking\":false}"}
/* clang-format on */

bool tool_chat_asked(const tool_chat_options *options); /* whether any is given */

/* Templates that are known by name. */
#define TOOL_TEMPLATE_NAMES "chatml, gemma, llama2, llama3, phi3, zephyr"

/* Start from {0}, release with tool_chat_close. */
typedef struct tool_chat {
    firn_model *model;
    firn_template *program; /* NULL: there is none */
    char *bos, *eos;        /* texts of the model's tokens, or NULL */
    const char *variables;
    struct tm now;
    tool_conversation conversation;
} tool_chat;

/*
 * Takes the template and the beginning of the conversation. Where no template is named and the checkpoint has none,
 * this is an error only if some other option asks for a conversation. The model and the options have to outlive the
 * chat.
 */
firn_status tool_chat_open(tool_chat *chat, firn_model *model, const tool_chat_options *options, firn_error *error);
void tool_chat_close(tool_chat *chat);

/*
 * Replaces the system message; no bytes: removes it.
 */
firn_status tool_chat_set_system(tool_chat *chat, base_slice text, firn_error *error);

/* The text that the model is to continue with its answer, and its ids (free()). `text` may be NULL. */
firn_status tool_chat_prompt(const tool_chat *chat, tool_text *text, int32_t **ids, size_t *n_ids, firn_error *error);

/* The stored text of a token, terminated (free()); NULL where there is no such token or no memory. */
char *tool_token_text(const firn_model *model, int32_t id);

#endif
