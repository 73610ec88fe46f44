"""From a place in the network to its signal: the recursion that `signals` describes, carried out.

Through a Linear layer and an activation the factors are the weights and the slopes themselves;
through any other layer they come from its own backward (`probing`).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array, Index
from clearprop.engine.addresses import Address, every_sample
from clearprop.engine.graph import GraphStep, Node, join_path
from clearprop.engine.joining import Join, Sum
from clearprop.engine.layers.activations import Activation
from clearprop.engine.nodes import is_activation, is_linear
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import LAYER_ROWS
from clearprop.kinds.window_places import InputEntry, Onward
from clearprop.reading.explanation.signals import (
    LossDerivative,
    Signal,
    Slope,
    Term,
    WayKind,
    WindowSeen,
)
from clearprop.reading.formula_symbols import neuron_symbol
from clearprop.reading.largest_terms import NOTHING, Rest, largest_first, rest_of, share_of
from clearprop.reading.loss_lines import divisor_of, loss_lines, wanted_class
from clearprop.reading.probing import Probe

# How deep signals are taken apart, and how many terms of a line are listed, unless told otherwise.
DEPTH, MOST = 2, 5


class Ways(NamedTuple):
    """The ways through one taker, before the largest are chosen.

    values  the product of each way
    make    the term of way number i; it is handed i and the term's share
    rest    what the taker was asked about all at once
    """

    values: Array
    make: Callable[[int, float], Term]
    rest: Rest = NOTHING


class Tracer:
    """Takes signals of one step apart.

    most  how many terms of a line are listed; the others are its rest
    """

    def __init__(self, step: Step, most: int) -> None:
        self.step = step
        self.most = most
        self._graph = step.forward.network.graph
        self._probes: dict[str, Probe] = {}

    def probe(self, path: str) -> Probe:
        """The layer at `path`, to be asked through its backward."""
        if path not in self._probes:
            self._probes[path] = Probe(self.step.backward, path)
        return self._probes[path]

    def signal(self, wire: str, sample: int, index: Index, depth: int) -> Signal:
        """∂C/∂v of the entry `index` of `wire` for one sample, opened `depth` lines deep."""
        value = self.gradient(wire, sample, index)
        place = str(Address(wire, index))
        symbol = neuron_symbol(self._graph, wire, index)
        if depth == 0:
            return Signal(place, sample, value, symbol=symbol)
        slope, inner_wire = self.slope(wire, sample, index)
        factor = 1.0 if slope is None else slope.value
        if inner_wire == self._graph.output:
            loss = self.loss_derivative(sample, index)
            return Signal(
                place=place,
                sample=sample,
                value=value,
                opened=True,
                slope=slope,
                inner=loss.value,
                loss=loss,
                size=abs(factor * loss.value),
                symbol=symbol,
            )
        takers = self._graph.takers(inner_wire)
        windows = self.windows(inner_wire, sample, index)
        ways = [self._ways(taker, inner_wire, sample, index, depth - 1) for taker in takers]
        terms, rest, size = _largest(ways, self.most)
        inner = sum(term.value for term in terms) + rest.value
        return Signal(
            place=place,
            sample=sample,
            value=value,
            opened=True,
            slope=slope,
            inner=inner,
            terms=terms,
            rest=rest,
            size=abs(factor) * size,
            symbol=symbol,
            windows=windows,
        )

    def gradient(self, wire: str, sample: int, index: Index) -> float:
        """∂C/∂v as the backward pass recorded it."""
        return float(self.step.signals(wire)[sample][index])

    def slope(self, wire: str, sample: int, index: Index) -> tuple[Slope | None, str]:
        """The activation that is alone in taking `wire`, at one entry, and the wire behind it."""
        found = self._activation(wire)
        if found is None:
            return None, wire
        path, activation = found
        return self._slope(path, activation, wire, sample, index), path

    def _activation(self, wire: str) -> tuple[str, Activation] | None:
        """The path of the activation that is alone in taking `wire`, and the activation."""
        takers = self._graph.takers(wire)
        if len(takers) != 1 or not isinstance(takers[0], Node):
            return None
        layer = takers[0].layer
        return (takers[0].path, layer) if is_activation(layer) else None

    def silent(self, wire: str, index: Index) -> int | None:
        """For how many samples the slope behind one entry of `wire` is 0."""
        found = self._activation(wire)
        if found is None:
            return None
        path, activation = found
        slopes = activation.derivative(self.step.forward.value(wire), self.step.forward.value(path))
        return int(np.count_nonzero(np.asarray(slopes)[every_sample(index)] == 0))

    def _slope(
        self, path: str, activation: Activation, wire: str, sample: int, index: Index
    ) -> Slope:
        z, a = self.step.forward.value(wire)[sample], self.step.forward.value(path)[sample]
        # The whole sample is handed over: a derivative may be one that takes arrays only.
        value = float(np.asarray(activation.derivative(z, a))[index])
        return Slope(
            layer=path,
            name=type(activation).__name__,
            z=float(z[index]),
            a=float(a[index]),
            value=value,
        )

    def loss_derivative(self, sample: int, index: Index) -> LossDerivative:
        step = self.step
        output = step.forward.output
        target = None
        if step.target.shape == output.shape:
            target = float(step.target[sample][index])
        return LossDerivative(
            loss=type(step.loss).__name__,
            output=float(output[sample][index]),
            target=target,
            value=float(step.backward.output_gradient[sample][index]),
            lines=loss_lines(step, sample, index),
            divisor=divisor_of(step),
            wanted=wanted_class(step, sample, index[:-1]),
        )

    def _ways(self, taker: GraphStep, wire: str, sample: int, index: Index, depth: int) -> Ways:
        if isinstance(taker, Join):
            return self._through_join(taker, wire, sample, index, depth)
        if is_linear(taker.layer) and len(index) == 1:
            return self._through_weights(taker, sample, index[0], depth)
        if is_activation(taker.layer):
            slope = self._slope(taker.path, taker.layer, wire, sample, index)
            return self._through_slope(slope, sample, index, depth)
        row = LAYER_ROWS.get(type(taker.layer))
        if row is not None and row.onward is not None:
            return self._onward(taker, row.onward, sample, index, depth)
        return self._through_layer(taker, sample, index, depth)

    def _onward(
        self,
        taker: Node,
        onward: Callable[[InputEntry], tuple[Onward, ...]],
        sample: int,
        index: Index,
        depth: int,
    ) -> Ways:
        """Through a layer whose row says what a number goes into."""
        found = onward(self._input_entry(taker, sample, index))
        signals = self.step.signals(taker.path)[sample].astype(np.float64)
        values = np.array([one.factor * float(signals[one.output]) for one in found])
        weights = join_path(taker.path, "weight")

        def make(way: int, share: float) -> Term:
            one = found[way]
            through_weight = one.weight is not None
            via = Address(weights, one.weight) if one.weight else Address(taker.path, one.output)
            return Term(
                kind=WayKind.WEIGHT if through_weight else WayKind.OUTPUT,
                via=str(via),
                factor=one.factor,
                value=float(values[way]),
                share=share,
                signal=self.signal(taker.path, sample, one.output, depth),
            )

        return Ways(values, make)

    def _input_entry(self, taker: Node, sample: int, index: Index) -> InputEntry:
        record = self.step.forward[taker.path]
        places = record.output.shape[2:]
        return InputEntry(taker.layer, record.params, record.input[sample], places, index)

    def windows(self, wire: str, sample: int, index: Index) -> tuple[WindowSeen, ...]:
        """The windows of maxima under which a number lies that goes into them alone."""
        seen = []
        for taker in self._graph.takers(wire):
            row = LAYER_ROWS.get(type(taker.layer)) if isinstance(taker, Node) else None
            if not isinstance(taker, Node) or row is None or row.onward is None:
                continue
            values = self.step.forward.value(wire)[sample]
            for one in row.onward(self._input_entry(taker, sample, index)):
                if one.largest is None:
                    continue
                seen.append(
                    WindowSeen(
                        output=str(Address(taker.path, one.output)),
                        largest=str(Address(wire, one.largest)),
                        value=float(values[one.largest]),
                        own=float(values[index]),
                        chosen=one.largest == index,
                    )
                )
        return tuple(seen)

    def _through_join(self, taker: Join, wire: str, sample: int, index: Index, depth: int) -> Ways:
        shapes = [self.step.forward.value(source).shape[1:] for source in taker.sources]
        # A wire may be more than one of the terms.
        places = [
            taker.lands(number, index, shapes)
            for number, source in enumerate(taker.sources)
            if source == wire
        ]
        values = np.array([self.gradient(taker.path, sample, place) for place in places])
        kind = WayKind.SKIP if isinstance(taker, Sum) else WayKind.JOINED

        def make(way: int, share: float) -> Term:
            signal = self.signal(taker.path, sample, places[way], depth)
            return Term(
                kind=kind,
                via=taker.path,
                factor=1.0,
                value=float(values[way]),
                share=share,
                signal=signal,
            )

        return Ways(values, make)

    def _through_slope(self, slope: Slope, sample: int, index: Index, depth: int) -> Ways:
        value = slope.value * self.gradient(slope.layer, sample, index)

        def make(_: int, share: float) -> Term:
            signal = self.signal(slope.layer, sample, index, depth)
            return Term(
                kind=WayKind.SLOPE,
                via=slope.layer,
                factor=slope.value,
                value=value,
                share=share,
                signal=signal,
            )

        return Ways(np.array([value]), make)

    def _through_weights(self, taker: Node, sample: int, row: int, depth: int) -> Ways:
        weights = np.asarray(self.step.forward[taker.path].params["weight"][row], np.float64)
        signals = self.step.signals(taker.path)[sample].astype(np.float64)
        values = weights * signals
        path = join_path(taker.path, "weight")

        def make(unit: int, share: float) -> Term:
            signal = self.signal(taker.path, sample, (unit,), depth)
            via = str(Address(path, (row, unit)))
            return Term(
                kind=WayKind.WEIGHT,
                via=via,
                factor=float(weights[unit]),
                value=float(values[unit]),
                share=share,
                signal=signal,
            )

        return Ways(values, make)

    def _through_layer(self, taker: Node, sample: int, index: Index, depth: int) -> Ways:
        probe = self.probe(taker.path)
        positions = probe.leading(sample)
        signals = np.asarray(probe.dy[sample], np.float64).reshape(-1)[positions]
        factors = np.array([float(probe.slopes(sample, int(p))[index]) for p in positions])
        # What it does not touch is no term.
        touched = factors != 0
        positions, factors, signals = positions[touched], factors[touched], signals[touched]
        values = factors * signals
        mixed = float(probe.through_other_samples(sample)[index])
        if mixed != 0:
            values = np.append(values, mixed)
        unlisted = float(probe.through_others(sample)[index])

        def make(way: int, share: float) -> Term:
            if way == len(positions):
                return Term(
                    kind=WayKind.SAMPLES,
                    via=taker.path,
                    factor=1.0,
                    value=mixed,
                    share=share,
                    signal=None,
                )
            unit = tuple(int(i) for i in np.unravel_index(positions[way], probe.dy.shape[1:]))
            return Term(
                kind=WayKind.OUTPUT,
                via=str(Address(taker.path, unit)),
                factor=float(factors[way]),
                value=float(values[way]),
                share=share,
                signal=self.signal(taker.path, sample, unit, depth),
            )

        others = probe.outputs - len(probe.leading(sample))
        rest = Rest(others, unlisted, abs(unlisted)) if unlisted else NOTHING
        return Ways(values, make, rest)


def _largest(ways: list[Ways], most: int) -> tuple[tuple[Term, ...], Rest, float]:
    """The largest terms of all takers, the rest of them, and Σ|terms| with the rest's."""
    owners = np.repeat(np.arange(len(ways)), [len(way.values) for way in ways])
    numbers = np.concatenate([np.arange(len(way.values)) for way in ways])
    values = np.concatenate([way.values for way in ways])
    size = float(np.abs(values).sum()) + sum(way.rest.size for way in ways)
    chosen, others = largest_first(values, most)
    terms = tuple(
        ways[owners[i]].make(int(numbers[i]), share_of(float(values[i]), size)) for i in chosen
    )
    return terms, sum((way.rest for way in ways), rest_of(values[others])), size
