#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes kernels/codebooks.h: the codebooks of the IQ types, which are part of the GGUF format, from the gguf package.

    scripts/codebooks.py > kernels/codebooks.h && clang-format-14 -i kernels/codebooks.h
"""
import numpy
from gguf import quants

HEADER = """/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codebooks of the IQ types: each entry is the magnitudes of neighbouring weights, as indices of the few that the
 * type has. Eight weights of 2 bits (IQ1_S, IQ2_*) or four of 4 bits (IQ3_*), the first in the lowest bits.
 * Written by scripts/codebooks.py.
 */
#ifndef FIRN_KERNELS_CODEBOOKS_H
#define FIRN_KERNELS_CODEBOOKS_H

#include <stdint.h>
"""


def entries(codebook):
    codebook.init_grid()
    indices = numpy.searchsorted(codebook.grid_map, codebook.grid.reshape(codebook.grid_shape))
    bits = 16 // codebook.grid_shape[1]
    return (indices << (bits * numpy.arange(codebook.grid_shape[1]))).sum(axis=1)


print(HEADER)
for name, codebook in (("IQ2_XXS", quants.IQ2_XXS), ("IQ2_XS", quants.IQ2_XS), ("IQ2_S", quants.IQ2_S),
                       ("IQ3_XXS", quants.IQ3_XXS), ("IQ3_S", quants.IQ3_S), ("IQ1_S", quants.IQ1_S)):
    numbers = entries(codebook)
    print(f"static const uint16_t {name.lower()}_codebook[{len(numbers)}] = {{")
    print(", ".join(f"0x{number:04x}" for number in numbers))
    print("};\n")
print("#endif")
