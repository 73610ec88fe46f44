/* RNN, GRU and LSTM over time, and what takes some times of a sequence; in layout "rows".
 *
 * A wire has a row for every time of every sample, those of a sample one behind the other. Inside a
 * layer the samples of a time stand side by side, times in the order in which the cell goes, so that
 * row s · samples + n is step s of sample n: what a step reads lies close together, and all steps are
 * one product for the weights' gradients. The gates' columns are whole panels each, and what lies
 * behind the last unit of one is 0: weights and biases are 0 there, and so is the signal.
 *
 *     forward   every thread goes through all times with its own samples
 *     back      likewise, through weights that are turned over once; then the weights' gradients,
 *               which are shared by their rows or columns
 *
 * The equations are those of the layers in the NumPy engine, derived in their docstrings. */

/* The memory of a layer; recurrent_places.py hands out as much. */
struct Recurrence {
    int64_t kind, times, inputs, hidden, wide, columns, samples;
    int64_t is_reversed, is_rectified;
    struct Rows x, state, gates;   /* state: that before the first step in front */
    struct Rows cell, squashed;    /* LSTM: c, that before in front, and tanh c */
    struct Rows of_state;          /* GRU: h U + b′, and on the way back its signal */
    struct Rows later, kept;       /* on the way back: of h and c, from the step behind */
    struct Panels turned, turned_input; /* Uᵀ and Wᵀ */
};

INLINE struct Rows take_rows(real **at, int64_t rows, int64_t stride)
{
    struct Rows taken = {*at, stride};
    *at += rows * stride;
    return taken;
}

static struct Recurrence recurrence_of(const struct Run *run, const struct Operation *o,
                                       int64_t samples)
{
    const double *settings = run->settings + o->setting;
    int64_t wide = padded(o->outputs), wide_input = padded(o->inputs);
    int64_t columns = (o->kind == LSTM ? 4 : o->kind == GRU ? 3 : 1) * wide;
    int64_t batch = run->batch, steps = o->x_places * batch;
    struct Recurrence r = {
        .kind = o->kind, .times = o->x_places, .inputs = o->inputs, .hidden = o->outputs,
        .wide = wide, .columns = columns, .samples = samples,
        .is_reversed = settings[0] != 0, .is_rectified = settings[1] != 0,
    };
    real *at = run->arena + o->own;
    r.x = take_rows(&at, steps, wide_input);
    r.state = take_rows(&at, steps + batch, wide);
    r.gates = take_rows(&at, steps, columns);
    r.later = take_rows(&at, batch, wide);
    r.turned = (struct Panels){take_rows(&at, columns, wide).at, columns * PANEL, PANEL};
    r.turned_input = (struct Panels){take_rows(&at, columns, wide_input).at, columns * PANEL, PANEL};
    if (r.kind == GRU)
        r.of_state = take_rows(&at, steps, columns);
    if (r.kind == LSTM) {
        r.cell = take_rows(&at, steps + batch, wide);
        r.squashed = take_rows(&at, steps, wide);
        r.kept = take_rows(&at, batch, wide);
    }
    return r;
}

/* A thread's samples at a step. */
INLINE struct Rows at_step(const struct Recurrence *r, struct Rows rows, int64_t step, int64_t first)
{
    return from_sample(rows, step * r->samples + first);
}

/* The same in a wire. */
INLINE struct Rows in_wire(const struct Recurrence *r, struct Rows wire, int64_t step, int64_t first)
{
    int64_t time = r->is_reversed ? r->times - 1 - step : step;
    struct Rows found = from_sample(wire, first * r->times + time);
    found.stride *= r->times;
    return found;
}

