/* The three products of a linear layer, in layout "rows": samples in rows, features padded.
 *
 *     forward    y  = x W + b          from W as it lies
 *     back       dx = dz Wᵀ            from blocks of W, turned over on the way
 *     weights    dW = xᵀ dz            stored, added, or used at once for the update
 *
 * A weight (in, out) lies in panels of PANEL outputs: row k of panel p at p · panel + k · row.
 * What a tile reads again and again is a panel of B; one longer than PART rows would not stay in
 * the nearest cache, so a long sum is made part by part.
 *
 * Several threads share the rows of y and dx, or their columns, and the columns of dW or its rows. */

enum { PART = 256 };

static const real ZEROS[2 * PANEL];

/* A weight, or its gradient. */
struct Panels {
    real *at;
    int64_t panel, row;
};

/* Samples in rows; what lies behind the last feature up to the next whole panel may be anything. */
struct Rows {
    real *at;
    int64_t stride;
};

static struct Rows rows_at(real *arena, int64_t place, int64_t stride)
{
    return (struct Rows){place == NONE ? NULL : arena + place, stride};
}

static struct Rows from_sample(struct Rows rows, int64_t first)
{
    if (rows.at)
        rows.at += first * rows.stride;
    return rows;
}

/* What a thread computes of a matrix. */
struct Share { struct Span rows, columns; };

/* The rows of a batch are shared: what a thread then reads, it has made itself. But where the
 * weight is larger than what goes through it, its columns are, so that each reads a part of it. */
static struct Share share_of_product(const struct Worker *w, struct Span own, int64_t samples,
                                     int64_t inner, int64_t columns)
{
    int64_t unit = MOST_PANELS * PANEL, size = w->team->size;
    if (size == 1 || columns < 2 * size * unit || inner * columns <= samples * (inner + columns))
        return (struct Share){own, {0, columns}};
    return (struct Share){{0, samples}, share(w, columns, unit)};
}

INLINE int is_by_rows(struct Share s, int64_t columns) { return count_of(s.columns) == columns; }

/* How many panels the tile takes from column j on. */
INLINE int64_t panels_from(int64_t j, int64_t columns)
{
    return MOST_PANELS == 2 && j + PANEL < columns ? 2 : 1;
}

/* Panels of B one behind the other: what is read again and again lies close together. */
INLINE struct Tile packed(struct Tile t, real *pack, int64_t panels, int64_t inner)
{
    for (int64_t p = 0; p < panels; p++)
        for (int64_t k = 0; k < inner; k++) {
            const real *from = t.b + p * t.b_panel + k * t.b_step;
            for (int h = 0; h < PANEL; h += LANES)
                store(pack + (p * inner + k) * PANEL + h, load(from + h));
        }
    t.b = pack, t.b_step = PANEL, t.b_panel = inner * PANEL;
    return t;
}

/* y = x W + b (STORE), y = max(0, x W + b) (RECTIFY) */
static void forward_product(int finish, int64_t samples, int64_t inputs, int64_t outputs,
                            struct Rows x, struct Panels w, const real *bias, struct Rows y,
                            real *pack)
{
    int64_t parts = (inputs + PART - 1) / PART, most = (inputs + parts - 1) / parts, panels;
    for (int64_t j = 0; j < outputs; j += panels * PANEL, w.at += panels * w.panel) {
        panels = panels_from(j, outputs);
        for (int64_t k = 0; k < inputs; k += most) {
            int64_t inner = smaller(most, inputs - k);
            struct Tile t = {x.at + k, x.stride, 1, w.at + k * w.row, w.row, w.panel,
                             y.at + j, y.stride, PANEL, y.at + j, y.stride, ZEROS, 0};
            if (k == 0) {
                t.from = bias ? bias + j : ZEROS;
                t.from_row = 0;
            }
            if (w.row > PANEL)
                t = packed(t, pack, panels, inner);
            all_rows(AT_ROW, k + inner < inputs ? STORE : finish, panels, samples, inner, &t, NULL);
        }
    }
}

