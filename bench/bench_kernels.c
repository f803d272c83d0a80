/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-kernels: the matmul of each weight type and instruction-set level on one core, for one column and for several:
 * bytes of weights and multiply-adds a second, beside what the core could do. It finds the types that are slow.
 */
#include "base/clock.h"
#include "bench/report.h"

#include "kernels/kernels.h"
#include "kernels/pack.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { INPUTS = 2048, MOST_COLUMNS = 1024, MOST_MIB = 4096 };

typedef struct settings {
    tool_texts types, levels, column_texts;
    bench_values columns;
    uint32_t mib, repetitions;
    tool_help_form help;
} settings;

typedef struct problem {
    kern_matrix matrix;
    uint8_t *rows, *packed; /* as in the checkpoint; as the kernel reads them, or NULL where that is the same */
    float *floats, *out;    /* [columns][INPUTS], [columns][padded rows] */
    uint8_t *int8_panels, *int16_panels, *scratch;
} problem;

/* In large pages, as checkpoints and packed weights are. */
static void *make_aligned(size_t bytes)
{
    const size_t page = (size_t)2 << 20, whole = (bytes / page + 1) * page;
    void *const made = aligned_alloc(page, whole);
    if (made != NULL)
        (void)madvise(made, whole, MADV_HUGEPAGE);
    return made;
}

static void free_problem(const problem *p)
{
    free(p->rows);
    free(p->packed);
    free(p->floats);
    free(p->out);
    free(p->int8_panels);
    free(p->int16_panels);
    free(p->scratch);
}

/* Bytes that no type takes for a NaN, an infinity or anything but a small number. */
static void fill(uint8_t *bytes, size_t count)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(state >> 56) & 0xbf;
    }
}

/* A matrix of about `mib` MiB, and inputs. */
static bool make_problem(problem *p, kern_type type, uint32_t mib, uint32_t most_columns)
{
    const size_t tile_bytes = kern_tile_bytes(type, INPUTS);
    const uint32_t n_tiles = (uint32_t)(((uint64_t)mib << 20) / tile_bytes) + 1, n_rows = n_tiles * KERN_TILE_ROWS;
    const size_t padded = ((size_t)most_columns + KERN_PANEL) * (INPUTS / KERN_BLOCK);
    *p = (problem){
        .rows = make_aligned(n_tiles * tile_bytes),
        .packed = kern_type_in_place(type) ? NULL : make_aligned(n_tiles * tile_bytes),
        .floats = calloc((size_t)most_columns * INPUTS, sizeof(float)),
        .out = make_aligned((size_t)most_columns * n_rows * sizeof(float)),
        .int8_panels = make_aligned(padded * KERN_INT8_BYTES),
        .int16_panels = make_aligned(padded * KERN_INT16_BYTES),
        .scratch = make_aligned(kern_matmul_scratch(INPUTS)),
    };
    if (p->rows == NULL || (p->packed == NULL && !kern_type_in_place(type)) || p->floats == NULL || p->out == NULL ||
        p->int8_panels == NULL || p->int16_panels == NULL || p->scratch == NULL)
        return false;
    fill(p->rows, n_tiles * tile_bytes);
    p->matrix = (kern_matrix){type, n_rows, INPUTS, p->packed != NULL ? p->packed : p->rows, tile_bytes};
    for (uint32_t t = 0; t < n_tiles && p->packed != NULL; t++)
        kern_pack_tile(type, p->rows, n_rows, INPUTS, t, p->packed + t * tile_bytes);
    for (size_t i = 0; i < (size_t)most_columns * INPUTS; i++)
        p->floats[i] = (float)(int)(i * 2654435761u % 255) / 128.0f - 1.0f;
    return true;
}

static kern_activations quantise(const problem *p, const kern_table *table, uint32_t n_columns)
{
    const uint32_t width = n_columns == 1 ? 1 : KERN_PANEL, n_blocks = INPUTS / KERN_BLOCK;
    for (uint32_t c = 0; c < n_columns; c += width) {
        const uint32_t count = n_columns - c < width ? n_columns - c : width;
        const float *const floats = p->floats + (size_t)c * INPUTS;
        table->quantise_int8(floats, INPUTS, count, width, n_blocks,
                             p->int8_panels + (size_t)c * n_blocks * KERN_INT8_BYTES);
        table->quantise_int16(floats, INPUTS, count, width, n_blocks,
                              p->int16_panels + (size_t)c * n_blocks * KERN_INT16_BYTES);
    }
    return (kern_activations){p->floats, INPUTS, p->int8_panels, p->int16_panels, n_columns};
}

/* Tiles a second: the best of several runs over as many tiles as take a while. */
static double tile_rate(const problem *p, const kern_table *table, uint32_t n_columns, uint32_t repetitions)
{
    const double long_enough = 0.02;
    const kern_activations x = quantise(p, table, n_columns);
    const uint32_t n_tiles = kern_tiles(&p->matrix), step = 1 + 64 / n_columns;
    double best = 0;
    for (uint32_t r = 0; r < repetitions; r++) {
        const double start = base_seconds();
        double seconds = 0;
        uint32_t done = 0;
        while (done < n_tiles && seconds < long_enough) {
            const uint32_t end = n_tiles - done < step ? n_tiles : done + step;
            kern_matmul(table, &p->matrix, done, end, &x, p->out, p->matrix.n_rows, p->scratch);
            done = end;
            seconds = base_seconds() - start;
        }
        best = done / seconds > best ? done / seconds : best;
    }
    return best;
}

