/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu.h"

#include <string.h>

static const char *const names[KERN_LEVELS] = {
    [KERN_LEVEL_SCALAR] = "scalar",
    [KERN_LEVEL_AVX2] = "avx2",
    [KERN_LEVEL_AVX512] = "avx512",
    [KERN_LEVEL_AVX512VNNI] = "avx512vnni",
};

const char *kern_level_name(kern_level level)
{
    return names[level];
}

bool kern_level_find(const char *name, kern_level *level)
{
    for (int i = 0; i < KERN_LEVELS; i++) {
        if (strcmp(names[i], name) == 0) {
            *level = (kern_level)i;
            return true;
        }
    }
    return false;
}

kern_level kern_level_detect(void)
{
#if defined(__x86_64__)
    /* the compiler's run-time support also asks the operating system (XGETBV) whether it keeps wide registers */
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
        return KERN_LEVEL_SCALAR;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return KERN_LEVEL_AVX2;
    return __builtin_cpu_supports("avx512vnni") ? KERN_LEVEL_AVX512VNNI : KERN_LEVEL_AVX512;
#else
    return KERN_LEVEL_SCALAR;
#endif
}
