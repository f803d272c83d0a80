/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/forward.h"

#include "engine/angles.h"
#include "engine/attention.h"

#include <string.h>

/* One step, seen by all threads. */
typedef struct step_state {
    firn_batch *batch;
    bool private_stream; /* each thread keeps the residual stream itself: no barrier where it is only read */
    uint32_t head_first, head_count;
    bool selects;        /* only the highest logits are computed */
    atomic_bool damaged; /* a logit was not finite */
} step_state;

/* The step as one thread sees it. */
typedef struct view {
    step_state *step;
    firn_batch *batch;
    const firn_model *model;
    const mod_hyperparameters *hp;
    const kern_table *kernels;
    base_pool *pool;
    eng_scratch *scratch;
    uint32_t thread;
    uint32_t n_columns;      /* those still alive: all, and after the last layer's keys the needed ones */
    const uint32_t *sources; /* where the stream of column i is now; NULL: at i */
    eng_stream stream;       /* own or shared */
    eng_panels attended_panels;
} view;

/* Which integer forms the readers of an input want: bits 1 << kern_input. */
static unsigned wants(const kern_matrix *matrix)
{
    return 1u << kern_type_input(matrix->type);
}

/*
 * Quantises n_blocks blocks, from block `first` of rows with `row_blocks` on, of the columns [begin, end) of x; `begin`
 * starts a panel.
 */
static void quantise_columns(const view *v, unsigned wanted, const float *x, size_t stride, uint32_t row_blocks,
                             uint32_t first, uint32_t n_blocks, base_range columns, eng_panels panels)
{
    const uint32_t width = v->n_columns == 1 ? 1 : KERN_PANEL;
    for (uint32_t c = columns.begin; c < columns.end; c += width) {
        const uint32_t count = columns.end - c < width ? columns.end - c : width;
        const size_t block = (size_t)c * row_blocks + (size_t)first * width; /* in blocks of one column */
        if ((wanted & 1u << KERN_INPUT_INT8) != 0)
            v->kernels->quantise_int8(x + c * stride, stride, count, width, n_blocks,
                                      panels.int8 + block * KERN_INT8_BYTES);
        if ((wanted & 1u << KERN_INPUT_INT16) != 0)
            v->kernels->quantise_int16(x + c * stride, stride, count, width, n_blocks,
                                       panels.int16 + block * KERN_INT16_BYTES);
    }
}

/* Whole rows of n_inputs. */
static void quantise_rows(const view *v, unsigned wanted, const float *x, uint32_t n_inputs, base_range columns,
                          eng_panels panels)
{
    const uint32_t n_blocks = n_inputs / KERN_BLOCK;
    quantise_columns(v, wanted, x, n_inputs, n_blocks, 0, n_blocks, columns, panels);
}

/* Columns that this thread prepares: all of them for itself, or panel by panel for everyone. */
static bool next_columns(const view *v, bool *done, base_range *range)
{
    if (v->step->private_stream) {
        *range = (base_range){0, v->n_columns};
        const bool more = !*done;
        *done = true;
        return more;
    }
    if (!base_pool_claim(v->pool, v->thread, (v->n_columns + KERN_PANEL - 1) / KERN_PANEL, range))
        return false;
    range->begin *= KERN_PANEL;
    range->end = range->end * KERN_PANEL < v->n_columns ? range->end * KERN_PANEL : v->n_columns;
    return true;
}

static void prepared(const view *v)
{
    if (!v->step->private_stream)
        base_pool_barrier(v->pool, v->thread);
}

/* ---- the residual stream between the blocks ---- */

static void make_angles(const view *v, uint32_t begin, uint32_t end)
{
    const uint32_t n_pairs = v->hp->rope_dims / 2;
    const bool adjacent = v->hp->rope_pairs == MOD_ROPE_ADJACENT;
    const int n_kinds = v->hp->sliding_window != 0 ? 2 : 1;
    for (int local = 0; local < n_kinds; local++)
        for (uint32_t c = begin; c < end; c++)
            eng_rope_angles(v->batch->columns[c].position, v->model->frequencies[local], n_pairs, adjacent,
                            v->batch->angles[local] + c * v->batch->angles_stride);
}

