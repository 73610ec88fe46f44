"""A signal in words, and as lines for a terminal."""

from clearprop.base.numbers import brief, percent, product_text
from clearprop.reading.explanation.reading import say
from clearprop.reading.explanation.signals import LossDerivative, Rest, Signal, Slope, Term

INDENT = "    "
# From here on, cancellation is worth a sentence.
CANCELS = 0.25
# A paragraph follows the largest terms through so many lines; more would be read by nobody.
DEEPEST = 3


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
    if signal.terms:
        first = signal.terms[0]
        found.append(_largest(signal, first, language))
        found += cancellation("signal", signal.value, signal.size, language)
        if first.signal is not None:
            found += sentences(first.signal, language, most - 1)
    else:
        found.append(say(language, "signal.nothing", place=place))
    return found


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
    }
    key = "with_target" if loss.target is not None else "without_target"
    if signal.slope is None:
        return say(language, f"case_1.{key}", **values)
    slope = {"name": signal.slope.name, "slope": brief(signal.slope.value)}
    return say(language, f"case_1.{key}_and_slope", **values, **slope)


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


def lines(signal: Signal, language: str) -> list[str]:
    """A signal and everything below it, indented by the depth."""
    found = [f"∂C/∂{signal.place} = {brief(signal.value)}"]
    if signal.slope is not None and signal.inner is not None:
        found[0] = f"∂C/∂{signal.place} = {product_text(signal.slope.value, signal.inner)}"
        found[0] += f" = {brief(signal.value)}"
        found.append(INDENT + _slope_line(signal.slope, language))
    if signal.loss is not None:
        found.append(INDENT + _loss_line(signal.loss, language))
    for term in signal.terms:
        found += [INDENT + line for line in _term_lines(term, language)]
    if signal.opened and signal.rest.count:
        found.append(INDENT + rest_line(signal.rest, language))
    return found


def rest_line(rest: Rest, language: str) -> str:
    """`95 others: 1.2`."""
    return f"{others(rest, language)}{brief(rest.value)}"


def others(rest: Rest, language: str) -> str:
    """`95 others:`, or `1 other:`."""
    return say(language, "table.other" if rest.count == 1 else "table.others", count=rest.count)


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
        found += [INDENT + line for line in lines(term.signal, language)]
    return found
