"""The options that say what is trained on a table, and how: those of every command that trains."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.base.errors import ConfigurationError
from clearprop.cli import options
from clearprop.cli.command_line import Arguments, Option, Takes

if TYPE_CHECKING:
    from clearprop.runs.run_settings import RunSettings

RUN_OPTIONS = (
    options.TARGET,
    Option("--task", words=("auto", "regression", "classification", "multilabel")),
    Option("--hidden"),
    Option("--activation"),
    Option("--loss"),
    Option("--optimizer", words=("adam", "adamw", "sgd", "rmsprop", "adagrad", "lbfgs")),
    options.LEARNING_RATE,
    Option("--schedule", words=("cosine", "constant")),
    Option("--epochs"),
    Option("--batch-size"),
    Option("--dropout"),
    Option("--weight-decay"),
    Option("--class-weight", words=("balanced",)),
    Option("--validation", takes=Takes.FILE),
    Option("--patience"),
    Option("--drop"),
    Option("--categories"),
    Option("--encoding"),
    Option("--weights"),
    Option("--group"),
    Option("--missing", words=("error", "drop", "median", "indicator")),
    Option("--networks"),
    Option("--plain", takes=Takes.NOTHING),
    options.SEED,
    options.DTYPE,
    options.ENGINE,
)


def told_settings(
    given: Arguments, no_data: str, defaults: Mapping[str, Any] | None = None
) -> "RunSettings":
    """The settings of the command line, over those of `--config`, or over the command's own
    defaults. Raises ConfigurationError, which is called `no_data` where no table is given."""
    from clearprop.runs.run_settings import PLAIN, RunSettings, read_settings

    config = given.path("--config")
    told: dict[str, Any] = {
        name: read(given, option) for option, (name, read) in _READ.items() if given.given(option)
    }
    if given.given("--plain"):
        told = {**PLAIN, **told}
    if "epochs" in told and "--epochs" in given.values:
        # Who says how many epochs wants these, and not as many as take so many steps.
        told["least_steps"] = 0
    if config is not None:
        if given.operand:
            told["data"] = given.operand
        return replace(read_settings(config), **told)
    data = given.required_operand(no_data)
    if "target" not in told:
        raise ConfigurationError("train_no_target")
    return RunSettings(data=data, **{**(defaults or {}), **told})


def free_folder(name: str) -> Path:
    """A folder of that name, or with a number behind it, that is not there yet."""
    names = (Path(name) if k == 1 else Path(f"{name}-{k}") for k in count(1))
    return next(path for path in names if not path.exists())


def _text(given: Arguments, option: str) -> str:
    return given.values[option].strip()


def _words(given: Arguments, option: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in given.values[option].split(","))


def _whole(least: int) -> Callable[[Arguments, str], int]:
    return lambda given, option: given.whole(option, 0, least=least)


def _number(given: Arguments, option: str) -> float:
    try:
        return float(given.values[option])
    except ValueError:
        raise ConfigurationError(
            "option_number", option=option, value=given.values[option]
        ) from None


def _hidden(given: Arguments, option: str) -> tuple[int, ...]:
    words = [word for word in _words(given, option) if word]
    if not all(word.isdecimal() for word in words):
        raise ConfigurationError("hidden_sizes", value=given.values[option])
    return tuple(map(int, words))


def _learning_rate(given: Arguments, option: str) -> float | None:
    return None if _text(given, option) == "auto" else given.decimal(option, None)


def _patience(given: Arguments, option: str) -> int | None:
    return None if _text(given, option) == "none" else given.whole(option, 1)


def _validation(given: Arguments, option: str) -> float | str:
    text = _text(given, option)
    try:
        return float(text)
    except ValueError:
        return text


def _class_weight(given: Arguments, option: str) -> Any:
    text = _text(given, option)
    if text == "balanced":
        return text
    pairs = [pair.rpartition("=") for pair in text.split(",")]
    try:
        return tuple((name.strip(), float(weight)) for name, _, weight in pairs)
    except ValueError as problem:
        raise ConfigurationError("class_weight_unknown", value=text) from problem


# Which setting an option says, and how it is read.
_READ: dict[str, tuple[str, Callable[[Arguments, str], Any]]] = {
    "--target": ("target", _words),
    "--task": ("task", _text),
    "--hidden": ("hidden", _hidden),
    "--activation": ("activation", _words),
    "--loss": ("loss", _text),
    "--optimizer": ("optimizer", _text),
    "--learning-rate": ("learning_rate", _learning_rate),
    "--schedule": ("schedule", _text),
    "--epochs": ("epochs", _whole(1)),
    "--batch-size": ("batch_size", _whole(1)),
    "--dropout": ("dropout", _number),
    "--weight-decay": ("weight_decay", _number),
    "--class-weight": ("class_weight", _class_weight),
    "--validation": ("validation", _validation),
    "--stop-on": ("stop_on", _text),
    "--patience": ("patience", _patience),
    "--drop": ("drop", _words),
    "--categories": ("categories", _words),
    "--encoding": ("encoding", _text),
    "--weights": ("weights", _text),
    "--group": ("group", _text),
    "--time": ("time", _text),
    "--missing": ("missing", _text),
    "--networks": ("networks", _whole(1)),
    "--seed": ("seed", _whole(0)),
    "--dtype": ("dtype", _text),
    "--engine": ("engine", _text),
    "--memory": ("memory", _text),
    "--shards": ("shards", _whole(1)),
}
