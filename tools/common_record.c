/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common_record.h"

#include "base/json.h"
#include "tools/common_file.h"
#include "tools/common_json.h"
#include "tools/common_text.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- writing ---- */

static void write_string(FILE *out, const char *name, base_slice text)
{
    fprintf(out, "\"%s\":", name);
    if (text.data != NULL)
        tool_json_string(out, text.data, text.length);
    else
        fputs("null", out);
}

static void write_ids(FILE *out, const char *name, tool_record_ids ids)
{
    fprintf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < ids.count; i++)
        fprintf(out, "%s%" PRId32, i == 0 ? "" : ",", ids.at[i]);
    fputc(']', out);
}

/* A newline in JSON stands between values only. */
static void write_on_one_line(FILE *out, base_slice json)
{
    for (size_t i = 0; i < json.length; i++)
        fputc(json.data[i] == '\n' || json.data[i] == '\r' ? ' ' : json.data[i], out);
}

static void write_checkpoint(FILE *out, const char *name, base_slice path, base_slice sha256)
{
    fprintf(out, ",\"%s\":{", name);
    write_string(out, "path", path);
    fputc(',', out);
    write_string(out, "sha256", sha256);
    fputc('}', out);
}

void tool_record_members(FILE *out, const tool_record *record)
{
    write_string(out, "firn", record->firn);
    write_checkpoint(out, "checkpoint", record->checkpoint, record->checkpoint_sha256);
    if (record->weaker.data != NULL)
        write_checkpoint(out, "weaker", record->weaker, record->weaker_sha256);
    else
        fputs(",\"weaker\":null", out);
    fprintf(out, ",\"adapters\":[],\"n_ctx\":%" PRIu32 ",\"cache_type_k\":\"%s\",\"cache_type_v\":\"%s\",",
            record->n_ctx, firn_cache_type_name(record->cache_types.k), firn_cache_type_name(record->cache_types.v));
    write_string(out, "prompt", record->prompt);
    fputs(",\"messages\":", out);
    write_on_one_line(out, record->messages.data != NULL ? record->messages : base_slice_from("null"));
    write_ids(out, "prompt_ids", record->prompt_ids);
    write_ids(out, "negative_ids", record->negative_ids);
    fputs(",\"constraint\":", out);
    if (record->constraint_kind.data != NULL) {
        fputc('{', out);
        write_string(out, "kind", record->constraint_kind);
        fputc(',', out);
        write_string(out, "text", record->constraint);
        fputc('}', out);
    } else {
        fputs("null", out);
    }
    fputs(",\"params\":", out);
    tool_json_parameters(out, &record->parameters);
    fprintf(out, ",\"sequence\":%" PRIu64, record->sequence);
    write_ids(out, "ids", record->ids);
    fputc(',', out);
    write_string(out, "text", record->text);
    fputc(',', out);
    write_string(out, "stop", record->stop);
}

firn_status tool_record_save(const char *path, const tool_record *record, firn_error *error)
{
    tool_file file;
    const firn_status status = tool_file_create(path, &file, error);
    if (status != FIRN_OK)
        return status;
    fputc('{', file.out);
    tool_record_members(file.out, record);
    fputs("}\n", file.out);
    return tool_file_close(&file, true, error);
}

/* ---- finding one in a file ---- */

static size_t skip_space(base_slice text, size_t at)
{
    while (at < text.length && strchr(" \t\r\n", text.data[at]) != NULL && text.data[at] != '\0')
        at++;
    return at;
}

/* Where the JSON value that begins at `at` ends, by its brackets. The reader sees later whether it is one. */
static size_t end_of_value(base_slice text, size_t at)
{
    size_t depth = 0;
    for (bool quoted = false; at < text.length; at++) {
        const char c = text.data[at];
        if (quoted)
            at += c == '\\' && at + 1 < text.length;
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0))
            return at + 1;
        else if (c == '\n' && depth == 0)
            break;
        quoted ^= c == '"';
    }
    return at;
}

