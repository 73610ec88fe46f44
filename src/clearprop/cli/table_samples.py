"""The samples in a table, as a network and its loss take them: features, and as the target numbers,
ids of classes or names of classes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.base.errors import FileError
from clearprop.cli.csv_tables import CsvTable
from clearprop.engine.graph import INPUT, Node
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import CrossEntropy, Loss
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS

# Features whose sizes differ by more than this are spoken of: curvature goes with the square.
VERY_DIFFERENT = 100.0


class Notice(NamedTuple):
    """Something about the data that a person should know: the key of its sentence, and what stands
    in it."""

    key: str
    values: Mapping[str, object]


class TableSamples(NamedTuple):
    """Samples from a table.

    x         (N, features); of a network that takes ids, whole numbers, (N,) where it is one column
    target    (N, D), or the classes' ids (N,)
    classes   what the classes are called, by their ids; none where they have no names
    features, targets  the columns that they were taken from
    notices   what to tell the person
    """

    x: Array
    target: Array
    classes: tuple[str, ...]
    features: tuple[int, ...]
    targets: tuple[int, ...]
    notices: tuple[Notice, ...]


def samples_of(
    table: CsvTable,
    network: Network,
    loss: Loss,
    target: str | None,
    classes: Sequence[str] = (),
    *,
    dtype: "np.dtype[np.floating]",
    finite: bool = True,
    input_shape: Shape | None = None,
) -> TableSamples:
    """The samples of a table.

    target   names of the target's columns, with commas between; the last ones unless given
    classes  what the network's classes are called; where it does not say, names in the table are
             taken in their alphabetical order
    dtype    that of the parameters
    finite   False takes NaN and infinities, and NaN for an empty cell
    input_shape  of one sample, of a network of images, whose numbers stand in one row

    Raises FileError for columns that do not go with the network, and, with the line, for a cell
    that is no such number, id or class.
    """
    inputs, outputs = widths(network, input_shape)
    targets = _target_columns(table, loss, target, inputs, outputs)
    features = [column for column in range(len(table.names)) if column not in targets]
    if not features:
        raise FileError("table_without_features", path=table.path)
    if inputs is not None and len(features) != inputs:
        raise FileError(
            "table_columns",
            path=table.path,
            came=len(features),
            target=len(targets),
            expected=inputs,
        )
    notices: list[Notice] = []
    if _takes_ids(network):
        x = _ids(table, features)
    else:
        numbers = table.numbers(features, finite=finite)
        notices += _of_scale(table, features, numbers)
        x = numbers.astype(dtype)
        if input_shape is not None:
            x = x.reshape(len(x), *input_shape)
    names = tuple(classes)
    if _tells_classes(loss, outputs) and len(targets) == 1:
        ids, names = _class_ids(table, targets[0], loss, names, max(outputs, 2))
        if names and not classes:
            told = ", ".join(f"{number} = {name}" for number, name in enumerate(names))
            notices.append(Notice("cli.notice.classes_found", {"classes": told}))
        t = ids if _takes_classes(loss) else ids[:, None].astype(dtype)
    else:
        t = table.numbers(targets, finite=finite).astype(dtype)
    return TableSamples(x, t, names, tuple(features), tuple(targets), tuple(notices))


def widths(network: Network, input_shape: Shape | None = None) -> tuple[int | None, int]:
    """How many features the network takes, None where that cannot be told, and how many outputs it
    has; `input_shape` is that of one sample, where it is known."""
    inputs = next((size for one in first_layers(network) if (size := _features(one))), None)
    shapes = network.graph.shapes(input_shape or (None if inputs is None else (inputs,)))
    if input_shape is not None:
        inputs = int(np.prod(input_shape))
    shape = shapes[network.graph.output]
    return inputs, 1 if shape is None else int(np.prod(shape))


def first_layers(network: Network) -> list[Layer]:
    """The layers that take the network's own input."""
    takers = network.graph.takers(INPUT)
    return [one.layer for one in takers if isinstance(one, Node)]


def _features(layer: Layer) -> int | None:
    if isinstance(layer, Linear):
        return layer.inputs
    row = LAYER_ROWS.get(type(layer))
    # Its first setting says so.
    return next(iter(layer.settings().values())) if row and row.told_features else None


