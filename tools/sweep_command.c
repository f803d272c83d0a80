/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* asprintf */
#include "tools/sweep_command.h"

#include "base/checked.h"
#include "tools/common_file.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LENGTH = 128, DEFAULT_PARALLEL = 64, MOST_TEXTS = 1 << 24 };

/* ---- flags ---- */

static firn_status parse_once(sweep_command *command, int argc, char **argv, firn_error *error)
{
    sweep_settings *const s = &command->settings;
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXTS, &s->models, 0,
         "checkpoint; given again, one more; default: SmolLM2-135M-Instruct in the cache"},
        {"-p,--prompt", "TEXT", TOOL_TEXTS, &s->prompts, 0, "a prompt, like PROMPT; given again, one more"},
        {"-f,--file", "FILE", TOOL_TEXT, &s->file, 0,
         "prompts, one a line: text, or JSON with \"prompt\" or \"messages\", \"name\" and \"expect\"; - : standard "
         "input"},
        {"-e,--escape", NULL, TOOL_ON, &s->escapes, 0, "\\n, \\t, \\xHH, … in PROMPT and -p are escapes (the default)"},
        {"--no-escape", NULL, TOOL_OFF, &s->escapes, 0, "take PROMPT and -p as they are"},
        {"--raw,-no-cnv,--no-conversation", NULL, TOOL_ON, &s->raw, 0,
         "continue prompts as they are; default: answer them, where there is a chat template"},
        {"-sys,--system-prompt", "TEXT", TOOL_TEXT, &s->chat.system, 0, "the system message, taken as it is"},
        {"-sysf,--system-prompt-file", "FILE", TOOL_TEXT, &s->system_file, 0, "the system message from a file"},
        {"--messages", "FILE", TOOL_TEXT, &s->chat.messages, 0,
         "a conversation, JSON in OpenAI's form; prompts, if any, are its last message"},
        TOOL_TEMPLATE_OPTIONS(s->chat),
        TOOL_CONSTRAINT_OPTIONS(s->constraint),
        {"--negative-prompt,--cfg-negative-prompt", "TEXT", TOOL_TEXTS, &s->negatives, 0,
         "what --guidance goes away from, in the prompt's place; given again, one more, and each prompt goes with "
         "each"},
        {"--negative-prompt-file,--cfg-negative-prompt-file", "FILE", TOOL_TEXT, &s->negative_file, 0,
         "one more from a file, taken as it is"},
        {"--weaker-model,--amateur-model", "FILE", TOOL_TEXTS, &s->weakers, 0,
         "the checkpoint that --contrast goes away from, of the model's vocabulary; given again, one more for each "
         "model"},
        {"--zip", NULL, TOOL_ON, &s->plan_options.zip, 0,
         "the axes' values go along together, instead of each with each; every seed goes with all"},
        {"--random", "N", TOOL_COUNT, &s->plan_options.n_random, 1 << 20,
         "draw N cells instead of running all; a range without a step is drawn from"},
        {"--random-seed", "N", TOOL_COUNT, &s->plan_options.random_seed, INT32_MAX, "which cells are drawn; default 0"},
        {"--cells", "FILE", TOOL_TEXT, &s->cells, 0,
         "cells from a file: a JSON array of objects, one object a line, or CSV; axes go with each of them"},
        {"--params", "FILE", TOOL_TEXT, &s->preset, 0,
         "generation parameters for all, as generate --print-params writes them; flags go before it"},
        {"--jsonl", "FILE", TOOL_TEXT, &s->store.jsonl, 0,
         "a record for each text as it ends; generate --replay makes it again"},
        {"--csv", "FILE", TOOL_TEXT, &s->store.csv, 0, "the same as a table"},
        {"--db", "FILE", TOOL_TEXT, &s->store.database, 0, "the same as an SQLite database"},
        {"--summary", "FILE", TOOL_TEXT, &s->summary, 0, "the cells as CSV, at the end"},
        {"--html", "FILE", TOOL_TEXT, &s->html, 0,
         "a report in one file: maps, lines, texts side by side, every record"},
        {"--resume", NULL, TOOL_ON, &s->store.resume, 0,
         "make only the texts that --jsonl (or --db) doesn't have from an earlier run"},
        {"--limit-time", "SECONDS", TOOL_COUNT, &s->limit_seconds, INT32_MAX,
         "end after so long; texts in flight are lost"},
        {"--limit-tokens", "N", TOOL_COUNT, &s->limit_tokens, INT32_MAX, "end after so many tokens; likewise"},
        {"--expect", "REGEX", TOOL_TEXT, &s->judges.expect, 0, "a text passes where this (PCRE2) matches somewhere"},
        {"--expect-json-schema", "FILE|JSON", TOOL_TEXT, &s->judges.schema, 0,
         "a text passes where it is JSON that fits the schema"},
        {"--expect-choices", "A|B|C", TOOL_TEXT, &s->judges.choices, 0,
         "a text passes where it is one of these, white space around it aside"},
        {"--judge", "COMMAND", TOOL_TEXT, &s->judges.command, 0,
         "a text passes where this exits with 0, fails with 1; it reads the record, and may write a score"},
        {"--judge-model", "FILE", TOOL_TEXT, &s->judges.model, 0, "measure each text's log-probability under this too"},
        {"--parallel", "N", TOOL_COUNT, &s->n_parallel, 1 << 16, "texts at once; changes no text; default 64"},
        {"-t,--threads", "N", TOOL_COUNT, &s->n_threads, 1024, "threads; 0: as many as this process may use"},
        {"-c,--ctx-size", "N", TOOL_COUNT, &s->n_ctx, INT32_MAX,
         "tokens of context; 0: what the model was trained for"},
        TOOL_CACHE_OPTIONS(&s->cache_types),
        {"-b,--batch-size", "N", TOOL_COUNT, &s->n_batch, 1 << 20, "tokens in one step; changes no text; 0: 512"},
        {"--cpu", "LEVEL", TOOL_TEXT, &s->cpu_level, 0, "stay at or below this level: scalar, avx2, …"},
        TOOL_DRAFT_OPTIONS(&s->draft, "15"),
        {"--check-parameters", NULL, TOOL_ON, &s->check_parameters, 0,
         "hash the model's parameters before and after, and fail if a bit of them changed"},
        {"-q,--quiet", NULL, TOOL_ON, &s->quiet, 0, "no progress and no table"},
        TOOL_HELP_OPTION(&s->help),
        {"--version", NULL, TOOL_ON, &s->version, 0, "the version"},
    };
    const tool_command described = {
        .name = "sweep",
        .purpose =
            "Generates the same prompts with many settings at once, and measures what comes.\n\n"
            "Every generation parameter takes a list or ranges: --temp 0,0.3..1.5:0.3 --top-k 1..64:*2 --seed 1..8\n"
            "Lists of texts: --stop '[[\"a\"],[\"b\",\"c\"],[]]'. Texts have at most 128 tokens unless -n says else.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
        .parameters = &command->plan.base,
        .positional = "PROMPT",
        .positional_target = &s->positional};
    const tool_setter setter = {sweep_plan_set, &command->plan};
    const firn_status status = tool_parse_into(&described, &setter, argc, argv, error);
    if (status == FIRN_OK && s->help)
        tool_help(&described, s->help, stdout);
    return status;
}

