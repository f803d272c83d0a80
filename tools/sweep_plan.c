/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* qsort_r */
#include "tools/sweep_plan.h"

#include "base/checked.h"
#include "base/number.h"
#include "base/philox.h"
#include "tools/common_system.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SETTINGS = 1 << 22, DRAWN_DIGITS = 4 };

void sweep_plan_begin(sweep_plan *plan)
{
    *plan = (sweep_plan){.base = firn_generation_parameters_default()};
}

void sweep_plan_free(sweep_plan *plan)
{
    for (size_t i = 0; i < plan->n_axes; i++)
        sweep_axis_free(&plan->axes[i]);
    free(plan->axes);
    free(plan->file_rows);
    free(plan->settings);
    free(plan->cells);
    free(plan->order);
    *plan = (sweep_plan){.n_axes = 0};
}

static size_t find_axis(const sweep_plan *plan, const firn_parameter *row)
{
    size_t i = 0;
    while (i < plan->n_axes && plan->axes[i].row != row)
        i++;
    return i;
}

size_t sweep_plan_seeds(const sweep_plan *plan)
{
    return find_axis(plan, firn_parameter_find("seed"));
}

sweep_axis *sweep_plan_axis(sweep_plan *plan, const firn_parameter *row)
{
    const size_t at = find_axis(plan, row);
    if (at < plan->n_axes)
        return &plan->axes[at];
    sweep_axis *const grown = realloc(plan->axes, (plan->n_axes + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    plan->axes = grown;
    plan->axes[plan->n_axes] = (sweep_axis){.row = row};
    return &plan->axes[plan->n_axes++];
}

static void drop_axis(sweep_plan *plan, size_t at)
{
    sweep_axis_free(&plan->axes[at]);
    plan->n_axes--;
    memmove(&plan->axes[at], &plan->axes[at + 1], (plan->n_axes - at) * sizeof plan->axes[0]);
}

firn_status sweep_plan_set(void *argument, const firn_parameter *row, const char *text, firn_error *error)
{
    sweep_plan *const plan = argument;
    const size_t at = find_axis(plan, row);
    if (at < plan->n_file_axes)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "%s (%s) stands in the file of cells too; give it in one place", row->name, row->flags);
    if (at < plan->n_axes)
        drop_axis(plan, at);
    if (!sweep_is_axis(row, text))
        return firn_parameter_set(&plan->base, row->name, text, error);
    sweep_axis *const axis = sweep_plan_axis(plan, row);
    if (axis == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for an axis");
    return sweep_axis_parse(axis, text, error);
}

void sweep_plan_parameters(const sweep_plan *plan, size_t setting, firn_generation_parameters *out)
{
    *out = plan->base;
    for (size_t a = 0; a < plan->n_axes; a++) {
        const sweep_axis *const axis = &plan->axes[a];
        const char *const value = axis->values[plan->settings[setting * plan->n_axes + a]];
        firn_parameter_set_json(out, axis->row->name, value, strlen(value), NULL); /* was checked when it was added */
    }
}

/* ---- settings ---- */

/* What is counted through: rows of the file, then the flags' axes crosswise or together, then seeds. */
typedef struct counts {
    size_t rows, together, seeds; /* together: of zipped axes; else 0 */
    uint64_t combinations;        /* of all but seeds */
} counts;

/* Makes the seeds' axis the last one. */
static void move_seeds_last(sweep_plan *plan)
{
    const size_t at = sweep_plan_seeds(plan);
    if (at >= plan->n_axes || at < plan->n_file_axes)
        return;
    const sweep_axis seeds = plan->axes[at];
    memmove(&plan->axes[at], &plan->axes[at + 1], (plan->n_axes - at - 1) * sizeof seeds);
    plan->axes[plan->n_axes - 1] = seeds;
}

static size_t last_crossed(const sweep_plan *plan)
{
    const size_t seeds = sweep_plan_seeds(plan);
    return seeds < plan->n_axes && seeds >= plan->n_file_axes ? seeds : plan->n_axes;
}

static firn_status count_all(const sweep_plan *plan, bool zip, counts *out, firn_error *error)
{
    const size_t end = last_crossed(plan);
    *out = (counts){.rows = plan->n_file_axes > 0 ? plan->n_file_rows : 1,
                    .seeds = end < plan->n_axes ? plan->axes[end].n_values : 1};
    out->combinations = out->rows;
    for (size_t a = plan->n_file_axes; a < end; a++) {
        const sweep_axis *const axis = &plan->axes[a];
        if (zip && out->together == 0)
            out->together = axis->n_values;
        if (zip && axis->n_values != out->together)
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "--zip: %s has %zu values and %s has %zu; give all axes but --seed the same number",
                             plan->axes[plan->n_file_axes].row->name, out->together, axis->row->name, axis->n_values);
        if (!axis->continuous && !zip && !base_multiply_u64(out->combinations, axis->n_values, &out->combinations))
            out->combinations = UINT64_MAX;
    }
    if (out->together > 0 && !base_multiply_u64(out->combinations, out->together, &out->combinations))
        out->combinations = UINT64_MAX;
    return FIRN_OK;
}

/* The indexes that belong to a combination. */
static void place(const sweep_plan *plan, const counts *n, uint64_t combination, uint32_t *indexes)
{
    const size_t end = last_crossed(plan);
    for (size_t a = end; a-- > plan->n_file_axes;) {
        const size_t n_values = plan->axes[a].continuous ? 1 : plan->axes[a].n_values;
        indexes[a] = (uint32_t)(combination % (n->together > 0 ? n->together : n_values));
        combination /= n->together > 0 ? 1 : n_values;
    }
    if (n->together > 0)
        combination /= n->together;
    for (size_t a = 0; a < plan->n_file_axes; a++)
        indexes[a] = plan->file_rows[combination * plan->n_file_axes + a];
}

/* Random bits number `draw` of a stream. */
static uint64_t random_bits(uint32_t seed, uint32_t stream, uint64_t draw)
{
    const base_philox_block bits =
        base_philox((base_philox_block){{(uint32_t)draw, (uint32_t)(draw >> 32), stream, 0}}, (uint64_t)seed);
    return (uint64_t)bits.word[1] << 32 | bits.word[0];
}

/* A number from a range without a step, short enough to be read. */
static firn_status draw_number(sweep_axis *axis, uint64_t bits, uint32_t *index, firn_error *error)
{
    char text[BASE_DOUBLE_TEXT];
    size_t at;
    const double drawn = axis->lowest + (axis->highest - axis->lowest) * ((double)(bits >> 11) * 0x1p-53);
    base_print_double(text, sizeof text, 'g', DRAWN_DIGITS, drawn);
    const firn_status status = sweep_axis_add(axis, text, false, &at, error);
    *index = (uint32_t)at;
    return status;
}

/*
 * Draws combinations without putting them back (the first n of a shuffled list, of which only those places are kept
 * that differ from their number), or all where fewer exist; with a range that has no step, each on its own.
 */
static firn_status draw(sweep_plan *plan, const sweep_plan_options *options, const counts *n, size_t n_drawn,
                        uint32_t *rows, firn_error *error)
{
    bool continuous = false;
    for (size_t a = 0; a < plan->n_axes; a++)
        continuous = continuous || plan->axes[a].continuous;
    uint32_t *const shuffled = continuous ? NULL : malloc((size_t)n->combinations * sizeof *shuffled);
    if (!continuous && shuffled == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory to draw %zu cells", n_drawn);
    for (size_t i = 0; !continuous && i < n->combinations; i++)
        shuffled[i] = (uint32_t)i;
    firn_status status = FIRN_OK;
    for (size_t i = 0; i < n_drawn && status == FIRN_OK; i++) {
        uint32_t *const indexes = rows + i * plan->n_axes;
        const uint64_t bits = random_bits(options->random_seed, 0, i);
        if (continuous) {
            place(plan, n, bits % n->combinations, indexes);
        } else {
            const size_t other = i + (size_t)(bits % (n->combinations - i));
            const uint32_t taken = shuffled[other];
            shuffled[other] = shuffled[i];
            place(plan, n, taken, indexes);
        }
        for (size_t a = 0; a < plan->n_axes && status == FIRN_OK; a++)
            if (plan->axes[a].continuous)
                status = draw_number(&plan->axes[a], random_bits(options->random_seed, (uint32_t)a + 1, i), &indexes[a],
                                     error);
    }
    free(shuffled);
    return status;
}

static firn_status make_settings(sweep_plan *plan, const sweep_plan_options *options, firn_error *error)
{
    counts n;
    firn_status status = count_all(plan, options->zip, &n, error);
    if (status != FIRN_OK)
        return status;
    for (size_t a = 0; a < plan->n_axes; a++)
        if (plan->axes[a].continuous && (options->n_random == 0 || options->zip))
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "%s: a range without a step is for --random, without --zip; give FIRST..LAST:STEP",
                             plan->axes[a].row->name);
    if (n.combinations > MOST_SETTINGS || n.combinations * n.seeds > MOST_SETTINGS)
        return base_fail(error, FIRN_ERROR_LIMIT, FIRN_NO_OFFSET,
                         "these axes have more than %d settings; give fewer values, or --zip", MOST_SETTINGS);
    size_t n_drawn = (size_t)n.combinations;
    bool continuous = false;
    for (size_t a = 0; a < plan->n_axes; a++)
        continuous = continuous || plan->axes[a].continuous;
    const bool random = options->n_random > 0 && (continuous || options->n_random < n_drawn);
    n_drawn = random ? options->n_random : n_drawn;
    plan->n_settings = n_drawn * n.seeds;
    plan->settings = calloc(plan->n_settings * plan->n_axes + 1, sizeof *plan->settings);
    if (plan->n_settings > MOST_SETTINGS || plan->settings == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu settings", plan->n_settings);
    if (random)
        status = draw(plan, options, &n, n_drawn, plan->settings, error);
    for (size_t i = 0; i < n_drawn && !random; i++)
        place(plan, &n, i, plan->settings + i * plan->n_axes);
    /* each with every seed, from the last one so that nothing is overwritten that is yet to be read */
    for (size_t i = n_drawn; i-- > 0 && n.seeds > 1;)
        for (size_t s = n.seeds; s-- > 0;) {
            uint32_t *const to = plan->settings + (i * n.seeds + s) * plan->n_axes;
            memmove(to, plan->settings + i * plan->n_axes, plan->n_axes * sizeof *to);
            to[plan->n_axes - 1] = (uint32_t)s;
        }
    return status;
}

/* ---- order and cells ---- */

/* Compares settings, or (by_seed false) their cells. */
static int compare(const sweep_plan *plan, const uint32_t *a, const uint32_t *b, bool by_seed)
{
    const size_t seeds = sweep_plan_seeds(plan);
    for (size_t i = 0; i < plan->n_axes; i++)
        if (i != seeds && a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return !by_seed || seeds == plan->n_axes || a[seeds] == b[seeds] ? 0 : a[seeds] < b[seeds] ? -1 : 1;
}

static int compare_settings(const void *a, const void *b, void *argument)
{
    const sweep_plan *const plan = argument;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const int order = compare(plan, plan->settings + i * plan->n_axes, plan->settings + j * plan->n_axes, true);
    return order != 0 ? order : i < j ? -1 : i > j;
}

static firn_status make_cells(sweep_plan *plan, firn_error *error)
{
    const size_t n = plan->n_settings, width = plan->n_axes;
    plan->order = malloc((n + 1) * sizeof *plan->order);
    plan->cells = malloc((n + 1) * sizeof *plan->cells);
    uint32_t *const first = malloc((n + 1) * sizeof *first);
    firn_status status = FIRN_OK;
    if (plan->order == NULL || plan->cells == NULL || first == NULL) {
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %zu settings", n);
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        plan->order[i] = (uint32_t)i;
    qsort_r(plan->order, n, sizeof *plan->order, compare_settings, plan);
    /* a cell's first setting, then numbers in the order of those */
    for (size_t i = 0, begin = 0; i < n; i++) {
        const uint32_t *const a = plan->settings + plan->order[begin] * width, *const b = plan->settings +
                                                                                          plan->order[i] * width;
        if (i > 0 && compare(plan, plan->settings + plan->order[i - 1] * width, b, true) == 0) {
            status = base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                               "two settings are the same (rows %u and %u): each may stand once",
                               plan->order[i - 1] + 1, plan->order[i] + 1);
            goto done;
        }
        if (compare(plan, a, b, false) != 0)
            begin = i;
        first[i] = plan->order[begin];
    }
    for (size_t i = 0; i < n; i++) /* the smallest setting of the cell, at each of its settings */
        plan->cells[plan->order[i]] = first[i];
    memset(first, 0xff, (n + 1) * sizeof *first);
    for (size_t i = 0; i < n; i++) {
        if (first[plan->cells[i]] == UINT32_MAX)
            first[plan->cells[i]] = (uint32_t)plan->n_cells++;
        plan->cells[i] = first[plan->cells[i]];
    }
done:
    free(first);
    return status;
}

size_t sweep_plan_find(const sweep_plan *plan, const uint32_t *indexes)
{
    size_t low = 0, high = plan->n_settings;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(plan, plan->settings + plan->order[middle] * plan->n_axes, indexes, true);
        if (order == 0)
            return plan->order[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return plan->n_settings;
}

firn_status sweep_plan_finish(sweep_plan *plan, const sweep_plan_options *options, firn_error *error)
{
    firn_status status = FIRN_OK;
    if (sweep_plan_seeds(plan) == plan->n_axes && plan->base.seed == FIRN_SEED_DRAW)
        status = tool_draw_seed(&plan->base.seed, error);
    move_seeds_last(plan);
    if (status == FIRN_OK)
        status = make_settings(plan, options, error);
    if (status == FIRN_OK)
        status = make_cells(plan, error);
    for (size_t i = 0; i < plan->n_settings && status == FIRN_OK; i++) {
        firn_generation_parameters parameters;
        sweep_plan_parameters(plan, i, &parameters);
        status = firn_generation_parameters_check(&parameters, error);
    }
    return status;
}
