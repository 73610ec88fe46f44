/* Layout "rows": both passes over the operations of a plan, and the update.
 *
 * Forward every operation once, in order; backward once, in the opposite order. Threads go through
 * them side by side, each with its own samples, and meet where one needs what the others made: what
 * goes over the samples is shared by features, and a large product is one thread's. */

/* The rows of a batch, side by side: a thread's own. */
static void gather(const struct Worker *w, const struct Batch *batch)
{
    const struct Run *run = w->run;
    real *to = run->arena + run->input + w->rows.first * run->places * run->input_stride;
    for (int64_t i = w->rows.first; i < w->rows.end; i++) {
        const real *from = run->x + batch->order[i] * run->x_stride;
        for (int64_t p = 0; p < run->places; p++, from += run->features, to += run->input_stride)
            memcpy(to, from, (size_t)run->features * sizeof(real));
    }
}

/* The rows of a thread's own samples, of a wire that has so many of each. */
INLINE struct Span own_rows(const struct Worker *w, int64_t places)
{
    return (struct Span){w->rows.first * places, w->rows.end * places};
}

/* What an operation takes: a wire of the arena, or the caller's own data. */
static struct Rows input_of(const struct Run *run, const struct Operation *o)
{
    if (o->x == NONE)
        return (struct Rows){(real *)run->x, run->features};
    return rows_at(run->arena, o->x, o->x_stride);
}

static struct Panels panels_at(const struct Run *run, const struct Operation *o, int64_t place)
{
    return (struct Panels){run->arena + place, o->panel, o->row};
}

/* Of some samples, and of some features where it goes over the samples. */
static struct Norm norm_of(const struct Worker *w, const struct Operation *o, struct Span samples)
{
    const struct Run *run = w->run;
    real *m = run->arena, *mean = m + o->own;
    int64_t statistics = o->kind == BATCH_NORM ? padded(o->inputs)
                                               : padded(run->batch * o->x_places);
    if (o->kind != BATCH_NORM)
        mean += samples.first;
    return (struct Norm){
        .samples = count_of(samples), .features = o->inputs, .span = share(w, o->inputs, PANEL),
        .x = from_sample(rows_at(m, o->x, o->x_stride), samples.first),
        .y = from_sample(rows_at(m, o->y, o->y_stride), samples.first),
        .dx = from_sample(rows_at(m, o->dx, o->x_stride), samples.first),
        .dy = from_sample(rows_at(m, o->dy, o->y_stride), samples.first),
        .dx_adds = o->dx_adds,
        .gamma = o->weight == NONE ? NULL : m + o->weight,
        .beta = o->bias == NONE ? NULL : m + o->bias,
        .gamma_gradient = o->weight == NONE ? NULL : m + o->weight_gradient,
        .beta_gradient = o->bias == NONE ? NULL : m + o->bias_gradient,
        .gamma_adds = o->weight_adds, .beta_adds = o->bias_adds,
        .mean = mean, .inverse = mean + statistics,
        .settings = run->settings + o->setting,
    };
}

static void linear_forward(struct Worker *w, const struct Operation *o, int64_t samples)
{
    const struct Run *run = w->run;
    real *m = run->arena;
    struct Rows x = input_of(run, o), y = rows_at(m, o->y, o->y_stride);
    struct Panels weight = panels_at(run, o, o->weight);
    const real *bias = o->bias == NONE ? NULL : m + o->bias;
    if (is_large(run, samples, o)) {
        settle(w);
        if (w->number == 0)
            large_forward(run, samples, o, x, weight, bias, y);
        meet(w);
        return;
    }
    struct Share own = share_of_product(w, own_rows(w, o->x_places), samples, o->inputs,
                                        o->outputs);
    int64_t j = own.columns.first;
    int by_rows = is_by_rows(own, o->outputs);
    if (!by_rows)
        settle(w);
    weight.at += j / PANEL * weight.panel;
    y.at += j;
    forward_product(o->rectified ? RECTIFY : STORE, count_of(own.rows), o->inputs,
                    count_of(own.columns), from_sample(x, own.rows.first), weight,
                    bias ? bias + j : NULL, from_sample(y, own.rows.first), w->pack);
    w->is_open = 1;
    if (!by_rows)
        meet(w);
}