/* to = a B or to += a B, for `width` columns in whole panels */
static void panel_product(int finish, int64_t rows, int64_t inner, int64_t width, struct Rows a,
                          struct Panels b, struct Rows to)
{
    int64_t parts = (inner + PART - 1) / PART, most = padded((inner + parts - 1) / parts), panels;
    for (int64_t j = 0; j < width; j += panels * PANEL, b.at += panels * b.panel) {
        panels = panels_from(j, width);
        for (int64_t k = 0; k < inner; k += most) {
            struct Tile t = {a.at + k, a.stride, 1, b.at + k * b.row, b.row, b.panel,
                             to.at + j, to.stride, PANEL, ZEROS, 0, ZEROS, 0};
            all_rows(AT_ZERO, k ? ADD : finish, panels, rows, smaller(most, inner - k), &t, NULL);
        }
    }
}

INLINE vec some_bias(const real *bias, int64_t j) { return bias ? load(bias + j) : (vec){0}; }

/* h = φ(a),  a = x W + b + h U + b′;  y = h, here and below */
APART void rnn_step(const struct Recurrence *r, int64_t samples, const real *bias, struct Rows gates,
                    struct Rows state, struct Rows y)
{
    for (int64_t n = 0; n < samples; n++)
        for (int64_t j = 0; j < r->wide; j += LANES) {
            vec a = load(gates.at + n * gates.stride + j) + some_bias(bias, j);
            a = r->is_rectified ? activated(RELU, a, NULL) : hyperbolic_tangent(a);
            store(state.at + n * state.stride + j, a);
            store(y.at + n * y.stride + j, a);
        }
}

/* r = σ(a_r + q_r)   z = σ(a_z + q_z)   n = tanh(a_n + r ⊙ q_n)   h = n + z ⊙ (h₋ − n) */
APART void gru_step(const struct Recurrence *r, int64_t samples, struct Rows gates,
                    struct Rows of_state, struct Rows before, struct Rows state, struct Rows y)
{
    int64_t wide = r->wide;
    for (int64_t n = 0; n < samples; n++)
        for (int64_t j = 0; j < wide; j += LANES) {
            real *a = gates.at + n * gates.stride + j;
            const real *q = of_state.at + n * of_state.stride + j;
            vec reset = logistic(load(a) + load(q));
            vec update = logistic(load(a + wide) + load(q + wide));
            vec made = hyperbolic_tangent(load(a + 2 * wide) + reset * load(q + 2 * wide));
            vec h = load(before.at + n * before.stride + j);
            store(a, reset), store(a + wide, update), store(a + 2 * wide, made);
            h = made + update * (h - made);
            store(state.at + n * state.stride + j, h);
            store(y.at + n * y.stride + j, h);
        }
}

/* i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)   c = f ⊙ c₋ + i ⊙ g   h = o ⊙ tanh(c) */
APART void lstm_step(const struct Recurrence *r, int64_t samples, const real *bias,
                     struct Rows gates, struct Rows before, struct Rows cell, struct Rows squashed,
                     struct Rows state, struct Rows y)
{
    int64_t wide = r->wide;
    for (int64_t n = 0; n < samples; n++)
        for (int64_t j = 0; j < wide; j += LANES) {
            real *a = gates.at + n * gates.stride + j;
            vec in = logistic(load(a) + some_bias(bias, j));
            vec forget = logistic(load(a + wide) + some_bias(bias, wide + j));
            vec made = hyperbolic_tangent(load(a + 2 * wide) + some_bias(bias, 2 * wide + j));
            vec out = logistic(load(a + 3 * wide) + some_bias(bias, 3 * wide + j));
            vec c = forget * load(before.at + n * before.stride + j) + in * made;
            vec tanh_c = hyperbolic_tangent(c);
            store(a, in), store(a + wide, forget), store(a + 2 * wide, made);
            store(a + 3 * wide, out);
            store(cell.at + n * cell.stride + j, c);
            store(squashed.at + n * squashed.stride + j, tanh_c);
            store(state.at + n * state.stride + j, out * tanh_c);
            store(y.at + n * y.stride + j, out * tanh_c);
        }
}

