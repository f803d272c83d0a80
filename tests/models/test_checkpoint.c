/* SPDX-License-Identifier: Apache-2.0 */
#include "models/checkpoint.h"

#include "tests/support/tiny_checkpoint.h"

#include <criterion/criterion.h>
#include <math.h>

static mod_checkpoint *open_good(const char *path)
{
    mod_checkpoint *checkpoint;
    firn_error error = {0};
    const firn_status status =
        mod_checkpoint_open(path, &(mod_open_options){.check_tensors = true}, &checkpoint, &error);
    cr_assert_eq(status, FIRN_OK, "%s", error.message);
    return checkpoint;
}

static mod_checkpoint *open_tiny(const tiny_options *options)
{
    char *const path = tiny_write(options);
    mod_checkpoint *const checkpoint = open_good(path);
    support_remove(path);
    return checkpoint;
}

Test(checkpoint, llama_hyperparameters_and_roles)
{
    tiny_options options = tiny_default("llama");
    mod_checkpoint *const c = open_tiny(&options);
    const mod_hyperparameters *const h = mod_checkpoint_hyperparameters(c);
    cr_expect(base_slice_is(h->architecture, "llama"));
    cr_expect(base_slice_is(h->name, "tiny"));
    cr_expect_eq(h->n_layers, 2);
    cr_expect_eq(h->n_embd, 256);
    cr_expect_eq(h->n_ff, 512);
    cr_expect_eq(h->n_heads, 4);
    cr_expect_eq(h->n_kv_heads, 2);
    cr_expect_eq(h->head_dim, 64);
    cr_expect_eq(h->n_ctx_train, 512);
    cr_expect_eq(h->n_vocab, mod_checkpoint_vocabulary(c)->n_tokens);
    cr_expect_eq(h->sliding_window, 0);
    cr_expect_eq(h->sliding_window_pattern, 0);
    cr_expect_eq(h->rope_dims, 64);
    cr_expect_eq(h->rope_pairs, MOD_ROPE_ADJACENT);
    cr_expect_eq(h->rope_base, 100000.0);
    cr_expect_eq(h->rope_scale, 1.0);
    cr_expect_eq(h->norm_epsilon, 1e-5f);
    cr_expect_eq(h->activation, MOD_SILU);
    cr_expect_eq(h->embedding_scale, 1.0f);
    cr_expect_eq(h->attention_scale, 0.125f);
    cr_expect_eq(h->logit_softcap, 0.0f);

    cr_expect_not_null(mod_checkpoint_global(c, MOD_OUTPUT));
    cr_expect_null(mod_checkpoint_global(c, MOD_ROPE_FACTORS));
    cr_expect_null(mod_checkpoint_layer(c, 0, MOD_ATTENTION_Q_BIAS));
    cr_expect_null(mod_checkpoint_layer(c, 0, MOD_ATTENTION_Q_NORM));
    const mod_tensor *const down = mod_checkpoint_layer(c, 1, MOD_FFN_DOWN);
    cr_assert_not_null(down);
    cr_expect(base_slice_is(down->name, "blk.1.ffn_down.weight"));
    cr_expect_eq(down->dims[0], 512);
    cr_expect_eq(down->dims[1], 256);
    cr_expect_eq(down->bytes, 512 * 256 * 4);
    cr_expect_eq((uintptr_t)down->data % 32, 0);
    mod_checkpoint_close(c);
}

Test(checkpoint, llama_optional_tensors)
{
    tiny_options options = tiny_default("llama");
    options.biases = options.rope_factors = options.tied = true;
    mod_checkpoint *const c = open_tiny(&options);
    cr_expect_null(mod_checkpoint_global(c, MOD_OUTPUT));
    cr_expect_not_null(mod_checkpoint_global(c, MOD_ROPE_FACTORS));
    cr_expect_not_null(mod_checkpoint_layer(c, 1, MOD_ATTENTION_Q_BIAS));
    cr_expect_not_null(mod_checkpoint_layer(c, 1, MOD_ATTENTION_OUTPUT_BIAS));
    mod_checkpoint_close(c);
}

Test(checkpoint, qwen2_has_biases_and_rotates_halves)
{
    tiny_options options = tiny_default("qwen2");
    mod_checkpoint *const c = open_tiny(&options);
    cr_expect_eq(mod_checkpoint_hyperparameters(c)->rope_pairs, MOD_ROPE_HALVES);
    cr_expect_not_null(mod_checkpoint_layer(c, 0, MOD_ATTENTION_V_BIAS));
    cr_expect_null(mod_checkpoint_global(c, MOD_OUTPUT));
    mod_checkpoint_close(c);
}

