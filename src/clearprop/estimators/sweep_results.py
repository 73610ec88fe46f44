"""What a sweep has found: a score for every configuration, seed and fold, and what each parameter
does to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import DataError
from clearprop.estimators.sweep_space import Configuration

# More numbers than these were drawn from a range: they are told by groups of neighbours.
MOST_VALUES, GROUPS = 12, 6


class SweepRow(NamedTuple):
    """One network, or one ensemble, judged on one fold.

    score    more is better; NaN where the training came to nothing, of which `problem` says why
    seconds  its share of the training of all seeds, which are trained at once
    """

    configuration: int
    seed: int
    fold: int
    score: float
    seconds: float
    problem: str = ""


class ConfigurationScore(NamedTuple):
    """The scores of a configuration: the mean of its folds and seeds, their standard deviation, and
    how many of them there are."""

    configuration: int
    mean: float
    deviation: float
    scores: int


class ParameterEffect(NamedTuple):
    """What a parameter does to the score, whatever the others are.

    values      that were tried, in order; of more than MOST_VALUES numbers the middles of GROUPS of
                neighbours
    means       of the configurations with that value, and `deviations` of their means
    share       of the variance of the configurations' means that the parameter alone explains,
                beyond what as many groups drawn by chance would: η², adjusted; 0 at the least, and
                NaN where no two configurations have the same value
    """

    name: str
    values: tuple[Any, ...]
    means: Array
    deviations: Array
    share: float


@dataclass(frozen=True, eq=False)
class SweepResults:
    """The rows of a sweep, in the order of configurations, folds and seeds."""

    configurations: Sequence[Configuration]
    rows: tuple[SweepRow, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that were tried."""
        return tuple(self.configurations[0]) if self.configurations else ()

    def ranking(self) -> list[ConfigurationScore]:
        """The configurations that have been tried, the best first; last those of which a part came
        to nothing."""
        found = []
        for number in sorted({row.configuration for row in self.rows}):
            scores = np.array([row.score for row in self.rows if row.configuration == number])
            # Summed first and divided then: NaN stays NaN.
            found.append(
                ConfigurationScore(number, float(scores.mean()), float(scores.std()), len(scores))
            )
        return sorted(found, key=lambda one: (np.isnan(one.mean), -one.mean, one.configuration))

    @property
    def best(self) -> Configuration:
        """The configuration with the highest mean. Raises what `first` raises."""
        return dict(self.configurations[self.first().configuration])

    def first(self) -> ConfigurationScore:
        """The first of the ranking. Raises LookupError before any was tried, and DataError where
        none was trained on all folds."""
        found = self.ranking()[0]
        if np.isnan(found.mean):
            problem = next(row.problem for row in self.rows if np.isnan(row.score))
            raise DataError("sweep_failed", problem=problem)
        return found

    def effects(self) -> list[ParameterEffect]:
        """Every parameter of more than one value, the one that explains most first."""
        means = {one.configuration: one.mean for one in self.ranking() if np.isfinite(one.mean)}
        found = [self._effect(name, means) for name in self.names if means]
        several = (one for one in found if len(one.values) > 1)
        return sorted(several, key=lambda one: (np.isnan(one.share), -one.share))

    def columns(self, natural: float = 1.0) -> dict[str, Array]:
        """The rows as columns of a table, with one for every parameter; scores are multiplied by
        `natural`, which is −1 for a metric of which less is better."""
        values = {
            name: _column(self.configurations[row.configuration][name] for row in self.rows)
            for name in self.names
        }
        told = ("configuration", "seed", "fold", "score", "seconds", "problem")
        columns = {name: [getattr(row, name) for row in self.rows] for name in told}
        columns["score"] = [natural * one for one in columns["score"]]
        arrays = {name: np.array(column) for name, column in columns.items()}
        arrays["problem"] = np.array(columns["problem"], object)
        # A parameter may be called as one of these.
        return {
            **arrays,
            **{name if name not in told else f"{name}_": v for name, v in values.items()},
        }

    def _effect(self, name: str, means: Mapping[int, float]) -> ParameterEffect:
        tried = [(self.configurations[number][name], mean) for number, mean in means.items()]
        groups = _groups(tried)
        by_value = [np.array([mean for _, mean in group]) for group in groups]
        all_means = np.array(list(means.values()))
        within = float(sum(((one - one.mean()) ** 2).sum() for one in by_value))
        total = float(((all_means - all_means.mean()) ** 2).sum())
        left = len(all_means) - len(groups)
        share = 0.0 if left else float("nan")
        if total and left:
            share = max(0.0, 1 - within / left * (len(all_means) - 1) / total)
        return ParameterEffect(
            name,
            tuple(group[len(group) // 2][0] for group in groups),
            np.array([one.mean() for one in by_value]),
            np.array([one.std() for one in by_value]),
            share,
        )


def _groups(tried: Sequence[tuple[Any, float]]) -> list[list[tuple[Any, float]]]:
    """What was tried by its value, in order; of many numbers, by neighbours."""
    found: dict[str, list[tuple[Any, float]]] = {}
    ordered = sorted(tried, key=lambda one: _order(one[0]))
    for value, mean in ordered:
        found.setdefault(repr(value), []).append((value, mean))
    if len(found) <= MOST_VALUES or not all(is_number(value) for value, _ in tried):
        return list(found.values())
    return [[ordered[k] for k in part] for part in np.array_split(np.arange(len(tried)), GROUPS)]


def value_text(value: Any) -> str:
    """A parameter's value as it is written in a table: 64,32 for a list."""
    if isinstance(value, list | tuple):
        return ",".join(map(value_text, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def is_number(value: Any) -> bool:
    """Whether a parameter's value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _column(values: Iterable[Any]) -> Array:
    found = list(values)
    if all(map(is_number, found)):
        return np.array(found)
    return np.array([value_text(value) for value in found], object)


def _order(value: Any) -> tuple[int, Any]:
    if is_number(value):
        return 0, value
    if isinstance(value, list | tuple) and all(map(is_number, value)):
        return 1, (len(value), list(value))
    return 2, str(value)
