"""A signal told step by step: from its place towards the loss, and the loss written out."""

from clearprop.base import messages
from clearprop.base.numbers import brief, percent, product_text
from clearprop.reading.explanation.explained_steps import Chain, ExplainedStep
from clearprop.reading.explanation.signals import (
    LossDerivative,
    Signal,
    Term,
    cancellation,
    windows_told,
)
from clearprop.reading.largest_terms import others_label

# A sum is written out with so many terms, and everything else as one.
WRITTEN = 3
# An explanation follows the largest terms through so many layers.
DEEPEST = 3

say = messages.within("explanation")


def signal_steps(signal: Signal, language: str, most: int = DEEPEST) -> list[ExplainedStep]:
    """Where a signal comes from, followed through its largest terms towards the loss for at most
    `most` layers; nothing for one that is not opened."""
    if not signal.opened or most == 0:
        return []
    name, slope, inner = by(signal), signal.slope, signal.inner
    values = {"place": signal.named}
    if slope is not None:
        values |= {"name": slope.name, "z": brief(slope.z)}
    passed = Chain(name, (brief(signal.value),))
    if slope is not None and inner is not None:
        behind = "∂C/∂y" if signal.loss is not None else "∂C/∂a"
        product = product_text(slope.value, inner)
        passed = Chain(name, (f"a'(z) · {behind}", product, brief(signal.value)))
    if slope is not None and slope.value == 0:
        return [ExplainedStep(say(language, "step.blocked", **values), (passed,))]
    if signal.loss is not None:
        return [_from_loss(signal, signal.loss, passed, language)]
    found = []
    if slope is not None:
        found.append(ExplainedStep(say(language, "step.slope", **values), (passed,)))
        name = "∂C/∂a"
    found += [ExplainedStep(told) for told in windows_told(signal, language)]
    total = signal.value if inner is None else inner
    if not signal.terms:
        chain = Chain(name, (brief(total),))
        return [*found, ExplainedStep(say(language, "step.nothing", **values), (chain,))]
    first = signal.terms[0]
    count = len(signal.terms) + signal.rest.count
    key = "only" if count == 1 else "most" if first.share > 0.5 else "largest"
    through = say(language, f"step.way_{first.kind}", via=first.via)
    share = percent(first.share)
    values = {"place": signal.named, "through": through, "share": share}
    told = say(language, f"step.sum_{key}", count=count, **values)
    for more in cancellation("signal", signal.value, signal.size, language):
        told = say(language, "then", before=told, after=more)
    found.append(ExplainedStep(told, (Chain(name, (_written(signal, language), brief(total))),)))
    if first.signal is not None:
        found += signal_steps(first.signal, language, most - 1)
    return found


def loss_chains(loss: LossDerivative, language: str) -> tuple[Chain, ...]:
    """The loss written out for one output, from its entry to ∂C/∂y."""
    lines = [Chain(one.left, (one.written(language), brief(one.value))) for one in loss.lines]
    divided = f"{brief(loss.value * loss.divisor.value)} / {brief(loss.divisor.value)}"
    return (*lines, Chain("∂C/∂y", ("∂ℓ/∂y / S", divided, brief(loss.value))))


def loss_says(loss: LossDerivative, language: str) -> str:
    """What the loss compares, and what S is."""
    told = loss.divisor.sentence(language)
    if loss.wanted is None:
        return told
    return say(language, "then", before=loss.wanted.sentence(language), after=told)


def by(signal: Signal) -> str:
    """∂C/∂ the number that a signal belongs to: its symbol where it has one."""
    return f"∂C/∂{signal.symbol or signal.place}"


def _from_loss(signal: Signal, loss: LossDerivative, passed: Chain, language: str) -> ExplainedStep:
    told = say(language, "step.loss", place=signal.named, loss=loss.loss)
    told = say(language, "then", before=told, after=loss_says(loss, language))
    chains = loss_chains(loss, language)
    if signal.slope is not None:
        return ExplainedStep(told, (*chains, passed))
    # Without an activation y is z itself.
    last = chains[-1]
    return ExplainedStep(told, (*chains[:-1], Chain(passed.left, (last.left, *last.right))))


def _written(signal: Signal, language: str) -> str:
    terms = [_term(one) for one in signal.terms[:WRITTEN]]
    hidden = signal.terms[WRITTEN:]
    count = len(hidden) + signal.rest.count
    if count:
        value = sum(one.value for one in hidden) + signal.rest.value
        terms.append(f"{brief(value)} ({others_label(count, language)})")
    first, *others = terms
    return first + "".join(
        f" − {one[1:]}" if one.startswith("−") else f" + {one}" for one in others
    )


def _term(term: Term) -> str:
    if term.signal is None or term.factor == 1:
        return brief(term.value)
    return product_text(term.factor, term.signal.value)
