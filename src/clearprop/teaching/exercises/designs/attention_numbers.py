"""The numbers of one head of width 2 over two positions; everything is counted from 1.

s_ij = Σ_c q_ic·k_jc / √2          a_ij = e^{s_ij} / Σ_l e^{s_il}       y_ic = Σ_j a_ij·v_jc
∂C/∂a_ij = Σ_c ∂C/∂y_ic·v_jc       ∂C/∂v_jc = Σ_i a_ij·∂C/∂y_ic
∂C/∂s_ij = a_ij·(∂C/∂a_ij − Σ_l a_il·∂C/∂a_il)
∂C/∂q_ic = Σ_j ∂C/∂s_ij·k_jc / √2  ∂C/∂k_jc = Σ_i ∂C/∂s_ij·q_ic / √2
"""

from collections.abc import Iterator

from clearprop.engine.step import Step
from clearprop.teaching.exercises.designs.design import (
    Reading,
    WorkedNumber,
    derivative,
    indexed,
    minus,
    times,
    total,
)
from clearprop.teaching.exercises.expressions import (
    Applied,
    Division,
    Expression,
    Name,
    NumberLiteral,
    Subtraction,
)
from clearprop.teaching.exercises.known_slips import KnownSlip
from clearprop.teaching.exercises.naming import Label

POSITIONS = FEATURES = (1, 2)
ROOT = Applied("sqrt", NumberLiteral(2.0))
MADE = {"q": "Q", "k": "K", "v": "V"}


def entry_of(letter: str, i: int, j: int) -> Label:
    """A letter with two indices."""
    return indexed(letter, f"{i}{j}")


def _d(letter: str, i: int, j: int) -> str:
    return derivative(entry_of(letter, i, j)).name


def matrix_entry(letter: str, i: int, j: int) -> Label:
    """An entry of the matrix that makes q, k or v of x."""
    return Label(f"w{letter}{i}{j}", f"*w*_[{i}{j}]^[{letter}]")


def _head(name: str, i: int, j: int) -> Reading:
    return lambda step: float(step.forward.inside("layers[0]")[name].values[0, 0, i - 1, j - 1])


def _head_back(name: str, i: int, j: int) -> Reading:
    return lambda step: float(step.backward.inside("layers[0]")[name][0, 0, i - 1, j - 1])


def seen_from(causal: bool, i: int) -> tuple[int, ...]:
    """The positions that position i may look at."""
    return tuple(j for j in POSITIONS if j <= i or not causal)


def vectors_forward() -> Iterator[WorkedNumber]:
    """q, k and v from x."""
    for letter, matrix in MADE.items():
        for i in POSITIONS:
            for c in FEATURES:
                parts = [times(f"x{i}{f}", matrix_entry(matrix, f, c).name) for f in FEATURES]
                turned = [times(f"x{i}{f}", matrix_entry(matrix, c, f).name) for f in FEATURES]
                yield WorkedNumber(
                    entry_of(letter, i, c),
                    "a",
                    total(list(parts)),
                    _head(letter, i, c),
                    (KnownSlip("indices_swapped", total(list(turned))),),
                    may=(-1.0, 0.0, 1.0),
                )


def head_forward(causal: bool) -> Iterator[WorkedNumber]:
    """Scores, weights and outputs."""
    for i in POSITIONS:
        for j in seen_from(causal, i):
            product = total([times(f"q{i}{c}", f"k{j}{c}") for c in FEATURES])
            other = total([times(f"q{j}{c}", f"k{i}{c}") for c in FEATURES])
            slips = (
                KnownSlip("scale_missing", product),
                KnownSlip("scale_twice", Division(product, NumberLiteral(2.0))),
                *((KnownSlip("rows_for_columns", Division(other, ROOT)),) if i != j else ()),
            )
            label = entry_of("s", i, j)
            yield WorkedNumber(label, "score", Division(product, ROOT), _score(i, j), slips)
    for i in POSITIONS:
        seen = seen_from(causal, i)
        powers: dict[int, Expression] = {j: Applied("exp", Name(f"s{i}{j}")) for j in seen}
        for j in seen:
            more: list[KnownSlip] = []
            if not causal:
                column = total([Applied("exp", Name(f"s{other}{j}")) for other in POSITIONS])
                more.append(KnownSlip("rows_for_columns", Division(powers[j], column)))
            formula = Division(powers[j], total(list(powers.values())))
            alone = (1.0,) if len(seen) == 1 else ()
            read = _head("weights", i, j)
            yield WorkedNumber(entry_of("a", i, j), "a", formula, read, tuple(more), may=alone)
    for i in POSITIONS:
        for c in FEATURES:
            own = total([times(f"a{i}{j}", f"v{j}{c}") for j in seen_from(causal, i)])
            more = []
            if not causal:
                other = total([times(f"a{j}{i}", f"v{j}{c}") for j in POSITIONS])
                more = [KnownSlip("rows_for_columns", other)]
            read = _head("output", i, c)
            yield WorkedNumber(entry_of("y", i, c), "a", own, read, tuple(more))


def _score(i: int, j: int) -> Reading:
    return _head("scores", i, j)


def outputs_cost() -> Iterator[WorkedNumber]:
    """The mean squared error over all outputs."""
    places = [(i, c) for i in POSITIONS for c in FEATURES]
    quarter = NumberLiteral(1 / len(places))
    squares: list[Expression] = [
        Applied("square", minus(f"y{i}{c}", f"t{i}{c}")) for i, c in places
    ]
    yield WorkedNumber(
        Label("C", "*C*"), "C", times(quarter, total(squares)), lambda step: step.value
    )
    for i, c in places:
        error = minus(f"y{i}{c}", f"t{i}{c}")
        read = _head_back("output", i, c)
        half = times(NumberLiteral(2 / len(places)), error)
        yield WorkedNumber(derivative(entry_of("y", i, c)), "dy", half, read)


