/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-sampler: what a pick costs, each stage alone and pairs that people use, over logits that a checkpoint gives
 * along a text. One core.
 */
#include "base/clock.h"
#include "engine/firn.h"
#include "tools/common_arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POSITIONS = 8, SEEN = 64, MOST_REPETITIONS = 10000 };

static const char text[] = "The river was calm that evening, and nobody on the old bridge expected what happened next. "
                           "Then, from the other side of the valley, came";

/* Parameters that differ from all stages being off, where the temperature is 0.8. */
static const char *const usual[] = {
    "\"top_k\": 40, \"top_p\": 0.95, \"min_p\": 0.05",
    "\"temperature\": 0",
    "",
    "\"dynatemp_range\": 0.5",
    "\"top_k\": 40",
    "\"top_k\": 100",
    "\"top_k\": 500",
    "\"top_k\": 1000",
    "\"top_k\": 10000",
    "\"top_p\": 0.95",
    "\"top_p\": 0.99",
    "\"min_p\": 0.05",
    "\"min_p\": 0.0001",
    "\"typical_p\": 0.9",
    "\"typical_p\": 0.99",
    "\"top_n_sigma\": 1",
    "\"tfs_z\": 0.9",
    "\"tfs_z\": 0.99",
    "\"epsilon_cutoff\": 0.0003",
    "\"eta_cutoff\": 0.0003",
    "\"xtc_probability\": 1, \"xtc_threshold\": 0.1",
    "\"adaptive_target\": 0.3",
    "\"mirostat\": 1",
    "\"mirostat\": 1, \"mirostat_tau\": 10",
    "\"mirostat\": 2",
    "\"repeat_penalty\": 1.1",
    "\"dry_multiplier\": 0.8",
    "\"no_repeat_ngram_size\": 3",
    "\"min_p\": 0.05, \"adaptive_target\": 0.3",
    "\"top_p\": 0.95, \"top_k\": 1000",
    "\"top_p\": 0.95, \"xtc_probability\": 1",
    "\"top_n_sigma\": 1, \"min_p\": 0.05",
    "\"typical_p\": 0.9, \"top_p\": 0.95",
    "\"tfs_z\": 0.95, \"top_p\": 0.95",
    "\"repeat_penalty\": 1.1, \"top_k\": 40, \"top_p\": 0.95, \"min_p\": 0.05",
    "\"dry_multiplier\": 0.8, \"xtc_probability\": 0.5, \"min_p\": 0.02",
};

typedef struct settings {
    tool_texts models, parameters;
    uint32_t repetitions;
    const char *save;
    tool_help_form help;
} settings;

typedef struct logits {
    float *at; /* [POSITIONS][n_vocab], after the text's last tokens */
    uint32_t n_vocab;
    size_t n_left; /* positions until the first that is kept */
} logits;

static bool keep(void *argument, size_t index, const float *from)
{
    logits *const l = argument;
    if (index >= l->n_left)
        memcpy(l->at + (index - l->n_left) * l->n_vocab, from, l->n_vocab * sizeof *from);
    return true;
}

static firn_status make_logits(const char *path, logits *l, firn_error *error)
{
    firn_context *context = NULL;
    firn_model *model = NULL;
    firn_session *session = NULL;
    firn_session_options options = firn_session_options_default();
    int32_t *ids = NULL;
    size_t n_ids = 0;
    options.n_ctx = sizeof text;
    firn_status status = firn_context_create(NULL, &context, error);
    if (status == FIRN_OK)
        status = firn_model_open(context, path, NULL, &model, error);
    if (status == FIRN_OK)
        status = firn_tokenize(model, text, sizeof text - 1, FIRN_ADD_SPECIAL, &ids, &n_ids, error);
    if (status == FIRN_OK && n_ids < POSITIONS)
        status = base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET, "%s: %zu tokens are too few", path, n_ids);
    if (status == FIRN_OK)
        status = firn_session_create(model, &options, &session, error);
    if (status == FIRN_OK) {
        *l = (logits){.n_vocab = firn_model_describe(model).n_vocab, .n_left = n_ids - POSITIONS};
        l->at = calloc(POSITIONS * (size_t)l->n_vocab, sizeof *l->at);
        status = l->at == NULL ? base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for logits")
                               : firn_session_append(session, ids, n_ids, FIRN_LOGITS_ALL, keep, l, error);
    }
    free(ids);
    firn_session_release(session);
    firn_model_release(model);
    firn_context_release(context);
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* A sampler that has seen tokens, some of them twice and some likely. */
static firn_status make_sampler(const char *fields, const logits *l, firn_sampler **sampler, firn_error *error)
{
    char json[1024];
    int32_t ids[SEEN];
    firn_generation_parameters p = firn_generation_parameters_default();
    p.top_k = 0;
    p.top_p = 1;
    p.min_p = 0;
    p.seed = 1;
    snprintf(json, sizeof json, "{\"dry_sequence_breakers\": []%s%s}", *fields != '\0' ? ", " : "", fields);
    firn_status status = firn_parameters_read(&p, json, strlen(json), "", error);
    if (status == FIRN_OK)
        status = firn_sampler_create(&p, l->n_vocab, sampler, error);
    for (uint32_t i = 0; i < SEEN; i++)
        ids[i] = (int32_t)(i % 24 * 2654435761U % l->n_vocab);
    return status == FIRN_OK ? firn_sampler_prompt(*sampler, ids, SEEN, error) : status;
}

