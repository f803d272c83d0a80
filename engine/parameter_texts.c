/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/parameter_texts.h"

#include "base/json.h"
#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROW(name, letter, other) {#name, letter, other},
static const struct {
    const char *name;
    char letter;
    const char *other;
} stages[] = {FIRN_STAGE_LIST(ROW)};
#undef ROW
enum { STAGES = sizeof stages / sizeof stages[0] };

/* ---- writing the stored form ---- */

typedef struct writer {
    firn_list *list;
    size_t length, entries;
    bool full;
    uint32_t stages; /* one bit for each that was named */
} writer;

static writer begin(firn_list *list)
{
    list->json[0] = '[';
    return (writer){list, 1, 0, false, 0};
}

static void put(writer *w, const char *text, size_t length)
{
    if (w->length + length + 2 > sizeof w->list->json) { /* "]" and the terminator still have to fit */
        w->full = true;
        return;
    }
    memcpy(w->list->json + w->length, text, length);
    w->length += length;
}

static void put_text(writer *w, base_slice text)
{
    char escaped[6 * FIRN_LIST_TEXT + 2];
    if (text.length >= FIRN_LIST_TEXT)
        w->full = true;
    else
        put(w, escaped, base_json_escape(text, escaped));
}

static void put_number(writer *w, double value)
{
    char text[BASE_DOUBLE_TEXT];
    const int length = snprintf(text, sizeof text, "%.0f", value);
    if (value == rint(value) && fabs(value) < 1e15)
        put(w, text, (size_t)length);
    else
        put(w, text, base_format_double(value, text));
}

static void next_entry(writer *w)
{
    if (w->entries++ > 0)
        put(w, ",", 1);
    w->full |= w->entries > FIRN_LIST_ENTRIES;
}

static bool end(writer *w)
{
    if (w->full)
        return false;
    memset(w->list->json + w->length, 0, sizeof w->list->json - w->length);
    w->list->json[w->length] = ']';
    return true;
}

/* Goes on where a stored list ends. */
static writer resume(firn_list *list)
{
    writer w = begin(list);
    static const char terminator = '\0';
    const char *const last = memchr(list->json, terminator, sizeof list->json);
    firn_list_entry entry;
    w.length = last == NULL || last == list->json ? 1 : (size_t)(last - list->json) - 1;
    while (firn_list_at(list, w.entries, &entry))
        w.entries++;
    return w;
}

static void put_entry(writer *w, firn_parameter_kind kind, const firn_list_entry *entry)
{
    next_entry(w);
    if (kind == FIRN_PARAMETER_BIAS)
        put(w, "[", 1);
    if (entry->id >= 0)
        put_number(w, entry->id);
    else
        put_text(w, (base_slice){entry->text, entry->length});
    if (kind != FIRN_PARAMETER_BIAS)
        return;
    put(w, ",", 1);
    if (isinf(entry->bias))
        put(w, "false", 5);
    else
        put_number(w, entry->bias);
    if (entry->lasts != INT32_MAX) {
        put(w, ",", 1);
        put_number(w, entry->lasts);
    }
    put(w, "]", 1);
}

/* ---- reading ---- */

static bool take_text(const base_json_event *event, firn_list_entry *entry)
{
    if (event->text.length >= sizeof entry->text)
        return false;
    entry->length = base_json_unescape(event, entry->text);
    entry->text[entry->length] = '\0';
    return entry->length > 0 && memchr(entry->text, 0, entry->length) == NULL;
}

static bool take_id(const base_json_event *event, firn_list_entry *entry)
{
    int64_t value;
    if (!base_json_integer(event, &value) || value < 0 || value > INT32_MAX)
        return false;
    entry->id = (int32_t)value;
    return true;
}

/* A number, or false, which stands for -infinity. */
static bool take_bias(const firn_parameter *row, const base_json_event *event, firn_list_entry *entry)
{
    entry->bias = -INFINITY;
    if (event->kind == BASE_JSON_FALSE)
        return true;
    return base_json_double(event, &entry->bias) && entry->bias >= row->lowest && entry->bias <= row->highest;
}

static bool is_digits(const char *text, size_t length)
{
    return length > 0 && length < 11 && strspn(text, "0123456789") >= length;
}

/* What a stage is called here; NULL if it isn't one. */
static const char *stage_name(const char *text, size_t length)
{
    char name[32];
    if (length >= sizeof name)
        return NULL;
    for (size_t i = 0; i < length; i++)
        name[i] = text[i] == '-' ? '_' : text[i];
    name[length] = '\0';
    for (size_t i = 0; i < STAGES; i++)
        if (strcmp(stages[i].name, name) == 0 || strcmp(stages[i].other, name) == 0)
            return stages[i].name;
    return NULL;
}

