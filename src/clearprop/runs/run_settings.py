"""Everything that `clearprop train` is told, and the file `config.toml` that says it again.

A file holds every setting, also those that were not given: what a later version takes by default
is then of no matter, and `clearprop train --config config.toml` repeats the run to the bit.
"""

import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError, FileError, NewerFileError
from clearprop.base.numbers import reads_as_number
from clearprop.base.opening import read_or_refused
from clearprop.base.settings import (
    ABOVE_0,
    AT_LEAST_0,
    BELOW_1,
    settle_choice,
    settle_flag,
    settle_number,
    settle_whole,
)
from clearprop.base.writing import write_whole
from clearprop.data.preparation import MISSING_POLICIES, SCALINGS
from clearprop.estimators.estimator_recipe import AUTO
from clearprop.estimators.table_recipe import OPTIMIZER_NAMES, SCHEDULE_NAMES
from clearprop.training.engine_choice import ENGINES

# Of the files of a run's folder; one that this version does not know is refused.
VERSION = 1
TASKS = ("auto", "regression", "classification", "multilabel")
# How rows are held out, beside a share of them and a file.
FOLDS, NOTHING = "folds", "none"
BALANCED = "balanced"
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
# What stands for None, which TOML does not have, in these settings, whose default is a number.
_NONE = "none"
_NONE_OR_NUMBER = ("patience", "soft_clip", "input_scale")


@dataclass(frozen=True, kw_only=True)
class RunSettings(Configurable):
    """What a run is told. The settings that `TableRecipe` has as well are described there.

    data           the file of the table, as it was given
    target         the columns that are predicted
    task           what they hold; "auto" looks at them. A finished run says which it was
    activation     the name of one for all hidden layers, or one for each; "auto" looks at the task
                   and the rows. A finished run says which it was
    loss           its name; None takes the one that the target asks for
    learning_rate  where the schedule begins; None: "auto", found before the first step
    class_weight   None, "balanced", or (class, weight) of some classes; the others have 1
    validation     "folds": every network holds out its own part; a share of the rows; a file;
                   "none"
    stop_on        what an epoch is judged by: "loss", or a metric's name (`runs.stopping`)
    drop           columns that are left out
    categories     columns that hold words even where they look like numbers
    encoding       of a CSV file; None: UTF-8, or UTF-16 with its mark
    weights        a column that says how much each row counts
    group          a column whose equal values stay together when rows are held out
    time           a column by which the latest rows are held out
    missing        what is done about missing values, as for `data.prepare`
    memory         how much of the table may stand in memory at once, as "500MB"; None takes a
                   share of the machine's
    shards         how many parts the rows are in, for a training that processes share
                   (`distributed`); None: the rows are in one part, and so is every step
    """

    data: str
    target: tuple[str, ...]
    task: str = "auto"
    hidden: tuple[int, ...] = (64, 64)
    activation: tuple[str, ...] = (AUTO,)
    loss: str | None = None
    optimizer: str = "adam"
    learning_rate: float | None = None
    schedule: str = "cosine"
    epochs: int = 64
    least_steps: int = 1000
    batch_size: int = 64
    dropout: float = 0.0
    weight_decay: float = 0.0
    l2: float = 0.0
    class_weight: str | tuple[tuple[str, float], ...] | None = None
    validation: float | str = FOLDS
    stop_on: str = "loss"
    patience: int | None = 5
    tolerance: float | None = None
    drop: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    encoding: str | None = None
    weights: str | None = None
    group: str | None = None
    time: str | None = None
    missing: str = "indicator"
    networks: int = 8
    soft_clip: float | None = 3.0
    bins: int = 32
    bin_height: float = 0.35
    input_scale: float | None = 12.0
    scaling: str = "robust"
    start: str = "he"
    standardise: bool = True
    single_logit: bool = False
    seed: int = 0
    dtype: str = "float32"
    engine: str = "auto"
    memory: str | None = None
    shards: int | None = None

    def __post_init__(self) -> None:
        for name in ("data", "loss", "stop_on", "encoding", "weights", "group", "time"):
            _settle_text(self, name)
        for name, least in (("target", 1), ("activation", 1), ("drop", 0), ("categories", 0)):
            _settle_words(self, name, least)
        hidden = self.hidden if isinstance(self.hidden, list | tuple) else (self.hidden,)
        if any(isinstance(size, bool) or not isinstance(size, int) or size < 1 for size in hidden):
            raise ConfigurationError("hidden_sizes", value=hidden)
        object.__setattr__(self, "hidden", tuple(hidden))
        for name in ("epochs", "batch_size", "networks"):
            settle_whole(self, name, 1, error="run_whole")
        for name in ("least_steps", "bins", "seed"):
            settle_whole(self, name, 0, error="run_whole")
        for name in ("patience", "shards"):
            if getattr(self, name) is not None:
                settle_whole(self, name, 1, error="run_whole")
        for name, condition in _NUMBERS.items():
            if getattr(self, name) is not None:
                settle_number(self, name, condition, error="run_number")
        for name in ("standardise", "single_logit"):
            settle_flag(self, name)
        for name, known in _CHOICES.items():
            settle_choice(self, name, known, error="run_choice")
        _settle_validation(self)
        _settle_class_weight(self)
        if self.memory is not None:
            memory_bytes(self.memory)

    @property
    def validation_file(self) -> Path | None:
        """The file whose rows are held out, where there is one."""
        is_file = isinstance(self.validation, str) and self.validation not in (FOLDS, NOTHING)
        return Path(self.validation) if is_file else None  # type: ignore[arg-type]

    @property
    def aside(self) -> tuple[str, ...]:
        """The columns that are neither predicted nor given to the network."""
        return tuple(name for name in (self.weights, self.group, self.time) if name is not None)


