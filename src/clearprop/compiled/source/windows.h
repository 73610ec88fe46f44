/* Layers of images, in layout "rows": the channels of a place in a row, the places of an image one
 * below the other. What a window takes is a table: for every one of its places and entries the
 * place of the image below it, or BORDER. */

enum { BORDER = -1 };

/* The whole numbers of a layer of images; the table lies behind them. IS_ONCE: every place of the
 * image stands in it just once, as where windows lie side by side. */
enum { ENTRIES, GROUPS, CHANNELS, IMAGE_PLACES, IS_ONCE, TAPS };

/* One layer, and some of its samples; x and dx are of the image, y and dy of the window's places. */
struct Images {
    int64_t samples, channels, entries, image_places, places, is_once;
    const int64_t *taps;
    struct Rows x, y, dx, dy;
    int64_t dx_adds;
    const double *settings;
};

/* Place p of sample n: what lies under the window there, and its row of y or dy. */
INLINE const int64_t *taps_at(const struct Images *m, int64_t p) { return m->taps + p * m->entries; }
INLINE int64_t row_at(const struct Images *m, int64_t n, int64_t p) { return n * m->places + p; }

/* ∂C/∂x of one sample begins with what others left there, or with zeros. */
static real *begun_signal(const struct Images *m, int64_t n)
{
    real *dx = m->dx.at + n * m->image_places * m->dx.stride;
    if (!m->dx_adds && !m->is_once)
        for (int64_t j = 0; j < m->image_places * m->dx.stride; j += LANES)
            store(dx + j, (vec){0});
    return dx;
}

/* Whether what is under a window comes to what is there. */
INLINE int64_t adds_up(const struct Images *m) { return m->dx_adds || !m->is_once; }

/* y = max of x under the window; a border is −∞. */
static void max_pool_forward(const struct Images *m)
{
    for (int64_t n = 0; n < m->samples; n++)
        for (int64_t p = 0; p < m->places; p++) {
            const real *x = m->x.at + n * m->image_places * m->x.stride;
            real *y = m->y.at + row_at(m, n, p) * m->y.stride;
            const int64_t *taps = taps_at(m, p);
            for (int64_t c = 0; c < m->channels; c += LANES) {
                vec largest = splat(-(real)INFINITY);
                for (int64_t i = 0; i < m->entries; i++)
                    if (taps[i] != BORDER)
                        largest = larger(largest, load(x + taps[i] * m->x.stride + c));
                store(y + c, largest);
            }
        }
}

/* The first of the largest gets the signal, the border's −∞ among them. */
static void max_pool_back(const struct Images *m)
{
    for (int64_t n = 0; n < m->samples; n++) {
        const real *x = m->x.at + n * m->image_places * m->x.stride;
        real *dx = begun_signal(m, n);
        int64_t adds = adds_up(m);
        for (int64_t p = 0; p < m->places; p++) {
            const real *y = m->y.at + row_at(m, n, p) * m->y.stride;
            const real *dy = m->dy.at + row_at(m, n, p) * m->dy.stride;
            const int64_t *taps = taps_at(m, p);
            for (int64_t c = 0; c < m->channels; c += LANES) {
                vec largest = load(y + c), left = load(dy + c);
                mask free = equal((vec){0}, (vec){0});
                for (int64_t i = 0; i < m->entries; i++) {
                    int is_border = taps[i] == BORDER;
                    int64_t at = is_border ? 0 : taps[i];
                    vec under = is_border ? splat(-(real)INFINITY) : load(x + at * m->x.stride + c);
                    mask first = equal(under, largest) & free;
                    free &= ~first;
                    real *to = dx + at * m->dx.stride + c;
                    if (!is_border)
                        store_or_add(to, choose(first, left, (vec){0}), adds);
                }
            }
        }
    }
}

/* y = Σ of x under the window, over how many of its entries count; a border is 0. */
static void mean_pool_forward(const struct Images *m)
{
    for (int64_t n = 0; n < m->samples; n++)
        for (int64_t p = 0; p < m->places; p++) {
            const real *x = m->x.at + n * m->image_places * m->x.stride;
            real *y = m->y.at + row_at(m, n, p) * m->y.stride, count = (real)m->settings[p];
            const int64_t *taps = taps_at(m, p);
            for (int64_t c = 0; c < m->channels; c += LANES) {
                vec sum = {0};
                for (int64_t i = 0; i < m->entries; i++)
                    if (taps[i] != BORDER)
                        sum += load(x + taps[i] * m->x.stride + c);
                store(y + c, sum / count);
            }
        }
}

/* Every number under the window gets dy over the count; `is_mean` 0: all of dy. */
static void spread_back(const struct Images *m, int is_mean)
{
    for (int64_t n = 0; n < m->samples; n++) {
        real *dx = begun_signal(m, n);
        int64_t adds = adds_up(m);
        for (int64_t p = 0; p < m->places; p++) {
            const real *dy = m->dy.at + row_at(m, n, p) * m->dy.stride;
            real count = is_mean ? (real)m->settings[p] : 1;
            const int64_t *taps = taps_at(m, p);
            for (int64_t c = 0; c < m->channels; c += LANES) {
                vec share = load(dy + c) / count;
                for (int64_t i = 0; i < m->entries; i++)
                    if (taps[i] != BORDER)
                        store_or_add(dx + taps[i] * m->dx.stride + c, share, adds);
            }
        }
    }
}

/* y = x at the one number under it, or the value of a border. */
static void pad_forward(const struct Images *m)
{
    vec value = splat((real)m->settings[0]);
    for (int64_t n = 0; n < m->samples; n++)
        for (int64_t p = 0; p < m->places; p++) {
            real *y = m->y.at + row_at(m, n, p) * m->y.stride;
            const real *x = m->x.at + (n * m->image_places + m->taps[p]) * m->x.stride;
            for (int64_t c = 0; c < m->channels; c += LANES)
                store(y + c, m->taps[p] == BORDER ? value : load(x + c));
        }
}
