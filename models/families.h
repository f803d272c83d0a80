/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families of architectures, as a table: which tensors each has, in which shapes, and what sets its computation
 * apart. A new family that computes with what there is, is one more row in families.c.
 */
#ifndef FIRN_MODELS_FAMILIES_H
#define FIRN_MODELS_FAMILIES_H

#include "models/checkpoint.h"

typedef struct mod_family {
    const char *architecture;                  /* GGUF's general.architecture, which its keys begin with as well */
    uint32_t layer_required, layer_optional;   /* sets of 1 << mod_layer_role */
    uint32_t global_required, global_optional; /* sets of 1 << mod_global_role */
    mod_rope_pairs rope_pairs;
    mod_activation activation;
    bool scales_embedding;           /* by sqrt(n_embd) */
    bool has_window;                 /* some layers see a sliding window */
    uint32_t sliding_window_pattern; /* where the file doesn't say */
    uint32_t n_layers_of_wide_scale; /* the size with this many layers scales query·key by 1/sqrt(n_embd/n_heads) */
} mod_family;

const mod_family *mod_family_find(base_slice architecture); /* NULL: unknown */
extern const char mod_family_names[];                       /* for messages: "llama, qwen2, …" */

/* Sizes that a tensor's dimensions are made of. X(name, value, text), h: hyperparameters */
#define MOD_SIZE_LIST(X)                                                 \
    X(ONE, 1, "1")                                                       \
    X(EMBD, h->n_embd, "n_embd")                                         \
    X(FF, h->n_ff, "n_ff")                                               \
    X(VOCAB, h->n_vocab, "n_vocab")                                      \
    X(QUERY, (uint64_t)h->n_heads * h->head_dim, "n_heads*head_dim")     \
    X(KEY, (uint64_t)h->n_kv_heads * h->head_dim, "n_kv_heads*head_dim") \
    X(HEAD, h->head_dim, "head_dim")                                     \
    X(ROTATED, h->rope_dims / 2, "rope_dims/2")

typedef enum mod_size {
#define MOD_SIZE_ENUM(name, value, text) MOD_SIZE_##name,
    MOD_SIZE_LIST(MOD_SIZE_ENUM)
#undef MOD_SIZE_ENUM
} mod_size;

/* What a role is called and how large it is, the same in every family. */
typedef struct mod_role {
    const char *name;
    mod_size dims[2]; /* dims[1] is ONE: a vector, always F32 */
} mod_role;
extern const mod_role mod_global_roles[MOD_GLOBAL_ROLES];
extern const mod_role mod_layer_roles[MOD_LAYER_ROLES];

uint64_t mod_size_value(mod_size size, const mod_hyperparameters *h);
const char *mod_size_text(mod_size size);

#endif
