/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* asprintf */
/*
 * sweep: the same prompts with many settings, all texts decoded together over one frozen model, measured and compared.
 * Texts go to files as they end; standard output gets a table of the cells at the end; figures, progress and errors go
 * to standard error.
 *
 * Exit status: 0 when it ran to its end or to a limit that was asked for; 1 for an error, told in one line; 130 when it
 * was interrupted, with whatever had ended in valid files.
 */
#include "base/checked.h"
#include "base/clock.h"
#include "engine/firn.h"
#include "tools/common_arguments.h"
#include "tools/common_file.h"
#include "tools/common_system.h"
#include "tools/sweep_mpi.h"
#include "tools/sweep_plan.h"
#include "tools/sweep_progress.h"
#include "tools/sweep_report.h"
#include "tools/sweep_work.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_INTERRUPTED = 130, DEFAULT_LENGTH = 128, DEFAULT_PARALLEL = 64, MOST_TEXTS = 1 << 24 };

typedef struct settings {
    tool_texts models, weakers, prompts, negatives;
    const char *positional, *file, *system_file, *cells, *preset, *summary, *html, *cpu_level, *negative_file;
    uint32_t n_threads, n_ctx, n_batch, n_parallel, limit_seconds, limit_tokens;
    firn_cache_types cache_types;
    bool raw, escapes, check_parameters, quiet, version;
    tool_help_form help;
    tool_chat_options chat;
    tool_constraint_options constraint;
    sweep_plan_options plan_options;
    sweep_judge_options judges;
    sweep_store_options store;
    tool_draft_options draft;
} settings;

typedef struct run {
    settings *settings;
    sweep_plan plan;
    sweep_prompts prompts;
    tool_text system;
    tool_constraint constraint;
    char default_model[TOOL_PATH];
    tool_texts paths, weakers, names; /* of each model, with each weaker one */
    char *name_storage[TOOL_MOST_TEXTS];
    sweep_tasks tasks;
    sweep_store store;
    sweep_progress progress;
    sweep_judges *judges;
    firn_context *context;
    tool_draft draft;
    firn_drafter_figures drafted; /* by this process */
    sweep_ranks ranks;
    size_t n_ranks_done;   /* other ranks that have made their part of the model's texts */
    firn_status collected; /* of taking what they sent, */
    firn_error collect_fault;
    size_t n_failed;     /* texts that can't be made */
    firn_error fault;    /* of the first */
    const char *limited; /* the limit that ended the run, or NULL */
    double start;
} run;

/* ---- signals ---- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* A second interrupt ends the program at once. */
static void handle_signals(void)
{
    struct sigaction action = {.sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN; /* a write to a closed pipe fails instead */
    sigaction(SIGPIPE, &action, NULL);
}

/* ---- what the work calls ---- */

static bool has(void *argument, size_t task, const char *key, firn_status *status, firn_error *error)
{
    run *const r = argument;
    if (r->ranks.rank != 0) /* the store is rank 0's, which shares what it has */
        return false;
    const bool there = sweep_store_has(&r->store, task, key, status, error);
    r->progress.n_taken = r->store.n_taken;
    return there;
}

static firn_status share(void *argument, unsigned char *there, size_t count, firn_error *error)
{
    const run *const r = argument;
    return sweep_ranks_share(&r->ranks, there, count, error);
}

static firn_status store(run *r, size_t task, tool_text line, firn_error *error)
{
    const firn_status status = sweep_store_add(&r->store, task, line, error);
    if (status != FIRN_OK)
        return status;
    r->progress.n_done++;
    r->progress.n_tokens_done += r->store.texts[task]->n_ids;
    return FIRN_OK;
}

static firn_status take(void *argument, size_t task, tool_text line, firn_error *error)
{
    run *const r = argument;
    if (r->ranks.rank == 0)
        return store(r, task, line, error);
    const firn_status status = sweep_ranks_send(&r->ranks, task, (base_slice){line.data, line.length}, error);
    free(line.data);
    return status;
}

/* Takes all that has come from other ranks. */
static firn_status collect(run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    for (bool came = r->ranks.rank == 0; came && status == FIRN_OK;) {
        size_t number;
        tool_text line;
        status = sweep_ranks_receive(&r->ranks, &came, &number, &line, error);
        if (status != FIRN_OK || !came)
            return status;
        if (line.data == NULL) {
            r->n_ranks_done++;
            r->n_failed += number;
        } else if (number >= r->tasks.count) {
            free(line.data);
            status =
                base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                          "another rank sent text %zu of %zu: all have to be started alike", number, r->tasks.count);
        } else {
            status = store(r, number, line, error);
            if (status == FIRN_OK)
                r->progress.n_tokens += r->store.texts[number]->n_ids;
        }
    }
    return status;
}

