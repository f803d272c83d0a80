/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include "base/sha256_instructions.h"

#include <string.h>

base_sha256 base_sha256_begin(void)
{
    base_sha256 hash = {
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
#if defined(__x86_64__)
    hash.instructions = base_sha256_instructions();
#endif
    return hash;
}

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* Names as in the standard. */
static void add_block(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], v[8];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 |
               block[4 * t + 3];
    for (int t = 16; t < 64; t++) {
        const uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        const uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    for (int i = 0; i < 8; i++)
        v[i] = state[i];
    for (int t = 0; t < 64; t += 8)
        for (int i = 0; i < 8; i++) { /* unrolled, so that v's turning costs nothing: its element 0 is "a" at i = 0 */
            const uint32_t a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7], e = v[(4 - i) & 7];
            const uint32_t f = v[(5 - i) & 7], g = v[(6 - i) & 7], h = v[(7 - i) & 7];
            const uint32_t t1 =
                h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (g ^ (e & (f ^ g))) + constants[t + i] + w[t + i];
            v[(3 - i) & 7] += t1;
            v[(7 - i) & 7] = t1 + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) | (c & (a | b)));
        }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

static void add_blocks(base_sha256 *hash, const uint8_t *blocks, size_t n_blocks)
{
#if defined(__x86_64__)
    if (hash->instructions) {
        base_sha256_blocks(hash->state, constants, blocks, n_blocks);
        return;
    }
#endif
    for (; n_blocks > 0; n_blocks--, blocks += sizeof hash->block)
        add_block(hash->state, blocks);
}

void base_sha256_add(base_sha256 *hash, const void *bytes, size_t length)
{
    const uint8_t *next = bytes;
    const size_t held = hash->length % sizeof hash->block;
    hash->length += length;
    if (held > 0 && held + length >= sizeof hash->block) {
        const size_t taken = sizeof hash->block - held;
        memcpy(hash->block + held, next, taken);
        add_blocks(hash, hash->block, 1);
        next += taken;
        length -= taken;
    } else if (held > 0) {
        memcpy(hash->block + held, next, length);
        return;
    }
    add_blocks(hash, next, length / sizeof hash->block);
    next += length - length % sizeof hash->block;
    length %= sizeof hash->block;
    if (length > 0)
        memcpy(hash->block, next, length);
}

void base_sha256_end(base_sha256 *hash, char hex[BASE_SHA256_HEX])
{
    static const uint8_t padding[64] = {0x80};
    static const char digits[] = "0123456789abcdef";
    const uint64_t bits = 8 * hash->length;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    base_sha256_add(hash, padding, 1 + (sizeof hash->block + 55 - hash->length % 64) % 64);
    base_sha256_add(hash, length, sizeof length);
    for (int i = 0; i < 64; i++)
        hex[i] = digits[hash->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = '\0';
}
