/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/kernels.h"

#include "kernels/half.h"
#include "kernels/pack.h"

#include <stdlib.h>

const kern_type support_matmul_types[] = {
    KERN_F32,    KERN_F16,     KERN_BF16,  KERN_Q4_0,  KERN_Q4_1,  KERN_Q5_0,       KERN_Q5_1,
    KERN_Q8_0,   KERN_Q2_K,    KERN_Q3_K,  KERN_Q4_K,  KERN_Q5_K,  KERN_Q6_K,       KERN_IQ4_NL,
    KERN_IQ4_XS, KERN_MXFP4,   KERN_NVFP4, KERN_TQ1_0, KERN_TQ2_0, KERN_IQ2_XXS,    KERN_IQ2_XS,
    KERN_IQ2_S,  KERN_IQ3_XXS, KERN_IQ3_S, KERN_IQ1_S, KERN_IQ1_M, KERN_TYPE_LIMIT,
};

uint32_t support_random_bits(support_random *random)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random->state >> 32);
}

float support_random_float(support_random *random)
{
    return (float)(int32_t)support_random_bits(random) * 0x1p-31f;
}

void *support_poisoned(size_t bytes)
{
    void *const memory = aligned_alloc(KERN_ALIGNMENT, (bytes + KERN_ALIGNMENT) / KERN_ALIGNMENT * KERN_ALIGNMENT);
    memset(memory, 0xff, bytes); /* as floats: NaN */
    return memory;
}

/* Where a type's blocks have F16 numbers: their byte offsets. */
static uint32_t half_offsets(kern_type type, uint32_t *offsets)
{
    switch (type) {
    case KERN_Q4_1:
    case KERN_Q5_1:
    case KERN_Q4_K:
    case KERN_Q5_K:
        offsets[0] = 0;
        offsets[1] = 2;
        return 2;
    case KERN_Q2_K:
        offsets[0] = 80;
        offsets[1] = 82;
        return 2;
    case KERN_Q3_K:
        offsets[0] = 108;
        return 1;
    case KERN_Q6_K:
        offsets[0] = 208;
        return 1;
    case KERN_TQ1_0:
        offsets[0] = 52;
        return 1;
    case KERN_TQ2_0:
        offsets[0] = 64;
        return 1;
    case KERN_NVFP4: /* every byte is a finite scale */
        return 0;
    default:
        offsets[0] = 0;
        return 1;
    }
}

uint8_t *support_random_rows(support_random *random, kern_type type, uint32_t n_rows, uint32_t n_inputs)
{
    const kern_type_info *const info = kern_type_find(type);
    const size_t n_blocks = (size_t)n_rows * (n_inputs / info->block_elements);
    uint8_t *const rows = support_poisoned(n_blocks * info->block_bytes);
    for (size_t b = 0; b < n_blocks; b++) {
        uint8_t *const block = rows + b * info->block_bytes;
        for (uint32_t i = 0; i < info->block_bytes; i++)
            block[i] = (uint8_t)(support_random_bits(random) >> 13);
        const float value = support_random_float(random);
        const uint32_t bits = kern_bits_from_float(value);
        uint32_t offsets[2];
        switch (type) {
        case KERN_F32:
            memcpy(block, &value, 4);
            break;
        case KERN_BF16:
            memcpy(block, (const uint8_t *)&bits + 2, 2);
            break;
        case KERN_MXFP4: /* an exponent: the products must stay finite */
            block[0] = (uint8_t)(block[0] % 200);
            break;
        case KERN_IQ1_M: /* the scale's exponent is in the last four bits */
            block[55] = (uint8_t)((block[55] & 0x8f) | 0x30);
            break;
        default:
            for (uint32_t i = 0, n = half_offsets(type, offsets); i < n; i++) {
                const uint16_t half = kern_half_from_float(support_random_float(random));
                memcpy(block + offsets[i], &half, 2);
            }
        }
    }
    return rows;
}

kern_matrix support_matrix(kern_type type, const uint8_t *rows, uint32_t n_rows, uint32_t n_inputs, uint8_t **packed)
{
    kern_matrix matrix = {type, n_rows, n_inputs, rows, kern_tile_bytes(type, n_inputs)};
    *packed = NULL;
    if (kern_type_in_place(type))
        return matrix;
    *packed = support_poisoned(kern_tiles(&matrix) * matrix.tile_bytes);
    for (uint32_t t = 0; t < kern_tiles(&matrix); t++)
        kern_pack_tile(type, rows, n_rows, n_inputs, t, *packed + t * matrix.tile_bytes);
    matrix.data = *packed;
    return matrix;
}

int support_next_level(int level)
{
    do
        level++;
    while (level < KERN_LEVELS && !kern_level_available((kern_level)level));
    return level;
}