/* On rank 0, waits until every other rank has made its part; on those, says so. */
static firn_status meet(run *r, firn_error *error)
{
    const struct timespec pause = {0, 2000000};
    if (r->ranks.rank != 0)
        return sweep_ranks_send(&r->ranks, r->n_failed, (base_slice){NULL, 0}, error);
    firn_status status = collect(r, error);
    while (status == FIRN_OK && r->n_ranks_done + 1 < r->ranks.n && !interrupted) {
        nanosleep(&pause, NULL);
        status = collect(r, error);
        if (!r->settings->quiet)
            sweep_progress_show(&r->progress);
    }
    r->n_ranks_done = 0;
    return status;
}

/* One text that can't be, such as one whose constraint no token satisfies any more, doesn't end the others. */
static firn_status failed(void *argument, size_t task, const firn_error *fault, firn_error *error)
{
    run *const r = argument;
    (void)task, (void)error;
    if (r->n_failed++ == 0)
        r->fault = *fault;
    return FIRN_OK;
}

static bool goes_on(void *argument, size_t n_tokens)
{
    run *const r = argument;
    const settings *const s = r->settings;
    r->progress.n_tokens += n_tokens;
    if (!s->quiet && r->ranks.rank == 0)
        sweep_progress_show(&r->progress);
    if (r->collected == FIRN_OK)
        r->collected = collect(r, &r->collect_fault);
    if (s->limit_seconds > 0 && base_seconds() - r->start >= (double)s->limit_seconds)
        r->limited = "--limit-time";
    if (s->limit_tokens > 0 && r->progress.n_tokens * (r->ranks.rank != 0 ? r->ranks.n : 1) >= s->limit_tokens)
        r->limited = "--limit-tokens";
    return !interrupted && r->limited == NULL && r->collected == FIRN_OK;
}

/* ---- running ---- */

/* Opens the draft model, which must have something to do for some setting. */
static firn_status open_draft(run *r, firn_error *error)
{
    bool helps = false;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < r->plan.n_settings && !helps; i++) {
        firn_generation_parameters parameters;
        sweep_plan_parameters(&r->plan, i, &parameters);
        helps = tool_draft_helps(&parameters);
    }
    for (size_t i = 0; i < r->settings->models.count && status == FIRN_OK; i++)
        status = tool_draft_check(&r->settings->draft, r->settings->models.at[i], error);
    return status == FIRN_OK ? tool_draft_open(&r->settings->draft, helps, r->context, false, &r->draft, error)
                             : status;
}

static firn_status make_all(run *r, firn_error *error)
{
    const settings *const s = r->settings;
    const sweep_work work = {
        .tasks = &r->tasks,
        .chat = &s->chat,
        .raw = s->raw,
        .paths = &r->paths,
        .weakers = &r->weakers,
        .run = {s->n_parallel, s->n_ctx, s->n_batch, s->cache_types, r->constraint.compiled, r->draft, &r->drafted},
        .constraint = &r->constraint,
        .judge_options = &s->judges,
        .judges = r->judges,
        .context = r->context,
        .rank = r->ranks.rank,
        .n_ranks = r->ranks.n,
        .check_parameters = s->check_parameters,
        .argument = r,
        .has = has,
        .share = share,
        .take = take,
        .failed = failed,
        .goes_on = goes_on};
    firn_status status = FIRN_OK;
    r->progress = sweep_progress_begin(r->tasks.count, r->plan.base.n_predict);
    for (size_t m = 0; m < r->paths.count && status == FIRN_OK && !interrupted; m++) {
        if (r->limited == NULL || r->ranks.started)
            status = sweep_work_on(&work, m, error);
        if (status == FIRN_OK && r->collected != FIRN_OK) {
            *error = r->collect_fault;
            status = r->collected;
        }
        if (status == FIRN_OK && !interrupted && r->ranks.n > 1)
            status = meet(r, error);
    }
    if (r->ranks.rank == 0)
        sweep_progress_end(&r->progress);
    return status;
}

static firn_status tell(run *r, firn_error *error)
{
    const settings *const s = r->settings;
    sweep_summary summary = {.cells = NULL};
    firn_status status = sweep_summarise(&r->store, &summary, error);
    if (status == FIRN_OK && s->summary != NULL)
        status = sweep_summary_save(&summary, &r->tasks, s->summary, error);
    if (status == FIRN_OK && s->html != NULL)
        status = sweep_report_save(&r->store, &summary, s->html, error);
    if (status == FIRN_OK && !s->quiet)
        sweep_summary_print(&summary, &r->tasks, stdout);
    sweep_summary_free(&summary);
    if (status == FIRN_OK && fflush(stdout) != 0)
        status = base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "standard output could not be written");
    return status;
}

