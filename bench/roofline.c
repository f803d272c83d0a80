/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/roofline.h"

#include "base/clock.h"
#include "base/pool.h"
#include "bench/int8.h"
#include "bench/measure.h"
#include "kernels/cpu.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    RUNS = 8,
    READ_RUNS = 32, /* hosts that share their memory slow it down for longer than a few runs take */
    LINE = 64,
    LEAST_BUFFER = 256 << 20, /* bytes; more where the last cache is large */
    SGEMM_WIDTH = 1024,
    INT8_ROUNDS = 1 << 17,
};

static int32_t int8_scalar(uint64_t rounds)
{
    uint8_t weights[BENCH_INT8_ROUND];
    int8_t inputs[BENCH_INT8_ROUND];
    int32_t sum = 0;
    memset(weights, 3, sizeof weights);
    memset(inputs, -5, sizeof inputs);
    for (uint64_t round = 0; round < rounds; round++) {
        __asm__ volatile("" : : "r"(weights), "r"(inputs) : "memory"); /* as if they had changed */
        for (int i = 0; i < BENCH_INT8_ROUND; i++)
            sum += weights[i] * inputs[i];
    }
    return sum;
}

/* The machine's best, whatever level the engine was asked to stay at. */
static bench_int8_loop best_int8_loop(void)
{
#ifdef __x86_64__
    const kern_level level = kern_level_detect();
    if (level >= KERN_LEVEL_AVX512VNNI)
        return bench_int8_avx512vnni;
    if (level >= KERN_LEVEL_AVX2)
        return bench_int8_avx2;
#endif
    return int8_scalar;
}

/* ---- tasks of a thread team ---- */

typedef struct reading {
    const uint8_t *bytes; /* [n_lines][LINE], or written to by the first touch */
    size_t n_lines;
    uint32_t n_threads;
    uint64_t *sums; /* [n_threads][LINE / 8]: so that the reads can't be left out */
} reading;

static void fill(void *argument, uint32_t thread)
{
    const reading *const r = argument;
    const size_t begin = r->n_lines * thread / r->n_threads, end = r->n_lines * (thread + 1) / r->n_threads;
    memset((uint8_t *)r->bytes + begin * LINE, (int)thread + 1, (end - begin) * LINE);
}

static void read_all(void *argument, uint32_t thread)
{
    const reading *const r = argument;
    const size_t begin = r->n_lines * thread / r->n_threads, end = r->n_lines * (thread + 1) / r->n_threads;
    uint64_t sums[LINE / 8] = {0};
    for (size_t i = begin; i < end; i++) {
        uint64_t words[LINE / 8];
        memcpy(words, r->bytes + i * LINE, LINE);
        for (int j = 0; j < LINE / 8; j++)
            sums[j] += words[j];
    }
    memcpy(r->sums + (size_t)thread * (LINE / 8), sums, sizeof sums);
}

typedef struct multiplying {
    bench_int8_loop loop;
    int32_t *sums; /* [n_threads] */
} multiplying;

static void multiply(void *argument, uint32_t thread)
{
    const multiplying *const m = argument;
    m->sums[thread] = m->loop(INT8_ROUNDS);
}

static double run_seconds(base_pool *pool, base_pool_task task, void *argument)
{
    const double start = base_seconds();
    base_pool_run(pool, task, argument);
    return base_seconds() - start;
}

/* Seconds of the fastest of several runs. */
static double fastest(base_pool *pool, base_pool_task task, void *argument)
{
    double least = run_seconds(pool, task, argument);
    for (int run = 1; run < RUNS; run++)
        least = fmin(least, run_seconds(pool, task, argument));
    return least;
}

/* ---- the three limits ---- */

static firn_status measure_reading(base_pool *pool, bench_roofline *out, firn_error *error)
{
    const long last_cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const size_t bytes = last_cache > LEAST_BUFFER / 8 ? 8 * (size_t)last_cache : LEAST_BUFFER;
    uint8_t *const buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *const sums = calloc(out->n_threads, LINE);
    firn_status status = FIRN_OK;
    if (buffer == MAP_FAILED || sums == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                           "no %zu bytes of memory to measure its bandwidth; leave that out with --no-roofline", bytes);
        goto done;
    }
    madvise(buffer, bytes, MADV_HUGEPAGE); /* as packed weights are; a tenth more than with small pages */
    reading task = {buffer, bytes / LINE, out->n_threads, sums};
    base_pool_run(pool, fill, &task);
    double rates[READ_RUNS];
    for (int run = 0; run < READ_RUNS; run++)
        rates[run] = (double)bytes / run_seconds(pool, read_all, &task);
    bench_sort(rates, READ_RUNS);
    out->read_bytes = rates[READ_RUNS - 1];
    out->median_read_bytes = (rates[READ_RUNS / 2 - 1] + rates[READ_RUNS / 2]) / 2;
done:
    if (buffer != MAP_FAILED)
        munmap(buffer, bytes);
    free(sums);
    return status;
}

static firn_status measure_int8(base_pool *pool, bench_roofline *out, firn_error *error)
{
    multiplying task = {best_int8_loop(), calloc(out->n_threads, sizeof(int32_t))};
    if (task.sums == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the sums of %u threads",
                         out->n_threads);
    const double operations = 2.0 * BENCH_INT8_ROUND * INT8_ROUNDS * out->n_threads;
    out->int8_operations = operations / fastest(pool, multiply, &task);
    free(task.sums);
    return FIRN_OK;
}

static firn_status measure_float(bench_roofline *out, firn_error *error)
{
    const size_t n = SGEMM_WIDTH;
    float *const values = calloc(3 * n * n, sizeof *values);
    if (values == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                         "no memory to measure sgemm; leave that out with --no-roofline");
    openblas_set_num_threads((int)out->n_threads);
    double least = 0;
    for (int run = 0; run < RUNS; run++) {
        const double start = base_seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SGEMM_WIDTH, SGEMM_WIDTH, SGEMM_WIDTH, 1, values,
                    SGEMM_WIDTH, values + n * n, SGEMM_WIDTH, 0, values + 2 * n * n, SGEMM_WIDTH);
        const double seconds = base_seconds() - start;
        least = run == 0 || seconds < least ? seconds : least;
    }
    out->float_operations = 2.0 * SGEMM_WIDTH * SGEMM_WIDTH * SGEMM_WIDTH / least;
    free(values);
    return FIRN_OK;
}

firn_status bench_roofline_measure(uint32_t n_threads, bench_roofline *out, firn_error *error)
{
    base_pool *pool = NULL;
    *out = (bench_roofline){.n_threads = n_threads};
    firn_status status = base_pool_create(n_threads, &pool, error);
    if (status == FIRN_OK)
        status = measure_reading(pool, out, error);
    if (status == FIRN_OK)
        status = measure_int8(pool, out, error);
    base_pool_destroy(pool);
    if (status == FIRN_OK)
        status = measure_float(out, error);
    return status;
}

double bench_roofline_seconds(const bench_roofline *roofline, const firn_work *work, bool *memory)
{
    const double reading_seconds = (double)(work->parameter_bytes + work->cache_bytes) / roofline->read_bytes;
    const double multiplying_seconds = 2.0 * (double)work->integer_multiplies / roofline->int8_operations +
                                       2.0 * (double)work->float_multiplies / roofline->float_operations;
    *memory = reading_seconds >= multiplying_seconds;
    return *memory ? reading_seconds : multiplying_seconds;
}
