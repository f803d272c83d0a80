/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/selection.h"

#include "base/memory.h"
#include "kernels/half.h"
#include "kernels/tile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PIECE = ENG_SELECT_TILES * KERN_TILE_ROWS, AHEAD = 4 };

uint32_t eng_select_pieces(const firn_model *model)
{
    return (kern_tiles(&model->output) + ENG_SELECT_TILES - 1) / ENG_SELECT_TILES;
}

/* ---- norms of rows ---- */

/* Not less than the norm of a row of Q8_0 as it is in the checkpoint. */
static float norm_of_row(const uint8_t *row, uint32_t n_blocks)
{
    double sum = 0;
    for (uint32_t b = 0; b < n_blocks; b++, row += 2 + KERN_BLOCK) {
        int8_t q[KERN_BLOCK];
        int32_t squares = 0;
        memcpy(q, row + 2, sizeof q);
        for (uint32_t i = 0; i < KERN_BLOCK; i++)
            squares += q[i] * q[i];
        const double scale = (double)kern_float_from_half(kern_load16(row));
        sum += scale * scale * squares;
    }
    return nextafterf((float)(sqrt(sum) * (1 + 0x1p-40)), INFINITY);
}

/* Estimates on their way. */
typedef struct preparing {
    const firn_model *model;
    eng_estimates *estimates;
} preparing;

static void prepare_tiles(void *argument, uint32_t thread)
{
    const preparing *const p = argument;
    const kern_matrix *const head = &p->model->output;
    base_range range;
    while (base_pool_claim(p->model->context->pool, thread, kern_tiles(head), &range))
        for (uint32_t tile = range.begin; tile < range.end; tile++) {
            p->model->context->kernels.pack_rounded(head, tile, p->estimates->packed + tile * head->tile_bytes);
            for (uint32_t row = tile * KERN_TILE_ROWS; row < (tile + 1) * KERN_TILE_ROWS && row < head->n_rows; row++)
                p->estimates->norms[row] = norm_of_row(kern_row_in_place(head, row), head->n_inputs / KERN_BLOCK);
        }
}

void eng_estimates_free(eng_estimates *estimates)
{
    if (estimates == NULL)
        return;
    base_zeros_free(estimates->packed, kern_tiles(&estimates->head), estimates->head.tile_bytes);
    base_zeros_free(estimates->norms, estimates->head.n_rows, sizeof(float));
    free(estimates);
}

/* NULL: no memory, or it could not be sealed. */
static eng_estimates *make_estimates(const firn_model *model)
{
    eng_estimates *const made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->head = model->output;
    const size_t n_tiles = kern_tiles(&made->head), tile_bytes = made->head.tile_bytes;
    made->packed = base_zeros(n_tiles, tile_bytes);
    made->norms = base_zeros(made->head.n_rows, sizeof(float));
    if (made->packed != NULL && made->norms != NULL) {
        (void)madvise(made->packed, n_tiles * tile_bytes, MADV_HUGEPAGE); /* the system may say no */
        base_pool_run(model->context->pool, prepare_tiles, &(preparing){model, made});
        made->head.data = made->packed;
        if (mprotect(made->packed, n_tiles * tile_bytes, PROT_READ) == 0 &&
            mprotect(made->norms, made->head.n_rows * sizeof(float), PROT_READ) == 0)
            return made;
    }
    eng_estimates_free(made);
    return NULL;
}

bool eng_select_ready(firn_model *model)
{
    if (model->output.type != KERN_Q8_0 || model->hyperparameters->logit_softcap != 0.0f ||
        model->context->kernels.matmul_rounded == NULL)
        return false;
    if (atomic_load_explicit(&model->estimates, memory_order_acquire) != NULL)
        return true;
    eng_estimates *const made = make_estimates(model), *none = NULL;
    if (made == NULL)
        return false;
    if (!atomic_compare_exchange_strong(&model->estimates, &none, made)) /* another thread was faster */
        eng_estimates_free(made);
    return true;
}

/* ---- estimates ---- */

/* Input i of a block as one column's roundings have it. */
static double int8_input(const uint8_t *block, uint32_t i)
{
    float scale;
    memcpy(&scale, block, sizeof scale);
    return (double)scale * (int8_t)block[12 + i];
}

static double int16_input(const uint8_t *block, uint32_t i)
{
    float scale;
    int16_t q;
    memcpy(&scale, block, sizeof scale);
    memcpy(&q, block + 4 + 2 * (size_t)i, sizeof q);
    return (double)scale * q;
}

