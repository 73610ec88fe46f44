/* The kernels for float64. */
#include <stdint.h>

typedef double real;
typedef uint64_t whole;

#include "numbers.h"

/* What powers, tanh and logarithms are made of: Cephes (S. L. Moshier), exp, tanh and log. */
static const real LARGEST_POWER = 709.782712893384, SMALLEST_POWER = -708.396418532264;
static const real SMALLEST_NORMAL = 2.2250738585072014e-308;
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

/* (ln (1 + x) − x + x²/2) / x² for √½ ≤ 1 + x < √2: x P/Q. */
INLINE vec logarithm_near_1(vec x)
{
    vec p = x * 1.01875663804580931796e-4 + 4.97494994976747001425e-1;
    p = p * x + 4.70579119878881725854;
    p = p * x + 1.44989225341610930846e1;
    p = p * x + 1.79368678507819816313e1;
    p = p * x + 7.70838733755885391666;
    vec q = x + 1.12873587189167450590e1;
    q = q * x + 4.52279145837532221105e1;
    q = q * x + 8.29875266912776603211e1;
    q = q * x + 7.11544750618563894466e1;
    q = q * x + 2.31251620126765340583e1;
    return x * p / q;
}

/* Two rows of two numbers, turned over. */
INLINE void turn_rows(narrow *r)
{
    narrow first = PICK(r[0], r[1], 0, 2);
    r[1] = PICK(r[0], r[1], 1, 3), r[0] = first;
}

#include "training.h"
