/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model.h"

#include "base/checked.h"
#include "base/memory.h"
#include "engine/angles.h"
#include "engine/pack_cache.h"
#include "engine/pages.h"
#include "engine/selection.h"
#include "engine/vocabulary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static firn_status make_tokenizer(firn_model *model, firn_error *error)
{
    tok_config config;
    firn_status status = eng_tokenizer_config(mod_checkpoint_vocabulary(model->checkpoint), &config, error);
    if (status == FIRN_OK)
        status = tok_create(&config, &model->tokenizer, error);
    mod_checkpoint_forget_merges(model->checkpoint);
    return status;
}

/* ---- matrices: in place, or packed into the arena; vectors: copied there ---- */

typedef struct packing {
    kern_matrix *matrix;  /* or NULL: a vector, which counts as one tile */
    const float **vector; /* where its place is wanted */
    const mod_tensor *tensor;
    size_t offset;      /* in the arena */
    atomic_uint packed; /* tiles that are done */
} packing;

typedef struct packing_plan {
    firn_model *model;
    packing *jobs; /* [n_jobs] */
    uint32_t n_jobs, n_tiles;
    bool packs; /* a matrix of the checkpoint's will be packed */
    uint64_t bytes;
    firn_status tokenizer_status;
    firn_error tokenizer_error;
    eng_pack_cache cache;
} packing_plan;

enum { SMALL_MATRIX = 1 << 21 }; /* bytes of a large page */

/* At most this many jobs a layer, and of the whole model: the head and its norm. */
enum { MATRICES_OF_A_LAYER = 7, VECTORS_OF_A_LAYER = 10, JOBS_OF_A_MODEL = 2 };

/* A job whose result takes `bytes` of the arena. */
static firn_status add_job(packing_plan *plan, packing job, uint32_t n_tiles, uint64_t bytes, firn_error *error)
{
    job.offset = plan->bytes;
    plan->jobs[plan->n_jobs++] = job;
    if (__builtin_add_overflow(plan->n_tiles, n_tiles, &plan->n_tiles) ||
        !base_add_u64(plan->bytes, bytes, &plan->bytes) || !base_align_u64(plan->bytes, KERN_ALIGNMENT, &plan->bytes))
        return base_fail(error, FIRN_ERROR_LIMIT, job.tensor->offset, "the packed parameters are too large to count");
    return FIRN_OK;
}

/*
 * Vectors are copied so that the pages of the file which they share with matrices are not needed again: of a file in
 * large pages each of them would keep 2 MiB mapped.
 */
static firn_status add_vector(packing_plan *plan, const mod_tensor *tensor, const float **vector, firn_error *error)
{
    if (tensor == NULL)
        return FIRN_OK;
    return add_job(plan, (packing){.vector = vector, .tensor = tensor}, 1, tensor->bytes, error);
}

static firn_status add_matrix(packing_plan *plan, const mod_tensor *tensor, kern_matrix *matrix, firn_error *error)
{
    if (!kern_type_has_matmul(tensor->type))
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, tensor->offset,
                         "tensor '%.*s': weights of type %s are not supported", (int)tensor->name.length,
                         tensor->name.data, kern_type_find(tensor->type)->name);
    if (tensor->dims[0] > UINT32_MAX || tensor->dims[1] > UINT32_MAX - KERN_TILE_ROWS)
        return base_fail(error, FIRN_ERROR_LIMIT, tensor->offset,
                         "tensor '%.*s': %" PRIu64 " x %" PRIu64 " is more than 2^32 rows or inputs",
                         (int)tensor->name.length, tensor->name.data, tensor->dims[0], tensor->dims[1]);
    const uint32_t n_inputs = (uint32_t)tensor->dims[0];
    *matrix = (kern_matrix){tensor->type, (uint32_t)tensor->dims[1], n_inputs, tensor->data,
                            kern_tile_bytes(tensor->type, n_inputs)};
    /* a small one among what is packed is copied, as vectors are */
    if (kern_type_in_place(tensor->type) && (!plan->packs || tensor->bytes >= SMALL_MATRIX))
        return FIRN_OK;
    uint64_t bytes;
    if (!base_multiply_u64(kern_tiles(matrix), matrix->tile_bytes, &bytes))
        bytes = UINT64_MAX; /* more than add_job takes */
    return add_job(plan, (packing){.matrix = matrix, .tensor = tensor}, kern_tiles(matrix), bytes, error);
}

static uint32_t job_tiles(const packing *job)
{
    return job->matrix != NULL ? kern_tiles(job->matrix) : 1;
}

