/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates by rank are those that sorting all of them gives, in whatever steps they are asked for. */
#include "engine/logprobs.h"
#include "engine/ranking.h"
#include "tests/support/kernels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum shape { BELL, TIES, EQUAL, ODD, MASKED, STEEP, FAR, SHAPES };

static float logit_of(support_random *random, enum shape shape)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, -FLT_MAX, FLT_MAX, 1e-40f, -0.0f, 0.0f};
    const uint32_t bits = support_random_bits(random);
    float bell = 0;
    for (int i = 0; i < 6; i++)
        bell += 4 * support_random_float(random);
    switch (shape) {
    case TIES:
        return rintf(bell);
    case EQUAL:
        return 2.5f;
    case ODD:
        return bits % 5 == 0 ? odd[bits / 5 % 8] : bell;
    case MASKED:
        return bits % 40 != 0 ? -INFINITY : bell;
    case STEEP:
        return bits % 97 == 0 ? 1e6f + bell : bell * 1e-3f;
    case FAR:
        return 5000.0f + bell / 1000;
    default:
        return bell;
    }
}

static int by_rank(const void *a, const void *b)
{
    const eng_candidate *const x = a, *const y = b;
    return eng_candidate_better(*x, *y) ? -1 : eng_candidate_better(*y, *x);
}

/* All usable logits, the best first. */
static size_t sort_all(const float *logits, uint32_t n, eng_candidate *sorted)
{
    size_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        if (eng_usable_logit(logits[i]) >= -FLT_MAX)
            sorted[count++] = (eng_candidate){logits[i], (int32_t)i};
    qsort(sorted, count, sizeof *sorted, by_rank);
    return count;
}

static void expect_ranks(const eng_ranking *r, const eng_candidate *sorted, size_t count, enum shape shape)
{
    for (size_t i = 0; i < r->count; i++)
        cr_assert_eq(r->end[-1 - (ptrdiff_t)i].id, sorted[i].id, "shape %d, rank %zu of %zu", (int)shape, i, count);
}

static void check(uint32_t n, enum shape shape, bool list, size_t step)
{
    support_random random = {n + 7 * (uint32_t)shape};
    const kern_table kernels = kern_table_for(KERN_LEVEL_SCALAR);
    float *const logits = malloc(n * sizeof *logits);
    eng_candidate *const sorted = malloc(n * sizeof *sorted);
    eng_candidates c;
    eng_ranking ranking;
    cr_assert(logits != NULL && sorted != NULL && eng_candidates_create(&c, n, &kernels));
    for (uint32_t i = 0; i < n; i++)
        logits[i] = logit_of(&random, shape);
    const size_t count = sort_all(logits, n, sorted);
    eng_candidates_begin(&c, logits);
    cr_assert_eq(eng_candidates_survey(&c), count > 0);
    if (list)
        eng_candidates_list(&c);
    if (count > 0) {
        eng_ranking_begin(&ranking, &c, -FLT_MAX);
        size_t wanted = step;
        do {
            const size_t reached = eng_ranking_reach(&ranking, wanted);
            cr_assert(reached >= wanted || reached == count, "shape %d: %zu of %zu", (int)shape, reached, wanted);
            cr_assert(!ranking.all || reached == count, "shape %d: %zu of %zu are all", (int)shape, reached, count);
            expect_ranks(&ranking, sorted, count, shape);
            wanted = 3 * reached + 1;
        } while (!ranking.all);
        const size_t kept = count / 3 + 1;
        eng_ranking_keep(&ranking, kept);
        cr_assert(c.ranked && c.count == kept && c.first[0].id == sorted[kept - 1].id);
    }
    eng_candidates_free(&c);
    free(logits);
    free(sorted);
}

Test(ranking, what_sorting_gives)
{
    static const uint32_t sizes[] = {1, 2, 255, 256, 257, 3000, 40000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int shape = 0; shape < SHAPES; shape++)
            for (size_t step = 1; step < 20000; step *= 25) {
                check(sizes[s], (enum shape)shape, false, step);
                check(sizes[s], (enum shape)shape, true, step);
            }
}

/* The weights of ranks are those of their logits, downwards. */
Test(ranking, weights_of_ranks)
{
    enum { N = 5000 };
    support_random random = {3};
    const kern_table kernels = kern_table_for(KERN_LEVEL_SCALAR);
    float logits[N], weights[N];
    eng_candidates c;
    eng_ranking ranking;
    for (int i = 0; i < N; i++)
        logits[i] = logit_of(&random, BELL);
    cr_assert(eng_candidates_create(&c, N, &kernels));
    eng_candidates_begin(&c, logits);
    cr_assert(eng_candidates_survey(&c));
    c.divisor = 0.7;
    eng_ranking_begin(&ranking, &c, -FLT_MAX);
    cr_assert_geq(eng_ranking_reach(&ranking, 1000), 1000);
    eng_ranking_weights(&ranking, 300, 700, weights);
    for (size_t i = 0; i < 700; i++)
        cr_assert_eq((double)weights[i], eng_candidates_weight(&c, ranking.end[-301 - (ptrdiff_t)i].logit));
    eng_candidates_free(&c);
}

/* Nothing below the lowest is ranked. */
Test(ranking, lowest)
{
    enum { N = 20000 };
    support_random random = {4};
    const kern_table kernels = kern_table_for(KERN_LEVEL_SCALAR);
    static float logits[N];
    static eng_candidate sorted[N];
    eng_candidates c;
    eng_ranking ranking;
    for (int i = 0; i < N; i++)
        logits[i] = logit_of(&random, TIES);
    const size_t count = sort_all(logits, N, sorted);
    size_t reaching = 0;
    while (sorted[reaching].logit >= 3)
        reaching++;
    cr_assert(eng_candidates_create(&c, N, &kernels));
    eng_candidates_begin(&c, logits);
    cr_assert(eng_candidates_survey(&c));
    eng_ranking_begin(&ranking, &c, 3);
    cr_assert_eq(eng_ranking_reach(&ranking, N), reaching);
    cr_assert(ranking.all);
    expect_ranks(&ranking, sorted, count, TIES);
    eng_candidates_free(&c);
}
