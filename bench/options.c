/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"

#include "base/pool.h"

#include <string.h>

enum { MOST_TOKENS = 1 << 24, MOST_SEQUENCES = 1024, MOST_REPETITIONS = 1000, MOST_DELAY_S = 3600 };

/* ---- lists and ranges ---- */

/* Reads digits; false where there are none or too many. */
static bool read_number(const char **text, uint64_t *number)
{
    size_t n_digits = 0;
    *number = 0;
    for (; **text >= '0' && **text <= '9'; ++*text, n_digits++)
        *number = n_digits < 12 ? 10 * *number + (uint64_t)(**text - '0') : *number;
    return n_digits > 0 && n_digits <= 12;
}

/* Reads one number or range; false where the text is neither. */
static bool read_range(const char **text, uint64_t *first, uint64_t *last, char *sign, uint64_t *step)
{
    *sign = '+';
    *step = 1;
    if (!read_number(text, first))
        return false;
    *last = *first;
    if (**text != '-')
        return true;
    ++*text;
    if (!read_number(text, last))
        return false;
    if (**text != '+' && **text != '*')
        return true;
    *sign = *(*text)++;
    return read_number(text, step);
}

firn_status bench_values_add(bench_values *values, const char *flag, const char *text, uint32_t lowest,
                             uint32_t highest, firn_error *error)
{
    const char *rest = text;
    do {
        uint64_t first, last, step;
        char sign;
        rest += rest != text;
        if (!read_range(&rest, &first, &last, &sign, &step) || (*rest != ',' && *rest != '\0'))
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "%s: '%.60s' is not allowed; give numbers or ranges, such as 1,2 or 1-4 or 8-64*2", flag,
                             text);
        const bool endless = step == 0 || (sign == '*' && (step == 1 || first == 0) && first != last);
        if (first < lowest || last > highest || first > last || endless)
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "%s: '%.60s' is not allowed; give values from %u to %u, ranges rising", flag, text, lowest,
                             highest);
        for (uint64_t value = first; value <= last; value = sign == '+' ? value + step : value * step) {
            if (values->count == BENCH_VALUES)
                return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s: more than %d values", flag,
                                 BENCH_VALUES);
            values->at[values->count++] = (uint32_t)value;
            if (value == last)
                break;
        }
    } while (*rest == ',');
    return FIRN_OK;
}

/* ---- the command line ---- */

typedef struct option_texts {
    tool_texts prompts, gens, pairs, depths, batches, threads, sequences, cache_k, cache_v;
    const char *format;
} option_texts;

typedef struct option_table {
    tool_option rows[21];
} option_table;

static option_table make_table(bench_options *options, option_texts *texts)
{
    return (option_table){{
        {"-m,--model", "FILE", TOOL_TEXTS, &options->models, 0, "a checkpoint; may be given several times"},
        {"-p,--n-prompt", "N", TOOL_TEXTS, &texts->prompts, 0, "prompt lengths to prefill (512; 0: none)"},
        {"-n,--n-gen", "N", TOOL_TEXTS, &texts->gens, 0, "numbers of tokens to decode (128; 0: none)"},
        {"-pg", "PP,TG", TOOL_TEXTS, &texts->pairs, 0, "prefill PP tokens, then decode TG, as one measurement"},
        {"-d,--n-depth", "N", TOOL_TEXTS, &texts->depths, 0, "positions that the cache holds before (0)"},
        {"-npl,--n-parallel", "N", TOOL_TEXTS, &texts->sequences, 0,
         "sequences that go through the model together; rates are of all of them (1)"},
        {"--n-best", "N", TOOL_COUNT, &options->n_best, FIRN_MOST_BEST,
         "highest logits wanted of each of several sequences (40, as a sampler with top-k 40 needs; 0: all)"},
        {"-b,--batch-size", "N", TOOL_TEXTS, &texts->batches, 0, "most tokens prefilled in one step (512)"},
        {"-ctk,--cache-type-k", "TYPE", TOOL_TEXTS, &texts->cache_k, 0, "how keys are kept: f16 (default), q8_0"},
        {"-ctv,--cache-type-v", "TYPE", TOOL_TEXTS, &texts->cache_v, 0, "how values are kept"},
        {"-t,--threads", "N", TOOL_TEXTS, &texts->threads, 0, "threads (as many as this process may use)"},
        {"-r,--repetitions", "N", TOOL_COUNT, &options->repetitions, MOST_REPETITIONS, "measured runs of each (5)"},
        {"--delay", "S", TOOL_COUNT, &options->delay_s, MOST_DELAY_S, "seconds to wait before each test (0)"},
        {"--cpu", "LEVEL", TOOL_TEXT, &options->cpu_level, 0,
         "stay at this instruction-set level: scalar, avx2, … ($FIRN_CPU_LEVEL)"},
        {"--startup", NULL, TOOL_ON, &options->startup, 0,
         "also run the program generate: from its start to the first token of a 5-token prompt"},
        {"--pack-cache", NULL, TOOL_ON, &options->pack_cache, 0, "keep packed parameters in the cache folder"},
        {"--no-roofline", NULL, TOOL_OFF, &options->roofline, 0, "don't measure what this machine could do"},
        {"-o,--output", "FORMAT", TOOL_TEXT, &texts->format, 0, "md (default), csv, json or jsonl"},
        {"--plot", "FILE", TOOL_TEXT, &options->plot, 0,
         "draw the rates over depth, prompt length and sequences: .svg or .html"},
        {"--progress", NULL, TOOL_ON, &options->progress, 0, "tell on standard error what is being measured"},
        TOOL_HELP_OPTION(&options->help),
    }};
}

