/* The kernels for float32. */
#include <stdint.h>

typedef float real;
typedef uint32_t whole;

#include "numbers.h"

/* What powers, tanh and logarithms are made of: Cephes (S. L. Moshier), expf, tanhf and logf. */
static const real LARGEST_POWER = 88.72283f, SMALLEST_POWER = -87.33654f;
static const real SMALLEST_NORMAL = 1.17549435e-38f;
static const real LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
/* 1.5 · 2^23: adding it rounds to a whole number, which then stands in the lowest bits. */
static const real ROUNDING = 12582912.0f;
enum { EXPONENT_BIAS = 127, MANTISSA_BITS = 23 };

/* eʳ for |r| ≤ ½ ln 2:  1 + r + r² P(r). */
INLINE vec power_near_0(vec r)
{
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return p * (r * r) + (r + 1.0f);
}

/* (tanh x)/x − 1 for |x| < 0.625, from s = x². */
INLINE vec tanh_near_0(vec s)
{
    vec p = s * -5.70498872745e-3f + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    return p * s;
}

/* (ln (1 + x) − x + x²/2) / x² for √½ ≤ 1 + x < √2. */
INLINE vec logarithm_near_1(vec x)
{
    vec p = x * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * x + 1.1676998740e-1f;
    p = p * x - 1.2420140846e-1f;
    p = p * x + 1.4249322787e-1f;
    p = p * x - 1.6668057665e-1f;
    p = p * x + 2.0000714765e-1f;
    p = p * x - 2.4999993993e-1f;
    p = p * x + 3.3333331174e-1f;
    return p * x;
}

/* Four rows of four numbers, turned over. */
INLINE void turn_rows(narrow *r)
{
    narrow a = PICK(r[0], r[1], 0, 4, 1, 5), b = PICK(r[0], r[1], 2, 6, 3, 7);
    narrow c = PICK(r[2], r[3], 0, 4, 1, 5), d = PICK(r[2], r[3], 2, 6, 3, 7);
    r[0] = PICK(a, c, 0, 1, 4, 5), r[1] = PICK(a, c, 2, 3, 6, 7);
    r[2] = PICK(b, d, 0, 1, 4, 5), r[3] = PICK(b, d, 2, 3, 6, 7);
}

#include "training.h"