static firn_status find(base_slice text, size_t number, size_t *begin, size_t *end, firn_error *error)
{
    size_t count = 0;
    *end = 0;
    for (size_t at = skip_space(text, 0); at < text.length; at = skip_space(text, *end)) {
        if (++count == 2 && number == 0)
            return base_fail(error, FIRN_ERROR_ARGUMENT, at, "has more than one record; name one with --row");
        *begin = at;
        *end = end_of_value(text, at);
        if (count == number)
            return FIRN_OK;
    }
    if (count == 1 && number == 0)
        return FIRN_OK;
    return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "has %zu record%s and no number %zu", count,
                     count == 1 ? "" : "s", number == 0 ? 1 : number);
}

/* ---- reading one ---- */

typedef struct loader {
    base_json reader;
    tool_record *out;
    size_t n_bytes, n_ids; /* of the storage that are taken */
} loader;

static firn_status expected(const loader *l, size_t offset, const char *what, firn_error *error)
{
    size_t line, column;
    base_line_column(l->reader.text, offset, &line, &column);
    return base_fail(error, FIRN_ERROR_FORMAT, offset, "line %zu, column %zu: %s is expected", line, column, what);
}

static firn_status take_string(loader *l, base_slice *out, firn_error *error)
{
    base_json_event event;
    const firn_status status = base_json_next(&l->reader, &event, error);
    *out = (base_slice){NULL, 0};
    if (status != FIRN_OK || event.kind == BASE_JSON_NULL)
        return status;
    if (event.kind != BASE_JSON_STRING)
        return expected(l, event.offset, "a string", error);
    char *const text = l->out->storage + l->n_bytes;
    *out = (base_slice){text, base_json_unescape(&event, text)};
    l->n_bytes += out->length + 1; /* the quotes are two bytes more */
    text[out->length] = '\0';
    return FIRN_OK;
}

/* An object, or null, of which two members are strings that are looked for. */
static firn_status take_pair(loader *l, const char *first_name, base_slice *first, const char *second_name,
                             base_slice *second, firn_error *error)
{
    base_json_event event;
    firn_status status = base_json_next(&l->reader, &event, error);
    if (status != FIRN_OK || event.kind == BASE_JSON_NULL)
        return status;
    if (event.kind != BASE_JSON_OBJECT_BEGIN)
        return expected(l, event.offset, "an object", error);
    for (;;) {
        status = base_json_next(&l->reader, &event, error);
        if (status != FIRN_OK || event.kind == BASE_JSON_OBJECT_END)
            return status;
        if (base_slice_is(event.text, first_name))
            status = take_string(l, first, error);
        else if (base_slice_is(event.text, second_name))
            status = take_string(l, second, error);
        else
            status = base_json_skip(&l->reader, error);
        if (status != FIRN_OK)
            return status;
    }
}

static firn_status take_integer(loader *l, int64_t highest, int64_t *out, firn_error *error)
{
    base_json_event event;
    const firn_status status = base_json_next(&l->reader, &event, error);
    if (status != FIRN_OK)
        return status;
    if (event.kind != BASE_JSON_NUMBER || !base_json_integer(&event, out) || *out < 0 || *out > highest)
        return expected(l, event.offset, "a count", error);
    return FIRN_OK;
}

static firn_status take_ids(loader *l, tool_record_ids *out, firn_error *error)
{
    int32_t *const ids = l->out->id_storage + l->n_ids;
    base_json_event event;
    firn_status status = base_json_next(&l->reader, &event, error);
    *out = (tool_record_ids){ids, 0};
    if (status == FIRN_OK && event.kind != BASE_JSON_ARRAY_BEGIN)
        return expected(l, event.offset, "an array of token ids", error);
    while (status == FIRN_OK && (status = base_json_next(&l->reader, &event, error)) == FIRN_OK) {
        int64_t id;
        if (event.kind == BASE_JSON_ARRAY_END)
            return FIRN_OK;
        if (event.kind != BASE_JSON_NUMBER || !base_json_integer(&event, &id) || id < 0 || id > INT32_MAX)
            return expected(l, event.offset, "a token id", error);
        ids[out->count++] = (int32_t)id;
        l->n_ids++;
    }
    return status;
}

