"""Every colour can be read on its paper, and told apart with any common colour blindness."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from clearprop.drawing import COLOURS, SERIES, Role, css
from clearprop.drawing.pen.palette import NEGATIVE, POSITIVE

# Machado, Oliveira and Fernandes, 2009, for complete blindness to one kind of cone; linear RGB.
VISION = {
    "common": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

Floats = npt.NDArray[np.float64]


def linear_rgb(colour: str) -> Floats:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(TO_XYZ[1] @ linear_rgb(colour))


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, vision: Floats) -> Floats:
    xyz = TO_XYZ @ np.clip(vision @ linear_rgb(colour), 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# What no text and no thin line is drawn in.
AREAS = ("paper", "grid", *POSITIVE[:4], *NEGATIVE[:4])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("role", [r for r in COLOURS if r not in AREAS])
def test_every_colour_is_readable_as_text(role: Role, theme: str) -> None:
    paper = getattr(COLOURS["paper"], theme)
    assert contrast(getattr(COLOURS[role], theme), paper) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_colours_are_told_apart(vision: str, theme: str) -> None:
    for group in (SERIES, ("forward", "backward", "accent", "ink")):
        for one, other in itertools.combinations(group, 2):
            colours = [lab(getattr(COLOURS[r], theme), VISION[vision]) for r in (one, other)]
            assert np.linalg.norm(colours[0] - colours[1]) > 15, (one, other)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_the_signed_scale_goes_from_faint_to_strong_and_its_halves_are_told_apart(
    vision: str, theme: str
) -> None:
    paper = getattr(COLOURS["paper"], theme)
    halves = [[getattr(COLOURS[r], theme) for r in half] for half in (POSITIVE, NEGATIVE)]
    for half in halves:
        steps = [contrast(colour, paper) for colour in half]
        assert steps == sorted(steps)
        for one, other in itertools.pairwise([paper, *half]):
            assert np.linalg.norm(lab(one, VISION[vision]) - lab(other, VISION[vision])) > 9
    # The faintest step is nearly 0: there the sign matters least.
    for step, (one, other) in enumerate(zip(*halves, strict=True)):
        apart = np.linalg.norm(lab(one, VISION[vision]) - lab(other, VISION[vision]))
        assert apart > (15 if step else 7)


def test_the_style_defines_every_role_in_both_themes_and_dark_only_on_a_screen() -> None:
    style = css()
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    for role, colour in COLOURS.items():
        assert f"--cp-{role}:{colour.light};" in light
        assert f"--cp-{role}:{colour.dark};" in dark
    assert style.count("{") == style.count("}")
    assert css("svg").startswith("svg{")
