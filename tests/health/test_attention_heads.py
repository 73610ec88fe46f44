"""Heads that look at one place, and heads that look at all alike."""

import numpy as np
import pytest

from clearprop import MultiheadAttention, Network
from clearprop.base.arrays import Array
from clearprop.engine.step import Step, take_step
from clearprop.reading.health import Finding, examine


def step_of(scale: Array) -> Step:
    """Two causal heads whose queries and keys are multiplied by `scale` each."""
    network = Network(MultiheadAttention(8, 2, causal=True))
    params = network.initialize(0)
    weight = network.named(params)["in_proj_weight"]
    for head, factor in enumerate(scale):
        for part in (0, 8):
            weight[:, part + 4 * head : part + 4 * head + 4] *= factor
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4, 6, 8))
    return take_step(network, params, x, generator.normal(size=x.shape))


def found(step: Step) -> dict[str, Finding]:
    return {one.kind: one for one in examine(step).findings if one.kind.startswith("attention")}


def test_heads_that_choose_are_not_spoken_of() -> None:
    assert not found(step_of(np.array([1.0, 1.0])))


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_a_head_that_looks_at_one_place(language: str) -> None:
    step = step_of(np.array([1.0, 40.0]))
    one = found(step)["attention_one_place"]
    assert one.places == ("heads[1]",)
    assert float(one.values["measured"]) > 0.999
    assert "heads[1]" in examine(step).text(language)


def test_a_head_that_looks_at_all_alike() -> None:
    even = found(step_of(np.array([0.0, 1.0])))["attention_even"]
    assert even.places == ("heads[0]",)
    assert even.severity == "note"
    # The median row may look at 4 places: ln 4 = 1.386.
    assert even.values["measured"] == pytest.approx(np.log(4))
