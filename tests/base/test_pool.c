/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool refuses, how work is divided, how many threads there are by default. Threads at work: plain_pool.c. */
#define _GNU_SOURCE /* affinity */
#include "base/pool.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

Test(pool, thread_counts_have_limits)
{
    static const uint32_t bad[] = {0, BASE_POOL_MAX_THREADS + 1, UINT32_MAX};
    for (int i = 0; i < 3; i++) {
        base_pool *pool;
        firn_error error = {0};
        cr_expect_eq(base_pool_create(bad[i], &pool, &error), FIRN_ERROR_ARGUMENT);
        cr_expect_null(pool);
        cr_expect_not_null(strstr(error.message, "1024"), "%s", error.message);
    }
    base_pool_destroy(NULL);
}

/* As many as the process may run on, unless a quota is lower. */
Test(pool, default_follows_the_affinity)
{
    cpu_set_t all, one;
    cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
    const uint32_t n = base_pool_default_threads();
    cr_expect(n >= 1 && n <= (uint32_t)CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (unsigned i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_expect_eq(base_pool_default_threads(), 1u);
    cr_assert_eq(sched_setaffinity(0, sizeof all, &all), 0);
}

static void take_mask(void *argument, uint32_t thread)
{
    pthread_sigmask(SIG_SETMASK, NULL, &((sigset_t *)argument)[thread]);
}

/* A library's handler that ran in a worker, while the first thread had left the library, ended the program. */
Test(pool, workers_take_no_signals_but_faults)
{
    enum { THREADS = 3 };
    sigset_t masks[THREADS], before;
    base_pool *pool;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cr_assert_eq(base_pool_create(THREADS, &pool, NULL), FIRN_OK);
    base_pool_run(pool, take_mask, masks);
    base_pool_destroy(pool);
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH}, faults[] = {SIGSEGV, SIGBUS, SIGFPE};
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < 4; i++)
            cr_expect_eq(sigismember(&masks[t], taken[i]), t > 0 || sigismember(&before, taken[i]), "thread %d", t);
        for (int i = 0; i < 3; i++)
            cr_expect_eq(sigismember(&masks[t], faults[i]), sigismember(&before, faults[i]), "thread %d", t);
    }
}

typedef struct claims {
    base_pool *pool;
    uint32_t total, n_claims, first, last;
} claims;

/* Alone in its round, the second thread takes its own third, the last and the first, each in order. */
static void claim_as_second(void *argument, uint32_t thread)
{
    claims *const c = argument;
    base_range range;
    uint32_t next = c->total / 3;
    if (thread != 1)
        return;
    for (uint32_t taken = 0; taken < c->total; taken += range.end - range.begin) {
        cr_assert(base_pool_claim(c->pool, thread, c->total, &range));
        cr_assert_eq(range.begin, next % c->total);
        cr_assert_gt(range.end, range.begin);
        next = range.end;
    }
    cr_assert_not(base_pool_claim(c->pool, thread, c->total, &range), "nothing is left");
    c->n_claims++;
}

/* Nothing is lost where a thread doesn't claim, in a round or in many. */
Test(pool, who_is_alone_takes_all_shares)
{
    claims c = {.total = 300};
    cr_assert_eq(base_pool_create(3, &c.pool, NULL), FIRN_OK);
    for (uint32_t run = 0; run < 5; run++)
        base_pool_run(c.pool, claim_as_second, &c);
    cr_expect_eq(c.n_claims, 5u);
    base_pool_destroy(c.pool);
}

/* One thread claims all: in order, without gaps, early pieces larger than late ones. */
static void claim_all(void *argument, uint32_t thread)
{
    claims *const c = argument;
    base_range range;
    uint32_t next = 0, size = UINT32_MAX;
    cr_assert_eq(thread, 0u);
    while (base_pool_claim(c->pool, thread, c->total, &range)) {
        cr_assert_eq(range.begin, next);
        cr_assert_gt(range.end, range.begin);
        cr_assert_leq(range.end - range.begin, size);
        size = range.end - range.begin;
        c->first = c->n_claims == 0 ? size : c->first;
        c->last = size;
        c->n_claims++;
        next = range.end;
    }
    cr_assert_eq(next, c->total);
    cr_assert_not(base_pool_claim(c->pool, thread, c->total, &range), "nothing is left");
}

Test(pool, claims_get_smaller)
{
    claims c = {0};
    cr_assert_eq(base_pool_create(1, &c.pool, NULL), FIRN_OK);
    cr_expect_eq(base_pool_threads(c.pool), 1u);
    for (c.total = 0; c.total < 1000; c.total = c.total * 3 + 1) {
        c.n_claims = 0;
        base_pool_run(c.pool, claim_all, &c);
        cr_expect_eq(c.n_claims == 0, c.total == 0);
    }
    cr_expect_eq(c.last, 1u);
    cr_expect_gt(c.first, c.last);
    base_pool_destroy(c.pool);
}
