/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/attention.h"

#include <math.h>
#include <string.h>

/* From this many chunks on, a step of few tokens shares the chunks of one head among the threads. */
enum { CHUNKS_WORTH_SHARING = 4 };

/* Radians: a pair of elements hardly turns if it turns by less over the context that a model was trained for. */
enum { STILL_ANGLE = 4 };

static const mod_hyperparameters *shape(const eng_attention *a)
{
    return a->batch->model->hyperparameters;
}

static const kern_table *kernels(const eng_attention *a)
{
    return &a->batch->model->context->kernels;
}

static uint32_t group_size(const eng_attention *a)
{
    return shape(a)->n_heads / shape(a)->n_kv_heads;
}

/* Keys of a head in the session's page `chunk`; the values follow. */
static uint8_t *head_of_page(const eng_attention *a, const firn_session *session, size_t chunk, uint32_t kv_head)
{
    const mod_hyperparameters *const hp = shape(a);
    const size_t head = (size_t)a->layer->nth * hp->n_kv_heads + kv_head;
    return session->tables[a->layer->local ? ENG_LOCAL : ENG_GLOBAL][chunk]->data + head * session->cache.bytes;
}

/* Wanted column i. */
static const eng_column *wanted(const eng_attention *a, uint32_t i)
{
    return &a->batch->columns[a->wanted->columns[i]];
}

/* ---- heads of one token ---- */

static void make_head(const eng_attention *a, float *head, const float *bias, const float *norm, const float *angles)
{
    const mod_hyperparameters *const hp = shape(a);
    const kern_table *const k = kernels(a);
    if (bias != NULL)
        k->add(head, bias, hp->head_dim);
    if (norm != NULL)
        k->rms_norm(head, norm, hp->norm_epsilon, hp->head_dim, head);
    k->rotate(head, angles, hp->rope_dims / 2, hp->rope_pairs == MOD_ROPE_ADJACENT);
}

/*
 * Takes the bias away again from what hardly turns with the position: as it is, unturned, from every key, which makes
 * the same difference to all scores of a query, and none to their softmax. There some checkpoints have biases a hundred
 * times as large as all else in a key, and it is these that its few bits would go to. Within a quarter of the trained
 * context what is left is never more than there was.
 */
static void take_still_bias(const eng_attention *a, float *key, const float *bias)
{
    const mod_hyperparameters *const hp = shape(a);
    const double *const frequencies = a->batch->model->frequencies[a->layer->local];
    const uint32_t n_pairs = hp->rope_dims / 2;
    const bool adjacent = hp->rope_pairs == MOD_ROPE_ADJACENT;
    for (uint32_t i = n_pairs; i-- > 0 && frequencies[i] * hp->n_ctx_train < STILL_ANGLE;) {
        const uint32_t first = adjacent ? 2 * i : i, second = adjacent ? 2 * i + 1 : i + n_pairs;
        key[first] -= bias[first];
        key[second] -= bias[second];
    }
    for (uint32_t d = hp->rope_dims; d < hp->head_dim; d++)
        key[d] -= bias[d];
}

/* A query head of one column, ready for attention. */
static void make_query(const eng_attention *a, uint32_t column, uint32_t head)
{
    const uint32_t d = shape(a)->head_dim;
    float *const query = a->batch->qkv + column * a->batch->qkv_stride + (size_t)head * d;
    const float *const angles = a->batch->angles[a->layer->local] + column * a->batch->angles_stride;
    make_head(a, query, a->layer->q_bias != NULL ? a->layer->q_bias + (size_t)head * d : NULL, a->layer->q_norm,
              angles);
    kernels(a)->scale(query, shape(a)->attention_scale, d);
    kernels(a)->prepare_query(a->batch->columns[column].session->cache.key_type, query, d);
}

