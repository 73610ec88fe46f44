"""Pieces of LaTeX: numbers, underbraced factors, sums that are broken where they are long, and a
signal taken apart."""

from collections.abc import Sequence

from clearprop.base.numbers import FROM_SUPERSCRIPTS, brief
from clearprop.reading.explanation.signals import Signal, Term, WayKind
from clearprop.reading.largest_terms import Rest, others_label

# Underbraced products side by side before a line is broken.
PER_LINE = 2


def latex_number(amount: float) -> str:
    """A number: -3.21, or with a power of ten behind `times`."""
    text = brief(amount).replace("−", "-")
    if text == "NaN":
        return r"\text{NaN}"
    text = text.replace("∞", r"\infty")
    mantissa, times, power = text.partition(" × 10")
    if not times:
        return text
    return rf"{mantissa} \times 10^{{{power.translate(FROM_SUPERSCRIPTS)}}}"


def braced(amount: float, label: str) -> str:
    """A number with a brace under it that says what it is."""
    text = latex_number(amount)
    if text.startswith("-") or r"\times" in text:
        text = f"({text})"
    return rf"\underbrace{{{text}}}_{{{label}}}"


def place(address: str) -> str:
    """An address in a formula."""
    return rf"\text{{{address.replace('_', chr(92) + '_')}}}"


def derivative(address: str, sample: int | None = None) -> str:
    """∂C/∂(the number at an address), of one sample where it is named."""
    cost = "C" if sample is None else f"C[{sample}]"
    return rf"\frac{{\partial {cost}}}{{\partial\, {place(address)}}}"


def chain(left: str, *right: Sequence[str] | str) -> str:
    """Left = right = right …, one below the other; a sequence of summands is broken where long."""
    lines: list[str] = []
    for step in right:
        rows = [step] if isinstance(step, str) else broken(step)
        lines.append(f"{left if not lines else ''} &= {rows[0]}")
        lines += [rf"&\quad {row}" for row in rows[1:]]
    body = " \\\\\n".join(lines)
    return "\\begin{split}\n" + body + "\n\\end{split}"


def broken(summands: Sequence[str]) -> list[str]:
    """A sum as lines of a few summands each."""
    lines = [
        " + ".join(summands[start : start + PER_LINE])
        for start in range(0, len(summands), PER_LINE)
    ]
    return [lines[0], *(f"+ {line}" for line in lines[1:])]


def rest_braced(rest: Rest, language: str) -> list[str]:
    """The remainder of a sum as one more summand; none where there is nothing left."""
    if not rest.count:
        return []
    return [braced(rest.value, rf"\text{{{others_label(rest.count, language)}}}")]


def signal_chains(signal: Signal, language: str) -> list[str]:
    """A signal and every opened one below it, each as a display of its own."""
    if not signal.opened:
        return []
    found = [_signal_chain(signal, language)]
    for term in signal.terms:
        if term.signal is not None:
            found += signal_chains(term.signal, language)
    return found


def _signal_chain(signal: Signal, language: str) -> str:
    left = derivative(signal.place, signal.sample)
    total = latex_number(signal.value)
    slope = "" if signal.slope is None else braced(signal.slope.value, "a'(z)") + r" \cdot "
    if signal.loss is not None:
        return chain(left, slope + braced(signal.loss.value, r"\partial C / \partial y"), total)
    summands = [_term(term) for term in signal.terms] + rest_braced(signal.rest, language)
    if not summands:
        return chain(left, total)
    if not slope:
        return chain(left, summands, total)
    inner = 0.0 if signal.inner is None else signal.inner
    # The brackets are opened on the first line and closed on the last.
    summands = [rf"{slope}\bigl( {summands[0]}", *summands[1:]]
    summands[-1] += r" \bigr)"
    return chain(left, summands, slope + braced(inner, r"\partial C / \partial a"), total)


def _term(term: Term) -> str:
    if term.signal is None:
        return braced(term.value, rf"\text{{{term.via}}}")
    label = _factor(term)
    signal = braced(term.signal.value, rf"\partial C / \partial\, {place(term.signal.place)}")
    return rf"{braced(term.factor, label)} \cdot {signal}"


def _factor(term: Term) -> str:
    """What a term's factor is, in symbols."""
    match term.kind:
        case WayKind.WEIGHT:
            return f"w_{{{term.via.rpartition('[')[2].rstrip(']')}}}"
        case WayKind.SLOPE:
            return "a'(z)"
        case WayKind.SKIP | WayKind.JOINED:
            return "1"
        case _:
            return r"\partial y / \partial x"
