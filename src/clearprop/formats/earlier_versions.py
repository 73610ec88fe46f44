"""Files of earlier versions of the format, told as the version of today tells them."""

import json
from collections.abc import Mapping
from typing import Any

from clearprop.base.arrays import Array
from clearprop.formats.network_contents import EXTRA, MEMORY, SEPARATOR, STATE

# Where an array of version 1 stands since version 2. Samples and trainings went by names that the
# writer had to know, among the arrays that anybody could add.
_RENAMED = {
    "extra.sample.x": "x",
    "extra.sample.target": "target",
    "extra.start.params": "start",
    "extra.training.total": "total",
}


def from_version_1(
    metadata: Mapping[str, str], arrays: Mapping[str, Array]
) -> tuple[dict[str, str], dict[str, Array]]:
    """Version 1 had the training among the notes, and no names of classes.

    Raises what Python raises for a training that nobody has written with clearprop.
    """
    notes = json.loads(metadata["notes"])
    training = _no_training() | dict(notes.pop("training", None) or {})
    renamed = {_name_since_2(name): array for name, array in arrays.items()}
    if ("x" in renamed) != ("target" in renamed):
        alone = "x" if "x" in renamed else "target"
        renamed[f"{EXTRA}sample.{alone}"] = renamed.pop(alone)
    told = {
        "architecture": metadata["architecture"],
        "training": json.dumps(training),
        "classes": "[]",
        "notes": json.dumps(notes),
    }
    return told, renamed


def _no_training() -> dict[str, Any]:
    numbers = dict.fromkeys(("optimizer_step", "step", "seed", "weight"), 0)
    return {"loss": None, "optimizer": None, "batch_size": None, **numbers}


def _name_since_2(name: str) -> str:
    if name in _RENAMED:
        return _RENAMED[name]
    slot, state = f"{EXTRA}training.slot.", f"{EXTRA}training.state."
    if name.startswith(slot):
        return MEMORY + name.removeprefix(slot)
    if name.startswith(state):
        # The first of them have the separator between a layer and one within it as well.
        *path, last = name.removeprefix(state).split(SEPARATOR)
        return f"{STATE}{'.'.join(path)}{SEPARATOR}{last}"
    return name
