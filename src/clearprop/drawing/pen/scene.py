"""A whole picture as data, and as SVG: text stays text, the palette's custom properties colour it.

Every colour stands there twice, as an attribute with its light value and as a style that asks for
the custom property: a page without the palette's style, and a program that knows no custom
properties, show the light picture.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr
from zlib import crc32

from clearprop.drawing.pen.items import (
    BASELINE,
    Circle,
    Dots,
    Item,
    Path,
    Rectangle,
    Text,
    bounds,
    moved,
)
from clearprop.drawing.pen.markup import runs
from clearprop.drawing.pen.palette import COLOURS, Role, css

FONTS = (
    "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'PingFang TC', 'Microsoft JhengHei', "
    "'Noto Sans CJK TC', 'Noto Sans TC', sans-serif"
)

# XML 1.0 has no way at all to write these.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Scene:
    """A whole picture. `title` and `description` say it to those who cannot see it."""

    width: float
    height: float
    items: tuple[Item, ...]
    title: str
    description: str
    language: str = "en"

    def embedded(self) -> str:
        """The SVG with its own style and ground, to stand among others in a page of somebody
        else's: its ids begin with what only this picture says."""
        said = f"{self.title}\n{self.description}".encode()
        text = svg(self, prefix=f"cp-{crc32(said):08x}", standalone=True)
        return text.partition("?>\n")[2]

    def _repr_svg_(self) -> str:
        return self.embedded()


def framed(
    items: Iterable[Item], *, title: str, description: str, language: str, margin: float = 14.0
) -> Scene:
    """A scene just large enough for the items, wherever they lie."""
    items = tuple(items)
    around = bounds(items)
    dx, dy = margin - around.left, margin - around.top
    return Scene(
        width=math.ceil(around.right - around.left + 2 * margin),
        height=math.ceil(around.bottom - around.top + 2 * margin),
        items=tuple(moved(item, dx, dy) for item in items),
        title=title,
        description=description,
        language=language,
    )


def svg(scene: Scene, *, prefix: str = "cp", standalone: bool = False) -> str:
    """The scene as the text of an SVG element.

    prefix      begins every id, so that many pictures can stand in one page
    standalone  a file of its own: with the palette's style and a background

    In a page, the page's style must hold `palette.css()` once. The picture is as wide as the scene
    and shrinks where there is less room.
    """
    width, height = _n(scene.width), _n(scene.height)
    title_id, description_id = f"{prefix}-title", f"{prefix}-desc"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" style="max-width:100%;height:auto" '
        f"lang={quoteattr(scene.language)} xml:lang={quoteattr(scene.language)} "
        f'role="img" aria-labelledby={quoteattr(f"{title_id} {description_id}")} '
        f"font-family={quoteattr(FONTS)}>"
    )
    lines = [
        head,
        f"<title id={quoteattr(title_id)}>{_escaped(scene.title)}</title>",
        f"<desc id={quoteattr(description_id)}>{_escaped(scene.description)}</desc>",
    ]
    if standalone:
        lines.append(f"<style>{css('svg')}</style>")
        lines.append(f'<rect width="{width}" height="{height}" {_paint(fill="paper")}/>')
    for says, items in groupby(scene.items, lambda item: item.says):
        drawn = [_element(item) for item in items]
        lines += [_part(says, drawn)] if says else drawn
    lines.append("</svg>")
    body = "\n".join(lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n' if standalone else body


def _part(says: str, drawn: list[str]) -> str:
    """One thing to point at: browsers show its title by themselves."""
    return "\n".join(['<g class="cp-part">', f"<title>{_escaped(says)}</title>", *drawn, "</g>"])


def _element(item: Item) -> str:
    if isinstance(item, Text):
        return _text(item)
    if isinstance(item, Circle):
        return (
            f'<circle cx="{_n(item.x)}" cy="{_n(item.y)}" r="{_n(item.radius)}" '
            f"{_paint(fill=item.fill, stroke=item.stroke, width=item.width)}/>"
        )
    if isinstance(item, Rectangle):
        return (
            f'<rect x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" '
            f'height="{_n(item.height)}" rx="{_n(item.corner)}" '
            f"{_paint(fill=item.fill, stroke=item.stroke, width=item.stroke_width)}/>"
        )
    if isinstance(item, Dots):
        return _dots(item)
    return _path(item)


def _path(item: Path) -> str:
    drawn = [f"M{_n(item.start[0])} {_n(item.start[1])}"]
    drawn += [
        ("C" if len(segment) == 6 else "L") + " ".join(map(_n, segment))
        for segment in item.stroked_segments
    ]
    if item.closed:
        drawn.append("Z")
    dashes = ' stroke-dasharray="5 4"' if item.dashed else ""
    line = (
        f'<path d="{"".join(drawn)}" '
        f"{_paint(fill=item.fill, stroke=item.stroke, width=item.width)}{dashes}/>"
    )
    if not item.arrow:
        return line
    corners = " ".join(f"{_n(x)},{_n(y)}" for x, y in item.head)
    return f'{line}\n<polygon points="{corners}" {_paint(fill=item.stroke)}/>'


def _dots(item: Dots) -> str:
    # A line of no length with round ends is a dot.
    drawn = "".join(f"M{_n(x)} {_n(y)}h0" for x, y in item.points)
    paint = _paint(fill=None, stroke=item.role, width=2 * item.radius)
    return f'<path d="{drawn}" {paint} stroke-linecap="round"/>'


def _text(item: Text) -> str:
    spans = []
    baseline = 0.0
    for run in runs(item.content):
        shift = run.shift * item.size
        attributes = ""
        if shift != baseline:
            # dy counts from where the run before it stood.
            attributes += f' dy="{_n(shift - baseline)}"'
            baseline = shift
        if run.shift:
            attributes += f' font-size="{_n(item.size * run.scale)}"'
        if run.italic and not item.italic:
            attributes += ' font-style="italic"'
        words = _escaped(run.text)
        spans.append(f"<tspan{attributes}>{words}</tspan>" if attributes else words)
    style = (' font-weight="bold"' if item.bold else "") + (
        ' font-style="italic"' if item.italic else ""
    )
    if item.halo:
        paint = _paint(fill=item.role, stroke="paper", width=4) + (
            ' paint-order="stroke" stroke-linejoin="round"'
        )
    else:
        paint = _paint(fill=item.role)
    return (
        f'<text x="{_n(item.x)}" y="{_n(item.y + BASELINE * item.size)}" '
        f'font-size="{_n(item.size)}" text-anchor="{item.anchor}"{style} {paint}>'
        f"{''.join(spans)}</text>"
    )


def _paint(*, fill: Role | None, stroke: Role | None = None, width: float = 0) -> str:
    attributes, style = [], []
    for name, role in (("fill", fill), ("stroke", stroke)):
        if role is not None:
            light = COLOURS[role].light
            attributes.append(f'{name}="{light}"')
            style.append(f"{name}:var(--cp-{role},{light})")
    if fill is None:
        attributes.append('fill="none"')
    if stroke is not None:
        attributes.append(f'stroke-width="{_n(width)}"')
    return " ".join([*attributes, f'style="{";".join(style)}"'])


def _escaped(words: str) -> str:
    return escape(_UNWRITABLE.sub("\ufffd", words))


def _n(value: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
