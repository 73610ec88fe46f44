"""What stands on a tape: the layers of the catalogue that its wires are, by their numbers.

A person writes softmax, a norm or a sigmoid in a dozen ways. A part is known by what comes out of
what goes in, not by the operations between; what is no layer of ours stays a row of operations.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.image_parts import ImagePart
from clearprop.checking.diagnosis.along_tape.part_kinds import (
    Affine,
    Drop,
    Function,
    NormPart,
    SoftmaxPart,
)
from clearprop.checking.diagnosis.along_tape.part_signs import (
    activation_of,
    is_entrywise,
    is_mask,
    is_normalized,
    is_pattern,
    is_shifted,
    is_sum,
    unit_of,
)
from clearprop.checking.diagnosis.along_tape.time_loops import TimeLoop, time_loops
from clearprop.checking.diagnosis.hypotheses import (
    USUAL,
    scale,
)
from clearprop.checking.diagnosis.recording.primitives import Family
from clearprop.checking.diagnosis.recording.tape import Tape, Wire

# What a person's array of samples is called, where both factors of a product could be a weight.
DATA = ("x", "inp", "data", "image", "feature", "a0", "sample")


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a tape. `data` names arrays that are no parameters; `images` are the
    convolutions and poolings that were closed on it, by their wires."""

    tape: Tape
    data: frozenset[str]
    images: Mapping[int, ImagePart] = field(default_factory=dict)

    @cached_property
    def roots(self) -> Mapping[int, int]:
        """By wire the one wire that it is made of entry by entry; itself where there is none."""
        tape, found = self.tape, dict[int, int]()
        for wire in tape.order:
            found[wire.number] = wire.number
            if not is_entrywise(wire) or any(is_pattern(one) for one in wire.operands):
                continue
            own = {found[source] for source in wire.sources}
            if len(own) == 1:
                (root,) = own
                if tape.wires[root].value.shape == wire.value.shape:
                    found[wire.number] = root
        return found

    @cached_property
    def affine(self) -> tuple[Affine, ...]:
        """The linear layers, in order."""
        return tuple(self._affine())

    def _affine(self) -> Iterator[Affine]:
        tape = self.tape
        for wire in tape.order:
            if wire.operation is None or wire.operation.family is not Family.PRODUCT:
                continue
            if len(wire.operands) != 2 or len(wire.sources) != 2:
                continue
            place = self._weight_place(wire)
            if place is None:
                continue
            weight, signal = wire.sources[place], wire.sources[1 - place]
            if self.leaf_of(weight) == self.leaf_of(signal):
                continue  # a square, as a penalty has
            out, leaves = wire.number, tuple(tape.names[weight])
            bias = self._bias_of(wire, signal)
            if bias is not None:
                out, name = bias
                leaves = (*leaves, name)
            yield Affine(out, wire.number, place, signal, weight, leaves)

    def _weight_place(self, wire: Wire) -> int | None:
        tape = self.tape
        leaves = [self.leaf_of(source) for source in wire.sources]
        places = [i for i, leaf in enumerate(leaves) if leaf is not None and leaf not in self.data]
        if len(places) < 2:
            return places[0] if places else None
        dimensions = [tape.wires[source].value.ndim for source in wire.sources]
        if dimensions[0] != dimensions[1]:
            # A matrix beside a vector, or a matrix beside a batch of them.
            return dimensions.index(2) if 2 in dimensions else None
        like = [str(leaf).lower().startswith(DATA) for leaf in leaves]
        return 1 if like[0] or not like[1] else 0

    def _bias_of(self, wire: Wire, signal: int) -> tuple[int, str] | None:
        takers = self.tape.takers[wire.number]
        if len(takers) != 1:
            return None
        add = self.tape.wires[takers[0]]
        if add.operation is None or add.operation.name != "add" or len(add.sources) != 2:
            return None
        (other,) = [one for one in add.sources if one != wire.number] or [wire.number]
        leaf = self.leaf_of(other)
        if leaf is None or leaf in self.data or leaf in self.tape.names[signal]:
            return None
        return (add.number, leaf) if add.value.shape == wire.value.shape else None

    def leaf_of(self, number: int) -> str | None:
        """The name of the array that a wire is, turned or cut or not; None where it is more."""
        wire = self.tape.wires[number]
        while wire.leaf is None:
            moved = wire.operation is not None and wire.operation.family is Family.MOVEMENT
            if not moved or len(wire.sources) != 1:
                return None
            wire = self.tape.wires[wire.sources[0]]
        return wire.leaf

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """What is done entry by entry, by layers of the catalogue or otherwise, in order."""
        return tuple(self._functions())

    def _functions(self) -> Iterator[Function]:
        tape, roots = self.tape, self.roots
        for wire in tape.order:
            root = roots[wire.number]
            if root == wire.number or wire.value.dtype.kind != "f":
                continue
            layer = activation_of(tape.wires[root].value, wire.value)
            leaves = any(roots[one] != root for one in tape.takers[wire.number])
            if layer is None and not (leaves or wire.number == tape.output):
                continue
            if layer is None and self.is_proportional(root, wire.number):
                continue
            operation = wire.operation.name if wire.operation else ""
            name = type(layer).__name__ if layer else operation
            yield Function(root, wire.number, layer, name)

    def is_proportional(self, source: int, out: int) -> bool:
        """Whether the slope is the same at every entry: no function to forget a derivative of."""
        slopes = self.slopes(source, out)
        return bool(np.ptp(slopes) <= USUAL * scale(slopes)) if slopes.size > 1 else False

    def slopes(self, source: int, out: int) -> Array:
        """∂out/∂source, entry by entry."""
        wires = self.tape.wires
        pulled = self.tape.pull(out, np.ones(wires[out].value.shape), [source])
        return pulled.get(source, np.zeros(wires[source].value.shape))

    def called(self, number: int) -> str:
        """What a sentence calls a wire: the layer or the array that it comes from."""
        for affine in self.affine:
            if number in (affine.out, affine.product):
                return affine.called
        if number in self.images:
            part = self.images[number]
            inside = ", ".join(part.leaves) or self.called(part.operands[0])
            return f"{part.kind}({inside})"
        leaf = self.leaf_of(number)
        if leaf is not None:
            return leaf
        for function in self.functions:
            if function.out == number:
                return f"{function.name}({self.called(function.source)})"
        return ", ".join(n for n in self.tape.leaves if n in self.tape.names[number]) or "…"

    @cached_property
    def shares(self) -> tuple[SoftmaxPart, ...]:
        """Softmax and its logarithm, over whatever axis."""
        found = []
        for wire in self._floats():
            for is_log in (False, True):
                with np.errstate(all="ignore"):
                    p = np.exp(wire.value) if is_log else wire.value
                    logarithm = wire.value if is_log else np.log(wire.value)
                masked = not is_log and bool(np.all(wire.value >= 0))
                if not np.isfinite(logarithm[p > 0] if masked else logarithm).all():
                    continue
                for axis in reversed(range(p.ndim)):
                    if p.shape[axis] < 2 or scale(p.sum(axis) - 1) > USUAL:
                        continue
                    source = self._source(wire, partial(is_shifted, logarithm, axis))
                    if source is not None:
                        found.append(SoftmaxPart(source, wire.number, axis, p, is_log))
                        break
        return tuple(_first_of_each(found))

    def _floats(self) -> Iterator[Wire]:
        for wire in self.tape.order:
            is_numbers = wire.value.dtype.kind == "f" and wire.value.size > 1
            if is_numbers and wire.operation is not None:
                yield wire

    def _source(self, wire: Wire, fits: Callable[[Array], bool]) -> int | None:
        """The first wire of the same shape that `wire` is made of and that fits."""
        for other in self.tape.order:
            if other.number >= wire.number:
                return None
            if other.value.shape != wire.value.shape or other.value.dtype.kind != "f":
                continue
            if fits(other.value) and self.tape.between(wire.number, [other.number]):
                return other.number
        return None

    @cached_property
    def normals(self) -> tuple[NormPart, ...]:
        """Normalizations, over the features, the samples, or all but one axis."""
        found = []
        for wire in self._floats():
            made = self._normal(wire, wire.value)
            if made is not None:
                gain, place = self._gain(wire)
                found.append(made._replace(gain=gain, place=place))
        return tuple(_first_of_each(found)) or tuple(self._normals_with_gain())

    def _normal(self, wire: Wire, y: Array) -> NormPart | None:
        """The normalization that gives y, which is the wire's value or made of that."""
        every = tuple(range(y.ndim))
        groups = [every[-1:], every[:1], every[:-1], (0, *every[2:]), every[1:], every[2:]]
        for axes in dict.fromkeys(one for one in groups if one):
            if np.prod([y.shape[axis] for axis in axes]) < 3:
                continue
            square = np.mean(y * y, axis=axes, keepdims=True)
            if not np.all((square > 0.5) & (square < 1 + USUAL)):
                continue
            centred = scale(y.mean(axis=axes)) < USUAL
            source = self._source(wire, partial(is_normalized, y, axes, centred))
            if source is not None:
                inverse = unit_of(self.tape.wires[source].value, y, axes, centred)
                if inverse is not None and self._forgets_scale(source, wire):
                    return NormPart(source, wire.number, axes, inverse, y, centred)
        return None

    def _forgets_scale(self, source: int, wire: Wire) -> bool:
        """Whether twice as much going in gives nearly the same: what is only multiplied by a
        number doubles."""
        with np.errstate(all="ignore"):
            played = self.tape.played(wire.number, {source: 2 * self.tape.wires[source].value})
        return scale(played - wire.value) < scale(wire.value) / 2

    def _normals_with_gain(self) -> Iterator[NormPart]:
        """Those whose γ is multiplied in before x̂ is a wire of its own."""
        for wire in self._floats():
            y = wire.value
            leaves = [
                leaf
                for leaf in self.tape.order
                if leaf.leaf is not None
                and leaf.leaf in self.tape.names[wire.number] - self.data
                and leaf.value.dtype.kind == "f"
                and 1 < leaf.value.size < y.size
                and leaf.value.size == max(leaf.value.shape) in y.shape
            ]
            if len(leaves) > 2:
                continue
            for gain in leaves:
                for shift in (None, *leaves):
                    beta = 0.0 if shift is None else shift.value
                    if shift is gain or np.any(gain.value == 0):
                        continue
                    try:
                        hat = np.broadcast_to((y - beta) / gain.value, y.shape)
                    except ValueError:
                        continue
                    made = self._normal(wire, hat)
                    if made is not None:
                        within = (gain.number, *([shift.number] if shift else []))
                        yield made._replace(within=within, scale=gain.value)
                        return

    def _gain(self, wire: Wire) -> tuple[int | None, int]:
        """The wire of γ·x̂, of x̂ as it is or read in another shape, and the place of γ."""
        for number in self.tape.takers[wire.number]:
            taker = self.tape.wires[number]
            operation = taker.operation
            if operation is None:
                continue
            same = operation.family is Family.MOVEMENT and taker.value.size == wire.value.size
            if same and len(taker.sources) == 1:
                found = self._gain(taker)
                if found[0] is not None:
                    return found
            if operation.name not in ("multiply", "einsum"):
                continue
            for place, one in enumerate(taker.operands):
                if isinstance(one, int) and one != wire.number and self.leaf_of(one):
                    return number, place
        return None, 0

    @cached_property
    def loops(self) -> tuple[TimeLoop, ...]:
        """Loops over time."""
        return time_loops(self.tape, self.leaf_of)

    def is_in_time(self, number: int) -> bool:
        """Whether a wire stands in a loop over time, where nobody errs in one round alone."""
        return any(number in loop for loop in self.loops)

    @cached_property
    def drops(self) -> tuple[Drop, ...]:
        """Dropout: multiplied by what depends on no array, 0 in some places."""
        found = []
        for wire in self._floats():
            operation = wire.operation
            if operation is None or operation.name != "multiply" or len(wire.sources) != 1:
                continue
            (pattern,) = [one for one in wire.operands if not isinstance(one, int)]
            if not is_mask(np.broadcast_to(pattern, wire.value.shape)):
                continue
            source = out = wire.number
            source = wire.sources[0]
            # The scale may stand in lines of its own, before the mask or behind it.
            while self.roots[source] != source and self.is_proportional(self.roots[source], source):
                source = self.roots[source]
            for taker in self.tape.order:
                if self.roots[taker.number] == wire.number and self.is_proportional(
                    wire.number, taker.number
                ):
                    out = taker.number
            found.append(Drop(source, out, self.slopes(source, out)))
        return tuple(found)

    @cached_property
    def penalties(self) -> tuple[int, ...]:
        """The wires of what is added to a loss and depends on parameters alone."""
        tape = self.tape
        last = tape.wires[tape.output]
        if last.value.size != 1:
            return ()
        parameters = {
            name
            for name, number in tape.leaves.items()
            if name not in self.data and tape.wires[number].value.dtype.kind == "f"
        }
        own: dict[int, bool] = {}
        for wire in tape.order:
            bare = all(isinstance(one, int) or one.size == 1 for one in wire.operands)
            own[wire.number] = (
                wire.leaf in parameters
                if wire.leaf is not None
                else bare and all(own[source] for source in wire.sources)
            )
        if own[tape.output]:
            return ()
        return tuple(
            number
            for number, is_own in own.items()
            if is_own
            and tape.wires[number].value.size == 1
            and tape.wires[number].operation is not None
            and any(not own[taker] and is_sum(tape.wires[taker]) for taker in tape.takers[number])
        )

    @cached_property
    def inside(self) -> frozenset[int]:
        """The wires within softmax and normalization, their ends not counted."""
        found: set[int] = set()
        ends = [(part.source, part.out) for part in self.shares]
        ends += [(part.source, part.out) for part in self.normals]
        for source, out in ends:
            found |= self.tape.between(out, [source]) - {source, out}
        return frozenset(found)


def _first_of_each(parts: list) -> Iterator:  # type: ignore[type-arg]
    """Of parts that begin at the same wire the first; what is copied or clipped is no other."""
    seen: set[object] = set()
    for part in parts:
        key = (part.source, type(part), getattr(part, "is_log", None))
        if key not in seen:
            seen.add(key)
            yield part
