"""A recurrent network of one unit over two or three times, and a cell of an LSTM over two.

zₜ = w·xₜ + u·hₜ₋₁ + b      hₜ = tanh(zₜ)       h₀ = 0
∂C/∂hₜ = what C takes of hₜ itself + u·∂C/∂zₜ₊₁  ∂C/∂zₜ = (1 − hₜ²)·∂C/∂hₜ
∂C/∂w = Σₜ xₜ·∂C/∂zₜ        ∂C/∂u = Σₜ hₜ₋₁·∂C/∂zₜ      ∂C/∂b = Σₜ ∂C/∂zₜ
"""

from collections.abc import Iterator, Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.written_recurrence import RecurrentForm, WrittenRecurrence
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.layers.rnn import RNN
from clearprop.engine.layers.time_step import TimeStep
from clearprop.engine.network import Network
from clearprop.engine.step import Step
from clearprop.teaching.exercises.designs.design import (
    LayerDesign,
    Reading,
    StudentProgram,
    TimeBox,
    UnrolledPicture,
    WorkedNumber,
    array,
    derivative,
    indexed,
    minus,
    times,
    total,
)
from clearprop.teaching.exercises.expressions import (
    Addition,
    Applied,
    Division,
    Expression,
    Name,
    NumberLiteral,
    Subtraction,
    Values,
)
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.naming import Label

ONE, TWO = NumberLiteral(1.0), NumberLiteral(2.0)
WEIGHTS = (Label("w", "*w*"), Label("u", "*u*"), Label("b", "*b*"))


def of_time(letter: str, time: int) -> Label:
    """A number of one time, counted from 1."""
    return indexed(letter, time)


def inside(name: str, time: int) -> Reading:
    """What is inside the layer at a time, by its name in the engine."""
    return lambda step: float(step.forward.inside("layers[0]")[name].values[0, time - 1, 0])


def gradient_inside(name: str, time: int) -> Reading:
    """∂C/∂(it)."""
    return lambda step: float(step.backward.inside("layers[0]")[name][0, time - 1, 0])


def of_parameter(path: str, column: int = 0) -> Reading:
    """∂C/∂(a parameter of the layer)."""
    return lambda step: float(step.backward.named()[f"layers[0].{path}"].ravel()[column])


def of_input(time: int) -> Reading:
    """∂C/∂xₜ."""

    def read(step: Step) -> float:
        dx = step.backward["layers[0]"].input_gradient
        return float("nan") if dx is None else float(dx[0, time - 1, 0])

    return read


def last_alone(last: int) -> tuple[WorkedNumber, WorkedNumber]:
    """C = (h − t)² of the last state, and ∂C/∂h."""
    h = of_time("h", last)
    cost = Applied("square", minus(h.name, "t"))
    back = times(TWO, minus(h.name, "t"))
    return (
        WorkedNumber(Label("C", "*C*"), "C", cost, lambda step: step.value),
        WorkedNumber(derivative(h), "da", back, gradient_inside("hidden", last)),
    )


def summed_over_times(
    label: Label,
    parts: list[tuple[int, Expression]],
    read: Reading,
    slips: tuple[KnownSlip, ...] = (),
) -> Iterator[WorkedNumber]:
    """A weight's gradient: the part of every time, where there are several, and their sum."""
    names: list[Expression] = []
    for time, part in parts if len(parts) > 1 else ():
        own = derivative(Label(f"{label.name}{time}", f"{label.symbol}_[{time}]"))
        names.append(Name(own.name))
        yield WorkedNumber(own, "dw", part, None)
    if not names:
        yield WorkedNumber(derivative(label), "dw", parts[0][1], read, slips)
        return
    alone = tuple(KnownSlip("one_time", name) for name in reversed(names))
    yield WorkedNumber(derivative(label), "dw", total(names), read, (*alone, *slips))