# What scikit-learn's MLP does, in the settings that differ from those above.
PLAIN: dict[str, Any] = {
    "hidden": (100,),
    "activation": ("relu",),
    "optimizer": "sklearn_adam",
    "learning_rate": 0.001,
    "schedule": "constant",
    "epochs": 200,
    "least_steps": 0,
    "batch_size": 200,
    "l2": 1e-4,
    "validation": NOTHING,
    "patience": 10,
    "tolerance": 1e-4,
    "missing": "error",
    "networks": 1,
    "soft_clip": None,
    "bins": 0,
    "input_scale": None,
    "scaling": "none",
    "start": "glorot",
    "standardise": False,
    "single_logit": True,
    "dtype": "float64",
}
_CHOICES = {
    "task": TASKS,
    "optimizer": OPTIMIZER_NAMES,
    "schedule": SCHEDULE_NAMES,
    "missing": MISSING_POLICIES,
    "scaling": SCALINGS,
    "start": ("he", "glorot"),
    "dtype": ("float32", "float64"),
    "engine": ENGINES,
}
_NUMBERS = {
    "learning_rate": ABOVE_0,
    "dropout": BELOW_1,
    "weight_decay": AT_LEAST_0,
    "l2": AT_LEAST_0,
    "tolerance": AT_LEAST_0,
    "soft_clip": ABOVE_0,
    "bin_height": ABOVE_0,
    "input_scale": ABOVE_0,
}


def memory_bytes(text: str) -> int:
    """The bytes that "500MB" says. Raises ConfigurationError."""
    spelled = text.strip().upper().replace(" ", "")
    for unit, size in _UNITS.items():
        count = spelled.removesuffix(unit)
        if count != spelled and reads_as_number(count) and 0 < float(count) * size < 2**62:
            return int(float(count) * size)
    raise ConfigurationError("memory_unknown", value=text)


def write_settings(settings: RunSettings, path: Path) -> None:
    """Write every setting into a TOML file. Raises FileError."""
    write_whole(path, settings_text(settings).encode())


