/* SPDX-License-Identifier: Apache-2.0 */
#include "models/finite.h"

#include <inttypes.h>

typedef enum number_kind { KIND_F16, KIND_BF16, KIND_F32, KIND_F64, KIND_IQ1_M } number_kind;

/* Where a block of each type holds floating-point numbers. Those not listed hold none that can fail to be finite. */
static const struct {
    uint8_t first; /* byte of the first number */
    uint8_t count; /* numbers that follow each other; 0: none */
    number_kind kind;
} numbers[KERN_TYPE_LIMIT] = {
    [KERN_F32] = {0, 1, KIND_F32},      [KERN_F16] = {0, 1, KIND_F16},     [KERN_BF16] = {0, 1, KIND_BF16},
    [KERN_F64] = {0, 1, KIND_F64},      [KERN_Q4_0] = {0, 1, KIND_F16},    [KERN_Q4_1] = {0, 2, KIND_F16},
    [KERN_Q5_0] = {0, 1, KIND_F16},     [KERN_Q5_1] = {0, 2, KIND_F16},    [KERN_Q8_0] = {0, 1, KIND_F16},
    [KERN_Q8_1] = {0, 2, KIND_F16},     [KERN_Q2_K] = {80, 2, KIND_F16},   [KERN_Q3_K] = {108, 1, KIND_F16},
    [KERN_Q4_K] = {0, 2, KIND_F16},     [KERN_Q5_K] = {0, 2, KIND_F16},    [KERN_Q6_K] = {208, 1, KIND_F16},
    [KERN_Q8_K] = {0, 1, KIND_F32},     [KERN_IQ2_XXS] = {0, 1, KIND_F16}, [KERN_IQ2_XS] = {0, 1, KIND_F16},
    [KERN_IQ3_XXS] = {0, 1, KIND_F16},  [KERN_IQ1_S] = {0, 1, KIND_F16},   [KERN_IQ4_NL] = {0, 1, KIND_F16},
    [KERN_IQ3_S] = {0, 1, KIND_F16},    [KERN_IQ2_S] = {0, 1, KIND_F16},   [KERN_IQ4_XS] = {0, 1, KIND_F16},
    [KERN_IQ1_M] = {48, 1, KIND_IQ1_M}, [KERN_TQ1_0] = {52, 1, KIND_F16},  [KERN_TQ2_0] = {64, 1, KIND_F16},
};

/* Bytes of one number, its exponent's bits within its highest 16 bits: all ones mean infinite or not a number. */
static const struct {
    uint8_t bytes;
    uint16_t exponent;
} kinds[] = {
    [KIND_F16] = {2, 0x7c00}, [KIND_BF16] = {2, 0x7f80},  [KIND_F32] = {4, 0x7f80},
    [KIND_F64] = {8, 0x7ff0}, [KIND_IQ1_M] = {2, 0x7c00},
};

static uint32_t word_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

/* IQ1_M ends with four words, whose highest four bits are a half's, from its lowest to its highest. */
static bool iq1_m_is_finite(const unsigned char *words)
{
    const uint32_t high = (word_at(words + 6) & 0xf000) | (word_at(words + 4) >> 4 & 0x0f00);
    return (high & kinds[KIND_IQ1_M].exponent) != kinds[KIND_IQ1_M].exponent;
}

/* The first block with a number that is not finite, or n_blocks. */
static uint64_t find_bad_block(const mod_tensor *tensor, size_t block_bytes, uint64_t n_blocks)
{
    const unsigned count = numbers[tensor->type].count;
    const number_kind kind = numbers[tensor->type].kind;
    const size_t step = kinds[kind].bytes;
    const uint32_t exponent = kinds[kind].exponent;
    const unsigned char *number = (const unsigned char *)tensor->data + numbers[tensor->type].first;
    for (uint64_t block = 0; count != 0 && block < n_blocks; block++, number += block_bytes) {
        if (kind == KIND_IQ1_M && !iq1_m_is_finite(number))
            return block;
        for (unsigned i = 0; kind != KIND_IQ1_M && i < count; i++)
            if ((word_at(number + (i + 1) * step - 2) & exponent) == exponent)
                return block;
    }
    return n_blocks;
}

firn_status mod_tensor_check_finite(const mod_tensor *tensor, const char *path, firn_error *error)
{
    const kern_type_info *const info = kern_type_find(tensor->type);
    const uint64_t n_blocks = tensor->bytes / info->block_bytes;
    const uint64_t bad = find_bad_block(tensor, info->block_bytes, n_blocks);
    if (bad == n_blocks)
        return FIRN_OK;
    const uint64_t offset = tensor->offset + bad * info->block_bytes;
    return base_fail(error, FIRN_ERROR_NUMERIC, offset,
                     "%s: tensor '%.*s' of type %s has a value that is not finite in block %" PRIu64 " of %" PRIu64
                     " (byte %" PRIu64 "); the file is damaged",
                     path, (int)tensor->name.length, tensor->name.data, info->name, bad, n_blocks, offset);
}
