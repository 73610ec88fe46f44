"""Steps to examine, and what was found in them."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop import SGD, Linear, Network, Sequential
from clearprop.base.arrays import Array
from clearprop.base.messages import LANGUAGES
from clearprop.engine.step import Step, take_step
from clearprop.reading.health import Examination, Finding


def samples(inputs: int = 3, outputs: int = 1, count: int = 20) -> tuple[Array, Array]:
    generator = np.random.default_rng(7)
    return generator.normal(size=(count, inputs)), generator.normal(size=(count, outputs))


def step_of(network: Network, params: Array | None = None, **how: Any) -> Step:
    """A step of a 3-to-1 network on 20 samples with a small rate."""
    x, target = samples()
    how = {"optimizer": SGD(1e-3), **how}
    with np.errstate(all="ignore"):
        return take_step(
            network,
            network.initialize(0) if params is None else params,
            how.pop("x", x),
            how.pop("target", target),
            **how,
        )


def kinds(found: Examination) -> list[str]:
    return [one.kind for one in found.findings]


def the(found: Examination, kind: str) -> Finding:
    """The only finding of a kind, which can be said in both languages and written as JSON."""
    (one,) = [one for one in found.findings if one.kind == kind]
    for language in LANGUAGES:
        assert one.sentence(language) in found.text(language)
        assert one.advice(language) in found.text(language)
        assert "{" not in found.text(language)
    assert json.loads(found.to_json())["type"] == "Examination"
    return one


def network_with(layer: Any) -> Network:
    return Network(Sequential(Linear(3, 4), layer, Linear(4, 1)))


def planted(network: Network, **values: Iterable[Any]) -> Array:
    """The start with some arrays replaced; `layers_0_weight` is layers[0].weight."""
    named = {}
    for name, value in values.items():
        _, number, array = name.split("_")
        named[f"layers[{number}].{array}"] = np.array(value, float)
    return network.replace(network.initialize(0), named)
