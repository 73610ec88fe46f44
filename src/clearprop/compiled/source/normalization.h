/* LayerNorm, RMSNorm and BatchNorm, in layout "rows".
 *
 *     x̂ = (x − μ) r,  r = 1/√(v + ε),  y = γ x̂ + β
 *     dx = r (g − mean of g − x̂ · mean of g x̂),  g = dy γ
 *     ∂C/∂γ = Σ dy x̂,  ∂C/∂β = Σ dy
 *
 * over the features of a sample (LayerNorm; RMSNorm has no μ, no β and no mean of g), or over the
 * samples of a feature (BatchNorm). Kept for backward: μ and r. What goes over the samples is done
 * for a span of features, in whole panels. */

enum { EPSILON, SHARE }; /* settings: ε; of BatchNorm the share of the new, < 0 averages all */

/* One matrix of the operation beside another: values or signals of `samples` rows. */
struct Norm {
    int64_t samples, features;
    struct Span span;
    struct Rows x, y, dx, dy;
    int64_t dx_adds;
    const real *gamma, *beta;              /* NULL: 1 and 0 */
    real *gamma_gradient, *beta_gradient;  /* NULL where there is no such parameter */
    int64_t gamma_adds, beta_adds;
    real *mean, *inverse;                  /* one for each sample, or each feature */
    const double *settings;
};

INLINE vec gamma_at(const struct Norm *m, int64_t j)
{
    return m->gamma ? load(m->gamma + j) : splat(1);
}

INLINE vec beta_at(const struct Norm *m, int64_t j)
{
    return m->beta ? load(m->beta + j) : (vec){0};
}

/* Below 0 it is the smallest number that makes a difference to 1. */
INLINE real epsilon_of(const struct Norm *m)
{
    if (m->settings[EPSILON] >= 0)
        return (real)m->settings[EPSILON];
    return sizeof(real) == 4 ? (real)1.1920928955078125e-7 : (real)2.220446049250313e-16;
}

/* Lanes beyond the last feature count nothing. */
INLINE vec counted(const struct Norm *m, vec v, int64_t j)
{
    return keep_some(v, (vec){0}, m->features - j);
}

static void norm_of_samples_forward(const struct Norm *m, int has_mean)
{
    int64_t columns = padded(m->features);
    real share = 1 / (real)m->features;
    for (int64_t i = 0; i < m->samples; i++) {
        const real *x = m->x.at + i * m->x.stride;
        real *y = m->y.at + i * m->y.stride, mean = 0;
        if (has_mean) {
            vec sum = {0};
            for (int64_t j = 0; j < columns; j += LANES)
                sum += counted(m, load(x + j), j);
            mean = lane_sum(sum) * share;
        }
        vec squares = {0};
        for (int64_t j = 0; j < columns; j += LANES) {
            vec centred = counted(m, load(x + j) - mean, j);
            squares += centred * centred;
        }
        real inverse = 1 / square_root(splat(lane_sum(squares) * share + epsilon_of(m)))[0];
        for (int64_t j = 0; j < columns; j += LANES)
            store(y + j, (load(x + j) - mean) * inverse * gamma_at(m, j) + beta_at(m, j));
        m->mean[i] = mean;
        m->inverse[i] = inverse;
    }
}

static void norm_of_samples_back(const struct Norm *m, int has_mean)
{
    int64_t columns = padded(m->features);
    real share = 1 / (real)m->features;
    if (!m->dx.at)
        return;
    for (int64_t i = 0; i < m->samples; i++) {
        const real *x = m->x.at + i * m->x.stride, *dy = m->dy.at + i * m->dy.stride;
        real *dx = m->dx.at + i * m->dx.stride;
        vec sum = {0}, products = {0};
        for (int64_t j = 0; j < columns; j += LANES) {
            vec g = counted(m, load(dy + j) * gamma_at(m, j), j);
            vec hat = counted(m, (load(x + j) - m->mean[i]) * m->inverse[i], j);
            sum += g;
            products += g * hat;
        }
        real mean = has_mean ? lane_sum(sum) * share : 0, product = lane_sum(products) * share;
        for (int64_t j = 0; j < columns; j += LANES) {
            vec g = load(dy + j) * gamma_at(m, j);
            vec hat = (load(x + j) - m->mean[i]) * m->inverse[i];
            vec v = counted(m, m->inverse[i] * (g - mean - hat * product), j);
            store_or_add(dx + j, v, m->dx_adds);
        }
    }
}

