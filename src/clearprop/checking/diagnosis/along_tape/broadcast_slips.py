"""Mistakes at what is used at every place of images, as the gain and the bias of a channel: its
gradient summed over other axes, or averaged."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.diagnosis.along_tape.linear_slips import IMAGES
from clearprop.checking.diagnosis.along_tape.tape_pass import Gradients, TapePass, TapeSlip
from clearprop.checking.diagnosis.recording.tape import Wire
from clearprop.checking.verdict.mistakes import MistakeKind


def of_broadcasts(found: TapePass) -> Iterator[TapeSlip]:
    """At every sum and product of images with a parameter that has fewer numbers."""
    for wire in found.tape.order:
        name = wire.operation.name if wire.operation else ""
        if name not in ("add", "multiply") or wire.value.ndim < IMAGES:
            continue
        for place, source in enumerate(wire.operands):
            leaf = found.parts.leaf_of(source) if isinstance(source, int) else None
            if leaf is None or leaf in found.parts.data or wire.number not in found.signals:
                continue
            own = found.value(found.tape.leaves[leaf])
            if 1 < own.size < wire.value.size and len(wire.operands) == 2:
                yield from _of_one(found, wire, place, leaf)


def _of_one(found: TapePass, wire: Wire, place: int, leaf: str) -> Iterator[TapeSlip]:
    values = found.tape.values(wire)
    shape, own = values[place].shape, found.value(found.tape.leaves[leaf]).shape
    ndim = wire.value.ndim
    kept = (1,) * (ndim - len(shape)) + shape
    summed = tuple(axis for axis in range(ndim) if kept[axis] != wire.value.shape[axis])

    def terms() -> Array:
        """What is summed: of a product with the other factor."""
        dy = found.signals[wire.number]
        is_product = wire.operation is not None and wire.operation.name == "multiply"
        return dy * values[1 - place] if is_product else dy

    def slip(axes: tuple[int, ...], divided: int = 1) -> TapeSlip:
        def changed(_: Gradients) -> Gradients:
            total = np.asarray(terms().sum(axis=axes)) / divided
            size = int(np.prod(own))
            return {leaf: total.reshape(own) if total.size == size else total}

        where = {"where": found.parts.called(wire.number)}
        return TapeSlip(MistakeKind.BIAS_AXES, where, leaves=changed)

    for count in range(1, ndim + 1):
        for axes in combinations(range(ndim), count):
            if axes != summed:
                yield slip(axes)
            # Divided by the samples alone it is a mean for a sum, of any parameter.
            if {*axes} <= {*summed} and axes != (0,):
                yield slip(summed, int(np.prod([wire.value.shape[axis] for axis in axes])))
