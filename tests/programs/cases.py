"""Trainings to be written out: every layer, loss, optimizer and schedule of the catalogues."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop import (
    GRU,
    LSTM,
    MSE,
    RNN,
    SGD,
    Adam,
    Conv1d,
    CrossEntropy,
    Dropout,
    Embedding,
    FeatureScale,
    Flatten,
    GroupNorm,
    GRUCell,
    Identity,
    LayerNorm,
    Linear,
    LSTMCell,
    MaxPool2d,
    MultiheadAttention,
    Network,
    Pad,
    ReLU,
    Residual,
    RNNCell,
    RotaryPositions,
    Sequential,
    SiLU,
    SwiGLU,
    Tanh,
    TimeStep,
    recurrent_stack,
)
from clearprop.base.arrays import Array
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.layer import Layer, Wiring
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.recurrent_cells import RecurrentCell
from clearprop.engine.optimizers import Optimizer, RMSprop
from clearprop.kinds.kind_tables import (
    LAYER_EXAMPLES,
    LOSS_EXAMPLES,
    OPTIMIZER_ROWS,
    SCHEDULE_ROWS,
)
from clearprop.kinds.row import LayerExample, LossExample
from clearprop.reading.programs import Recipe
from clearprop.teaching.showpieces.gpt_network import gpt
from tests.own_combinators import Added, Concatenated

SAMPLES = 12


@dataclass(frozen=True)
class Woven(Combinator):
    """Wires that are taken several times: by layers, by a sum, and by a concatenation twice."""

    left: Layer
    right: Layer

    def wire(self, wiring: Wiring, source: str) -> str:
        left = wiring.layer("left", self.left, source)
        mixed = wiring.add(left, wiring.layer("right", self.right, left), source, name="mixed")
        return wiring.concatenate(mixed, left, mixed)


@dataclass(frozen=True)
class Doubled(Combinator):
    """y = 2 x, without a layer of its own."""

    def wire(self, wiring: Wiring, source: str) -> str:
        return wiring.add(source, source)


SCHEDULES = tuple(one for row in SCHEDULE_ROWS.values() for one in row.examples)


@dataclass(frozen=True)
class Passed(Combinator):
    """y = x, as a sum of one term."""

    def wire(self, wiring: Wiring, source: str) -> str:
        return wiring.add(source)


def layer_recipe(example: LayerExample) -> Recipe:
    """A layer of the catalogue between layers that learn."""
    generator = np.random.default_rng(1)
    shape = example.input_shape
    x: Array = generator.normal(size=(SAMPLES, *shape))
    layers: list[Any] = [example.layer]
    if example.ids is not None:
        x = generator.integers(example.ids, size=(SAMPLES, *shape))
    elif len(shape) == 1:
        # Without a bias, which a normalization over the samples would take off again.
        layers.insert(0, Linear(*shape, *shape, bias=False))
    else:
        layers.insert(0, FeatureScale(shape[-1]))
    output = Sequential(*layers).output_shape(shape)
    assert output is not None
    if len(output) > 1:
        layers.append(Flatten())
    layers.append(Linear(math.prod(output), 2))
    network = Network(Sequential(*layers))
    output = network.layer.output_shape(shape)
    assert output is not None
    target = generator.normal(size=(SAMPLES, *output))
    return Recipe(network, None, x, target, optimizer=SGD(0.01), seed=3)


def loss_recipe(example: LossExample) -> Recipe:
    """A loss of the catalogue behind a small network."""
    generator = np.random.default_rng(2)
    network = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, example.outputs)))
    if "log_input" in example.loss.settings() and not example.loss.settings()["log_input"]:
        from clearprop import Softplus

        network = Network(Sequential(network.layer, Softplus()))
    x = generator.normal(size=(SAMPLES, 3))
    _, target = example.draw(generator, SAMPLES)
    return Recipe(network, None, x, target, loss=example.loss, optimizer=SGD(0.02))


def small() -> Recipe:
    """A small network with data of its own."""
    generator = np.random.default_rng(4)
    network = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)))
    x, target = generator.normal(size=(SAMPLES, 3)), generator.normal(size=(SAMPLES, 2))
    return Recipe(network, None, x, target)


def _calm(rule: Optimizer) -> Optimizer:
    """RMSprop at a rate at which it does not swing about the minimum: there, a difference in the
    last digit of a start grows a million times in 50 steps, in the engine as in the program."""
    return replace(rule, learning_rate=0.001) if isinstance(rule, RMSprop) else rule


def catalogue() -> Iterator[tuple[str, Recipe]]:
    """(name, recipe) of every case."""
    for kind, examples in LAYER_EXAMPLES.items():
        for index, example in enumerate(examples):
            yield f"{kind.__name__}-{index}", layer_recipe(example)
    for loss, loss_examples in LOSS_EXAMPLES.items():
        for index, one in enumerate(loss_examples):
            yield f"{loss.__name__}-{index}", loss_recipe(one)
    for optimizer, row in OPTIMIZER_ROWS.items():
        for index, rule in enumerate(row.examples):
            yield f"{optimizer.__name__}-{index}", replace(small(), optimizer=_calm(rule))
    for index, schedule in enumerate(SCHEDULES):
        yield f"schedule-{index}", replace(small(), optimizer=SGD(schedule, momentum=0.5))
    yield from structures()


def _masked(generator: np.random.Generator) -> Iterator[tuple[str, Recipe]]:
    """Attention beside masks of every kind."""
    x, target = generator.normal(size=(6, 3, 4)), generator.normal(size=(6, 3, 2))
    padding = np.arange(3) >= np.array([3, 2, 1, 3, 3, 2])[:, None]
    numbers = np.where(np.tri(3, dtype=bool), generator.normal(size=(6, 3, 3)), -np.inf)
    layer = MultiheadAttention(4, 2, dropout=0.2)
    network = Network(Sequential(layer, Linear(4, 2)))
    for name, masks in {
        "padded": {"key_padding_mask": padding},
        "masked": {"key_padding_mask": padding, "attn_mask": numbers},
        "masked-heads": {"attn_mask": np.stack([numbers, numbers.mT], 1) == -np.inf},
    }.items():
        recipe = Recipe(network, None, x, target, side_inputs=masks)
        yield f"attention-{name}", replace(recipe, batch_size=4 if name == "masked" else None)
    # As many samples as positions: a mask with two axes is shared all the same.
    shared = {"attn_mask": ~np.tri(3, dtype=bool), "layers[0].key_padding_mask": padding[:3]}
    recipe = Recipe(network, None, x[:3], target[:3], side_inputs=shared)
    wider = MultiheadAttention(4, 2, causal=True, add_bias_kv=True, add_zero_attn=True)
    more = {"key_padding_mask": padding, "attn_mask": numbers}
    beside = Network(Sequential(wider, Linear(4, 2)))
    yield "attention-more-keys", Recipe(beside, None, x, target, side_inputs=more)
    yield "attention-shared-mask", replace(recipe, batch_size=2)


def _of_lengths(generator: np.random.Generator) -> Iterator[tuple[str, Recipe]]:
    """Sequences of different lengths through every cell, in both directions and several layers."""
    lengths = np.array([4, 1, 2, 4, 3, 2])
    x, target = generator.normal(size=(6, 4, 3)), generator.normal(size=(6, 2))
    inside = (np.arange(4) < lengths[:, None])[..., None]
    cells: list[Layer] = [
        RNN(3, 2),
        RNN(3, 2, nonlinearity="relu", reverse=True),
        GRU(3, 2),
        GRU(3, 2, reverse=True, reset_after=False),
        LSTM(3, 3),
        LSTM(3, 3, projection=2, peepholes=True, reverse=True),
        recurrent_stack(LSTM, 3, 2, layers=2, bidirectional=True),
        recurrent_stack(GRU, 3, 2, layers=2, bidirectional=True),
    ]
    for number, cell in enumerate(cells):
        output = cell.output_shape((4, 3))
        assert output is not None
        # The first time of a cell that goes backwards has something of all later ones.
        network = Network(
            Sequential(cell, TimeStep(0 if number == 1 else -1), Linear(output[-1], 2))
        )
        recipe = Recipe(network, None, x, target, side_inputs={"lengths": lengths})
        if number == 1:
            recipe = replace(recipe, x=np.where(inside, x, np.nan))
        yield f"lengths-{number}", replace(recipe, batch_size=4 if number % 2 else None)
    every = Network(Sequential(LSTM(3, 2, reverse=True), GRU(2, 2)))
    own = {"layers[0].lengths": lengths, "lengths": np.maximum(lengths, 2)}
    times = generator.normal(size=(6, 4, 2))
    yield "lengths-own", Recipe(every, None, x, times, side_inputs=own)


def _of_states(generator: np.random.Generator) -> Iterator[tuple[str, Recipe]]:
    """Cells from states beside x, for all of them and for each its own."""
    x, target = generator.normal(size=(6, 3)), generator.normal(size=(6, 2))
    cells: list[RecurrentCell] = [
        RNNCell(3, 4),
        RNNCell(3, 4, nonlinearity="relu", bias=False),
        GRUCell(3, 4),
        GRUCell(3, 4, reset_after=False),
        LSTMCell(3, 4),
        LSTMCell(3, 4, cell_output=True),
    ]
    for number, cell in enumerate(cells):
        network = Network(Sequential(cell, Linear(cell.outputs, 2)))
        states = {name: generator.normal(size=(6, 4)) for name in cell.states}
        recipe = Recipe(network, None, x, target, side_inputs=states)
        yield f"states-{number}", replace(recipe, batch_size=4 if number % 2 else None)
    every = Network(Sequential(GRUCell(3, 4), Linear(4, 3), LSTMCell(3, 2)))
    own = {"layers[0].hidden": 4, "layers[2].hidden": 2, "layers[2].cell": 2}
    states = {name: generator.normal(size=(6, size)) for name, size in own.items()}
    yield "states-own", Recipe(every, None, x, target, side_inputs=states)


def _of_starts(generator: np.random.Generator) -> Iterator[tuple[str, Recipe]]:
    """Layers over time from states beside x: those of windows that go on, in both directions, with
    lengths and without, one state of an LSTM alone, and each layer's own in a stack."""
    lengths = np.array([4, 1, 2, 4, 3, 2])
    x, target = generator.normal(size=(6, 4, 3)), generator.normal(size=(6, 4, 2))
    layers: list[Recurrent] = [
        RNN(3, 2),
        RNN(3, 2, nonlinearity="relu", reverse=True),
        GRU(3, 2),
        GRU(3, 2, reverse=True, reset_after=False),
        LSTM(3, 3, reverse=True),
        LSTM(3, 3, projection=2, peepholes=True),
        LSTM(3, 3, projection=2, peepholes=True, reverse=True),
    ]
    for number, layer in enumerate(layers):
        network = Network(Sequential(layer, Linear(layer.width("hidden"), 2)))
        states = {name: generator.normal(size=(6, layer.width(name))) for name in layer.states}
        recipe = Recipe(network, None, x, target, side_inputs=states)
        yield f"starts-{number}", replace(recipe, batch_size=4 if number % 2 else None)
        beside = {**states, "lengths": lengths}
        yield f"starts-lengths-{number}", replace(recipe, side_inputs=beside)
        if len(states) > 1 and layer.reverse:
            for name in states:
                one = {name: states[name], "lengths": lengths}
                yield f"starts-{name}-{number}", replace(recipe, side_inputs=one)
    stack = recurrent_stack(LSTM, 3, 2, layers=2, bidirectional=True)
    every = Network(Sequential(stack, Linear(4, 2)))
    states = {
        name: generator.normal(size=(6, 2))
        for name in every.side_inputs
        if name.endswith((".hidden", ".cell"))
    }
    yield "starts-own", Recipe(every, None, x, target, side_inputs=states)


