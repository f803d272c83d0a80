/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels: pure numeric functions, reached through one table that is filled for an instruction-set level. The
 * scalar table defines every result; the others give the same bits (docs/KERNELS.md has the contract and the layouts).
 * No kernel allocates, starts threads, fails or keeps state. All buffers come from the caller.
 */
#ifndef FIRN_KERNELS_KERNELS_H
#define FIRN_KERNELS_KERNELS_H

#include "kernels/cpu.h"
#include "kernels/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KERN_LANES = 16,       /* virtual vector lanes of every float operation, on every instruction set */
    KERN_TILE_ROWS = 16,   /* output rows of a weight tile: one lane each */
    KERN_BLOCK = 32,       /* inputs that share one activation scale */
    KERN_PANEL = 4,        /* columns (tokens) of an activation panel */
    KERN_CHUNK = 64,       /* cache positions of one attention chunk */
    KERN_ALIGNMENT = 64,   /* bytes, for every buffer handed to a kernel */
    KERN_INT8_BYTES = 44,  /* activation bytes of one column and one block of KERN_BLOCK inputs, as int8 */
    KERN_INT16_BYTES = 68, /* the same, as int16 */
};

/*
 * A weight matrix [n_rows][n_inputs] in kernel layout: tiles of 16 rows, row-interleaved (kernels/pack.h), or rows as
 * stored in the checkpoint where that layout can be used in place (Q8_0).
 */
typedef struct kern_matrix {
    kern_type type;
    uint32_t n_rows, n_inputs;
    const uint8_t *data; /* tile t starts at data + t * tile_bytes */
    size_t tile_bytes;
} kern_matrix;

/* Tiles of a matrix; the last may be partly filled. */
static inline uint32_t kern_tiles(const kern_matrix *matrix)
{
    return (matrix->n_rows + KERN_TILE_ROWS - 1) / KERN_TILE_ROWS;
}

/* What a matmul reads beside the weights. 8-bit weights would lose more by 8-bit inputs than by their own rounding. */
typedef enum kern_input {
    KERN_INPUT_FLOATS, /* F32, F16, BF16 */
    KERN_INPUT_INT8,   /* weights of less than 8 bits */
    KERN_INPUT_INT16,  /* Q8_0 */
} kern_input;

kern_input kern_type_input(kern_type type);

/*
 * Input of a matmul for n_columns tokens, in the forms that its weights read: `floats` [n_columns][float_stride], and
 * panels of the same values rounded by blocks of 32. One column is stored alone; more are stored in panels of
 * four columns, the last padded with zeros. For W columns (1 or 4) a block takes 44 * W or 68 * W bytes:
 *     int8:  float scale[W]; float scaled_sum[W]; int16_t sums[W][2]; int8_t q[8][W][4]
 *     int16: float scale[W]; int16_t q[16][W][2]
 * where value = scale * q, the sums are those of the first and the last 16 q, and scaled_sum = scale * (float)(both).
 * The int16 pairs of one column are (0, 1), (2, 3), …; those of four are (0, 2), (1, 3), (4, 6), (5, 7), ….
 */
typedef struct kern_activations {
    const float *floats;
    size_t float_stride;
    const uint8_t *int8_panels, *int16_panels;
    uint32_t n_columns;
} kern_activations;

/*
 * Input of matmul_rounded: int8 panels as above, four columns wide, with one block more: what the first rounding took
 * from the inputs of block `again`, which is multiplied with the same weights.
 */
typedef struct kern_rounded {
    const uint8_t *panels;
    uint32_t n_columns, again;
} kern_rounded;

/*
 * Keys, and values, of one head at KERN_CHUNK positions, as F16 or Q8_0; a block is 32 elements of the head (the last
 * may have 16). Q8_0: value = F16 scale of a position and block * (byte - 128).
 *     F16 keys:    [KERN_CHUNK / 16][head_dim][16]: transposed in blocks of 16 positions
 *     F16 values:  [KERN_CHUNK][head_dim]
 *     Q8_0 keys:   bytes [KERN_CHUNK / 16][head_dim / 4][16][4], then scales [blocks][KERN_CHUNK]
 *     Q8_0 values: bytes [blocks][KERN_CHUNK / 4][elements][4], the last four positions; then scales as of keys
 */
static inline size_t kern_cache_bytes(kern_type type, uint32_t head_dim)
{
    const size_t blocks = (head_dim + KERN_BLOCK - 1) / KERN_BLOCK;
    return type == KERN_Q8_0 ? KERN_CHUNK * (head_dim + blocks * sizeof(uint16_t))
                             : KERN_CHUNK * head_dim * sizeof(uint16_t);
}

/* Where the scales of the block that begins at element `first` are in a Q8_0 cache, in bytes. */
static inline size_t kern_cache_scales(uint32_t head_dim, uint32_t first)
{
    return KERN_CHUNK * (head_dim + first / KERN_BLOCK * sizeof(uint16_t));
}

