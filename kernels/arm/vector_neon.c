/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/arm/lanes_neon.h"
#include "kernels/ref/vector_body.h"
#include "kernels/ref/candidates_body.h"

void kern_fill_vector_neon(kern_table *table)
{
    fill(table);
    fill_candidates(table);
}