def _of_one_group(generator: np.random.Generator) -> Iterator[tuple[str, Recipe]]:
    """Layers behind one another whose variables would have one name; and a forward that keeps a
    single parameter beside more values than one line has room for."""
    images, times = generator.normal(size=(6, 4, 5)), generator.normal(size=(6, 3, 4))
    wide = generator.normal(size=(6, 4, 5, 7))
    pooled = Sequential(
        MaxPool2d((3, 2), stride=3), GroupNorm(1, 4, affine=False), Pad((1, 0, 0, 2)), Flatten()
    )
    for name, layer, x in (
        (
            "grouped-twice",
            Sequential(Conv1d(4, 4, 1, groups=2), GroupNorm(2, 4), Flatten()),
            images,
        ),
        ("gates-and-norm", Sequential(GRU(4, 3), LayerNorm(3), TimeStep()), times),
        (
            "turned-twice",
            Sequential(MultiheadAttention(4, 1, rotary=True), RotaryPositions(4)),
            times,
        ),
        ("gated-twice", Sequential(Linear(4, 4), SwiGLU(), SiLU()), times),
        ("one-weight", pooled, wide),
    ):
        shape = Network(layer).graph.shapes(x.shape[1:])[Network(layer).graph.output]
        network = Network(Sequential(layer, Linear((shape or (0,))[-1], 2)))
        target = generator.normal(size=(6, *(shape or ())[:-1], 2))
        yield name, Recipe(network, None, x, target)