static void print_figures(const run *r)
{
    const sweep_progress *const p = &r->progress;
    const double seconds = base_seconds() - r->start;
    fprintf(stderr, "texts:       %zu of %zu", r->store.n_texts, r->tasks.count);
    if (r->store.n_taken > 0)
        fprintf(stderr, ", %zu of them from an earlier run", r->store.n_taken);
    if (interrupted || r->limited != NULL)
        fprintf(stderr, "; ended by %s; --resume goes on", interrupted ? "an interrupt" : r->limited);
    fprintf(stderr, "\ngenerated:   %zu token%s in %.1f s, %.1f tokens/s\n", p->n_tokens, p->n_tokens == 1 ? "" : "s",
            seconds, (double)p->n_tokens / seconds);
    if (r->drafted.n_drafted > 0)
        fprintf(stderr, "drafted:     %llu tokens%s, %llu of them came true\n",
                (unsigned long long)r->drafted.n_drafted, r->ranks.n > 1 ? " on rank 0" : "",
                (unsigned long long)r->drafted.n_accepted);
    tool_draft_print_fault(&r->drafted.fault);
    fprintf(stderr, "peak memory: %.0f MiB\n", (double)tool_peak_memory() / (1 << 20));
    if (sweep_plan_seeds(&r->plan) == r->plan.n_axes)
        fprintf(stderr, "seed:        %llu\n", (unsigned long long)r->plan.base.seed);
}

/* Whether this file, which is written at the end, can be; it is not touched. */
static firn_status check_writable(const char *path, firn_error *error)
{
    tool_file file;
    const firn_status status = path != NULL ? tool_file_create(path, &file, error) : FIRN_OK;
    return path == NULL || status != FIRN_OK ? status : tool_file_close(&file, false, error);
}

/* Whether a checkpoint that comes later can be opened, and be drafted for. */
static firn_status check_model(const run *r, const char *path, bool drafted, firn_error *error)
{
    firn_model_options options = firn_model_options_default();
    firn_model *model = NULL;
    firn_drafter *drafter = NULL;
    firn_error fault = {0};
    options.vocabulary_only = true;
    firn_status status = firn_model_open(r->context, path, &options, &model, error);
    if (status == FIRN_OK && drafted && tool_draft_create(&r->draft, model, &drafter, &fault) != FIRN_OK)
        status = base_fail(error, fault.status, fault.offset, "%.200s: %s", path, fault.message);
    firn_drafter_release(drafter);
    firn_model_release(model);
    return status;
}

static firn_status check_models(const run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    for (size_t i = 1; i < r->settings->models.count && status == FIRN_OK; i++)
        status = check_model(r, r->settings->models.at[i], r->draft.model != NULL, error);
    for (size_t i = 1; i < r->settings->weakers.count && status == FIRN_OK; i++)
        status = check_model(r, r->settings->weakers.at[i], false, error);
    return status;
}

/* What would only be found out at the end, when it is too late. */
static firn_status check_outputs(const settings *s, firn_error *error)
{
    const char *const paths[] = {s->store.jsonl, s->store.csv, s->store.database, s->summary, s->html};
    const size_t n = sizeof paths / sizeof paths[0];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (paths[i] != NULL && paths[j] != NULL && strcmp(paths[i], paths[j]) == 0)
                return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                                 "%.200s is to be two files; give each of --jsonl, --csv, --db, --summary and --html "
                                 "a name of its own",
                                 paths[i]);
    const firn_status status = check_writable(s->summary, error);
    return status == FIRN_OK ? check_writable(s->html, error) : status;
}

