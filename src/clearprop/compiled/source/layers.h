/* What is neither linear, nor an elementwise function, nor a norm: softmax, dropout, PReLU, what
 * stands before the first layer of a table, and the moves that make sums and concatenations. In
 * layout "rows". */

/* Softmax      yᵢ = e^(xᵢ − top) / S            dxᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ)
 * LogSoftmax   yᵢ = (xᵢ − top) − ln S           dxᵢ = dyᵢ − e^yᵢ Σⱼ dyⱼ */
static void softmax_forward(int64_t samples, int64_t features, struct Rows x, struct Rows y,
                            int is_log)
{
    for (int64_t i = 0; i < samples; i++) {
        const real *from = x.at + i * x.stride;
        real *to = y.at + i * y.stride;
        real top = top_of(0, from, features), sum = powers_of(0, from, top, to, features);
        real log_sum = (real)log((double)sum);
        for (int64_t j = 0; j < padded(features); j += LANES)
            store(to + j, is_log ? (load(from + j) - top) - log_sum : load(to + j) / sum);
    }
}

static void softmax_back(int64_t samples, int64_t features, struct Rows y, struct Rows dy,
                         struct Rows dx, int is_log, int64_t adds)
{
    for (int64_t i = 0; i < samples; i++) {
        const real *value = y.at + i * y.stride, *from = dy.at + i * dy.stride;
        real *to = dx.at + i * dx.stride;
        vec sums = {0};
        for (int64_t j = 0; j < padded(features); j += LANES) {
            vec d = load(from + j);
            sums += keep_some(is_log ? d : d * load(value + j), (vec){0}, features - j);
        }
        real sum = lane_sum(sums);
        for (int64_t j = 0; j < padded(features); j += LANES) {
            vec share = load(value + j), d = load(from + j);
            vec v = is_log ? d - power_of_e(share) * sum : share * (d - sum);
            v = keep_some(v, (vec){0}, features - j);
            store_or_add(to + j, v, adds);
        }
    }
}

/* y = x ⊙ m; a byte of the mask is 1 where an entry is kept, and is worth `factor` there. The same
 * runs back: dx = dy ⊙ m. */
static void masked(int64_t samples, int64_t features, struct Rows x, struct Rows y,
                   const uint8_t *kept, real factor, int64_t adds)
{
    for (int64_t i = 0; i < samples; i++, kept += features)
        for (int64_t j = 0; j < features; j++) {
            real v = x.at[i * x.stride + j] * (kept[j] ? factor : 0);
            real *to = y.at + i * y.stride + j;
            *to = adds ? *to + v : v;
        }
}

/* What adds up over the samples is given a span of features, in whole panels.
 *
 * PReLU   y = x where x > 0, else s x     dx = dy, s dy     ∂C/∂sⱼ = Σₙ dyₙⱼ min(0, xₙⱼ)
 * `shared`: one slope for all features. */
static void prelu_forward(int64_t samples, int64_t features, struct Rows x, struct Rows y,
                          const real *slope, int shared)
{
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = 0; j < padded(features); j += LANES) {
            vec v = load(x.at + i * x.stride + j);
            vec s = shared ? splat(*slope) : load(slope + j);
            store(y.at + i * y.stride + j, choose(above(v, (vec){0}), v, s * v));
        }
}

static void prelu_back(int64_t samples, int64_t features, struct Span span, struct Rows x,
                       struct Rows dy, struct Rows dx, int64_t dx_adds, const real *slope,
                       int shared, real *gradient, int64_t gradient_adds)
{
    vec all = {0};
    for (int64_t j = span.first; j < padded(span.end); j += LANES) {
        vec s = shared ? splat(*slope) : load(slope + j), sum = {0};
        for (int64_t i = 0; i < samples; i++) {
            vec v = load(x.at + i * x.stride + j), d = load(dy.at + i * dy.stride + j);
            mask up = above(v, (vec){0});
            sum += d * choose(up, (vec){0}, v);
            if (dx.at)
                store_or_add(dx.at + i * dx.stride + j, choose(up, d, s * d), dx_adds);
        }
        sum = keep_some(sum, (vec){0}, features - j);
        all += sum;
        if (!shared)
            store_or_add(gradient + j, sum, gradient_adds);
    }
    if (shared && count_of(span))
        *gradient = lane_sum(all) + (gradient_adds ? *gradient : 0);
}

/* FeatureScale   y = r w ⊙ x     dx = r w ⊙ dy     ∂C/∂w = r Σ x ⊙ dy */
static void scale_forward(int64_t samples, int64_t features, struct Rows x, struct Rows y,
                          const real *weight, real rate)
{
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = 0; j < features; j += LANES) {
            vec v = load(x.at + i * x.stride + j) * (rate * load(weight + j));
            store(y.at + i * y.stride + j, v);
        }
}

