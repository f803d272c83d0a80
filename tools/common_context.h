/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context as all programs make it. The instruction-set level is the one of the flag, else of the environment
 * variable FIRN_CPU_LEVEL where that is set and not empty, else the best that the CPU has.
 */
#ifndef FIRN_TOOLS_COMMON_CONTEXT_H
#define FIRN_TOOLS_COMMON_CONTEXT_H

#include "engine/firn.h"

/* n_threads may be 0 and cpu_level, which is the flag's, NULL. A level that isn't there is told with those that are. */
firn_status tool_context_create(uint32_t n_threads, const char *cpu_level, firn_context **out, firn_error *error);

/* Opens a model with packed parameters in the user's cache folder where `pack_cache`. */
firn_status tool_model_open(firn_context *context, const char *path, firn_model_options options, bool pack_cache,
                            firn_model **out, firn_error *error);

#endif
