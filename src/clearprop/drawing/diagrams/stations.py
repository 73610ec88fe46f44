"""Where a sample passes on its way through any network: the input, every layer, every sum.

An activation stands with the Linear layer before it, as z and a of the same neurons. A Sequential
and a Residual are taken apart; any other combinator is one station.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from clearprop.base.errors import ConfigurationError
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Layer
from clearprop.engine.layers.linear import Linear
from clearprop.engine.network import BackwardPass

INPUT = "input"


@dataclass(frozen=True)
class Station:
    """One place that the numbers pass.

    path        of the layer, whose output stands here; `input` for the network's own
    layer       None for the input
    activation  the path and the layer of the activation behind a Linear layer
    source      where what it takes comes from: the path of an earlier station's output
    skipped     of a Residual's sum: the path of its other summand, which goes past the branch
    """

    path: str
    layer: Layer | None
    source: str
    activation: tuple[str, Activation] | None = None
    skipped: str | None = None

    @property
    def output(self) -> str:
        """The path of what goes on from here."""
        return self.path if self.activation is None else self.activation[0]


def stations(backward: BackwardPass, sample: int) -> tuple[Station, ...]:
    """Every station of a pass, in the order in which it ran.

    Raises ConfigurationError for a stack of networks, complex parameters, a sample that does not
    exist, and a pass without records.
    """
    check_sample(backward, sample)
    _ = backward.forward.records  # refuses a pass that kept none
    return (Station(INPUT, None, ""), *_walk("", backward.forward.network.layer, INPUT))


def check_sample(backward: BackwardPass, sample: int) -> None:
    """Raises ConfigurationError for a pass that is not of one network with real parameters, and for
    a sample that it does not have."""
    forward = backward.forward
    if forward.params.ndim != 1 or forward.params.dtype.kind == "c":
        raise ConfigurationError("drawing_stacked")
    samples = forward.input.shape[0]
    if not 0 <= sample < samples:
        raise ConfigurationError("drawing_sample", sample=sample, samples=samples)


class _Child(NamedTuple):
    path: str
    layer: Layer


def _walk(path: str, layer: Layer, source: str) -> Iterator[Station]:
    if isinstance(layer, Sequential):
        children = [_Child(join_path(path, name), child) for name, child in layer.children()]
        behind_linear = {
            after.path: before
            for before, after in pairwise(children)
            if isinstance(before.layer, Linear) and isinstance(after.layer, Activation)
        }
        activations = {before.path: path for path, before in behind_linear.items()}
        layers = dict(children)
        for child in children:
            if child.path in behind_linear:
                continue
            behind = activations.get(child.path)
            if behind is None:
                for station in _walk(child.path, child.layer, source):
                    yield station
                    source = station.output
            else:
                activation = layers[behind]
                assert isinstance(activation, Activation)
                yield Station(child.path, child.layer, source, (behind, activation))
                source = behind
    elif isinstance(layer, Residual):
        last = source
        for station in _walk(join_path(path, "branch"), layer.branch, source):
            yield station
            last = station.output
        yield Station(path, layer, last, skipped=source)
    else:
        yield Station(path, layer, source)