def settings_text(settings: RunSettings) -> str:
    """Every setting as TOML; `settings_of` is the inverse."""
    lines = [
        "# A run of clearprop: clearprop train --config THIS FILE --out FOLDER repeats it.",
        f"version = {VERSION}",
    ]
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name == "class_weight" and isinstance(value, tuple):
            pairs = ", ".join(
                f"{toml_value(name)} = {toml_value(weight)}" for name, weight in value
            )
            lines.append(f"class_weight = {{{pairs}}}")
        elif value is not None:
            lines.append(f"{field.name} = {toml_value(value)}")
        elif field.name in _NONE_OR_NUMBER:
            lines.append(f'{field.name} = "{_NONE}"')
    return "\n".join(lines) + "\n"


def read_settings(path: Path) -> RunSettings:
    """The settings in a TOML file.

    Raises FileError where it cannot be read or is no such file, NewerFileError for one of a newer
    version, ConfigurationError for a setting that cannot be.
    """
    with read_or_refused(path):
        content = path.read_bytes()
    try:
        found = tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as problem:
        raise FileError("config_unreadable", path=path, problem=problem) from problem
    return settings_of(found, path)


def settings_of(found: dict[str, Any], path: Path) -> RunSettings:
    """The settings that TOML says; `path` is named where something is wrong with them."""
    version = found.pop("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        raise NewerFileError("config_newer", path=path, version=version, known=VERSION)
    known = [field.name for field in fields(RunSettings)]
    for name in found:
        if name not in known:
            raise FileError("config_setting", path=path, name=name, known=", ".join(known))
    missing = [name for name in ("data", "target") if name not in found]
    if missing:
        raise FileError("config_lacks", path=path, name=missing[0])
    given: dict[str, Any] = {}
    for name, value in found.items():
        if name in _NONE_OR_NUMBER and value == _NONE:
            value = None
        elif isinstance(value, list):
            value = tuple(value)
        elif name == "class_weight" and isinstance(value, dict):
            value = tuple(value.items())
        given[name] = value
    return RunSettings(**given)


def toml_value(value: Any) -> str:
    """A setting as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        # JSON escapes all that TOML wants escaped, but for this one.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    # Numbers and flags are written alike.
    return json.dumps(value)


def _settle_text(settings: RunSettings, name: str) -> None:
    value = getattr(settings, name)
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigurationError("setting_text", name=name, value=value)


def _settle_words(settings: RunSettings, name: str, least: int) -> None:
    value = getattr(settings, name)
    words = (value,) if isinstance(value, str) else value
    if (
        not isinstance(words, list | tuple)
        or len(words) < least
        or any(not isinstance(word, str) or not word.strip() for word in words)
    ):
        raise ConfigurationError("setting_words", name=name, value=value)
    object.__setattr__(settings, name, tuple(words))


def _settle_validation(settings: RunSettings) -> None:
    value = settings.validation
    if isinstance(value, str) and value.strip():
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ConfigurationError("validation_unknown", value=value)
    object.__setattr__(settings, "validation", float(value))


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _settle_class_weight(settings: RunSettings) -> None:
    given = settings.class_weight
    if given is None or given == BALANCED:
        return
    pairs = given if isinstance(given, tuple) else ()
    if not pairs or not all(
        len(pair) == 2
        and isinstance(pair[0], str)
        and isinstance(pair[1], int | float)
        and not isinstance(pair[1], bool)
        and 0 <= pair[1] < float("inf")
        for pair in pairs
    ):
        # As the command is told it, and not as Python holds it.
        told = ",".join("=".join(map(_word, pair)) for pair in pairs) or given
        raise ConfigurationError("class_weight_unknown", value=told)
    weighed = tuple((name, float(weight)) for name, weight in pairs)
    object.__setattr__(settings, "class_weight", weighed)