def _numbers(times_: int, every: bool) -> Iterator[WorkedNumber]:
    """Of a recurrent network whose last state, or every one, is compared with a target."""
    steps = range(1, times_ + 1)
    for t in steps:
        z, h = of_time("z", t), of_time("h", t)
        terms: list[Expression] = [times("w", f"x{t}")]
        slips: list[KnownSlip] = []
        if t > 1:
            terms.append(times("u", f"h{t - 1}"))
            before = times("u", f"z{t - 1}")
            forgotten = Addition((terms[0], Name("b")))
            slips = [
                KnownSlip("state_forgotten", forgotten),
                KnownSlip("z_for_h", Addition((terms[0], before, Name("b")))),
            ]
        yield WorkedNumber(z, "z", Addition((*terms, Name("b"))), None, tuple(slips))
        yield WorkedNumber(h, "a", Applied("tanh", Name(z.name)), inside("hidden", t))
    direct: Mapping[int, Expression] = {}
    if every:
        squares: list[Expression] = [Applied("square", minus(f"h{t}", f"t{t}")) for t in steps]
        count = NumberLiteral(float(times_))
        cost = times(Division(ONE, count), total(squares))
        yield WorkedNumber(Label("C", "*C*"), "C", cost, lambda step: step.value)
        direct = {t: Division(times(TWO, minus(f"h{t}", f"t{t}")), count) for t in steps}
    else:
        yield from last_alone(times_)
    for t in reversed(steps):
        h, z = of_time("h", t), of_time("z", t)
        if t < times_:
            through = times("u", derivative(of_time("z", t + 1)).name)
            own = [direct[t]] if t in direct else []
            slips = [KnownSlip("time_stops", direct[t])] if t in direct else []
            slips.append(
                KnownSlip(
                    "slope_skipped",
                    total([*own, times("u", derivative(of_time("h", t + 1)).name)]),
                )
            )
            formula = total([*own, through])
            read = gradient_inside("hidden", t)
            yield WorkedNumber(derivative(h), "da", formula, read, tuple(slips))
        elif every:
            yield WorkedNumber(derivative(h), "da", direct[t], gradient_inside("hidden", t))
        back = derivative(h).name
        slope = Subtraction(ONE, Applied("square", Name(h.name)))
        slips = [
            KnownSlip("derivative_missing", Name(back)),
            KnownSlip("z_for_h", times(Subtraction(ONE, Applied("square", Name(z.name))), back)),
        ]
        if t > 1:
            earlier = Subtraction(ONE, Applied("square", Name(f"h{t - 1}")))
            slips.append(KnownSlip("state_before", times(earlier, back)))
        yield WorkedNumber(derivative(z), "dz", times(slope, back), None, tuple(slips))
    back_at = {t: derivative(of_time("z", t)).name for t in steps}
    w, u, b = WEIGHTS
    of_w = [(t, times(f"x{t}", back_at[t])) for t in steps]
    yield from summed_over_times(w, of_w, of_parameter("weight_ih"))
    of_u = [(t, times(f"h{t - 1}", back_at[t])) for t in steps if t > 1]
    after = total([times(f"h{t}", back_at[t]) for t in steps])
    shifted = total([times(f"h{t}", back_at[t]) for t in steps if t > 1])
    next_ones = (KnownSlip("state_after", after), KnownSlip("state_after", shifted))
    yield from summed_over_times(u, of_u, of_parameter("weight_hh"), next_ones)
    signals: list[Expression] = [Name(back_at[t]) for t in steps]
    alone = tuple(KnownSlip("one_time", one) for one in reversed(signals))
    yield WorkedNumber(derivative(b), "db", total(signals), of_parameter("bias_ih"), alone)
    for t in steps:
        u_for_w = (KnownSlip("u_for_w", times("u", back_at[t])),)
        formula = times("w", back_at[t])
        yield WorkedNumber(derivative(of_time("x", t)), "dx", formula, of_input(t), u_for_w)


_STATES = (
    "h = [np.zeros((len(x), 1))]",
    "for t in range(x.shape[1]):",
    "    h.append(np.tanh(x[:, t] @ W + h[t] @ U + b))",
)
_GRADIENTS = (
    "    dW += x[:, t].T @ dz",
    "    dU += h[t].T @ dz",
    "    db += dz.sum(axis=0)",
    "    dx[:, t] = dz @ W.T",
)
START = ("dx, dW, dU, db = map(np.zeros_like, (x, W, U, b))",)
BACKWARDS = "for t in reversed(range(x.shape[1])):"


def _program(*, every: bool) -> StudentProgram:
    if every:
        output, start, signal = "y = np.stack(h[1:], axis=1)", "np.zeros_like(h[0])", "dy[:, t] + "
    else:
        output, start, signal = "y = h[-1]", "dy", ""
    first = f"later = {start}" if every else f"dh = {start}"
    taken = (f"    dh = {signal}later",) if every else ()
    handed = "    later = dz @ U.T" if every else "    dh = dz @ U.T"
    return StudentProgram(
        ("x", "W", "U", "b"),
        ("x",),
        (*_STATES, output),
        (
            *START,
            first,
            BACKWARDS,
            *taken,
            "    dz = dh * (1 - h[t + 1] ** 2)",
            *_GRADIENTS,
            handed,
        ),
    )


