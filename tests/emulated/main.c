/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of a program where Criterion can't: see criterion/criterion.h. */
#include "criterion/criterion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_TESTS = 256 };

static emulated_test tests[MOST_TESTS];
static int n_tests;
static jmp_buf end_of_test;

/* What a test says of itself, in memory that its process shares with this one. */
static struct {
    int n_failures;
    char skipped[200]; /* why; empty: it wasn't */
} * told;

void emulated_register(emulated_test test)
{
    if (n_tests == MOST_TESTS)
        abort();
    tests[n_tests++] = test;
}

void emulated_check(bool holds, bool ends_test, const char *file, int line, const char *text, const char *format, ...)
{
    if (holds)
        return;
    told->n_failures++;
    printf("%s:%d: %s:", file, line, text);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    if (ends_test)
        longjmp(end_of_test, 1);
}

_Noreturn void emulated_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(told->skipped, sizeof told->skipped, format, arguments);
    va_end(arguments);
    longjmp(end_of_test, 1);
}

void emulated_log(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* In a process of its own. */
static void run(const emulated_test *test)
{
    const emulated_test *suite = NULL;
    for (int i = 0; i < n_tests; i++)
        if (tests[i].name == NULL && strcmp(tests[i].suite, test->suite) == 0)
            suite = &tests[i];
    if (suite != NULL && suite->init != NULL)
        suite->init();
    if (setjmp(end_of_test) == 0)
        test->run();
    if (suite != NULL && suite->fini != NULL)
        suite->fini();
}

static bool passes(const emulated_test *test)
{
    int status = 0;
    told->n_failures = 0;
    told->skipped[0] = '\0';
    fflush(NULL);
    const pid_t process = fork();
    if (process == 0) {
        run(test);
        exit(told->n_failures != 0);
    }
    if (process < 0 || waitpid(process, &status, 0) < 0)
        return false;
    if (test->signal != 0)
        return WIFSIGNALED(status) && WTERMSIG(status) == test->signal;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    FILE *report = NULL;
    int number = 0, n_failed = 0;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--tap=", 6) == 0)
            report = fopen(argv[i] + 6, "w");
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        return EXIT_FAILURE;
    for (int i = 0; i < n_tests; i++) {
        if (tests[i].name == NULL)
            continue;
        const bool good = passes(&tests[i]);
        n_failed += !good;
        number++;
        printf("%s %s::%s\n", good ? "passed" : "failed", tests[i].suite, tests[i].name);
        if (report != NULL)
            fprintf(report, "%sok - %s::%s%s%s\n", good ? "" : "not ", tests[i].suite, tests[i].name,
                    told->skipped[0] != '\0' ? " # SKIP " : "", told->skipped);
    }
    if (report != NULL) {
        fprintf(report, "1..%d\n", number);
        fclose(report);
    }
    return n_failed != 0;
}
