/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler on three threads, with requests that come from two others, some of which are cancelled there and some of
 * which have guidance or contrast, and a draft model, for ThreadSanitizer and without. Each text is what its request
 * gets alone.
 */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 2, EACH = 12, PROMPT = 80, TOKENS = 12, ROOM = 128 };

typedef struct asked {
    firn_model *model, *weaker; /* weaker: NULL, or there is contrast */
    bool guided;
    int32_t prompt[PROMPT];
    size_t n_prompt;
    int32_t ids[TOKENS];
    size_t n_ids;
    firn_status status;
    atomic_bool ended;
} asked;

typedef struct sender {
    firn_scheduler *scheduler;
    asked all[EACH];
} sender;

static firn_generation_parameters parameters(const asked *a)
{
    firn_generation_parameters p = firn_generation_parameters_default();
    p.seed = 4;
    p.n_predict = TOKENS;
    p.guidance = a->guided ? 2 : 1;
    p.contrast = a->weaker != NULL ? 0.5 : 0;
    return p;
}

/* Guided ones go away from what the second half of their prompt says. */
static firn_generation_options generation_options(const asked *a)
{
    firn_generation_options options = firn_generation_options_default();
    options.n_negative = a->guided ? a->n_prompt / 2 : 0;
    options.negative = a->prompt + a->n_prompt / 2;
    options.weaker = a->weaker;
    return options;
}

static void ended(void *argument, const firn_generation *generation, firn_status status, const firn_error *error)
{
    asked *const a = argument;
    (void)error;
    a->status = status;
    if (generation != NULL) {
        const int32_t *const ids = firn_generation_ids(generation, &a->n_ids);
        memcpy(a->ids, ids, a->n_ids * sizeof *ids);
    }
    atomic_store(&a->ended, true);
}

static void *send_all(void *argument)
{
    sender *const s = argument;
    for (int i = 0; i < EACH; i++) {
        const firn_generation_parameters p = parameters(&s->all[i]);
        const firn_generation_options options = generation_options(&s->all[i]);
        firn_request request = firn_request_default();
        uint64_t ticket;
        request.prompt = s->all[i].prompt;
        request.n_prompt = s->all[i].n_prompt;
        request.parameters = &p;
        request.generation = &options;
        request.ended = ended;
        request.argument = &s->all[i];
        if (firn_scheduler_submit(s->scheduler, &request, &ticket, NULL) != FIRN_OK)
            abort();
        if (i % 5 == 4 && firn_scheduler_cancel(s->scheduler, ticket, NULL) != FIRN_OK)
            abort();
    }
    return NULL;
}

static bool equal_alone(const asked *a)
{
    const firn_generation_parameters p = parameters(a);
    firn_generation_options options = generation_options(a);
    options.n_ctx = ROOM;
    firn_generation *generation;
    firn_session *const session = support_session(a->model, ROOM, 0);
    size_t n_ids;
    support_append(session, a->prompt, a->n_prompt);
    if (firn_generation_create(a->model, &p, &options, a->prompt, a->n_prompt, &generation, NULL) != FIRN_OK)
        abort();
    while (firn_generation_end(generation) == FIRN_END_NOT_YET)
        if (firn_generation_advance(generation, session, NULL) != FIRN_OK)
            abort();
    const int32_t *const ids = firn_generation_ids(generation, &n_ids);
    const bool equal = a->status == FIRN_ERROR_CANCELLED
                           ? a->n_ids <= n_ids && memcmp(a->ids, ids, a->n_ids * sizeof *ids) == 0
                           : a->status == FIRN_OK && a->n_ids == n_ids && memcmp(a->ids, ids, n_ids * sizeof *ids) == 0;
    firn_generation_release(generation);
    firn_session_release(session);
    return equal;
}

/* Random prompts, of which every second begins like the one before. */
static void make_prompts(sender *s, firn_model *model, firn_model *weaker, uint64_t seed)
{
    const uint32_t n_vocab = firn_model_describe(model).n_vocab;
    for (int i = 0; i < EACH; i++) {
        asked *const a = &s->all[i];
        a->model = model;
        a->weaker = i % 4 == 3 ? weaker : NULL;
        a->guided = i % 3 == 1;
        a->n_prompt = PROMPT - (size_t)i * 3;
        support_ids(seed * 100 + (uint64_t)i, n_vocab, a->prompt, a->n_prompt);
        if (i % 2 == 1)
            memcpy(a->prompt, s->all[i - 1].prompt, 70 / (size_t)i * sizeof *a->prompt);
    }
}

static bool all_ended(const sender senders[SENDERS])
{
    for (int t = 0; t < SENDERS; t++)
        for (int i = 0; i < EACH; i++)
            if (!atomic_load(&senders[t].all[i].ended))
                return false;
    return true;
}

int main(void)
{
    const tiny_options options = tiny_quantised("gemma3", 1), other = tiny_quantised("gemma3", 2);
    firn_context *const context = support_context(3, NULL);
    firn_model *const model = support_tiny_model(context, &options);
    firn_model *const weaker = support_tiny_model(context, &other);
    firn_scheduler_options scheduler_options = firn_scheduler_options_default();
    static sender senders[SENDERS];
    firn_scheduler *scheduler;
    pthread_t threads[SENDERS];
    bool good = true;
    scheduler_options.n_ctx = ROOM;
    scheduler_options.n_batch = 48;
    scheduler_options.memory = 5 * firn_model_session_bytes(model, ROOM, support_f16);
    scheduler_options.draft_model = weaker;
    scheduler_options.n_draft_min = 2;
    if (firn_scheduler_create(model, &scheduler_options, &scheduler, NULL) != FIRN_OK)
        abort();
    for (int t = 0; t < SENDERS; t++) {
        senders[t].scheduler = scheduler;
        make_prompts(&senders[t], model, weaker, (uint64_t)t + 1);
        if (pthread_create(&threads[t], NULL, send_all, &senders[t]) != 0)
            abort();
    }
    for (bool more; !all_ended(senders);)
        if (firn_scheduler_step(scheduler, &more, NULL) != FIRN_OK)
            abort();
    for (int t = 0; t < SENDERS; t++)
        pthread_join(threads[t], NULL);
    firn_scheduler_release(scheduler);
    for (int t = 0; t < SENDERS; t++)
        for (int i = 0; i < EACH; i++)
            if (!equal_alone(&senders[t].all[i])) {
                fprintf(stderr, "sender %d, request %d: not what it is alone\n", t, i);
                good = false;
            }
    firn_model_release(weaker);
    firn_model_release(model);
    firn_context_release(context);
    return good ? 0 : 1;
}