def head_backward(causal: bool) -> Iterator[WorkedNumber]:
    """The way back from ∂C/∂y to q, k and v."""
    for i in POSITIONS:
        for j in seen_from(causal, i):
            parts = [times(_d("y", i, c), f"v{j}{c}") for c in FEATURES]
            swapped = [times(_d("y", i, c), f"v{c}{j}") for c in FEATURES]
            label, read = derivative(entry_of("a", i, j)), _head_back("weights", i, j)
            slip = KnownSlip("rows_for_columns", total(list(swapped)))
            yield WorkedNumber(label, "da", total(list(parts)), read, (slip,))
    for i in POSITIONS:
        seen = seen_from(causal, i)
        taken = total([times(f"a{i}{j}", _d("a", i, j)) for j in seen])
        for j in seen:
            own = Name(_d("a", i, j))
            slips = [
                KnownSlip(
                    "softmax_diagonal",
                    times(f"a{i}{j}", Subtraction(NumberLiteral(1.0), Name(f"a{i}{j}")), own),
                ),
                KnownSlip("softmax_sum", times(f"a{i}{j}", own)),
                KnownSlip("derivative_missing", Subtraction(own, taken)),
            ]
            if not causal:
                column = total([times(f"a{other}{j}", _d("a", other, j)) for other in POSITIONS])
                wrong = times(f"a{i}{j}", Subtraction(own, column))
                slips.append(KnownSlip("rows_for_columns", wrong))
            formula = times(f"a{i}{j}", Subtraction(own, taken))
            label, read = derivative(entry_of("s", i, j)), _head_back("scores", i, j)
            alone = (0.0,) if len(seen) == 1 else ()
            yield WorkedNumber(label, "dz", formula, read, tuple(slips), may=alone)
    for i in POSITIONS:
        for c in FEATURES:
            seen = seen_from(causal, i)
            sums = total([times(_d("s", i, j), f"k{j}{c}") for j in seen])
            other = total([times(_d("s", i, j), f"q{j}{c}") for j in seen])
            yield _scaled("q", i, c, sums, (KnownSlip("q_for_k", Division(other, ROOT)),))
    for j in POSITIONS:
        lookers = [i for i in POSITIONS if j in seen_from(causal, i)]
        for c in FEATURES:
            sums = total([times(_d("s", i, j), f"q{i}{c}") for i in lookers])
            slips = [
                KnownSlip(
                    "q_for_k",
                    Division(total([times(_d("s", i, j), f"k{i}{c}") for i in lookers]), ROOT),
                )
            ]
            if not causal:
                rows = total([times(_d("s", j, i), f"q{i}{c}") for i in POSITIONS])
                slips.insert(0, KnownSlip("rows_for_columns", Division(rows, ROOT)))
            yield _scaled("k", j, c, sums, tuple(slips))
    for j in POSITIONS:
        lookers = [i for i in POSITIONS if j in seen_from(causal, i)]
        for c in FEATURES:
            sums = total([times(f"a{i}{j}", _d("y", i, c)) for i in lookers])
            rows = total([times(f"a{j}{i}", _d("y", i, c)) for i in seen_from(causal, j)])
            slip = KnownSlip("rows_for_columns", rows)
            read = _head_back("v", j, c)
            yield WorkedNumber(derivative(entry_of("v", j, c)), "da", sums, read, (slip,))


def _scaled(
    letter: str, i: int, c: int, sums: Expression, slips: tuple[KnownSlip, ...]
) -> WorkedNumber:
    """∂C/∂q or ∂C/∂k: a sum divided by √2."""
    more = (
        KnownSlip("scale_missing", sums),
        KnownSlip("scale_twice", Division(sums, NumberLiteral(2.0))),
    )
    label, read = derivative(entry_of(letter, i, c)), _head_back(letter, i, c)
    # Where only one position is looked at, nothing comes back to what asks.
    return WorkedNumber(label, "da", Division(sums, ROOT), read, (*more, *slips))


def matrices_backward() -> Iterator[WorkedNumber]:
    """The gradients by the matrices and by x."""
    for place, (letter, matrix) in enumerate(MADE.items()):
        for f in FEATURES:
            for c in FEATURES:
                parts = [times(f"x{i}{f}", _d(letter, i, c)) for i in POSITIONS]
                turned = [times(f"x{i}{c}", _d(letter, i, f)) for i in POSITIONS]
                slips = (
                    KnownSlip("indices_swapped", total(list(turned))),
                    *(KnownSlip("one_position", one) for one in reversed(parts)),
                )
                read = _of_projection(f - 1, 2 * place + c - 1)
                label = derivative(matrix_entry(matrix, f, c))
                yield WorkedNumber(label, "dw", total(list(parts)), read, slips)
    for i in POSITIONS:
        for f in FEATURES:
            ways = [
                times(matrix_entry(matrix, f, c).name, _d(letter, i, c))
                for letter, matrix in MADE.items()
                for c in FEATURES
            ]
            slips = tuple(
                KnownSlip("way_forgotten", total([*ways[:start], *ways[start + 2 :]]))
                for start in (0, 2, 4)
            )
            label, read = derivative(entry_of("x", i, f)), _of_input(i, f)
            yield WorkedNumber(label, "dx", total(list(ways)), read, slips)


def _of_projection(row: int, column: int) -> Reading:
    return lambda step: float(step.backward.named()["layers[0].in_proj_weight"][row, column])


def _of_input(i: int, f: int) -> Reading:
    def read(step: Step) -> float:
        dx = step.backward["layers[0]"].input_gradient
        return float("nan") if dx is None else float(dx[0, i - 1, f - 1])

    return read
