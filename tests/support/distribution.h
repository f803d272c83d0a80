/* SPDX-License-Identifier: Apache-2.0 */
/* Whether draws follow a distribution. */
#ifndef FIRN_TESTS_SUPPORT_DISTRIBUTION_H
#define FIRN_TESTS_SUPPORT_DISTRIBUTION_H

#include <stdbool.h>

/*
 * Chi-square over how often each of n outcomes came, at a limit that true draws exceed once in a million seeds. Rare
 * outcomes count together; one of probability 0 may not come at all. Where it is false, `why` says what was different.
 */
bool support_follows(const int *count, const double *probability, int n, int draws, char why[200]);

#endif
