"""Convolution: the same weighted sum at every place of an image.

Conv1d       x (N, C, L),     weight (O, C/G, k)         z (N, O, P)
Conv2d       x (N, C, H, W),  weight (O, C/G, k, k′)     z (N, O, P, P′)

C input and O output channels, in G groups: output channel o sees the C/G input channels of its
group alone. One axis is written below; with two, o, i and the place have two numbers each.

Forward      z[n,o,p] = b[o] + Σ_c Σ_i  w[o,c,i] · x̄[n, c, s p + d i]

             x̄ is x inside its border of zeros (padding), s the stride, d the dilation. The kernel
             is not turned around: as everywhere in this field this is the cross-correlation, and a
             convolution in the sense of mathematics has w[o,c,k−1−i] in its place.

             With the patches  P[(c,i), (p,n)] = x̄[n, c, s p + d i]  it is one matrix product:

                 z = W P + b                              W (O, C k), P (C k, places · N)

Backward     dz = ∂C/∂z. Every weight meets one number of every patch:

             ∂C/∂w[o,c,i] = Σ_n Σ_p dz[n,o,p] · x̄[n, c, s p + d i]           dW = dz Pᵀ
             ∂C/∂b[o]     = Σ_n Σ_p dz[n,o,p]

             the sums run over all places as well as all samples, since all of them use the weight.
             A number of the image lies under several places of the window, with another weight at
             each, and collects from all of them:

             ∂C/∂x̄[n,c,t] = Σ_o Σ_(p,i): s p + d i = t  w[o,c,i] · dz[n,o,p]

             which is dP = Wᵀ dz, every entry of it added to the number that it was taken from;

             and ∂C/∂x is that without its border. Where s = 1 this is the correlation of dz, in a
             border of d (k − 1) zeros, with the kernel turned around.

Cached       The patches P, for dW: (C, *kernel, *places, N), k times the numbers of x.

K networks   x (K, N, C, …), weight (K, O, C/G, …).

Source: LeCun and others, "Gradient-based learning applied to document recognition", Proceedings of
the IEEE 86, 1998; the product over patches: Chellapilla, Puri and Simard, "High performance
convolutional neural networks for document processing", 2006.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape, matrix_product
from clearprop.base.errors import ConfigurationError
from clearprop.base.settings import require_sizes, settle_flag
from clearprop.engine.initializers import FanInUniform, Initializer
from clearprop.engine.layers.layer import (
    Backward,
    Context,
    Forward,
    Intermediate,
    Layer,
    OpenImage,
    Parameter,
    Tree,
    known_shape,
    refuse_integers,
)
from clearprop.engine.layers.windows import (
    Padding,
    Window,
    laid,
    require_image_before,
    require_images,
    require_open_images,
    require_places,
    samples_first,
    samples_last,
    settle_padding,
    settle_sides,
    sides_of,
)

FAN_IN_UNIFORM = FanInUniform()
# Of a number under the kernel: what its axes in the last brackets of an address are called, and
# those of the place of the kernel before its name.
_AXES_OF_PATCHES = {
    1: (("channel", "entry"), ("place",)),
    2: (("channel", "row", "column"), ("row", "column")),
}


class ConvolutionCache(NamedTuple):
    """What the derivatives are made of.

    patches  what lies under the kernel at every place: (C, *kernel, *places, N), beside K networks
             (K, C, …)
    size     that of the images, without their border
    """

    patches: Array
    size: Shape


@dataclass(frozen=True)
class _Convolution(Layer):
    """What the two share; how many axes an image has is the class's."""

    inputs: int
    outputs: int
    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: Padding = 0
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    bias: bool = True
    weight_initializer: Initializer = FAN_IN_UNIFORM
    bias_initializer: Initializer = FAN_IN_UNIFORM

    stackable: ClassVar[bool] = True
    images: ClassVar[bool] = True

    @property
    @abstractmethod
    def axes(self) -> int:
        """How many axes an image has beside its channels."""

    def __post_init__(self) -> None:
        require_sizes(self, "inputs", "outputs", "groups")
        for name in ("kernel", "stride", "dilation"):
            settle_sides(self, name, self.axes, 1)
        settle_flag(self, "bias")
        settle_padding(self, self.axes)
        if self.inputs % self.groups or self.outputs % self.groups:
            raise ConfigurationError(
                "groups_divide",
                layer=type(self).__name__,
                inputs=self.inputs,
                outputs=self.outputs,
                groups=self.groups,
            )

    def window_on(self, size: Shape) -> Window:
        """The kernel as it is moved over an image of this size."""
        one, axes = (self.kernel, self.stride, self.dilation), self.axes
        kernel, stride, dilation = (sides_of(value, axes) for value in one)
        return laid(kernel, stride, dilation, self.padding, size)

    @property
    def entries(self) -> int:
        """How many numbers of one channel the kernel has."""
        return math.prod(sides_of(self.kernel, self.axes))

    def parameters(self) -> Mapping[str, Parameter]:
        shape = (self.outputs, self.inputs // self.groups, *sides_of(self.kernel, self.axes))
        fans = (shape[1] * self.entries, self.outputs * self.entries)
        weight = Parameter(shape, self.weight_initializer, *fans)
        if not self.bias:
            return {"weight": weight}
        bias = Parameter((1, self.outputs), self.bias_initializer, *fans)
        return {"weight": weight, "bias": bias}

    def output_shape(self, input_shape: Shape | None) -> Shape | None:
        input_shape = known_shape(input_shape)
        if input_shape is None:
            return None
        require_image_before(self, input_shape, self.axes, self.inputs)
        size = input_shape[1:]
        return (self.outputs, *require_places(self, self.window_on(size), size))

    def images_after(self, before: OpenImage | None) -> OpenImage:
        require_open_images(self, before, self.axes, self.inputs)
        name = f"{type(self).__name__}({self.inputs}, {self.outputs})"
        return OpenImage(self.outputs, self.axes, name)

    def forward(self, params: Tree, x: Array, context: Context) -> Forward:
        require_images(self, x, self.axes, self.inputs, context)
        refuse_integers(self, x, context)
        lead = self._lead(params)
        size = x.shape[lead + 2 :]
        window = self.window_on(size)
        places = require_places(self, window, size)
        bordered = window.with_border(samples_last(x, lead))
        patches = np.ascontiguousarray(window.patches(bordered, places))
        cache = ConvolutionCache(patches, size)
        return self._sums(params, cache), cache, EMPTY

    def backward(self, params: Tree, cache: ConvolutionCache, dy: Array) -> Backward:
        dz = self._signals(params, dy)
        weight = matrix_product(dz, self._columns(params, cache).mT)
        gradients = {"weight": weight.reshape(params["weight"].shape)}
        if self.bias:
            gradients["bias"] = dz.sum(axis=-1).reshape(params["bias"].shape)
        return self._input_gradient(params, cache, dz, dy), gradients

    def backward_into(
        self,
        params: Tree,
        cache: ConvolutionCache,
        dy: Array,
        into: Tree,
        *,
        path: str,
        input_gradient: bool,
    ) -> Array | None:
        dz = self._signals(params, dy)
        matrix_product(dz, self._columns(params, cache).mT, self._matrix(into["weight"]))
        if self.bias:
            np.sum(dz, axis=-1, out=into["bias"].reshape(dz.shape[:-1]))
        return self._input_gradient(params, cache, dz, dy) if input_gradient else None

    def intermediates(self, params: Tree, cache: ConvolutionCache) -> Mapping[str, Intermediate]:
        patches = self._by_place(cache.patches, self._lead(params))
        return {"patch": Intermediate(patches, *_AXES_OF_PATCHES[self.axes])}

    def intermediate_gradients(
        self, params: Tree, cache: ConvolutionCache, dy: Array
    ) -> Mapping[str, Array]:
        shares = self._shares(params, cache, self._signals(params, dy))
        return {"patch": self._by_place(shares, self._lead(params))}

    def output_moved(
        self, params: Tree, cache: ConvolutionCache, added: Mapping[str, Array]
    ) -> Array:
        lead, axes = self._lead(params), self.axes
        patches = samples_last(added["patch"], lead)
        # (*places, C, *kernel, N) as the cache has them: (C, *kernel, *places, N).
        order = (*range(axes, 2 * axes + 1), *range(axes))
        order = (*range(lead), *(lead + one for one in order), patches.ndim - 1)
        moved = cache._replace(patches=cache.patches + patches.transpose(order))
        return self._sums(params, moved)

    def _by_place(self, patches: Array, lead: int) -> Array:
        """(C, *kernel, *places, N) as (N, *places, C, *kernel)."""
        axes = self.axes
        order = (2 * axes + 1, *range(axes + 1, 2 * axes + 1), *range(axes + 1))
        return patches.transpose(*range(lead), *(lead + one for one in order)).copy()

    def _sums(self, params: Tree, cache: ConvolutionCache) -> Array:
        """z, from the patches."""
        lead = self._lead(params)
        z = matrix_product(self._matrix(params["weight"]), self._columns(params, cache))
        if self.bias:
            z += params["bias"].reshape(*z.shape[:-1], 1)
        shape = cache.patches.shape
        z = z.reshape(*shape[:lead], self.outputs, *shape[lead + 1 + self.axes :])
        return samples_first(z, lead)

    def _lead(self, params: Tree) -> int:
        """1 beside the parameters of K networks, else 0."""
        return int(params["weight"].ndim) - 2 - self.axes

    def _matrix(self, weight: Array) -> Array:
        """The weight as one matrix (O/G, C/G k) for every group."""
        lead = weight.shape[: weight.ndim - 2 - self.axes]
        columns = self.inputs // self.groups * self.entries
        return weight.reshape(*lead, self.groups, self.outputs // self.groups, columns)

    def _columns(self, params: Tree, cache: ConvolutionCache) -> Array:
        """The patches as one matrix (C/G k, places · N) for every group."""
        patches, lead = cache.patches, self._lead(params)
        rows = self.inputs // self.groups * self.entries
        columns = math.prod(patches.shape[lead + 1 + self.axes :])
        return patches.reshape(*patches.shape[:lead], self.groups, rows, columns)

    def _signals(self, params: Tree, dy: Array) -> Array:
        """∂C/∂z as one matrix (O/G, places · N) for every group."""
        lead = self._lead(params)
        last = samples_last(dy, lead)
        columns = math.prod(last.shape[lead + 1 :])
        return last.reshape(*dy.shape[:lead], self.groups, self.outputs // self.groups, columns)

    def _shares(self, params: Tree, cache: ConvolutionCache, dz: Array) -> Array:
        """∂C/∂patches."""
        shares = matrix_product(self._matrix(params["weight"]).mT, dz)
        return shares.reshape(cache.patches.shape)

    def _input_gradient(self, params: Tree, cache: ConvolutionCache, dz: Array, dy: Array) -> Array:
        window, lead, patches = self.window_on(cache.size), self._lead(params), cache.patches
        shares = self._shares(params, cache, dz)
        places, samples = dy.shape[lead + 2 :], dy.shape[lead]
        bordered = np.zeros(
            (*patches.shape[: lead + 1], *window.bordered(cache.size), samples), dy.dtype
        )
        channels = (slice(None),) * (lead + 1)
        for index, under in window.parts(bordered, places):
            entry: Any = (*channels, *index)
            under += shares[entry]
        return samples_first(window.inside(bordered, cache.size), lead)


@dataclass(frozen=True)
class Conv1d(_Convolution):
    """A kernel of `kernel` numbers moved along sequences (N, C, L), from `inputs` to `outputs`
    channels.

    stride    from one place of the kernel to the next
    padding   how many zeros stand at both ends, or ((in front, behind),); "same" for an output of
              ⌈L / stride⌉ places, with the odd zero behind, "same_lower" with it in front
    dilation  from one entry of the kernel to the next
    groups    output channels see the input channels of their own group alone
    bias      False leaves b out

    The weight is (outputs, inputs / groups, kernel), as PyTorch's, the bias (1, outputs); both
    start from PyTorch's default, U(±1/√(inputs / groups · kernel)). Raises ConfigurationError for
    settings that cannot be; forward raises ShapeError for what is no such batch, and where the
    kernel is larger than the sequence with its border.
    """

    @property
    def axes(self) -> int:
        return 1


@dataclass(frozen=True)
class Conv2d(_Convolution):
    """A kernel moved over images (N, C, H, W), from `inputs` to `outputs` channels.

    A setting that is one number holds for both axes; a pair is (height, width).

    kernel    how many numbers it has along every axis
    stride    from one place of the kernel to the next
    padding   how many zeros stand at every edge, or ((top, bottom), (left, right)); "same" for an
              output of ⌈size / stride⌉ places, with the odd zero behind, "same_lower" in front
    dilation  from one entry of the kernel to the next
    groups    output channels see the input channels of their own group alone
    bias      False leaves b out

    The weight is (outputs, inputs / groups, height, width), as PyTorch's, the bias (1, outputs);
    both start from PyTorch's default, U(±1/√(inputs / groups · height · width)). Raises
    ConfigurationError for settings that cannot be; forward raises ShapeError for what is no such
    batch, and where the kernel is larger than the image with its border.
    """

    @property
    def axes(self) -> int:
        return 2
