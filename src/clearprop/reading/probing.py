"""A layer's own backward as the source of single derivatives.

backward is linear in dy = ∂C/∂y. So with dy kept in one place and 0 everywhere else it returns what
goes back through that place alone, and with a single 1 in dy it returns that output's derivatives:

    dy = e_nj       dx_ni = ∂y_nj/∂x_ni,        ∂p = ∂y_nj/∂p
    dy ⊙ mask       dx, ∂p = the share of ∂C/∂x and ∂C/∂p that goes through the mask, exactly

This serves every layer, whatever it computes, one's own as well. Where samples do not mix and one
alone comes out as it did among the others, it is asked alone: a question costs one sample and not
all of them, and many questions are copies of the sample that go back together.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.engine.network import BackwardPass

# More outputs of one sample than these are not probed one by one: the rest goes back as one mask.
MOST_PROBES = 256
# So many copies of a sample go back together; more would take more memory than time.
COPIES = 32


class Probe:
    """One layer that is asked through its backward. Answers are kept: many lines ask the same."""

    def __init__(self, backward: BackwardPass, path: str) -> None:
        self._record = backward.forward[path]
        self.dy = backward[path].output_gradient
        self._slopes: dict[tuple[int, int], Array] = {}
        self._others: dict[int, Array] = {}
        self._mixing: bool | None = None

    def back(self, dy: Array) -> tuple[Array, Mapping[str, Array]]:
        """∂C/∂x (an empty array where x is integers) and every ∂C/∂p by its name, for this dy."""
        return self._back(self._record.cache, dy)

    def slopes(self, sample: int, position: int) -> Array:
        """∂y/∂x of one output of one sample, at `position` in the flattened sample, by every entry
        of the same sample's input."""
        if (sample, position) not in self._slopes:
            asked = [int(one) for one in self.leading(sample)]
            for at in range(0, len(asked), COPIES):
                if position in asked[at : at + COPIES]:
                    self._ask(sample, asked[at : at + COPIES])
            if (sample, position) not in self._slopes:
                self._ask(sample, [position])
        return self._slopes[sample, position]

    def parameter_slopes(self, sample: int, position: int, name: str) -> Array:
        """∂y/∂p of one output of one sample, by every entry of the parameter `name`."""
        slopes: Array = self._back_sample(sample, self._ones([position])[0])[1][name]
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
            dy = self._without_leading(sample)
            self._others[sample] = self._back_sample(sample, dy)[0]
        return self._others[sample]

    def parameter_through_others(self, sample: int, name: str) -> Array:
        """∂C/∂p through those of a sample's outputs that are not `leading`."""
        return self._back_sample(sample, self._without_leading(sample))[1][name]

    def through_other_samples(self, sample: int) -> Array:
        """∂C/∂x of a sample through the outputs of all other samples: 0 unless they mix."""
        dy = self.dy.copy()
        dy[sample] = 0
        found = self.back(dy)[0]
        dx: Array = found[sample] if found.size else found
        return dx

    def parameter_of_sample(self, sample: int, name: str) -> Array:
        """∂C/∂p through one sample's outputs."""
        return self._back_sample(sample, self.dy[sample])[1][name]

    @property
    def outputs(self) -> int:
        """How many numbers the layer puts out for one sample."""
        return int(np.prod(self.dy.shape[1:]))

    def _back(self, cache: Any, dy: Array) -> tuple[Array, Mapping[str, Array]]:
        dx, gradients = self._record.layer.backward(self._record.params, cache, dy)
        return np.empty(0) if dx is None else dx, gradients

    def _back_sample(self, sample: int, dy: Array) -> tuple[Array, Mapping[str, Array]]:
        """What goes back through the outputs of one sample: its ∂C/∂x, and every ∂C/∂p."""
        cache = self._copies(sample, 1)
        if cache is not None:
            dx, gradients = self._back(cache, dy[None])
            return dx[0] if dx.size else dx, gradients
        whole = np.zeros(self.dy.shape, self.dy.dtype)
        whole[sample] = dy
        dx, gradients = self.back(whole)
        return dx[sample] if dx.size else dx, gradients

    def _ask(self, sample: int, positions: list[int]) -> None:
        """Keep the slopes of these outputs of a sample."""
        ones, cache = self._ones(positions), self._copies(sample, len(positions))
        found = (
            [self._back_sample(sample, one)[0] for one in ones]
            if cache is None
            else self._back(cache, ones)[0]
        )
        self._slopes |= {
            (sample, position): slopes for position, slopes in zip(positions, found, strict=True)
        }

    def _copies(self, sample: int, count: int) -> Any:
        """What the layer's backward needs of so many copies of one sample; None where a sample
        alone comes out differently: it mixes with others, draws for all of them, or has a mask."""
        record = self._record
        if self._mixing is None:
            mixes = bool(self.through_other_samples(sample).any())
            self._mixing = mixes or bool(record.context.side_inputs)
        if self._mixing:
            return None
        x = np.repeat(record.input[sample : sample + 1], count, axis=0)
        try:
            y, cache, _ = record.layer.forward(record.params, x, record.context)
        except ClearpropError:
            # Such as a mean over samples, which takes more than one.
            self._mixing = True
            return None
        near = 64 * float(np.finfo(y.dtype).eps * np.abs(y).max(initial=0.0))
        alike = np.allclose(y[0], record.output[sample], rtol=0, atol=near)
        self._mixing = not alike
        return cache if alike else None

    def _ones(self, positions: list[int]) -> Array:
        """For each of the positions a sample's dy that is 1 there and 0 everywhere else."""
        dy = np.zeros((len(positions), *self.dy.shape[1:]), self.dy.dtype)
        dy.reshape(len(dy), -1)[np.arange(len(positions)), positions] = 1
        return dy

    def _without_leading(self, sample: int) -> Array:
        dy: Array = self.dy[sample].copy()
        dy.reshape(-1)[self.leading(sample)] = 0
        return dy
