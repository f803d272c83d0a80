/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/draft_pace.h"

enum {
    EXACT = 16,         /* points of 1, 2, … 16 rows, then 32, 64, … 512 */
    LEAST_MEASURED = 4, /* steps without drafts at the beginning */
    MOST_DRAFTING = 32, /* steps with drafts, and then one without is measured */
};

static const double MORE_ROWS = 0.1;         /* of a row's time that each one more is thought to take */
static const double FIRST_CHANCE = 0.6;      /* that a draft comes true, where nothing is known, */
static const double FIRST_WEIGHT = 8;        /* which counts as much as so many drafts, */
static const double OTHERS_WEIGHT = 3;       /* and what is known of other texts as so many of this one */
static const double BEST_CHANCE = 0.95;      /* where drafts don't pay even so, none is tried */
static const double MEMORY = 0.9;            /* what is known after a step of what was known before */
static const double ONE = 0.5, NEWEST = 0.2; /* how much a first measurement counts, and how much a later one */
static const double WORTH = 1.02;            /* drafts must make texts so much faster */
static const double MOST_LOST = 2;           /* that a text may have lost, and */
static const double MOST_AHEAD = 8;          /* that it may have won and lose again, in the time of a token */

static double rows_of(int point)
{
    return point < EXACT ? point + 1 : (double)(2 * EXACT << (point - EXACT));
}

/* The last point of at most n rows. */
static int point_of(double n_rows)
{
    int point = 0;
    while (point + 1 < ENG_PACE_POINTS && rows_of(point + 1) <= n_rows)
        point++;
    return point;
}

/* Between the nearest that were measured; behind the last, as if each row took as long as was thought. */
static double cost_of(const eng_step_costs *costs, double n_rows)
{
    int below = point_of(n_rows), above = below + 1;
    while (below > 0 && costs->cost[below] == 0)
        below--;
    while (above < ENG_PACE_POINTS && costs->cost[above] == 0)
        above++;
    const double rows = rows_of(below), cost = costs->cost[below] > 0 ? costs->cost[below] : costs->first;
    const double rise = above < ENG_PACE_POINTS ? (costs->cost[above] - cost) / (rows_of(above) - rows) : costs->more;
    return cost + (n_rows - rows) * (rise > 0 ? rise : 0);
}

/* A step of n_rows cost so many plain steps. */
static void learn_cost(eng_step_costs *costs, uint32_t n_rows, double cost)
{
    const int point = point_of(n_rows);
    const double expected = cost_of(costs, n_rows), at_point = cost_of(costs, rows_of(point));
    const double limited = cost < 4 * expected ? cost : 4 * expected; /* the machine did something else */
    costs->cost[point] = at_point * (1 + (costs->cost[point] == 0 ? ONE : NEWEST) * (limited / expected - 1));
}

eng_pace eng_pace_begin(const firn_model *model, const firn_model *draft_model)
{
    const firn_cache_types types = {FIRN_CACHE_F16, FIRN_CACHE_F16}; /* any: only parameters are compared */
    const double bytes = (double)firn_model_work(model, 0, 1, types).parameter_bytes;
    const double share = (double)firn_model_work(draft_model, 0, 1, types).parameter_bytes / bytes;
    return (eng_pace){.model = {.first = 1, .more = MORE_ROWS}, .draft = {.first = share, .more = MORE_ROWS * share}};
}

void eng_pace_model_took(eng_pace *pace, uint32_t n_rows, uint32_t n_drafts, double seconds)
{
    pace->n_drafting = n_drafts > 0 ? pace->n_drafting + 1 : 0;
    if (pace->unit == 0) {
        pace->unit = seconds / cost_of(&pace->model, n_rows);
        pace->n_measured = 1;
        return;
    }
    const double unit = seconds / cost_of(&pace->model, n_rows); /* if the machine has become slower or faster */
    if (n_rows > 1)
        learn_cost(&pace->model, n_rows, seconds / pace->unit);
    const double weight = pace->n_measured < LEAST_MEASURED ? 1.0 / ++pace->n_measured : NEWEST;
    pace->unit += weight * ((unit < 4 * pace->unit ? unit : 4 * pace->unit) - pace->unit);
}

void eng_pace_draft_took(eng_pace *pace, uint32_t n_rows, double seconds)
{
    if (pace->unit > 0)
        learn_cost(&pace->draft, n_rows, seconds / pace->unit);
}

