"""A convolution's weight as the matrix that patches are multiplied with, and back.

The flat array has (outputs, channels of a group, entries of the kernel). The matrix has a row for
every entry and every input channel, (entries · channels, outputs), and zeros where an output
channel does not see an input channel, since it is of another group.
"""

from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array


class KernelShape(NamedTuple):
    """The weight (outputs, channels, entries) of a convolution in so many groups; `channels` are
    those of a group."""

    outputs: int
    channels: int
    entries: int
    groups: int

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(entries · channels of all groups, outputs)."""
        return self.entries * self.channels * self.groups, self.outputs

    def to_matrix(self, flat: Array) -> Array:
        """The matrix, from the weight's part of the flat array."""
        matrix = np.zeros(self.matrix_shape, flat.dtype)
        weight = flat.reshape(self.groups, -1, self.channels, self.entries)
        for part, own in zip(self._parts(matrix), weight, strict=True):
            part[...] = own.transpose(2, 1, 0)
        return matrix

    def to_flat(self, matrix: Array) -> Array:
        """The weight's part of the flat array, from the matrix."""
        return np.concatenate([part.transpose(2, 1, 0).ravel() for part in self._parts(matrix)])

    def _parts(self, matrix: Array) -> list[Array]:
        """What the channels of each group have to do with one another: views (entries, channels,
        outputs of the group)."""
        whole = matrix.reshape(self.entries, self.groups, self.channels, self.groups, -1)
        return [whole[:, group, :, group] for group in range(self.groups)]