/* Key head `kv_head` of one column with its value, into the cache, unless they are there. */
static void make_key(const eng_attention *a, uint32_t column, uint32_t kv_head)
{
    const mod_hyperparameters *const hp = shape(a);
    const kern_table *const k = kernels(a);
    const firn_batch *const batch = a->batch;
    const firn_session *const session = batch->columns[column].session;
    if (batch->columns[column].stored)
        return;
    const uint32_t d = hp->head_dim;
    const size_t position = batch->columns[column].position;
    const size_t kv_rows = (size_t)hp->n_kv_heads * d, tiles = KERN_TILE_ROWS;
    const size_t key_start = ((size_t)hp->n_heads * d + tiles - 1) / tiles * tiles;
    const size_t value_start = key_start + (kv_rows + tiles - 1) / tiles * tiles;
    float *const row = batch->qkv + column * batch->qkv_stride;
    const float *const angles = batch->angles[a->layer->local] + column * batch->angles_stride;
    const size_t bias = (size_t)kv_head * d;
    float *const key = row + key_start + bias, *const value = row + value_start + bias;
    make_head(a, key, a->layer->k_bias != NULL ? a->layer->k_bias + bias : NULL, a->layer->k_norm, angles);
    if (session->cache.key_type == KERN_Q8_0 && a->layer->k_bias != NULL && a->layer->k_norm == NULL)
        take_still_bias(a, key, a->layer->k_bias + bias);
    if (a->layer->v_bias != NULL)
        k->add(value, a->layer->v_bias + bias, d);
    uint8_t *const keys = head_of_page(a, session, position / KERN_CHUNK, kv_head);
    const uint32_t place = (uint32_t)(position % KERN_CHUNK);
    k->store_key(session->cache.key_type, key, d, place, keys);
    k->store_value(session->cache.value_type, value, d, place, keys + session->cache.key_bytes);
}

/* ---- rows against chunks ---- */

/* The positions that wanted column i sees: [first, last]. */
static void visible(const eng_attention *a, uint32_t i, size_t *first, size_t *last)
{
    const size_t window = a->layer->local ? shape(a)->sliding_window : 0;
    *last = wanted(a, i)->position;
    *first = window != 0 && *last + 1 > window ? *last + 1 - window : 0;
}

typedef struct tile {
    uint32_t kv_head;
    uint32_t head, n_heads;                                       /* query heads that look at it: all, or some */
    uint32_t begin, end;                                          /* of a->wanted */
    float maximum[KERN_ATTENTION_ROWS], sum[KERN_ATTENTION_ROWS]; /* of each row: column-major, then query head */
} tile;

/* Copies the queries of a tile to scratch->queries, row after row. */
static void collect_queries(const eng_attention *a, const tile *t, eng_scratch *scratch)
{
    const size_t d = shape(a)->head_dim;
    for (uint32_t i = t->begin; i < t->end; i++)
        memcpy(scratch->queries + (i - t->begin) * t->n_heads * d,
               a->batch->qkv + a->wanted->columns[i] * a->batch->qkv_stride + t->head * d,
               t->n_heads * d * sizeof(float));
}

/* The keys that are probably read after those of a chunk: the next head's, then the next chunk's. Or NULL. */
static const uint8_t *next_keys(const eng_attention *a, const tile *t, size_t chunk)
{
    const eng_column *const column = wanted(a, t->begin);
    if (t->kv_head + 1 < shape(a)->n_kv_heads)
        return head_of_page(a, column->session, chunk, t->kv_head + 1);
    return (chunk + 1) * KERN_CHUNK <= column->position ? head_of_page(a, column->session, chunk + 1, 0) : NULL;
}

/*
 * Computes chunk `chunk` for the rows of the tile that see any of it: rows [*row_begin, *row_end). Their results go to
 * maximum, sum and out, which start with row *row_begin.
 */
