"""Why a weight (or bias, or feature of the input) has the gradient that it has, worked out."""

from typing import NamedTuple, Protocol

import numpy as np

from clearprop.base.arrays import Array, Index, require_count
from clearprop.base.errors import ConfigurationError
from clearprop.engine.addresses import (
    Address,
    every_sample,
    neuron_address,
    parameter_address,
)
from clearprop.engine.graph import INPUT, Node
from clearprop.engine.nodes import is_linear
from clearprop.engine.step import Step
from clearprop.reading.explanation.gradient_explanation import GradientExplanation, GradientKind
from clearprop.reading.explanation.place_shares import (
    PlaceShares,
    UsedAtPlaces,
    used_at_places,
)
from clearprop.reading.explanation.sample_shares import FactorPair, SampleShare
from clearprop.reading.explanation.signals import Signal
from clearprop.reading.explanation.time_shares import time_shares
from clearprop.reading.explanation.tracing import DEPTH, MOST, Tracer
from clearprop.reading.explanation.witness import witness_of_feature, witness_of_parameter
from clearprop.reading.formula_symbols import neuron_symbol, parameter_symbol_at
from clearprop.reading.largest_terms import NOTHING, Rest, largest_first, rest_of, share_of


def explain_weight(
    step: Step,
    address: str,
    *,
    depth: int = DEPTH,
    most: int = MOST,
    sample: int | None = None,
) -> GradientExplanation:
    """Why one entry of one parameter has its gradient.

    address  `layers[0].weight[0,3]`, `layers[0].bias[0,3]`
    depth    how many lines deep every signal is taken apart; 0 leaves it a number
    most     how many samples, and how many terms of a line, are listed one by one
    sample   show this sample alone instead of the largest shares

    Raises UnknownNameError, ShapeError or ConfigurationError for what is not there.
    """
    tracer = Tracer(step, require_count("most", most))
    require_count("depth", depth, 0)
    place = parameter_address(step, address)
    forward = step.forward
    slot = forward.network.layout.slots[place.path]
    position = slot.start + int(np.ravel_multi_index(place.index, slot.shape))
    gradient = float(step.backward.gradient[position])
    sums = _ParameterShares(tracer, place)
    shares, rest, size = _shown(step, sums, sample, depth, most)
    return GradientExplanation(
        kind=sums.kind,
        address=str(place),
        value=float(forward.params[position]),
        gradient=gradient,
        loss=step.value,
        samples=step.samples,
        shares=shares,
        rest=rest,
        size=size,
        update=step.update_of(position),
        symbol=sums.symbol,
        times=time_shares(step, place),
        places=sums.places(sample),
        witness=witness_of_parameter(step, position, gradient, size),
    )


def explain_input(
    step: Step,
    address: str,
    *,
    depth: int = DEPTH,
    most: int = MOST,
    sample: int | None = None,
) -> GradientExplanation:
    """How the loss depends on one feature of the input: `input[0]`.

    The gradient is that by a number added to the feature in every sample, so that the samples add
    up as they do for a bias. Arguments and errors as of `explain_weight`; ConfigurationError where
    the address is no feature of the input, DtypeError for integers, which have no gradient.
    """
    tracer = Tracer(step, require_count("most", most))
    require_count("depth", depth, 0)
    place = neuron_address(step, address)
    if place.path != INPUT:
        raise ConfigurationError("explain_no_feature", address=address)
    sums = _FeatureShares(tracer, place.index)
    shares, rest, size = _shown(step, sums, sample, depth, most)
    gradient = float(sums.values.sum())
    return GradientExplanation(
        kind=GradientKind.INPUT,
        address=str(place),
        value=None,
        gradient=gradient,
        loss=step.value,
        samples=step.samples,
        shares=shares,
        rest=rest,
        size=size,
        update=None,
        symbol=neuron_symbol(step.forward.network.graph, INPUT, place.index),
        witness=witness_of_feature(step, place.index, gradient, size),
    )


