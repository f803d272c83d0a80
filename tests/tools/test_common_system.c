/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_system.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(common_system, default_checkpoint_is_in_the_cache_folder)
{
    char home[] = "/tmp/firn-home-XXXXXX", path[TOOL_PATH], folder[64], file[128];
    firn_error error = {0};
    cr_assert_not_null(mkdtemp(home));
    setenv("HOME", home, 1);
    unsetenv("XDG_CACHE_HOME");
    cr_assert_eq(tool_default_checkpoint(path, &error), FIRN_ERROR_IO);
    snprintf(file, sizeof file, "%s/.cache/firn/SmolLM2-135M-Instruct.Q4_1.gguf", home);
    cr_assert(strstr(error.message, file) != NULL && strstr(error.message, "-m FILE") != NULL, "%s", error.message);

    setenv("XDG_CACHE_HOME", home, 1);
    snprintf(folder, sizeof folder, "%s/firn", home);
    snprintf(file, sizeof file, "%s/SmolLM2-135M-Instruct.Q4_1.gguf", folder);
    cr_assert_eq(mkdir(folder, 0700), 0);
    FILE *const made = fopen(file, "w");
    cr_assert_not_null(made);
    fclose(made);
    cr_assert_eq(tool_default_checkpoint(path, &error), FIRN_OK);
    cr_assert_str_eq(path, file);
    unlink(file);
    rmdir(folder);
    rmdir(home);

    unsetenv("HOME");
    setenv("XDG_CACHE_HOME", "", 1);
    cr_assert_eq(tool_default_checkpoint(path, &error), FIRN_ERROR_ARGUMENT);
}

Test(common_system, drawn_seeds_differ_and_fit_a_double)
{
    uint64_t seeds[2] = {0};
    for (int i = 0; i < 2; i++)
        cr_assert_eq(tool_draw_seed(&seeds[i], NULL), FIRN_OK);
    cr_assert(seeds[0] != seeds[1] && (seeds[0] | seeds[1]) >> 53 == 0);
}

Test(common_system, peak_memory_grows_with_use)
{
    enum { BYTES = 64 << 20 };
    const uint64_t before = tool_peak_memory();
    char *const memory = malloc(BYTES);
    cr_assert_not_null(memory);
    memset(memory, 1, BYTES);
    cr_assert_geq(tool_peak_memory(), before + BYTES / 2);
    cr_assert_eq(memory[BYTES - 1], 1);
    free(memory);
}
