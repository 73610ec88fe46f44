"""One moment of a run: every number of a step that exists once so many of its phases are computed.

The phases are the stages of the walk, in its order: forward layer by layer, the loss, backward
layer by layer, the update, and the loss once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.graph import INPUT, Graph
from clearprop.engine.step import Step
from clearprop.lab.messages import numbers
from clearprop.reading.walk import Part, Walk, WalkStage, walk_step
from clearprop.training.rate_bound import inside_clipping, rate_of

_BACKWARD = (Part.BACKWARD, Part.SPLIT, Part.HANDED_ON, Part.PARTED, Part.JOIN, Part.MET)
_FORWARD = (Part.FORWARD, Part.SUM, Part.ADDED, Part.JOINED)


@dataclass(frozen=True, eq=False)
class StepView:
    """The record of a step, walked, and the sample that is looked at: its place in the batch."""

    step: Step
    walk: Walk
    sample: int

    @property
    def phases(self) -> int:
        """How many phases the step has."""
        return len(self.walk.stages)


def viewed(step: Step, sample: int) -> StepView:
    """A step with a sample of its batch to look at."""
    with np.errstate(all="ignore"):
        return StepView(step, walk_step(step, sample=sample, within=False), sample)


def phases_told(walk: Walk, language: str) -> list[dict[str, Any]]:
    """The phases of a step, without their numbers."""
    return [
        {
            "id": number,
            "part": str(stage.part),
            "path": stage.path,
            "title": walk.title(number, language),
        }
        for number, stage in enumerate(walk.stages)
    ]


def numbers_at(view: StepView, phase: int) -> dict[str, Any]:
    """The numbers of a step of which `phase` phases are computed, as fields of `moment`."""
    step, n = view.step, view.sample
    forward, backward = step.forward, step.backward
    network = forward.network
    done = view.walk.stages[:phase]
    parts = {stage.part for stage in done}
    values = {
        stage.path: _of_sample(forward.value(stage.path), n)
        for stage in done
        if stage.part in _FORWARD
    }
    signals = {
        wire: _of_sample(signal, n)
        for wire in _signalled(network.graph, done)
        if (signal := backward.gradient_at(wire)) is not None
    }
    gradients = {
        slot.path: numbers(network.layout.view(backward.gradient, slot.path))
        for stage in done
        if stage.part == Part.BACKWARD
        for slot in network.graph.nodes[stage.path].parameters.values()
    }
    updated = {
        slot.path: numbers(network.layout.view(step.stepped, slot.path))
        for stage in done
        if stage.part == Part.UPDATE and step.stepped is not None
        for slot in network.graph.nodes[stage.path].parameters.values()
    }
    loss = step.value if Part.LOSS in parts else None
    cost = step.cost(n) if Part.LOSS in parts else None
    after = float(view.walk.stages[-1].arrays[1].values) if Part.AFTER in parts else None
    rate = rate_of(inside_clipping(step.optimizer), step)
    named = {"loss": loss, "cost": cost, "loss_after": after, "learning_rate": rate}
    return {
        "input": _of_sample(forward.input, n),
        "target": _of_sample(step.target, n),
        "parameters": {path: numbers(one) for path, one in network.named(forward.params).items()},
        "values": values,
        "signals": signals,
        "gradients": gradients,
        "updated": updated,
        **{name: finite(value) for name, value in named.items()},
        "texts": {name: brief(value) for name, value in named.items() if value is not None},
    }


def words_at(view: StepView, phase: int, language: str) -> dict[str, Any]:
    """What has just been computed, in words and equations, as fields of `moment`."""
    if phase == 0:
        title = messages.text(language, "lab.session.before_step.title")
        says = messages.text(language, "lab.session.before_step.says")
        return {"title": title, "says": says, "lines": []}
    stage = view.walk.stages[phase - 1]
    return {
        "title": view.walk.title(phase - 1, language),
        "says": messages.text(language, f"walk.says.{stage.part}"),
        "lines": lines_of(stage, language),
    }


def lines_of(stage: WalkStage, language: str) -> list[dict[str, Any]]:
    """The equations of a stage, and the same with the sample's numbers."""
    equations = [{"kind": "equation", "text": one} for one in stage.equations]
    notes = [{"kind": "note", "text": one.sentence(language)} for one in stage.notes]
    worked = [{"kind": "worked", "text": one.text(language)} for one in stage.worked]
    return [*equations, *notes, *worked]


def finite(value: float | None) -> float | None:
    """A number as JSON has it: None for what is not finite."""
    return value if value is not None and np.isfinite(value) else None


def _of_sample(values: Array, sample: int) -> dict[str, Any]:
    return numbers(np.asarray(values[sample]))


def _signalled(graph: Graph, done: Sequence[WalkStage]) -> list[str]:
    """The wires whose ∂C/∂ exists: the output's behind the loss, any other one when everything
    that takes it has handed its share back, and the shares are added."""
    if not any(stage.part == Part.LOSS for stage in done):
        return []
    back = {stage.path for stage in done if stage.part in _BACKWARD}
    found = [graph.output]
    for wire in (INPUT, *(step.path for step in graph.steps)):
        takers = graph.takers(wire)
        if takers and all(one.path in back for one in takers):
            found.append(wire)
    return list(dict.fromkeys(found))
