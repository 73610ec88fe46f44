"""Pictures of kernels and channels: the numbers in them are those of the step, what is left out is
said, and no label covers another."""

from typing import Any

import numpy as np
import pytest

from clearprop import Conv1d, Conv2d, Linear, MultiheadAttention
from clearprop.base.errors import ConfigurationError, UnknownNameError
from clearprop.base.messages import LANGUAGES
from clearprop.base.numbers import brief
from clearprop.drawing import Scene, Text
from clearprop.drawing.diagrams.matrix import axis_word
from clearprop.drawing.pen.items import Rectangle, box
from clearprop.drawing.pen.markup import number_markup, plain
from clearprop.engine.layers.layer import Layer
from clearprop.reading.explanation import explain_weight
from clearprop.reading.explanation.named_diagrams import draw
from tests.explanation.test_inside import step_of
from tests.sweeps import first_of

CASES = {
    "kernel in its border": (Conv2d(2, 3, 3, padding=1), "kernel", (2, 8, 8)),
    "kernel on a part": (Conv2d(1, 2, 3, stride=2, dilation=2), "kernel", (1, 70, 60)),
    "wide kernel on a part": (Conv2d(1, 1, 9, dilation=4, padding=3), "kernel", (1, 50, 60)),
    "kernel of groups": (Conv2d(4, 4, 2, groups=2), "kernel", (4, 4, 5)),
    "kernel on a sequence": (Conv1d(2, 3, 2, padding=1), "kernel", (2, 9)),
    "channels": (Conv2d(1, 6, 3), "channels", (1, 8, 8)),
    "channels with numbers": (Conv2d(1, 2, 3), "channels", (1, 8, 8)),
    "channels in blocks": (Conv2d(1, 2, 3), "channels", (1, 90, 50)),
    "channels of a sequence": (Conv1d(1, 3, 2), "channels", (1, 12)),
    "patches": (Conv2d(1, 2, 3), "inside", (1, 8, 8)),
    "heads": (MultiheadAttention(8, 4), "inside", (8, 8)),
}


def _texts(scene: Scene) -> list[str]:
    return [plain(item.content) for item in scene.items if isinstance(item, Text)]


@pytest.mark.parametrize("language", first_of(LANGUAGES))
@pytest.mark.parametrize("case", CASES)
def test_no_label_covers_another_and_none_leaves_its_picture(case: str, language: str) -> None:
    layer, kind, shape = CASES[case]
    scene = draw(step_of(layer, shape), kind, language=language)
    texts = [item for item in scene.items if isinstance(item, Text)]
    assert len(texts) > 10
    edges = np.array([(b.left, b.right, b.top, b.bottom) for b in map(box, texts)])
    across = np.minimum.outer(edges[:, 1], edges[:, 1]) - np.maximum.outer(edges[:, 0], edges[:, 0])
    down = np.minimum.outer(edges[:, 3], edges[:, 3]) - np.maximum.outer(edges[:, 2], edges[:, 2])
    covered = np.argwhere(np.triu((across > 0) & (down > 0), 1))
    assert [(texts[i].content, texts[j].content) for i, j in covered] == []
    for item in scene.items:
        around = box(item)
        assert around.left >= 0
        assert around.right <= scene.width
        assert around.bottom <= scene.height


@pytest.mark.parametrize(
    ("case", "rows", "columns"),
    [
        ("channels", "列 ↓", "行 →"),
        ("kernel on a sequence", "", "位置 →"),
        ("heads", "查詢 ↓", "鍵 →"),
    ],
)
def test_axes_are_called_as_the_language_does(case: str, rows: str, columns: str) -> None:
    layer, kind, shape = CASES[case]
    texts = _texts(draw(step_of(layer, shape), kind, language="zh-TW"))
    assert {one for one in texts if one[-2:] in (" ↓", " →")} == {rows, columns} - {""}
    assert axis_word("zh-TW", "somebody's own") == "somebody's own"


