"""An explanation, or one diagram, as an HTML page: self-contained, and readable without JavaScript.

With JavaScript every neuron, edge and bar can be pointed at, or reached by keyboard, and its
numbers are shown and announced.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.dependencies import require
from clearprop.base.version import __version__
from clearprop.drawing import DIAGRAMS, Scene, css, svg
from clearprop.engine.step import Step
from clearprop.estimators.row_explanation import RowExplanation
from clearprop.reading.explanation import GradientExplanation, NeuronExplanation, SampleExplanation
from clearprop.reading.explanation.explained_steps import ExplainedStep
from clearprop.reading.explanation.readable import Readable
from clearprop.teaching.reports.environment import template

say = messages.within("page")

# How far a picture shrinks before it scrolls, as in explained.css, and what a phone has for it.
SHRUNK, NARROW = 0.8, 320


class Figure(NamedTuple):
    """A picture of a page, under the heading that it stands behind; "" continues the section."""

    heading: str
    scene: Scene


def explanation_page(of: Readable, step: Step, language: str) -> str:
    """Steps, pictures, equations, table, and the whole network of the sample that is looked at.

    Raises MissingDependencyError without Jinja2 or latex2mathml.
    """
    sample = _sample(of)
    figures = [Figure(say(language, "picture"), of.picture(language))]
    if isinstance(of, NeuronExplanation):
        figures += [
            Figure("", of.reversed_picture(language)),
            Figure("", of.paths_picture(language)),
        ]
    heading = say(language, "network", sample=sample)
    around = [
        Figure(
            heading if name == "network_forward" else "",
            DIAGRAMS[name](step.backward, sample=sample, language=language),
        )
        for name in ("network_forward", "network_backward")
    ]
    require("latex2mathml")
    return _rendered(
        language,
        title=_title(of, language),
        steps=of.steps(language),
        description="",
        figures=figures,
        equations=of.mathml(language),
        table=of.table(language),
        around=around,
    )


def row_page(of: RowExplanation, language: str) -> str:
    """What made one row's prediction: sentences, the columns as bars, and all numbers. Raises
    MissingDependencyError without Jinja2."""
    return _rendered(
        language,
        title=of.title(language),
        steps=[ExplainedStep(one) for one in of.sentences(language)],
        description="",
        figures=[Figure(say(language, "picture"), of.picture(language))],
        equations="",
        table=of.table(language),
        around=[],
        of="_row",
    )


def diagram_page(scene: Scene, language: str) -> str:
    """One diagram with its title and description. Raises MissingDependencyError without Jinja2."""
    return _rendered(
        language,
        title=scene.title,
        steps=(),
        description=scene.description,
        figures=[Figure("", scene)],
        equations="",
        table="",
        around=[],
    )


def _rendered(
    language: str,
    *,
    title: str,
    steps: Sequence[ExplainedStep],
    description: str,
    figures: Sequence[Figure],
    equations: str,
    table: str,
    around: Sequence[Figure],
    of: str = "",
) -> str:
    """`of` ends the keys of what is said of the page itself where it is not of a network."""
    filled = template("explained.html.j2")
    from markupsafe import Markup

    def drawn(pictures: Sequence[Figure], prefix: str) -> list[dict[str, Any]]:
        # The SVG and the MathML are ours, their texts escaped where they were written.
        return [
            {
                "id": f"{prefix}-{k}",
                "heading": one.heading,
                "title": one.scene.title,
                "width": int(one.scene.width),
                "scrolls": SHRUNK * one.scene.width > NARROW,
                "svg": Markup(svg(one.scene, prefix=f"{prefix}-{k}")),
            }
            for k, one in enumerate(pictures)
        ]

    page = filled.render(
        language=language,
        title=title,
        subtitle=say(language, f"subtitle{of}"),
        hint=say(language, f"hint{of}"),
        made=say(language, f"made{of}", version=__version__),
        steps=steps,
        description=description,
        figures=drawn(figures, "picture"),
        equations=Markup(equations),
        table=table,
        around=drawn(around, "network"),
        say=partial(say, language),
        sideways=messages.text(language, "report.page.sideways"),
        palette=Markup(css()),
    )
    return page.rstrip()


def _sample(of: Readable) -> int:
    """The sample that an explanation looks at most closely."""
    if isinstance(of, NeuronExplanation | SampleExplanation):
        return of.sample
    return of.shares[0].sample if isinstance(of, GradientExplanation) and of.shares else 0


def _title(of: Readable, language: str) -> str:
    if isinstance(of, GradientExplanation):
        named = f"{of.address} ({of.symbol})" if of.symbol else of.address
        return say(language, "weight", address=named)
    if isinstance(of, NeuronExplanation):
        return say(language, "neuron", address=of.address, sample=of.sample)
    return say(language, "sample", sample=_sample(of))