static firn_status run_all(run *r, firn_error *error)
{
    firn_context_options options = firn_context_options_default();
    options.n_threads = r->settings->n_threads;
    options.cpu_level = r->settings->cpu_level;
    firn_status status = firn_context_create(&options, &r->context, error);
    if (status == FIRN_OK)
        status = open_draft(r, error);
    if (status == FIRN_OK)
        status = check_models(r, error);
    if (status == FIRN_OK)
        status = sweep_judges_open(&r->settings->judges, r->context, &r->judges, error);
    if (status == FIRN_OK) /* a seed that was drawn */
        status = sweep_ranks_share(&r->ranks, &r->plan.base.seed, sizeof r->plan.base.seed, error);
    if (status == FIRN_OK && r->ranks.rank == 0)
        status = check_outputs(r->settings, error);
    if (status == FIRN_OK && r->ranks.rank == 0)
        status = sweep_store_open(&r->store, &r->settings->store, &r->tasks, error);
    if (status == FIRN_OK)
        status = make_all(r, error);
    if (r->ranks.rank != 0)
        return status;
    if (status == FIRN_OK)
        status = tell(r, error);
    if (status == FIRN_OK)
        print_figures(r);
    if (status == FIRN_OK && r->n_failed > 0)
        status = base_fail(error, r->fault.status, r->fault.offset, "%zu text%s could not be made; %s", r->n_failed,
                           r->n_failed == 1 ? "" : "s", r->fault.message);
    return status;
}

/* ---- the command line ---- */

static firn_status parse_once(run *r, int argc, char **argv, firn_error *error)
{
    settings *const s = r->settings;
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
    const tool_command command = {
        .name = "sweep",
        .purpose =
            "Generates the same prompts with many settings at once, and measures what comes.\n\n"
            "Every generation parameter takes a list or ranges: --temp 0,0.3..1.5:0.3 --top-k 1..64:*2 --seed 1..8\n"
            "Lists of texts: --stop '[[\"a\"],[\"b\",\"c\"],[]]'. Texts have at most 128 tokens unless -n says else.",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
        .parameters = &r->plan.base,
        .positional = "PROMPT",
        .positional_target = &s->positional};
    const tool_setter setter = {sweep_plan_set, &r->plan};
    const firn_status status = tool_parse_into(&command, &setter, argc, argv, error);
    if (status == FIRN_OK && s->help)
        tool_help(&command, s->help, stdout);
    return status;
}

static firn_status parse(run *r, int argc, char **argv, firn_error *error)
{
    settings *const s = r->settings;
    const settings initial = {.escapes = true, .n_parallel = DEFAULT_PARALLEL, .draft.n_max = TOOL_MOST_DRAFTS};
    *s = initial;
    sweep_plan_begin(&r->plan);
    r->plan.base.n_predict = DEFAULT_LENGTH;
    firn_status status = parse_once(r, argc, argv, error);
    const char *const preset = s->preset, *const cells = s->cells;
    if (status != FIRN_OK || s->help || s->version || (preset == NULL && cells == NULL))
        return status;
    /* flags act on what the files say, wherever they stand */
    *s = initial;
    sweep_plan_free(&r->plan);
    sweep_plan_begin(&r->plan);
    r->plan.base.n_predict = DEFAULT_LENGTH;
    if (preset != NULL)
        status = tool_read_parameters(preset, &r->plan.base, error);
    if (status == FIRN_OK && cells != NULL)
        status = sweep_plan_read(&r->plan, cells, error);
    return status == FIRN_OK ? parse_once(r, argc, argv, error) : status;
}

static firn_status take_prompts(run *r, firn_error *error)
{
    const settings *const s = r->settings;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < s->prompts.count && status == FIRN_OK; i++)
        status = sweep_prompts_add(&r->prompts, s->prompts.at[i], s->escapes, error);
    if (status == FIRN_OK && s->positional != NULL)
        status = sweep_prompts_add(&r->prompts, s->positional, s->escapes, error);
    if (status == FIRN_OK && s->file != NULL)
        status = sweep_prompts_read(&r->prompts, strcmp(s->file, "-") == 0 ? NULL : s->file, error);
    if (status != FIRN_OK || r->prompts.count > 0)
        return status;
    if (s->chat.messages != NULL)
        return sweep_prompts_add(&r->prompts, NULL, false, error);
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "no prompt; give one as an argument, or several with -p or -f FILE (--help tells more)");
}

/* Reads the negative prompts, with which the prompts go then. */
static firn_status cross_negatives(run *r, firn_error *error)
{
    const settings *const s = r->settings;
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
        status = sweep_prompts_cross(&r->prompts, negatives, n, error);
    for (size_t i = 0; i < n; i++)
        free(negatives[i].data);
    return status;
}

