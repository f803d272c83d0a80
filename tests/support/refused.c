/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/refused.h"

#include "models/checkpoint.h"

#include <stdio.h>
#include <time.h>

/* Of this process alone, so that a busy machine fails no test; what waits for ever, the runner stops. */
static double milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

bool support_refused(const char *path, firn_status status, const char *const parts[REFUSED_PARTS], char why[800])
{
    mod_checkpoint *checkpoint = NULL;
    firn_error error = {0};
    const double begin = milliseconds();
    const firn_status got = mod_checkpoint_open(path, &(mod_open_options){.check_tensors = true}, &checkpoint, &error);
    const double spent = milliseconds() - begin;
    mod_checkpoint_close(checkpoint);
    if (got != status || error.status != got || (got != FIRN_OK && checkpoint != NULL)) {
        snprintf(why, 800, "%s instead of %s: %s", firn_status_name(got), firn_status_name(status), error.message);
        return false;
    }
    if (strstr(error.message, strrchr(path, '/') + 1) == NULL) {
        snprintf(why, 800, "no file name in: %s", error.message);
        return false;
    }
    for (size_t i = 0; i < REFUSED_PARTS && parts[i] != NULL; i++)
        if (strstr(error.message, parts[i]) == NULL) {
            snprintf(why, 800, "no '%s' in: %s", parts[i], error.message);
            return false;
        }
    if (spent > REFUSED_MOST_MILLISECONDS) {
        snprintf(why, 800, "took %.1f ms: %s", spent, error.message);
        return false;
    }
    return true;
}
