/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a GGUF file by key, each asked for with its kind and its limits. */
#include "models/gguf.h"

#include <inttypes.h>
#include <math.h>

static const char *const type_names[MOD_GGUF_TYPES] = {
#define TYPE_NAME(name, number, bytes, text) [number] = text,
    MOD_GGUF_TYPE_LIST(TYPE_NAME)
#undef TYPE_NAME
};

/* The value of `key`, NULL where it is absent and not needed. */
static firn_status find(const mod_gguf *file, const char *key, mod_need need, const mod_gguf_value **value,
                        firn_error *error)
{
    const mod_name *const name = mod_name_index_find(&file->keys, base_slice_from(key));
    *value = name == NULL ? NULL : &file->values[name->index];
    if (name == NULL && need == MOD_REQUIRED)
        return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "%s: key '%s' is missing, and is needed", file->path,
                         key);
    return FIRN_OK;
}

static firn_status fail_kind(const mod_gguf *file, const mod_gguf_value *value, const char *wanted, firn_error *error)
{
    return base_fail(error, FIRN_ERROR_FORMAT, value->offset, "%s: key '%.*s' (byte %" PRIu64 ") is %s%s; needed is %s",
                     file->path, MOD_SHOWN(value->key), value->offset, value->is_array ? "an array of " : "of type ",
                     type_names[value->type], wanted);
}

/* The little-endian bytes of a number, at most 8 of them. */
static uint64_t bits_of(const mod_gguf_value *value, unsigned bytes)
{
    uint64_t bits = 0;
    for (unsigned i = bytes; i > 0; i--)
        bits = bits << 8 | value->data[i - 1];
    return bits;
}

/* Gives false if the value is no integer. One above 2^63-1 becomes 2^63-1, which no limit allows. */
static bool integer_of(const mod_gguf_value *value, int64_t *result)
{
    if (value->is_array)
        return false;
    switch (value->type) {
    case MOD_GGUF_UINT8:
        *result = (int64_t)bits_of(value, 1);
        return true;
    case MOD_GGUF_INT8:
        *result = (int8_t)bits_of(value, 1);
        return true;
    case MOD_GGUF_UINT16:
        *result = (int64_t)bits_of(value, 2);
        return true;
    case MOD_GGUF_INT16:
        *result = (int16_t)bits_of(value, 2);
        return true;
    case MOD_GGUF_UINT32:
        *result = (int64_t)bits_of(value, 4);
        return true;
    case MOD_GGUF_INT32:
        *result = (int32_t)bits_of(value, 4);
        return true;
    case MOD_GGUF_UINT64: {
        const uint64_t bits = bits_of(value, 8);
        *result = bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
        return true;
    }
    case MOD_GGUF_INT64:
        *result = (int64_t)bits_of(value, 8);
        return true;
    default:
        return false;
    }
}

firn_status mod_gguf_integer(const mod_gguf *file, const char *key, mod_need need, int64_t lowest, int64_t highest,
                             int64_t *value, firn_error *error)
{
    const mod_gguf_value *found;
    int64_t number;
    const firn_status status = find(file, key, need, &found, error);
    if (status != FIRN_OK || found == NULL)
        return status;
    if (!integer_of(found, &number))
        return fail_kind(file, found, "an integer", error);
    if (number < lowest || number > highest)
        return base_fail(error, FIRN_ERROR_FORMAT, found->offset,
                         "%s: key '%s' (byte %" PRIu64 ") is %" PRId64 "; allowed are %" PRId64 " to %" PRId64,
                         file->path, key, found->offset, number, lowest, highest);
    *value = number;
    return FIRN_OK;
}

firn_status mod_gguf_real(const mod_gguf *file, const char *key, mod_need need, double lowest, double highest,
                          double *value, firn_error *error)
{
    const mod_gguf_value *found;
    double number;
    const firn_status status = find(file, key, need, &found, error);
    if (status != FIRN_OK || found == NULL)
        return status;
    if (!found->is_array && found->type == MOD_GGUF_FLOAT32) {
        const uint32_t bits = (uint32_t)bits_of(found, 4);
        float single;
        memcpy(&single, &bits, sizeof single);
        number = (double)single;
    } else if (!found->is_array && found->type == MOD_GGUF_FLOAT64) {
        const uint64_t bits = bits_of(found, 8);
        memcpy(&number, &bits, sizeof number);
    } else
        return fail_kind(file, found, "a float32 or float64", error);
    if (!isfinite(number) || number < lowest || number > highest)
        return base_fail(error, FIRN_ERROR_FORMAT, found->offset,
                         "%s: key '%s' (byte %" PRIu64 ") is %g; allowed are %g to %g", file->path, key, found->offset,
                         number, lowest, highest);
    *value = number;
    return FIRN_OK;
}

firn_status mod_gguf_bool(const mod_gguf *file, const char *key, mod_need need, bool *value, firn_error *error)
{
    const mod_gguf_value *found;
    const firn_status status = find(file, key, need, &found, error);
    if (status != FIRN_OK || found == NULL)
        return status;
    if (found->is_array || found->type != MOD_GGUF_BOOL)
        return fail_kind(file, found, "a bool", error);
    *value = found->data[0] != 0;
    return FIRN_OK;
}

firn_status mod_gguf_text(const mod_gguf *file, const char *key, mod_need need, base_slice *value, firn_error *error)
{
    const mod_gguf_value *found;
    const firn_status status = find(file, key, need, &found, error);
    if (status != FIRN_OK || found == NULL)
        return status;
    if (found->is_array || found->type != MOD_GGUF_STRING)
        return fail_kind(file, found, "a string", error);
    *value = found->text;
    return FIRN_OK;
}

firn_status mod_gguf_array(const mod_gguf *file, const char *key, mod_need need, mod_gguf_type type,
                           const mod_gguf_value **value, firn_error *error)
{
    const mod_gguf_value *found;
    const firn_status status = find(file, key, need, &found, error);
    if (status != FIRN_OK || found == NULL)
        return status;
    if (!found->is_array || found->type != type) {
        char wanted[32] = "an array of ";
        return fail_kind(file, found, strncat(wanted, type_names[type], sizeof wanted - strlen(wanted) - 1), error);
    }
    *value = found;
    return FIRN_OK;
}
