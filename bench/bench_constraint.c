/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-constraint: what following JSON schemas costs with a checkpoint's vocabulary. Reads a file such as
 * tests/data/constraint_schemas.json, compiles each schema, and follows each of its valid texts token by token.
 */
#include "base/clock.h"
#include "base/file_map.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/firn.h"
#include "tools/common_arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    tool_texts models;
    const char *schemas;
    tool_help_form help;
} settings;

/* Microseconds, and the schema of the longest. */
typedef struct times {
    double *at;
    size_t count, room, slowest;
    double most;
} times;

typedef struct measurement {
    firn_model *model;
    firn_vocabulary *vocabulary;
    uint64_t *bits;
    times compile, mask, accept;
    firn_constraint *constraint; /* of the schema read last */
    size_t n_schemas;
} measurement;

static firn_status note(times *t, double seconds, size_t schema, firn_error *error)
{
    if (!base_grow(&t->at, &t->room, t->count + 1, sizeof *t->at))
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for times");
    t->at[t->count++] = 1e6 * seconds;
    if (1e6 * seconds > t->most) {
        t->most = 1e6 * seconds;
        t->slowest = schema;
    }
    return FIRN_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_times(const char *what, const times *t)
{
    if (t->count == 0)
        return;
    qsort(t->at, t->count, sizeof *t->at, by_value);
    size_t n_long = 0;
    while (n_long < t->count && t->at[t->count - 1 - n_long] > 1000)
        n_long++;
    printf("| %s | %zu | %.1f | %.1f | %.1f | %zu | %zu |\n", what, t->count, t->at[t->count / 2],
           t->at[t->count - 1 - t->count / 100], t->most, t->slowest, n_long);
}

static firn_status compile(measurement *m, const char *schema, size_t length, firn_error *error)
{
    firn_constraint_release(m->constraint);
    m->constraint = NULL;
    m->n_schemas++;
    const double start = base_seconds();
    const firn_status status = firn_constraint_compile(FIRN_CONSTRAINT_SCHEMA, schema, length, &m->constraint, error);
    return status == FIRN_OK ? note(&m->compile, base_seconds() - start, m->n_schemas, error) : status;
}

/* Follows a text that the schema allows. */
static firn_status follow(measurement *m, const char *text, size_t length, firn_error *error)
{
    firn_constraint_state *state = NULL;
    int32_t *ids = NULL;
    size_t n_ids = 0;
    firn_status status = firn_tokenize(m->model, text, length, 0, &ids, &n_ids, error);
    if (status == FIRN_OK)
        status = firn_constraint_state_create(m->constraint, m->vocabulary, &state, error);
    for (size_t i = 0; i < n_ids && status == FIRN_OK; i++) {
        const double start = base_seconds();
        status = firn_constraint_mask(state, m->bits, error);
        const double masked = base_seconds();
        if (status == FIRN_OK)
            status = firn_constraint_accept(state, ids[i], error);
        const double end = base_seconds();
        if (status == FIRN_OK)
            status = note(&m->mask, masked - start, m->n_schemas, error);
        if (status == FIRN_OK)
            status = note(&m->accept, end - masked, m->n_schemas, error);
    }
    firn_constraint_state_release(state);
    free(ids);
    return status;
}

static firn_status read_schemas(measurement *m, base_slice text, firn_error *error)
{
    enum { NOTHING, SCHEMA, VALID } wanted = NOTHING;
    base_json reader = base_json_begin(text);
    base_json_event event = {.kind = BASE_JSON_NULL};
    char *const value = malloc(text.length + 1);
    firn_status status = value == NULL ? base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                                                   "no memory for a text of %zu bytes", text.length)
                                       : FIRN_OK;
    while (status == FIRN_OK && event.kind != BASE_JSON_END) {
        status = base_json_next(&reader, &event, error);
        if (status == FIRN_OK && event.kind == BASE_JSON_KEY)
            wanted = base_slice_is(event.text, "schema")  ? SCHEMA
                     : base_slice_is(event.text, "valid") ? VALID
                                                          : NOTHING;
        if (status != FIRN_OK || event.kind != BASE_JSON_STRING || wanted == NOTHING)
            continue;
        const size_t length = base_json_unescape(&event, value);
        status = wanted == SCHEMA ? compile(m, value, length, error)
                 : m->constraint == NULL
                     ? base_fail(error, FIRN_ERROR_FORMAT, event.offset, "texts come before their schema")
                     : follow(m, value, length, error);
    }
    free(value);
    return status;
}

static firn_status measure_model(const settings *s, const char *path, base_slice schemas, firn_error *error)
{
    measurement m = {.model = NULL};
    firn_context *context = NULL;
    firn_model_options options = firn_model_options_default();
    options.vocabulary_only = true;
    firn_status status = firn_context_create(NULL, &context, error);
    if (status == FIRN_OK)
        status = firn_model_open(context, path, &options, &m.model, error);
    const double start = base_seconds();
    if (status == FIRN_OK)
        status = firn_model_vocabulary(m.model, &m.vocabulary, error);
    if (status == FIRN_OK) {
        const uint32_t n_vocab = firn_model_describe(m.model).n_vocab;
        printf("\n%s: tries of %u tokens made in %.1f ms\n\n", path, n_vocab, 1e3 * (base_seconds() - start));
        m.bits = calloc(n_vocab / 64 + 1, sizeof *m.bits);
        if (m.bits == NULL)
            status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a mask");
    }
    if (status == FIRN_OK)
        status = read_schemas(&m, schemas, error);
    if (status == FIRN_OK) {
        printf("| us | count | median | 99th percentile | most | of schema | over 1 ms |\n"
               "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        print_times("compile", &m.compile);
        print_times("mask", &m.mask);
        print_times("accept", &m.accept);
    } else {
        fprintf(stderr, "%s: schema %zu\n", s->schemas, m.n_schemas);
    }
    free(m.compile.at);
    free(m.mask.at);
    free(m.accept.at);
    free(m.bits);
    firn_constraint_release(m.constraint);
    firn_model_release(m.model);
    firn_context_release(context);
    return status;
}

static firn_status run(void *argument, firn_error *error)
{
    const settings *const s = argument;
    base_file_map file;
    if (s->models.count == 0 || s->schemas == NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "give -m and --schemas");
    firn_status status = base_file_map_open(s->schemas, &file, error);
    for (size_t i = 0; i < s->models.count && status == FIRN_OK; i++)
        status = measure_model(s, s->models.at[i], (base_slice){(const char *)file.data, (size_t)file.size}, error);
    base_file_map_close(&file);
    return status;
}

int main(int argc, char **argv)
{
    settings s = {.schemas = NULL};
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXTS, &s.models, 0, "a checkpoint; may be given several times"},
        {"--schemas", "FILE", TOOL_TEXT, &s.schemas, 0, "an array of objects with schema and valid, an array of texts"},
        TOOL_HELP_OPTION(&s.help),
    };
    const tool_command command = {.name = "bench-constraint",
                                  .purpose = "Measures constraints that follow JSON schemas.",
                                  .options = options,
                                  .n_options = sizeof options / sizeof *options};
    return tool_main(&command, &s.help, argc, argv, run, &s);
}