static void linear_weights(struct Worker *w, const struct Operation *o, int64_t samples,
                           struct Rows x, struct Rows dz, const struct Update *u)
{
    const struct Run *run = w->run;
    int64_t at_once = o->weight_gradient == NONE;
    struct Panels to = panels_at(run, o, at_once ? o->weight : o->weight_gradient);
    int finish = !at_once ? (o->weight_adds ? ADD : STORE)
        : run->optimizer.kind == SGD ? DESCEND : MOMENTS;
    struct Sums bias = {o->bias == NONE ? NULL : run->arena + o->bias_gradient, o->bias_adds};
    if (!is_large(run, samples, o)) {
        weight_product(w, finish, samples, o->inputs, o->outputs, x, dz, to, u, bias);
        return;
    }
    if (w->number > 0)
        return;
    large_weights(run, samples, o, x, dz, to, u);
    if (bias.to)
        column_sums(samples, o->outputs, dz, bias.to, bias.adds);
}

/* The signal, of some samples or some inputs. */
static void linear_signal(struct Worker *w, const struct Operation *o, int64_t samples,
                          struct Rows x, struct Rows dz)
{
    struct Rows dx = rows_at(w->run->arena, o->dx, o->x_stride);
    struct Panels weight = panels_at(w->run, o, o->weight);
    int finish = o->gated ? GATE : o->dx_adds ? ADD : STORE;
    struct Share own = share_of_product(w, own_rows(w, o->x_places), samples, o->outputs,
                                        o->inputs);
    if (is_large(w->run, samples, o)) {
        settle(w);
        if (w->number == 0)
            large_back(w->run, samples, o, dz, weight, x, dx);
    } else {
        if (!is_by_rows(own, o->inputs))
            settle(w);
        back_product(finish, count_of(own.rows), o->inputs, own.columns, o->outputs,
                     from_sample(dz, own.rows.first), weight, from_sample(x, own.rows.first),
                     from_sample(dx, own.rows.first), w->pack);
    }
    w->is_open = 1;
}

static void linear_back(struct Worker *w, const struct Operation *o, int64_t samples,
                        const struct Update *u)
{
    struct Rows x = input_of(w->run, o), dz = rows_at(w->run->arena, o->dy, o->y_stride);
    /* The signal first: it goes through the weights that forward used. */
    if (o->dx != NONE)
        linear_signal(w, o, samples, x, dz);
    settle(w);
    linear_weights(w, o, samples, x, dz, u);
    meet(w);
}

static void batch_norm(struct Worker *w, const struct Operation *o, int64_t samples)
{
    struct Norm norm = norm_of(w, o, (struct Span){0, samples});
    real *running = o->state == NONE ? NULL : w->run->arena + o->state;
    settle(w);
    batch_norm_forward(&norm, running);
    meet(w);
    if (running && w->number == 0) /* when all have read it */
        running[2 * padded(o->inputs)] += 1;
}

/* The rows of a sample made one row, or the other way round; and back again. */
static void turn_forward(struct Worker *w, const struct Operation *o)
{
    const int64_t *shape = w->run->shapes + o->shape;
    struct Rows x = from_sample(rows_at(w->run->arena, o->x, o->x_stride),
                                w->rows.first * o->x_places);
    struct Rows y = from_sample(rows_at(w->run->arena, o->y, o->y_stride),
                                w->rows.first * o->y_places);
    if (shape[IS_WHOLE])
        make_whole(count_of(w->rows), shape, x, y, 0);
    else
        make_rows(count_of(w->rows), shape, x, y, 0);
}

static void turn_back(struct Worker *w, const struct Operation *o)
{
    const int64_t *shape = w->run->shapes + o->shape;
    struct Rows dx = from_sample(rows_at(w->run->arena, o->dx, o->x_stride),
                                 w->rows.first * o->x_places);
    struct Rows dy = from_sample(rows_at(w->run->arena, o->dy, o->y_stride),
                                 w->rows.first * o->y_places);
    if (shape[IS_WHOLE])
        make_rows(count_of(w->rows), shape, dy, dx, o->dx_adds);
    else
        make_whole(count_of(w->rows), shape, dy, dx, o->dx_adds);
}

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

