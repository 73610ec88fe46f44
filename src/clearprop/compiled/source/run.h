/* A run: a plan's tables, the memory, the data, and the steps to take. kernel_running.py has the
 * same. */

/* Fortran's sgemm or dgemm with integers of 64 bits, and the lengths of the two texts behind. */
typedef void Gemm(const char *, const char *, const int64_t *, const int64_t *, const int64_t *,
                  const real *, const real *, const int64_t *, const real *, const int64_t *,
                  const real *, real *, const int64_t *, size_t, size_t);

struct Run {
    const struct Operation *operations;
    int64_t operation_count;
    const struct Block *blocks;
    int64_t block_count;
    const double *settings;
    const int64_t *shapes;
    real *arena;
    int64_t input;               /* place of the batch's rows; NONE: read where the caller has them */
    int64_t input_stride, features, places;
    int64_t target_rows, weight_row; /* of layout "columns": those of the batch */
    int64_t is_columns;
    int64_t pack, pack_entries;  /* place of the panels that are read again and again, a thread's
                                  * behind the other's */
    int64_t threads, spins;
    struct PartOfLoss *parts;    /* of two steps, one for every part of a batch */
    Gemm *gemm;                  /* NULL: none */
    double large;                /* from how many operations on a product is large */
    const real *x;
    int64_t x_stride;
    const int64_t *x_ids;        /* in its place, where a network takes ids */
    const real *target;
    const int64_t *ids;
    const real *sample_weight;
    const int64_t *order;        /* of all steps of the run; NULL: all samples as they are */
    const uint8_t *masks;        /* of all steps of the run, `mask_bytes` apart */
    int64_t mask_bytes;
    const double *rates;         /* η of every step */
    int64_t samples, batch;
    int64_t first;               /* the first step's number within its epoch */
    int64_t step;                /* and how many updates came before it */
    int64_t steps;
    int64_t stops_at_nonfinite;
    double penalty;              /* λ of ½ λ Σ θ² over the blocks that are penalised */
    double *totals, *weights;    /* of every step */
    double *penalties;           /* ½ λ Σ θ² before every step; NULL: there is no penalty */
    int64_t *stopped;            /* why */
    struct Loss loss;
    struct Optimizer optimizer;
};

/* A weight, or its gradient, as an operation reads it. */
static struct Panels panels_at(const struct Run *run, const struct Operation *o, int64_t place)
{
    return (struct Panels){run->arena + place, o->panel, o->row};
}

/* ½ λ Σ θ² */
static double penalty_of(const struct Run *run)
{
    double squares = 0;
    for (int64_t b = 0; b < run->block_count; b++) {
        const struct Block *block = run->blocks + b;
        vec sum = {0};
        for (int64_t i = 0; block->penalised && i < block->entries; i += LANES) {
            vec v = load(run->arena + block->parameter + i);
            sum += v * v;
        }
        squares += lane_sum(sum);
    }
    return 0.5 * run->penalty * squares;
}

/* g ← g + λ θ, a thread's share */
static void penalise(struct Worker *w)
{
    const struct Run *run = w->run;
    for (int64_t b = 0; b < run->block_count; b++) {
        const struct Block *block = run->blocks + b;
        struct Span own = share(w, block->entries, PANEL);
        for (int64_t i = own.first; block->penalised && i < own.end; i += LANES) {
            real *g = run->arena + block->gradient + i;
            store(g, load(g) + (real)run->penalty * load(run->arena + block->parameter + i));
        }
    }
    if (run->optimizer.clips)
        meet(w); /* a norm is of the whole gradient */
}

/* A thread's share of the parameters whose gradients were kept. */
static void update_all(struct Worker *w, const struct Update *u)
{
    const struct Run *run = w->run;
    if (run->penalties)
        penalise(w);
    clip(w, &run->optimizer, run->settings, run->blocks, run->block_count, run->arena);
    for (int64_t b = 0; b < run->block_count; b++) {
        const struct Block *block = run->blocks + b;
        struct Span own = share(w, block->entries, PANEL);
        update_block(run->optimizer.kind, run->arena + block->parameter + own.first,
                     run->arena + block->gradient + own.first, count_of(own), u);
    }
    if (run->block_count)
        meet(w);
}

enum Stop { DONE, NOT_FINITE, WEIGHTS_ZERO };
