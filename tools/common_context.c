/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_context.h"

#include "tools/common_system.h"

#include <stdlib.h>

firn_status tool_context_create(uint32_t n_threads, const char *cpu_level, firn_context **out, firn_error *error)
{
    const char *const wanted = getenv("FIRN_CPU_LEVEL");
    const bool from_environment = cpu_level == NULL && wanted != NULL && *wanted != '\0';
    firn_context_options options = firn_context_options_default();
    options.n_threads = n_threads;
    options.cpu_level = from_environment ? wanted : cpu_level;
    firn_error fault = {0};
    const firn_status status = firn_context_create(&options, out, &fault);
    if (status == FIRN_OK)
        return FIRN_OK;
    return base_fail(error, status, fault.offset, "%s%s", from_environment ? "FIRN_CPU_LEVEL: " : "", fault.message);
}

firn_status tool_model_open(firn_context *context, const char *path, firn_model_options options, bool pack_cache,
                            firn_model **out, firn_error *error)
{
    char folder[TOOL_PATH];
    if (pack_cache) {
        const firn_status status = tool_pack_cache(folder, error);
        if (status != FIRN_OK)
            return status;
        options.pack_cache = folder;
    }
    return firn_model_open(context, path, &options, out, error);
}
