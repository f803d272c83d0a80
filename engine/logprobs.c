/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logprobs.h"

#include "engine/model.h"
#include "kernels/math.h"

/* Maxima are written with the compilers' vectors of four, which every baseline has. */
enum { CHUNK = 256, VECTORS = 4, WIDTH = 4, LANES = VECTORS * WIDTH };
typedef float floats __attribute__((vector_size(16)));

static inline floats load(const float *from)
{
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}

/* The larger of two; b where a is not a number. */
static inline floats larger(floats a, floats b)
{
    floats x;
    for (int i = 0; i < WIDTH; i++)
        x[i] = a[i] > b[i] ? a[i] : b[i];
    return x;
}

static float highest_of_chunk(const float logits[CHUNK])
{
    const floats lowest = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    floats highest[VECTORS] = {lowest, lowest, lowest, lowest};
    for (int i = 0; i < CHUNK; i += LANES)
        for (int v = 0; v < VECTORS; v++)
            highest[v] = larger(load(logits + i + v * WIDTH), highest[v]);
    const floats x = larger(larger(highest[0], highest[2]), larger(highest[1], highest[3]));
    float result = -INFINITY;
    for (int i = 0; i < WIDTH; i++)
        result = x[i] > result ? x[i] : result;
    if (result <= FLT_MAX)
        return result;
    result = -INFINITY; /* an infinite logit hid the others */
    for (int i = 0; i < CHUNK; i++)
        result = eng_usable_logit(logits[i]) > result ? logits[i] : result;
    return result;
}

/* The last, incomplete chunk, made whole with logits of tokens that can't come. */
static void pad(const float *logits, uint32_t count, float chunk[CHUNK])
{
    for (uint32_t i = 0; i < CHUNK; i++)
        chunk[i] = i < count ? logits[i] : -INFINITY;
}

float eng_highest_logit(const float *logits, uint32_t count)
{
    float highest = -INFINITY;
    uint32_t i = 0;
    for (; count - i >= CHUNK; i += CHUNK) {
        const float x = highest_of_chunk(logits + i);
        highest = x > highest ? x : highest;
    }
    if (i < count) {
        float chunk[CHUNK];
        pad(logits + i, count - i, chunk);
        const float x = highest_of_chunk(chunk);
        highest = x > highest ? x : highest;
    }
    return highest;
}

/* Puts a token into the list of the likeliest, which is in descending order and full; its last one falls out. */
static void insert(int32_t id, float logit, uint32_t n_top, int32_t *top_ids, float *top_logits)
{
    uint32_t i = n_top - 1;
    for (; i > 0 && top_logits[i - 1] < logit; i--) {
        top_ids[i] = top_ids[i - 1];
        top_logits[i] = top_logits[i - 1];
    }
    top_ids[i] = id;
    top_logits[i] = logit;
}

float eng_logprobs(const kern_table *kernels, const float *logits, uint32_t n_vocab, int32_t id, uint32_t n_top,
                   int32_t *top_ids, float *top_logprobs)
{
    const float highest = eng_highest_logit(logits, n_vocab);
    const bool any = highest >= -FLT_MAX;
    const double sum_log = any ? kern_log_double(kernels->sum_exponentials(logits, n_vocab, highest, NULL)) : 0.0;
    for (uint32_t i = 0; i < n_top; i++) {
        top_ids[i] = -1;
        top_logprobs[i] = -INFINITY;
    }
    for (uint32_t i = 0; i < n_vocab && n_top > 0; i++) {
        const float logit = eng_usable_logit(logits[i]);
        if (logit > top_logprobs[n_top - 1])
            insert((int32_t)i, logit, n_top, top_ids, top_logprobs);
    }
    for (uint32_t i = 0; i < n_top && any; i++)
        top_logprobs[i] = (float)((double)top_logprobs[i] - (double)highest - sum_log);
    if (id < 0 || (uint32_t)id >= n_vocab)
        return 0.0f;
    return any ? (float)((double)eng_usable_logit(logits[id]) - (double)highest - sum_log) : -INFINITY;
}

void eng_surprise(const kern_table *kernels, const float *logits, uint32_t n_vocab, int32_t id, float *logprob,
                  float *entropy)
{
    const float highest = eng_highest_logit(logits, n_vocab);
    *logprob = -INFINITY;
    *entropy = 0.0f;
    if (!(highest >= -FLT_MAX))
        return;
    double moment;
    const double sum = kernels->sum_exponentials(logits, n_vocab, highest, &moment);
    const double sum_log = kern_log_double(sum);
    *entropy = (float)(sum_log - moment / sum);
    if (id >= 0 && (uint32_t)id < n_vocab)
        *logprob = (float)((double)eng_usable_logit(logits[id]) - (double)highest - sum_log);
}

float firn_logprobs(const firn_model *model, const float *logits, int32_t id, uint32_t n_top, int32_t *top_ids,
                    float *top_logprobs)
{
    return eng_logprobs(&model->context->kernels, logits, model->hyperparameters->n_vocab, id, n_top, top_ids,
                        top_logprobs);
}

void firn_surprise(const firn_model *model, const float *logits, int32_t id, float *logprob, float *entropy)
{
    eng_surprise(&model->context->kernels, logits, model->hyperparameters->n_vocab, id, logprob, entropy);
}
