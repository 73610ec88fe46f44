"""The exercise on convolution: a 3×3 kernel on a 4×4 image alone, before ReLU and average pooling,
and with a border before max pooling."""

from collections.abc import Callable, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.activations import ReLU
from clearprop.engine.layers.convolution import Conv2d
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.pooling import AvgPool2d, MaxPool2d
from clearprop.engine.layers.reshaping import Flatten
from clearprop.engine.network import Network
from clearprop.teaching.exercises.designs.convolution_numbers import (
    BIAS,
    KERNEL,
    PIXELS,
    SIDE,
    KernelSums,
    average_pooled,
    entries,
    max_pooled,
    pixel_of,
    placed,
    sum_at,
    sums_backward,
    sums_forward,
    weight_of,
)
from clearprop.teaching.exercises.designs.design import (
    BORDER,
    GridPicture,
    LayerDesign,
    NumberGrid,
    StudentProgram,
    WorkedNumber,
    anything,
    array,
    derivative,
    indexed,
)
from clearprop.teaching.exercises.expressions import Values
from clearprop.teaching.exercises.naming import Label

# No z is nearer to ReLU's kink, or to another one that pooling compares it with.
APART = 0.1
_IMAGE, _ENTRIES, _BIASES = (0, 1, 2, 3), (-2, -1, 1, 2, 0), (-2, -1, 1, 2)

_SUM_UP = (
    "for i in range({rows}):",
    "    for j in range({columns}):",
    "        patch = {image}[:, 0, i : i + 3, j : j + 3]",
    "        z[:, 0, i, j] = (patch * W[0, 0]).sum(axis=(1, 2)) + b",
)
_BACK = (
    "dW, {back} = np.zeros_like(W), np.zeros_like({image})",
    "for i in range({rows}):",
    "    for j in range({columns}):",
    "        signal = dz[:, 0, i, j].reshape(-1, 1, 1)",
    "        dW[0, 0] += (signal * {image}[:, 0, i : i + 3, j : j + 3]).sum(axis=0)",
    "        {back}[:, 0, i : i + 3, j : j + 3] += signal * W[0, 0]",
    "db = dz.sum(axis=(0, 2, 3))",
)


def _program(
    sums: KernelSums, forward: tuple[str, ...], backward: tuple[str, ...]
) -> StudentProgram:
    bordered = bool(sums.border)
    rows, columns = sums.places[-1]
    words = {
        "rows": rows,
        "columns": columns,
        "image": "padded" if bordered else "x",
        "back": "d_padded" if bordered else "dx",
    }
    before = ("padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))",) if bordered else ()
    behind = ("dx = d_padded[:, :, 1:-1]",) if bordered else ()
    return StudentProgram(
        ("x", "W", "b"),
        ("x",),
        (
            *before,
            f"z = np.zeros((len(x), 1, {rows}, {columns}))",
            *(line.format(**words) for line in _SUM_UP),
            *forward,
        ),
        (*backward, *(line.format(**words) for line in _BACK), *behind),
    )


_ALONE = KernelSums(0), ("y = z",), ("dz = dy",)
_AVERAGED = (
    KernelSums(0),
    ("a = np.maximum(z, 0)", "y = a.mean(axis=(2, 3))"),
    ("da = dy[:, :, None, None] / 4 * np.ones_like(z)", "dz = da * (z > 0)"),
)
_LARGEST = (
    KernelSums(1),
    (
        "windows = z.reshape(len(x), 2, 4)",
        "y = windows.max(axis=2)",
    ),
    (
        "is_largest = windows == windows.max(axis=2, keepdims=True)",
        "dz = (dy[:, :, None] * is_largest).reshape(z.shape)",
    ),
)


def _draw(
    at_output: Callable[[np.random.Generator], list[float]],
) -> Callable[[np.random.Generator], list[float]]:
    def draw(generator: np.random.Generator) -> list[float]:
        image = generator.choice(_IMAGE, len(PIXELS))
        kernel = generator.choice(_ENTRIES, KERNEL * KERNEL)
        bias = generator.choice(_BIASES, 1)
        return [*map(float, (*image, *kernel, *bias)), *at_output(generator)]

    return draw


def _tenths(count: int, most: int) -> Callable[[np.random.Generator], list[float]]:
    """So many numbers with one decimal, no two of which are alike."""

    def drawn(generator: np.random.Generator) -> list[float]:
        found = generator.choice(np.arange(2, 10 * most), count, replace=False)
        signs = np.where(generator.random(count) < 1 / 3, -1, 1)
        return [float(value) for value in found * signs / 10]

    return drawn


def _sums_of(convolution: Network, values: Mapping[str, Array]) -> Array:
    """Z of all samples (N, rows, columns), by the engine's convolution."""
    params = convolution.replace(
        np.zeros(convolution.size), {"weight": values["W"], "bias": values["b"].reshape(1, 1)}
    )
    return convolution.forward(params, values["x"]).output[:, 0]


def _away_from_kink(z: Array) -> bool:
    return bool(np.abs(z).min() > APART)


def _largest_stand_out(z: Array) -> bool:
    """Whether in every window one z is larger than the others by enough."""
    ordered = np.sort(z.reshape(len(z), 2, -1), axis=2)
    return bool((ordered[..., -1] - ordered[..., -2]).min() > APART)


