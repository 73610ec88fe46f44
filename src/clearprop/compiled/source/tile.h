/* The register tile: a few rows × one panel of columns of a product, held in registers over all k.
 *
 *     C[r][j] ← finish(start[r][j] + Σₖ A[r][k] B[k][j])
 *
 * A may have any strides, so the same tile computes x W forward, dz Wᵀ backward and xᵀ dz for the
 * weights. What is done with a sum is done while it is in registers: with plain descent no weight
 * gradient is ever written, which is why a whole step can cost less than its products alone. */

/* Where a sum starts. */
enum Start {
    AT_ZERO,
    AT_ROW,   /* a row of numbers, `from` + r from_row: a bias, or what there is of the sum */
    AT_EACH,  /* a number for each row */
};

/* What is done with it. */
enum Finish {
    STORE,
    ADD,      /* C += sum */
    RECTIFY,  /* C = max(0, sum) */
    GATE,     /* C = sum where `by` > 0, else 0: back through a rectifier, by its output */
    DESCEND,  /* C ← C − η sum, with what stands in `update` */
    MOMENTS,  /* C ← one step of Adam at the gradient sum */
};

struct Tile {
    const real *a; int64_t a_row, a_step;
    const real *b; int64_t b_step;
    real *c; int64_t c_row;
    const real *from; int64_t from_row;
    const real *by; int64_t by_row;
};

/* As many rows as registers hold, and fewer where that many are left; a panel is wider than half of
 * the registers where they are 16 bytes and few. */
#if defined(__AVX512F__)
enum { MOST_ROWS = 12, TILE_VECTORS = 1 };
#elif defined(__AVX__) || defined(__aarch64__)
enum { MOST_ROWS = 6, TILE_VECTORS = VECTORS };
#else
enum { MOST_ROWS = 4, TILE_VECTORS = 2 };
#endif

INLINE void finish_row(const int finish, vec sum, const struct Tile t, int64_t r, int64_t j,
                       const struct Update u)
{
    real *c = t.c + r * t.c_row + j;
    switch (finish) {
    case ADD: store(c, load(c) + sum); break;
    case RECTIFY: store(c, choose(at_most(sum, (vec){0}), (vec){0}, sum)); break;
    case GATE: {
        vec by = load(t.by + r * t.by_row + j);
        store(c, choose(at_most(by, (vec){0}), (vec){0}, sum));
        break;
    }
    case DESCEND: store(c, descended(load(c), sum, u)); break;
    case MOMENTS: store(c, after_moments(c, sum, u)); break;
    default: store(c, sum);
    }
}

INLINE void tile(const int rows, const int start, const int finish, int64_t inner,
                 const struct Tile t, const struct Update u)
{
    for (int half = 0; half < PANEL; half += TILE_VECTORS * LANES) {
        vec sum[MOST_ROWS][TILE_VECTORS];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            /* What is read again at the end is fetched ahead. */
            if (start != AT_EACH && half == 0)
                __builtin_prefetch(t.c + r * t.c_row, 1);
#pragma GCC unroll 4
            for (int h = 0; h < TILE_VECTORS; h++)
                sum[r][h] = start == AT_ZERO ? (vec){0}
                    : start == AT_ROW ? load(t.from + r * t.from_row + half + h * LANES)
                                      : splat(t.from[r * t.from_row]);
        }
        const real *a = t.a, *b = t.b + half;
        for (int64_t k = 0; k < inner; k++, a += t.a_step, b += t.b_step) {
            vec v[TILE_VECTORS];
#pragma GCC unroll 4
            for (int h = 0; h < TILE_VECTORS; h++)
                v[h] = load(b + h * LANES);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
                for (int h = 0; h < TILE_VECTORS; h++)
                    sum[r][h] += splat(a[r * t.a_row]) * v[h];
        }
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int h = 0; h < TILE_VECTORS; h++)
                finish_row(finish, sum[r][h], t, r, half + h * LANES, u);
    }
}

/* The next `rows` rows. */
INLINE struct Tile below(struct Tile t, int64_t rows)
{
    t.a += rows * t.a_row;
    t.c += rows * t.c_row;
    t.from += rows * t.from_row;
    t.by += rows * t.by_row;
    return t;
}

/* One panel of columns, all rows. Where a full tile would leave one or two rows, which keep the
 * processor waiting, two smaller ones do them. */
INLINE void panel_of_rows(const int start, const int finish, int64_t rows, int64_t inner,
                          struct Tile t, const struct Update u)
{
    for (; rows >= MOST_ROWS + 3 || rows == MOST_ROWS; rows -= MOST_ROWS, t = below(t, MOST_ROWS))
        tile(MOST_ROWS, start, finish, inner, t, u);
    if (MOST_ROWS > 8)
        for (; rows >= 8; rows -= 8, t = below(t, 8))
            tile(8, start, finish, inner, t, u);
    for (; rows >= 4; rows -= 4, t = below(t, 4))
        tile(4, start, finish, inner, t, u);
    if (rows >= 2) {
        tile(2, start, finish, inner, t, u);
        rows -= 2, t = below(t, 2);
    }
    if (rows)
        tile(1, start, finish, inner, t, u);
}