Test(checkpoint, gemma3_window_norms_and_scales)
{
    tiny_options options = tiny_default("gemma3");
    options.rope_scaling_factor = 8;
    mod_checkpoint *const c = open_tiny(&options);
    const mod_hyperparameters *const h = mod_checkpoint_hyperparameters(c);
    cr_expect_eq(h->n_layers, 3);
    cr_expect_eq(h->head_dim, 128);
    cr_expect_eq(h->sliding_window, 8);
    cr_expect_eq(h->sliding_window_pattern, 3);
    cr_expect_eq(h->rope_base_local, 10000.0);
    cr_expect_eq(h->rope_base, 100000.0);
    cr_expect_eq(h->rope_scale, 0.125);
    cr_expect_eq(h->activation, MOD_GELU_TANH);
    cr_expect_eq(h->embedding_scale, 16.0f);
    cr_expect_eq(h->attention_scale, (float)(1 / sqrt(128.0)));
    cr_expect_not_null(mod_checkpoint_layer(c, 2, MOD_ATTENTION_Q_NORM));
    cr_expect_not_null(mod_checkpoint_layer(c, 2, MOD_FFN_POST_NORM));
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
    cr_expect_not_null(v->scores);
    cr_expect_eq(v->scores[3 + 256 + 1], -1.0f);
    cr_expect_eq(v->types[3], 6);
    cr_expect_eq(v->unknown, 0);
    cr_expect(base_slice_is(v->tokens[v->eot], "<end_of_turn>"));
    cr_expect(v->add_bos && !v->add_space_prefix && !v->add_eos);
    mod_checkpoint_close(c);
}

/* 62 layers are the size whose queries are scaled by the width of the stream. */
Test(checkpoint, gemma3_of_62_layers_scales_by_stream_width)
{
    tiny_options options = tiny_default("gemma3");
    options.n_layers = 62;
    options.n_embd = options.n_ff = 32;
    options.n_heads = options.n_kv_heads = 2;
    options.head_dim = 8;
    mod_checkpoint *const c = open_tiny(&options);
    cr_expect_eq(mod_checkpoint_hyperparameters(c)->attention_scale, 0.25f);
    mod_checkpoint_close(c);
}

Test(checkpoint, every_weight_type_of_the_generator_is_finite)
{
    static const kern_type types[] = {KERN_F32,  KERN_F16,  KERN_BF16, KERN_Q4_0, KERN_Q4_1,
                                      KERN_Q5_0, KERN_Q8_0, KERN_Q4_K, KERN_Q6_K};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        tiny_options options = tiny_default("llama");
        options.type = options.embedding_type = types[i];
        mod_checkpoint *const c = open_tiny(&options);
        cr_expect_eq(mod_checkpoint_layer(c, 0, MOD_ATTENTION_K)->type, types[i]);
        mod_checkpoint_close(c);
    }
}

Test(checkpoint, totals_are_those_of_all_tensors)
{
    tiny_options options = tiny_default("llama");
    options.type = KERN_Q8_0;
    mod_checkpoint *const c = open_tiny(&options);
    const mod_hyperparameters *const h = mod_checkpoint_hyperparameters(c);
    uint64_t bytes = 0;
    cr_expect_eq(mod_checkpoint_tensor_count(c), 3 + 2 * 9);
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(c); i++)
        bytes += mod_checkpoint_tensor(c, i)->bytes;
    cr_expect_eq(h->tensor_bytes, bytes);
    const uint64_t layer = 2 * 256 + 256 * 256 * 2 + 256 * 128 * 2 + 256 * 512 * 3;
    cr_expect_eq(h->n_parameters, 2 * layer + 256 + 2 * 256 * (uint64_t)h->n_vocab);
    mod_checkpoint_close(c);
}

Test(checkpoint, vocabulary_arrays_and_ids)
{
    tiny_options options = tiny_default("qwen2");
    mod_checkpoint *const c = open_tiny(&options);
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
    cr_expect(base_slice_is(v->model, "gpt2"));
    cr_expect(base_slice_is(v->pre, "qwen2"));
    cr_expect(base_slice_is(v->tokens[2], "<|im_end|>"));
    cr_expect(base_slice_is(v->merges[1], "h e"));
    cr_expect_eq(v->n_tokens, 3 + 256 + v->n_merges);
    cr_expect_eq(v->types[0], 3);
    cr_expect_null(v->scores);
    cr_expect_eq(v->bos, 1);
    cr_expect_eq(v->eos, 2);
    cr_expect_eq(v->eot, 2);
    cr_expect_eq(v->unknown, -1);
    cr_expect_eq(v->padding, -1);
    cr_expect(!v->add_bos && !v->add_eos && !v->add_space_prefix);
    cr_expect_eq(v->chat_template.length, 0);
    mod_checkpoint_close(c);
}

/* What the vocabulary's model implies where the file says nothing. */
Test(checkpoint, vocabulary_defaults)
{
    static const struct {
        const char *architecture, *pre;
        bool add_bos, add_space_prefix;
        int32_t bos, eos, unknown;
    } cases[] = {
        {"gemma3", "default", true, true, 1, 2, 0},
        {"llama", "smollm", false, false, -1, -1, -1},
        {"llama", "llama-bpe", true, false, -1, -1, -1},
    };
    static const char *const removed[] = {"tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_space_prefix",
                                          "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tiny_options options = tiny_default(cases[i].architecture);
        gguf_builder *const builder = tiny_build(&options);
        for (size_t k = 0; k < sizeof removed / sizeof removed[0]; k++)
            gguf_remove_key(builder, removed[k]);
        gguf_set_text(builder, "tokenizer.ggml.pre", cases[i].pre);
        char *const path = gguf_write(builder);
        mod_checkpoint *c;
        cr_assert_eq(mod_checkpoint_open_vocabulary(path, &c, NULL), FIRN_OK);
        const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
        cr_expect_eq(v->add_bos, cases[i].add_bos);
        cr_expect_eq(v->add_space_prefix, cases[i].add_space_prefix);
        cr_expect_eq(v->bos, cases[i].bos);
        cr_expect_eq(v->eos, cases[i].eos);
        cr_expect_eq(v->unknown, cases[i].unknown);
        mod_checkpoint_close(c);
        support_remove(path);
        gguf_destroy(builder);
    }
}