/* The blocks [first, first + n) of a column in both roundings, one column's layout, from the beginning of the room on.
 */
static void round_blocks(const firn_model *model, const eng_select_input *input, uint32_t first, uint32_t n)
{
    const float *const x = input->x + (size_t)first * KERN_BLOCK;
    model->context->kernels.quantise_int8(x, 0, 1, 1, n, input->int8);
    model->context->kernels.quantise_int16(x, 0, 1, 1, n, input->int16);
}

static uint32_t blocks_of(const firn_model *model)
{
    return model->output.n_inputs / KERN_BLOCK;
}

void eng_select_measure(const firn_model *model, eng_selection *selection, uint32_t c, const eng_select_input *input)
{
    const uint32_t n_blocks = blocks_of(model);
    double squares = 0;
    round_blocks(model, input, 0, n_blocks);
    for (size_t b = 0; b < n_blocks; b++) {
        double lost = 0;
        for (uint32_t i = 0; i < KERN_BLOCK; i++) {
            const double value = int16_input(input->int16 + b * KERN_INT16_BYTES, i);
            const double difference = value - int8_input(input->int8 + b * KERN_INT8_BYTES, i);
            lost += difference * difference;
            squares += value * value;
        }
        selection->lost[c * n_blocks + b] = lost;
    }
    selection->squares[c] = squares;
}

uint32_t eng_select_worst(const firn_model *model, const eng_selection *selection, uint32_t n_columns)
{
    const uint32_t n_blocks = blocks_of(model);
    double most = -1;
    uint32_t worst = 0;
    for (uint32_t b = 0; b < n_blocks; b++) {
        double lost = 0;
        for (size_t c = 0; c < n_columns; c++)
            lost += selection->lost[c * n_blocks + b];
        if (lost > most) {
            most = lost;
            worst = b;
        }
    }
    return worst;
}

void eng_select_prepare(const firn_model *model, eng_selection *selection, uint32_t c, uint32_t again,
                        const eng_select_input *input)
{
    const uint32_t n_blocks = blocks_of(model);
    float *const left = selection->left + (size_t)c * KERN_BLOCK;
    double lost = 0;
    for (size_t b = 0; b < n_blocks; b++)
        lost += b != again ? selection->lost[c * n_blocks + b] : 0;
    round_blocks(model, input, again, 1);
    for (uint32_t i = 0; i < KERN_BLOCK; i++)
        left[i] = (float)(int16_input(input->int16, i) - int8_input(input->int8, i));
    uint8_t *const second = input->int8 + KERN_INT8_BYTES;
    model->context->kernels.quantise_int8(left, 0, 1, 1, 1, second);
    for (uint32_t i = 0; i < KERN_BLOCK; i++) {
        const double difference = int16_input(input->int16, i) - int8_input(input->int8, i) - int8_input(second, i);
        lost += difference * difference;
    }
    /* an estimate, and a logit, add at most n_blocks + 1 terms in floats, each rounded by 2^-24 of sums that are not
       above 1.1 times the product of the norms; this is more than ten times that */
    const double margin = (n_blocks + 5) * 0x1p-19 * sqrt(selection->squares[c]);
    selection->factors[c] = nextafterf((float)(sqrt(lost) + margin), INFINITY);
}

static uint32_t rows_of(const firn_model *model, uint32_t piece)
{
    const uint32_t left = model->output.n_rows - piece * PIECE;
    return left < PIECE ? left : PIECE;
}

bool eng_select_look(const firn_model *model, eng_selection *selection, uint32_t c, const float *estimates,
                     uint32_t piece)
{
    const size_t first = (size_t)piece * PIECE;
    const float *const norms = atomic_load_explicit(&model->estimates, memory_order_relaxed)->norms;
    return model->context->kernels.certain(
        estimates + first, norms + first, selection->factors[c], rows_of(model, piece),
        selection->certain + ((size_t)c * eng_select_pieces(model) + piece) * KERN_LANES);
}

/* ---- candidates ---- */

/* The n-th largest of `count` numbers, -infinity where there are fewer. */
static float nth_largest(const float *numbers, size_t count, uint32_t n)
{
    float largest[FIRN_MOST_BEST];
    uint32_t have = 0;
    for (size_t i = 0; i < count; i++) {
        if (have == n && !(numbers[i] > largest[n - 1]))
            continue;
        uint32_t at = have < n ? have++ : n - 1;
        for (; at > 0 && largest[at - 1] < numbers[i]; at--)
            largest[at] = largest[at - 1];
        largest[at] = numbers[i];
    }
    return have == n ? largest[n - 1] : -INFINITY;
}

