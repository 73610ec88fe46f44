/* Optimizers: θ and what is remembered, from the gradient g. The equations and the names of their
 * settings are those of the optimizers in the NumPy engine.
 *
 * Everything is entry by entry. A slot is an array of the parameters' layout; slot number i of the
 * parameters at p lies at p + (i + 1) · slot. */

enum { MOMENTUM, DAMPENING, SGD_DECAY, NESTEROV };               /* settings of SGD */
enum { ALPHA, RMS_EPS, RMS_DECAY, RMS_MOMENTUM, CENTERED };      /* of RMSprop */
enum { RATE_DECAY, ADAGRAD_EPS, ADAGRAD_DECAY };                 /* of Adagrad */
enum { BETA_1, BETA_2, ADAM_EPS, ADAM_DECAY, AMSGRAD, DECOUPLED }; /* of Adam and AdamW */

/* One step's constants, as numbers of the kernels. */
struct Update {
    int64_t slot;
    int is_first;        /* the very first step: the velocity is the gradient */
    /* Vectors, since networks that share the lanes may differ in them. */
    vec rate;            /* η; of Adam η / (1 − β₁ⁿ) */
    vec decay;           /* λ, where weight decay is part of the gradient */
    vec shrink;          /* 1 − η λ, where it is not; otherwise 1 */
    real keep, take;     /* β₁ and 1 − β₁; of RMSprop α and 1 − α */
    real keep_square, take_square; /* β₂ and 1 − β₂ */
    real root;           /* 1 / √(1 − β₂ⁿ) */
    real eps;
    real momentum, damp; /* μ and 1 − d */
    int nesterov, centered, amsgrad;
};

/* The step that comes after `step` others, at the rates η and with the weight decays λ. */
static struct Update update_of(const struct Optimizer *o, const double *all, vec rate, vec decay,
                               int64_t step)
{
    const double *s = all + o->setting;
    struct Update u = {.slot = o->slot, .is_first = step == 0, .rate = rate, .decay = decay,
                       .shrink = splat(1)};
    switch (o->kind) {
    case SGD:
        u.momentum = (real)s[MOMENTUM];
        u.damp = (real)(1 - s[DAMPENING]);
        u.nesterov = s[NESTEROV] != 0;
        break;
    case RMSPROP:
        u.keep = (real)s[ALPHA];
        u.take = (real)(1 - s[ALPHA]);
        u.eps = (real)s[RMS_EPS];
        u.momentum = (real)s[RMS_MOMENTUM];
        u.centered = s[CENTERED] != 0;
        break;
    case ADAGRAD:
        u.rate = rate / (real)(1 + (double)step * s[RATE_DECAY]);
        u.eps = (real)s[ADAGRAD_EPS];
        break;
    default: {
        double steps = (double)step + 1;
        u.keep = (real)s[BETA_1];
        u.take = (real)(1 - s[BETA_1]);
        u.keep_square = (real)s[BETA_2];
        u.take_square = (real)(1 - s[BETA_2]);
        u.rate = rate / (real)(1 - pow(s[BETA_1], steps));
        u.root = (real)(1 / sqrt(1 - pow(s[BETA_2], steps)));
        u.eps = (real)s[ADAM_EPS];
        u.amsgrad = s[AMSGRAD] != 0;
        if (s[DECOUPLED] != 0) {
            u.shrink = 1 - rate * decay;
            u.decay = (vec){0};
        }
    }
    }
    return u;
}

/* The optimizer's own weight decay. */
static double decay_of(const struct Optimizer *o, const double *all)
{
    static const int place[] = {[SGD] = SGD_DECAY, [RMSPROP] = RMS_DECAY,
                                [ADAGRAD] = ADAGRAD_DECAY, [ADAM] = ADAM_DECAY};
    return all[o->setting + place[o->kind]];
}

/* θ ← θ − η (g + λ θ) */
INLINE vec descended(vec w, vec g, const struct Update *u)
{
    return w - u->rate * (g + u->decay * w);
}

/* v ← μ v + (1 − d) g, in the first step v ← g;  θ ← θ − η v, or θ − η (g + μ v) (Nesterov) */
INLINE vec after_velocity(real *at, vec g, const struct Update *u)
{
    vec w = load(at);
    g += u->decay * w;
    vec v = u->is_first ? g : u->momentum * load(at + u->slot) + u->damp * g;
    store(at + u->slot, v);
    return w - u->rate * (u->nesterov ? g + u->momentum * v : v);
}

