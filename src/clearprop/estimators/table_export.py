"""An estimator as plain data for other formats: its columns, its networks, what they answer."""

from pathlib import Path
from typing import Any

from clearprop.base.errors import FileError
from clearprop.data.csv_text import MISSING
from clearprop.data.preparation import Input, NumberInput
from clearprop.engine.losses import Pinball
from clearprop.estimators.model_file import NOTE
from clearprop.estimators.network_estimators import NetworkClassifier, NetworkRegressor
from clearprop.estimators.table_targets import ClassTarget, LabelTarget
from clearprop.formats.network_contents import SavedNetwork
from clearprop.formats.table_form import (
    ClassAnswer,
    LabelAnswer,
    NumberAnswer,
    NumberColumn,
    TableAnswer,
    TableColumn,
    TableForm,
    WordColumn,
)

KINDS = {kind.__name__: kind for kind in (NetworkClassifier, NetworkRegressor)}


def holds_model(saved: SavedNetwork) -> bool:
    """Whether a file's network is one of an estimator's."""
    return isinstance(saved.notes.get(NOTE), dict)


def model_in(path: str | Path, saved: SavedNetwork) -> Any:
    """The estimator that was saved in a file. Raises FileError."""
    kind = KINDS.get(str(saved.notes[NOTE].get("kind")))
    if kind is None:
        raise FileError("file_without_model", path=path, kind=", ".join(KINDS))
    return kind.load(path)


def table_form_of(model: Any) -> TableForm:
    """A fitted estimator as columns, networks and answer."""
    learned = model.learned_
    return TableForm(
        columns=tuple(map(_column, model.preparation_.inputs)),
        network=learned.network.whole,
        params=learned.params,
        answer=_answer(learned),
        missing=MISSING,
    )


def _column(one: Input) -> TableColumn:
    if isinstance(one, NumberInput):
        return NumberColumn(
            one.column, one.centre, one.factor, one.fill, one.indicator, one.is_date
        )
    return WordColumn(one.column, one.words)


def _answer(learned: Any) -> TableAnswer:
    target = learned.target
    if isinstance(target, ClassTarget):
        return ClassAnswer(target.classes, target.single)
    if isinstance(target, LabelTarget):
        return LabelAnswer(target.outputs)
    order = None
    if isinstance(learned.loss, Pinball) and len(learned.loss.quantiles) > 1:
        quantiles = learned.loss.quantiles
        order = tuple(sorted(quantiles).index(one) for one in quantiles)
    low, high = (target.low, target.high) if target.held else (None, None)
    return NumberAnswer(target.mean, target.deviation, low, high, order)