firn_status sweep_command_parse(sweep_command *command, int argc, char **argv, firn_error *error)
{
    sweep_settings *const s = &command->settings;
    const sweep_settings initial = {.escapes = true, .n_parallel = DEFAULT_PARALLEL, .draft.n_max = TOOL_MOST_DRAFTS};
    *s = initial;
    sweep_plan_begin(&command->plan);
    command->plan.base.n_predict = DEFAULT_LENGTH;
    firn_status status = parse_once(command, argc, argv, error);
    const char *const preset = s->preset, *const cells = s->cells;
    if (status != FIRN_OK || s->help || s->version || (preset == NULL && cells == NULL))
        return status;
    /* flags act on what the files say, wherever they stand */
    *s = initial;
    sweep_plan_free(&command->plan);
    sweep_plan_begin(&command->plan);
    command->plan.base.n_predict = DEFAULT_LENGTH;
    if (preset != NULL)
        status = tool_read_parameters(preset, &command->plan.base, error);
    if (status == FIRN_OK && cells != NULL)
        status = sweep_plan_read(&command->plan, cells, error);
    return status == FIRN_OK ? parse_once(command, argc, argv, error) : status;
}

/* ---- what they ask for ---- */

static firn_status take_prompts(sweep_command *command, firn_error *error)
{
    const sweep_settings *const s = &command->settings;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < s->prompts.count && status == FIRN_OK; i++)
        status = sweep_prompts_add(&command->prompts, s->prompts.at[i], s->escapes, error);
    if (status == FIRN_OK && s->positional != NULL)
        status = sweep_prompts_add(&command->prompts, s->positional, s->escapes, error);
    if (status == FIRN_OK && s->file != NULL)
        status = sweep_prompts_read(&command->prompts, strcmp(s->file, "-") == 0 ? NULL : s->file, error);
    if (status != FIRN_OK || command->prompts.count > 0)
        return status;
    if (s->chat.messages != NULL)
        return sweep_prompts_add(&command->prompts, NULL, false, error);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "no prompt; give one as an argument, or several with -p or -f FILE (--help tells more)");
}

