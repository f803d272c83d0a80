/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of Criterion as the tests use, for where the library can't run: on an emulated CPU (plain_levels.py) and
 * under ThreadSanitizer. Each test is a process of its own; the report is Criterion's (--tap=FILE). A failed cr_assert
 * ends its test; the exit status is 1 if anything failed.
 */
#ifndef FIRN_TESTS_EMULATED_CRITERION_H
#define FIRN_TESTS_EMULATED_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct emulated_test {
    const char *suite, *name;
    void (*run)(void), (*init)(void), (*fini)(void);
    int signal;       /* that is to end it; 0: none */
    unsigned timeout; /* not used: the runner has one */
} emulated_test;

void emulated_register(emulated_test test); /* name NULL: a suite, with the init and fini of its tests */
__attribute__((format(printf, 6, 7))) void emulated_check(bool holds, bool ends_test, const char *file, int line,
                                                          const char *text, const char *format, ...);
_Noreturn __attribute__((format(printf, 1, 2))) void emulated_skip(const char *format, ...);
__attribute__((format(printf, 1, 2))) void emulated_log(const char *format, ...);

#define Test(of_suite, of_name, ...)                                                                          \
    static void of_suite##_##of_name(void);                                                                   \
    __attribute__((constructor)) static void register_##of_suite##_##of_name(void)                            \
    {                                                                                                         \
        emulated_register(                                                                                    \
            (emulated_test){.suite = #of_suite, .name = #of_name, .run = of_suite##_##of_name, __VA_ARGS__}); \
    }                                                                                                         \
    static void of_suite##_##of_name(void)
#define TestSuite(of_suite, ...)                                             \
    __attribute__((constructor)) static void register_suite_##of_suite(void) \
    {                                                                        \
        emulated_register((emulated_test){.suite = #of_suite, __VA_ARGS__}); \
    }                                                                        \
    struct emulated_suite_##of_suite

#define EMULATED(holds, ends, text, ...) emulated_check(holds, ends, __FILE__, __LINE__, text, " " __VA_ARGS__)
#define EMULATED_NEAR(a, b, e)           (fabs((double)(a) - (double)(b)) <= (double)(e))

#define cr_assert(condition, ...)        EMULATED(condition, true, #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...)    EMULATED(!(condition), true, "not " #condition, __VA_ARGS__)
#define cr_assert_null(pointer, ...)     EMULATED((pointer) == NULL, true, #pointer " == NULL", __VA_ARGS__)
#define cr_assert_not_null(pointer, ...) EMULATED((pointer) != NULL, true, #pointer, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)          EMULATED((a) == (b), true, #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)         EMULATED((a) != (b), true, #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)          EMULATED((a) < (b), true, #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)         EMULATED((a) <= (b), true, #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)          EMULATED((a) > (b), true, #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)         EMULATED((a) >= (b), true, #a " >= " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)   EMULATED(memcmp(a, b, n) == 0, true, #a " == " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)      EMULATED(strcmp(a, b) == 0, true, #a " == " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)     EMULATED(strcmp(a, b) != 0, true, #a " != " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) EMULATED(EMULATED_NEAR(a, b, e), true, #a " == " #b, __VA_ARGS__)
#define cr_expect(condition, ...)        EMULATED(condition, false, #condition, __VA_ARGS__)
#define cr_expect_not(condition, ...)    EMULATED(!(condition), false, "not " #condition, __VA_ARGS__)
#define cr_expect_null(pointer, ...)     EMULATED((pointer) == NULL, false, #pointer " == NULL", __VA_ARGS__)
#define cr_expect_not_null(pointer, ...) EMULATED((pointer) != NULL, false, #pointer, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)          EMULATED((a) == (b), false, #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)         EMULATED((a) != (b), false, #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)          EMULATED((a) < (b), false, #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)         EMULATED((a) <= (b), false, #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)          EMULATED((a) > (b), false, #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)         EMULATED((a) >= (b), false, #a " >= " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)   EMULATED(memcmp(a, b, n) == 0, false, #a " == " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)      EMULATED(strcmp(a, b) == 0, false, #a " == " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)     EMULATED(strcmp(a, b) != 0, false, #a " != " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) EMULATED(EMULATED_NEAR(a, b, e), false, #a " == " #b, __VA_ARGS__)
#define cr_skip(...)                     emulated_skip(__VA_ARGS__)
#define cr_log_info(...)                 emulated_log(__VA_ARGS__)

#endif
