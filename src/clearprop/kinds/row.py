"""A row: everything that is known of one kind beside its own mathematics.

A row is made with every field that has no default; one that lacks some is refused, and the sentence
names the kind and the fields. Packages of others (torch's `nn`, jax, NumPy's twins) are handed to a
row's functions as arguments, so that a row imports none of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from clearprop.base.arrays import EMPTY, Array, Index, Shape
from clearprop.base.errors import ContractError
from clearprop.base.numbers import brief
from clearprop.engine.combinators import Combinator
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.engine.losses import Loss
from clearprop.kinds.counterparts import ArrayNames, OnnxOperator, TorchTwin
from clearprop.kinds.kernels import KernelOf
from clearprop.kinds.onnx_terms import OnnxForm
from clearprop.kinds.program_lines import Symbol
from clearprop.kinds.program_pieces import LossLines, Passes, Site, UsedLines
from clearprop.kinds.window_places import InputEntry, Met, Onward, ParameterEntry

if TYPE_CHECKING:
    import numpy as np


class KindRow:
    """The base of every row. Making one raises ContractError where it lacks a field."""

    def __new__(cls, **given: Any) -> Self:
        needed = [
            one.name
            for one in fields(cls)  # type: ignore[arg-type]
            if one.default is MISSING and one.default_factory is MISSING
        ]
        missing = [name for name in needed if name not in given]
        if missing:
            kind = getattr(given.get("kind"), "__name__", cls.__name__)
            raise ContractError("row_lacks", kind=kind, row=cls.__name__, fields=", ".join(missing))
        return super().__new__(cls)


@dataclass(frozen=True)
class LayerExample:
    """One layer at work: the layer, the shape of one sample that it takes, and in which mode.

    ids       where x is whole numbers, they are below this; None where x is measurements
    training  False shows the layer as it is in use
    """

    layer: Layer
    input_shape: Shape
    ids: int | None = None
    training: bool = True


class Equations(NamedTuple):
    """What runs forward and what runs back, and what the input and the output are called in it."""

    forward: tuple[str, ...]
    backward: tuple[str, ...]
    input: str = "x"
    output: str = "y"


def of_activation(function: str, slope: str) -> Equations:
    """The equations of a = function(z) with a'(z) = slope."""
    backward = f"∂C/∂z = a'(z) · ∂C/∂a,  a'(z) = {slope}"
    return Equations((f"a = {function}",), (backward,), "z", "a")


class ParameterSymbols(NamedTuple):
    """What a parameter is called in equations and in programs."""

    equation: str
    program: Symbol


class InUse(NamedTuple):
    """A layer that computes something else in use: its equations, whether it did so, by its cache,
    and its forward as lines of a program."""

    equations: Equations
    ran: Callable[[Any], bool]
    lines: Callable[[Site], UsedLines]


class OneEntry(NamedTuple):
    """One entry of one sample's output, and what the layer's forward had for it.

    input, output   of the one sample
    cache           of all samples
    place           the entry's index in the sample
    """

    layer: Any
    params: Tree
    input: Array
    output: Array
    cache: Any
    sample: int
    place: Index

    @property
    def x(self) -> float:
        """The input at the same place."""
        return float(self.input[self.place])

    @property
    def y(self) -> float:
        """The output."""
        return float(self.output[self.place])


class Arithmetic(NamedTuple):
    """One line of arithmetic for an entry: symbol = Σ factors × others + right = value.

    right      summands as they are written
    products   (factors, others), where there are more of them than are written out
    terms      (values, how each is written), where the summands are no products
    """

    symbol: str
    right: tuple[str, ...]
    value: float
    products: tuple[Array, Array] | None = None
    terms: tuple[Array, tuple[str, ...]] | None = None


class InnerEntry(NamedTuple):
    """One number inside a layer, of one sample, and what stands around it.

    input, output     of the one sample
    output_gradient   ∂C/∂output of it
    values            of every intermediate of the sample, by name
    gradients         ∂C/∂(each of them)
    cache             of all samples
    place             where it stands: the axes before its name, then those of its brackets
    """

    layer: Any
    params: Tree
    input: Array
    output: Array
    output_gradient: Array
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    cache: Any
    sample: int
    place: Index