/* Special tokens that take in white space, by what other keys say. */
Test(checkpoint, tokens_with_white_space)
{
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<mask>", "[MASK]", "a"};
    static const int32_t types[] = {2, 3, 3, 3, 4, 1};
    enum { N_TOKENS = 6, LISTED = 5, CONTROL = MOD_ADDED_CONTROL };
    enum { LEFT = CONTROL | MOD_ADDED_LEFT_SPACE, RIGHT = CONTROL | MOD_ADDED_RIGHT_SPACE };
    static const struct {
        const char *key, *value;
        uint32_t flags[LISTED]; /* all 0: no list */
    } cases[] = {
        {"general.name", "ph-3", {0}},
        {"general.name", "A Phi-3 that is tiny", {CONTROL, CONTROL, RIGHT, RIGHT, MOD_ADDED_RIGHT_SPACE}},
        {"general.name", "PHI3", {CONTROL, CONTROL, RIGHT, RIGHT, MOD_ADDED_RIGHT_SPACE}},
        {"general.name", "modern-bert", {CONTROL, CONTROL, CONTROL, CONTROL, MOD_ADDED_LEFT_SPACE}},
        {"tokenizer.ggml.pre", "jina-v2-es", {CONTROL, CONTROL, CONTROL, LEFT, 0}},
        {"general.architecture", "nomic-bert-moe", {CONTROL, CONTROL, CONTROL, LEFT, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_builder *const builder = gguf_create();
        gguf_buffer texts = {0}, numbers = {0};
        for (size_t t = 0; t < N_TOKENS; t++)
            gguf_append_string(&texts, tokens[t], strlen(tokens[t]));
        gguf_append(&numbers, types, sizeof types);
        gguf_set_text(builder, "general.architecture", "llama");
        gguf_set_text(builder, "tokenizer.ggml.model", "llama");
        gguf_set_array(builder, "tokenizer.ggml.tokens", GGUF_STRING, N_TOKENS, &texts);
        gguf_set_array(builder, "tokenizer.ggml.token_type", GGUF_I32, N_TOKENS, &numbers);
        gguf_set_text(builder, cases[i].key, cases[i].value);
        char *const path = gguf_write(builder);
        mod_checkpoint *c;
        firn_error error = {0};
        cr_assert_eq(mod_checkpoint_open_vocabulary(path, &c, &error), FIRN_OK, "%s", error.message);
        const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
        cr_expect_eq(v->n_added, cases[i].flags[0] != 0 ? LISTED : 0, "%s", cases[i].value);
        for (uint32_t a = 0; a < v->n_added; a++)
            cr_expect(v->added_ids[a] == (int32_t)a && v->added_flags[a] == cases[i].flags[a], "%s: %s has flags %u",
                      cases[i].value, tokens[a], v->added_flags[a]);
        mod_checkpoint_close(c);
        support_remove(path);
        gguf_destroy(builder);
        free(texts.data);
        free(numbers.data);
    }
}

Test(checkpoint, released_pages_come_back)
{
    tiny_options options = tiny_default("llama");
    mod_checkpoint *const c = open_tiny(&options);
    const mod_tensor *const tensor = mod_checkpoint_layer(c, 0, MOD_FFN_UP);
    unsigned char *const copy = malloc(tensor->bytes);
    memcpy(copy, tensor->data, tensor->bytes);
    mod_checkpoint_release_pages(c, tensor);
    cr_expect_arr_eq(copy, tensor->data, tensor->bytes);
    mod_checkpoint_use_small_pages(c);
    cr_expect_arr_eq(copy, tensor->data, tensor->bytes);
    mod_checkpoint_use_large_pages(c, tensor);
    cr_expect_arr_eq(copy, tensor->data, tensor->bytes);
    free(copy);
    mod_checkpoint_close(c);
}

Test(checkpoint, merges_can_be_forgotten)
{
    tiny_options options = tiny_default("llama");
    mod_checkpoint *const c = open_tiny(&options);
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
    const uint32_t n_tokens = v->n_tokens;
    cr_assert_gt(v->n_merges, 0);
    mod_checkpoint_forget_merges(c);
    cr_expect(v->n_merges == 0 && v->merges == NULL);
    mod_checkpoint_forget_merges(c);
    cr_expect_eq(v->n_tokens, n_tokens);
    cr_expect_gt(v->tokens[n_tokens - 1].length, 0);
    mod_checkpoint_close(c);
}