/* Whether any matrix has to be packed. */
static bool has_to_pack(const mod_checkpoint *checkpoint)
{
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(checkpoint, i);
        if (tensor->n_dims > 1 && kern_type_has_matmul(tensor->type) && !kern_type_in_place(tensor->type))
            return true;
    }
    return false;
}

/* Tiles [begin, end) of one job; whoever finishes the matrix lets go of the original's pages. */
static void pack_tiles(const packing_plan *plan, packing *job, uint32_t begin, uint32_t end)
{
    const kern_matrix *const matrix = job->matrix;
    uint8_t *const to = plan->model->arena + job->offset;
    if (matrix == NULL) {
        memcpy(to, job->tensor->data, job->tensor->bytes);
        mod_checkpoint_release_pages(plan->model->checkpoint, job->tensor);
        return;
    }
    if (kern_type_in_place(matrix->type)) {
        const uint64_t from = begin * matrix->tile_bytes, rest = job->tensor->bytes - from;
        const uint64_t wanted = (end - begin) * matrix->tile_bytes;
        memcpy(to + from, (const uint8_t *)job->tensor->data + from, (size_t)(wanted < rest ? wanted : rest));
    } else {
        for (uint32_t t = begin; t < end; t++)
            kern_pack_tile(matrix->type, job->tensor->data, matrix->n_rows, matrix->n_inputs, t,
                           to + t * matrix->tile_bytes);
    }
    if (atomic_fetch_add(&job->packed, end - begin) + (end - begin) == kern_tiles(matrix))
        mod_checkpoint_release_pages(plan->model->checkpoint, job->tensor);
}

/*
 * All jobs' tiles are counted share by share: first what is the first thread's of each matrix, and so on. So a thread
 * packs, and touches first, what it will read, which counts where memory has several nodes.
 */
static void pack_range(const packing_plan *plan, base_range range)
{
    const base_pool *const pool = plan->model->context->pool;
    uint32_t at = 0;
    for (uint32_t thread = 0; thread < base_pool_threads(pool) && at < range.end; thread++)
        for (uint32_t j = 0; j < plan->n_jobs && at < range.end; j++) {
            const base_range share = base_pool_share(pool, thread, job_tiles(&plan->jobs[j]));
            const uint32_t next = at + share.end - share.begin;
            const uint32_t begin = range.begin > at ? range.begin : at, end = range.end < next ? range.end : next;
            if (begin < end)
                pack_tiles(plan, &plan->jobs[j], share.begin + begin - at, share.begin + end - at);
            at = next;
        }
}

/* On all threads. The tokenizer is made beside the packing, by the last thread before it joins in. */
static void prepare_model(void *argument, uint32_t thread)
{
    packing_plan *const plan = argument;
    base_pool *const pool = plan->model->context->pool;
    if (thread == base_pool_threads(pool) - 1 && plan->model->tokenizer == NULL)
        plan->tokenizer_status = make_tokenizer(plan->model, &plan->tokenizer_error);
    if (plan->cache.map != NULL) {
        eng_pack_cache_check(&plan->cache, pool, thread);
        return;
    }
    base_range range;
    while (base_pool_claim(pool, thread, plan->n_tiles, &range))
        pack_range(plan, range);
}

/*
 * After packing, large pages are for what is used in place only: what is left to read of the others (texts of tokens,
 * rows of an embedding) would keep 2 MiB mapped for each.
 */
static void settle_pages(const packing_plan *plan)
{
    const mod_checkpoint *const checkpoint = plan->model->checkpoint;
    if (!plan->packs)
        return;
    mod_checkpoint_use_small_pages(checkpoint);
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(checkpoint, i);
        const bool looked_up = tensor == mod_checkpoint_global(checkpoint, MOD_TOKEN_EMBEDDING) &&
                               mod_checkpoint_global(checkpoint, MOD_OUTPUT) != NULL;
        if (kern_type_in_place(tensor->type) && tensor->bytes >= SMALL_MATRIX && !looked_up)
            mod_checkpoint_use_large_pages(checkpoint, tensor);
    }
}

/* Memory for the packed parameters, and everything into it. */
static firn_status pack_all(packing_plan *plan, firn_error *error)
{
    firn_model *const model = plan->model;
    if (plan->bytes > 0) {
        void *const arena = plan->bytes > SIZE_MAX ? MAP_FAILED
                                                   : mmap(NULL, (size_t)plan->bytes, PROT_READ | PROT_WRITE,
                                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (arena == MAP_FAILED)
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET,
                             "no memory for %" PRIu64 " bytes of packed parameters", plan->bytes);
        model->arena = model->arena_map = arena;
        model->arena_bytes = model->arena_map_bytes = (size_t)plan->bytes;
        /* large pages: a third less time to fill, a tenth more bandwidth to read; the system may say no */
        (void)madvise(arena, model->arena_bytes, MADV_HUGEPAGE);
    }
    base_pool_run(model->context->pool, prepare_model, plan);
    settle_pages(plan);
    if (model->arena != NULL && mprotect(model->arena, model->arena_bytes, PROT_READ) != 0)
        return base_fail(error, FIRN_ERROR_SYSTEM, FIRN_NO_OFFSET, "the packed parameters could not be made read-only");
    eng_pack_cache_write(&plan->cache, model->arena);
    return FIRN_OK;
}

