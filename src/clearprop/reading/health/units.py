"""Units that no longer answer: dead ones, whose slope is 0 for every sample, and saturated ones,
whose slope is tiny.

What counts is the slope a'(z), whatever the layer: dead is a ReLU with z <= 0 everywhere, and a
Hardtanh beyond its bounds as well. A slope is tiny where it is at most TINY of the largest that the
activation has anywhere. An activation that is flat on both ends (a tanh, a sigmoid) is saturated
where it is so for nearly all samples; one that is flat on one end alone (GELU, ELU) is made to be
there for some, and counts where it is so for all.

Of images a unit is a channel, at all of its places.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import percent
from clearprop.engine.addresses import channels_path
from clearprop.engine.graph import Node
from clearprop.engine.images import holds_images
from clearprop.engine.layers.activations import Activation
from clearprop.engine.layers.layer import Layer
from clearprop.engine.nodes import layer_name
from clearprop.engine.step import Step
from clearprop.training.finding import Finding, Severity, Symptom

# |a'(z)| at most this share of the largest slope is tiny: a tanh beyond |a| = 0.995.
TINY = 0.01
# Saturated is a unit whose slope is tiny for at least this share of the samples.
NEARLY_ALL = 0.95
# Where the largest slope of an activation is looked for, and where its ends are.
RANGE, FAR = 20.0, 1e3


class Units(NamedTuple):
    """The slopes of one layer that works entry by entry; of images a unit is a channel.

    slopes  (N', F) the largest |a'(z)| of a unit in one sample, samples of all draws
    z       (F,) the largest z that a unit has
    places  how many places a channel has; None where the units are no channels
    """

    node: Node
    slopes: Array
    z: Array
    places: int | None = None

    def place(self, unit: int) -> str:
        """The address of a unit."""
        path = self.node.path
        return f"{path}[{unit}]" if self.places is None else channels_path(path, unit)

    @property
    def dead(self) -> Array:
        """(F,) whether the slope of a unit is 0 for every sample."""
        found: Array = (self.slopes == 0).all(axis=0)
        return found


def units_of(steps: tuple[Step, ...]) -> list[Units]:
    """Every layer that works entry by entry and whose numbers are finite, in the order in which
    they run."""
    found = []
    for node in steps[0].forward.network.graph.nodes.values():
        if not _is_elementwise(node.layer):
            continue
        images = holds_images(steps[0].forward, node.path)
        places = int(np.prod(steps[0].forward.value(node.path).shape[2:])) if images else None
        parts = [_slopes(step, node, images=images) for step in steps]
        slopes, z = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        if np.isfinite(slopes).all() and np.isfinite(z).all():
            found.append(Units(node, slopes, z.max(axis=0), places))
    return found


def dead_units(units: list[Units], samples: int) -> Iterator[Finding]:
    """A finding for every layer with dead units."""
    for one in units:
        dead = np.flatnonzero(one.dead)
        if not len(dead):
            continue
        count, total = len(dead), len(one.dead)
        partly, wholly = Symptom.DEAD_UNITS, Symptom.DEAD_LAYER
        if one.places is not None:
            partly, wholly = Symptom.DEAD_CHANNELS, Symptom.DEAD_ALL_CHANNELS
        yield Finding(
            wholly if count == total else partly,
            Severity.SERIOUS if count == total else Severity.WARNING,
            tuple(one.place(int(unit)) for unit in dead),
            {
                "layer": layer_name(one.node),
                "name": type(one.node.layer).__name__,
                "count": count,
                "total": total,
                "samples": samples,
                "z": float(one.z[dead].max()),
                "spots": one.places or 0,
            },
        )


def saturated_units(units: list[Units]) -> Iterator[Finding]:
    """A finding for every layer with saturated units, which are not dead."""
    for one in units:
        layer = one.node.layer
        largest = _largest_slope(layer, one.slopes)
        if largest == 0:
            continue
        shares = (one.slopes <= TINY * largest).mean(axis=0)
        enough = NEARLY_ALL if _is_flat_on_both_ends(layer, largest) else 1.0
        saturated = np.flatnonzero((shares >= enough) & ~one.dead)
        if not len(saturated):
            continue
        yield Finding(
            Symptom.SATURATED if one.places is None else Symptom.SATURATED_CHANNELS,
            Severity.WARNING,
            tuple(one.place(int(unit)) for unit in saturated),
            {
                "layer": layer_name(one.node),
                "name": type(layer).__name__,
                "count": len(saturated),
                "total": len(shares),
                "share": percent(float(shares[saturated].min())),
                "slope": float(np.median(one.slopes[:, saturated])),
                "largest": largest,
            },
        )


def silent_samples(units: list[Units]) -> dict[str, tuple[int, ...]]:
    """For how many samples each unit's slope is 0, by the path of its layer."""
    return {one.node.path: tuple(int(n) for n in (one.slopes == 0).sum(axis=0)) for one in units}


def _is_elementwise(layer: Layer) -> bool:
    """A layer that says where one entry's function has kinks works entry by entry, as every
    activation does."""
    return isinstance(layer, Activation) or bool(layer.kinks())


def _slopes(step: Step, node: Node, *, images: bool) -> tuple[Array, Array]:
    record = step.forward[node.path]
    # With ∂C/∂a = 1 everywhere, what comes back is a'(z).
    ones = np.ones(record.output.shape, record.output.dtype)
    dx, _ = node.layer.backward(record.params, record.cache, ones)
    slopes = np.abs(np.asarray(dx, np.float64))
    z = record.input.astype(np.float64)
    between = tuple(range(2, slopes.ndim) if images else range(1, slopes.ndim - 1))
    return slopes.max(axis=between, initial=0.0), z.max(axis=between, initial=-np.inf)


def _largest_slope(layer: Layer, slopes: Array) -> float:
    if not isinstance(layer, Activation):
        return float(slopes.max(initial=0.0))
    z = np.linspace(-RANGE, RANGE, 4001)
    return float(np.abs(np.asarray(layer.derivative(z, layer.value(z)), np.float64)).max())


def _is_flat_on_both_ends(layer: Layer, largest: float) -> bool:
    if not isinstance(layer, Activation):
        return False
    z = np.array([-FAR, FAR])
    ends = np.abs(np.asarray(layer.derivative(z, layer.value(z)), np.float64))
    return bool((ends <= TINY * largest).all())
