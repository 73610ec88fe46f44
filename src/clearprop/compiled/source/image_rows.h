/* The passes over layers of images, in layout "rows": each thread makes patches and windows of its
 * own samples; the weights' gradients go over all of them, and are shared by their rows or columns. */

/* A layer of images, and some of its samples. */
static struct Images images_of(const struct Worker *w, const struct Operation *o,
                               struct Span samples)
{
    const struct Run *run = w->run;
    const int64_t *shape = run->shapes + o->shape;
    int64_t x_first = samples.first * o->x_places, y_first = samples.first * o->y_places;
    return (struct Images){
        .samples = count_of(samples), .channels = shape[CHANNELS], .entries = shape[ENTRIES],
        .image_places = shape[IMAGE_PLACES], .places = o->y_places,
        .is_once = shape[IS_ONCE], .taps = shape + TAPS,
        .x = from_sample(rows_at(run->arena, o->x, o->x_stride), x_first),
        .y = from_sample(rows_at(run->arena, o->y, o->y_stride), y_first),
        .dx = from_sample(rows_at(run->arena, o->dx, o->x_stride), x_first),
        .dy = from_sample(rows_at(run->arena, o->dy, o->y_stride), y_first),
        .dx_adds = o->dx_adds, .settings = run->settings + o->setting,
    };
}

/* The next samples whose patches are made at once. */
static struct Span next_samples(const struct Worker *w, const struct Operation *o, int64_t first)
{
    return (struct Span){first, smaller(first + samples_at_once(o->y_places), w->rows.end)};
}

static void convolution_forward(struct Worker *w, const struct Operation *o)
{
    const struct Run *run = w->run;
    struct Panels weight = panels_at(run, o, o->weight);
    struct Rows patches = {run->arena + o->own, o->own_stride};
    const real *bias = o->bias == NONE ? NULL : run->arena + o->bias;
    int64_t groups = run->shapes[o->shape + GROUPS];
    struct Span some;
    if (groups > 1) { /* whatever an optimizer makes of a gradient of 0 */
        struct Images none = images_of(w, o, (struct Span){0, 0});
        settle(w);
        if (w->number == 0)
            part_groups(&none, groups, o->outputs, weight);
        meet(w);
    }
    for (int64_t i = w->rows.first; i < w->rows.end; i = some.end) {
        some = next_samples(w, o, i);
        struct Images m = images_of(w, o, some);
        struct Rows rows = from_sample(patches, i * o->y_places);
        if (o->x_places < m.image_places)
            patches_of_whole(&m, rows);
        else
            patches_of_rows(&m, rows);
        forward_product(o->rectified ? RECTIFY : STORE, m.samples * m.places,
                        m.entries * m.channels, o->outputs, rows, weight, bias, m.y, w->pack);
    }
    w->is_open = 1;
}

static void convolution_back(struct Worker *w, const struct Operation *o, int64_t samples,
                             const struct Update *u)
{
    const struct Run *run = w->run;
    struct Rows patches = {run->arena + o->own, o->own_stride};
    struct Rows dz = rows_at(run->arena, o->dy, o->y_stride);
    struct Panels gradient = panels_at(run, o, o->weight_gradient);
    struct Sums bias = {o->bias == NONE ? NULL : run->arena + o->bias_gradient, o->bias_adds};
    struct Images all = images_of(w, o, (struct Span){0, samples});
    int64_t inputs = all.entries * all.channels, groups = run->shapes[o->shape + GROUPS];
    struct Span some;
    settle(w);
    weight_product(w, o->weight_adds ? ADD : STORE, samples * o->y_places, inputs, o->outputs,
                   patches, dz, gradient, u, bias);
    meet(w);
    if (groups > 1 && w->number == 0)
        part_groups(&all, groups, o->outputs, gradient);
    for (int64_t i = w->rows.first; i < w->rows.end && o->dx != NONE; i = some.end) {
        some = next_samples(w, o, i);
        struct Images m = images_of(w, o, some);
        struct Rows rows = from_sample(patches, i * o->y_places);
        back_product(STORE, m.samples * m.places, inputs, (struct Span){0, inputs}, o->outputs,
                     m.dy, panels_at(run, o, o->weight), rows, rows, w->pack);
        add_patches(&m, rows);
    }
    meet(w);
}

static void images_forward(const struct Worker *w, const struct Operation *o)
{
    struct Images own = images_of(w, o, w->rows);
    switch (o->kind) {
    case MAX_POOL: max_pool_forward(&own); break;
    case MEAN_POOL: mean_pool_forward(&own); break;
    default: pad_forward(&own);
    }
}

static void images_back(const struct Worker *w, const struct Operation *o)
{
    struct Images own = images_of(w, o, w->rows);
    if (o->kind == MAX_POOL)
        max_pool_back(&own);
    else
        spread_back(&own, o->kind == MEAN_POOL);
}