/* Takes the packed parameters from the cache if they are there whole, with the tokenizer made meanwhile. */
static void take_from_cache(packing_plan *plan, const char *folder)
{
    firn_model *const model = plan->model;
    eng_pack_cache_open(&plan->cache, folder, mod_checkpoint_identity(model->checkpoint), plan->bytes);
    if (plan->cache.map == NULL)
        return;
    base_pool_run(model->context->pool, prepare_model, plan);
    if (atomic_load(&plan->cache.damaged)) {
        eng_pack_cache_unmap(&plan->cache);
        return;
    }
    model->arena = (uint8_t *)(uintptr_t)eng_pack_cache_data(&plan->cache);
    model->arena_bytes = (size_t)plan->bytes;
    model->arena_map = plan->cache.map;
    model->arena_map_bytes = plan->cache.map_bytes;
    model->from_pack_cache = true;
}

/* Packs all jobs, or finds them packed, makes the tokenizer meanwhile, and seals the arena. */
static firn_status pack_and_seal(packing_plan *plan, const char *pack_cache, firn_error *error)
{
    firn_model *const model = plan->model;
    if (pack_cache != NULL && plan->packs)
        take_from_cache(plan, pack_cache);
    const firn_status status = model->from_pack_cache ? FIRN_OK : pack_all(plan, error);
    free(plan->cache.path);
    if (status != FIRN_OK)
        return status;
    if (plan->tokenizer_status != FIRN_OK) {
        if (error != NULL)
            *error = plan->tokenizer_error;
        return plan->tokenizer_status;
    }
    for (uint32_t j = 0; j < plan->n_jobs; j++) {
        const packing *const job = &plan->jobs[j];
        const uint8_t *const data = model->arena + job->offset;
        if (job->matrix != NULL)
            job->matrix->data = data;
        else
            *job->vector = (const float *)(const void *)data;
    }
    return FIRN_OK;
}

/* ---- binding ---- */

static firn_status bind_layer(packing_plan *plan, uint32_t index, firn_error *error)
{
    const firn_model *const model = plan->model;
    const mod_hyperparameters *const hp = model->hyperparameters;
    eng_layer *const layer = &model->layers[index];
    const struct {
        mod_layer_role role;
        kern_matrix *matrix;
    } matrices[MATRICES_OF_A_LAYER] = {
        {MOD_ATTENTION_Q, &layer->q}, {MOD_ATTENTION_K, &layer->k},
        {MOD_ATTENTION_V, &layer->v}, {MOD_ATTENTION_OUTPUT, &layer->attention_output},
        {MOD_FFN_GATE, &layer->gate}, {MOD_FFN_UP, &layer->up},
        {MOD_FFN_DOWN, &layer->down},
    };
    const struct {
        mod_layer_role role;
        const float **vector;
    } vectors[VECTORS_OF_A_LAYER] = {
        {MOD_ATTENTION_NORM, &layer->attention_norm},
        {MOD_FFN_NORM, &layer->ffn_norm},
        {MOD_ATTENTION_Q_BIAS, &layer->q_bias},
        {MOD_ATTENTION_K_BIAS, &layer->k_bias},
        {MOD_ATTENTION_V_BIAS, &layer->v_bias},
        {MOD_ATTENTION_OUTPUT_BIAS, &layer->attention_output_bias},
        {MOD_ATTENTION_Q_NORM, &layer->q_norm},
        {MOD_ATTENTION_K_NORM, &layer->k_norm},
        {MOD_ATTENTION_POST_NORM, &layer->attention_post_norm},
        {MOD_FFN_POST_NORM, &layer->ffn_post_norm},
    };
    firn_status status = FIRN_OK;
    for (int i = 0; i < MATRICES_OF_A_LAYER && status == FIRN_OK; i++)
        status = add_matrix(plan, mod_checkpoint_layer(model->checkpoint, index, matrices[i].role), matrices[i].matrix,
                            error);
    for (int i = 0; i < VECTORS_OF_A_LAYER && status == FIRN_OK; i++)
        status =
            add_vector(plan, mod_checkpoint_layer(model->checkpoint, index, vectors[i].role), vectors[i].vector, error);
    if (status != FIRN_OK)
        return status;
    const uint32_t pattern = hp->sliding_window_pattern;
    layer->local = hp->sliding_window != 0 && pattern != 0 && (index + 1) % pattern != 0;
    for (uint32_t i = 0; i < index; i++)
        layer->nth += model->layers[i].local == layer->local;
    return FIRN_OK;
}

