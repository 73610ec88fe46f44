"""The walk through a step: which stages there are, and in which order."""

from collections.abc import Iterator

from clearprop.engine.layers.combinators import Residual, Sequential
from clearprop.engine.layers.layer import Layer
from clearprop.engine.parameters import join
from clearprop.engine.step import Step
from clearprop.engine.wires import Sum, parameters_of
from clearprop.reading.walk import backward, ends, forward
from clearprop.reading.walk.stages import Walk, WalkStage


def walk_step(step: Step, *, sample: int = 0) -> Walk:
    """The stages of a step; one entry of `sample` is worked out in each.

    Raises ConfigurationError where there is no such sample.
    """
    sample = step.check_sample(sample)
    return Walk(
        sample=sample,
        samples=step.samples,
        loss=step.value,
        stages=tuple(_stages(step, sample)),
    )


def _stages(step: Step, sample: int) -> Iterator[WalkStage]:
    wiring = step.wiring
    places = list(_places("", step.forward.network.layer))
    for kind, path in places:
        if kind == "layer":
            yield forward.layer_stage(step, wiring.nodes[path], sample)
        elif kind == "sum":
            yield forward.sum_stage(step, wiring.sums[path], sample)
    yield ends.loss_stage(step, sample)
    for kind, path in reversed(places):
        if kind == "layer":
            yield backward.layer_stage(step, wiring.nodes[path], sample)
        else:
            one: Sum = wiring.sums[path]
            stage = backward.split_stage if kind == "sum" else backward.join_stage
            yield stage(step, one, sample)
    for node in wiring.nodes.values():
        if parameters_of(node):
            yield ends.update_stage(step, node)
    after = ends.after_stage(step)
    if after is not None:
        yield after


def _places(path: str, layer: Layer) -> Iterator[tuple[str, str]]:
    """("layer", path), and of a Residual ("fork", path) before its branch and ("sum", path) behind
    it, in the order in which they run."""
    if isinstance(layer, Sequential):
        for name, child in layer.children():
            yield from _places(join(path, name), child)
    elif isinstance(layer, Residual):
        yield "fork", path
        yield from _places(join(path, "branch"), layer.branch)
        yield "sum", path
    else:
        yield "layer", path
