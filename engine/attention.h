/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention of one layer over the caches of a step's sessions. A cache is seen in chunks of KERN_CHUNK positions,
 * counted from position 0; each chunk's result is merged into a row's state in ascending order. Who computes a chunk,
 * and how many rows share it, changes nothing.
 */
#ifndef FIRN_ENGINE_ATTENTION_H
#define FIRN_ENGINE_ATTENTION_H

#include "engine/batch.h"

typedef struct eng_attention {
    firn_batch *batch;
    const eng_layer *layer;
    const eng_wanted *wanted; /* columns that need the result; row i of `attended` is wanted->columns[i] */
} eng_attention;

/*
 * On all threads, when batch->qkv holds the projections of all columns: adds biases, normalises and rotates heads,
 * stores keys and values, attends, and leaves batch->attended [wanted columns][n_heads * head_dim]. Ends with a
 * barrier.
 */
void eng_attend(const eng_attention *attention, uint32_t thread);

#endif