static unsigned wants_of_attention(const eng_layer *layer)
{
    return wants(&layer->q) | wants(&layer->k) | wants(&layer->v);
}

/* The tokens' embeddings, normalised for the first layer. Angles are ready after the next barrier. */
static void begin_stream(const view *v)
{
    const uint32_t n_embd = v->hp->n_embd;
    if (v->step->private_stream && v->thread == 0)
        make_angles(v, 0, v->n_columns);
    base_range range;
    for (bool done = false; next_columns(v, &done, &range);) {
        for (uint32_t c = range.begin; c < range.end; c++) {
            float *const x = v->stream.x + (size_t)c * n_embd;
            eng_embed(v->model, v->batch->columns[c].id, x);
            v->kernels->rms_norm(x, v->model->layers[0].attention_norm, v->hp->norm_epsilon, n_embd,
                                 v->stream.normed + (size_t)c * n_embd);
        }
        if (!v->step->private_stream)
            make_angles(v, range.begin, range.end);
        quantise_rows(v, wants_of_attention(&v->model->layers[0]), v->stream.normed, n_embd, range, v->stream.panels);
    }
    prepared(v);
}

/* x_to = x_from + the block's output of column c, with its bias and norm where the family has them. */
static void add_block(const view *v, uint32_t c, const float *bias, const float *post_norm, float *to)
{
    const uint32_t n_embd = v->hp->n_embd;
    const float *const from = v->stream.x + (size_t)(v->sources != NULL ? v->sources[c] : c) * n_embd;
    const float *block = v->batch->block_out + c * v->batch->embd_stride;
    if (bias != NULL || post_norm != NULL) {
        memcpy(v->scratch->block, block, n_embd * sizeof(float));
        if (bias != NULL)
            v->kernels->add(v->scratch->block, bias, n_embd);
        if (post_norm != NULL)
            v->kernels->rms_norm(v->scratch->block, post_norm, v->hp->norm_epsilon, n_embd, v->scratch->block);
        block = v->scratch->block;
    }
    if (to != from)
        memmove(to, from, n_embd * sizeof(float));
    v->kernels->add(to, block, n_embd);
}

/* Adds a block's output to the stream and normalises it for the next matmuls, which want it as `wanted` says. */
static void advance_stream(view *v, const float *bias, const float *post_norm, const float *next_norm, unsigned wanted)
{
    const uint32_t n_embd = v->hp->n_embd;
    /* where columns move, the shared stream goes to another buffer: others may still read what one would overwrite */
    float *const to = v->sources != NULL && !v->step->private_stream ? v->batch->needed_x : v->stream.x;
    base_range range;
    for (bool done = false; next_columns(v, &done, &range);) {
        for (uint32_t c = range.begin; c < range.end; c++) {
            float *const x = to + (size_t)c * n_embd;
            add_block(v, c, bias, post_norm, x);
            v->kernels->rms_norm(x, next_norm, v->hp->norm_epsilon, n_embd, v->stream.normed + (size_t)c * n_embd);
        }
        quantise_rows(v, wanted, v->stream.normed, n_embd, range, v->stream.panels);
    }
    v->stream.x = to;
    v->sources = NULL;
    prepared(v);
}

/* ---- matmuls ---- */

typedef struct product {
    const kern_matrix *matrix;
    float *out;
} product;

/* Several matrices with one input: their tiles are claimed as if they were one. Ends with a barrier. */
static void multiply(const view *v, const product *products, int n_products, const kern_activations *x,
                     size_t out_stride)
{
    uint32_t total = 0;
    for (int i = 0; i < n_products; i++)
        total += kern_tiles(products[i].matrix);
    base_range range;
    while (base_pool_claim(v->pool, v->thread, total, &range)) {
        uint32_t first = 0;
        for (int i = 0; i < n_products; i++) {
            const uint32_t n = kern_tiles(products[i].matrix);
            const uint32_t begin = range.begin > first ? range.begin - first : 0;
            const uint32_t end = range.end < first + n ? range.end > first ? range.end - first : 0 : n;
            if (begin < end)
                kern_matmul(v->kernels, products[i].matrix, begin, end, x, products[i].out, out_stride,
                            v->scratch->matmul);
            first += n;
        }
    }
    base_pool_barrier(v->pool, v->thread);
}

