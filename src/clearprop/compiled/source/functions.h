/* Functions of a vector, lane by lane. NaN stays NaN. */

/* eˣ = 2ⁿ eʳ,  n = x / ln 2 rounded,  r = x − n ln 2: ∞ above the largest power, 0 below the
 * smallest. 2ⁿ is two factors, since 2¹²⁸ is no number of float32 and its product with eʳ may be
 * one. */
INLINE vec power_of_e(vec x)
{
    vec held = choose(above(x, splat(LARGEST_POWER)), splat(LARGEST_POWER), x);
    held = choose(above(splat(SMALLEST_POWER), held), splat(SMALLEST_POWER), held);
    vec shifted = held * (real)1.44269504088896340736 + ROUNDING;
    vec n = shifted - ROUNDING;
    vec r = held - n * LN2_HIGH - n * LN2_LOW;
    /* The lowest bits of `shifted` are n, in two's complement and behind a constant that the
     * subtraction takes off. */
    mask steps = (mask)shifted - (mask)splat(ROUNDING);
    mask half = (steps + 2048) / 2 - 1024;
    vec first = (vec)((half + EXPONENT_BIAS) << MANTISSA_BITS);
    vec second = (vec)((steps - half + EXPONENT_BIAS) << MANTISSA_BITS);
    vec power = power_near_0(r) * first * second;
    power = choose(above(x, splat(LARGEST_POWER)), splat(INFINITY), power);
    power = choose(above(splat(SMALLEST_POWER), x), (vec){0}, power);
    return choose((mask)(x != x), x, power);
}

/* The same for x ≤ 0, where nothing is too large: 2ⁿ is a number, and one factor. */
INLINE vec power_to_1(vec x)
{
    mask small = above(splat(SMALLEST_POWER), x);
    vec held = choose(small, splat(SMALLEST_POWER), x);
    vec shifted = held * (real)1.44269504088896340736 + ROUNDING;
    vec n = shifted - ROUNDING;
    vec r = held - n * LN2_HIGH - n * LN2_LOW;
    mask steps = (mask)shifted - (mask)splat(ROUNDING);
    vec power = power_near_0(r) * (vec)((steps + EXPONENT_BIAS) << MANTISSA_BITS);
    return choose(small, (vec){0}, power);
}

/* tanh x = 1 − 2 / (e²ˣ + 1) for x ≥ 0, odd; close to 0 by a polynomial, which keeps the digits. */
INLINE vec hyperbolic_tangent(vec x)
{
    vec size = absolute(x);
    vec far = 1 - 2 / (power_of_e(2 * size) + 1);
    far = choose(above((vec){0}, x), -far, far);
    vec near = x + x * tanh_near_0(x * x);
    return choose(above(splat((real)0.625), size), near, far);
}

/* σ(x) = 1 / (1 + e⁻ˣ) */
INLINE vec logistic(vec x) { return 1 / (1 + power_of_e(-x)); }

/* eˣ − 1 = 2t / (1 − t), t = tanh(x/2): with the digits of a small x; for x ≤ 0 */
INLINE vec power_less_1(vec x)
{
    vec t = hyperbolic_tangent(x / 2);
    return 2 * t / (1 - t);
}

/* ln x = n ln 2 + ln m,  x = 2ⁿ m,  √½ ≤ m < √2: −∞ at 0, and no number below. */
INLINE vec logarithm(vec x)
{
    const real many = (real)((whole)1 << MANTISSA_BITS);
    mask tiny = above(splat(SMALLEST_NORMAL), x);
    mask bits = (mask)choose(tiny, x * many, x);
    /* 2ⁿ m with ½ ≤ m < 1. */
    vec n = (vec)((mask)splat(ROUNDING) + (bits >> MANTISSA_BITS)) - ROUNDING - (EXPONENT_BIAS - 1);
    n -= choose(tiny, splat(MANTISSA_BITS), (vec){0});
    mask fraction = bits & (((whole)1 << MANTISSA_BITS) - 1);
    vec m = (vec)(fraction | (mask)splat((real)0.5));
    mask low = above(splat((real)0.70710678118654752440), m);
    n -= choose(low, splat(1), (vec){0});
    m = choose(low, 2 * m, m) - 1;
    vec square = m * m;
    vec result = m + (square * logarithm_near_1(m) + n * LN2_LOW - square / 2) + n * LN2_HIGH;
    result = choose(equal(x, splat(INFINITY)), x, result);
    result = choose(equal(x, (vec){0}), splat(-INFINITY), result);
    return choose(above((vec){0}, x) | (mask)(x != x), splat(NAN), result);
}

/* ln (1 + x) for x from 0 to 1, with the digits of a small x: what 1 + x has lost of it cancels. */
INLINE vec log_of_1_plus(vec x)
{
    vec sum = 1 + x;
    return choose(equal(sum, splat(1)), x, logarithm(sum) * (x / (sum - 1)));
}

/* libm's, a lane at a time. */
/* Φ(x) = ½ erfc(−x/√2), the share of a standard normal distribution below x */
INLINE vec normal_share(vec x)
{
    x = x * (real)-0.70710678118654752440;
    for (int i = 0; i < LANES; i++)
        x[i] = sizeof(real) == 4 ? (real)erfcf((float)x[i]) : (real)erfc((double)x[i]);
    return x / 2;
}