static void recurrent_forward(struct Worker *w, const struct Operation *o, int64_t all_samples)
{
    const struct Run *run = w->run;
    real *m = run->arena;
    struct Recurrence r = recurrence_of(run, o, all_samples);
    int64_t first = w->rows.first, samples = count_of(w->rows);
    struct Rows x = rows_at(m, o->x, o->x_stride), y = rows_at(m, o->y, o->y_stride);
    struct Panels by_input = {m + o->weight, r.inputs * PANEL, PANEL};
    struct Panels by_state = {m + o->hidden_weight, r.hidden * PANEL, PANEL};
    const real *bias = o->bias == NONE ? NULL : m + o->bias;
    const real *state_bias = o->hidden_bias == NONE ? NULL : m + o->hidden_bias;
    size_t whole = (size_t)(samples * r.wide) * sizeof(real);
    memset(at_step(&r, r.state, 0, first).at, 0, whole);
    if (r.kind == LSTM)
        memset(at_step(&r, r.cell, 0, first).at, 0, whole);
    for (int64_t s = 0; s < r.times; s++) {
        struct Rows own = at_step(&r, r.x, s, first), gates = at_step(&r, r.gates, s, first);
        struct Rows before = at_step(&r, r.state, s, first);
        struct Rows state = at_step(&r, r.state, s + 1, first);
        struct Rows from = in_wire(&r, x, s, first), to = in_wire(&r, y, s, first);
        for (int64_t n = 0; n < samples; n++)
            memcpy(own.at + n * own.stride, from.at + n * from.stride,
                   (size_t)r.inputs * sizeof(real));
        forward_product(STORE, samples, r.inputs, r.columns, own, by_input, bias, gates, w->pack);
        if (r.kind == GRU) {
            struct Rows of_state = at_step(&r, r.of_state, s, first);
            forward_product(STORE, samples, r.hidden, r.columns, before, by_state, state_bias,
                            of_state, w->pack);
            gru_step(&r, samples, gates, of_state, before, state, to);
            continue;
        }
        panel_product(ADD, samples, r.hidden, r.columns, before, by_state, gates);
        if (r.kind == LSTM)
            lstm_step(&r, samples, state_bias, gates, at_step(&r, r.cell, s, first),
                      at_step(&r, r.cell, s + 1, first), at_step(&r, r.squashed, s, first), state,
                      to);
        else
            rnn_step(&r, samples, state_bias, gates, state, to);
    }
    w->is_open = 1;
}

/* What came back to y, 0 behind the last unit. */
INLINE vec signal_of(const struct Recurrence *r, struct Rows dy, int64_t n, int64_t j)
{
    return keep_some(load(dy.at + n * dy.stride + j), (vec){0}, r->hidden - j);
}

/* da = dh ⊙ φ'(a),  dh = dy + later */
APART void rnn_step_back(const struct Recurrence *r, int64_t samples, struct Rows dy,
                         struct Rows later, struct Rows state, struct Rows gates)
{
    for (int64_t n = 0; n < samples; n++)
        for (int64_t j = 0; j < r->wide; j += LANES) {
            vec h = load(state.at + n * state.stride + j);
            vec dh = signal_of(r, dy, n, j) + load(later.at + n * later.stride + j);
            vec slope = activation_slope(TANH, h, NULL);
            if (r->is_rectified)
                slope = activation_slope(RELU, h, NULL);
            store(gates.at + n * gates.stride + j, dh * slope);
        }
}

/* da_n = dh ⊙ (1 − z) ⊙ (1 − n²)    da_z = dh ⊙ (h₋ − n) ⊙ z(1 − z)    da_r = da_n ⊙ q_n ⊙ r(1 − r)
 * dq_n = da_n ⊙ r,  and of h₋ there is dh ⊙ z beside dq Uᵀ */
