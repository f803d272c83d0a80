/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template: renders a chat template for those who write one, to the byte. Prints the text on standard output; a fault
 * or refusal goes to standard error with its line and column, and the exit status is 1.
 */
#include "engine/firn.h"
#include "tools/common_arguments.h"
#include "tools/common_chat.h"
#include "tools/common_context.h"
#include "tools/common_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "2026-01-31T09:05" or with ":seconds"; without a text, the local time. */
static firn_status read_clock(const char *text, struct tm *clock, firn_error *error)
{
    *clock = (struct tm){.tm_mday = 1};
    if (text == NULL) {
        time_t now = time(NULL);
        if (localtime_r(&now, clock) == NULL)
            return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "the local time is not known: use --now");
        return FIRN_OK;
    }
    char rest = '\0';
    int n = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &clock->tm_year, &clock->tm_mon, &clock->tm_mday, &clock->tm_hour,
                   &clock->tm_min, &clock->tm_sec, &rest);
    clock->tm_year -= 1900;
    clock->tm_mon -= 1;
    if (n != 5 && n != 6)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--now wants a time such as 2026-01-31T09:05, not '%s'", text);
    return FIRN_OK;
}

static firn_status print(const firn_rendered *rendered, firn_error *error)
{
    if (fwrite(rendered->text, 1, rendered->length, stdout) != rendered->length || fflush(stdout) != 0)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "standard output: %s", strerror(errno));
    return FIRN_OK;
}

typedef struct paths {
    const char *source, *model, *messages, *tools;
} paths;

/* A model's template, and its tokens where the command line names none. */
typedef struct from_model {
    firn_context *context;
    firn_model *model;
    char *bos, *eos;
} from_model;

static firn_status take_from_model(const char *path, from_model *taken, firn_template_input *input,
                                   firn_template **program, firn_error *error)
{
    firn_model_options options = firn_model_options_default();
    options.vocabulary_only = true;
    firn_status status = tool_context_create(1, NULL, &taken->context, error);
    if (status == FIRN_OK)
        status = firn_model_open(taken->context, path, &options, &taken->model, error);
    if (status != FIRN_OK)
        return status;
    size_t length;
    const char *const source = firn_model_chat_template(taken->model, &length);
    if (source == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%.300s has no chat template", path);
    taken->bos = tool_token_text(taken->model, firn_token_special(taken->model, FIRN_TOKEN_BOS));
    taken->eos = tool_token_text(taken->model, firn_token_special(taken->model, FIRN_TOKEN_EOS));
    input->bos = input->bos != NULL ? input->bos : taken->bos;
    input->eos = input->eos != NULL ? input->eos : taken->eos;
    return firn_template_compile(source, length, program, error);
}

static void release(from_model *taken)
{
    free(taken->bos);
    free(taken->eos);
    firn_model_release(taken->model);
    firn_context_release(taken->context);
}

static firn_status render(const paths *files, firn_template_input input, firn_error *error)
{
    tool_text source = {NULL, 0}, messages = {NULL, 0}, tools = {NULL, 0};
    firn_template *program = NULL;
    firn_rendered rendered = {.text = NULL};
    from_model taken = {NULL, NULL, NULL, NULL};
    firn_status status = tool_read(files->messages, &messages, error);
    if (status == FIRN_OK && files->tools != NULL)
        status = tool_read(files->tools, &tools, error);
    if (status != FIRN_OK)
        goto done;
    input.messages = messages.data;
    input.tools = tools.data;
    if (files->model != NULL)
        status = take_from_model(files->model, &taken, &input, &program, error);
    else if ((status = tool_read(files->source, &source, error)) == FIRN_OK)
        status = firn_template_compile(source.data, source.length, &program, error);
    if (status == FIRN_OK)
        status = firn_template_render(program, &input, &rendered, error);
    if (status == FIRN_OK)
        status = print(&rendered, error);
done:
    firn_rendered_free(&rendered);
    firn_template_release(program);
    release(&taken);
    free(source.data);
    free(messages.data);
    free(tools.data);
    return status;
}

typedef struct settings {
    paths files;
    const char *now;
    tool_help_form help;
    bool no_prompt;
    firn_template_input input;
} settings;

static firn_status run(void *argument, firn_error *error)
{
    settings *const s = argument;
    struct tm clock;
    if ((s->files.source == NULL) == (s->files.model == NULL) || s->files.messages == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a template, either FILE.jinja or -m, and --messages are needed; see template --help");
    const firn_status status = read_clock(s->now, &clock, error);
    if (status != FIRN_OK)
        return status;
    s->input.add_generation_prompt = !s->no_prompt;
    s->input.now = &clock;
    return render(&s->files, s->input, error);
}

int main(int argc, char **argv)
{
    settings s = {.input = firn_template_input_default()};
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXT, &s.files.model, 0, "the template of a checkpoint, with its bos and eos"},
        {"--messages", "FILE", TOOL_TEXT, &s.files.messages, 0, "the conversation, JSON in OpenAI's form"},
        {"--tools", "FILE", TOOL_TEXT, &s.files.tools, 0, "the tools that the model may call, JSON"},
        {"--no-generation-prompt", NULL, TOOL_ON, &s.no_prompt, 0, "leave out what makes the model answer"},
        {"--bos", "TEXT", TOOL_TEXT, &s.input.bos, 0, "text of the token that begins a text"},
        {"--eos", "TEXT", TOOL_TEXT, &s.input.eos, 0, "text of the token that ends a text"},
        {"--now", "TIME", TOOL_TEXT, &s.now, 0, "what time the template sees, such as 2026-01-31T09:05"},
        {"--kwargs", "JSON", TOOL_TEXT, &s.input.variables, 0, "an object whose members the template can read"},
        TOOL_HELP_OPTION(&s.help),
    };
    const tool_command command = {.name = "template",
                                  .purpose = "Renders a chat template, to the byte.",
                                  .options = options,
                                  .n_options = sizeof options / sizeof options[0],
                                  .positional = "FILE.jinja",
                                  .positional_target = &s.files.source};
    return tool_main(&command, &s.help, argc, argv, run, &s);
}
