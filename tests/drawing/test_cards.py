"""Networks of any layers and width: a card for each, whose cells hold what the records hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clearprop import (
    BackwardPass,
    BatchNorm,
    Embedding,
    Layer,
    Linear,
    Network,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
)
from clearprop.base.arrays import Array
from clearprop.drawing import DIAGRAMS, Path, Rectangle, Scene, Text, number_markup
from clearprop.drawing.diagrams.heatmap import BINNED, Heatmap, draw_heatmap, heat
from clearprop.drawing.diagrams.stations import stations
from clearprop.drawing.pen.items import bounds
from clearprop.drawing.pen.markup import plain
from clearprop.drawing.pen.palette import NEGATIVE, POSITIVE
from tests.own_combinators import Added, Concatenated
from tests.sweeps import first_of

WHOLE = ("network_forward", "forward_factors", "network_backward")


def passed(layer: Layer, x: Array, seed: int = 0) -> BackwardPass:
    network = Network(layer)
    forward = network.forward(network.initialize(seed), x)
    dy = np.random.default_rng(seed).normal(size=forward.output.shape)
    return network.backward(forward, dy)


def random(*shape: int) -> Array:
    return np.random.default_rng(1).normal(size=shape)


RESIDUAL = Sequential(
    Linear(3, 6),
    BatchNorm(6),
    Residual(Sequential(Linear(6, 6), Tanh())),
    Linear(6, 3),
    Softmax(),
)


def said(scene: Scene) -> dict[str, list[str]]:
    """What can be pointed at: its name and its numbers."""
    found: dict[str, list[str]] = {}
    for item in scene.items:
        name, *numbers = item.says.splitlines() or [""]
        found.setdefault(name, []).extend(numbers)
    return found


@pytest.mark.parametrize("sample", [0, 2])
def test_every_number_of_a_wide_network_can_be_pointed_at(sample: int) -> None:
    backward = passed(Sequential(Linear(20, 40), ReLU(), Linear(40, 30)), random(3, 20))
    ahead = said(DIAGRAMS["network_forward"](backward, sample=sample))
    back = said(DIAGRAMS["network_backward"](backward, sample=sample))
    for path, letter in (("layers[0]", "z"), ("layers[1]", "a"), ("layers[2]", "z")):
        for j, value in enumerate(backward.forward[path].output[sample]):
            assert f"{letter} = {plain(number_markup(value))}" in ahead[f"{path}[{j}]"]
        for j, value in enumerate(backward[path].output_gradient[sample]):
            assert f"∂C/∂{letter} = {plain(number_markup(value))}" in back[f"{path}[{j}]"]
    for i, value in enumerate(backward.forward.input[sample]):
        assert f"x = {plain(number_markup(value))}" in ahead[f"input[{i}]"]


def test_the_factors_are_the_numbers_that_weights_multiply() -> None:
    backward = passed(Sequential(Linear(20, 40), ReLU(), Linear(40, 30)), random(3, 20))
    found = said(DIAGRAMS["forward_factors"](backward, sample=1))
    a = backward.forward["layers[1]"].output[1]
    assert all(
        f"a = ∂z/∂w = {plain(number_markup(a[j]))}" in found[f"layers[1][{j}]"] for j in range(40)
    )
    # No weight takes the output.
    y = backward.forward.output[1]
    assert f"z = {plain(number_markup(y[3]))}" in found["layers[2][3]"]


def test_the_largest_edge_of_a_sample_is_named() -> None:
    backward = passed(Sequential(Linear(20, 40), ReLU(), Linear(40, 30)), random(3, 20))
    scene = DIAGRAMS["network_backward"](backward, sample=1)
    products = np.outer(
        backward.forward["layers[2]"].input[1], backward["layers[2]"].output_gradient[1]
    )
    i, j = np.unravel_index(np.argmax(np.abs(products)), products.shape)
    line = f"largest ∂*C*/∂*w*: {number_markup(products[i, j])} at weight[{i},{j}]"
    assert any(isinstance(item, Text) and item.content == line for item in scene.items)


def test_layers_of_every_kind_have_a_card_and_a_residual_an_arc() -> None:
    backward = passed(RESIDUAL, random(5, 3))
    paths = [(one.path, one.output, one.sources) for one in stations(backward, 0)]
    assert paths == [
        ("input", "input", ()),
        ("layers[0]", "layers[0]", ("input",)),
        ("layers[1]", "layers[1]", ("layers[0]",)),
        ("layers[2].branch.layers[0]", "layers[2].branch.layers[1]", ("layers[1]",)),
        ("layers[2]", "layers[2]", ("layers[1]", "layers[2].branch.layers[1]")),
        ("layers[3]", "layers[3]", ("layers[2]",)),
        ("layers[4]", "layers[4]", ("layers[3]",)),
    ]
    small = passed(Residual(Tanh()), random(2, 3))
    arcs = [
        item
        for item in DIAGRAMS["network_forward"](small).items
        if isinstance(item, Path) and len(item.segments) == 3
    ]
    assert len(arcs) == 1


@pytest.mark.parametrize("language", first_of(["en", "zh-TW"]))
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (RESIDUAL, random(5, 3)),
        (Sequential(Embedding(9, 4), Linear(4, 2)), np.array([3, 1, 8])),
        (Embedding(9, 4), np.array([[3, 1], [8, 0]])),
        (Residual(Tanh()), random(2, 3)),
        (Added(Linear(3, 2), Sequential(Tanh(), Linear(3, 2))), random(2, 3)),
        (Concatenated(Linear(3, 40), Residual(Tanh())), random(2, 3)),
        (Linear(5000, 1), random(1, 5000)),
        (Sequential(Linear(1, 1200), ReLU()), random(1, 1)),
        (Linear(1, 11), np.array([[0.0]])),
    ],
    ids=["residual", "embedding", "ids", "alone", "added", "concatenated", "5000", "1200", "zeros"],
)
def test_nothing_sticks_out_and_texts_do_not_overlap(
    layer: Layer, x: Array, kind: str, language: str
) -> None:
    scene = DIAGRAMS[kind](passed(layer, x), language=language)
    around = bounds(scene.items)
    assert around.left >= 0
    assert around.top >= 0
    assert around.right <= scene.width
    assert around.bottom <= scene.height
    texts = [item for item in scene.items if isinstance(item, Text)]
    boxes = [bounds([text]) for text in texts]
    for k, one in enumerate(boxes):
        for text, other in zip(texts[k + 1 :], boxes[k + 1 :], strict=True):
            across = min(one.right, other.right) - max(one.left, other.left)
            down = min(one.bottom, other.bottom) - max(one.top, other.top)
            # Rows of a list stand close; letters do not fill their boxes.
            assert across <= 0 or down <= 3, (texts[k].content, text.content)


def heatmap(values: Array) -> Heatmap:
    return Heatmap("*z*", "forward", values, lambda position: f"layers[0][{position}]")


def cells(values: Array) -> list[Rectangle]:
    return [
        i for i in draw_heatmap(heatmap(values), "en").items if isinstance(i, Rectangle) and i.says
    ]


@given(
    arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=True, allow_infinity=True))
)
def test_a_cell_s_colour_is_its_sign_and_its_part_of_the_largest(values: Array) -> None:
    finite = values[np.isfinite(values)]
    limit = float(np.abs(finite).max()) if finite.size else 0.0
    for cell, value in zip(cells(values), values, strict=True):
        assert cell.fill == heat(float(value), limit)
        if not math.isfinite(value):
            assert cell.fill == "ink"
        elif value == 0:
            assert cell.fill == "paper"
        else:
            scale = POSITIVE if value > 0 else NEGATIVE
            step = scale.index(cell.fill)
            part = abs(value) / limit
            assert step / 5 - 1e-9 <= part <= (step + 1) / 5 + 1e-9


def test_a_legend_has_the_numbers_of_the_scale() -> None:
    values = np.array([0.0, -3.0, 2.0, math.nan, *np.linspace(0.1, 1, 20)])
    items = draw_heatmap(heatmap(values), "en").items
    contents = {item.content for item in items if isinstance(item, Text)}
    assert {"−3", "0", "3"} <= contents
    assert {"exactly 0: 1", "not finite: 1"} <= contents


def test_more_numbers_than_cells_share_them_and_the_farthest_from_0_is_shown() -> None:
    values = np.zeros(2 * BINNED + 1)
    values[7], values[6] = -5.0, 4.0
    drawn = cells(values)
    assert len(drawn) <= BINNED
    assert drawn[2].says.splitlines() == [
        "layers[0][7]",
        "z = −5",
        "the farthest from 0 of entries 6 to 8",
    ]


def test_a_layer_with_long_settings_keeps_its_card_narrow() -> None:
    many = Sequential(*[Linear(2, 2) for _ in range(4)], Residual(Linear(2, 2)))
    scene = DIAGRAMS["network_forward"](passed(many, random(1, 2)))
    assert scene.width < 1250
