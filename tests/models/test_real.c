/* SPDX-License-Identifier: Apache-2.0 */
/* Real checkpoints and vocabularies, where they are there: what is read from them is what their makers wrote. */
#include "models/checkpoint.h"

#include "tests/support/checkpoints.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

typedef struct expected {
    const char *file, *architecture;
    uint32_t n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_vocab, n_ctx_train, window, pattern;
    double rope_base, rope_base_local;
    float norm_epsilon;
    uint64_t n_tensors, n_parameters, tensor_bytes;
    kern_type embedding, output, down; /* output: that of the embedding where it is tied */
    int32_t bos, eos, eot, unknown, padding;
    bool add_bos;
} expected;

static const expected files[] = {
    {"SmolLM2-135M-Instruct.Q4_1.gguf",
     "llama",
     30,
     576,
     1536,
     9,
     3,
     64,
     49152,
     8192,
     0,
     0,
     100000,
     100000,
     1e-5f,
     272,
     134515008,
     96576768,
     KERN_Q8_0,
     KERN_Q8_0,
     KERN_Q4_1,
     1,
     2,
     2,
     0,
     2,
     false},
    {"gemma-3-270m-q4_k_m.gguf",
     "gemma3",
     18,
     640,
     2048,
     4,
     1,
     256,
     262144,
     32768,
     512,
     6,
     1000000,
     10000,
     1e-6f,
     236,
     268098176,
     246587904,
     KERN_Q8_0,
     KERN_Q8_0,
     KERN_Q6_K,
     2,
     1,
     106,
     3,
     0,
     true},
    {"qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
     "qwen2",
     24,
     896,
     4864,
     14,
     2,
     64,
     151936,
     32768,
     0,
     0,
     1000000,
     1000000,
     1e-6f,
     291,
     630167424,
     485452288,
     KERN_Q5_0,
     KERN_Q8_0,
     KERN_Q6_K,
     151643,
     151645,
     151645,
     -1,
     151643,
     false},
};

static void check_hyperparameters(const mod_checkpoint *c, const expected *e)
{
    const mod_hyperparameters *const h = mod_checkpoint_hyperparameters(c);
    cr_expect(base_slice_is(h->architecture, e->architecture));
    cr_expect_eq(h->n_layers, e->n_layers);
    cr_expect_eq(h->n_embd, e->n_embd);
    cr_expect_eq(h->n_ff, e->n_ff);
    cr_expect_eq(h->n_heads, e->n_heads);
    cr_expect_eq(h->n_kv_heads, e->n_kv_heads);
    cr_expect_eq(h->head_dim, e->head_dim);
    cr_expect_eq(h->rope_dims, e->head_dim);
    cr_expect_eq(h->n_vocab, e->n_vocab);
    cr_expect_eq(h->n_ctx_train, e->n_ctx_train);
    cr_expect_eq(h->sliding_window, e->window);
    cr_expect_eq(h->sliding_window_pattern, e->pattern);
    cr_expect_eq(h->rope_base, e->rope_base);
    cr_expect_eq(h->rope_base_local, e->rope_base_local);
    cr_expect_eq(h->rope_scale, 1.0);
    cr_expect_eq(h->norm_epsilon, e->norm_epsilon);
    cr_expect_eq(h->attention_scale, (float)(1 / sqrt((double)e->head_dim)));
    cr_expect_eq(h->n_parameters, e->n_parameters);
    cr_expect_eq(h->tensor_bytes, e->tensor_bytes);
}

static void check_vocabulary(const mod_checkpoint *c, const expected *e)
{
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
    cr_expect_eq(v->n_tokens, e->n_vocab);
    cr_expect_eq(v->bos, e->bos);
    cr_expect_eq(v->eos, e->eos);
    cr_expect_eq(v->eot, e->eot);
    cr_expect_eq(v->unknown, e->unknown);
    cr_expect_eq(v->padding, e->padding);
    cr_expect_eq(v->add_bos, e->add_bos);
    cr_expect(!v->add_eos && !v->add_space_prefix);
}

