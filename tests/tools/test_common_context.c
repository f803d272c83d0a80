/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_context.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The level of a context made with a flag and a value of the variable, either of them NULL; "" where there is none. */
static const char *level_of(const char *flag, const char *variable, firn_error *error)
{
    static char level[32];
    firn_context *context = NULL;
    *error = (firn_error){0};
    unsetenv("FIRN_CPU_LEVEL");
    if (variable != NULL)
        setenv("FIRN_CPU_LEVEL", variable, 1);
    const firn_status status = tool_context_create(1, flag, &context, error);
    cr_assert(status == FIRN_OK || status == FIRN_ERROR_ARGUMENT);
    snprintf(level, sizeof level, "%s", context != NULL ? firn_context_cpu_level(context) : "");
    firn_context_release(context);
    return level;
}

Test(common_context, a_level_is_the_flags_else_the_variables)
{
    firn_error error;
    char best[32];
    snprintf(best, sizeof best, "%s", level_of(NULL, NULL, &error));
    cr_assert_str_eq(level_of(NULL, "", &error), best);
    cr_assert_str_eq(level_of(NULL, "scalar", &error), "scalar");
    cr_assert_str_eq(level_of(best, "scalar", &error), best);
    cr_assert_str_eq(level_of("scalar", "nonsense", &error), "scalar");
}

Test(common_context, a_bad_level_is_told_with_those_there_are)
{
    firn_error error;
    char best[32];
    snprintf(best, sizeof best, "%s", level_of(NULL, NULL, &error));
    cr_assert_str_eq(level_of(NULL, "nonsense", &error), "");
    cr_assert(strstr(error.message, "FIRN_CPU_LEVEL: ") == error.message, "%s", error.message);
    cr_assert(strstr(error.message, "'nonsense'") != NULL && strstr(error.message, "allowed here: scalar") != NULL &&
                  strstr(error.message, best) != NULL,
              "%s", error.message);
    cr_assert_str_eq(level_of("abacus", "scalar", &error), "");
    cr_assert(strstr(error.message, "'abacus'") != NULL && strstr(error.message, "FIRN_CPU_LEVEL") == NULL, "%s",
              error.message);
}
