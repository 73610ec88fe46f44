"""A layer computed with ONNX's operators: as a term, which is written into a file and found in one.

    SiLU        op("Mul", X, op("Sigmoid", X))
    SoftClip    op("Div", X, op("Sqrt", op("Add", 1.0, …)))      1.0 is a constant of the file

X is what the layer takes, a `Slot` a constant of the file under a name of ours, a `Held` the value
of an attribute, a `Beside` an input of the file beside the network's own, a `Choice` one of several
operands. `OnnxForm` has a term and
both ways between its names and a layer. Equal parts of a term are one node of the file.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import EMPTY, Array, Shape
from clearprop.engine.layers.layer import Layer, Tree
from clearprop.kinds.counterparts import OnnxOperator


class Slot(NamedTuple):
    """A constant, by a name of ours."""

    name: str


class Held(NamedTuple):
    """The value of an attribute by a name of ours, and what it is where the node has none."""

    name: str
    default: Any


class Beside(NamedTuple):
    """A side input of the network, by its name, which is that of an input of the file."""

    name: str


class FileInput(NamedTuple):
    """An input of the file beside the network's own: its name, its numbers and its axes."""

    name: str
    dtype: np.dtype[Any]
    axes: int


class Anything:
    """Whatever stands there: what is not looked at, as the shape that an exporter works out."""


X = Slot("x")
ANYTHING = Anything()


@dataclass(frozen=True)
class Term:
    """One node: its operator, what it takes (None is left out), its attributes."""

    operator: str
    inputs: tuple["Operand", ...]
    attributes: tuple[tuple[str, Any], ...] = ()

    @property
    def size(self) -> int:
        """How many nodes it has, equal ones counted each time."""
        return 1 + sum(map(_size, self.inputs))


@dataclass(frozen=True)
class Choice:
    """One of several operands, by its key, which stands under `name` among a form's values: what
    masks do, where there are some."""

    name: str
    options: tuple[tuple[str, "Operand"], ...]


Operand: TypeAlias = Term | Slot | Beside | Choice | Anything | float | None


def choice(name: str, options: Mapping[str, Operand]) -> Choice:
    """A choice between operands by their keys."""
    return Choice(name, tuple(options.items()))


def chosen(operand: Operand, values: Mapping[str, Any]) -> Operand:
    """An operand without choices, each as the values say; where they say nothing its first."""
    if isinstance(operand, Choice):
        options = dict(operand.options)
        return chosen(options[values.get(operand.name, next(iter(options)))], values)
    if isinstance(operand, Term):
        inputs = tuple(chosen(one, values) for one in operand.inputs)
        return Term(operand.operator, inputs, operand.attributes)
    return operand


def choices_in(operand: Operand) -> set[str]:
    """The names of the choices in it."""
    return {one.name for one in _parts(operand) if isinstance(one, Choice)}


def beside_in(operand: Operand) -> set[str]:
    """The names of the side inputs in it, in whatever is chosen."""
    return {one.name for one in _parts(operand) if isinstance(one, Beside)}


def _parts(operand: Operand) -> Collection[Operand]:
    """It and whatever is inside it, each once: a part may stand in a thousand places."""
    found: dict[int, Operand] = {}
    waiting = [operand]
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found[id(one)] = one
            waiting += _inside(one)
    return found.values()


def _inside(operand: Operand) -> tuple[Operand, ...]:
    if isinstance(operand, Choice):
        return tuple(one for _, one in operand.options)
    return operand.inputs if isinstance(operand, Term) else ()


def _size(operand: Operand) -> int:
    if isinstance(operand, Choice):
        return max(map(_size, _inside(operand)))
    return operand.size if isinstance(operand, Term) else 0


def op(operator: str, *inputs: Operand, **attributes: Any) -> Term:
    """A term."""
    return Term(operator, inputs, tuple(attributes.items()))


def mean(of: Operand, axis: int) -> Term:
    """The mean over one axis, which stays as 1. Its axes are an attribute before operator set 18
    and an input since: whoever writes or reads it knows."""
    return op("ReduceMean", of, axes=(axis,), keepdims=1)


