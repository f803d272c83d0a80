/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the pipeline of a tokenizer.json. A step is a JSON object with a "type" and members of its own; a sequence
 * holds steps in an array. All members of a step are collected first, as they come in any order.
 */
#include "base/json.h"
#include "tokenizer/internal.h"
#include "tokenizer/unicode.h"

#define BIT(name) (1ULL << TOK_##name)
#define SPACES    (BIT(SPACE) | BIT(CR) | BIT(LF) | BIT(TAB) | BIT(BLANK))
#define NUMBERS   (BIT(ASCII_DIGIT) | BIT(DIGIT) | BIT(NUMBER))
#define PUNCTUATION \
    (BIT(APOSTROPHE) | BIT(SLASH) | BIT(ASCII_PUNCTUATION) | BIT(PUNCTUATION) | BIT(BACKTICK) | BIT(ASCII_SYMBOL))

/* Members with a text, with true or false, and with a number. X(name in C, name in the file) */
#define TEXT_LIST(X)                    \
    X(TYPE, "type")                     \
    X(STRING, "String")                 \
    X(REGEX, "Regex")                   \
    X(CONTENT, "content")               \
    X(PREPEND, "prepend")               \
    X(CHARSMAP, "precompiled_charsmap") \
    X(BEHAVIOUR, "behavior")            \
    X(REPLACEMENT, "replacement")       \
    X(SCHEME, "prepend_scheme")         \
    X(PREFIX, "prefix")                 \
    X(SUFFIX, "suffix")                 \
    X(DELIMITER, "delimiter")
#define SWITCH_LIST(X)                        \
    X(STRIP_LEFT, "strip_left")               \
    X(STRIP_RIGHT, "strip_right")             \
    X(CLEAN_TEXT, "clean_text")               \
    X(CHINESE, "handle_chinese_chars")        \
    X(STRIP_ACCENTS, "strip_accents")         \
    X(LOWERCASE, "lowercase")                 \
    X(INVERT, "invert")                       \
    X(ADD_PREFIX_SPACE, "add_prefix_space")   \
    X(USE_REGEX, "use_regex")                 \
    X(SPLIT, "split")                         \
    X(INDIVIDUAL_DIGITS, "individual_digits") \
    X(CLEANUP, "cleanup")
#define NUMBER_LIST(X) \
    X(START, "start")  \
    X(STOP, "stop")

#define AS_TEXT(name, text)   TEXT_##name,
#define AS_SWITCH(name, text) SWITCH_##name,
#define AS_NUMBER(name, text) NUMBER_##name,
#define AS_NAME(name, text)   text,
enum { TEXT_LIST(AS_TEXT) N_TEXTS };
enum { SWITCH_LIST(AS_SWITCH) N_SWITCHES };
enum { NUMBER_LIST(AS_NUMBER) N_NUMBERS };
static const char *const text_names[] = {TEXT_LIST(AS_NAME)};
static const char *const switch_names[] = {SWITCH_LIST(AS_NAME)};
static const char *const number_names[] = {NUMBER_LIST(AS_NAME)};

typedef struct record {
    base_slice texts[N_TEXTS];   /* data is NULL where absent */
    int8_t switches[N_SWITCHES]; /* -1: absent */
    int64_t numbers[N_NUMBERS];
    bool holds_steps; /* it is a sequence */
} record;

typedef struct builder {
    tok_pipeline *pipeline;
    tok_steps *steps; /* the list being read */
    record record;    /* the step being read */
    firn_error *error;
} builder;

static bool is_on(const builder *b, int name, bool absent)
{
    const int8_t value = b->record.switches[name];
    return value < 0 ? absent : value != 0;
}

static bool is_type(const builder *b, const char *name)
{
    return base_slice_is(b->record.texts[TEXT_TYPE], name);
}

static firn_status fail_memory(const builder *b)
{
    return base_fail(b->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "tokenizer: no memory for its steps");
}

static firn_status add(builder *b, tok_step step)
{
    if (b->steps->count == TOK_MAX_STEPS) {
        tok_regex_free(step.regex);
        return base_fail(b->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET, "tokenizer: more than %d steps of a kind",
                         TOK_MAX_STEPS);
    }
    b->steps->steps[b->steps->count++] = step;
    return FIRN_OK;
}

static firn_status add_kind(builder *b, tok_step_kind kind)
{
    return add(b, (tok_step){.kind = kind});
}

