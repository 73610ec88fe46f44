/* Many equal networks at once: the steps of a group, and of all groups of a call. */

/* The columns of a group's wires that hold samples, as the sweeps of activations.h see them. */
static struct Sweep lane_sweep(const struct Run *run, vec *m, const struct Operation *o,
                               int64_t samples)
{
    return (struct Sweep){o->inputs, samples * LANES, (real *)(m + o->x), o->x_stride * LANES, NULL, 0,
                          (real *)(m + o->y), o->y_stride * LANES, 0, run->settings + o->setting};
}

static void lane_move(int64_t features, int64_t samples, const vec *from, int64_t from_row, vec *to,
                      int64_t to_row, int64_t adds)
{
    for (int64_t k = 0; k < features; k++)
        for (int64_t i = 0; i < samples; i++)
            to[k * to_row + i] = from[k * from_row + i] + (adds ? to[k * to_row + i] : (vec){0});
}

static void lanes_forward(const struct Run *run, vec *m, int64_t samples)
{
    for (int64_t i = 0; i < run->operation_count; i++) {
        const struct Operation *o = run->operations + i;
        struct Sweep s = lane_sweep(run, m, o, samples);
        if (o->kind == LINEAR)
            lane_forward(m, o, samples);
        else if (o->kind == MOVE)
            lane_move(o->inputs, samples, m + o->x, o->x_stride, m + o->y, o->y_stride, o->y_adds);
        else if (!(o->done & 1))
            activate(o->activation, &s);
    }
}

static void lanes_back(const struct Run *run, vec *m, int64_t samples)
{
    for (int64_t i = run->operation_count - 1; i >= 0; i--) {
        const struct Operation *o = run->operations + i;
        struct Sweep s = lane_sweep(run, m, o, samples);
        if (o->kind == LINEAR) {
            lane_back(m, o, samples);
        } else if (o->dx != NONE && o->kind == MOVE) {
            lane_move(o->inputs, samples, m + o->dy, o->y_stride, m + o->dx, o->x_stride, o->dx_adds);
        } else if (o->dx != NONE && !(o->done & 2)) {
            if (from_output(o->activation))
                s.z = (real *)(m + o->y);
            s.from = (real *)(m + o->dy), s.from_stride = o->y_stride * LANES;
            s.to = (real *)(m + o->dx), s.to_stride = o->x_stride * LANES;
            s.adds = o->dx_adds;
            deactivate(o->activation, &s);
        }
    }
}

/* As `clip`, with a norm for every network. */
static void lane_clip(const struct Run *run, vec *gradient, int64_t size)
{
    const struct Optimizer *o = &run->optimizer;
    for (int64_t c = 0; c < o->clips; c++) {
        const double *s = run->settings + o->clip_setting + 2 * c;
        vec bound = splat((real)s[1]), scale = {0};
        for (int64_t i = 0; i < size; i++)
            scale += gradient[i] * gradient[i];
        scale = bound / (square_root(scale) + (real)1e-6);
        scale = choose(above(scale, splat(1)), splat(1), scale);
        for (int64_t i = 0; i < size; i++)
            gradient[i] = s[0] == BY_NORM ? gradient[i] * scale : clipped(gradient[i], bound);
    }
}

/* One step of a group; the totals of its networks. */
static vec lanes_step(const struct Run *run, const struct Lanes *all, const struct LaneData *d,
                      const struct Batch *b, vec *m, vec weight, struct Update u)
{
    vec total = {0}, *gradient = m + all->gradient, inverse = 1 / weight;
    memset(gradient, 0, (size_t)all->size * sizeof(vec));
    for (int64_t first = 0; first < b->samples; first += BLOCK_OF_SAMPLES) {
        int64_t samples = smaller(BLOCK_OF_SAMPLES, b->samples - first);
        for (int64_t i = 0; i < samples; i++)
            for (int64_t k = 0; k < run->features; k++)
                m[run->input + k * run->input_stride + i] =
                    of_sample(d->x, run->x, sample_at(b, first + i) * run->features + k);
        lanes_forward(run, m, samples);
        total += lane_loss(run, d, b, m, first, samples, inverse);
        lanes_back(run, m, samples);
    }
    lane_clip(run, gradient, all->size);
    u.slot = run->optimizer.slot * LANES;
    update_block(run->optimizer.kind, (real *)m, (real *)gradient, all->size * LANES, &u);
    return total;
}

/* From (networks, entries) to vectors and back; where a group has fewer networks than lanes, the
 * last one stands in the others and is written once. */
static void into_lanes(vec *to, const real *from, int64_t entries, int64_t first, int64_t networks)
{
    for (int64_t i = 0; i < entries; i++)
        for (int lane = 0; lane < LANES; lane++)
            to[i][lane] = from[(first + smaller(lane, networks - 1)) * entries + i];
}

static void out_of_lanes(const vec *from, real *to, int64_t entries, int64_t first, int64_t networks)
{
    for (int64_t i = 0; i < entries; i++)
        for (int lane = 0; lane < networks; lane++)
            to[(first + lane) * entries + i] = from[i][lane];
}

static vec numbers_of_lanes(const double *each, double same, int64_t first, int64_t networks)
{
    vec v = splat((real)same);
    for (int lane = 0; each && lane < LANES; lane++)
        v[lane] = (real)each[first + smaller(lane, networks - 1)];
    return v;
}

/* All steps of the networks from `first` on. */
static void train_group(const struct Run *run, const struct Lanes *all, int64_t first, int64_t networks)
{
    vec *m = (vec *)run->arena;
    struct LaneData d = {0};
    struct Batch b = {0};
    int64_t per_epoch = (run->samples + run->batch - 1) / run->batch, stack = all->networks * all->size;
    int64_t outputs = run->ids ? 1 : run->loss.outputs;
    const int64_t *order = run->order;
    if (all->own_x)
        d.x = m + all->x, into_lanes(m + all->x, run->x, run->samples * run->features, first, networks);
    if (all->own_target)
        d.target = m + all->target,
        into_lanes(m + all->target, run->target, run->samples * outputs, first, networks);
    if (all->own_weight)
        d.weight = m + all->weight,
        into_lanes(m + all->weight, run->sample_weight, run->samples, first, networks);
    for (int64_t s = 0; s <= all->slots; s++)
        into_lanes(m + s * run->optimizer.slot, all->state + s * stack, all->size, first, networks);
    vec decay = numbers_of_lanes(all->decays, decay_of(&run->optimizer, run->settings), first, networks);
    for (int64_t k = 0; k < run->steps; k++) {
        int64_t place = (run->first + k) % per_epoch * run->batch;
        b.samples = smaller(run->batch, run->samples - place);
        b.order = order;
        vec rate = numbers_of_lanes(all->rates, run->rates[k], first, networks);
        struct Update u = update_of(&run->optimizer, run->settings, rate, decay, run->step + k);
        vec weight = lane_weight(run, &d, &b), total = lanes_step(run, all, &d, &b, m, weight, u);
        for (int64_t lane = 0; lane < networks; lane++) {
            all->totals[k * all->networks + first + lane] = (double)total[lane];
            all->weights[k * all->networks + first + lane] = (double)weight[lane];
        }
        if (order)
            order += b.samples;
    }
    for (int64_t s = 0; s <= all->slots; s++)
        out_of_lanes(m + s * run->optimizer.slot, all->state + s * stack, all->size, first, networks);
}
