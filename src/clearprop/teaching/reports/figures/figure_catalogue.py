"""Every figure of a report: its name, and how it is drawn."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.reports.figures import basic_figures, study_figures, training_figures
from clearprop.teaching.reports.figures.theme import Labels, style, to_png, to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES: dict[str, Callable[[Reproduction, Labels], "Figure"]] = {
    "straight_line": basic_figures.straight_line,
    "activations": basic_figures.activations,
    "bent_line": basic_figures.bent_line,
    "descent": basic_figures.descent,
    "training_linear": training_figures.training_linear,
    "training_relu": training_figures.training_relu,
    "gradient_check": training_figures.gradient_check,
    "parity": training_figures.parity,
    "torch_fits": training_figures.torch_fits,
    "seeds": study_figures.seeds,
    "curved": study_figures.curved,
    "rates": study_figures.rates,
    "rate_curves": study_figures.rate_curves,
}
NEED_TORCH = ("parity", "torch_fits")


class DrawnFigure(NamedTuple):
    """One figure: `svg` to stand in a page, and `png` for slides."""

    svg: str
    png: bytes


def draw_curves(
    result: Reproduction, language: str, progress: Callable[[int, int], None]
) -> dict[str, DrawnFigure]:
    """Every curve that the reproduction has numbers for, by name.

    Raises MissingDependencyError without matplotlib.
    """
    names = [name for name in CURVES if result.comparisons is not None or name not in NEED_TORCH]
    drawn = {}
    labels = Labels(language)
    with style(labels.language):
        for done, name in enumerate(names):
            progress(done, len(names))
            figure = CURVES[name](result, labels)
            drawn[name] = DrawnFigure(
                to_svg(figure, name, labels(f"describe.{name}")), to_png(figure)
            )
        progress(len(names), len(names))
    return drawn
