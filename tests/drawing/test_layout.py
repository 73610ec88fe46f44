"""No two labels of any diagram overlap, and none leaves its picture."""

import itertools
import math

import pytest

from clearprop.base.errors import ConfigurationError
from clearprop.drawing import DIAGRAMS, Circle, Path, Scene, Text
from clearprop.drawing.pen.items import Box, box
from tests.drawing.examples import PASSES
from tests.sweeps import quick_where


def overlap(one: Box, other: Box) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return across > 0 and down > 0


def drawable() -> list[tuple[str, str, str]]:
    return [
        (case, name, language)
        for case in PASSES
        for name in DIAGRAMS
        for language in ("en", "zh-TW")
    ]


# Every scene in one of the languages, in turn.
SCENES = quick_where(
    [(scene,) for scene in drawable()], lambda place, _: place // 2 % 2 == place % 2
)


@pytest.fixture(scope="module", params=SCENES, ids=" ".join)
def scene(request: pytest.FixtureRequest) -> Scene:
    case, name, language = request.param
    return DIAGRAMS[name](PASSES[case], language=language)


def test_no_two_texts_overlap(scene: Scene) -> None:
    texts = [item for item in scene.items if isinstance(item, Text)]
    assert len(texts) > 5
    for one, other in itertools.combinations(texts, 2):
        assert not overlap(box(one), box(other)), (one.content, other.content)


def test_everything_lies_inside_the_picture(scene: Scene) -> None:
    for item in scene.items:
        around = box(item)
        assert around.left >= 0
        assert around.top >= 0
        assert around.right <= scene.width
        assert around.bottom <= scene.height


def test_no_text_crosses_a_circle_s_line(scene: Scene) -> None:
    circles = [item for item in scene.items if isinstance(item, Circle)]
    for text in (item for item in scene.items if isinstance(item, Text)):
        left, top, right, bottom = box(text)
        for circle in circles:
            if abs(text.x - circle.x) < 1 and abs(text.y - circle.y) < circle.radius:
                # Capital letters' corners; a box's are farther out than any letter.
                reach = math.hypot((right - left) / 2, abs(text.y - circle.y) + text.size * 0.5)
                assert reach < circle.radius, text.content
            else:
                near_x = min(max(circle.x, left), right)
                near_y = min(max(circle.y, top), bottom)
                away = math.hypot(near_x - circle.x, near_y - circle.y)
                assert away > circle.radius - 4, text.content


def test_lines_that_bend_stay_out_of_labels(scene: Scene) -> None:
    labels = [box(item) for item in scene.items if isinstance(item, Text)]
    for path in (item for item in scene.items if isinstance(item, Path)):
        x, y = path.start
        for step in path.segments:
            if len(step) == 6:
                for point in curve_points(x, y, step):
                    spot = Box(point[0], point[1], point[0] + 0.1, point[1] + 0.1)
                    assert not any(overlap(spot, label) for label in labels)
            x, y = step[-2:]


def curve_points(x: float, y: float, step: tuple[float, ...]) -> list[tuple[float, float]]:
    x1, y1, x2, y2, x3, y3 = step
    return [
        (
            (1 - t) ** 3 * x + 3 * (1 - t) ** 2 * t * x1 + 3 * (1 - t) * t**2 * x2 + t**3 * x3,
            (1 - t) ** 3 * y + 3 * (1 - t) ** 2 * t * y1 + 3 * (1 - t) * t**2 * y2 + t**3 * y3,
        )
        for t in (k / 40 for k in range(41))
    ]


def test_every_picture_says_what_it_shows(scene: Scene) -> None:
    assert scene.title
    assert len(scene.description) > 80
    assert "{" not in scene.title + scene.description
    # Descriptions are read aloud: no markup is left in them.
    assert "_[" not in scene.description
    assert "*" not in scene.description


def test_a_language_without_a_table_is_refused() -> None:
    for function in DIAGRAMS.values():
        with pytest.raises(ConfigurationError) as caught:
            function(PASSES["worked example"], language="fr")
        assert caught.value.key == "language_unknown"