/* Each model goes with each weaker one, which its name tells if there are several. */
static firn_status cross_models(run *r, firn_error *error)
{
    const settings *const s = r->settings;
    const size_t n_weakers = s->weakers.count > 0 ? s->weakers.count : 1, n = s->models.count * n_weakers;
    if (n > TOOL_MOST_TEXTS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "%zu models with %zu weaker ones each are more than %d together", s->models.count, n_weakers,
                         TOOL_MOST_TEXTS);
    for (size_t i = 0; i < n; i++) {
        const char *const path = s->models.at[i / n_weakers], *const weaker = s->weakers.at[i % n_weakers];
        const char *const slash = weaker != NULL ? strrchr(weaker, '/') : NULL;
        const bool named = s->weakers.count > 1;
        r->paths.at[i] = path;
        r->weakers.at[i] = weaker;
        if (named && asprintf(&r->name_storage[i], "%s less %s", path, slash != NULL ? slash + 1 : weaker) < 0) {
            r->name_storage[i] = NULL;
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the name of a model");
        }
        r->names.at[i] = named ? r->name_storage[i] : path;
    }
    r->paths.count = r->weakers.count = r->names.count = n;
    return FIRN_OK;
}

/* What has an effect with no setting is a mistake, and so is a setting that lacks what it needs. */
static firn_status check_guidance(const run *r, firn_error *error)
{
    bool guided = false, contrasted = false, negative = false;
    for (size_t i = 0; i < r->plan.n_settings; i++) {
        firn_generation_parameters parameters;
        sweep_plan_parameters(&r->plan, i, &parameters);
        guided = guided || parameters.guidance != 1;
        contrasted = contrasted || parameters.contrast > 0;
    }
    for (size_t i = 0; i < r->prompts.count; i++)
        negative = negative || r->prompts.at[i].negative.data != NULL;
    if (negative && !guided)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "a negative prompt has no effect unless guidance (--guidance) is other than 1");
    if (contrasted != (r->settings->weakers.count > 0))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         contrasted ? "contrast needs a weaker model (--weaker-model)"
                                    : "a weaker model has no effect unless contrast (--contrast) is above 0");
    return FIRN_OK;
}

/* Everything that the command line says, as tasks. */
static firn_status prepare(run *r, firn_error *error)
{
    settings *const s = r->settings;
    uint64_t count;
    firn_status status = take_prompts(r, error);
    if (status == FIRN_OK)
        status = cross_negatives(r, error);
    if (status == FIRN_OK && s->system_file != NULL) {
        status = tool_read(s->system_file, &r->system, error);
        s->chat.system = r->system.data;
        if (status == FIRN_OK)
            r->system.data[tool_without_newline(&r->system).length] = '\0';
    }
    if (status == FIRN_OK && s->models.count == 0) {
        status = tool_default_checkpoint(r->default_model, error);
        s->models = (tool_texts){1, {r->default_model}};
    }
    if (status == FIRN_OK)
        status = cross_models(r, error);
    if (status == FIRN_OK)
        status = tool_constraint_open(&s->constraint, &r->constraint, error);
    if (status == FIRN_OK)
        status = sweep_plan_finish(&r->plan, &s->plan_options, error);
    if (status == FIRN_OK)
        status = check_guidance(r, error);
    if (status != FIRN_OK)
        return status;
    if (s->n_parallel == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--parallel: give 1 or more");
    if (!base_multiply_u64(r->plan.n_settings, r->prompts.count * r->names.count, &count) || count > MOST_TEXTS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "more than %d texts are too many for one sweep",
                         MOST_TEXTS);
    r->tasks = (sweep_tasks){&r->plan, &r->prompts, &r->names, (size_t)count};
    return FIRN_OK;
}

int main(int argc, char **argv)
{
    settings s;
    firn_error error = {0};
    run r = {.settings = &s, .start = base_seconds()};
    firn_status status = parse(&r, argc, argv, &error);
    if (status == FIRN_OK && s.version)
        puts("firn " FIRN_VERSION);
    const bool runs = status == FIRN_OK && !s.help && !s.version;
    if (runs)
        status = prepare(&r, &error);
    if (runs && status == FIRN_OK)
        status = sweep_ranks_join(&r.ranks, &error);
    if (runs && status == FIRN_OK) {
        handle_signals();
        status = run_all(&r, &error);
    }
    const firn_status closed = sweep_store_close(&r.store, status == FIRN_OK ? &error : NULL);
    status = status == FIRN_OK ? closed : status;
    if (status != FIRN_OK)
        fprintf(stderr, "sweep: error: %s\n", error.message);
    sweep_judges_close(r.judges);
    tool_draft_close(&r.draft);
    firn_context_release(r.context);
    sweep_prompts_free(&r.prompts);
    sweep_plan_free(&r.plan);
    tool_constraint_close(&r.constraint);
    free(r.system.data);
    for (size_t i = 0; i < TOOL_MOST_TEXTS; i++)
        free(r.name_storage[i]);
    sweep_ranks_leave(&r.ranks, status == FIRN_OK && !interrupted);
    return status != FIRN_OK ? EXIT_FAILURE : interrupted ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
