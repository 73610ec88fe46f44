"""One neuron's forward sum and its signal with their numbers, as LaTeX."""

from typing import TYPE_CHECKING

from clearprop.reading.explanation.latex import (
    braced,
    chain,
    place,
    rest_braced,
    signal_chains,
    value,
)

if TYPE_CHECKING:
    from clearprop.reading.explanation.neurons import NeuronExplanation


def equations(explained: "NeuronExplanation", language: str) -> tuple[str, ...]:
    """Z as the sum of its inputs (where it is one), a, and the signal taken apart."""
    found = []
    if explained.adds_up:
        summands = [
            braced(one.factor, "w") + r" \cdot " + braced(one.x, place(one.source))
            for one in explained.inputs
        ]
        summands += rest_braced(explained.rest, language)
        if explained.bias is not None:
            summands.append(braced(explained.bias, "b"))
        found.append(chain("z", summands or "0", value(explained.z)))
    slope = explained.signal.slope
    if slope is not None:
        found.append(rf"a = {value(slope.a)} \qquad a'(z) = {value(slope.value)}")
    return (*found, *signal_chains(explained.signal, language))
