/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_json.h"
#include "tools/common_system.h"
#include "tools/generate.h"

#include <stdlib.h>

enum {
    MOST_LOGPROBS = 1000,
    MOST_EXPLAINED = 50,
    EXPLAINED = 10, /* candidates, where a file is wanted and no number given */
};

int generate_given_prompts(const generate_settings *s)
{
    return (s->positional != NULL) + (s->prompt != NULL) + (s->file != NULL) + (s->ids != NULL);
}

/* What a preset or a record says goes where flags would put it. */
static firn_status read_files(const generate_settings *s, generate_settings *out, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (s->preset != NULL)
        status = tool_read_parameters(s->preset, &out->parameters, error);
    if (s->replay == NULL || status != FIRN_OK)
        return status;
    status = tool_replay_load(s->replay, s->row, &out->replayed, error);
    out->parameters = out->replayed.parameters;
    out->n_ctx = out->replayed.n_ctx;
    out->cache_types = out->replayed.cache_types;
    out->model = out->replayed.checkpoint.data;
    out->guidance.weaker = out->replayed.weaker.data;
    out->display_prompt = out->replayed.messages.data == NULL;
    return status;
}

/* Flags that contradict each other. */
static firn_status check_flags(const generate_settings *s, firn_error *error)
{
    if (s->n_logprobs != GENERATE_NO_LOGPROBS && !s->json)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--logprobs needs --json");
    if ((s->raw || s->ids != NULL) && (s->interactive || tool_chat_asked(&s->chat)))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--raw and --ids take no -i, system message, conversation or chat template");
    if (s->interactive && (s->replay != NULL || s->n_explained > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-i takes no --replay or --explain");
    if (s->row > 0 && s->replay == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--row names a record of --replay, which isn't given");
    if (s->replay != NULL && (s->preset != NULL || tool_chat_asked(&s->chat) || generate_given_prompts(s) > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--replay has the prompt and all parameters; it takes no prompt, conversation or --params");
    if (s->replay != NULL && (s->guidance.negative != NULL || s->guidance.negative_file != NULL))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--replay has the negative prompt");
    if (s->interactive && s->json)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-i writes no JSON; /save in it does");
    return tool_guidance_check(&s->guidance, &s->parameters, error);
}

firn_status generate_parse(generate_settings *settings, int argc, char **argv, firn_error *error)
{
    generate_settings *const s = settings;
    const generate_settings initial = {.n_logprobs = GENERATE_NO_LOGPROBS,
                                       .draft.n_max = TOOL_MOST_DRAFTS,
                                       .display_prompt = true,
                                       .escapes = true,
                                       .parameters = firn_generation_parameters_default()};
    *s = initial;
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXT, &s->model, 0, "checkpoint; default: SmolLM2-135M-Instruct in the cache"},
        {"-p,--prompt", "TEXT", TOOL_TEXT, &s->prompt, 0, "the prompt, like PROMPT"},
        {"-f,--file", "FILE", TOOL_TEXT, &s->file, 0, "prompt from a file, less its last newline; - : standard input"},
        {"--ids", "1,2,3", TOOL_TEXT, &s->ids, 0, "token ids as the prompt, taken as they are"},
        {"-e,--escape", NULL, TOOL_ON, &s->escapes, 0, "\\n, \\t, \\xHH, … in PROMPT and -p are escapes (the default)"},
        {"--no-escape", NULL, TOOL_OFF, &s->escapes, 0, "take PROMPT and -p as they are"},
        {"-t,--threads", "N", TOOL_COUNT, &s->n_threads, 1024, "threads; 0: as many as this process may use"},
        {"-c,--ctx-size", "N", TOOL_COUNT, &s->n_ctx, INT32_MAX,
         "tokens of context; 0: what the model was trained for"},
        TOOL_CACHE_OPTIONS(&s->cache_types),
        TOOL_DRAFT_OPTIONS(&s->draft, "15"),
        {"-b,--batch-size", "N", TOOL_COUNT, &s->n_batch, 1 << 20,
         "prompt tokens in one step; changes no result; 0: 512"},
        {"--cpu", "LEVEL", TOOL_TEXT, &s->cpu_level, 0, "instruction-set level: scalar, avx2, … ($FIRN_CPU_LEVEL)"},
        {"--check-tensors", NULL, TOOL_ON, &s->check_tensors, 0, "look for parameters that are not finite"},
        {"--pack-cache", NULL, TOOL_ON, &s->pack_cache, 0, "keep packed parameters, so that the next start is faster"},
        {"--json", NULL, TOOL_ON, &s->json, 0, "one JSON object at the end instead of text"},
        {"--logprobs", "N", TOOL_COUNT, &s->n_logprobs, MOST_LOGPROBS,
         "with --json: log-probabilities, and N alternatives; a text prompt is taken as with --raw"},
        {"-i,--interactive,-cnv,--conversation", NULL, TOOL_ON, &s->interactive, 0,
         "talk in the terminal; /help there; what was typed is kept in ~/.local/state/firn/history"},
        {"--raw,-no-cnv,--no-conversation", NULL, TOOL_ON, &s->raw, 0,
         "continue the prompt as it is; default: answer it, where it is text and there is a chat template"},
        {"-sys,--system-prompt", "TEXT", TOOL_TEXT, &s->chat.system, 0, "the system message, taken as it is"},
        {"-sysf,--system-prompt-file", "FILE", TOOL_TEXT, &s->chat.system_file, 0, "the system message from a file"},
        {"--messages", "FILE", TOOL_TEXT, &s->chat.messages, 0,
         "a conversation, JSON in OpenAI's form, maybe with tools; the prompt, if any, is its last message"},
        TOOL_TEMPLATE_OPTIONS(s->chat),
        {"--show-prompt", NULL, TOOL_ON, &s->show_prompt, 0, "write the rendered prompt before an answer"},
        {"--no-display-prompt", NULL, TOOL_OFF, &s->display_prompt, 0, "write only what is generated"},
        TOOL_CONSTRAINT_OPTIONS(s->constraint),
        {"--negative-prompt,--cfg-negative-prompt", "TEXT", TOOL_TEXT, &s->guidance.negative, 0,
         "what --guidance goes away from, in the prompt's place; without it: the prompt's last token"},
        {"--negative-prompt-file,--cfg-negative-prompt-file", "FILE", TOOL_TEXT, &s->guidance.negative_file, 0,
         "the same from a file"},
        {"--weaker-model,--amateur-model", "FILE", TOOL_TEXT, &s->guidance.weaker, 0,
         "checkpoint of the same vocabulary that --contrast goes away from"},
        {"--explain", "N", TOOL_COUNT, &s->n_explained, MOST_EXPLAINED,
         "for each token, tell on standard error what became of the N likeliest candidates"},
        {"--explain-json", "FILE", TOOL_TEXT, &s->explain_json, 0,
         "the same as JSON, to a file instead; without --explain, of 10 candidates"},
        {"--explain-html", "FILE", TOOL_TEXT, &s->explain_html, 0, "the same as a page to look through in a browser"},
        {"--params", "FILE", TOOL_TEXT, &s->preset, 0,
         "generation parameters from a JSON object, as --print-params writes it; flags go before it"},
        {"--record", "FILE", TOOL_TEXT, &s->record, 0,
         "write all that made the text, and the text, as JSON (docs/FORMATS.md); with -i, of each answer, one a line"},
        {"--replay", "FILE", TOOL_TEXT, &s->replay, 0,
         "make a record's text again, or say what differs (exit status 1); flags go before it"},
        {"--row", "N", TOOL_COUNT, &s->row, INT32_MAX, "which record of the file, from 1; needed where it has several"},
        {"--print-params", NULL, TOOL_ON, &s->print_params, 0, "write all generation parameters as JSON, and end"},
        TOOL_HELP_OPTION(&s->help),
        {"--version", NULL, TOOL_ON, &s->version, 0, "the version"},
    };
    const tool_command command = {"generate",     "Answers a prompt, or continues it.",
                                  options,        sizeof options / sizeof options[0],
                                  &s->parameters, "PROMPT",
                                  &s->positional};
    firn_status status = tool_parse(&command, argc, argv, error);
    if (status == FIRN_OK && (s->preset != NULL || s->replay != NULL)) {
        generate_settings from = initial;
        status = read_files(s, &from, error);
        *s = from; /* flags act on what the files say, wherever they stand */
        if (status == FIRN_OK)
            status = tool_parse(&command, argc, argv, error);
    }
    if ((s->explain_json != NULL || s->explain_html != NULL) && s->n_explained == 0)
        s->n_explained = EXPLAINED;
    if (s->replay != NULL && s->parameters.contrast == 0 && s->guidance.weaker == s->replayed.weaker.data)
        s->guidance.weaker = NULL; /* a flag took from the record what it was for */
    if (status == FIRN_OK)
        status = firn_generation_parameters_check(&s->parameters, error);
    if (status != FIRN_OK)
        return status;
    if (s->help)
        tool_help(&command, s->help, stdout);
    if (s->print_params) {
        tool_json_parameters(stdout, &s->parameters);
        putchar('\n');
    }
    if (s->help || s->print_params || s->version)
        return FIRN_OK;
    status = check_flags(s, error);
    if (status == FIRN_OK && s->parameters.seed == FIRN_SEED_DRAW)
        return tool_draw_seed(&s->parameters.seed, error);
    return status;
}
