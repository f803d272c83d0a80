/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of a SentencePiece model (tokenizer.model): a protocol buffer, of which the fields are read that say
 * what the tokens are and how a text is normalised. Texts are used where they lie; what is counted is bounded by the
 * file's size, as every token takes bytes of it.
 */
#include "models/hyperparameters.h"

#include "base/reader.h"

#include <inttypes.h>

enum { MOST_TOKENS = 1 << 26 };

/* Numbers of fields, in the message that holds them. */
enum { MODEL_PIECE = 1, MODEL_TRAINER = 2, MODEL_NORMALISER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum { TRAINER_KIND = 3, TRAINER_UNKNOWN = 40, TRAINER_BOS = 41, TRAINER_EOS = 42, TRAINER_PADDING = 43 };
enum { NORMALISER_MAP = 2, NORMALISER_PREFIX = 3, NORMALISER_REMOVE = 4 };
enum { KIND_UNIGRAM = 1, KIND_BPE = 2 };

typedef struct field {
    uint64_t number, value; /* `value` of a number: its bits */
    base_slice bytes;       /* of a text or a message */
} field;

static uint64_t read_varint(base_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const unsigned char *const byte = base_reader_take(reader, 1);
        if (byte == NULL)
            return 0;
        value |= (uint64_t)(*byte & 0x7F) << shift;
        if (*byte < 0x80)
            return value;
    }
    reader->failed = true;
    return 0;
}

/* The next field; false at the end, or where the reader has failed. */
static bool next_field(base_reader *reader, field *out)
{
    enum { VARINT, FIXED64, BYTES, FIXED32 = 5 };
    *out = (field){0};
    if (reader->failed || base_reader_remaining(reader) == 0)
        return false;
    const uint64_t key = read_varint(reader);
    out->number = key >> 3;
    switch (key & 7) {
    case VARINT:
        out->value = read_varint(reader);
        break;
    case FIXED64:
        out->value = base_reader_u64(reader);
        break;
    case FIXED32:
        out->value = base_reader_u32(reader);
        break;
    case BYTES: {
        const uint64_t length = read_varint(reader);
        const unsigned char *const bytes = base_reader_take(reader, length);
        out->bytes = (base_slice){(const char *)bytes, bytes != NULL ? (size_t)length : 0};
        break;
    }
    default:
        reader->failed = true;
    }
    return !reader->failed;
}

typedef struct model {
    const char *path;
    base_slice trainer, normaliser;
    base_slice *tokens; /* [n_tokens], or NULL while they are counted; so the others */
    float *scores;
    int32_t *types;
    uint64_t n_tokens;
    firn_error *error;
} model;

static firn_status fail_damaged(const model *m, const char *what)
{
    return base_fail(m->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                     "%s: %s is cut short or is no protocol buffer; a SentencePiece model is expected", m->path, what);
}

static firn_status read_piece(const model *m, base_slice message)
{
    base_reader reader = base_reader_from(message.data, message.length);
    field f;
    const uint64_t id = m->n_tokens;
    m->types[id] = 1; /* normal; the numbers are GGUF's */
    while (next_field(&reader, &f)) {
        const uint32_t bits = (uint32_t)f.value;
        if (f.number == PIECE_TEXT)
            m->tokens[id] = f.bytes;
        else if (f.number == PIECE_SCORE)
            memcpy(&m->scores[id], &bits, sizeof bits);
        else if (f.number == PIECE_TYPE)
            m->types[id] = f.value >= 1 && f.value <= 6 ? (int32_t)f.value : 1;
    }
    return reader.failed ? fail_damaged(m, "a token") : FIRN_OK;
}

/* Goes through the file: counts the tokens, or reads them where there is room. */
static firn_status walk(model *m, base_slice text)
{
    base_reader reader = base_reader_from(text.data, text.length);
    field f;
    firn_status status = FIRN_OK;
    m->n_tokens = 0;
    while (status == FIRN_OK && next_field(&reader, &f)) {
        if (f.number == MODEL_TRAINER) {
            m->trainer = f.bytes;
        } else if (f.number == MODEL_NORMALISER) {
            m->normaliser = f.bytes;
        } else if (f.number == MODEL_PIECE) {
            status = m->tokens != NULL ? read_piece(m, f.bytes) : FIRN_OK;
            m->n_tokens++;
        }
    }
    return status == FIRN_OK && reader.failed ? fail_damaged(m, "the file") : status;
}

