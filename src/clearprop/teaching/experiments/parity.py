"""The PyTorch check (S14 to S16): the same training by PyTorch and by us, number by number.

Same data, same starting weights; the loss before every update and every final parameter are
compared. A training that overflows is compared for as long as both losses are finite, its
parameters not at all.
"""

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from clearprop.base.arrays import Array
from clearprop.formats import torch_twin
from clearprop.teaching.experiments.data import regression_data
from clearprop.teaching.experiments.progress import Progress, silent
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.trainings import TrainingRun, run
from clearprop.teaching.experiments.tutorial_networks import (
    tutorial_start,
    with_relu,
    without_activation,
)

# Largest relative difference allowed: of any loss, and of any parameter to the largest entry of
# its array.
TOLERANCES = {"float64": (1e-10, 1e-10), "float32": (1e-4, 2e-3)}


# Without activation and updated by hand, or with ReLU and torch.optim.SGD; and whose start.
ExperimentName: TypeAlias = Literal["linear", "relu"]
StartName: TypeAlias = Literal["tutorial", "torch"]


class Comparison(NamedTuple):
    """One training by both.

    start            where the weights started
    ours, losses     our run, and PyTorch's losses (steps,)
    steps_compared   fewer than all where a loss overflowed
    loss_difference  the largest relative difference of any loss
    params_difference  the largest difference of any parameter, relative to its array's largest
                     entry; NaN where the training overflowed
    """

    name: ExperimentName
    start: StartName
    dtype: str
    ours: TrainingRun
    losses: Array
    params: Array
    steps_compared: int
    loss_difference: float
    params_difference: float

    @property
    def tolerances(self) -> tuple[float, float]:
        """(loss, parameters): the largest differences allowed in this dtype."""
        return TOLERANCES[self.dtype]

    @property
    def diverged(self) -> bool:
        """Whether the training overflowed, so that not everything could be compared."""
        return self.steps_compared < len(self.losses) or bool(np.isnan(self.params_difference))

    @property
    def agrees(self) -> bool:
        """Whether every difference that could be taken is within its tolerance."""
        loss_tolerance, params_tolerance = self.tolerances
        return self.loss_difference <= loss_tolerance and not (
            self.params_difference > params_tolerance
        )


def compare_with_torch(
    settings: ReproductionSettings, progress: Progress = silent
) -> tuple[Comparison, ...]:
    """S14 and S15, from the tutorial's start and from torch's own, in both dtypes."""
    cases = [
        (name, start, dtype)
        for dtype in TOLERANCES
        for name in get_args(ExperimentName)
        for start in get_args(StartName)
    ]
    comparisons = []
    for done, case in enumerate(cases):
        progress(done, len(cases))
        comparisons.append(_compare(*case, settings))
    progress(len(cases), len(cases))
    return tuple(comparisons)


def _compare(
    name: ExperimentName, start: StartName, dtype: str, settings: ReproductionSettings
) -> Comparison:
    network = without_activation() if name == "linear" else with_relu()
    data = regression_data(dtype)
    if start == "torch":
        params = torch_twin.default_start(network, 0, dtype)
    else:
        params = tutorial_start(range(1), dtype)[0]
    ours = run(f"{name} {start} {dtype}", network, params, data, settings)
    train = torch_twin.train_by_hand if name == "linear" else torch_twin.train_with_sgd
    theirs = train(
        network,
        params,
        data.x,
        data.target,
        learning_rate=settings.learning_rate,
        steps=settings.steps,
    )
    finite = np.isfinite(ours.losses) & np.isfinite(theirs.losses)
    compared = len(finite) if finite.all() else int(np.argmin(finite))
    return Comparison(
        name=name,
        start=start,
        dtype=dtype,
        ours=ours,
        losses=theirs.losses,
        params=theirs.params,
        steps_compared=compared,
        loss_difference=_loss_difference(ours.losses[:compared], theirs.losses[:compared]),
        params_difference=_params_difference(
            network.named(ours.state.params), network.named(theirs.params)
        ),
    )


def _loss_difference(ours: Array, theirs: Array) -> float:
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), np.finfo(np.float64).tiny)))


def _params_difference(ours: dict[str, Array], theirs: dict[str, Array]) -> float:
    worst = 0.0
    for path, array in theirs.items():
        if not (np.isfinite(array).all() and np.isfinite(ours[path]).all()):
            return float("nan")
        a, b = ours[path].astype(np.float64), array.astype(np.float64)
        worst = max(worst, float(np.max(np.abs(a - b)) / np.max(np.abs(b))))
    return worst
