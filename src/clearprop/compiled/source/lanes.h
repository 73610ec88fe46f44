/* Many equal networks at once: one network in each lane of the vectors.
 *
 * A number is a vector here, one for each network of a group, and the passes read as in a textbook:
 * no network's result depends on which others are beside it, or on how the groups are divided over
 * threads. Places in the tables count vectors. A wire is a matrix (features, samples), of a block of
 * samples at a time, so that what lies between the passes stays close; behind the features that a
 * linear layer takes lies a row of ones, and the bias is one more weight. */

enum { BLOCK_OF_SAMPLES = 16 };

/* What a run of many networks has beside a plan's tables. */
struct Lanes {
    int64_t networks, begin, end;  /* of them all, those that this call takes */
    int64_t size, slots;
    real *state;                   /* (1 + slots, networks, size): parameters, then the slots */
    int64_t own_x, own_target, own_weight; /* whether each network has its own: (networks, ...) */
    int64_t x, target, weight;     /* places of what a group has of its own */
    int64_t gradient;
    const double *rates, *decays;  /* of each network; NULL: those of the optimizer */
    double *totals, *weights;      /* (steps, networks) */
};

/* How many rows and columns of a small product are in registers at once. */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { LANE_ROWS = 4, LANE_COLUMNS = 4 };
#else
enum { LANE_ROWS = 4, LANE_COLUMNS = 2 };
#endif

/* A matrix of vectors: entry (i, t) at i · row + t · step. */
struct Matrix {
    vec *at;
    int64_t row, step;
};

/* C[i][j] ← finish(C[i][j] or 0 + Σₜ A[i][t] B[j][t]) for a few i and j, in registers. */
INLINE void lane_tile(const int rows, const int columns, const int finish, int64_t inner,
                      struct Matrix a, struct Matrix b, struct Matrix c, const vec *start,
                      int64_t start_row, struct Matrix by)
{
    vec sum[LANE_ROWS][2 * LANE_COLUMNS];
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++)
            sum[i][j] = start ? start[i * start_row] : (vec){0};
    for (int64_t t = 0; t < inner; t++)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
            for (int j = 0; j < columns; j++)
                sum[i][j] += a.at[i * a.row + t * a.step] * b.at[j * b.row + t * b.step];
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int j = 0; j < columns; j++) {
            vec *to = c.at + i * c.row + j * c.step;
            vec gate = finish == GATE ? by.at[i * by.row + j * by.step] : sum[i][j];
            if (finish == ADD)
                *to += sum[i][j];
            else if (finish == RECTIFY || finish == GATE)
                *to = choose(at_most(gate, (vec){0}), (vec){0}, sum[i][j]);
            else
                *to = sum[i][j];
        }
}

INLINE struct Matrix from_row(struct Matrix m, int64_t i) { return m.at += i * m.row, m; }
INLINE struct Matrix from_step(struct Matrix m, int64_t j) { return m.at += j * m.step, m; }

/* All i < rows and j < columns. */
INLINE void lane_product(const int finish, int64_t rows, int64_t columns, int64_t inner,
                         struct Matrix a, struct Matrix b, struct Matrix c, const vec *start,
                         int64_t start_row, struct Matrix by)
{
    int64_t i = 0;
    for (; i + LANE_ROWS <= rows; i += LANE_ROWS) {
        int64_t j = 0;
        for (; j + LANE_COLUMNS <= columns; j += LANE_COLUMNS)
            lane_tile(LANE_ROWS, LANE_COLUMNS, finish, inner, from_row(a, i), from_row(b, j),
                      from_step(from_row(c, i), j), start ? start + i * start_row : NULL, start_row,
                      from_step(from_row(by, i), j));
        for (; j < columns; j++)
            lane_tile(LANE_ROWS, 1, finish, inner, from_row(a, i), from_row(b, j),
                      from_step(from_row(c, i), j), start ? start + i * start_row : NULL, start_row,
                      from_step(from_row(by, i), j));
    }
    for (; i < rows; i++) {
        int64_t j = 0;
        for (; j + 2 * LANE_COLUMNS <= columns; j += 2 * LANE_COLUMNS)
            lane_tile(1, 2 * LANE_COLUMNS, finish, inner, from_row(a, i), from_row(b, j),
                      from_step(from_row(c, i), j), start ? start + i * start_row : NULL, start_row,
                      from_step(from_row(by, i), j));
        for (; j < columns; j++)
            lane_tile(1, 1, finish, inner, from_row(a, i), from_row(b, j),
                      from_step(from_row(c, i), j), start ? start + i * start_row : NULL, start_row,
                      from_step(from_row(by, i), j));
    }
}

/* z_j = Σ_k w_kj x_k + b_j */
static void lane_forward(vec *m, const struct Operation *o, int64_t samples)
{
    struct Matrix w = {m + o->weight, 1, o->outputs}, x = {m + o->x, 1, o->x_stride};
    struct Matrix z = {m + o->y, o->y_stride, 1};
    const vec *bias = o->bias == NONE ? NULL : m + o->bias;
    if (o->rectified)
        lane_product(RECTIFY, o->outputs, samples, o->inputs, w, x, z, bias, 1, z);
    else
        lane_product(STORE, o->outputs, samples, o->inputs, w, x, z, bias, 1, z);
}

