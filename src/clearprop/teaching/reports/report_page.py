"""The report as one HTML page: self-contained, no external request, light, dark and printed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clearprop.base import messages
from clearprop.base.dependencies import PACKAGES
from clearprop.drawing.pen.palette import css
from clearprop.reading.explanation.mathml import mathml
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.reports import report_equations
from clearprop.teaching.reports.environment import template
from clearprop.teaching.reports.facts import facts
from clearprop.teaching.reports.report_tables import ReportTables
from clearprop.teaching.reports.tutorial_programs import program_html, program_text

if TYPE_CHECKING:
    from markupsafe import Markup

# The lecture that the tutorial credits. A link to follow; the page asks nothing of it by itself.
LECTURE = "https://www.youtube.com/watch?v=ibJpTrp5mcE"

SECTIONS = (
    "question",
    "neuron",
    "data",
    "linear",
    "activations",
    "bent",
    "descent",
    "needed",
    "chain",
    "backward",
    "program",
    "training",
    "check",
    "torch",
    "seeds",
    "curved",
    "rates",
    "claims",
    "conventions",
    "glossary",
)


def render(
    result: Reproduction,
    pictures: Mapping[str, str],
    language: str,
    versions: Mapping[str, str],
    *,
    labels_language: str,
) -> str:
    """The page as HTML text.

    pictures         every picture's SVG by name, its ids beginning with the name
    labels_language  the language of the curves' labels; another than `language` is explained

    Raises MissingDependencyError without Jinja2 or latex2mathml.
    """
    filled = template("report.html.j2")
    from markupsafe import Markup

    values = facts(result, language, versions)
    lecture = f'<a href="{LECTURE}">{LECTURE}</a>'

    def say(key: str, **more: object) -> Markup:
        # Our own sentences hold inline tags; the values are numbers that we wrote out.
        return Markup(
            messages.text(language, f"report.{key}", lecture=lecture, **{**values, **more})
        )

    def equation(name: str) -> Markup:
        return _formula(report_equations.EQUATIONS[name])

    def program(name: str) -> Markup:
        return Markup(program_html(program_text(name, result.settings, language)))

    return filled.render(
        language=language,
        sections=SECTIONS,
        say=say,
        equation=equation,
        numbers={
            name: _formula(latex)
            for name, latex in report_equations.equations_with_numbers(result).items()
        },
        program=program,
        pictures={name: Markup(svg) for name, svg in pictures.items()},
        palette=Markup(css()),
        tables=ReportTables(result, language),
        facts=values,
        with_torch=result.comparisons is not None,
        torch_left_out=not result.settings.with_torch,
        torch_command=PACKAGES["torch"].command,
        printed_is_wrong=any(not one.printed_is_right for one in result.check.arrays),
        line_found=result.trainings.linear.final_loss <= 1.001 * result.line.mse,
        line_overflowed=result.trainings.linear.diverged,
        every_start_finds_the_line=all(
            bool((result.studies[name].final <= 1.001 * result.line.mse).all())
            for name in ("tutorial_linear", "pytorch_linear")
        ),
        all_agree=not result.out_of_tolerance,
        foreign_labels=labels_language != language,
        command=command(result.settings, language),
    )


def command(settings: ReproductionSettings, language: str) -> str:
    """The command that makes the same report again, with what differs from the defaults."""
    usual = ReproductionSettings()
    parts = ["clearprop reproduce", f"--lang {language}"]
    for name in ("steps", "learning_rate", "seeds", "dtype", "engine"):
        value = getattr(settings, name)
        if value != getattr(usual, name):
            parts.append(f"--{name.replace('_', '-')} {value}")
    if not settings.with_torch:
        parts.append("--without-torch")
    return " ".join(parts)


def _formula(latex: str) -> "Markup":
    """The formula as MathML, each part that may stand on a line of its own by itself."""
    from markupsafe import Markup

    parts = [mathml(part.strip()) for part in latex.split(report_equations.BREAK)]
    return Markup('<div class="formula">' + "".join(parts) + "</div>")
