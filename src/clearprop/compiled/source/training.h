/* The kernels, whole: many steps of a plan without returning to Python. */
#include "tables.h"
#include "team.h"
#include "functions.h"
#include "activations.h"
#include "optimizers.h"
#include "tile.h"
#include "product.h"
#include "losses.h"
#include "normalization.h"
#include "group_norm.h"
#include "layers.h"
#include "windows.h"
#include "convolution.h"
#include "run.h"
#include "large.h"
#include "image_rows.h"
#include "recurrent.h"
#include "embedding.h"
#include "rows.h"
#include "columns.h"
#include "lanes.h"
#include "many.h"

/* Take the steps of a run, until one of them ends it; returns how many were done. Every thread does
 * so, and comes to the same end; the caller's writes down what there was. */
static int64_t take_steps(struct Worker *w)
{
    const struct Run *run = w->run;
    struct Batch batch = {
        .target = run->target, .ids = run->ids, .sample_weight = run->sample_weight,
    };
    const int64_t *order = run->order;
    const uint8_t *masks = run->masks;
    int64_t per_epoch = (run->samples + run->batch - 1) / run->batch, is_first = w->number == 0;
    vec decay = splat((real)decay_of(&run->optimizer, run->settings));
    for (int64_t k = 0; k < run->steps; k++) {
        int64_t place = (run->first + k) % per_epoch * run->batch;
        batch.samples = smaller(run->batch, run->samples - place);
        batch.order = order;
        w->rows = share(w, batch.samples, SAMPLES_OF_PART);
        w->order = order;
        double weight = loss_weight(&run->loss, &batch, run->settings);
        if (weight == 0) {
            if (is_first)
                *run->stopped = WEIGHTS_ZERO;
            return k;
        }
        /* Nobody changes a parameter before this thread has met the others. */
        if (run->penalties && is_first)
            run->penalties[k] = penalty_of(run);
        struct Update u = update_of(&run->optimizer, run->settings, splat((real)run->rates[k]),
                                    decay, run->step + k);
        double total = run->is_columns ? step_of_columns(w, &batch, weight, &u)
                                       : step_of_rows(w, &batch, masks, weight, &u, k);
        if (is_first)
            run->totals[k] = total, run->weights[k] = weight;
        if (run->stops_at_nonfinite && !isfinite(total)) {
            if (is_first)
                *run->stopped = NOT_FINITE;
            return k + 1;
        }
        if (order)
            order += batch.samples;
        masks += run->mask_bytes;
    }
    return run->steps;
}

/* One of the other threads, which begins when it is known how many there are. */
static void *accompany(void *worker)
{
    struct Worker *w = worker;
    wait_for_others(w->team, 0);
    take_steps(w);
    return NULL;
}

/* Take the steps of a run, over threads; where the system gives fewer of them, over those. */
int64_t clearprop_train(const struct Run *run)
{
    int64_t most = run->is_columns ? 1 : smaller(run->threads, MOST_THREADS), made = 1;
    struct Team team = {.spins = run->spins};
    struct Worker workers[MOST_THREADS];
    for (int64_t i = 0; i < most; i++)
        workers[i] = (struct Worker){.run = run, .team = &team, .number = i,
                                     .pack = run->arena + run->pack + i * run->pack_entries};
    *run->stopped = DONE;
#if !defined(_WIN32)
    pthread_t threads[MOST_THREADS];
    while (made < most && !pthread_create(threads + made, NULL, accompany, workers + made))
        made++;
#endif
    team.size = made;
    go_on(&team, 1);
    int64_t done = take_steps(workers);
#if !defined(_WIN32)
    for (int64_t i = 1; i < made; i++)
        pthread_join(threads[i], NULL);
#endif
    return done;
}

/* How many networks share a vector. */
int64_t clearprop_lane_count(void) { return LANES; }

/* Take the steps of a run for many networks, a group of lanes after the other. */
void clearprop_train_many(const struct Run *run, const struct Lanes *all)
{
    for (int64_t first = all->begin; first < all->end; first += LANES)
        train_group(run, all, first, smaller(LANES, all->end - first));
}
