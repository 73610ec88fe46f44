"""What has a place in the arena of a plan, and who hands places out."""

from dataclasses import dataclass, field

import numpy as np

from clearprop.base.arrays import Array, Shape
from clearprop.compiled.kernel_matrix import KernelShape
from clearprop.compiled.tables import NONE, PANEL_BYTES


@dataclass(frozen=True)
class ParameterPlace:
    """A parameter (rows, columns): entries `start` to `stop` of the flat array, and its panels.

    kernel  of a convolution's weight, how it lies in the flat array
    gates  how many groups of columns there are, each of which begins with a panel of its own
    """

    start: int
    stop: int
    rows: int
    columns: int
    place: int
    panel: int
    row: int
    entries: int
    gradient: int
    kernel: KernelShape | None = None
    gates: int = 1


@dataclass(frozen=True)
class MaskPlace:
    """The bytes of a dropout layer in the masks of a step, for samples of `shape`; `by_channels`:
    their rows are channels."""

    path: str
    shape: Shape
    by_channels: bool
    probability: float
    first: int


@dataclass(frozen=True)
class StatePlace:
    """The running statistics of a layer: means, variances, and the number of batches."""

    path: str
    features: int
    place: int


class Arena:
    """Hands out places, whole panels each."""

    def __init__(self, panel: int) -> None:
        self.panel = panel
        self.size = 0

    def padded(self, entries: int) -> int:
        """The next number of whole panels."""
        return -(-entries // self.panel) * self.panel

    def take(self, entries: int) -> int:
        """A place for so many entries."""
        place, self.size = self.size, self.size + self.padded(entries)
        return place


@dataclass
class Reused:
    """Places that are given back, for signals."""

    arena: Arena
    free: list[tuple[int, int]] = field(default_factory=list)

    def take(self, entries: int) -> tuple[int, int]:
        """A place and its size: the smallest that is free and large enough, or a new one."""
        entries = self.arena.padded(entries)
        fitting = [one for one in self.free if one[1] >= entries]
        if fitting:
            best = min(fitting, key=lambda one: one[1])
            self.free.remove(best)
            return best
        return self.arena.take(entries), entries

    def give_back(self, place: tuple[int, int]) -> None:
        """Let others have it."""
        self.free.append(place)


@dataclass(frozen=True, eq=False)
class Placed:
    """A lowered graph with places for everything.

    input                    the batch's own samples; NONE: read where the caller has them
    slot                     from a parameter to its first slot, and from slot to slot
    pack                     room for the panels that a tile reads again and again, `pack_entries`
                             for each thread
    target_rows, weight_row  of layout "columns": the batch's targets and sample weights
    ones                     of layout "columns": where rows of ones lie
    """

    operations: Array
    parameters: tuple[ParameterPlace, ...]
    masks: tuple[MaskPlace, ...]
    states: tuple[StatePlace, ...]
    settings: tuple[float, ...]
    shapes: tuple[int, ...]
    input: int
    input_stride: int
    output: int
    output_stride: int
    output_signal: int
    slot: int
    pack: int
    pack_entries: int
    mask_bytes: int
    is_columns: bool = False
    target_rows: int = NONE
    weight_row: int = NONE
    ones: tuple[int, ...] = ()


def panel_of(dtype: str) -> int:
    """How many numbers a panel has."""
    return PANEL_BYTES // np.dtype(dtype).itemsize
