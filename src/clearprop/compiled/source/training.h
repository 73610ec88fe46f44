/* The kernels, whole: many steps of a plan without returning to Python. */
#include "tables.h"
#include "functions.h"
#include "activations.h"
#include "optimizers.h"
#include "tile.h"
#include "product.h"
#include "losses.h"
#include "normalization.h"
#include "layers.h"
#include "run.h"
#include "large.h"
#include "rows.h"
#include "columns.h"
#include "lanes.h"
#include "many.h"

/* Take the steps of a run, until one of them ends it; returns how many were done. */
int64_t clearprop_train(const struct Run *run)
{
    struct Batch batch = {.target = run->target, .ids = run->ids, .sample_weight = run->sample_weight};
    const int64_t *order = run->order;
    const uint8_t *masks = run->masks;
    int64_t per_epoch = (run->samples + run->batch - 1) / run->batch;
    vec decay = splat((real)decay_of(&run->optimizer, run->settings));
    *run->stopped = DONE;
    for (int64_t k = 0; k < run->steps; k++) {
        int64_t place = (run->first + k) % per_epoch * run->batch;
        batch.samples = smaller(run->batch, run->samples - place);
        batch.order = order;
        double weight = loss_weight(&run->loss, &batch, run->arena);
        if (weight == 0) {
            *run->stopped = WEIGHTS_ZERO;
            return k;
        }
        struct Update u = update_of(&run->optimizer, run->settings, splat((real)run->rates[k]),
                                    decay, run->step + k);
        double total = run->is_columns ? step_of_columns(run, &batch, weight, &u)
                                       : step_of_rows(run, &batch, masks, weight, &u);
        run->totals[k] = total;
        run->weights[k] = weight;
        if (run->stops_at_nonfinite && !isfinite(total)) {
            *run->stopped = NOT_FINITE;
            return k + 1;
        }
        if (order)
            order += batch.samples;
        masks += run->mask_bytes;
    }
    return run->steps;
}

/* How many networks share a vector. */
int64_t clearprop_lane_count(void) { return LANES; }

/* Take the steps of a run for many networks, a group of lanes after the other. */
void clearprop_train_many(const struct Run *run, const struct Lanes *all)
{
    for (int64_t first = all->begin; first < all->end; first += LANES)
        train_group(run, all, first, smaller(LANES, all->end - first));
}
