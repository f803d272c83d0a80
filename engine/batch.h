/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: the buffers of a step, in which tokens of one or more sessions go through the model together. Everything is
 * asked for when the batch is made, so that a step allocates nothing; pages are touched only when used.
 */
#ifndef FIRN_ENGINE_BATCH_H
#define FIRN_ENGINE_BATCH_H

#include "engine/selection.h"
#include "engine/session.h"

enum {
    ENG_PRIVATE_COLUMNS = 4, /* up to this many tokens, every thread keeps the residual stream for itself */
    ENG_HEAD_COLUMNS = 64,   /* positions whose logits are computed together */
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
    uint8_t *rows;       /* [ENG_SELECT_ROWS] of the head */
} eng_scratch;

/* One token of a step. */
typedef struct eng_column {
    firn_session *session;
    size_t position;
    int32_t id;
    bool stored;     /* its key and value are there already */
    uint32_t n_best; /* highest logits that are wanted, if any are; 0: all */
} eng_column;

/* Logits that are asked for. Texts whose last token was known to all of them share a column. */
typedef struct eng_asked {
    uint32_t needed; /* of the needed columns */
    uint32_t entry;  /* of the call, */
    size_t index;    /* and the token's place in it */
} eng_asked;

/* Columns of one session, next to each other in a list of columns, whose queries go through attention together. */
typedef struct eng_tile {
    uint32_t begin, end;
} eng_tile;

/* The columns for which attention is wanted. */
typedef struct eng_wanted {
    uint32_t *columns; /* [n_batch], ascending */
    eng_tile *tiles;   /* [n_batch]: begin and end count in `columns` */
    uint32_t n_columns, n_tiles;
} eng_wanted;

struct firn_batch {
    firn_model *model; /* not retained by a session's own batch: the session does */
    bool retains_model;
    uint32_t n_batch;  /* columns */
    uint32_t n_chunks; /* chunks of a timeline that partial_out has room for */

    eng_column *columns; /* [n_batch] */
    uint32_t n_columns;
    eng_wanted all, needed; /* every column; those whose logits are asked for, */
    eng_asked *asked;       /* [n_batch] and for whom */
    uint32_t n_asked;
    uint64_t n_computed; /* columns of all steps so far */

    eng_stream shared;
    float *needed_x; /* [n_batch][n_embd]: the needed columns of the stream, in the end normalised */
    float *qkv;      /* [n_batch][qkv_stride]: query heads, key heads, value heads */
    float *attended; /* [n_batch][n_heads * head_dim] */
    eng_panels attended_panels;
    float *block_out; /* [n_batch][embd_stride]: of attention, or of the feed-forward */
    float *inner;     /* [n_batch][ff_stride] where the down matrix reads floats; else NULL */
    eng_panels inner_panels;
    float *angles[2]; /* [n_batch][angles_stride], see eng_rope_angles: global, local */
    size_t angles_stride;
    float *logits;           /* [ENG_HEAD_COLUMNS][vocab_stride] */
    const float **logits_of; /* [ENG_HEAD_COLUMNS] where those of a needed column are */
    eng_selection selection;
    float *partial_out;   /* [ENG_PRIVATE_COLUMNS][n_heads][n_chunks][head_dim] */
    float *partial_state; /* the same with [2]: maximum, sum */
    size_t qkv_stride, embd_stride, ff_stride, vocab_stride;

    eng_scratch *scratch; /* [threads] */
    void *map;            /* all of the above */
    size_t map_bytes;
};

/* Makes a batch of n_batch columns for timelines of up to n_ctx tokens; longer ones work, a little slower at depth. */
firn_status eng_batch_create(firn_model *model, uint32_t n_batch, uint32_t n_ctx, firn_batch **out, firn_error *error);

/* Logits of a step: [n_vocab] after token `index` of an entry. */
typedef struct eng_row {
    size_t entry, index;
    const float *logits;
} eng_row;

/* Given up to ENG_HEAD_COLUMNS rows at once, in order; valid during the call. False cancels. */
typedef bool (*eng_rows_callback)(void *argument, const eng_row *rows, uint32_t n_rows);

/* firn_batch_append with another callback. */
firn_status eng_batch_append(firn_batch *batch, const firn_batch_entry *entries, size_t n_entries,
                             eng_rows_callback callback, void *argument, firn_error *error);

/* Pieces of one memory map: measured with base NULL, then cut. Each is aligned for kernels. */
typedef struct eng_cutter {
    uint8_t *base;
    uint64_t used;
    bool overflow;
} eng_cutter;

void *eng_cut(eng_cutter *cutter, uint64_t count, uint64_t element_bytes);

/* The map that `measure` asks for, or NULL with an error that says what for. */
void *eng_map(const eng_cutter *measure, const char *purpose, firn_error *error);

#endif
