/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that every template can call: namespace, range, dict, raise_exception, strftime_now, cycler, joiner. */
#include "tokenizer/template_p.h"

#define GLOBAL(name) \
    static tok_value name(tok_render *render, tok_value value, const tok_value *p, const tok_arguments *arguments)

static void add_pairs(tok_render *render, tok_dict *dict, tok_value pairs)
{
    if (pairs.type == TOK_V_DICT) {
        for (size_t i = 0; i < pairs.as.dict->count; i++)
            tok_dict_set(render, dict, pairs.as.dict->entries[i].key, pairs.as.dict->entries[i].value);
        return;
    }
    tok_items items = tok_iterate(render, pairs);
    for (size_t i = 0; i < items.count; i++) {
        tok_items pair = tok_iterate(render, items.items[i]);
        if (pair.count != 2)
            tok_fault(&render->guard, FIRN_ERROR_FORMAT,
                      "dictionary update sequence element #%zu has length %zu; 2 is required", i, pair.count);
        tok_dict_set(render, dict, pair.items[0], pair.items[1]);
    }
}

tok_value tok_make_dict(tok_render *render, const tok_arguments *arguments)
{
    tok_dict *dict = tok_dict_new(&render->guard);
    if (arguments->n_positional > 1)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "dict expected at most 1 argument, got %zu",
                  arguments->n_positional);
    if (arguments->n_positional == 1)
        add_pairs(render, dict, arguments->positional[0]);
    for (size_t i = 0; i < arguments->n_keywords; i++)
        tok_dict_set(render, dict, tok_from_bytes(&render->guard, arguments->keywords[i].name, false),
                     arguments->keywords[i].value);
    return (tok_value){.type = TOK_V_DICT, .as.dict = dict};
}

GLOBAL(global_dict)
{
    (void)value;
    (void)p;
    return tok_make_dict(render, arguments);
}

GLOBAL(global_namespace)
{
    (void)value;
    (void)p;
    tok_value space = tok_make_dict(render, arguments);
    space.type = TOK_V_NAMESPACE;
    return space;
}

/* How many numbers a range has; false if there are too many to count. */
static bool range_length(int64_t start, int64_t stop, int64_t step, uint64_t *length)
{
    uint64_t distance = step > 0 ? (stop > start ? (uint64_t)stop - (uint64_t)start : 0)
                                 : (start > stop ? (uint64_t)start - (uint64_t)stop : 0);
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    *length = distance / stride + (distance % stride != 0);
    return *length <= TOK_TEMPLATE_RANGE;
}

/* p: start or stop, stop, step */
GLOBAL(global_range)
{
    (void)value;
    (void)arguments;
    bool one = p[1].type == TOK_V_MISSING;
    int64_t start = one ? 0 : tok_integer_argument(render, p[0], 0);
    int64_t stop = tok_integer_argument(render, one ? p[0] : p[1], 0), step = tok_integer_argument(render, p[2], 1);
    uint64_t length;
    if (step == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "range() arg 3 must not be zero");
    if (!range_length(start, stop, step, &length))
        tok_fault(&render->guard, FIRN_ERROR_LIMIT, "Range too big: a template may have ranges of at most %d items",
                  TOK_TEMPLATE_RANGE);
    tok_value range = tok_sequence_new(render, TOK_V_RANGE, (size_t)length);
    for (uint64_t i = 0; i < length; i++)
        range.as.sequence->items[i] = tok_int(start + (int64_t)i * step);
    range.as.sequence->start = start;
    range.as.sequence->stop = stop;
    range.as.sequence->step = step;
    return range;
}

GLOBAL(global_raise_exception)
{
    (void)value;
    (void)arguments;
    const tok_text *message = tok_text_of(render, p[0]);
    tok_fault(&render->guard, FIRN_ERROR_ARGUMENT, "%.*s", (int)(message->length < 380 ? message->length : 380),
              message->data);
}

GLOBAL(global_strftime_now)
{
    (void)value;
    (void)arguments;
    return tok_strftime(render, tok_text_argument(render, p[0], ""));
}

static tok_cycler *new_cycler(tok_render *render, const tok_value *items, size_t count)
{
    tok_cycler *cycler = tok_allocate(&render->guard, sizeof *cycler);
    *cycler = (tok_cycler){.items = tok_allocate_array(&render->guard, count, sizeof *items), .count = count};
    memcpy(cycler->items, items, count * sizeof *items);
    return cycler;
}

GLOBAL(global_cycler)
{
    (void)value;
    (void)p;
    if (arguments->n_positional == 0)
        tok_fault(&render->guard, FIRN_ERROR_FORMAT, "at least one item has to be provided");
    return (tok_value){.type = TOK_V_CYCLER,
                       .as.cycler = new_cycler(render, arguments->positional, arguments->n_positional)};
}

GLOBAL(global_joiner)
{
    (void)value;
    (void)arguments;
    tok_value separator = p[0].type == TOK_V_MISSING ? tok_from_literal(render, ", ") : p[0];
    return (tok_value){.type = TOK_V_JOINER, .as.cycler = new_cycler(render, &separator, 1)};
}

static const tok_callable globals[] = {
    {"cycler", global_cycler, NULL},
    {"dict", global_dict, NULL},
    {"joiner", global_joiner, "sep?"},
    {"namespace", global_namespace, NULL},
    {"raise_exception", global_raise_exception, "message"},
    {"range", global_range, "start,stop?,step?"},
    {"strftime_now", global_strftime_now, "format"},
};

const tok_callable *tok_find_global(base_slice name)
{
    return tok_find_in(globals, sizeof globals / sizeof globals[0], name);
}
