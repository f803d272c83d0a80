/* SPDX-License-Identifier: Apache-2.0 */
/* The IQ types with codebooks, eight weights at a time as the bytes of one integer. */
#include "kernels/codes.h"

#define EACH_BYTE 0x0101010101010101u

/* Stores 8 magnitudes (up to 64), negative where the bit of `signs` is set. */
static void store_signed(int8_t *q, uint64_t magnitudes, uint32_t signs)
{
    const uint64_t bits = signs * EACH_BYTE & 0x8040201008040201u;
    const uint64_t negative = (bits + 0x7f * EACH_BYTE) >> 7 & EACH_BYTE; /* 1 in each byte with a bit */
    const uint64_t mask = negative * 255;
    const uint64_t values = (magnitudes ^ mask) + negative; /* two's complement; ~0 + 1 can't carry: no zeros here */
    memcpy(q, &values, sizeof values);
}

static void store_less(int8_t *q, uint64_t magnitudes, uint32_t less)
{
    uint8_t bytes[8];
    memcpy(bytes, &magnitudes, sizeof bytes);
    for (uint32_t i = 0; i < 8; i++)
        q[i] = (int8_t)(bytes[i] - less);
}

void kern_codebook_block(kern_type type, const uint8_t *block, uint32_t sub, kern_block *out)
{
    const kern_codes codes = kern_codes_read(type, block, sub);
    for (uint32_t i = 0; i < 4; i++) {
        if (kern_codes_signed(type))
            store_signed(out->q + 8 * i, codes.magnitudes[i], codes.signs >> (8 * i) & 255);
        else
            store_less(out->q + 8 * i, codes.magnitudes[i], codes.less >> (8 * i) & 255);
    }
    out->scale[0] = out->scale[1] = kern_codes_scale(type, block) * (float)codes.factor;
    out->subscale[0] = (int32_t)codes.subscales[0];
    out->subscale[1] = (int32_t)codes.subscales[1];
}