static kern_activations stream_activations(const view *v)
{
    return (kern_activations){v->stream.normed, v->hp->n_embd, v->stream.panels.int8, v->stream.panels.int16,
                              v->n_columns};
}

static void project_qkv(const view *v, const eng_layer *layer)
{
    const size_t key_start = (size_t)kern_tiles(&layer->q) * KERN_TILE_ROWS;
    const size_t value_start = key_start + (size_t)kern_tiles(&layer->k) * KERN_TILE_ROWS;
    const product products[] = {
        {&layer->q, v->batch->qkv},
        {&layer->k, v->batch->qkv + key_start},
        {&layer->v, v->batch->qkv + value_start},
    };
    const kern_activations x = stream_activations(v);
    multiply(v, products, 3, &x, v->batch->qkv_stride);
}

static void project_attended(const view *v, const eng_layer *layer)
{
    const uint32_t n_attended = v->hp->n_heads * v->hp->head_dim;
    base_range range;
    for (bool done = false; next_columns(v, &done, &range);)
        quantise_rows(v, wants(&layer->attention_output), v->batch->attended, n_attended, range, v->attended_panels);
    prepared(v);
    const kern_activations x = {v->batch->attended, n_attended, v->attended_panels.int8, v->attended_panels.int16,
                                v->n_columns};
    multiply(v, &(product){&layer->attention_output, v->batch->block_out}, 1, &x, v->batch->embd_stride);
}

/* Rows of a matrix from tile `first` on, as a matrix of its own. */
static kern_matrix from_tile(const kern_matrix *matrix, uint32_t first)
{
    kern_matrix rest = *matrix;
    rest.data += first * matrix->tile_bytes;
    rest.n_rows -= first * KERN_TILE_ROWS;
    return rest;
}

/* ENG_FFN_ROWS inner rows of all columns: gate and up, their product, and what the down matrix reads of it. */
static void make_inner_rows(const view *v, const eng_layer *layer, uint32_t unit, const kern_activations *x)
{
    const uint32_t first = unit * ENG_FFN_ROWS, tile = first / KERN_TILE_ROWS;
    const uint32_t n_rows = v->hp->n_ff - first < ENG_FFN_ROWS ? v->hp->n_ff - first : ENG_FFN_ROWS;
    const uint32_t n_tiles = (n_rows + KERN_TILE_ROWS - 1) / KERN_TILE_ROWS;
    const kern_matrix gate = from_tile(&layer->gate, tile), up = from_tile(&layer->up, tile);
    float *const g = v->scratch->gate, *const u = v->scratch->up;
    kern_matmul(v->kernels, &gate, 0, n_tiles, x, g, ENG_FFN_ROWS, v->scratch->matmul);
    kern_matmul(v->kernels, &up, 0, n_tiles, x, u, ENG_FFN_ROWS, v->scratch->matmul);
    const kern_activation activation = v->hp->activation == MOD_SILU ? KERN_SILU : KERN_GELU_TANH;
    if (kern_type_input(layer->down.type) == KERN_INPUT_FLOATS) {
        for (uint32_t c = 0; c < v->n_columns; c++)
            v->kernels->activate(activation, g + c * ENG_FFN_ROWS, u + c * ENG_FFN_ROWS, n_rows,
                                 v->batch->inner + c * v->batch->ff_stride + first);
        return;
    }
    v->kernels->activate(activation, g, u, v->n_columns * ENG_FFN_ROWS, g);
    quantise_columns(v, wants(&layer->down), g, ENG_FFN_ROWS, v->hp->n_ff / KERN_BLOCK, unit, 1,
                     (base_range){0, v->n_columns}, v->batch->inner_panels);
}