def time_design(
    layer: Recurrent,
    count: int,
    every: bool,
    weights: tuple[tuple[Label, ...], ...],
    numbers: tuple[WorkedNumber, ...],
    asked: str,
    negatives: int,
    program: StudentProgram,
    picture: UnrolledPicture,
    conventions: tuple[str, ...],
    explained: tuple[Label, str],
) -> LayerDesign:
    """A design over time; `weights` are those of x, of h and the biases, a label a column."""
    steps = range(1, count + 1)
    inputs = tuple(of_time("x", t) for t in steps)
    targets = tuple(of_time("t", t) for t in steps) if every else (Label("t", "*t*"),)
    columns = len(weights[0])
    shapes = {"weight_ih": (1, columns), "weight_hh": (1, columns), "bias_ih": (columns,)}
    form = RecurrentForm(tuple(range(columns)), False, "", False, not every)
    layers: tuple[Layer, ...] = (layer,) if every else (layer, TimeStep(-1))

    def arrays(values: Values) -> Mapping[str, Array]:
        found = {"x": array(values, [one.name for one in inputs], 1, count, 1)}
        for name, labels in zip("WUb", weights, strict=True):
            shape = (columns,) if name == "b" else (1, columns)
            found[name] = array(values, [one.name for one in labels], *shape)
        return found

    def parameters(values: Values) -> Mapping[str, Array]:
        own = arrays(values)
        rows = {"weight_ih": own["W"], "weight_hh": own["U"], "bias_ih": own["b"][None]}
        return {f"layers[0].{name}": one for name, one in rows.items()}

    def draw(generator: np.random.Generator) -> list[float]:
        sizes = generator.choice([0.5, 1.0, 1.5, 2.0], count, replace=False)
        found = [float(one) for one in sizes * _signs(generator, count)]
        for labels in weights:
            drawn = generator.integers(2, 13, len(labels)) / 10
            found += [float(one) for one in drawn * _signs(generator, len(labels))]
        drawn = generator.integers(2, 21, len(targets)) / 10
        return [*found, *(float(one) for one in drawn * _signs(generator, len(targets)))]

    return LayerDesign(
        network=Network(Sequential(*layers)),
        parameters=parameters,
        given_x=lambda values: arrays(values)["x"],
        at_output=lambda values: array(
            values, [one.name for one in targets], *((1, count, 1) if every else (1, 1))
        ),
        derivative_given=False,
        givens=(*inputs, *(one for labels in weights for one in labels), *targets),
        draw=draw,
        negatives=negatives,
        numbers=numbers,
        asked=frozenset(asked.split()),
        exact=False,
        program=program,
        arrays=arrays,
        reference=Network(Sequential(WrittenRecurrence(layer, form, shapes))),
        picture=picture,
        conventions=conventions,
        explained=explained,
    )


def _signs(generator: np.random.Generator, count: int) -> Array:
    return np.where(generator.random(count) < 1 / 3, -1.0, 1.0)


def _recurrent(count: int, every: bool, asked: str, conventions: tuple[str, ...]) -> LayerDesign:
    steps = range(1, count + 1)
    return time_design(
        RNN(1, 1),
        count,
        every,
        tuple((one,) for one in WEIGHTS),
        tuple(_numbers(count, every)),
        asked,
        2,
        _program(every=every),
        UnrolledPicture(
            tuple(
                TimeBox(
                    f"x{t}",
                    (f"z{t}", f"h{t}"),
                    (f"h{t}",),
                    f"t{t}" if every else "t" if t == count else "",
                )
                for t in steps
            ),
            "w",
            "u",
        ),
        conventions,
        (WEIGHTS[0], "layers[0].weight_ih[0,0]"),
    )


RECURRENT = (
    _recurrent(
        2,
        False,
        "z1 h1 z2 h2 C dC/dh2 dC/dz2 dC/dh1 dC/dz1 dC/dw1 dC/dw2 dC/dw dC/du dC/db",
        ("recurrent", "parts", "cost_last", "calculator"),
    ),
    _recurrent(
        3,
        True,
        "z1 h1 z2 h2 z3 h3 C dC/dh3 dC/dz3 dC/dh2 dC/dz2 dC/dh1 dC/dz1 dC/dw1 dC/dw2 dC/dw3 dC/dw"
        " dC/du2 dC/du3 dC/du dC/db dC/dx1",
        ("recurrent", "parts", "cost_every", "calculator"),
    ),
)
