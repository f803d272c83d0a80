/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: how many tokens a second this machine prefills and decodes, what that means in bytes and operations, and how
 * far it is from what the machine could do. Every combination of the values asked for is measured.
 */
#include "bench/report.h"

#include "tools/common_context.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct bench_run {
    const bench_options *options;
    bench_result *results;
    size_t count, planned;
    bench_roofline rooflines[BENCH_VALUES]; /* one each of options->threads */
} bench_run;

/* The next result, with room for its samples. NULL: no memory. */
static bench_result *begin_result(bench_run *run, const char *file, size_t threads_index, firn_error *error)
{
    const bench_options *const options = run->options;
    bench_result *const result = &run->results[run->count];
    *result = (bench_result){
        .file = file,
        .n_threads = options->threads.at[threads_index],
        .roofline = run->rooflines[threads_index],
        .n_samples = options->repetitions,
        .seconds = calloc(options->repetitions, sizeof(double)),
    };
    if (result->seconds == NULL) {
        base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u samples", options->repetitions);
        return NULL;
    }
    run->count++;
    return result;
}

static void tell_progress(const bench_run *run, const bench_result *result)
{
    char test[64];
    bench_test_name(result, test);
    if (run->options->progress)
        fprintf(stderr, "bench: %zu of %zu: %s, %s, %u threads\n", run->count, run->planned, result->file, test,
                result->n_threads);
    sleep(run->options->delay_s);
}

static void describe_model(bench_result *result, const firn_model *model, const firn_context *context)
{
    const firn_model_info info = firn_model_describe(model);
    snprintf(result->model, sizeof result->model, "%s %s", info.architecture, info.name);
    result->tensor_bytes = info.tensor_bytes;
    result->n_parameters = info.n_parameters;
    snprintf(result->cpu_level, sizeof result->cpu_level, "%s", firn_context_cpu_level(context));
}

static void finish_result(const bench_run *run, const bench_result *result)
{
    if (run->options->format == BENCH_JSONL) {
        bench_report(stdout, BENCH_JSONL, result, 1);
        fflush(stdout);
    }
}

static size_t count_tests(const bench_options *options)
{
    return options->cache_k.count * options->cache_v.count * options->batches.count * options->depths.count *
           options->sequences.count * options->n_pairs;
}

/* All tests of an opened model. */
static firn_status run_tests(bench_run *run, firn_model *model, const firn_context *context, const char *file,
                             size_t threads_index, firn_error *error)
{
    const bench_options *const options = run->options;
    const size_t n_pairs = options->n_pairs, n_sequences = options->sequences.count, n_depths = options->depths.count;
    const size_t n_batches = options->batches.count, n_v = options->cache_v.count;
    for (size_t i = 0; i < count_tests(options); i++) {
        bench_result *const result = begin_result(run, file, threads_index, error);
        if (result == NULL)
            return FIRN_ERROR_MEMORY;
        describe_model(result, model, context);
        const size_t types = i / n_pairs / n_sequences / n_depths / n_batches;
        result->cache_types = (firn_cache_types){(firn_cache_type)options->cache_k.at[types / n_v],
                                                 (firn_cache_type)options->cache_v.at[types % n_v]};
        result->n_batch = options->batches.at[i / n_pairs / n_sequences / n_depths % n_batches];
        result->n_depth = options->depths.at[i / n_pairs / n_sequences % n_depths];
        result->n_sequences = options->sequences.at[i / n_pairs % n_sequences];
        result->n_best = options->n_best;
        result->pair = options->pairs[i % n_pairs];
        tell_progress(run, result);
        const firn_status status = bench_measure(model, result, error);
        if (status != FIRN_OK)
            return status;
        finish_result(run, result);
    }
    return FIRN_OK;
}