/* A text that has to be there. */
static firn_status need(const builder *b, int name)
{
    if (b->record.texts[name].data != NULL)
        return FIRN_OK;
    const base_slice type = b->record.texts[TEXT_TYPE];
    return base_fail(b->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "tokenizer: a step of type '%.*s' has no \"%s\"",
                     (int)(type.length < 40 ? type.length : 40), type.length ? type.data : "", text_names[name]);
}

/* Sets the pattern: a string or a regular expression. */
static firn_status set_pattern(builder *b, tok_step *step)
{
    if (b->record.texts[TEXT_REGEX].data != NULL)
        return tok_regex_create(b->record.texts[TEXT_REGEX], &step->regex, b->error);
    step->text = b->record.texts[TEXT_STRING];
    return need(b, TEXT_STRING);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static firn_status add_precompiled(builder *b)
{
    const base_slice text = b->record.texts[TEXT_CHARSMAP];
    tok_step step = {.kind = TOK_STEP_PRECOMPILED};
    char *const bytes = base_arena_allocate(&b->pipeline->arena, text.length + 1);
    if (!bytes)
        return fail_memory(b);
    size_t length = 0;
    uint32_t bits = 0, n_bits = 0;
    for (size_t i = 0; i < text.length && text.data[i] != '='; i++) {
        const int value = base64_value(text.data[i]);
        if (value < 0)
            return base_fail(b->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET,
                             "tokenizer: \"precompiled_charsmap\" is not base64 at character %zu", i);
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8)
            bytes[length++] = (char)(bits >> (n_bits -= 8));
    }
    const firn_status status = tok_replacements_read((base_slice){bytes, length}, &step.replacements, b->error);
    return status == FIRN_OK ? add(b, step) : status;
}

static firn_status add_bert_normaliser(builder *b)
{
    const bool lowercase = is_on(b, SWITCH_LOWERCASE, true);
    firn_status status = FIRN_OK;
    if (is_on(b, SWITCH_CLEAN_TEXT, true))
        status = add_kind(b, TOK_STEP_CLEAN);
    if (status == FIRN_OK && is_on(b, SWITCH_CHINESE, true))
        status = add_kind(b, TOK_STEP_SPACE_HAN);
    if (status == FIRN_OK && is_on(b, SWITCH_STRIP_ACCENTS, lowercase)) {
        status = add_kind(b, TOK_STEP_NFD);
        if (status == FIRN_OK)
            status = add_kind(b, TOK_STEP_DROP_MARKS);
    }
    return status == FIRN_OK && lowercase ? add_kind(b, TOK_STEP_LOWERCASE) : status;
}

static firn_status fail_type(const builder *b, const char *what)
{
    const base_slice type = b->record.texts[TEXT_TYPE];
    return base_fail(b->error, FIRN_ERROR_UNSUPPORTED, FIRN_NO_OFFSET, "tokenizer: the %s '%.*s' is not supported",
                     what, (int)(type.length < 40 ? type.length : 40), type.length ? type.data : "");
}

static firn_status add_normaliser(builder *b)
{
    static const struct {
        const char *name;
        tok_step_kind kind;
    } plain[] = {{"NFC", TOK_STEP_NFC},
                 {"NFD", TOK_STEP_NFD},
                 {"NFKC", TOK_STEP_NFKC},
                 {"NFKD", TOK_STEP_NFKD},
                 {"Lowercase", TOK_STEP_LOWERCASE},
                 {"Nmt", TOK_STEP_NMT},
                 {"ByteLevel", TOK_STEP_BYTE_TEXT}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (is_type(b, plain[i].name))
            return add_kind(b, plain[i].kind);
    }
    if (is_type(b, "StripAccents"))
        return add(b, (tok_step){.kind = TOK_STEP_DROP, .set = BIT(MARK)});
    if (is_type(b, "Strip"))
        return add(b, (tok_step){.kind = TOK_STEP_TRIM,
                                 .flags = (is_on(b, SWITCH_STRIP_LEFT, true) ? TOK_LEFT : 0U) |
                                          (is_on(b, SWITCH_STRIP_RIGHT, true) ? TOK_RIGHT : 0U)});
    if (is_type(b, "Prepend"))
        return add(b, (tok_step){.kind = TOK_STEP_PREPEND, .content = b->record.texts[TEXT_PREPEND]});
    if (is_type(b, "Precompiled"))
        return add_precompiled(b);
    if (is_type(b, "BertNormalizer"))
        return add_bert_normaliser(b);
    if (is_type(b, "Replace")) {
        tok_step step = {.kind = TOK_STEP_REPLACE, .content = b->record.texts[TEXT_CONTENT]};
        const firn_status status = set_pattern(b, &step);
        return status == FIRN_OK ? add(b, step) : status;
    }
    return fail_type(b, "normaliser");
}

