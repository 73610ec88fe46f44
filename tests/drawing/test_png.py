"""PNG through matplotlib, and the search for a font."""

import io
import sys
from itertools import product
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any

import matplotlib.font_manager
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.image import imread

from clearprop.base.errors import ConfigurationError, MissingDependencyError
from clearprop.base.messages import LANGUAGES
from clearprop.drawing import (
    COLOURS,
    DIAGRAMS,
    Circle,
    Path,
    Rectangle,
    Scene,
    Text,
    drawable_language,
    png,
    traditional_chinese_font,
)
from clearprop.drawing.pen import fonts
from tests.drawing.examples import PASSES
from tests.sweeps import quick_where

LATIN_FONT = FilePath(matplotlib.font_manager.findfont("DejaVu Sans"))


def pixels(scene: Scene, scale: float = 2.0) -> npt.NDArray[np.int_]:
    image = imread(io.BytesIO(png(scene, scale=scale)), format="png")
    return np.round(image[..., :3] * 255).astype(int)


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def scene(*items: Any, language: str = "en") -> Scene:
    return Scene(200, 100, items, "title", "description", language)


def ink(image: npt.NDArray[np.int_]) -> npt.NDArray[np.bool_]:
    """Where something is drawn on the paper."""
    return np.asarray((image != 255).any(axis=-1))


def test_the_size_is_the_scene_s_times_the_scale_on_light_paper() -> None:
    image = pixels(scene(Circle(50, 50, 20, stroke="ink", fill="forward")), scale=3)
    assert image.shape[:2] == (300, 600)
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[150, 150].tolist() == rgb(COLOURS["forward"].light)


def test_shapes_lie_where_the_scene_says_and_later_ones_above() -> None:
    image = pixels(
        scene(
            Rectangle(10, 10, 80, 60, fill="grid"),
            Rectangle(100, 10, 40, 40, fill="accent", corner=10),
            Circle(30, 30, 10, fill="backward"),
            Path((0, 90), ((60, 90, 100, 90, 150, 90),), "forward", width=4, arrow=True),
            Path((160, 20), ((190, 20), (175, 50)), fill="accent", closed=True),
            Path((160, 90), ((198, 90),), dashed=True),
        ),
        scale=1,
    )
    assert image[60, 60].tolist() == rgb(COLOURS["grid"].light)
    assert image[30, 120].tolist() == rgb(COLOURS["accent"].light)
    assert image[30, 30].tolist() == rgb(COLOURS["backward"].light)
    assert image[90, 75].tolist() == rgb(COLOURS["forward"].light)
    assert image[25, 175].tolist() == rgb(COLOURS["accent"].light)
    # A rounded corner leaves the paper free; a dashed line has gaps.
    assert image[10, 100].tolist() == [255, 255, 255]
    assert not ink(image)[90, 160:198].all()
    # The arrow's head is wider than its line, and ends at the end.
    assert ink(image)[84:97, 143].sum() > ink(image)[84:97, 100].sum()
    assert not ink(image)[90, 152:158].any()


def test_text_is_anchored_and_its_indices_move() -> None:
    for anchor, columns in (("start", (200, 400)), ("end", (0, 202)), ("middle", (100, 300))):
        drawn = ink(pixels(scene(Text(100, 50, "zzz *z*", anchor=anchor))))  # type: ignore[arg-type]
        found = np.flatnonzero(drawn.any(axis=0))
        assert columns[0] <= found[0]
        assert found[-1] < columns[1]
    level, raised, lowered = (
        np.flatnonzero(ink(pixels(scene(Text(100, 50, content)))).any(axis=1)).mean()
        for content in ("2", "^[2]", "_[2]")
    )
    assert raised < level < lowered


def test_spaces_between_runs_are_kept() -> None:
    widths = [
        np.ptp(np.flatnonzero(ink(pixels(scene(Text(0, 50, t, anchor="start")))).any(axis=0)))
        for t in ("*z*z", "*z*    z")
    ]
    assert widths[1] > widths[0] + 20


def test_a_halo_keeps_a_line_away_from_the_letters() -> None:
    line = Path((0, 50), ((200, 50),), "backward", width=3)
    bare, haloed = (
        pixels(scene(line, Text(100, 50, "o o o", "backward", bold=True, halo=halo)))
        for halo in (False, True)
    )
    assert ink(haloed).sum() < ink(bare).sum()