/* Reads the negative prompts, with which the prompts go then. */
static firn_status cross_negatives(sweep_command *command, firn_error *error)
{
    const sweep_settings *const s = &command->settings;
    const size_t n_flags = s->negatives.count;
    tool_text negatives[TOOL_MOST_TEXTS + 1] = {{NULL, 0}};
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < n_flags && status == FIRN_OK; i++)
        status = tool_copy(s->negatives.at[i], s->escapes, &negatives[i], error);
    if (status == FIRN_OK && s->negative_file != NULL) {
        tool_text *const text = &negatives[n_flags];
        status = tool_read(s->negative_file, text, error);
        if (status == FIRN_OK) {
            text->length = tool_without_newline(text).length;
            text->data[text->length] = '\0';
        }
    }
    const size_t n = n_flags + (s->negative_file != NULL);
    if (status == FIRN_OK && n > 0)
        status = sweep_prompts_cross(&command->prompts, negatives, n, error);
    for (size_t i = 0; i < n; i++)
        free(negatives[i].data);
    return status;
}

/* Each model goes with each weaker one, which its name tells if there are several. */
static firn_status cross_models(sweep_command *command, firn_error *error)
{
    const sweep_settings *const s = &command->settings;
    const size_t n_weakers = s->weakers.count > 0 ? s->weakers.count : 1, n = s->models.count * n_weakers;
    if (n > TOOL_MOST_TEXTS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "%zu models with %zu weaker ones each are more than %d together", s->models.count, n_weakers,
                         TOOL_MOST_TEXTS);
    for (size_t i = 0; i < n; i++) {
        const char *const path = s->models.at[i / n_weakers], *const weaker = s->weakers.at[i % n_weakers];
        const char *const slash = weaker != NULL ? strrchr(weaker, '/') : NULL;
        const bool named = s->weakers.count > 1;
        command->paths.at[i] = path;
        command->weakers.at[i] = weaker;
        if (named && asprintf(&command->name_storage[i], "%s less %s", path, slash != NULL ? slash + 1 : weaker) < 0) {
            command->name_storage[i] = NULL;
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the name of a model");
        }
        command->names.at[i] = named ? command->name_storage[i] : path;
    }
    command->paths.count = command->weakers.count = command->names.count = n;
    return FIRN_OK;
}

/* What has an effect with no setting is a mistake, and so is a setting that lacks what it needs. */
static firn_status check_guidance(const sweep_command *command, firn_error *error)
{
    bool guided = false, contrasted = false, negative = false;
    for (size_t i = 0; i < command->plan.n_settings; i++) {
        firn_generation_parameters parameters;
        sweep_plan_parameters(&command->plan, i, &parameters);
        guided = guided || parameters.guidance != 1;
        contrasted = contrasted || parameters.contrast > 0;
    }
    for (size_t i = 0; i < command->prompts.count; i++)
        negative = negative || command->prompts.at[i].negative.data != NULL;
    if (negative && !guided)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a negative prompt has no effect unless guidance (--guidance) is other than 1");
    if (contrasted != (command->settings.weakers.count > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         contrasted ? "contrast needs a weaker model (--weaker-model)"
                                    : "a weaker model has no effect unless contrast (--contrast) is above 0");
    return FIRN_OK;
}

firn_status sweep_command_prepare(sweep_command *command, firn_error *error)
{
    sweep_settings *const s = &command->settings;
    uint64_t count;
    firn_status status = take_prompts(command, error);
    if (status == FIRN_OK)
        status = cross_negatives(command, error);
    if (status == FIRN_OK && s->system_file != NULL) {
        status = tool_read(s->system_file, &command->system, error);
        s->chat.system = command->system.data;
        if (status == FIRN_OK)
            command->system.data[tool_without_newline(&command->system).length] = '\0';
    }
    if (status == FIRN_OK && s->models.count == 0) {
        status = tool_default_checkpoint(command->default_model, error);
        s->models = (tool_texts){1, {command->default_model}};
    }
    if (status == FIRN_OK)
        status = cross_models(command, error);
    if (status == FIRN_OK)
        status = tool_constraint_open(&s->constraint, &command->constraint, error);
    if (status == FIRN_OK)
        status = sweep_plan_finish(&command->plan, &s->plan_options, error);
    if (status == FIRN_OK)
        status = check_guidance(command, error);
    if (status != FIRN_OK)
        return status;
    if (s->n_parallel == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--parallel: give 1 or more");
    if (!base_multiply_u64(command->plan.n_settings, command->prompts.count * command->names.count, &count) ||
        count > MOST_TEXTS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "more than %d texts are too many for one sweep",
                         MOST_TEXTS);
    command->tasks = (sweep_tasks){&command->plan, &command->prompts, &command->names, (size_t)count};
    return FIRN_OK;
}

void sweep_command_free(sweep_command *command)
{
    sweep_prompts_free(&command->prompts);
    sweep_plan_free(&command->plan);
    tool_constraint_close(&command->constraint);
    free(command->system.data);
    for (size_t i = 0; i < TOOL_MOST_TEXTS; i++)
        free(command->name_storage[i]);
}
