/* Layout "columns": samples along the vectors, for networks whose layers are narrower than a panel.
 *
 * A wire is a matrix (features, samples), its rows `stride` apart; the last vectors of a row are
 * filled up, and nothing that is computed there counts. Parameters lie as in the flat array. Behind
 * the features of what a linear layer takes lies a row of ones, so that the bias is one more weight
 * and its gradient one more sum. One thread does it: its sums go over the samples. */

/* z = Wᵀ x + b: row j of z is the sum over k of w_kj x_k */
static void columns_forward(const struct Run *run, const struct Operation *o, int64_t columns)
{
    const real *m = run->arena, *bias = o->bias == NONE ? ZEROS : m + o->bias;
    int64_t panels;
    for (int64_t c = 0; c < columns; c += panels * PANEL) {
        panels = panels_from(c, columns);
        real *y = run->arena + o->y + c;
        struct Tile t = {m + o->weight, 1, o->outputs, m + o->x + c, o->x_stride, PANEL,
                         y, o->y_stride, PANEL, bias, o->bias != NONE, ZEROS, 0};
        all_rows(AT_EACH, o->rectified ? RECTIFY : STORE, panels, o->outputs, o->inputs, &t, NULL);
    }
}

/* dx = W dz: row k of dx is the sum over j of w_kj dz_j */
static void columns_back(const struct Run *run, const struct Operation *o, int64_t columns)
{
    const real *m = run->arena;
    int64_t panels;
    for (int64_t c = 0; c < columns; c += panels * PANEL) {
        panels = panels_from(c, columns);
        struct Tile t = {m + o->weight, o->outputs, 1, m + o->dy + c, o->y_stride, PANEL,
                         run->arena + o->dx + c, o->x_stride, PANEL, ZEROS, 0,
                         m + o->x + c, o->x_stride};
        all_rows(AT_ZERO, o->dx_adds ? ADD : o->gated ? GATE : STORE, panels, o->inputs, o->outputs,
                 &t, NULL);
    }
}

/* The products of `count` rows, `a_row` apart, with the row b: sums over the samples. */
INLINE void row_products(const int count, const real *a, int64_t a_row, const real *b,
                         int64_t columns, real *to, int64_t to_step, int64_t adds)
{
    vec sum[6];
#pragma GCC unroll 6
    for (int r = 0; r < count; r++)
        sum[r] = (vec){0};
    for (int64_t c = 0; c < columns; c += LANES) {
        vec v = load(b + c);
#pragma GCC unroll 6
        for (int r = 0; r < count; r++)
            sum[r] += load(a + r * a_row + c) * v;
    }
#pragma GCC unroll 6
    for (int r = 0; r < count; r++)
        to[r * to_step] = lane_sum(sum[r]) + (adds ? to[r * to_step] : 0);
}

/* dW = x dzᵀ: entry (k, j) is the product of row k of x and row j of dz. What has more rows goes
 * several rows at a time. */
static void columns_weights(const struct Run *run, const struct Operation *o, int64_t columns)
{
    const real *m = run->arena;
    int64_t inputs = o->inputs + (o->bias != NONE);
    int by_inputs = inputs >= o->outputs;
    const real *many = m + (by_inputs ? o->x : o->dy), *one = m + (by_inputs ? o->dy : o->x);
    int64_t rows = by_inputs ? inputs : o->outputs, others = by_inputs ? o->outputs : inputs;
    int64_t many_row = by_inputs ? o->x_stride : o->y_stride;
    int64_t one_row = by_inputs ? o->y_stride : o->x_stride;
    int64_t step = by_inputs ? o->outputs : 1, other_step = by_inputs ? 1 : o->outputs;
    for (int64_t i = 0; i < others; i++, one += one_row) {
        real *to = run->arena + o->weight_gradient + i * other_step;
        const real *a = many;
        int64_t left = rows;
        for (; left >= 6; left -= 6, a += 6 * many_row, to += 6 * step)
            row_products(6, a, many_row, one, columns, to, step, o->weight_adds);
        for (; left >= 2; left -= 2, a += 2 * many_row, to += 2 * step)
            row_products(2, a, many_row, one, columns, to, step, o->weight_adds);
        if (left)
            row_products(1, a, many_row, one, columns, to, step, o->weight_adds);
    }
}

/* The samples of a batch side by side: what they have of x, of the target, and their weights. */
static void gather_columns(const struct Run *run, const struct Batch *b)
{
    int64_t outputs = run->loss.outputs, stride = run->input_stride;
    for (int64_t i = 0; i < b->samples; i++) {
        int64_t n = b->order[i];
        for (int64_t k = 0; k < run->features; k++)
            run->arena[run->input + k * stride + i] = run->x[n * run->x_stride + k];
        if (b->ids)
            run->arena[run->target_rows + i] = (real)b->ids[n];
        for (int64_t j = 0; j < outputs && !b->ids; j++)
            run->arena[run->target_rows + j * stride + i] = run->target[n * outputs + j];
        if (b->sample_weight)
            run->arena[run->weight_row + i] = b->sample_weight[n];
    }
}

