"""The exercise on attention, one head of width 2 over two positions: forward and the softmax's way
back; with a cost, down to q, k and v; and with the matrices that make them of x, where no position
looks at a later one."""

from collections.abc import Callable, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.attention import MultiheadAttention
from clearprop.engine.network import Network
from clearprop.teaching.exercises.designs.attention_numbers import (
    FEATURES,
    MADE,
    POSITIONS,
    entry_of,
    head_backward,
    head_forward,
    matrices_backward,
    matrix_entry,
    outputs_cost,
    seen_from,
    vectors_forward,
)
from clearprop.teaching.exercises.designs.design import (
    GridPicture,
    LayerDesign,
    NumberGrid,
    StudentProgram,
    array,
    derivative,
)
from clearprop.teaching.exercises.expressions import Values
from clearprop.teaching.exercises.naming import Label

_WEIGHED = (
    "s = q @ np.swapaxes(k, 1, 2) / np.sqrt(2)",
    "powers = np.exp(s - s.max(axis=2, keepdims=True))",
    "a = powers / powers.sum(axis=2, keepdims=True)",
    "y = a @ v",
)
_MASK = "s = np.where(np.tri(2, dtype=bool), s, -np.inf)"
_BACK = (
    "dv = np.swapaxes(a, 1, 2) @ dy",
    "da = dy @ np.swapaxes(v, 1, 2)",
    "ds = a * (da - (a * da).sum(axis=2, keepdims=True))",
    "dq = ds @ k / np.sqrt(2)",
    "dk = np.swapaxes(ds, 1, 2) @ q / np.sqrt(2)",
)
_HEAD_PROGRAM = StudentProgram(("q", "k", "v"), ("q", "k", "v"), _WEIGHED, _BACK)
_WHOLE_PROGRAM = StudentProgram(
    ("x", "Wq", "Wk", "Wv"),
    ("x",),
    ("q, k, v = x @ Wq, x @ Wk, x @ Wv", _WEIGHED[0], _MASK, *_WEIGHED[1:]),
    (
        *_BACK,
        "dWq = np.tensordot(x, dq, axes=((0, 1), (0, 1)))",
        "dWk = np.tensordot(x, dk, axes=((0, 1), (0, 1)))",
        "dWv = np.tensordot(x, dv, axes=((0, 1), (0, 1)))",
        "dx = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T",
    ),
)


def _square(letter: str) -> tuple[Label, ...]:
    return tuple(entry_of(letter, i, j) for i in POSITIONS for j in FEATURES)


def _grid(symbol: str, labels: tuple[Label, ...]) -> NumberGrid:
    names = [label.name for label in labels]
    return NumberGrid(symbol, (tuple(names[:2]), tuple(names[2:])))


def _drawn(count: int, few: tuple[float, ...]) -> Callable[[np.random.Generator], list[float]]:
    """So many small numbers, and behind them four with one decimal for what stands at y."""

    def draw(generator: np.random.Generator) -> list[float]:
        found = [float(one) for one in generator.choice(few, count)]
        last = generator.choice(np.arange(2, 20), 4, replace=False) / 10
        signs = np.where(generator.random(4) < 1 / 3, -1.0, 1.0)
        return [*found, *(float(one) for one in last * signs)]

    return draw


