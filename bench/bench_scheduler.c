/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-scheduler: requests that share a prompt, through the scheduler, as llama-batched-bench -pps has them: the
 * prompt once, then all texts together. Says how much of the time went by in the model, in picking tokens, and in the
 * scheduler itself.
 */
#include "base/clock.h"
#include "bench/options.h"
#include "engine/firn.h"
#include "tools/common_arguments.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_TOKENS = 1 << 20, SPARE_POSITIONS = 1, WARM_UPS = 2 };

typedef struct settings {
    const char *model;
    uint32_t n_prompt, n_gen, n_threads, n_draft, repetitions;
    tool_texts sequence_texts;
    bench_values sequences;
    bool warm;
    tool_help_form help;
} settings;

typedef struct rates {
    double prompt_seconds, seconds;
    firn_scheduler_figures figures;
} rates;

static bool note_first(void *argument, const firn_generation *generation)
{
    double *const first = argument;
    (void)generation;
    if (*first == 0)
        *first = base_seconds();
    return true;
}

static firn_status submit_all(firn_scheduler *scheduler, const settings *s, const int32_t *ids, uint32_t n_sequences,
                              double *first, firn_error *error)
{
    firn_generation_parameters parameters = firn_generation_parameters_default();
    firn_generation_options options = firn_generation_options_default();
    parameters.seed = 1;
    parameters.ignore_eos = true;
    parameters.n_predict = (int32_t)s->n_gen;
    firn_status status = FIRN_OK;
    for (uint32_t i = 0; i < n_sequences && status == FIRN_OK; i++) {
        firn_request request = firn_request_default();
        options.sequence = i;
        request.prompt = ids;
        request.n_prompt = s->n_prompt;
        request.parameters = &parameters;
        request.generation = &options;
        request.progress = note_first;
        request.argument = first;
        status = firn_scheduler_submit(scheduler, &request, NULL, error);
    }
    return status;
}

