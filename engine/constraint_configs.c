/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/constraint_configs.h"

#include "base/memory.h"

#include <stdlib.h>

static bool failed(const eng_configs *c)
{
    return c->error.status != FIRN_OK;
}

static bool fail_memory(eng_configs *c)
{
    if (!failed(c))
        base_fail(&c->error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to follow the constraint");
    return false;
}

size_t eng_configs_bytes(const eng_configs *c)
{
    return c->room_stacks * sizeof *c->stacks + c->room_configs * sizeof *c->configs +
           c->room_items * sizeof *c->items + c->room_rows * sizeof *c->rows + c->stack_mask * sizeof *c->stack_table +
           c->config_mask * sizeof *c->config_table;
}

static bool grow(eng_configs *c, void *array, size_t *room, size_t needed, size_t element)
{
    if (failed(c))
        return false;
    if (needed > *room && eng_configs_bytes(c) > ENG_CONFIG_BYTES_MOST)
        base_fail(
            &c->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
            "following the constraint takes more than %d MiB; it is too ambiguous: make alternatives differ sooner",
            ENG_CONFIG_BYTES_MOST >> 20);
    else if (!base_grow(array, room, needed, element))
        fail_memory(c);
    return !failed(c);
}

void eng_configs_allow(eng_configs *c, uint64_t work)
{
    c->work = 0;
    c->work_most = work;
}

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0x9E3779B97F4A7C15u;
    return value ^ value >> 29;
}

/* ---- stacks ---- */

static size_t stack_slot(const eng_configs *c, uint32_t state, uint32_t below)
{
    size_t slot = mix((uint64_t)state << 32 | below) & c->stack_mask;
    for (uint32_t number; (number = c->stack_table[slot]) != 0; slot = (slot + 1) & c->stack_mask)
        if (c->stacks[number - 1].state == state && c->stacks[number - 1].below == below)
            break;
    return slot;
}

static bool widen_stack_table(eng_configs *c)
{
    const size_t size = c->stack_table == NULL ? 256 : 2 * (c->stack_mask + 1);
    uint32_t *const table = calloc(size, sizeof *table);
    if (table == NULL)
        return fail_memory(c);
    free(c->stack_table);
    c->stack_table = table;
    c->stack_mask = size - 1;
    for (size_t i = 1; i < c->n_stacks; i++)
        table[stack_slot(c, c->stacks[i].state, c->stacks[i].below)] = (uint32_t)(i + 1);
    return true;
}

/* The stack with `state` on `below`, or 0 where it would be too high. */
static uint32_t push(eng_configs *c, uint32_t state, uint32_t below)
{
    const uint32_t depth = c->stacks[below].depth + 1;
    if (depth > c->automaton->depth || failed(c))
        return 0;
    if (2 * (c->n_stacks + 1) > c->stack_mask && !widen_stack_table(c))
        return 0;
    const size_t slot = stack_slot(c, state, below);
    if (c->stack_table[slot] != 0)
        return c->stack_table[slot] - 1;
    if (!grow(c, &c->stacks, &c->room_stacks, c->n_stacks + 1, sizeof *c->stacks))
        return 0;
    c->stacks[c->n_stacks] = (eng_stack){state, below, depth};
    c->stack_table[slot] = (uint32_t)(c->n_stacks + 1);
    return (uint32_t)c->n_stacks++;
}

/* ---- places that are reached without reading ---- */

static bool widen_seen(eng_configs *c)
{
    const size_t size = c->seen == NULL ? 256 : 2 * (c->seen_mask + 1);
    uint32_t *const seen = calloc(size, sizeof *seen);
    if (seen == NULL)
        return fail_memory(c);
    free(c->seen);
    c->seen = seen;
    c->seen_mask = size - 1;
    for (size_t i = 0; i < c->n_found; i++) {
        size_t slot = mix(c->found[i]) & c->seen_mask;
        while (seen[slot] != 0)
            slot = (slot + 1) & c->seen_mask;
        seen[slot] = (uint32_t)(i + 1);
    }
    return true;
}

