"""The gallery's mistakes in a person's own layers, losses and networks, as they are handed to
`check`: a layer written from the start, a subclass of one of ours, either of them in a network, in
a branch beside another; and a loss.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.checking.diagnosis.evidence import UnderCheck
from clearprop.checking.gallery import (
    spoiled_layers,
    strangers,
    written_functions,
    written_losses,
    written_networks,
    written_structures,
)
from clearprop.checking.gallery.specimen import Code, Specimen
from clearprop.checking.request import Request, subject_of
from clearprop.engine.combinators import Combinator, Residual, Sequential
from clearprop.engine.initializers import Normal
from clearprop.engine.layers.layer import Backward, Context, Forward, Layer, Parameter, Tree, Wiring
from clearprop.engine.layers.linear import Linear
from clearprop.engine.losses import Loss, LossResult
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_EXAMPLES

# Finite differences and no other witness: the names are what is looked at.
ALONE = ("finite-differences",)


@dataclass(frozen=True, eq=False)
class Planted:
    """A request for a check of something with a mistake in it.

    subject   what is checked, as `layer Tanh in a branch`
    mistake   the key of the planted mistake; "" for a correct backward
    request   makes the request anew: a code that accumulates begins anew with it
    """

    subject: str
    mistake: str
    request: Callable[[], Request]

    def specimen(self) -> Specimen:
        """What `check` would look at, at its point."""
        subject = subject_of(self.request())
        drawn = np.random.default_rng(7).normal(size=subject.output.shape)
        dy = drawn if subject.dy is None else subject.dy

        def start() -> Code:
            fresh = subject_of(self.request())
            return lambda dy, arrays: fresh.gradients(arrays, dy)

        network = subject.network
        return Specimen(
            subject=self.subject,
            mistake=self.mistake,
            arrays=subject.arrays,
            dy=dy,
            forward=lambda arrays: np.asarray(subject.run(arrays)[0]),
            start=start,
            loss=subject.loss if network is None else None,
            context=subject.context,
            variables=subject.variables,
            checked=None if network is None else UnderCheck(network, subject.loss),
        )


@dataclass(frozen=True, eq=False)
class WrittenLayer(Layer):
    """A specimen as a layer of somebody's own: the first array is its input."""

    specimen: Specimen
    code: Callable[[Array, Mapping[str, Array]], Mapping[str, Array]]

    def settings(self) -> dict[str, Any]:
        return {}

    def parameters(self) -> Mapping[str, Parameter]:
        names = list(self.specimen.arrays)[1:]
        return {
            _own(name): Parameter(self.specimen.arrays[name].shape, Normal(), 1, 1)
            for name in names
        }

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        return None

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        return self.specimen.forward(self._arrays(params, x)), x, EMPTY

    def backward(self, params: Tree, cache: Array, dy: Array) -> Backward:
        first, *names = self.specimen.arrays
        found = self.code(dy, self._arrays(params, cache))
        return found.get(first), {
            _own(name): _shaped(found[name], self.specimen.arrays[name]) for name in names
        }

    def _arrays(self, params: Tree, x: Array) -> dict[str, Array]:
        first, *names = self.specimen.arrays
        return {first: x, **{name: params[_own(name)] for name in names}}


@dataclass(frozen=True)
class SideBySide(Combinator):
    """left(x) + right(x)."""

    left: Layer
    right: Layer

    def wire(self, wiring: Wiring, source: str) -> str:
        left = wiring.layer("left", self.left, source)
        return wiring.add(left, wiring.layer("right", self.right, source))


@dataclass(frozen=True, eq=False)
class WrittenLoss(Loss):
    """A specimen as a loss of somebody's own: the value is right, the gradient may not be."""

    specimen: Specimen

    def settings(self) -> dict[str, Any]:
        return {}

    def evaluate(
        self,
        output: Array,
        target: Array,
        *,
        sample_weight: Array | None = None,
        divisor: Any = None,
        stacked: bool = False,
    ) -> LossResult:
        arrays = {"output": output, "target": target}
        if stacked:
            alone = [self.evaluate(one, target) for one in output]
            totals = np.array([one.total for one in alone])
            return LossResult(totals, 1.0, np.stack([one.gradient for one in alone]))
        gradient = self.specimen.start()(np.ones(()), arrays)["output"]
        return LossResult(np.asarray(self.specimen.forward(arrays)), 1.0, gradient)


def specimens(seeds: range) -> Iterator[Specimen]:
    """Everything that is planted, at the first of the points."""
    return (one.specimen() for one in everything(seeds))


def everything(seeds: range) -> Iterator[Planted]:
    """A request for everything that is planted, at the first of the points."""
    once = range(seeds.start, seeds.start + 1)
    yield from _written_layers(once)
    yield from _subclasses(once)
    yield from _losses(once)