static void compute_chunk(const eng_attention *a, const tile *t, size_t chunk, eng_scratch *scratch,
                          uint32_t *row_begin, uint32_t *row_end, float *maximum, float *sum, float *out)
{
    const uint32_t d = shape(a)->head_dim;
    const size_t chunk_begin = chunk * KERN_CHUNK, chunk_end = chunk_begin + KERN_CHUNK;
    uint8_t begins[KERN_ATTENTION_ROWS], ends[KERN_ATTENTION_ROWS];
    uint32_t n_rows = 0;
    *row_begin = 0;
    for (uint32_t i = t->begin; i < t->end; i++) {
        size_t first, last;
        visible(a, i, &first, &last);
        if (last < chunk_begin || first >= chunk_end) {
            if (n_rows == 0)
                *row_begin += t->n_heads;
            continue;
        }
        for (uint32_t h = 0; h < t->n_heads; h++, n_rows++) {
            begins[n_rows] = (uint8_t)(first > chunk_begin ? first - chunk_begin : 0);
            ends[n_rows] = (uint8_t)(last + 1 < chunk_end ? last + 1 - chunk_begin : KERN_CHUNK);
        }
    }
    *row_end = *row_begin + n_rows;
    if (n_rows == 0)
        return;
    const firn_session *const session = wanted(a, t->begin)->session;
    const uint8_t *const keys = head_of_page(a, session, chunk, t->kv_head);
    const uint8_t *const next = next_keys(a, t, chunk);
    kernels(a)->attention_chunk(&(kern_attention){
        .queries = scratch->queries + (size_t)*row_begin * d,
        .query_stride = d,
        .n_rows = n_rows,
        .head_dim = d,
        .key_type = session->cache.key_type,
        .value_type = session->cache.value_type,
        .keys = keys,
        .values = keys + session->cache.key_bytes,
        .next = next != NULL ? next - keys : 0,
        .begins = begins,
        .ends = ends,
        .maximum = maximum,
        .sum = sum,
        .out = out,
        .scratch = scratch->attention,
    });
}

static void clear_state(tile *t, uint32_t n_rows, float *out, uint32_t head_dim)
{
    for (uint32_t r = 0; r < n_rows; r++) {
        t->maximum[r] = -INFINITY;
        t->sum[r] = 0.0f;
    }
    memset(out, 0, (size_t)n_rows * head_dim * sizeof(float));
}

/* Where the result of query head `head` of wanted column i goes. */
static float *attended_head(const eng_attention *a, uint32_t i, uint32_t head)
{
    return a->batch->attended + ((size_t)i * shape(a)->n_heads + head) * shape(a)->head_dim;
}

/* All query heads of a key head, for the wanted columns [begin, end). */
static tile make_tile(const eng_attention *a, uint32_t kv_head, uint32_t begin, uint32_t end)
{
    const uint32_t group = group_size(a);
    return (tile){.kv_head = kv_head, .head = kv_head * group, .n_heads = group, .begin = begin, .end = end};
}

/* A tile's rows over all their chunks, in order. */
static void attend_tile(const eng_attention *a, tile *t, eng_scratch *scratch)
{
    const uint32_t d = shape(a)->head_dim, n_rows = (t->end - t->begin) * t->n_heads;
    size_t first, last, unused;
    visible(a, t->begin, &first, &unused);
    visible(a, t->end - 1, &unused, &last);
    collect_queries(a, t, scratch);
    clear_state(t, n_rows, scratch->state_out, d);
    for (size_t chunk = first / KERN_CHUNK; chunk <= last / KERN_CHUNK; chunk++) {
        float maximum[KERN_ATTENTION_ROWS], sum[KERN_ATTENTION_ROWS];
        uint32_t row_begin, row_end;
        compute_chunk(a, t, chunk, scratch, &row_begin, &row_end, maximum, sum, scratch->chunk_out);
        for (uint32_t r = row_begin; r < row_end; r++)
            kernels(a)->attention_merge(&t->maximum[r], &t->sum[r], scratch->state_out + (size_t)r * d,
                                        maximum[r - row_begin], sum[r - row_begin],
                                        scratch->chunk_out + (size_t)(r - row_begin) * d, d);
    }
    for (uint32_t r = 0; r < n_rows; r++)
        kernels(a)->attention_finish(scratch->state_out + (size_t)r * d, t->sum[r], d,
                                     attended_head(a, t->begin + r / t->n_heads, t->head + r % t->n_heads));
}

/* ---- a few rows over many chunks: chunks are shared, their results kept, and merged afterwards ---- */

