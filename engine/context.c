/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

firn_context_options firn_context_options_default(void)
{
    return (firn_context_options){.size = sizeof(firn_context_options)};
}

static firn_status choose_level(const char *name, kern_level *level, firn_error *error)
{
    *level = kern_level_detect();
    if (name == NULL || (kern_level_find(name, level) && kern_level_available(*level)))
        return FIRN_OK;
    char list[128] = "";
    for (int i = 0; i < KERN_LEVELS; i++) {
        const size_t length = strlen(list);
        if (kern_level_available((kern_level)i))
            snprintf(list + length, sizeof list - length, "%s%s", length == 0 ? "" : ", ",
                     kern_level_name((kern_level)i));
    }
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "cpu level '%.60s' is not one that this machine has; allowed here: %s", name, list);
}

firn_status firn_context_create(const firn_context_options *options, firn_context **out, firn_error *error)
{
    *out = NULL;
    const firn_context_options chosen = options != NULL ? *options : firn_context_options_default();
    kern_level level;
    firn_status status = choose_level(chosen.cpu_level, &level, error);
    if (status != FIRN_OK)
        return status;
    firn_context *const context = calloc(1, sizeof *context);
    if (context == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a context");
    atomic_init(&context->references, 1);
    context->kernels = kern_table_for(level);
    const uint32_t n_threads = chosen.n_threads != 0 ? chosen.n_threads : base_pool_default_threads();
    status = base_pool_create(n_threads, &context->pool, error);
    if (status != FIRN_OK) {
        free(context);
        return status;
    }
    *out = context;
    return FIRN_OK;
}

void eng_context_retain(firn_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
}

void firn_context_release(firn_context *context)
{
    if (context == NULL || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
        return;
    base_pool_destroy(context->pool);
    free(context);
}

uint32_t firn_context_threads(const firn_context *context)
{
    return base_pool_threads(context->pool);
}

const char *firn_context_cpu_level(const firn_context *context)
{
    return kern_level_name(context->kernels.level);
}