/* Adds a place to those found, unless it is there. */
static void reach(eng_configs *c, uint32_t state, uint32_t stack)
{
    const uint64_t place = (uint64_t)state << 32 | stack;
    if (failed(c) || (2 * (c->n_found + 1) > c->seen_mask && !widen_seen(c)))
        return;
    size_t slot = mix(place) & c->seen_mask;
    for (; c->seen[slot] != 0; slot = (slot + 1) & c->seen_mask)
        if (c->found[c->seen[slot] - 1] == place)
            return;
    if (c->n_found >= 4 * ENG_ITEMS_MOST || ++c->work > c->work_most) {
        base_fail(&c->error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                  "the constraint is too ambiguous to follow here: it allows more than %d ways at once, or takes too "
                  "long; make alternatives differ sooner",
                  ENG_ITEMS_MOST);
        return;
    }
    if (!grow(c, &c->found, &c->room_found, c->n_found + 1, sizeof *c->found))
        return;
    c->found[c->n_found++] = place;
    c->seen[slot] = (uint32_t)c->n_found;
}

static void follow_call(eng_configs *c, const eng_edge *edge, uint32_t stack)
{
    const eng_automaton *const automaton = c->automaton;
    /* a call at the end of a rule needs no return: right recursion takes no depth */
    if (automaton->ends[edge->target]) {
        reach(c, automaton->starts[edge->rule], stack);
        return;
    }
    const uint32_t inner = push(c, edge->target, stack);
    if (inner != 0) /* else too deep: this way is not taken */
        reach(c, automaton->starts[edge->rule], inner);
}

/* Follows what reads nothing from all places found, and keeps those that read a byte or end the whole. */
static bool close_places(eng_configs *c, bool *can_end)
{
    const eng_automaton *const automaton = c->automaton;
    size_t kept = 0;
    *can_end = false;
    for (size_t i = 0; i < c->n_found && !failed(c); i++) {
        const uint32_t state = (uint32_t)(c->found[i] >> 32), stack = (uint32_t)c->found[i];
        bool reads = false;
        if (automaton->ends[state] && stack == 0)
            *can_end = true;
        else if (automaton->ends[state])
            reach(c, c->stacks[stack].state, c->stacks[stack].below);
        for (uint32_t k = automaton->first_edge[state]; k < automaton->first_edge[state + 1]; k++) {
            const eng_edge *const edge = &automaton->edges[k];
            if (edge->kind == ENG_EDGE_NOTHING)
                reach(c, edge->target, stack);
            else if (edge->kind == ENG_EDGE_CALL)
                follow_call(c, edge, stack);
            else
                reads = true;
        }
        if (reads) {
            if (!grow(c, &c->waiting, &c->room_waiting, kept + 1, sizeof *c->waiting))
                return false;
            c->waiting[kept++] = (uint64_t)state << 32 | stack;
        }
    }
    c->n_waiting = kept;
    return !failed(c);
}

/* ---- configurations ---- */

static uint64_t hash_items(const uint64_t *items, size_t count, bool can_end)
{
    uint64_t hash = can_end;
    for (size_t i = 0; i < count; i++)
        hash = mix(hash ^ items[i]) + i;
    return hash;
}

static size_t config_slot(const eng_configs *c, const uint64_t *items, size_t count, bool can_end)
{
    size_t slot = hash_items(items, count, can_end) & c->config_mask;
    for (uint32_t number; (number = c->config_table[slot]) != 0; slot = (slot + 1) & c->config_mask) {
        const eng_config *const config = &c->configs[number - 1];
        if (config->n_items == count && config->can_end == can_end &&
            (count == 0 || memcmp(c->items + config->items, items, count * sizeof *items) == 0))
            break;
    }
    return slot;
}