static firn_status find_behaviour(const builder *b, tok_behaviour absent, tok_behaviour *behaviour)
{
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const base_slice name = b->record.texts[TEXT_BEHAVIOUR];
    *behaviour = absent;
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (base_slice_is(name, names[i])) {
            *behaviour = (tok_behaviour)i;
            return FIRN_OK;
        }
    }
    return name.data == NULL ? FIRN_OK : fail_type(b, "behaviour of step");
}

static firn_status add_scan(builder *b, const char *name)
{
    return add(b, (tok_step){.kind = TOK_STEP_SCAN, .scanner = tok_pretokenizer_find(base_slice_from(name))});
}

static firn_status add_split(builder *b)
{
    tok_step step = {.kind = TOK_STEP_SPLIT, .invert = is_on(b, SWITCH_INVERT, false)};
    firn_status status = find_behaviour(b, TOK_ISOLATED, &step.behaviour);
    bool covers = false;
    const tok_pretokenizer *const scanner = tok_pretokenizer_of_pattern(b->record.texts[TEXT_REGEX], &covers);
    /* kept matches and removed gaps are the same thing where there are no gaps */
    const bool kept = covers && step.invert && step.behaviour == TOK_REMOVED;
    if (status == FIRN_OK && scanner && (kept || (!step.invert && step.behaviour == TOK_ISOLATED)))
        return add(b, (tok_step){.kind = TOK_STEP_SCAN, .scanner = scanner});
    if (status == FIRN_OK)
        status = set_pattern(b, &step);
    return status == FIRN_OK ? add(b, step) : status;
}

static firn_status add_metaspace(builder *b)
{
    const base_slice scheme = b->record.texts[TEXT_SCHEME];
    const bool always = scheme.data == NULL ? is_on(b, SWITCH_ADD_PREFIX_SPACE, true) : base_slice_is(scheme, "always");
    const unsigned prepend = always ? TOK_ALWAYS : base_slice_is(scheme, "first") ? TOK_FIRST : 0U;
    const firn_status status = need(b, TEXT_REPLACEMENT);
    return status != FIRN_OK ? status
                             : add(b, (tok_step){.kind = TOK_STEP_METASPACE,
                                                 .flags = prepend | (is_on(b, SWITCH_SPLIT, true) ? TOK_CUT : 0U),
                                                 .content = b->record.texts[TEXT_REPLACEMENT]});
}

static firn_status add_byte_level(builder *b)
{
    firn_status status = FIRN_OK;
    b->pipeline->byte_level = true;
    if (is_on(b, SWITCH_ADD_PREFIX_SPACE, true))
        status = add_kind(b, TOK_STEP_LEAD_SPACE);
    return status == FIRN_OK && is_on(b, SWITCH_USE_REGEX, true) ? add_scan(b, "gpt-2") : status;
}

static firn_status add_set(builder *b, uint64_t set, tok_behaviour behaviour)
{
    return add(b, (tok_step){.kind = TOK_STEP_SPLIT, .set = set, .behaviour = behaviour});
}

static firn_status add_splitter(builder *b)
{
    if (b->pipeline->byte_level) { /* what comes after works on byte-level text */
        const firn_status status = add_kind(b, TOK_STEP_BYTE_TEXT);
        b->pipeline->byte_level = false;
        if (status != FIRN_OK)
            return status;
    }
    if (is_type(b, "Split"))
        return add_split(b);
    if (is_type(b, "ByteLevel"))
        return add_byte_level(b);
    if (is_type(b, "Metaspace"))
        return add_metaspace(b);
    if (is_type(b, "Digits"))
        return add_set(b, NUMBERS, is_on(b, SWITCH_INDIVIDUAL_DIGITS, false) ? TOK_ISOLATED : TOK_CONTIGUOUS);
    if (is_type(b, "Punctuation")) {
        tok_behaviour behaviour;
        const firn_status status = find_behaviour(b, TOK_ISOLATED, &behaviour);
        return status == FIRN_OK ? add_set(b, PUNCTUATION, behaviour) : status;
    }
    if (is_type(b, "WhitespaceSplit"))
        return add_set(b, SPACES, TOK_REMOVED);
    if (is_type(b, "BertPreTokenizer")) {
        const firn_status status = add_set(b, SPACES, TOK_REMOVED);
        return status == FIRN_OK ? add_set(b, PUNCTUATION, TOK_ISOLATED) : status;
    }
    if (is_type(b, "CharDelimiterSplit")) {
        const firn_status status = need(b, TEXT_DELIMITER);
        return status == FIRN_OK ? add(b, (tok_step){.kind = TOK_STEP_SPLIT,
                                                     .text = b->record.texts[TEXT_DELIMITER],
                                                     .behaviour = TOK_REMOVED})
                                 : status;
    }
    if (is_type(b, "Whitespace")) {
        /* words are what Unicode's recommendation calls so: \p{Alphabetic}, marks, digits, connectors, joiners */
        tok_step step = {.kind = TOK_STEP_SPLIT, .behaviour = TOK_REMOVED, .invert = true};
        const firn_status status = tok_regex_create(
            base_slice_from("[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-"
                            "\\x{1F169}\\x{1F170}-\\x{1F189}\\x{200C}\\x{200D}]+|[^\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}"
                            "\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}"
                            "\\x{200C}\\x{200D}\\s]+"),
            &step.regex, b->error);
        return status == FIRN_OK ? add(b, step) : status;
    }
    return fail_type(b, "pre-tokeniser");
}

