/* Large products: from some 2·10⁸ operations on, the matrix product of the BLAS that NumPy brings
 * is faster than the tile, and is handed the work. Its matrices are column by column, so that ours,
 * row by row, are its transposed ones: C = A B is handed over as Cᵀ = Bᵀ Aᵀ. It has threads of its
 * own, so one of ours hands it over. */

INLINE int is_large(const struct Run *run, int64_t samples, const struct Operation *o)
{
    return run->gemm && o->row > PANEL
           && 2.0 * (double)samples * (double)o->inputs * (double)o->outputs >= run->large;
}

/* C (rows × columns) ← α op(A) op(B) + β C */
static void blas_product(const struct Run *run, char turn_a, char turn_b, int64_t rows,
                         int64_t columns, int64_t inner, real alpha, struct Rows a, struct Rows b,
                         real beta, struct Rows c)
{
    run->gemm(&turn_b, &turn_a, &columns, &rows, &inner, &alpha, b.at, &b.stride, a.at, &a.stride,
              &beta, c.at, &c.stride, 1, 1);
}

static struct Rows as_rows(struct Panels w) { return (struct Rows){w.at, w.row}; }

static void large_forward(const struct Run *run, int64_t samples, const struct Operation *o,
                          struct Rows x, struct Panels w, const real *bias, struct Rows y)
{
    blas_product(run, 'N', 'N', samples, o->outputs, o->inputs, 1, x, as_rows(w), 0, y);
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = 0; j < o->outputs; j += LANES) {
            real *at = y.at + i * y.stride + j;
            vec z = load(at) + (bias ? load(bias + j) : (vec){0});
            store(at, o->rectified ? activated(RELU, z, NULL) : z);
        }
}

static void large_back(const struct Run *run, int64_t samples, const struct Operation *o,
                       struct Rows dz, struct Panels w, struct Rows x, struct Rows dx)
{
    blas_product(run, 'N', 'T', samples, o->inputs, o->outputs, 1, dz, as_rows(w),
                 o->dx_adds ? 1 : 0, dx);
    if (o->gated)
        gate(samples, (struct Span){0, o->inputs}, x, dx);
}

/* With plain descent at once, W ← (1 − η λ) W − η xᵀ dz; otherwise the gradient. */
static void large_weights(const struct Run *run, int64_t samples, const struct Operation *o,
                          struct Rows x, struct Rows dz, struct Panels to, const struct Update *u)
{
    int at_once = o->weight_gradient == NONE;
    blas_product(run, 'T', 'N', o->inputs, o->outputs, samples, at_once ? -u->rate[0] : 1, x, dz,
                 at_once ? 1 - u->rate[0] * u->decay[0] : o->weight_adds ? 1 : 0, as_rows(to));
}
