/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine used from several threads at once, for ThreadSanitizer and without: two contexts beside each other, and
 * sessions of one model that take turns on its pool. Each gives the logits that it gives alone.
 */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 4, TOKENS = 24, ROOM = 64 };

/* One thread's session; its text is its own. */
typedef struct user {
    firn_model *model;
    uint64_t seed;
    uint32_t n_vocab;
    float *logits; /* [n_vocab] after the last token */
    uint64_t hash; /* of the parameters, read while others compute */
} user;

static void *use(void *argument)
{
    user *const u = argument;
    firn_session *const session = support_session(u->model, ROOM, 7);
    int32_t ids[TOKENS];
    support_ids(u->seed, u->n_vocab, ids, TOKENS);
    support_append(session, ids, TOKENS - 8);
    for (int i = TOKENS - 8; i < TOKENS; i++)
        support_append(session, ids + i, 1);
    memcpy(u->logits, firn_session_logits(session), u->n_vocab * sizeof *u->logits);
    u->hash = firn_model_hash(u->model);
    firn_session_release(session);
    return NULL;
}

static void prepare(user *u, firn_model *model, uint64_t seed)
{
    *u = (user){.model = model, .seed = seed, .n_vocab = firn_model_describe(model).n_vocab};
    u->logits = malloc(u->n_vocab * sizeof *u->logits);
    if (u->logits == NULL)
        abort();
}

/* All at once, then each alone. */
static bool equal_alone(user users[USERS])
{
    pthread_t threads[USERS];
    bool good = true;
    for (int i = 0; i < USERS; i++)
        if (pthread_create(&threads[i], NULL, use, &users[i]) != 0)
            abort();
    for (int i = 0; i < USERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < USERS; i++) {
        user alone;
        prepare(&alone, users[i].model, users[i].seed);
        use(&alone);
        if (memcmp(alone.logits, users[i].logits, alone.n_vocab * sizeof *alone.logits) != 0 ||
            alone.hash != users[i].hash) {
            fprintf(stderr, "user %d: not what it is alone\n", i);
            good = false;
        }
        free(alone.logits), free(users[i].logits);
    }
    return good;
}

/* Two users of a model of each context; models may share one. */
static bool try_contexts(const char *path, bool one_model)
{
    firn_context *const contexts[2] = {support_context(2, NULL), support_context(3, NULL)};
    firn_model *const models[2] = {support_model(contexts[0], path), support_model(contexts[1], path)};
    user users[USERS];
    for (int i = 0; i < USERS; i++)
        prepare(&users[i], models[one_model ? 0 : i % 2], (uint64_t)i + 1);
    const bool good = equal_alone(users);
    for (int i = 0; i < 2; i++) {
        firn_context_release(contexts[i]);
        firn_model_release(models[i]);
    }
    return good;
}

/* Each makes a context, a model and a session of its own, and ends them. */
static void *live(void *path)
{
    firn_context *const context = support_context(2, "scalar");
    firn_model *const model = support_model(context, path);
    user u;
    prepare(&u, model, 5);
    firn_context_release(context);
    use(&u);
    free(u.logits);
    firn_model_release(model);
    return NULL;
}

int main(void)
{
    tiny_options options = tiny_small("gemma3");
    options.type = KERN_Q4_1;
    char *const path = tiny_write(&options);
    const bool good = try_contexts(path, false) && try_contexts(path, true);
    pthread_t lives[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&lives[i], NULL, live, path) != 0)
            abort();
    for (int i = 0; i < 2; i++)
        pthread_join(lives[i], NULL);
    support_remove(path);
    return good ? 0 : 1;
}
