/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention of one layer over a session's cache. The cache is seen in chunks of KERN_CHUNK positions, counted from
 * position 0; each chunk's result is merged into a row's state in ascending order. Who computes a chunk, and how many
 * rows share it, changes nothing.
 */
#ifndef FIRN_ENGINE_ATTENTION_H
#define FIRN_ENGINE_ATTENTION_H

#include "engine/session.h"

typedef struct eng_attention {
    firn_session *session;
    const eng_layer *layer;
    uint32_t index;         /* of the layer */
    uint32_t n_columns;     /* tokens of the step, at positions session->length and following */
    const uint32_t *wanted; /* [n_wanted] columns that need the result, ascending; row i of `attended` is wanted[i] */
    uint32_t n_wanted;
} eng_attention;

/*
 * On all threads, when session->qkv holds the projections of all columns: adds biases, normalises and rotates heads,
 * stores keys and values, attends, and leaves session->attended [n_wanted][n_heads * head_dim]. Ends with a barrier.
 */
void eng_attend(const eng_attention *attention, uint32_t thread);

#endif
