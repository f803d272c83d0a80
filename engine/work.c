/* SPDX-License-Identifier: Apache-2.0 */
/* What a step has to read and to multiply, counted from the model's shapes: the least that any engine could do. */
#include "engine/pages.h"

static void count_matrix(firn_work *work, const kern_matrix *matrix, uint64_t n_columns)
{
    const kern_type_info *const type = kern_type_find(matrix->type);
    const uint64_t weights = (uint64_t)matrix->n_rows * matrix->n_inputs;
    work->parameter_bytes += weights / type->block_elements * type->block_bytes;
    if (kern_type_input(matrix->type) == KERN_INPUT_FLOATS)
        work->float_multiplies += weights * n_columns;
    else
        work->integer_multiplies += weights * n_columns;
}

/* Positions that the tokens `begin` to `end` (excluded) see, added up. A token sees itself, and at most `window`. */
static uint64_t positions_seen(uint64_t begin, uint64_t end, uint64_t window)
{
    const uint64_t full = begin > window ? begin : end < window ? end : window; /* from here on they see `window` */
    return (full * (full + 1) - begin * (begin + 1)) / 2 + (end - full) * window;
}

firn_work firn_model_work(const firn_model *model, uint32_t position, uint32_t n_tokens, firn_cache_types types)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    const eng_pages *const pages = model->pages[types.k][types.v];
    firn_work work = {0};
    if (pages == NULL) /* a vocabulary only */
        return work;
    const uint64_t head_bytes = eng_pages_cache(pages)->bytes / KERN_CHUNK; /* a position */
    for (uint32_t i = 0; i < hp->n_layers; i++) {
        const eng_layer *const layer = &model->layers[i];
        const kern_matrix *const matrices[] = {&layer->q,    &layer->k,  &layer->v,   &layer->attention_output,
                                               &layer->gate, &layer->up, &layer->down};
        for (size_t j = 0; j < sizeof matrices / sizeof *matrices; j++)
            count_matrix(&work, matrices[j], n_tokens);
        const uint64_t window = layer->local ? hp->sliding_window : UINT32_MAX;
        const uint64_t seen = positions_seen(position, (uint64_t)position + n_tokens, window);
        work.cache_bytes += seen * hp->n_kv_heads * head_bytes;
        work.float_multiplies += 2 * seen * hp->n_heads * hp->head_dim;
    }
    count_matrix(&work, &model->output, 1);
    return work;
}