static bool widen_config_table(eng_configs *c)
{
    const size_t size = c->config_table == NULL ? 256 : 2 * (c->config_mask + 1);
    uint32_t *const table = calloc(size, sizeof *table);
    if (table == NULL)
        return fail_memory(c);
    free(c->config_table);
    c->config_table = table;
    c->config_mask = size - 1;
    for (size_t i = 0; i < c->n_configs; i++) {
        const eng_config *const config = &c->configs[i];
        table[config_slot(c, c->items + config->items, config->n_items, config->can_end)] = (uint32_t)(i + 1);
    }
    return true;
}

static int compare_items(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* The number of the configuration of these items (sorted here). */
static uint32_t intern(eng_configs *c, uint64_t *items, size_t count, bool can_end)
{
    if (count > 1)
        qsort(items, count, sizeof *items, compare_items);
    if (failed(c) || (2 * (c->n_configs + 1) > c->config_mask && !widen_config_table(c)))
        return ENG_CONFIG_DEAD;
    const size_t slot = config_slot(c, items, count, can_end);
    if (c->config_table[slot] != 0)
        return c->config_table[slot] - 1;
    if (!grow(c, &c->configs, &c->room_configs, c->n_configs + 1, sizeof *c->configs) ||
        !grow(c, &c->items, &c->room_items, c->n_items + count, sizeof *c->items))
        return ENG_CONFIG_DEAD;
    if (count > 0)
        memcpy(c->items + c->n_items, items, count * sizeof *items);
    c->configs[c->n_configs] = (eng_config){.items = c->n_items,
                                            .n_items = (uint32_t)count,
                                            .row = ENG_CONFIG_UNKNOWN,
                                            .plain = ENG_CONFIG_UNKNOWN,
                                            .alike = ENG_CONFIG_UNKNOWN,
                                            .loops = ENG_CONFIG_UNKNOWN,
                                            .can_end = can_end};
    c->n_items += count;
    c->config_table[slot] = (uint32_t)(c->n_configs + 1);
    return (uint32_t)c->n_configs++;
}

/* Empties `found` and `seen`; the latest first, so that no search for an earlier one meets a hole. */
static void forget_found(eng_configs *c)
{
    while (c->n_found > 0) {
        size_t slot = mix(c->found[c->n_found - 1]) & c->seen_mask;
        while (c->seen[slot] != c->n_found)
            slot = (slot + 1) & c->seen_mask;
        c->seen[slot] = 0;
        c->n_found--;
    }
}

static uint32_t intern_found(eng_configs *c)
{
    bool can_end;
    const bool closed = close_places(c, &can_end);
    forget_found(c);
    return closed ? intern(c, c->waiting, c->n_waiting, can_end) : ENG_CONFIG_DEAD;
}

uint32_t eng_config_start(eng_configs *c)
{
    reach(c, c->automaton->starts[0], 0);
    return intern_found(c);
}

static bool add_row(eng_configs *c, uint32_t config)
{
    const size_t n_classes = c->automaton->n_classes;
    if (!grow(c, &c->rows, &c->room_rows, (c->n_rows + 1) * n_classes, sizeof *c->rows))
        return false;
    memset(c->rows + c->n_rows * n_classes, 0xFF, n_classes * sizeof *c->rows);
    c->configs[config].row = (uint32_t)c->n_rows++;
    return true;
}

uint32_t eng_config_make_step(eng_configs *c, uint32_t config, uint8_t class)
{
    const eng_automaton *const automaton = c->automaton;
    const uint8_t byte = automaton->byte_of[class];
    const eng_config from = c->configs[config];
    if (failed(c) || (from.row == ENG_CONFIG_UNKNOWN && !add_row(c, config)))
        return ENG_CONFIG_DEAD;
    for (size_t i = 0; i < from.n_items && !failed(c); i++) {
        const uint64_t item = c->items[from.items + i];
        const uint32_t state = (uint32_t)(item >> 32);
        for (uint32_t k = automaton->first_edge[state]; k < automaton->first_edge[state + 1]; k++) {
            const eng_edge *const edge = &automaton->edges[k];
            if (edge->kind == ENG_EDGE_BYTE && edge->first <= byte && byte <= edge->last)
                reach(c, edge->target, (uint32_t)item);
        }
    }
    const uint32_t next = c->n_found == 0 ? ENG_CONFIG_DEAD : intern_found(c);
    if (!failed(c))
        c->rows[(size_t)c->configs[config].row * automaton->n_classes + class] = next;
    return next;
}

bool eng_configs_begin(eng_configs *c, const eng_automaton *automaton)
{
    *c = (eng_configs){.automaton = automaton};
    eng_configs_allow(c, UINT64_MAX);
    if (!grow(c, &c->stacks, &c->room_stacks, 1, sizeof *c->stacks))
        return false;
    c->stacks[0] = (eng_stack){ENG_NO_STATE, 0, 0};
    c->n_stacks = 1;
    uint64_t none = 0;
    return widen_stack_table(c) && intern(c, &none, 0, false) == ENG_CONFIG_DEAD && !failed(c);
}

void eng_configs_free(eng_configs *c)
{
    free(c->stacks);
    free(c->configs);
    free(c->items);
    free(c->rows);
    free(c->stack_table);
    free(c->config_table);
    free(c->found);
    free(c->waiting);
    free(c->seen);
    *c = (eng_configs){.automaton = NULL};
}

uint32_t eng_config_copy(eng_configs *to, const eng_configs *from, uint32_t config)
{
    const eng_config source = from->configs[config];
    uint64_t *const items = malloc((source.n_items + (size_t)1) * sizeof *items);
    uint32_t *const states = malloc((to->automaton->depth + (size_t)1) * sizeof *states);
    uint32_t copy = ENG_CONFIG_DEAD;
    if (items == NULL || states == NULL) {
        fail_memory(to);
        goto done;
    }
    for (uint32_t i = 0; i < source.n_items; i++) {
        const uint64_t item = from->items[source.items + i];
        uint32_t height = 0, stack = 0;
        for (uint32_t at = (uint32_t)item; at != 0; at = from->stacks[at].below)
            states[height++] = from->stacks[at].state;
        while (height > 0)
            stack = push(to, states[--height], stack);
        items[i] = (item >> 32) << 32 | stack;
    }
    copy = intern(to, items, source.n_items, source.can_end);
done:
    free(items);
    free(states);
    return copy;
}

/* ---- plain characters ---- */

/* UTF-8's forms: ranges of a first byte and of those after it. */
typedef struct byte_form {
    uint8_t n_bytes, first[4], last[4];
} byte_form;
static const byte_form plain_forms[] = {
    {1, {0x20}, {0x21}},
    {1, {0x23}, {0x5B}},
    {1, {0x5D}, {0x7F}},
    {2, {0xC2, 0x80}, {0xDF, 0xBF}},
    {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
    {3, {0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
    {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
    {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
    {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
    {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
    {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
};

/* Where all bytes of the range lead to the same configuration: that one; else dead. */
static uint32_t step_range(eng_configs *c, uint32_t config, uint8_t first, uint8_t last)
{
    const eng_automaton *const automaton = c->automaton;
    uint32_t same = ENG_CONFIG_UNKNOWN;
    for (unsigned class = automaton->class_of[first]; class <= automaton->class_of[last]; class ++) {
        const uint32_t next = eng_config_step(c, config, (uint8_t) class);
        if (next == ENG_CONFIG_DEAD || (same != ENG_CONFIG_UNKNOWN && next != same))
            return ENG_CONFIG_DEAD;
        same = next;
    }
    return same;
}

/* Where all plain characters lead to the same configuration: that one; else dead. */
static uint32_t after_plain(eng_configs *c, uint32_t config)
{
    uint32_t same = ENG_CONFIG_UNKNOWN;
    for (size_t i = 0; i < sizeof plain_forms / sizeof plain_forms[0]; i++) {
        uint32_t at = config;
        for (unsigned k = 0; k < plain_forms[i].n_bytes && at != ENG_CONFIG_DEAD; k++)
            at = step_range(c, at, plain_forms[i].first[k], plain_forms[i].last[k]);
        if (at == ENG_CONFIG_DEAD || (same != ENG_CONFIG_UNKNOWN && at != same))
            return ENG_CONFIG_DEAD;
        same = at;
    }
    return same;
}

bool eng_config_plain(eng_configs *c, uint32_t config, unsigned n_characters)
{
    for (; n_characters > 0 && config != ENG_CONFIG_DEAD; n_characters--) {
        if (c->configs[config].plain == ENG_CONFIG_UNKNOWN) {
            const uint32_t next = after_plain(c, config);
            c->configs[config].plain = next;
        }
        if (c->configs[config].plain == config)
            return true;
        config = c->configs[config].plain;
    }
    return config != ENG_CONFIG_DEAD;
}

bool eng_config_reads_plain(eng_configs *c, uint32_t config)
{
    const uint8_t *const class_of = c->automaton->class_of;
    for (size_t i = 0; i < sizeof plain_forms / sizeof plain_forms[0]; i++)
        for (unsigned class = class_of[plain_forms[i].first[0]]; class <= class_of[plain_forms[i].last[0]]; class ++)
            if (eng_config_step(c, config, (uint8_t) class) != ENG_CONFIG_DEAD)
                return true;
    return false;
}

/* ---- counters ---- */

/* Sorts items and keeps one of each. */
static size_t without_doubles(uint64_t *items, size_t count)
{
    size_t kept = 0;
    qsort(items, count, sizeof *items, compare_items);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || items[i] != items[kept - 1])
            items[kept++] = items[i];
    return kept;
}

uint32_t eng_config_alike(eng_configs *c, uint32_t config)
{
    const eng_automaton *const a = c->automaton;
    const eng_config from = c->configs[config];
    if (from.alike != ENG_CONFIG_UNKNOWN)
        return from.alike;
    if (!grow(c, &c->waiting, &c->room_waiting, from.n_items + (size_t)1, sizeof *c->waiting))
        return ENG_CONFIG_DEAD;
    uint32_t left = UINT32_MAX, to = config;
    for (uint32_t i = 0; i < from.n_items; i++) { /* what counts is where the repeated rule returns to */
        const uint64_t item = c->items[from.items + i];
        uint32_t stack = (uint32_t)item;
        const eng_stack top = c->stacks[stack];
        if (stack != 0 && a->alike[top.state] != top.state) {
            left = a->left[top.state] < left ? a->left[top.state] : left;
            stack = push(c, a->alike[top.state], top.below);
        }
        c->waiting[i] = (item >> 32) << 32 | stack;
    }
    if (left != UINT32_MAX)
        to = intern(c, c->waiting, without_doubles(c->waiting, from.n_items), from.can_end);
    if (!failed(c)) {
        c->configs[config].alike = to;
        c->configs[config].left = left;
    }
    return to;
}

uint32_t eng_config_plain_run(eng_configs *c, uint32_t config)
{
    const uint32_t alike = eng_config_alike(c, config), least = ENG_ALIKE_BYTES;
    if (alike == config || failed(c))
        return 0;
    if (c->configs[alike].loops == ENG_CONFIG_UNKNOWN) {
        const bool loops = eng_config_plain(c, alike, least) && eng_config_plain(c, config, 1) &&
                           eng_config_alike(c, c->configs[config].plain) == alike;
        c->configs[alike].loops = loops;
    }
    /* after left - least of them, the configuration is the one that is alike, where `least` may follow */
    return c->configs[alike].loops == 1 ? c->configs[config].left : 0;
}
