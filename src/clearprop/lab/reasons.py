"""Why the selected number is what it is: the explanations of `reading`, as fields of `why`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from clearprop.base import messages
from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError
from clearprop.base.numbers import brief, percent, product_text
from clearprop.engine.addresses import InnerAddress, number_address
from clearprop.engine.graph import INPUT
from clearprop.engine.step import Step
from clearprop.lab.moments import StepView, finite
from clearprop.reading.explanation import (
    GradientExplanation,
    InnerExplanation,
    NeuronExplanation,
    SampleExplanation,
    explain_input,
    explain_inside,
    explain_neuron,
    explain_sample,
    explain_weight,
)
from clearprop.reading.explanation.readable import Readable
from clearprop.reading.largest_terms import others_label
from clearprop.reading.walk import Part

KINDS = ("weight", "bias", "neuron", "input", "sample", "layer", "loss")
# As many samples are listed one by one: more than a panel shows at once.
MOST_SHARES = 24
# An address as it stands in a sentence.
_ADDRESS = re.compile(r"(?:input|layers(?:\[\d+\]|\.\w+)*)\[[\d,]+\]")

say = messages.within("lab")


def selection_of(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What was selected, in full. Raises ConfigurationError for what is none."""
    if given is None:
        return None
    kind, address, sample = (given.get(name) for name in ("kind", "address", "sample"))
    if kind not in KINDS:
        raise ConfigurationError("lab_selection", kind=str(kind)[:40], known=", ".join(KINDS))
    if kind not in ("sample", "loss") and not isinstance(address, str):
        raise ConfigurationError("lab_selection_address", kind=kind)
    if sample is not None and (isinstance(sample, bool) or not isinstance(sample, int)):
        raise ConfigurationError("lab_selection_sample")
    if kind == "sample" and sample is None:
        raise ConfigurationError("lab_selection_sample")
    return {"kind": kind, "address": address, "sample": sample}


def why(view: StepView, selection: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The fields of `why` for a selection. Raises what the explanations raise."""
    kind, address = selection["kind"], selection["address"]
    if kind in ("layer", "loss"):
        return _of_phases(view, None if kind == "loss" else str(address), language)
    found = _explained(view, kind, address, selection["sample"])
    shares, rest = _shares(found, language)
    return {
        "title": _title(found, language),
        "words": found.words(language),
        "steps": [
            {
                "says": one.says,
                "equations": [f"{chain.left} = {chain.told}" for chain in one.chains],
                "lights": list(dict.fromkeys(_ADDRESS.findall(one.says))),
            }
            for one in found.steps(language)
        ],
        "mathml": _mathml(found, language),
        "shares": shares,
        "rest": rest,
        "terms": list(_terms(found)),
    }


def nothing_selected() -> dict[str, Any]:
    """The fields of `why` where nothing is selected."""
    empty: dict[str, Any] = {name: [] for name in ("steps", "mathml", "shares", "terms")}
    return {"title": "", "words": "", "rest": None, **empty}


def _explained(view: StepView, kind: str, address: str, sample: int | None) -> Readable:
    step = view.step
    if kind in ("weight", "bias"):
        return explain_weight(step, address, most=MOST_SHARES, sample=sample)
    if kind == "sample":
        return explain_sample(step, step.check_sample(sample))
    if kind == "input" or address.startswith(f"{INPUT}["):
        return explain_input(step, address, most=MOST_SHARES, sample=sample)
    shown = view.sample if sample is None else sample
    if isinstance(number_address(step, address), InnerAddress):
        return explain_inside(step, address, sample=shown)
    return explain_neuron(step, address, sample=shown)


def _title(found: Readable, language: str) -> str:
    if isinstance(found, GradientExplanation):
        named = f"{found.address} ({found.symbol})" if found.symbol else found.address
        return say(language, f"session.selected.{found.kind}", named=named)
    if isinstance(found, NeuronExplanation):
        return say(language, "session.selected.neuron", named=found.signal.named)
    if isinstance(found, InnerExplanation):
        return say(language, "session.selected.inside", named=found.address)
    sample = found.sample if isinstance(found, SampleExplanation) else ""
    return say(language, "session.selected.sample", sample=sample)


def _shares(found: Readable, language: str) -> tuple[list[dict[str, Any]], str | None]:
    if not isinstance(found, GradientExplanation):
        return [], None
    shares = [
        {
            "sample": one.sample,
            "value": finite(one.value),
            "text": brief(one.value),
            "percent": percent(one.share),
        }
        for one in found.shares
    ]
    rest = found.rest
    told = f"{brief(rest.value)} ({others_label(rest.count, language)})" if rest.count else None
    return shares, told


def _terms(found: Readable) -> Iterator[dict[str, Any]]:
    """The summands with the numbers that they are made of."""
    if isinstance(found, GradientExplanation):
        for share in found.shares:
            for one in share.products:
                place = one.signal.place
                lights = [place, *([one.input] if one.input else [])]
                yield _term(product_text(one.factor, one.signal.value), one.value, place, lights)
    elif isinstance(found, NeuronExplanation):
        for taken in found.inputs:
            text = product_text(taken.factor, taken.x)
            yield _term(text, taken.value, taken.source, [taken.source, found.address])
        for term in found.signal.terms:
            if term.signal is not None:
                place = term.signal.place
                text = product_text(term.factor, term.signal.value)
                yield _term(text, term.value, place, [place, found.address])
    elif isinstance(found, SampleExplanation):
        for pull in found.pulls:
            yield _term(brief(pull.value), pull.value, pull.address, [pull.address])


def _term(text: str, value: float, address: str, lights: list[str]) -> dict[str, Any]:
    return {"text": text, "value": finite(value), "address": address, "lights": lights}


def _mathml(found: Readable, language: str) -> list[str]:
    if not is_installed("latex2mathml"):
        return []
    from clearprop.reading.explanation.mathml import mathml

    return [mathml(one) for one in found.equations(language)]


def _of_phases(view: StepView, path: str | None, language: str) -> dict[str, Any]:
    """What the walk says of a layer forward, backward and in the update, or of the loss."""
    walk = view.walk
    stages = [
        (number, stage)
        for number, stage in enumerate(walk.stages)
        if (stage.part in (Part.LOSS, Part.AFTER) if path is None else stage.path == path)
    ]
    if not stages:
        raise ConfigurationError("lab_layer_unknown", path=str(path)[:60])
    steps = [
        {
            "says": walk.title(number, language),
            "equations": [
                *stage.equations,
                *(one.text(language) for one in stage.worked),
                *(one.sentence(language) for one in stage.notes),
            ],
            "lights": [],
        }
        for number, stage in stages
    ]
    return {
        **nothing_selected(),
        "title": _layer_title(view.step, path, language),
        "words": " ".join(messages.text(language, f"walk.says.{one.part}") for _, one in stages),
        "steps": steps,
    }


def _layer_title(step: Step, path: str | None, language: str) -> str:
    if path is None:
        return say(language, "session.selected.loss", named=type(step.loss).__name__)
    return say(language, "session.selected.layer", named=path)