static void check_tensors(const mod_checkpoint *c, const expected *e)
{
    const mod_tensor *const embedding = mod_checkpoint_global(c, MOD_TOKEN_EMBEDDING);
    const mod_tensor *const output = mod_checkpoint_global(c, MOD_OUTPUT);
    cr_expect_eq(mod_checkpoint_tensor_count(c), e->n_tensors);
    cr_expect_eq(embedding->type, e->embedding);
    cr_expect_eq((output == NULL ? embedding : output)->type, e->output);
    uint64_t n_bound = 0;
    for (unsigned role = 0; role < MOD_GLOBAL_ROLES; role++)
        n_bound += mod_checkpoint_global(c, role) != NULL;
    for (uint32_t layer = 0; layer < e->n_layers; layer++)
        for (unsigned role = 0; role < MOD_LAYER_ROLES; role++)
            n_bound += mod_checkpoint_layer(c, layer, role) != NULL;
    cr_expect_eq(n_bound, e->n_tensors);
    cr_expect_eq(mod_checkpoint_layer(c, 0, MOD_FFN_DOWN)->type, e->down);
}

static void check_file(const expected *e)
{
    char *const path = support_checkpoint(e->file);
    if (path == NULL)
        cr_skip("%s is not there", e->file);
    mod_checkpoint *c;
    firn_error error = {0};
    const firn_status status = mod_checkpoint_open(path, &(mod_open_options){.check_tensors = true}, &c, &error);
    free(path);
    cr_assert_eq(status, FIRN_OK, "%s", error.message);
    check_hyperparameters(c, e);
    check_vocabulary(c, e);
    check_tensors(c, e);
    mod_checkpoint_close(c);
}

Test(real, smollm2)
{
    check_file(&files[0]);
}

Test(real, gemma3)
{
    check_file(&files[1]);
}

Test(real, qwen2)
{
    check_file(&files[2]);
}

/* Files that hold a vocabulary and nothing else. */
Test(real, vocabularies_alone)
{
    static const struct {
        const char *file, *model, *pre;
        uint32_t n_tokens, n_merges;
        int32_t bos, eos;
        bool add_bos, add_space_prefix;
    } cases[] = {
        {"tokenizer/ggml-vocab-gpt-2.gguf", "gpt2", "gpt-2", 50257, 50000, 50256, 50256, false, false},
        {"tokenizer/ggml-vocab-llama-bpe.gguf", "gpt2", "llama-bpe", 128256, 280147, 128000, 128001, true, false},
        {"tokenizer/ggml-vocab-llama-spm.gguf", "llama", "default", 32000, 0, 1, 2, true, true},
        {"tokenizer/ggml-vocab-phi-3.gguf", "llama", "default", 32064, 0, 1, 32000, true, true},
        {"tokenizer/ggml-vocab-qwen2.gguf", "gpt2", "qwen2", 151936, 151387, 151643, 151643, false, false},
        {"tokenizer/ggml-vocab-starcoder.gguf", "gpt2", "starcoder", 49152, 48872, 0, 0, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *const path = support_shared(cases[i].file);
        if (path == NULL)
            cr_skip("%s is not there", cases[i].file);
        mod_checkpoint *c;
        firn_error error = {0};
        const firn_status status = mod_checkpoint_open_vocabulary(path, &c, &error);
        cr_assert_eq(status, FIRN_OK, "%s", error.message);
        const mod_vocabulary *const v = mod_checkpoint_vocabulary(c);
        cr_expect(base_slice_is(v->model, cases[i].model));
        cr_expect(base_slice_is(v->pre, cases[i].pre));
        cr_expect_eq(v->n_tokens, cases[i].n_tokens);
        cr_expect_eq(v->n_merges, cases[i].n_merges);
        cr_expect_eq(v->bos, cases[i].bos);
        cr_expect_eq(v->eos, cases[i].eos);
        cr_expect_eq(v->add_bos, cases[i].add_bos);
        cr_expect_eq(v->add_space_prefix, cases[i].add_space_prefix);
        mod_checkpoint_close(c);

        /* as a model it lacks tensors */
        cr_expect_neq(mod_checkpoint_open(path, NULL, &c, &error), FIRN_OK);
        free(path);
    }
}
