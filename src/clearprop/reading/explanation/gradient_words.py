"""Why a number has its gradient, in words and as a table."""

from typing import TYPE_CHECKING

from clearprop.base.numbers import brief, number, percent, product_text
from clearprop.reading.explanation.reading import aligned, joined, say
from clearprop.reading.explanation.shares import Product, SampleShare
from clearprop.reading.explanation.signal_words import (
    cancellation,
    lines,
    others,
    sentences,
)
from clearprop.reading.explanation.witness import Witness

if TYPE_CHECKING:
    from clearprop.reading.explanation.gradients import GradientExplanation, Update

# A loss is shown to this many digits where two losses close to each other are compared.
LOSS_DIGITS = 12


def words(explained: "GradientExplanation", language: str) -> str:
    """The paragraph: gradient, samples, factors, signal, update and witness."""
    found = [_opening(explained, language)]
    if explained.shares:
        first = explained.shares[0]
        if explained.samples > 1:
            found.append(_sample(explained, first, language))
        if first.products:
            if explained.kind != "input":
                found.append(_factors(first.products[0], first, language))
            found += sentences(first.products[0].signal, language)
    if explained.samples > 1:
        found += cancellation("gradient", explained.gradient, explained.size, language)
    if explained.update is not None:
        found.append(_update(explained.update, language))
    found.append(witness_sentence(explained.witness, language))
    return joined(language, found)


def table(explained: "GradientExplanation", language: str) -> str:
    """The samples line by line with their sum, then the signal of the first one taken apart."""
    names = ("sample", "forward", "backward", "product", "share")
    rows = [[say(language, f"table.{name}") for name in names]]
    for share in explained.shares:
        rows += _share_rows(share, language)
    if explained.rest.count:
        rest, size = explained.rest, explained.size
        part = percent(rest.size / size) if size else percent(0)
        rows.append([others(rest, language).rstrip(), "", "", brief(rest.value), part])
    rows.append([say(language, "table.sum"), "", "", brief(explained.gradient), ""])
    if explained.kind == "input":
        # Every share is a signal, so there are no factors to show.
        rows = [[row[0], row[3], row[4]] for row in rows]
        rows[0][1] = "∂C/∂x"
    title = say(language, f"table.title_{explained.kind}", address=explained.address)
    text = [title, *(f"  {line}" for line in aligned(rows))]
    for share in explained.shares[:1]:
        for one in share.products:
            if one.signal.opened:
                text += ["", say(language, "table.signal", sample=share.sample)]
                text += [f"  {line}" for line in lines(one.signal, language)]
    return "\n".join(text)


def witness_sentence(witness: Witness, language: str) -> str:
    """What the witness found."""
    return say(
        language,
        f"witness.{witness.outcome}",
        moved=say(language, f"witness.{witness.method}", step=number(witness.step, 2)),
        below=number(witness.below, LOSS_DIGITS),
        above=number(witness.above, LOSS_DIGITS),
        quotient=number(witness.quotient, 6),
    )


def _opening(explained: "GradientExplanation", language: str) -> str:
    gradient = explained.gradient
    direction = "nothing" if gradient == 0 else "rises" if gradient > 0 else "falls"
    effect = say(language, f"gradient.{direction}", size=brief(abs(gradient)))
    return say(
        language,
        f"gradient.{explained.kind}",
        address=explained.address,
        value="" if explained.value is None else brief(explained.value),
        gradient=brief(gradient),
        effect=effect,
    )


def _sample(explained: "GradientExplanation", first: SampleShare, language: str) -> str:
    values = {"sample": first.sample, "value": brief(first.value), "share": percent(first.share)}
    if explained.size == 0:
        key = "none"
    elif first.share > 0.5:
        key = "most"
    else:
        # A sample that the caller chose need not be the largest.
        largest = abs(first.value) * explained.rest.count >= explained.rest.size
        key = "largest" if largest and len(explained.shares) > 1 else "chosen"
    return say(language, f"sample.{key}", samples=explained.samples, **values)


def _factors(one: Product, first: SampleShare, language: str) -> str:
    key = "factors.of_input" if one.input else "factors.alone"
    if len(first.products) > 1 or first.rest.count:
        key = "factors.several"
    elif not one.input and one.factor != 1:
        key = "factors.local"
    return say(
        language,
        key,
        input=one.input,
        factor=brief(one.factor),
        place=one.signal.place,
        signal=brief(one.signal.value),
        product=product_text(one.factor, one.signal.value),
        value=brief(one.value),
        count=len(first.products) + first.rest.count,
    )


def _update(update: "Update", language: str) -> str:
    values = {
        "optimizer": update.optimizer,
        "before": number(update.before, 6),
        "after": number(update.after, 6),
        "change": brief(update.change),
    }
    if update.learning_rate is None:
        return say(language, "update.other", **values)
    return say(language, "update.plain", rate=brief(update.learning_rate), **values)


def _share_rows(share: SampleShare, language: str) -> list[list[str]]:
    part = percent(share.share)
    single = len(share.products) == 1 and not share.rest.count
    rows = []
    if not single:
        rows.append([str(share.sample), "", "", brief(share.value), part])
    for one in share.products:
        first = str(share.sample) if single else f"  {one.signal.place}"
        numbers = [brief(one.factor), brief(one.signal.value), brief(one.value)]
        rows.append([first, *numbers, part if single else ""])
    if share.rest.count:
        rows.append(
            [f"  {others(share.rest, language).rstrip()}", "", "", brief(share.rest.value), ""]
        )
    return rows
