"""The same training, lowered from the graph to machine code: kernels in C behind ctypes.

    plan = plan_of(network, loss, optimizer, x, target, dtype="float32", batch_size=32)
    if isinstance(plan, Refusal):        # a sentence: what the kernels do not have
        ...                              # and the training runs in NumPy
    buffers = Buffers(plan, x, target, sample_weight)
    put(plan, buffers, params, optimizer_state, layers_state)
    ran = run(plan, library(plan.dtype), buffers, steps=500, step=0, seed=0, order=order)
    params, optimizer_state, layers_state = take(plan, buffers)

`plan`           a training as tables of numbers, or why there is none: `lowering` makes operations
                 of the graph, whose wires are rows as `arranging` says; `row_places` and
                 `column_places` give everything its place in memory
`buffers`        the memory of a plan, and a training's state into it and out of it
`kernel_running` many steps of a plan without returning to Python, the GIL released, by as many
                 threads as `thread_choice` finds the fastest
`lanes`          the same for many equal networks: one network in each SIMD lane
`tables`, `blas` what the kernels are handed, and the matrix product of NumPy's own BLAS
`building`       makes or finds the machine code: `library(dtype)`

The NumPy engine is the reference. Shuffles and dropout masks are drawn there and handed over, so
that the same seeds give the same training; the kernels stop before a step that they cannot take
(weights that sum to 0), and the NumPy engine takes it, or says what is wrong.

Three layouts, of which `plan` takes the one that computes least in vain:

    rows      samples in rows, or their places; features or channels along the vectors: everything
    columns   samples along the vectors: networks whose layers are narrower than a vector
    lanes     networks along the vectors: many small ones

The C sources lie in `source/`: `float32.c` and `float64.c` are the two translation units, each
complete by itself and a library of its own with the same exported names, `clearprop_train`,
`clearprop_train_many` and `clearprop_lane_count`; everything else is included by them, by
`training.h` in an order in which it can be read. They need libm, POSIX threads (but on Windows) and
nothing else:

    cc -O2 -std=gnu11 -fno-math-errno -ffp-contract=fast -shared -fPIC source/float32.c -lm -pthread

with `-march=x86-64-v4` or `-march=x86-64-v3` where the processor has it. Options that let the
compiler assume finite numbers (`-ffast-math`) are wrong: NaN must survive.
"""
