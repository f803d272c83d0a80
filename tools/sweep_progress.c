/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_progress.h"

#include "base/clock.h"
#include "tools/common_system.h"

#include <stdio.h>

enum { WIDTH = 24, REDRAWN_MS = 200 };

sweep_progress sweep_progress_begin(size_t n_texts, int expected_tokens)
{
    return (sweep_progress){.n_texts = n_texts,
                            .expected = expected_tokens > 0 ? expected_tokens : 128,
                            .start = base_seconds(),
                            .terminal = tool_is_terminal(stderr)};
}

/* Tokens that all texts of this run will have, as far as those that are done tell. */
static double tokens_in_all(const sweep_progress *p)
{
    const double of_a_text = p->n_done > 0 ? (double)p->n_tokens_done / (double)p->n_done : (double)p->expected;
    return of_a_text * (double)(p->n_texts - p->n_taken);
}

/* The estimate: seconds until the rest is done; negative: not known. */
static double seconds_left(const sweep_progress *p, double now)
{
    const double all = tokens_in_all(p), done = (double)p->n_tokens < all ? (double)p->n_tokens : all;
    return p->n_tokens == 0 ? -1 : (now - p->start) * (all - done) / done;
}

static void print_time(double seconds)
{
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        fprintf(stderr, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        fprintf(stderr, "%ld min %02ld s", s / 60, s % 60);
    else
        fprintf(stderr, "%ld s", s);
}

void sweep_progress_show(sweep_progress *p)
{
    const double now = base_seconds();
    if (!p->terminal || now - p->drawn < 1e-3 * REDRAWN_MS)
        return;
    p->drawn = now;
    const double all = tokens_in_all(p), left = seconds_left(p, now);
    const double share =
        p->n_texts == 0
            ? 1
            : ((double)p->n_taken + (double)(p->n_texts - p->n_taken) * (all > 0 ? (double)p->n_tokens / all : 1)) /
                  (double)p->n_texts;
    const int full = share < 1 ? (int)(share * WIDTH) : WIDTH;
    fputs("\r\033[K[", stderr);
    for (int i = 0; i < WIDTH; i++)
        fputc(i < full ? '#' : '.', stderr);
    fprintf(stderr, "] %zu of %zu texts, %.0f tokens/s", p->n_taken + p->n_done, p->n_texts,
            (double)p->n_tokens / (now - p->start));
    if (left >= 0) {
        fputs(", ", stderr);
        print_time(left);
        fputs(" left", stderr);
    }
    fflush(stderr);
}

void sweep_progress_end(const sweep_progress *p)
{
    if (p->terminal)
        fputs("\r\033[K", stderr);
}
