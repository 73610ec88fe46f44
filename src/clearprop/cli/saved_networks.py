"""A saved network and samples for it, opened as the step that its training would take next."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from clearprop.base import messages
from clearprop.base.arrays import EMPTY, Array
from clearprop.base.configuration import Configurable
from clearprop.base.errors import ConfigurationError, ContractError, FileError, UnknownNameError
from clearprop.cli.command_line import Arguments
from clearprop.cli.csv_tables import read_table
from clearprop.cli.table_samples import samples_of
from clearprop.engine.losses import MSE
from clearprop.engine.step import Step, take_step
from clearprop.estimators.model_file import holds_model
from clearprop.formats import network_file as files
from clearprop.formats.network_contents import SavedNetwork
from clearprop.runs.run_folder import model_path


class Opened(NamedTuple):
    """A saved network at its next step, with the parameters (P,) that its training started from
    (None where the file does not hold them), and the files that all of it was read from."""

    step: Step
    start: Array | None
    inputs: tuple[Path | None, ...]


def opened(given: Arguments, file: Path, *, finite: bool = True) -> Opened:
    """The next step of the training that is saved in `file`, or in the folder of a run, on the
    samples of `--data` or those that are kept with it; without a loss it is a pass with MSE. What a
    person should know of the data is told on standard error.

    finite  False takes data with NaN and infinities in it

    Raises FileError for a file that cannot be used, ConfigurationError for columns without a file.
    """
    data, target = given.path("--data"), given.text("--target")
    own, language = given.path("--kinds"), given.language()
    if target is not None and data is None:
        raise ConfigurationError("explain_target_without_data")
    file = model_path(file)
    saved = load_with(file, own)
    loss = saved.loss or MSE()
    classes = saved.classes
    # Masks and lengths are those of the samples that are kept.
    beside: Mapping[str, Array] = EMPTY
    if data is not None and holds_model(saved):
        from clearprop.runs.known_rows import samples_for

        x, t, notes = samples_for(file, data, given.names("--target"))
        tell(notes, language)
    elif data is not None:
        dtype, table = saved.params.dtype, read_table(data)
        samples = samples_of(
            table, saved.network, loss, target, classes, dtype=dtype, finite=finite
        )
        x, t, classes = samples.x, samples.target, samples.classes
        tell(samples.notices, language)
    elif saved.x is None or saved.target is None:
        raise FileError("file_without_sample", path=file)
    else:
        x, t, beside = saved.x, saved.target, saved.side_inputs
    progress = saved.progress
    step = take_step(
        saved.network,
        saved.params,
        x,
        t,
        loss=loss,
        optimizer=saved.optimizer,
        state=progress.memory if saved.optimizer is not None else None,
        layer_state=saved.state or None,
        seed=progress.seed,
        number=progress.step,
        side_inputs=beside,
        classes=classes,
    )
    return Opened(step, saved.start, (file, data, own))


def load_with(file: Path, own: Path | None) -> SavedNetwork:
    """The saved network of a file or of a run's folder, with the classes of a person's own that the
    Python file `own` defines.

    Raises what `files.load` raises, and ContractError for a class that is not known, with what to
    type."""
    file = model_path(file)
    try:
        return files.load(file, kinds=() if own is None else kinds_in(own))
    except UnknownNameError as problem:
        if problem.key != "class_unknown":
            raise
        name = problem.values["name"]
        key = "kind_not_told" if own is None else "kind_not_there"
        raise ContractError(key, name=name, path=file, own=own) from problem


def kinds_in(path: Path) -> list[type[Configurable]]:
    """Every class of layers, losses, optimizers, schedules and initializers that a Python file has,
    which is run for that. Raises FileError."""
    from clearprop.checking.targets import module_of

    values = vars(module_of(path)).values()
    return [one for one in values if isinstance(one, type) and issubclass(one, Configurable)]


def tell(notices: Sequence[tuple[str, Mapping[str, object]]], language: str) -> None:
    """Say what a person should know, where it does not mix with the answer; each is the key of a
    sentence and what stands in it."""
    for key, values in notices:
        sys.stderr.write(f"clearprop: {messages.text(language, key, **values)}\n")
