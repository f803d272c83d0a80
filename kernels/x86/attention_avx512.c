/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/x86/lanes_avx512.h"
#include "kernels/x86/quads_avx512.h"
#include "kernels/ref/attention_body.h"

void kern_fill_attention_avx512(kern_table *table)
{
    fill_attention(table);
}
