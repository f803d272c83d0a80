/* SPDX-License-Identifier: Apache-2.0 */
#include "models/hyperparameters.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Far above any real checkpoint, and low enough that products of two fit 64 bits. */
enum {
    WIDTH_HIGHEST = 1 << 24,
    HEADS_HIGHEST = 1 << 16,
    HEAD_DIM_HIGHEST = 1 << 14,
};
#define POSITIONS_HIGHEST   INT32_MAX
#define EPSILON_LOWEST      1e-20
#define ROPE_BASE_HIGHEST   1e12
#define ROPE_FACTOR_LOWEST  1e-3
#define ROPE_FACTOR_HIGHEST 1e6
#define SOFTCAP_HIGHEST     1e6

/* Reads keys "ARCHITECTURE.suffix"; after the first fault the rest is left alone. */
typedef struct key_reader {
    const mod_gguf *file;
    const char *architecture;
    firn_status status;
    firn_error *error;
    char key[96];
} key_reader;

static const char *full_key(key_reader *r, const char *suffix)
{
    snprintf(r->key, sizeof r->key, "%s.%s", r->architecture, suffix);
    return r->key;
}

/* `value` holds the default where the key is not needed. */
static void read_integer(key_reader *r, const char *suffix, mod_need need, uint32_t lowest, uint32_t highest,
                         uint32_t *value)
{
    int64_t number = *value;
    if (r->status == FIRN_OK)
        r->status = mod_gguf_integer(r->file, full_key(r, suffix), need, lowest, highest, &number, r->error);
    *value = (uint32_t)number;
}

static void read_real(key_reader *r, const char *suffix, mod_need need, double lowest, double highest, double *value)
{
    if (r->status == FIRN_OK)
        r->status = mod_gguf_real(r->file, full_key(r, suffix), need, lowest, highest, value, r->error);
}

/* States a rule between values: `text` says it, `value` breaks it. */
static void require(key_reader *r, bool holds, const char *suffix, uint32_t value, const char *text, uint32_t limit)
{
    if (r->status == FIRN_OK && !holds)
        r->status = base_fail(r->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "%s: key '%s' is %" PRIu32 "; %s %" PRIu32,
                              r->file->path, full_key(r, suffix), value, text, limit);
}

static void read_layers(key_reader *r, const mod_family *family, uint64_t n_tensors, mod_hyperparameters *h)
{
    const uint32_t most_layers = (uint32_t)n_tensors / (uint32_t)__builtin_popcount(family->layer_required);
    uint32_t n_experts = 0;
    read_integer(r, "block_count", MOD_REQUIRED, 1, INT32_MAX, &h->n_layers);
    require(r, h->n_layers <= most_layers, "block_count", h->n_layers, "the tensors in the file are enough for at most",
            most_layers);
    read_integer(r, "expert_count", MOD_OPTIONAL, 0, INT32_MAX, &n_experts);
    if (r->status == FIRN_OK && n_experts != 0)
        r->status = base_fail(r->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                              "%s: key '%s' is %" PRIu32 "; mixtures of experts are not supported", r->file->path,
                              full_key(r, "expert_count"), n_experts);
}

static void read_widths(key_reader *r, mod_hyperparameters *h)
{
    read_integer(r, "embedding_length", MOD_REQUIRED, 1, WIDTH_HIGHEST, &h->n_embd);
    read_integer(r, "feed_forward_length", MOD_REQUIRED, 1, WIDTH_HIGHEST, &h->n_ff);
    read_integer(r, "context_length", MOD_REQUIRED, 1, POSITIONS_HIGHEST, &h->n_ctx_train);

    read_integer(r, "attention.head_count", MOD_REQUIRED, 1, HEADS_HIGHEST, &h->n_heads);
    h->n_kv_heads = h->n_heads;
    read_integer(r, "attention.head_count_kv", MOD_OPTIONAL, 1, HEADS_HIGHEST, &h->n_kv_heads);
    if (r->status != FIRN_OK)
        return;
    require(r, h->n_heads % h->n_kv_heads == 0, "attention.head_count_kv", h->n_kv_heads,
            "it has to divide attention.head_count,", h->n_heads);

    const bool divides = h->n_embd % h->n_heads == 0;
    h->head_dim = divides ? h->n_embd / h->n_heads : 0;
    read_integer(r, "attention.key_length", MOD_OPTIONAL, 1, HEAD_DIM_HIGHEST, &h->head_dim);
    require(r, h->head_dim != 0, "embedding_length", h->n_embd,
            "without attention.key_length it has to be a multiple of attention.head_count,", h->n_heads);
    require(r, h->head_dim <= HEAD_DIM_HIGHEST, "embedding_length", h->n_embd,
            "divided by attention.head_count it has to be at most", HEAD_DIM_HIGHEST);
    uint32_t value_length = h->head_dim;
    read_integer(r, "attention.value_length", MOD_OPTIONAL, 1, HEAD_DIM_HIGHEST, &value_length);
    require(r, value_length == h->head_dim, "attention.value_length", value_length, "it has to be as the key length,",
            h->head_dim);
}

