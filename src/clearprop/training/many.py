"""Many trainings of one network in one call: other starts, other settings, other data."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.base.errors import ConfigurationError
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.training.arguments import OWN, optimizer_of, params_of
from clearprop.training.events import Training, TrainingInterrupted, TrainingState
from clearprop.training.loop import start
from clearprop.training.preparing import prepare
from clearprop.training.stacking import separate, together, with_settings
from clearprop.training.to_the_end import run_to_the_end


def fit_many(
    network: Network,
    starts: Any,
    x: Array,
    target: Array,
    *,
    loss: Loss | str | None = None,
    optimizer: Optimizer | str | None = None,
    settings: Mapping[str, Sequence[float]] | None = None,
    epochs: int = 50,
    batch_size: int | None = None,
    sample_weight: Array | None = None,
    seed: int = 0,
    own: Collection[str] = (),
    engine: str = "auto",
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Training:
    """Train K networks to the end; losses (steps, K), and the last state, of parameters (K, P).

    starts    (K, P) parameters; or K seeds, as range(1000), that `network.initialize` draws from in
              the dtype of x, of ids in float64; or (P,), one start for all
    settings  K numbers in place of the optimizer's own, by the name of its field: learning_rate,
              weight_decay, momentum, ...
    own       which of "x", "target" and "sample_weight" have a leading axis K, one for each
    threads   how many threads take the steps; one for every core unless told otherwise
    progress  is called with the steps that are done and those of the whole training

    In machine code equal networks lie in the lanes of the vector unit, and each has the losses and
    the parameters, to the bit, that it has in a call of its own, whatever the number of threads.
    Without it NumPy takes those of the same settings at once. All share the shuffles and the
    dropout masks of `seed`; the other arguments are those of `fit`. Nobody is warned of one among
    thousands that diverges: its losses say so. Raises what `fit` raises, and ConfigurationError for
    starts and settings that do not go together.
    """
    optimizer = optimizer_of(optimizer)
    settings = {name: [float(one) for one in numbers] for name, numbers in (settings or {}).items()}
    data: dict[str, Any] = {"x": x, "target": target, "sample_weight": sample_weight}
    counts = {name: len(numbers) for name, numbers in settings.items()}
    counts |= {name: len(data[name]) for name in own if name in OWN and data[name] is not None}
    given = np.asarray(x).dtype
    # Ids are rows of a table, whose numbers they do not say the dtype of.
    params = _params(network, starts, "float64" if given.kind in "iu" else given.name, counts)
    _require_settings(optimizer, settings, len(params))
    told: Any = {"loss": loss, "epochs": epochs, "batch_size": batch_size, "own": own}
    prepared = prepare(
        network,
        start(network, params, optimizer, seed=seed),
        **data,
        **told,
        optimizer=optimizer,
        engine=engine,
        settings=settings,
        threads=threads,
    )
    if prepared.machine is not None or not settings:
        return run_to_the_end(prepared, progress=progress)

    # In NumPy, an optimizer has one number for all that it steps.
    groups: dict[tuple[float, ...], list[int]] = {}
    for network_number, numbers in enumerate(zip(*settings.values(), strict=True)):
        groups.setdefault(numbers, []).append(network_number)
    trained: list[tuple[list[int], Training]] = []
    for numbers, members in groups.items():
        by = with_settings(optimizer, dict(zip(settings, numbers, strict=True)))
        group = prepare(
            network,
            start(network, params[members], by, seed=seed),
            **{name: data[name][members] if name in own else data[name] for name in data},
            **told,
            optimizer=by,
            engine="numpy",
        )
        try:
            ran = run_to_the_end(group, progress=_within(progress, len(trained), len(groups)))
        except TrainingInterrupted as stopped:
            # Networks that have not begun have no state after so many steps.
            raise KeyboardInterrupt from stopped
        trained.append((members, ran))
    return _as_one(trained)._replace(engine=prepared.engine)


def _params(network: Network, starts: Any, dtype: str, counts: Mapping[str, int]) -> Array:
    """The starts as (K, P). `counts` says how many networks other arguments are for."""
    given = params_of(starts)
    if given.ndim == 1 and given.dtype.kind in "iu":
        return network.initialize(given.tolist(), dtype=dtype)
    if given.ndim == 1 and counts:
        return freeze(np.tile(given, (next(iter(counts.values())), 1)))
    if given.ndim != 2:
        raise ConfigurationError("starts_not_many", shape=given.shape)
    return given


def _require_settings(
    optimizer: Optimizer, settings: Mapping[str, Sequence[float]], networks: int
) -> None:
    for name, numbers in settings.items():
        if len(numbers) != networks:
            raise ConfigurationError(
                "settings_count", name=name, came=len(numbers), networks=networks
            )
    for one in set(zip(*settings.values(), strict=True)):
        with_settings(optimizer, dict(zip(settings, one, strict=True)))


def _within(
    progress: Callable[[int, int], object] | None, index: int, parts: int
) -> Callable[[int, int], object] | None:
    """The progress of one part of several, told as that of the whole."""
    if progress is None:
        return None
    return lambda done, total: progress(index * total + done, parts * total)


def _as_one(trained: Sequence[tuple[list[int], Training]]) -> Training:
    """The trainings of groups of networks as one, in the networks' order."""
    order = np.argsort([number for members, _ in trained for number in members])
    losses = np.concatenate([ran.losses for _, ran in trained], axis=1)[:, order]
    held = [
        one
        for members, ran in trained
        for one in separate((ran.state.params, ran.state.optimizer, ran.state.layers), len(members))
    ]
    first = trained[0][1].state
    state = TrainingState(*together([held[place] for place in order]), first.step, first.seed)
    return Training(losses, state)
