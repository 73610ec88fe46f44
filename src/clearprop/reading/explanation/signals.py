"""∂C/∂v of one number v, taken apart: the recursion of the backward pass, with its numbers.

    ∂C/∂z = a'(z) · Σ_k w_k · ∂C/∂z_k        case 2: any neuron but an output
    ∂C/∂z = ∂y/∂z · ∂C/∂y                    case 1: an output neuron; the loss gives ∂C/∂y

Every line adds up: value = slope · (Σ terms + rest), up to the rounding of the sum.
"""

from dataclasses import dataclass
from enum import StrEnum

from clearprop.base.numbers import brief, percent, product_text
from clearprop.reading.explanation.readable import say
from clearprop.reading.largest_terms import NOTHING, Rest, others_heading
from clearprop.reading.loss_lines import Divisor, WantedClass
from clearprop.reading.worked_lines import WorkedLine

INDENT = "    "
# From here on, cancellation is worth a sentence.
CANCELS = 0.25
# A paragraph follows the largest terms through so many lines; more would be read by nobody.
DEEPEST = 3
# So many windows over one number are told one by one.
WINDOWS_TOLD = 4


@dataclass(frozen=True)
class Slope:
    """The slope of an activation: `layer` is its path, `name` its class, `value` = a'(z)."""

    layer: str
    name: str
    z: float
    a: float
    value: float


@dataclass(frozen=True)
class LossDerivative:
    """∂C/∂y at one output y: what the loss itself says.

    target   None where the target is not one number for each output
    lines    ℓ and ∂ℓ/∂y of this output written out
    divisor  S, which ∂ℓ/∂y is divided by
    wanted   the class that the sample should be, where the target is a class
    """

    loss: str
    output: float
    target: float | None
    value: float
    lines: tuple[WorkedLine, ...]
    divisor: Divisor
    wanted: WantedClass | None = None

    def slope(self, language: str) -> str:
        """∂ℓ/∂y with its numbers: `0.2803 − 1`."""
        return self.lines[-1].written(language) or brief(self.lines[-1].value)


class WayKind(StrEnum):
    """How a number goes on towards the loss.

    WEIGHT   through a weight of a Linear layer
    SLOPE    through an activation
    SKIP     through a sum, whose factor is 1
    JOINED   as one of the features that are put side by side; the factor is 1
    OUTPUT   through one output of a layer, whose own backward gives the factor
    SAMPLES  through the outputs of other samples, which a layer mixes with this one

    At the ends of a path, beside these:

    PRODUCT  from a parameter to the number that it makes
    LOSS     from an output to the loss
    REST     all ways that are not listed one by one
    """

    WEIGHT = "weight"
    SLOPE = "slope"
    SKIP = "skip"
    JOINED = "joined"
    OUTPUT = "output"
    SAMPLES = "samples"
    PRODUCT = "product"
    LOSS = "loss"
    REST = "rest"


@dataclass(frozen=True)
class WindowSeen:
    """A number of an image under the window of a maximum.

    output   where the maximum is
    largest  which of the numbers under the window it is, and its `value`
    own      the number itself; where it is as large, but not the first, nothing comes back to it
    chosen   whether it is the maximum
    """

    output: str
    largest: str
    value: float
    own: float
    chosen: bool

    def sentence(self, language: str) -> str:
        """Whether it is the largest, and what follows."""
        key = "chosen" if self.chosen else "tied" if self.own == self.value else "smaller"
        numbers = {"own": brief(self.own), "value": brief(self.value)}
        return say(language, f"window.{key}", output=self.output, largest=self.largest, **numbers)


@dataclass(frozen=True)
class Term:
    """One way by which a number reaches the loss: value = factor · signal.value.

    via     what it goes through: the address of the weight or of the output, or the path of the
            activation, of the join, or of the layer that mixes samples
    factor  w_k of a weight, a'(z) of an activation, ∂(output)/∂v of an output, otherwise 1
    share   |value| / Σ|terms|
    signal  ∂C/∂ what it leads to; None of other samples, which have no single one
    """

    kind: WayKind
    via: str
    factor: float
    value: float
    share: float
    signal: "Signal | None"


@dataclass(frozen=True)
class Signal:
    """∂C/∂v of one number of one sample, where v is at `place`.

    value    as the backward pass recorded it
    opened   False where the caller's depth ends; then nothing below is filled in
    slope    the activation that v alone goes into; None where it goes on as it is
    inner    what the slope multiplies: Σ terms + rest, or the loss's derivative
    loss     case 1: what the loss says; None in case 2
    terms    case 2: the largest terms, largest first
    rest     case 2: all other terms
    size     Σ|terms|, the rest's included, times |slope|
    symbol   what v is called in formulas, z₄⁽¹⁾; "" where it has no name there
    windows  those of maxima that v, or what its activation makes of it, lies under
    """

    place: str
    sample: int
    value: float
    opened: bool = False
    slope: Slope | None = None
    inner: float | None = None
    loss: LossDerivative | None = None
    terms: tuple[Term, ...] = ()
    rest: Rest = NOTHING
    size: float = 0.0
    symbol: str = ""
    windows: tuple[WindowSeen, ...] = ()

    @property
    def named(self) -> str:
        """The address, with the symbol behind it where there is one."""
        return f"{self.place} ({self.symbol})" if self.symbol else self.place

    @property
    def case(self) -> int | None:
        """1 for an output neuron, 2 for any other, None where the signal is not opened."""
        if not self.opened:
            return None
        return 1 if self.loss is not None else 2


