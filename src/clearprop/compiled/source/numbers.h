/* Numbers, many at a time: vectors of `real` as the compiler's own type.
 *
 * A translation unit says what `real` is before it includes this file, and `whole`, the unsigned
 * integer of the same size. A vector is as wide as the processor's registers; a panel is 64 bytes
 * whatever they are, 16 numbers of float32 or 8 of float64, so that no layout depends on the
 * machine. A vector need not be aligned in memory to more than one number. */
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

enum {
    LANES = VECTOR_BYTES / sizeof(real),
    PANEL = 64 / sizeof(real),
    VECTORS = PANEL / LANES,
};

/* What takes its constants from its caller must become part of it, at every optimization level. */
#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const real *from) { return *(const vec_in_memory *)from; }
INLINE void store(real *to, vec v) { *(vec_in_memory *)to = v; }
INLINE void store_or_add(real *to, vec v, int64_t adds) { store(to, adds ? load(to) + v : v); }
INLINE vec splat(real x) { return x - (vec){0}; }
INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t padded(int64_t entries) { return (entries + PANEL - 1) / PANEL * PANEL; }

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

/* The first `count` lanes of v, and `rest` in the others. */
INLINE vec keep_some(vec v, vec rest, int64_t count)
{
    mask kept;
    for (int i = 0; i < LANES; i++)
        kept[i] = i < count ? ~(whole)0 : 0;
    return choose(kept, v, rest);
}

/* The sum and the largest of all lanes, by halves, always in the same order. */
INLINE real lane_sum(vec v)
{
    real t[LANES];
    memcpy(t, &v, sizeof t);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            t[i] += t[i + half];
    return t[0];
}

INLINE real lane_maximum(vec v)
{
    real t[LANES];
    memcpy(t, &v, sizeof t);
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            t[i] = t[i] > t[i + half] || t[i] != t[i] ? t[i] : t[i + half];
    return t[0];
}