/* ∂C/∂γ and ∂C/∂β, where μ and r are those of the sample, or of the feature. */
INLINE void norm_parameters_back(const struct Norm *m, const int of_samples)
{
    for (int64_t j = m->span.first; j < padded(m->span.end); j += LANES) {
        vec gamma = {0}, beta = {0};
        for (int64_t i = 0; i < m->samples; i++) {
            vec mean = of_samples ? splat(m->mean[i]) : load(m->mean + j);
            vec inverse = of_samples ? splat(m->inverse[i]) : load(m->inverse + j);
            vec dy = load(m->dy.at + i * m->dy.stride + j);
            gamma += dy * (load(m->x.at + i * m->x.stride + j) - mean) * inverse;
            beta += dy;
        }
        gamma = counted(m, gamma, j), beta = counted(m, beta, j);
        if (m->gamma_gradient)
            store_or_add(m->gamma_gradient + j, gamma, m->gamma_adds);
        if (m->beta_gradient)
            store_or_add(m->beta_gradient + j, beta, m->beta_adds);
    }
}

/* The running statistics take a share of the batch's; v is remembered unbiased, n/(n − 1). */
static void remember(const struct Norm *m, real *running, int64_t j, vec mean, vec variance,
                     real share)
{
    real *old_mean = running + j, *old_variance = running + padded(m->features) + j;
    vec unbiased = variance * ((real)m->samples / (real)(m->samples - 1));
    store(old_mean, (1 - share) * load(old_mean) + share * mean);
    store(old_variance, (1 - share) * load(old_variance) + share * unbiased);
}

/* `running`: means, variances and the number of batches before this one; NULL where none are
 * kept. */
static void batch_norm_forward(const struct Norm *m, real *running)
{
    real share = (real)m->settings[SHARE], part = 1 / (real)m->samples;
    if (running && share < 0)
        share = 1 / (running[2 * padded(m->features)] + 1);
    for (int64_t j = m->span.first; j < padded(m->span.end); j += LANES) {
        vec sum = {0}, squares = {0};
        for (int64_t i = 0; i < m->samples; i++)
            sum += load(m->x.at + i * m->x.stride + j);
        vec mean = sum * part;
        for (int64_t i = 0; i < m->samples; i++) {
            vec centred = load(m->x.at + i * m->x.stride + j) - mean;
            squares += centred * centred;
        }
        vec variance = squares * part;
        vec inverse = 1 / square_root(variance + epsilon_of(m));
        for (int64_t i = 0; i < m->samples; i++) {
            vec hat = (load(m->x.at + i * m->x.stride + j) - mean) * inverse;
            store(m->y.at + i * m->y.stride + j, hat * gamma_at(m, j) + beta_at(m, j));
        }
        store(m->mean + j, mean);
        store(m->inverse + j, inverse);
        if (running)
            remember(m, running, j, mean, variance, share);
    }
}

static void batch_norm_back(const struct Norm *m)
{
    real part = 1 / (real)m->samples;
    if (!m->dx.at)
        return;
    for (int64_t j = m->span.first; j < padded(m->span.end); j += LANES) {
        vec mean = load(m->mean + j), inverse = load(m->inverse + j), gamma = gamma_at(m, j);
        vec sum = {0}, products = {0};
        for (int64_t i = 0; i < m->samples; i++) {
            vec g = load(m->dy.at + i * m->dy.stride + j) * gamma;
            sum += g;
            products += g * (load(m->x.at + i * m->x.stride + j) - mean) * inverse;
        }
        sum *= part, products *= part;
        for (int64_t i = 0; i < m->samples; i++) {
            vec g = load(m->dy.at + i * m->dy.stride + j) * gamma;
            vec hat = (load(m->x.at + i * m->x.stride + j) - mean) * inverse;
            real *dx = m->dx.at + i * m->dx.stride + j;
            vec v = counted(m, inverse * (g - sum - hat * products), j);
            store_or_add(dx, v, m->dx_adds);
        }
    }
}
