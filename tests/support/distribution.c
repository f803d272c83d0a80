/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/distribution.h"

#include <math.h>
#include <stdio.h>

/* The value that chi-square with `df` degrees of freedom exceeds with probability 1e-6 (Wilson and Hilferty). */
static double limit(int df)
{
    const double spread = 2.0 / (9.0 * df);
    return df * pow(1 - spread + 4.75 * sqrt(spread), 3);
}

bool support_follows(const int *count, const double *probability, int n, int draws, char why[200])
{
    double chi_square = 0, rare = 0;
    int df = -1, rare_count = 0;
    for (int i = 0; i < n; i++) {
        const double expected = probability[i] * draws;
        if (probability[i] == 0 && count[i] > 0) {
            snprintf(why, 200, "%d cannot come and did, %d times", i, count[i]);
            return false;
        }
        if (probability[i] > 0 && expected < 10) {
            rare += expected;
            rare_count += count[i];
        } else if (probability[i] > 0) {
            chi_square += (count[i] - expected) * (count[i] - expected) / expected;
            df++;
        }
    }
    if (rare > 1) {
        chi_square += (rare_count - rare) * (rare_count - rare) / rare;
        df++;
    }
    snprintf(why, 200, "chi-square %g with %d degrees of freedom", chi_square, df);
    return df < 1 ? chi_square < 1e-9 : chi_square < limit(df);
}
