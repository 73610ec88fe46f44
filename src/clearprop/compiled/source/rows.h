/* Layout "rows": both passes over the operations of a plan, and the update.
 *
 * Forward every operation once, in order; backward once, in the opposite order. */

static struct Rows rows_at(real *arena, int64_t place, int64_t stride)
{
    return (struct Rows){place == NONE ? NULL : arena + place, stride};
}

/* The rows of a batch, side by side. */
static void gather(const struct Run *run, const struct Batch *batch)
{
    for (int64_t i = 0; i < batch->samples; i++)
        memcpy(run->arena + run->input + i * run->input_stride,
               run->x + batch->order[i] * run->x_stride, (size_t)run->features * sizeof(real));
}

/* What an operation takes: a wire of the arena, or the caller's own data. */
static struct Rows input_of(const struct Run *run, const struct Operation *o)
{
    if (o->x == NONE)
        return (struct Rows){(real *)run->x, run->x_stride};
    return rows_at(run->arena, o->x, o->x_stride);
}

static struct Panels panels_at(const struct Run *run, const struct Operation *o, int64_t place)
{
    return (struct Panels){run->arena + place, o->panel, o->row};
}

static struct Norm norm_of(const struct Run *run, const struct Operation *o, int64_t samples)
{
    real *m = run->arena;
    int64_t statistics = o->kind == BATCH_NORM ? padded(o->inputs) : padded(run->batch);
    return (struct Norm){
        .samples = samples, .features = o->inputs,
        .x = rows_at(m, o->x, o->x_stride), .y = rows_at(m, o->y, o->y_stride),
        .dx = rows_at(m, o->dx, o->x_stride), .dy = rows_at(m, o->dy, o->y_stride),
        .dx_adds = o->dx_adds,
        .gamma = o->weight == NONE ? NULL : m + o->weight,
        .beta = o->bias == NONE ? NULL : m + o->bias,
        .gamma_gradient = o->weight == NONE ? NULL : m + o->weight_gradient,
        .beta_gradient = o->bias == NONE ? NULL : m + o->bias_gradient,
        .gamma_adds = o->weight_adds, .beta_adds = o->bias_adds,
        .mean = m + o->own, .inverse = m + o->own + statistics,
        .settings = run->settings + o->setting,
    };
}

static void linear_forward(const struct Run *run, const struct Operation *o, int64_t samples)
{
    real *m = run->arena;
    struct Rows x = input_of(run, o), y = rows_at(m, o->y, o->y_stride);
    struct Panels w = panels_at(run, o, o->weight);
    const real *bias = o->bias == NONE ? NULL : m + o->bias;
    if (is_large(run, samples, o))
        large_forward(run, samples, o, x, w, bias, y);
    else
        forward_product(o->rectified ? RECTIFY : STORE, samples, o->inputs, o->outputs, x, w, bias,
                        y, m + run->pack);
}

static void linear_weights(const struct Run *run, const struct Operation *o, int64_t samples,
                           struct Rows x, struct Rows dz, const struct Update *u)
{
    int64_t at_once = o->weight_gradient == NONE;
    struct Panels to = panels_at(run, o, at_once ? o->weight : o->weight_gradient);
    int finish = !at_once ? (o->weight_adds ? ADD : STORE)
        : run->optimizer.kind == SGD ? DESCEND : MOMENTS;
    struct Sums bias = {o->bias == NONE ? NULL : run->arena + o->bias_gradient, o->bias_adds};
    if (!is_large(run, samples, o)) {
        weight_product(finish, samples, o->inputs, o->outputs, x, dz, to, u, bias,
                       run->arena + run->pack);
        return;
    }
    large_weights(run, samples, o, x, dz, to, u);
    if (bias.to)
        column_sums(samples, o->outputs, dz, bias.to, bias.adds);
}

static void linear_back(const struct Run *run, const struct Operation *o, int64_t samples,
                        const struct Update *u)
{
    real *m = run->arena;
    struct Rows x = input_of(run, o), dz = rows_at(m, o->dy, o->y_stride);
    struct Rows dx = rows_at(m, o->dx, o->x_stride);
    struct Panels w = panels_at(run, o, o->weight);
    /* The signal first: it goes through the weights that forward used. */
    if (dx.at && is_large(run, samples, o))
        large_back(run, samples, o, dz, w, x, dx);
    else if (dx.at)
        back_product(o->gated ? GATE : o->dx_adds ? ADD : STORE, samples, o->inputs, o->outputs,
                     dz, w, x, dx, m + run->pack);
    linear_weights(run, o, samples, x, dz, u);
}