class Inside(NamedTuple):
    """What is known of one intermediate of a layer.

    symbol    what it is called in equations
    forward   how one entry is made, line by line with its numbers, the last line being the entry
    backward  how ∂C/∂(it) adds up, the last line being that
    made      its equation in symbols, where those of the layer do not have one for it alone
    back      that of its gradient
    """

    symbol: str
    forward: Callable[[InnerEntry], tuple[Arithmetic, ...]]
    backward: Callable[[InnerEntry], tuple[Arithmetic, ...]]
    made: str = ""
    back: str = ""


class LossEntry(NamedTuple):
    """One entry of one sample, as the loss meets it.

    output  the sample's output
    target  what the sample should be: of the output's shape, or a class id
    cost    ℓ, the entry's or the sample's
    slope   ∂ℓ/∂y at `place`, before anything is divided
    position  the position that `output` and `target` are of; () where they are of the sample
    """

    loss: Any
    output: Array
    target: Array
    cost: float
    slope: float
    sample: int
    place: Index

    @property
    def y(self) -> float:
        """The output at the place."""
        return float(self.output[self.place])

    @property
    def t(self) -> float:
        """The target at the place."""
        return float(self.target[self.place])

    position: Index = ()

    def at(self, symbol: str, *index: int) -> str:
        """`p[0,2]`: entry 2 of sample 0, or of its position."""
        return f"{symbol}[{','.join(map(str, (self.sample, *self.position, *index)))}]"

    def at_position(self, position: Index) -> "LossEntry":
        """The same of one position of a sample that has several: its rows of output and target."""
        if not position:
            return self
        target = self.target[position]
        return self._replace(output=self.output[position], target=target, position=position)

    def lines(self, cost: str, slope: str) -> tuple[Arithmetic, ...]:
        """ℓ and ∂ℓ/∂y of a loss that costs entry by entry, as they are written."""
        return (
            Arithmetic(self.at("ℓ", *self.place), (cost,), self.cost),
            Arithmetic(self.at("∂ℓ/∂y", *self.place), (slope,), self.slope),
        )


def applied(entry: OneEntry) -> tuple[Arithmetic, ...]:
    """An activation's value by its name: a = Tanh(0.5)."""
    return (Arithmetic("a", (f"{type(entry.layer).__name__}({brief(entry.x)})",), entry.y),)


def _never(*_: object) -> bool:
    return False


def _nothing(*_: object) -> Mapping[str, Array]:
    return {}


class InJax(NamedTuple):
    """A layer under jax's transformations: the package, the layer, its parameters, the mode, and
    what stands beside x."""

    jax: Any
    layer: Any
    params: Tree
    training: bool
    beside: Mapping[str, Any] = EMPTY


@dataclass(frozen=True, kw_only=True)
class LayerRow(KindRow):
    """What is known of a layer.

    examples       small ones, for everything that runs over all layers
    equations      in symbols, as derived in the docstring of the layer's module
    worked         one entry of forward with its numbers
    passes         both passes as lines of a program
    output         what its output is called in a program, before the number of its group
    torch          its twin in PyTorch
    jax            from its place in JAX and x to y, for automatic derivatives: at a kink `where`
                   takes a branch as ours does; None where JAX has no such thing in that mode
    onnx           the operator that computes the same, if there is one
    onnx_forms     the ways to compute it with ONNX's operators beside that one, both to write and
                   to read them: the first that can hold the settings is written
    keras, flax    what its arrays are called there, if it has arrays and they have such a layer
    compiled       from the layer to what the compiled trainer calls it, or why that has none
    parameters     what they are called, by the layer's own names
    opens          whether it begins a group in a program: a weighted sum and what is made of it
                   share a number
    in_use         where it computes something else in use than in training
    shown          from its cache to arrays that people should see beside input and output
    inside         what is known of its intermediates, by their names
    weighted       whether every number that it puts out is a weighted sum of those that it takes,
                   and the bias of its channel where it has one
    meets          of a layer of images, from an entry of a parameter to the places where it is used
    onward         from a number that it takes to those that this goes into, with their derivatives;
                   None where its own backward is asked for them
    drawn          which of its intermediates a diagram shows unless told otherwise
    does_nothing   whether it hands its input on as it is, with these settings
    told_features  whether its first setting is how many features come in
    told_channels  the name of the setting that is how many channels come in, of a layer of images
    ids            how many ids it knows, of a layer whose input is ids that choose rows of its
                   first parameter
    """

    kind: type[Layer]
    examples: tuple[LayerExample, ...]
    equations: Equations
    worked: Callable[[OneEntry], tuple[Arithmetic, ...]]
    passes: Callable[[Site], Passes]
    output: Symbol
    torch: TorchTwin
    jax: Callable[[InJax, Any], Any]
    onnx: OnnxOperator | None
    compiled: KernelOf
    onnx_forms: tuple[OnnxForm, ...] = ()
    keras: ArrayNames | None = None
    flax: ArrayNames | None = None
    parameters: Mapping[str, ParameterSymbols] = field(default_factory=dict)
    opens: bool = False
    in_use: InUse | None = None
    shown: Callable[[Any], Mapping[str, Array]] = _nothing
    inside: Mapping[str, Inside] = field(default_factory=dict)
    weighted: bool = False
    meets: Callable[[ParameterEntry], Met] | None = None
    onward: Callable[[InputEntry], tuple[Onward, ...]] | None = None
    drawn: str = ""
    does_nothing: Callable[[Any], bool] = _never
    told_features: bool = False
    told_channels: str = ""
    ids: Callable[[Any], int] | None = None