static void operation_forward(struct Worker *w, const struct Operation *o, int64_t all_samples,
                              const uint8_t *masks)
{
    const struct Run *run = w->run;
    const double *settings = run->settings + o->setting;
    struct Span own = own_rows(w, o->x_places);
    int64_t first = own.first, samples = count_of(own);
    struct Rows x = from_sample(rows_at(run->arena, o->x, o->x_stride), first);
    struct Rows y = from_sample(rows_at(run->arena, o->y, o->y_stride), first);
    struct Norm norm = norm_of(w, o, own);
    struct Images images = images_of(w, o, w->rows);
    int64_t all_rows = all_samples * o->x_places;
    switch (o->kind) {
    case LINEAR: linear_forward(w, o, all_rows); return;
    case BATCH_NORM: batch_norm(w, o, all_rows); return;
    case TURN: turn_forward(w, o); break;
    case CONVOLUTION: convolution_forward(w, o); return;
    case MAX_POOL: max_pool_forward(&images); break;
    case MEAN_POOL: mean_pool_forward(&images); break;
    case PAD: pad_forward(&images); break;
    case RNN: case GRU: case LSTM: recurrent_forward(w, o, all_samples); return;
    case TIMES: times_forward(w, o); break;
    case ACTIVATION:
        if (!(o->done & 1)) {
            struct Sweep s = {samples, padded(o->inputs), x.at, x.stride, NULL, 0, y.at, y.stride,
                              0, settings};
            activate(o->activation, &s);
        }
        break;
    case PRELU:
        prelu_forward(samples, o->inputs, x, y, run->arena + o->weight, settings[0] != 0);
        break;
    case DROPOUT:
        masked(samples, o->inputs, x, y, masks + o->mask + first * o->inputs, (real)settings[0], 0);
        break;
    case LAYER_NORM: norm_of_samples_forward(&norm, 1); break;
    case RMS_NORM: norm_of_samples_forward(&norm, 0); break;
    case SOFTMAX: softmax_forward(samples, o->inputs, x, y, 0); break;
    case LOG_SOFTMAX: softmax_forward(samples, o->inputs, x, y, 1); break;
    case FEATURE_SCALE:
        scale_forward(samples, o->inputs, x, y, run->arena + o->weight, (real)settings[0]);
        break;
    case PIECEWISE_LINEAR: piecewise_forward(samples, o->inputs, x, y, settings); break;
    default: move(samples, o->inputs, x, y, o->y_adds);
    }
    w->is_open = 1;
}

/* What is learned, and what goes over the samples: of all samples, shared by features. */
static void features_back(struct Worker *w, const struct Operation *o, int64_t samples)
{
    const struct Run *run = w->run;
    const double *settings = run->settings + o->setting;
    struct Rows x = rows_at(run->arena, o->x, o->x_stride);
    struct Rows dx = rows_at(run->arena, o->dx, o->x_stride);
    struct Rows dy = rows_at(run->arena, o->dy, o->y_stride);
    struct Span own = share(w, o->inputs, PANEL);
    struct Norm norm = norm_of(w, o, (struct Span){0, samples});
    switch (o->kind) {
    case PRELU: {
        int is_shared = settings[0] != 0; /* one sum over all */
        prelu_back(samples, o->inputs, is_shared ? share_of_one(w, o->inputs) : own, x, dy, dx,
                   o->dx_adds, run->arena + o->weight, is_shared, run->arena + o->weight_gradient,
                   o->weight_adds);
        break;
    }
    case FEATURE_SCALE:
        scale_back(samples, o->inputs, own, x, dy, dx, o->dx_adds, run->arena + o->weight,
                   (real)settings[0], run->arena + o->weight_gradient, o->weight_adds);
        break;
    case BATCH_NORM: batch_norm_back(&norm); break;
    default: break;
    }
    if (o->weight != NONE && (o->kind == LAYER_NORM || o->kind == RMS_NORM))
        norm_parameters_back(&norm, 1);
    else if (o->weight != NONE && o->kind == BATCH_NORM)
        norm_parameters_back(&norm, 0);
}

