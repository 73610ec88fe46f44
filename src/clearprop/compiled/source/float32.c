/* The kernels for float32. */
#include <stdint.h>

typedef float real;
typedef uint32_t whole;

#include "numbers.h"

/* What `power_of_e` and `tanh` are made of: S. L. Moshier's Cephes library, expf and tanhf. */
static const real LARGEST_POWER = 88.72283f, SMALLEST_POWER = -87.33654f;
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

#include "training.h"
