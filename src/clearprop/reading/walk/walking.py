"""The walk through a step: which stages there are, and in which order."""

from collections.abc import Iterator

from clearprop.engine.graph import Node
from clearprop.engine.step import Step
from clearprop.reading.walk import backward, ends, forward, inside, joins
from clearprop.reading.walk.stages import Walk, WalkStage


def walk_step(step: Step, *, sample: int = 0, within: bool = True) -> Walk:
    """The stages of a step; one entry of `sample` is worked out in each.

    within  whether layers that declare what is inside them are walked through: every time of one
            that goes through time, scores and weights of attention, places of a convolution

    Raises ConfigurationError where there is no such sample.
    """
    sample = step.check_sample(sample)
    return Walk(
        sample=sample,
        samples=step.samples,
        loss=step.value,
        stages=tuple(_stages(step, sample, within=within)),
    )


def _stages(step: Step, sample: int, *, within: bool) -> Iterator[WalkStage]:
    graph = step.forward.network.graph
    for one in graph.steps:
        if isinstance(one, Node):
            yield forward.layer_stage(step, one, sample)
            if within:
                yield from inside.forward_stages(step, one, sample)
        else:
            yield joins.join_stage(step, one, sample)
    yield ends.loss_stage(step, sample)
    forks = joins.forks(graph)
    for one in reversed(graph.steps):
        if isinstance(one, Node):
            yield backward.layer_stage(step, one, sample)
            if within:
                yield from inside.backward_stages(step, one, sample)
        else:
            yield joins.split_stage(step, one, sample)
        for fork in forks:
            if fork.last == one.path:
                yield from joins.fork_stage(step, fork, sample)
    for node in graph.nodes.values():
        if node.parameters:
            yield ends.update_stage(step, node)
    after = ends.after_stage(step)
    if after is not None:
        yield after
