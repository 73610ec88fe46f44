"""What the compiled trainer calls a kind: the name of its C code, and the settings that it reads.

The names are those of the enumerations in `compiled/source/tables.h` and `activations.h`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.engine.schedules import Rate


class NoKernel(NamedTuple):
    """Why there is no kernel: the name of a sentence among the reasons in `kernels.toml`."""

    reason: str


class Taps(NamedTuple):
    """Which numbers of an image a layer takes at each of its places, and what it reads beside them.

    under    (places, entries): of the image's places, row by row, that which lies under an entry of
             the window; BORDER where that is the image's border
    numbers  one for each place, or none
    """

    under: Array
    numbers: tuple[float, ...] = ()

    def is_once(self, size: Shape) -> bool:
        """Whether every place of images of this size is there just once."""
        return bool(np.array_equal(np.sort(self.under, axis=None), np.arange(math.prod(size))))


# No place of the image.
BORDER = -1


class Kernel(NamedTuple):
    """A kind, with its settings, in C.

    settings  the numbers that the kernel reads, in its order
    arrays    one number for each output, or None where there are none, in the kernel's order
    taps      of a layer of images: what it takes where, for images of this size, or why there is
              no kernel for them
    groups    of a convolution: how many its channels fall into
    gates     of a layer over time: how many groups of columns its parameters have
    """

    name: str
    settings: tuple[float, ...] = ()
    arrays: tuple[tuple[float, ...] | None, ...] = ()
    taps: Callable[[Shape], Taps | NoKernel] | None = None
    groups: int = 1
    gates: int = 1


class OptimizerKernel(NamedTuple):
    """An optimizer in C.

    rate   its learning rate; what the kernel reads is that of every step
    clips  what happens to the gradient first: by value or by norm, and the bound
    """

    name: str
    settings: tuple[float, ...]
    rate: Rate
    clips: tuple[tuple[bool, float], ...] = ()


KernelOf: TypeAlias = Callable[[Any], Kernel | NoKernel]


def kernel(name: str, *settings: str) -> KernelOf:
    """A kernel that reads these settings of its kind, by their names."""
    return lambda one: Kernel(name, tuple(float(getattr(one, each)) for each in settings))


def optimizer_kernel(
    name: str, *settings: str
) -> Callable[[Any, object], OptimizerKernel | NoKernel]:
    """The kernel of an optimizer that reads these settings, by their names."""
    return lambda one, _: OptimizerKernel(
        name, tuple(float(getattr(one, each)) for each in settings), one.learning_rate
    )
