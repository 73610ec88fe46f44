/* Convolution: the patches of all places as the rows of one matrix, and the products of a linear
 * layer with them.
 *
 *     P[(n,p), (i,c)] = x̄[n, c, s p + d i]                 kept for backward
 *     z = P W + b        dW = Pᵀ dz        db = Σ dz        dP = dz Wᵀ, added up where P was taken
 *
 * W is (entries · channels, outputs). Output channels that see a group of the input channels alone
 * have zeros for the others. dP takes the place of P, when all threads have made their part of dW. */

/* So many rows of patches are made, and used, at a time, while they are near. */
enum { ROWS_AT_ONCE = 256 };

INLINE int64_t samples_at_once(int64_t places)
{
    return places < ROWS_AT_ONCE ? ROWS_AT_ONCE / places : 1;
}

/* `length` numbers, in whole vectors where what lies behind them is free. */
INLINE void copy_row(real *to, const real *from, int64_t length)
{
    for (int64_t c = 0; c < length; c += LANES)
        store(to + c, load(from + c));
}

/* The patches of some samples, in the rows of `to`. Images whose channels lie in rows are copied
 * channels at a time, in an order in which what is copied too much is written over; one row for a
 * sample, number by number. */
static void make_patches(const struct Images *m, int is_whole, struct Rows to)
{
    int64_t channels = m->channels, last = (m->entries - 1) * channels;
    for (int64_t n = 0; n < m->samples; n++)
        for (int64_t p = 0; p < m->places; p++) {
            const real *x = m->x.at + n * (is_whole ? 1 : m->image_places) * m->x.stride;
            real *row = to.at + row_at(m, n, p) * to.stride;
            const int64_t *taps = taps_at(m, p);
            for (int64_t i = 0; i < m->entries; i++) {
                real *at = row + i * channels;
                int is_border = taps[i] == BORDER;
                if (is_whole)
                    for (int64_t c = 0; c < channels; c++)
                        at[c] = is_border ? 0 : x[c * m->image_places + taps[i]];
                else if (is_border)
                    memset(at, 0, (size_t)channels * sizeof(real));
                else if (i * channels == last || channels % LANES)
                    memcpy(at, x + taps[i] * m->x.stride, (size_t)channels * sizeof(real));
                else
                    copy_row(at, x + taps[i] * m->x.stride, channels);
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
                for (int64_t c = 0; c < m->channels && taps[i] != BORDER; c += LANES) {
                    vec share = load_some(row + c, m->channels - c);
                    store(to + c, load(to + c) + share);
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
