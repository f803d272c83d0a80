/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report.h"

#include "tools/common_json.h"

#include <math.h>
#include <string.h>

/* ---- one result as named values ---- */

typedef enum field_kind { TEXT, INTEGER, NUMBER } field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    const char *text;
    uint64_t integer;
    double number; /* NaN: not known */
} field;

enum { FIELDS = 40 };

typedef struct fields {
    size_t count;
    field at[FIELDS];
    char test[64]; /* that a field points to */
} fields;

static void add_text(fields *f, const char *name, const char *text)
{
    f->at[f->count++] = (field){.name = name, .kind = TEXT, .text = text};
}

static void add_integer(fields *f, const char *name, uint64_t integer)
{
    f->at[f->count++] = (field){.name = name, .kind = INTEGER, .integer = integer};
}

static void add_number(fields *f, const char *name, double number)
{
    f->at[f->count++] = (field){.name = name, .kind = NUMBER, .number = number};
}

static void add_roofline(fields *f, const bench_roofline *roofline)
{
    const bool known = roofline->n_threads > 0;
    add_number(f, "machine_read_gb_per_s", known ? roofline->read_bytes / 1e9 : NAN);
    add_number(f, "machine_read_median_gb_per_s", known ? roofline->median_read_bytes / 1e9 : NAN);
    add_number(f, "machine_sgemm_gop_per_s", known ? roofline->float_operations / 1e9 : NAN);
    add_number(f, "machine_int8_gop_per_s", known ? roofline->int8_operations / 1e9 : NAN);
}

static uint64_t bytes_read(const bench_result *result)
{
    return result->work.parameter_bytes + result->work.cache_bytes;
}

static uint64_t operations(const bench_result *result)
{
    return 2 * (result->work.integer_multiplies + result->work.float_multiplies);
}

/* The share of the machine's limit that the median run reached, and which limit it is. NaN where not known. */
static double roofline_share(const bench_result *result, const char **limit)
{
    *limit = "";
    if (result->startup || result->roofline.n_threads == 0)
        return NAN;
    bool memory;
    const double least = bench_roofline_seconds(&result->roofline, &result->work, &memory);
    *limit = memory ? "memory" : "compute";
    return least / bench_summarise(result, 0).median;
}

static void list_fields(const bench_result *result, fields *f)
{
    const bench_statistics time = bench_summarise(result, 0),
                           rate = bench_summarise(result, (double)bench_tokens(result));
    const char *limit;
    const double share = roofline_share(result, &limit);
    f->count = 0;
    bench_test_name(result, f->test);
    add_text(f, "firn_version", FIRN_VERSION);
    add_text(f, "cpu_level", result->cpu_level);
    add_text(f, "model_filename", result->file);
    add_text(f, "model_type", result->model);
    add_integer(f, "model_size", result->tensor_bytes);
    add_integer(f, "model_n_params", result->n_parameters);
    add_integer(f, "n_batch", result->n_batch);
    add_integer(f, "n_threads", result->n_threads);
    add_text(f, "type_k", firn_cache_type_name(result->cache_types.k));
    add_text(f, "type_v", firn_cache_type_name(result->cache_types.v));
    add_integer(f, "n_prompt", result->pair.n_prompt);
    add_integer(f, "n_gen", result->pair.n_gen);
    add_integer(f, "n_depth", result->n_depth);
    add_integer(f, "pl", result->n_sequences);
    add_integer(f, "n_best", result->n_best);
    add_text(f, "test_time", result->time);
    add_number(f, "avg_ns", round(1e9 * time.average));
    add_number(f, "stddev_ns", round(1e9 * time.deviation));
    add_number(f, "avg_ts", rate.average);
    add_number(f, "stddev_ts", rate.deviation);
    add_text(f, "test", f->test);
    add_number(f, "median_ns", round(1e9 * time.median));
    add_number(f, "median_ts", rate.median);
    add_number(f, "min_ts", rate.least);
    add_number(f, "max_ts", rate.most);
    add_integer(f, "parameter_bytes", result->work.parameter_bytes);
    add_integer(f, "cache_bytes", result->work.cache_bytes);
    add_integer(f, "int_operations", 2 * result->work.integer_multiplies);
    add_integer(f, "float_operations", 2 * result->work.float_multiplies);
    add_number(f, "gb_per_s", result->startup ? NAN : (double)bytes_read(result) / time.median / 1e9);
    add_number(f, "gop_per_s", result->startup ? NAN : (double)operations(result) / time.median / 1e9);
    add_roofline(f, &result->roofline);
    add_text(f, "roofline_limit", limit);
    add_number(f, "roofline_share", share);
    add_integer(f, "peak_memory", result->peak_memory);
}