_SUM = Symbol("s", "s")


@dataclass(frozen=True, kw_only=True)
class CombinatorRow(KindRow):
    """What is known of a combinator beside its wiring.

    examples  small ones, for everything that runs over all layers
    ways      what the parts of a gradient that come back through its children are called in
              equations, where that is not the child's own name
    output    what its sum is called in a program, before its number
    """

    kind: type[Combinator]
    examples: tuple[LayerExample, ...]
    ways: Mapping[str, str] = field(default_factory=dict)
    output: Symbol = _SUM


Draw = Callable[["np.random.Generator", int, int], Array]


def measurements(generator: "np.random.Generator", samples: int, outputs: int) -> Array:
    """Numbers of either sign."""
    return 2 * generator.normal(size=(samples, outputs))


@dataclass(frozen=True)
class LossExample:
    """One loss at work: the loss, its number of outputs, and what outputs and targets it takes."""

    loss: Loss
    outputs: int
    target: Draw
    output: Draw = measurements

    def draw(self, generator: "np.random.Generator", samples: int) -> tuple[Array, Array]:
        """An output (N, D) and a target that goes with it, in float64."""
        output = self.output(generator, samples, self.outputs)
        return output, self.target(generator, samples, self.outputs)


@dataclass(frozen=True, kw_only=True)
class LossRow(KindRow):
    """What is known of a loss.

    examples        small ones, for everything that runs over all losses
    equations       its entries in symbols
    worked          from one entry to its cost and slope, line by line with their numbers
    constant        from the loss, a target and how many outputs there are to the output (D,) that
                    costs least where every sample gets the same
    lines           from the loss, a target and an output such as the program meets to its lines
    torch           from torch and the loss to torch's own
    jax             from jax, the loss, output and target to the loss's value
    onnx            the operator that computes the same, if there is one
    compiled        from the loss to what the compiled trainer calls it
    example_target  from the code of a noisy wave and of a floating dtype's name to the code of a
                    target that it can take; None takes the wave itself
    takes_classes   whether a target may be class ids
    tells_two_apart whether a target of one output is which of two classes it is, 0 or 1
    probabilities   the layer that makes probabilities of outputs trained with it, if any does
    reads           PyTorch's losses that it computes the same as, by their classes' names: from the
                    module to the loss, None for settings that it has not
    """

    kind: type[Loss]
    examples: tuple[LossExample, ...]
    equations: Callable[[Any], tuple[str, ...]]
    worked: Callable[[LossEntry], tuple[Arithmetic, ...]]
    constant: Callable[[Any, Array, int], Array]
    lines: Callable[[Any, Array, Array], LossLines]
    torch: Callable[[Any, Any], Any]
    jax: Callable[[Any, Any, Any, Any], Any]
    onnx: OnnxOperator | None
    compiled: KernelOf
    example_target: Callable[[str, str], str] | None
    takes_classes: bool = False
    tells_two_apart: bool = False
    probabilities: Layer | None = None
    reads: Mapping[str, Callable[[Any], Loss | None]] = field(default_factory=dict)