APART void gru_step_back(const struct Recurrence *r, int64_t samples, struct Rows dy,
                         struct Rows later, struct Rows before, struct Rows gates,
                         struct Rows of_state)
{
    int64_t wide = r->wide;
    for (int64_t n = 0; n < samples; n++)
        for (int64_t j = 0; j < wide; j += LANES) {
            real *a = gates.at + n * gates.stride + j, *q = of_state.at + n * of_state.stride + j;
            real *next = later.at + n * later.stride + j;
            vec reset = load(a), update = load(a + wide), made = load(a + 2 * wide);
            vec dh = signal_of(r, dy, n, j) + load(next);
            vec to_made = dh * (1 - update) * (1 - made * made);
            vec h = load(before.at + n * before.stride + j);
            vec to_update = dh * (h - made) * update * (1 - update);
            vec to_reset = to_made * load(q + 2 * wide) * reset * (1 - reset);
            store(a, to_reset), store(a + wide, to_update), store(a + 2 * wide, to_made);
            store(q, to_reset), store(q + wide, to_update), store(q + 2 * wide, to_made * reset);
            store(next, dh * update);
        }
}

/* dc = kept + dh ⊙ o ⊙ (1 − tanh²(c)), of which dc ⊙ f is kept for the step before
 * da_i = dc ⊙ g ⊙ i(1 − i)    da_f = dc ⊙ c₋ ⊙ f(1 − f)    da_g = dc ⊙ i ⊙ (1 − g²)
 * da_o = dh ⊙ tanh(c) ⊙ o(1 − o) */
APART void lstm_step_back(const struct Recurrence *r, int64_t samples, struct Rows dy,
                          struct Rows later, struct Rows before, struct Rows squashed,
                          struct Rows kept, struct Rows gates)
{
    int64_t wide = r->wide;
    for (int64_t n = 0; n < samples; n++)
        for (int64_t j = 0; j < wide; j += LANES) {
            real *a = gates.at + n * gates.stride + j, *next = kept.at + n * kept.stride + j;
            vec in = load(a), forget = load(a + wide), made = load(a + 2 * wide);
            vec out = load(a + 3 * wide), tanh_c = load(squashed.at + n * squashed.stride + j);
            vec dh = signal_of(r, dy, n, j) + load(later.at + n * later.stride + j);
            vec dc = load(next) + dh * out * (1 - tanh_c * tanh_c);
            vec c = load(before.at + n * before.stride + j);
            store(a, dc * made * in * (1 - in));
            store(a + wide, dc * c * forget * (1 - forget));
            store(a + 2 * wide, dc * in * (1 - made * made));
            store(a + 3 * wide, dh * tanh_c * out * (1 - out));
            store(next, dc * forget);
        }
}

/* A thread's share of a weight's panels, turned over. */
static void turn_weight(const struct Worker *w, struct Panels to, struct Panels from, int64_t rows,
                        int64_t columns)
{
    struct Span own = share(w, rows, PANEL);
    for (int64_t j = own.first; j < own.end; j += PANEL)
        turn_over(to.at + j / PANEL * to.panel, from, rows, j, 0, columns);
}

/* One step back, of a thread's own samples: the gates' signals, and what goes on to the state. */
static void recurrent_step_back(const struct Recurrence *r, int64_t s, int64_t first,
                                int64_t samples, struct Rows dy)
{
    struct Rows gates = at_step(r, r->gates, s, first), before = at_step(r, r->state, s, first);
    struct Rows later = from_sample(r->later, first), of_state = gates;
    int finish = STORE;
    if (r->kind == LSTM) {
        lstm_step_back(r, samples, dy, later, at_step(r, r->cell, s, first),
                       at_step(r, r->squashed, s, first), from_sample(r->kept, first), gates);
    } else if (r->kind == GRU) {
        of_state = at_step(r, r->of_state, s, first);
        finish = ADD;
        gru_step_back(r, samples, dy, later, before, gates, of_state);
    } else {
        rnn_step_back(r, samples, dy, later, at_step(r, r->state, s + 1, first), gates);
    }
    if (s > 0)
        panel_product(finish, samples, r->columns, r->wide, of_state, r->turned, later);
}