/* A value as it is written. */
static firn_status take_raw(loader *l, base_slice *out, firn_error *error)
{
    const size_t start = skip_space(l->reader.text, l->reader.position);
    const firn_status status = base_json_skip(&l->reader, error);
    *out = (base_slice){l->reader.text.data + start, l->reader.position - start};
    return status;
}

static firn_status read_firn(loader *l, firn_error *error)
{
    return take_string(l, &l->out->firn, error);
}

static firn_status read_checkpoint(loader *l, firn_error *error)
{
    return take_pair(l, "path", &l->out->checkpoint, "sha256", &l->out->checkpoint_sha256, error);
}

static firn_status read_weaker(loader *l, firn_error *error)
{
    return take_pair(l, "path", &l->out->weaker, "sha256", &l->out->weaker_sha256, error);
}

static firn_status read_adapters(loader *l, firn_error *error)
{
    const size_t offset = l->reader.position;
    base_slice adapters;
    const firn_status status = take_raw(l, &adapters, error);
    if (status == FIRN_OK && !base_slice_is(adapters, "[]"))
        return base_fail(error, FIRN_ERROR_UNSUPPORTED, offset, "the text was made with adapters, which are not known");
    return status;
}

static firn_status read_n_ctx(loader *l, firn_error *error)
{
    int64_t n_ctx = 0;
    const firn_status status = take_integer(l, INT32_MAX, &n_ctx, error);
    l->out->n_ctx = (uint32_t)n_ctx;
    return status;
}

static firn_status take_cache_type(loader *l, firn_cache_type *out, firn_error *error)
{
    const size_t offset = l->reader.position;
    base_slice name = {NULL, 0};
    firn_error fault = {0};
    firn_status status = take_string(l, &name, error);
    if (status != FIRN_OK || name.data == NULL) /* null */
        return status;
    status = firn_cache_type_find(name.data, out, &fault);
    return status == FIRN_OK ? status : base_fail(error, status, offset, "%s", fault.message);
}

static firn_status read_cache_type_k(loader *l, firn_error *error)
{
    return take_cache_type(l, &l->out->cache_types.k, error);
}

static firn_status read_cache_type_v(loader *l, firn_error *error)
{
    return take_cache_type(l, &l->out->cache_types.v, error);
}

static firn_status read_prompt(loader *l, firn_error *error)
{
    return take_string(l, &l->out->prompt, error);
}

static firn_status read_messages(loader *l, firn_error *error)
{
    base_slice json;
    const firn_status status = take_raw(l, &json, error);
    if (status != FIRN_OK || base_slice_is(json, "null"))
        return status;
    char *const copy = memcpy(l->out->storage + l->n_bytes, json.data, json.length);
    l->out->messages = (base_slice){copy, json.length};
    l->n_bytes += json.length;
    return FIRN_OK;
}

static firn_status read_prompt_ids(loader *l, firn_error *error)
{
    return take_ids(l, &l->out->prompt_ids, error);
}

static firn_status read_negative_ids(loader *l, firn_error *error)
{
    return take_ids(l, &l->out->negative_ids, error);
}

static firn_status read_constraint(loader *l, firn_error *error)
{
    return take_pair(l, "kind", &l->out->constraint_kind, "text", &l->out->constraint, error);
}

static firn_status read_params(loader *l, firn_error *error)
{
    const size_t offset = l->reader.position;
    base_slice json;
    firn_error fault = {0};
    firn_status status = take_raw(l, &json, error);
    if (status != FIRN_OK)
        return status;
    status = firn_parameters_read(&l->out->parameters, json.data, json.length, "", &fault);
    return status == FIRN_OK ? status : base_fail(error, status, offset, "%s", fault.message);
}

