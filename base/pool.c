/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#else
#include <time.h>
#endif

enum {
    CACHE_LINE = 64,
    SPINS_BEFORE_YIELD = 400, /* pauses: some 5 to 15 microseconds */
    YIELDS_BEFORE_SLEEP = 2,  /* a yield seldom gives the core to the thread that is waited for; sleeping does */
};

/*
 * How many pieces of a thread's share have been taken, from its beginning, times two, plus the lowest bit of the round.
 * With the other bit it is of the round before, which means that nothing is taken yet.
 */
typedef struct progress {
    _Alignas(CACHE_LINE) atomic_uint taken;
} progress;

struct base_pool {
    /* each on its own cache line: they are written by different threads at different times */
    _Alignas(CACHE_LINE) atomic_uint epoch;   /* counts the tasks that were started */
    _Alignas(CACHE_LINE) atomic_uint arrived; /* threads that have come to the barrier of this round */
    _Alignas(CACHE_LINE) atomic_uint round;   /* counts the barriers that were passed */
    _Alignas(CACHE_LINE) atomic_uint sleepers;
    atomic_bool busy; /* a caller's task is running */
    atomic_bool stop;
    base_pool_task task;
    void *argument;
    uint32_t n_threads;
    uint32_t spins; /* 0 where there are more threads than processors: waiting would take a core from a worker */
    struct worker {
        base_pool *pool;
        pthread_t thread;
        uint32_t index;
    } * workers;      /* [n_threads - 1] */
    progress *shares; /* [n_threads] */
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void sleep_while_equal(atomic_uint *word, unsigned value)
{
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    (void)word, (void)value;
    nanosleep(&(struct timespec){0, 50000}, NULL);
#endif
}

static void wake_all(atomic_uint *word)
{
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, BASE_POOL_MAX_THREADS, NULL, NULL, 0);
#else
    (void)word;
#endif
}

/* Waits until *word is no longer `value`: spins, yields, then sleeps. Whoever changes it calls `changed`. */
static void wait_for_change(base_pool *pool, atomic_uint *word, unsigned value)
{
    for (uint32_t i = 0; i < pool->spins; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            return;
        pause_briefly();
    }
    for (uint32_t i = 0; i < YIELDS_BEFORE_SLEEP; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            return;
        sched_yield();
    }
    while (atomic_load_explicit(word, memory_order_acquire) == value) {
        /* sequentially consistent with `changed`, so that one of the two sees the other */
        atomic_fetch_add(&pool->sleepers, 1);
        if (atomic_load(word) == value)
            sleep_while_equal(word, value);
        atomic_fetch_sub(&pool->sleepers, 1);
    }
}

/* After a sequentially consistent change of *word: wakes who sleeps on it. */
static void changed(base_pool *pool, atomic_uint *word)
{
    if (atomic_load(&pool->sleepers) > 0)
        wake_all(word);
}

static void *worker_main(void *argument)
{
    struct worker *const worker = argument;
    base_pool *const pool = worker->pool;
    for (unsigned epoch = 0;; epoch++) {
        wait_for_change(pool, &pool->epoch, epoch);
        if (atomic_load(&pool->stop))
            return NULL;
        pool->task(pool->argument, worker->index);
        base_pool_barrier(pool, worker->index);
    }
}

/*
 * Workers take no signals: handlers, such as those of a library for terminals, expect the thread that set them. Faults
 * are the business of the thread that has them.
 */
static void block_signals(sigset_t *before)
{
    static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t signals;
    sigfillset(&signals);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&signals, faults[i]);
    pthread_sigmask(SIG_BLOCK, &signals, before);
}

static void start_epoch(base_pool *pool)
{
    atomic_fetch_add(&pool->epoch, 1);
    changed(pool, &pool->epoch);
}

firn_status base_pool_create(uint32_t n_threads, base_pool **out, firn_error *error)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > BASE_POOL_MAX_THREADS)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "threads: %u is not from 1 to %d", n_threads,
                         BASE_POOL_MAX_THREADS);
    base_pool *const pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    struct worker *const workers = calloc(n_threads, sizeof *workers);
    progress *const shares = aligned_alloc(CACHE_LINE, n_threads * sizeof *shares);
    if (pool == NULL || workers == NULL || shares == NULL) {
        free(pool);
        free(workers);
        free(shares);
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a pool of %u threads", n_threads);
    }
    *pool = (base_pool){.n_threads = 1, .workers = workers, .shares = shares};
    for (uint32_t i = 0; i < n_threads; i++)
        atomic_init(&shares[i].taken, 0);
    pool->spins = n_threads <= base_pool_default_threads() ? SPINS_BEFORE_YIELD : 0;
    sigset_t signals;
    block_signals(&signals); /* as threads begin with the mask of the one that starts them */
    for (uint32_t i = 1; i < n_threads; i++) {
        struct worker *const worker = &workers[i - 1];
        *worker = (struct worker){.pool = pool, .index = i};
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
            break;
        pool->n_threads = i + 1; /* workers read it only inside a task */
    }
    pthread_sigmask(SIG_SETMASK, &signals, NULL);
    const uint32_t n_started = pool->n_threads;
    if (n_started < n_threads) {
        base_pool_destroy(pool);
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET,
                         "thread %u of %u could not be started; ask for fewer threads", n_started + 1, n_threads);
    }
    *out = pool;
    return FIRN_OK;
}

