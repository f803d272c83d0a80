/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GGUF container: one file, its keys with their values, and where its tensors lie. Every count, length and offset
 * is checked against the file's size before it is used, and what is handed out lies within the map. What the keys and
 * tensors mean is not known here.
 */
#ifndef FIRN_MODELS_GGUF_H
#define FIRN_MODELS_GGUF_H

#include "base/file_map.h"
#include "models/checkpoint.h"
#include "models/name_index.h"

/* Types of values. X(name, number in the file, bytes; 0 where they vary, name for people) */
#define MOD_GGUF_TYPE_LIST(X)   \
    X(UINT8, 0, 1, "uint8")     \
    X(INT8, 1, 1, "int8")       \
    X(UINT16, 2, 2, "uint16")   \
    X(INT16, 3, 2, "int16")     \
    X(UINT32, 4, 4, "uint32")   \
    X(INT32, 5, 4, "int32")     \
    X(FLOAT32, 6, 4, "float32") \
    X(BOOL, 7, 1, "bool")       \
    X(STRING, 8, 0, "string")   \
    X(ARRAY, 9, 0, "array")     \
    X(UINT64, 10, 8, "uint64")  \
    X(INT64, 11, 8, "int64")    \
    X(FLOAT64, 12, 8, "float64")

typedef enum mod_gguf_type {
#define MOD_GGUF_TYPE_ENUM(name, number, bytes, text) MOD_GGUF_##name = number,
    MOD_GGUF_TYPE_LIST(MOD_GGUF_TYPE_ENUM)
#undef MOD_GGUF_TYPE_ENUM
        MOD_GGUF_TYPES
} mod_gguf_type;

typedef struct mod_gguf_value {
    base_slice key;     /* valid UTF-8 without NUL; first, for mod_name_index */
    uint64_t offset;    /* of the value in the file */
    mod_gguf_type type; /* of the elements where it is an array; never ARRAY */
    bool is_array;
    uint64_t count;            /* elements; 1 where it is no array */
    const unsigned char *data; /* numbers, little-endian and not aligned; NULL for strings */
    base_slice text;           /* a string that is no array: valid UTF-8 without NUL */
    base_slice *strings;       /* [count] an array of strings, of any bytes */
} mod_gguf_value;

typedef struct mod_gguf {
    const char *path; /* as much as is shown in messages; the caller's */
    base_file_map map;
    uint32_t alignment; /* of tensor data: a power of two, at least 8 */
    uint64_t n_values, n_tensors;
    mod_gguf_value *values; /* [n_values] */
    mod_tensor *tensors;    /* [n_tensors] in the order of the file; names may repeat */
    mod_name_index keys;
} mod_gguf;

/* Opens and reads a file. `path` has to outlive it. On failure there is nothing to close. */
firn_status mod_gguf_open(const char *path, mod_gguf *file, firn_error *error);
void mod_gguf_close(mod_gguf *file); /* of a file that is all zeros as well */

/*
 * Values by key. Where the key is absent: an error if `required`, else *value stays as it is. A value of another kind,
 * or outside the limits (inclusive), is an error that names file, key, value and limits.
 */
typedef enum mod_need { MOD_OPTIONAL, MOD_REQUIRED } mod_need;
firn_status mod_gguf_integer(const mod_gguf *file, const char *key, mod_need need, int64_t lowest, int64_t highest,
                             int64_t *value, firn_error *error);
firn_status mod_gguf_real(const mod_gguf *file, const char *key, mod_need need, double lowest, double highest,
                          double *value, firn_error *error);
firn_status mod_gguf_bool(const mod_gguf *file, const char *key, mod_need need, bool *value, firn_error *error);
firn_status mod_gguf_text(const mod_gguf *file, const char *key, mod_need need, base_slice *value, firn_error *error);
firn_status mod_gguf_array(const mod_gguf *file, const char *key, mod_need need, mod_gguf_type type,
                           const mod_gguf_value **value, firn_error *error);

/* For printf's "%.*s": a slice, as much of it as fits a message. */
#define MOD_SHOWN(slice) (int)((slice).length < 64 ? (slice).length : 64), ((slice).length == 0 ? "" : (slice).data)

#endif
