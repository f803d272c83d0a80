/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IQ types with codebooks as checkpoints store them: of 32 weights the table's entries, the signs and the factors.
 * Eight (IQ3: four) weights are an index of a table of magnitudes, and a sign each; IQ1 has no signs, but an eighth
 * that is added or taken off. For a type known when compiled nothing but the type's own instructions are left.
 */
#ifndef FIRN_KERNELS_CODES_H
#define FIRN_KERNELS_CODES_H

#include "kernels/codebooks.h"
#include "kernels/half.h"
#include "kernels/tile.h"

/* weight = kern_codes_scale() * factor * subscale of its half * (magnitude, negative by its sign, less what is off) */
typedef struct kern_codes {
    uint64_t magnitudes[4]; /* of eight weights each, as bytes */
    uint32_t signs;         /* a bit for each weight: it is negative */
    uint32_t less;          /* IQ1: a byte for each eight weights, to be taken off */
    uint32_t factor, subscales[2];
} kern_codes;

static inline bool kern_codes_signed(kern_type type)
{
    return type != KERN_IQ1_S && type != KERN_IQ1_M;
}

/* Each byte's 7 bits, and an eighth that makes their number even. */
static inline uint32_t kern_codes_even(uint32_t bytes)
{
    uint32_t odd = bytes ^ bytes >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return bytes | (odd & 0x01010101u) << 7;
}

/* Four numbers of 7 bits, as bytes. */
static inline uint32_t kern_codes_sevens(uint32_t word)
{
    return (word & 0x7f) | (word << 1 & 0x7f00) | (word << 2 & 0x7f0000) | (word << 3 & 0x7f000000);
}

static inline uint64_t kern_codes_two(const uint32_t *values, uint32_t first, uint32_t second)
{
    return values[first] | (uint64_t)values[second] << 32;
}

/* The scale of a block of 256 weights. IQ1_M's is spread over the upper 4 bits of the words with its 3-bit subscales.
 */
static inline float kern_codes_scale(kern_type type, const uint8_t *block)
{
    if (type == KERN_IQ1_M) {
        const uint8_t *const words = block + 48;
        const uint32_t half = words[1] >> 4 | (words[3] & 0xf0u) | (words[5] & 0xf0u) << 4 | (words[7] & 0xf0u) << 8;
        return kern_float_from_half((uint16_t)half) * 0.125f;
    }
    const float unit = type == KERN_IQ3_S ? 1.0f : type == KERN_IQ3_XXS ? 0.25f : 0.125f;
    return kern_float_from_half(kern_load16(block)) * unit;
}

/* Block `sub` (0 to 7) of 32 weights. */
static inline kern_codes kern_codes_read(kern_type type, const uint8_t *block, uint32_t sub)
{
    kern_codes codes = {.factor = 1, .subscales = {1, 1}};
    uint64_t *const m = codes.magnitudes;
    const uint8_t *const eights = block + 2 + 8 * sub;
    uint32_t scales = 0, high;
    switch (type) {
    case KERN_IQ2_XXS:
        for (uint32_t i = 0; i < 4; i++)
            m[i] = kern_iq2_xxs_values[eights[i]];
        codes.signs = kern_codes_even(kern_codes_sevens(kern_load32(eights + 4)));
        codes.factor = 2 * (kern_load32(eights + 4) >> 28) + 1;
        return codes;
    case KERN_IQ2_XS:
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t code = kern_load16(eights + 2 * i);
            m[i] = kern_iq2_xs_values[code & 511];
            codes.signs |= code >> 9 << (8 * i);
        }
        codes.signs = kern_codes_even(codes.signs);
        scales = block[66 + sub];
        break;
    case KERN_IQ2_S:
        high = block[66 + sub];
        for (uint32_t i = 0; i < 4; i++)
            m[i] = kern_iq2_s_values[block[2 + 4 * sub + i] | (high >> (2 * i) & 3) << 8];
        codes.signs = kern_load32(block + 34 + 4 * sub);
        scales = block[74 + sub];
        break;
    case KERN_IQ3_XXS:
        for (uint32_t i = 0; i < 4; i++)
            m[i] = kern_codes_two(kern_iq3_xxs_values, eights[2 * i], eights[2 * i + 1]);
        codes.signs = kern_codes_even(kern_codes_sevens(kern_load32(block + 66 + 4 * sub)));
        codes.factor = 2 * (kern_load32(block + 66 + 4 * sub) >> 28) + 1;
        return codes;
    case KERN_IQ3_S:
        high = block[66 + sub];
        for (uint32_t i = 0; i < 4; i++)
            m[i] = kern_codes_two(kern_iq3_s_values, eights[2 * i] | (high >> (2 * i) & 1) << 8,
                                  eights[2 * i + 1] | (high >> (2 * i + 1) & 1) << 8);
        codes.signs = kern_load32(block + 74 + 4 * sub);
        codes.factor = 2 * (block[106 + sub / 2] >> (4 * (sub & 1)) & 15u) + 1;
        return codes;
    case KERN_IQ1_S:
        high = kern_load16(block + 34 + 2 * sub);
        for (uint32_t i = 0; i < 4; i++)
            m[i] = kern_iq1_s_values[block[2 + 4 * sub + i] | (high >> (3 * i) & 7) << 8];
        codes.less = 0x07070707u + (high >> 15) * 0x02020202u;
        codes.factor = 2 * (high >> 12 & 7) + 1;
        return codes;
    default: /* KERN_IQ1_M */
        high = kern_load16(block + 32 + 2 * sub);
        for (uint32_t i = 0; i < 4; i++) {
            m[i] = kern_iq1_s_values[block[4 * sub + i] | (high >> (4 * i) & 7) << 8];
            codes.less |= (7 + (high >> (4 * i + 3) & 1) * 2) << (8 * i);
        }
        scales = (uint32_t)kern_load16(block + 48 + sub / 2 * 2) >> (6 * (sub & 1));
        codes.subscales[0] = 2 * (scales & 7) + 1;
        codes.subscales[1] = 2 * (scales >> 3 & 7) + 1;
        return codes;
    }
    codes.subscales[0] = 2 * (scales & 15) + 1; /* IQ2_XS, IQ2_S */
    codes.subscales[1] = 2 * (scales >> 4) + 1;
    return codes;
}

#endif