def sentences(signal: Signal, language: str, most: int = DEEPEST) -> list[str]:
    """Where a signal comes from, followed through its largest terms towards the loss for at most
    `most` lines; nothing for one that is not opened."""
    if not signal.opened or most == 0:
        return []
    place, value = signal.place, brief(signal.value)
    slope = signal.slope
    if slope is not None and slope.value == 0:
        at = {"name": slope.name, "z": brief(slope.z)}
        return [say(language, "signal.blocked", place=place, **at)]
    if signal.loss is not None:
        return [_from_loss(signal, signal.loss, language)]
    found = []
    if slope is None:
        found.append(say(language, "signal.sum", place=place, value=value))
    else:
        inner = 0.0 if signal.inner is None else signal.inner
        found.append(
            say(
                language,
                "signal.slope",
                place=place,
                name=slope.name,
                z=brief(slope.z),
                slope=brief(slope.value),
                inner=brief(inner),
                value=value,
            )
        )
    found += windows_told(signal, language)
    if signal.terms:
        first = signal.terms[0]
        found.append(_largest(signal, first, language))
        found += cancellation("signal", signal.value, signal.size, language)
        if first.signal is not None:
            found += sentences(first.signal, language, most - 1)
    else:
        found.append(say(language, "signal.nothing", place=place))
    return found


def windows_told(signal: Signal, language: str) -> list[str]:
    """What is said of the windows of maxima: each of them, and of many the first ones."""
    told = [one.sentence(language) for one in signal.windows[:WINDOWS_TOLD]]
    left = len(signal.windows) - WINDOWS_TOLD
    return [*told, say(language, "window.more", count=left)] if left > 0 else told


def cancellation(what: str, value: float, size: float, language: str) -> list[str]:
    """A sentence where a good part of Σ|terms|, `size`, cancels in their sum; nothing otherwise."""
    cancelled = 1 - min(abs(value) / size, 1) if size else 0.0
    if not cancelled > CANCELS:
        return []
    return [say(language, f"{what}.cancels", size=brief(size), part=percent(cancelled))]


def _from_loss(signal: Signal, loss: LossDerivative, language: str) -> str:
    values: dict[str, str] = {
        "place": signal.place,
        "loss": loss.loss,
        "y": brief(loss.output),
        "t": "—" if loss.target is None else brief(loss.target),
        "derivative": brief(loss.value),
        "value": brief(signal.value),
        "slope_of_loss": loss.slope(language),
        "divisor": brief(loss.divisor.value),
    }
    key = "with_target" if loss.target is not None else "without_target"
    if signal.slope is None:
        return _with_class(say(language, f"case_1.{key}", **values), loss, language)
    slope = {"name": signal.slope.name, "slope": brief(signal.slope.value)}
    told = say(language, f"case_1.{key}_and_slope", **values, **slope)
    return _with_class(told, loss, language)


def _with_class(told: str, loss: LossDerivative, language: str) -> str:
    """A sentence about the loss, and behind it which class the sample should be."""
    if loss.wanted is None:
        return told
    return say(language, "then", before=told, after=loss.wanted.sentence(language))


def _largest(signal: Signal, term: Term, language: str) -> str:
    count = len(signal.terms) + signal.rest.count
    weight = "only" if count == 1 else "most" if term.share > 0.5 else "largest"
    lead = say(language, f"term.{weight}", count=count, share=percent(term.share))
    return say(
        language,
        f"term.{term.kind}",
        lead=lead,
        via=term.via,
        factor=brief(term.factor),
        place="" if term.signal is None else term.signal.place,
        signal="" if term.signal is None else brief(term.signal.value),
        product="" if term.signal is None else product_text(term.factor, term.signal.value),
        value=brief(term.value),
    )


def taken_apart(signal: Signal, language: str) -> list[str]:
    """A signal and everything below it, indented by the depth."""
    found = [f"∂C/∂{signal.place} = {brief(signal.value)}"]
    if signal.slope is not None and signal.inner is not None:
        found[0] = f"∂C/∂{signal.place} = {product_text(signal.slope.value, signal.inner)}"
        found[0] += f" = {brief(signal.value)}"
        found.append(INDENT + _slope_line(signal.slope, language))
    if signal.loss is not None:
        found.append(INDENT + _loss_line(signal.loss, language))
        found.append(2 * INDENT + signal.loss.lines[-1].text(language))
    for term in signal.terms:
        found += [INDENT + line for line in _term_lines(term, language)]
    if signal.opened and signal.rest.count:
        found.append(
            f"{INDENT}{others_heading(signal.rest.count, language)}{brief(signal.rest.value)}"
        )
    return found


def _slope_line(slope: Slope, language: str) -> str:
    values = {"z": brief(slope.z), "a": brief(slope.a), "slope": brief(slope.value)}
    return say(language, "table.slope_of", name=slope.name, **values)


def _loss_line(loss: LossDerivative, language: str) -> str:
    key = "table.loss" if loss.target is not None else "table.loss_without_target"
    target = "" if loss.target is None else brief(loss.target)
    values = {"y": brief(loss.output), "t": target, "value": brief(loss.value)}
    return say(language, key, loss=loss.loss, **values)


def _term_lines(term: Term, language: str) -> list[str]:
    way = say(language, f"table.{term.kind}", via=term.via)
    share = percent(term.share)
    if term.signal is None:
        return [f"{way}{brief(term.value)} ({share})"]
    numbers = f"{product_text(term.factor, term.signal.value)} = {brief(term.value)}"
    found = [f"{way}{numbers} ({share})"]
    if term.signal.opened:
        found += [INDENT + line for line in taken_apart(term.signal, language)]
    return found
