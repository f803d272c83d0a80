/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types with codebooks as matmul_body.h wants them: rows times one column, one row after the other as they lie in
 * memory, and any type's tile expanded. What includes this has defined, for one type, fill_words() (its codebook in
 * the form that it likes), store_inputs(), read_row(), codebook_terms() and expand_codebook().
 */
#ifndef FIRN_KERNELS_X86_CODEBOOK_BODY_H
#define FIRN_KERNELS_X86_CODEBOOK_BODY_H

/* Adds the terms of eight blocks and eight rows, blocks in order. */
ALWAYS_INLINE __m256 add_super_terms(const float *terms, __m256 result)
{
    __m256i scales[8], sums[8];
    for (uint32_t r = 0; r < 8; r++) {
        scales[r] = load_256(terms + (size_t)r * 2 * SUPER_BLOCKS);
        sums[r] = load_256(terms + (size_t)r * 2 * SUPER_BLOCKS + SUPER_BLOCKS);
    }
    transpose_eight(scales);
    transpose_eight(sums);
    for (uint32_t b = 0; b < SUPER_BLOCKS; b++)
        result = _mm256_fmadd_ps(_mm256_castsi256_ps(scales[b]), _mm256_castsi256_ps(sums[b]), result);
    return result;
}

ALWAYS_INLINE codebook_inputs split_column(const uint8_t *x, uint32_t n_blocks, uint8_t *scratch)
{
    codebook_inputs in = {.scales = (float *)(void *)scratch, .sums = (int16_t *)(void *)(scratch + 4 * n_blocks)};
    in.eights = in.sums + 2 * (size_t)n_blocks;
    in.q = (uint8_t *)(in.eights + 4 * (size_t)n_blocks);
    in.terms = (float *)(void *)(in.q + KERN_BLOCK * (size_t)n_blocks);
    for (uint32_t b = 0; b < n_blocks; b++) {
        const uint8_t *const block = x + (size_t)b * KERN_INT8_BYTES;
        const __m256i q = load_256(block + 12), ones = _mm256_set1_epi8(1);
        const __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(ones, q), _mm256_set1_epi16(1));
        const __m256i eights = _mm256_packs_epi32(_mm256_hadd_epi32(fours, fours), fours);
        memcpy(&in.scales[b], block, 4);
        memcpy(&in.sums[2 * b], block + 8, 4);
        store_inputs(in.q, b, q);
        const int first = _mm256_extract_epi32(eights, 0), last = _mm256_extract_epi32(eights, 4);
        memcpy(&in.eights[4 * b], &first, 4);
        memcpy(&in.eights[4 * b + 2], &last, 4);
    }
    return in;
}

/*
 * What is beside several blocks is read before the weights of the first are looked up: a processor sees a few blocks
 * ahead, and it takes longer than that until signs are masks and codes are addresses (Zen 4: a fifth to a half faster).
 * What lies FETCH_BYTES further is fetched meanwhile: IQ1's codebook fills half of the first-level cache, and blocks
 * came late (Zen 4: IQ1_S a sixth faster, the others as before).
 */
enum { TOGETHER = 8, FETCH_BYTES = 4096 };

ALWAYS_INLINE void codebook_tile(const kern_type type, const uint16_t *words, const kern_matrix *weights, uint32_t tile,
                                 const codebook_inputs *in, float *out)
{
    const uint32_t n_supers = weights->n_inputs / SUPER, block_bytes = kern_type_find(type)->block_bytes;
    const row_pointers rows = tile_rows(weights, tile);
    for (uint32_t r = 0; r < KERN_TILE_ROWS; r++) {
        codebook_row beside[TOGETHER];
        uint16_t codes[TOGETHER][SUPER / 8];
        for (uint32_t first = 0; first < n_supers; first += TOGETHER) {
            const uint32_t n = n_supers - first < TOGETHER ? n_supers - first : TOGETHER;
            const uint8_t *const blocks = rows.at[r] + (size_t)first * block_bytes;
            for (uint32_t i = 0; i < n; i++) {
                _mm_prefetch((const char *)blocks + (size_t)i * block_bytes + FETCH_BYTES, _MM_HINT_T0);
                read_row(type, blocks + (size_t)i * block_bytes, &beside[i], codes[i]);
            }
            for (uint32_t i = 0; i < n; i++)
                codebook_terms(type, words, blocks + (size_t)i * block_bytes, &beside[i], codes[i], in, first + i,
                               in->terms + (size_t)(first + i) * SUPER_TERMS + r * 2 * SUPER_BLOCKS);
        }
    }
    __m256 low = _mm256_setzero_ps(), high = low;
    for (uint32_t s = 0; s < n_supers; s++) {
        low = add_super_terms(in->terms + (size_t)s * SUPER_TERMS, low);
        high = add_super_terms(in->terms + (size_t)s * SUPER_TERMS + SUPER_TERMS / 2, high);
    }
    _mm256_storeu_ps(out, low);
    _mm256_storeu_ps(out + 8, high);
}

/* Where the type's words are: behind an expanded tile. */
ALWAYS_INLINE uint16_t *words_at(const kern_matrix *weights, uint8_t *scratch)
{
    return (uint16_t *)(void *)(scratch + (size_t)weights->n_inputs / KERN_BLOCK * KERN_EXPANDED_BLOCK);
}

static void prepare_codebook(const kern_matrix *weights, uint8_t *scratch)
{
    switch (weights->type) {
#define FIRN_CASE(name)                                      \
    case KERN_##name:                                        \
        fill_words(KERN_##name, words_at(weights, scratch)); \
        break;
        KERN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
    default:
        break;
    }
}

static void expand_any_codebook(const kern_matrix *weights, uint32_t tile, uint8_t *scratch)
{
    switch (weights->type) {
#define FIRN_CASE(name)                                                                   \
    case KERN_##name:                                                                     \
        expand_codebook(KERN_##name, words_at(weights, scratch), weights, tile, scratch); \
        break;
        KERN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
    default:
        break;
    }
}

/* Tiles times one column. */
static void codebook_column(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const uint8_t *x,
                            float *out, uint8_t *scratch)
{
    const codebook_inputs in = split_column(x, weights->n_inputs / KERN_BLOCK, scratch);
    for (uint32_t t = tile_begin; t < tile_end; t++) {
        float *const to = out + (size_t)t * KERN_TILE_ROWS;
        switch (weights->type) {
#define FIRN_CASE(name)                                                              \
    case KERN_##name:                                                                \
        codebook_tile(KERN_##name, words_at(weights, scratch), weights, t, &in, to); \
        break;
            KERN_CODEBOOKS(FIRN_CASE)
#undef FIRN_CASE
        default:
            break;
        }
    }
}

#endif