class OnnxPlace(NamedTuple):
    """A layer where it is written: its arrays, how many axes one sample has, whether the parameters
    are those of several networks, the shape of one sample, where that is known, and what the file
    has beside it, by the names of the layer's side inputs."""

    layer: Any
    params: Tree
    state: Tree
    dtype: np.dtype[Any]
    axes: int
    stacked: bool
    shape: Shape | None = None
    beside: Mapping[str, FileInput] = EMPTY


class ReadLayer(NamedTuple):
    """A layer as it was found in a file, with its arrays; `indifferent` are the side inputs that it
    could read and that change nothing of it."""

    layer: Layer
    params: Tree = EMPTY
    state: Tree = EMPTY
    indifferent: tuple[str, ...] = ()


class OnnxForm(NamedTuple):
    """One way to compute a layer with ONNX's operators.

    values  from the layer in its place to what stands under the term's names: arrays, or numbers;
            None where this way does not compute the same
    layer   the way back, given the file's floating dtype too; None where no layer does that
    since   the operator set that has these operators
    """

    term: Term
    values: Callable[[OnnxPlace], Mapping[str, Any] | None]
    layer: Callable[[Mapping[str, Any], np.dtype[Any]], ReadLayer | None]
    since: int = 1


def unary(kind: type[Layer], operator: OnnxOperator) -> OnnxForm:
    """The form of an operator that takes x alone and has all settings as attributes."""
    held = tuple((one.name, Held(ours, one.default)) for ours, one in operator.attributes.items())

    def layer(found: Mapping[str, Any], dtype: np.dtype[Any]) -> ReadLayer:
        return ReadLayer(
            kind(**{ours: setting_of(found[ours], dtype) for ours in operator.attributes})
        )

    return OnnxForm(
        Term(operator.name, (X,), held),
        lambda at: {ours: getattr(at.layer, ours) for ours in operator.attributes},
        layer,
        operator.since,
    )


def setting_of(value: Any, dtype: np.dtype[Any]) -> Any:
    """An attribute as a setting: in float64 the very number that stands in the file."""
    if not isinstance(value, np.floating):
        return value
    return shortest(value) if dtype == np.float32 else float(value)


def in_float32(form: OnnxForm) -> OnnxForm:
    """The form, for networks in float32: of operators that runtimes have in float32 alone, or whose
    own numbers are float32."""
    return form._replace(values=lambda at: form.values(at) if at.dtype == np.float32 else None)


def of_settings(term: Term, kind: type[Layer], *names: str, since: int = 1) -> OnnxForm:
    """The form of a layer without parameters whose settings `names` are constants in the term."""

    def layer(found: Mapping[str, Any], _: object) -> ReadLayer | None:
        numbers = {name: number(found[name]) for name in names}
        if any(value is None for value in numbers.values()):
            return None
        return ReadLayer(kind(**numbers))

    return OnnxForm(
        term, lambda at: {name: getattr(at.layer, name) for name in names}, layer, since
    )


def number(value: Any) -> float | None:
    """A constant as a number; None where it has more entries, or axes that would count."""
    array = np.asarray(value)
    if array.size != 1 or array.ndim > 1:
        return None
    return shortest(array.reshape(())[()])


def shortest(value: Any) -> float:
    """A number of float32 as the shortest decimal that is rounded to it: 0.01, and not
    0.009999999776482582, of which both are the same to whoever computes in float32."""
    return float(str(value)) if isinstance(value, np.float32) else float(value)


def row(array: Array, features: int | None = None) -> Array | None:
    """A constant (D,), (1, D) or (K, 1, D) as a row of parameters (…, 1, D); one number is spread
    over `features`. None where it is something else."""
    if array.dtype.kind != "f":
        return None
    if array.ndim < 2:
        array = array.reshape(1, -1)
    if array.shape[-2] != 1 or array.ndim > 3:
        return None
    if features is not None and array.shape[-1] == 1:
        array = np.broadcast_to(array, (*array.shape[:-1], features))
    return array if features in (None, array.shape[-1]) and array.size else None


def fits_float32(value: float) -> bool:
    """Whether an attribute of ONNX's, which is a float32, can hold a number."""
    return math.isfinite(value) and float(np.float32(value)) == value
