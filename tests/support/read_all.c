/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/read_all.h"

static unsigned sum_bytes(const void *data, uint64_t count)
{
    unsigned sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += ((const unsigned char *)data)[i];
    return sum;
}

static unsigned sum_slices(const base_slice *slices, uint32_t count)
{
    unsigned sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += sum_bytes(slices[i].data, slices[i].length);
    return sum;
}

unsigned support_read_all(const mod_checkpoint *checkpoint)
{
    const mod_hyperparameters *const h = mod_checkpoint_hyperparameters(checkpoint);
    const mod_vocabulary *const v = mod_checkpoint_vocabulary(checkpoint);
    unsigned sum = sum_slices(&v->chat_template, 1) + sum_slices(&v->model, 1) + sum_slices(&v->pre, 1);
    sum += sum_slices(&h->architecture, 1) + sum_slices(&h->name, 1);
    sum += sum_slices(v->tokens, v->n_tokens) + sum_slices(v->merges, v->n_merges);
    if (v->scores != NULL)
        sum += sum_bytes(v->scores, v->n_tokens * sizeof *v->scores);
    if (v->types != NULL)
        sum += sum_bytes(v->types, v->n_tokens * sizeof *v->types);
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(checkpoint, i);
        sum += sum_bytes(tensor->data, tensor->bytes);
    }
    return sum;
}
