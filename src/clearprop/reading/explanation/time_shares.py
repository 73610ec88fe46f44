"""How much of a gradient comes through which time, of a layer that goes through time.

    ∂L/∂w = Σₜ (∂L/∂w through time t)        through time t: what w met there × ∂C/∂a of that time
    factor of a step = ‖∂C/∂(state before it)‖ / ‖∂C/∂(state behind it)‖, over samples and units

A factor that stays below 1 is a gradient that vanishes, one above 1 a gradient that explodes.
"""

from dataclasses import dataclass

import numpy as np

from clearprop.base.numbers import brief, percent
from clearprop.drawing.diagrams.bar_chart import bars
from clearprop.drawing.pen.items import Item
from clearprop.drawing.pen.markup import number_markup
from clearprop.engine.addresses import Address
from clearprop.engine.layers.recurrent import Recurrent
from clearprop.engine.step import Step
from clearprop.reading.explanation.explained_steps import Chain, ExplainedStep, indented, titled
from clearprop.reading.explanation.readable import say
from clearprop.reading.explanation.signal_pictures import named_bar
from clearprop.reading.explanation.witness import Witness, witness_at_one_time

# So many times are written out in a table and a picture, those with the largest shares.
MOST_TIMES = 16


@dataclass(frozen=True)
class TimeShares:
    """The shares of every time, which add up to the gradient.

    values     by time, in the order of x
    factors    of the step that the signal took back to every time; None where none did
    witnessed  the time at which alone the number was moved for the witness: that of the largest
               share
    """

    values: tuple[float, ...]
    factors: tuple[float | None, ...]
    witnessed: int
    witness: Witness

    @property
    def size(self) -> float:
        """Σ|shares|."""
        return float(np.abs(self.values).sum())

    @property
    def factor(self) -> float | None:
        """The geometric mean of the steps' factors; None where a step let nothing through."""
        told = [one for one in self.factors if one is not None]
        if not told or not all(one > 0 and np.isfinite(one) for one in told):
            return None
        return float(np.exp(np.mean(np.log(told))))

    def sentences(self, letter: str, language: str) -> list[str]:
        """Where it comes from, what becomes of it from step to step, and the witness."""
        found = [self._largest(letter, language)]
        if self.factor is not None:
            steps = sum(one is not None for one in self.factors)
            found.append(
                say(
                    language,
                    f"time.{self._fate(steps)}",
                    factor=brief(self.factor),
                    count=steps,
                    whole=brief(self.factor**steps),
                )
            )
        moved = say(language, "time.moved", letter=letter, time=self.witnessed)
        return [*found, f"{moved}{self.witness.sentence(language)}"]

    def step(self, letter: str, language: str) -> ExplainedStep:
        """The same as a step of the explanation."""
        chosen = self._chosen()
        summands = " + ".join(f"({brief(self.values[t])})" for t in chosen[:4])
        more = " + …" if len(self.values) > 4 else ""
        total = brief(float(np.sum(self.values)))
        chain = Chain(f"∂L/∂{letter}", (f"Σₜ ∂L/∂{letter}|ₜ", f"{summands}{more}", total))
        return ExplainedStep(self._largest(letter, language), (chain,))

    def table(self, letter: str, language: str, width: int | None) -> list[str]:
        """Every time with its share, its part, and the factor of its step."""
        head = [say(language, f"time.{name}", letter=letter) for name in _HEADS]
        rows = [head]
        for time in sorted(self._chosen()):
            factor = self.factors[time]
            part = percent(abs(self.values[time]) / self.size) if self.size else percent(0)
            told = "" if factor is None else brief(factor)
            rows.append([str(time), brief(self.values[time]), part, told])
        if len(self.values) > MOST_TIMES:
            others = [v for t, v in enumerate(self.values) if t not in self._chosen()]
            rest = say(language, "time.others", count=len(others))
            rows.append([rest, brief(float(np.sum(others))), "", ""])
        rows.append([say(language, "table.sum"), brief(float(np.sum(self.values))), "", ""])
        title = say(language, "time.title", letter=letter)
        return [*titled(title, width), *indented(rows, width)]

    def bars(self, letter: str, language: str) -> list[Item]:
        """The shares as bars, time under time."""
        rows = [
            named_bar(
                say(language, "time.at", time=time),
                self.values[time],
                number_markup(self.values[time]),
            )
            for time in sorted(self._chosen())
        ]
        return bars(rows, say(language, "time.title", letter=letter))

    def _chosen(self) -> list[int]:
        order = np.argsort(-np.abs(self.values), kind="stable")
        return [int(t) for t in order[:MOST_TIMES]]

    def _largest(self, letter: str, language: str) -> str:
        time = self._chosen()[0]
        if not self.size:
            return say(language, "time.nothing", letter=letter)
        share = percent(abs(self.values[time]) / self.size)
        return say(
            language,
            "time.largest",
            letter=letter,
            count=len(self.values),
            time=time,
            value=brief(self.values[time]),
            share=share,
        )

    def _fate(self, steps: int) -> str:
        whole = 1.0 if self.factor is None else self.factor**steps
        return "vanishes" if whole < VANISHED else "explodes" if whole > 1 / VANISHED else "arrives"


_HEADS = ("time", "share", "part", "factor")
# What a sequence leaves of a signal is little below this, and much above 1 over this.
VANISHED = 0.01


def time_shares(step: Step, place: Address) -> TimeShares | None:
    """The shares of one entry of a parameter of an RNN, a GRU or an LSTM; None for any other, and
    for one that several layers share."""
    graph = step.forward.network.graph
    users = graph.users(place.path)
    if len(users) != 1 or not isinstance(users[0][0].layer, Recurrent):
        return None
    node, name = users[0]
    layer, record = node.layer, step.forward[node.path]
    assert isinstance(layer, Recurrent)
    dy = step.backward[node.path].output_gradient
    index = (place.index[0], place.index[1])
    shares = layer.shares_by_time(record.params, record.cache, dy, name, index)
    values = shares.astype(np.float64).sum(axis=0)
    before, behind = layer.transport(record.params, record.cache, dy)
    factors: list[float | None] = [
        float(one / other) if other > 0 else None for one, other in zip(before, behind, strict=True)
    ]
    factors = [None, *factors[::-1]] if layer.reverse else [*factors, None]
    time = int(np.argmax(np.abs(values)))
    witness = witness_at_one_time(
        step,
        node.path,
        name,
        index,
        time,
        float(values[time]),
        float(np.abs(shares[:, time]).sum()),
    )
    return TimeShares(tuple(values.tolist()), tuple(factors), time, witness)
