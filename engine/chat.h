/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations to prompts: a public part of firn.h. A chat template is what a checkpoint brings to turn messages into
 * the text it was trained on. Templates are compiled once and may be rendered by several threads at once.
 */
#ifndef FIRN_CHAT_H
#define FIRN_CHAT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_template firn_template;

/* Compiles a template's source. On failure the message begins with the line and column of the fault. */
firn_status firn_template_compile(const char *source, size_t length, firn_template **out, firn_error *error);
void firn_template_release(firn_template *program); /* NULL is allowed */

/*
 * What a template is given. Texts are terminated; those that are NULL are not defined in the template. Everything in
 * `messages`, `tools` and `variables` is treated as data, in which special tokens are never recognised.
 */
typedef struct firn_template_input {
    size_t size;
    const char *messages;  /* JSON array in OpenAI's form: [{"role": "user", "content": "…"}, …] */
    const char *tools;     /* JSON array of tools */
    const char *variables; /* JSON object; each member is a variable, such as {"enable_thinking": false} */
    const char *bos, *eos; /* text of the tokens */
    bool add_generation_prompt;
    const struct tm *now; /* local time for strftime_now (date and time of day count); NULL: not allowed */
} firn_template_input;

firn_template_input firn_template_input_default(void); /* adds the generation prompt; nothing else is set */

/* Bytes [end of the previous one, end) of the text come from the template, or from data. */
typedef struct firn_text_segment {
    size_t end;
    bool from_template;
} firn_text_segment;

typedef struct firn_rendered {
    char *text; /* terminated */
    size_t length;
    firn_text_segment *segments; /* [n_segments] */
    size_t n_segments;
} firn_rendered;

/*
 * Renders a conversation. On success *out is the caller's (firn_rendered_free). When the template itself refuses the
 * conversation the status is FIRN_ERROR_ARGUMENT, and the message ends with the template's words.
 */
firn_status firn_template_render(const firn_template *program, const firn_template_input *input, firn_rendered *out,
                                 firn_error *error);
void firn_rendered_free(firn_rendered *rendered);

/*
 * OpenAI's form has the arguments of tool calls as a string of JSON, but most templates write them out as the object
 * that the string stands for. Gives *out (free()): the messages with such objects in place of strings that hold one,
 * and every other byte as it was. A template that wants strings refuses that, and can then be given the original.
 */
firn_status firn_messages_parse_arguments(const char *messages, char **out, firn_error *error);

#ifdef __cplusplus
}
#endif

#endif
