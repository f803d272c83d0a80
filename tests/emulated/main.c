/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of a program for an emulated CPU: see criterion/criterion.h. */
#include "criterion/criterion.h"

#include <setjmp.h>
#include <stdarg.h>

enum { MOST_TESTS = 256 };

static struct {
    const char *name;
    void (*run)(void);
} tests[MOST_TESTS];
static int n_tests, n_failures;
static jmp_buf end_of_test;

void emulated_register(const char *name, void (*run)(void))
{
    if (n_tests == MOST_TESTS)
        abort();
    tests[n_tests].name = name;
    tests[n_tests++].run = run;
}

void emulated_check(bool holds, bool ends_test, const char *file, int line, const char *text, const char *format, ...)
{
    if (holds)
        return;
    n_failures++;
    printf("%s:%d: %s: ", file, line, text);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    if (ends_test)
        longjmp(end_of_test, 1);
}

_Noreturn void emulated_skip(void)
{
    longjmp(end_of_test, 1);
}

int main(void)
{
    for (volatile int i = 0; i < n_tests; i++) { /* volatile: kept over longjmp */
        const volatile int before = n_failures;
        if (setjmp(end_of_test) == 0)
            tests[i].run();
        printf("%s %s\n", n_failures == before ? "passed" : "failed", tests[i].name);
        fflush(stdout);
    }
    return n_failures != 0;
}
