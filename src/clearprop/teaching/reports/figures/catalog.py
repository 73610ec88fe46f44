"""Every figure of a report: its name, and how it is drawn."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.reports.figures import basics, studies, trainings
from clearprop.teaching.reports.figures.theme import Labels, style, to_png, to_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES: dict[str, Callable[[Reproduction, Labels], "Figure"]] = {
    "straight_line": basics.straight_line,
    "activations": basics.activations,
    "bent_line": basics.bent_line,
    "descent": basics.descent,
    "training_linear": trainings.training_linear,
    "training_relu": trainings.training_relu,
    "gradient_check": trainings.gradient_check,
    "parity": trainings.parity,
    "torch_fits": trainings.torch_fits,
    "seeds": studies.seeds,
    "curved": studies.curved,
    "rates": studies.rates,
    "rate_curves": studies.rate_curves,
}
NEED_TORCH = ("parity", "torch_fits")


class Drawn(NamedTuple):
    """One figure: `svg` to stand in a page, and `png` for slides."""

    svg: str
    png: bytes


def draw_curves(
    result: Reproduction, language: str, progress: Callable[[int, int], None]
) -> dict[str, Drawn]:
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
            drawn[name] = Drawn(to_svg(figure, name, labels(f"describe.{name}")), to_png(figure))
        progress(len(names), len(names))
    return drawn
