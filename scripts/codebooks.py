#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rewrites the tables of kernels/codebooks.c: the codebooks of the IQ types, which are part of the GGUF format, from
the gguf package. What stands before the first table is kept.

    scripts/codebooks.py && clang-format-14 -i kernels/codebooks.c
"""
import os

import numpy
from gguf import quants

FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kernels", "codebooks.c")
TABLES = (("iq2_xxs", "IQ2", quants.IQ2_XXS), ("iq2_xs", "IQ2", quants.IQ2_XS), ("iq2_s", "IQ2", quants.IQ2_S),
          ("iq3_xxs", "IQ3_XXS", quants.IQ3_XXS), ("iq3_s", "IQ3_S", quants.IQ3_S), ("iq1_s", "IQ1", quants.IQ1_S))


def entries(codebook):
    codebook.init_grid()
    indices = numpy.searchsorted(codebook.grid_map, codebook.grid.reshape(codebook.grid_shape))
    bits = 16 // codebook.grid_shape[1]
    return (indices << (bits * numpy.arange(codebook.grid_shape[1]))).sum(axis=1)


with open(FILE, encoding="utf-8") as source:
    text = source.read()
text = text[:text.index("const uint64_t")]
for name, macro, codebook in TABLES:
    numbers = entries(codebook)
    width = 32 if name.startswith("iq3") else 64
    text += f"const uint{width}_t kern_{name}_values[{len(numbers)}] = {{\n"
    text += ", ".join(f"{macro}(0x{number:04x})" for number in numbers) + "};\n\n"
with open(FILE, "w", encoding="utf-8") as out:
    out.write(text.rstrip() + "\n")