static firn_status bind_parameters(firn_model *model, const char *pack_cache, firn_error *error)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    packing_plan plan = {.model = model, .packs = has_to_pack(model->checkpoint)};
    plan.jobs =
        calloc((size_t)hp->n_layers * (MATRICES_OF_A_LAYER + VECTORS_OF_A_LAYER) + JOBS_OF_A_MODEL, sizeof *plan.jobs);
    model->layers = calloc(hp->n_layers, sizeof *model->layers);
    firn_status status = FIRN_OK;
    if (plan.jobs == NULL || model->layers == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u layers", hp->n_layers);
        goto done;
    }
    const mod_tensor *const embedding = mod_checkpoint_global(model->checkpoint, MOD_TOKEN_EMBEDDING);
    const mod_tensor *const output = mod_checkpoint_global(model->checkpoint, MOD_OUTPUT);
    status = add_matrix(&plan, output != NULL ? output : embedding, &model->output, error);
    if (status == FIRN_OK)
        status =
            add_vector(&plan, mod_checkpoint_global(model->checkpoint, MOD_OUTPUT_NORM), &model->output_norm, error);
    for (uint32_t i = 0; status == FIRN_OK && i < hp->n_layers; i++)
        status = bind_layer(&plan, i, error);
    if (status == FIRN_OK)
        status = pack_and_seal(&plan, pack_cache, error);
    if (status != FIRN_OK)
        goto done;
    if (output != NULL) {
        model->embedding = embedding;
        if (!kern_type_has_matmul(embedding->type))
            status = base_fail(error, FIRN_ERROR_UNSUPPORTED, embedding->offset,
                               "tensor 'token_embd.weight': weights of type %s are not supported",
                               kern_type_find(embedding->type)->name);
    }
done:
    free(plan.jobs);
    return status;
}

static firn_status make_frequencies(firn_model *model, firn_error *error)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    const mod_tensor *const factors = mod_checkpoint_global(model->checkpoint, MOD_ROPE_FACTORS);
    for (int local = 0; local < 2; local++) {
        model->frequencies[local] = calloc(hp->rope_dims / 2 + 1, sizeof *model->frequencies[local]);
        if (model->frequencies[local] == NULL)
            return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for rope frequencies");
        eng_rope_frequencies(local ? hp->rope_base_local : hp->rope_base, local ? 1.0 : hp->rope_scale, hp->rope_dims,
                             factors != NULL && !local ? factors->data : NULL, model->frequencies[local]);
    }
    return FIRN_OK;
}

static char *copy_text(base_slice text)
{
    char *const copy = malloc(text.length + 1);
    if (copy != NULL) {
        if (text.length > 0)
            memcpy(copy, text.data, text.length);
        copy[text.length] = '\0';
    }
    return copy;
}

/* What the kernels ask of a model's shape beyond what makes a checkpoint valid. */
static firn_status check_shape(const mod_hyperparameters *hp, firn_error *error)
{
    if (hp->head_dim % KERN_LANES != 0)
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "a head of %u elements is not supported: it has to be a multiple of %d", hp->head_dim,
                         KERN_LANES);
    if (hp->n_heads / hp->n_kv_heads > KERN_ATTENTION_ROWS)
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "%u query heads for each key head are not supported: at most %d", hp->n_heads / hp->n_kv_heads,
                         KERN_ATTENTION_ROWS);
    return FIRN_OK;
}

firn_model_options firn_model_options_default(void)
{
    return (firn_model_options){.size = sizeof(firn_model_options)};
}

