/* The kernels for float64. */
#include <stdint.h>

typedef double real;
typedef uint64_t whole;

#include "numbers.h"

/* What `power_of_e` and `tanh` are made of: S. L. Moshier's Cephes library, exp and tanh. */
static const real LARGEST_POWER = 709.782712893384, SMALLEST_POWER = -708.396418532264;
static const real LN2_HIGH = 6.93145751953125e-1, LN2_LOW = 1.42860682030941723212e-6;
/* 1.5 · 2^52: adding it rounds to a whole number, which then stands in the lowest bits. */
static const real ROUNDING = 6755399441055744.0;
enum { EXPONENT_BIAS = 1023, MANTISSA_BITS = 52 };

/* eʳ for |r| ≤ ½ ln 2:  1 + 2 r P / (Q − r P) with P and Q of r². */
INLINE vec power_near_0(vec r)
{
    vec s = r * r;
    vec p = s * 1.26177193074810590878e-4 + 3.02994407707441961300e-2;
    p = r * (p * s + 9.99999999999999999910e-1);
    vec q = s * 3.00198505138664455042e-6 + 2.52448340349684104192e-3;
    q = q * s + 2.27265548208155028766e-1;
    q = q * s + 2.00000000000000000005;
    return 1 + 2 * p / (q - p);
}

/* (tanh x)/x − 1 for |x| < 0.625, from s = x²: s P/Q. */
INLINE vec tanh_near_0(vec s)
{
    vec p = s * -9.64399179425052238628e-1 - 9.92877231001918586564e1;
    p = p * s - 1.61468768441708447952e3;
    vec q = s + 1.12811678491632931402e2;
    q = q * s + 2.23548839060100448583e3;
    q = q * s + 4.84406305325125486048e3;
    return s * p / q;
}

#include "training.h"
