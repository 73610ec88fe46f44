/* The three products of a linear layer, in layout "rows": samples in rows, features padded to panels.
 *
 *     forward    y  = x W + b          from W as it lies
 *     back       dx = dz Wᵀ            from blocks of W, turned over on the way
 *     weights    dW = xᵀ dz            stored, added, or used at once for the update
 *
 * A weight (in, out) lies in panels of PANEL outputs: row k of panel p at p · panel + k · row. What a
 * tile reads again and again is a panel of B; a panel longer than PART rows would not stay in the
 * nearest cache, so a long sum is made part by part. */

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

/* How many panels the tile takes from column j on. */
INLINE int64_t panels_from(int64_t j, int64_t columns)
{
    return MOST_PANELS == 2 && j + PANEL < columns ? 2 : 1;
}

/* Panels of B one behind the other: what is read again and again lies close together. */
INLINE struct Tile packed(struct Tile t, real *pack, int64_t panels, int64_t inner)
{
    for (int64_t p = 0; p < panels; p++)
        for (int64_t k = 0; k < inner; k++)
            for (int h = 0; h < PANEL; h += LANES)
                store(pack + (p * inner + k) * PANEL + h, load(t.b + p * t.b_panel + k * t.b_step + h));
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
            all_rows(AT_ROW, k + inner < inputs ? STORE : finish, panels, samples, inner, t, NULL);
        }
    }
}

/* Rows k to k + rows of one panel of Wᵀ, columns j to j + PANEL; zeros beyond the inputs. */
INLINE void turn_over(real *to, struct Panels w, int64_t inputs, int64_t j, int64_t k, int64_t rows)
{
    int64_t columns = smaller(PANEL, inputs - j);
    if (columns < PANEL)
        memset(to, 0, (size_t)(rows * PANEL) * sizeof(real));
    for (int64_t first = 0, count; first < rows; first += count) {
        /* As far as the panel of W goes in which row k + first of Wᵀ lies. */
        int64_t inside = (k + first) % PANEL;
        count = smaller(PANEL - inside, rows - first);
        const real *from = w.at + (k + first) / PANEL * w.panel + inside + j * w.row;
        real *at = to + first * PANEL;
        if (count == PANEL && columns == PANEL)
            for (int r = 0; r < PANEL; r++)
                for (int c = 0; c < PANEL; c++)
                    at[c * PANEL + r] = from[r * w.row + c];
        else
            for (int64_t r = 0; r < columns; r++)
                for (int64_t c = 0; c < count; c++)
                    at[c * PANEL + r] = from[r * w.row + c];
    }
}

/* dx = dz Wᵀ, stored, added, or gated by x where that is a rectifier's output */
static void back_product(int finish, int64_t samples, int64_t inputs, int64_t outputs,
                         struct Rows dz, struct Panels w, struct Rows x, struct Rows dx,
                         real *pack)
{
    int64_t parts = (outputs + PART - 1) / PART, most = (outputs + parts - 1) / parts, panels;
    for (int64_t j = 0; j < inputs; j += panels * PANEL) {
        panels = panels_from(j, inputs);
        for (int64_t k = 0; k < outputs; k += most) {
            int64_t inner = smaller(most, outputs - k);
            struct Tile t = {dz.at + k, dz.stride, 1, pack, PANEL, inner * PANEL,
                             dx.at + j, dx.stride, PANEL, dx.at + j, dx.stride, x.at + j, x.stride};
            if (k == 0)
                t.from = ZEROS, t.from_row = 0;
            for (int64_t p = 0; p < panels; p++)
                turn_over(pack + p * inner * PANEL, w, inputs, j + p * PANEL, k, inner);
            if (finish == ADD)
                all_rows(AT_ZERO, ADD, panels, samples, inner, t, NULL);
            else
                all_rows(AT_ROW, k + inner < outputs ? STORE : finish, panels, samples, inner, t, NULL);
        }
    }
}

/* dW = xᵀ dz, stored, added, or used for a step (DESCEND, MOMENTS). A step of Adam needs the whole
 * sum; descent goes part by part, and shrinks the weights once. */
static void weight_product(int finish, int64_t samples, int64_t inputs, int64_t outputs,
                           struct Rows x, struct Rows dz, struct Panels to, const struct Update *u,
                           real *pack)
{
    struct Update next = *u;
    int64_t parts = finish == MOMENTS ? 1 : (samples + PART - 1) / PART;
    int64_t most = (samples + parts - 1) / parts, panels;
    next.decay = (vec){0};
    for (int64_t j = 0; j < outputs; j += panels * PANEL, to.at += panels * to.panel) {
        panels = panels_from(j, outputs);
        for (int64_t k = 0; k < samples; k += most) {
            int64_t inner = smaller(most, samples - k);
            struct Tile t = {x.at + k * x.stride, 1, x.stride, dz.at + k * dz.stride + j,
                             dz.stride, PANEL, to.at, to.row, to.panel, ZEROS, 0, ZEROS, 0};
            if (inputs > 2 * MOST_ROWS && dz.stride > PANEL)
                t = packed(t, pack, panels, inner);
            all_rows(AT_ZERO, finish == STORE && k ? ADD : finish, panels, inputs, inner, t,
                     k ? &next : u);
        }
    }
}

/* db = the sum over the rows of dz */
static void column_sums(int64_t samples, int64_t outputs, struct Rows dz, real *to, int64_t adds)
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