static double loss_of_columns(const struct Run *run, const struct Batch *b, double divisor)
{
    const struct Loss *l = &run->loss;
    const double *s = run->settings + l->setting;
    real *m = run->arena;
    double total = 0;
    vec scale = splat((real)(1 / divisor));
    for (int64_t j = 0; j < l->outputs; j++) {
        vec weight = splat(l->weight == NONE ? 1 : (real)run->settings[l->weight + j]);
        vec yes = splat(l->other_weight == NONE ? 1 : (real)run->settings[l->other_weight + j]);
        const real *y = m + l->y + j * l->y_stride, *t = m + run->target_rows + j * l->y_stride;
        real *dy = m + l->dy + j * l->y_stride;
        vec sum = {0};
        for (int64_t c = 0; c < padded(b->samples); c += LANES) {
            struct Cost cost = cost_of(l->kind, load(y + c), load(t + c), s, weight, yes);
            vec counts = b->sample_weight ? load(m + run->weight_row + c) : splat(1);
            sum += keep_some(cost.entry * counts, (vec){0}, b->samples - c);
            store(dy + c, keep_some(cost.slope * scale * counts, (vec){0}, b->samples - c));
        }
        total += (double)lane_sum(sum);
    }
    return total;
}

static double cross_entropy_of_columns(const struct Run *run, const struct Batch *b, double divisor)
{
    const struct Loss *l = &run->loss;
    real *m = run->arena;
    double total = 0;
    for (int64_t c = 0; c < padded(b->samples); c += LANES) {
        vec counts = b->sample_weight ? load(m + run->weight_row + c) : splat(1);
        counts = keep_some(counts, (vec){0}, b->samples - c);
        struct Columns v = {m + l->y + c, m + l->dy + c, l->y_stride, m + run->target_rows + c,
                            l->y_stride, 0};
        vec scale = (real)(1 / divisor) * counts;
        vec costs = cross_entropy_of_lanes(l, run->settings, &v, b->ids != NULL, scale) * counts;
        total += (double)lane_sum(keep_some(costs, (vec){0}, b->samples - c));
        for (int64_t j = 0; j < l->outputs; j++) {
            real *dy = m + l->dy + j * l->y_stride + c;
            store(dy, keep_some(load(dy), (vec){0}, b->samples - c));
        }
    }
    return total;
}

static double step_of_columns(struct Worker *w, const struct Batch *batch, double divisor,
                              const struct Update *u)
{
    const struct Run *run = w->run;
    const struct Operation *all = run->operations;
    int64_t columns = padded(batch->samples), last = run->operation_count - 1;
    real *m = run->arena;
    double total;
    if (batch->order)
        gather_columns(run, batch);
    for (const struct Operation *o = all; o <= all + last; o++) {
        struct Sweep s = {o->inputs, columns, m + o->x, o->x_stride, NULL, 0, m + o->y, o->y_stride,
                          0, run->settings + o->setting};
        if (o->kind == LINEAR)
            columns_forward(run, o, columns);
        else if (o->kind == MOVE)
            move(o->inputs, columns, (struct Rows){m + o->x, o->x_stride},
                 (struct Rows){m + o->y, o->y_stride}, o->y_adds);
        else if (!(o->done & 1))
            activate(o->activation, &s);
    }
    total = run->loss.kind == CROSS_ENTROPY ? cross_entropy_of_columns(run, batch, divisor)
                                            : loss_of_columns(run, batch, divisor);
    for (const struct Operation *o = all + last; o >= all; o--) {
        if (o->kind == LINEAR && o->dx != NONE)
            columns_back(run, o, columns);
        if (o->kind == LINEAR) {
            columns_weights(run, o, columns);
        } else if (o->dx != NONE && o->kind == MOVE) {
            move(o->inputs, columns, (struct Rows){m + o->dy, o->y_stride},
                 (struct Rows){m + o->dx, o->x_stride}, o->dx_adds);
        } else if (o->dx != NONE && !(o->done & 2)) {
            const real *z = m + (from_output(o->activation) ? o->y : o->x);
            struct Sweep s = {o->inputs, columns, z, o->x_stride, m + o->dy, o->y_stride,
                              m + o->dx, o->x_stride, o->dx_adds, run->settings + o->setting};
            deactivate(o->activation, &s);
        }
    }
    update_all(w, u);
    return total;
}