/* ---- JSON and CSV ---- */

static void print_json_field(FILE *out, const field *f)
{
    fprintf(out, "\"%s\":", f->name);
    if (f->kind == TEXT)
        tool_json_string(out, f->text, strlen(f->text));
    else if (f->kind == INTEGER)
        fprintf(out, "%llu", (unsigned long long)f->integer);
    else
        tool_json_number(out, f->number, 12);
}

static void print_json(FILE *out, const bench_result *result)
{
    fields f;
    list_fields(result, &f);
    for (size_t i = 0; i < f.count; i++) {
        fputc(i == 0 ? '{' : ',', out);
        print_json_field(out, &f.at[i]);
    }
    fputs(",\"samples_ns\":", out);
    for (size_t i = 0; i < result->n_samples; i++)
        fprintf(out, "%c%.0f", i == 0 ? '[' : ',', 1e9 * result->seconds[i]);
    fputs("],\"samples_ts\":", out);
    for (size_t i = 0; i < result->n_samples; i++)
        fprintf(out, "%c%.6g", i == 0 ? '[' : ',', (double)bench_tokens(result) / result->seconds[i]);
    fputs("]}", out);
}

static void print_csv_value(FILE *out, const field *f)
{
    if (f->kind == INTEGER)
        fprintf(out, "%llu", (unsigned long long)f->integer);
    if (f->kind == NUMBER && isfinite(f->number))
        fprintf(out, "%.12g", f->number);
    if (f->kind != TEXT)
        return;
    fputc('"', out);
    for (const char *c = f->text; *c != '\0'; c++) {
        if (*c == '"')
            fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void print_csv(FILE *out, const bench_result *results, size_t count)
{
    fields f = {0};
    for (size_t i = 0; i < count; i++) {
        list_fields(&results[i], &f);
        for (size_t j = 0; i == 0 && j < f.count; j++)
            fprintf(out, "%s%s", j == 0 ? "" : ",", f.at[j].name);
        fputc('\n', out);
        for (size_t j = 0; j < f.count; j++) {
            fputs(j == 0 ? "" : ",", out);
            print_csv_value(out, &f.at[j]);
        }
    }
    fputs(count > 0 ? "\n" : "", out);
}

/* ---- Markdown ---- */

static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text < ' ' && *text >= 0 ? '?' : *text);
    fputs(" | ", out);
}

static void print_rates(FILE *out, const bench_result *result)
{
    const bench_statistics rate = bench_summarise(result, (double)bench_tokens(result)),
                           time = bench_summarise(result, 0);
    if (result->startup) {
        fprintf(out, "%.1f ± %.1f ms | %.1f (%.1f to %.1f) ms | peak memory %.1f MiB | | |\n", 1e3 * time.average,
                1e3 * time.deviation, 1e3 * time.median, 1e3 * time.least, 1e3 * time.most,
                (double)result->peak_memory / 1048576);
        return;
    }
    const char *limit;
    const double share = roofline_share(result, &limit);
    fprintf(out, "%.2f ± %.2f | %.2f (%.2f to %.2f) | %.1f | %.1f | ", rate.average, rate.deviation, rate.median,
            rate.least, rate.most, (double)bytes_read(result) / time.median / 1e9,
            (double)operations(result) / time.median / 1e9);
    if (isfinite(share))
        fprintf(out, "%.0f %% of %s |\n", 100 * share, limit);
    else
        fprintf(out, "|\n");
}

