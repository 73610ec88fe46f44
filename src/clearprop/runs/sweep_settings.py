"""Everything that `clearprop sweep` is told, and the file `sweep.toml` that says it again."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError, FileError
from clearprop.base.opening import read_or_refused
from clearprop.base.settings import settle_whole
from clearprop.base.writing import write_whole
from clearprop.estimators.sweep_space import Configuration, Range, configurations
from clearprop.runs.run_settings import RunSettings, settings_of, settings_text, toml_value

# Those of the settings of a run that say what is learned from, and how it is judged.
_NOT_TRIED = (
    "data", "target", "task", "drop", "categories", "encoding", "weights", "group", "time",
    "validation", "stop_on", "seed", "engine", "memory", "shards", "class_weight",
)  # fmt: skip
TRIED = tuple(field.name for field in fields(RunSettings) if field.name not in _NOT_TRIED)
# What `[sweep]` says in the file.
_OWN = ("random", "seeds", "folds", "metric", "checksum")
# What is drawn from where nothing else is given.
USUAL: dict[str, Any] = {
    "hidden": [[32], [64], [128], [32, 32], [64, 64], [128, 128]],
    "learning_rate": Range(0.0005, 0.02, log=True),
    "batch_size": [32, 64, 128, 256],
    "dropout": [0.0, 0.0, 0.1, 0.2],
    "weight_decay": [0.0, 0.0, 0.001, 0.01],
}
# What a run of its own takes otherwise: a network is tried by itself, and all of a fold's networks
# hold out the same rows.
DEFAULTS: dict[str, Any] = {"networks": 1, "validation": 0.1}


@dataclass(frozen=True, kw_only=True)
class SweepSettings(Configurable):
    """What a sweep is told.

    training  the settings of every training, in all that is not tried
    space     what is tried: (name of a setting, its values or a range of them)
    random    how many configurations are drawn; None takes all combinations
    seeds, folds   how often each is tried
    metric    what held-out rows are judged by, as for `--stop-on`; None takes the task's first
    checksum  that of the table when the sweep began; None before
    """

    training: RunSettings
    space: tuple[tuple[str, Sequence[Any] | Range], ...]
    random: int | None = None
    seeds: int = 1
    folds: int = 5
    metric: str | None = None
    checksum: str | None = None

    def __post_init__(self) -> None:
        for name, least in (("seeds", 1), ("folds", 2)):
            settle_whole(self, name, least)
        if self.random is not None:
            settle_whole(self, "random", 1)
        for name, _ in self.space:
            if name not in TRIED:
                raise ConfigurationError("space_unknown", name=name, known=", ".join(TRIED))
        if isinstance(self.training.validation, str) and self.training.validation_file:
            raise ConfigurationError("sweep_validation", value=self.training.validation)

    def configurations(self) -> list[Configuration]:
        """What is tried. Raises ConfigurationError."""
        return configurations(dict(self.space), self.random, self.training.seed)


def read_space(path: Path) -> dict[str, Sequence[Any] | Range]:
    """What a TOML file says is tried: `name = [values]`, or `name = {low = 1, high = 2}` with
    `log = true` or `whole = true`. Raises FileError and ConfigurationError."""
    return space_of(_read_toml(path))


def space_of(found: Mapping[str, Any]) -> dict[str, Sequence[Any] | Range]:
    """The same of TOML that has been read. Raises ConfigurationError."""
    space: dict[str, Any] = {}
    for name, values in found.items():
        if isinstance(values, Mapping):
            if not {"low", "high"} <= set(values) <= {"low", "high", "log", "whole"}:
                raise ConfigurationError("space_values", name=name, value=dict(values))
            space[name] = Range(**values)
        else:
            space[name] = tuple(values) if isinstance(values, list) else values
    return space


def write_sweep(settings: SweepSettings, path: Path) -> None:
    """Write the file. Raises FileError."""
    lines = [settings_text(settings.training), "[sweep]"]
    for name in _OWN:
        value = getattr(settings, name)
        lines += [] if value is None else [f"{name} = {toml_value(value)}"]
    lines += ["", "[space]"]
    lines += [f"{name} = {_space_text(values)}" for name, values in settings.space]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def read_sweep(path: Path) -> SweepSettings:
    """The settings in a file. Raises FileError, NewerFileError and ConfigurationError."""
    found = _read_toml(path)
    told, space = found.pop("sweep", {}), found.pop("space", {})
    if not isinstance(told, dict) or not set(told) <= {*_OWN}:
        raise FileError("config_unreadable", path=path, problem="[sweep]")
    return SweepSettings(
        training=settings_of(found, path), space=tuple(space_of(space).items()), **told
    )


def _read_toml(path: Path) -> dict[str, Any]:
    with read_or_refused(path):
        content = path.read_bytes()
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as problem:
        raise FileError("config_unreadable", path=path, problem=problem) from problem


def _space_text(values: Sequence[Any] | Range) -> str:
    if isinstance(values, Range):
        told = {one.name: getattr(values, one.name) for one in fields(values)}
        return "{" + ", ".join(f"{name} = {toml_value(one)}" for name, one in told.items()) + "}"
    return toml_value(_tuples(values))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