/* m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  θ ← θ − η m̂ / (√v̂ + ε) */
INLINE vec after_moments(real *at, vec g, const struct Update *u)
{
    vec w = load(at);
    g += u->decay * w;
    vec m = u->keep * load(at + u->slot) + u->take * g;
    vec v = u->keep_square * load(at + 2 * u->slot) + u->take_square * g * g;
    store(at + u->slot, m);
    store(at + 2 * u->slot, v);
    if (u->amsgrad) {
        v = larger(load(at + 3 * u->slot), v);
        store(at + 3 * u->slot, v);
    }
    return u->shrink * w - u->rate * m / (square_root(v) * u->root + u->eps);
}

/* s ← α s + (1 − α) g²,  θ ← θ − η g / (√s + ε); centered: √(s − m²) with the mean m;
 * with momentum: v ← μ v + g / (√s + ε),  θ ← θ − η v */
INLINE vec after_mean_square(real *at, vec g, const struct Update *u)
{
    vec w = load(at);
    real *slot = at + u->slot;
    g += u->decay * w;
    vec s = u->keep * load(slot) + u->take * g * g;
    store(slot, s);
    if (u->centered) {
        slot += u->slot;
        vec m = u->keep * load(slot) + u->take * g;
        store(slot, m);
        s = larger(s - m * m, (vec){0});
    }
    vec direction = g / (square_root(s) + u->eps);
    if (u->momentum != 0) {
        slot += u->slot;
        direction += u->momentum * load(slot);
        store(slot, direction);
    }
    return w - u->rate * direction;
}

/* s ← s + g²,  θ ← θ − η g / (√s + ε) */
INLINE vec after_sum_of_squares(real *at, vec g, const struct Update *u)
{
    vec w = load(at);
    g += u->decay * w;
    vec s = load(at + u->slot) + g * g;
    store(at + u->slot, s);
    return w - u->rate * g / (square_root(s) + u->eps);
}

/* Entries of one block of parameters. */
static void update_block(int64_t kind, real *w, const real *g, int64_t entries,
                         const struct Update *u)
{
    for (int64_t i = 0; i < entries; i += LANES) {
        vec v = load(g + i);
        if (kind == SGD && u->momentum == 0)
            store(w + i, descended(load(w + i), v, u));
        else if (kind == SGD)
            store(w + i, after_velocity(w + i, v, u));
        else if (kind == RMSPROP)
            store(w + i, after_mean_square(w + i, v, u));
        else if (kind == ADAGRAD)
            store(w + i, after_sum_of_squares(w + i, v, u));
        else
            store(w + i, after_moments(w + i, v, u));
    }
}

/* By norm:  g ← g · min(1, c / (‖g‖₂ + 10⁻⁶)), over all parameters;  by value:  −c ≤ gᵢ ≤ c */
enum { BY_NORM, BY_VALUE };

INLINE vec clipped(vec g, vec bound)
{
    g = choose(above(g, bound), bound, g);
    return choose(above(-bound, g), -bound, g);
}

/* Each thread adds up all squares, in the one order that there is, and scales its share. */
static void clip(struct Worker *w, const struct Optimizer *o, const double *settings,
                 const struct Block *blocks, int64_t count, real *arena)
{
    for (int64_t c = 0; c < o->clips; c++) {
        const double *s = settings + o->clip_setting + 2 * c;
        real bound = (real)s[1], scale = 1;
        if (s[0] == BY_NORM) {
            double squares = 0;
            for (int64_t b = 0; b < count; b++) {
                vec sum = {0};
                for (int64_t i = 0; i < blocks[b].entries; i += LANES) {
                    vec g = load(arena + blocks[b].gradient + i);
                    sum += g * g;
                }
                squares += lane_sum(sum);
            }
            double part = s[1] / (sqrt(squares) + 1e-6);
            scale = part > 1 ? 1 : (real)part;
            meet(w); /* before any of them is scaled */
        }
        for (int64_t b = 0; b < count; b++) {
            struct Span own = share(w, blocks[b].entries, PANEL);
            for (int64_t i = own.first; i < own.end; i += LANES) {
                real *at = arena + blocks[b].gradient + i;
                vec g = load(at);
                store(at, s[0] == BY_NORM ? g * scale : clipped(g, splat(bound)));
            }
        }
        meet(w);
    }
}