static void feed_forward(const view *v, const eng_layer *layer)
{
    const kern_activations x = stream_activations(v);
    base_range range;
    while (base_pool_claim(v->pool, v->thread, (v->hp->n_ff + ENG_FFN_ROWS - 1) / ENG_FFN_ROWS, &range))
        for (uint32_t unit = range.begin; unit < range.end; unit++)
            make_inner_rows(v, layer, unit, &x);
    base_pool_barrier(v->pool, v->thread);
    const kern_activations inner = {v->batch->inner, v->batch->ff_stride, v->batch->inner_panels.int8,
                                    v->batch->inner_panels.int16, v->n_columns};
    multiply(v, &(product){&layer->down, v->batch->block_out}, 1, &inner, v->batch->embd_stride);
}

/* ---- logits ---- */

/* The needed columns, normalised, in session->needed_x. */
static void finish_stream(const view *v, const float *post_norm)
{
    base_range range;
    while (base_pool_claim(v->pool, v->thread, v->n_columns, &range)) {
        for (uint32_t c = range.begin; c < range.end; c++) {
            float *const x = v->batch->needed_x + (size_t)c * v->hp->n_embd;
            add_block(v, c, NULL, post_norm, x);
            v->kernels->rms_norm(x, v->model->output_norm, v->hp->norm_epsilon, v->hp->n_embd, x);
        }
    }
    base_pool_barrier(v->pool, v->thread);
}

/* All logits of n_columns of x, in the rows of batch->logits. */
static void multiply_head(const view *v, const float *x, uint32_t n_columns)
{
    const kern_matrix *const head = &v->model->output;
    const kern_activations activations = {x, v->hp->n_embd, v->scratch->own.panels.int8, v->scratch->own.panels.int16,
                                          n_columns};
    base_range range;
    while (base_pool_claim(v->pool, v->thread, kern_tiles(head), &range)) {
        kern_matmul(v->kernels, head, range.begin, range.end, &activations, v->batch->logits, v->batch->vocab_stride,
                    v->scratch->matmul);
        const uint32_t first = range.begin * KERN_TILE_ROWS, last = range.end * KERN_TILE_ROWS;
        const uint32_t n_rows = (last < head->n_rows ? last : head->n_rows) - first;
        for (uint32_t c = 0; c < n_columns; c++) {
            float *const logits = v->batch->logits + c * v->batch->vocab_stride + first;
            if (v->hp->logit_softcap != 0.0f)
                v->kernels->softcap(logits, v->hp->logit_softcap, n_rows);
            if (!v->kernels->all_finite(logits, n_rows))
                atomic_store_explicit(&v->step->damaged, true, memory_order_relaxed);
        }
    }
}

static void compute_all(const view *v, const float *x)
{
    quantise_rows(v, wants(&v->model->output), x, v->hp->n_embd, (base_range){0, v->n_columns}, v->scratch->own.panels);
    for (uint32_t c = 0; c < v->n_columns && v->thread == 0; c++)
        v->batch->logits_of[c] = v->batch->logits + c * v->batch->vocab_stride;
    multiply_head(v, x, v->n_columns);
}

static eng_select_input select_input(const view *v, const float *x, uint32_t c)
{
    const eng_panels room = v->scratch->own.panels;
    return (eng_select_input){x + (size_t)c * v->hp->n_embd, room.int8, room.int16};
}

/* Makes the columns' inputs for estimates; returns the block that comes twice. */
static uint32_t prepare_estimates(const view *v, const float *x)
{
    eng_selection *const selection = &v->batch->selection;
    base_range range;
    while (base_pool_claim(v->pool, v->thread, v->n_columns, &range))
        for (uint32_t c = range.begin; c < range.end; c++) {
            const eng_select_input input = select_input(v, x, c);
            eng_select_measure(v->model, selection, c, &input);
        }
    base_pool_barrier(v->pool, v->thread);
    const uint32_t again = eng_select_worst(v->model, selection, v->n_columns);
    while (base_pool_claim(v->pool, v->thread, v->n_columns, &range))
        for (uint32_t c = range.begin; c < range.end; c++) {
            const eng_select_input input = select_input(v, x, c);
            eng_select_prepare(v->model, selection, c, again, &input);
        }
    base_pool_barrier(v->pool, v->thread);
    return again;
}

