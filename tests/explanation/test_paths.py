"""The paths to the loss add up, and a picture's thickness is what they carry."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import BatchNorm, Layer, Linear, ReLU, Residual, Sequential, Sigmoid, Softmax, Tanh
from clearprop.drawing.diagrams.sankey import HAIRLINE, THICKEST, SankeyLink, parts_of
from clearprop.drawing.pen.items import Path
from clearprop.reading.explanation import WayKind, explain_neuron, explain_weight
from clearprop.reading.explanation.paths import Paths, paths_of_share, paths_of_signal
from tests.explanation.networks import STEPS, random_step, worked_step


def adds_up(paths: Paths, size: float) -> None:
    """At every place what goes on is what arrives, and at the root it is the total."""
    arrived = {paths.root.key: paths.total}
    for one in paths.passages:
        arrived[one.end] = arrived.get(one.end, 0.0) + one.contribution
    for place in paths.places:
        on = [one.contribution for one in paths.passages if one.start == place.key]
        if on:
            assert sum(on) == pytest.approx(arrived[place.key], rel=0, abs=1e-12 * size)


def test_the_worked_example_by_hand() -> None:
    # ∂C/∂w1 = x1 · σ'(z1) · (w5 · ∂C/∂z_o1 + w7 · ∂C/∂z_o2)
    #        = 0.05 · 0.241300709 · (0.40 · 0.138498562 + 0.50 · −0.038098236)
    # First way: 0.05 · 0.241300709 · 0.055399425 = 0.000668396; second: 0.05 · 0.241300709 ·
    # −0.019049118 = −0.000229828; their sum is 0.000438568.
    explained = explain_weight(worked_step(), "layers[0].weight[0,0]", depth=3)
    paths = paths_of_share(explained.shares[0])
    found = {(one.kind, one.via): one.contribution for one in paths.passages}
    assert found[(WayKind.PRODUCT, "input[0]")] == pytest.approx(0.000438568, abs=1e-9)
    assert found[(WayKind.WEIGHT, "layers[2].weight[0,0]")] == pytest.approx(0.000668396, abs=1e-9)
    assert found[(WayKind.WEIGHT, "layers[2].weight[0,1]")] == pytest.approx(-0.000229828, abs=1e-9)
    ends = [one for one in paths.places if one.end == WayKind.LOSS]
    assert [one.column for one in ends] == [3, 3]


def layers() -> st.SearchStrategy[tuple[Layer, ...]]:
    """What may stand between Linear(2, w) and Linear(w, 2)."""
    middle = st.sampled_from(
        [
            (ReLU(),),
            (Tanh(), Linear(5, 5), Sigmoid()),
            (Linear(5, 5), Linear(5, 5), Tanh()),
            (Residual(Sequential(Linear(5, 5), Tanh())),),
            (BatchNorm(5), ReLU(), Residual(Linear(5, 5))),
            (Softmax(), Linear(5, 5)),
        ]
    )
    return middle.map(lambda found: (Linear(2, 5), *found, Linear(5, 2)))


@given(layers(), st.integers(0, 9), st.integers(0, 4), st.integers(1, 5), st.integers(1, 4))
def test_contributions_add_up_in_every_network(
    found: tuple[Layer, ...], seed: int, unit: int, most: int, depth: int
) -> None:
    step = random_step(Sequential(*found), seed=seed)
    for address in (f"layers[0].weight[1,{unit}]", f"layers[0].bias[{unit}]"):
        explained = explain_weight(step, address, most=most, depth=depth)
        share = explained.shares[0]
        paths = paths_of_share(share)
        assert paths.total == share.value
        sizes = sum(abs(one.contribution) for one in paths.passages)
        adds_up(paths, max(sizes, 1e-300))
    neuron = explain_neuron(step, f"layers[0][{unit}]", most=most, depth=depth)
    paths = paths_of_signal(neuron.signal)
    assert paths.total == neuron.signal.value
    adds_up(paths, max(sum(abs(one.contribution) for one in paths.passages), 1e-300))


def test_places_that_several_ways_lead_to_stand_once() -> None:
    step, address, _ = STEPS["64-128-64-10"]
    paths = paths_of_share(explain_weight(step, address, depth=3).shares[0])
    keys = [place.key for place in paths.places]
    assert len(keys) == len(set(keys))
    # Five neurons of layers[2] lead to at most ten of layers[4].
    places = {p.key for p in paths.places if p.column == 3 and p.end is None}
    assert len(places) <= 10
    assert sum(one.end in places for one in paths.passages) == 25
    rests = [place for place in paths.places if place.end == WayKind.REST]
    assert {place.count for place in rests} == {59, 5}


@pytest.mark.parametrize("name", [name for name in STEPS if name != "awkward"])
def test_thickness_is_contribution_and_colour_is_sign(name: str) -> None:
    step, address, _ = STEPS[name]
    explained = explain_weight(step, address, depth=3)
    paths = paths_of_share(explained.shares[0])
    drawn = [
        item
        for item in explained.picture().items
        if isinstance(item, Path) and item.says and len(item.segments[0]) == 6
    ]
    assert len(drawn) == len(paths.passages)
    largest = max(abs(one.contribution) for one in paths.passages)
    expected = sorted(
        (max(THICKEST * abs(one.contribution) / largest, HAIRLINE), one.contribution > 0)
        for one in paths.passages
    )
    found = sorted((item.width, item.stroke == "positive5") for item in drawn)
    for (width, positive), (known, sign) in zip(found, expected, strict=True):
        assert width == pytest.approx(known, rel=1e-9)
        assert positive == sign
    assert {item.dashed for item in drawn} <= {True, False}


def test_a_way_says_its_factor_and_its_part() -> None:
    explained = explain_weight(worked_step(), "layers[0].weight[0,0]", depth=3)
    said = {item.says.partition("\n")[0]: item.says for item in explained.picture().items}
    assert said["layers[2].weight[0,0]"].splitlines() == [
        "layers[2].weight[0,0]",
        "w = 0.4",
        "∂C/∂layers[2][0] = 0.1385",
        "what comes back this way: 0.0006684 (152 %)",
    ]
    assert "∂C/∂y = 0.7414" in said["layers[2][0] → MSE"]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=8))
def test_parts_are_of_the_largest_finite_value(values: list[float]) -> None:
    parts = parts_of(values)
    finite = [abs(v) for v in values if math.isfinite(v)]
    for value, part in zip(values, parts, strict=True):
        assert 0 <= part <= 1
        if not math.isfinite(value):
            assert part == 0
        elif max(finite) > 0:
            assert part == pytest.approx(abs(value) / max(finite))


def test_a_way_is_never_too_thin_to_be_seen() -> None:
    assert SankeyLink("a", "b", 1e-9, 0.0, "", "").thickness == HAIRLINE
    assert SankeyLink("a", "b", 1.0, 1.0, "", "").thickness == THICKEST


def test_a_blocked_signal_carries_nothing() -> None:
    step = random_step(Sequential(Linear(1, 10), ReLU(), Linear(10, 1)), samples=4)
    dead = int(np.argmin(step.forward["layers[0]"].output[0]))
    neuron = explain_neuron(step, f"layers[0][{dead}]", sample=0, depth=3)
    assert neuron.signal.value == 0
    assert {one.contribution for one in paths_of_signal(neuron.signal).passages} == {0.0}
