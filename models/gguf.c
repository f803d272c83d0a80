/* SPDX-License-Identifier: Apache-2.0 */
#include "models/gguf.h"

#include "base/checked.h"
#include "base/reader.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    HEADER_BYTES = 24,
    KEY_BYTES_LEAST = 13,    /* a key's length, type and a value of one byte */
    TENSOR_BYTES_LEAST = 33, /* a name's length and one character, one dimension, type, offset */
    KEYS_HIGHEST = 1 << 16,
    TENSORS_HIGHEST = 1 << 17,
    KEY_LONGEST = (1 << 16) - 1,
    TENSOR_NAME_LONGEST = 63,
    DIMENSIONS_HIGHEST = 4,
    ALIGNMENT_DEFAULT = 32,
    ALIGNMENT_LOWEST = 8, /* so that every element type can be read in place */
    ALIGNMENT_HIGHEST = 1 << 16,
};

static const uint8_t type_bytes[MOD_GGUF_TYPES] = {
#define TYPE_BYTES(name, number, bytes, text) [number] = bytes,
    MOD_GGUF_TYPE_LIST(TYPE_BYTES)
#undef TYPE_BYTES
};

/* A file that is being read. */
typedef struct parser {
    mod_gguf *file;
    base_reader reader;
    firn_error *error;
} parser;

static firn_status fail_truncated(const parser *p, const char *what, uint64_t number)
{
    return base_fail(p->error, FIRN_ERROR_FORMAT, p->reader.position,
                     "%s: ends within %s %" PRIu64 ": %" PRIu64 " bytes wanted at byte %" PRIu64 ", %" PRIu64
                     " are left; the file is damaged or incomplete",
                     p->file->path, what, number, p->reader.wanted, p->reader.position,
                     base_reader_remaining(&p->reader));
}

/* A text that is shown to people and compared: valid UTF-8 without NUL. */
static bool is_plain_text(base_slice text)
{
    return (text.length == 0 || memchr(text.data, '\0', text.length) == NULL) && base_utf8_valid(text);
}

static firn_status check_count(const parser *p, const char *what, uint64_t count, uint64_t least_bytes,
                               uint64_t highest)
{
    const uint64_t remaining = base_reader_remaining(&p->reader);
    if (count <= highest && count <= remaining / least_bytes)
        return FIRN_OK;
    return base_fail(p->error, FIRN_ERROR_FORMAT, p->reader.position,
                     "%s: the header says %" PRIu64 " %s; at most %" PRIu64 " are allowed, and %" PRIu64
                     " fit the %" PRIu64 " bytes that follow; the file is damaged",
                     p->file->path, count, what, highest, remaining / least_bytes, remaining);
}

static firn_status read_header(parser *p)
{
    mod_gguf *const file = p->file;
    if (file->map.size < HEADER_BYTES)
        return base_fail(p->error, FIRN_ERROR_FORMAT, 0,
                         "%s: has only %" PRIu64 " bytes; a GGUF file begins with a header of %d", file->path,
                         file->map.size, HEADER_BYTES);
    const unsigned char *const magic = base_reader_take(&p->reader, 4);
    if (memcmp(magic, "GGUF", 4) != 0)
        return base_fail(p->error, FIRN_ERROR_FORMAT, 0,
                         "%s: is not a GGUF file: it begins with the bytes %02x %02x %02x %02x instead of \"GGUF\"",
                         file->path, magic[0], magic[1], magic[2], magic[3]);
    const uint32_t version = base_reader_u32(&p->reader);
    if (version != 0 && (version & 0xffff) == 0)
        return base_fail(p->error, FIRN_ERROR_UNSUPPORTED, 4,
                         "%s: is a big-endian GGUF file (version 0x%08x); convert it to little-endian", file->path,
                         version);
    if (version != 2 && version != 3)
        return base_fail(p->error, version == 0 ? FIRN_ERROR_FORMAT : FIRN_ERROR_UNSUPPORTED, 4,
                         "%s: is of GGUF version %" PRIu32 "; versions 2 and 3 can be read", file->path, version);
    file->n_tensors = base_reader_u64(&p->reader);
    file->n_values = base_reader_u64(&p->reader);
    firn_status status = check_count(p, "tensors", file->n_tensors, TENSOR_BYTES_LEAST, TENSORS_HIGHEST);
    if (status == FIRN_OK)
        status = check_count(p, "keys", file->n_values, KEY_BYTES_LEAST, KEYS_HIGHEST);
    return status;
}

