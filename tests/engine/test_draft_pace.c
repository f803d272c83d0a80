/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether drafts of a draft model are made where they pay and not where they don't, with steps that take given times:
 * texts are simulated, and the time they take with drafts is compared with the time without.
 */
#include "engine/draft_pace.h"

#include <criterion/criterion.h>
#include <math.h>

/* A machine, a pair of models, and how often a draft comes true. */
typedef struct scene {
    double draft;  /* a step of the draft model, in plain steps */
    double more;   /* each further row, as a share of its model's step */
    double chance; /* that a draft comes true */
    double noise;  /* times vary by this share */
} scene;

static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 33) * 0x1p-31;
}

static double seconds(const scene *s, double step, uint32_t n_rows, uint64_t *state)
{
    const double plain = 0.01 * step * (1 + s->more * (n_rows - 1.0));
    return plain * (1 + s->noise * (2 * draw(state) - 1));
}

/* What a simulated step drafts, and what that took. */
typedef struct drafted {
    uint32_t length;
    double seconds;
} drafted;

static uint32_t decide(const eng_pace *pace, const eng_acceptance *acceptance, eng_plain_step step, uint32_t n_drafting,
                       size_t n_lacking, bool *trial)
{
    const uint32_t length = eng_pace_length(pace, acceptance, step, n_drafting, 15, trial);
    return eng_pace_afford(pace, acceptance, step, n_drafting, n_lacking, length);
}

static drafted draft(const scene *s, eng_pace *pace, eng_acceptance *acceptance, uint32_t n_behind, uint64_t *state)
{
    const eng_plain_step one = {1, 1};
    drafted d = {0};
    bool trial;
    if (eng_pace_must_measure(pace))
        return d;
    d.length = decide(pace, acceptance, one, 1, n_behind + 1, &trial);
    for (uint32_t i = 0; i < d.length; i++) {
        const uint32_t n_rows = i == 0 ? n_behind + 1 : 1;
        const double took = seconds(s, s->draft, n_rows, state);
        eng_pace_draft_took(pace, n_rows, took);
        d.seconds += took;
    }
    return d;
}

/* How many times as fast n_tokens come as without drafts. */
static double speed(const scene *s, uint32_t n_tokens, uint64_t seed)
{
    const eng_plain_step one = {1, 1};
    eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = s->draft * 1.3, .more = 0.1 * s->draft}};
    eng_acceptance acceptance = {0};
    double all = 0;
    uint64_t state = seed;
    uint32_t n_tokens_there = 0, n_behind = 0;
    while (n_tokens_there < n_tokens) {
        const drafted d = draft(s, &pace, &acceptance, n_behind, &state);
        const double took = seconds(s, 1, 1 + d.length, &state);
        uint32_t n_true = 0;
        n_behind = d.length > 0 ? 0 : n_behind + 1;
        while (n_true < d.length && draw(&state) < s->chance)
            n_true++;
        eng_pace_model_took(&pace, 1 + d.length, d.length, took);
        if (d.length > 0)
            eng_pace_learn(&pace, &acceptance, d.length, n_true);
        eng_pace_charge(&pace, &acceptance, one,
                        d.length > 0 ? d.seconds + took - eng_pace_plain_seconds(&pace, one) : 0, n_true);
        all += d.seconds + took;
        n_tokens_there += 1 + n_true;
    }
    return n_tokens_there * 0.01 / all;
}

/* The mean over texts of so many tokens. */
static double mean_speed(const scene *s, uint32_t n_tokens)
{
    double sum = 0;
    for (uint64_t seed = 1; seed <= 40; seed++)
        sum += speed(s, n_tokens, seed * 77);
    return sum / 40;
}

/* At any chance, where drafts take any time, and where times vary by half. */
Test(draft_pace, costs_little_where_it_does_not_pay)
{
    static const double chances[] = {0, 0.2, 0.4, 0.5, 0.6, 0.8}, drafts[] = {0.1, 0.3, 0.6, 1.0},
                        noises[] = {0, 0.25, 0.5};
    for (size_t i = 0; i < sizeof chances / sizeof *chances; i++)
        for (size_t j = 0; j < sizeof drafts / sizeof *drafts; j++)
            for (size_t k = 0; k < sizeof noises / sizeof *noises; k++)
                for (uint32_t n = 128; n <= 2048; n *= 4) {
                    const scene s = {drafts[j], 0.1, chances[i], noises[k]};
                    const double least = s.noise > 0.3 && n < 500 ? 0.95 : 0.97;
                    cr_expect_geq(mean_speed(&s, n), least, "chance %g, draft %g, noise %g, %u tokens: %.3f", s.chance,
                                  s.draft, s.noise, n, mean_speed(&s, n));
                }
}

