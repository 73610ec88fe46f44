/* Convolution: the patches of all places as the rows of one matrix, and the products of a linear
 * layer with them.
 *
 *     P[(n,p), (i,c)] = x̄[n, c, s p + d i]                 kept for backward
 *     z = P W + b        dW = Pᵀ dz        db = Σ dz        dP = dz Wᵀ, added up where P was taken
 *
 * W is (entries · channels, outputs). Output channels that see a group of the input channels alone
 * have zeros for the others. dP takes the place of P, when all threads have made their part of dW. */

/* So many rows of patches are made, and used, at a time, while they are near. */
enum { ROWS_AT_ONCE = 128 };

INLINE int64_t samples_at_once(int64_t places)
{
    return places < ROWS_AT_ONCE ? ROWS_AT_ONCE / places : 1;
}

/* Whether whole vectors of the channels of entry i end within its row of patches: what is copied too
 * much there is written over, and beyond it lies what another thread may own. */
INLINE int ends_inside(const struct Images *m, int64_t i)
{
    return (m->entries - i) * m->channels >= (m->channels + LANES - 1) / LANES * LANES;
}

/* The patches of some samples, in the rows of `to`, from images whose channels lie in rows. */
static void patches_of_rows(const struct Images *m, struct Rows to)
{
    size_t length = (size_t)m->channels * sizeof(real);
    for (int64_t n = 0; n < m->samples; n++)
        for (int64_t p = 0; p < m->places; p++) {
            const real *x = m->x.at + n * m->image_places * m->x.stride;
            const int64_t *taps = taps_at(m, p);
            real *at = to.at + row_at(m, n, p) * to.stride;
            for (int64_t i = 0; i < m->entries; i++, at += m->channels) {
                const real *from = x + taps[i] * m->x.stride;
                if (taps[i] == BORDER)
                    memset(at, 0, length);
                else if (ends_inside(m, i))
                    for (int64_t c = 0; c < m->channels; c += LANES)
                        store(at + c, load(from + c));
                else
                    memcpy(at, from, length);
            }
        }
}

/* The same from images that are one row each. */
static void patches_of_whole(const struct Images *m, struct Rows to)
{
    for (int64_t n = 0; n < m->samples; n++)
        for (int64_t c = 0; c < m->channels; c++) {
            const real *x = m->x.at + n * m->x.stride + c * m->image_places;
            const int64_t *taps = m->taps;
            for (int64_t p = 0; p < m->places; p++, taps += m->entries) {
                real *at = to.at + row_at(m, n, p) * to.stride + c;
                for (int64_t i = 0; i < m->entries; i++)
                    at[i * m->channels] = *(taps[i] == BORDER ? ZEROS : x + taps[i]);
            }
        }
}

/* The signals of patches, added up. */
static void add_patches(const struct Images *m, struct Rows from)
{
    for (int64_t n = 0; n < m->samples; n++) {
        real *dx = begun_signal(m, n);
        for (int64_t p = 0; p < m->places; p++) {
            const real *row = from.at + row_at(m, n, p) * from.stride;
            const int64_t *taps = taps_at(m, p);
            for (int64_t i = 0; i < m->entries; i++, row += m->channels) {
                real *to = dx + taps[i] * m->dx.stride;
                if (taps[i] == BORDER)
                    continue;
                for (int64_t c = 0; c < m->channels; c += LANES) {
                    int64_t count = ends_inside(m, i) ? LANES : m->channels - c;
                    store_or_add(to + c, load_some(row + c, count), adds_up(m));
                }
            }
        }
    }
}

/* Zeros where an output channel and an input channel are of different groups. */
static void part_groups(const struct Images *m, int64_t groups, int64_t outputs, struct Panels w)
{
    int64_t inputs = m->channels / groups, each = outputs / groups;
    for (int64_t k = 0; k < m->entries * m->channels; k++)
        for (int64_t o = 0; o < outputs; o++)
            if (k % m->channels / inputs != o / each)
                w.at[o / PANEL * w.panel + k * w.row + o % PANEL] = 0;
}