/* dx_k = Σ_j w_kj dz_j;  dw_kj = Σ over the samples of x_k dz_j */
static void lane_back(vec *m, const struct Operation *o, int64_t samples)
{
    struct Matrix w = {m + o->weight, o->outputs, 1}, dz = {m + o->dy, 1, o->y_stride};
    struct Matrix x = {m + o->x, o->x_stride, 1}, dx = {m + o->dx, o->x_stride, 1};
    struct Matrix dw = {m + o->weight_gradient, o->outputs, 1};
    if (o->dx != NONE && o->gated)
        lane_product(GATE, o->inputs, samples, o->outputs, w, dz, dx, NULL, 0, x);
    else if (o->dx != NONE && o->dx_adds)
        lane_product(ADD, o->inputs, samples, o->outputs, w, dz, dx, NULL, 0, dx);
    else if (o->dx != NONE)
        lane_product(STORE, o->inputs, samples, o->outputs, w, dz, dx, NULL, 0, dx);
    struct Matrix by_sample = {m + o->dy, o->y_stride, 1};
    lane_product(ADD, o->inputs + (o->bias != NONE), o->outputs, samples, x, by_sample, dw, NULL, 0,
                 dw);
}

/* One number of sample n for each network: the same for all, or its own. */
INLINE vec of_sample(const vec *own, const real *shared, int64_t place)
{
    return own ? own[place] : splat(shared[place]);
}

/* What a group reads of its data: its own vectors, or the numbers that all networks share. */
struct LaneData {
    const vec *x, *target, *weight;
};

INLINE vec lane_target(const struct Run *run, const struct LaneData *d, int64_t n, int64_t j)
{
    if (run->ids && !d->target)
        return splat((real)run->ids[n]);
    return of_sample(d->target, run->target, n * (run->ids ? 1 : run->loss.outputs) + j);
}

INLINE vec lane_sample_weight(const struct Run *run, const struct LaneData *d, int64_t n)
{
    return run->sample_weight ? of_sample(d->weight, run->sample_weight, n) : splat(1);
}

/* How much a sample counts: its weight, and that of its class. */
INLINE vec lane_share(const struct Run *run, const struct LaneData *d, int64_t n)
{
    const struct Loss *l = &run->loss;
    vec share = lane_sample_weight(run, d, n), of_class = splat(l->weight == NONE);
    if (!run->ids)
        return share;
    vec id = lane_target(run, d, n, 0);
    for (int64_t c = 0; c < l->outputs && l->weight != NONE; c++) {
        vec weight = splat((real)run->settings[l->weight + c]);
        of_class = choose(equal(id, splat((real)c)), weight, of_class);
    }
    return share * choose(equal(id, splat((real)l->ignored)), (vec){0}, of_class);
}

static vec lane_weight(const struct Run *run, const struct LaneData *d, const struct Batch *b)
{
    if (!run->loss.is_mean)
        return splat(1);
    vec sum = {0};
    for (int64_t i = 0; i < b->samples; i++)
        sum += lane_share(run, d, sample_at(b, i));
    return run->loss.kind == CROSS_ENTROPY ? sum : sum * (real)run->loss.outputs;
}

/* The cross-entropy of sample n in every network. */
static vec lane_cross_entropy(const struct Run *run, const struct LaneData *d, int64_t n, vec *y,
                              vec *dy, vec scale)
{
    int64_t row = run->loss.y_stride * LANES, width = run->ids ? 1 : run->loss.outputs;
    real id = run->ids && !d->target ? (real)run->ids[n] : 0;
    const real *own = d->target ? (const real *)(d->target + n * width) : NULL;
    const real *shared = run->ids ? &id : run->target + n * width;
    struct Columns v = {(real *)y, (real *)dy, row, own ? own : shared, own ? LANES : 1, !own};
    return cross_entropy_of_lanes(&run->loss, run->settings, &v, run->ids != NULL, scale);
}

INLINE vec lane_loss_by_entry(int64_t kind, const struct Run *run, const struct LaneData *d,
                              int64_t n, const vec *y, vec *dy, vec scale)
{
    const struct Loss *l = &run->loss;
    vec sum = {0};
    for (int64_t j = 0; j < l->outputs; j++) {
        vec weight = splat(l->weight == NONE ? 1 : (real)run->settings[l->weight + j]);
        vec yes = splat(l->other_weight == NONE ? 1 : (real)run->settings[l->other_weight + j]);
        struct Cost c = cost_of(kind, y[j * l->y_stride], lane_target(run, d, n, j),
                                run->settings + l->setting, weight, yes);
        sum += c.entry;
        dy[j * l->y_stride] = c.slope * scale;
    }
    return sum;
}

/* The costs of a block of samples, the first of them number `first` of the batch. */
static vec lane_loss(const struct Run *run, const struct LaneData *d, const struct Batch *b, vec *m,
                     int64_t first, int64_t samples, vec inverse)
{
    const struct Loss *l = &run->loss;
    vec total = {0};
    for (int64_t i = 0; i < samples; i++) {
        int64_t n = sample_at(b, first + i);
        vec *y = m + l->y + i, *dy = m + l->dy + i, cost;
        vec counts = lane_sample_weight(run, d, n);
        vec scale = inverse * counts;
        if (l->kind == CROSS_ENTROPY)
            cost = lane_cross_entropy(run, d, n, y, dy, scale);
        else if (l->kind == MSE) /* so short that asking would be a part of it */
            cost = lane_loss_by_entry(MSE, run, d, n, y, dy, scale);
        else
            cost = lane_loss_by_entry(l->kind, run, d, n, y, dy, scale);
        total += cost * counts;
    }
    return total;
}