void eng_pace_learn(eng_pace *pace, eng_acceptance *acceptance, uint32_t n_drafted, uint32_t n_true)
{
    const double n_false = n_true < n_drafted;
    acceptance->n_true = MEMORY * acceptance->n_true + n_true;
    acceptance->n_false = MEMORY * acceptance->n_false + n_false;
    pace->n_true = MEMORY * pace->n_true + n_true;
    pace->n_false = MEMORY * pace->n_false + n_false;
}

void eng_pace_forget(eng_acceptance *acceptance)
{
    acceptance->n_true /= 2;
    acceptance->n_false /= 2;
}

/* What a token takes without drafts, in plain steps of one row. */
static double token_cost(const eng_pace *pace, eng_plain_step step)
{
    return cost_of(&pace->model, step.n_rows) / step.n_texts;
}

double eng_pace_plain_seconds(const eng_pace *pace, eng_plain_step step)
{
    return cost_of(&pace->model, step.n_rows) * pace->unit;
}

void eng_pace_charge(const eng_pace *pace, eng_acceptance *acceptance, eng_plain_step step, double seconds,
                     uint32_t n_true)
{
    const double before = acceptance->lost;
    const double token = token_cost(pace, step) * pace->unit;
    acceptance->lost += (token > 0 ? seconds / token : 0) - n_true;
    if (acceptance->lost < -MOST_AHEAD)
        acceptance->lost = before < -MOST_AHEAD ? before : -MOST_AHEAD;
    acceptance->lost -= ENG_DRAFT_LOSS * (1 + n_true);
}

bool eng_pace_must_measure(const eng_pace *pace)
{
    return pace->n_measured < LEAST_MEASURED || pace->n_drafting >= MOST_DRAFTING;
}

/* How likely the next draft of a text comes true. */
static double chance_of(const eng_pace *pace, const eng_acceptance *acceptance)
{
    const double all = (FIRST_WEIGHT * FIRST_CHANCE + pace->n_true) / (FIRST_WEIGHT + pace->n_true + pace->n_false);
    return (OTHERS_WEIGHT * all + acceptance->n_true) / (OTHERS_WEIGHT + acceptance->n_true + acceptance->n_false);
}

/* The length that makes texts fastest, where a draft comes true with this chance; 0: none makes them faster. */
static uint32_t best_length(const eng_pace *pace, eng_plain_step step, uint32_t n_drafting, double chance,
                            uint32_t most)
{
    double best = WORTH / token_cost(pace, step), expected = 0, power = 1;
    uint32_t length = 0;
    for (uint32_t k = 1; k <= most; k++) {
        power *= chance;
        expected += power;
        const double cost = cost_of(&pace->model, step.n_rows + k * n_drafting) + k * cost_of(&pace->draft, n_drafting);
        const double rate = (step.n_texts + n_drafting * expected) / cost;
        if (rate > best) {
            best = rate;
            length = k;
        }
    }
    return length;
}

/* What a text loses where none of its drafts comes true, in the time of a token. */
static double risk(const eng_pace *pace, eng_plain_step step, uint32_t n_drafting, size_t n_lacking, uint32_t length)
{
    const double rows = cost_of(&pace->model, step.n_rows + length * n_drafting) - cost_of(&pace->model, step.n_rows);
    const double drafts = length * cost_of(&pace->draft, n_drafting);
    const double lacking = cost_of(&pace->draft, (double)n_lacking) - cost_of(&pace->draft, 1);
    return ((rows + drafts) / n_drafting + lacking) / token_cost(pace, step);
}

uint32_t eng_pace_length(const eng_pace *pace, const eng_acceptance *acceptance, eng_plain_step step,
                         uint32_t n_drafting, uint32_t most, bool *trial)
{
    const uint32_t length = best_length(pace, step, n_drafting, chance_of(pace, acceptance), most);
    *trial = length == 0 && best_length(pace, step, n_drafting, BEST_CHANCE, most) > 0;
    return *trial ? 1 : length;
}

uint32_t eng_pace_afford(const eng_pace *pace, const eng_acceptance *acceptance, eng_plain_step step,
                         uint32_t n_drafting, size_t n_lacking, uint32_t length)
{
    while (length > 0 && acceptance->lost + risk(pace, step, n_drafting, n_lacking, length) > MOST_LOST)
        length--;
    return length;
}
