/* SPDX-License-Identifier: Apache-2.0 */
/* Texts encoded by several threads have the ids that each has by itself, and an error is the first text's. */
#include "engine/firn.h"
#include "tests/support/checkpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_TEXTS = 500, SKIPPED = 77 };

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        exit(EXIT_FAILURE);
    }
}

/* Overlapping parts of one text, many of them empty or short and some long. */
static void make_texts(const char *all, size_t length, firn_text *texts)
{
    for (size_t i = 0; i < N_TEXTS; i++) {
        const size_t from = i * 7919 % length;
        const size_t wanted = i % 50 == 0 ? 20000 : i * i % 97;
        texts[i] = (firn_text){all + from, wanted < length - from ? wanted : length - from};
    }
}

static void compare(const firn_model *model, const firn_text *texts)
{
    int32_t *ids, *one;
    size_t *starts, n;
    require(firn_tokenize_many(model, texts, N_TEXTS, FIRN_ADD_SPECIAL, &ids, &starts, NULL) == FIRN_OK, "many");
    require(starts[0] == 0, "the first text's ids are not at the begin");
    for (size_t i = 0; i < N_TEXTS; i++) {
        require(firn_tokenize(model, texts[i].data, texts[i].length, FIRN_ADD_SPECIAL, &one, &n, NULL) == FIRN_OK,
                "one");
        require(n == starts[i + 1] - starts[i] && (n == 0 || memcmp(one, ids + starts[i], n * sizeof *ids) == 0),
                "a text has other ids among many");
        free(one);
    }
    free(ids);
    free(starts);
    require(firn_tokenize_many(model, NULL, 0, 0, &ids, &starts, NULL) == FIRN_OK && starts[0] == 0, "no texts");
    free(ids);
    free(starts);
    firn_text wrong[3] = {texts[0], {texts[0].data, (size_t)1 << 31}, texts[1]};
    firn_error error = {0};
    require(firn_tokenize_many(model, wrong, 3, 0, &ids, &starts, &error) == FIRN_ERROR_LIMIT && !ids && !starts &&
                strstr(error.message, "2147483648 bytes") != NULL,
            "a text that is too long");
}

int main(void)
{
    char *const path = support_checkpoint("SmolLM2-135M-Instruct.Q4_1.gguf");
    if (path == NULL) {
        puts("SmolLM2-135M-Instruct.Q4_1.gguf is not there");
        return SKIPPED;
    }
    char *const source = support_source("tests/data/tokenizer/real/strings.json");
    unsigned long length;
    char *const all = support_read_file(source, &length);
    firn_text texts[N_TEXTS];
    make_texts(all, length, texts);
    for (uint32_t n_threads = 1; n_threads <= 5; n_threads += 4) {
        firn_context_options context_options = firn_context_options_default();
        firn_model_options model_options = firn_model_options_default();
        firn_context *context;
        firn_model *model;
        context_options.n_threads = n_threads;
        model_options.vocabulary_only = true;
        require(firn_context_create(&context_options, &context, NULL) == FIRN_OK, "context");
        require(firn_model_open(context, path, &model_options, &model, NULL) == FIRN_OK, "model");
        compare(model, texts);
        firn_model_release(model);
        firn_context_release(context);
    }
    free(all);
    free(source);
    free(path);
    return EXIT_SUCCESS;
}
