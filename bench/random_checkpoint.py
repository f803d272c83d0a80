#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint of random parameters in the shape of a larger model, to measure speed where none can be had.

Needs the Python package gguf. The vocabulary is another checkpoint's; the weights are Q4_K and Q6_K as a Q4_K_M file has
them, so that every engine reads it. Its text is noise.
"""
import argparse
import sys

import gguf
import numpy

# layers, width, feed-forward width, query heads, key heads, head width
SHAPES = {
    "0.1b": (2, 512, 1536, 8, 2, 64),
    "1.5b": (28, 1536, 8960, 12, 2, 128),
    "8b": (32, 4096, 14336, 32, 8, 128),
}
Q4_K, Q6_K = gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K


def random_matrix(random, rows, inputs, kind):
    """Blocks of 256 weights around zero, with a deviation of about one over the root of the inputs."""
    size = {Q4_K: 144, Q6_K: 210}[kind]
    blocks = random.integers(0, 256, (rows * inputs // 256, size), dtype=numpy.uint8)
    deviation = inputs ** -0.5
    if kind == Q4_K:  # F16 scale and minimum first; scales and minima up to 63, quants up to 15
        blocks[:, 0:2] = numpy.frombuffer(numpy.float16(deviation / 200).tobytes(), numpy.uint8)
        blocks[:, 2:4] = numpy.frombuffer(numpy.float16(deviation * 7.5 / 200).tobytes(), numpy.uint8)
    else:  # F16 scale last; int8 scales, quants from -32 to 31
        blocks[:, 208:210] = numpy.frombuffer(numpy.float16(deviation / 1500).tobytes(), numpy.uint8)
    return blocks.reshape(rows, -1)


def write(path, vocabulary, shape, seed):
    layers, width, inner, heads, key_heads, head_width = SHAPES[shape]
    random = numpy.random.default_rng(seed)
    source = gguf.GGUFReader(vocabulary)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"random {shape}")
    writer.add_block_count(layers)
    writer.add_context_length(8192)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_rope_dimension_count(head_width)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    for field in source.fields.values():
        if field.name.startswith("tokenizer.ggml."):
            kind = field.types[0]
            sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, sub_type=sub)
    n_vocab = len(source.fields["tokenizer.ggml.tokens"].data)

    def add(name, rows, inputs, kind):
        writer.add_tensor(name, random_matrix(random, rows, inputs, kind), raw_dtype=kind)

    def add_norm(name):
        writer.add_tensor(name, numpy.ones(width, numpy.float32))

    add("token_embd.weight", n_vocab, width, Q4_K)
    add("output.weight", n_vocab, width, Q6_K)
    add_norm("output_norm.weight")
    for i in range(layers):
        finer = Q6_K if i < layers // 8 or i >= 7 * layers // 8 or i % 3 == 2 else Q4_K
        add_norm(f"blk.{i}.attn_norm.weight")
        add_norm(f"blk.{i}.ffn_norm.weight")
        add(f"blk.{i}.attn_q.weight", heads * head_width, width, Q4_K)
        add(f"blk.{i}.attn_k.weight", key_heads * head_width, width, Q4_K)
        add(f"blk.{i}.attn_v.weight", key_heads * head_width, width, finer)
        add(f"blk.{i}.attn_output.weight", width, heads * head_width, Q4_K)
        add(f"blk.{i}.ffn_gate.weight", inner, width, Q4_K)
        add(f"blk.{i}.ffn_up.weight", inner, width, Q4_K)
        add(f"blk.{i}.ffn_down.weight", width, inner, finer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="FILE")
    parser.add_argument("--vocabulary", metavar="FILE", required=True, help="a GGUF whose vocabulary to take")
    parser.add_argument("--shape", choices=SHAPES, default="1.5b")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    write(chosen.out, chosen.vocabulary, chosen.shape, chosen.seed)


if __name__ == "__main__":
    sys.exit(main())
