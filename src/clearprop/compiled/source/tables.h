/* The tables that a plan is: tables.py has the same names in the same order, which a test compares.
 *
 * Everything lies in one arena of `real`; a place is the number of entries before it, −1 where
 * there is none. Values are rows of samples (layout "rows"), of each sample one row or one for every
 * place, or rows of features (layout "columns"), a stride apart. Every field of a table is 64 bits
 * wide. */

enum { NONE = -1 };

enum OperationKind {
    LINEAR,      /* y = x W + b */
    ACTIVATION,  /* y = f(x) */
    PRELU,       /* y = x where x > 0, else s x */
    DROPOUT,     /* y = x ⊙ m */
    LAYER_NORM,  /* y = γ (x − μ) r + β over the features */
    RMS_NORM,    /* y = γ x r */
    BATCH_NORM,  /* y = γ (x − μ) r + β over the samples */
    SOFTMAX,
    LOG_SOFTMAX,
    FEATURE_SCALE,    /* y = r w ⊙ x */
    PIECEWISE_LINEAR, /* y = [x, h], h_b = min(max((x − low) / (high − low), 0), 1) of every bin */
    MOVE,        /* y = x, or y = y + x: the terms of a sum and of a concatenation */
    TURN,        /* the same numbers in rows of another kind */
    CONVOLUTION, /* y = P W + b, P: what lies under the kernel at every place */
    MAX_POOL,    /* the largest number under a window */
    MEAN_POOL,
    PAD,         /* y = x in a border */
    GROUP_NORM,  /* y = γ (x − μ) r + β over the channels of a group, at all places of a sample */
    RNN,         /* over time, as GRU and LSTM: x has a row for each time */
    GRU,
    LSTM,
    TIMES,       /* y = some of these rows */
    EMBEDDING,   /* y = rows of a table, by ids */
};

struct Operation {
    int64_t kind, activation;      /* which; of an activation, which one */
    int64_t inputs, outputs;       /* features: numbers in a row of x, and of y */
    int64_t x_places, y_places;    /* rows of a sample */
    int64_t x, x_stride, y, y_stride; /* values; x is NONE where it is the caller's own array */
    int64_t dx, dy;                /* signals, with the strides of x and y; NONE: nobody asks */
    int64_t y_adds, dx_adds;       /* add to what other terms, or other takers, left there */
    int64_t weight, bias;          /* parameters */
    int64_t weight_gradient, bias_gradient; /* NONE beside a weight: it is updated at once */
    int64_t weight_adds, bias_adds;         /* tied: add to what another user left there */
    int64_t panel, row;            /* from one panel of W to the next, and from row to row */
    int64_t rectified;             /* of a linear layer: y is max(0, x W + b) */
    int64_t gated;                 /* of a linear layer: x is such a y, and dx goes through it */
    int64_t done;                  /* of an activation: 1 forward, 2 backward, by its neighbours */
    int64_t own, own_stride;       /* what forward keeps for backward; of a matrix, row to row */
    int64_t state;                 /* running mean, running variance, number of batches */
    int64_t setting;               /* the first of its settings */
    int64_t shape;                 /* the first of its whole numbers */
    int64_t mask;                  /* the first of its bytes in the masks of a step */
    int64_t hidden_weight, hidden_bias; /* over time: U and its bias, and all that is said above */
    int64_t hidden_weight_gradient, hidden_bias_gradient;
    int64_t hidden_weight_adds, hidden_bias_adds;
};

/* A parameter that is updated after the backward pass, with its gradient; whole panels. */
struct Block {
    int64_t parameter, gradient, entries;
    int64_t penalised;             /* whether the penalty of a run is on it */
};

enum LossKind { MSE, MAE, HUBER, BINARY_CROSS_ENTROPY, POISSON, CROSS_ENTROPY, PINBALL };

struct Loss {
    int64_t kind, outputs, is_mean;
    int64_t places;                /* rows of a sample, each with a target of its own */
    int64_t y, y_stride, dy;       /* the network's output and its signal */
    int64_t weight, other_weight;  /* settings, one for each output or class; NONE: all 1 */
    int64_t setting;
    int64_t ignored;               /* the class id of samples that are left out */
};

enum OptimizerKind { SGD, RMSPROP, ADAGRAD, ADAM };

struct Optimizer {
    int64_t kind;
    int64_t slot;                  /* from a parameter to its first slot, and from slot to slot */
    int64_t setting;
    int64_t clips, clip_setting;   /* how many, and two settings each: by norm or value, bound */
};