def _takes_ids(network: Network) -> bool:
    rows = (LAYER_ROWS.get(type(layer)) for layer in first_layers(network))
    return any(row is not None and row.ids is not None for row in rows)


def _takes_classes(loss: Loss) -> bool:
    row = LOSS_ROWS.get(type(loss))
    return row is not None and row.takes_classes


def _tells_classes(loss: Loss, outputs: int) -> bool:
    """Whether the target of this loss, in one column, is a class: its id, or 0 and 1."""
    row = LOSS_ROWS.get(type(loss))
    return row is not None and (row.takes_classes or (row.tells_two_apart and outputs == 1))


def _target_columns(
    table: CsvTable, loss: Loss, target: str | None, inputs: int | None, outputs: int
) -> list[int]:
    if target is not None:
        return [table.column(name.strip()) for name in target.split(",")]
    count = outputs
    # Probabilities have a column for each class, ids one.
    if _takes_classes(loss) and (inputs is None or len(table.names) != inputs + outputs):
        count = 1
    return list(range(len(table.names)))[-count:]


def _ids(table: CsvTable, features: list[int]) -> Array:
    numbers = table.numbers(features)
    if (wrong := numbers != np.round(numbers)).any():
        row, place = (int(i) for i in np.argwhere(wrong)[0])
        raise table.problem("cell_not_id", row, features[place])
    ids: Array = numbers.astype(np.int64)
    return ids[:, 0] if ids.shape[1] == 1 else ids


def _class_ids(
    table: CsvTable, column: int, loss: Loss, classes: tuple[str, ...], count: int
) -> tuple[Array, tuple[str, ...]]:
    """The ids (N,) of one column's classes, and what they are called."""
    cells = table.texts(column)
    if not (classes and set(cells) <= set(classes)):
        if table.is_numeric(column):
            return _ids_of_numbers(table, column, loss, count), classes
        if classes:
            row = next(i for i, cell in enumerate(cells) if cell not in classes)
            raise table.problem("cell_not_class", row, column, known=", ".join(classes))
        for row, cell in enumerate(cells):
            if not cell.isprintable():
                raise table.problem("cell_not_name", row, column)
        classes = tuple(sorted(set(cells)))
        if len(classes) != count:
            raise FileError(
                "table_classes",
                path=table.path,
                column=table.names[column],
                came=len(classes),
                classes=", ".join(classes[:12]),
                expected=count,
            )
    numbered = {name: number for number, name in enumerate(classes)}
    return np.array([numbered[cell] for cell in cells]), classes


def _ids_of_numbers(table: CsvTable, column: int, loss: Loss, count: int) -> Array:
    numbers = table.numbers([column])[:, 0]
    known = (numbers == np.round(numbers)) & (numbers >= 0) & (numbers < count)
    if isinstance(loss, CrossEntropy):
        known |= numbers == loss.ignore_index
    if not _takes_classes(loss):
        # A probability is a target as well; the loss says which are.
        return numbers
    if not known.all():
        row = int(np.argmin(known))
        raise table.problem("cell_not_class_id", row, column, last=count - 1)
    ids: Array = numbers.astype(np.int64)
    return ids


def _of_scale(table: CsvTable, features: list[int], numbers: Array) -> list[Notice]:
    """A notice where the features are of very different sizes (root mean square): the loss curves
    along a weight as the square of what it is multiplied with."""
    finite = np.where(np.isfinite(numbers), numbers, 0)
    sizes = np.sqrt((finite**2).mean(axis=0))
    used = [place for place in range(len(features)) if sizes[place] > 0]
    if len(used) < 2:
        return []
    large, small = max(used, key=lambda i: sizes[i]), min(used, key=lambda i: sizes[i])
    if sizes[large] < VERY_DIFFERENT * sizes[small]:
        return []
    values = {
        "large": table.names[features[large]],
        "small": table.names[features[small]],
        "large_size": f"{sizes[large]:.3g}",
        "small_size": f"{sizes[small]:.3g}",
        "times": f"{sizes[large] / sizes[small]:,.0f}",
    }
    return [Notice("cli.notice.scales", {**values})]
