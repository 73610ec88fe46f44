"""Signals through time beside lengths: where a loss looks at each sample's own last time."""

import numpy as np

from clearprop import RNN, Linear, Network, Sequential, TimeStep, take_step
from clearprop.reading.health import Severity, Symptom, examine


def test_a_sample_of_one_time_does_not_look_at_every_time() -> None:
    # With a U of 0.001·I a signal is multiplied with less than 0.001 at every step back: 4 steps
    # leave below 1e-12 of it. One sample ends at its first time, and its loss stands there.
    network = Network(Sequential(RNN(2, 2), TimeStep(), Linear(2, 1)))
    small = {"layers[0].weight_hh": 0.001 * np.eye(2)}
    params = network.replace(network.initialize(0), small)
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(6, 5, 2)), generator.normal(size=(6, 1))
    beside = {"lengths": np.array([5, 5, 1, 4, 5, 3])}
    step = take_step(network, params, x, target, side_inputs=beside)
    (found,) = [one for one in examine(step).findings if one.kind == Symptom.TIME_VANISHING]
    assert found.severity == Severity.WARNING
    assert float(found.values["factor"]) < 0.001
    # A loss on every time learns from near ones all the same.
    every = Network(Sequential(RNN(2, 2), Linear(2, 1)))
    times = generator.normal(size=(6, 5, 1))
    step = take_step(every, params, x, times, side_inputs=beside)
    (found,) = [one for one in examine(step).findings if one.kind == Symptom.TIME_VANISHING]
    assert found.severity == Severity.NOTE