static firn_status read_trainer(const model *m, mod_vocabulary *out)
{
    base_reader reader = base_reader_from(m->trainer.data, m->trainer.length);
    field f;
    uint64_t kind = KIND_UNIGRAM;
    out->unknown = 0;
    out->bos = 1;
    out->eos = 2;
    while (next_field(&reader, &f)) {
        const int32_t id = f.value < m->n_tokens ? (int32_t)f.value : -1;
        if (f.number == TRAINER_KIND)
            kind = f.value;
        else if (f.number == TRAINER_UNKNOWN)
            out->unknown = id;
        else if (f.number == TRAINER_BOS)
            out->bos = id;
        else if (f.number == TRAINER_EOS)
            out->eos = id;
        else if (f.number == TRAINER_PADDING)
            out->padding = id;
    }
    if (reader.failed)
        return fail_damaged(m, "what it says of its training");
    if (kind != KIND_UNIGRAM && kind != KIND_BPE)
        return base_fail(m->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET,
                         "%s: SentencePiece models of kind %" PRIu64 " are not supported; 1 (Unigram) and 2 (BPE) are",
                         m->path, kind);
    int32_t *const ids[] = {&out->unknown, &out->bos, &out->eos};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        *ids[i] = *ids[i] < (int32_t)m->n_tokens ? *ids[i] : -1;
    out->model = base_slice_from(kind == KIND_BPE ? "llama" : "t5");
    out->add_bos = kind == KIND_BPE;
    out->add_eos = kind == KIND_UNIGRAM;
    return FIRN_OK;
}

static firn_status read_normaliser(const model *m, mod_vocabulary *out)
{
    base_reader reader = base_reader_from(m->normaliser.data, m->normaliser.length);
    field f;
    out->add_space_prefix = out->remove_extra_spaces = true;
    while (next_field(&reader, &f)) {
        if (f.number == NORMALISER_MAP)
            out->replacements = f.bytes;
        else if (f.number == NORMALISER_PREFIX)
            out->add_space_prefix = f.value != 0;
        else if (f.number == NORMALISER_REMOVE)
            out->remove_extra_spaces = f.value != 0;
    }
    return reader.failed ? fail_damaged(m, "how it normalises") : FIRN_OK;
}

firn_status mod_sentencepiece_read(const char *path, mod_vocabulary *out, firn_error *error)
{
    model m = {.path = base_path_shown(path), .error = error};
    firn_status status = base_file_map_open(path, &out->map, error);
    if (status != FIRN_OK)
        return status;
    const base_slice text = {(const char *)out->map.data, (size_t)out->map.size};
    out->arena.limit = text.length < SIZE_MAX / 64 ? 32 * text.length + ((size_t)1 << 20) : SIZE_MAX;
    status = walk(&m, text);
    if (status == FIRN_OK && (m.n_tokens == 0 || m.n_tokens > MOST_TOKENS))
        status = base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                           "%s: it has %" PRIu64 " tokens; 1 to %d are allowed", m.path, m.n_tokens, MOST_TOKENS);
    if (status != FIRN_OK)
        return status;
    const size_t count = (size_t)m.n_tokens;
    m.tokens = base_arena_allocate(&out->arena, count * sizeof *m.tokens);
    m.scores = base_arena_allocate(&out->arena, count * sizeof *m.scores);
    m.types = base_arena_allocate(&out->arena, count * sizeof *m.types);
    if (m.tokens == NULL || m.scores == NULL || m.types == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "%s: no memory for its %zu tokens", m.path, count);
    memset(m.tokens, 0, count * sizeof *m.tokens);
    memset(m.scores, 0, count * sizeof *m.scores);
    out->tokens = m.tokens;
    out->scores = m.scores;
    out->types = m.types;
    out->n_tokens = (uint32_t)count;
    status = walk(&m, text);
    if (status == FIRN_OK)
        status = read_trainer(&m, out);
    return status == FIRN_OK ? read_normaliser(&m, out) : status;
}
