/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model as the engine runs it: the checkpoint's hyperparameters and vocabulary, and its parameters in kernel layout.
 * Everything here is frozen once firn_model_open returns: matrices point into the checkpoint's read-only map or into an
 * arena that is sealed (PROT_READ).
 */
#ifndef FIRN_ENGINE_MODEL_H
#define FIRN_ENGINE_MODEL_H

#include "engine/context.h"
#include "kernels/pack.h"
#include "models/checkpoint.h"
#include "tokenizer/tokenizer.h"

typedef struct eng_layer {
    kern_matrix q, k, v, attention_output;  /* [n_heads * head_dim], [n_kv_heads * head_dim] x 2, [n_embd] rows */
    kern_matrix gate, up, down;             /* [n_ff] x 2, [n_embd] rows */
    const float *attention_norm, *ffn_norm; /* [n_embd] */
    const float *q_bias, *k_bias, *v_bias, *attention_output_bias; /* or NULL, and so below */
    const float *q_norm, *k_norm;                                  /* [head_dim]: each head on its own */
    const float *attention_post_norm, *ffn_post_norm; /* [n_embd]: of a block's output, before it is added */
    bool local;                                       /* sees a sliding window only */
    uint32_t nth;                                     /* of the local, or of the global layers */
} eng_layer;

/* What logits are estimated with. Sealed when it is made. */
typedef struct eng_estimates {
    kern_matrix head; /* as the kernels' matmul_rounded reads it */
    uint8_t *packed;  /* its data */
    float *norms;     /* [n_vocab] of its rows */
} eng_estimates;

struct firn_model {
    atomic_uint references;
    firn_context *context;
    mod_checkpoint *checkpoint;
    const mod_hyperparameters *hyperparameters; /* of the checkpoint */
    tok_tokenizer *tokenizer;
    char *architecture, *name;
    eng_layer *layers;           /* [n_layers] */
    kern_matrix output;          /* [n_vocab] rows: the head */
    const mod_tensor *embedding; /* looked up as it is in the file; NULL where the head's rows serve (tied) */
    const float *output_norm;
    double *frequencies[2]; /* [rope_dims / 2] of global layers, of local ones */
    uint8_t *arena;         /* packed parameters, sealed */
    size_t arena_bytes;
    void *arena_map; /* that the arena lies in: of memory, or of a file in the cache */
    size_t arena_map_bytes;
    bool from_pack_cache;
    _Atomic(firn_vocabulary *) vocabulary; /* NULL until it is asked for */
    _Atomic(eng_estimates *) estimates;    /* NULL until selection.c wants them */
    /* of its sessions' keys and values, by the types of both: they change, behind a lock */
    struct eng_pages *pages[FIRN_CACHE_TYPES][FIRN_CACHE_TYPES];
};

void eng_model_retain(firn_model *model);

/* Fails where the model has a vocabulary only. */
firn_status eng_model_check_runs(const firn_model *model, firn_error *error);

/* Fails where an id that both models have is another token in the other one, which the error calls by `role`. */
firn_status eng_models_check_tokens(const firn_model *model, const firn_model *other, const char *role,
                                    firn_error *error);

/* The embedding of a token [n_embd], scaled as the family wants it. `id` is below n_vocab. */
void eng_embed(const firn_model *model, int32_t id, float *out);

#endif
