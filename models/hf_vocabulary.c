/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of a Hugging Face folder. tokenizer.json is read by pulling events from its map: strings without
 * escapes are used where they lie. Everything it counts is bounded by the file's size before memory is asked for.
 */
#include "models/hyperparameters.h"

#include "base/checked.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum {
    LONGEST_PATH = 4096,
    MOST_TOKENS = 1 << 26,
    SPARE_IDS = 65536, /* ids without token that a vocabulary may have, besides one for each that there is */
    MOST_AROUND = 16,  /* tokens put before or after a text */
};

/* Where the members of tokenizer.json lie. */
typedef struct hf_file {
    const char *path; /* as shown in messages */
    base_slice text;
    base_slice added, normaliser, pretokeniser, postprocessor, decoder, model;
    base_slice vocab, merges; /* in the model */
    base_slice unknown;       /* the model's "unk_token" */
    mod_vocabulary *out;
    base_slice *tokens; /* [out->n_tokens] */
    int32_t *types;
    float *scores;
    firn_error *error;
} hf_file;

static firn_status fail_memory(const hf_file *f)
{
    return base_fail(f->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for its vocabulary", f->path);
}

static firn_status fail_form(const hf_file *f, const char *what)
{
    return base_fail(f->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "%s: %s", f->path, what);
}

static void *allocate(const hf_file *f, size_t count, size_t size)
{
    size_t bytes;
    void *const memory = base_multiply_size(count, size, &bytes) ? base_arena_allocate(&f->out->arena, bytes + 1)
                                                                 : NULL; /* never none */
    return memory != NULL ? memset(memory, 0, bytes) : NULL;
}

/* The value of a string or key. */
static firn_status text_of(const hf_file *f, const base_json_event *event, base_slice *out)
{
    *out = event->text;
    if (!event->escaped)
        return FIRN_OK;
    char *const copy = base_arena_allocate(&f->out->arena, event->text.length);
    if (copy == NULL)
        return fail_memory(f);
    *out = (base_slice){copy, base_json_unescape(event, copy)};
    return FIRN_OK;
}

/* Passes over the next value and gives its text; empty if it is null. */
static firn_status take_value(base_json *reader, base_slice *out, firn_error *error)
{
    const size_t start = reader->position;
    const firn_status status = base_json_skip(reader, error);
    *out = (base_slice){reader->text.data + start, reader->position - start};
    base_json inner = base_json_begin(*out);
    base_json_event event;
    if (status == FIRN_OK && base_json_next(&inner, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_NULL)
        *out = (base_slice){0};
    return status;
}

/* An object's member, and where the text of its value is to go. */
typedef struct member {
    const char *name;
    base_slice *value;
} member;

/* Finds members of the object that is all of `text`. */
static firn_status find_members(base_slice text, const member *members, size_t count, firn_error *error)
{
    base_json reader = base_json_begin(text);
    base_json_event event;
    firn_status status = base_json_next(&reader, &event, error);
    if (status == FIRN_OK && event.kind != BASE_JSON_OBJECT_BEGIN)
        return base_fail(error, FIRN_ERROR_FORMAT, event.offset, "an object is expected");
    while (status == FIRN_OK && (status = base_json_next(&reader, &event, error)) == FIRN_OK &&
           event.kind == BASE_JSON_KEY) {
        base_slice value;
        status = take_value(&reader, &value, error);
        for (size_t i = 0; i < count; i++) {
            if (base_slice_is(event.text, members[i].name))
                *members[i].value = value;
        }
    }
    return status;
}

static bool is_true(base_slice value)
{
    base_json reader = base_json_begin(value);
    base_json_event event;
    return base_json_next(&reader, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_TRUE;
}

static bool number_of(base_slice value, int64_t *number)
{
    base_json reader = base_json_begin(value);
    base_json_event event;
    return base_json_next(&reader, &event, NULL) == FIRN_OK && base_json_integer(&event, number);
}

static bool real_of(base_slice value, double *number)
{
    base_json reader = base_json_begin(value);
    base_json_event event;
    return base_json_next(&reader, &event, NULL) == FIRN_OK && base_json_double(&event, number);
}

/* A string's value; empty where it is none. */
static firn_status string_of(const hf_file *f, base_slice value, base_slice *out)
{
    base_json reader = base_json_begin(value);
    base_json_event event;
    *out = (base_slice){0};
    if (value.length == 0 || base_json_next(&reader, &event, NULL) != FIRN_OK || event.kind != BASE_JSON_STRING)
        return FIRN_OK;
    return text_of(f, &event, out);
}

/* ---- tokens ---- */

static firn_status check_id(const hf_file *f, int64_t id)
{
    if (id < 0 || id >= MOST_TOKENS)
        return base_fail(f->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "%s: a token has id %" PRId64 "; allowed are 0 to %d", f->path, id, MOST_TOKENS - 1);
    return FIRN_OK;
}

/* Goes through the model's tokens: counts them, or puts them into the arrays where those are there. */
static firn_status walk_vocabulary(const hf_file *f, uint64_t *count, int64_t *highest)
{
    base_json reader = base_json_begin(f->vocab);
    base_json_event event, number = {0};
    firn_status status = base_json_next(&reader, &event, f->error);
    const bool pairs = event.kind == BASE_JSON_ARRAY_BEGIN; /* [text, score] in the order of ids; else {text: id} */
    for (*count = 0; status == FIRN_OK; (*count)++) {
        status = base_json_next(&reader, &event, f->error);
        if (status != FIRN_OK || event.kind == BASE_JSON_OBJECT_END || event.kind == BASE_JSON_ARRAY_END)
            break;
        if (pairs && event.kind == BASE_JSON_ARRAY_BEGIN)
            status = base_json_next(&reader, &event, f->error);
        if (status == FIRN_OK)
            status = base_json_next(&reader, &number, f->error);
        int64_t id = (int64_t)*count;
        double score = 0;
        if (status == FIRN_OK && (event.kind != (pairs ? BASE_JSON_STRING : BASE_JSON_KEY) ||
                                  !(pairs ? base_json_double(&number, &score) : base_json_integer(&number, &id))))
            status = fail_form(f, "\"vocab\" holds something else than texts with ids or scores");
        if (status == FIRN_OK)
            status = check_id(f, id);
        if (status == FIRN_OK && pairs && (status = base_json_next(&reader, &number, f->error)) == FIRN_OK &&
            number.kind != BASE_JSON_ARRAY_END)
            status = fail_form(f, "\"vocab\" has more than a text and a score for a token");
        if (status != FIRN_OK)
            break;
        *highest = id > *highest ? id : *highest;
        if (f->tokens == NULL)
            continue;
        if (f->tokens[id].data != NULL)
            return base_fail(f->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "%s: two tokens have the id %" PRId64,
                             f->path, id);
        status = text_of(f, &event, &f->tokens[id]);
        if (f->scores != NULL)
            f->scores[id] = (float)score;
    }
    return status;
}

/* The next added token as the text of its object; false at the list's end. */
static firn_status next_added(const hf_file *f, base_json *reader, base_slice *object, bool *more)
{
    base_json ahead = *reader;
    base_json_event event;
    firn_status status = base_json_next(&ahead, &event, f->error);
    *more = status == FIRN_OK && event.kind == BASE_JSON_OBJECT_BEGIN;
    if (!*more)
        return status;
    status = take_value(reader, object, f->error);
    while (status == FIRN_OK && object->length > 0 && object->data[0] != '{') /* space and the comma before it */
        *object = (base_slice){object->data + 1, object->length - 1};
    return status;
}

static firn_status read_added(const hf_file *f, base_slice object, uint32_t at)
{
    base_slice id = {0}, content = {0}, single = {0}, left = {0}, right = {0}, normalised = {0}, special = {0};
    const member members[] = {{"id", &id},          {"content", &content}, {"single_word", &single},
                              {"lstrip", &left},    {"rstrip", &right},    {"normalized", &normalised},
                              {"special", &special}};
    int64_t number = -1;
    base_slice text;
    firn_status status = find_members(object, members, sizeof members / sizeof *members, f->error);
    if (status == FIRN_OK && !number_of(id, &number))
        status = fail_form(f, "an added token has no id");
    if (status == FIRN_OK)
        status = check_id(f, number);
    if (status == FIRN_OK)
        status = string_of(f, content, &text);
    if (status != FIRN_OK)
        return status;
    ((int32_t *)f->out->added_ids)[at] = (int32_t)number;
    if (f->tokens == NULL)
        return FIRN_OK;
    if (f->tokens[number].data != NULL && !base_slice_equal(f->tokens[number], text))
        return base_fail(f->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: the added token '%.*s' has id %" PRId64 ", which is that of '%.*s'", f->path,
                         MOD_SHOWN(text), number, MOD_SHOWN(f->tokens[number]));
    f->tokens[number] = text;
    f->types[number] = is_true(special) ? 3 : 4; /* as in GGUF: control, user-defined */
    ((uint32_t *)f->out->added_flags)[at] =
        (is_true(special) ? MOD_ADDED_CONTROL : 0U) | (is_true(left) ? MOD_ADDED_LEFT_SPACE : 0U) |
        (is_true(right) ? MOD_ADDED_RIGHT_SPACE : 0U) | (is_true(single) ? MOD_ADDED_SINGLE_WORD : 0U) |
        (is_true(normalised) ? MOD_ADDED_NORMALISED : 0U);
    return FIRN_OK;
}

/* Goes through the added tokens: counts them, or reads them where there is room (added_ids). */
static firn_status walk_added(const hf_file *f, uint32_t *count, int64_t *highest)
{
    base_json reader = base_json_begin(f->added);
    base_json_event event;
    base_slice object;
    bool more = f->added.length > 0;
    *count = 0;
    firn_status status = more ? base_json_next(&reader, &event, f->error) : FIRN_OK;
    while (status == FIRN_OK && more) {
        status = next_added(f, &reader, &object, &more);
        if (status != FIRN_OK || !more)
            break;
        if (f->out->added_ids != NULL)
            status = read_added(f, object, *count);
        if (status == FIRN_OK && f->out->added_ids != NULL && f->out->added_ids[*count] > *highest)
            *highest = f->out->added_ids[*count];
        (*count)++;
    }
    return status;
}

static firn_status read_tokens(hf_file *f)
{
    mod_vocabulary *const out = f->out;
    uint64_t count = 0;
    uint32_t n_added = 0;
    int64_t highest = -1;
    base_json reader = base_json_begin(f->vocab);
    base_json_event first = {0};
    firn_status status =
        f->vocab.length == 0 ? fail_form(f, "the model has no \"vocab\"") : base_json_next(&reader, &first, f->error);
    if (status == FIRN_OK)
        status = walk_vocabulary(f, &count, &highest);
    if (status == FIRN_OK)
        status = walk_added(f, &n_added, &highest);
    if (status != FIRN_OK)
        return status;
    out->n_added = n_added;
    out->added_ids = allocate(f, n_added, sizeof *out->added_ids);
    out->added_flags = allocate(f, n_added, sizeof *out->added_flags);
    if (out->added_ids == NULL || out->added_flags == NULL)
        return fail_memory(f);
    status = walk_added(f, &n_added, &highest);
    if (status == FIRN_OK && (uint64_t)highest >= 2 * (count + n_added) + SPARE_IDS)
        status = base_fail(f->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                           "%s: there is a token %" PRId64 ", but there are only %" PRIu64 " tokens", f->path, highest,
                           count + n_added);
    if (status != FIRN_OK)
        return status;
    out->n_tokens = (uint32_t)(highest + 1);
    out->tokens = f->tokens = allocate(f, out->n_tokens, sizeof *f->tokens);
    out->types = f->types = allocate(f, out->n_tokens, sizeof *f->types);
    if (first.kind == BASE_JSON_ARRAY_BEGIN)
        out->scores = f->scores = allocate(f, out->n_tokens, sizeof *f->scores);
    if (f->tokens == NULL || f->types == NULL || (first.kind == BASE_JSON_ARRAY_BEGIN && f->scores == NULL))
        return fail_memory(f);
    for (uint32_t i = 0; i < out->n_tokens; i++)
        f->types[i] = 1;
    status = walk_vocabulary(f, &count, &highest);
    return status == FIRN_OK ? walk_added(f, &n_added, &highest) : status;
}

static int32_t find_token(const hf_file *f, base_slice text)
{
    for (uint32_t i = 0; text.length > 0 && i < f->out->n_tokens; i++) {
        if (base_slice_equal(f->tokens[i], text))
            return (int32_t)i;
    }
    return -1;
}

/* ---- merges: ["a b", …] or [["a", "b"], …] ---- */

static firn_status walk_merges(const hf_file *f, base_slice *lefts, base_slice *rights, uint64_t *count)
{
    base_json reader = base_json_begin(f->merges);
    base_json_event event;
    bool pairs = false;
    firn_status status = base_json_next(&reader, &event, f->error);
    for (*count = 0; status == FIRN_OK; (*count)++) {
        base_json_event right = {0};
        status = base_json_next(&reader, &event, f->error);
        if (status != FIRN_OK || event.kind == BASE_JSON_ARRAY_END)
            break;
        pairs = event.kind == BASE_JSON_ARRAY_BEGIN;
        if (pairs && (status = base_json_next(&reader, &event, f->error)) == FIRN_OK)
            status = base_json_next(&reader, &right, f->error);
        if (status != FIRN_OK)
            break;
        if (event.kind != BASE_JSON_STRING || (pairs && right.kind != BASE_JSON_STRING))
            return fail_form(f, "\"merges\" holds something else than texts or pairs of them");
        if (lefts != NULL)
            status = text_of(f, &event, &lefts[*count]);
        if (rights != NULL && pairs && status == FIRN_OK)
            status = text_of(f, &right, &rights[*count]);
        if (status == FIRN_OK && pairs && (status = base_json_next(&reader, &event, f->error)) == FIRN_OK &&
            event.kind != BASE_JSON_ARRAY_END)
            return fail_form(f, "a merge has more than two sides");
    }
    return status;
}

static firn_status read_merges(const hf_file *f)
{
    uint64_t count = 0;
    firn_status status = f->merges.length == 0 ? FIRN_OK : walk_merges(f, NULL, NULL, &count);
    if (status != FIRN_OK || count == 0)
        return status;
    base_json reader = base_json_begin(f->merges);
    base_json_event event;
    base_json_next(&reader, &event, NULL);
    base_json_next(&reader, &event, NULL);
    const bool pairs = event.kind == BASE_JSON_ARRAY_BEGIN;
    if (count > MOST_TOKENS)
        return fail_form(f, "it has more than 2^26 merges");
    base_slice *const lefts = allocate(f, (size_t)count, sizeof *lefts);
    base_slice *const rights = pairs ? allocate(f, (size_t)count, sizeof *rights) : NULL;
    if (lefts == NULL || (pairs && rights == NULL))
        return fail_memory(f);
    f->out->merges = lefts;
    f->out->merge_rights = rights;
    f->out->n_merges = (uint32_t)count;
    return walk_merges(f, lefts, rights, &count);
}

/* ---- what is put around a text ---- */

typedef struct around {
    const hf_file *f;
    int32_t *ids[2]; /* [MOST_AROUND] before, after */
    uint32_t counts[2];
} around;

static firn_status add_around(around *a, int side, base_slice token)
{
    const int32_t id = find_token(a->f, token);
    if (id < 0 || a->counts[side] == MOST_AROUND)
        return base_fail(a->f->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                         "%s: the post-processor puts '%.*s' around a text, which is no token or one of too many",
                         a->f->path, MOD_SHOWN(token));
    a->ids[side][a->counts[side]++] = id;
    return FIRN_OK;
}

/* A template such as [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]. */
static firn_status read_template(around *a, base_slice list)
{
    base_json reader = base_json_begin(list);
    base_json_event event = {.kind = BASE_JSON_NULL};
    bool special = false, after = false;
    firn_status status = FIRN_OK;
    while (status == FIRN_OK && event.kind != BASE_JSON_END) {
        status = base_json_next(&reader, &event, a->f->error);
        if (status != FIRN_OK || event.kind != BASE_JSON_KEY)
            continue;
        if (base_slice_is(event.text, "SpecialToken")) {
            special = true;
        } else if (base_slice_is(event.text, "Sequence")) {
            after = true;
            special = false;
        } else if (special && base_slice_is(event.text, "id")) {
            base_slice value, token = {0};
            status = take_value(&reader, &value, a->f->error);
            if (status == FIRN_OK)
                status = string_of(a->f, value, &token);
            if (status == FIRN_OK)
                status = add_around(a, after ? 1 : 0, token);
        }
    }
    return status;
}

/* "cls" and "sep" are [text, id]. */
static firn_status read_fixed(around *a, int side, base_slice pair)
{
    base_json reader = base_json_begin(pair);
    base_json_event event;
    base_slice token = {0};
    firn_status status = base_json_next(&reader, &event, a->f->error);
    if (status == FIRN_OK)
        status = base_json_next(&reader, &event, a->f->error);
    if (status == FIRN_OK && event.kind == BASE_JSON_STRING)
        status = text_of(a->f, &event, &token);
    return status == FIRN_OK ? add_around(a, side, token) : status;
}

/* Post-processors put tokens around; a sequence of them is walked as one, since only one of them does. */
static firn_status read_postprocessor(hf_file *f)
{
    around a = {.f = f, .ids = {allocate(f, MOST_AROUND, sizeof(int32_t)), allocate(f, MOST_AROUND, sizeof(int32_t))}};
    base_json reader = base_json_begin(f->postprocessor);
    base_json_event event = {.kind = BASE_JSON_NULL};
    firn_status status = a.ids[0] != NULL && a.ids[1] != NULL ? FIRN_OK : fail_memory(f);
    while (status == FIRN_OK && f->postprocessor.length > 0 && event.kind != BASE_JSON_END) {
        base_slice value;
        status = base_json_next(&reader, &event, f->error);
        if (status != FIRN_OK || event.kind != BASE_JSON_KEY || base_slice_is(event.text, "processors"))
            continue;
        status = take_value(&reader, &value, f->error);
        if (status == FIRN_OK && base_slice_is(event.text, "single"))
            status = read_template(&a, value);
        else if (status == FIRN_OK && base_slice_is(event.text, "cls"))
            status = read_fixed(&a, 0, value);
        else if (status == FIRN_OK && base_slice_is(event.text, "sep"))
            status = read_fixed(&a, 1, value);
    }
    f->out->before = a.ids[0];
    f->out->n_before = a.counts[0];
    f->out->after = a.ids[1];
    f->out->n_after = a.counts[1];
    return status;
}

/* ---- the file ---- */

static firn_status read_model(hf_file *f)
{
    mod_vocabulary *const out = f->out;
    base_slice type = {0}, fallback = {0}, fuse = {0}, ignore = {0}, prefix = {0}, suffix = {0}, dropout = {0};
    double share = 0;
    base_slice longest = {0}, unknown_id = {0}, unknown = {0};
    const member members[] = {{"type", &type},
                              {"vocab", &f->vocab},
                              {"merges", &f->merges},
                              {"byte_fallback", &fallback},
                              {"fuse_unk", &fuse},
                              {"ignore_merges", &ignore},
                              {"continuing_subword_prefix", &prefix},
                              {"end_of_word_suffix", &suffix},
                              {"dropout", &dropout},
                              {"max_input_chars_per_word", &longest},
                              {"unk_id", &unknown_id},
                              {"unk_token", &unknown}};
    firn_status status = f->model.length == 0
                             ? fail_form(f, "it has no \"model\"")
                             : find_members(f->model, members, sizeof members / sizeof *members, f->error);
    if (status == FIRN_OK)
        status = string_of(f, type, &out->model);
    if (status == FIRN_OK)
        status = string_of(f, unknown, &f->unknown);
    if (status == FIRN_OK)
        status = string_of(f, prefix, &out->continuing_prefix);
    if (status == FIRN_OK)
        status = string_of(f, suffix, &out->word_suffix);
    if (status != FIRN_OK)
        return status;
    const bool unigram = base_slice_is(out->model, "Unigram"), wordpiece = base_slice_is(out->model, "WordPiece");
    if (out->model.length == 0 && f->merges.length > 0)
        out->model = base_slice_from("BPE"); /* files of the first versions don't name it */
    if (!unigram && !wordpiece && !base_slice_is(out->model, "BPE"))
        return base_fail(f->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "%s: the model '%.*s' is not supported; known are BPE, Unigram and WordPiece", f->path,
                         MOD_SHOWN(out->model));
    if ((dropout.length > 0 && (!real_of(dropout, &share) || share != 0)) ||
        (!wordpiece && out->continuing_prefix.length > 0))
        return base_fail(f->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "%s: a BPE model with \"dropout\" or \"continuing_subword_prefix\" is not supported", f->path);
    int64_t number = 0;
    out->byte_fallback = is_true(fallback);
    out->fuse_unknown = is_true(fuse) || unigram;
    out->ignore_merges = is_true(ignore);
    out->longest_word = wordpiece ? 100 : 0;
    if (number_of(longest, &number) && number >= 0 && number < MOST_TOKENS)
        out->longest_word = (uint32_t)number;
    status = read_tokens(f);
    if (status != FIRN_OK)
        return status;
    out->unknown = find_token(f, f->unknown);
    if (unigram && number_of(unknown_id, &number) && number >= 0 && number < out->n_tokens)
        out->unknown = (int32_t)number;
    for (uint32_t i = 0; out->byte_fallback && i < out->n_tokens; i++) {
        const base_slice token = out->tokens[i];
        if (token.length == 6 && memcmp(token.data, "<0x", 3) == 0 && token.data[5] == '>')
            f->types[i] = 6; /* as in GGUF: a byte */
    }
    return read_merges(f);
}

/* A token that is named as a text or as {"content": text}; -1: none. */
static firn_status named_token(const hf_file *f, base_slice value, int32_t *id)
{
    base_slice text = {0}, content = {0};
    firn_status status = FIRN_OK;
    if (value.length == 0)
        return FIRN_OK;
    status = find_members(value, &(member){"content", &content}, 1, NULL) == FIRN_OK ? string_of(f, content, &text)
                                                                                     : string_of(f, value, &text);
    const int32_t found = status == FIRN_OK ? find_token(f, text) : -1;
    *id = found >= 0 ? found : *id;
    return status;
}

/* The template, or of several the one called "default". */
static firn_status read_chat_template(const hf_file *f, base_slice value)
{
    firn_status status = string_of(f, value, &f->out->chat_template);
    base_json reader = base_json_begin(value);
    base_json_event event;
    bool more = value.length > 0 && f->out->chat_template.length == 0;
    if (more && base_json_next(&reader, &event, NULL) != FIRN_OK)
        more = false;
    while (status == FIRN_OK && more) {
        base_slice object, name = {0}, text = {0};
        const member members[] = {{"name", &name}, {"template", &text}};
        status = next_added(f, &reader, &object, &more);
        if (status == FIRN_OK && more)
            status = find_members(object, members, 2, f->error);
        if (status == FIRN_OK && more)
            status = string_of(f, name, &name);
        if (status == FIRN_OK && more && base_slice_is(name, "default"))
            status = string_of(f, text, &f->out->chat_template);
    }
    return status;
}

/* Copies a small file of the folder into the arena; empty where there is none. */
static firn_status read_beside(const hf_file *f, const char *folder, const char *name, base_slice *out)
{
    char path[LONGEST_PATH];
    base_file_map map = {0};
    *out = (base_slice){0};
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path || access(path, F_OK) != 0)
        return FIRN_OK;
    firn_status status = base_file_map_open(path, &map, f->error);
    if (status != FIRN_OK)
        return status;
    char *const copy = allocate(f, (size_t)map.size, 1);
    if (copy != NULL)
        memcpy(copy, map.data, (size_t)map.size);
    *out = (base_slice){copy, copy != NULL ? (size_t)map.size : 0};
    base_file_map_close(&map);
    return copy != NULL ? FIRN_OK : fail_memory(f);
}

static firn_status read_settings(const hf_file *f, const char *folder)
{
    static const char *const files[] = {"special_tokens_map.json", "tokenizer_config.json"};
    mod_vocabulary *const out = f->out;
    firn_status status = FIRN_OK;
    for (int i = 0; status == FIRN_OK && i < 2; i++) {
        base_slice text, bos = {0}, eos = {0}, pad = {0}, unknown = {0}, chat = {0}, add_bos = {0}, add_eos = {0};
        const member members[] = {{"bos_token", &bos},     {"eos_token", &eos},         {"pad_token", &pad},
                                  {"unk_token", &unknown}, {"add_bos_token", &add_bos}, {"add_eos_token", &add_eos},
                                  {"chat_template", &chat}};
        status = read_beside(f, folder, files[i], &text);
        if (status == FIRN_OK && text.length > 0)
            status = find_members(text, members, sizeof members / sizeof *members, f->error);
        if (!out->described && add_bos.length > 0)
            out->add_bos = is_true(add_bos);
        if (!out->described && add_eos.length > 0)
            out->add_eos = is_true(add_eos);
        if (status == FIRN_OK)
            status = named_token(f, bos, &out->bos);
        if (status == FIRN_OK)
            status = named_token(f, eos, &out->eos);
        if (status == FIRN_OK)
            status = named_token(f, pad, &out->padding);
        if (status == FIRN_OK && out->unknown < 0)
            status = named_token(f, unknown, &out->unknown);
        if (status == FIRN_OK && chat.length > 0)
            status = read_chat_template(f, chat);
    }
    base_slice chat = {0};
    if (status == FIRN_OK)
        status = read_beside(f, folder, "chat_template.jinja", &chat);
    if (chat.length > 0)
        out->chat_template = chat;
    return status;
}

/* Writes the path of a file in the folder; false if there is none. */
static bool find_file(const char *folder, const char *name, char path[LONGEST_PATH])
{
    const int length = snprintf(path, LONGEST_PATH, "%s/%s", folder, name);
    return length > 0 && length < LONGEST_PATH && access(path, F_OK) == 0;
}

/* A folder that has SentencePiece's file in place of a tokenizer.json. */
static firn_status read_sentencepiece(hf_file *f, const char *folder, const char *path)
{
    f->out->described = false;
    firn_status status = mod_sentencepiece_read(path, f->out, f->error);
    f->tokens = (base_slice *)f->out->tokens;
    if (status == FIRN_OK)
        status = read_settings(f, folder);
    if (status == FIRN_OK)
        f->out->eot = mod_find_end_of_turn(f->out);
    return status;
}

firn_status mod_hf_vocabulary_read(const char *folder, mod_vocabulary *out, firn_error *error)
{
    char path[LONGEST_PATH];
    *out = (mod_vocabulary){.described = true, .bos = -1, .eos = -1, .eot = -1, .unknown = -1, .padding = -1};
    hf_file f = {.path = base_path_shown(folder), .out = out, .error = error};
    if (!find_file(folder, "tokenizer.json", path) && find_file(folder, "tokenizer.model", path))
        return read_sentencepiece(&f, folder, path);
    const int length = snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    if (length < 0 || (size_t)length >= sizeof path)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET, "%s: the path is too long", f.path);
    firn_status status = base_file_map_open(path, &out->map, error);
    if (status != FIRN_OK)
        return status;
    f.path = base_path_shown(path);
    f.text = (base_slice){(const char *)out->map.data, (size_t)out->map.size};
    out->arena.limit = f.text.length < SIZE_MAX / 64 ? 32 * f.text.length + ((size_t)1 << 26) : SIZE_MAX;
    const member members[] = {
        {"added_tokens", &f.added},           {"normalizer", &f.normaliser}, {"pre_tokenizer", &f.pretokeniser},
        {"post_processor", &f.postprocessor}, {"decoder", &f.decoder},       {"model", &f.model}};
    status = find_members(f.text, members, sizeof members / sizeof *members, error);
    if (status == FIRN_OK)
        status = read_model(&f);
    if (status == FIRN_OK)
        status = read_postprocessor(&f);
    if (status == FIRN_OK)
        status = read_settings(&f, folder);
    out->normaliser = f.normaliser;
    out->pretokeniser = f.pretokeniser;
    out->decoder = f.decoder;
    if (status == FIRN_OK)
        out->eot = mod_find_end_of_turn(out);
    return status;
}
