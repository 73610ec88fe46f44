/* Numbers, many at a time: vectors of `real` as the compiler's own type.
 *
 * A translation unit says what `real` is before it includes this file, and `whole`, the unsigned
 * integer of the same size. A vector is as wide as the processor's registers; a panel is 64 bytes
 * whatever they are, 16 numbers of float32 or 8 of float64, so that no layout depends on the
 * machine. A vector need not be aligned in memory to more than one number. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
#pragma GCC optimize("O3") /* whose O2 takes the roots of a vector one by one */
#endif
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef vec vec_in_memory __attribute__((aligned(sizeof(real)), may_alias));
typedef whole mask __attribute__((vector_size(VECTOR_BYTES)));
typedef real narrow __attribute__((vector_size(16)));
typedef whole narrow_mask __attribute__((vector_size(16)));
typedef mask mask_in_memory __attribute__((aligned(sizeof(whole)), may_alias));

enum {
    LANES = VECTOR_BYTES / sizeof(real),
    PANEL = 64 / sizeof(real),
    VECTORS = PANEL / LANES,
    NARROW = 16 / sizeof(real),
};

/* What takes its constants from its caller must become part of it, at every optimization level. */
#define INLINE static inline __attribute__((always_inline))
/* And what needs all registers must not. */
#define APART static __attribute__((noinline))

INLINE vec load(const real *from) { return *(const vec_in_memory *)from; }
INLINE void store(real *to, vec v) { *(vec_in_memory *)to = v; }
INLINE void store_or_add(real *to, vec v, int64_t adds) { store(to, adds ? load(to) + v : v); }
INLINE vec splat(real x) { return x - (vec){0}; }
INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t padded(int64_t entries) { return (entries + PANEL - 1) / PANEL * PANEL; }

/* Lanes of two vectors, by their numbers in one behind the other; a macro, since the compilers want
 * the numbers as they stand. */
#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (narrow_mask){__VA_ARGS__})
#endif

/* `yes` where the condition holds, else `no`. */
INLINE vec choose(mask condition, vec yes, vec no)
{
    return (vec)((condition & (mask)yes) | (~condition & (mask)no));
}

/* A comparison with NaN does not hold, so NaN goes where `no` goes. */
INLINE mask above(vec a, vec b) { return (mask)(a > b); }
INLINE mask at_most(vec a, vec b) { return (mask)(a <= b); }
INLINE mask equal(vec a, vec b) { return (mask)(a == b); }

/* The larger of two, and NaN where one is. */
INLINE vec larger(vec a, vec b) { return choose((mask)(a != a), a, choose(above(a, b), a, b)); }

INLINE vec absolute(vec v) { return choose(above((vec){0}, v), -v, v); }

INLINE vec square_root(vec v)
{
    for (int i = 0; i < LANES; i++)
        v[i] = sizeof(real) == 4 ? (real)sqrtf((float)v[i]) : (real)sqrt((double)v[i]);
    return v;
}

/* Fewer numbers than a vector has, and zeros behind them: nothing is read or written beyond. */
INLINE vec load_some(const real *from, int64_t count)
{
    vec v = {0};
    if (count >= LANES)
        return load(from);
    for (int64_t i = 0; i < count; i++)
        v[i] = from[i];
    return v;
}

INLINE void store_some(real *to, vec v, int64_t count)
{
    if (count >= LANES)
        store(to, v);
    else
        for (int64_t i = 0; i < count; i++)
            to[i] = v[i];
}

/* The first `count` lanes of v, and those of `rest` behind them; none where `count` is below 0, for
 * a panel may end whole vectors behind the last number. */
INLINE vec keep_some(vec v, vec rest, int64_t count)
{
    static const whole numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    mask number = *(const mask_in_memory *)numbers;
    whole kept = count < 0 ? 0 : count < LANES ? (whole)count : LANES;
    return choose((mask)(number < kept), v, rest);
}

/* All lanes brought together by halves, always in the same order: their sum, and the largest. A NaN
 * may be passed over by the latter. */
INLINE narrow larger_of_two(narrow a, narrow b)
{
    narrow_mask is_a = (narrow_mask)(a > b);
    return (narrow)((is_a & (narrow_mask)a) | (~is_a & (narrow_mask)b));
}

INLINE narrow halved(vec v, const int largest)
{
    narrow part[VECTOR_BYTES / 16];
    /* One by one, or the compiler takes the way through memory. */
#pragma GCC unroll 4
    for (int i = 0; i < VECTOR_BYTES / 16; i++)
        memcpy(&part[i], (const char *)&v + 16 * i, 16);
#pragma GCC unroll 4
    for (int half = VECTOR_BYTES / 32; half; half /= 2)
#pragma GCC unroll 4
        for (int i = 0; i < half; i++)
            part[i] = largest ? larger_of_two(part[i], part[i + half]) : part[i] + part[i + half];
    return part[0];
}

INLINE real lane_sum(vec v)
{
    narrow half = halved(v, 0);
    if (sizeof(real) == 8)
        return half[0] + half[1];
    return (half[0] + half[2 % NARROW]) + (half[1] + half[3 % NARROW]);
}

INLINE real largest_lane(vec v)
{
    narrow all = halved(v, 1);
    real largest = all[0];
    for (int i = 1; i < NARROW; i++)
        largest = all[i] > largest ? all[i] : largest;
    return largest;
}
