/* SPDX-License-Identifier: Apache-2.0 */
/* A context is a pool of threads and a table of kernels; models and sessions hold references to it. */
#ifndef FIRN_ENGINE_CONTEXT_H
#define FIRN_ENGINE_CONTEXT_H

#include "base/pool.h"
#include "engine/firn.h"
#include "kernels/kernels.h"

#include <stdatomic.h>

struct firn_context {
    atomic_uint references;
    base_pool *pool;
    kern_table kernels;
};

void eng_context_retain(firn_context *context);
kern_level eng_model_level(const firn_model *model); /* of its context's kernels */

#endif