/* Estimates of all logits, in batch->logits, and what is certain of them. */
static void estimate(const view *v, const float *x)
{
    const kern_matrix *const head = &atomic_load_explicit(&v->model->estimates, memory_order_relaxed)->head;
    firn_batch *const batch = v->batch;
    const uint32_t n_embd = v->hp->n_embd, n_blocks = n_embd / KERN_BLOCK, again = prepare_estimates(v, x);
    const eng_panels panels = v->scratch->own.panels;
    const base_range columns = {0, v->n_columns};
    base_range range;
    quantise_columns(v, 1u << KERN_INPUT_INT8, x, n_embd, n_blocks + 1, 0, n_blocks, columns, panels);
    quantise_columns(v, 1u << KERN_INPUT_INT8, batch->selection.left, KERN_BLOCK, n_blocks + 1, n_blocks, 1, columns,
                     panels);
    const kern_rounded rounded = {panels.int8, v->n_columns, again};
    while (base_pool_claim(v->pool, v->thread, eng_select_pieces(v->model), &range))
        for (uint32_t piece = range.begin; piece < range.end; piece++) {
            const uint32_t first = piece * ENG_SELECT_TILES, left = kern_tiles(head) - first;
            const uint32_t n_tiles = left < ENG_SELECT_TILES ? left : ENG_SELECT_TILES;
            v->kernels->matmul_rounded(head, first, first + n_tiles, &rounded, batch->logits, batch->vocab_stride);
            for (uint32_t c = 0; c < v->n_columns; c++)
                if (!eng_select_look(v->model, &batch->selection, c, batch->logits + c * batch->vocab_stride, piece))
                    atomic_store_explicit(&v->step->damaged, true, memory_order_relaxed);
        }
    base_pool_barrier(v->pool, v->thread);
}

/* All logits of the columns that were refused. */
static void compute_refused(const view *v, const float *x)
{
    firn_batch *const batch = v->batch;
    uint32_t refused[ENG_HEAD_COLUMNS], n = 0;
    for (uint32_t c = 0; c < v->n_columns; c++)
        if (batch->selection.refused[c])
            refused[n++] = c;
    if (n == 0)
        return;
    float *const gathered = v->scratch->own.x;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(gathered + (size_t)i * v->hp->n_embd, x + (size_t)refused[i] * v->hp->n_embd, v->hp->n_embd * sizeof *x);
        if (v->thread == 0)
            batch->logits_of[refused[i]] = batch->logits + i * batch->vocab_stride;
    }
    view some = *v;
    some.n_columns = n;
    quantise_rows(&some, wants(&v->model->output), gathered, v->hp->n_embd, (base_range){0, n}, v->scratch->own.panels);
    multiply_head(&some, gathered, n);
    if (2 * n > v->n_columns && v->thread == 0)
        batch->selection.pause = ENG_SELECT_PAUSE;
}

/* The highest logits of each column. */
static void select_logits(const view *v, const float *x)
{
    firn_batch *const batch = v->batch;
    base_range range;
    estimate(v, x);
    while (base_pool_claim(v->pool, v->thread, v->n_columns, &range))
        for (uint32_t c = range.begin; c < range.end; c++) {
            const eng_select_input input = select_input(v, x, c);
            const uint32_t n_best = batch->columns[batch->needed.columns[v->step->head_first + c]].n_best;
            float *const row = batch->selection.rows + c * batch->vocab_stride;
            if (!eng_select_column(v->model, &batch->selection, c, n_best, batch->logits + c * batch->vocab_stride,
                                   &input, v->scratch->rows, v->scratch->matmul, row))
                atomic_store_explicit(&v->step->damaged, true, memory_order_relaxed);
            batch->logits_of[c] = row;
        }
    base_pool_barrier(v->pool, v->thread);
    compute_refused(v, x);
}

