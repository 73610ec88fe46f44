/* Elementwise activations: a = f(z) forward, dz = f'(z) ⊙ da backward.
 *
 * The equations are those of the layers in the NumPy engine, derived in their docstrings. f' is
 * taken from z, or from a where that is all that is kept: of those of which a says which piece z
 * is on, or is what f' is made of. At a kink the same side counts. */

/* The order is that of `ActivationKind` in tables.py. */
enum ActivationKind {
    IDENTITY, RELU, TANH, SIGMOID, LEAKY_RELU, ELU, SELU, HARDTANH,
    GELU, GELU_TANH, SILU, SOFTPLUS, MISH, SOFT_CLIP,
};

/* Beyond it the normal distribution is 0 or 1 in float64. */
static const real FAR_OUT = 40;
static const real TANH_FACTOR = 0.79788456080286535588, TANH_CUBE = 0.044715;
static const real ROOT_OF_2_PI = 2.50662827463100050242;
static const real SELU_ALPHA = 1.6732632423543772848170429916717;
static const real SELU_SCALE = 1.0507009873554804934193349852946;

INLINE vec held(vec z, real low, real high)
{
    vec v = choose(above(splat(low), z), splat(low), z);
    return choose(above(v, splat(high)), splat(high), v);
}

/* σ(2u), u = √(2/π) (z + 0.044715 z³): the tanh form of Φ */
INLINE vec tanh_share(vec z)
{
    vec near = held(z, -FAR_OUT, FAR_OUT);
    return logistic(2 * TANH_FACTOR * (near + TANH_CUBE * near * near * near));
}

/* τ = tanh(ln(1 + eᶻ)) and 1 − τ², with n = e^(−|z|):
 *   z ≤ 0   τ = n (n + 2) / (n (n + 2) + 2)         z > 0   τ = (1 + 2n) / (1 + 2n + 2n²) */
struct Bent { vec value, bend; };

INLINE struct Bent bent_softplus(vec z)
{
    mask up = above(z, (vec){0});
    vec n = power_of_e(choose(up, -z, z));
    vec over = 1 + 2 * n + 2 * n * n, under = n * (n + 2) + 2;
    vec root = 2 * (1 + n) * choose(up, n / over, 1 / under);
    return (struct Bent){choose(up, (1 + 2 * n) / over, n * (n + 2) / under), root * root};
}

INLINE vec elu(vec z, real alpha)
{
    mask up = above(z, (vec){0});
    return choose(up, z, alpha * power_less_1(choose(up, (vec){0}, z)));
}

INLINE vec elu_slope(vec z, real alpha)
{
    mask up = above(z, (vec){0});
    return choose(up, splat(1), alpha * power_of_e(choose(up, (vec){0}, z)));
}

/* z/c of the soft clip, held where its square would leave the numbers: there a is c already. */
INLINE vec clipped_share(vec z, const double *settings)
{
    return held(z / (real)settings[0], -(real)1e9, (real)1e9);
}

INLINE vec activated(const int kind, vec z, const double *settings)
{
    const vec zero = {0};
    switch (kind) {
    case RELU: return choose(at_most(z, zero), zero, z);
    case TANH: return hyperbolic_tangent(z);
    case SIGMOID: return logistic(z);
    case LEAKY_RELU: return choose(above(z, zero), z, (real)settings[0] * z);
    case ELU: return elu(z, (real)settings[0]);
    case SELU: return SELU_SCALE * elu(z, SELU_ALPHA);
    case HARDTANH: return held(z, (real)settings[0], (real)settings[1]);
    case GELU: return z * normal_share(z);
    case GELU_TANH: return z * tanh_share(z);
    case SILU: return z * logistic(z);
    case SOFTPLUS: {
        vec u = (real)settings[0] * z;
        mask up = above(u, zero);
        vec curve = choose(up, u, zero) + log_of_1_plus(power_of_e(choose(up, -u, u)));
        return choose(above(u, splat((real)settings[1])), z, curve / (real)settings[0]);
    }
    case MISH: return z * bent_softplus(z).value;
    case SOFT_CLIP: {
        vec share = clipped_share(z, settings);
        return (real)settings[0] * share / square_root(1 + share * share);
    }
    default: return z;
    }
}

/* Whether f' is taken from a. */
INLINE int from_output(int64_t kind) { return kind == RELU || kind == TANH || kind == SIGMOID; }

