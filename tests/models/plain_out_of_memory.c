/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens checkpoints while the first, second, third … allocation fails, that one alone or it and all after it: each time
 * the error says so, and nothing is lost (the sanitizers' leak check runs at the end).
 */
#include "models/checkpoint.h"

#include "tests/support/refusing_memory.h"
#include "tests/support/tiny_checkpoint.h"

#include <stdio.h>

static firn_status open_either(const char *path, bool vocabulary, mod_checkpoint **out, firn_error *error)
{
    return vocabulary ? mod_checkpoint_open_vocabulary(path, out, error) : mod_checkpoint_open(path, NULL, out, error);
}

/* Gives false, and says why, if anything but a clean refusal came of it. */
static bool refuses_cleanly(const char *path, bool vocabulary)
{
    mod_checkpoint *checkpoint;
    firn_error error = {0};
    seen = 0;
    counting = true;
    const firn_status status = open_either(path, vocabulary, &checkpoint, &error);
    counting = false;
    if (status == FIRN_ERROR_MEMORY && checkpoint == NULL && strstr(error.message, "no memory") != NULL)
        return true;
    fprintf(stderr, "allocation %u%s failed: %s: %s\n", failing, and_all_after ? " and all after" : "",
            firn_status_name(status), error.message);
    mod_checkpoint_close(checkpoint);
    return false;
}

static bool try_file(const char *path, bool vocabulary)
{
    mod_checkpoint *checkpoint;
    failing = seen = 0;
    counting = true;
    const firn_status status = open_either(path, vocabulary, &checkpoint, NULL);
    counting = false;
    mod_checkpoint_close(checkpoint);
    const unsigned n_allocations = seen;
    bool good = status == FIRN_OK && n_allocations >= 8; /* fewer: they are not seen, and the test shows nothing */
    for (failing = 1; failing <= n_allocations; failing++)
        for (int all = 0; all < 2; all++) {
            and_all_after = all;
            good = refuses_cleanly(path, vocabulary) && good;
        }
    return good;
}

int main(void)
{
    static const char *const architectures[] = {"llama", "gemma3"};
    bool good = true;
    for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++) {
        const tiny_options options = tiny_small(architectures[i]);
        char *const path = tiny_write(&options);
        good = try_file(path, false) && good;
        good = try_file(path, true) && good;
        support_remove(path);
    }
    return good ? 0 : 1;
}
