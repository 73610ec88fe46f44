"""The samples that a program trains on: written into it, read from a CSV file, or made up."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network
from clearprop.formats.example_rows import TIMES, sample_shape
from clearprop.kinds.kind_tables import LAYER_ROWS, LOSS_ROWS

EXAMPLE_SAMPLES = 100


@dataclass(frozen=True)
class CsvFile:
    """A CSV file of samples, as the program finds it.

    path      from the program's own folder, with forward slashes
    header    how many lines stand before the numbers
    features  the columns of x
    targets   the columns of t
    encoding  that of the file
    classes   what stands in the column of the target instead of numbers, by ids; none for numbers
    is_quoted whether cells may stand in double quotation marks
    """

    path: str
    header: int
    features: tuple[int, ...]
    targets: tuple[int, ...]
    encoding: str = "ascii"
    classes: tuple[str, ...] = ()
    is_quoted: bool = False

    def load(self, folder: Path) -> Array:
        """The numbers as the program will read them.

        Raises ValueError where they cannot be read so.
        """
        with warnings.catch_warnings():
            # An empty file; the caller compares what came.
            warnings.simplefilter("ignore")
            return np.loadtxt(
                folder / self.path,
                delimiter=",",
                skiprows=self.header,
                ndmin=2,
                encoding=self.encoding,
                quotechar='"' if self.is_quoted else None,
                converters={self.targets[0]: self._id} if self.classes else None,
            )

    def _id(self, name: str) -> int:
        return self.classes.index(name.strip())

    def lines(self, x: Array, t: Array) -> list[str]:
        """The lines from the file to x and t."""
        path = f'Path(__file__).parent / "{self.path}"'
        options = ['delimiter=","', "ndmin=2"]
        if self.header:
            options.insert(1, f"skiprows={self.header}")
        if self.encoding != "ascii":
            options.append(f'encoding="{self.encoding}"')
        if self.is_quoted:
            options.append("quotechar='\"'")
        begin = [f"file = {path}"]
        if self.classes:
            options.append(f"converters={{{self.targets[0]}: class_id}}")
            begin += [
                f"CLASSES = {list(self.classes)}",
                "def class_id(name):",
                "    return CLASSES.index(name.strip())",
            ]
        return [
            *begin,
            f"data = np.loadtxt(file, {', '.join(options)})",
            *_columns(x, t, self.features, self.targets),
        ]


def table_lines(x: Array, t: Array) -> list[str]:
    """The samples as the lines of a table: a sample's features, then its target."""
    rows = np.ndarray.reshape(x, (len(x), -1)), np.ndarray.reshape(t, (len(t), -1))
    return [
        ",".join(str(value) for part in rows for value in part[index]) for index in range(len(x))
    ]


def table_columns(x: Array, t: Array) -> list[str]:
    """The lines from a table's numbers `data` to x and t."""
    features, targets = x[0].size, t[0].size
    return _columns(x, t, range(features), range(features, features + targets))


def _columns(x: Array, t: Array, features: Sequence[int], targets: Sequence[int]) -> list[str]:
    total = len(features) + len(targets)
    return [f"x = {_cut(x, features, total)}", f"t = {_cut(t, targets, total)}"]


def _cut(array: Array, columns: Sequence[int], total: int) -> str:
    """The columns of `data` as an array of the given one's axes and dtype."""
    if array.ndim == 1:
        code = f"data[:, {columns[0]}]"
    elif list(columns) == list(range(columns[0], columns[-1] + 1)):
        first = "" if columns[0] == 0 else columns[0]
        last = "" if columns[-1] + 1 == total else columns[-1] + 1
        code = f"data[:, {first}:{last}]"
    else:
        code = f"data[:, {list(columns)}]"
    if array.ndim > 2:
        code += f".reshape({', '.join(map(str, (-1, *array.shape[1:])))})"
    if array.dtype.kind in "iu":
        code += ".astype(int)"
    elif array.dtype == np.float32:
        code += ".astype(np.float32)"
    return code


def example_lines(
    network: Network,
    loss: Loss,
    dtype: np.dtype[Any],
    input_shape: Shape | None = None,
) -> list[str]:
    """The lines that make up samples for a network where there are no data: a wave over the sum of
    the features, one for each output, seen with some noise; of sequences over the sum so far, and
    where one answer is given for each over the whole sum. `input_shape` is that of one sample,
    where the layers do not say it."""
    first = next(iter(network.graph.nodes.values())).layer
    cast = "" if dtype == np.float64 else f".astype(np.{dtype})"
    real = "float" if dtype == np.float64 else f"np.{dtype}"
    lines = ["rng = np.random.default_rng(SEED)"]
    row = LAYER_ROWS.get(type(first))
    shape = sample_shape(network)
    output = network.layer.output_shape(shape if input_shape is None else input_shape) or (1,)
    outputs, cut = output[-1], ""
    if row is not None and row.ids is not None:
        size = f"({EXAMPLE_SAMPLES}, {TIMES})" if shape else EXAMPLE_SAMPLES
        lines.append(f"x = rng.integers({row.ids(first)}, size={size})")
        total = "x[..., None]" if _keeps_times(network, shape) else "x.sum(axis=1)[:, None]"
        total = total if shape else "x[:, None]"
    elif input_shape is not None:
        sizes = ", ".join(map(str, (EXAMPLE_SAMPLES, *input_shape)))
        lines.append(f"x = rng.uniform(-2, 2, ({sizes})){cast}")
        total = f"x.reshape({EXAMPLE_SAMPLES}, -1).sum(axis=1, keepdims=True)"
        if len(output) > 1:
            outputs, cut = math.prod(output), f".reshape{(EXAMPLE_SAMPLES, *output)}"
    elif shape is not None and len(shape) == 2:
        lines.append(f"x = rng.uniform(-2, 2, {(EXAMPLE_SAMPLES, *shape)}){cast}")
        total = "x.sum(axis=(1, 2))[:, None]"
        if _keeps_times(network, shape):
            total = "x.sum(axis=2, keepdims=True).cumsum(axis=1)"
    else:
        features = _features(network)
        lines.append(f"x = rng.uniform(-2, 2, ({EXAMPLE_SAMPLES}, {features})){cast}")
        total = "x" if features == 1 else "x.sum(axis=1, keepdims=True)"
    phases = "" if outputs == 1 else f" + np.arange({outputs})"
    lines.append(f"wave = np.sin({total}{phases}){cut}")
    seen = "wave + rng.normal(0, 0.1, wave.shape)"
    made = LOSS_ROWS.get(type(loss))
    if made is not None and made.example_target is not None:
        lines.append(f"t = {made.example_target(seen, real)}")
    elif cast:
        lines.append(f"t = ({seen}){cast}")
    else:
        lines.append(f"t = {seen}")
    return lines


def _keeps_times(network: Network, shape: Shape | None) -> bool:
    """Whether there is an answer for every time of a sample of this shape."""
    output = network.graph.shapes(shape)[network.graph.output]
    return bool(shape) and output is not None and len(output) == 2


def _features(network: Network) -> int:
    """How many features a network takes, by the first layer that says so."""
    for node in network.graph.nodes.values():
        for name in ("inputs", "features"):
            size = getattr(node.layer, name, None)
            if isinstance(size, int):
                return size
    return 1


def run_lines(lines: Sequence[str], seed: int) -> tuple[Array, Array]:
    """Run `example_lines` for x and t: so the program and clearprop see the same."""
    names: dict[str, Any] = {"np": np, "SEED": seed}
    exec("\n".join(lines), names)
    return names["x"], names["t"]
