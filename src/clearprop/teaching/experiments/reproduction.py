"""The whole tutorial, run: every experiment of S1 to S16 with the settings of one reproduction."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from clearprop.base.dependencies import is_installed
from clearprop.teaching.experiments import basics
from clearprop.teaching.experiments.claims import Claim, judge
from clearprop.teaching.experiments.curve import CurvedFit, curved_fit
from clearprop.teaching.experiments.data import (
    LeastSquares,
    RegressionData,
    least_squares,
    regression_data,
)
from clearprop.teaching.experiments.gradient_check import GradientCheck, check_printed_backward
from clearprop.teaching.experiments.parity import Comparison, compare_with_torch
from clearprop.teaching.experiments.progress import Progress, silent
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.experiments.studies import Study, learning_rate_studies, seed_studies
from clearprop.teaching.experiments.trainings import Trainings, train_all
from clearprop.teaching.experiments.worked_example import WorkedExample, worked_example

LEARNING_RATES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1)

# Given the name of a stage that takes long enough to be watched, its progress.
Watch: TypeAlias = Callable[[str], Progress]


class Reproduction(NamedTuple):
    """Every number of the report. `comparisons` is None where PyTorch was not used."""

    settings: ReproductionSettings
    data: RegressionData
    line: LeastSquares
    straight: basics.Response
    curves: tuple[basics.Curve, ...]
    bent: basics.Response
    descent: basics.Descent
    worked: WorkedExample
    trainings: Trainings
    check: GradientCheck
    comparisons: tuple[Comparison, ...] | None
    studies: dict[str, Study]
    curved: CurvedFit
    rates: tuple[Study, ...]
    claims: tuple[Claim, ...]

    @property
    def out_of_tolerance(self) -> tuple[Comparison, ...]:
        """The comparisons with PyTorch that do not agree."""
        return tuple(one for one in self.comparisons or () if not one.agrees)


def unwatched(_: str) -> Progress:
    """The watch of somebody who does not want to know."""
    return silent


def reproduce(settings: ReproductionSettings, watch: Watch = unwatched) -> Reproduction:
    """Run everything. `watch(stage)` gives the progress of "studies", "rates",
    "curved" and "torch".

    Raises MissingDependencyError without scikit-learn. Without PyTorch, or with
    `with_torch=False`, the comparisons are left out.
    """
    data = regression_data(settings.dtype)
    line = least_squares(data)
    trainings = train_all(data, settings)
    worked = worked_example()
    check = check_printed_backward(regression_data("float64"))
    studies = {study.name: study for study in seed_studies(data, settings, watch("studies"))}
    rates = tuple(sorted({*LEARNING_RATES, settings.learning_rate}))
    rate_studies = learning_rate_studies(data, settings, rates, watch("rates"))
    curved = curved_fit(settings.dtype, watch("curved"), engine=settings.engine)
    comparisons = None
    if settings.with_torch and is_installed("torch"):
        comparisons = compare_with_torch(settings, watch("torch"))
    return Reproduction(
        settings=settings,
        data=data,
        line=line,
        straight=basics.straight_line(data),
        curves=basics.activation_curves(),
        bent=basics.bent_line(data),
        descent=basics.descent(data, learning_rate=settings.learning_rate, steps=settings.steps),
        worked=worked,
        trainings=trainings,
        check=check,
        comparisons=comparisons,
        studies=studies,
        curved=curved,
        rates=rate_studies,
        claims=judge(
            trainings=trainings,
            worked=worked,
            check=check,
            studies=studies,
            curved=curved,
            comparisons=comparisons,
            line_mse=line.mse,
            variance=data.variance,
        ),
    )