static firn_status read_key(parser *p, uint64_t number, base_slice *key)
{
    const uint64_t offset = p->reader.position;
    *key = base_reader_string(&p->reader);
    if (p->reader.failed)
        return fail_truncated(p, "key", number);
    if (key->length == 0 || key->length > KEY_LONGEST)
        return base_fail(p->error, FIRN_ERROR_FORMAT, offset,
                         "%s: key %" PRIu64 " at byte %" PRIu64 " has a name of %zu bytes; allowed are 1 to %d",
                         p->file->path, number, offset, key->length, KEY_LONGEST);
    if (!is_plain_text(*key))
        return base_fail(p->error, FIRN_ERROR_FORMAT, offset,
                         "%s: key %" PRIu64 " at byte %" PRIu64 " has a name that is not valid UTF-8 or holds a NUL",
                         p->file->path, number, offset);
    return FIRN_OK;
}

/* The element type of value `key`, which may not be an array. */
static firn_status read_type(parser *p, const mod_gguf_value *value, bool in_array, uint32_t *type)
{
    *type = base_reader_u32(&p->reader);
    if (p->reader.failed)
        return fail_truncated(p, "the type of the value at byte", value->offset);
    if (*type >= MOD_GGUF_TYPES)
        return base_fail(p->error, FIRN_ERROR_FORMAT, p->reader.position - 4,
                         "%s: key '%.*s' has a value of type %" PRIu32 "; types 0 to %d exist", p->file->path,
                         MOD_SHOWN(value->key), *type, MOD_GGUF_TYPES - 1);
    if (in_array && *type == MOD_GGUF_ARRAY)
        return base_fail(p->error, FIRN_ERROR_UNSUPPORTED, p->reader.position - 4,
                         "%s: key '%.*s' is an array of arrays (type 9 in type 9); one level is supported",
                         p->file->path, MOD_SHOWN(value->key));
    return FIRN_OK;
}

static firn_status read_strings(parser *p, mod_gguf_value *value)
{
    if (value->count == 0)
        return FIRN_OK;
    /* the count was checked against the file's size, so this is at most twice the file */
    size_t bytes;
    if (!base_multiply_size((size_t)value->count, sizeof *value->strings, &bytes) ||
        (value->strings = malloc(bytes)) == NULL)
        return base_fail(p->error, FIRN_ERROR_MEMORY, value->offset,
                         "%s: no memory for the %" PRIu64 " strings of key '%.*s'", p->file->path, value->count,
                         MOD_SHOWN(value->key));
    for (uint64_t i = 0; i < value->count; i++)
        value->strings[i] = base_reader_string(&p->reader);
    return p->reader.failed ? fail_truncated(p, "the strings of the key at byte", value->offset) : FIRN_OK;
}

static firn_status read_numbers(parser *p, mod_gguf_value *value)
{
    uint64_t bytes;
    if (!base_multiply_u64(value->count, type_bytes[value->type], &bytes))
        bytes = UINT64_MAX;
    value->data = base_reader_take(&p->reader, bytes);
    if (value->data == NULL)
        return fail_truncated(p, "the value at byte", value->offset);
    for (uint64_t i = 0; value->type == MOD_GGUF_BOOL && i < value->count; i++)
        if (value->data[i] > 1)
            return base_fail(p->error, FIRN_ERROR_FORMAT, value->offset + i,
                             "%s: key '%.*s' is a bool with the value %d; allowed are 0 and 1", p->file->path,
                             MOD_SHOWN(value->key), value->data[i]);
    return FIRN_OK;
}