def _design(
    causal: bool,
    cost: bool,
    whole: bool,
    asked: str,
    negatives: int,
    conventions: tuple[str, ...],
) -> LayerDesign:
    network = Network(Sequential(MultiheadAttention(2, 1, bias=False, causal=causal)))
    if whole:
        matrices = {
            f"W{letter}": tuple(matrix_entry(made, f, c) for f in FEATURES for c in FEATURES)
            for letter, made in MADE.items()
        }
        taken = {"x": _square("x"), **matrices}
    else:
        taken = {letter: _square(letter) for letter in MADE}
    names = {name: [label.name for label in labels] for name, labels in taken.items()}
    of_y = _square("y")
    at_output = _square("t") if cost else tuple(map(derivative, of_y))

    def arrays(values: Values) -> Mapping[str, Array]:
        return {
            name: array(values, own, *((2, 2) if name.startswith("W") else (1, 2, 2)))
            for name, own in names.items()
        }

    def parameters(values: Values) -> Mapping[str, Array]:
        # Of x = 1 the matrices are q, k and v themselves.
        own = [one.reshape(2, 2) for name, one in arrays(values).items() if name != "x"]
        return {
            "layers[0].in_proj_weight": np.concatenate(own, axis=1),
            "layers[0].out_proj_weight": np.eye(2),
        }

    output = [label.name for label in at_output]
    backward = (*head_backward(causal), *(matrices_backward() if whole else ()))
    scores = NumberGrid(
        "*s*", tuple(tuple(f"s{i}{j}" for j in seen_from(causal, i)) for i in POSITIONS)
    )
    weights = NumberGrid(
        "*a*", tuple(tuple(f"a{i}{j}" for j in seen_from(causal, i)) for i in POSITIONS)
    )
    vectors = tuple(_grid(f"*{letter}*", _square(letter)) for letter in MADE)
    first: tuple[tuple[NumberGrid, ...], ...] = ()
    if whole:
        first = (
            (
                _grid("*x*", _square("x")),
                *(_grid(f"*w*^[{MADE[one]}]", taken[f"W{one}"]) for one in MADE),
            ),
        )
    return LayerDesign(
        network=network,
        parameters=parameters,
        given_x=lambda values: arrays(values)["x"] if whole else np.eye(2)[None],
        at_output=lambda values: array(values, output, 1, 2, 2),
        derivative_given=not cost,
        givens=(*(label for labels in taken.values() for label in labels), *at_output),
        draw=_drawn(sum(map(len, taken.values())), (-2.0, -1.0, 1.0, 2.0, 0.5)),
        negatives=negatives,
        numbers=(
            *(vectors_forward() if whole else ()),
            *head_forward(causal),
            *(outputs_cost() if cost else ()),
            *backward,
        ),
        asked=frozenset(asked.split()),
        exact=False,
        program=_WHOLE_PROGRAM if whole else _HEAD_PROGRAM,
        arrays=arrays,
        reference=None,
        picture=GridPicture(
            (*first, (*vectors, scores, weights, _grid("*y*", of_y))), 4 if whole else 3
        ),
        conventions=conventions,
        explained=(
            matrix_entry("Q", 1, 1) if whole else entry_of("q", 1, 1),
            "layers[0].in_proj_weight[0,0]",
        ),
    )


_ALL = "s11 s12 s21 s22 a11 a12 a21 a22 y11 y12 y21 y22 "

ATTENTION = (
    _design(
        False,
        False,
        False,
        _ALL + "dC/da11 dC/da12 dC/da21 dC/da22 dC/ds11 dC/ds12 dC/ds21 dC/ds22"
        " dC/dv11 dC/dv12 dC/dv21 dC/dv22",
        6,
        ("attention", "given_derivative", "calculator_exp"),
    ),
    _design(
        False,
        True,
        False,
        _ALL + "C dC/dy11 dC/dy12 dC/dy21 dC/dy22 dC/da11 dC/da12 dC/da21 dC/da22"
        " dC/ds11 dC/ds12 dC/ds21 dC/ds22 dC/dq11 dC/dq12 dC/dq21 dC/dq22 dC/dk11 dC/dk12"
        " dC/dk21 dC/dk22 dC/dv11 dC/dv22",
        6,
        ("attention", "cost_outputs", "calculator_exp"),
    ),
    _design(
        True,
        False,
        True,
        "q11 q12 q21 q22 k11 k12 k21 k22 v11 v12 v21 v22 s11 s21 s22 a11 a21 a22 y11 y12 y21 y22"
        " dC/da11 dC/da21 dC/da22 dC/ds11 dC/ds21 dC/ds22 dC/dq21 dC/dq22 dC/dk11 dC/dk22"
        " dC/dv11 dC/dv21 dC/dwQ12 dC/dwK11 dC/dwK21 dC/dwV12 dC/dx21",
        8,
        ("attention", "matrices", "mask", "given_derivative", "calculator_exp"),
    ),
)