/* All of n_sequences texts, which begin with a prompt of this number. */
static firn_status run_all(firn_scheduler *scheduler, const settings *s, uint32_t n_vocab, uint32_t n_sequences,
                           uint32_t number, rates *r, firn_error *error)
{
    const firn_scheduler_figures before = firn_scheduler_measure(scheduler);
    double first = 0;
    int32_t *const ids = malloc(s->n_prompt * sizeof *ids);
    if (ids == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u tokens", s->n_prompt);
    for (uint32_t i = 0; i < s->n_prompt; i++)
        ids[i] = (int32_t)((i + 1 + number) * 2654435761U % n_vocab);
    const double start = base_seconds();
    firn_status status = submit_all(scheduler, s, ids, n_sequences, &first, error);
    if (status == FIRN_OK)
        status = firn_scheduler_run(scheduler, error);
    *r = (rates){first - start, base_seconds() - start, firn_scheduler_measure(scheduler)};
    r->figures.model_seconds -= before.model_seconds;
    r->figures.sampling_seconds -= before.sampling_seconds;
    r->figures.all_seconds -= before.all_seconds;
    r->figures.n_drafted -= before.n_drafted;
    r->figures.n_accepted -= before.n_accepted;
    free(ids);
    return status;
}

/*
 * As much as the texts need and little more, so that whoever comes after others gets memory that was in use: the prompt
 * once, and of each text what is behind the prompt's whole pages, the last of which it may have to copy.
 */
static uint64_t memory_of(const firn_model *model, uint32_t n_prompt, uint32_t n_ctx, uint32_t n_sequences)
{
    const firn_cache_types types = firn_scheduler_options_default().cache_types;
    const uint64_t all = firn_model_session_bytes(model, n_ctx, types),
                   prompt = firn_model_session_bytes(model, n_prompt, types),
                   page = firn_model_session_bytes(model, 1, types);
    return all + page + n_sequences * (all - prompt + page);
}

/* In a scheduler that has seen nothing, or (warm) as many texts with another prompt. */
static firn_status measure(firn_model *model, const settings *s, uint32_t n_sequences, rates *r, firn_error *error)
{
    const uint32_t n_vocab = firn_model_describe(model).n_vocab;
    firn_scheduler_options options = firn_scheduler_options_default();
    firn_scheduler *scheduler;
    options.n_ctx = s->n_prompt + s->n_gen + SPARE_POSITIONS;
    options.n_draft = s->n_draft;
    options.memory = memory_of(model, s->n_prompt, options.n_ctx, n_sequences);
    firn_status status = firn_scheduler_create(model, &options, &scheduler, error);
    for (uint32_t i = 0; i < WARM_UPS && s->warm && status == FIRN_OK; i++)
        status = run_all(scheduler, s, n_vocab, n_sequences, 1 + i, r, error);
    if (status == FIRN_OK)
        status = run_all(scheduler, s, n_vocab, n_sequences, 0, r, error);
    firn_scheduler_release(scheduler);
    return status;
}

/* One row: llama-batched-bench's columns, then shares of the time. */
static void print_row(const settings *s, uint32_t n_sequences, const rates *r)
{
    const double n_prompt = s->n_prompt, n_gen = (double)s->n_gen * n_sequences;
    const double gen_seconds = r->seconds - r->prompt_seconds, all = r->figures.all_seconds;
    printf("| %u | %u | %u | %.0f | %.3f | %.1f | %.3f | %.1f | %.3f | %.1f | %.1f %% | %.1f %% | %.2f %% | %llu of "
           "%llu |\n",
           s->n_prompt, s->n_gen, n_sequences, n_prompt + n_gen, r->prompt_seconds, n_prompt / r->prompt_seconds,
           gen_seconds, n_gen / gen_seconds, r->seconds, (n_prompt + n_gen) / r->seconds,
           100 * r->figures.model_seconds / all, 100 * r->figures.sampling_seconds / all,
           100 * (all - r->figures.model_seconds - r->figures.sampling_seconds) / all,
           (unsigned long long)r->figures.n_accepted, (unsigned long long)r->figures.n_drafted);
    fflush(stdout);
}

static firn_status run(const settings *s, firn_error *error)
{
    firn_context *context;
    firn_model *model = NULL;
    firn_context_options options = firn_context_options_default();
    options.n_threads = s->n_threads;
    firn_status status = firn_context_create(&options, &context, error);
    if (status == FIRN_OK)
        status = firn_model_open(context, s->model, NULL, &model, error);
    if (status == FIRN_OK)
        printf("| PP | TG | B | N_KV | T_PP s | S_PP t/s | T_TG s | S_TG t/s | T s | S t/s | model | sampling | "
               "scheduler | "
               "drafts |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < s->sequences.count && status == FIRN_OK; i++)
        for (uint32_t n = 0; n < s->repetitions && status == FIRN_OK; n++) {
            rates r = {0};
            status = measure(model, s, s->sequences.at[i], &r, error);
            if (status == FIRN_OK)
                print_row(s, s->sequences.at[i], &r);
        }
    firn_model_release(model);
    firn_context_release(context);
    return status;
}

static firn_status complete(settings *s, firn_error *error)
{
    if (s->model == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-m,--model: name a checkpoint");
    if (s->n_prompt == 0 || s->n_gen == 0 || s->repetitions == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-npp, -ntg and -r: give at least 1");
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < s->sequence_texts.count && status == FIRN_OK; i++)
        status = bench_values_add(&s->sequences, "-npl", s->sequence_texts.at[i], 1, MOST_TOKENS, error);
    if (s->sequences.count == 0)
        s->sequences = (bench_values){1, {64}};
    return status;
}

static firn_status complete_and_run(void *argument, firn_error *error)
{
    settings *const s = argument;
    const firn_status status = complete(s, error);
    return status == FIRN_OK ? run(s, error) : status;
}

int main(int argc, char **argv)
{
    settings s = {.n_prompt = 512, .n_gen = 128, .repetitions = 1};
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXT, &s.model, 0, "a checkpoint"},
        {"-npp", "N", TOOL_COUNT, &s.n_prompt, MOST_TOKENS, "tokens of the prompt that all share (512)"},
        {"-ntg", "N", TOOL_COUNT, &s.n_gen, MOST_TOKENS, "tokens of each text (128)"},
        {"-npl", "N", TOOL_TEXTS, &s.sequence_texts, 0, "texts at once: a list or a range (64)"},
        {"-t,--threads", "N", TOOL_COUNT, &s.n_threads, 1024, "threads; 0: as many as this process may use"},
        {"--spec-draft-n-max", "N", TOOL_COUNT, &s.n_draft, 15, "most tokens drafted for a text in one step (0)"},
        {"--warm", NULL, TOOL_ON, &s.warm, 0,
         "after as many texts with another prompt, so that its memory was in use before; not timed"},
        {"-r,--repetitions", "N", TOOL_COUNT, &s.repetitions, 1000, "runs of each (1)"},
        TOOL_HELP_OPTION(&s.help),
    };
    const tool_command command = {.name = "bench-scheduler",
                                  .purpose = "Measures texts that share a prompt and are made together.",
                                  .options = options,
                                  .n_options = sizeof options / sizeof *options};
    return tool_main(&command, &s.help, argc, argv, complete_and_run, &s);
}
