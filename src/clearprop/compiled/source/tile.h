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
    const real *b; int64_t b_step, b_panel;
    real *c; int64_t c_row, c_panel;
    const real *from; int64_t from_row;
    const real *by; int64_t by_row;
};

/* As many rows and vectors as registers hold. A processor with 32 wide registers takes two panels
 * at a time, which reads half as much of A; one with few and narrow ones takes half a panel. */
#if defined(__AVX512F__)
enum { MOST_ROWS = 12, MOST_PANELS = 2 };
#elif defined(__AVX__) || defined(__aarch64__)
enum { MOST_ROWS = 6, MOST_PANELS = 1 };
#else
enum { MOST_ROWS = 4, MOST_PANELS = 1 };
#endif
#if defined(__AVX__) || defined(__aarch64__)
enum { VECTORS_AT_ONCE = VECTORS };
#else
enum { VECTORS_AT_ONCE = 2 };
#endif

/* Where vector h of a row lies, if panels are `panel` apart. */
INLINE int64_t across(int h, int64_t panel) { return h / VECTORS * panel + h % VECTORS * LANES; }

INLINE void finish_vector(const int finish, vec sum, const struct Tile t, int64_t r, int h,
                          const struct Update *u)
{
    real *c = t.c + r * t.c_row + across(h, t.c_panel);
    switch (finish) {
    case ADD: store(c, load(c) + sum); break;
    case RECTIFY: store(c, choose(at_most(sum, (vec){0}), (vec){0}, sum)); break;
    case GATE: {
        vec by = load(t.by + r * t.by_row + h * LANES);
        store(c, choose(at_most(by, (vec){0}), (vec){0}, sum));
        break;
    }
    case DESCEND: store(c, descended(load(c), sum, u)); break;
    case MOMENTS: store(c, after_moments(c, sum, u)); break;
    default: store(c, sum);
    }
}

/* `rows` rows and `panels` panels. */
INLINE void tile(const int rows, const int panels, const int start, const int finish,
                 int64_t inner, const struct Tile t, const struct Update *u)
{
    const int width = panels * VECTORS_AT_ONCE;
    for (int first = 0; first < panels * VECTORS; first += width) {
        vec sum[MOST_ROWS][MOST_PANELS * VECTORS_AT_ONCE];
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
            for (int h = 0; h < width; h++) {
                /* What is read again at the end is fetched ahead. */
                if (start != AT_EACH && (first + h) % VECTORS == 0)
                    __builtin_prefetch(t.c + r * t.c_row + across(first + h, t.c_panel), 1);
                sum[r][h] = start == AT_ZERO ? (vec){0}
                    : start == AT_ROW ? load(t.from + r * t.from_row + (first + h) * LANES)
                                      : splat(t.from[r * t.from_row]);
            }
        }
        /* Rows in groups of four: an address for each would need more registers than there are. */
        const int64_t row[4] = {0, t.a_row, 2 * t.a_row, 3 * t.a_row};
        const real *a[(MOST_ROWS + 3) / 4], *b = t.b;
        for (int r = 0; r < rows; r += 4)
            a[r / 4] = t.a + r * t.a_row;
        for (int64_t k = 0; k < inner; k++, b += t.b_step) {
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                vec left = splat(a[r / 4][row[r % 4]]);
#pragma GCC unroll 4
                for (int h = 0; h < width; h++)
                    sum[r][h] += left * load(b + across(first + h, t.b_panel));
            }
            for (int r = 0; r < rows; r += 4)
                a[r / 4] += t.a_step;
        }
        /* What the end needs is read at the end: in registers it would crowd out the sums. */
        __asm__ volatile("" : : "r"(u) : "memory");
        if (finish == MOMENTS) {
            /* Long, and the compiler's time if it stood there for every sum: through memory. */
            vec each[MOST_ROWS][MOST_PANELS * VECTORS_AT_ONCE];
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
                for (int h = 0; h < width; h++)
                    each[r][h] = sum[r][h];
#pragma GCC unroll 1
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 1
                for (int h = 0; h < width; h++)
                    finish_vector(finish, each[r][h], t, r, first + h, u);
            continue;
        }
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int h = 0; h < width; h++)
                finish_vector(finish, sum[r][h], t, r, first + h, u);
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