static firn_status measure(const settings *s, const char *fields, const logits *l, firn_error *error)
{
    firn_sampler *sampler = NULL;
    const size_t n = POSITIONS * (size_t)s->repetitions;
    double *const times = calloc(n, sizeof *times);
    firn_status status = make_sampler(fields, l, &sampler, error);
    if (times == NULL)
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu times", n);
    for (size_t i = 0; i < n && status == FIRN_OK; i++) {
        const double start = base_seconds();
        firn_sampler_pick(sampler, l->at + i % POSITIONS * l->n_vocab, 0, i);
        times[i] = 1e6 * (base_seconds() - start);
    }
    if (status == FIRN_OK) {
        qsort(times, n, sizeof *times, by_value);
        printf("| %s | %.0f | %.0f | %.0f |\n", *fields != '\0' ? fields : "temperature alone", times[n / 2], times[0],
               times[n - 1 - n / 20]);
        fflush(stdout);
    }
    free(times);
    firn_sampler_release(sampler);
    return status;
}

static firn_status save(const char *path, const logits *l, firn_error *error)
{
    const size_t n = POSITIONS * (size_t)l->n_vocab;
    FILE *const file = fopen(path, "wb");
    bool written = file != NULL && fwrite(l->at, sizeof *l->at, n, file) == n;
    written = file != NULL && fclose(file) == 0 && written;
    return written ? FIRN_OK : base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%s: can't be written", path);
}

static firn_status measure_model(const settings *s, const char *path, firn_error *error)
{
    logits l = {.at = NULL};
    const size_t n = s->parameters.count > 0 ? s->parameters.count : sizeof usual / sizeof usual[0];
    firn_status status = make_logits(path, &l, error);
    if (status == FIRN_OK && s->save != NULL)
        status = save(s->save, &l, error);
    if (status == FIRN_OK)
        printf("\n%u candidates, %s\n\n| stages | median, us | least | 95th percentile |\n| --- | ---: | ---: | ---: "
               "|\n",
               l.n_vocab, path);
    for (size_t i = 0; i < n && status == FIRN_OK; i++)
        status = measure(s, s->parameters.count > 0 ? s->parameters.at[i] : usual[i], &l, error);
    free(l.at);
    return status;
}

static firn_status run(void *argument, firn_error *error)
{
    const settings *const s = argument;
    firn_status status = FIRN_OK;
    if (s->models.count == 0 || s->repetitions == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "-m: name a checkpoint; -r: at least 1");
    for (size_t i = 0; i < s->models.count && status == FIRN_OK; i++)
        status = measure_model(s, s->models.at[i], error);
    return status;
}

int main(int argc, char **argv)
{
    settings s = {.repetitions = 10};
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXTS, &s.models, 0, "a checkpoint; may be given several times"},
        {"--params", "FIELDS", TOOL_TEXTS, &s.parameters, 0,
         "JSON fields without braces, all other stages being off; several times (a list of stages and pairs)"},
        {"-r,--repetitions", "N", TOOL_COUNT, &s.repetitions, MOST_REPETITIONS,
         "picks at each of eight positions (10)"},
        {"--save", "FILE", TOOL_TEXT, &s.save, 0, "write the logits there, as floats, for other programs"},
        TOOL_HELP_OPTION(&s.help),
    };
    const tool_command command = {.name = "bench-sampler",
                                  .purpose = "Measures picks of the sampler on one core.",
                                  .options = options,
                                  .n_options = sizeof options / sizeof *options};
    return tool_main(&command, &s.help, argc, argv, run, &s);
}