# Each in one of the languages, in turn.
DRAWN = quick_where(product(DIAGRAMS, LANGUAGES), lambda place, _: place // 2 % 2 == place % 2)


@pytest.mark.parametrize(("name", "language"), DRAWN)
def test_every_diagram_can_be_drawn_in_both_languages(name: str, language: str) -> None:
    drawn = DIAGRAMS[name](PASSES["worked example"], language=drawable_language(language))
    image = pixels(drawn)
    assert image.shape[:2] == (2 * drawn.height, 2 * drawn.width)
    # Nothing touches the border: nothing is cut off.
    edges = ink(image)
    edges[8:-8, 8:-8] = False
    assert not edges.any()


def test_pyplot_is_left_alone() -> None:
    png(scene(Text(50, 50, "z")))
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    traditional_chinese_font.cache_clear()
    for call in (lambda: png(scene(Text(0, 0, "z"))), traditional_chinese_font):
        with pytest.raises(MissingDependencyError) as caught:
            call()
        assert caught.value.values == {
            "package": "matplotlib",
            "command": "pip install 'clearprop[plot]'",
        }


class Manager:
    """A font manager that knows the given fonts, and learns what is added as one family."""

    def __init__(self, *known: tuple[str, str], learns: str = "") -> None:
        self.ttflist = [SimpleNamespace(name=name, fname=path, index=0) for name, path in known]
        self.learns = learns
        self.added: list[str] = []

    def addfont(self, path: str) -> None:
        if FilePath(path).stat().st_size == 0:
            raise RuntimeError("cannot open resource")
        self.added.append(path)
        self.ttflist.append(SimpleNamespace(name=self.learns, fname=path, index=0))


def test_a_family_without_the_glyphs_does_not_count() -> None:
    lying = Manager(("PingFang TC", str(LATIN_FONT)), ("Noto Sans TC", "/no/such/file.otf"))
    assert fonts.find_font(lying, []) is None


def test_font_files_are_found_in_folders_and_unreadable_ones_passed_over(
    tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested = tmp_path / "deep" / "er"
    nested.mkdir(parents=True)
    (nested / "NotoSansTC-Regular.otf").write_bytes(LATIN_FONT.read_bytes())
    (nested / "msjh.ttc").write_bytes(b"")
    (nested / "msjh.txt").write_bytes(b"no font")
    manager = Manager(learns="Noto Sans TC")
    # The file stands for one with glyphs: what counts as proof is a Latin letter here.
    monkeypatch.setattr(fonts, "SAMPLE", "z")
    assert fonts.find_font(manager, [tmp_path, tmp_path / "missing"]) == "Noto Sans TC"
    assert manager.added == [str(nested / "NotoSansTC-Regular.otf")]


def test_a_machine_without_any_such_font_falls_back_to_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "font_folders", lambda: ())
    monkeypatch.setattr(
        matplotlib.font_manager.fontManager,
        "ttflist",
        [f for f in matplotlib.font_manager.fontManager.ttflist if f.name == "DejaVu Sans"],
    )
    traditional_chinese_font.cache_clear()
    try:
        assert traditional_chinese_font() is None
        assert drawable_language("zh-TW") == "en"
        assert drawable_language("en") == "en"
        with pytest.raises(ConfigurationError) as caught:
            png(scene(Text(10, 10, "權重"), language="zh-TW"))
        assert caught.value.key == "drawing_font_missing"
        # English needs no such font.
        assert png(scene(Text(10, 10, "weight"))).startswith(b"\x89PNG")
    finally:
        traditional_chinese_font.cache_clear()


def test_a_font_that_is_found_really_draws_chinese() -> None:
    family = traditional_chinese_font()
    if family is None:
        pytest.skip("this machine has no font with Traditional Chinese glyphs")
    assert drawable_language("zh-TW") == "zh-TW"
    # Two characters that the font lacked would be the same box; a missing glyph also warns,
    # which is an error here.
    one, other = (pixels(scene(Text(100, 50, c, size=40), language="zh-TW")) for c in "層傳")
    assert (one != other).any()


def test_the_usual_folders_are_looked_into() -> None:
    folders = [folder.as_posix() for folder in fonts.font_folders()]
    for part in ("/System/Library/Fonts", "/usr/share/fonts", "Windows/Fonts", "Library/Fonts"):
        assert any(folder.endswith(part) for folder in folders)
