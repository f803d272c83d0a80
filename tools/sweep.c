/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep: the same prompts with many settings, all texts decoded together over one frozen model, measured and compared.
 * Texts go to files as they end; standard output gets a table of the cells at the end; figures, progress and errors go
 * to standard error.
 *
 * Exit status: 0 when it ran to its end or to a limit that was asked for; 1 for an error, told in one line; 130 when it
 * was interrupted, with whatever had ended in valid files.
 */
#include "base/clock.h"
#include "engine/firn.h"
#include "tools/common_file.h"
#include "tools/common_system.h"
#include "tools/sweep_command.h"
#include "tools/sweep_mpi.h"
#include "tools/sweep_progress.h"
#include "tools/sweep_report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_INTERRUPTED = 130 };

typedef struct run {
    sweep_command command;
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
        } else if (number >= r->command.tasks.count) {
            free(line.data);
            status = base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                               "another rank sent text %zu of %zu: all have to be started alike", number,
                               r->command.tasks.count);
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
        if (!r->command.settings.quiet)
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
    const sweep_settings *const s = &r->command.settings;
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
    for (size_t i = 0; i < r->command.plan.n_settings && !helps; i++) {
        firn_generation_parameters parameters;
        sweep_plan_parameters(&r->command.plan, i, &parameters);
        helps = tool_draft_helps(&parameters);
    }
    for (size_t i = 0; i < r->command.settings.models.count && status == FIRN_OK; i++)
        status = tool_draft_check(&r->command.settings.draft, r->command.settings.models.at[i], error);
    return status == FIRN_OK ? tool_draft_open(&r->command.settings.draft, helps, r->context, false, &r->draft, error)
                             : status;
}

static firn_status make_all(run *r, firn_error *error)
{
    const sweep_settings *const s = &r->command.settings;
    const sweep_work work = {.tasks = &r->command.tasks,
                             .chat = &s->chat,
                             .raw = s->raw,
                             .paths = &r->command.paths,
                             .weakers = &r->command.weakers,
                             .run = {s->n_parallel, s->n_ctx, s->n_batch, s->cache_types,
                                     r->command.constraint.compiled, r->draft, &r->drafted},
                             .constraint = &r->command.constraint,
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
    r->progress = sweep_progress_begin(r->command.tasks.count, r->command.plan.base.n_predict);
    for (size_t m = 0; m < r->command.paths.count && status == FIRN_OK && !interrupted; m++) {
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
    const sweep_settings *const s = &r->command.settings;
    sweep_summary summary = {.cells = NULL};
    firn_status status = sweep_summarise(&r->store, &summary, error);
    if (status == FIRN_OK && s->summary != NULL)
        status = sweep_summary_save(&summary, &r->command.tasks, s->summary, error);
    if (status == FIRN_OK && s->html != NULL)
        status = sweep_report_save(&r->store, &summary, s->html, error);
    if (status == FIRN_OK && !s->quiet)
        sweep_summary_print(&summary, &r->command.tasks, stdout);
    sweep_summary_free(&summary);
    if (status == FIRN_OK && fflush(stdout) != 0)
        status = base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "standard output could not be written");
    return status;
}

static void print_figures(const run *r)
{
    const sweep_progress *const p = &r->progress;
    const double seconds = base_seconds() - r->start;
    fprintf(stderr, "texts:       %zu of %zu", r->store.n_texts, r->command.tasks.count);
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
    if (sweep_plan_seeds(&r->command.plan) == r->command.plan.n_axes)
        fprintf(stderr, "seed:        %llu\n", (unsigned long long)r->command.plan.base.seed);
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
    for (size_t i = 1; i < r->command.settings.models.count && status == FIRN_OK; i++)
        status = check_model(r, r->command.settings.models.at[i], r->draft.model != NULL, error);
    for (size_t i = 1; i < r->command.settings.weakers.count && status == FIRN_OK; i++)
        status = check_model(r, r->command.settings.weakers.at[i], false, error);
    return status;
}

/* What would only be found out at the end, when it is too late. */
static firn_status check_outputs(const sweep_settings *s, firn_error *error)
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
    options.n_threads = r->command.settings.n_threads;
    options.cpu_level = r->command.settings.cpu_level;
    firn_status status = firn_context_create(&options, &r->context, error);
    if (status == FIRN_OK)
        status = open_draft(r, error);
    if (status == FIRN_OK)
        status = check_models(r, error);
    if (status == FIRN_OK)
        status = sweep_judges_open(&r->command.settings.judges, r->context, &r->judges, error);
    if (status == FIRN_OK) /* a seed that was drawn */
        status = sweep_ranks_share(&r->ranks, &r->command.plan.base.seed, sizeof r->command.plan.base.seed, error);
    if (status == FIRN_OK && r->ranks.rank == 0)
        status = check_outputs(&r->command.settings, error);
    if (status == FIRN_OK && r->ranks.rank == 0)
        status = sweep_store_open(&r->store, &r->command.settings.store, &r->command.tasks, error);
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

int main(int argc, char **argv)
{
    firn_error error = {0};
    run r = {.start = base_seconds()};
    const sweep_settings *const s = &r.command.settings;
    firn_status status = sweep_command_parse(&r.command, argc, argv, &error);
    if (status == FIRN_OK && s->version)
        puts("firn " FIRN_VERSION);
    const bool runs = status == FIRN_OK && !s->help && !s->version;
    if (runs)
        status = sweep_command_prepare(&r.command, &error);
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
    sweep_command_free(&r.command);
    sweep_ranks_leave(&r.ranks, status == FIRN_OK && !interrupted);
    return status != FIRN_OK ? EXIT_FAILURE : interrupted ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
