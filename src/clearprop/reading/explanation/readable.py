"""What every explanation can be read as: words, a table, equations, JSON, and HTML."""

import html
from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce

from clearprop.base import messages
from clearprop.base.dependencies import is_installed
from clearprop.drawing.pen.scene import Scene, svg
from clearprop.reading.document import Document
from clearprop.reading.explanation.explained_steps import ExplainedStep, as_text
from clearprop.reading.explanation.mathml import mathml

say = messages.within("explanation")


class Readable(Document):
    """An explanation. In a terminal it is its steps and its table, in a notebook its equations as
    well."""

    @abstractmethod
    def words(self, language: str = "en") -> str:
        """A short paragraph, as a teacher would say it, with the numbers in it."""

    @abstractmethod
    def steps(self, language: str = "en") -> tuple[ExplainedStep, ...]:
        """The same step by step: a sentence each, and its equations with their numbers."""

    @abstractmethod
    def table(self, language: str = "en", width: int | None = None) -> str:
        """Every number of it, line by line, for a terminal of `width` columns; None takes any."""

    @abstractmethod
    def equations(self, language: str = "en") -> tuple[str, ...]:
        """The chain rule with its numbers, as LaTeX: one display for each line of the recursion."""

    @abstractmethod
    def picture(self, language: str = "en") -> Scene:
        """It as a diagram, which a notebook shows and `drawing.png` makes a PNG of."""

    def svg(self, language: str = "en") -> str:
        """The diagram as an SVG file of its own."""
        return svg(self.picture(language), standalone=True)

    def text(self, language: str = "en", width: int = 80) -> str:
        """The steps, in lines of `width` columns, and the table."""
        steps = "\n".join(as_text(self.steps(language), width))
        return f"{steps}\n\n{self.table(language, width)}"

    def latex(self, language: str = "en") -> str:
        """The equations as LaTeX to put into a document that uses amsmath."""
        return "\n\n".join(f"\\[\n{one}\n\\]" for one in self.equations(language))

    def mathml(self, language: str = "en") -> str:
        """The equations as MathML, which browsers draw by themselves.

        Raises MissingDependencyError without latex2mathml.
        """
        return "\n".join(mathml(one) for one in self.equations(language))

    def html(self, language: str = "en") -> str:
        """Words, diagram, equations (where latex2mathml is installed) and table, as a piece of a
        page."""
        picture = self.picture(language)
        parts = [_steps_html(self.steps(language)), picture.embedded()]
        if is_installed("latex2mathml"):
            parts.append(self.mathml(language))
        parts.append(f"<pre>{html.escape(self.table(language))}</pre>")
        return f'<div lang="{language}">' + "\n".join(parts) + "</div>"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


def _steps_html(steps: Sequence[ExplainedStep]) -> str:
    """The steps as a list, their equations in a table whose equals signs stand in a column."""
    right = "text-align: right; white-space: nowrap; padding: 0 .4em 0 0"
    items = []
    for step in steps:
        rows = "".join(
            f'<tr><td style="{right}">{html.escape(one.left)} =</td>'
            f'<td style="text-align: left">{html.escape(one.told)}</td></tr>'
            for one in step.chains
        )
        items.append(f"<li>{html.escape(step.says)}<table>{rows}</table></li>")
    return f"<ol>{''.join(items)}</ol>"


def joined(language: str, sentences: Sequence[str]) -> str:
    """Sentences as one paragraph; Chinese ones follow each other without a space."""

    def then(before: str, after: str) -> str:
        return say(language, "then", before=before, after=after)

    return reduce(then, sentences)
