"""A showpiece's report: text, numbers, pictures and what a program said, as one HTML page that
makes no request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clearprop.drawing.pen.palette import css
from clearprop.drawing.pen.scene import Scene, svg
from clearprop.teaching.reports.environment import template

# What the file of a report is called.
PAGE = "report.html"


@dataclass(frozen=True)
class Heading:
    """Begins a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Printed:
    """Lines as a terminal shows them, or letters as a network wrote them."""

    text: str


@dataclass(frozen=True)
class Numbers:
    """A table: what the columns are called, and the rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A picture of its own name, which begins its ids, and what is said below it."""

    name: str
    scene: Scene
    caption: str


Block: TypeAlias = Heading | Paragraph | Printed | Numbers | Picture


def showpiece_page(title: str, subtitle: str, blocks: Sequence[Block], language: str) -> str:
    """The page as HTML text. Raises MissingDependencyError without Jinja2."""
    filled = template("showpiece.html.j2")
    from markupsafe import Markup

    parts = [
        {
            "kind": type(block).__name__,
            "block": block,
            "svg": Markup(svg(block.scene, prefix=block.name))
            if isinstance(block, Picture)
            else "",
        }
        for block in blocks
    ]
    return filled.render(
        title=title, subtitle=subtitle, parts=parts, language=language, palette=Markup(css())
    )
