/* Losses: the total over a batch, and the slope of total / divisor at every output.
 *
 * The equations are those of the losses in the NumPy engine. Sums are kept in double, one for every
 * SAMPLES_OF_PART samples, and added up when all are there. */

/* Which samples a step takes, and what there is of them. */
struct Batch {
    int64_t samples;
    const int64_t *order;          /* their numbers; NULL: 0, 1, 2, … */
    const real *target;            /* (all samples, outputs) */
    const int64_t *ids;            /* (all samples,) of a cross-entropy of classes, else NULL */
    const real *sample_weight;     /* (all samples,); NULL: all 1 */
};

/* What some samples cost: total + ln product. The logarithms of several samples are one: ln S₁ +
 * ln S₂ = ln (S₁ S₂). */
struct PartOfLoss { double total, product; };

INLINE struct PartOfLoss *part_of(struct PartOfLoss *parts, int64_t sample)
{
    struct PartOfLoss *part = parts + sample / SAMPLES_OF_PART;
    if (sample % SAMPLES_OF_PART == 0)
        *part = (struct PartOfLoss){0, 1};
    return part;
}

static double sum_of_parts(const struct PartOfLoss *parts, int64_t samples)
{
    double total = 0, product = 1;
    for (int64_t i = 0; i < samples; i += SAMPLES_OF_PART, parts++) {
        total += parts->total;
        product *= parts->product;
        if (product > 1e200)
            total += log(product), product = 1;
    }
    return total + log(product);
}

INLINE int64_t sample_at(const struct Batch *b, int64_t i) { return b->order ? b->order[i] : i; }

/* The number of a row's target, of which a sample has `places`. */
INLINE int64_t target_of(const struct Loss *l, const struct Batch *b, int64_t i)
{
    return l->places == 1 ? sample_at(b, i) : sample_at(b, i / l->places) * l->places + i % l->places;
}

/* How much the sample of a row counts. */
INLINE real counts_of(const struct Loss *l, const struct Batch *b, int64_t i)
{
    return b->sample_weight ? b->sample_weight[sample_at(b, i / l->places)] : 1;
}

/* The same, with the weight of its class. */
INLINE real share_of(const struct Loss *l, const struct Batch *b, const double *settings, int64_t i)
{
    int64_t n = target_of(l, b, i);
    real share = counts_of(l, b, i);
    if (b->ids) {
        if (b->ids[n] == l->ignored)
            return 0;
        if (l->weight != NONE)
            share *= (real)settings[l->weight + b->ids[n]];
    }
    return share;
}

/* What the total is divided by: 1 of a sum, of a mean how much all samples count. */
static double loss_weight(const struct Loss *l, const struct Batch *b, const double *settings)
{
    int64_t rows = b->samples * l->places;
    if (!l->is_mean)
        return 1;
    if (!b->sample_weight && l->weight == NONE) {
        int64_t left_out = 0;
        for (int64_t i = 0; b->ids && i < rows; i++)
            left_out += b->ids[target_of(l, b, i)] == l->ignored;
        return (double)((rows - left_out) * (l->kind == CROSS_ENTROPY ? 1 : l->outputs));
    }
    double shares = 0;
    for (int64_t i = 0; i < rows; i++)
        shares += (double)share_of(l, b, settings, i);
    return l->kind == CROSS_ENTROPY ? shares : shares * (double)l->outputs;
}

/* The cost of entries and its slope by the output y. */
struct Cost { vec entry, slope; };

/* ln t! by Stirling: t ln t − t + ½ ln(2πt) where t > 1 */
INLINE vec log_factorial(vec t)
{
    vec many = choose(above(t, splat(1)), t, splat(1));
    vec stirling = many * logarithm(many) - many
                   + (real)0.5 * logarithm((real)6.28318530717958647693 * many);
    return choose(above(t, splat(1)), stirling, (vec){0});
}

