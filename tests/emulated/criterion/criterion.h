/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of Criterion as tests/kernels uses, for programs that run on an emulated CPU, where the library can't: one
 * process, no report file. A failed cr_assert ends its test; the exit status is 1 if anything failed. See
 * plain_levels.py.
 */
#ifndef FIRN_TESTS_EMULATED_CRITERION_H
#define FIRN_TESTS_EMULATED_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emulated_register(const char *name, void (*run)(void));
void emulated_check(bool holds, bool ends_test, const char *file, int line, const char *text, const char *format, ...);
_Noreturn void emulated_skip(void);

#define Test(suite, name)                                                    \
    static void suite##_##name(void);                                        \
    __attribute__((constructor)) static void register_##suite##_##name(void) \
    {                                                                        \
        emulated_register(#suite "::" #name, suite##_##name);                \
    }                                                                        \
    static void suite##_##name(void)

#define EMULATED_CHECK(holds, ends, text, ...) emulated_check(holds, ends, __FILE__, __LINE__, text, "" __VA_ARGS__)

#define cr_assert(condition, ...)        EMULATED_CHECK(condition, true, #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...)    EMULATED_CHECK(!(condition), true, "not " #condition, __VA_ARGS__)
#define cr_assert_not_null(pointer, ...) EMULATED_CHECK((pointer) != NULL, true, #pointer, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)          EMULATED_CHECK((a) == (b), true, #a " == " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)         EMULATED_CHECK((a) <= (b), true, #a " <= " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)   EMULATED_CHECK(memcmp(a, b, n) == 0, true, #a " == " #b, __VA_ARGS__)
#define cr_expect(condition, ...)        EMULATED_CHECK(condition, false, #condition, __VA_ARGS__)
#define cr_expect_not(condition, ...)    EMULATED_CHECK(!(condition), false, "not " #condition, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)          EMULATED_CHECK((a) == (b), false, #a " == " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)         EMULATED_CHECK((a) <= (b), false, #a " <= " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)   EMULATED_CHECK(memcmp(a, b, n) == 0, false, #a " == " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)      EMULATED_CHECK(strcmp(a, b) == 0, false, #a " == " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) \
    EMULATED_CHECK(fabs((double)(a) - (double)(b)) <= (double)(e), false, #a, __VA_ARGS__)
#define cr_skip(...) emulated_skip()

#endif
