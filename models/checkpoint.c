/* SPDX-License-Identifier: Apache-2.0 */
#include "models/checkpoint.h"

#include "models/finite.h"
#include "models/hyperparameters.h"
#include "models/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TENSOR_NAME_BYTES = 64 };

typedef const mod_tensor *layer_tensors[MOD_LAYER_ROLES];

struct mod_checkpoint {
    mod_parts parts;
    mod_hyperparameters hyperparameters;
    mod_vocabulary vocabulary;
    mod_tensor *tensors; /* [parts.n_tensors] of all parts, in order */
    mod_name_index names;
    const mod_tensor *globals[MOD_GLOBAL_ROLES];
    layer_tensors *layers; /* [n_layers]; NULL: only the vocabulary was asked for */
};

static const char *shown_path(const mod_checkpoint *checkpoint)
{
    return checkpoint->parts.parts[0].file.path;
}

static firn_status fail_memory(const mod_checkpoint *checkpoint, const char *what, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for its %s", shown_path(checkpoint),
                     what);
}

/* One list of all parts' tensors, and their index by name. */
static firn_status gather_tensors(mod_checkpoint *c, firn_error *error)
{
    mod_hyperparameters *const h = &c->hyperparameters;
    uint64_t n = 0;
    c->tensors = malloc((size_t)(c->parts.n_tensors + 1) * sizeof *c->tensors); /* never of nothing */
    if (c->tensors == NULL)
        return fail_memory(c, "list of tensors", error);
    for (uint32_t p = 0; p < c->parts.n_parts; p++)
        for (uint64_t i = 0; i < c->parts.parts[p].file.n_tensors; i++)
            c->tensors[n++] = c->parts.parts[p].file.tensors[i];
    if (!mod_name_index_build(&c->names, c->tensors, sizeof *c->tensors, n))
        return fail_memory(c, "index of tensors", error);
    const mod_name *const repeated = mod_name_index_repeated(&c->names);
    if (repeated != NULL)
        return base_fail(error, FIRN_ERROR_FORMAT, c->tensors[repeated->index].offset,
                         "%s: tensor '%.*s' occurs twice, the second time as tensor %" PRIu64, shown_path(c),
                         MOD_SHOWN(repeated->name), repeated->index);
    for (uint64_t i = 0; i < n; i++) {
        const mod_tensor *const tensor = &c->tensors[i];
        h->n_parameters += tensor->dims[0] * tensor->dims[1] * tensor->dims[2] * tensor->dims[3];
        h->tensor_bytes += tensor->bytes;
    }
    return FIRN_OK;
}

/* Assigns tensors to roles. */
typedef struct binder {
    mod_checkpoint *checkpoint;
    const mod_family *family;
    bool *bound; /* [n_tensors] */
    firn_error *error;
} binder;

static firn_status check_shape(const binder *b, const mod_role *role, const mod_tensor *tensor)
{
    const mod_hyperparameters *const h = &b->checkpoint->hyperparameters;
    const uint64_t inputs = mod_size_value(role->dims[0], h), rows = mod_size_value(role->dims[1], h);
    if (tensor->dims[0] != inputs || tensor->dims[1] != rows || tensor->dims[2] != 1 || tensor->dims[3] != 1)
        return base_fail(b->error, FIRN_ERROR_FORMAT, tensor->offset,
                         "%s: tensor '%.*s' has the shape [%" PRIu64 "][%" PRIu64 "][%" PRIu64 "][%" PRIu64
                         "]; by the file's keys it has to be [%s = %" PRIu64 "][%s = %" PRIu64 "]",
                         shown_path(b->checkpoint), MOD_SHOWN(tensor->name), tensor->dims[0], tensor->dims[1],
                         tensor->dims[2], tensor->dims[3], mod_size_text(role->dims[0]), inputs,
                         mod_size_text(role->dims[1]), rows);
    if (role->dims[1] == MOD_SIZE_ONE && tensor->type != KERN_F32)
        return base_fail(b->error, FIRN_ERROR_UNSUPPORTED, tensor->offset,
                         "%s: tensor '%.*s' is of type %s; a norm, bias or factor has to be F32",
                         shown_path(b->checkpoint), MOD_SHOWN(tensor->name), kern_type_find(tensor->type)->name);
    return FIRN_OK;
}

static firn_status bind_role(const binder *b, const mod_role *role, const char *name, bool required,
                             const mod_tensor **out)
{
    const mod_checkpoint *const c = b->checkpoint;
    const mod_name *const found = mod_name_index_find(&c->names, base_slice_from(name));
    if (found == NULL && required)
        return base_fail(b->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: tensor '%s' is missing; architecture %s needs it (the file has %" PRIu64 " tensors)",
                         shown_path(c), name, b->family->architecture, c->parts.n_tensors);
    if (found == NULL)
        return FIRN_OK;
    b->bound[found->index] = true;
    *out = &c->tensors[found->index];
    return check_shape(b, role, *out);
}