/* Which loss it is, is asked for every vector: it is always the same, and foreseen. */
INLINE struct Cost cost_of(int64_t kind, vec y, vec t, const double *s, vec weight,
                           vec yes_weight)
{
    const vec zero = {0}, one = splat(1);
    vec e = y - t;
    mask up = above(e, zero), down = above(zero, e);
    switch (kind) {
    case MSE: /* e², 2e */
        return (struct Cost){e * e, 2 * e};
    case MAE: /* |e|, sign e */
        return (struct Cost){absolute(e), choose(up, one, choose(down, -one, e))};
    case HUBER: { /* ½ e² where |e| ≤ δ, else δ (|e| − ½ δ) */
        vec size = absolute(e), delta = splat((real)s[0]);
        mask far = above(size, delta);
        return (struct Cost){choose(far, delta * (size - delta / 2), e * e / 2),
                             choose(far, choose(up, delta, -delta), e)};
    }
    case PINBALL: { /* (1 − q) e where e > 0, else −q e; one quantile q, or one for each output */
        vec q = s[0] >= 0 ? splat((real)s[0]) : weight;
        vec slope = choose(up, 1 - q, choose(down, -q, e));
        return (struct Cost){slope * e, slope};
    }
    case POISSON: { /* log_input: eʸ − t y, eʸ − t;  else y − t ln(y + ε), 1 − t / (y + ε) */
        vec full = s[1] != 0 ? log_factorial(t) : zero;
        if (s[0] != 0) {
            vec rate = power_of_e(y);
            return (struct Cost){rate - t * y + full, rate - t};
        }
        vec shifted = y + (real)s[2];
        return (struct Cost){y - t * logarithm(shifted) + full, 1 - t / shifted};
    }
    default: { /* −w (c t ln σ(y) + (1 − t) ln σ(−y)),  ln σ(y) = −ln(1 + e⁻ʸ) */
        mask positive = above(y, zero);
        vec small = power_of_e(choose(positive, -y, y)), log = log_of_1_plus(small);
        vec high = 1 / (1 + small), low = small / (1 + small);
        vec yes = t * yes_weight * weight, no = (1 - t) * weight;
        vec of_no = choose(positive, y, zero) + log, of_yes = choose(positive, zero, -y) + log;
        vec slope = no * choose(positive, high, low) - yes * choose(positive, low, high);
        return (struct Cost){no * of_no + yes * of_yes, slope};
    }
    }
}

/* The weights of a vector of outputs, from output j on. */
INLINE vec weights_from(const double *settings, int64_t place, int64_t j, int64_t left)
{
    vec v = splat(1);
    for (int64_t i = 0; place != NONE && i < LANES && i < left; i++)
        v[i] = (real)settings[place + j + i];
    return v;
}

/* Losses of every entry by itself. */
static void loss_by_entry(const struct Loss *l, const struct Batch *b, struct Span rows,
                          real *arena, const double *settings, double divisor,
                          struct PartOfLoss *parts)
{
    const double *s = settings + l->setting;
    for (int64_t i = rows.first; i < rows.end; i++) {
        int64_t n = target_of(l, b, i);
        const real *y = arena + l->y + i * l->y_stride, *t = b->target + n * l->outputs;
        real *dy = arena + l->dy + i * l->y_stride;
        real counts = counts_of(l, b, i);
        vec sum = {0}, scale = splat((real)(1 / divisor) * counts);
        for (int64_t j = 0; j < padded(l->outputs); j += LANES) {
            int64_t left = l->outputs - j;
            vec weight = weights_from(settings, l->weight, j, left);
            vec yes = weights_from(settings, l->other_weight, j, left);
            struct Cost c = cost_of(l->kind, load(y + j), load_some(t + j, left > 0 ? left : 0),
                                    s, weight, yes);
            sum += keep_some(c.entry, (vec){0}, left);
            store(dy + j, keep_some(c.slope * scale, (vec){0}, left));
        }
        part_of(parts, i)->total += (double)(lane_sum(sum) * counts);
    }
}

/* The largest number of a row. */
INLINE real top_of(const int is_panel, const real *y, int64_t classes)
{
    const vec nothing = splat(-INFINITY);
    vec tops = nothing;
    for (int64_t j = 0; j < (is_panel ? PANEL : padded(classes)); j += LANES) {
        vec v = keep_some(load(y + j), nothing, classes - j);
        tops = choose(above(v, tops), v, tops);
    }
    return largest_lane(tops);
}

