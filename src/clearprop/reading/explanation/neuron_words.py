"""One neuron in words, and as a table."""

from typing import TYPE_CHECKING

from clearprop.base.numbers import brief, percent, product_text
from clearprop.reading.explanation.reading import aligned, joined, say
from clearprop.reading.explanation.signal_words import (
    cancellation,
    lines,
    others,
    sentences,
)

if TYPE_CHECKING:
    from clearprop.reading.explanation.neurons import NeuronExplanation


def words(explained: "NeuronExplanation", language: str) -> str:
    """The paragraph: what it takes, what it makes of it, what comes back."""
    values = {
        "address": explained.address,
        "sample": explained.sample,
        "z": brief(explained.z),
    }
    found = [say(language, "neuron.opening", **values)]
    if explained.inputs:
        first = explained.inputs[0]
        count = len(explained.inputs) + explained.rest.count
        key = "influence" if not explained.adds_up else "only_input" if count == 1 else "input"
        found.append(
            say(
                language,
                f"neuron.{key}",
                count=count,
                source=first.source,
                factor=brief(first.factor),
                x=brief(first.x),
                product=product_text(first.factor, first.x),
                value=brief(first.value),
                share=percent(first.share),
            )
        )
        if explained.adds_up:
            values_of = [one.value for one in explained.inputs]
            size = sum(map(abs, values_of)) + explained.rest.size
            total = sum(values_of) + explained.rest.value
            found += cancellation("neuron", total, size, language)
    slope = explained.signal.slope
    if slope is not None:
        found.append(say(language, "neuron.activation", name=slope.name, a=brief(slope.a)))
    found += sentences(explained.signal, language)
    if explained.silent:
        numbers = {"count": explained.silent, "samples": explained.samples}
        found.append(say(language, "neuron.silent", address=explained.address, **numbers))
    return joined(language, found)


def table(explained: "NeuronExplanation", language: str) -> str:
    """The inputs line by line, then the signal taken apart."""
    title = say(
        language,
        "table.title_inputs" if explained.adds_up else "table.title_influences",
        address=explained.address,
        sample=explained.sample,
    )
    text = [title]
    rows = [[say(language, f"table.{name}") for name in ("input", "weight_name", "x", "product")]]
    if not explained.adds_up:
        rows[0][1] = "∂z/∂x"
    rows[0].append(say(language, "table.share"))
    for one in explained.inputs:
        numbers = [brief(one.factor), brief(one.x), brief(one.value)]
        rows.append([one.source, *numbers, percent(one.share)])
    if explained.rest.count:
        rest = explained.rest
        rows.append([others(rest, language).rstrip(), "", "", brief(rest.value), ""])
    if explained.bias is not None:
        rows.append([say(language, "table.bias"), "", "", brief(explained.bias), ""])
    if explained.adds_up:
        rows.append([say(language, "table.sum_z"), "", "", brief(explained.z), ""])
    if len(rows) > 1:
        text += [f"  {line}" for line in aligned(rows)]
    else:
        text.append(f"  z = {brief(explained.z)}")
    text += ["", say(language, "table.signal", sample=explained.sample)]
    text += [f"  {line}" for line in lines(explained.signal, language)]
    return "\n".join(text)