/*
 * Rows of queries against one chunk of KERN_CHUNK cache positions. With F16 a score is a chain of fma over the head's
 * elements, ascending, and so is an output over positions. With Q8_0 keys and queries are multiplied by a Hadamard
 * matrix, which changes no product of the two but for its rounding; queries are rounded by blocks, and weights, times
 * the scales of their positions, by chunk and block of elements, to integers of at most 32639:
 *     score = fmaf(scale * query_step, (float)(exact sum of a block's products), score), blocks ascending
 *     out = weight_step * (float)(exact sum over the chunk)
 */
typedef struct kern_attention {
    const float *queries; /* [n_rows][query_stride], scaled, and made ready by prepare_query for key_type */
    size_t query_stride;
    uint32_t n_rows;                /* at most KERN_ATTENTION_ROWS */
    uint32_t head_dim;              /* a multiple of 16 */
    kern_type key_type, value_type; /* KERN_F16 or KERN_Q8_0 */
    const void *keys, *values;
    ptrdiff_t next;               /* bytes from these to the keys and values that come next, to be fetched; 0: none */
    const uint8_t *begins, *ends; /* [n_rows]: the positions of the chunk that a row sees, begin < end */
    float *maximum;               /* [n_rows] out: the largest score */
    float *sum;                   /* [n_rows] out: of exp(score - maximum) */
    float *out;                   /* [n_rows][head_dim] out: of exp(score - maximum) * value */
    float *scratch;               /* kern_attention_scratch(head_dim) floats */
} kern_attention;

enum { KERN_ATTENTION_ROWS = 64 };

/* Scores, and room for keys or values as floats, or for each row's rounded weights in one block of elements. */
static inline size_t kern_attention_scratch(uint32_t head_dim)
{
    return (size_t)KERN_CHUNK * (KERN_ATTENTION_ROWS + (head_dim > 48 ? (size_t)head_dim : 48));
}

typedef enum kern_activation { KERN_SILU, KERN_GELU_TANH } kern_activation;

/* Logits of a vocabulary. Those that are NaN or above `highest` don't count. */
typedef struct kern_candidates {
    const float *logits; /* [n] */
    uint32_t n;
    float highest, factor; /* a token's exponent is (logit - highest) * factor; factor is finite and not negative */
} kern_candidates;

/* Over all candidates, in pieces of KERN_PIECE that are added in double. */
typedef struct kern_weights {
    double sum;     /* of e^exponent */
    double moment;  /* of exponent * e^exponent */
    uint32_t count; /* of candidates, those at -infinity apart */
} kern_weights;

/*
 * Uniform noise of a token: Philox4x32-10 under `key`, of the counter (block, counter[0], counter[1], counter[2]). The
 * tokens of a piece of 64 share 16 blocks, so that vectors need no shuffle: token 64 p + 16 w + b has word w of
 * block 16 p + b.
 */
typedef struct kern_noise {
    uint32_t key[2], counter[3];
} kern_noise;

/*
 * `contenders` writes the ids of those candidates, in ascending order, whose exponent + ln 2 * (a bound of -log2 of the
 * noise) reaches `least`, and returns how many: all that reach it by their true noise are among them, if the exponent
 * is above -100. It looks at the tokens [first, first + count); first is a multiple of KERN_PIECE.
 */
enum { KERN_PIECE = 256, KERN_NOISE_TOKENS = 64 };

#define KERN_PHILOX_0     0xD2511F53u
#define KERN_PHILOX_1     0xCD9E8D57u
#define KERN_PHILOX_KEY_0 0x9E3779B9u
#define KERN_PHILOX_KEY_1 0xBB67AE85u

