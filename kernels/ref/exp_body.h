/* SPDX-License-Identifier: Apache-2.0 */
/* The exponential of sixteen lanes, kern_exp of kernels/math.h lane by lane. A file's lanes are included before this.
 */
#ifndef FIRN_KERNELS_EXP_BODY_H
#define FIRN_KERNELS_EXP_BODY_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#ifndef LANES_SCALE
/* a * 2^n, rounded once; a is about 1, n an integer from -151 to 129 */
ALWAYS_INLINE lanes lanes_scale(lanes a, lanes n)
{
    const lanes half = lanes_floor(lanes_multiply(n, lanes_splat(0.5f)));
    return lanes_multiply(lanes_multiply(a, lanes_power_of_two(half)), lanes_power_of_two(lanes_subtract(n, half)));
}
#endif

ALWAYS_INLINE lanes lanes_exp(lanes x)
{
    x = lanes_minimum(x, lanes_splat(KERN_EXP_HIGHEST));
    x = lanes_maximum(x, lanes_splat(KERN_EXP_LOWEST));
    const lanes n = lanes_round(lanes_multiply(x, lanes_splat(KERN_LOG2_E)));
    lanes r = lanes_fma(n, lanes_splat(-KERN_LN2_HIGH), x);
    r = lanes_fma(n, lanes_splat(-KERN_LN2_LOW), r);
    lanes p = lanes_splat(KERN_EXP_6);
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_5));
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_4));
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_3));
    p = lanes_fma(p, r, lanes_splat(KERN_EXP_2));
    p = lanes_fma(p, lanes_multiply(r, r), r);
    p = lanes_add(p, lanes_splat(1.0f));
    return lanes_scale(p, n);
}

#endif