static firn_status add_decoder(builder *b)
{
    const record *const r = &b->record;
    tok_step step = {.content = r->texts[TEXT_CONTENT]};
    firn_status status = FIRN_OK;
    if (is_type(b, "ByteLevel")) {
        step.kind = TOK_STEP_BYTES;
    } else if (is_type(b, "ByteFallback")) {
        step.kind = TOK_STEP_BYTE_TOKEN;
    } else if (is_type(b, "Fuse")) {
        step.kind = TOK_STEP_FUSE;
    } else if (is_type(b, "Metaspace")) {
        const bool never = base_slice_is(r->texts[TEXT_SCHEME], "never") ||
                           (r->texts[TEXT_SCHEME].data == NULL && !is_on(b, SWITCH_ADD_PREFIX_SPACE, true));
        status = need(b, TEXT_REPLACEMENT);
        step = (tok_step){
            .kind = TOK_STEP_METASPACE_TEXT, .flags = never ? 0U : TOK_FIRST, .content = r->texts[TEXT_REPLACEMENT]};
    } else if (is_type(b, "WordPiece")) {
        status = need(b, TEXT_PREFIX);
        step = (tok_step){.kind = TOK_STEP_WORDPIECE_TEXT,
                          .flags = is_on(b, SWITCH_CLEANUP, true) ? TOK_CLEAN : 0U,
                          .content = r->texts[TEXT_PREFIX]};
    } else if (is_type(b, "BPEDecoder")) {
        status = need(b, TEXT_SUFFIX);
        step = (tok_step){.kind = TOK_STEP_SUFFIX, .content = r->texts[TEXT_SUFFIX]};
    } else if (is_type(b, "Strip")) {
        status = need(b, TEXT_CONTENT);
        step.kind = TOK_STEP_STRIP_CHARACTER;
        for (int i = 0; i < N_NUMBERS; i++) {
            if (r->numbers[i] < 0 || r->numbers[i] > UINT32_MAX)
                return base_fail(b->error, FIRN_ERROR_FORMAT, FIRN_NO_OFFSET, "tokenizer: \"%s\" is out of range",
                                 number_names[i]);
        }
        step.left = (uint32_t)r->numbers[NUMBER_START];
        step.right = (uint32_t)r->numbers[NUMBER_STOP];
    } else if (is_type(b, "Replace")) {
        step.kind = TOK_STEP_REPLACE;
        status = set_pattern(b, &step);
    } else {
        return fail_type(b, "decoder");
    }
    return status == FIRN_OK ? add(b, step) : status;
}

static int find_name(const char *const *names, int count, base_slice name)
{
    for (int i = 0; i < count; i++) {
        if (base_slice_is(name, names[i]))
            return i;
    }
    return -1;
}

/* Puts the value of a member into the record; members that no step needs are left out. */
static firn_status store(builder *b, const base_json_event *event, base_slice name, record *out)
{
    const int text = find_name(text_names, N_TEXTS, name), on = find_name(switch_names, N_SWITCHES, name);
    const int number = find_name(number_names, N_NUMBERS, name);
    if (event->kind == BASE_JSON_STRING && text >= 0) {
        char *const copy = base_arena_allocate(&b->pipeline->arena, event->text.length + 1);
        if (!copy)
            return fail_memory(b);
        out->texts[text] = (base_slice){copy, base_json_unescape(event, copy)};
    } else if ((event->kind == BASE_JSON_TRUE || event->kind == BASE_JSON_FALSE) && on >= 0) {
        out->switches[on] = event->kind == BASE_JSON_TRUE;
    } else if (number >= 0 && !base_json_integer(event, &out->numbers[number])) {
        return base_fail(b->error, FIRN_ERROR_FORMAT, event->offset, "tokenizer: \"%s\" is no integer",
                         number_names[number]);
    }
    return FIRN_OK;
}

