"""Where a sample passes on its way through any network: the input, every layer, every join.

An activation stands with the Linear layer before it in the same combinator, as z and a of the same
neurons.
"""

from dataclasses import dataclass

from clearprop.base.errors import ConfigurationError
from clearprop.engine.graph import INPUT, Graph, GraphStep, Node
from clearprop.engine.joining import Concatenation, Join
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass


@dataclass(frozen=True, eq=False)
class Station:
    """One place that the numbers pass.

    path        of the layer or join, whose output stands here; `input` for the network's own
    step        the layer in its place, or the join; None for the input
    activation  the activation behind a Linear layer
    """

    path: str
    step: GraphStep | None
    activation: Node | None = None

    @property
    def output(self) -> str:
        """The wire that goes on from here."""
        return self.path if self.activation is None else self.activation.path

    @property
    def sources(self) -> tuple[str, ...]:
        """The wires that it takes, each once: outputs of earlier stations; none for the input."""
        return () if self.step is None else tuple(dict.fromkeys(self.step.sources))

    @property
    def linear(self) -> Node | None:
        """The Linear layer that stands here, if it is one."""
        return self.step if isinstance(self.step, Node) and _is_linear(self.step) else None

    @property
    def made_of(self) -> str:
        """What a join makes of which wires, as it is written: `= a + b`, `= [a, b]`; of anything
        else nothing."""
        if not isinstance(self.step, Join):
            return ""
        if isinstance(self.step, Concatenation):
            return f"= [{', '.join(self.step.sources)}]"
        return f"= {' + '.join(self.step.sources)}"


def stations(backward: BackwardPass, sample: int) -> tuple[Station, ...]:
    """Every station of a pass, in the order in which it ran.

    Raises ConfigurationError for a stack of networks, complex parameters, a sample that does not
    exist, and a pass without records.
    """
    check_sample(backward, sample)
    _ = backward.forward.records  # refuses a pass that kept none
    graph = backward.forward.network.graph
    behind = {node.source: node for node in graph.nodes.values() if _belongs(graph, node)}
    beside_linear = {node.path for node in behind.values()}
    steps = [step for step in graph.steps if step.path not in beside_linear]
    return (
        Station(INPUT, None),
        *(Station(step.path, step, behind.get(step.path)) for step in steps),
    )


def check_sample(backward: BackwardPass, sample: int) -> None:
    """Raises ConfigurationError for a pass that is not of one network with real parameters, and for
    a sample that it does not have."""
    forward = backward.forward
    if forward.params.ndim != 1 or forward.params.dtype.kind == "c":
        raise ConfigurationError("drawing_stacked")
    samples = forward.input.shape[0]
    if not 0 <= sample < samples:
        raise ConfigurationError("drawing_sample", sample=sample, samples=samples)


def _is_linear(node: Node) -> bool:
    return isinstance(node.layer, Linear)


def _belongs(graph: Graph, node: Node) -> bool:
    """Whether a node is an activation that alone takes what a Linear layer beside it puts out."""
    before = graph.nodes.get(node.source)
    return (
        before is not None
        and _is_linear(before)
        and isinstance(node.layer, Activation)
        and graph.takers(node.source) == (node,)
        and before.path.rpartition(".")[0] == node.path.rpartition(".")[0]
    )
