"""A cell of an LSTM with one unit over two times.

i, f, o = σ(w·xₜ + u·hₜ₋₁ + b), each with its own w, u and b      g = tanh(likewise)
cₜ = f·cₜ₋₁ + i·g            hₜ = o·tanh(cₜ)                      h₀ = c₀ = 0

∂C/∂cₜ = f of t + 1 times ∂C/∂cₜ₊₁ + o·(1 − tanh²(cₜ))·∂C/∂hₜ
∂C/∂hₜ = Σ over the gates of u·∂C/∂(z of the gate at t + 1)
"""

from collections.abc import Iterator

from clearprop.engine.layers.lstm import LSTM
from clearprop.teaching.exercises.designs.design import (
    StudentProgram,
    TimeBox,
    UnrolledPicture,
    WorkedNumber,
    derivative,
    indexed,
    times,
    total,
)
from clearprop.teaching.exercises.designs.time_design import (
    BACKWARDS,
    ONE,
    START,
    gradient_inside,
    inside,
    last_alone,
    of_parameter,
    summed_over_times,
    time_design,
)
from clearprop.teaching.exercises.expressions import (
    Addition,
    Applied,
    Expression,
    Name,
    Subtraction,
)
from clearprop.teaching.exercises.known_slips import KnownSlip

# By their letters, in the engine's order.
GATES = {"i": "input", "f": "forget", "g": "candidate", "o": "output"}
TIMES = 2


def _z(gate: str, time: int) -> str:
    return derivative(indexed("z", f"{gate}{time}")).name


def _sum_of(gate: str, time: int) -> Expression:
    terms: list[Expression] = [times(f"w{gate}", f"x{time}")]
    if time > 1:
        terms.append(times(f"u{gate}", f"h{time - 1}"))
    return Addition((*terms, Name(f"b{gate}")))


def _without_state(gate: str, time: int) -> Expression:
    return Addition((times(f"w{gate}", f"x{time}"), Name(f"b{gate}")))


def _function(gate: str) -> str:
    return "tanh" if gate == "g" else "sigmoid"


def _squared(of: Expression) -> Expression:
    return Subtraction(ONE, Applied("square", of))


def _forward() -> Iterator[WorkedNumber]:
    for t in range(1, TIMES + 1):
        for gate, name in GATES.items():
            function = "sigmoid" if gate == "g" else "tanh"
            slips = [KnownSlip("gate_function", Applied(function, _sum_of(gate, t)))]
            if t > 1:
                forgotten = Applied(_function(gate), _without_state(gate, t))
                slips.append(KnownSlip("state_forgotten", forgotten))
            formula = Applied(_function(gate), _sum_of(gate, t))
            label = indexed(gate, t)
            yield WorkedNumber(label, "a", formula, inside(name, t), tuple(slips))
        written = times(f"i{t}", f"g{t}")
        cell: Expression = written
        slips = []
        if t > 1:
            cell = Addition((times(f"f{t}", f"c{t - 1}"), written))
            slips = [
                KnownSlip("cell_forgotten", written),
                KnownSlip("gate_missing", Addition((Name(f"c{t - 1}"), written))),
            ]
        yield WorkedNumber(indexed("c", t), "a", cell, inside("cell", t), tuple(slips))
        state = times(f"o{t}", Applied("tanh", Name(f"c{t}")))
        bare = (KnownSlip("tanh_missing", times(f"o{t}", f"c{t}")),)
        yield WorkedNumber(indexed("h", t), "a", state, inside("hidden", t), bare)


def _backward() -> Iterator[WorkedNumber]:
    for t in range(TIMES, 0, -1):
        h, c = indexed("h", t), indexed("c", t)
        dh, dc = derivative(h).name, derivative(c).name
        if t < TIMES:
            parts: list[Expression] = [times(f"u{gate}", _z(gate, t + 1)) for gate in GATES]
            yield WorkedNumber(derivative(h), "da", total(parts), gradient_inside("hidden", t))
        squashed = Applied("tanh", Name(c.name))
        here = times(f"o{t}", _squared(squashed), dh)
        straight: list[Expression] = []
        slips = [
            KnownSlip("derivative_missing", times(f"o{t}", dh)),
            KnownSlip("tanh_missing", times(f"o{t}", _squared(Name(c.name)), dh)),
        ]
        if t < TIMES:
            later = derivative(indexed("c", t + 1)).name
            straight = [times(f"f{t + 1}", later)]
            slips = [
                KnownSlip("cell_forgotten", here),
                KnownSlip("time_stops", straight[0]),
                KnownSlip("gate_missing", Addition((Name(later), here))),
                KnownSlip("derivative_missing", Addition((straight[0], times(f"o{t}", dh)))),
            ]
        formula = total([*straight, here])
        yield WorkedNumber(derivative(c), "da", formula, gradient_inside("cell", t), tuple(slips))
        yield from _gates_back(t, dh, dc, squashed)
    for place, gate in enumerate(GATES):
        signals = [(t, _z(gate, t)) for t in range(1, TIMES + 1) if t > 1 or gate != "f"]
        of_w = [(t, times(f"x{t}", name)) for t, name in signals]
        yield from summed_over_times(indexed("w", gate), of_w, of_parameter("weight_ih", place))
        after = total([times(f"h{t}", name) for t, name in signals])
        shifted = times(f"h{TIMES}", _z(gate, TIMES))
        slips = [KnownSlip("state_after", after), KnownSlip("state_after", shifted)]
        of_u = [(TIMES, times(f"h{TIMES - 1}", _z(gate, TIMES)))]
        read = of_parameter("weight_hh", place)
        yield from summed_over_times(indexed("u", gate), of_u, read, tuple(slips))
        names: list[Expression] = [Name(name) for _, name in signals]
        alone = tuple(KnownSlip("one_time", one) for one in reversed(names) if len(names) > 1)
        label = derivative(indexed("b", gate))
        yield WorkedNumber(label, "db", total(names), of_parameter("bias_ih", place), alone)


