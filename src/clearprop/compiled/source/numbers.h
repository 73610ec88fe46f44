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
typedef real narrow __attribute__((vector_size(16)));

enum {
    LANES = VECTOR_BYTES / sizeof(real),
    PANEL = 64 / sizeof(real),
    VECTORS = PANEL / LANES,
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
    mask number;
    for (int i = 0; i < LANES; i++)
        number[i] = (whole)i;
    whole kept = count < 0 ? 0 : count < LANES ? (whole)count : LANES;
    return choose((mask)(number < kept), v, rest);
}

/* The sum of all lanes, by halves, always in the same order. */
INLINE real lane_sum(vec v)
{
    narrow part[VECTOR_BYTES / 16];
    memcpy(part, &v, sizeof part);
#pragma GCC unroll 4
    for (int half = VECTOR_BYTES / 32; half; half /= 2)
#pragma GCC unroll 4
        for (int i = 0; i < half; i++)
            part[i] += part[i + half];
    if (sizeof(real) == 8)
        return part[0][0] + part[0][1];
    return (part[0][0] + part[0][2 % (16 / sizeof(real))])
           + (part[0][1] + part[0][3 % (16 / sizeof(real))]);
}

/* The largest of a row, and its sum. The rows of a batch are short as a rule, and do not wait for
 * each other: number by number is the fastest way. A NaN among them may be passed over. */
INLINE real largest_of(const real *row, int64_t count)
{
    real largest = -INFINITY;
    int64_t i = 0;
    if (count >= 2 * PANEL) {
        vec v = load(row);
        for (i = LANES; i + LANES <= count; i += LANES)
            v = choose(above(load(row + i), v), load(row + i), v);
        for (int lane = 0; lane < LANES; lane++)
            largest = v[lane] > largest ? v[lane] : largest;
    }
    for (; i < count; i++)
        largest = row[i] > largest ? row[i] : largest;
    return largest;
}

INLINE real sum_of(const real *row, int64_t count)
{
    real sum = 0;
    int64_t i = 0;
    if (count >= 2 * PANEL) {
        vec v = load(row);
        for (i = LANES; i + LANES <= count; i += LANES)
            v += load(row + i);
        sum = lane_sum(v);
    }
    for (; i < count; i++)
        sum += row[i];
    return sum;
}
