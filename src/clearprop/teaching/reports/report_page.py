"""The report as one HTML page: self-contained, no external request, light, dark and printed."""

from collections.abc import Mapping
from typing import Any

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

SECTIONS = (
    "question",
    "neuron",
    "linear",
    "activations",
    "bent",
    "descent",
    "chain",
    "backward",
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

    def say(key: str, **more: object) -> Markup:
        # Our own sentences hold inline tags; the values are numbers that we wrote out.
        return Markup(messages.text(language, f"report.{key}", **{**values, **more}))

    def equation(name: str) -> Markup:
        return Markup(mathml(report_equations.EQUATIONS[name]))

    return filled.render(
        language=language,
        sections=SECTIONS,
        say=say,
        equation=equation,
        neuron_numbers=Markup(mathml(_neuron_latex(result))),
        product_numbers=Markup(mathml(_product_latex(result))),
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


def _neuron_latex(result: Reproduction) -> str:
    forward = result.worked.backward.forward
    named: Mapping[str, Any] = forward.network.named(forward.params)
    weights = named["layers[0].weight"][:, 0]
    x = forward.input[0]
    return report_equations.neuron_with_numbers(
        (float(weights[0]), float(weights[1])),
        (float(x[0]), float(x[1])),
        float(named["layers[0].bias"][0, 0]),
        float(forward["layers[0]"].output[0, 0]),
        float(forward["layers[1]"].output[0, 0]),
    )


def _product_latex(result: Reproduction) -> str:
    backward = result.worked.backward
    return report_equations.product_with_numbers(
        float(backward.forward.input[0, 0]),
        float(backward["layers[0]"].output_gradient[0, 0]),
    )