/* The powers e^(y_c − top) of a row, behind the last class zeros; their sum. */
INLINE real powers_of(const int is_panel, const real *y, real top, real *to, int64_t classes)
{
    vec sum = {0};
    for (int64_t j = 0; j < (is_panel ? PANEL : padded(classes)); j += LANES) {
        vec power = keep_some(power_to_1(load(y + j) - top), (vec){0}, classes - j);
        store(to + j, power);
        sum += power;
    }
    return lane_sum(sum);
}

/* Softmax cross-entropy of classes, all of one weight:
 *     ℓ = ln S − (y_id − top),  S = Σ_c e^(y_c − top),   ∂ℓ/∂y = p − [c = id]
 * Each part is done for some rows before the next one is begun, so that none waits for what the one
 * before it has just made. Rows of one panel, `is_panel`, need no loop. */
INLINE void cross_entropy_of_rows(const int is_panel, const struct Loss *l, const struct Batch *b,
                                  struct Span span, real *arena, double divisor,
                                  struct PartOfLoss *parts)
{
    enum { SOME = 16 };
    const int64_t classes = l->outputs, columns = is_panel ? PANEL : padded(classes);
    const int64_t ignored = l->ignored, stride = l->y_stride;
    const real scale = (real)(1 / divisor);
    for (int64_t first = span.first; first < span.end; first += SOME) {
        const real *y = arena + l->y + first * stride;
        real *dy = arena + l->dy + first * stride, top[SOME], sum[SOME] = {0};
        int64_t rows = smaller(SOME, span.end - first);
        for (int64_t r = 0; r < rows; r++)
            top[r] = top_of(is_panel, y + r * stride, classes);
        for (int64_t r = 0; r < rows; r++)
            sum[r] = powers_of(is_panel, y + r * stride, top[r], dy + r * stride, classes);
        for (int64_t begin = 0; begin < rows; begin += SAMPLES_OF_PART) {
            int64_t end = smaller(begin + SAMPLES_OF_PART, rows);
            double total = 0, product = 1;
            for (int64_t r = begin; r < end; r++, y += stride, dy += stride) {
                int64_t id = b->ids[target_of(l, b, first + r)];
                if (id == ignored) {
                    memset(dy, 0, (size_t)columns * sizeof(real));
                    continue;
                }
                real share = scale / sum[r];
                for (int64_t j = 0; j < columns; j += LANES)
                    store(dy + j, load(dy + j) * share);
                dy[id] -= scale;
                total -= (double)(y[id] - top[r]);
                product *= (double)sum[r];
            }
            parts[(first + begin) / SAMPLES_OF_PART] = (struct PartOfLoss){total, product};
        }
    }
}

static void cross_entropy_of_classes(const struct Loss *l, const struct Batch *b, struct Span rows,
                                     real *arena, double divisor, struct PartOfLoss *parts)
{
    if (l->outputs <= PANEL)
        cross_entropy_of_rows(1, l, b, rows, arena, divisor, parts);
    else
        cross_entropy_of_rows(0, l, b, rows, arena, divisor, parts);
}

/* The share of class c in a sample's target, smoothed by ε: (1 − ε) q + ε/C, and its weight. */
INLINE real mass_of(const struct Loss *l, const struct Batch *b, const double *settings, int64_t n,
                    int64_t c, real smoothing)
{
    real q = b->ids ? c == b->ids[n] : b->target[n * l->outputs + c];
    q = (1 - smoothing) * q + smoothing / (real)l->outputs;
    if (b->ids && b->ids[n] == l->ignored)
        return 0;
    return l->weight == NONE ? q : q * (real)settings[l->weight + c];
}

/* Of any targets and weights:
 *     ℓ = − Σ_c m_c ln p_c,   ∂ℓ/∂y = M p − m,   m_c = w_c q_c,  M = Σ_c m_c
 *     ln p_c = (y_c − top) − ln S */
