/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_json.h"
#include "tools/common_system.h"
#include "tools/generate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

firn_status generate_put(generate_run *r, const char *bytes, size_t length, firn_error *error)
{
    if (r->output_gone || (fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0))
        return FIRN_OK;
    r->output_gone = true;
    if (errno == EPIPE)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "standard output: %s", strerror(errno));
}

firn_status generate_show_text(generate_run *r, bool at_end, firn_error *error)
{
    if (r->settings->json || r->generation == NULL)
        return FIRN_OK;
    size_t length, n_shown;
    const char *const text = firn_generation_text(r->generation, &length, &n_shown);
    const size_t end = at_end ? length : n_shown, begin = r->n_written;
    r->n_written = end > begin ? end : begin;
    return end > begin ? generate_put(r, text + begin, end - begin, error) : FIRN_OK;
}

firn_status generate_show_prompt(generate_run *r, firn_error *error)
{
    firn_status status = FIRN_OK;
    const bool colour = tool_wants_colour(stdout);
    if (colour)
        fputs("\033[2m", stdout);
    if (r->prompt.data != NULL)
        status = generate_put(r, r->prompt.data, r->prompt.length, error);
    char *const bytes = malloc(firn_token_longest(r->model) + 1);
    if (bytes == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a token");
    for (size_t i = 0; r->prompt.data == NULL && i < r->n_ids && status == FIRN_OK; i++)
        status = generate_put(r, bytes,
                              firn_token_bytes(r->model, r->ids[i], false, bytes, firn_token_longest(r->model)), error);
    free(bytes);
    return status == FIRN_OK && colour ? generate_put(r, "\033[0m", 4, error) : status;
}

static double rate(size_t count, double seconds)
{
    return count == 0 || seconds <= 0 ? NAN : (double)count / seconds;
}

size_t generate_count(const generate_run *r)
{
    size_t n = 0;
    if (r->generation != NULL)
        firn_generation_ids(r->generation, &n);
    return n;
}

/* Tokens a second, after the first. */
static double decode_rate(const generate_run *r)
{
    const size_t n = generate_count(r);
    return rate(n > 0 ? n - 1 : 0, r->end - r->first_token);
}

static void print_rate(const char *what, size_t count, double per_second)
{
    fprintf(stderr, "%s%zu token%s", what, count, count == 1 ? "" : "s");
    if (isfinite(per_second))
        fprintf(stderr, ", %.1f tokens/s", per_second);
    fputc('\n', stderr);
}

void generate_print_summary(const generate_run *r)
{
    const bool colour = tool_wants_colour(stderr);
    fputs(colour ? "\n\033[2m" : "\n", stderr);
    print_rate("prompt:      ", r->n_processed, rate(r->n_processed, r->prompt_end - r->prompt_start));
    print_rate("generated:   ", generate_count(r), decode_rate(r));
    const firn_drafter_figures drafts = firn_drafter_measure(r->drafter);
    if (drafts.n_drafted > 0)
        fprintf(stderr, "drafted:     %llu tokens, %llu of them came true\n", (unsigned long long)drafts.n_drafted,
                (unsigned long long)drafts.n_accepted);
    tool_draft_print_fault(&drafts.fault);
    if (generate_count(r) > 0)
        fprintf(stderr, "first token: %.0f ms after the start\n", 1e3 * (r->first_token - r->start));
    fprintf(stderr, "peak memory: %.0f MiB\n", (double)tool_peak_memory() / (1 << 20));
    fprintf(stderr, "seed:        %llu\n", (unsigned long long)r->settings->parameters.seed);
    fputs(colour ? "\033[0m" : "", stderr);
}

static void print_timing(const char *name, double value)
{
    printf(",\"%s\":", name);
    tool_json_number(stdout, value, 7);
}

firn_status generate_print_json(generate_run *r, firn_error *error)
{
    fputs("{\"prompt\":", stdout);
    firn_status status = tool_predictions_json(stdout, r->model, tool_tokens_predictions(&r->tokens), error);
    if (status != FIRN_OK)
        return status;
    fputs(",\n\"generated\":", stdout);
    status = tool_predictions_json(stdout, r->model, tool_generated_predictions(r->generation, r->tokens.n_top), error);
    if (status != FIRN_OK)
        return status;
    fputs(",\n\"text\":", stdout);
    size_t length;
    const char *const text = firn_generation_text(r->generation, &length, NULL);
    tool_json_string(stdout, text, length);
    fputs(",\n\"params\":", stdout);
    tool_json_parameters(stdout, &r->settings->parameters);
    const double prompt_seconds = r->prompt_end - r->prompt_start, seconds = r->end - r->first_token;
    printf(",\n\"timings\":{\"prompt_n\":%zu", r->n_processed);
    print_timing("prompt_ms", 1e3 * prompt_seconds);
    print_timing("prompt_per_second", rate(r->n_processed, prompt_seconds));
    printf(",\"predicted_n\":%zu", generate_count(r));
    print_timing("predicted_ms", 1e3 * seconds);
    print_timing("predicted_per_second", decode_rate(r));
    const firn_drafter_figures drafts = firn_drafter_measure(r->drafter);
    printf(",\"draft_n\":%llu,\"draft_n_accepted\":%llu", (unsigned long long)drafts.n_drafted,
           (unsigned long long)drafts.n_accepted);
    print_timing("load_ms", 1e3 * (r->prompt_start - r->start));
    print_timing("first_token_ms", generate_count(r) > 0 ? 1e3 * (r->first_token - r->start) : NAN);
    printf(",\"peak_memory_bytes\":%llu}}\n", (unsigned long long)tool_peak_memory());
    return generate_put(r, "", 0, error);
}
