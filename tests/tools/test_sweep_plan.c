/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sweep_plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sweep_plan plan_of(const char *const (*flags)[2], size_t n_flags, const char *cells, sweep_plan_options options,
                          firn_error *error)
{
    sweep_plan plan;
    char path[] = "/tmp/firn-cells-XXXXXX";
    firn_status status = FIRN_OK;
    sweep_plan_begin(&plan);
    plan.base.seed = 7;
    if (cells != NULL) {
        const int file = mkstemp(path);
        cr_assert(file >= 0 && write(file, cells, strlen(cells)) == (ssize_t)strlen(cells));
        close(file);
        status = sweep_plan_read(&plan, path, error);
        unlink(path);
    }
    for (size_t i = 0; i < n_flags && status == FIRN_OK; i++)
        status = sweep_plan_set(&plan, firn_parameter_find(flags[i][0]), flags[i][1], error);
    if (status == FIRN_OK)
        status = sweep_plan_finish(&plan, &options, error);
    return plan;
}

/* All settings of a plan as "temperature/top_k/seed", with spaces between. */
static const char *settings_of(const sweep_plan *plan)
{
    static char out[1 << 16];
    out[0] = '\0';
    for (size_t i = 0; i < plan->n_settings; i++) {
        firn_generation_parameters p;
        sweep_plan_parameters(plan, i, &p);
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%g/%d/%llu", i == 0 ? "" : " ", p.temperature, p.top_k,
                 (unsigned long long)p.seed);
    }
    return out;
}

#define PLAN(cells, options, ...)                                                           \
    plan_of((const char *const[][2]){__VA_ARGS__},                                          \
            sizeof((const char *const[][2]){__VA_ARGS__}) / sizeof(const char *[2]), cells, \
            (sweep_plan_options)options, &error)
#define OPTIONS(...) \
    {                \
        __VA_ARGS__  \
    }

Test(sweep_plan, grid_has_seeds_innermost)
{
    firn_error error = {0};
    sweep_plan plan = PLAN(NULL, OPTIONS(0), {"--seed", "1,2"}, {"--temp", "0,1"}, {"--top-k", "5,6"});
    cr_expect_str_eq(settings_of(&plan), "0/5/1 0/5/2 0/6/1 0/6/2 1/5/1 1/5/2 1/6/1 1/6/2");
    cr_expect_eq(plan.n_cells, 4);
    for (size_t i = 0; i < 8; i++)
        cr_expect_eq(plan.cells[i], i / 2);
    for (size_t i = 0; i < plan.n_settings; i++)
        cr_expect_eq(sweep_plan_find(&plan, plan.settings + i * plan.n_axes), i);
    cr_expect_eq(sweep_plan_find(&plan, (uint32_t[]){0, 2, 0}), plan.n_settings);
    sweep_plan_free(&plan);
}

Test(sweep_plan, nothing_to_sweep_is_one_setting)
{
    firn_error error = {0};
    sweep_plan plan = PLAN(NULL, OPTIONS(0), {"--temp", "0.5"});
    cr_expect_str_eq(settings_of(&plan), "0.5/40/7");
    cr_expect_eq(plan.n_cells, 1);
    sweep_plan_free(&plan);
}

Test(sweep_plan, a_later_flag_replaces)
{
    firn_error error = {0};
    sweep_plan plan =
        PLAN(NULL, OPTIONS(0), {"--temp", "0,1"}, {"--temp", "0.5"}, {"--top-k", "3"}, {"--top-k", "1,2"});
    cr_expect_str_eq(settings_of(&plan), "0.5/1/7 0.5/2/7");
    sweep_plan_free(&plan);
}

Test(sweep_plan, zip_goes_along_together)
{
    firn_error error = {0};
    sweep_plan plan = PLAN(NULL, OPTIONS(.zip = true), {"--temp", "0,1,2"}, {"--seed", "1,2"}, {"--top-k", "5,6,7"});
    cr_expect_str_eq(settings_of(&plan), "0/5/1 0/5/2 1/6/1 1/6/2 2/7/1 2/7/2");
    sweep_plan_free(&plan);
    plan = PLAN(NULL, OPTIONS(.zip = true), {"--temp", "0,1,2"}, {"--top-k", "5,6"});
    cr_expect(strstr(error.message, "temperature has 3 values and top_k has 2") != NULL, "%s", error.message);
    sweep_plan_free(&plan);
}