def structures() -> Iterator[tuple[str, Recipe]]:
    """Networks whose structure is what is tried."""
    generator = np.random.default_rng(5)
    yield from _of_one_group(np.random.default_rng(7))
    x, target = generator.normal(size=(SAMPLES, 3)), generator.normal(size=(SAMPLES, 3))
    block = Residual(Sequential(Linear(3, 5), ReLU(), Linear(5, 3)))
    for name, layer in {
        "residual-first": Sequential(block, Linear(3, 3)),
        "residual-last": Sequential(Linear(3, 3), Tanh(), block),
        "residual-alone": block,
        "residual-twice": Sequential(block, block),
        "residual-in-residual": Residual(Sequential(Residual(Linear(3, 3)), Tanh())),
        "residual-of-residual": Residual(Residual(Linear(3, 3))),
        "residual-of-nothing": Sequential(Linear(3, 3), Residual(Identity())),
        "nested": Sequential(Sequential(Linear(3, 2), Sequential(Tanh(), Tanh())), Linear(2, 3)),
        "activation-first": Sequential(Tanh(), Linear(3, 3), LayerNorm(3), LayerNorm(3)),
        "added-first": Sequential(Added(Linear(3, 4), Linear(3, 4)), Linear(4, 3)),
        "added-last": Sequential(Linear(3, 3), Added(Tanh(), Sequential(Linear(3, 3), Tanh()))),
        "concatenated": Sequential(Concatenated(Linear(3, 2), Tanh()), Linear(8, 3)),
        "woven": Sequential(Linear(3, 2), Woven(Linear(2, 2), Tanh()), Linear(6, 3)),
        "woven-in-woven": Sequential(
            Woven(Sequential(Woven(Linear(3, 3), Tanh()), Linear(9, 3)), Residual(Linear(3, 3))),
            Linear(9, 3),
        ),
        "doubled": Sequential(Doubled(), Linear(3, 3), Doubled()),
        "passed": Sequential(Passed(), Linear(3, 3), Passed(), Tanh(), Passed()),
        "added-to-nothing": Sequential(Linear(3, 3), Added(Identity(), Residual(Identity()))),
        "dropout-twice": Sequential(Dropout(0.2), Linear(3, 3), Dropout(0.4), Dropout(0.1)),
    }.items():
        yield name, Recipe(Network(layer), None, x, target, seed=6)
    seven = np.concatenate([target, target, target[:, :1]], axis=1)
    yield (
        "concatenated-last",
        Recipe(Network(Concatenated(Linear(3, 1), Identity())), None, x, seven),
    )
    both = Added(Embedding(4, 3), Embedding(4, 3))
    yield (
        "ids-added",
        Recipe(Network(Sequential(both, Linear(3, 3))), None, np.arange(SAMPLES) % 4, target),
    )
    yield from _masked(generator)
    yield from _of_lengths(generator)
    yield from _of_states(generator)
    yield from _of_starts(generator)
    tied = {"layers[2].weight": "layers[0].weight", "layers[2].bias": "layers[0].bias"}
    network = Network(Sequential(Linear(3, 3), Tanh(), Linear(3, 3)), tied)
    yield "tied", Recipe(network, None, x, target, optimizer=Adam(0.01))
    ids = generator.integers(4, size=SAMPLES)
    kinds = generator.integers(3, size=SAMPLES)
    words = Network(Sequential(Embedding(4, 3), Dropout(0.25), Linear(3, 3)))
    yield "ids-to-classes", Recipe(words, None, ids, kinds, loss=CrossEntropy(), seed=2)
    ignored = np.where(kinds == 1, -100, kinds)
    for index, loss in enumerate(
        (
            CrossEntropy(),
            CrossEntropy(weight=(1, 2, 3), label_smoothing=0.2),
            CrossEntropy(weight=(1, 2, 3), reduction="sum"),
        )
    ):
        yield f"ignored-{index}", Recipe(words, None, ids, ignored, loss=loss)
    letters, following = generator.integers(5, size=(2, SAMPLES, 6))
    following[0, 4:] = -100
    model = gpt(5, features=8, heads=2, positions=6)
    yield (
        "micro-gpt",
        Recipe(model, None, letters, following, loss=CrossEntropy(), optimizer=SGD(0.002)),
    )
    yield "batches", replace(small(), batch_size=5, epochs=17, seed=8)
    yield "batches-adam", replace(small(), batch_size=4, epochs=17, optimizer=Adam(0.01))
    yield "made-up", Recipe(small().network, loss=MSE())
