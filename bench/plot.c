/* SPDX-License-Identifier: Apache-2.0 */
/* Rates as lines: each panel has one kind of test over depth or prompt length, and a line a file and thread count. */
#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 720, HEIGHT = 300, LEFT = 70, RIGHT = 20, TOP = 40, BOTTOM = 46, LEGEND_LINE = 16 };

typedef enum plot_axis { DEPTH, PROMPT, SEQUENCES } plot_axis;

typedef struct panel {
    const char *title, *axis_title;
    plot_axis axis;
    bool decode; /* tests that decode; else those that prefill */
} panel;

static const panel panels[] = {
    {"Decode, tokens a second", "positions in the cache", DEPTH, true},
    {"Prefill, tokens a second", "positions in the cache", DEPTH, false},
    {"Prefill, tokens a second", "tokens of the prompt", PROMPT, false},
    {"Decode, tokens a second of all sequences", "sequences", SEQUENCES, true},
};

static bool belongs(const panel *p, const bench_result *r)
{
    const bool decode = r->pair.n_prompt == 0, prefill = r->pair.n_gen == 0;
    return !r->startup && (p->decode ? decode : prefill);
}

static uint32_t place(const panel *p, const bench_result *r)
{
    return p->axis == DEPTH ? r->n_depth : p->axis == PROMPT ? r->pair.n_prompt : r->n_sequences;
}

/* What stays the same along a line. */
static bool same_line(const panel *p, const bench_result *a, const bench_result *b)
{
    const bool same_prompt = p->axis == PROMPT || a->pair.n_prompt == b->pair.n_prompt;
    const bool same_depth = p->axis == DEPTH || a->n_depth == b->n_depth;
    const bool same_sequences = p->axis == SEQUENCES || a->n_sequences == b->n_sequences;
    return same_prompt && same_depth && same_sequences && a->pair.n_gen == b->pair.n_gen &&
           strcmp(a->file, b->file) == 0 && a->n_threads == b->n_threads && a->n_batch == b->n_batch;
}

/* Whether results[i] is the first of its line in the panel. */
static bool begins_line(const panel *p, const bench_result *results, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (belongs(p, &results[j]) && same_line(p, &results[j], &results[i]))
            return false;
    return belongs(p, &results[i]);
}

static bool has_line(const panel *p, const bench_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (belongs(p, &results[i]) && belongs(p, &results[j]) && same_line(p, &results[i], &results[j]) &&
                place(p, &results[i]) != place(p, &results[j]))
                return true;
    return false;
}

static double median_rate(const bench_result *r)
{
    return bench_summarise(r, (double)bench_tokens(r)).median;
}

/* A round number of about a fifth of the whole: 1, 2 or 5 times a power of ten. */
static double tick_step(double whole)
{
    const double power = pow(10, floor(log10(whole / 5)));
    const double first = whole / 5 / power;
    return power * (first < 1.5 ? 1 : first < 3.5 ? 2 : first < 7.5 ? 5 : 10);
}

static void print_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *const entity = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : *text == '>' ? "&gt;" : NULL;
        if (entity != NULL)
            fputs(entity, out);
        else
            fputc(*text < ' ' && *text >= 0 ? '?' : *text, out);
    }
}

static void draw_axes(FILE *out, const panel *p, double most_x, double most_y)
{
    const double bottom = HEIGHT - BOTTOM, right = WIDTH - RIGHT;
    fprintf(out, "<text x='%d' y='22' font-size='15'>%s</text>\n", LEFT, p->title);
    for (double y = 0; y <= most_y; y += tick_step(most_y)) {
        const double at = bottom - (bottom - TOP) * y / most_y;
        fprintf(out,
                "<path d='M%d %.1fH%.1f' stroke='#ddd'/>"
                "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
                LEFT, at, right, LEFT - 6, at + 4, y);
    }
    for (double x = 0; x <= most_x; x += tick_step(most_x))
        fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle'>%g</text>\n", LEFT + (right - LEFT) * x / most_x,
                bottom + 16, x);
    fprintf(out, "<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>\n", (LEFT + right) / 2, bottom + 34,
            p->axis_title);
}

static int compare_points(const void *a, const void *b)
{
    const double x = ((const double *)a)[0], y = ((const double *)b)[0];
    return (x > y) - (x < y);
}

