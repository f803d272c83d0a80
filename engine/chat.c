/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat.h"

#include "tokenizer/template.h"

#include <stdlib.h>

/* The public names are the tokenizer's own types under another name, so nothing is wrapped or copied. */
_Static_assert(sizeof(firn_text_segment) == sizeof(tok_template_segment), "segments are passed on as they are");

firn_status firn_template_compile(const char *source, size_t length, firn_template **out, firn_error *error)
{
    return tok_template_compile((base_slice){source, length}, (tok_template **)out, error);
}

void firn_template_release(firn_template *program)
{
    tok_template_destroy((tok_template *)program);
}

firn_template_input firn_template_input_default(void)
{
    return (firn_template_input){.size = sizeof(firn_template_input), .add_generation_prompt = true};
}

static base_slice text_of(const char *text)
{
    return text != NULL ? base_slice_from(text) : (base_slice){NULL, 0};
}

firn_status firn_template_render(const firn_template *program, const firn_template_input *input, firn_rendered *out,
                                 firn_error *error)
{
    const struct {
        const char *name, *json, *text;
    } given[] = {{"messages", input->messages, NULL},
                 {"tools", input->tools, NULL},
                 {"bos_token", NULL, input->bos},
                 {"eos_token", NULL, input->eos},
                 {"add_generation_prompt", input->add_generation_prompt ? "true" : "false", NULL}};
    tok_template_variable variables[sizeof given / sizeof given[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (given[i].json != NULL || given[i].text != NULL)
            variables[count++] = (tok_template_variable){
                .name = base_slice_from(given[i].name), .json = text_of(given[i].json), .text = text_of(given[i].text)};
    tok_template_input inputs = {
        .variables = variables, .n_variables = count, .members = text_of(input->variables), .now = input->now};
    tok_template_output output;
    firn_status status = tok_template_render((const tok_template *)program, &inputs, &output, error);
    *out = (firn_rendered){.text = output.text,
                           .length = output.length,
                           .segments = (firn_text_segment *)output.segments,
                           .n_segments = output.n_segments};
    return status;
}

void firn_rendered_free(firn_rendered *rendered)
{
    free(rendered->text);
    free(rendered->segments);
    *rendered = (firn_rendered){.text = NULL};
}
