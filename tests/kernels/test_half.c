/* SPDX-License-Identifier: Apache-2.0 */
/* Every half against its definition, every boundary between two halves, and both against the processor's own. */
#include "kernels/half.h"

#include <criterion/criterion.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { INFINITE = 0x7c00, QUIET = 0x200, SIGN = 0x8000 };

/* The value of a finite half without sign. */
static double value_of(uint16_t half)
{
    const int exponent = half >> 10, fraction = half & 0x3ff;
    return exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
}

Test(half, to_float_is_exact)
{
    for (uint32_t half = 0; half < INFINITE; half++) {
        const float found = kern_float_from_half((uint16_t)half),
                    negative = kern_float_from_half((uint16_t)(half | SIGN));
        cr_assert_eq((double)found, value_of((uint16_t)half), "half %04x", half);
        cr_assert_eq(kern_bits_from_float(negative), kern_bits_from_float(found) | 0x80000000u, "half %04x", half);
    }
    cr_expect_eq(kern_float_from_half(INFINITE), INFINITY);
    cr_expect_eq(kern_float_from_half(SIGN | INFINITE), -INFINITY);
    for (uint32_t half = INFINITE + 1; half < SIGN; half++)
        cr_assert(isnan(kern_float_from_half((uint16_t)half)), "half %04x", half);
}

Test(half, and_back_is_the_same)
{
    for (uint32_t half = 0; half <= UINT16_MAX; half++) {
        const bool nan = (half & 0x7fff) > INFINITE;
        const uint16_t back = kern_half_from_float(kern_float_from_half((uint16_t)half));
        cr_assert_eq(back, nan ? half | QUIET : half, "half %04x", half);
    }
}

/* Between two neighbours: the middle goes to the even one, and a hair beside it to the nearer one. */
Test(half, rounds_to_the_nearest_even)
{
    for (uint32_t half = 0; half < INFINITE; half++) {
        const double next = half + 1 == INFINITE ? 65536 : value_of((uint16_t)(half + 1));
        const float middle = (float)((value_of((uint16_t)half) + next) / 2); /* exact */
        cr_assert_eq(kern_half_from_float(nextafterf(middle, 0)), half, "half %04x", half);
        cr_assert_eq(kern_half_from_float(middle), half + (half & 1), "half %04x", half);
        cr_assert_eq(kern_half_from_float(nextafterf(middle, INFINITY)), half + 1, "half %04x", half);
        cr_assert_eq(kern_half_from_float(-middle), (half + (half & 1)) | SIGN, "half %04x", half);
    }
    cr_expect_eq(kern_half_from_float(0x1p-149f), 0);
    cr_expect_eq(kern_half_from_float(3e38f), INFINITE);
    cr_expect_eq(kern_half_from_float(-INFINITY), SIGN | INFINITE);
}

Test(half, bfloat_is_the_upper_half_of_a_float)
{
    cr_expect_eq(kern_float_from_bfloat(0x3f80), 1.0f);
    cr_expect_eq(kern_float_from_bfloat(0xc049), -3.140625f);
    cr_expect_eq(kern_float_from_bfloat(0x0001), 0x1p-133f);
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) static float processor_float(uint16_t half)
{
    return _cvtsh_ss(half);
}

__attribute__((target("f16c"))) static uint16_t processor_half(float value)
{
    return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT);
}

Test(half, equals_the_processor)
{
    if (!__builtin_cpu_supports("f16c"))
        cr_skip("hardware: no F16C");
    for (uint32_t half = 0; half <= UINT16_MAX; half++)
        cr_assert_eq(kern_bits_from_float(kern_float_from_half((uint16_t)half)),
                     kern_bits_from_float(processor_float((uint16_t)half)), "half %04x", half);
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 257) {
        const float value = kern_float_from_bits((uint32_t)bits);
        cr_assert_eq(kern_half_from_float(value), processor_half(value), "float %08x", (unsigned)bits);
    }
}
#endif