class _Shares(Protocol):
    values: Array

    def share(self, sample: int, size: float, depth: int) -> SampleShare: ...


def _shown(
    step: Step, sums: _Shares, sample: int | None, depth: int, most: int
) -> tuple[tuple[SampleShare, ...], Rest, float]:
    values = sums.values
    size = float(np.abs(values).sum())
    if sample is None:
        chosen, others = largest_first(values, most)
        if len(chosen) == 0:
            # Where no sample pulls, one of them shows why.
            chosen, others = others[:1], others[1:]
    else:
        chosen = np.array([step.check_sample(sample)])
        others = np.delete(np.arange(len(values)), chosen)
    shares = tuple(sums.share(int(n), size, depth) for n in chosen)
    return shares, rest_of(values[others]), size


class _Use(NamedTuple):
    """One layer in which the parameter stands, by the layer's own `name`; `plain` where it is a
    Linear one with samples in rows, `spread` where its row says at which places it is used."""

    node: Node
    name: str
    place: Address
    plain: bool
    spread: UsedAtPlaces | None

    @property
    def is_bias(self) -> bool:
        return self.name == "bias"


class _ParameterShares:
    """The shares of one entry of one parameter, which may stand in several layers.

    kind     a weight or a bias of Linear layers with samples in rows, otherwise a parameter
    values   (N,) every sample's share
    symbol   what the entry is called in formulas; "" where it has no name there
    """

    def __init__(self, tracer: Tracer, address: Address) -> None:
        self._tracer = tracer
        self._step = tracer.step
        graph = tracer.step.forward.network.graph
        self._uses = [
            _Use(
                node,
                name,
                Address(node.parameters[name].path, address.index),
                self._is_plain(node),
                used_at_places(self._step, node, name, address.index),
            )
            for node, name in graph.users(address.path)
        ]
        self.kind = GradientKind.PARAMETER
        if all(use.plain for use in self._uses):
            is_bias = self._uses[0].is_bias
            self.kind = GradientKind.BIAS if is_bias else GradientKind.WEIGHT
        self.symbol = ""
        if len(self._uses) == 1:
            use = self._uses[0]
            self.symbol = parameter_symbol_at(graph, use.node, use.name, address.index)
        self.values = np.sum([self._values(use) for use in self._uses], axis=0)

    def share(self, sample: int, size: float, depth: int) -> SampleShare:
        """One sample's share with its factors, the signals opened `depth` lines deep; `size` is
        Σ|shares|."""
        products: list[FactorPair] = []
        rest = NOTHING
        for use in self._uses:
            if use.plain:
                products.append(self._of_linear(use, sample, depth))
            else:
                if use.spread is not None:
                    found, unlisted = self._of_places(use, use.spread, sample, depth)
                else:
                    found, unlisted = self._of_layer(use, sample, depth)
                products += found
                rest += unlisted
        # Of a tied parameter every use has its own largest.
        products.sort(key=lambda one: -abs(one.value))
        value = float(self.values[sample])
        return SampleShare(
            sample=sample,
            value=value,
            share=share_of(value, size),
            products=tuple(products),
            rest=rest,
        )

    def places(self, sample: int | None) -> PlaceShares | None:
        """The shares of every place, of all samples or of one, where one layer alone has the
        parameter and its row says where it is used."""
        use, *others = self._uses
        if others or use.spread is None:
            return None
        return use.spread.shares(use.name, use.place.index, sample)

    def _is_plain(self, node: Node) -> bool:
        """Whether a node is a Linear layer with samples in rows and nothing else."""
        return is_linear(node.layer) and self._step.forward.value(node.path).ndim == 2

    def _values(self, use: _Use) -> Array:
        node, index = use.node, use.place.index
        if use.plain:
            signals = self._step.signals(node.path)[:, index[1]]
            if use.is_bias:
                return signals.astype(np.float64)
            inputs = self._step.forward.value(node.source)[:, index[0]]
            return inputs.astype(np.float64) * signals.astype(np.float64)
        if use.spread is not None:
            values: Array = use.spread.values.reshape(self._step.samples, -1).sum(axis=1)
            return values
        probe = self._tracer.probe(node.path)
        samples = range(self._step.samples)
        return np.array([float(probe.parameter_of_sample(n, use.name)[index]) for n in samples])

    def _of_linear(self, use: _Use, sample: int, depth: int) -> FactorPair:
        node, (row, unit) = use.node, use.place.index
        signal = self._tracer.signal(node.path, sample, (unit,), depth)
        if use.is_bias:
            return _alone(str(use.place), signal)
        factor = float(self._step.forward.value(node.source)[sample, row])
        return FactorPair(
            via=str(use.place),
            input=str(Address(node.source, (row,))),
            factor=factor,
            signal=signal,
            value=factor * signal.value,
        )

    def _of_places(
        self, use: _Use, spread: UsedAtPlaces, sample: int, depth: int
    ) -> tuple[list[FactorPair], Rest]:
        values = spread.values[sample]
        flat = values.reshape(-1)
        chosen, others = largest_first(flat, self._tracer.most)
        products = []
        for position in chosen:
            place = tuple(int(i) for i in np.unravel_index(position, values.shape))
            signal = self._tracer.signal(use.node.path, sample, spread.output(place), depth)
            products.append(
                FactorPair(
                    via=str(use.place),
                    input=spread.reads(place),
                    factor=float(spread.factors[(sample, *place)]),
                    signal=signal,
                    value=float(values[place]),
                )
            )
        return products, rest_of(flat[others[flat[others] != 0]])

    def _of_layer(self, use: _Use, sample: int, depth: int) -> tuple[list[FactorPair], Rest]:
        node, index = use.node, use.place.index
        probe = self._tracer.probe(node.path)
        positions = probe.leading(sample)
        slopes = [float(probe.parameter_slopes(sample, int(p), use.name)[index]) for p in positions]
        factors = np.array(slopes)
        values = factors * probe.dy[sample].astype(np.float64).reshape(-1)[positions]
        chosen, others = largest_first(values, self._tracer.most)
        products = []
        for way in chosen:
            unit: Index = tuple(
                int(i) for i in np.unravel_index(positions[way], probe.dy.shape[1:])
            )
            signal = self._tracer.signal(node.path, sample, unit, depth)
            products.append(
                FactorPair(
                    via=str(use.place),
                    input="",
                    factor=float(factors[way]),
                    signal=signal,
                    value=float(values[way]),
                )
            )
        # What touches no output is no term.
        count = int(np.count_nonzero(values[others]))
        value, size = float(values[others].sum()), float(np.abs(values[others]).sum())
        if probe.outputs > len(positions):
            unlisted = float(probe.parameter_through_others(sample, use.name)[index])
            if unlisted:
                count += probe.outputs - len(positions)
            value, size = value + unlisted, size + abs(unlisted)
        return products, Rest(count, value, size)


class _FeatureShares:
    """The shares of one feature of the input: each sample's own ∂C[n]/∂x.

    Their sum is the gradient by a number that is added to the feature in every sample.
    """

    def __init__(self, tracer: Tracer, index: Index) -> None:
        self._tracer = tracer
        self._index = index
        gradients = tracer.step.signals(INPUT)
        self.values = gradients[every_sample(index)].astype(np.float64)

    def share(self, sample: int, size: float, depth: int) -> SampleShare:
        """One sample's share; the factor is 1, as of a bias."""
        signal = self._tracer.signal(INPUT, sample, self._index, depth)
        product = _alone(signal.place, signal)
        return SampleShare(
            sample=sample,
            value=signal.value,
            share=share_of(signal.value, size),
            products=(product,),
        )


def _alone(via: str, signal: Signal) -> FactorPair:
    """The product of a number whose factor is 1, as a bias and a feature of the input have it."""
    return FactorPair(via=via, input="", factor=1.0, signal=signal, value=signal.value)
