"""An estimator as a network file: what it was told, what it measured, and its networks.

The file is a checkpoint of the first network (`formats.checkpoints`), so every command that reads a
saved network takes it. Beside it stand

    networks                     the parameters (K, P) of all networks
    average, epoch, history.…    what else was learned
    parts.…                      the training's rows that were held out, and by which networks
    calibration.…                what held-out rows taught, of a regressor
    notes["table_model"]         the estimator's parameters, the preparation and the target as JSON

Nothing is pickled: parameters that are functions (callbacks, scoring) are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array
from clearprop.base.configuration import Configurable, decode, encode
from clearprop.base.errors import ContractError, DamagedFileError, FileError
from clearprop.data.preparation import Preparation, preparation_kinds
from clearprop.engine.optimizers import SGD, Optimizer
from clearprop.estimators.intervals import Calibration
from clearprop.estimators.learning import History, Learned
from clearprop.estimators.like_mlp import SklearnAdam
from clearprop.estimators.table_network import of_layers
from clearprop.estimators.table_targets import (
    ClassTarget,
    LabelTarget,
    NumberTarget,
    TableTarget,
)
from clearprop.formats import network_file as files
from clearprop.formats.network_contents import SavedNetwork
from clearprop.kinds.kind_tables import INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES

NOTE = "table_model"
LEFT_OUT = ("callbacks", "scoring", "start")
# Rows of a sample that a file keeps.
MOST_ROWS = 1000


def save_model(path: str | Path, model: Any, sample: tuple[Array, Any] | None) -> None:
    """Write a fitted estimator. `sample` is features and target values to keep with it.

    Raises FileError where the path cannot be written.
    """
    learned: Learned = model.learned_
    arrays: dict[str, Array] = {
        "networks": learned.params,
        "average": learned.average,
        "epoch": np.asarray(learned.epoch, np.int64),
        "history.losses": learned.history.losses,
        "history.scores": learned.history.scores,
    }
    arrays |= _arrays_of_parts(learned.parts)
    dtype = learned.params.dtype
    x = target = None
    if sample is not None:
        features, values = sample
        x = features[:MOST_ROWS].astype(dtype)
        target = learned.target.encode(values, dtype)[:MOST_ROWS]
    calibration: Calibration | None = getattr(model, "calibration_", None)
    if calibration is not None:
        for name in ("prediction", "error", "score"):
            arrays[f"calibration.{name}"] = np.ascontiguousarray(getattr(calibration, name))
    note = {
        "kind": type(model).__name__,
        "parameters": _parameters(model),
        "preparation": encode(model.preparation_),
        "target": encode(learned.target),
        "fronts": learned.network.fronts,
        "share": None if calibration is None else list(calibration.share),
        "columns": [str(name) for name in getattr(model, "feature_names_in_", ())] or None,
        "classes": _classes_dtype(model),
        "features": list(model.preparation_.features),
    }
    optimizer = model.solver if isinstance(model.solver, Optimizer) else SGD(0.01)
    names = learned.target.classes if isinstance(learned.target, ClassTarget) else ()
    files.save(
        path,
        learned.network.whole,
        learned.params[0],
        x=x,
        target=target,
        optimizer=optimizer,
        loss=learned.loss,
        classes=tuple(map(str, names)),
        arrays=arrays,
        notes={NOTE: note},
    )


def holds_model(saved: SavedNetwork) -> bool:
    """Whether a file is an estimator's, whose network takes prepared features and not a table's
    columns."""
    return isinstance(saved.notes.get(NOTE), dict)


def measured_in(saved: SavedNetwork) -> tuple[Preparation, TableTarget]:
    """What an estimator's file says of the table's columns and of its target."""
    note = saved.notes[NOTE]
    preparation: Preparation = decode(note["preparation"], preparation_kinds())
    target: TableTarget = decode(note["target"], _kinds(NumberTarget, ClassTarget, LabelTarget))
    return preparation, target


def load_model(path: str | Path, *models: Any, kinds: Iterable[type[Configurable]] = ()) -> Any:
    """The estimator that `save_model` wrote, of one of the classes `models`; `kinds` are the
    classes of one's own that stand in it: activations, losses, optimizers and schedules.

    Raises what `formats.network_file.load` raises, and FileError for a file that holds another kind
    of model, or none.
    """
    kinds = tuple(kinds)
    saved = files.load(path, kinds=kinds)
    note = saved.notes.get(NOTE)
    named = note.get("kind") if isinstance(note, dict) else None
    kind = next((one for one in models if one.__name__ == named), None)
    if not isinstance(note, dict) or kind is None or saved.loss is None:
        names = ", ".join(one.__name__ for one in models)
        raise FileError("file_without_model", path=path, kind=names)
    try:
        preparation, target = measured_in(saved)
        model = kind(**_decoded(note["parameters"], kinds))
        arrays = saved.arrays
        layers = saved.network.layer.settings()["layers"]
        history = History(arrays["history.losses"], arrays["history.scores"])
        learned = Learned(
            network=of_layers(layers, note["fronts"]),
            target=target,
            loss=saved.loss,
            params=arrays["networks"],
            layers=EMPTY,
            epoch=arrays["epoch"],
            history=history,
            state=None,
            parts=_parts(arrays),
            average=arrays["average"],
        )
        if isinstance(target, ClassTarget):
            model.classes_ = np.array(target.classes, dtype=note["classes"])
        elif isinstance(target, LabelTarget):
            model.classes_ = [np.array([0, 1])] * target.outputs
        else:
            model.calibration_ = _calibration(arrays, note["share"])
        model.take_over(preparation, learned, note["columns"])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise DamagedFileError("file_damaged", path=path, problem=problem) from problem
    return model


def _arrays_of_parts(parts: tuple[Array, ...]) -> dict[str, Array]:
    """Each part once, one behind another, their lengths, and which one each network held out; none
    where no rows were held out."""
    if not any(map(len, parts)):
        return {}
    # Networks that hold out the same rows share one array.
    places: dict[int, int] = {}
    member = [places.setdefault(id(part), len(places)) for part in parts]
    distinct = [parts[member.index(place)] for place in places.values()]
    return {
        "parts.rows": np.concatenate(distinct).astype(np.int64),
        "parts.sizes": np.array([len(part) for part in distinct], np.int64),
        "parts.member": np.array(member, np.int64),
    }


def _parts(arrays: Mapping[str, Array]) -> tuple[Array, ...]:
    if "parts.rows" not in arrays:
        return ()
    distinct = np.split(arrays["parts.rows"], np.cumsum(arrays["parts.sizes"])[:-1])
    return tuple(distinct[place] for place in arrays["parts.member"])


def _calibration(arrays: Any, share: Any) -> Calibration | None:
    if share is None:
        return None
    return Calibration(
        prediction=arrays["calibration.prediction"],
        error=arrays["calibration.error"],
        score=arrays["calibration.score"],
        share=tuple(share),
    )


def _parameters(model: Any) -> dict[str, Any]:
    kept = {}
    for name, value in model.get_params(deep=False).items():
        if name in LEFT_OUT and not isinstance(value, str):
            continue
        if isinstance(value, np.generic):
            value = value.item()
        try:
            kept[name] = encode(value)
        except ContractError:
            # A generator, a dictionary of class weights: of use to `fit` alone.
            continue
    return kept


def _decoded(parameters: Any, kinds: Sequence[type[Configurable]]) -> dict[str, Any]:
    ours = {**LAYERS, **INITIALIZERS, **LOSSES, **OPTIMIZERS, **SCHEDULES}
    known = {**ours, **_kinds(SklearnAdam, *kinds)}
    return {name: decode(value, known) for name, value in parameters.items()}


def _classes_dtype(model: Any) -> str | None:
    classes = getattr(model, "classes_", None)
    return classes.dtype.str if isinstance(classes, np.ndarray) else None


def _kinds(*kinds: type[Configurable]) -> dict[str, type[Configurable]]:
    return {kind.type_name: kind for kind in kinds}
