/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/logprobs.h"
#include "kernels/kernels.h"
#include "kernels/math.h"

#include <criterion/criterion.h>
#include <math.h>

Test(logprobs, equal_to_the_definition)
{
    const kern_table kernels = kern_table_for(kern_level_detect());
    enum { N = 1003 };
    float logits[N], top[5];
    int32_t ids[5];
    double total = 0;
    for (int i = 0; i < N; i++) {
        logits[i] = 9.0f * sinf((float)i * 1.7f) - 20.0f;
        total += exp(logits[i]);
    }
    for (int id = 0; id < N; id += 50) {
        const float logprob = eng_logprobs(&kernels, logits, N, id, 5, ids, top);
        cr_assert_float_eq(logprob, logits[id] - log(total), 2e-6);
    }
    for (int i = 0; i < 5; i++) {
        cr_assert_float_eq(top[i], logits[ids[i]] - log(total), 2e-6);
        int above = 0;
        for (int j = 0; j < N; j++)
            above += logits[j] > logits[ids[i]];
        cr_assert_eq(above, i);
    }
}

Test(logprobs, surprise_equal_to_the_definition)
{
    const kern_table kernels = kern_table_for(kern_level_detect());
    enum { N = 1003 };
    float logits[N], logprob, entropy;
    double total = 0, wanted = 0;
    for (int i = 0; i < N; i++) {
        logits[i] = 9.0f * sinf((float)i * 1.7f) - 20.0f;
        total += exp(logits[i]);
    }
    for (int i = 0; i < N; i++)
        wanted -= exp(logits[i]) / total * (logits[i] - log(total));
    for (int id = 0; id < N; id += 50) {
        eng_surprise(&kernels, logits, N, id, &logprob, &entropy);
        cr_assert_eq(logprob, eng_logprobs(&kernels, logits, N, id, 0, NULL, NULL));
        cr_assert_float_eq(entropy, wanted, 2e-6);
    }
    const float two[6] = {NAN, 3e38f, -INFINITY, 3e38f, -3e38f, INFINITY};
    eng_surprise(&kernels, two, 6, 3, &logprob, &entropy);
    cr_assert_float_eq(logprob, -log(2), 1e-7);
    cr_assert_float_eq(entropy, log(2), 1e-7);
    eng_surprise(&kernels, two, 1, 0, &logprob, &entropy);
    cr_assert(logprob == -INFINITY && entropy == 0);
}

Test(logprobs, equal_tokens_come_by_ascending_id)
{
    const kern_table kernels = kern_table_for(kern_level_detect());
    const float logits[6] = {1, 2, 1, 2, 0, 2};
    int32_t ids[4];
    float top[4];
    cr_assert_eq(eng_logprobs(&kernels, logits, 6, -1, 4, ids, top), 0);
    cr_assert(ids[0] == 1 && ids[1] == 3 && ids[2] == 5 && ids[3] == 0);
    cr_assert_eq(top[0], top[2]);
}

Test(logprobs, whole_range_of_logits)
{
    const kern_table kernels = kern_table_for(kern_level_detect());
    const float logits[5] = {1e38f, -1e38f, NAN, -INFINITY, 1e38f};
    int32_t ids[5];
    float top[5];
    cr_assert_float_eq(eng_logprobs(&kernels, logits, 5, 0, 5, ids, top), -log(2), 1e-7);
    cr_assert(ids[0] == 0 && ids[1] == 4 && ids[2] == 1 && ids[3] == -1 && ids[4] == -1);
    cr_assert_eq(top[3], -INFINITY);
    cr_assert_eq(eng_logprobs(&kernels, logits, 5, 2, 0, NULL, NULL), -INFINITY);
    const float none[2] = {NAN, -INFINITY};
    cr_assert_eq(eng_logprobs(&kernels, none, 2, 1, 0, NULL, NULL), -INFINITY);
}

/* Error of the double logarithm, in units in the last place of libm's long double result. */
static double ulps(double value, long double exact)
{
    return fabs((double)((long double)value - exact)) / (fabs((double)exact) * 0x1p-52);
}

Test(logprobs, double_logarithms_are_right_to_two_ulps)
{
    double worst = 0;
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double unit = (double)(state >> 11) * 0x1p-53;
        const double x = ldexp(0.5 + unit / 2, i % 400 - 200);
        const double f = ldexp(unit - 0.5, -1 - i % 60) * 0.5;
        if (x != 1)
            worst = fmax(worst, ulps(kern_log_double(x), logl(x)));
        if (f != 0)
            worst = fmax(worst, ulps(kern_log_near_one(f), log1pl(f)));
    }
    cr_assert_lt(worst, 2.0, "%g ulp", worst);
}
