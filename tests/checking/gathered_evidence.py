"""Evidence for a diagnosis: of arrays alone, and of a layer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clearprop import Network
from clearprop.base.arrays import Array
from clearprop.checking.diagnosis import Evidence
from clearprop.checking.diagnosis import diagnose as diagnosis_of
from clearprop.checking.verdict import LikelyMistake
from clearprop.engine.layers.layer import Layer
from tests.sweeps import quick_where

SEEDS = pytest.mark.parametrize("seed", quick_where(range(5), lambda _, seed: seed < 2))


def diagnose(evidence: Evidence) -> tuple[LikelyMistake, ...]:
    return diagnosis_of(evidence).mistakes


def keys(mistakes: tuple[LikelyMistake, ...]) -> list[str]:
    return [mistake.key for mistake in mistakes]


def of_arrays(seed: int = 0, **claimed: Any) -> Evidence:
    """Evidence of arrays alone: W (3, 4), b (1, 4), v (1, 4), and an output of (6, 4).

    The function behind it is linear, so that the gradients are the same wherever it is run.
    """
    generator = np.random.default_rng(seed)
    shapes = {"x": (6, 3), "W": (3, 4), "b": (1, 4), "v": (1, 4)}
    arrays = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    right = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    made = {name: make(right, arrays) for name, make in claimed.items()}
    output, dy = generator.normal(size=(6, 4)), generator.normal(size=(6, 4))

    def forward(given: Mapping[str, Array]) -> Array:
        change = sum(np.sum(right[n] * (given[n] - arrays[n])) for n in arrays if n in given)
        y: Array = output + change * dy / np.sum(dy * dy)
        return y

    def backward(other: Array, given: Mapping[str, Array]) -> Mapping[str, Array]:
        share = np.sum(other * dy) / np.sum(dy * dy)
        return {name: share * np.asarray(array) for name, array in {**right, **made}.items()}

    return Evidence(
        arrays=arrays,
        output=output,
        output_gradient=dy,
        claimed={**right, **made},
        expected=right,
        forward=forward,
        backward=backward,
    )


def of_layer(layer: Layer, seed: int = 0, **options: Any) -> Evidence:
    """Evidence of a layer, with its right gradients claimed."""
    generator = np.random.default_rng(seed)
    network = Network(layer)
    params = network.initialize(seed)
    x = generator.normal(size=(6, 4))
    forward = network.forward(params, x)
    dy = generator.normal(size=forward.output.shape)
    backward = network.backward(forward, dy)
    right = {"x": np.asarray(backward.input_gradient), **backward.named()}
    arrays = {"x": x, **network.named(params)}
    evidence = Evidence(arrays, forward.output, dy, right, right, layer=layer)
    return replace(evidence, **options)