/* The line that begins with results[first]. `points` is room for [count][2]. */
static void draw_line(FILE *out, const panel *p, const bench_result *results, size_t count, size_t first,
                      double (*points)[2], const double most[2], int number)
{
    static const char *const colours[] = {"#1b6ca8", "#c1440e", "#2e7d32", "#7b3f9d", "#a67c00", "#00838f"};
    const char *const colour = colours[(size_t)number % (sizeof colours / sizeof *colours)];
    const bench_result *const r = &results[first];
    size_t n_points = 0;
    for (size_t i = first; i < count; i++)
        if (belongs(p, &results[i]) && same_line(p, &results[i], r)) {
            points[n_points][0] = place(p, &results[i]);
            points[n_points++][1] = median_rate(&results[i]);
        }
    qsort(points, n_points, sizeof *points, compare_points);
    fprintf(out, "<polyline fill='none' stroke='%s' stroke-width='2' points='", colour);
    for (size_t i = 0; i < n_points; i++)
        fprintf(out, "%.1f,%.1f ", LEFT + (WIDTH - RIGHT - LEFT) * points[i][0] / most[0],
                HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * points[i][1] / most[1]);
    fprintf(out, "'/>\n<text x='%d' y='%d' fill='%s'>", LEFT, HEIGHT + LEGEND_LINE * number + 4, colour);
    const char *const slash = strrchr(r->file, '/');
    print_escaped(out, slash != NULL ? slash + 1 : r->file);
    if (p->axis != PROMPT)
        fprintf(out, ", %s%u", p->decode ? "tg" : "pp", p->decode ? r->pair.n_gen : r->pair.n_prompt);
    if (p->axis != DEPTH && r->n_depth > 0)
        fprintf(out, ", depth %u", r->n_depth);
    if (p->axis != SEQUENCES && r->n_sequences > 1)
        fprintf(out, ", %u sequences", r->n_sequences);
    fprintf(out, ", %u threads</text>\n", r->n_threads);
}

/* 0 where there is no line to draw. */
static int panel_height(const panel *p, const bench_result *results, size_t count)
{
    int n_lines = 0;
    for (size_t i = 0; i < count; i++)
        n_lines += begins_line(p, results, i);
    return has_line(p, results, count) ? HEIGHT + LEGEND_LINE * n_lines + 10 : 0;
}

static void draw_panel(FILE *out, const panel *p, const bench_result *results, size_t count, double (*points)[2],
                       int top)
{
    double most[2] = {1, 1};
    for (size_t i = 0; i < count; i++)
        if (belongs(p, &results[i])) {
            most[0] = fmax(most[0], place(p, &results[i]));
            most[1] = fmax(most[1], 1.05 * median_rate(&results[i]));
        }
    fprintf(out, "<g transform='translate(0 %d)'>\n", top);
    draw_axes(out, p, most[0], most[1]);
    int n_lines = 0;
    for (size_t i = 0; i < count; i++)
        if (begins_line(p, results, i))
            draw_line(out, p, results, count, i, points, most, n_lines++);
    fprintf(out, "</g>\n");
}

firn_status bench_plot(const char *path, const bench_result *results, size_t count, firn_error *error)
{
    enum { PANELS = sizeof panels / sizeof *panels };
    int heights[PANELS], height = 0;
    for (size_t i = 0; i < PANELS; i++)
        height += heights[i] = panel_height(&panels[i], results, count);
    if (height == 0)
        return base_fail(error, FIRN_ERROR_ARGUMENT, FIRN_NO_OFFSET,
                         "--plot: no line to draw; give several values to -d, -p or -npl, such as -d 0-4096+1024");
    double(*const points)[2] = malloc(count * sizeof *points);
    if (points == NULL)
        return base_fail(error, FIRN_ERROR_MEMORY, FIRN_NO_OFFSET, "no memory for the points of %zu results", count);
    FILE *const out = fopen(path, "w");
    if (out == NULL) {
        free(points);
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.300s: %s", path, strerror(errno));
    }
    const size_t length = strlen(path);
    const bool page = length > 5 && strcmp(path + length - 5, ".html") == 0;
    fputs(page ? "<!DOCTYPE html>\n<meta charset='utf-8'>\n<title>firn: rates</title>\n" : "", out);
    fprintf(out,
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' font-family='sans-serif' font-size='12' "
            "width='%d'>\n<rect width='100%%' height='100%%' fill='#fff'/>\n",
            WIDTH, height, WIDTH);
    int top = 0;
    for (size_t i = 0; i < PANELS; top += heights[i++])
        if (heights[i] > 0)
            draw_panel(out, &panels[i], results, count, points, top);
    fputs("</svg>\n", out);
    free(points);
    const bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return base_fail(error, FIRN_ERROR_IO, FIRN_NO_OFFSET, "%.300s could not be written: %s", path,
                         strerror(errno));
    return FIRN_OK;
}