/* A square of NARROW rows, turned over. */
INLINE void turn_square(real *to, int64_t to_row, const real *from, int64_t from_row)
{
    narrow row[NARROW];
#pragma GCC unroll 4
    for (int i = 0; i < NARROW; i++)
        memcpy(&row[i], from + i * from_row, sizeof *row);
    turn_rows(row);
#pragma GCC unroll 4
    for (int i = 0; i < NARROW; i++)
        memcpy(to + i * to_row, &row[i], sizeof *row);
}

/* Rows k to k + rows of one panel of Wᵀ, columns j to j + PANEL; zeros beyond the inputs. k is where
 * a panel of W begins. */
INLINE void turn_over(real *to, struct Panels w, int64_t inputs, int64_t j, int64_t k, int64_t rows)
{
    int64_t columns = smaller(PANEL, inputs - j), squares = columns / NARROW * NARROW;
    for (int64_t r = 0; r < rows; r += NARROW) {
        const real *from = w.at + (k + r) / PANEL * w.panel + r % PANEL + j * w.row;
        real *at = to + r * PANEL;
        for (int64_t c = 0; c < squares; c += NARROW)
            turn_square(at + c, PANEL, from + c * w.row, w.row);
        for (int64_t c = squares; c < PANEL; c++)
            for (int i = 0; i < NARROW; i++)
                at[i * PANEL + c] = c < columns ? from[c * w.row + i] : 0;
    }
}

/* dx = 0 where the rectifier's output x is not above 0 */
static void gate(int64_t samples, struct Span inputs, struct Rows x, struct Rows dx)
{
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = inputs.first; j < inputs.end; j += LANES) {
            real *at = dx.at + i * dx.stride + j;
            vec by = load(x.at + i * x.stride + j);
            store(at, choose(at_most(by, (vec){0}), (vec){0}, load(at)));
        }
}

/* dx = dz Wᵀ for some of the inputs, stored, added, or gated by x where that is a rectifier's
 * output */
static void back_product(int finish, int64_t samples, int64_t inputs, struct Span some,
                         int64_t outputs, struct Rows dz, struct Panels w, struct Rows x,
                         struct Rows dx, real *pack)
{
    int64_t parts = (outputs + PART - 1) / PART, panels;
    int64_t most = padded((outputs + parts - 1) / parts);
    int first = finish == GATE && parts > 1 ? STORE : finish;
    for (int64_t j = some.first; j < some.end; j += panels * PANEL) {
        panels = panels_from(j, some.end);
        for (int64_t k = 0; k < outputs; k += most) {
            int64_t inner = smaller(most, outputs - k);
            struct Tile t = {dz.at + k, dz.stride, 1, pack, PANEL, inner * PANEL,
                             dx.at + j, dx.stride, PANEL, ZEROS, 0, x.at + j, x.stride};
            for (int64_t p = 0; p < panels; p++)
                turn_over(pack + p * inner * PANEL, w, inputs, j + p * PANEL, k, inner);
            all_rows(AT_ZERO, k == 0 ? first : ADD, panels, samples, inner, &t, NULL);
        }
    }
    if (finish == GATE && parts > 1)
        gate(samples, some, x, dx);
}

/* db = the sum over the rows of dz */
static void column_sums(int64_t samples, int64_t outputs, struct Rows dz, real *to,
                        int64_t adds)
{
    for (int64_t j = 0; j < outputs; j += LANES) {
        /* Four sums, so that no addition waits for the one before. */
        vec sum[4] = {{0}, {0}, {0}, {0}};
        const real *from = dz.at + j;
        int64_t i = 0;
        for (; i + 4 <= samples; i += 4, from += 4 * dz.stride)
            for (int s = 0; s < 4; s++)
                sum[s] += load(from + s * dz.stride);
        for (; i < samples; i++, from += dz.stride)
            sum[0] += load(from);
        vec all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        store_or_add(to + j, all, adds);
    }
}

/* dWᵀ = dzᵀ x where that fills the panels better: the rows of a few outputs of a layer, turned over
 * while they are finished. */