static tool_command make_command(const option_table *table)
{
    return (tool_command){
        .name = "bench",
        .purpose = "Measures how fast this machine runs a checkpoint, and how fast it could.\n"
                   "N may be a list (1,2) or a range (0-8, 0-8+4, 8-64*2); all combinations are run.\n"
                   "Without a checkpoint, only the machine is measured.",
        .options = table->rows,
        .n_options = sizeof table->rows / sizeof *table->rows,
    };
}

void bench_options_help(tool_help_form form, FILE *out)
{
    bench_options options;
    option_texts texts;
    const option_table table = make_table(&options, &texts);
    const tool_command command = make_command(&table);
    tool_help(&command, form, out);
}

/* All values of an option, or `fallback` where it was not given. */
static firn_status read_values(const tool_texts *texts, const char *flag, uint32_t fallback, uint32_t lowest,
                               uint32_t highest, bench_values *values, firn_error *error)
{
    firn_status status = FIRN_OK;
    *values = (bench_values){0};
    for (size_t i = 0; i < texts->count && status == FIRN_OK; i++)
        status = bench_values_add(values, flag, texts->at[i], lowest, highest, error);
    if (texts->count == 0)
        *values = (bench_values){1, {fallback}};
    return status;
}

/* Names of types, separated by commas. */
static firn_status read_cache_types(const tool_texts *texts, const char *flag, bench_values *values, firn_error *error)
{
    firn_status status = FIRN_OK;
    *values = (bench_values){texts->count == 0, {FIRN_CACHE_F16}};
    for (size_t i = 0; i < texts->count; i++)
        for (const char *rest = texts->at[i]; rest != NULL && status == FIRN_OK;) {
            char name[64]; /* a longer one is no type's either */
            firn_cache_type type;
            firn_error fault = {0};
            const char *const comma = strchr(rest, ',');
            snprintf(name, sizeof name, "%.*s", (int)strcspn(rest, ","), rest);
            status = firn_cache_type_find(name, &type, &fault);
            if (status != FIRN_OK)
                return base_fail(error, status, FIRN_NO_OFFSET, "%s: %s", flag, fault.message);
            if (values->count == BENCH_VALUES)
                return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%s: more than %d values", flag,
                                 BENCH_VALUES);
            values->at[values->count++] = type;
            rest = comma != NULL ? comma + 1 : NULL;
        }
    return status;
}

static firn_status read_format(const char *text, bench_format *format, firn_error *error)
{
    static const char *const names[] = {"md", "csv", "json", "jsonl"};
    *format = BENCH_MARKDOWN;
    for (unsigned i = 0; text != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *format = (bench_format)i;
            return FIRN_OK;
        }
    if (text == NULL)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "-o,--output: '%.60s' is not allowed; give md, csv, json or jsonl", text);
}

static firn_status read_pairs(const option_texts *texts, bench_options *options, firn_error *error)
{
    bench_values prompts, gens;
    firn_status status = read_values(&texts->prompts, "-p,--n-prompt", 512, 0, MOST_TOKENS, &prompts, error);
    if (status == FIRN_OK)
        status = read_values(&texts->gens, "-n,--n-gen", 128, 0, MOST_TOKENS, &gens, error);
    if (status != FIRN_OK)
        return status;
    for (size_t i = 0; i < prompts.count; i++)
        if (prompts.at[i] > 0)
            options->pairs[options->n_pairs++] = (bench_pair){prompts.at[i], 0};
    for (size_t i = 0; i < gens.count; i++)
        if (gens.at[i] > 0)
            options->pairs[options->n_pairs++] = (bench_pair){0, gens.at[i]};
    for (size_t i = 0; i < texts->pairs.count; i++) {
        bench_values pair = {0};
        status = bench_values_add(&pair, "-pg", texts->pairs.at[i], 1, MOST_TOKENS, error);
        if (status == FIRN_OK && pair.count != 2)
            status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                               "-pg: '%.60s' is not allowed; give two numbers, such as 512,128", texts->pairs.at[i]);
        if (status != FIRN_OK)
            return status;
        options->pairs[options->n_pairs++] = (bench_pair){pair.at[0], pair.at[1]};
    }
    return FIRN_OK;
}

firn_status bench_options_parse(int argc, char *const *argv, bench_options *options, firn_error *error)
{
    option_texts texts = {0};
    *options = (bench_options){.repetitions = 5, .n_best = 40, .roofline = true};
    const option_table table = make_table(options, &texts);
    const tool_command command = make_command(&table);
    firn_status status = tool_parse(&command, argc, argv, error);
    if (status != FIRN_OK || options->help)
        return status;
    status = read_format(texts.format, &options->format, error);
    if (status == FIRN_OK)
        status = read_pairs(&texts, options, error);
    if (status == FIRN_OK)
        status = read_values(&texts.depths, "-d,--n-depth", 0, 0, MOST_TOKENS, &options->depths, error);
    if (status == FIRN_OK)
        status = read_cache_types(&texts.cache_k, "-ctk,--cache-type-k", &options->cache_k, error);
    if (status == FIRN_OK)
        status = read_cache_types(&texts.cache_v, "-ctv,--cache-type-v", &options->cache_v, error);
    if (status == FIRN_OK)
        status = read_values(&texts.batches, "-b,--batch-size", 512, 1, MOST_TOKENS, &options->batches, error);
    if (status == FIRN_OK)
        status = read_values(&texts.sequences, "-npl,--n-parallel", 1, 1, MOST_SEQUENCES, &options->sequences, error);
    if (status == FIRN_OK)
        status = read_values(&texts.threads, "-t,--threads", base_pool_default_threads(), 1, BASE_POOL_MAX_THREADS,
                             &options->threads, error);
    if (status == FIRN_OK && options->repetitions == 0)
        status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-r,--repetitions: give at least 1");
    return status;
}