static void compute_logits(view *v)
{
    const float *const x = v->batch->needed_x + (size_t)v->step->head_first * v->hp->n_embd;
    v->n_columns = v->step->head_count;
    if (v->step->selects)
        select_logits(v, x);
    else
        compute_all(v, x);
}

/* ---- the step ---- */

static view make_view(step_state *step, uint32_t thread)
{
    firn_batch *const batch = step->batch;
    const firn_model *const model = batch->model;
    eng_scratch *const scratch = &batch->scratch[thread];
    return (view){
        .step = step,
        .batch = batch,
        .model = model,
        .hp = model->hyperparameters,
        .kernels = &model->context->kernels,
        .pool = model->context->pool,
        .scratch = scratch,
        .thread = thread,
        .n_columns = batch->n_columns,
        .stream = step->private_stream ? scratch->own : batch->shared,
        .attended_panels = step->private_stream ? scratch->attended : batch->attended_panels,
    };
}

static void run_step(void *argument, uint32_t thread)
{
    view v = make_view(argument, thread);
    const firn_batch *const batch = v.batch;
    const uint32_t n_layers = v.hp->n_layers;
    begin_stream(&v);
    for (uint32_t i = 0; i < n_layers; i++) {
        const eng_layer *const layer = &v.model->layers[i];
        const bool last = i + 1 == n_layers;
        project_qkv(&v, layer);
        eng_attend(&(eng_attention){v.batch, layer, last ? &batch->needed : &batch->all}, thread);
        if (last) { /* from here on only what leads to a logit */
            if (batch->needed.n_columns == 0)
                return;
            v.n_columns = batch->needed.n_columns;
            v.sources = batch->needed.columns;
        }
        project_attended(&v, layer);
        advance_stream(&v, layer->attention_output_bias, layer->attention_post_norm, layer->ffn_norm,
                       wants(&layer->gate) | wants(&layer->up));
        feed_forward(&v, layer);
        if (last)
            finish_stream(&v, layer->ffn_post_norm);
        else
            advance_stream(&v, NULL, layer->ffn_post_norm, layer[1].attention_norm, wants_of_attention(&layer[1]));
    }
    compute_logits(&v);
}

static void run_head(void *argument, uint32_t thread)
{
    view v = make_view(argument, thread);
    compute_logits(&v);
}

/* Whether the highest logits of these needed columns suffice, and are faster. */
static bool selects(firn_batch *batch, uint32_t first, uint32_t count)
{
    if (count < ENG_SELECT_COLUMNS)
        return false;
    for (uint32_t i = first; i < first + count; i++) {
        const uint32_t n_best = batch->columns[batch->needed.columns[i]].n_best;
        if (n_best == 0 || n_best > FIRN_MOST_BEST)
            return false;
    }
    if (batch->selection.pause > 0) {
        batch->selection.pause--;
        return false;
    }
    return eng_select_ready(batch->model);
}

bool eng_forward(firn_batch *batch)
{
    const uint32_t n_needed = batch->needed.n_columns;
    const uint32_t count = n_needed < ENG_HEAD_COLUMNS ? n_needed : ENG_HEAD_COLUMNS;
    step_state step = {
        .batch = batch,
        .private_stream = batch->n_columns <= ENG_PRIVATE_COLUMNS,
        .head_count = count,
        .selects = selects(batch, 0, count),
    };
    base_pool_run(batch->model->context->pool, run_step, &step);
    return !atomic_load(&step.damaged);
}

bool eng_forward_head(firn_batch *batch, uint32_t first, uint32_t count)
{
    step_state step = {
        .batch = batch, .head_first = first, .head_count = count, .selects = selects(batch, first, count)};
    base_pool_run(batch->model->context->pool, run_head, &step);
    return !atomic_load(&step.damaged);
}