static firn_status bind_layer(const binder *b, uint32_t layer)
{
    char name[TENSOR_NAME_BYTES];
    for (unsigned role = 0; role < MOD_LAYER_ROLES; role++) {
        const bool required = b->family->layer_required >> role & 1;
        if (!required && (b->family->layer_optional >> role & 1) == 0)
            continue;
        snprintf(name, sizeof name, "blk.%" PRIu32 ".%s", layer, mod_layer_roles[role].name);
        const firn_status status =
            bind_role(b, &mod_layer_roles[role], name, required, &b->checkpoint->layers[layer][role]);
        if (status != FIRN_OK)
            return status;
    }
    return FIRN_OK;
}

static firn_status bind_all(const binder *b)
{
    mod_checkpoint *const c = b->checkpoint;
    for (unsigned role = 0; role < MOD_GLOBAL_ROLES; role++) {
        const bool required = b->family->global_required >> role & 1;
        if (!required && (b->family->global_optional >> role & 1) == 0)
            continue;
        const firn_status status =
            bind_role(b, &mod_global_roles[role], mod_global_roles[role].name, required, &c->globals[role]);
        if (status != FIRN_OK)
            return status;
    }
    for (uint32_t layer = 0; layer < c->hyperparameters.n_layers; layer++) {
        const firn_status status = bind_layer(b, layer);
        if (status != FIRN_OK)
            return status;
    }
    for (uint64_t i = 0; i < c->parts.n_tensors; i++)
        if (!b->bound[i])
            return base_fail(b->error, FIRN_ERROR_UNSUPPORTED, c->tensors[i].offset,
                             "%s: tensor '%.*s' is not one that architecture %s with %" PRIu32
                             " layers has; computing without it would be wrong",
                             shown_path(c), MOD_SHOWN(c->tensors[i].name), b->family->architecture,
                             c->hyperparameters.n_layers);
    return FIRN_OK;
}

static firn_status bind_tensors(mod_checkpoint *c, const mod_family *family, firn_error *error)
{
    /* the number of layers is bounded by the number of tensors */
    c->layers = calloc(c->hyperparameters.n_layers, sizeof *c->layers);
    binder b = {c, family, calloc((size_t)c->parts.n_tensors, sizeof(bool)), error};
    const firn_status status =
        c->layers == NULL || b.bound == NULL ? fail_memory(c, "list of layers", error) : bind_all(&b);
    free(b.bound);
    return status;
}

static firn_status check_finite(const mod_checkpoint *c, firn_error *error)
{
    for (uint64_t i = 0; i < c->parts.n_tensors; i++) {
        const firn_status status = mod_tensor_check_finite(&c->tensors[i], shown_path(c), error);
        if (status != FIRN_OK)
            return status;
    }
    return FIRN_OK;
}

static firn_status read_model(mod_checkpoint *c, const mod_open_options *options, firn_error *error)
{
    const mod_family *family;
    mod_hyperparameters *const h = &c->hyperparameters;
    firn_status status = mod_hyperparameters_read(&c->parts.parts[0].file, c->parts.n_tensors, &family, h, error);
    if (status == FIRN_OK)
        status = mod_vocabulary_read(&c->parts.parts[0].file, &c->vocabulary, error);
    if (status != FIRN_OK)
        return status;
    h->n_vocab = c->vocabulary.n_tokens;
    status = gather_tensors(c, error);
    if (status == FIRN_OK)
        status = bind_tensors(c, family, error);
    if (status == FIRN_OK && options != NULL && options->check_tensors)
        status = check_finite(c, error);
    return status == FIRN_OK ? mod_checkpoint_recheck(c, error) : status;
}

static firn_status read_vocabulary(mod_checkpoint *c, firn_error *error)
{
    const firn_status status = mod_vocabulary_read(&c->parts.parts[0].file, &c->vocabulary, error);
    return status == FIRN_OK ? gather_tensors(c, error) : status;
}

static firn_status open_parts(const char *path, bool whole, const mod_open_options *options, mod_checkpoint **out,
                              firn_error *error)
{
    *out = NULL;
    mod_checkpoint *const c = calloc(1, sizeof *c);
    if (c == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory to open it", base_path_shown(path));
    firn_status status = mod_parts_open(path, &c->parts, error);
    if (status == FIRN_OK)
        status = whole ? read_model(c, options, error) : read_vocabulary(c, error);
    if (status == FIRN_OK)
        *out = c;
    else
        mod_checkpoint_close(c);
    return status;
}

firn_status mod_checkpoint_open(const char *path, const mod_open_options *options, mod_checkpoint **out,
                                firn_error *error)
{
    return open_parts(path, true, options, out, error);
}

static firn_status open_folder(const char *path, mod_checkpoint **out, firn_error *error)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory to open it", base_path_shown(path));
    const firn_status status = mod_hf_vocabulary_read(path, &(*out)->vocabulary, error);
    if (status != FIRN_OK) {
        mod_checkpoint_close(*out);
        *out = NULL;
    }
    return status;
}