/* One panel of columns, or two, all rows. Where a full tile would leave one or two rows, which keep
 * the processor waiting, smaller ones do more of them. */
INLINE void rows_of_tiles(const int panels, const int start, const int finish, int64_t rows,
                          int64_t inner, struct Tile t, const struct Update *u)
{
    const int least = MOST_ROWS > 8 ? MOST_ROWS + 8 : MOST_ROWS + 3;
    for (; rows >= least || rows == MOST_ROWS || rows == MOST_ROWS + 3; rows -= MOST_ROWS)
        tile(MOST_ROWS, panels, start, finish, inner, t, u), t = below(t, MOST_ROWS);
    if (MOST_ROWS > 8)
        for (; rows >= 8; rows -= 8, t = below(t, 8))
            tile(8, panels, start, finish, inner, t, u);
    for (; rows >= 4; rows -= 4, t = below(t, 4))
        tile(4, panels, start, finish, inner, t, u);
    if (rows >= 2) {
        tile(2, panels, start, finish, inner, t, u);
        rows -= 2, t = below(t, 2);
    }
    if (rows)
        tile(1, panels, start, finish, inner, t, u);
}

/* The tiles of a start and a finish, for one panel or two: a function by itself, so that its sums
 * have all registers. */
INLINE void panel_rows(const int start, const int finish, int64_t panels, int64_t rows,
                       int64_t inner, const struct Tile *t, const struct Update *u)
{
    if (MOST_PANELS == 2 && panels == 2)
        rows_of_tiles(MOST_PANELS, start, finish, rows, inner, *t, u);
    else
        rows_of_tiles(1, start, finish, rows, inner, *t, u);
}

APART void stored(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                       const struct Update *u)
{
    panel_rows(AT_ROW, STORE, panels, rows, inner, t, u);
}

APART void rectified(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                          const struct Update *u)
{
    panel_rows(AT_ROW, RECTIFY, panels, rows, inner, t, u);
}

APART void gated(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                      const struct Update *u)
{
    panel_rows(AT_ZERO, GATE, panels, rows, inner, t, u);
}

APART void added(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                      const struct Update *u)
{
    panel_rows(AT_ZERO, ADD, panels, rows, inner, t, u);
}

APART void descending(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                           const struct Update *u)
{
    panel_rows(AT_ZERO, DESCEND, panels, rows, inner, t, u);
}

APART void with_moments(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                             const struct Update *u)
{
    panel_rows(AT_ZERO, MOMENTS, panels, rows, inner, t, u);
}

APART void stored_by_row(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                              const struct Update *u)
{
    panel_rows(AT_EACH, STORE, panels, rows, inner, t, u);
}

APART void rectified_by_row(int64_t panels, int64_t rows, int64_t inner, const struct Tile *t,
                                 const struct Update *u)
{
    panel_rows(AT_EACH, RECTIFY, panels, rows, inner, t, u);
}

/* C ← finish(start + A B) for all rows of one panel of columns, or two. */
static void all_rows(int start, int finish, int64_t panels, int64_t rows, int64_t inner,
                     const struct Tile *t, const struct Update *u)
{
    switch (finish) {
    case RECTIFY:
        (start == AT_ROW ? rectified : rectified_by_row)(panels, rows, inner, t, u);
        break;
    case GATE: gated(panels, rows, inner, t, u); break;
    case ADD: added(panels, rows, inner, t, u); break;
    case DESCEND: descending(panels, rows, inner, t, u); break;
    case MOMENTS: with_moments(panels, rows, inner, t, u); break;
    default:
        /* From zero too: whoever begins there has a row of zeros in `from`. */
        (start == AT_EACH ? stored_by_row : stored)(panels, rows, inner, t, u);
    }
}