static firn_status read_member(builder *b, base_json *reader, base_slice name, record *out)
{
    static const char *const lists[] = {"normalizers", "pretokenizers", "decoders"};
    base_json_event event;
    firn_status status = base_json_next(reader, &event, b->error);
    if (status != FIRN_OK || (event.kind == BASE_JSON_ARRAY_BEGIN && find_name(lists, 3, name) >= 0))
        return status; /* a list's steps come next */
    if (event.kind != BASE_JSON_ARRAY_BEGIN && event.kind != BASE_JSON_OBJECT_BEGIN)
        return store(b, &event, name, out);
    /* a pattern is an object with one member; of other values that aren't plain nothing is needed */
    const bool pattern = base_slice_is(name, "pattern");
    const uint32_t depth = reader->depth;
    while (status == FIRN_OK && reader->depth >= depth) {
        status = base_json_next(reader, &event, b->error);
        if (status == FIRN_OK && event.kind == BASE_JSON_KEY)
            name = event.text;
        else if (status == FIRN_OK && pattern)
            status = store(b, &event, name, out);
    }
    return status;
}

static firn_status read_steps(builder *b, base_slice json, firn_status (*add_step)(builder *))
{
    base_json reader = base_json_begin(json);
    base_json_event event = {.kind = BASE_JSON_NULL};
    record *const r = &b->record;
    *r = (record){.holds_steps = true};
    firn_status status = FIRN_OK;
    while (status == FIRN_OK && event.kind != BASE_JSON_END) {
        status = base_json_next(&reader, &event, b->error);
        if (status != FIRN_OK)
            break;
        if (event.kind == BASE_JSON_OBJECT_BEGIN) {
            *r = (record){0};
            memset(r->switches, -1, sizeof r->switches);
        } else if (event.kind == BASE_JSON_KEY) {
            status = read_member(b, &reader, event.text, r);
        } else if (event.kind == BASE_JSON_ARRAY_END) {
            r->holds_steps = true;
        } else if (event.kind == BASE_JSON_OBJECT_END) {
            if (!r->holds_steps && !is_type(b, "Sequence"))
                status = add_step(b);
            r->holds_steps = true;
        }
    }
    return status;
}

/* Where scanners do all the cutting, their stages become one scanner that works in a single pass. */
static void join_scanners(tok_pipeline *pipeline)
{
    tok_pretokenizer *const all = &pipeline->scanner;
    for (uint32_t i = 0; i < pipeline->splitters.count; i++) {
        const tok_step *const step = &pipeline->splitters.steps[i];
        if (step->kind != TOK_STEP_SCAN || all->n_stages + step->scanner->n_stages > TOK_MAX_STAGES)
            return;
        for (uint32_t s = 0; s < step->scanner->n_stages; s++)
            all->stages[all->n_stages++] = step->scanner->stages[s];
    }
    pipeline->only_scans = all->n_stages > 0;
}

firn_status tok_pipeline_read(base_slice normaliser, base_slice pretokenizer, base_slice decoder, tok_pipeline *out,
                              firn_error *error)
{
    *out =
        (tok_pipeline){.arena = {.limit = 4 * (normaliser.length + pretokenizer.length + decoder.length) + (1 << 20)}};
    builder b = {.pipeline = out, .error = error};
    firn_status status = FIRN_OK;
    b.steps = &out->normalisers;
    if (normaliser.length > 0)
        status = read_steps(&b, normaliser, add_normaliser);
    b.steps = &out->splitters;
    if (pretokenizer.length > 0 && status == FIRN_OK)
        status = read_steps(&b, pretokenizer, add_splitter);
    b.steps = &out->decoders;
    if (decoder.length > 0 && status == FIRN_OK)
        status = read_steps(&b, decoder, add_decoder);
    out->joins_by_spaces = out->decoders.count == 0;
    join_scanners(out);
    return status;
}

static void free_steps(tok_steps *steps)
{
    for (uint32_t i = 0; i < steps->count; i++)
        tok_regex_free(steps->steps[i].regex);
}

void tok_pipeline_free(tok_pipeline *pipeline)
{
    free_steps(&pipeline->normalisers);
    free_steps(&pipeline->splitters);
    free_steps(&pipeline->decoders);
    base_arena_free(&pipeline->arena);
}
