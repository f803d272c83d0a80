/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiny checkpoints with random weights, so that tests of the engine need no download: the same options give the same
 * bytes. They mean nothing, but every value is finite and of a size that keeps logits apart.
 *
 *     tiny_options options = tiny_default("gemma3");
 *     options.type = KERN_Q4_K;
 *     char *path = tiny_write(&options);
 *     …
 *     support_remove(path);
 */
#ifndef FIRN_TESTS_SUPPORT_TINY_CHECKPOINT_H
#define FIRN_TESTS_SUPPORT_TINY_CHECKPOINT_H

#include "tests/support/gguf_writer.h"

typedef struct tiny_options {
    const char *architecture; /* "llama", "qwen2" or "gemma3" */
    uint64_t seed;
    kern_type type;           /* of matmul weights: any that matmul takes */
    kern_type embedding_type; /* of token_embd and output; the same choice */
    bool tied;                /* no output.weight */
    bool biases;              /* llama: the optional biases */
    bool rope_factors;        /* llama: rope_freqs.weight */
    uint32_t n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_ctx;
    uint32_t sliding_window, sliding_window_pattern; /* gemma3 */
    float rope_scaling_factor;                       /* linear; 1: no key */
} tiny_options;

/*
 * 256 wide (so that types with blocks of 256 fit), 2 layers, 4 heads of 64, 2 of them for keys, F32 weights, context
 * 512. qwen2 and gemma3: tied. gemma3: 3 layers, heads of 128, a window of 8 in all but every third layer.
 */
tiny_options tiny_default(const char *architecture);

/* As above, 32 wide with 2 heads of 16, one of them for keys: for tests that write many. */
tiny_options tiny_small(const char *architecture);

/* A small one with weights as Q4_1, which takes the way that real checkpoints do; another seed, other parameters. */
tiny_options tiny_quantised(const char *architecture, uint64_t seed);

/*
 * Vocabularies: llama and qwen2 have byte-level BPE (<|endoftext|> 0, <|im_start|> 1, <|im_end|> 2 which is eos, 256
 * bytes from 3 on, then TINY_MERGES merges), gemma3 has SentencePiece BPE (<unk> 0, <bos> 1, <eos> 2, 256 bytes
 * from 3 on, then pieces; <end_of_turn> is the last).
 */
gguf_builder *tiny_build(const tiny_options *options); /* to be edited, then gguf_destroy */

/* As small as a checkpoint can be, to be damaged at every byte: eight tokens, one layer, 8 wide. */
gguf_builder *tiny_build_smallest(const char *architecture);
char *tiny_write(const tiny_options *options); /* the path of a new temporary file; see support_remove */

#endif
