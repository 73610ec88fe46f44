"""A LeNet that reads handwritten digits: scikit-learn's 1,797 images of 8 × 8, a fifth held out.

Every seed has a split, a start and a training of its own. The images of the training are shown
moved by one pixel in every direction as well: a digit is the same digit there. Beside the training
stand a check of the backward pass at the trained network, and 20 steps in float64 beside PyTorch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.dependencies import is_installed
from clearprop.base.product_threads import one_product_thread
from clearprop.checking import check
from clearprop.checking.verdict import Verdict
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.convolution import Conv2d
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.linear import Linear
from clearprop.engine.layers.pooling import MaxPool2d
from clearprop.engine.layers.reshaping import Flatten
from clearprop.engine.losses import CrossEntropy
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Adam
from clearprop.engine.schedules import CosineDecay
from clearprop.formats import torch_twin
from clearprop.formats.torch_functions import loss_function
from clearprop.teaching.experiments.digits_data import Digits, load_digits
from clearprop.teaching.experiments.progress import Progress, part
from clearprop.training import EpochEvent, TrainingState, fit, start, train

EPOCHS, BATCH, RATE = 20, 128, 3e-3
HELD_OUT = 5  # one part of so many
COMPARED_STEPS, COMPARED_SAMPLES, COMPARED_RATE = 20, 64, 0.1
CHECKED_SAMPLES, CHECKED_SEED = 4, 1


@dataclass(frozen=True, eq=False)
class DigitRun:
    """One seed's training.

    held_out    rows of the data that it never saw
    losses      every epoch's mean loss
    accuracies  the share of held-out digits that were read rightly, after every epoch
    predicted   what the trained network says of the held-out digits
    state       the end of the training
    """

    seed: int
    held_out: Array
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    predicted: Array
    state: TrainingState


class TorchBeside(NamedTuple):
    """The largest relative difference of a loss and of a parameter from PyTorch's."""

    losses: float
    params: float


@dataclass(frozen=True, eq=False)
class DigitsResult:
    """Everything that the report is made of; `beside` is None where PyTorch was left out."""

    digits: Digits
    network: Network
    runs: tuple[DigitRun, ...]
    verdict: Verdict
    beside: TorchBeside | None

    @property
    def accuracy(self) -> float:
        """The mean over the seeds."""
        return float(np.mean([run.accuracies[-1] for run in self.runs]))


def lenet(dropout: float = 0.4, channels: tuple[int, int] = (16, 32), units: int = 64) -> Network:
    """Two convolutions with a maximum of 2 × 2 behind each, and two layers of units."""
    first, second = channels
    return Network(
        Sequential(
            Conv2d(1, first, 3, padding=1),
            ReLU(),
            MaxPool2d(2),
            Conv2d(first, second, 3, padding=1),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Dropout(dropout),
            Linear(4 * second, units),
            ReLU(),
            Linear(units, 10),
        )
    )


def moved_by_a_pixel(x: Array) -> Array:
    """The images and each of them moved by one pixel in all eight directions, (9 N, C, H, W); what
    comes in is 0."""
    height, width = x.shape[-2:]
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moved = (
        wide[:, :, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        for down, right in sorted(product((-1, 0, 1), repeat=2), key=lambda one: one != (0, 0))
    )
    return np.concatenate(list(moved))


def reproduce_digits(
    seeds: int, *, with_torch: bool, watch: Callable[[str], Progress], epochs: int = EPOCHS
) -> DigitsResult:
    """Train a network for every seed, check the backward pass of the first, and train beside
    PyTorch. Raises MissingDependencyError without scikit-learn."""
    digits, network = load_digits(), lenet()
    told = watch("digits")
    with one_product_thread():
        runs = tuple(
            _run(network, digits, seed, epochs, part(told, seed, seeds)) for seed in range(seeds)
        )
    first = runs[0]
    told = watch("digits_check")
    verdict = _checked(digits, first)
    told(1, 1)
    beside = None
    if with_torch and is_installed("torch"):
        told = watch("torch")
        beside = _beside_torch(digits)
        told(1, 1)
    return DigitsResult(digits, network, runs, verdict, beside)


def _run(network: Network, digits: Digits, seed: int, epochs: int, progress: Progress) -> DigitRun:
    order = keyed_generator(seed, path="digits").permutation(len(digits.x))
    count = len(order) // HELD_OUT
    held_out, kept = order[:count], order[count:]
    x = moved_by_a_pixel(digits.x[kept]).astype(np.float32)
    target = np.tile(digits.target[kept], len(x) // len(kept))
    unseen, told = digits.x[held_out].astype(np.float32), digits.target[held_out]
    steps = epochs * -(-len(x) // BATCH)
    optimizer = Adam(CosineDecay(RATE, t_max=steps))
    state = start(network, network.initialize(seed, dtype="float32"), optimizer, seed=seed)
    losses: list[float] = []
    accuracies: list[float] = []
    predicted = np.empty(0, np.int64)
    for event in train(
        network,
        state,
        x,
        target,
        loss=CrossEntropy(),
        optimizer=optimizer,
        epochs=epochs,
        batch_size=BATCH,
        by="epoch",
    ):
        if not isinstance(event, EpochEvent):
            continue
        state = event.state
        predicted = network.predict(state.params, unseen).argmax(axis=1)
        losses.append(float(event.loss))
        accuracies.append(float(np.mean(predicted == told)))
        progress(len(losses), epochs)
    return DigitRun(seed, held_out, tuple(losses), tuple(accuracies), predicted, state)


def _checked(digits: Digits, run: DigitRun) -> Verdict:
    """The backward of such a network, with few channels so that every entry can be moved, against
    difference quotients."""
    rows = run.held_out[:CHECKED_SAMPLES]
    network = lenet(0.0, channels=(2, 3), units=8)
    return check(
        network,
        x=digits.x[rows],
        t=digits.target[rows],
        params=network.initialize(CHECKED_SEED),
        loss=CrossEntropy(),
        witnesses=(),
    )


def _beside_torch(digits: Digits) -> TorchBeside:
    """Full-batch steps in float64, without the draws of dropout."""
    network = lenet(dropout=0.0)
    params = network.initialize(0)
    x, target = digits.x[:COMPARED_SAMPLES], digits.target[:COMPARED_SAMPLES]
    ours = fit(
        network,
        params,
        x,
        target,
        loss=CrossEntropy(),
        optimizer=SGD(COMPARED_RATE),
        epochs=COMPARED_STEPS,
    )
    theirs = torch_twin.train_with_sgd(
        network,
        params,
        x,
        target,
        learning_rate=COMPARED_RATE,
        steps=COMPARED_STEPS,
        criterion=loss_function(CrossEntropy()),
    )
    losses = np.max(np.abs(ours.losses - theirs.losses) / np.abs(theirs.losses))
    apart = np.abs(ours.state.params - theirs.params).max() / np.abs(theirs.params).max()
    return TorchBeside(float(losses), float(apart))