static void recurrent_back(struct Worker *w, const struct Operation *o, int64_t all_samples,
                           const struct Update *u)
{
    const struct Run *run = w->run;
    real *m = run->arena;
    struct Recurrence r = recurrence_of(run, o, all_samples);
    int64_t first = w->rows.first, samples = count_of(w->rows), steps = r.times * all_samples;
    struct Rows dx = rows_at(m, o->dx, o->x_stride), dy = rows_at(m, o->dy, o->y_stride);
    size_t whole = (size_t)(samples * r.wide) * sizeof(real);
    turn_weight(w, r.turned, (struct Panels){m + o->hidden_weight, r.hidden * PANEL, PANEL},
                r.hidden, r.columns);
    if (dx.at)
        turn_weight(w, r.turned_input, (struct Panels){m + o->weight, r.inputs * PANEL, PANEL},
                    r.inputs, r.columns);
    meet(w);
    memset(from_sample(r.later, first).at, 0, whole);
    if (r.kind == LSTM)
        memset(from_sample(r.kept, first).at, 0, whole);
    for (int64_t s = r.times - 1; s >= 0; s--) {
        recurrent_step_back(&r, s, first, samples, in_wire(&r, dy, s, first));
        if (dx.at)
            panel_product(o->dx_adds ? ADD : STORE, samples, r.columns, padded(r.inputs),
                          at_step(&r, r.gates, s, first), r.turned_input,
                          in_wire(&r, dx, s, first));
    }
    meet(w);
    weight_product(w, o->weight_adds ? ADD : STORE, steps, r.inputs, r.columns, r.x, r.gates,
                   (struct Panels){m + o->weight_gradient, r.inputs * PANEL, PANEL}, u,
                   (struct Sums){o->bias == NONE ? NULL : m + o->bias_gradient, o->bias_adds});
    weight_product(w, o->hidden_weight_adds ? ADD : STORE, steps, r.hidden, r.columns, r.state,
                   r.kind == GRU ? r.of_state : r.gates,
                   (struct Panels){m + o->hidden_weight_gradient, r.hidden * PANEL, PANEL}, u,
                   (struct Sums){o->hidden_bias == NONE ? NULL : m + o->hidden_bias_gradient,
                                 o->hidden_bias_adds});
    meet(w);
}

/* The times of a sequence from one on, or one of them: y's rows are some of x's. */
static int64_t first_time(const struct Run *run, const struct Operation *o)
{
    int64_t first = (int64_t)run->settings[o->setting];
    first = first < 0 ? first + o->x_places : first;
    return first < 0 ? 0 : first;
}

static void times_forward(const struct Worker *w, const struct Operation *o)
{
    real *m = w->run->arena;
    int64_t first = first_time(w->run, o);
    for (int64_t n = w->rows.first; n < w->rows.end; n++)
        move(o->y_places, o->inputs,
             from_sample(rows_at(m, o->x, o->x_stride), n * o->x_places + first),
             from_sample(rows_at(m, o->y, o->y_stride), n * o->y_places), 0);
}

/* Nothing else had an influence: 0. */
static void times_back(const struct Worker *w, const struct Operation *o)
{
    real *m = w->run->arena;
    int64_t first = first_time(w->run, o);
    for (int64_t n = w->rows.first; n < w->rows.end; n++) {
        struct Rows dx = from_sample(rows_at(m, o->dx, o->x_stride), n * o->x_places);
        if (!o->dx_adds)
            memset(dx.at, 0, (size_t)(o->x_places * dx.stride) * sizeof(real));
        move(o->y_places, o->inputs,
             from_sample(rows_at(m, o->dy, o->y_stride), n * o->y_places),
             from_sample(dx, first), o->dx_adds);
    }
}
