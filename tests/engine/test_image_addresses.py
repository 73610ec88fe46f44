"""Channels and patches have addresses of their own, which name the same numbers."""

import numpy as np
import pytest

from clearprop import Conv1d, Conv2d, Flatten, Linear, Network, ReLU, Residual, Sequential
from clearprop.base.errors import ShapeError, UnknownNameError
from clearprop.engine.addresses import image_wires, inner_address, neuron_address, number_address
from clearprop.engine.layers.layer import Layer
from clearprop.engine.step import Step, take_step


def _step(*layers: Layer, shape: tuple[int, ...]) -> Step:
    network = Network(Sequential(*layers))
    params = network.initialize(seed=0)
    x = np.random.default_rng(0).normal(size=(2, *shape))
    return take_step(network, params, x, network.forward(params, x).output + 1)


@pytest.fixture(scope="module")
def image() -> Step:
    residual = Residual(Sequential(Conv2d(2, 2, 3, padding=1), ReLU()))
    return _step(Conv2d(1, 2, 2), residual, Flatten(), Linear(18, 2), shape=(1, 4, 4))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("layers[0].channels[1][2,0]", "layers[0][1,2,0]"),
        ("input.channels[0][3,3]", "input[0,3,3]"),
        ("layers[1].channels[1][0, 2]", "layers[1][1,0,2]"),
        (" layers[1].branch.layers[0].channels[0][1,1] ", "layers[1].branch.layers[0][0,1,1]"),
        ("layers[0].patches[2,1][0,1,0]", "layers[0].row[2].column[1].patch[0,1,0]"),
    ],
)
def test_they_are_the_entries_of_the_array(image: Step, text: str, told: str) -> None:
    assert str(number_address(image, text)) == told
    which = inner_address if "patch" in told else neuron_address
    assert str(which(image, text)) == told


def test_which_wires_carry_images(image: Step) -> None:
    assert list(image_wires(image.forward)) == [
        "input",
        "layers[0]",
        "layers[1].branch.layers[0]",
        "layers[1].branch.layers[1]",
        "layers[1]",
    ]
    line = _step(Conv1d(1, 2, 2), Linear(4, 3), ReLU(), shape=(1, 5))
    assert list(image_wires(line.forward)) == ["input", "layers[0]", "layers[1]", "layers[2]"]
    assert str(number_address(line, "layers[2].channels[1][2]")) == "layers[2][1,2]"
    assert str(number_address(line, "layers[0].patches[3][0,1]")) == "layers[0].place[3].patch[0,1]"
    rows = _step(Linear(3, 4), ReLU(), shape=(5, 3))
    assert not image_wires(rows.forward)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("layers[3].channels[0][1]", r"only input, layers\[0\], .* have channels"),
        (
            "layers[2].patches[0,0][0,0,0]",
            r"have patches; the first is layers\[0\]\.patches\[0,0\]\[0,0,0\]",
        ),
        ("layers[0].patches[0][0,0,0]", "have patches"),
    ],
)
def test_where_there_are_none_the_sentence_says_where_they_are(
    image: Step, text: str, says: str
) -> None:
    with pytest.raises(UnknownNameError, match=says):
        number_address(image, text)


def test_what_does_not_fit_is_refused(image: Step) -> None:
    with pytest.raises(ShapeError, match=r"channels 0 to 1, each \(3, 3\), and not 2"):
        number_address(image, "layers[0].channels[2][0,0]")
    with pytest.raises(ShapeError, match=r"layers\[0\]\[1,2,2\]"):
        number_address(image, "layers[0].channels[1]")
    with pytest.raises(ShapeError, match=r"patch\[0,0,0\]"):
        number_address(image, "layers[0].patches[1,1]")
    dense = _step(Linear(3, 4), shape=(3,))
    with pytest.raises(UnknownNameError, match="takes images"):
        number_address(dense, "layers[0].channels[0][1]")
