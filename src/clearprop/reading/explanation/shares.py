"""A gradient as a sum over samples, and each sample's share as forward factor × backward factor.

    ∂L/∂w = Σₙ ∂Cⁿ/∂w                        Cⁿ carries its 1/N where the loss is a mean
    ∂Cⁿ/∂w = ∂z/∂w · ∂Cⁿ/∂z                  of a Linear layer: the input that w multiplies (for a
                                             bias: 1) times the signal at its neuron

In any other layer a parameter may touch several outputs y_j of one sample, and may stand in several
layers (tied weights): ∂Cⁿ/∂w = Σ_j ∂y_j/∂w · ∂Cⁿ/∂y_j, with ∂y_j/∂w from the layer's own backward.
"""

from dataclasses import dataclass

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.addresses import Address, Index, every_sample
from clearprop.engine.wires import INPUT, Node, is_linear, parameters_of
from clearprop.reading.explanation.signals import NOTHING, Rest, Signal
from clearprop.reading.explanation.tracing import Tracer, largest_first, share_of


@dataclass(frozen=True)
class Product:
    """Forward factor times backward factor: value = factor · signal.value.

    via     the parameter's address here, which of a tied one is not the address that was asked for
    input   the address of the number that the weight multiplies; "" where it is none, as of a bias
    factor  ∂z/∂w, from the forward pass
    signal  ∂C/∂z, from the backward pass
    """

    via: str
    input: str
    factor: float
    signal: Signal
    value: float


@dataclass(frozen=True)
class SampleShare:
    """One sample's share of a gradient: value = Σ products + rest.

    share   |value| / Σ|shares of all samples|
    """

    sample: int
    value: float
    share: float
    products: tuple[Product, ...]
    rest: Rest = NOTHING


class ParameterShares:
    """The shares of one entry of one parameter, which may stand in several layers.

    kind     "weight" or "bias" of Linear layers, otherwise "parameter"
    values   (N,) every sample's share
    """

    def __init__(self, tracer: Tracer, address: Address) -> None:
        self._tracer = tracer
        slots = tracer.step.forward.network.layout.slots
        start = slots[address.path].start
        paths = [path for path, slot in slots.items() if slot.start == start]
        self._uses = [
            (node, Address(path, address.index))
            for path in paths
            for node in tracer.step.wiring.nodes.values()
            if path in parameters_of(node)
        ]
        plain = all(_is_plain(node, tracer) for node, _ in self._uses)
        self.kind = address.path.rpartition(".")[2] if plain else "parameter"
        self.values = np.sum([self._values(node, place) for node, place in self._uses], axis=0)

    def share(self, sample: int, size: float, depth: int) -> SampleShare:
        """One sample's share with its factors, the signals opened `depth` lines deep; `size` is
        Σ|shares|."""
        products: list[Product] = []
        rest = NOTHING
        for node, place in self._uses:
            if _is_plain(node, self._tracer):
                products.append(self._of_linear(node, place, sample, depth))
            else:
                found, unlisted = self._of_layer(node, place, sample, depth)
                products += found
                rest += unlisted
        value = float(self.values[sample])
        return SampleShare(sample, value, share_of(value, size), tuple(products), rest)

    def _values(self, node: Node, place: Address) -> Array:
        wiring = self._tracer.step.wiring
        if _is_plain(node, self._tracer):
            signals = wiring.gradients(node.path)[:, place.index[1]]
            if _is_bias(place):
                return signals.astype(np.float64)
            inputs = wiring.values(node.source)[:, place.index[0]]
            return inputs.astype(np.float64) * signals.astype(np.float64)
        probe = self._tracer.probe(node.path)
        samples = range(self._tracer.step.samples)
        return np.array(
            [float(probe.parameter_of_sample(n, place.path)[place.index]) for n in samples]
        )

    def _of_linear(self, node: Node, place: Address, sample: int, depth: int) -> Product:
        row, unit = place.index
        signal = self._tracer.signal(node.path, sample, (unit,), depth)
        if _is_bias(place):
            return Product(str(place), "", 1.0, signal, signal.value)
        factor = float(self._tracer.step.wiring.values(node.source)[sample, row])
        source = str(Address(node.source, (row,)))
        return Product(str(place), source, factor, signal, factor * signal.value)

    def _of_layer(
        self, node: Node, place: Address, sample: int, depth: int
    ) -> tuple[list[Product], Rest]:
        probe = self._tracer.probe(node.path)
        positions = probe.leading(sample)
        slopes = [
            float(probe.parameter_slopes(sample, int(p), place.path)[place.index])
            for p in positions
        ]
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
                Product(str(place), "", float(factors[way]), signal, float(values[way]))
            )
        # What touches no output is no term.
        count = int(np.count_nonzero(values[others]))
        value, size = float(values[others].sum()), float(np.abs(values[others]).sum())
        if probe.outputs > len(positions):
            unlisted = float(probe.parameter_through_others(sample, place.path)[place.index])
            if unlisted:
                count += probe.outputs - len(positions)
            value, size = value + unlisted, size + abs(unlisted)
        return products, Rest(count, value, size)


class FeatureShares:
    """The shares of one feature of the input: each sample's own ∂Cⁿ/∂x.

    Their sum is the gradient by a number that is added to the feature in every sample.
    """

    def __init__(self, tracer: Tracer, index: Index) -> None:
        self._tracer = tracer
        self._index = index
        gradients = tracer.step.wiring.gradients(INPUT)
        self.values = gradients[every_sample(index)].astype(np.float64)

    def share(self, sample: int, size: float, depth: int) -> SampleShare:
        """One sample's share; the factor is 1, as of a bias."""
        signal = self._tracer.signal(INPUT, sample, self._index, depth)
        product = Product(signal.place, "", 1.0, signal, signal.value)
        return SampleShare(sample, signal.value, share_of(signal.value, size), (product,))


def _is_plain(node: Node, tracer: Tracer) -> bool:
    """Whether a node is a Linear layer with samples in rows and nothing else."""
    return is_linear(node.layer) and tracer.step.wiring.values(node.path).ndim == 2


def _is_bias(place: Address) -> bool:
    return place.path.rpartition(".")[2] == "bias"