static firn_status read_array(parser *p, mod_gguf_value *value)
{
    uint32_t type;
    const firn_status status = read_type(p, value, true, &type);
    if (status != FIRN_OK)
        return status;
    value->is_array = true;
    value->type = type;
    value->count = base_reader_u64(&p->reader);
    value->offset = p->reader.position;
    if (p->reader.failed)
        return fail_truncated(p, "the array at byte", value->offset);
    const uint64_t element = type == MOD_GGUF_STRING ? 8 : type_bytes[type];
    const uint64_t remaining = base_reader_remaining(&p->reader);
    if (value->count > remaining / element)
        return base_fail(p->error, FIRN_ERROR_FORMAT, value->offset - 8,
                         "%s: key '%.*s' is an array of %" PRIu64 " elements; at most %" PRIu64 " fit the %" PRIu64
                         " bytes that follow; the file is damaged or incomplete",
                         p->file->path, MOD_SHOWN(value->key), value->count, remaining / element, remaining);
    return type == MOD_GGUF_STRING ? read_strings(p, value) : read_numbers(p, value);
}

static firn_status read_value(parser *p, mod_gguf_value *value)
{
    uint32_t type;
    value->offset = p->reader.position;
    firn_status status = read_type(p, value, false, &type);
    if (status != FIRN_OK)
        return status;
    value->type = type;
    value->count = 1;
    value->offset = p->reader.position;
    if (type == MOD_GGUF_ARRAY)
        return read_array(p, value);
    if (type != MOD_GGUF_STRING)
        return read_numbers(p, value);
    value->text = base_reader_string(&p->reader);
    if (p->reader.failed)
        return fail_truncated(p, "the string at byte", value->offset);
    if (!is_plain_text(value->text))
        return base_fail(p->error, FIRN_ERROR_FORMAT, value->offset,
                         "%s: key '%.*s' has a string (byte %" PRIu64 ") that is not valid UTF-8 or holds a NUL",
                         p->file->path, MOD_SHOWN(value->key), value->offset);
    return FIRN_OK;
}

static firn_status read_values(parser *p)
{
    mod_gguf *const file = p->file;
    file->values = calloc((size_t)file->n_values + 1, sizeof *file->values); /* never of nothing */
    if (file->values == NULL)
        return base_fail(p->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for %" PRIu64 " keys", file->path,
                         file->n_values);
    for (uint64_t i = 0; i < file->n_values; i++) {
        firn_status status = read_key(p, i, &file->values[i].key);
        if (status == FIRN_OK)
            status = read_value(p, &file->values[i]);
        if (status != FIRN_OK)
            return status;
    }
    if (!mod_name_index_build(&file->keys, file->values, sizeof *file->values, file->n_values))
        return base_fail(p->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory to index %" PRIu64 " keys",
                         file->path, file->n_values);
    const mod_name *const repeated = mod_name_index_repeated(&file->keys);
    if (repeated != NULL)
        return base_fail(p->error, FIRN_ERROR_FORMAT, file->values[repeated->index].offset,
                         "%s: key '%.*s' occurs twice, the second time as key %" PRIu64, file->path,
                         MOD_SHOWN(repeated->name), repeated->index);
    return FIRN_OK;
}

static firn_status read_alignment(parser *p)
{
    static const char key[] = "general.alignment";
    int64_t alignment = ALIGNMENT_DEFAULT;
    const firn_status status =
        mod_gguf_integer(p->file, key, MOD_OPTIONAL, ALIGNMENT_LOWEST, ALIGNMENT_HIGHEST, &alignment, p->error);
    if (status != FIRN_OK)
        return status;
    if ((alignment & (alignment - 1)) != 0)
        return base_fail(p->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: key '%s' is %" PRId64 "; allowed are powers of two from %d to %d", p->file->path, key,
                         alignment, ALIGNMENT_LOWEST, ALIGNMENT_HIGHEST);
    p->file->alignment = (uint32_t)alignment;
    return FIRN_OK;
}

