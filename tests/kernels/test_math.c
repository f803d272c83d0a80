/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the contract's own functions are from the true values, taken from libm in higher precision. The bounds are
 * the errors measured over these same points, rounded up: an operation that changes shows.
 */
#include "kernels/math.h"

#include <criterion/criterion.h>
#include <float.h>
#include <stdio.h>

typedef double (*exact_function)(double x);
typedef float (*function)(float x);

/* Units in the last place of the float nearest to `exact`; of subnormal numbers that is 2^-149. */
static double ulps(float found, double exact)
{
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)found - exact) / ldexp(1, exponent - 24 > -149 ? exponent - 24 : -149);
}

/* Every `step`-th float from low to high, both of one sign. */
static double worst_ulps(function f, exact_function exact, float low, float high, uint32_t step)
{
    const uint32_t a = kern_bits_from_float(low), b = kern_bits_from_float(high);
    double worst = 0;
    for (uint32_t bits = a < b ? a : b; bits <= (a < b ? b : a); bits += step) {
        const float x = kern_float_from_bits(bits);
        const double error = ulps(f(x), exact((double)x));
        worst = error > worst ? error : worst;
    }
    return worst;
}

/* Fails where the worst error is above `limit`, and says what it is. */
static void check(const char *name, function f, exact_function exact, float low, float high, uint32_t step,
                  double limit)
{
    const double worst = worst_ulps(f, exact, low, high, step);
    cr_expect_leq(worst, limit, "%s from %g to %g: %g ulp", name, (double)low, (double)high, worst);
    printf("%s from %g to %g: %.3f ulp\n", name, (double)low, (double)high, worst);
}

static double exact_tanh_difference(double x)
{
    return fabs((double)kern_tanh((float)x) - tanh(x));
}

static double exact_silu(double x)
{
    return x / (1 + exp(-x));
}

static double exact_gelu(double x)
{
    return x / (1 + exp(-2 * sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

Test(math, exp)
{
    check("kern_exp", kern_exp, exp, 0x1p-40f, 88.72f, 997, 1.35);
    check("kern_exp", kern_exp, exp, -0x1p-40f, -87.33f, 997, 1.35);
    check("kern_exp", kern_exp, exp, -87.34f, -104.0f, 97, 1.0); /* subnormal results, rounded once more */
    cr_expect_eq(kern_exp(0.0f), 1.0f);
    cr_expect_eq(kern_exp(-0.0f), 1.0f);
}

Test(math, exp_beyond_its_range)
{
    cr_expect_eq(kern_exp(88.73f), INFINITY);
    cr_expect_eq(kern_exp(FLT_MAX), INFINITY);
    cr_expect_eq(kern_exp(INFINITY), INFINITY);
    cr_expect_eq(kern_exp(-105.0f), 0.0f);
    cr_expect_eq(kern_exp(-FLT_MAX), 0.0f);
    cr_expect_eq(kern_exp(-INFINITY), 0.0f);
}

Test(math, log)
{
    check("kern_log", kern_log, log, FLT_MIN, FLT_MAX, 997, 1.25);
    check("kern_log", kern_log, log, 0.70f, 1.42f, 13, 1.25);
    cr_expect_eq(kern_log(1.0f), 0.0f);
}

/* (1 - t) / (1 + t) loses digits of a small x, not of the value that a bounded logit is: absolute error counts. */
Test(math, tanh)
{
    double worst = 0;
    for (int i = -40000; i <= 40000; i++) {
        const double error = exact_tanh_difference((double)(float)(i * 0.00025));
        worst = error > worst ? error : worst;
    }
    cr_expect_leq(worst, 1.1e-7, "%g", worst);
    cr_expect_eq(kern_tanh(200.0f), 1.0f);
    cr_expect_eq(kern_tanh(-INFINITY), -1.0f);
    cr_expect_eq(kern_bits_from_float(kern_tanh(-0.0f)), 0x80000000u);
}

Test(math, silu)
{
    check("kern_silu", kern_silu, exact_silu, 0x1p-60f, 100.0f, 997, 2.5);
    check("kern_silu", kern_silu, exact_silu, -0x1p-60f, -85.0f, 997, 2.5);
    cr_expect_eq(kern_silu(0.0f), 0.0f);
    cr_expect_eq(kern_silu(FLT_MAX), FLT_MAX);
    cr_expect_eq(kern_silu(-FLT_MAX), 0.0f);
}

/* Rounding an exponent 2z by 1 ulp changes the result by |2z| ulp, and at -9 that is 66. */
Test(math, gelu)
{
    check("kern_gelu_tanh", kern_gelu_tanh, exact_gelu, 0x1p-60f, 20.0f, 997, 3.0);
    check("kern_gelu_tanh", kern_gelu_tanh, exact_gelu, -0x1p-60f, -1.0f, 997, 5.0);
    check("kern_gelu_tanh", kern_gelu_tanh, exact_gelu, -1.0f, -9.0f, 997, 135.0);
    cr_expect_eq(kern_gelu_tanh(0.0f), 0.0f);
    cr_expect_eq(kern_gelu_tanh(FLT_MAX), FLT_MAX);
    cr_expect_eq(kern_gelu_tanh(-FLT_MAX), 0.0f);
}

/* Against long double, which is wider on x86; where it isn't, libm itself may be off by nearly 1 ulp. */
Test(math, log_double)
{
    double worst = 0;
    uint64_t state = 1;
    for (int i = 0; i < 1000000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const int scale = i % 4 == 0 ? (int)(state >> 53) % 1000 - 500 : -(i % 3);
        const double x = ldexp(1 + (double)(state >> 12) * 0x1p-52, scale);
        const long double exact = logl((long double)x);
        int exponent;
        frexp((double)exact, &exponent);
        const double error = ldexp((double)fabsl((long double)kern_log_double(x) - exact), 53 - exponent);
        worst = error > worst ? error : worst;
    }
    cr_expect_leq(worst, 2.0, "%g ulp", worst);
    cr_expect_eq(kern_log_double(1.0), 0.0);
}