def _gates_back(t: int, dh: str, dc: str, squashed: Expression) -> Iterator[WorkedNumber]:
    """∂C/∂z of every gate at a time; that of f at the first is 0, as the cell before is."""
    other = {
        "i": (Name(f"g{t}"), Name(dc)),
        "g": (Name(f"i{t}"), Name(dc)),
        "o": (squashed, Name(dh)),
    }
    if t > 1:
        other["f"] = (Name(f"c{t - 1}"), Name(dc))
    for gate in other:
        own = Name(f"{gate}{t}")
        slope = _squared(own) if gate == "g" else times(own, Subtraction(ONE, own))
        factors, signal = other[gate]
        slips = [KnownSlip("derivative_missing", times(factors, signal))]
        if gate == "f":
            slips.append(KnownSlip("cell_after", times(f"c{t}", slope, signal)))
        if gate in "ig":
            slips.append(KnownSlip("gates_swapped", times(own, slope, signal)))
        label = derivative(indexed("z", f"{gate}{t}"))
        formula = times(factors, slope, signal)
        yield WorkedNumber(label, "dz", formula, None, tuple(slips))


_PROGRAM = StudentProgram(
    ("x", "W", "U", "b"),
    ("x",),
    (
        "h, c, gates = [np.zeros((len(x), 1))], [np.zeros((len(x), 1))], []",
        "for t in range(x.shape[1]):",
        "    z = x[:, t] @ W + h[t] @ U + b",
        "    i, f, o = (1 / (1 + np.exp(-z[:, k : k + 1])) for k in (0, 1, 3))",
        "    g = np.tanh(z[:, 2:3])",
        "    gates.append((i, f, g, o))",
        "    c.append(f * c[t] + i * g)",
        "    h.append(o * np.tanh(c[t + 1]))",
        "y = h[-1]",
    ),
    (
        *START,
        "dh, later = dy, np.zeros_like(dy)",
        BACKWARDS,
        "    i, f, g, o = gates[t]",
        "    dc = later + dh * o * (1 - np.tanh(c[t + 1]) ** 2)",
        "    di = dc * g * i * (1 - i)",
        "    df = dc * c[t] * f * (1 - f)",
        "    dg = dc * i * (1 - g**2)",
        "    do = dh * np.tanh(c[t + 1]) * o * (1 - o)",
        "    dz = np.concatenate([di, df, dg, do], axis=1)",
        "    dW += x[:, t].T @ dz",
        "    dU += h[t].T @ dz",
        "    db += dz.sum(axis=0)",
        "    dx[:, t] = dz @ W.T",
        "    dh, later = dz @ U.T, dc * f",
    ),
)

MEMORY = time_design(
    LSTM(1, 1),
    TIMES,
    False,
    tuple(tuple(indexed(letter, gate) for gate in GATES) for letter in "wub"),
    (*_forward(), *last_alone(TIMES), *_backward()),
    "i1 g1 o1 c1 h1 i2 f2 g2 o2 c2 h2 C dC/dh2 dC/dc2 dC/dzi2 dC/dzf2 dC/dzg2 dC/dzo2 dC/dh1"
    " dC/dc1 dC/dzi1 dC/dzg1 dC/dzo1 dC/dwi dC/dwo dC/duf dC/dug dC/dbi",
    5,
    _PROGRAM,
    UnrolledPicture(
        (
            TimeBox("x1", ("i1", "g1", "o1", "c1", "h1"), ("c1", "h1"), ""),
            TimeBox("x2", ("i2", "f2", "g2", "o2", "c2", "h2"), ("c2", "h2"), "t"),
        ),
        "",
        "",
    ),
    ("memory", "cost_last", "calculator_gates"),
    (indexed("w", "i"), "layers[0].weight_ih[0,0]"),
)
