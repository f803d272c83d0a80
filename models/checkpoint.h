/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An opened checkpoint: what is on disk, checked and bound to names, and nothing computed. Everything here points into
 * a read-only map of the file and stays valid until mod_checkpoint_close.
 */
#ifndef FIRN_MODELS_CHECKPOINT_H
#define FIRN_MODELS_CHECKPOINT_H

#include "base/arena.h"
#include "base/file_map.h"
#include "base/slice.h"
#include "base/status.h"
#include "kernels/types.h"

#include <stdbool.h>
#include <stdint.h>

/* A tensor of the file. dims[0] is the fastest: a matmul weight has dims[0] inputs (k) and dims[1] outputs (rows). */
typedef struct mod_tensor {
    base_slice name;
    kern_type type;
    uint32_t n_dims;  /* 1 to 4 */
    uint64_t dims[4]; /* unused ones are 1 */
    const void *data; /* in the map, aligned to the file's alignment */
    uint64_t bytes;
    uint64_t offset; /* of the data in the file */
} mod_tensor;

/* Tensors that belong to no layer. X(role, GGUF name) */
#define MOD_GLOBAL_TENSOR_LIST(X)           \
    X(TOKEN_EMBEDDING, "token_embd.weight") \
    X(OUTPUT_NORM, "output_norm.weight")    \
    X(OUTPUT, "output.weight")              \
    X(ROPE_FACTORS, "rope_freqs.weight")

/* Tensors of layer N, called "blk.N." + name. X(role, GGUF name) */
#define MOD_LAYER_TENSOR_LIST(X)                         \
    X(ATTENTION_NORM, "attn_norm.weight")                \
    X(ATTENTION_Q, "attn_q.weight")                      \
    X(ATTENTION_Q_BIAS, "attn_q.bias")                   \
    X(ATTENTION_K, "attn_k.weight")                      \
    X(ATTENTION_K_BIAS, "attn_k.bias")                   \
    X(ATTENTION_V, "attn_v.weight")                      \
    X(ATTENTION_V_BIAS, "attn_v.bias")                   \
    X(ATTENTION_OUTPUT, "attn_output.weight")            \
    X(ATTENTION_OUTPUT_BIAS, "attn_output.bias")         \
    X(ATTENTION_Q_NORM, "attn_q_norm.weight")            \
    X(ATTENTION_K_NORM, "attn_k_norm.weight")            \
    X(ATTENTION_POST_NORM, "post_attention_norm.weight") \
    X(FFN_NORM, "ffn_norm.weight")                       \
    X(FFN_GATE, "ffn_gate.weight")                       \
    X(FFN_UP, "ffn_up.weight")                           \
    X(FFN_DOWN, "ffn_down.weight")                       \
    X(FFN_POST_NORM, "post_ffw_norm.weight")

typedef enum mod_global_role {
#define MOD_ROLE_ENUM(role, name) MOD_##role,
    MOD_GLOBAL_TENSOR_LIST(MOD_ROLE_ENUM) MOD_GLOBAL_ROLES
} mod_global_role;

typedef enum mod_layer_role {
    MOD_LAYER_TENSOR_LIST(MOD_ROLE_ENUM)
#undef MOD_ROLE_ENUM
        MOD_LAYER_ROLES
} mod_layer_role;

typedef enum mod_rope_pairs {
    MOD_ROPE_ADJACENT, /* rotates elements (2i, 2i+1): llama as GGUF stores it */
    MOD_ROPE_HALVES,   /* rotates elements (i, i + d/2): qwen2, gemma3 */
} mod_rope_pairs;

typedef enum mod_activation { MOD_SILU, MOD_GELU_TANH } mod_activation;

/* Chosen before training, stored beside the parameters; and what the family's table says of its computation. */
typedef struct mod_hyperparameters {
    base_slice architecture, name; /* "llama"; the checkpoint's own name, may be empty */
    uint32_t n_layers;
    uint32_t n_embd;                 /* width of the residual stream */
    uint32_t n_ff;                   /* width of the feed-forward's inner part */
    uint32_t n_heads;                /* query heads */
    uint32_t n_kv_heads;             /* divides n_heads */
    uint32_t head_dim;               /* of keys, queries and values */
    uint32_t n_vocab;                /* rows of the embedding */
    uint32_t n_ctx_train;            /* positions it was trained for */
    uint32_t sliding_window;         /* positions a local layer sees, itself included; 0: none */
    uint32_t sliding_window_pattern; /* every Nth layer (N-1, 2N-1, …) is global, the others local; 0: all global */
    uint32_t rope_dims;              /* elements of a head that are rotated; even */
    mod_rope_pairs rope_pairs;
    double rope_base;       /* of global layers */
    double rope_base_local; /* of layers with a sliding window */
    double rope_scale;      /* positions are multiplied by this in global layers (linear scaling); 1: none */
    float norm_epsilon;
    mod_activation activation;
    float embedding_scale; /* the embedding row is multiplied by this (gemma: sqrt(n_embd)); 1: none */
    float attention_scale; /* of query·key products; 1/sqrt(head_dim) in most families */
    float logit_softcap;   /* c: logits become c*tanh(logits/c); 0: none */
    uint64_t n_parameters; /* elements of all tensors */
    uint64_t tensor_bytes; /* of all tensors in the file */
} mod_hyperparameters;

