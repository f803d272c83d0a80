/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session: its KV cache and the buffers of a step. Everything is asked for when the session is made, so that a step
 * allocates nothing; pages are touched only when used.
 */
#ifndef FIRN_ENGINE_SESSION_H
#define FIRN_ENGINE_SESSION_H

#include "engine/model.h"

enum {
    ENG_PRIVATE_COLUMNS = 4, /* up to this many tokens, every thread keeps the residual stream for itself */
    ENG_HEAD_COLUMNS = 8,    /* positions whose logits are computed together */
    ENG_DEFAULT_BATCH = 512,
    ENG_FFN_ROWS = 2 * KERN_TILE_ROWS, /* inner rows that are made together: one activation block of the down matrix */
};

/* A matmul's input rounded to integers, in the form that its weights read; the other may hold anything. */
typedef struct eng_panels {
    uint8_t *int8, *int16;
} eng_panels;

/* Where the residual stream of a step lives: shared by all threads, or a thread's own copy. */
typedef struct eng_stream {
    float *x;          /* [columns][n_embd] */
    float *normed;     /* [columns][n_embd]: the normalised input of the next matmul, */
    eng_panels panels; /* and the same as integers */
} eng_stream;

/* What one thread writes alone. */
typedef struct eng_scratch {
    eng_stream own;      /* ENG_HEAD_COLUMNS columns */
    eng_panels attended; /* attention's output, ENG_PRIVATE_COLUMNS columns of n_heads * head_dim */
    float *gate, *up;    /* [n_batch][ENG_FFN_ROWS] */
    float *block;        /* [n_embd]: one column of a block's output on its way to the residual stream */
    float *queries;      /* [KERN_ATTENTION_ROWS][head_dim] */
    float *attention;    /* kern_attention_scratch */
    float *chunk_out;    /* [KERN_ATTENTION_ROWS][head_dim] */
    float *state_out;    /* the same: merged so far */
    uint8_t *matmul;     /* kern_matmul_scratch */
} eng_scratch;

struct firn_session {
    firn_model *model;
    uint32_t n_ctx, n_batch;
    size_t length;   /* tokens in the timeline */
    bool has_logits; /* `last_logits` belong to the last token */
    const float *last_logits;

    /*
     * F16. Keys: [n_layers][n_kv_heads][n_ctx / 16][head_dim][16], values: [n_layers][n_kv_heads][n_ctx][head_dim],
     * with n_ctx rounded up to a whole chunk.
     */
    uint16_t *keys, *values;
    size_t head_elements; /* of one layer's key head in either */

    /* shared buffers of a step */
    eng_stream shared;
    float *needed_x; /* [n_batch][n_embd]: the columns whose logits are asked for, in the end normalised */
    float *qkv;      /* [n_batch][qkv_stride]: query heads, key heads, value heads */
    float *attended; /* [n_batch][n_heads * head_dim] */
    eng_panels attended_panels;
    float *block_out; /* [n_batch][embd_stride]: of attention, or of the feed-forward */
    float *inner;     /* [n_batch][ff_stride] where the down matrix reads floats; else NULL */
    eng_panels inner_panels;
    float *angles[2];     /* [n_batch][rope_dims / 2][2]: global, local */
    float *logits;        /* [ENG_HEAD_COLUMNS][vocab_stride] */
    float *partial_out;   /* [ENG_PRIVATE_COLUMNS][n_heads][n_chunks][head_dim] */
    float *partial_state; /* the same with [2]: maximum, sum */
    size_t qkv_stride, embd_stride, ff_stride, vocab_stride;
    uint32_t *needed; /* [n_batch]: columns whose logits are asked for, ascending */
    uint32_t *all;    /* [n_batch]: 0, 1, 2, … */

    eng_scratch *scratch; /* [threads] */
    void *map;            /* all of the above */
    size_t map_bytes;
};

#endif
