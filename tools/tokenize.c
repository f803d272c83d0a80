/* SPDX-License-Identifier: Apache-2.0 */
/* tokenize: shows how a checkpoint's tokenizer splits a text, or the text of token ids. Exit status 1 for an error. */
#include "base/clock.h"
#include "engine/firn.h"
#include "tools/common_arguments.h"
#include "tools/common_context.h"
#include "tools/common_json.h"
#include "tools/common_system.h"
#include "tools/common_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *model, *text, *file, *decode;
    uint32_t n_threads;
    bool json, special, lines, count, time, version;
    tool_help_form help;
} settings;

static firn_status parse(settings *s, int argc, char **argv, firn_error *error)
{
    *s = (settings){.special = true};
    const tool_option options[] = {
        {"-m,--model", "FILE", TOOL_TEXT, &s->model, 0, "checkpoint; default: SmolLM2-135M-Instruct in the cache"},
        {"-p,--prompt", "TEXT", TOOL_TEXT, &s->text, 0, "the text, taken as it is; default: standard input"},
        {"-f,--file", "FILE", TOOL_TEXT, &s->file, 0, "the text from a file, taken as it is"},
        {"--decode", "1,2,3", TOOL_TEXT, &s->decode, 0, "write the text of these token ids instead"},
        {"--lines", NULL, TOOL_ON, &s->lines, 0, "each line is a text of its own, and has a line of what is written"},
        {"-t,--threads", "N", TOOL_COUNT, &s->n_threads, 1024,
         "threads, for --lines; 0: as many as this process may use"},
        {"--no-special", NULL, TOOL_OFF, &s->special, 0, "leave out what the checkpoint puts around a text"},
        {"--json", NULL, TOOL_ON, &s->json, 0, "{\"ids\": […], \"pieces\": […]} instead of 1,2,3"},
        {"--count", NULL, TOOL_ON, &s->count, 0, "only how many tokens there are"},
        {"--time", NULL, TOOL_ON, &s->time, 0, "how long it took, on standard error"},
        TOOL_HELP_OPTION(&s->help),
        {"--version", NULL, TOOL_ON, &s->version, 0, "the version"},
    };
    const tool_command command = {.name = "tokenize",
                                  .purpose = "Shows the token ids of a text.",
                                  .options = options,
                                  .n_options = sizeof options / sizeof options[0]};
    const firn_status status = tool_parse(&command, argc, argv, error);
    if (status == FIRN_OK && s->help)
        tool_help(&command, s->help, stdout);
    if (status == FIRN_OK && s->version)
        puts("firn " FIRN_VERSION);
    if (status == FIRN_OK && (s->text != NULL) + (s->file != NULL) + (s->decode != NULL) > 1)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "give one of -p, -f and --decode");
    if (status == FIRN_OK && s->lines && s->decode != NULL)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "--lines is for texts, not for --decode");
    return status;
}

/* Token ids of one text or of several: those of text i from starts[i] on, up to starts[i + 1]. */
typedef struct listing {
    int32_t *ids;
    size_t *starts; /* [n_texts + 1] */
    size_t n_texts;
} listing;

static firn_status fail_memory(firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the texts");
}

static firn_status read_ids(const settings *s, const firn_model *model, listing *out, firn_error *error)
{
    out->starts = calloc(2, sizeof *out->starts);
    if (out->starts == NULL)
        return fail_memory(error);
    out->n_texts = 1;
    const firn_status status = tool_read_ids(s->decode, &out->ids, &out->starts[1], error);
    return status != FIRN_OK ? status
                             : tool_check_ids(out->ids, out->starts[1], firn_model_describe(model).n_vocab, error);
}

/* The text, or its lines. What is after the last newline is a line if it isn't empty. */
static firn_text *cut_lines(const tool_text *text, bool lines, size_t *count)
{
    size_t most = 1;
    for (size_t i = 0; lines && i < text->length; i++)
        most += text->data[i] == '\n';
    firn_text *const texts = malloc(most * sizeof *texts);
    *count = 0;
    if (texts == NULL)
        return NULL;
    const char *at = text->data;
    const char *const end = text->data + text->length;
    while (lines && at < end) {
        const char *const newline = memchr(at, '\n', (size_t)(end - at));
        const char *const stop = newline != NULL ? newline : end;
        texts[(*count)++] = (firn_text){at, (size_t)(stop - at)};
        at = newline != NULL ? newline + 1 : end;
    }
    if (!lines)
        texts[(*count)++] = (firn_text){text->data, text->length};
    return texts;
}