/* Writes those that may reach `floor` to `ids`; how many, or ENG_SELECT_MOST + 1. */
static uint32_t find_candidates(const firn_model *model, float factor, const float *estimates, float floor,
                                int32_t *ids)
{
    const uint32_t n_pieces = eng_select_pieces(model);
    const float *const norms = atomic_load_explicit(&model->estimates, memory_order_relaxed)->norms;
    uint32_t count = 0;
    for (uint32_t piece = 0; piece < n_pieces; piece++) {
        const size_t first = (size_t)piece * PIECE;
        int32_t numbers[PIECE];
        const uint32_t n = model->context->kernels.possible(estimates + first, norms + first, factor,
                                                            rows_of(model, piece), floor, numbers);
        if (n > ENG_SELECT_MOST - count)
            return ENG_SELECT_MOST + 1;
        for (uint32_t i = 0; i < n; i++)
            ids[count++] = (int32_t)first + numbers[i];
    }
    return count;
}

/* True logits of n tokens (at most ENG_SELECT_ROWS), whose rows are brought together. */
static void true_logits(const firn_model *model, const eng_select_input *input, const int32_t *ids, uint32_t n,
                        uint8_t *rows, uint8_t *scratch, float *logits)
{
    const size_t row_bytes = model->output.tile_bytes / KERN_TILE_ROWS;
    const uint8_t *const data = model->output.data;
    for (uint32_t i = 0; i < n; i++) { /* they lie anywhere: the next ones are fetched meanwhile */
        for (size_t line = 0; line < row_bytes && i + AHEAD < n; line += 64)
            __builtin_prefetch(data + (size_t)ids[i + AHEAD] * row_bytes + line);
        memcpy(rows + i * row_bytes, data + (size_t)ids[i] * row_bytes, row_bytes);
    }
    kern_matrix part = model->output;
    part.data = rows;
    part.n_rows = n;
    const kern_activations x = {input->x, part.n_inputs, input->int8, input->int16, 1};
    kern_matmul(&model->context->kernels, &part, 0, kern_tiles(&part), &x, logits, 0, scratch);
}

/* Makes all of a row -infinity. */
static void clear(eng_selection *selection, uint32_t c, uint32_t n_vocab, float *row)
{
    const int32_t *const ids = selection->ids + (size_t)c * ENG_SELECT_MOST;
    for (uint32_t i = 0; i < selection->counts[c]; i++)
        row[ids[i]] = -INFINITY;
    for (uint32_t i = 0; i < n_vocab && selection->counts[c] == 0; i++) /* never used before */
        row[i] = -INFINITY;
}

bool eng_select_column(const firn_model *model, eng_selection *selection, uint32_t c, uint32_t n_best,
                       const float *estimates, const eng_select_input *input, uint8_t *rows, uint8_t *scratch,
                       float *row)
{
    const size_t n_certain = (size_t)eng_select_pieces(model) * KERN_LANES;
    const float floor = nth_largest(selection->certain + c * n_certain, n_certain, n_best);
    int32_t *const ids = selection->ids + (size_t)c * ENG_SELECT_MOST, found[ENG_SELECT_MOST];
    const uint32_t n = find_candidates(model, selection->factors[c], estimates, floor, found);
    selection->refused[c] = n > ENG_SELECT_MOST;
    if (selection->refused[c])
        return true;
    clear(selection, c, model->output.n_rows, row);
    memcpy(ids, found, n * sizeof *ids);
    selection->counts[c] = n;
    bool finite = true;
    model->context->kernels.quantise_int16(input->x, 0, 1, 1, blocks_of(model), input->int16);
    for (uint32_t first = 0; first < n; first += ENG_SELECT_ROWS) {
        const uint32_t count = n - first < ENG_SELECT_ROWS ? n - first : ENG_SELECT_ROWS;
        float exact[ENG_SELECT_ROWS];
        true_logits(model, input, ids + first, count, rows, scratch, exact);
        finite = finite && model->context->kernels.all_finite(exact, count);
        for (uint32_t i = 0; i < count; i++)
            row[ids[first + i]] = exact[i];
    }
    return finite;
}
