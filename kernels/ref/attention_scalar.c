/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/ref/lanes_scalar.h"
#include "kernels/ref/quads_scalar.h"
#include "kernels/ref/attention_body.h"

void kern_fill_attention_scalar(kern_table *table)
{
    fill_attention(table);
}