/* Most of what the best fixed length would win, where that is much. */
Test(draft_pace, wins_where_it_pays)
{
    static const double chances[] = {0.6, 0.8, 0.95}, drafts[] = {0.05, 0.15, 0.3};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const scene s = {drafts[j], 0.1, chances[i], 0.1};
            double best = 1, expected = 1, power = 1;
            for (uint32_t k = 1; k <= 15; k++) {
                power *= s.chance;
                expected += power;
                best = fmax(best, expected / (1 + s.more * k + s.draft * k));
            }
            cr_expect_geq(mean_speed(&s, 1000), best > 1.2 ? 1 + 0.55 * (best - 1) : 0.99,
                          "chance %g, draft %g: %.3f of %.3f", s.chance, s.draft, mean_speed(&s, 1000), best);
        }
}

/* How many tokens would be drafted for one text, if it may lose any number. */
static uint32_t length_of(const eng_pace *pace, double n_true, double n_false, uint32_t most, bool *trial)
{
    const eng_acceptance acceptance = {n_true, n_false, 0};
    return eng_pace_length(pace, &acceptance, (eng_plain_step){1, 1}, 1, most, trial);
}

/* A text that changes is drafted for again, and no more. */
Test(draft_pace, comes_back)
{
    const eng_plain_step one = {1, 1};
    eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = 0.2, .more = 0.02}};
    eng_acceptance acceptance = {0};
    bool trial = false;
    eng_pace_model_took(&pace, 1, 0, 0.01);
    for (int i = 0; i < 20; i++) {
        eng_pace_learn(&pace, &acceptance, 2, 0);
        eng_pace_charge(&pace, &acceptance, one, 0.001, 0);
    }
    uint32_t n_tokens = 0, n_trials = 0;
    for (; n_tokens < 2000; n_tokens++) {
        const uint32_t length = decide(&pace, &acceptance, one, 1, 2, &trial);
        if (length > 0 && !trial)
            break;
        eng_pace_charge(&pace, &acceptance, one, length > 0 ? 0.003 : 0, length);
        if (length > 0) {
            eng_pace_forget(&acceptance);
            eng_pace_learn(&pace, &acceptance, length, length);
            n_trials++;
        }
    }
    cr_expect(n_tokens > 10 && n_tokens < 400 && n_trials > 1, "%u tokens, %u trials", n_tokens, n_trials);
}

/* Rows that cost as much as the first leave nothing to win; those that cost nothing make drafts long. */
Test(draft_pace, measures_decide)
{
    eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = 0.1, .more = 0.01}};
    bool trial;
    const uint32_t thought = length_of(&pace, 80, 20, 15, &trial);
    cr_expect(thought > 1 && !trial);
    cr_expect_eq(length_of(&pace, 0, 100, 15, &trial), 1u);
    cr_expect(trial);
    eng_pace_model_took(&pace, 1, 0, 0.01);
    for (uint32_t n = 2; n <= 16; n++)
        for (int i = 0; i < 30; i++) {
            eng_pace_model_took(&pace, 1, 0, 0.01);
            eng_pace_model_took(&pace, n, n - 1, 0.01 * n);
        }
    cr_expect_eq(length_of(&pace, 80, 20, 15, &trial), 0u);
    cr_expect_eq(length_of(&pace, 100, 0, 15, &trial), 0u, "nor is there a trial");
    for (uint32_t n = 2; n <= 16; n++)
        for (int i = 0; i < 60; i++) {
            eng_pace_model_took(&pace, 1, 0, 0.01);
            eng_pace_model_took(&pace, n, n - 1, 0.01);
        }
    cr_expect_gt(length_of(&pace, 80, 20, 15, &trial), thought);
    cr_expect_eq(length_of(&pace, 80, 20, 2, &trial), 2u);
}

/* What the draft model must catch up with counts, and what was lost. */
Test(draft_pace, the_account_must_reach)
{
    const eng_plain_step one = {1, 1}, many = {64, 64};
    const eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = 0.1, .more = 0.01}};
    eng_acceptance fresh = {0}, poor = {9, 1, 1.95}, rich = {9, 1, -8};
    bool trial;
    cr_expect_gt(decide(&pace, &fresh, one, 1, 30, &trial), 0u);
    cr_expect_eq(decide(&pace, &fresh, one, 1, 500, &trial), 0u);
    cr_expect_gt(decide(&pace, &rich, one, 1, 500, &trial), 0u);
    cr_expect_eq(decide(&pace, &poor, one, 1, 1, &trial), 0u);
    cr_expect_eq(decide(&pace, &rich, many, 64, 1, &trial), 0u, "rows of a full step all cost the same");
}
