/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <unistd.h>

Test(clock, goes_forward)
{
    const double start = base_seconds();
    usleep(2000);
    cr_assert_geq(base_seconds() - start, 0.002);
}
