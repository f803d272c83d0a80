/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a context, a model, a session, a batch and a scheduler while the first, second, third … allocation or memory
 * map fails, that one alone or it and all after it: each time there is an error and no result, nothing is lost (the
 * sanitizers' leak check runs at the end), and what was made before still works.
 */
#include "tests/support/engine.h"
#include "tests/support/refusing_memory.h"
#include "tests/support/tiny_checkpoint.h"

#include <stdio.h>

/* ---- what is made ---- */

/* Things that are there before the call under test. */
typedef struct world {
    const char *path;
    firn_context *context;
    firn_model *model;
} world;

typedef struct call {
    const char *name;
    firn_status (*make)(const world *w, void **out, firn_error *error);
    void (*release)(void *made);
    unsigned least; /* allocations that a call is known to need: fewer, and they are not seen */
} call;

static firn_status make_context(const world *w, void **out, firn_error *error)
{
    firn_context *context;
    firn_context_options options = firn_context_options_default();
    (void)w;
    options.n_threads = 3;
    const firn_status status = firn_context_create(&options, &context, error);
    *out = context;
    return status;
}

static void release_context(void *made)
{
    firn_context_release(made);
}

static firn_status make_model(const world *w, void **out, firn_error *error)
{
    firn_model *model;
    const firn_status status = firn_model_open(w->context, w->path, NULL, &model, error);
    *out = model;
    return status;
}

static void release_model(void *made)
{
    firn_model_release(made);
}

static firn_status make_session(const world *w, void **out, firn_error *error)
{
    firn_session *session;
    const firn_status status = firn_session_create(w->model, NULL, &session, error);
    *out = session;
    return status;
}

static void release_session(void *made)
{
    firn_session_release(made);
}

static firn_status make_batch(const world *w, void **out, firn_error *error)
{
    firn_batch *batch;
    const firn_status status = firn_batch_create(w->model, NULL, &batch, error);
    *out = batch;
    return status;
}

static void release_batch(void *made)
{
    firn_batch_release(made);
}

static firn_status make_scheduler(const world *w, void **out, firn_error *error)
{
    firn_scheduler *scheduler;
    const firn_status status = firn_scheduler_create(w->model, NULL, &scheduler, error);
    *out = scheduler;
    return status;
}

static void release_scheduler(void *made)
{
    firn_scheduler_release(made);
}

static const call calls[] = {
    {"context", make_context, release_context, 3},       {"model", make_model, release_model, 10},
    {"session", make_session, release_session, 2},       {"batch", make_batch, release_batch, 2},
    {"scheduler", make_scheduler, release_scheduler, 5},
};

static firn_status run(const call *c, const world *w, void **made, firn_error *error)
{
    atomic_store(&seen, 0);
    atomic_store(&counting, true);
    const firn_status status = c->make(w, made, error);
    atomic_store(&counting, false);
    return status;
}

/* Gives false, and says why, if anything but a clean refusal came of it. */
static bool refuses_cleanly(const call *c, const world *w)
{
    void *made;
    firn_error error = {0};
    const firn_status status = run(c, w, &made, &error);
    const bool of_file =
        status == FIRN_ERROR_SYSTEM && strstr(error.message, w->path) != NULL; /* its map was refused */
    const bool of_memory = status == FIRN_ERROR_MEMORY && strstr(error.message, "no memory") != NULL;
    if ((of_memory || of_file) && made == NULL)
        return true;
    fprintf(stderr, "%s, allocation %u%s failed: %s: %s\n", c->name, failing, and_all_after ? " and all after" : "",
            firn_status_name(status), error.message);
    if (made != NULL)
        c->release(made);
    return false;
}

static bool try_call(const call *c, const world *w)
{
    void *made;
    failing = 0;
    bool good = run(c, w, &made, NULL) == FIRN_OK;
    const unsigned n_allocations = atomic_load(&seen);
    c->release(made);
    if (n_allocations < c->least) {
        fprintf(stderr, "%s: only %u allocations are seen\n", c->name, n_allocations);
        good = false;
    }
    for (failing = 1; failing <= n_allocations; failing++)
        for (int all = 0; all < 2; all++) {
            and_all_after = all;
            good = refuses_cleanly(c, w) && good;
        }
    return good;
}

int main(void)
{
    static const char *const architectures[] = {"llama", "gemma3"};
    bool good = true;
    counting_maps = true;
    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++) {
        tiny_options options = tiny_small(architectures[i]);
        options.type = KERN_Q4_1;
        char *const path = tiny_write(&options);
        world w = {.path = path, .context = support_context(2, NULL)};
        w.model = support_model(w.context, path);
        for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
            good = try_call(&calls[c], &w) && good;
        firn_session *const session = support_session(w.model, 0, 0); /* all that refused has left no trace */
        support_append(session, (const int32_t[]){1, 5, 9}, 3);
        firn_session_release(session);
        firn_model_release(w.model);
        firn_context_release(w.context);
        support_remove(path);
    }
    return good ? 0 : 1;
}
