#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint of random parameters in the shape of a larger model, to measure speed where none can be had.

Needs the Python package gguf. The vocabulary is another checkpoint's; all matrices are of one weight type, or Q4_K and
Q6_K as a Q4_K_M file has them. Its text is noise.
"""
import argparse
import sys

import gguf
import numpy
from gguf import GGMLQuantizationType as Type, quants
from gguf.constants import GGML_QUANT_SIZES

# layers, width, feed-forward width, query heads, key heads, head width
SHAPES = {
    "0.1b": (2, 512, 1536, 8, 2, 64),
    "0.3b": (16, 1024, 4096, 16, 4, 64),
    "1.5b": (28, 1536, 8960, 12, 2, 128),
    "8b": (32, 4096, 14336, 32, 8, 128),
}
MIXED = "Q4_K_M"
# Where a block has its F16 scale; then its F16 minimum, and how many scales that is for weights around zero.
SCALES = {"Q4_0": 0, "Q4_1": 0, "Q5_0": 0, "Q5_1": 0, "Q8_0": 0, "Q2_K": 80, "Q3_K": 108, "Q4_K": 0, "Q5_K": 0, "Q6_K": 208,
          "IQ4_NL": 0, "IQ4_XS": 0, "TQ1_0": 52, "TQ2_0": 64, "IQ2_XXS": 0, "IQ2_XS": 0, "IQ2_S": 0, "IQ3_XXS": 0,
          "IQ3_S": 0, "IQ1_S": 0}
MINIMA = {"Q4_1": (2, -7.5), "Q5_1": (2, -15.5), "Q2_K": (82, 1.5), "Q4_K": (2, 7.5), "Q5_K": (2, 15.5)}
TYPES = [*SCALES, "F32", "F16", "BF16", "IQ1_M", "MXFP4", "NVFP4"]


def scale_blocks(blocks, name, scale):
    """Gives blocks of random bytes the scale, or one near it where the type has none as fine."""
    half = numpy.frombuffer(numpy.float16(scale).tobytes(), numpy.uint8)
    if name in SCALES:
        blocks[:, SCALES[name]:SCALES[name] + 2] = half
    if name in MINIMA:
        at, factor = MINIMA[name]
        blocks[:, at:at + 2] = numpy.frombuffer(numpy.float16(scale * factor).tobytes(), numpy.uint8)
    if name == "IQ1_M":  # the upper halves of the last words
        for i, nibble in enumerate((half[0] & 15, half[0] >> 4, half[1] & 15, half[1] >> 4)):
            blocks[:, 49 + 2 * i] = blocks[:, 49 + 2 * i] & 15 | nibble << 4
    if name == "MXFP4":
        blocks[:, 0] = 127 + round(float(numpy.log2(scale)))
    if name == "NVFP4":  # 2^-6 is the smallest exponent with full mantissas
        blocks[:, :4] = max(1, 7 + round(float(numpy.log2(scale)))) << 3


def random_matrix(random, rows, inputs, name):
    """Weights around zero, with a deviation of about one over the root of the inputs."""
    deviation = inputs ** -0.5
    elements, size = GGML_QUANT_SIZES[Type[name]]
    if elements == 1:
        floats = random.standard_normal((rows, inputs), numpy.float32) * numpy.float32(deviation)
        if name == "F16":
            return floats.astype(numpy.float16)
        return floats if name == "F32" else (floats.view(numpy.uint32) >> 16).astype(numpy.uint16).view(numpy.uint8)
    blocks = numpy.frombuffer(random.bytes(rows * inputs // elements * size), numpy.uint8).reshape(-1, size).copy()
    sample = blocks[:1024].copy()
    scale_blocks(sample, name, 1)
    scale_blocks(blocks, name, deviation / quants.dequantize(sample, Type[name]).std())
    return blocks.reshape(rows, -1)


def write(path, vocabulary, shape, name, seed):
    layers, width, inner, heads, key_heads, head_width = SHAPES[shape]
    random = numpy.random.default_rng(seed)
    source = gguf.GGUFReader(vocabulary)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"random {shape} {name}")
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

    def add(tensor, rows, inputs, kind):
        writer.add_tensor(tensor, random_matrix(random, rows, inputs, kind), raw_dtype=Type[kind])

    def add_norm(tensor):
        writer.add_tensor(tensor, numpy.ones(width, numpy.float32))

    plain, fine = ("Q4_K", "Q6_K") if name == MIXED else (name, name)

    add("token_embd.weight", n_vocab, width, plain)
    add("output.weight", n_vocab, width, fine)
    add_norm("output_norm.weight")
    for i in range(layers):
        finer = fine if i < layers // 8 or i >= 7 * layers // 8 or i % 3 == 2 else plain
        add_norm(f"blk.{i}.attn_norm.weight")
        add_norm(f"blk.{i}.ffn_norm.weight")
        add(f"blk.{i}.attn_q.weight", heads * head_width, width, plain)
        add(f"blk.{i}.attn_k.weight", key_heads * head_width, width, plain)
        add(f"blk.{i}.attn_v.weight", key_heads * head_width, width, finer)
        add(f"blk.{i}.attn_output.weight", width, heads * head_width, plain)
        add(f"blk.{i}.ffn_gate.weight", inner, width, plain)
        add(f"blk.{i}.ffn_up.weight", inner, width, plain)
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
    parser.add_argument("--type", choices=[MIXED, *TYPES], default=MIXED, help=f"of all matrices ({MIXED})")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    write(chosen.out, chosen.vocabulary, chosen.shape, chosen.type, chosen.seed)


if __name__ == "__main__":
    sys.exit(main())