/* The ids to show: those given, or those of the text. */
static firn_status take_ids(const settings *s, const firn_model *model, listing *out, firn_error *error)
{
    if (s->decode != NULL)
        return read_ids(s, model, out, error);
    tool_text text = {NULL, 0};
    firn_status status = s->text != NULL ? tool_copy(s->text, false, &text, error) : tool_read(s->file, &text, error);
    if (status != FIRN_OK)
        return status;
    firn_text *const texts = cut_lines(&text, s->lines, &out->n_texts);
    const double start = base_seconds();
    status = texts == NULL ? fail_memory(error)
                           : firn_tokenize_many(model, texts, out->n_texts,
                                                (s->special ? FIRN_ADD_SPECIAL : 0) | FIRN_PARSE_SPECIAL, &out->ids,
                                                &out->starts, error);
    const double seconds = base_seconds() - start;
    if (status == FIRN_OK && s->time)
        fprintf(stderr, "%zu bytes, %zu tokens, %.3f ms, %.1f MB/s\n", text.length, out->starts[out->n_texts],
                1e3 * seconds, 1e-6 * (double)text.length / seconds);
    free(texts);
    free(text.data);
    return status;
}

/* Writes the ids, their number, their text or all as JSON. `piece` has room for any token. */
static void show_ids(const settings *s, const firn_model *model, const int32_t *ids, size_t n_ids, char *piece)
{
    const size_t capacity = firn_token_longest(model);
    if (s->count) {
        printf("%zu\n", n_ids);
    } else if (s->decode != NULL && !s->json) {
        for (size_t i = 0; i < n_ids; i++)
            fwrite(piece, 1, firn_token_bytes(model, ids[i], s->special, piece, capacity), stdout);
    } else {
        fputs(s->json ? "{\"ids\":[" : "", stdout);
        for (size_t i = 0; i < n_ids; i++)
            printf("%s%d", i == 0 ? "" : ",", ids[i]);
        fputs(s->json ? "],\"pieces\":[" : "\n", stdout);
        for (size_t i = 0; i < n_ids && s->json; i++) {
            fputs(i == 0 ? "" : ",", stdout);
            tool_json_string(stdout, piece, firn_token_bytes(model, ids[i], true, piece, capacity));
        }
        fputs(s->json ? "]}\n" : "", stdout);
    }
}

static firn_status show(const settings *s, const firn_model *model, const listing *texts, firn_error *error)
{
    char *const piece = malloc(firn_token_longest(model) + 1);
    if (piece == NULL)
        return fail_memory(error);
    for (size_t i = 0; i < texts->n_texts; i++)
        show_ids(s, model, texts->ids + texts->starts[i], texts->starts[i + 1] - texts->starts[i], piece);
    free(piece);
    if (fflush(stdout) != 0)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "standard output: %s", strerror(errno));
    return FIRN_OK;
}

int main(int argc, char **argv)
{
    settings s;
    firn_error error = {0};
    firn_model_options model_options = firn_model_options_default();
    model_options.vocabulary_only = true;
    firn_context *context = NULL;
    firn_model *model = NULL;
    listing texts = {0};
    char default_path[TOOL_PATH];
    firn_status status = parse(&s, argc, argv, &error);
    if (status == FIRN_OK && (s.help || s.version))
        return EXIT_SUCCESS;
    if (status == FIRN_OK && s.model == NULL) {
        status = tool_default_checkpoint(default_path, &error);
        s.model = default_path;
    }
    if (status == FIRN_OK)
        status = tool_context_create(0, NULL, &context, &error);
    if (status == FIRN_OK)
        status = firn_model_open(context, s.model, &model_options, &model, &error);
    if (status == FIRN_OK)
        status = take_ids(&s, model, &texts, &error);
    if (status == FIRN_OK)
        status = show(&s, model, &texts, &error);
    if (status != FIRN_OK)
        fprintf(stderr, "tokenize: error: %s\n", error.message);
    free(texts.ids);
    free(texts.starts);
    firn_model_release(model);
    firn_context_release(context);
    return status == FIRN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
