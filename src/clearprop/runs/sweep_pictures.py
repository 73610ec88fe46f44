"""What each parameter of a sweep does to the score, as a picture: a point for every configuration,
and the mean of those with one value."""

from collections.abc import Sequence

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.drawing.charts import (
    ChartAxis,
    Cloud,
    Curve,
    Mark,
    Whiskers,
    chart,
    log_axis,
    name_axis,
    number_axis,
    short_number,
)
from clearprop.drawing.pen.scene import Scene
from clearprop.estimators.sweep_results import (
    ParameterEffect,
    SweepResults,
    is_number,
    value_text,
)
from clearprop.runs.stopping import StopMetric

# Values that are further apart stand on a logarithmic axis.
WIDE = 20.0
# More values than this were drawn from a range: their means are of neighbours.
MOST_VALUES, GROUPS = 12, 6

_say = messages.within("sweeps")


def effect_pictures(results: SweepResults, metric: StopMetric, language: str) -> dict[str, Scene]:
    """A picture for every parameter of more than one value, by its name."""
    means = {one.configuration: one.mean for one in results.ranking() if np.isfinite(one.mean)}
    return {one.name: _picture(one, results, means, metric, language) for one in results.effects()}


def _picture(
    effect: ParameterEffect,
    results: SweepResults,
    means: dict[int, float],
    metric: StopMetric,
    language: str,
) -> Scene:
    places = {repr(value): k for k, value in enumerate(effect.values)}
    numbers = all(map(is_number, effect.values))
    values = [results.configurations[number][effect.name] for number in means]
    x = np.array([float(v) if numbers else places[repr(v)] for v in values])
    y = np.array([metric.natural(-mean) for mean in means.values()])
    marks: list[Mark] = [Cloud(x, y, "muted", _say(language, "picture.configurations"))]
    mean_name = _say(language, "picture.means")
    if numbers:
        axis = _axis(x)
        at, mean = _means(x, y)
        marks.append(Curve(at, mean, "series1", mean_name))
    else:
        axis = name_axis([value_text(value) for value in effect.values], "")
        at, mean = np.unique(x), np.array([y[x == place].mean() for place in np.unique(x)])
        spread = np.array([y[x == place].std() for place in at])
        says = [
            f"{value_text(value)}: {short_number(m)}"
            for value, m in zip(effect.values, mean, strict=True)
        ]
        marks.append(Whiskers(at, mean, mean - spread, mean + spread, "series1", mean_name, says))
    best = mean.argmax() if metric.more_is_better else mean.argmin()
    told = short_number(float(at[best])) if numbers else value_text(effect.values[best])
    return chart(
        axis,
        number_axis(y, metric.name),
        marks,
        title=effect.name,
        description=_say(
            language,
            "picture.description",
            name=effect.name,
            metric=metric.name,
            best=told,
            value=short_number(float(mean[best])),
        ),
        language=language,
    )


def _axis(x: Array) -> ChartAxis:
    if x.min() > 0 and x.max() / x.min() > WIDE:
        return log_axis(x, "")
    return number_axis(x, "")


def _means(x: Array, y: Array) -> tuple[Array, Array]:
    """The mean at every value; of many values, of neighbours."""
    distinct = np.unique(x)
    if len(distinct) <= MOST_VALUES:
        return distinct, np.array([y[x == value].mean() for value in distinct])
    parts: Sequence[Array] = np.array_split(np.argsort(x), GROUPS)
    return (
        np.array([np.median(x[part]) for part in parts]),
        np.array([y[part].mean() for part in parts]),
    )
