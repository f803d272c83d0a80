/* SPDX-License-Identifier: Apache-2.0 */
/* The clock that durations are measured by: it only goes forward, whatever the time of day is set to. */
#ifndef FIRN_BASE_CLOCK_H
#define FIRN_BASE_CLOCK_H

double base_seconds(void); /* since some fixed moment */

#endif
