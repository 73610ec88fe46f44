"""Boxes, arrow heads and frames of scenes."""

import pytest

from clearprop.drawing.pen.items import (
    ARROW_LENGTH,
    ARROW_WIDTH,
    Anchor,
    Box,
    Circle,
    Item,
    Path,
    Rectangle,
    Text,
    bounds,
    box,
)
from clearprop.drawing.pen.markup import text_width
from clearprop.drawing.pen.scene import framed


def test_an_arrow_head_points_along_its_path() -> None:
    tip, left, right = Path((0, 0), ((10, 0), (10, 50)), arrow=True).head
    assert tip == (10, 50)
    assert {left, right} == {
        (10 - ARROW_WIDTH / 2, 50 - ARROW_LENGTH),
        (10 + ARROW_WIDTH / 2, 50 - ARROW_LENGTH),
    }


def test_a_curve_s_arrow_follows_its_last_control_point() -> None:
    curve = Path((0, 0), ((0, 0, 50, 20, 100, 20),), arrow=True)
    assert curve.head[0] == (100, 20)
    assert curve.head[1][0] == curve.head[2][0] == 100 - ARROW_LENGTH
    # The line itself ends inside the head.
    assert curve.stroked_segments == ((0, 0, 50, 20, 100 - ARROW_LENGTH / 2, 20),)


def test_a_path_without_an_arrow_is_stroked_to_its_end() -> None:
    line = Path((0, 0), ((3, 4),))
    assert line.stroked_segments == line.segments


@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_a_text_s_box_depends_on_its_anchor(anchor: Anchor) -> None:
    text = Text(100, 50, "abc", anchor=anchor)
    width = text_width("abc", text.size)
    expected = {"start": 100, "middle": 100 - width / 2, "end": 100 - width}[anchor]
    assert box(text).left == pytest.approx(expected)
    assert box(text).right - box(text).left == pytest.approx(width)


def test_boxes_of_shapes() -> None:
    assert box(Circle(10, 10, 5, width=2)) == Box(4, 4, 16, 16)
    assert box(Rectangle(1, 2, 3, 4)) == Box(1, 2, 4, 6)
    assert box(Path((0, 0), ((1, -9, 2, 8, 5, 5),))) == Box(0, -9, 5, 8)
    assert box(Path((0, 0), ((9, 0),), arrow=True)) == Box(0, -ARROW_WIDTH / 2, 9, ARROW_WIDTH / 2)


def test_a_frame_holds_its_items_wherever_they_lie() -> None:
    items: list[Item] = [
        Circle(-100, -50, 10),
        Path((-90, -50), ((0, -50, 50, 70, 100, 70),), arrow=True),
        Rectangle(120, 60, 30, 20),
        Text(200, 70, "y"),
    ]
    scene = framed(items, title="t", description="d", language="en", margin=7)
    around = bounds(scene.items)
    assert (around.left, around.top) == pytest.approx((7, 7))
    assert scene.width - 1 <= around.right + 7 <= scene.width
    assert scene.height - 1 <= around.bottom + 7 <= scene.height
    # Nothing has moved against anything else.
    circle, path = scene.items[:2]
    assert isinstance(circle, Circle)
    assert isinstance(path, Path)
    assert path.start == (circle.x + 10, circle.y)
