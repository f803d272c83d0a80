/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layouts that matmul kernels read. A tile is 16 rows. Within it, "k-group" g of a block of 32 inputs is inputs
 * 4g to 4g+3, and quants are stored [g][16 rows][4 inputs], so that a 64-byte load holds one k-group of all 16 rows.
 * Nibbles: byte [g][row][i] for g in 0..3 has k-group g in its low and k-group g+4 in its high half. Planes with fewer
 * bits: see below. Packing only moves bits: every weight keeps its value, and a tile takes 16 times the bytes of a row
 * in the checkpoint.
 *
 *   block of 32 inputs              bytes  contents in order
 *   Q4_0                              288  F16 scale[16]; nibbles 256
 *   Q4_1                              320  F16 scale[16], minimum[16]; nibbles 256
 *   Q5_0                              352  F16 scale[16]; plane 64; nibbles 256
 *   Q5_1                              384  F16 scale[16], minimum[16]; plane 64; nibbles 256
 *   IQ4_NL                            288  F16 scale[16]; nibbles 256
 *   MXFP4                             272  E8M0 scale[16]; nibbles 256
 *   block of 256 inputs
 *   Q4_K                             2304  F16 scale[16], minimum[16]; 4 x (low[2][16], high[16]); 8 x nibbles 256
 *   Q5_K                             2816  the same, each of the 8 blocks: plane 64, nibbles 256
 *   Q6_K                             3360  F16 scale[16]; int8 scales[16][16 rows]; 8 x (planes 128, nibbles 256)
 *   Q2_K                             1344  F16 scale[16], minimum[16]; 8 x (scales[2][16 rows], planes 128)
 *   Q3_K                             1760  F16 scale[16]; 4 x (low[2][16], high[16]); 8 x (plane 64, planes 128)
 *   IQ4_XS                           2176  F16 scale[16]; low[4][16], high[2][16]; 8 x nibbles 256
 *   TQ1_0                             864  F16 scale[16]; digits[13][16 rows][4]
 *   TQ2_0                            1056  F16 scale[16]; 8 x planes 128
 *   block of 64 inputs
 *   NVFP4                             576  E4M3 scales[4][16 rows]; 2 x nibbles 256
 *   one input
 *   F32, F16, BF16                         value[16 rows]
 *
 * Plane of 64 bytes: bit g of byte [row][i] is the last bit (the fifth, for Q3_K the third) of input 4g+i. Planes of
 * 128 bytes: bits 2j and 2j+1 of byte [p][row][i] are two bits (Q6_K: bits 4 and 5) of input 4(4p+j)+i. Two 6-bit
 * numbers a block (Q4_K and Q5_K: scale and minimum; Q3_K: the scales of the halves), for each pair of blocks:
 * low[b][row] has the low 4 bits of the first number and those of the second in its high half; high[row] has the upper
 * 2 bits: both numbers of the first block, then of the second. Q2_K's scales: the scale in the low, the minimum in the
 * high half. IQ4_XS: low[b/2][row] has the scales' low 4 bits, high[b/4][row] their upper 2. TQ1_0: bytes of five
 * base-3 digits (the last four: of four) as the checkpoint has them: digit b of bytes 4g to 4g+3 is k-group g of blocks
 * b = 0 to 4; bytes 32 to 47 have 16 inputs a digit from input 160 on, bytes 48 to 51 four from input 240 on.
 *
 * Used as the checkpoint stores them, row by row: Q8_0, and the types with codebooks (IQ1_*, IQ2_*, IQ3_*), which a
 * matmul expands a tile at a time. Q8_1 and Q8_K are what other engines make of activations; no checkpoint has weights
 * of them, and there is no matmul for them.
 */
#ifndef FIRN_KERNELS_PACK_H
#define FIRN_KERNELS_PACK_H

#include "kernels/kernels.h"

/* Whether matmul reads the checkpoint's rows in place. */
bool kern_type_in_place(kern_type type);

/* Bytes of a tile for rows of n_inputs (a multiple of the type's block). */
size_t kern_tile_bytes(kern_type type, uint32_t n_inputs);

/*
 * Packs rows [16 * tile, 16 * tile + 16) of `rows` (as in the checkpoint, n_rows of them) into `out` (kern_tile_bytes).
 * Rows beyond n_rows become zero.
 */
void kern_pack_tile(kern_type type, const uint8_t *rows, uint32_t n_rows, uint32_t n_inputs, uint32_t tile,
                    uint8_t *out);

/* Weights of one packed row as floats. */
void kern_unpack_row(const kern_matrix *matrix, uint32_t row, float *out);

/* One row as the checkpoint stores it, as floats: what the format's definition says. n is a multiple of the block. */
void kern_dequantise(kern_type type, const uint8_t *row, uint32_t n, float *out);

#endif
