"""The training that `clearprop write` is asked for, as the recipe that a program is written of."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clearprop.base.arrays import Array, dtype_named
from clearprop.base.errors import ConfigurationError, ContractError, FileError, UnknownNameError
from clearprop.cli.csv_tables import CsvTable, read_table, split
from clearprop.cli.saved_networks import first_layers, widths
from clearprop.engine.network import Network
from clearprop.engine.optimizers import SGD, Clipped, Optimizer, OptimizerState
from clearprop.engine.schedules import Rate
from clearprop.formats import network_file as files
from clearprop.formats.checkpoints import checkpoint_in
from clearprop.kinds.kind_tables import LAYER_ROWS, LAYERS, LOSS_ROWS, LOSSES, OPTIMIZERS, SCHEDULES
from clearprop.reading.programs import CsvFile, Recipe
from clearprop.reading.programs.architecture import network_of
from clearprop.reading.programs.spelling import spelled
from clearprop.training.arguments import USUAL_OPTIMIZER

ENCODINGS = ("ascii", "utf-8", "utf-8-sig")
HEADERS = 3  # more lines than this do not stand before the numbers


@dataclass(frozen=True)
class Wish:
    """What is asked for; None takes what stands in the file, or the usual.

    Raises ConfigurationError for a target column without data.
    """

    what: str
    data: Path | None
    target: str | None
    loss: str | None
    optimizer: str | None
    learning_rate: float | None
    epochs: int
    batch_size: int | None
    dtype: str | None
    seed: int | None

    def __post_init__(self) -> None:
        if self.target is not None and self.data is None:
            raise ConfigurationError("program_target_without_data")
        if self.dtype is not None:
            dtype_named(self.dtype)


def recipe_of(wish: Wish, out: Path | None) -> Recipe:
    """The recipe of the wish. `out` is the file that the program is written to, from which it finds
    its data; None is the terminal.

    Raises ConfigurationError, ContractError, FileError and UnknownNameError for what cannot be.
    """
    recipe = _recipe(wish)
    if wish.data is not None:
        recipe = _with_table(recipe, wish.data, wish.target, out)
    return recipe


def _recipe(wish: Wish) -> Recipe:
    """The recipe of the wish, with the samples that are kept in the file."""
    recipe = _of_file(wish) if _is_file(wish.what) else Recipe(network_of(wish.what))
    if wish.loss is not None:
        recipe = replace(recipe, loss=spelled("--loss", wish.loss, LOSSES, "huber(0.5)"))
    if wish.optimizer is not None:
        # Another rule cannot go on with what this one remembers: it begins anew.
        known = {**OPTIMIZERS, **SCHEDULES, "SGD": _sgd}
        rule = spelled("--optimizer", wish.optimizer, known, "adam(0.01)")
        if not isinstance(rule, Optimizer):
            raise ConfigurationError("optimizer_expected", value=wish.optimizer)
        recipe = replace(recipe, optimizer=rule, memory=OptimizerState(), step=0)
    if wish.learning_rate is not None:
        recipe = replace(recipe, optimizer=_at_rate(recipe.optimizer, wish.learning_rate))
    if wish.batch_size is not None:
        recipe = replace(recipe, batch_size=wish.batch_size)
    if wish.seed is not None:
        recipe = replace(recipe, seed=wish.seed)
    if wish.dtype is not None:
        recipe = replace(recipe, dtype=wish.dtype)
    return replace(recipe, epochs=wish.epochs)


def _is_file(what: str) -> bool:
    return what.endswith(".safetensors") or Path(what).exists() or "/" in what or os.sep in what


def _of_file(wish: Wish) -> Recipe:
    """A saved network, as its training would go on."""
    path = Path(wish.what)
    try:
        saved = files.load(path)
        checkpoint = checkpoint_in(saved)
    except UnknownNameError as problem:
        if problem.key != "class_unknown":
            raise
        name = problem.values["name"]
        raise ContractError("program_class_own", name=name, known=", ".join(LAYERS)) from problem
    x, t = (saved.arrays.get(name) for name in ("sample.x", "sample.target"))
    if wish.data is None and (x is None or t is None):
        raise FileError("file_without_sample", path=path)
    recipe = Recipe(saved.network, saved.params, x, t, dtype=str(saved.params.dtype))
    if checkpoint is None:
        return recipe
    state = checkpoint.state
    batch_size = checkpoint.batch_size
    if x is not None and batch_size is not None and wish.data is None:
        # A file may keep fewer samples than a batch of the training had.
        batch_size = batch_size if batch_size < len(x) else None
    return replace(
        recipe,
        loss=checkpoint.loss,
        optimizer=checkpoint.optimizer,
        memory=state.optimizer,
        layers=state.layers,
        step=state.step,
        seed=state.seed,
        batch_size=batch_size,
    )


def _sgd(
    learning_rate: Rate = USUAL_OPTIMIZER.learning_rate,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> SGD:
    """SGD, which alone has no usual rate: here it is that of `train`."""
    return SGD(learning_rate, momentum, dampening, weight_decay, nesterov)


def _at_rate(optimizer: Optimizer, rate: float) -> Optimizer:
    """The optimizer with another learning rate, inside its clipping where it has one."""
    if isinstance(optimizer, Clipped):
        return replace(optimizer, optimizer=_at_rate(optimizer.optimizer, rate))
    return type(optimizer).from_settings({**optimizer.settings(), "learning_rate": rate})


def _with_table(recipe: Recipe, path: Path, target: str | None, out: Path | None) -> Recipe:
    """The recipe with the samples of a CSV file, which the program reads itself."""
    table = read_table(path)
    network = recipe.network
    inputs, outputs = widths(network)
    known = LOSS_ROWS.get(type(recipe.loss))
    classes = known is not None and known.takes_classes
    x, t = split(table, target, 1 if classes else outputs)
    if inputs is not None and x.shape[1] != inputs:
        raise FileError(
            "table_columns", path=path, came=x.shape[1], target=t.shape[1], expected=inputs
        )
    targets = _columns(table, target, t.shape[1])
    features = tuple(column for column in range(len(table.names)) if column not in targets)
    if _takes_ids(network):
        x = _whole(x)
    if classes and t.shape[1] == 1:
        t = _whole(t)
    csv = _csv(table, path, features, targets, out)
    return replace(recipe, x=x, target=t, csv=csv)


def _columns(table: CsvTable, target: str | None, count: int) -> tuple[int, ...]:
    if target is None:
        return tuple(range(len(table.names)))[-count:]
    return tuple(table.names.index(name.strip()) for name in target.split(","))


def _takes_ids(network: Network) -> bool:
    rows = (LAYER_ROWS.get(type(layer)) for layer in first_layers(network))
    return any(row is not None and row.ids is not None for row in rows)


def _whole(numbers: Array) -> Array:
    """Ids or class numbers: whole, and (N,) where there is one column. Numbers that are not whole
    stay floating, for the layer or the loss to refuse."""
    column = numbers[:, 0] if numbers.shape[1] == 1 else numbers
    return column.astype(int) if np.array_equal(column, np.round(column)) else column


def _csv(
    table: CsvTable,
    path: Path,
    features: tuple[int, ...],
    targets: tuple[int, ...],
    out: Path | None,
) -> CsvFile:
    """How the program reads the file: as np.loadtxt does, which is tried here.

    Raises FileError where that gives other numbers than we read.
    """
    folder = Path.cwd() if out is None else out.resolve().parent
    try:
        beside = Path(os.path.relpath(path.resolve(), folder)).as_posix()
    except ValueError as problem:
        raise FileError("program_csv_far", path=path) from problem
    reason = ""
    for encoding in ENCODINGS:
        for header in range(HEADERS):
            csv = CsvFile(beside, header, features, targets, encoding)
            try:
                numbers = csv.load(folder)
            except (ValueError, UnicodeError) as problem:
                reason = reason or str(problem).partition("\n")[0]
                continue
            if np.array_equal(numbers, table.numbers):
                return csv
    raise FileError("program_csv", path=path, problem=reason)