static void scale_back(int64_t samples, int64_t features, struct Span span, struct Rows x,
                       struct Rows dy, struct Rows dx, int64_t dx_adds, const real *weight,
                       real rate, real *gradient, int64_t gradient_adds)
{
    for (int64_t j = span.first; j < span.end; j += LANES) {
        vec sum = {0}, factor = rate * load(weight + j);
        for (int64_t i = 0; i < samples; i++) {
            vec d = load(dy.at + i * dy.stride + j);
            sum += load(x.at + i * x.stride + j) * d;
            if (dx.at)
                store_or_add(dx.at + i * dx.stride + j, factor * d, dx_adds);
        }
        store_or_add(gradient + j, keep_some(rate * sum, (vec){0}, features - j), gradient_adds);
    }
}

/* PiecewiseLinear   y = [x, h],  h = t min(max((x − low) / (high − low), 0), 1) of every bin
 *                   dx = dy + Σ over its bins [low ≤ x < high] t / (high − low) · dh
 * `bins`: how many, their height t, then feature, low and high of each. */
static void piecewise_forward(int64_t samples, int64_t features, struct Rows x, struct Rows y,
                              const double *bins)
{
    real height = (real)bins[1];
    for (int64_t i = 0; i < samples; i++) {
        const real *from = x.at + i * x.stride;
        real *to = y.at + i * y.stride;
        memcpy(to, from, (size_t)features * sizeof(real));
        for (int64_t b = 0; b < (int64_t)bins[0]; b++) {
            const double *bin = bins + 2 + 3 * b;
            real low = (real)bin[1], width = (real)(bin[2] - bin[1]);
            real share = (from[(int64_t)bin[0]] - low) / width;
            to[features + b] = height * (share <= 0 ? 0 : share >= 1 ? 1 : share);
        }
    }
}

static void piecewise_back(int64_t samples, int64_t features, struct Rows x, struct Rows dy,
                           struct Rows dx, int64_t adds, const double *bins)
{
    real height = (real)bins[1];
    for (int64_t i = 0; i < samples; i++) {
        const real *value = x.at + i * x.stride, *from = dy.at + i * dy.stride;
        real *to = dx.at + i * dx.stride;
        for (int64_t j = 0; j < features; j++)
            to[j] = from[j] + (adds ? to[j] : 0);
        for (int64_t b = 0; b < (int64_t)bins[0]; b++) {
            const double *bin = bins + 2 + 3 * b;
            int64_t j = (int64_t)bin[0];
            if (value[j] >= (real)bin[1] && value[j] < (real)bin[2])
                to[j] += from[features + b] * (height / ((real)bin[2] - (real)bin[1]));
        }
    }
}

/* `features` columns, and no more: a neighbour's may lie behind them. */
static void move(int64_t samples, int64_t features, struct Rows from, struct Rows to, int64_t adds)
{
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = 0; j < features; j += LANES) {
            const real *x = from.at + i * from.stride + j;
            real *y = to.at + i * to.stride + j;
            vec v = load_some(x, features - j);
            store_some(y, adds ? load_some(y, features - j) + v : v, features - j);
        }
}

/* The whole numbers of a turn: whether its output is one row for each sample, whether the other
 * one's rows are channels, and their number and length. */
enum { IS_WHOLE, BY_CHANNELS, TURNED_PLACES, TURNED_FEATURES };

/* Number f of place p of a sample stands at p · features + f of its one row, or at f · places + p
 * where the rows are channels. */
static void make_whole(int64_t samples, const int64_t *shape, struct Rows rows, struct Rows whole,
                       int64_t adds)
{
    int64_t places = shape[TURNED_PLACES], features = shape[TURNED_FEATURES];
    int64_t step = shape[BY_CHANNELS] ? places : 1, next = shape[BY_CHANNELS] ? 1 : features;
    for (int64_t i = 0; i < samples; i++)
        for (int64_t p = 0; p < places; p++) {
            const real *from = rows.at + (i * places + p) * rows.stride;
            real *to = whole.at + i * whole.stride + p * next;
            for (int64_t f = 0; f < features; f++)
                to[f * step] = from[f] + (adds ? to[f * step] : 0);
        }
}

static void make_rows(int64_t samples, const int64_t *shape, struct Rows whole, struct Rows rows,
                      int64_t adds)
{
    int64_t places = shape[TURNED_PLACES], features = shape[TURNED_FEATURES];
    int64_t step = shape[BY_CHANNELS] ? places : 1, next = shape[BY_CHANNELS] ? 1 : features;
    /* What is read lies side by side in the inner loop: writing apart is cheaper than reading so. */
    for (int64_t i = 0; i < samples; i++)
        for (int64_t f = 0; f < features; f++) {
            const real *from = whole.at + i * whole.stride + f * step;
            real *to = rows.at + i * places * rows.stride + f;
            for (int64_t p = 0; p < places; p++)
                to[p * rows.stride] = from[p * next] + (adds ? to[p * rows.stride] : 0);
        }
}
