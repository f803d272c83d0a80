/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/lanes_avx2.h"
#include "kernels/ref/vector_body.h"
#include "kernels/ref/candidates_body.h"
#include "kernels/x86/quantise_body.h"

void kern_fill_vector_avx2(kern_table *table)
{
    fill(table);
    fill_candidates(table);
    fill_quantisers(table);
}