void base_pool_destroy(base_pool *pool)
{
    if (pool == NULL)
        return;
    atomic_store(&pool->stop, true);
    start_epoch(pool);
    for (uint32_t i = 1; i < pool->n_threads; i++)
        pthread_join(pool->workers[i - 1].thread, NULL);
    free(pool->workers);
    free(pool->shares);
    free(pool);
}

uint32_t base_pool_threads(const base_pool *pool)
{
    return pool->n_threads;
}

void base_pool_run(base_pool *pool, base_pool_task task, void *argument)
{
    while (atomic_exchange_explicit(&pool->busy, true, memory_order_acquire))
        sched_yield();
    pool->task = task;
    pool->argument = argument;
    if (pool->n_threads > 1)
        start_epoch(pool);
    task(argument, 0);
    base_pool_barrier(pool, 0);
    atomic_store_explicit(&pool->busy, false, memory_order_release);
}

static unsigned taken_in_round(unsigned taken, unsigned round)
{
    return ((taken ^ round) & 1) == 0 ? taken : round & 1;
}

/* A share that nobody touched must not be two rounds old, where its bit would be right again. */
static void keep_share_current(progress *own, unsigned round)
{
    unsigned taken = atomic_load_explicit(&own->taken, memory_order_relaxed);
    const unsigned current = taken_in_round(taken, round);
    if (taken != current) /* if this fails, someone else has made it current */
        atomic_compare_exchange_strong_explicit(&own->taken, &taken, current, memory_order_relaxed,
                                                memory_order_relaxed);
}

void base_pool_barrier(base_pool *pool, uint32_t thread)
{
    const unsigned round = atomic_load_explicit(&pool->round, memory_order_relaxed);
    keep_share_current(&pool->shares[thread], round);
    if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == pool->n_threads) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        atomic_store(&pool->round, round + 1);
        changed(pool, &pool->round);
    } else {
        wait_for_change(pool, &pool->round, round);
    }
}

base_range base_pool_share(const base_pool *pool, uint32_t thread, uint32_t total)
{
    return (base_range){(uint32_t)((uint64_t)total * thread / pool->n_threads),
                        (uint32_t)((uint64_t)total * (thread + 1) / pool->n_threads)};
}

/* Takes the next pieces of the share of `owner`: a part of what is left. */
static bool take(base_pool *pool, uint32_t owner, uint32_t part, uint32_t total, base_range *range)
{
    const base_range share = base_pool_share(pool, owner, total);
    const unsigned round = atomic_load_explicit(&pool->round, memory_order_relaxed);
    atomic_uint *const word = &pool->shares[owner].taken;
    unsigned taken = atomic_load_explicit(word, memory_order_relaxed), then;
    do {
        const unsigned now = taken_in_round(taken, round);
        const uint32_t first = share.begin + (now >> 1);
        if (first == share.end)
            return false;
        const uint32_t n = (share.end - first + part - 1) / part;
        *range = (base_range){first, first + n};
        then = now + 2 * n;
    } while (!atomic_compare_exchange_weak_explicit(word, &taken, then, memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool base_pool_claim(base_pool *pool, uint32_t thread, uint32_t total, base_range *range)
{
    enum { PART_OF_OWN = 4, PART_OF_OTHERS = 2 };
    for (uint32_t i = 0; i < pool->n_threads; i++)
        if (take(pool, (thread + i) % pool->n_threads, i == 0 ? PART_OF_OWN : PART_OF_OTHERS, total, range))
            return true;
    return false;
}

/* The quota of cgroup v2 in whole processors, rounded up; 0 where there is none. */
static uint32_t cgroup_limit(void)
{
    FILE *const file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file == NULL)
        return 0;
    unsigned long long quota, period;
    const int n = fscanf(file, "%llu %llu", &quota, &period);
    fclose(file);
    if (n != 2 || period == 0 || quota == 0)
        return 0;
    const unsigned long long limit = (quota + period - 1) / period;
    return limit < BASE_POOL_MAX_THREADS ? (uint32_t)limit : BASE_POOL_MAX_THREADS;
}

uint32_t base_pool_default_threads(void)
{
    uint32_t count = 0;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = (uint32_t)CPU_COUNT(&set);
#endif
    if (count == 0) {
        const long online = sysconf(_SC_NPROCESSORS_ONLN);
        count = online > 0 ? (uint32_t)online : 1;
    }
    const uint32_t limit = cgroup_limit();
    if (limit > 0 && limit < count)
        count = limit;
    return count < BASE_POOL_MAX_THREADS ? count : BASE_POOL_MAX_THREADS;
}
