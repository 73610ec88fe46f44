/* GroupNorm, in layout "rows": the channels of a group at all places of a sample less their mean,
 * over their deviation; the equations are those of normalization.h. Kept for backward: μ and r of
 * every group of every sample, one behind the other. */

/* `count` channels of a sample from `first` on; `at`: where its μ and r stand. */
struct Group {
    int64_t sample, first, count, at;
};

static struct Group group_of(const struct Norm *m, int64_t groups, int64_t sample, int64_t number)
{
    int64_t count = m->features / groups;
    return (struct Group){sample, number * count, count, sample * groups + number};
}

/* Channels of a group at a place, and zeros behind its last one. */
INLINE vec in_group(struct Rows rows, int64_t row, struct Group g, int64_t j)
{
    return load_some(rows.at + row * rows.stride + g.first + j, g.count - j);
}

INLINE vec group_gamma(const struct Norm *m, struct Group g, int64_t j)
{
    return m->gamma ? load_some(m->gamma + g.first + j, g.count - j) : splat(1);
}

static void group_norm_forward(const struct Norm *m, int64_t samples, int64_t places,
                               int64_t groups)
{
    for (int64_t number = 0; number < samples * groups; number++) {
        struct Group g = group_of(m, groups, number / groups, number % groups);
        int64_t row = g.sample * places, end = row + places;
        real share = 1 / (real)(places * g.count);
        vec sum = {0}, squares = {0};
        for (int64_t i = row; i < end; i++)
            for (int64_t j = 0; j < g.count; j += LANES)
                sum += in_group(m->x, i, g, j);
        real mean = lane_sum(sum) * share;
        for (int64_t i = row; i < end; i++)
            for (int64_t j = 0; j < g.count; j += LANES) {
                vec centred = keep_some(in_group(m->x, i, g, j) - mean, (vec){0}, g.count - j);
                squares += centred * centred;
            }
        real inverse = 1 / square_root(splat(lane_sum(squares) * share + epsilon_of(m)))[0];
        for (int64_t i = row; i < end; i++)
            for (int64_t j = 0; j < g.count; j += LANES) {
                vec y = (in_group(m->x, i, g, j) - mean) * inverse * group_gamma(m, g, j);
                if (m->beta)
                    y += load_some(m->beta + g.first + j, g.count - j);
                store_some(m->y.at + i * m->y.stride + g.first + j, y, g.count - j);
            }
        m->mean[g.at] = mean;
        m->inverse[g.at] = inverse;
    }
}

static void group_norm_back(const struct Norm *m, int64_t samples, int64_t places, int64_t groups)
{
    if (!m->dx.at)
        return;
    for (int64_t number = 0; number < samples * groups; number++) {
        struct Group g = group_of(m, groups, number / groups, number % groups);
        int64_t row = g.sample * places, end = row + places;
        real share = 1 / (real)(places * g.count), mean = m->mean[g.at];
        real inverse = m->inverse[g.at];
        vec sum = {0}, products = {0};
        for (int64_t i = row; i < end; i++)
            for (int64_t j = 0; j < g.count; j += LANES) {
                vec d = in_group(m->dy, i, g, j) * group_gamma(m, g, j); /* 0 behind the last */
                sum += d;
                products += d * (in_group(m->x, i, g, j) - mean) * inverse;
            }
        real all = lane_sum(sum) * share, product = lane_sum(products) * share;
        for (int64_t i = row; i < end; i++)
            for (int64_t j = 0; j < g.count; j += LANES) {
                vec d = in_group(m->dy, i, g, j) * group_gamma(m, g, j);
                vec hat = (in_group(m->x, i, g, j) - mean) * inverse;
                real *dx = m->dx.at + i * m->dx.stride + g.first + j;
                vec v = inverse * (d - all - hat * product);
                store_some(dx, m->dx_adds ? load_some(dx, g.count - j) + v : v, g.count - j);
            }
    }
}

/* ∂C/∂γ and ∂C/∂β of a span of channels, over all samples and places. */
static void group_parameters_back(const struct Norm *m, int64_t samples, int64_t places,
                                  int64_t groups)
{
    for (int64_t j = m->span.first; j < padded(m->span.end); j += LANES) {
        vec gamma = {0}, beta = {0};
        for (int64_t n = 0; n < samples; n++) {
            vec mean = {0}, inverse = {0};
            for (int64_t c = j; c < smaller(j + LANES, m->features); c++) {
                int64_t at = n * groups + c / (m->features / groups);
                mean[c - j] = m->mean[at], inverse[c - j] = m->inverse[at];
            }
            for (int64_t i = n * places; i < (n + 1) * places; i++) {
                vec dy = load(m->dy.at + i * m->dy.stride + j);
                gamma += dy * (load(m->x.at + i * m->x.stride + j) - mean) * inverse;
                beta += dy;
            }
        }
        store_or_add(m->gamma_gradient + j, counted(m, gamma, j), m->gamma_adds);
        if (m->beta_gradient)
            store_or_add(m->beta_gradient + j, counted(m, beta, j), m->beta_adds);
    }
}
