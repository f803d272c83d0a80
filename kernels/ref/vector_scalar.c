/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/lanes_scalar.h"
#include "kernels/ref/vector_body.h"
#include "kernels/ref/candidates_body.h"

void kern_fill_vector_scalar(kern_table *table)
{
    fill(table);
    fill_candidates(table);
}
