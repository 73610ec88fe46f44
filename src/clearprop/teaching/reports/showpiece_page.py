"""The page of a showpiece: sections of sentences, pictures and tables, self-contained, light, dark
and printed."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from clearprop.base import messages
from clearprop.base.version import __version__
from clearprop.drawing import Scene, css, svg
from clearprop.teaching.reports.environment import template
from clearprop.teaching.reports.page_table import PageTable

say = messages.within("showpieces")


class ShowpieceFigure(NamedTuple):
    """A picture by its name, which its files have too, and what is said below it."""

    name: str
    scene: Scene
    caption: str


class ShowpieceSection(NamedTuple):
    """A heading, sentences below it, pictures, and a table."""

    heading: str
    sentences: tuple[str, ...]
    figures: tuple[ShowpieceFigure, ...] = ()
    table: PageTable | None = None
    text: str = ""


def showpiece_page(
    title: str, subtitle: str, sections: Sequence[ShowpieceSection], language: str
) -> str:
    """The page as HTML text. Raises MissingDependencyError without Jinja2."""
    filled = template("showpiece.html.j2")
    from markupsafe import Markup

    drawn = {
        figure.name: (Markup(svg(figure.scene, prefix=figure.name)), int(figure.scene.width))
        for section in sections
        for figure in section.figures
    }
    page = filled.render(
        language=language,
        title=title,
        subtitle=subtitle,
        sections=sections,
        drawn=drawn,
        say=partial(say, language),
        sideways=messages.text(language, "report.page.sideways"),
        palette=Markup(css()),
        version=__version__,
    )
    return page.rstrip()