Test(sweep_plan, files_of_cells)
{
    const char *const files[] = {
        "[{\"temp\": 0.5, \"top_k\": 3}, {\"temperature\": 1}]",
        "{\"temp\": 0.5, \"top_k\": 3}\n\n{\"temperature\": 1}\n",
        "temperature,top_k\r\n0.5,3\r\n\"1\",\r\n",
    };
    for (int i = 0; i < 3; i++) {
        firn_error error = {0};
        sweep_plan plan = PLAN(files[i], OPTIONS(0), {"--seed", "1,2"});
        cr_expect_str_eq(settings_of(&plan), "0.5/3/1 0.5/3/2 1/40/1 1/40/2", "%s: %s", files[i], error.message);
        sweep_plan_free(&plan);
        plan = PLAN(files[i], OPTIONS(.zip = true), {"--min-p", "0,0.1"}, {"--seed", "1"});
        cr_expect_eq(plan.n_settings, 4);
        sweep_plan_free(&plan);
    }
    firn_error error = {0};
    sweep_plan plan = PLAN("stop,seed\n\"[\"\"a,\"\"]\",4\n\"\",5\n", OPTIONS(0), {"--temp", "1"});
    firn_generation_parameters p;
    cr_assert_eq(plan.n_settings, 2);
    sweep_plan_parameters(&plan, 0, &p);
    cr_expect_str_eq(p.stop.json, "[\"a,\"]");
    cr_expect_eq(p.seed, 4);
    sweep_plan_parameters(&plan, 1, &p);
    cr_expect_str_eq(p.stop.json, "[]");
    sweep_plan_free(&plan);
}

Test(sweep_plan, drawn_cells_are_reproducible_and_differ)
{
    firn_error error = {0};
    char first[1 << 12];
    sweep_plan plan = PLAN(NULL, OPTIONS(.n_random = 12, .random_seed = 3), {"--temp", "0..2:0.1"}, {"--top-k", "1..9"},
                           {"--seed", "1"});
    cr_assert_eq(plan.n_settings, 12); /* which can be only if they differ: two equal ones are an error */
    snprintf(first, sizeof first, "%s", settings_of(&plan));
    sweep_plan_free(&plan);
    plan = PLAN(NULL, OPTIONS(.n_random = 12, .random_seed = 3), {"--temp", "0..2:0.1"}, {"--top-k", "1..9"},
                {"--seed", "1"});
    cr_expect_str_eq(settings_of(&plan), first);
    sweep_plan_free(&plan);
    plan = PLAN(NULL, OPTIONS(.n_random = 12, .random_seed = 4), {"--temp", "0..2:0.1"}, {"--top-k", "1..9"},
                {"--seed", "1"});
    cr_expect_str_neq(settings_of(&plan), first);
    sweep_plan_free(&plan);
    plan = PLAN(NULL, OPTIONS(.n_random = 500), {"--temp", "0,1"}, {"--top-k", "1..9"}, {"--seed", "1,2"});
    cr_expect_eq(plan.n_settings, 36); /* there are no more */
    sweep_plan_free(&plan);
}

Test(sweep_plan, a_range_without_a_step_is_drawn_from)
{
    firn_error error = {0};
    sweep_plan plan =
        PLAN(NULL, OPTIONS(.n_random = 200), {"--temp", "0.5..1.5"}, {"--top-k", "1,2"}, {"--seed", "1,2"});
    size_t low = 0, k = 0;
    cr_assert_eq(plan.n_settings, 400, "%s", error.message);
    for (size_t i = 0; i < 400; i += 2) {
        firn_generation_parameters p, q;
        sweep_plan_parameters(&plan, i, &p);
        sweep_plan_parameters(&plan, i + 1, &q);
        cr_expect(p.temperature >= 0.5 && p.temperature <= 1.5 && p.temperature == q.temperature);
        low += p.temperature < 1;
        k += p.top_k == 1;
    }
    cr_expect(low > 70 && low < 130 && k > 70 && k < 130, "%zu %zu", low, k);
    sweep_plan_free(&plan);
    plan = PLAN(NULL, OPTIONS(0), {"--temp", "0.5..1.5"});
    cr_expect(strstr(error.message, "--random") != NULL, "%s", error.message);
    sweep_plan_free(&plan);
}

Test(sweep_plan, what_is_wrong_is_told)
{
    const struct {
        const char *cells, *flag, *value, *told;
    } cases[] = {
        {"[{\"topp\": 1}]", "--temp", "1", "there is no generation parameter 'topp'"},
        {"[{\"top_p\": 2}]", "--temp", "1", "0 to 1"},
        {"[{\"top_p\": 1}, 5]", "--temp", "1", "a cell is an object"},
        {"[]", "--temp", "1", "no cells"},
        {"", "--temp", "1", "no cells"},
        {"top_p\n1,2\n", "--temp", "1", "line 2: more than 1 fields"},
        {"top_p\n\"1\"x\n", "--temp", "1", "behind a closing quote"},
        {"top_p,temp,temperature\n1,1,2\n", "--top-k", "1", "given twice"},
        {"top_p\n1\n1\n", "--top-k", "1", "two settings are the same"},
        {"temp\n1\n2\n", "--temp", "0.5", "stands in the file of cells too"},
        {"n_predict,min_tokens\n5,9\n", "--temp", "1", "contradict"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_error error = {0};
        sweep_plan plan = PLAN(cases[i].cells, OPTIONS(0), {cases[i].flag, cases[i].value});
        cr_expect(strstr(error.message, cases[i].told) != NULL, "%s: %s", cases[i].cells, error.message);
        sweep_plan_free(&plan);
    }
    firn_error error = {0};
    sweep_plan plan = PLAN(NULL, OPTIONS(0), {"--temp", "0..10:0.01"}, {"--seed", "1..10000"});
    cr_expect(strstr(error.message, "more than") != NULL, "%s", error.message);
    sweep_plan_free(&plan);
}
