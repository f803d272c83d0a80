/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/arm/lanes_neon.h"
#include "kernels/arm/quads_neon.h"
#include "kernels/ref/attention_body.h"

void kern_fill_attention_neon(kern_table *table)
{
    fill_attention(table);
}
