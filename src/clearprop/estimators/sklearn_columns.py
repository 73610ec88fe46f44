"""What a fitted scikit-learn pipeline makes of a table's columns, as columns of ours.

A feature is followed from its column through every step: a number as (x − centre) · factor, a word
as 1 where it stands. What is read are a step's fitted attributes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.errors import ContractError
from clearprop.formats.table_form import NumberColumn, TableColumn, WordColumn


@dataclass(frozen=True)
class _Word:
    """A feature that is 1 where the word stands in the column."""

    column: str
    word: str


# A column of which nothing has been made yet is a number whose centre is 0 and whose factor is 1.
_Feature: TypeAlias = NumberColumn | _Word


class PipelineColumns(NamedTuple):
    """The columns, and for each of their features, in order, its place among the pipeline's."""

    columns: tuple[TableColumn, ...]
    order: tuple[int, ...]


def columns_of_pipeline(model: Any) -> PipelineColumns:
    """The columns of a pipeline, or of an estimator alone, which takes them as they are.

    Raises ContractError for a step that is not read, with its name, and for a column that goes in
    as a number and as words.
    """
    steps = list(model.steps[:-1]) if hasattr(model, "steps") else []
    first = steps[0][1] if steps else model
    if first == "passthrough":
        first = model
    names = _names(first, model)
    features: list[_Feature] = [NumberColumn(name) for name in names]
    for name, step in steps:
        features = _through(step, name, features)
    by_column: dict[str, list[int]] = {}
    for place, feature in enumerate(features):
        by_column.setdefault(_column(feature), []).append(place)
    columns: list[TableColumn] = []
    order: list[int] = []
    # As they stand in the table: it is held against these names.
    for column in (name for name in names if name in by_column):
        places = by_column[column]
        ours = [features[place] for place in places]
        words = [one.word for one in ours if isinstance(one, _Word)]
        if not words and len(ours) == 1 and isinstance(ours[0], NumberColumn):
            columns.append(ours[0])
        elif len(words) == len(ours):
            columns.append(WordColumn(column, tuple(words)))
        else:
            raise ContractError("sklearn_column_twice", column=column)
        order += places
    return PipelineColumns(tuple(columns), tuple(order))


def _column(feature: _Feature) -> str:
    return feature.name if isinstance(feature, NumberColumn) else feature.column


def _names(step: Any, model: Any) -> list[str]:
    names = getattr(step, "feature_names_in_", None)
    if names is None:
        names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return list(map(str, names))
    count = getattr(step, "n_features_in_", getattr(model, "n_features_in_", 0))
    return [f"x{k}" for k in range(count)]


def _through(step: Any, name: str, features: Sequence[_Feature]) -> list[_Feature]:
    """What a step makes of features."""
    if step in ("passthrough", None):
        return list(features)
    kind = type(step).__name__
    if hasattr(step, "steps"):
        found = list(features)
        for inner, one in step.steps:
            found = _through(one, f"{name}.{inner}", found)
        return found
    if kind == "ColumnTransformer":
        return _by_columns(step, name, features)
    if kind == "OneHotEncoder":
        return _words(step, name, features)
    if kind == "FunctionTransformer" and step.func is None:
        return list(features)
    if kind not in _NUMBERS:
        known = ", ".join((*_NUMBERS, "OneHotEncoder", "ColumnTransformer"))
        raise ContractError("sklearn_step", step=name, kind=kind, known=known)
    settled = []
    for place, feature in enumerate(features):
        if not isinstance(feature, NumberColumn):
            if kind not in ("MaxAbsScaler", "StandardScaler", "MinMaxScaler"):
                raise ContractError("sklearn_step", step=name, kind=kind, known="OneHotEncoder")
            raise ContractError("sklearn_scaled_words", step=name, kind=kind)
        settled.append(_NUMBERS[kind](step, place, feature, name))
    return list(settled)


def _by_columns(step: Any, name: str, features: Sequence[_Feature]) -> list[_Feature]:
    found: list[_Feature] = []
    names = [_column(one) for one in features]
    for inner, transformer, chosen in step.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        places = _places(chosen, names)
        found += _through(transformer, f"{name}.{inner}", [features[k] for k in places])
    return found


def _places(chosen: Any, names: Sequence[str]) -> list[int]:
    if isinstance(chosen, slice):
        return list(range(len(names)))[chosen]
    chosen = [chosen] if isinstance(chosen, str | int | np.integer) else list(chosen)
    if chosen and isinstance(chosen[0], bool | np.bool_):
        return [k for k, one in enumerate(chosen) if one]
    return [names.index(one) if isinstance(one, str) else int(one) for one in chosen]


def _words(step: Any, name: str, features: Sequence[_Feature]) -> list[_Feature]:
    """A feature for every category that is not dropped."""
    found: list[_Feature] = []
    if getattr(step, "infrequent_categories_", None) is not None and any(
        one is not None for one in step.infrequent_categories_
    ):
        raise ContractError("sklearn_infrequent", step=name)
    dropped = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(features)
    for feature, categories, left_out in zip(features, step.categories_, dropped, strict=True):
        if not all(isinstance(word, str) or word is None for word in categories):
            raise ContractError("sklearn_words", step=name, column=_column(feature))
        words = [word or "" for word in categories]
        found += [_Word(_column(feature), word) for k, word in enumerate(words) if k != left_out]
    return found


def _then(feature: NumberColumn, centre: float, factor: float) -> NumberColumn:
    """(feature − centre) · factor."""
    if feature.centre == 0 and feature.factor == 1:
        return replace(feature, centre=centre, factor=factor)
    if feature.factor == 0:
        raise ContractError("sklearn_constant", column=feature.name)
    return replace(
        feature,
        centre=feature.centre + centre / feature.factor,
        factor=feature.factor * factor,
    )


def _standard(step: Any, place: int, feature: NumberColumn, _: str) -> NumberColumn:
    centre = step.mean_[place] if step.with_mean else 0.0
    scale = step.scale_[place] if step.with_std else 1.0
    return _then(feature, float(centre), 1 / float(scale))


def _min_max(step: Any, place: int, feature: NumberColumn, name: str) -> NumberColumn:
    if step.clip:
        raise ContractError("sklearn_clip", step=name)
    scale, least = float(step.scale_[place]), float(step.min_[place])
    return _then(feature, -least / scale, scale)


def _max_abs(step: Any, place: int, feature: NumberColumn, _: str) -> NumberColumn:
    return _then(feature, 0.0, 1 / float(step.scale_[place]))


def _robust(step: Any, place: int, feature: NumberColumn, _: str) -> NumberColumn:
    centre = step.center_[place] if step.with_centering else 0.0
    scale = step.scale_[place] if step.with_scaling else 1.0
    return _then(feature, float(centre), 1 / float(scale))


def _imputed(step: Any, place: int, feature: NumberColumn, name: str) -> NumberColumn:
    value = step.statistics_[place]
    number = isinstance(value, int | float | np.number) and np.isfinite(value)
    if not number or step.add_indicator or not np.all(np.isnan(np.float64(step.missing_values))):
        raise ContractError("sklearn_imputer", step=name)
    if feature.factor == 0:
        raise ContractError("sklearn_constant", column=feature.name)
    # What stands for a missing value stands there in the column's own units.
    fill = float(value) / feature.factor + feature.centre
    return replace(feature, fill=fill if feature.fill is None else feature.fill)


_NUMBERS: Mapping[str, Callable[[Any, int, NumberColumn, str], NumberColumn]] = {
    "StandardScaler": _standard,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _robust,
    "SimpleImputer": _imputed,
}
