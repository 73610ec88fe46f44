"""The report's tables: rows of text, made from the numbers of a reproduction."""

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from clearprop.base import messages
from clearprop.base.numbers import number, number_or_dash
from clearprop.engine.combinators import Sequential
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import Network
from clearprop.teaching.experiments.claims import Claim, ClaimVerdict
from clearprop.teaching.experiments.reproduction import Reproduction
from clearprop.teaching.reports.facts import gradient_shares, median_text

CONVENTIONS = (
    "relu",
    "mse",
    "shapes",
    "bias",
    "weights",
    "order",
    "mask",
    "loss",
    "differences",
)
SYMBOLS = {
    "x": "x",
    "w": "w",
    "b": "b",
    "z": "z",
    "a": "a",
    "y": "y",
    "t": "t",
    "C": "C",
    "L": "L",
    "eta": "η",
    "theta": "θ",
    "dz": "dz, ∂C/∂z",
    "N": "N, D",
}


# The tutorial's network, and two that are still small: digits of 8 × 8 and of 28 × 28 pixels.
COMPARED_WIDTHS = ((1, 10, 1), (64, 128, 10), (784, 128, 128, 10))


class ReportTable(NamedTuple):
    """Head, rows, and which columns hold numbers (they are aligned at the right)."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


class ReportTables:
    """Every table of one reproduction in one language."""

    def __init__(self, result: Reproduction, language: str) -> None:
        self._result = result
        self._say = partial(messages.within("report"), language)

    def passes(self) -> ReportTable:
        """How many passes a gradient takes, by moving every parameter and by backpropagation."""
        head = tuple(
            self._say(f"needed.{key}") for key in ("network", "count", "differences", "both_passes")
        )
        rows = tuple(
            ("-".join(map(str, widths)), f"{count:,}", f"{2 * count:,}", "1 + 1")
            for widths in COMPARED_WIDTHS
            for count in (_dense(widths).size,)
        )
        return ReportTable(head, rows, frozenset({1, 2, 3}))

    def shares(self) -> ReportTable:
        """One weight's gradient, sample by sample."""
        shares = gradient_shares(self._result)
        rows = [
            (
                f"{share.sample}",
                number(share.forward_factor),
                number(share.backward_factor),
                number(share.product),
            )
            for share in shares.largest
        ]
        rest = self._say("chain.rest", rest_count=shares.rest_count)
        rows.append((rest, "", "", number(shares.rest)))
        rows.append((self._say("chain.total"), "", "", number(shares.total)))
        head = (self._say("chain.sample"), "∂z/∂w", "∂C[n]/∂z", "∂C[n]/∂w")
        return ReportTable(head, tuple(rows), frozenset({1, 2, 3}))

    def check(self) -> ReportTable:
        """Both backward passes against finite differences, array by array."""
        head = tuple(self._say(f"check.{key}") for key in ("array", "printed", "right", "verdict"))
        rows = tuple(
            (
                one.name,
                number(one.printed_error, 2),
                number(one.right_error, 2),
                self._say("check.ok" if one.printed_is_right else "check.wrong"),
            )
            for one in self._result.check.arrays
        )
        return ReportTable(head, rows, frozenset({1, 2}))

    def torch(self) -> ReportTable:
        """Every comparison with PyTorch, with the tolerance that it has to meet."""
        keys = (
            "experiment",
            "start",
            "loss_difference",
            "allowed",
            "params_difference",
            "allowed",
            "outcome",
        )
        rows = []
        for one in self._result.comparisons or ():
            outcome = self._say("torch.agrees" if one.agrees else "torch.disagrees")
            if one.agrees and one.diverged:
                outcome = self._say("torch.overflowed", step=one.steps_compared + 1)
            loss_allowed, params_allowed = one.tolerances
            rows.append(
                (
                    self._say(f"torch.{one.name}", dtype=one.dtype),
                    self._say(f"torch.start_{one.start}"),
                    number(one.loss_difference, 2),
                    number(loss_allowed, 1),
                    number_or_dash(one.params_difference, 2),
                    number(params_allowed, 1),
                    outcome,
                )
            )
        head = tuple(self._say(f"torch.{key}") for key in keys)
        return ReportTable(head, tuple(rows), frozenset({2, 3, 4, 5}))

    def seeds(self) -> ReportTable:
        """The spread of the final losses."""
        keys = ("study", "minimum", "median", "maximum", "overflow", "dead")
        rows = []
        for name, study in self._result.studies.items():
            finite = study.finite.astype(np.float64)
            low, high = (finite.min(), finite.max()) if len(finite) else (np.nan, np.nan)
            rows.append(
                (
                    self._say(f"seeds.{name}"),
                    number_or_dash(low),
                    median_text(study),
                    number_or_dash(high),
                    f"{int(study.overflow.sum())}",
                    f"{int(study.dead.sum())}",
                )
            )
        head = tuple(self._say(f"seeds.{key}") for key in keys)
        return ReportTable(head, tuple(rows), frozenset(range(1, 6)))

    def rates(self) -> ReportTable:
        """What became of the starts at each learning rate."""
        head = [self._say(f"rates.{key}") for key in ("network", "rate", "trained", "grown")]
        head += [self._say("seeds.dead"), self._say("seeds.overflow"), self._say("seeds.median")]
        rows = tuple(
            (
                self._say(f"rates.{study.name}"),
                f"{study.learning_rate:g}",
                *(f"{int(mask.sum())}" for mask in study.outcomes.values()),
                median_text(study),
            )
            for study in self._result.rates
        )
        return ReportTable(tuple(head), rows, frozenset(range(1, 7)))

    def claims(self) -> tuple[tuple[str, str, str, str], ...]:
        """(says, measured, verdict, its name) of every claim."""
        return tuple(
            (
                self._say(f"claims.{claim.key}.says"),
                self._measured(claim),
                self._say(f"claims.{claim.verdict}"),
                claim.verdict,
            )
            for claim in self._result.claims
        )

    def conventions(self, broadcast: str) -> ReportTable:
        """What is taken here where others take something else."""
        head = tuple(self._say(f"conventions.{key}") for key in ("topic", "ours", "others"))
        rows = tuple(
            tuple(
                self._say(f"conventions.{topic}.{part}", broadcast=broadcast)
                for part in ("topic", "ours", "others")
            )
            for topic in CONVENTIONS
        )
        return ReportTable(head, rows)

    def glossary(self) -> ReportTable:
        """The symbols."""
        head = (self._say("glossary.symbol"), self._say("glossary.meaning"))
        rows = tuple((symbol, self._say(f"glossary.{key}")) for key, symbol in SYMBOLS.items())
        return ReportTable(head, rows)

    def _measured(self, claim: Claim) -> str:
        if not claim.values:
            return self._say("claims.unknown")
        values = {
            name: value if isinstance(value, str) else number(value, 4)
            for name, value in claim.values.items()
        }
        if claim.key == "propagate_before_update":
            values = {name: f"{value:.9f}" for name, value in claim.values.items()}
        key = f"claims.{claim.key}.measured"
        if claim.key == "printed_backward" and claim.verdict is ClaimVerdict.HOLDS:
            key += "_right"
        if claim.key == "relu_predicts_better" and claim.verdict is ClaimVerdict.HOLDS:
            key += "_holds"
        return self._say(key, **values)


def _dense(widths: tuple[int, ...]) -> Network:
    layers = [Linear(before, after) for before, after in pairwise(widths)]
    return Network(Sequential(*layers))