static bool is_f16(const bench_result *result)
{
    return result->cache_types.k == FIRN_CACHE_F16 && result->cache_types.v == FIRN_CACHE_F16;
}

static void print_markdown(FILE *out, const bench_result *results, size_t count)
{
    bool batches = false, types = false;
    for (size_t i = 0; i < count; i++)
        types = types || !is_f16(&results[i]);
    for (size_t i = 1; i < count; i++)
        batches = batches || (!results[i - 1].startup && results[i].n_batch != results[i - 1].n_batch);
    fprintf(
        out,
        "| model | size | params | backend | threads | %s%stest | t/s | median (range) | GB/s | Gop/s | roofline |\n",
        batches ? "n_batch | " : "", types ? "type_k | type_v | " : "");
    fprintf(out, "| --- | ---: | ---: | --- | ---: | %s%s---: | ---: | ---: | ---: | ---: | ---: |\n",
            batches ? "---: | " : "", types ? "--- | --- | " : "");
    for (size_t i = 0; i < count; i++) {
        const bench_result *const r = &results[i];
        char test[64];
        bench_test_name(r, test);
        fputs("| ", out);
        print_cell(out, r->model);
        fprintf(out, "%.2f MiB | %.2f M | CPU %s | %u | ", (double)r->tensor_bytes / 1048576,
                (double)r->n_parameters / 1e6, r->cpu_level, r->n_threads);
        if (batches)
            fprintf(out, "%u | ", r->n_batch);
        if (types)
            fprintf(out, "%s | %s | ", firn_cache_type_name(r->cache_types.k), firn_cache_type_name(r->cache_types.v));
        fprintf(out, "%s | ", test);
        print_rates(out, r);
    }
}

/* ---- all ---- */

void bench_report(FILE *out, bench_format format, const bench_result *results, size_t count)
{
    if (format == BENCH_MARKDOWN) {
        print_markdown(out, results, count);
        return;
    }
    if (format == BENCH_CSV) {
        print_csv(out, results, count);
        return;
    }
    fputs(format == BENCH_JSON ? "[\n" : "", out);
    for (size_t i = 0; i < count; i++) {
        print_json(out, &results[i]);
        fputs(format == BENCH_JSON && i + 1 < count ? ",\n" : "\n", out);
    }
    fputs(format == BENCH_JSON ? "]\n" : "", out);
}

void bench_report_roofline(FILE *out, bench_format format, const bench_roofline *rooflines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bench_roofline *const r = &rooflines[i];
        if (format == BENCH_MARKDOWN) {
            fprintf(
                out,
                "This machine with %u thread%s: reads %.1f GB/s (median %.1f); sgemm %.1f Gop/s; bytes %.1f Gop/s.\n",
                r->n_threads, r->n_threads == 1 ? "" : "s", r->read_bytes / 1e9, r->median_read_bytes / 1e9,
                r->float_operations / 1e9, r->int8_operations / 1e9);
            continue;
        }
        fields f = {0};
        add_integer(&f, "n_threads", r->n_threads);
        add_roofline(&f, r);
        for (size_t j = 0; i == 0 && format == BENCH_CSV && j < f.count; j++)
            fprintf(out, "%s%s", f.at[j].name, j + 1 < f.count ? "," : "\n");
        if (format == BENCH_JSON)
            fputs(i == 0 ? "[" : ",\n", out);
        for (size_t j = 0; j < f.count; j++) {
            fputs(j > 0 ? "," : format == BENCH_CSV ? "" : "{", out);
            if (format == BENCH_CSV)
                print_csv_value(out, &f.at[j]);
            else
                print_json_field(out, &f.at[j]);
        }
        fputs(format == BENCH_CSV ? "\n" : format == BENCH_JSONL ? "}\n" : "}", out);
    }
    fputs(format == BENCH_JSON && count > 0 ? "]\n" : "", out);
}
