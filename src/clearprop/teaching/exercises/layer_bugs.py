"""The same as `bugs` of convolutions, loops over time and attention: the program of a design with
one planted mistake, and what is asked about it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises.bugs import (
    POINTS,
    line_blank,
    numbered,
    printed_line,
    wrong_line,
)
from clearprop.teaching.exercises.designs.design import LayerDesign
from clearprop.teaching.exercises.expressions import Expression, Values, inlined
from clearprop.teaching.exercises.layer_network import LayerNetwork
from clearprop.teaching.exercises.sheet import TOLERANCE, Blank, Exercise

# Each by its name, with the topic whose programs it takes.
LAYER_BUGS: Mapping[str, str] = MappingProxyType(
    {f"bug-{topic}": topic for topic in ("convolution", "time", "attention")}
)

# A part of one line of the way back, and what stands there instead.
Slip = tuple[str, str]
_COST: tuple[Slip, ...] = (("2 * (y - target)", "2 * (target - y)"),)
SLIPS: Mapping[str, tuple[Slip, ...]] = MappingProxyType(
    {
        "convolution": (
            *_COST,
            (" / 4 * np.ones_like(z)", " * np.ones_like(z)"),
            ("da * (z > 0)", "da * z"),
            ("da * (z > 0)", "da"),
            ("* is_largest)", "* windows)"),
            ("windows.max(axis=2, keepdims=True)", "windows.max(axis=1, keepdims=True)"),
            ("signal = dz[:, 0, i, j]", "signal = dz[:, 0, j, i]"),
            ("dW[0, 0] += (signal", "dW[0, 0] = (signal"),
            ("] += signal * W[0, 0]", "] = signal * W[0, 0]"),
            ("signal * W[0, 0]", "signal * W[0, 0, ::-1, ::-1]"),
            ("dz.sum(axis=(0, 2, 3))", "dz.mean(axis=(0, 2, 3))"),
            ("d_padded[:, :, 1:-1]", "d_padded[:, :, 2:]"),
        ),
        "time": (
            *_COST,
            ("dh = dy[:, t] + later", "dh = dy[:, t]"),
            ("(1 - h[t + 1] ** 2)", "(1 - h[t] ** 2)"),
            ("(1 - h[t + 1] ** 2)", "(1 - h[t + 1])"),
            ("dW += x", "dW = x"),
            ("dU += h[t].T", "dU += h[t + 1].T"),
            ("dU += h", "dU = h"),
            ("db += dz", "db = dz"),
            ("dc = later + dh", "dc = dh"),
            ("di = dc * g * i *", "di = dc * g *"),
            ("df = dc * c[t] *", "df = dc * c[t + 1] *"),
            ("dg = dc * i *", "dg = dc * g *"),
            ("[di, df, dg, do]", "[di, do, dg, df]"),
            ("U.T, dc * f", "U.T, dc * i"),
        ),
        "attention": (
            *_COST,
            ("dv = np.swapaxes(a, 1, 2) @ dy", "dv = a @ dy"),
            ("dy @ np.swapaxes(v, 1, 2)", "dy @ v"),
            ("(a * da).sum(axis=2", "(a * da).sum(axis=1"),
            ("(da - (a * da).sum(axis=2, keepdims=True))", "(1 - a) * da"),
            ("ds @ k / np.sqrt(2)", "ds @ k"),
            ("np.swapaxes(ds, 1, 2) @ q", "ds @ q"),
            ("dq @ Wq.T", "dq @ Wq"),
        ),
    }
)

_GRADIENT = re.compile(r"dC/d(?P<letter>[A-Za-z]+?)(?P<index>\d*)")


def statements(design: LayerDesign) -> tuple[str, ...]:
    """The right program line by line: forward, what comes back from the cost, and backward. Where
    ∂C/∂y is given, `dy` is one of its arrays."""
    program = design.program
    cost = () if design.derivative_given else ("dy = 2 * (y - target) / y.size",)
    return (*program.forward, *cost, *program.backward)


def run_lines(design: LayerDesign, lines: tuple[str, ...], values: Values) -> Mapping[str, Array]:
    """Every array of the program, run on the given numbers."""
    at_output = "dy" if design.derivative_given else "target"
    known = {"np": np, **design.arrays(values), at_output: design.at_output(values)}
    # The lines are those of the designs and of the table above: no text from outside is ever run.
    exec("\n".join(lines), known)
    return {name: one for name, one in known.items() if isinstance(one, np.ndarray)}


def planted_in_layers(sheet: Exercise, topic: str, generator: np.random.Generator) -> Exercise:
    """The sheet as one of the topic, with a program in the place of its blanks, one mistake in it,
    and what is asked.

    Raises ConfigurationError where none of the mistakes can be seen in the numbers.
    """
    assert isinstance(sheet.network, LayerNetwork)
    design, values = sheet.network.design, sheet.given_values
    right = statements(design)
    arrays = run_lines(design, right, values)
    places = [(blank, *place) for blank in sheet.blanks for place in _places(blank, arrays, design)]
    # The gradients of weights and inputs come first, as in the programs of linear layers.
    places.sort(key=lambda one: one[0].name.removeprefix("dC/d") not in values)
    known = list(_mistakes(LAYER_BUGS[topic], design))
    for choice in generator.permutation(len(known)).tolist():
        line, instead = known[choice]
        lines = (*right[: line - 1], instead, *right[line:])
        wrong = _run_or_nothing(design, lines, values)
        for blank, name, index in places:
            if not _is_off(wrong.get(name), index, blank.value):
                continue
            formulas: dict[str, Expression] = {
                one.label.name: one.formula
                for one in design.numbers
                if one.label.name not in values
            }
            asked = replace(
                blank, formula=inlined(blank.formula, formulas), points=POINTS, slips=()
            )
            return replace(
                sheet, topic=topic, blanks=(line_blank(line), asked), program=numbered(lines)
            )
    raise ConfigurationError("exercise_not_found", topic=topic, level=sheet.level)


def layer_correction(sheet: Exercise) -> tuple[int, str, str]:
    """The number of the wrong line, what stands there, and what should."""
    assert isinstance(sheet.network, LayerNetwork)
    line = wrong_line(sheet)
    right = statements(sheet.network.design)[line - 1].strip()
    return line, printed_line(sheet, line), right


def _mistakes(topic: str, design: LayerDesign) -> Iterator[tuple[int, str]]:
    """The number of a line, counted from 1, and what stands there instead."""
    lines = statements(design)
    first = len(design.program.forward)
    for right, wrong in SLIPS[topic]:
        for number, line in enumerate(lines[first:], first + 1):
            if right in line:
                yield number, line.replace(right, wrong)


def _run_or_nothing(
    design: LayerDesign, lines: tuple[str, ...], values: Values
) -> Mapping[str, Array]:
    """The arrays; none where the mistake does not even fit the shapes of this level."""
    try:
        return run_lines(design, lines, values)
    except (ValueError, IndexError):
        return {}


def _is_off(wrong: Array | None, index: Index, value: float) -> bool:
    if wrong is None or len(index) != wrong.ndim:
        return False
    return bool(abs(wrong[index] - value) > 5 * TOLERANCE)


def _places(
    blank: Blank, arrays: Mapping[str, Array], design: LayerDesign
) -> Iterator[tuple[str, Index]]:
    """Where the program has a gradient that the sheet asks for: the entry of a given number's
    array, or the one that its index says, and only if the same number stands there."""
    found = _GRADIENT.fullmatch(blank.name)
    if found is None:
        return
    given = {label.name: float(number) for number, label in enumerate(design.givens, 1)}
    asked = blank.name.removeprefix("dC/d")
    candidates: list[tuple[str, Index]] = []
    if asked in given:
        for name, array in design.arrays(given).items():
            at = np.argwhere(array == given[asked])
            candidates += [(f"d{name}", tuple(int(one) for one in place)) for place in at]
    elif f"d{found['letter']}" in arrays:
        name, digits = f"d{found['letter']}", tuple(int(one) - 1 for one in found["index"])
        lead = (0,) * (arrays[name].ndim - len(digits))
        candidates.append((name, (*lead, *digits)))
    for name, index in candidates:
        made = arrays.get(name)
        if made is None or len(index) != made.ndim or not _is_entry(made, index):
            continue
        if abs(float(made[index]) - blank.value) < TOLERANCE / 10:
            yield name, index


def _is_entry(array: Array, index: Index) -> bool:
    return all(at < size for at, size in zip(index, array.shape, strict=True))
