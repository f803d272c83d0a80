/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/gguf_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("test support: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void gguf_append(gguf_buffer *buffer, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    if (count > buffer->capacity - buffer->size) {
        buffer->capacity = 2 * buffer->capacity + count;
        buffer->data = must(realloc(buffer->data, buffer->capacity));
    }
    memcpy(buffer->data + buffer->size, bytes, count);
    buffer->size += count;
}

static void append_number(gguf_buffer *buffer, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++, value >>= 8)
        gguf_append(buffer, &(unsigned char){(unsigned char)(value & 0xff)}, 1);
}

void gguf_append_u32(gguf_buffer *buffer, uint32_t value)
{
    append_number(buffer, value, 4);
}

void gguf_append_u64(gguf_buffer *buffer, uint64_t value)
{
    append_number(buffer, value, 8);
}

void gguf_append_string(gguf_buffer *buffer, const char *bytes, size_t count)
{
    gguf_append_u64(buffer, count);
    gguf_append(buffer, bytes, count);
}

static void append_padding(gguf_buffer *buffer, size_t begin, uint32_t alignment)
{
    while ((buffer->size - begin) % alignment != 0)
        append_number(buffer, 0, 1);
}

gguf_builder *gguf_create(void)
{
    gguf_builder *const builder = must(calloc(1, sizeof *builder));
    memcpy(builder->magic, "GGUF", 4);
    builder->version = 3;
    builder->alignment = 32;
    return builder;
}

void gguf_destroy(gguf_builder *builder)
{
    while (builder->n_keys > 0) {
        gguf_key *const key = &builder->keys[--builder->n_keys];
        free(key->name.data);
        free(key->value.data);
    }
    while (builder->n_tensors > 0) {
        gguf_tensor *const tensor = &builder->tensors[--builder->n_tensors];
        free(tensor->name.data);
        free(tensor->data.data);
    }
    free(builder->keys);
    free(builder->tensors);
    free(builder);
}

static bool has_name(const gguf_buffer *buffer, const char *name)
{
    return buffer->size == strlen(name) && memcmp(buffer->data, name, buffer->size) == 0;
}

gguf_key *gguf_find_key(gguf_builder *builder, const char *key)
{
    for (size_t i = 0; i < builder->n_keys; i++)
        if (has_name(&builder->keys[i].name, key))
            return &builder->keys[i];
    return NULL;
}

gguf_key *gguf_add_key(gguf_builder *builder, const char *key)
{
    builder->keys = must(realloc(builder->keys, (builder->n_keys + 1) * sizeof *builder->keys));
    gguf_key *const added = &builder->keys[builder->n_keys++];
    *added = (gguf_key){.name_length = strlen(key)};
    gguf_append(&added->name, key, strlen(key));
    return added;
}

void gguf_set(gguf_builder *builder, const char *key, uint32_t type, const void *value, size_t bytes)
{
    gguf_key *found = gguf_find_key(builder, key);
    if (found == NULL)
        found = gguf_add_key(builder, key);
    found->type = type;
    found->value.size = 0;
    gguf_append(&found->value, value, bytes);
}

void gguf_set_u32(gguf_builder *builder, const char *key, uint32_t value)
{
    gguf_set(builder, key, GGUF_U32, &value, sizeof value);
}

void gguf_set_f32(gguf_builder *builder, const char *key, float value)
{
    gguf_set(builder, key, GGUF_F32, &value, sizeof value);
}

void gguf_set_bool(gguf_builder *builder, const char *key, bool value)
{
    gguf_set(builder, key, GGUF_BOOL, &(unsigned char){value}, 1);
}

void gguf_set_text(gguf_builder *builder, const char *key, const char *value)
{
    gguf_buffer bytes = {0};
    gguf_append_string(&bytes, value, strlen(value));
    gguf_set(builder, key, GGUF_STRING, bytes.data, bytes.size);
    free(bytes.data);
}

void gguf_set_array(gguf_builder *builder, const char *key, uint32_t type, uint64_t count, const gguf_buffer *elements)
{
    gguf_buffer bytes = {0};
    gguf_append_u32(&bytes, type);
    gguf_append_u64(&bytes, count);
    gguf_append(&bytes, elements->data, elements->size);
    gguf_set(builder, key, GGUF_ARRAY, bytes.data, bytes.size);
    free(bytes.data);
}