def _every_place_taken(z: Array) -> bool:
    chosen = z.reshape(len(z), 2, -1).argmax(axis=2)
    return all(set(window.tolist()) == set(range(z[0].size // 2)) for window in chosen.T)


def _grid(letter: str, rows: int, columns: int) -> NumberGrid:
    """The numbers of a letter in so many rows and columns."""
    names = tuple(
        tuple(placed(letter, (i, j)).name for j in range(1, columns + 1))
        for i in range(1, rows + 1)
    )
    return NumberGrid(f"*{letter}*", names)


def _made(
    kind: tuple[KernelSums, tuple[str, ...], tuple[str, ...]],
    layers: tuple[Layer, ...],
    between: tuple[WorkedNumber, ...],
    at_output: tuple[tuple[Label, ...], tuple[int, ...], int],
    asked: str,
    negatives: int,
    accepts: Callable[[Array], bool],
    tells: Callable[[Array], bool],
    grids: tuple[NumberGrid, ...],
    conventions: tuple[str, ...],
) -> LayerDesign:
    sums, forward, backward = kind
    weights = tuple(entries())
    output_labels, output_shape, most = at_output
    pixel_names = [pixel_of(pixel).name for pixel in PIXELS]
    weight_names = [weight_of(entry).name for entry in weights]
    output_names = [label.name for label in output_labels]

    def arrays(values: Values) -> Mapping[str, Array]:
        return {
            "x": array(values, pixel_names, 1, 1, SIDE, SIDE),
            "W": array(values, weight_names, 1, 1, KERNEL, KERNEL),
            "b": array(values, ["b"], 1),
        }

    def parameters(values: Values) -> Mapping[str, Array]:
        own = arrays(values)
        return {"layers[0].weight": own["W"], "layers[0].bias": own["b"].reshape(1, 1)}

    first = Conv2d(1, 1, KERNEL, padding=(sums.border, 0))
    network, convolution = Network(Sequential(first, *layers)), Network(first)
    every = (*sums_forward(sums), *between, *sums_backward(sums))
    kinds = {"z", "a", "y", "C", "dy", "dz", "db"}
    wanted = frozenset(
        one.label.name for one in every if one.kind in kinds or one.label.name in asked.split()
    )
    border = ((BORDER,) * SIDE,) * sums.border
    image = NumberGrid("*x*", (*border, *_grid("x", SIDE, SIDE).names, *border))
    given = (image, _grid("w", KERNEL, KERNEL))
    return LayerDesign(
        network=network,
        parameters=parameters,
        given_x=lambda values: arrays(values)["x"],
        at_output=lambda values: array(values, output_names, 1, *output_shape),
        derivative_given=not layers,
        givens=(*map(pixel_of, PIXELS), *map(weight_of, weights), BIAS, *output_labels),
        draw=_draw(_tenths(len(output_labels), most)),
        negatives=negatives,
        accepts=lambda values: accepts(_sums_of(convolution, arrays(values))),
        numbers=every,
        asked=wanted,
        exact=True,
        program=_program(sums, forward, backward),
        arrays=arrays,
        tells=lambda values: tells(_sums_of(convolution, values)),
        reference=network,
        picture=GridPicture(((*given, _grid("z", *sums.places[-1]), *grids),), 2, KERNEL),
        conventions=conventions,
        explained=(weight_of((1, 1)), "layers[0].weight[0,0,0,0]"),
    )


def _sides_of_kink(z: Array) -> bool:
    """Whether every place is on for some sample and off for another, and none is near the kink."""
    return _away_from_kink(z) and bool(((z > 0).any(axis=0) & (z < 0).any(axis=0)).all())


def _one_dead(z: Array) -> bool:
    return _away_from_kink(z) and int((z < 0).sum()) == 1


_PLAIN, _BORDERED = KernelSums(0), KernelSums(1)
_Y = Label("y", "*y*")

CONVOLUTION = (
    _made(
        _ALONE,
        (),
        (),
        (tuple(derivative(sum_at(place)) for place in _PLAIN.places), (1, 2, 2), 2),
        "dC/dw11 dC/dw13 dC/dw32 dC/dx11 dC/dx12 dC/dx33",
        5,
        anything,
        anything,
        (),
        ("kernel", "given_derivative"),
    ),
    _made(
        _AVERAGED,
        (ReLU(), AvgPool2d(2), Flatten()),
        tuple(average_pooled(_PLAIN)),
        ((Label("t", "*t*"),), (1,), 4),
        "dC/dw11 dC/dw13 dC/dw32 dC/dx11 dC/dx12 dC/dx33",
        4,
        _one_dead,
        _sides_of_kink,
        (
            _grid("a", 2, 2),
            NumberGrid("*y*", (("y",),)),
        ),
        ("kernel", "relu", "average_pooling", "cost_one"),
    ),
    _made(
        _LARGEST,
        (MaxPool2d((2, 2)), Flatten()),
        tuple(max_pooled(_BORDERED)),
        (tuple(indexed("t", k) for k in (1, 2)), (2,), 4),
        "dC/dw11 dC/dw21 dC/dw33 dC/dx12 dC/dx22 dC/dx43",
        4,
        _largest_stand_out,
        lambda z: _largest_stand_out(z) and _every_place_taken(z),
        (NumberGrid("*y*", (("y1",), ("y2",))),),
        ("kernel", "border", "max_pooling", "cost_many"),
    ),
)