/* A stage that stands there already is refused: nobody means it. */
static bool put_stage(writer *w, const char *name)
{
    for (size_t i = 0; i < STAGES; i++)
        if (stages[i].name == name && (w->stages >> i & 1) != 0)
            return false;
        else if (stages[i].name == name)
            w->stages |= 1u << i;
    if (name == NULL)
        return false;
    next_entry(w);
    put_text(w, base_slice_from(name));
    return true;
}

/* Names with ';' or ',' between, or letters. */
static bool read_order(const char *text, firn_list *list)
{
    writer w = begin(list);
    bool known = true;
    if (stage_name(text, strlen(text)) == NULL && strpbrk(text, ";,") == NULL) {
        for (; *text != '\0' && known; text++) {
            const char *name = NULL;
            for (size_t i = 0; i < STAGES; i++)
                name = stages[i].letter == *text ? stages[i].name : name;
            known = put_stage(&w, name);
        }
        return known && end(&w);
    }
    while (*text != '\0' && known) {
        const size_t length = strcspn(text, ";,");
        known = put_stage(&w, stage_name(text, length));
        text += length;
        text += *text != '\0';
    }
    return known && end(&w);
}

/* The elements of [id or text, bias, tokens], whose bracket was read. */
static bool read_bias(const firn_parameter *row, base_json *reader, firn_list_entry *entry)
{
    base_json_event event;
    for (int i = 0;; i++) {
        if (base_json_next(reader, &event, NULL) != FIRN_OK)
            return false;
        if (event.kind == BASE_JSON_ARRAY_END)
            return i == 2 || i == 3;
        bool right = false;
        if (i == 0)
            right = event.kind == BASE_JSON_STRING ? take_text(&event, entry) : take_id(&event, entry);
        else if (i == 1)
            right = take_bias(row, &event, entry);
        else if (i == 2) {
            int64_t lasts = 0;
            right = base_json_integer(&event, &lasts) && lasts >= 0 && lasts <= INT32_MAX;
            entry->lasts = (int32_t)lasts;
        }
        if (!right)
            return false;
    }
}

