/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoded token costs no allocation, no lock, no output and no question to the system: over 256 of them, on every
 * thread, none of the functions below is called by the engine. The linker sends the program's calls through the
 * counting functions (tests/CMakeLists.txt has the same list).
 */
#include "tests/support/engine.h"
#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_bool counting;
static atomic_uint n_calls;
static _Atomic(const char *) last_called;

static void count_call(const char *name)
{
    if (atomic_load(&counting)) {
        atomic_fetch_add(&n_calls, 1);
        atomic_store(&last_called, name);
    }
}

/* X(type of the result, name, parameters, arguments): functions that are passed on after they were counted */
#define COUNTED(X)                                                                                             \
    X(void *, malloc, (size_t size), (size))                                                                   \
    X(void *, calloc, (size_t count, size_t size), (count, size))                                              \
    X(void *, realloc, (void *memory, size_t size), (memory, size))                                            \
    X(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))                               \
    X(int, posix_memalign, (void **memory, size_t alignment, size_t size), (memory, alignment, size))          \
    X(char *, strdup, (const char *text), (text))                                                              \
    X(void *, mmap, (void *address, size_t length, int access, int flags, int file, off_t offset),             \
      (address, length, access, flags, file, offset))                                                          \
    X(int, munmap, (void *address, size_t length), (address, length))                                          \
    X(int, mprotect, (void *address, size_t length, int access), (address, length, access))                    \
    X(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))                                             \
    X(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))                                           \
    X(int, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t * mutex), (condition, mutex))       \
    X(int, pthread_cond_signal, (pthread_cond_t * condition), (condition))                                     \
    X(int, pthread_cond_broadcast, (pthread_cond_t * condition), (condition))                                  \
    X(int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))                                           \
    X(int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))                                           \
    X(ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))                       \
    X(size_t, fwrite, (const void *bytes, size_t size, size_t count, FILE *file), (bytes, size, count, file))  \
    X(int, fputs, (const char *text, FILE *file), (text, file))                                                \
    X(int, fputc, (int character, FILE *file), (character, file))                                              \
    X(int, puts, (const char *text), (text))                                                                   \
    X(int, putchar, (int character), (character))                                                              \
    X(int, vfprintf, (FILE * file, const char *format, va_list arguments), (file, format, arguments))          \
    X(int, vsnprintf, (char *text, size_t size, const char *format, va_list list), (text, size, format, list)) \
    X(char *, getenv, (const char *name), (name))                                                              \
    X(FILE *, fopen, (const char *path, const char *mode), (path, mode))

#define DEFINE_COUNTED(type, name, parameters, arguments) \
    type __real_##name parameters;                        \
    type __wrap_##name parameters;                        \
    type __wrap_##name parameters                         \
    {                                                     \
        count_call(#name);                                \
        return __real_##name arguments;                   \
    }
COUNTED(DEFINE_COUNTED)

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    count_call("free");
    __real_free(memory);
}

/* Stops counting; the name of the function that was called last, or NULL if none was. */
static const char *stop_counting(void)
{
    atomic_store(&counting, false);
    return atomic_load(&n_calls) > 0 ? atomic_load(&last_called) : NULL;
}

static void start_counting(void)
{
    atomic_store(&n_calls, 0);
    atomic_store(&counting, true);
}

/* The counters see what the engine's own calls do; else the tests below show nothing. */
Test(no_allocation, calls_are_seen)
{
    firn_error error;
    start_counting();
    void *volatile memory = malloc(7); /* volatile: the compiler knows what malloc and free amount to */
    cr_expect_str_eq(stop_counting(), "malloc");
    start_counting();
    free(memory);
    cr_expect_str_eq(stop_counting(), "free");
    start_counting();
    fflush(stdout);
    cr_expect_null(stop_counting());
    start_counting();
    base_fail(&error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "%d", 1);
    cr_expect_str_eq(stop_counting(), "vsnprintf");
    start_counting();
    firn_context_release(support_context(1, NULL));
    cr_expect_str_eq(stop_counting(), "free");
}