firn_status mod_checkpoint_open_vocabulary(const char *path, mod_checkpoint **out, firn_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return open_folder(path, out, error);
    return open_parts(path, false, NULL, out, error);
}

void mod_checkpoint_close(mod_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    free(checkpoint->layers);
    mod_name_index_free(&checkpoint->names);
    free(checkpoint->tensors);
    mod_vocabulary_free(&checkpoint->vocabulary);
    mod_parts_close(&checkpoint->parts);
    free(checkpoint);
}

const mod_hyperparameters *mod_checkpoint_hyperparameters(const mod_checkpoint *checkpoint)
{
    return &checkpoint->hyperparameters;
}

const mod_vocabulary *mod_checkpoint_vocabulary(const mod_checkpoint *checkpoint)
{
    return &checkpoint->vocabulary;
}

const mod_tensor *mod_checkpoint_global(const mod_checkpoint *checkpoint, mod_global_role role)
{
    return checkpoint->globals[role];
}

const mod_tensor *mod_checkpoint_layer(const mod_checkpoint *checkpoint, uint32_t layer, mod_layer_role role)
{
    return checkpoint->layers[layer][role];
}

uint64_t mod_checkpoint_tensor_count(const mod_checkpoint *checkpoint)
{
    return checkpoint->parts.n_tensors;
}

const mod_tensor *mod_checkpoint_tensor(const mod_checkpoint *checkpoint, uint64_t index)
{
    return &checkpoint->tensors[index];
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash;
}

uint64_t mod_checkpoint_identity(const mod_checkpoint *checkpoint)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < checkpoint->parts.n_parts; i++) {
        struct stat status = {0};
        if (fstat(checkpoint->parts.parts[i].file.map.descriptor, &status) == 0) {
            hash = mix(hash, &status.st_size, sizeof status.st_size);
            hash = mix(hash, &status.st_mtim.tv_sec, sizeof status.st_mtim.tv_sec);
            hash = mix(hash, &status.st_mtim.tv_nsec, sizeof status.st_mtim.tv_nsec);
        }
    }
    for (uint64_t i = 0; i < mod_checkpoint_tensor_count(checkpoint); i++) {
        const mod_tensor *const tensor = mod_checkpoint_tensor(checkpoint, i);
        hash = mix(hash, tensor->name.data, tensor->name.length);
        hash = mix(hash, &tensor->type, sizeof tensor->type);
        hash = mix(hash, tensor->dims, sizeof tensor->dims);
        hash = mix(hash, &tensor->offset, sizeof tensor->offset);
    }
    return hash;
}

firn_status mod_checkpoint_recheck(const mod_checkpoint *checkpoint, firn_error *error)
{
    for (uint32_t i = 0; i < checkpoint->parts.n_parts; i++) {
        const mod_part *const part = &checkpoint->parts.parts[i];
        const firn_status status = base_file_map_recheck(&part->file.map, part->path, error);
        if (status != FIRN_OK)
            return status;
    }
    return FIRN_OK;
}

static const base_file_map *map_of(const mod_checkpoint *checkpoint, const mod_tensor *tensor)
{
    const mod_part *part = checkpoint->parts.parts;
    while (part->file.map.data + tensor->offset != tensor->data)
        part++;
    return &part->file.map;
}

void mod_checkpoint_release_pages(const mod_checkpoint *checkpoint, const mod_tensor *tensor)
{
    base_file_map_release(map_of(checkpoint, tensor), tensor->offset, tensor->bytes);
}

void mod_checkpoint_use_small_pages(const mod_checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < checkpoint->parts.n_parts; i++)
        base_file_map_use_small_pages(&checkpoint->parts.parts[i].file.map);
}

void mod_checkpoint_use_large_pages(const mod_checkpoint *checkpoint, const mod_tensor *tensor)
{
    base_file_map_use_large_pages(map_of(checkpoint, tensor), tensor->offset, tensor->bytes);
}

void mod_checkpoint_forget_merges(mod_checkpoint *checkpoint)
{
    mod_vocabulary *const v = &checkpoint->vocabulary;
    const mod_gguf *const file = checkpoint->parts.n_parts > 0 ? &checkpoint->parts.parts[0].file : NULL;
    for (uint64_t i = 0; file != NULL && v->merges != NULL && i < file->n_values; i++) {
        mod_gguf_value *const value = &file->values[i];
        if (value->strings != v->merges)
            continue;
        free(value->strings);
        value->strings = NULL;
        value->count = 0;
    }
    v->merges = v->merge_rights = NULL;
    v->n_merges = 0;
}
