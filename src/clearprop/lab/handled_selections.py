"""Messages that ask about the moment that is shown: what is selected, the output, its health, and
what is inside a layer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.base.numbers import brief
from clearprop.lab.inside_view import inside_told
from clearprop.lab.lab_state import Answers, LabState, say
from clearprop.lab.moments import finite
from clearprop.lab.outputs import output_told
from clearprop.lab.reasons import selection_of
from clearprop.reading.health import Moment, RateRule, examine


def _select(state: LabState, given: Mapping[str, Any]) -> Answers:
    selection = selection_of(given["selection"])
    before, sample = state.sample, None if selection is None else selection["sample"]
    if sample is not None and sample != before:
        state.sample = state.view().step.check_sample(sample)
    try:
        answer = state.why(selection)
    except Exception:
        state.sample = before
        raise
    if state.sample != before:
        yield from state.moment()
    state.selection = selection
    yield answer


def _output(state: LabState, given: Mapping[str, Any]) -> Answers:
    fields = output_told(
        state.view(), state.run.problem.data, given["of"], given["resolution"], state.language
    )
    yield {"type": "output", **fields}


def _health(state: LabState, given: Mapping[str, Any]) -> Answers:
    run, language = state.run, state.language
    found = examine(state.view().step, start=run.problem.first.params)
    # The last one is of the step that is shown, which is no end where a run goes on.
    here = [replace(one, when=Moment.HERE) for one in found.stability[-1:]]
    safe = [finite(one.bound) for one in here if one.rule != RateRule.ADAPTIVE]
    yield {
        "type": "findings",
        "branch": run.name,
        "step": state.step,
        "findings": [
            {
                "severity": str(one.severity),
                "says": one.sentence(language),
                "advice": one.advice(language),
                "places": list(one.places),
            }
            for one in found.findings
        ],
        "signals": [_size(one.layer, one.size) for one in found.signals],
        "gradients": [
            _size(path, float(np.sqrt(np.mean(np.square(one, dtype=np.float64)))))
            for path, one in state.view().step.backward.named().items()
        ],
        "safe_rate": safe[0] if safe else None,
        "safe_rate_text": here[0].sentence(language) if here else "",
        "says": say(language, "session.examined"),
    }


def _size(path: str, size: float) -> dict[str, Any]:
    return {"path": path, "rms": finite(size), "text": brief(size)}


def _inside(state: LabState, given: Mapping[str, Any]) -> Answers:
    fields = inside_told(state.view(), given["layer"], given["stage"], state.language)
    yield {"type": "inside", **fields}


HANDLERS = {"inside": _inside, "select": _select, "output": _output, "health": _health}