void gguf_remove_key(gguf_builder *builder, const char *key)
{
    gguf_key *const found = must(gguf_find_key(builder, key));
    free(found->name.data);
    free(found->value.data);
    builder->n_keys--;
    memmove(found, found + 1, (size_t)(builder->keys + builder->n_keys - found) * sizeof *found);
}

gguf_tensor *gguf_add_tensor(gguf_builder *builder, const char *name, kern_type type, uint32_t n_dims,
                             const uint64_t *dims)
{
    const kern_type_info *const info = must((void *)kern_type_find((uint32_t)type));
    builder->tensors = must(realloc(builder->tensors, (builder->n_tensors + 1) * sizeof *builder->tensors));
    gguf_tensor *const added = &builder->tensors[builder->n_tensors++];
    *added = (gguf_tensor){.n_dims = n_dims, .type = (uint32_t)type, .offset = GGUF_OFFSET_AUTO};
    gguf_append(&added->name, name, strlen(name));
    size_t elements = 1;
    for (uint32_t i = 0; i < n_dims; i++) {
        added->dims[i] = dims[i];
        elements *= (size_t)dims[i];
    }
    added->data.size = added->data.capacity = elements / info->block_elements * info->block_bytes;
    added->data.data = must(calloc(1, added->data.size + 1));
    return added;
}

gguf_tensor *gguf_find_tensor(gguf_builder *builder, const char *name)
{
    for (size_t i = 0; i < builder->n_tensors; i++)
        if (has_name(&builder->tensors[i].name, name))
            return &builder->tensors[i];
    return NULL;
}

void gguf_remove_tensor(gguf_builder *builder, const char *name)
{
    gguf_tensor *const found = must(gguf_find_tensor(builder, name));
    free(found->name.data);
    free(found->data.data);
    builder->n_tensors--;
    memmove(found, found + 1, (size_t)(builder->tensors + builder->n_tensors - found) * sizeof *found);
}

static void append_descriptions(gguf_buffer *file, const gguf_builder *builder)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < builder->n_tensors; i++) {
        const gguf_tensor *const tensor = &builder->tensors[i];
        gguf_append_string(file, (const char *)tensor->name.data, tensor->name.size);
        gguf_append_u32(file, tensor->n_dims);
        for (uint32_t d = 0; d < tensor->n_dims && d < 8; d++)
            gguf_append_u64(file, tensor->dims[d]);
        gguf_append_u32(file, tensor->type);
        gguf_append_u64(file, tensor->offset == GGUF_OFFSET_AUTO ? offset : tensor->offset);
        offset += (tensor->data.size + builder->alignment - 1) / builder->alignment * builder->alignment;
    }
}

gguf_buffer gguf_bytes(const gguf_builder *builder, size_t *data_begin)
{
    gguf_buffer file = {0};
    gguf_append(&file, builder->magic, 4);
    gguf_append_u32(&file, builder->version);
    gguf_append_u64(&file, builder->n_tensors + builder->extra_tensors);
    gguf_append_u64(&file, builder->n_keys + builder->extra_keys);
    for (size_t i = 0; i < builder->n_keys; i++) {
        const gguf_key *const key = &builder->keys[i];
        gguf_append_u64(&file, key->name_length);
        gguf_append(&file, key->name.data, key->name.size);
        gguf_append_u32(&file, key->type);
        gguf_append(&file, key->value.data, key->value.size);
    }
    append_descriptions(&file, builder);
    append_padding(&file, 0, builder->alignment);
    const size_t begin = file.size;
    for (size_t i = 0; i < builder->n_tensors; i++) {
        gguf_append(&file, builder->tensors[i].data.data, builder->tensors[i].data.size);
        append_padding(&file, begin, builder->alignment);
    }
    if (data_begin != NULL)
        *data_begin = begin;
    return file;
}

char *support_temporary_file(const void *bytes, size_t count)
{
    const char *const folder = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    static const char pattern[] = "/firn-test-XXXXXX";
    char *const path = must(malloc(strlen(folder) + sizeof pattern));
    strcpy(path, folder);
    strcat(path, pattern);
    const int descriptor = mkstemp(path);
    FILE *const file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    if (file == NULL || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    return path;
}

char *gguf_write(const gguf_builder *builder)
{
    gguf_buffer bytes = gguf_bytes(builder, NULL);
    char *const path = support_temporary_file(bytes.data, bytes.size);
    free(bytes.data);
    return path;
}

void support_remove(char *path)
{
    unlink(path);
    free(path);
}
