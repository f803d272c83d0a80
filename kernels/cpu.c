/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/cpu.h"

#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

static const char *const names[KERN_LEVELS] = {
    [KERN_LEVEL_SCALAR] = "scalar",         [KERN_LEVEL_AVX2] = "avx2",
    [KERN_LEVEL_AVXVNNI] = "avxvnni",       [KERN_LEVEL_AVX512] = "avx512",
    [KERN_LEVEL_AVX512VNNI] = "avx512vnni", [KERN_LEVEL_NEON] = "neon",
    [KERN_LEVEL_DOTPROD] = "dotprod",       [KERN_LEVEL_I8MM] = "i8mm",
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

#if defined(__x86_64__)
/* The compiler's run-time support also asks the operating system (XGETBV) whether it keeps wide registers. */
bool kern_level_available(kern_level level)
{
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    switch (level) {
    case KERN_LEVEL_SCALAR:
        return true;
    case KERN_LEVEL_AVX2:
        return avx2;
    case KERN_LEVEL_AVXVNNI:
        return avx2 && __builtin_cpu_supports("avxvnni");
    case KERN_LEVEL_AVX512:
        return avx512;
    case KERN_LEVEL_AVX512VNNI:
        return avx512 && __builtin_cpu_supports("avx512vnni");
    default:
        return false;
    }
}
#elif defined(__aarch64__)
bool kern_level_available(kern_level level)
{
    const unsigned long dotprod = getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
    switch (level) {
    case KERN_LEVEL_SCALAR:
    case KERN_LEVEL_NEON:
        return true;
    case KERN_LEVEL_DOTPROD:
        return dotprod != 0;
    case KERN_LEVEL_I8MM:
        return dotprod != 0 && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
    default:
        return false;
    }
}
#else
bool kern_level_available(kern_level level)
{
    return level == KERN_LEVEL_SCALAR;
}
#endif

kern_level kern_level_detect(void)
{
    int level = KERN_LEVELS - 1;
    while (!kern_level_available((kern_level)level))
        level--;
    return (kern_level)level;
}
