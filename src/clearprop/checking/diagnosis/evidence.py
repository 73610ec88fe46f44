"""What the diagnosis is given: a backward pass that was found wrong, and what is known of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.layers.layer import Context, Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import BackwardPass, Network

# Runs the person's forward with some arrays replaced: name → array, and returns y.
Forward = Callable[[Mapping[str, Array]], Array]
# Runs the person's backward with another upstream gradient (and, where given, arrays replaced):
# (dy, arrays) → gradient by name.
Backward = Callable[[Array, Mapping[str, Array]], Mapping[str, Array]]
# A browser's Python has no clock of a thread's work.
_work_done: Callable[[], float] = getattr(time, "thread_time", time.monotonic)
# How much longer than on a machine of its own a search may take by the clock.
PATIENCE = 3


class Deadline(NamedTuple):
    """When a search ends: after so much work of its own, by `time.thread_time`, and by the clock,
    `time.monotonic`, where the machine is busy with other things."""

    work: float
    clock: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """That of a search which begins now."""
        return cls(_work_done() + seconds, time.monotonic() + PATIENCE * seconds)

    @property
    def is_past(self) -> bool:
        """Whether the search has to end."""
        return _work_done() > self.work or time.monotonic() > self.clock


class UnderCheck(NamedTuple):
    """A network that is checked itself: only its forward, and that of its loss, is to be trusted.

    The arrays are "x", its parameters by their paths, and with a loss the target "t".
    """

    network: Network
    loss: Loss | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """One comparison of a claimed gradient with a trusted one.

    arrays     the point: every array that the function depends on, by name ("x" and the parameters)
    output     y at that point; output_gradient: the dy that backward was given, of y's shape
    claimed    the gradient that the person's backward returned, by name of the array
    expected   the trusted gradient (a witness's), by name; tolerance is in `tolerances`
    tolerances absolute tolerance by name: differences below it are rounding
    run        the person's forward with nothing copied, so that arrays that write down what is done
               with them arrive as they are
    forward, backward   the person's own functions, to run again where a hypothesis needs it; None
               where they are not at hand
    layer      the layer of ours that the person's code should equal, where they say so: its forward
               and backward on `arrays` are the trusted computation, and its caches can be altered
    reference  the backward pass of a whole reference network, where there is one; then names are
               parameter paths, and "x"
    checked    the network that is checked, where it is one
    context    what `layer` or `checked` is run with: the mode, the key of its random draws
    kinks      by name, True at the entries whose derivative was taken at a kink
    deadline   when the search for a name ends; None for no end
    loss       the loss that is checked, where it is one: `claimed` then has its output's gradient,
               and the other array of `arrays` is the target
    redrawn    the names of the gradients that depend on random numbers which backward draws
    """

    arrays: Mapping[str, Array]
    output: Array
    output_gradient: Array
    claimed: Mapping[str, Array]
    expected: Mapping[str, Array]
    tolerances: Mapping[str, float] = field(default_factory=dict)
    run: Callable[[Mapping[str, Array]], object] | None = None
    forward: Forward | None = None
    backward: Backward | None = None
    layer: Layer | None = None
    reference: BackwardPass | None = None
    checked: UnderCheck | None = None
    context: Context = field(default_factory=Context)
    kinks: Mapping[str, Array] = field(default_factory=dict)
    loss: Loss | None = None
    deadline: Deadline | None = None
    redrawn: frozenset[str] = frozenset()

    def tolerance(self, name: str) -> float:
        """The absolute tolerance of one array: what was given, or a millionth of its scale."""
        if name in self.tolerances:
            return self.tolerances[name]
        return 1e-6 * float(np.max(np.abs(self.expected[name]), initial=0.0))