typedef struct kern_table {
    kern_level level;

    /*
     * Rows of a product: out[c * out_stride + r] = sum over k of weight[r][k] * x[c][k], for the rows of tiles
     * [tile_begin, tile_end); whole tiles are written, so out needs room for padded rows. `scratch` holds
     * kern_matmul_scratch() bytes. Quantised weights, for each row and block of 32 inputs in ascending order, where
     * s0 and s1 are the exact sums of q products of its two halves (times their integer scales, where there are any):
     *     out = fmaf(weight_scale * x_scale, (float)(s0 + s1), out)
     * or, where the halves have float scales (NVFP4), s0 and then s1 with its own scale; where the type has minima
     *     out = fmaf(weight_minimum, x_scaled_sum, out)
     * or, where the halves have integers m0 and m1 to multiply it with (Q2_K)
     *     out = fmaf(weight_minimum * x_scale, (float)(m0 * x_sums[0] + m1 * x_sums[1]), out)
     */
    void (*matmul_quantised)(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end,
                             const kern_activations *x, float *out, size_t out_stride, uint8_t *scratch);
    /*
     * Estimates of a product with Q8_0 weights, in two thirds of its time: the formula above, with int8 inputs, and
     * weights that pack_rounded has brought into the order of this level's products, tile by tile, in as many bytes.
     * Both are NULL where int16 inputs are as fast.
     */
    void (*pack_rounded)(const kern_matrix *weights, uint32_t tile, uint8_t *out);
    void (*matmul_rounded)(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_rounded *x,
                           float *out, size_t out_stride);
    /* the same for F32, F16 and BF16 weights: one chain of fma a row, inputs ascending */
    void (*matmul_float)(const kern_matrix *weights, uint32_t tile_begin, uint32_t tile_end, const kern_activations *x,
                         float *out, size_t out_stride);

    /*
     * Quantises n_blocks blocks of `n_columns` columns (x[c * stride + k]) into one panel of `width` columns (1, or
     * KERN_PANEL: columns from n_columns on become zero), blocks one after the other from `out` on.
     */
    void (*quantise_int8)(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                          uint8_t *out);
    void (*quantise_int16)(const float *x, size_t stride, uint32_t n_columns, uint32_t width, uint32_t n_blocks,
                           uint8_t *out);

    /* out[i] = x[i] / sqrt(mean(x^2) + epsilon) * gain[i]. out may be x. */
    void (*rms_norm)(const float *x, const float *gain, float epsilon, uint32_t n, float *out);

    /* x[i] += y[i] */
    void (*add)(float *x, const float *y, uint32_t n);
    void (*scale)(float *x, float factor, uint32_t n);

    /* out[i] = activation(gate[i]) * up[i] */
    void (*activate)(kern_activation activation, const float *gate, const float *up, uint32_t n, float *out);

    /* x[i] = cap * tanh(x[i] / cap) */
    void (*softcap)(float *x, float cap, uint32_t n);

    /*
     * Rotates pairs (i, i + n_pairs), or (2i, 2i + 1) if `adjacent`, of one head:
     *     first = fmaf(first, cosine, -(second * sine)), second = fmaf(first, sine, second * cosine)
     * angles: cosine[n_pairs], sine[n_pairs]; if `adjacent` [n_pairs][cosine, sine] and then [n_pairs][-sine, cosine].
     */
    void (*rotate)(float *head, const float *angles, uint32_t n_pairs, bool adjacent);

    /* Stores a key or value as the one at `position` of a chunk (kern_cache_bytes). A key may be changed in place. */
    void (*store_key)(kern_type type, float *key, uint32_t head_dim, uint32_t position, void *keys);
    void (*store_value)(kern_type type, const float *value, uint32_t head_dim, uint32_t position, void *values);

    /* Makes a query ready, in place, for keys of a type: what it then holds is for attention_chunk of this table. */
    void (*prepare_query)(kern_type type, float *query, uint32_t head_dim);

    void (*attention_chunk)(const kern_attention *attention);

    /* Adds a later chunk's (maximum, sum, out) to an earlier state of the same row. */
    void (*attention_merge)(float *maximum, float *sum, float *out, float chunk_maximum, float chunk_sum,
                            const float *chunk_out, uint32_t head_dim);

    /* out[i] = values[i] / sum */
    void (*attention_finish)(const float *values, float sum, uint32_t head_dim, float *out);

    /* Whether no value is NaN or infinite. */
    bool (*all_finite)(const float *x, uint32_t n);

    /* Sums over candidates, and noise: see kern_candidates. */
    void (*sum_weights)(const kern_candidates *candidates, kern_weights *out);
    uint32_t (*contenders)(const kern_candidates *candidates, const kern_noise *noise, uint32_t first, uint32_t count,
                           float least, int32_t *ids);

    /* Writes the numbers, ascending, of logits that are not below `floor`, and returns how many. */
    uint32_t (*reaching)(const float *logits, uint32_t n, float floor, int32_t *numbers);

    /*
     * Of values known as estimate[i] ± factor * radius[i]: the largest certain one of each lane (i modulo 16; -infinity
     * where there is none), and whether all estimates are finite; and the numbers, ascending, of those that may reach
     * `floor`, and how many.
     */
    bool (*certain)(const float *estimates, const float *radii, float factor, uint32_t n, float *largest);
    uint32_t (*possible)(const float *estimates, const float *radii, float factor, uint32_t n, float floor,
                         int32_t *numbers);

    /* x[i] = kern_exp(x[i]) */
    void (*exponentials)(float *x, uint32_t n);

    /* The sum of e^d, d = logit - highest; and, unless it is NULL, *moment of d * e^d. Not of logits that are NaN or
     * above `highest`; in pieces as above. */
    double (*sum_exponentials)(const float *logits, uint32_t n, float highest, double *moment);
} kern_table;

/* The kernels for `level` or, where it has none of its own, the next lower one. `level` must be available here. */
kern_table kern_table_for(kern_level level);

/* Bytes of scratch that matmul needs for matrices of up to n_inputs. */
size_t kern_matmul_scratch(uint32_t n_inputs);

/* The matmul for the weights' type. */
static inline void kern_matmul(const kern_table *table, const kern_matrix *weights, uint32_t tile_begin,
                               uint32_t tile_end, const kern_activations *x, float *out, size_t out_stride,
                               uint8_t *scratch)
{
    if (kern_type_input(weights->type) == KERN_INPUT_FLOATS)
        table->matmul_float(weights, tile_begin, tile_end, x, out, out_stride);
    else
        table->matmul_quantised(weights, tile_begin, tile_end, x, out, out_stride, scratch);
}

/* Whether matmul takes this type. */
bool kern_type_has_matmul(kern_type type);

#endif
