"""The training that `clearprop write` is asked for, as the recipe that a program is written of."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clearprop.base.arrays import Shape, dtype_named
from clearprop.base.errors import ConfigurationError, ContractError, FileError, UnknownNameError
from clearprop.cli.command_line import names_in
from clearprop.cli.csv_tables import CsvTable, read_table
from clearprop.cli.table_samples import Notice, TableSamples, samples_of
from clearprop.engine.optimizers import SGD, Clipped, Optimizer, OptimizerState
from clearprop.engine.schedules import Rate
from clearprop.estimators.model_file import holds_model
from clearprop.formats import network_file as files
from clearprop.kinds.kind_tables import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES
from clearprop.reading.programs import CsvFile, Recipe
from clearprop.reading.programs.architecture import network_of, shape_of
from clearprop.reading.programs.spelling import spelled
from clearprop.runs.run_folder import model_path
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


def recipe_of(wish: Wish, out: Path | None) -> tuple[Recipe, tuple[Notice, ...]]:
    """The recipe of the wish, and what a person should know of its data. `out` is the file that the
    program is written to, from which it finds its data; None is the terminal.

    Raises ConfigurationError, ContractError, FileError and UnknownNameError for what cannot be.
    """
    recipe = _recipe(wish)
    if wish.data is None:
        return recipe, ()
    if _is_file(wish.what) and holds_model(files.load(model_path(Path(wish.what)))):
        return _with_prepared(recipe, wish, wish.data)
    return _with_table(recipe, wish.data, wish.target, out)


def _recipe(wish: Wish) -> Recipe:
    """The recipe of the wish, with the samples that are kept in the file."""
    recipe = _of_file(wish) if _is_file(wish.what) else _of_words(wish.what)
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


def _of_words(text: str) -> Recipe:
    shape = shape_of(text)
    return Recipe(network_of(text), input_shape=None if shape is None else _image_shape(shape))


def _image_shape(shape: Shape) -> Shape | None:
    """The shape of a sample that is no row of features; None of one that is."""
    return shape if len(shape) > 1 else None


def _is_file(what: str) -> bool:
    return what.endswith(".safetensors") or Path(what).exists() or "/" in what or os.sep in what


def _of_file(wish: Wish) -> Recipe:
    """A saved network, as its training would go on."""
    path = model_path(Path(wish.what))
    try:
        saved = files.load(path)
    except UnknownNameError as problem:
        if problem.key != "class_unknown":
            raise
        name = problem.values["name"]
        raise ContractError("program_class_own", name=name, known=", ".join(LAYERS)) from problem
    if wish.data is None and (saved.x is None or saved.target is None):
        raise FileError("file_without_sample", path=path)
    if saved.network.start_state and not saved.state:
        raise FileError("file_without_statistics", path=path)
    progress = saved.progress
    batch_size = progress.batch_size
    if saved.x is not None and batch_size is not None and wish.data is None:
        # A file may keep fewer samples than a batch of the training had.
        batch_size = batch_size if batch_size < len(saved.x) else None
    recipe = Recipe(
        saved.network,
        saved.params,
        saved.x,
        saved.target,
        layers=saved.state,
        input_shape=None if saved.x is None else _image_shape(saved.x.shape[1:]),
        step=progress.step,
        seed=progress.seed,
        batch_size=batch_size,
        dtype=str(saved.params.dtype),
        classes=saved.classes,
        side_inputs=saved.side_inputs if wish.data is None else {},
    )
    if saved.loss is not None:
        recipe = replace(recipe, loss=saved.loss)
    if saved.optimizer is not None:
        recipe = replace(recipe, optimizer=saved.optimizer, memory=progress.memory)
    return recipe


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


def _with_prepared(recipe: Recipe, wish: Wish, data: Path) -> tuple[Recipe, tuple[Notice, ...]]:
    """The recipe with a table's rows as the network of a model takes them: the program holds these,
    for what is done to the columns first is no part of the network."""
    from clearprop.runs.known_rows import samples_for

    x, target, notes = samples_for(Path(wish.what), data, names_in(wish.target))
    return replace(recipe, x=x, target=target), tuple(Notice(*note) for note in notes)


def _with_table(
    recipe: Recipe, path: Path, target: str | None, out: Path | None
) -> tuple[Recipe, tuple[Notice, ...]]:
    """The recipe with the samples of a CSV file, which the program reads itself."""
    table = read_table(path)
    samples = samples_of(
        table,
        recipe.network,
        recipe.loss,
        target,
        recipe.classes,
        dtype=np.dtype(np.float64),
        input_shape=recipe.input_shape,
    )
    recipe = replace(
        recipe,
        x=samples.x,
        target=samples.target,
        classes=samples.classes,
        csv=_csv(table, path, samples, out),
    )
    return recipe, samples.notices


def _csv(table: CsvTable, path: Path, samples: TableSamples, out: Path | None) -> CsvFile:
    """How the program reads the file: as np.loadtxt does, which is tried here.

    Raises FileError where that gives other numbers than we read.
    """
    folder = Path.cwd() if out is None else out.resolve().parent
    try:
        beside = Path(os.path.relpath(path.resolve(), folder)).as_posix()
    except ValueError as problem:
        raise FileError("program_csv_far", path=path) from problem
    features, targets = samples.features, samples.targets
    classes = samples.classes if not table.is_numeric(targets[0]) else ()
    expected = table.numbers(list(features))
    told = samples.target.reshape(len(expected), -1)
    is_quoted = '"' in path.read_text(encoding="utf-8-sig")
    reason = ""
    for encoding in ENCODINGS:
        for header in range(HEADERS):
            csv = CsvFile(
                beside, header, features, targets, encoding, classes=classes, is_quoted=is_quoted
            )
            try:
                numbers = csv.load(folder)
            except (ValueError, UnicodeError) as problem:
                reason = reason or str(problem).partition("\n")[0]
                continue
            if numbers.shape == (len(expected), len(table.names)) and (
                np.array_equal(numbers[:, features], expected)
                and np.array_equal(numbers[:, targets], told)
            ):
                return csv
    raise FileError("program_csv", path=path, problem=reason)
