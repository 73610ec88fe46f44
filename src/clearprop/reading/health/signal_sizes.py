"""How large the signals are, layer by layer: whether they vanish or explode on their way back.

The size of a signal is its root mean square over all samples and entries, so that layers of
different widths can be compared. What is compared is ∂C/∂z of the layers that learn.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clearprop.engine.nodes import layer_name
from clearprop.engine.step import Step
from clearprop.training.finding import Finding, Severity, Symptom

# Between the first layer that learns and the last one.
VANISHED, EXPLODED = 1e-3, 1e3


@dataclass(frozen=True)
class SignalSize:
    """The signal of one layer that learns.

    size   √(mean of (∂C/∂z)²)
    ratio  against that of the last layer that learns; NaN where that is 0
    """

    layer: str
    name: str
    size: float
    ratio: float


def signal_sizes(step: Step) -> tuple[SignalSize, ...]:
    """The signals of all layers that learn, in the order in which they run forward."""
    found = []
    for node in step.forward.network.graph.nodes.values():
        if node.parameters:
            signals = step.signals(node.path).astype(np.float64)
            found.append((node, float(np.sqrt(np.mean(signals**2)))))
    last = found[-1][1] if found else 0.0
    return tuple(
        SignalSize(
            layer=layer_name(node),
            name=type(node.layer).__name__,
            size=size,
            ratio=size / last if last else float("nan"),
        )
        for node, size in found
    )


def vanishing_or_exploding(sizes: tuple[SignalSize, ...], *, rounding: bool) -> Iterator[Finding]:
    """A finding where the first layer's signal is far from the last one's.

    A signal of exactly 0 has not vanished on the way: a dead unit, or a loss without a slope, has
    stopped it. `rounding` says that what starts from the loss is no more than that, and so has no
    size to compare.
    """
    if rounding or len(sizes) < 2 or not np.isfinite([one.size for one in sizes]).all():
        return
    first, last = sizes[0], sizes[-1]
    if first.size == 0 or last.size == 0 or VANISHED <= first.ratio <= EXPLODED:
        return
    yield Finding(
        Symptom.VANISHING if first.ratio < 1 else Symptom.EXPLODING,
        Severity.WARNING,
        tuple(one.layer for one in sizes),
        {
            "first": first.layer,
            "last": last.layer,
            "small": first.size,
            "large": last.size,
            "ratio": first.ratio if first.ratio < 1 else 1 / first.ratio,
            "times": first.ratio,
            "layers": len(sizes),
        },
    )
