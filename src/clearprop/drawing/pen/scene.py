"""A whole picture as data, and as the SVG that a notebook shows of it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from clearprop.drawing.pen.items import Item, bounds, moved
from clearprop.drawing.pen.svg import svg


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
        math.ceil(around.right - around.left + 2 * margin),
        math.ceil(around.bottom - around.top + 2 * margin),
        tuple(moved(item, dx, dy) for item in items),
        title,
        description,
        language,
    )
