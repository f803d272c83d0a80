/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/types.h"

static const kern_type_info infos[KERN_TYPE_LIMIT] = {
#define KERN_TYPE_INFO(name, number, elements, bytes) [number] = {#name, elements, bytes},
    KERN_TYPE_LIST(KERN_TYPE_INFO)
#undef KERN_TYPE_INFO
};

const kern_type_info *kern_type_find(uint32_t number)
{
    return number < KERN_TYPE_LIMIT && infos[number].name != NULL ? &infos[number] : NULL;
}
