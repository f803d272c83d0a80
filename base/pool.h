/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A team of threads that runs one task at a time, all threads together, with barriers inside the task and work claimed
 * piece by piece. Waiting spins briefly, then gives the core away, then sleeps, so that a step of a few hundred
 * microseconds costs no system call and an oversubscribed machine is not held up.
 *
 * Nothing here decides a result: which thread does a piece of work is left open, what the piece computes is not.
 */
#ifndef FIRN_BASE_POOL_H
#define FIRN_BASE_POOL_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct base_pool base_pool;

/* Runs on every thread of the team; `thread` counts from 0, which is the caller of base_pool_run. */
typedef void (*base_pool_task)(void *argument, uint32_t thread);

enum { BASE_POOL_MAX_THREADS = 1024 };

/* Starts n_threads - 1 threads (1 to BASE_POOL_MAX_THREADS in all). On success *out is the caller's. */
firn_status base_pool_create(uint32_t n_threads, base_pool **out, firn_error *error);
void base_pool_destroy(base_pool *pool); /* NULL is allowed; no task may be running */
uint32_t base_pool_threads(const base_pool *pool);

/* Runs the task on all threads and returns when all have finished. Callers from several threads take turns. */
void base_pool_run(base_pool *pool, base_pool_task task, void *argument);

/*
 * Inside a task: waits until every thread has come here. What any thread wrote before is visible to all after. Also
 * starts a new round of base_pool_claim.
 */
void base_pool_barrier(base_pool *pool, uint32_t thread);

typedef struct base_range {
    uint32_t begin, end;
} base_range;

/* The share of a thread in `total` pieces of work: they lie together, and those of all threads are all. */
base_range base_pool_share(const base_pool *pool, uint32_t thread, uint32_t total);

/*
 * Inside a task: claims pieces of `total` (below 2^31), until none are left. All threads of a round (between two
 * barriers) pass the same total. Each thread takes its own share piece by piece from its beginning, so that memory is
 * read in one stream; then it goes on with what others have left. Early claims are large and late ones small, so that
 * threads finish together even when one of them is slowed down.
 */
bool base_pool_claim(base_pool *pool, uint32_t thread, uint32_t total, base_range *range);

/* How many threads this process may usefully run: the affinity mask, lowered to the cgroup's CPU quota. At least 1. */
uint32_t base_pool_default_threads(void);

#endif
