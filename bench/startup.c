/* SPDX-License-Identifier: Apache-2.0 */
/* What a user waits for: a whole process, measured from outside. */
#include "base/clock.h"
#include "bench/measure.h"

#include "tools/common_system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROMPT "The capital of France is" /* five tokens in most vocabularies */

/* The path of a program that lies in the same folder as this one. */
static firn_status find_beside(const char *name, char path[TOOL_PATH], firn_error *error)
{
    const ssize_t length = readlink("/proc/self/exe", path, TOOL_PATH - 1);
    path[length > 0 ? length : 0] = '\0';
    char *const slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash + 1 - path) + strlen(name) >= TOOL_PATH)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "this program's own place can't be found");
    strcpy(slash + 1, name);
    if (access(path, X_OK) != 0)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.300s: %s; --startup runs it: build it first", path,
                         strerror(errno));
    return FIRN_OK;
}

static void become(const char *program, char *const *arguments, int output)
{
    const int nothing = open("/dev/null", O_RDWR);
    if (dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(nothing, STDERR_FILENO) >= 0)
        execv(program, arguments);
    _exit(127);
}

/* Seconds until the first byte of output, or its end where there is none, and the process's peak memory. */
static firn_status run_program(char *const *arguments, double *seconds, uint64_t *peak_memory, firn_error *error)
{
    int ends[2];
    const double start = base_seconds();
    if (pipe(ends) != 0)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "no pipe: %s", strerror(errno));
    const pid_t process = fork();
    if (process == 0)
        become(arguments[0], arguments, ends[1]);
    close(ends[1]);
    char bytes[256];
    ssize_t count = process < 0 ? -1 : read(ends[0], bytes, sizeof bytes);
    *seconds = base_seconds() - start;
    while (count > 0)
        count = read(ends[0], bytes, sizeof bytes);
    close(ends[0]);
    if (process < 0)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "no process: %s", strerror(errno));
    int status = -1;
    struct rusage usage;
    wait4(process, &status, 0, &usage);
    *peak_memory = 1024 * (uint64_t)usage.ru_maxrss;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "%.300s ended with status %d; run it by hand",
                         arguments[0], WIFEXITED(status) ? WEXITSTATUS(status) : status);
    return FIRN_OK;
}

firn_status bench_measure_startup(bench_result *result, const bench_options *options, firn_error *error)
{
    char program[TOOL_PATH], threads[16], file[TOOL_PATH], level[32];
    firn_status status = find_beside("generate", program, error);
    snprintf(threads, sizeof threads, "%u", result->n_threads);
    snprintf(level, sizeof level, "%s", options->cpu_level != NULL ? options->cpu_level : "");
    if (status == FIRN_OK && snprintf(file, sizeof file, "%s", result->file) >= TOOL_PATH)
        status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "a path of more than %d bytes", TOOL_PATH - 1);
    char *arguments[20] = {program,          (char *)"-m", file,          (char *)"-t",
                           threads,          (char *)"-n", (char *)"1",   (char *)"--no-display-prompt",
                           (char *)"--temp", (char *)"0",  (char *)PROMPT};
    size_t count = 11;
    arguments[count++] = (char *)"--raw"; /* a chat template would add some thirty tokens */
    arguments[count++] = (char *)"--raw"; /* a chat template would add some thirty tokens */
    if (options->pack_cache)
        arguments[count++] = (char *)"--pack-cache";
    if (options->cpu_level != NULL) {
        arguments[count++] = (char *)"--cpu";
        arguments[count++] = level;
    }
    result->pair = (bench_pair){5, 1};
    result->startup = true;
    result->n_sequences = 1;
    bench_note_time(result->time);
    double unused;
    if (status == FIRN_OK)
        status = run_program(arguments, &unused, &result->peak_memory, error);
    for (size_t i = 0; i < result->n_samples && status == FIRN_OK; i++)
        status = run_program(arguments, &result->seconds[i], &result->peak_memory, error);
    return status;
}