/* {"id or text": bias, …} */
static bool read_bias_object(const firn_parameter *row, base_json *reader, writer *w)
{
    base_json_event event;
    while (base_json_next(reader, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_KEY) {
        firn_list_entry entry = {.id = -1, .lasts = INT32_MAX};
        if (!take_text(&event, &entry))
            return false;
        if (is_digits(entry.text, entry.length) && atoll(entry.text) <= INT32_MAX)
            entry.id = (int32_t)atoll(entry.text);
        if (base_json_next(reader, &event, NULL) != FIRN_OK || !take_bias(row, &event, &entry))
            return false;
        put_entry(w, row->kind, &entry);
    }
    return event.kind == BASE_JSON_OBJECT_END;
}

/* Whatever the kind, one element of an array, whose first event was read. */
static bool read_element(const firn_parameter *row, base_json *reader, const base_json_event *event, writer *w)
{
    firn_list_entry entry = {.id = -1, .lasts = INT32_MAX};
    switch (row->kind) {
    case FIRN_PARAMETER_ORDER:
        return event->kind == BASE_JSON_STRING && take_text(event, &entry) &&
               put_stage(w, stage_name(entry.text, entry.length));
    case FIRN_PARAMETER_IDS:
        if (!take_id(event, &entry))
            return false;
        break;
    case FIRN_PARAMETER_BIAS:
        if (event->kind != BASE_JSON_ARRAY_BEGIN || !read_bias(row, reader, &entry))
            return false;
        break;
    default:
        if (event->kind != BASE_JSON_STRING || !take_text(event, &entry))
            return false;
    }
    put_entry(w, row->kind, &entry);
    return true;
}

bool eng_list_from_json(const firn_parameter *row, base_slice json, firn_list *list)
{
    base_json reader = base_json_begin(json);
    base_json_event event;
    writer w = begin(list);
    if (base_json_next(&reader, &event, NULL) != FIRN_OK)
        return false;
    if (event.kind == BASE_JSON_STRING && row->kind == FIRN_PARAMETER_ORDER) {
        firn_list_entry entry;
        return take_text(&event, &entry) && read_order(entry.text, list);
    }
    if (event.kind == BASE_JSON_STRING) { /* one text may stand without its array */
        if (!read_element(row, &reader, &event, &w))
            return false;
    } else if (event.kind == BASE_JSON_OBJECT_BEGIN && row->kind == FIRN_PARAMETER_BIAS) {
        if (!read_bias_object(row, &reader, &w))
            return false;
    } else if (event.kind != BASE_JSON_ARRAY_BEGIN) {
        return false;
    } else {
        for (;;) {
            if (base_json_next(&reader, &event, NULL) != FIRN_OK)
                return false;
            if (event.kind == BASE_JSON_ARRAY_END)
                break;
            if (!read_element(row, &reader, &event, &w) || w.full)
                return false;
        }
    }
    return base_json_next(&reader, &event, NULL) == FIRN_OK && event.kind == BASE_JSON_END && end(&w);
}

/* TEXT+X, TEXT-X, either with @N behind it. */
static bool bias_from_text(const firn_parameter *row, const char *text, firn_list_entry *entry)
{
    const char *const at = strrchr(text, '@');
    size_t length = strlen(text), sign = 0;
    if (at != NULL && is_digits(at + 1, strlen(at + 1)) && atoll(at + 1) <= INT32_MAX) {
        entry->lasts = (int32_t)atoll(at + 1);
        length = (size_t)(at - text);
    }
    for (size_t i = 1; i < length; i++) /* but not the sign of an exponent */
        if (strchr("+-", text[i]) != NULL && !(i > 2 && text[i - 1] == 'e' && is_digits(text + i - 2, 1)))
            sign = i;
    if (sign == 0 || sign >= sizeof entry->text)
        return false;
    memcpy(entry->text, text, sign);
    entry->text[sign] = '\0';
    entry->length = sign;
    if (is_digits(text, sign) && atoll(entry->text) <= INT32_MAX)
        entry->id = (int32_t)atoll(entry->text);
    entry->bias = -INFINITY;
    if (length - sign == 4 && memcmp(text + sign, "-inf", 4) == 0)
        return true;
    return base_parse_double((base_slice){text + sign, length - sign}, &entry->bias) && entry->bias >= row->lowest &&
           entry->bias <= row->highest;
}

/* Whether the bytes are text that JSON can hold. */
static bool is_json_text(const char *text)
{
    char escaped[6 * FIRN_LIST_TEXT + 2];
    if (strlen(text) >= FIRN_LIST_TEXT)
        return false;
    base_json reader = base_json_begin((base_slice){escaped, base_json_escape(base_slice_from(text), escaped)});
    base_json_event event;
    return base_json_next(&reader, &event, NULL) == FIRN_OK;
}

bool eng_list_from_text(const firn_parameter *row, const char *text, const firn_list *standard, firn_list *list)
{
    firn_list_entry entry = {.id = -1, .lasts = INT32_MAX, .length = strlen(text)};
    const base_slice whole = base_slice_from(text);
    firn_list read;
    if (text[0] == '[' && eng_list_from_json(row, whole, &read)) {
        *list = read;
        return true;
    }
    if (row->kind == FIRN_PARAMETER_ORDER)
        return read_order(text, list);
    if (whole.length == 0 || !is_json_text(text))
        return false;
    if (row->kind == FIRN_PARAMETER_BIAS) {
        if (!bias_from_text(row, text, &entry))
            return false;
    } else if (row->kind == FIRN_PARAMETER_IDS) {
        if (!is_digits(text, whole.length) || atoll(text) > INT32_MAX)
            return false;
        entry.id = (int32_t)atoll(text);
    } else {
        memcpy(entry.text, text, whole.length + 1);
    }
    const bool first = memcmp(list, standard, sizeof *list) == 0;
    writer w = first ? begin(list) : resume(list);
    put_entry(&w, row->kind, &entry);
    return end(&w);
}

bool firn_list_at(const firn_list *list, size_t index, firn_list_entry *entry)
{
    static const firn_parameter any = {.lowest = -INFINITY, .highest = INFINITY};
    base_json reader = base_json_begin((base_slice){list->json, strnlen(list->json, sizeof list->json)});
    base_json_event event;
    entry->id = -1;
    entry->length = 0;
    entry->lasts = INT32_MAX;
    if (base_json_next(&reader, &event, NULL) != FIRN_OK || event.kind != BASE_JSON_ARRAY_BEGIN)
        return false;
    for (size_t i = 0; i < index; i++)
        if (base_json_skip(&reader, NULL) != FIRN_OK)
            return false;
    if (base_json_next(&reader, &event, NULL) != FIRN_OK)
        return false;
    if (event.kind == BASE_JSON_ARRAY_BEGIN)
        return read_bias(&any, &reader, entry);
    return event.kind == BASE_JSON_STRING ? take_text(&event, entry) : take_id(&event, entry);
}