static void read_window(key_reader *r, const mod_family *family, mod_hyperparameters *h)
{
    if (!family->has_window)
        return;
    read_integer(r, "attention.sliding_window", MOD_OPTIONAL, 0, POSITIONS_HIGHEST, &h->sliding_window);
    if (h->sliding_window == 0)
        return;
    h->sliding_window_pattern = family->sliding_window_pattern;
    read_integer(r, "attention.sliding_window_pattern", MOD_OPTIONAL, 1, INT32_MAX, &h->sliding_window_pattern);
}

/* Linear scaling is the only kind there is; its factor has two keys, of which the second is the older one. */
static void read_rope_scaling(key_reader *r, mod_hyperparameters *h)
{
    base_slice kind = base_slice_from("linear");
    double factor = 1;
    if (r->status == FIRN_OK)
        r->status = mod_gguf_text(r->file, full_key(r, "rope.scaling.type"), MOD_OPTIONAL, &kind, r->error);
    read_real(r, "rope.scale_linear", MOD_OPTIONAL, ROPE_FACTOR_LOWEST, ROPE_FACTOR_HIGHEST, &factor);
    read_real(r, "rope.scaling.factor", MOD_OPTIONAL, ROPE_FACTOR_LOWEST, ROPE_FACTOR_HIGHEST, &factor);
    const bool none = base_slice_is(kind, "none");
    if (r->status == FIRN_OK && !none && !base_slice_is(kind, "linear"))
        r->status = base_fail(r->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                              "%s: key '%s' is '%.*s'; 'none' and 'linear' are supported", r->file->path,
                              full_key(r, "rope.scaling.type"), MOD_SHOWN(kind));
    h->rope_scale = none ? 1 : 1 / factor;
}

static void read_rope(key_reader *r, const mod_family *family, mod_hyperparameters *h)
{
    h->rope_pairs = family->rope_pairs;
    h->rope_dims = h->head_dim;
    read_integer(r, "rope.dimension_count", MOD_OPTIONAL, 2, HEAD_DIM_HIGHEST, &h->rope_dims);
    require(r, h->rope_dims <= h->head_dim, "rope.dimension_count", h->rope_dims, "it can be at most the head's width,",
            h->head_dim);
    require(r, h->rope_dims % 2 == 0, "rope.dimension_count", h->rope_dims, "it has to be a multiple of", 2);
    h->rope_base = 10000;
    read_real(r, "rope.freq_base", MOD_OPTIONAL, 1, ROPE_BASE_HIGHEST, &h->rope_base);
    h->rope_base_local = h->rope_base;
    if (h->sliding_window != 0) {
        h->rope_base_local = 10000;
        read_real(r, "rope.freq_base_swa", MOD_OPTIONAL, 1, ROPE_BASE_HIGHEST, &h->rope_base_local);
    }
    read_rope_scaling(r, h);
}

static void read_scales(key_reader *r, const mod_family *family, mod_hyperparameters *h)
{
    double epsilon = 0, softcap = 0;
    read_real(r, "attention.layer_norm_rms_epsilon", MOD_REQUIRED, EPSILON_LOWEST, 1, &epsilon);
    read_real(r, "final_logit_softcapping", MOD_OPTIONAL, 0, SOFTCAP_HIGHEST, &softcap);
    if (r->status != FIRN_OK)
        return;
    h->norm_epsilon = (float)epsilon;
    h->logit_softcap = (float)softcap;
    h->activation = family->activation;
    h->embedding_scale = family->scales_embedding ? (float)sqrt((double)h->n_embd) : 1.0f;
    const bool wide = h->n_layers == family->n_layers_of_wide_scale;
    const uint32_t width = wide ? h->n_embd / h->n_heads : h->head_dim;
    h->attention_scale = (float)(1 / sqrt((double)width));
}

firn_status mod_hyperparameters_read(const mod_gguf *file, uint64_t n_tensors, const mod_family **family,
                                     mod_hyperparameters *out, firn_error *error)
{
    mod_hyperparameters *const h = out;
    *h = (mod_hyperparameters){0};
    firn_status status = mod_gguf_text(file, "general.architecture", MOD_REQUIRED, &h->architecture, error);
    if (status == FIRN_OK)
        status = mod_gguf_text(file, "general.name", MOD_OPTIONAL, &h->name, error);
    if (status != FIRN_OK)
        return status;
    *family = mod_family_find(h->architecture);
    if (*family == NULL)
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "%s: key 'general.architecture' is '%.*s'; supported are %s", file->path,
                         MOD_SHOWN(h->architecture), mod_family_names);
    key_reader r = {.file = file, .architecture = (*family)->architecture, .status = FIRN_OK, .error = error};
    read_layers(&r, *family, n_tensors, h);
    read_widths(&r, h);
    read_window(&r, *family, h);
    read_rope(&r, *family, h);
    read_scales(&r, *family, h);
    return r.status;
}
