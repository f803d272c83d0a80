/* SPDX-License-Identifier: Apache-2.0 */
/* A session: one timeline of tokens, as their keys and values. Pages of the cache are touched only when used. */
#ifndef FIRN_ENGINE_SESSION_H
#define FIRN_ENGINE_SESSION_H

#include "engine/model.h"

struct firn_session {
    firn_model *model;
    uint32_t n_ctx;
    uint32_t n_batch;    /* of its own batch */
    size_t length;       /* tokens in the timeline */
    firn_batch *own;     /* made when the session is first advanced alone */
    const float *logits; /* after the last token; NULL where there are none */

    /*
     * F16. Keys: [n_layers][n_kv_heads][n_ctx / 16][head_dim][16], values: [n_layers][n_kv_heads][n_ctx][head_dim],
     * with n_ctx rounded up to a whole chunk.
     */
    uint16_t *keys, *values;
    size_t head_elements; /* of one layer's key head in either */
    void *map;            /* both */
    size_t map_bytes;
};

#endif