static void operation_forward(const struct Run *run, const struct Operation *o, int64_t samples,
                              const uint8_t *masks)
{
    const double *settings = run->settings + o->setting;
    struct Rows x = rows_at(run->arena, o->x, o->x_stride);
    struct Rows y = rows_at(run->arena, o->y, o->y_stride);
    struct Norm norm = norm_of(run, o, samples);
    switch (o->kind) {
    case LINEAR: linear_forward(run, o, samples); break;
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
    case DROPOUT: masked(samples, o->inputs, x, y, masks + o->mask, (real)settings[0], 0); break;
    case LAYER_NORM: norm_of_samples_forward(&norm, 1); break;
    case RMS_NORM: norm_of_samples_forward(&norm, 0); break;
    case BATCH_NORM:
        batch_norm_forward(&norm, o->state == NONE ? NULL : run->arena + o->state);
        break;
    case SOFTMAX: softmax_forward(samples, o->inputs, x, y, 0); break;
    case LOG_SOFTMAX: softmax_forward(samples, o->inputs, x, y, 1); break;
    case FEATURE_SCALE:
        scale_forward(samples, o->inputs, x, y, run->arena + o->weight, (real)settings[0]);
        break;
    case PIECEWISE_LINEAR: piecewise_forward(samples, o->inputs, x, y, settings); break;
    default: move(samples, o->inputs, x, y, o->y_adds);
    }
}

static void operation_back(const struct Run *run, const struct Operation *o, int64_t samples,
                           const uint8_t *masks, const struct Update *u)
{
    const double *settings = run->settings + o->setting;
    struct Rows x = rows_at(run->arena, o->x, o->x_stride);
    struct Rows y = rows_at(run->arena, o->y, o->y_stride);
    struct Rows dx = rows_at(run->arena, o->dx, o->x_stride);
    struct Rows dy = rows_at(run->arena, o->dy, o->y_stride);
    struct Norm norm = norm_of(run, o, samples);
    int has_parameters = o->weight != NONE;
    if (!dx.at && !has_parameters)
        return;
    switch (o->kind) {
    case LINEAR: linear_back(run, o, samples, u); break;
    case ACTIVATION:
        if (!(o->done & 2)) {
            struct Sweep s = {samples, padded(o->inputs), x.at, x.stride, dy.at, dy.stride,
                              dx.at, dx.stride, o->dx_adds, settings};
            if (from_output(o->activation))
                s.z = y.at, s.z_stride = y.stride;
            deactivate(o->activation, &s);
        }
        break;
    case PRELU:
        prelu_back(samples, o->inputs, x, dy, dx, o->dx_adds, run->arena + o->weight,
                   settings[0] != 0, run->arena + o->weight_gradient, o->weight_adds);
        break;
    case DROPOUT:
        masked(samples, o->inputs, dy, dx, masks + o->mask, (real)settings[0], o->dx_adds);
        break;
    case LAYER_NORM:
    case RMS_NORM:
        norm_of_samples_back(&norm, o->kind == LAYER_NORM);
        if (has_parameters)
            norm_parameters_back(&norm, 1);
        break;
    case BATCH_NORM:
        batch_norm_back(&norm);
        if (has_parameters)
            norm_parameters_back(&norm, 0);
        break;
    case SOFTMAX: softmax_back(samples, o->inputs, y, dy, dx, 0, o->dx_adds); break;
    case LOG_SOFTMAX: softmax_back(samples, o->inputs, y, dy, dx, 1, o->dx_adds); break;
    case FEATURE_SCALE:
        scale_back(samples, o->inputs, x, dy, dx, o->dx_adds, run->arena + o->weight,
                   (real)settings[0], run->arena + o->weight_gradient, o->weight_adds);
        break;
    case PIECEWISE_LINEAR:
        piecewise_back(samples, o->inputs, x, dy, dx, o->dx_adds, settings);
        break;
    default: move(samples, o->inputs, dy, dx, o->dx_adds);
    }
}

static double step_of_rows(const struct Run *run, const struct Batch *batch, const uint8_t *masks,
                           double divisor, const struct Update *u)
{
    const struct Operation *all = run->operations;
    if (run->input != NONE && batch->order)
        gather(run, batch);
    for (int64_t i = 0; i < run->operation_count; i++)
        operation_forward(run, all + i, batch->samples, masks);
    double total = loss_of(&run->loss, batch, run->arena, run->settings, divisor);
    for (int64_t i = run->operation_count - 1; i >= 0; i--)
        operation_back(run, all + i, batch->samples, masks, u);
    update_all(run, u);
    return total;
}