INLINE void turned_weights(const int finish, int64_t samples, struct Span inputs, int64_t outputs,
                           struct Rows x, struct Rows dz, struct Panels to, const struct Update *u,
                           real *pack)
{
    int64_t panels;
    memset(pack, 0, PANEL * 2 * PANEL * sizeof(real)); /* also where there is no output */
    for (int64_t i = inputs.first; i < inputs.end; i += panels * PANEL) {
        panels = panels_from(i, inputs.end);
        struct Tile t = {dz.at, 1, dz.stride, x.at + i, x.stride, PANEL, pack, 2 * PANEL, PANEL,
                         ZEROS, 0, ZEROS, 0};
        all_rows(AT_ZERO, STORE, panels, outputs, samples, &t, NULL);
        int64_t rows = smaller(panels * PANEL, inputs.end - i);
        real turned[PANEL * PANEL];
        for (int64_t k = 0; k < rows; k += NARROW) {
            for (int64_t j = 0; j < PANEL; j += NARROW)
                turn_square(turned + j, PANEL, pack + j * 2 * PANEL + k, 2 * PANEL);
            struct Tile of = {.c = to.at + (i + k) * to.row, .c_row = to.row};
            for (int64_t r = 0; r < smaller(NARROW, rows - k); r++)
                for (int h = 0; h < VECTORS; h++)
                    finish_vector(finish, load(turned + r * PANEL + h * LANES), of, r, h, u);
        }
    }
}

/* Few outputs; and the caller's own rows are read to the end of the panel, where that is theirs. */
static int is_turned(int64_t inputs, int64_t outputs, struct Rows x)
{
    return outputs <= smaller(MOST_ROWS, PANEL) && inputs > PANEL && x.stride >= padded(inputs);
}

/* Where the gradient of a bias goes; NULL for none. */
struct Sums { real *to; int64_t adds; };

/* dW = xᵀ dz, stored, added, or used for a step (DESCEND, MOMENTS), and db beside it, while what it
 * sums up is near: a thread's share of its columns, or of its rows where there are few columns. A
 * step of Adam needs the whole sum; descent goes part by part, and shrinks the weights once. */
static void weight_product(const struct Worker *w, int finish, int64_t samples, int64_t inputs,
                           int64_t outputs, struct Rows x, struct Rows dz, struct Panels to,
                           const struct Update *u, struct Sums bias)
{
    int64_t unit = MOST_PANELS * PANEL;
    if (is_turned(inputs, outputs, x)) {
        struct Span k = share(w, inputs, unit);
        if (bias.to && w->number == 0)
            column_sums(samples, outputs, dz, bias.to, bias.adds);
        switch (finish) {
        case ADD: turned_weights(ADD, samples, k, outputs, x, dz, to, u, w->pack); return;
        case DESCEND: turned_weights(DESCEND, samples, k, outputs, x, dz, to, u, w->pack); return;
        case MOMENTS: turned_weights(MOMENTS, samples, k, outputs, x, dz, to, u, w->pack); return;
        default: turned_weights(STORE, samples, k, outputs, x, dz, to, u, w->pack); return;
        }
    }
    int by_columns = outputs >= 2 * w->team->size * unit;
    struct Span rows = by_columns ? (struct Span){0, inputs} : share(w, inputs, MOST_ROWS);
    struct Span columns = by_columns ? share(w, outputs, unit) : (struct Span){0, outputs};
    struct Update next = *u;
    int64_t parts = finish == MOMENTS ? 1 : (samples + PART - 1) / PART;
    int64_t most = (samples + parts - 1) / parts, panels;
    next.decay = (vec){0};
    to.at += columns.first / PANEL * to.panel + rows.first * to.row;
    for (int64_t j = columns.first; j < columns.end; j += panels * PANEL) {
        panels = panels_from(j, columns.end);
        if (bias.to && (by_columns || w->number == 0))
            column_sums(samples, panels * PANEL, (struct Rows){dz.at + j, dz.stride}, bias.to + j,
                        bias.adds);
        for (int64_t k = 0; k < samples; k += most) {
            int64_t inner = smaller(most, samples - k);
            struct Tile t = {x.at + k * x.stride + rows.first, 1, x.stride,
                             dz.at + k * dz.stride + j, dz.stride, PANEL, to.at, to.row, to.panel,
                             ZEROS, 0, ZEROS, 0};
            all_rows(AT_ZERO, finish == STORE && k ? ADD : finish, panels, count_of(rows), inner,
                     &t, k ? &next : u);
        }
        to.at += panels * to.panel;
    }
}
