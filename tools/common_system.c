/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t tool_peak_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1024 * (uint64_t)usage.ru_maxrss;
}

firn_status tool_draw_seed(uint64_t *seed, firn_error *error)
{
    if (getentropy(seed, sizeof *seed) != 0)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "no seed could be drawn (%s); give one with --seed",
                         strerror(errno));
    *seed >>= 11;
    return FIRN_OK;
}

bool tool_is_terminal(FILE *file)
{
    return isatty(fileno(file)) == 1;
}

bool tool_wants_colour(FILE *file)
{
    const char *const no_colour = getenv("NO_COLOR"), *const terminal = getenv("TERM");
    return tool_is_terminal(file) && (no_colour == NULL || *no_colour == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/* The path of `name` in the folder that the variable names, or else in one at home; false where neither is known. */
static bool in_folder(const char *variable, const char *at_home, const char *name, char path[TOOL_PATH])
{
    const char *const folder = getenv(variable), *const home = getenv("HOME");
    int length = -1;
    if (folder != NULL && *folder != '\0')
        length = snprintf(path, TOOL_PATH, "%s/%s", folder, name);
    else if (home != NULL && *home != '\0')
        length = snprintf(path, TOOL_PATH, "%s/%s/%s", home, at_home, name);
    return length > 0 && length < TOOL_PATH;
}

static bool in_cache(const char *name, char path[TOOL_PATH])
{
    return in_folder("XDG_CACHE_HOME", ".cache", name, path);
}

/* Makes the folders on the way to `path`, for the user alone. Whether it worked shows when that is made. */
static void make_folders(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

firn_status tool_default_checkpoint(char path[TOOL_PATH], firn_error *error)
{
    if (!in_cache("firn/SmolLM2-135M-Instruct.Q4_1.gguf", path))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "no cache folder is known for the default checkpoint; give a checkpoint with -m FILE");
    if (access(path, R_OK) != 0)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET,
                         "the default checkpoint %.300s: %s; ./generate fetches it, or give another with -m FILE", path,
                         strerror(errno));
    return FIRN_OK;
}

firn_status tool_pack_cache(char path[TOOL_PATH], firn_error *error)
{
    if (!in_cache("firn/packs", path))
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--pack-cache: no cache folder is known; set HOME or XDG_CACHE_HOME");
    make_folders(path);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "--pack-cache: %.300s: %s", path, strerror(errno));
    return FIRN_OK;
}

bool tool_history_file(char path[TOOL_PATH])
{
    if (!in_folder("XDG_STATE_HOME", ".local/state", "firn/history", path))
        return false;
    make_folders(path);
    return true;
}