static firn_status read_sequence(loader *l, firn_error *error)
{
    int64_t sequence = 0;
    const firn_status status = take_integer(l, INT64_MAX, &sequence, error);
    l->out->sequence = (uint64_t)sequence;
    return status;
}

static firn_status read_ids(loader *l, firn_error *error)
{
    return take_ids(l, &l->out->ids, error);
}

static firn_status read_text(loader *l, firn_error *error)
{
    return take_string(l, &l->out->text, error);
}

static firn_status read_stop(loader *l, firn_error *error)
{
    return take_string(l, &l->out->stop, error);
}

typedef struct member {
    const char *name;
    firn_status (*read)(loader *l, firn_error *error);
    bool needed;
} member;

static const member members[] = {
    {"firn", read_firn, false},
    {"checkpoint", read_checkpoint, false},
    {"weaker", read_weaker, false},
    {"adapters", read_adapters, false},
    {"n_ctx", read_n_ctx, false},
    {"cache_type_k", read_cache_type_k, false},
    {"cache_type_v", read_cache_type_v, false},
    {"prompt", read_prompt, false},
    {"messages", read_messages, false},
    {"prompt_ids", read_prompt_ids, true},
    {"negative_ids", read_negative_ids, false},
    {"constraint", read_constraint, false},
    {"params", read_params, true},
    {"sequence", read_sequence, false},
    {"ids", read_ids, true},
    {"text", read_text, false},
    {"stop", read_stop, false},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

/* The value of the member whose name was read. */
static firn_status read_member(loader *l, const base_json_event *key, unsigned *seen, firn_error *error)
{
    size_t i = 0;
    while (i < MEMBERS && !base_slice_is(key->text, members[i].name))
        i++;
    if (i == MEMBERS)
        return base_json_skip(&l->reader, error);
    if ((*seen >> i & 1) != 0)
        return base_fail(error, FIRN_ERROR_FORMAT, key->offset, "\"%s\" comes twice", members[i].name);
    *seen |= 1u << i;
    firn_error fault = {0};
    const firn_status status = members[i].read(l, &fault);
    if (status == FIRN_OK)
        return FIRN_OK;
    return base_fail(error, status, fault.offset, "\"%s\": %s", members[i].name, fault.message);
}

static firn_status read_record(loader *l, firn_error *error)
{
    base_json_event event;
    unsigned seen = 0;
    firn_status status = base_json_next(&l->reader, &event, error);
    if (status == FIRN_OK && event.kind != BASE_JSON_OBJECT_BEGIN)
        return expected(l, event.offset, "an object, which a record is,", error);
    while (status == FIRN_OK && (status = base_json_next(&l->reader, &event, error)) == FIRN_OK) {
        if (event.kind == BASE_JSON_OBJECT_END)
            break;
        status = read_member(l, &event, &seen, error);
    }
    for (size_t i = 0; i < MEMBERS && status == FIRN_OK; i++)
        if (members[i].needed && (seen >> i & 1) == 0)
            return base_fail(error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "it lacks \"%s\", which a record has",
                             members[i].name);
    return status;
}

firn_status tool_record_load(const char *path, size_t number, tool_record *out, firn_error *error)
{
    tool_text file = {NULL, 0};
    firn_error fault = {0};
    size_t begin = 0, end = 0;
    *out = (tool_record){.parameters = firn_generation_parameters_default()};
    firn_status status = tool_read(path, &file, error);
    if (status != FIRN_OK)
        return status;
    status = find((base_slice){file.data, file.length}, number, &begin, &end, &fault);
    if (status != FIRN_OK) {
        base_fail(error, status, fault.offset, "%.150s: %s", path, fault.message);
        goto done;
    }
    const size_t length = end - begin; /* of strings and raw values in it, and an id takes two bytes at least */
    out->storage = malloc(length + 1);
    out->id_storage = malloc((length / 2 + 1) * sizeof *out->id_storage);
    if (out->storage == NULL || out->id_storage == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%.150s: no memory for a record", path);
        goto done;
    }
    loader l = {.reader = base_json_begin((base_slice){file.data, end}), .out = out};
    l.reader.position = begin;
    status = read_record(&l, &fault);
    if (status != FIRN_OK)
        base_fail(error, status, fault.offset, "%.150s: record %zu: %s", path, number == 0 ? 1 : number, fault.message);
done:
    free(file.data);
    if (status != FIRN_OK)
        tool_record_free(out);
    return status;
}

void tool_record_free(tool_record *record)
{
    free(record->storage);
    free(record->id_storage);
    *record = (tool_record){.storage = NULL};
}

/* ---- comparing ---- */

/* Writes an id with the token's text (model NULL: only the id), or that there is none. */
static void describe_token(FILE *out, const tool_record_ids *ids, size_t i, const firn_model *model)
{
    char bytes[64];
    if (i >= ids->count) {
        fputs("none", out);
        return;
    }
    fprintf(out, "%" PRId32, ids->at[i]);
    if (model == NULL || (uint32_t)ids->at[i] >= firn_model_describe(model).n_vocab)
        return;
    const size_t length = firn_token_bytes(model, ids->at[i], true, bytes, sizeof bytes);
    fputc(' ', out);
    tool_json_string(out, bytes, length <= sizeof bytes ? length : 0);
}

/* Whether two texts are written in JSON alike: bytes that are no part of a character aren't told apart. */
static bool same_text(base_slice wanted, base_slice made)
{
    char *a = NULL, *b = NULL;
    size_t a_length = 0, b_length = 0;
    FILE *const first = open_memstream(&a, &a_length), *const second = open_memstream(&b, &b_length);
    if (first != NULL)
        tool_json_string(first, wanted.data, wanted.length);
    if (second != NULL)
        tool_json_string(second, made.data, made.length);
    const bool written = first != NULL && fclose(first) == 0, same = second != NULL && fclose(second) == 0 && written &&
                                                                     a_length == b_length &&
                                                                     memcmp(a, b, a_length) == 0;
    free(a);
    free(b);
    return same;
}

bool tool_record_differs(const tool_record *wanted, const tool_record *made, const firn_model *model,
                         char difference[TOOL_RECORD_DIFFERENCE])
{
    size_t i = 0;
    while (i < wanted->ids.count && i < made->ids.count && wanted->ids.at[i] == made->ids.at[i])
        i++;
    snprintf(difference, TOOL_RECORD_DIFFERENCE, "no memory to compare");
    FILE *const out = fmemopen(difference, TOOL_RECORD_DIFFERENCE, "w");
    if (out == NULL)
        return true;
    bool differs = true;
    if (i < wanted->ids.count || i < made->ids.count) {
        fprintf(out, "token %zu is ", i + 1);
        describe_token(out, &made->ids, i, model);
        fputs(" and was ", out);
        const bool other = wanted->checkpoint_sha256.data != NULL && /* whose tokens are not known */
                           !base_slice_equal(wanted->checkpoint_sha256, made->checkpoint_sha256);
        describe_token(out, &wanted->ids, i, other ? NULL : model);
    } else if (wanted->text.data != NULL && !same_text(wanted->text, made->text)) {
        fputs("the tokens are the same and their text is another", out);
    } else if (wanted->stop.data != NULL && !base_slice_equal(wanted->stop, made->stop)) {
        fprintf(out, "the text ended for the reason \"%.*s\" and did for \"%.*s\"", (int)made->stop.length,
                made->stop.data, (int)wanted->stop.length, wanted->stop.data);
    } else {
        differs = false;
    }
    fclose(out);
    return differs;
}