static firn_status open_checkpoint(firn_model *model, const char *path, const firn_model_options *options,
                                   firn_error *error)
{
    const mod_open_options opening = {.check_tensors = options->check_tensors};
    const firn_status status = options->vocabulary_only
                                   ? mod_checkpoint_open_vocabulary(path, &model->checkpoint, error)
                                   : mod_checkpoint_open(path, &opening, &model->checkpoint, error);
    if (status != FIRN_OK)
        return status;
    model->hyperparameters = mod_checkpoint_hyperparameters(model->checkpoint);
    model->architecture = copy_text(model->hyperparameters->architecture);
    model->name = copy_text(model->hyperparameters->name);
    if (model->architecture == NULL || model->name == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a model's name");
    return FIRN_OK;
}

/* All that steps need, and the tokenizer. */
static firn_status make_computation(firn_model *model, const char *pack_cache, firn_error *error)
{
    firn_status status = check_shape(model->hyperparameters, error);
    if (status == FIRN_OK)
        status = make_frequencies(model, error);
    if (status == FIRN_OK)
        status = bind_parameters(model, pack_cache, error);
    for (firn_cache_types t = {0, 0}; t.k < FIRN_CACHE_TYPES; t.k++)
        for (t.v = 0; t.v < FIRN_CACHE_TYPES && status == FIRN_OK; t.v++)
            status = eng_pages_create(model, t, NULL, &model->pages[t.k][t.v], error);
    return status;
}

firn_status firn_model_open(firn_context *context, const char *path, const firn_model_options *options,
                            firn_model **out, firn_error *error)
{
    *out = NULL;
    const firn_model_options chosen = options != NULL ? *options : firn_model_options_default();
    firn_model *const model = calloc(1, sizeof *model);
    if (model == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for a model");
    atomic_init(&model->references, 1);
    atomic_init(&model->vocabulary, NULL);
    model->context = context;
    eng_context_retain(context);
    firn_status status = open_checkpoint(model, path, &chosen, error);
    if (status == FIRN_OK)
        status =
            chosen.vocabulary_only ? make_tokenizer(model, error) : make_computation(model, chosen.pack_cache, error);
    if (status == FIRN_OK) /* the file may have shrunk while it was read */
        status = mod_checkpoint_recheck(model->checkpoint, error);
    if (status != FIRN_OK) {
        firn_model_release(model);
        return status;
    }
    *out = model;
    return FIRN_OK;
}

firn_status eng_model_check_runs(const firn_model *model, firn_error *error)
{
    if (model->layers != NULL)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                     "the model was opened for its vocabulary only, so that nothing can be computed with it");
}

kern_level eng_model_level(const firn_model *model)
{
    return model->context->kernels.level;
}

void eng_model_retain(firn_model *model)
{
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
}

void firn_model_release(firn_model *model)
{
    if (model == NULL || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int k = 0; k < FIRN_CACHE_TYPES; k++)
        for (int v = 0; v < FIRN_CACHE_TYPES; v++)
            eng_pages_destroy(model->pages[k][v]);
    if (model->arena_map != NULL)
        munmap(model->arena_map, model->arena_map_bytes);
    firn_vocabulary_release(atomic_load(&model->vocabulary));
    eng_estimates_free(atomic_load(&model->estimates));
    free(model->frequencies[0]);
    free(model->frequencies[1]);
    free(model->layers);
    free(model->architecture);
    free(model->name);
    tok_destroy(model->tokenizer);
    mod_checkpoint_close(model->checkpoint);
    firn_context_release(model->context);
    free(model);
}

void eng_embed(const firn_model *model, int32_t id, float *out)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    if (model->embedding == NULL) {
        kern_unpack_row(&model->output, (uint32_t)id, out);
    } else {
        const size_t row_bytes = kern_tile_bytes(model->embedding->type, hp->n_embd) / KERN_TILE_ROWS;
        kern_dequantise(model->embedding->type, (const uint8_t *)model->embedding->data + (uint32_t)id * row_bytes,
                        hp->n_embd, out);
    }
    if (hp->embedding_scale != 1.0f)
        model->context->kernels.scale(out, hp->embedding_scale, hp->n_embd);
}

firn_model_info firn_model_describe(const firn_model *model)
{
    const mod_hyperparameters *const hp = model->hyperparameters;
    return (firn_model_info){
        .architecture = model->architecture,
        .name = model->name,
        .n_parameters = hp->n_parameters,
        .tensor_bytes = hp->tensor_bytes,
        .packed_bytes = model->arena_bytes,
        .from_pack_cache = model->from_pack_cache,
        .n_layers = hp->n_layers,
        .n_embd = hp->n_embd,
        .n_heads = hp->n_heads,
        .n_kv_heads = hp->n_kv_heads,
        .n_vocab = tok_count(model->tokenizer),
        .n_ctx_train = hp->n_ctx_train,
    };
}

static uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, uint64_t count)
{
    uint64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    for (; i < count; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

uint64_t firn_model_hash(const firn_model *model)
{
    uint64_t hash = hash_bytes(0, model->arena, model->arena_bytes);
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(model->checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(model->checkpoint, i);
        hash = hash_bytes(hash, tensor->data, tensor->bytes);
    }
    return hash;
}