static firn_status open_model(const bench_run *run, const char *file, size_t threads_index, firn_context **context,
                              firn_model **model, firn_error *error)
{
    *context = NULL;
    *model = NULL;
    const uint32_t n_threads = run->options->threads.at[threads_index];
    const firn_status status = tool_context_create(n_threads, run->options->cpu_level, context, error);
    return status != FIRN_OK
               ? status
               : tool_model_open(*context, file, firn_model_options_default(), run->options->pack_cache, model, error);
}

static firn_status run_model(bench_run *run, const char *file, size_t threads_index, firn_error *error)
{
    firn_context *context;
    firn_model *model;
    firn_status status = open_model(run, file, threads_index, &context, &model, error);
    if (status == FIRN_OK)
        status = run_tests(run, model, context, file, threads_index, error);
    firn_model_release(model);
    firn_context_release(context);
    return status;
}

/* The model is closed before: what a process holds when it forks counts as its child's peak memory. */
static firn_status run_startup(bench_run *run, const char *file, size_t threads_index, firn_error *error)
{
    firn_context *context;
    firn_model *model;
    bench_result *const result = begin_result(run, file, threads_index, error);
    if (result == NULL)
        return FIRN_ERROR_MEMORY;
    result->startup = true;
    tell_progress(run, result);
    firn_status status = open_model(run, file, threads_index, &context, &model, error);
    if (status == FIRN_OK)
        describe_model(result, model, context);
    firn_model_release(model);
    firn_context_release(context);
    if (status == FIRN_OK)
        status = bench_measure_startup(result, run->options, error);
    if (status == FIRN_OK)
        finish_result(run, result);
    return status;
}

/* For each file and number of threads. */
static firn_status for_each(bench_run *run,
                            firn_status (*action)(bench_run *run, const char *file, size_t threads_index,
                                                  firn_error *error),
                            firn_error *error)
{
    const bench_options *const options = run->options;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < options->models.count && status == FIRN_OK; i++)
        for (size_t j = 0; j < options->threads.count && status == FIRN_OK; j++)
            status = action(run, options->models.at[i], j, error);
    return status;
}

static firn_status run_all(bench_run *run, firn_error *error)
{
    const bench_options *const options = run->options;
    run->planned = options->models.count * options->threads.count * (options->startup + count_tests(options));
    run->results = calloc(run->planned + 1, sizeof *run->results);
    if (run->results == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu results", run->planned);
    firn_status status = options->startup ? for_each(run, run_startup, error) : FIRN_OK;
    for (size_t i = 0; i < options->threads.count && options->roofline && status == FIRN_OK; i++)
        status = bench_roofline_measure(options->threads.at[i], &run->rooflines[i], error);
    return status != FIRN_OK ? status : for_each(run, run_model, error);
}

static firn_status report(const bench_run *run, firn_error *error)
{
    const bench_options *const options = run->options;
    const bool machine_only = options->models.count == 0;
    if (options->format != BENCH_JSONL && !machine_only)
        bench_report(stdout, options->format, run->results, run->count);
    if (options->format == BENCH_MARKDOWN && !machine_only)
        putchar('\n');
    if (options->roofline && (machine_only || options->format == BENCH_MARKDOWN))
        bench_report_roofline(stdout, options->format, run->rooflines, options->threads.count);
    return options->plot != NULL ? bench_plot(options->plot, run->results, run->count, error) : FIRN_OK;
}

int main(int argc, char **argv)
{
    firn_error error = {0};
    bench_options options;
    bench_run run = {.options = &options};
    signal(SIGPIPE, SIG_DFL);
    firn_status status = bench_options_parse(argc, argv, &options, &error);
    if (status == FIRN_OK && options.help) {
        bench_options_help(options.help, stdout);
        return EXIT_SUCCESS;
    }
    if (status == FIRN_OK)
        status = run_all(&run, &error);
    if (status == FIRN_OK)
        status = report(&run, &error);
    for (size_t i = 0; i < run.count; i++)
        free(run.results[i].seconds);
    free(run.results);
    if (status != FIRN_OK)
        fprintf(stderr, "bench: %s\n", error.message);
    return status == FIRN_OK && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
