"""What each parameter of a sweep does to the score, as a picture: a point for every configuration,
and the mean of those with one value."""

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
    places = {repr(value): float(k) for k, value in enumerate(effect.values)}
    numbers = all(map(is_number, effect.values))
    values = [results.configurations[number][effect.name] for number in means]
    x = np.array([value if numbers else places[repr(value)] for value in values], float)
    y = np.array([metric.natural(-mean) for mean in means.values()])
    mean = np.array([metric.natural(-one) for one in effect.means])
    marks: list[Mark] = [Cloud(x, y, "muted", _say(language, "picture.configurations"))]
    mean_name = _say(language, "picture.means")
    told = [value_text(value) for value in effect.values]
    if numbers:
        axis = _axis(x)
        marks.append(Curve(np.array(effect.values, float), mean, "series1", mean_name))
    else:
        axis = name_axis(told, "")
        spread, at = effect.deviations, np.arange(len(told), dtype=float)
        says = [f"{one}: {short_number(m)}" for one, m in zip(told, mean, strict=True)]
        marks.append(Whiskers(at, mean, mean - spread, mean + spread, "series1", mean_name, says))
    best = int(effect.means.argmax())
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
            best=told[best],
            value=short_number(float(mean[best])),
        ),
        language=language,
    )


def _axis(x: Array) -> ChartAxis:
    if x.min() > 0 and x.max() / x.min() > WIDE:
        return log_axis(x, "")
    return number_axis(x, "")