static firn_status read_dimensions(parser *p, mod_tensor *tensor)
{
    const uint64_t offset = p->reader.position;
    tensor->n_dims = base_reader_u32(&p->reader);
    if (!p->reader.failed && (tensor->n_dims < 1 || tensor->n_dims > DIMENSIONS_HIGHEST))
        return base_fail(p->error, FIRN_ERROR_FORMAT, offset,
                         "%s: tensor '%.*s' has %" PRIu32 " dimensions; allowed are 1 to %d", p->file->path,
                         MOD_SHOWN(tensor->name), tensor->n_dims, DIMENSIONS_HIGHEST);
    for (uint32_t i = 0; i < DIMENSIONS_HIGHEST; i++) {
        tensor->dims[i] = i < tensor->n_dims ? base_reader_u64(&p->reader) : 1;
        if (!p->reader.failed && (tensor->dims[i] < 1 || tensor->dims[i] > INT64_MAX))
            return base_fail(p->error, FIRN_ERROR_FORMAT, p->reader.position - 8,
                             "%s: tensor '%.*s' has %" PRIu64 " elements in dimension %" PRIu32
                             "; allowed are 1 to 2^63-1",
                             p->file->path, MOD_SHOWN(tensor->name), tensor->dims[i], i);
    }
    return FIRN_OK;
}

/* Type and size. The bytes are compared with the file's, so that sums over tensors can't be surprised. */
static firn_status measure_tensor(const parser *p, uint32_t type, mod_tensor *tensor)
{
    const kern_type_info *const info = kern_type_find(type);
    const uint64_t offset = p->reader.position - 12;
    if (info == NULL)
        return base_fail(p->error, FIRN_ERROR_UNSUPPORTED, offset,
                         "%s: tensor '%.*s' is of type %" PRIu32
                         ", which is unknown or was removed from the format (known are some from 0 to %d)",
                         p->file->path, MOD_SHOWN(tensor->name), type, KERN_TYPE_LIMIT - 1);
    tensor->type = (kern_type)type;
    if (tensor->dims[0] % info->block_elements != 0)
        return base_fail(p->error, FIRN_ERROR_FORMAT, offset,
                         "%s: tensor '%.*s' has rows of %" PRIu64 " elements; type %s needs a multiple of %" PRIu32,
                         p->file->path, MOD_SHOWN(tensor->name), tensor->dims[0], info->name, info->block_elements);
    uint64_t blocks = tensor->dims[0] / info->block_elements;
    bool fits = true;
    for (uint32_t i = 1; i < DIMENSIONS_HIGHEST; i++)
        fits = fits && base_multiply_u64(blocks, tensor->dims[i], &blocks);
    fits = fits && base_multiply_u64(blocks, info->block_bytes, &tensor->bytes);
    if (!fits || tensor->bytes > p->file->map.size)
        return base_fail(p->error, FIRN_ERROR_FORMAT, offset,
                         "%s: tensor '%.*s' [%" PRIu64 "][%" PRIu64 "][%" PRIu64 "][%" PRIu64
                         "] of type %s is larger than the file (%" PRIu64 " bytes); it is damaged or incomplete",
                         p->file->path, MOD_SHOWN(tensor->name), tensor->dims[0], tensor->dims[1], tensor->dims[2],
                         tensor->dims[3], info->name, p->file->map.size);
    return FIRN_OK;
}

/* A tensor's description; its offset is then still counted from the data's begin. */
static firn_status read_tensor(parser *p, uint64_t number, mod_tensor *tensor)
{
    const uint64_t offset = p->reader.position;
    tensor->name = base_reader_string(&p->reader);
    if (p->reader.failed)
        return fail_truncated(p, "tensor", number);
    if (tensor->name.length == 0 || tensor->name.length > TENSOR_NAME_LONGEST || !is_plain_text(tensor->name))
        return base_fail(p->error, FIRN_ERROR_FORMAT, offset,
                         "%s: tensor %" PRIu64 " at byte %" PRIu64
                         " has a name of %zu bytes; allowed are 1 to %d bytes of valid UTF-8 without NUL",
                         p->file->path, number, offset, tensor->name.length, TENSOR_NAME_LONGEST);
    const firn_status status = read_dimensions(p, tensor);
    if (status != FIRN_OK)
        return status;
    const uint32_t type = base_reader_u32(&p->reader);
    tensor->offset = base_reader_u64(&p->reader);
    if (p->reader.failed)
        return fail_truncated(p, "tensor", number);
    return measure_tensor(p, type, tensor);
}

