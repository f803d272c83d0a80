/* SPDX-License-Identifier: Apache-2.0 */
#include "models/families.h"

#define LAYER(role)  (1u << MOD_##role)
#define GLOBAL(role) (1u << MOD_##role)

/* What every family here has: RMS norms before attention and feed-forward, and a gated feed-forward. */
#define LAYER_COMMON                                                                                                  \
    (LAYER(ATTENTION_NORM) | LAYER(ATTENTION_Q) | LAYER(ATTENTION_K) | LAYER(ATTENTION_V) | LAYER(ATTENTION_OUTPUT) | \
     LAYER(FFN_NORM) | LAYER(FFN_GATE) | LAYER(FFN_UP) | LAYER(FFN_DOWN))
#define LAYER_QKV_BIAS  (LAYER(ATTENTION_Q_BIAS) | LAYER(ATTENTION_K_BIAS) | LAYER(ATTENTION_V_BIAS))
#define LAYER_QK_NORM   (LAYER(ATTENTION_Q_NORM) | LAYER(ATTENTION_K_NORM))
#define LAYER_POST_NORM (LAYER(ATTENTION_POST_NORM) | LAYER(FFN_POST_NORM))
#define GLOBAL_COMMON   (GLOBAL(TOKEN_EMBEDDING) | GLOBAL(OUTPUT_NORM))

static const mod_family families[] = {
    {
        .architecture = "llama",
        .layer_required = LAYER_COMMON,
        .layer_optional = LAYER_QKV_BIAS | LAYER(ATTENTION_OUTPUT_BIAS),
        .global_required = GLOBAL_COMMON,
        .global_optional = GLOBAL(OUTPUT) | GLOBAL(ROPE_FACTORS),
        .rope_pairs = MOD_ROPE_ADJACENT,
        .activation = MOD_SILU,
    },
    {
        .architecture = "qwen2",
        .layer_required = LAYER_COMMON | LAYER_QKV_BIAS,
        .global_required = GLOBAL_COMMON,
        .global_optional = GLOBAL(OUTPUT),
        .rope_pairs = MOD_ROPE_HALVES,
        .activation = MOD_SILU,
    },
    {
        .architecture = "gemma3",
        .layer_required = LAYER_COMMON | LAYER_QK_NORM | LAYER_POST_NORM,
        .global_required = GLOBAL_COMMON,
        .global_optional = GLOBAL(OUTPUT),
        .rope_pairs = MOD_ROPE_HALVES,
        .activation = MOD_GELU_TANH,
        .scales_embedding = true,
        .has_window = true,
        .sliding_window_pattern = 6,
        .n_layers_of_wide_scale = 62, /* 27b */
    },
};

const char mod_family_names[] = "llama, qwen2, gemma3";

const mod_family *mod_family_find(base_slice architecture)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (base_slice_is(architecture, families[i].architecture))
            return &families[i];
    return NULL;
}

#define ROLE_NAME(role, text)     [MOD_##role].name = text,
#define SHAPE(role, size0, size1) [MOD_##role].dims = {MOD_SIZE_##size0, MOD_SIZE_##size1}

const mod_role mod_global_roles[MOD_GLOBAL_ROLES] = {
    MOD_GLOBAL_TENSOR_LIST(ROLE_NAME) SHAPE(TOKEN_EMBEDDING, EMBD, VOCAB),
    SHAPE(OUTPUT_NORM, EMBD, ONE),
    SHAPE(OUTPUT, EMBD, VOCAB),
    SHAPE(ROPE_FACTORS, ROTATED, ONE),
};

const mod_role mod_layer_roles[MOD_LAYER_ROLES] = {
    MOD_LAYER_TENSOR_LIST(ROLE_NAME) SHAPE(ATTENTION_NORM, EMBD, ONE),
    SHAPE(ATTENTION_Q, EMBD, QUERY),
    SHAPE(ATTENTION_Q_BIAS, QUERY, ONE),
    SHAPE(ATTENTION_K, EMBD, KEY),
    SHAPE(ATTENTION_K_BIAS, KEY, ONE),
    SHAPE(ATTENTION_V, EMBD, KEY),
    SHAPE(ATTENTION_V_BIAS, KEY, ONE),
    SHAPE(ATTENTION_OUTPUT, QUERY, EMBD),
    SHAPE(ATTENTION_OUTPUT_BIAS, EMBD, ONE),
    SHAPE(ATTENTION_Q_NORM, HEAD, ONE),
    SHAPE(ATTENTION_K_NORM, HEAD, ONE),
    SHAPE(ATTENTION_POST_NORM, EMBD, ONE),
    SHAPE(FFN_NORM, EMBD, ONE),
    SHAPE(FFN_GATE, EMBD, FF),
    SHAPE(FFN_UP, EMBD, FF),
    SHAPE(FFN_DOWN, FF, EMBD),
    SHAPE(FFN_POST_NORM, EMBD, ONE),
};

uint64_t mod_size_value(mod_size size, const mod_hyperparameters *h)
{
    switch (size) {
#define SIZE_VALUE(name, value, text) \
    case MOD_SIZE_##name:             \
        return value;
        MOD_SIZE_LIST(SIZE_VALUE)
#undef SIZE_VALUE
    }
    return 0;
}

const char *mod_size_text(mod_size size)
{
    static const char *const texts[] = {
#define SIZE_TEXT(name, value, text) text,
        MOD_SIZE_LIST(SIZE_TEXT)
#undef SIZE_TEXT
    };
    return texts[size];
}
