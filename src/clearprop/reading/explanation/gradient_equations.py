"""The chain rule of one gradient with its numbers, as LaTeX."""

from typing import TYPE_CHECKING

from clearprop.reading.explanation.latex import (
    braced,
    chain,
    place,
    rest_braced,
    signal_chains,
    value,
)
from clearprop.reading.explanation.shares import SampleShare

if TYPE_CHECKING:
    from clearprop.reading.explanation.gradients import GradientExplanation


def equations(explained: "GradientExplanation", language: str) -> tuple[str, ...]:
    """The sum over the samples, the first one's product, its signal taken apart, the update and
    the witness."""
    w = place(explained.address)
    summands = [braced(share.value, f"n = {share.sample}") for share in explained.shares]
    summands += rest_braced(explained.rest, language)
    found = [
        chain(
            rf"\frac{{\partial L}}{{\partial\, {w}}}",
            r"\sum_{n} \frac{\partial C^{n}}{\partial w}",
            summands,
            value(explained.gradient),
        )
    ]
    for share in explained.shares[:1]:
        found.append(_product(share, w, language))
        for one in share.products:
            found += signal_chains(one.signal, language)
    update, witness = explained.update, explained.witness
    if update is not None and update.learning_rate is not None:
        eta = braced(update.learning_rate, r"\eta")
        slope = braced(explained.gradient, r"\partial L / \partial w")
        moved = rf"{braced(update.before, 'w')} - {eta} \cdot {slope}"
        found.append(chain(r"w - \eta \frac{\partial L}{\partial w}", moved, value(update.after)))
    quotient = r"\frac{L(w + h) - L(w - h)}{2h}"
    if witness.method in ("right", "left"):
        quotient = r"\frac{-3 L(w) + 4 L(w + h) - L(w + 2h)}{2h}"
    h = -witness.step if witness.method == "left" else witness.step
    near = rf"{quotient} \approx {value(witness.quotient)}, \quad h = {value(h)}"
    return (*found, near)


def _product(share: SampleShare, w: str, language: str) -> str:
    summands = [
        braced(one.factor, r"\partial z / \partial w")
        + r" \cdot "
        + braced(one.signal.value, rf"\partial C / \partial\, {place(one.signal.place)}")
        for one in share.products
    ]
    summands += rest_braced(share.rest, language)
    left = rf"\frac{{\partial C^{{{share.sample}}}}}{{\partial\, {w}}}"
    return chain(left, summands or "0", value(share.value))