/* The signal, of a thread's own samples. */
static void samples_back(struct Worker *w, const struct Operation *o, const uint8_t *masks)
{
    const struct Run *run = w->run;
    const double *settings = run->settings + o->setting;
    struct Span own = own_rows(w, o->x_places);
    int64_t first = own.first, samples = count_of(own);
    struct Rows x = from_sample(rows_at(run->arena, o->x, o->x_stride), first);
    struct Rows y = from_sample(rows_at(run->arena, o->y, o->y_stride), first);
    struct Rows dx = from_sample(rows_at(run->arena, o->dx, o->x_stride), first);
    struct Rows dy = from_sample(rows_at(run->arena, o->dy, o->y_stride), first);
    struct Norm norm = norm_of(w, o, own);
    struct Images images = images_of(w, o, w->rows);
    switch (o->kind) {
    case ACTIVATION: {
        struct Sweep s = {samples, padded(o->inputs), x.at, x.stride, dy.at, dy.stride,
                          dx.at, dx.stride, o->dx_adds, settings};
        if (from_output(o->activation))
            s.z = y.at, s.z_stride = y.stride;
        deactivate(o->activation, &s);
        break;
    }
    case DROPOUT:
        masked(samples, o->inputs, dy, dx, masks + o->mask + first * o->inputs, (real)settings[0],
               o->dx_adds);
        break;
    case LAYER_NORM: norm_of_samples_back(&norm, 1); break;
    case RMS_NORM: norm_of_samples_back(&norm, 0); break;
    case SOFTMAX: softmax_back(samples, o->inputs, y, dy, dx, 0, o->dx_adds); break;
    case LOG_SOFTMAX: softmax_back(samples, o->inputs, y, dy, dx, 1, o->dx_adds); break;
    case PIECEWISE_LINEAR:
        piecewise_back(samples, o->inputs, x, dy, dx, o->dx_adds, settings);
        break;
    case MOVE: move(samples, o->inputs, dy, dx, o->dx_adds); break;
    case TURN: turn_back(w, o); break;
    case MAX_POOL: max_pool_back(&images); break;
    case MEAN_POOL: spread_back(&images, 1); break;
    case PAD: spread_back(&images, 0); break;
    case TIMES: times_back(w, o); break;
    default: break;
    }
    w->is_open = 1;
}

static void operation_back(struct Worker *w, const struct Operation *o, int64_t all_samples,
                           const uint8_t *masks, const struct Update *u)
{
    int over_samples = o->weight != NONE || o->kind == BATCH_NORM;
    int64_t all_rows = all_samples * o->x_places;
    if ((o->dx == NONE && o->weight == NONE) || o->done & 2)
        return;
    if (o->kind == LINEAR) {
        linear_back(w, o, all_rows, u);
        return;
    }
    if (o->kind == CONVOLUTION) {
        convolution_back(w, o, all_samples, u);
        return;
    }
    if (o->kind == RNN || o->kind == GRU || o->kind == LSTM) {
        recurrent_back(w, o, all_samples, u);
        return;
    }
    samples_back(w, o, masks);
    /* Met in any case: the place of one signal becomes that of another, whose rows are shorter. */
    meet(w);
    if (over_samples) {
        features_back(w, o, all_rows);
        meet(w);
    }
}

static double step_of_rows(struct Worker *w, const struct Batch *batch, const uint8_t *masks,
                           double divisor, const struct Update *u, int64_t step)
{
    const struct Run *run = w->run;
    const struct Operation *all = run->operations;
    /* A thread may begin the next step while another adds up this one's parts. */
    int64_t places = run->loss.places;
    int64_t most = (run->batch * places + SAMPLES_OF_PART - 1) / SAMPLES_OF_PART;
    struct PartOfLoss *parts = run->parts + step % 2 * most;
    if (run->input != NONE && batch->order) {
        gather(w, batch);
        w->is_open = 1;
    }
    for (int64_t i = 0; i < run->operation_count; i++)
        operation_forward(w, all + i, batch->samples, masks);
    loss_of(&run->loss, batch, own_rows(w, places), run->arena, run->settings, divisor, parts);
    w->is_open = 1;
    for (int64_t i = run->operation_count - 1; i >= 0; i--)
        operation_back(w, all + i, batch->samples, masks, u);
    settle(w);
    update_all(w, u);
    return sum_of_parts(parts, batch->samples * places);
}
