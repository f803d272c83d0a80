/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(firn_status status, const firn_error *error)
{
    if (status == FIRN_OK)
        return;
    fprintf(stderr, "%s: %s\n", firn_status_name(status), error->message);
    abort();
}

firn_context *support_context(uint32_t n_threads, const char *level)
{
    firn_context_options options = firn_context_options_default();
    firn_context *context;
    firn_error error = {0};
    options.n_threads = n_threads;
    options.cpu_level = level;
    require(firn_context_create(&options, &context, &error), &error);
    return context;
}

firn_model *support_model(firn_context *context, const char *path)
{
    firn_model *model;
    firn_error error = {0};
    require(firn_model_open(context, path, NULL, &model, &error), &error);
    return model;
}

firn_model *support_tiny_model(firn_context *context, const tiny_options *options)
{
    char *const path = tiny_write(options);
    firn_model *const model = support_model(context, path);
    support_remove(path);
    return model;
}

firn_model *support_damaged_model(firn_context *context, const tiny_options *options, int32_t id)
{
    gguf_builder *const builder = tiny_build(options);
    gguf_tensor *const embeddings = gguf_find_tensor(builder, "token_embd.weight");
    const size_t row = embeddings->data.size / embeddings->dims[1];
    memset(embeddings->data.data + (size_t)id * row, 0xff, row);
    char *const path = gguf_write(builder);
    gguf_destroy(builder);
    firn_model *const model = support_model(context, path);
    support_remove(path);
    return model;
}

firn_session *support_session_of(firn_model *model, firn_cache_types types, uint32_t n_ctx, uint32_t n_batch)
{
    firn_session_options options = firn_session_options_default();
    firn_session *session;
    firn_error error = {0};
    options.n_ctx = n_ctx;
    options.n_batch = n_batch;
    options.cache_types = types;
    require(firn_session_create(model, &options, &session, &error), &error);
    return session;
}

firn_session *support_session(firn_model *model, uint32_t n_ctx, uint32_t n_batch)
{
    return support_session_of(model, support_f16, n_ctx, n_batch);
}

void support_append(firn_session *session, const int32_t *ids, size_t n_ids)
{
    firn_error error = {0};
    require(firn_session_append(session, ids, n_ids, FIRN_LOGITS_LAST, NULL, NULL, &error), &error);
}

void support_ids(uint64_t seed, uint32_t n_vocab, int32_t *ids, size_t n_ids)
{
    for (size_t i = 0; i < n_ids; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (int32_t)((seed >> 33) % n_vocab);
    }
}

uint64_t support_process_bytes(const char *field)
{
    FILE *const file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kilobytes = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            sscanf(line + strlen(field) + 1, "%llu", &kilobytes);
    if (file == NULL || kilobytes == 0)
        abort();
    fclose(file);
    return kilobytes * 1024;
}
