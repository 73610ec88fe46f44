"""RNN, GRU, LSTM and their cells on the samples of PyTorch's own tests: outputs, last states and
gradients. How many ran is printed at the end of a run.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clearprop import GRU, LSTM, RNN, LSTMCell, Network, carried_state, recurrent_stack
from clearprop.base.arrays import Array
from clearprop.engine.graph import join_path
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.formats import from_torch
from clearprop.formats.torch_arrays import from_torch_arrays, to_torch_arrays
from tests.torch_samples.samples import Sample, collect

KINDS: dict[str, type[Recurrent]] = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
# How many samples run.
RUN = {"RNN": 32, "GRU": 16, "LSTM": 32}
CELLS = {"RNNCell": 3, "GRUCell": 2, "LSTMCell": 2}
# Both in float64; what differs is the order of sums of a few terms.
TOLERANCE: Any = {"rtol": 1e-11, "atol": 1e-13}


@pytest.mark.parametrize("kind", RUN)
def test_samples(torch: Any, kind: str, record_property: Any) -> None:
    samples = collect(torch, kind)
    for sample in samples:
        compare(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == RUN[kind]


@pytest.mark.parametrize("kind", CELLS)
def test_cells(torch: Any, kind: str, record_property: Any) -> None:
    samples = collect(torch, kind)
    for sample in samples:
        compare_cell(torch, sample)
    record_property("torch module samples run", len(samples))
    assert len(samples) == CELLS[kind]


def compare(torch: Any, sample: Sample) -> None:
    """A whole module: its samples are sequences without an axis of samples, with and without the
    states that they start from."""
    told = dict(sample.settings)
    module = sample.module(torch)
    shared: dict[str, Any] = {name: told[name] for name in ("bias", "nonlinearity") if name in told}
    if told.get("proj_size"):
        shared["projection"] = told["proj_size"]
    network = Network(
        recurrent_stack(
            KINDS[sample.kind],
            told["input_size"],
            told["hidden_size"],
            layers=told["num_layers"],
            bidirectional=told["bidirectional"],
            **shared,
        )
    )
    params, _ = from_torch_arrays(network, arrays_of(module.state_dict()))
    x, *start = sample.inputs
    x = x.detach().clone().requires_grad_()
    states = start[0] if start and isinstance(start[0], tuple) else tuple(start)
    y, last = module(x, *start)
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(dy)

    names = KINDS[sample.kind].states
    side = {
        join_path(path, name): state[place].detach().numpy()[None]
        for place, path in enumerate(network.graph.nodes)
        for name, state in zip(names, states, strict=False)
    }
    forward = network.forward(params, array_of(x)[None], side_inputs=side)
    backward = network.backward(forward, array_of(dy)[None])
    np.testing.assert_allclose(forward.output[0], array_of(y), **TOLERANCE)
    assert backward.input_gradient is not None
    np.testing.assert_allclose(backward.input_gradient[0], array_of(x.grad), **TOLERANCE)
    gradients = to_torch_arrays(network, backward.gradient).values()
    for ours, parameter in zip(gradients, module.parameters(), strict=True):
        np.testing.assert_allclose(ours, array_of(parameter.grad), **TOLERANCE)
    for place, (path, node) in enumerate(network.graph.nodes.items()):
        assert isinstance(node.layer, Recurrent)
        found = node.layer.final_state(forward.caches[path])
        theirs = last if isinstance(last, tuple) else (last,)
        for name, state in zip(names, theirs, strict=True):
            np.testing.assert_allclose(found[name][0], array_of(state[place]), **TOLERANCE)


def compare_cell(torch: Any, sample: Sample) -> None:
    """One step of one sample: the new states, and the gradients of x, of the states before and of
    the parameters, from a signal to every new state."""
    module = sample.module(torch)
    read = from_torch(module)
    (layer,) = read.network.layer.layers  # type: ignore[attr-defined]
    if isinstance(layer, LSTMCell):
        layer = replace(layer, cell_output=True)
    network = Network(layer)
    x, start = sample.inputs
    states = start if isinstance(start, tuple) else (start,)
    x, *states = (one.detach().clone()[None].requires_grad_() for one in (x, *states))
    ends = module(x, tuple(states) if isinstance(start, tuple) else states[0])
    y = torch.cat(ends, 1) if isinstance(ends, tuple) else ends
    dy = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(dy)

    side = {name: array_of(one) for name, one in zip(layer.states, states, strict=True)}
    forward = network.forward(read.params, array_of(x), side_inputs=side)
    backward = network.backward(forward, array_of(dy))
    np.testing.assert_allclose(forward.output, array_of(y), **TOLERANCE)
    carried = carried_state(forward).values()
    for ours, end in zip(carried, ends if isinstance(ends, tuple) else (ends,), strict=True):
        np.testing.assert_allclose(ours, array_of(end), **TOLERANCE)
    assert backward.input_gradient is not None
    np.testing.assert_allclose(backward.input_gradient, array_of(x.grad), **TOLERANCE)
    for name, state in zip(layer.states, states, strict=True):
        before = backward.inside("")[f"{name}_before"]
        np.testing.assert_allclose(before, array_of(state.grad), **TOLERANCE)
    gradients = to_torch_arrays(network, backward.gradient).values()
    for ours, parameter in zip(gradients, module.parameters(), strict=True):
        np.testing.assert_allclose(ours, array_of(parameter.grad), **TOLERANCE)


def array_of(tensor: Any) -> Array:
    array: Array = tensor.detach().numpy()
    return array


def arrays_of(tensors: Any) -> dict[str, Array]:
    return {name: array_of(one) for name, one in tensors.items()}