/*
 * Tensors have to follow each other in the order of their descriptions, each at the next aligned byte: so none
 * overlap, and nothing lies hidden between them.
 */
static firn_status place_tensor(const parser *p, uint64_t begin, uint64_t expected, mod_tensor *tensor)
{
    const mod_gguf *const file = p->file;
    if (tensor->offset != expected)
        return base_fail(p->error, FIRN_ERROR_FORMAT, begin,
                         "%s: tensor '%.*s' has offset %" PRIu64 " (%s); it has to be %" PRIu64
                         ", the next multiple of %" PRIu32 " after the tensor before it",
                         file->path, MOD_SHOWN(tensor->name), tensor->offset,
                         tensor->offset % file->alignment != 0 ? "not aligned"
                         : tensor->offset < expected           ? "overlaps"
                                                               : "leaves a hole",
                         expected, file->alignment);
    if (begin > file->map.size || expected > file->map.size - begin ||
        tensor->bytes > file->map.size - begin - expected)
        return base_fail(p->error, FIRN_ERROR_FORMAT, file->map.size,
                         "%s: tensor '%.*s' has %" PRIu64 " bytes at byte %" PRIu64 " of a file of %" PRIu64
                         " bytes; it is damaged or incomplete",
                         file->path, MOD_SHOWN(tensor->name), tensor->bytes, begin + expected, file->map.size);
    tensor->offset = begin + expected;
    tensor->data = file->map.data + tensor->offset;
    return FIRN_OK;
}

static firn_status read_tensors(parser *p)
{
    mod_gguf *const file = p->file;
    file->tensors = calloc((size_t)file->n_tensors + 1, sizeof *file->tensors);
    if (file->tensors == NULL)
        return base_fail(p->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for %" PRIu64 " tensors",
                         file->path, file->n_tensors);
    for (uint64_t i = 0; i < file->n_tensors; i++) {
        const firn_status status = read_tensor(p, i, &file->tensors[i]);
        if (status != FIRN_OK)
            return status;
    }
    uint64_t begin, expected = 0;
    if (!base_align_u64(p->reader.position, file->alignment, &begin))
        begin = UINT64_MAX;
    if (begin < file->map.size)
        base_file_map_use_large_pages(&file->map, begin, file->map.size - begin);
    for (uint64_t i = 0; i < file->n_tensors; i++) {
        const firn_status status = place_tensor(p, begin, expected, &file->tensors[i]);
        if (status != FIRN_OK)
            return status;
        /* can't overflow: both are at most the file's size, which is that of a file */
        base_align_u64(expected + file->tensors[i].bytes, file->alignment, &expected);
    }
    return FIRN_OK;
}

firn_status mod_gguf_open(const char *path, mod_gguf *file, firn_error *error)
{
    *file = (mod_gguf){.path = base_path_shown(path)};
    firn_status status = base_file_map_open(path, &file->map, error);
    if (status != FIRN_OK)
        return status;
    parser p = {file, base_reader_from(file->map.data, file->map.size), error};
    if ((status = read_header(&p)) != FIRN_OK || (status = read_values(&p)) != FIRN_OK ||
        (status = read_alignment(&p)) != FIRN_OK || (status = read_tensors(&p)) != FIRN_OK)
        mod_gguf_close(file);
    return status;
}

void mod_gguf_close(mod_gguf *file)
{
    for (uint64_t i = 0; file->values != NULL && i < file->n_values; i++)
        free(file->values[i].strings);
    free(file->values);
    free(file->tensors);
    mod_name_index_free(&file->keys);
    base_file_map_close(&file->map);
    *file = (mod_gguf){0};
}