static void decode(const char *architecture, kern_type type, uint32_t n_threads)
{
    enum { PROMPT = 100, DECODED = 256 };
    tiny_options options = tiny_small(architecture);
    options.type = options.embedding_type = type;
    char *const path = tiny_write(&options);
    firn_context *const context = support_context(n_threads, NULL);
    firn_model *const model = support_model(context, path);
    const uint32_t n_vocab = firn_model_describe(model).n_vocab;
    firn_session *const session = support_session(model, 0, 0);
    firn_generation *generation;
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 1;
    parameters.ignore_eos = true;
    parameters.repeat_penalty = 1.1;
    cr_assert_eq(firn_parameter_set(&parameters, "stop", "[\"this never comes\"]", NULL), FIRN_OK);
    int32_t prompt[PROMPT];
    support_ids(9, n_vocab, prompt, PROMPT);
    support_append(session, prompt, PROMPT);
    firn_generation_options generation_options = firn_generation_options_default();
    generation_options.n_ctx = firn_session_context(session);
    generation_options.n_logprobs = 5;
    cr_assert_eq(firn_generation_create(model, &parameters, &generation_options, prompt, PROMPT, &generation, NULL),
                 FIRN_OK);
    firn_generation_advance(generation, session, NULL);
    firn_generation_advance(generation, session, NULL); /* buffers of this width are there now */

    start_counting();
    for (int i = 0; i < DECODED; i++)
        firn_generation_advance(generation, session, NULL);
    const char *const called = stop_counting();
    cr_expect_null(called, "%s, %u threads: %s was called; %u calls in all", architecture, n_threads, called,
                   atomic_load(&n_calls));
    cr_expect_eq(firn_session_length(session), (size_t)(PROMPT + 1 + DECODED));
    firn_generation_release(generation);
    firn_session_release(session);
    firn_model_release(model);
    firn_context_release(context);
    support_remove(path);
}

/* Several requests, with tokens that come in steps; a page that is taken now and then is no call either. */
Test(no_allocation, scheduler)
{
    enum { PROMPT = 40, REQUESTS = 5, WARM_UP = 4, DECODED = 200 };
    tiny_options options = tiny_small("gemma3");
    options.type = KERN_Q4_1;
    char *const path = tiny_write(&options);
    firn_context *const context = support_context(2, NULL);
    firn_model *const model = support_model(context, path);
    firn_generation_parameters parameters = firn_generation_parameters_default();
    parameters.seed = 1;
    parameters.ignore_eos = true;
    int32_t prompt[PROMPT];
    firn_scheduler *scheduler;
    cr_assert_eq(firn_scheduler_create(model, NULL, &scheduler, NULL), FIRN_OK);
    for (int i = 0; i < REQUESTS; i++) {
        firn_request request = firn_request_default();
        support_ids((uint64_t)i, firn_model_describe(model).n_vocab, prompt, PROMPT);
        request.prompt = prompt;
        request.n_prompt = PROMPT;
        request.parameters = &parameters;
        cr_assert_eq(firn_scheduler_submit(scheduler, &request, NULL, NULL), FIRN_OK);
    }
    bool more;
    for (int i = 0; i < WARM_UP; i++)
        cr_assert_eq(firn_scheduler_step(scheduler, &more, NULL), FIRN_OK);
    start_counting();
    for (int i = 0; i < DECODED; i++)
        firn_scheduler_step(scheduler, &more, NULL);
    const char *const called = stop_counting();
    cr_expect_null(called, "%s was called; %u calls in all", called, atomic_load(&n_calls));
    cr_expect_geq(firn_scheduler_measure(scheduler).n_generated, (uint64_t)REQUESTS * DECODED);
    firn_scheduler_release(scheduler);
    firn_model_release(model);
    firn_context_release(context);
    support_remove(path);
}

Test(no_allocation, llama)
{
    decode("llama", KERN_Q4_1, 2);
}

Test(no_allocation, qwen2)
{
    decode("qwen2", KERN_Q5_0, 1);
}

Test(no_allocation, gemma3)
{
    decode("gemma3", KERN_Q8_0, 3);
}