static void cross_entropy(const struct Loss *l, const struct Batch *b, struct Span rows,
                          real *arena, const double *settings, double divisor,
                          struct PartOfLoss *parts)
{
    real smoothing = (real)settings[l->setting];
    for (int64_t i = rows.first; i < rows.end; i++) {
        int64_t n = target_of(l, b, i);
        const real *y = arena + l->y + i * l->y_stride;
        real *dy = arena + l->dy + i * l->y_stride;
        real top = top_of(0, y, l->outputs), sum = powers_of(0, y, top, dy, l->outputs);
        real log_sum = (real)log((double)sum), entry = 0, mass = 0;
        for (int64_t c = 0; c < l->outputs; c++) {
            real m = mass_of(l, b, settings, n, c, smoothing);
            mass += m;
            /* A class without mass costs nothing, were its logit −∞. */
            if (m != 0)
                entry -= m * ((y[c] - top) - log_sum);
        }
        real counts = counts_of(l, b, i);
        real scale = (real)(1 / divisor) * counts;
        for (int64_t c = 0; c < l->outputs; c++)
            dy[c] = (dy[c] / sum * mass - mass_of(l, b, settings, n, c, smoothing)) * scale;
        part_of(parts, i)->total += (double)(counts * entry);
    }
}

/* A cross-entropy a lane: samples of layout "columns", or networks that share the lanes.
 *
 * Output c lies at y + c · row, and so does its signal. Entry c of the target, at c · step, is a
 * number of every lane, or one that all share; of ids there is entry 0 alone. */
struct Columns {
    const real *y; real *dy; int64_t row;
    const real *target; int64_t step;
    int is_shared;
};

INLINE vec target_at(const struct Columns *v, int64_t c)
{
    const real *at = v->target + c * v->step;
    return v->is_shared ? splat(*at) : load(at);
}

/* The costs of the lanes and, times `scale`, their slopes; the equations are those above. */
static vec cross_entropy_of_lanes(const struct Loss *l, const double *settings,
                                  const struct Columns *v, int has_ids, vec scale)
{
    const real smoothing = (real)settings[l->setting];
    vec top = load(v->y), sum = {0}, mass = {0}, entry = {0}, counts = splat(1), id = {0};
    if (has_ids) {
        id = target_at(v, 0);
        counts = choose(equal(id, splat((real)l->ignored)), (vec){0}, counts);
    }
    for (int64_t c = 1; c < l->outputs; c++) {
        vec y = load(v->y + c * v->row);
        top = choose(above(y, top), y, top);
    }
    for (int64_t c = 0; c < l->outputs; c++) {
        vec p = power_to_1(load(v->y + c * v->row) - top);
        store(v->dy + c * v->row, p);
        sum += p;
    }
    vec log_sum = logarithm(sum), inverse = 1 / sum;
    /* Once for the mass and the cost, and once, when the whole mass is known, for the slopes. */
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < l->outputs; c++) {
            mask is_class = equal(id, splat((real)c));
            vec q = has_ids ? choose(is_class, splat(1), (vec){0}) : target_at(v, c);
            vec m = ((1 - smoothing) * q + smoothing / (real)l->outputs) * counts;
            real *dy = v->dy + c * v->row;
            if (l->weight != NONE)
                m *= (real)settings[l->weight + c];
            if (pass) {
                store(dy, (load(dy) * inverse * mass - m) * scale);
                continue;
            }
            mass += m;
            vec cost = m * ((load(v->y + c * v->row) - top) - log_sum);
            entry -= choose(equal(m, (vec){0}), (vec){0}, cost);
        }
    return entry;
}

/* Some rows: what they cost, and ∂(total / divisor)/∂output into the output's signal. */
static void loss_of(const struct Loss *l, const struct Batch *b, struct Span rows, real *arena,
                    const double *settings, double divisor, struct PartOfLoss *parts)
{
    if (l->kind != CROSS_ENTROPY)
        loss_by_entry(l, b, rows, arena, settings, divisor, parts);
    else if (b->ids && !b->sample_weight && l->weight == NONE && settings[l->setting] == 0)
        cross_entropy_of_classes(l, b, rows, arena, divisor, parts);
    else
        cross_entropy(l, b, rows, arena, settings, divisor, parts);
}