/* Of wanted column i, query head and chunk. */
static size_t partial_index(const eng_attention *a, uint32_t i, uint32_t head, size_t chunk)
{
    return ((size_t)i * shape(a)->n_heads + head) * a->batch->n_chunks + chunk;
}

static void attend_partial(const eng_attention *a, uint32_t i, uint32_t kv_head, size_t chunk, eng_scratch *scratch)
{
    const uint32_t group = group_size(a), d = shape(a)->head_dim;
    const tile t = make_tile(a, kv_head, i, i + 1);
    float maximum[KERN_ATTENTION_ROWS], sum[KERN_ATTENTION_ROWS];
    uint32_t row_begin, row_end;
    collect_queries(a, &t, scratch);
    compute_chunk(a, &t, chunk, scratch, &row_begin, &row_end, maximum, sum, scratch->chunk_out);
    for (uint32_t r = row_begin; r < row_end; r++) {
        const size_t partial = partial_index(a, i, kv_head * group + r, chunk);
        a->batch->partial_state[2 * partial] = maximum[r];
        a->batch->partial_state[2 * partial + 1] = sum[r];
        memcpy(a->batch->partial_out + partial * d, scratch->chunk_out + (size_t)r * d, d * sizeof(float));
    }
}

static void merge_partials(const eng_attention *a, uint32_t i, uint32_t head, eng_scratch *scratch)
{
    const uint32_t d = shape(a)->head_dim;
    tile state;
    size_t first, last;
    visible(a, i, &first, &last);
    clear_state(&state, 1, scratch->state_out, d);
    for (size_t chunk = first / KERN_CHUNK; chunk <= last / KERN_CHUNK; chunk++) {
        const size_t partial = partial_index(a, i, head, chunk);
        kernels(a)->attention_merge(state.maximum, state.sum, scratch->state_out, a->batch->partial_state[2 * partial],
                                    a->batch->partial_state[2 * partial + 1], a->batch->partial_out + partial * d, d);
    }
    kernels(a)->attention_finish(scratch->state_out, state.sum[0], d, attended_head(a, i, head));
}

/* `chunks` is the range that any of the columns sees. */
static void attend_shared(const eng_attention *a, uint32_t thread, base_range chunks)
{
    const mod_hyperparameters *const hp = shape(a);
    base_pool *const pool = a->batch->model->context->pool;
    eng_scratch *const scratch = &a->batch->scratch[thread];
    const uint32_t of_column = hp->n_kv_heads * (chunks.end - chunks.begin);
    base_range range;
    while (base_pool_claim(pool, thread, a->wanted->n_columns * of_column, &range)) {
        for (uint32_t item = range.begin; item < range.end; item++) {
            const uint32_t i = item / of_column;
            /* heads of one chunk lie next to each other */
            const size_t chunk = chunks.begin + item % of_column / hp->n_kv_heads;
            size_t first, last;
            visible(a, i, &first, &last);
            if (chunk >= first / KERN_CHUNK && chunk <= last / KERN_CHUNK)
                attend_partial(a, i, item % hp->n_kv_heads, chunk, scratch);
        }
    }
    base_pool_barrier(pool, thread);
    while (base_pool_claim(pool, thread, a->wanted->n_columns * hp->n_heads, &range))
        for (uint32_t item = range.begin; item < range.end; item++)
            merge_partials(a, item / hp->n_heads, item % hp->n_heads, scratch);
    base_pool_barrier(pool, thread);
}

/* ---- the phase ---- */

static bool is_wanted(const eng_attention *a, uint32_t column)
{
    const eng_wanted *const w = a->wanted;
    if (w->n_columns == a->batch->n_columns)
        return true;
    for (uint32_t i = w->n_columns; i > 0 && w->columns[i - 1] >= column; i--)
        if (w->columns[i - 1] == column)
            return true;
    return false;
}

