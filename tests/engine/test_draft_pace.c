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

/* How many times as fast n_tokens come as without drafts. */
static double speed(const scene *s, uint32_t n_tokens, uint64_t seed)
{
    eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = s->draft * 1.3, .more = 0.1 * s->draft}};
    eng_acceptance acceptance = {0};
    double all = 0;
    uint64_t state = seed;
    uint32_t n_tokens_there = 0, n_behind = 0;
    while (n_tokens_there < n_tokens) {
        uint32_t n_true = 0, length = eng_pace_length(&pace, 1, 1, eng_pace_chance(&pace, &acceptance), 15);
        if (length == 0 && eng_pace_tries(&pace, &acceptance, 1, n_behind + 1))
            length = 1;
        for (uint32_t i = 0; i < length; i++) {
            const uint32_t n_rows = i == 0 ? n_behind + 1 : 1;
            const double took = seconds(s, s->draft, n_rows, &state);
            eng_pace_draft_took(&pace, n_rows, took);
            all += took;
        }
        n_behind = length > 0 ? 0 : n_behind + 1;
        const double took = seconds(s, 1, 1 + length, &state);
        eng_pace_model_took(&pace, 1 + length, took);
        all += took;
        while (n_true < length && draw(&state) < s->chance)
            n_true++;
        if (length > 0)
            eng_pace_learn(&pace, &acceptance, length, n_true);
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

Test(draft_pace, costs_little_where_it_does_not_pay)
{
    static const double chances[] = {0, 0.1, 0.3}, drafts[] = {0.3, 0.6, 1.0};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int noisy = 0; noisy < 2; noisy++) {
                const scene s = {drafts[j], 0.1, chances[i], noisy ? 0.25 : 0};
                cr_expect_geq(mean_speed(&s, 200), 0.97, "chance %g, draft %g, 200 tokens: %.3f", s.chance, s.draft,
                              mean_speed(&s, 200));
                cr_expect_geq(mean_speed(&s, 2000), 0.97, "chance %g, draft %g, 2000 tokens: %.3f", s.chance, s.draft,
                              mean_speed(&s, 2000));
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

/* A text that changes is drafted for again, and no more. */
Test(draft_pace, comes_back)
{
    eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = 0.2, .more = 0.02}};
    eng_acceptance acceptance = {0};
    eng_pace_model_took(&pace, 1, 0.01);
    for (int i = 0; i < 20; i++)
        eng_pace_learn(&pace, &acceptance, 2, 0);
    cr_assert_eq(eng_pace_length(&pace, 1, 1, eng_pace_chance(&pace, &acceptance), 15), 0u);
    uint32_t n_tokens = 0, n_tries = 0;
    for (; n_tokens < 2000 && eng_pace_length(&pace, 1, 1, eng_pace_chance(&pace, &acceptance), 15) == 0; n_tokens++)
        if (eng_pace_tries(&pace, &acceptance, 1, 2)) {
            eng_pace_learn(&pace, &acceptance, 1, 1);
            n_tries++;
        }
    cr_expect(n_tokens < 400 && n_tries > 1, "%u tokens, %u tries", n_tokens, n_tries);
}

/* Rows that cost as much as the first leave nothing to win; those that cost nothing make drafts long. */
Test(draft_pace, measures_decide)
{
    eng_pace pace = {.model = {.first = 1, .more = 0.1}, .draft = {.first = 0.1, .more = 0.01}};
    const uint32_t thought = eng_pace_length(&pace, 1, 1, 0.8, 15);
    eng_pace_model_took(&pace, 1, 0.01);
    for (uint32_t n = 2; n <= 16; n++)
        for (int i = 0; i < 30; i++) {
            eng_pace_model_took(&pace, 1, 0.01);
            eng_pace_model_took(&pace, n, 0.01 * n);
        }
    cr_expect(thought > 1);
    cr_expect_eq(eng_pace_length(&pace, 1, 1, 0.8, 15), 0u);
    for (uint32_t n = 2; n <= 16; n++)
        for (int i = 0; i < 60; i++) {
            eng_pace_model_took(&pace, 1, 0.01);
            eng_pace_model_took(&pace, n, 0.01);
        }
    cr_expect_gt(eng_pace_length(&pace, 1, 1, 0.8, 15), thought);
    cr_expect_eq(eng_pace_length(&pace, 1, 1, 0.8, 2), 2u);
}
