"""One sample's share of the loss with its numbers, as LaTeX."""

from typing import TYPE_CHECKING

from clearprop.reading.explanation.latex import braced, chain, place, value

if TYPE_CHECKING:
    from clearprop.reading.explanation.samples import SampleExplanation


def equations(explained: "SampleExplanation") -> tuple[str, ...]:
    """L as a sum, the loss's derivative at each output, and the sample's pull at each weight."""
    n = explained.sample
    summands = [braced(explained.cost, f"C^{{{n}}}")]
    if explained.samples > 1:
        summands.append(braced(explained.others, rf"\sum_{{k \ne {n}}} C^{{k}}"))
    found = [chain("L", r"\sum_{k} C^{k}", summands, value(explained.loss))]
    for one in explained.outputs:
        left = rf"\frac{{\partial C^{{{n}}}}}{{\partial\, {place(one.place)}}}"
        found.append(rf"{left} = {value(one.loss.value)}")
    for pull in explained.pulls:
        left = rf"\frac{{\partial L}}{{\partial\, {place(pull.address)}}}"
        own = braced(pull.value, rf"\partial C^{{{n}}} / \partial w")
        others = braced(pull.gradient - pull.value, rf"k \ne {n}")
        found.append(chain(left, [own, others], value(pull.gradient)))
    return tuple(found)
