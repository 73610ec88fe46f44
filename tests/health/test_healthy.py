"""On a healthy network nothing is found."""

import numpy as np
import pytest

from clearprop import MSE, SGD, BatchNorm, Dropout, Linear, Network, Sequential, Tanh
from clearprop.base.errors import ShapeError
from clearprop.engine.step import take_step
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample
from clearprop.reading.health import Severity, examine
from tests.gradient_checks import draw_states
from tests.health.steps import kinds, network_with, step_of, the
from tests.sweeps import first_of

BODIES = [
    example
    for examples in LAYER_EXAMPLES.values()
    for example in examples
    if example.ids is None
    and len(example.input_shape) == 1
    # Everything is left out: that is what it says it found.
    and example.layer != Dropout(1.0)
]


@pytest.mark.parametrize("example", BODIES, ids=repr)
@pytest.mark.parametrize("seed", first_of(range(3)))
def test_nothing_is_found_where_nothing_is_wrong(example: LayerExample, seed: int) -> None:
    """Every layer of the catalogue between two Linear layers, at small random weights."""
    (width,) = example.input_shape
    shape = example.layer.output_shape((width,))
    assert shape is not None
    network = Network(Sequential(Linear(2, width), example.layer, Linear(shape[0], 2)))
    generator = np.random.default_rng(seed)
    x, target = generator.normal(size=(60, 2)), generator.normal(size=(60, 2))
    params = network.initialize(seed)
    # A unit of a rectifier may be dead from the start; with a bias near 0, none is.
    biases = {
        path: np.full(array.shape, 0.01)
        for path, array in network.named(params).items()
        if path.endswith("bias")
    }
    params = network.replace(params, biases)
    step = take_step(
        network,
        params,
        x,
        target,
        optimizer=SGD(1e-3),
        training=example.training,
        layer_state=network.initial_state(params),
        # From a state of 0 a cell's weights of it do not move, and that is worth a note.
        side_inputs=draw_states(network, len(x)),
    )
    found = examine(step, start=params)
    assert found.healthy
    # A bias in front of a BatchNorm has no effect, and that is worth a note.
    usual = isinstance(example.layer, BatchNorm) and example.training
    assert kinds(found) == ["unmoved_rounding"] * usual


def test_a_bias_in_front_of_a_normalization_is_noted() -> None:
    found = examine(step_of(network_with(BatchNorm(4))))
    note = the(found, "unmoved_rounding")
    assert (note.severity, note.values["path"]) == (Severity.NOTE, "layers[0].bias")
    assert found.healthy


def test_a_start_of_another_network() -> None:
    with pytest.raises(ShapeError, match="start"):
        examine(step_of(Network(Linear(3, 1)), loss=MSE()), start=np.zeros(5))


def test_sequences_are_examined() -> None:
    network = Network(Sequential(Linear(3, 4), BatchNorm(4), Tanh(), Linear(4, 1)))
    generator = np.random.default_rng(4)
    x, target = generator.normal(size=(6, 5, 3)), generator.normal(size=(6, 5, 1))
    step = step_of(network, x=x, target=target)
    found = examine(step)
    # The shift of a Linear layer is taken off again by the normalization behind it.
    assert {one.values.get("path") for one in found.findings} <= {"layers[0].bias"}
    assert found.silent["layers[2]"] == (0, 0, 0, 0)
    signals = step.signals("layers[3]")
    assert found.signals[-1].size == pytest.approx(float(np.sqrt((signals**2).mean())))