/* How an added token is found in a text; the numbers are the tokenizer's. */
enum {
    MOD_ADDED_CONTROL = 1,
    MOD_ADDED_LEFT_SPACE = 2,
    MOD_ADDED_RIGHT_SPACE = 4,
    MOD_ADDED_SINGLE_WORD = 8,
    MOD_ADDED_NORMALISED = 16
};

/* The vocabulary as plain arrays, for the tokenizer. */
typedef struct mod_vocabulary {
    base_slice model, pre;    /* tokenizer.ggml.model and .pre; empty where absent */
    const base_slice *tokens; /* [n_tokens] */
    const float *scores;      /* [n_tokens] or NULL */
    const int32_t *types;     /* [n_tokens] or NULL */
    const base_slice *merges; /* [n_merges] */
    uint32_t n_tokens, n_merges;
    int32_t bos, eos, eot, unknown, padding; /* -1 where absent and not implied by the model; below n_tokens */
    bool add_bos, add_eos, add_space_prefix; /* with the defaults that the tokenizer's model implies */
    bool remove_extra_spaces;                /* of SentencePiece; as the next */
    base_slice replacements;                 /* tokenizer.ggml.precompiled_charsmap; empty where absent */
    base_slice chat_template;                /* empty where absent */
    /*
     * A Hugging Face folder: `model` is "BPE", "Unigram" or "WordPiece", and the steps around it are the JSON values of
     * its tokenizer.json (empty where absent).
     */
    bool described;
    base_slice normaliser, pretokeniser, decoder;
    bool byte_fallback, fuse_unknown, ignore_merges;
    base_slice continuing_prefix;   /* WordPiece */
    base_slice word_suffix;         /* BPE */
    uint32_t longest_word;          /* WordPiece: characters */
    const base_slice *merge_rights; /* [n_merges] or NULL; with it, `merges` has the left sides */
    const int32_t *added_ids;       /* [n_added] or NULL: those that the types tell of */
    const uint32_t *added_flags;    /* [n_added] of MOD_ADDED_ */
    uint32_t n_added;
    const int32_t *before, *after; /* [n_before], [n_after]: put around a text */
    uint32_t n_before, n_after;
    base_arena arena;  /* what isn't in the file as it is used */
    base_file_map map; /* of a folder's tokenizer.json */
} mod_vocabulary;

typedef struct mod_checkpoint mod_checkpoint;

typedef struct mod_open_options {
    bool check_tensors; /* also read every tensor for scales that are NaN or infinite (reads the whole file) */
} mod_open_options;

/*
 * Opens a GGUF file (the first part where it is split). On success *out is owned by the caller. On failure *out is
 * NULL and `error` names file, key or tensor, value and limit.
 */
firn_status mod_checkpoint_open(const char *path, const mod_open_options *options, mod_checkpoint **out,
                                firn_error *error);

/*
 * As above for a GGUF file that need only hold a vocabulary: no hyperparameters, no tensors are asked for. Or for a
 * folder as Hugging Face has them: tokenizer.json or tokenizer.model, and beside it tokenizer_config.json,
 * special_tokens_map.json and chat_template.jinja where they are there.
 */
firn_status mod_checkpoint_open_vocabulary(const char *path, mod_checkpoint **out, firn_error *error);
void mod_checkpoint_close(mod_checkpoint *checkpoint); /* NULL is allowed */

const mod_hyperparameters *mod_checkpoint_hyperparameters(const mod_checkpoint *checkpoint);
const mod_vocabulary *mod_checkpoint_vocabulary(const mod_checkpoint *checkpoint);

/* A tensor by its role, with the family's expected shape; NULL where the family has none or it is optional and absent.
 */
const mod_tensor *mod_checkpoint_global(const mod_checkpoint *checkpoint, mod_global_role role);
const mod_tensor *mod_checkpoint_layer(const mod_checkpoint *checkpoint, uint32_t layer, mod_layer_role role);

uint64_t mod_checkpoint_tensor_count(const mod_checkpoint *checkpoint);
const mod_tensor *mod_checkpoint_tensor(const mod_checkpoint *checkpoint, uint64_t index);

/*
 * A number that differs between checkpoints: of their files' sizes and times of change, and of all tensors' names,
 * types, shapes and places.
 */
uint64_t mod_checkpoint_identity(const mod_checkpoint *checkpoint);

/*
 * Fails if a file's size is no longer what it was when it was opened. Reading what a shortened file has lost raises
 * SIGBUS, which a program that wants to end cleanly has to handle.
 */
firn_status mod_checkpoint_recheck(const mod_checkpoint *checkpoint, firn_error *error);

/*
 * Tells the system that the tensor's pages in the map are not needed soon, after a packed copy was made: they leave
 * this process's memory and come back from the file if they are read again.
 */
void mod_checkpoint_release_pages(const mod_checkpoint *checkpoint, const mod_tensor *tensor);

/*
 * All of the map in small pages, or a tensor in large ones, from now on. At first, all tensors are in large pages and
 * what is before them in small ones. The former drops all pages.
 */
void mod_checkpoint_use_small_pages(const mod_checkpoint *checkpoint);
void mod_checkpoint_use_large_pages(const mod_checkpoint *checkpoint, const mod_tensor *tensor);

/* Frees the list of merges, which only the making of a tokenizer reads; the vocabulary then has none. */
void mod_checkpoint_forget_merges(mod_checkpoint *checkpoint);

#endif
