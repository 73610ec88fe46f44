"""How the figures look, and how matplotlib's output becomes SVG that fits a light and a dark page.

matplotlib draws in the palette's light colours. In its SVG every one of them is then replaced by
the palette's custom property, so that the figure takes the colours of the page that it stands in.
Text stays text.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.drawing.pen.fonts import (
    drawable_language,
    require_matplotlib,
    traditional_chinese_font,
)
from clearprop.drawing.pen.palette import COLOURS, Role, css
from clearprop.drawing.pen.scene import FONTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PNG_DOTS_PER_INCH = 200
# What a training that diverges goes through on its way to overflow; no axis is made for it.
LARGEST_DRAWN = 1e7


def colour(role: Role) -> str:
    """The light colour of a role: what matplotlib draws with."""
    return COLOURS[role].light


def drawable(values: Array) -> Array:
    """The values in float64, NaN in place of those that no axis is made for: a gap in a curve."""
    values = values.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) < LARGEST_DRAWN, values, np.nan)


class Labels:
    """The sentences of the figures in one language, or in English where it has no font."""

    def __init__(self, language: str) -> None:
        self.language = drawable_language(language)

    def __call__(self, key: str, **values: object) -> str:
        return messages.text(self.language, f"figures.{key}", **values)


@contextmanager
def style(language: str) -> Iterator[None]:
    """Matplotlib's settings for our figures, for as long as one is drawn and saved."""
    require_matplotlib()
    import matplotlib as mpl

    family = traditional_chinese_font() if language == "zh-TW" else None
    settings: Any = {
        # Glyph by glyph from the first of these that has it.
        "font.family": [*([family] if family else []), "DejaVu Sans"],
        "font.size": 10,
        "axes.titlesize": 10.5,
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.labelcolor": colour("ink"),
        "axes.edgecolor": colour("muted"),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "grid.color": colour("grid"),
        "grid.linewidth": 0.6,
        "text.color": colour("ink"),
        "xtick.color": colour("muted"),
        "ytick.color": colour("muted"),
        "xtick.labelcolor": colour("ink"),
        "ytick.labelcolor": colour("ink"),
        "lines.linewidth": 1.8,
        "svg.fonttype": "none",
        "figure.facecolor": colour("paper"),
        "axes.facecolor": colour("paper"),
        "legend.frameon": False,
    }
    with mpl.rc_context(settings):
        yield


def new_figure(rows: int, columns: int, height: float, **options: Any) -> "tuple[Figure, Any]":
    """A figure as wide as the page's text, with axes (rows, columns) as a 2-D array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def direct_label(axes: "Axes", text: str, x: float, y: float, role: Role, **options: Any) -> None:
    """A curve's name beside the curve, in its colour, on a halo of paper."""
    from matplotlib.patheffects import withStroke

    # Clipped, so that a name far outside of the axes takes no room from them.
    placed: dict[str, Any] = {"va": "center", "ha": "left", "fontsize": 9.5, "clip_on": True}
    placed |= options
    axes.text(
        x,
        y,
        text,
        color=colour(role),
        path_effects=[withStroke(linewidth=3, foreground=colour("paper"))],
        zorder=6,
        **placed,
    )


def label_level(
    axes: "Axes", text: str, level: float, role: Role, x: Array, y: Array, **options: Any
) -> None:
    """The name of a level line, above or below it and at the end or place where the curve through
    (x, y), which has to be drawn already, comes least in its way."""
    to_axes = axes.transAxes.inverted()
    shown = np.isfinite(y)
    curve = to_axes.transform(axes.transData.transform(np.column_stack([x[shown], y[shown]])))
    steps = np.linspace(0, 1, 400)
    at = np.interp(steps, curve[:, 0], curve[:, 1]) if len(curve) else np.full(400, np.nan)
    height = to_axes.transform(axes.transData.transform((x[0], level)))[1]
    width, tall = 0.025 * len(text), 0.09
    sides: dict[str, tuple[float, float]] = {
        "right": (0.98 - width, 0.98),
        "left": (0.02, 0.02 + width),
        "center": (0.5 - width / 2, 0.5 + width / 2),
    }

    def in_the_way(side: str, up: int) -> int:
        left, right = sides[side]
        near = (steps > left) & (steps < right) & (np.abs(at - height - up * tall / 2) < tall / 2)
        return int(near.sum()) + (1000 if not 0 < height + up * tall < 1 else 0)

    side, up = min(((side, up) for up in (1, -1) for side in sides), key=lambda p: in_the_way(*p))
    place = {"right": 0.98, "left": 0.02, "center": 0.5}[side]
    direct_label(
        axes,
        text,
        place,
        height + up * 0.02,
        role,
        ha=side,
        va="bottom" if up > 0 else "top",
        transform=axes.transAxes,
        **options,
    )


def to_png(figure: "Figure") -> bytes:
    """The figure for slides: light, 200 dots per inch."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=PNG_DOTS_PER_INCH)
    return stream.getvalue()


def to_svg(figure: "Figure", name: str, description: str) -> str:
    """The figure as an SVG element whose ids begin with `name` and whose colours are properties."""
    import matplotlib as mpl

    stream = io.StringIO()
    # A fixed salt makes equal figures equal files. A glyph that one font lacks is no matter here:
    # the reader's browser draws the text.
    with mpl.rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = _with_properties(body)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"font-family: [^;\"]*", f"font-family: {FONTS}", body)
    opening = _opening_tag(body, name, description)
    return opening + body[body.index(">") + 1 :].strip()


def standalone(svg: str) -> str:
    """The SVG of a page as a file of its own, with the palette and a background."""
    end = svg.index(">") + 1
    style_text = f"<style>{css('svg')} svg{{background:var(--cp-paper)}}</style>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg[:end]}{style_text}{svg[end:]}\n'


def _with_properties(svg: str) -> str:
    # A custom property may stand in a style, not in an attribute of its own.
    for role, value in COLOURS.items():
        themed = f"var(--cp-{role}, {value.light})"
        svg = svg.replace(f": {value.light}", f": {themed}")
        svg = svg.replace(f'fill="{value.light}"', f'style="fill: {themed}"')
    return svg


def _opening_tag(svg: str, name: str, description: str) -> str:
    from xml.sax.saxutils import escape

    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    width, height = found.groups() if found else ("548", "300")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{width}pt" height="{height}pt" '
        f'style="max-width:100%;height:auto" role="img" aria-labelledby="{name}-desc">'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
