/* Rows of a table by ids, in layout "rows": y has a row for every id of a sample. The ids are the
 * caller's own data. A table lies as the weight of a linear layer does. */

/* The ids of a sample of the batch. */
static const int64_t *ids_of(const struct Worker *w, const struct Operation *o, int64_t sample)
{
    return w->run->x_ids + (w->order ? w->order[sample] : sample) * o->y_places;
}

static void embedding_forward(const struct Worker *w, const struct Operation *o)
{
    real *m = w->run->arena;
    struct Rows y = rows_at(m, o->y, o->y_stride);
    for (int64_t n = w->rows.first; n < w->rows.end; n++) {
        const int64_t *ids = ids_of(w, o, n);
        for (int64_t p = 0; p < o->y_places; p++) {
            const real *from = m + o->weight + ids[p] * o->row;
            real *to = y.at + (n * o->y_places + p) * y.stride;
            for (int64_t j = 0; j < o->outputs; j += PANEL, from += o->panel)
                memcpy(to + j, from, PANEL * sizeof(real));
        }
    }
}

/* ∂C/∂(a row) = the sum of the signals where its id stands: a thread's share of its columns. */
static void embedding_back(struct Worker *w, const struct Operation *o, int64_t samples)
{
    real *m = w->run->arena;
    struct Rows dy = rows_at(m, o->dy, o->y_stride);
    int64_t entries = w->run->shapes[o->shape];
    settle(w);
    struct Span own = share(w, o->outputs, PANEL);
    for (int64_t j = own.first; j < own.end; j += PANEL) {
        real *gradient = m + o->weight_gradient + j / PANEL * o->panel;
        for (int64_t i = 0; i < entries && !o->weight_adds; i++)
            memset(gradient + i * o->row, 0, PANEL * sizeof(real));
        for (int64_t n = 0; n < samples; n++) {
            const int64_t *ids = ids_of(w, o, n);
            const real *from = dy.at + n * o->y_places * dy.stride + j;
            for (int64_t p = 0; p < o->y_places; p++, from += dy.stride)
                for (int h = 0; h < PANEL; h += LANES)
                    store_or_add(gradient + ids[p] * o->row + h,
                                 keep_some(load(from + h), (vec){0}, o->outputs - j - h), 1);
        }
    }
    meet(w);
}
