#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes <type>.bin beside itself: 512 weights in random blocks of each type as a checkpoint stores them, then what the
gguf package makes of them, as float32. Scales are finite; all other bits are random. Tested by tests/kernels/test_types.c.
"""
import os

import numpy
from gguf import GGMLQuantizationType, quants
from gguf.constants import GGML_QUANT_SIZES

# Where a block has F16 numbers.
HALVES = {"F16": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
          "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "IQ1_S": [0]}
OTHERS = ("F32", "BF16", "MXFP4", "NVFP4", "IQ1_M")
WEIGHTS = 512

for name in (*HALVES, *OTHERS):
    kind = GGMLQuantizationType[name]
    elements, size = GGML_QUANT_SIZES[kind]
    random = numpy.random.default_rng(int(kind) + 1)
    blocks = random.integers(0, 256, (WEIGHTS // elements, size), dtype=numpy.uint8)
    for offset in HALVES.get(name, []):
        blocks[:, offset + 1] &= 0xbf  # an exponent of less than 16: below 2
    if name in ("F32", "BF16"):
        blocks[:, -1] &= 0xbf
    if name == "MXFP4":
        blocks[:, 0] = [0, 1, 2, 3, 127, 128, 250, 251, *blocks[8:, 0] % 252]
    if name == "NVFP4":
        blocks[:4, :4] = numpy.array([[0x7f, 0xff, 0, 1], [7, 8, 9, 0x7e], [0x80, 0x81, 0xfe, 0x38], [15, 16, 64, 100]])
    if name == "IQ1_M":
        blocks[:, 55] &= 0xbf
    values = quants.dequantize(blocks.reshape(-1), kind).astype("<f4")
    assert numpy.isfinite(values).all() and values.size == WEIGHTS, name
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.bin"), "wb") as out:
        out.write(blocks.tobytes() + values.tobytes())