def test_a_number_fits_its_cell() -> None:
    layer, kind, shape = CASES["heads"]
    scene = draw(step_of(layer, shape), kind)
    cells = [box(one) for one in scene.items if isinstance(one, Rectangle) and one.says]
    numbers = [one for one in scene.items if isinstance(one, Text) and one.anchor == "middle"]
    fitted = 0
    for text in numbers:
        around = box(text)
        for cell in cells:
            if cell.left < text.x < cell.right and cell.top < text.y < cell.bottom:
                assert cell.left <= around.left
                assert around.right <= cell.right
                fitted += 1
    assert fitted == len(cells) == 2 * 4 * 8 * 8


def test_the_kernel_shows_what_the_explanation_says() -> None:
    step = step_of(Conv2d(2, 3, 3, padding=1), (2, 5, 5))
    address = "weight[2,1,0,2]"
    why = explain_weight(step, address)
    scene = draw(step, weight=address)
    texts = _texts(scene)
    sample = why.shares[0].sample
    (line,) = [one for one in texts if one.startswith(f"∂C[{sample}]/∂w = ")]
    assert line.endswith(brief(why.shares[0].value))
    assert why.places is not None
    one = explain_weight(step, address, sample=sample).places
    assert one is not None
    for place in one.places[:5]:
        assert plain(number_markup(place.value)) in texts
    assert any(brief(why.gradient) in text for text in texts if text.startswith("∂L/∂w"))
    # Five are marked, in the image, among the signals and among the products.
    assert [texts.count(rank) >= 3 for rank in "12345"] == [True] * 5


def test_what_is_left_out_stands_in_the_picture() -> None:
    layer, kind, shape = CASES["kernel on a part"]
    texts = _texts(draw(step_of(layer, shape), kind))
    assert any("24 × 24 of its 70 × 60 numbers" in text for text in texts)
    layer, kind, shape = CASES["channels in blocks"]
    step = step_of(layer, shape)
    texts = _texts(draw(step, kind))
    assert any(text.startswith("A cell stands for 3 × 3 of the 88 × 48") for text in texts)
    assert not any(text.startswith("Of 2 channels") for text in texts)
    many = _texts(draw(step_of(Conv2d(1, 20, 2), (1, 5, 5)), "channels"))
    assert "Of 20 channels, 0 to 15 are drawn." in many
    patches = _texts(draw(step_of(Conv2d(1, 1, 2), (1, 6, 6)), "inside"))
    assert "9 more matrices are left out." in patches


def test_a_block_shows_the_number_farthest_from_0_under_its_own_address() -> None:
    layer, kind, shape = CASES["channels in blocks"]
    step = step_of(layer, shape)
    wire = step.forward.network.graph.output
    values = step.forward.value(wire)[0, 0]
    says = [one.says for one in draw(step, kind).items if isinstance(one, Rectangle) and one.says]
    block = values[3:6, 6:9]
    down, across = np.unravel_index(np.argmax(np.abs(block)), block.shape)
    assert any(text.startswith(f"{wire}[0,{3 + down},{6 + across}]\n") for text in says)


@pytest.mark.parametrize(
    ("layer", "shape", "given", "says"),
    [
        (Linear(2, 2), (2,), {"kind": "kernel"}, "no convolution"),
        (Linear(2, 2), (2,), {"kind": "channels"}, "takes images"),
        (Conv1d(1, 1, 2), (1, 4), {"weight": "bias[0,0]"}, "kernels are weight"),
        (Conv1d(1, 1, 2), (1, 4), {"kind": "paths", "weight": "weight[0,0,0]"}, "choose kernel"),
        (Conv1d(1, 1, 2), (1, 4), {"kind": "kernel", "neuron": "[0,0]"}, "give --weight"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    layer: Layer, shape: tuple[int, ...], given: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        draw(step_of(layer, shape), **given)


def test_a_weight_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"weight\[0,0,0\]"):
        draw(step_of(Conv1d(1, 1, 2), (1, 4)), weight="wieght[0,0,0]")