static bool is_wanted(const tool_texts *texts, const char *name)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->at[i], name) == 0)
            return true;
    return texts->count == 0;
}

static void print_header(const settings *s)
{
    printf("| type | level |");
    for (size_t i = 0; i < s->columns.count; i++)
        printf(" %u: GB/s | GMAC/s |", s->columns.at[i]);
    printf("\n| --- | --- |");
    for (size_t i = 0; i < s->columns.count; i++)
        printf(" ---: | ---: |");
    printf("\n");
}

static firn_status measure_type(const settings *s, kern_type type, firn_error *error)
{
    problem p;
    const uint32_t most = s->columns.at[s->columns.count - 1];
    firn_status status = FIRN_OK;
    if (!make_problem(&p, type, s->mib, most))
        status = base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for %u MiB of weights", s->mib);
    for (int level = 0; level < KERN_LEVELS && status == FIRN_OK; level++) {
        if (!kern_level_available((kern_level)level) || !is_wanted(&s->levels, kern_level_name((kern_level)level)))
            continue;
        const kern_table table = kern_table_for((kern_level)level);
        printf("| %s | %s |", kern_type_find(type)->name, kern_level_name((kern_level)level));
        for (size_t i = 0; i < s->columns.count; i++) {
            const double tiles = tile_rate(&p, &table, s->columns.at[i], s->repetitions);
            printf(" %.2f | %.1f |", tiles * (double)p.matrix.tile_bytes / 1e9,
                   tiles * KERN_TILE_ROWS * INPUTS * s->columns.at[i] / 1e9);
            fflush(stdout);
        }
        printf("\n");
    }
    free_problem(&p);
    return status;
}

static firn_status check_names(const settings *s, firn_error *error)
{
    for (size_t i = 0; i < s->levels.count; i++) {
        kern_level level;
        if (!kern_level_find(s->levels.at[i], &level) || !kern_level_available(level))
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "--cpu: '%.60s' is not a level that this machine has", s->levels.at[i]);
    }
    for (size_t i = 0; i < s->types.count; i++) {
        bool found = false;
        for (uint32_t type = 0; type < KERN_TYPE_LIMIT; type++)
            found = found || (kern_type_find(type) != NULL && kern_type_has_matmul((kern_type)type) &&
                              strcmp(kern_type_find(type)->name, s->types.at[i]) == 0);
        if (!found)
            return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                             "--type: '%.60s' is no weight type with a matmul; give one such as Q4_0 or IQ2_XS",
                             s->types.at[i]);
    }
    return FIRN_OK;
}

static firn_status run(void *argument, firn_error *error)
{
    settings *const s = argument;
    firn_status status = check_names(s, error);
    for (size_t i = 0; i < s->column_texts.count && status == FIRN_OK; i++)
        status = bench_values_add(&s->columns, "-npl", s->column_texts.at[i], 1, MOST_COLUMNS, error);
    if (s->column_texts.count == 0)
        s->columns = (bench_values){4, {1, 2, 8, 64}};
    bench_roofline roofline;
    if (status == FIRN_OK)
        status = bench_roofline_measure(1, &roofline, error);
    if (status != FIRN_OK)
        return status;
    bench_report_roofline(stdout, BENCH_MARKDOWN, &roofline, 1);
    printf("One core, %u MiB of weights; an operation is a multiplication or an addition, two of them a MAC.\n\n",
           s->mib);
    print_header(s);
    for (uint32_t type = 0; type < KERN_TYPE_LIMIT && status == FIRN_OK; type++)
        if (kern_type_find(type) != NULL && kern_type_has_matmul((kern_type)type) &&
            is_wanted(&s->types, kern_type_find(type)->name))
            status = measure_type(s, (kern_type)type, error);
    return status;
}

int main(int argc, char **argv)
{
    settings s = {.mib = 64, .repetitions = 3};
    const tool_option options[] = {
        {"--type", "NAME", TOOL_TEXTS, &s.types, 0, "a weight type; may be given several times (all)"},
        {"--cpu", "LEVEL", TOOL_TEXTS, &s.levels, 0, "an instruction-set level; several times (all that there are)"},
        {"-npl", "N", TOOL_TEXTS, &s.column_texts, 0, "columns, rising: a list or a range (1,2,8,64)"},
        {"--size", "MIB", TOOL_COUNT, &s.mib, MOST_MIB, "MiB of weights (64)"},
        {"-r,--repetitions", "N", TOOL_COUNT, &s.repetitions, 1000, "runs, of which the best counts (3)"},
        TOOL_HELP_OPTION(&s.help),
    };
    const tool_command command = {.name = "bench-kernels",
                                  .purpose = "Measures the matmul of each weight type and level on one core.",
                                  .options = options,
                                  .n_options = sizeof options / sizeof *options};
    return tool_main(&command, &s.help, argc, argv, run, &s);
}
