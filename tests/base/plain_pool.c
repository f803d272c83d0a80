/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool's threads at work, for ThreadSanitizer and without: each piece is claimed exactly once in each round, what was
 * written before a barrier is seen after it (by plain memory, so that a missing order is a data race), callers from
 * several threads take turns, sleeping threads wake, and pools go away at once, used or not.
 */
#include "base/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECES = 97, ROUNDS = 60, CALLERS = 3, CALLS = 30, MOST_THREADS = 16 };

static base_pool *make_pool(uint32_t n_threads)
{
    base_pool *pool;
    firn_error error = {0};
    if (base_pool_create(n_threads, &pool, &error) != FIRN_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    return pool;
}

static void require(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "not so: %s\n", what);
    abort();
}

typedef struct work {
    base_pool *pool;
    uint32_t pieces[PIECES];     /* how often each was done; written without atomics: claims are exclusive */
    uint32_t sums[MOST_THREADS]; /* of each thread: what it saw after the last barrier */
    bool started[MOST_THREADS];
} work;

static void do_rounds(void *argument, uint32_t thread)
{
    work *const w = argument;
    w->started[thread] = true;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t total = 1 + (round * 7) % PIECES;
        base_range range;
        while (base_pool_claim(w->pool, thread, total, &range))
            for (uint32_t i = range.begin; i < range.end; i++)
                w->pieces[i]++;
        base_pool_barrier(w->pool, thread);
        w->sums[thread] = 0;
        for (uint32_t i = 0; i < PIECES; i++)
            w->sums[thread] += w->pieces[i];
        base_pool_barrier(w->pool, thread); /* nobody changes what others still read */
    }
}

/* How much all rounds of one run do. */
static uint32_t expected_pieces(void)
{
    uint32_t sum = 0;
    for (uint32_t round = 0; round < ROUNDS; round++)
        sum += 1 + (round * 7) % PIECES;
    return sum;
}

static void check_rounds(uint32_t n_threads)
{
    work w = {.pool = make_pool(n_threads)};
    require(base_pool_threads(w.pool) == n_threads, "a pool has the threads that were asked for");
    for (uint32_t run = 1; run <= 3; run++) {
        memset(w.started, 0, sizeof w.started);
        base_pool_run(w.pool, do_rounds, &w);
        for (uint32_t t = 0; t < n_threads; t++) {
            require(w.started[t], "every thread runs the task");
            require(w.sums[t] == run * expected_pieces(), "every piece is done once and seen by all");
        }
        const struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL); /* the threads fall asleep */
    }
    base_pool_destroy(w.pool);
}

/* ---- callers ---- */

typedef struct shared {
    base_pool *pool;
    uint32_t inside; /* plain memory: only one caller's task may be running */
    uint32_t done;
} shared;

static void take_turn(void *argument, uint32_t thread)
{
    shared *const s = argument;
    if (thread == 0)
        s->inside++;
    base_pool_barrier(s->pool, thread);
    require(s->inside == 1, "one task at a time");
    base_pool_barrier(s->pool, thread);
    if (thread == 0) {
        s->inside--;
        s->done++;
    }
}

static void *call_often(void *argument)
{
    shared *const s = argument;
    for (int i = 0; i < CALLS; i++)
        base_pool_run(s->pool, take_turn, s);
    return NULL;
}

static void check_callers(uint32_t n_threads)
{
    shared s = {.pool = make_pool(n_threads)};
    pthread_t callers[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        require(pthread_create(&callers[i], NULL, call_often, &s) == 0, "a thread starts");
    for (int i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    require(s.done == CALLERS * CALLS, "every call was run");
    base_pool_destroy(s.pool);
}

int main(void)
{
    static const uint32_t counts[] = {1, 2, 3, 7, MOST_THREADS};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        base_pool_destroy(make_pool(counts[i])); /* never used */
        check_rounds(counts[i]);
    }
    check_callers(1);
    check_callers(2);
    check_callers(5);
    return 0;
}