/* f' at z; of ReLU, tanh and the sigmoid at a. */
INLINE vec activation_slope(const int kind, vec z, const double *settings)
{
    const vec zero = {0}, one = splat(1);
    switch (kind) {
    case RELU: return choose(above(z, zero), one, zero);
    case TANH: return 1 - z * z;
    case SIGMOID: return z * (1 - z);
    case LEAKY_RELU: return choose(above(z, zero), one, splat((real)settings[0]));
    case ELU: return elu_slope(z, (real)settings[0]);
    case SELU: return SELU_SCALE * elu_slope(z, SELU_ALPHA);
    case HARDTANH: {
        mask inside = above(z, splat((real)settings[0])) & above(splat((real)settings[1]), z);
        return choose(inside, one, zero);
    }
    case GELU: {
        vec near = held(z, -FAR_OUT, FAR_OUT);
        return normal_share(z) + near * power_of_e(-near * near / 2) / ROOT_OF_2_PI;
    }
    case GELU_TANH: {
        vec near = held(z, -FAR_OUT, FAR_OUT), share = tanh_share(z);
        vec inner = TANH_FACTOR * (1 + 3 * TANH_CUBE * near * near);
        return share + near * 2 * inner * share * (1 - share);
    }
    case SILU: {
        vec share = logistic(z);
        return share * (1 + z * (1 - share));
    }
    case SOFTPLUS: {
        vec u = (real)settings[0] * z;
        return choose(above(u, splat((real)settings[1])), one, logistic(u));
    }
    case MISH: {
        struct Bent bent = bent_softplus(z);
        return bent.value + bent.bend * logistic(z) * z;
    }
    case SOFT_CLIP: {
        vec share = clipped_share(z, settings), root = square_root(1 + share * share);
        return 1 / (root * root * root);
    }
    default: return one;
    }
}

/* Two matrices of one shape, whose rows are whole vectors: what is read, where the result goes, and
 * what it is multiplied with on the way back. */
struct Sweep {
    int64_t rows, columns;
    const real *z; int64_t z_stride;
    const real *from; int64_t from_stride;
    real *to; int64_t to_stride;
    int64_t adds;
    const double *settings;
};

/* a = f(z), into `to` */
INLINE void activate_all(const int kind, const struct Sweep *s)
{
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t j = 0; j < s->columns; j += LANES) {
            vec a = activated(kind, load(s->z + i * s->z_stride + j), s->settings);
            store(s->to + i * s->to_stride + j, a);
        }
}

/* dz = f' ⊙ da, from `from`; with `adds` it is added to what there is. */
INLINE void deactivate_all(const int kind, const struct Sweep *s)
{
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t j = 0; j < s->columns; j += LANES) {
            vec slope = activation_slope(kind, load(s->z + i * s->z_stride + j), s->settings);
            vec dz = load(s->from + i * s->from_stride + j) * slope;
            store_or_add(s->to + i * s->to_stride + j, dz, s->adds);
        }
}

/* The kind is a constant of each loop, or its branches would cost more than the numbers. */
static void activate(int64_t kind, const struct Sweep *s)
{
    switch (kind) {
    case RELU: activate_all(RELU, s); break;
    case TANH: activate_all(TANH, s); break;
    case SIGMOID: activate_all(SIGMOID, s); break;
    case LEAKY_RELU: activate_all(LEAKY_RELU, s); break;
    case ELU: activate_all(ELU, s); break;
    case SELU: activate_all(SELU, s); break;
    case HARDTANH: activate_all(HARDTANH, s); break;
    case GELU: activate_all(GELU, s); break;
    case GELU_TANH: activate_all(GELU_TANH, s); break;
    case SILU: activate_all(SILU, s); break;
    case SOFTPLUS: activate_all(SOFTPLUS, s); break;
    case MISH: activate_all(MISH, s); break;
    case SOFT_CLIP: activate_all(SOFT_CLIP, s); break;
    default: activate_all(IDENTITY, s);
    }
}

static void deactivate(int64_t kind, const struct Sweep *s)
{
    switch (kind) {
    case RELU: deactivate_all(RELU, s); break;
    case TANH: deactivate_all(TANH, s); break;
    case SIGMOID: deactivate_all(SIGMOID, s); break;
    case LEAKY_RELU: deactivate_all(LEAKY_RELU, s); break;
    case ELU: deactivate_all(ELU, s); break;
    case SELU: deactivate_all(SELU, s); break;
    case HARDTANH: deactivate_all(HARDTANH, s); break;
    case GELU: deactivate_all(GELU, s); break;
    case GELU_TANH: deactivate_all(GELU_TANH, s); break;
    case SILU: deactivate_all(SILU, s); break;
    case SOFTPLUS: deactivate_all(SOFTPLUS, s); break;
    case MISH: deactivate_all(MISH, s); break;
    case SOFT_CLIP: deactivate_all(SOFT_CLIP, s); break;
    default: deactivate_all(IDENTITY, s);
    }
}