static void make_all_heads(const eng_attention *a, uint32_t thread)
{
    const uint32_t n_heads = shape(a)->n_heads, of_column = n_heads + shape(a)->n_kv_heads;
    base_pool *const pool = a->batch->model->context->pool;
    base_range range;
    while (base_pool_claim(pool, thread, a->batch->n_columns * of_column, &range))
        for (uint32_t item = range.begin; item < range.end; item++) {
            const uint32_t column = item / of_column, head = item % of_column;
            if (head >= n_heads)
                make_key(a, column, head - n_heads);
            else if (is_wanted(a, column))
                make_query(a, column, head);
        }
    base_pool_barrier(pool, thread);
}

/* The chunks that any wanted column sees. */
static base_range all_chunks(const eng_attention *a)
{
    base_range chunks = {UINT32_MAX, 0};
    for (uint32_t i = 0; i < a->wanted->n_columns; i++) {
        size_t first, last;
        visible(a, i, &first, &last);
        const uint32_t begin = (uint32_t)(first / KERN_CHUNK), end = (uint32_t)(last / KERN_CHUNK) + 1;
        chunks.begin = begin < chunks.begin ? begin : chunks.begin;
        chunks.end = end > chunks.end ? end : chunks.end;
    }
    return chunks;
}

/* One token, short text: a key head and all that looks at it is one piece of work, with the making of both. */
static void attend_one(const eng_attention *a, uint32_t thread)
{
    base_pool *const pool = a->batch->model->context->pool;
    base_range range;
    while (base_pool_claim(pool, thread, shape(a)->n_kv_heads, &range))
        for (uint32_t h = range.begin; h < range.end; h++) {
            tile t = make_tile(a, h, 0, 1);
            make_key(a, 0, h);
            for (uint32_t i = 0; i < t.n_heads; i++)
                make_query(a, 0, t.head + i);
            attend_tile(a, &t, &a->batch->scratch[thread]);
        }
    base_pool_barrier(pool, thread);
}

/* Tiles of columns, each key head's query heads in `parts` parts; heads are made already. */
static void attend_tiles(const eng_attention *a, uint32_t thread, uint32_t parts)
{
    base_pool *const pool = a->batch->model->context->pool;
    const uint32_t n_tiles = a->wanted->n_tiles, of_tile = shape(a)->n_kv_heads * parts;
    base_range range;
    while (base_pool_claim(pool, thread, n_tiles * of_tile, &range))
        for (uint32_t item = range.begin; item < range.end; item++) {
            /* the last tiles, which see most, go first */
            const eng_tile *const columns = &a->wanted->tiles[n_tiles - 1 - item / of_tile];
            tile t = make_tile(a, item % of_tile / parts, columns->begin, columns->end);
            const uint32_t part = item % parts, first = t.n_heads * part / parts;
            t.n_heads = t.n_heads * (part + 1) / parts - first;
            t.head += first;
            attend_tile(a, &t, &a->batch->scratch[thread]);
        }
    base_pool_barrier(pool, thread);
}

/* Into how many parts the query heads of each key head go so that one token gives all threads work. */
static uint32_t parts_of_heads(const eng_attention *a)
{
    const uint32_t parts = base_pool_threads(a->batch->model->context->pool) / shape(a)->n_kv_heads;
    return parts < 1 ? 1 : parts < group_size(a) ? parts : group_size(a);
}

void eng_attend(const eng_attention *a, uint32_t thread)
{
    const bool few = a->wanted->n_columns <= ENG_PRIVATE_COLUMNS;
    const bool one = a->batch->n_columns == 1 && a->wanted->n_columns == 1;
    const base_range chunks = few ? all_chunks(a) : (base_range){0, 0};
    const bool deep = few && chunks.end >= chunks.begin + CHUNKS_WORTH_SHARING && chunks.end <= a->batch->n_chunks;
    const uint32_t parts = one ? parts_of_heads(a) : 1;
    if (one && !deep && parts == 1) {
        attend_one(a, thread);
        return;
    }
    make_all_heads(a, thread);
    if (a->wanted->n_columns == 0)
        return;
    if (deep)
        attend_shared(a, thread, chunks);
    else
        attend_tiles(a, thread, parts);
}
