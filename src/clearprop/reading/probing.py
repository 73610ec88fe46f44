"""A layer's own backward as the source of single derivatives.

backward is linear in dy = ∂C/∂y. So with dy kept in one place and 0 everywhere else it returns what
goes back through that place alone, and with a single 1 in dy it returns that output's derivatives:

    dy = e_nj       dx_ni = ∂y_nj/∂x_ni,        ∂p = ∂y_nj/∂p
    dy ⊙ mask       dx, ∂p = the share of ∂C/∂x and ∂C/∂p that goes through the mask, exactly

This serves every layer, whatever it computes, one's own as well.
"""

from collections.abc import Mapping

import numpy as np

from clearprop.base.arrays import Array
from clearprop.engine.network import BackwardPass

# More outputs of one sample than these are not probed one by one: the rest goes back as one mask.
MOST_PROBES = 256


class Probe:
    """One layer that is asked through its backward. Answers are kept: many lines ask the same."""

    def __init__(self, backward: BackwardPass, path: str) -> None:
        self._record = backward.forward[path]
        self.dy = backward[path].output_gradient
        self._slopes: dict[tuple[int, int], Array] = {}
        self._others: dict[int, Array] = {}

    def back(self, dy: Array) -> tuple[Array, Mapping[str, Array]]:
        """∂C/∂x (an empty array where x is integers) and every ∂C/∂p by its name, for this dy."""
        record = self._record
        dx, gradients = record.layer.backward(record.params, record.cache, dy)
        return np.empty(0) if dx is None else dx, gradients

    def slopes(self, sample: int, position: int) -> Array:
        """∂y/∂x of one output of one sample, at `position` in the flattened sample, by every entry
        of the same sample's input."""
        key = sample, position
        if key not in self._slopes:
            self._slopes[key] = self.back(self._one(sample, position))[0][sample]
        return self._slopes[key]

    def parameter_slopes(self, sample: int, position: int, name: str) -> Array:
        """∂y/∂p of one output of one sample, by every entry of the parameter `name`."""
        slopes: Array = self.back(self._one(sample, position))[1][name]
        return slopes

    def leading(self, sample: int) -> Array:
        """The positions of a sample's outputs that are probed one by one: those with the largest
        ∂C/∂y, and none where nothing comes back."""
        size = np.abs(self.dy[sample].reshape(-1))
        order = np.argsort(-size, kind="stable")[:MOST_PROBES]
        found: Array = order[size[order] > 0]
        return found

    def through_others(self, sample: int) -> Array:
        """∂C/∂x of a sample through those of its own outputs that are not `leading`."""
        if sample not in self._others:
            self._others[sample] = self.back(self._without_leading(sample))[0][sample]
        return self._others[sample]

    def parameter_through_others(self, sample: int, name: str) -> Array:
        """∂C/∂p through those of a sample's outputs that are not `leading`."""
        return self.back(self._without_leading(sample))[1][name]

    def through_other_samples(self, sample: int) -> Array:
        """∂C/∂x of a sample through the outputs of all other samples: 0 unless they mix."""
        dy = self.dy.copy()
        dy[sample] = 0
        dx: Array = self.back(dy)[0][sample]
        return dx

    def parameter_of_sample(self, sample: int, name: str) -> Array:
        """∂C/∂p through one sample's outputs."""
        dy = np.zeros(self.dy.shape, self.dy.dtype)
        dy[sample] = self.dy[sample]
        return self.back(dy)[1][name]

    @property
    def outputs(self) -> int:
        """How many numbers the layer puts out for one sample."""
        return int(np.prod(self.dy.shape[1:]))

    def _one(self, sample: int, position: int) -> Array:
        dy = np.zeros(self.dy.shape, self.dy.dtype)
        dy.reshape(len(dy), -1)[sample, position] = 1
        return dy

    def _without_leading(self, sample: int) -> Array:
        dy = np.zeros(self.dy.shape, self.dy.dtype)
        dy[sample] = self.dy[sample]
        dy.reshape(len(dy), -1)[sample, self.leading(sample)] = 0
        return dy