def _written_layers(seeds: range) -> Iterator[Planted]:
    for specimen in chain(written_functions.specimens(seeds), written_structures.specimens(seeds)):
        if not _is_a_layer(specimen):
            continue
        yield _planted("a layer", specimen, _layer)
        x = next(iter(specimen.arrays.values()))
        if specimen.network is None and x.shape == specimen.dy.shape and x.dtype.kind == "f":
            yield _planted("a layer in a network", specimen, _in_a_network)
            yield _planted("a layer in a residual", specimen, _in_a_residual, BESIDE)
            yield _planted("a layer beside another", specimen, _beside_another, BESIDE)
    for specimen in chain(written_networks.specimens(seeds), strangers.specimens(seeds)):
        # One of every kind of network, and that the square one, in which every mistake can be made.
        if specimen.subject.startswith("3-3-3") and specimen.network is not None:
            yield _planted("a layer", specimen, _layer)


def _is_a_layer(specimen: Specimen) -> bool:
    """Whether it can be one: from its first array to more than a number, the others floating."""
    _, *params = specimen.arrays.values()
    return bool(specimen.dy.shape) and all(array.dtype.kind == "f" for array in params)


# SideBySide another way back, a factor is no longer one of the whole gradient.
BESIDE = {"sign": "factor_handed_on"}


def _planted(
    where: str,
    specimen: Specimen,
    request: Callable[[Specimen], Request],
    other_names: Mapping[str, str] = EMPTY,
) -> Planted:
    mistake = other_names.get(specimen.mistake, specimen.mistake)
    return Planted(f"{specimen.subject} as {where}", mistake, partial(request, specimen))


def _layer(specimen: Specimen) -> Request:
    x, *params = specimen.arrays.values()
    flat = np.concatenate([np.zeros(0), *(array.ravel() for array in params)])
    layer = WrittenLayer(specimen, specimen.start())
    return Request(layer, x=x, params=flat, dy=specimen.dy, witnesses=ALONE)


def _in_a_network(specimen: Specimen) -> Request:
    return _network(specimen, lambda layer, width: layer)


def _in_a_residual(specimen: Specimen) -> Request:
    return _network(specimen, lambda layer, width: Residual(layer))


def _beside_another(specimen: Specimen) -> Request:
    return _network(specimen, lambda layer, width: SideBySide(layer, Linear(width, width)))


def _network(specimen: Specimen, inner: Callable[[Layer, int], Layer]) -> Request:
    x = next(iter(specimen.arrays.values()))
    width = x.shape[-1]
    layer = inner(WrittenLayer(specimen, specimen.start()), width)
    network = Network(Sequential(Linear(width, width), layer, Linear(width, 2)))
    return Request(network, x=x, witnesses=ALONE)


def _subclasses(seeds: range) -> Iterator[Planted]:
    """Every kind of layer of ours, with a backward that spoils what its own returns."""
    for kind, (example, *_) in LAYER_EXAMPLES.items():
        if issubclass(kind, Combinator):
            continue
        network = Network(example.layer)
        for mistake in spoiled_layers.applicable(network, example):
            if mistake in spoiled_layers.SPOIL or not mistake:
                for seed in seeds:
                    arrays, dy = spoiled_layers.point(network, example, seed)
                    request = Request(
                        _spoiled(example.layer, mistake),
                        x=arrays["x"],
                        params=network.replace(
                            np.zeros(network.size), {p: arrays[p] for p in network.graph.slots}
                        ),
                        dy=dy,
                        training=example.training,
                        witnesses=ALONE,
                    )
                    subject = f"{kind.__name__} as a class of one's own"
                    yield Planted(subject, mistake, partial(_same, request))


def _same(request: Request) -> Request:
    return request


def _spoiled(layer: Layer, mistake: str) -> Layer:
    """The layer, of a subclass of its own with a mistake in its backward."""
    kind = type(layer)

    def backward(self: Layer, params: Tree, cache: Any, dy: Array) -> Backward:
        dx, own = kind.backward(self, params, cache, dy)
        found = {name: np.array(array) for name, array in own.items()}
        if dx is not None:
            found["x"] = np.array(dx)
        spoil = spoiled_layers.SPOIL.get(mistake)
        if spoil is not None:
            spoil(found, params, len(dy))
        return found.pop("x", None), found

    made: type[Layer] = type(f"My{kind.__name__}", (kind,), {"backward": backward})
    return made.from_settings(layer.settings())


def _losses(seeds: range) -> Iterator[Planted]:
    """Losses of somebody's own, alone and behind a network."""
    for specimen in written_losses.specimens(seeds):
        output, target = specimen.arrays["output"], specimen.arrays["target"]
        loss = WrittenLoss(specimen)
        alone = Request(loss, x=output, t=target, witnesses=ALONE)
        network = Network(Linear(output.shape[-1], output.shape[-1]))
        behind = Request(network, x=output, t=target, loss=loss, witnesses=ALONE)
        yield Planted(f"{specimen.subject} as a loss", specimen.mistake, partial(_same, alone))
        subject = f"{specimen.subject} as a network's loss"
        yield Planted(subject, specimen.mistake, partial(_same, behind))


def _own(name: str) -> str:
    """A parameter's name that is no path."""
    return name.replace(".", "_")


def _shaped(gradient: Array, array: Array) -> Array:
    """A gradient in its array's shape, where that only takes axes of length 1."""
    return gradient.reshape(array.shape) if gradient.size == array.size else gradient
