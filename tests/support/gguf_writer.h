/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds GGUF files, valid or damaged on purpose. A builder is a list of keys and tensors that a test may edit; the
 * file is made from it by gguf_bytes or gguf_write. Running out of memory ends the test program.
 */
#ifndef FIRN_TESTS_SUPPORT_GGUF_WRITER_H
#define FIRN_TESTS_SUPPORT_GGUF_WRITER_H

#include "kernels/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gguf_buffer {
    unsigned char *data;
    size_t size, capacity;
} gguf_buffer;

void gguf_append(gguf_buffer *buffer, const void *bytes, size_t count);
void gguf_append_u32(gguf_buffer *buffer, uint32_t value); /* little-endian, as all numbers */
void gguf_append_u64(gguf_buffer *buffer, uint64_t value);
void gguf_append_string(gguf_buffer *buffer, const char *bytes, size_t count); /* with its length before it */

/* Numbers of the value types. */
enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};

typedef struct gguf_key {
    gguf_buffer name;     /* any bytes */
    uint64_t name_length; /* as written before them */
    uint32_t type;
    gguf_buffer value; /* what follows the type */
} gguf_key;

#define GGUF_OFFSET_AUTO UINT64_MAX

typedef struct gguf_tensor {
    gguf_buffer name;
    uint32_t n_dims;
    uint64_t dims[8];
    uint32_t type;
    uint64_t offset;  /* GGUF_OFFSET_AUTO: after the tensor before it */
    gguf_buffer data; /* padded when written */
} gguf_tensor;

typedef struct gguf_builder {
    char magic[4];
    uint32_t version;
    uint64_t extra_keys, extra_tensors; /* added (modulo 2^64) to the counts in the header */
    uint32_t alignment;                 /* of the data; add the key general.alignment yourself */
    gguf_key *keys;
    gguf_tensor *tensors;
    size_t n_keys, n_tensors;
} gguf_builder;

gguf_builder *gguf_create(void);
void gguf_destroy(gguf_builder *builder);

/* Sets a key, in place where it exists. `value` is what follows the type in the file. */
void gguf_set(gguf_builder *builder, const char *key, uint32_t type, const void *value, size_t bytes);
void gguf_set_u32(gguf_builder *builder, const char *key, uint32_t value);
void gguf_set_f32(gguf_builder *builder, const char *key, float value);
void gguf_set_bool(gguf_builder *builder, const char *key, bool value);
void gguf_set_text(gguf_builder *builder, const char *key, const char *value);
/* An array: `elements` are as in the file. */
void gguf_set_array(gguf_builder *builder, const char *key, uint32_t type, uint64_t count, const gguf_buffer *elements);
gguf_key *gguf_add_key(gguf_builder *builder, const char *key); /* a new one even where the name exists; no value yet */
gguf_key *gguf_find_key(gguf_builder *builder, const char *key);
void gguf_remove_key(gguf_builder *builder, const char *key);

/* Adds a tensor of all zeros, sized by its shape and type. */
gguf_tensor *gguf_add_tensor(gguf_builder *builder, const char *name, kern_type type, uint32_t n_dims,
                             const uint64_t *dims);
gguf_tensor *gguf_find_tensor(gguf_builder *builder, const char *name);
void gguf_remove_tensor(gguf_builder *builder, const char *name);

/* The file's bytes, the caller's to free. *data_begin (may be NULL): where the tensors' data begins. */
gguf_buffer gguf_bytes(const gguf_builder *builder, size_t *data_begin);

/* Writes bytes to a new temporary file and returns its path, which the caller ends with support_remove. */
char *support_temporary_file(const void *bytes, size_t count);
char *gguf_write(const gguf_builder *builder);
void support_remove(char *path);

#endif
