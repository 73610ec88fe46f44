"""Every number of one training step of a small network, each with its formula, in the order in
which they are worked out.

    z = Σᵢ wᵢ·xᵢ + b        a = f(z)
    ∂C/∂y = 2(y − t)/(N·D)  ∂C/∂z = a'(z)·∂C/∂a     ∂C/∂a = Σₖ wₖ·∂C/∂zₖ
    ∂C/∂w = Σₙ x·∂C/∂z      ∂C/∂b = Σₙ ∂C/∂z        w ← w − η·∂C/∂w

At an output of softmax p the cost is the cross-entropy, and the two derivatives are one step:

    S = Σⱼ e^zⱼ             pⱼ = e^zⱼ/S             C = −Σⱼ tⱼ·ln pⱼ        ∂C/∂z = (p − t)/N
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from clearprop.teaching.exercises.expressions import (
    Addition,
    Applied,
    Division,
    Expression,
    Multiplication,
    Name,
    NumberLiteral,
    Subtraction,
)
from clearprop.teaching.exercises.naming import Label, Naming, product, slope, updated

QuantityKind: TypeAlias = Literal[
    "product",
    "z",
    "a",
    "y",
    "score",
    "S",
    "p",
    "error",
    "C",
    "dy",
    "slope",
    "da",
    "dz",
    "dx",
    "dw",
    "db",
    "new_w",
    "new_b",
]


# A neuron of a layer, for a sample; all counted from 0.
Unit: TypeAlias = tuple[int, int, int]


class Quantity(NamedTuple):
    """A number that can be asked for.

    layer  of the network, from 0; None of what belongs to none
    units  what makes it 0: one of the neurons (layer, unit, sample) of every group on ReLU's zero
           side. A sum over samples has a group for each of them
    """

    label: Label
    kind: QuantityKind
    formula: Expression
    layer: int | None = None
    units: tuple[tuple[Unit, ...], ...] = ()

    def is_switched_off(self, dead: Collection[Unit]) -> bool:
        """Whether it is 0 because of these neurons on ReLU's zero side."""
        return bool(self.units) and all(any(unit in dead for unit in one) for one in self.units)


@dataclass(frozen=True)
class NetworkShape:
    """What a network looks like: its widths, the activation of every layer ("" for none), how many
    samples go through, and whether the output is compared with a target. Softmax is the activation
    of a last layer alone, with a target."""

    widths: tuple[int, ...]
    activations: tuple[str, ...]
    samples: int = 1
    target: bool = True

    @property
    def naming(self) -> Naming:
        """The names of its numbers."""
        return Naming(self.widths, self.samples)

    @property
    def last(self) -> int:
        """The last layer, from 0."""
        return len(self.activations) - 1

    def z(self, layer: int, j: int, n: int) -> Label:
        """What a neuron sums up; y where it is the output itself."""
        if layer == self.last and self.target and not self.activations[layer]:
            return self.naming.of_output("y", j, n)
        return self.naming.of_unit("z", layer, j, n)

    def a(self, layer: int, j: int, n: int) -> Label:
        """What a neuron puts out: y at a compared output, z where there is no activation."""
        if not self.activations[layer]:
            return self.z(layer, j, n)
        if layer == self.last and self.target:
            return self.naming.of_output("p" if self.has_classes else "y", j, n)
        return self.naming.of_unit("a", layer, j, n)

    @property
    def has_classes(self) -> bool:
        """Whether softmax gives the shares of classes, and the cost is their cross-entropy."""
        return self.activations[-1] == "softmax"

    def source(self, layer: int, i: int, n: int) -> Label:
        """What a layer's input i is: x, or the a of the layer before."""
        return self.naming.of_input("x", i, n) if layer == 0 else self.a(layer - 1, i, n)


def quantities(shape: NetworkShape) -> tuple[Quantity, ...]:
    """All of them, forward and then backward and the update."""
    return (*_forward(shape), *_cost(shape), *_backward(shape), *_update(shape))


def upstream(shape: NetworkShape, j: int, n: int) -> Label:
    """The derivative of the cost that the backward pass starts from."""
    return shape.naming.derivative(shape.a(shape.last, j, n))


def _name(label: Label) -> Name:
    return Name(label.name)


def _sum(terms: list[Expression]) -> Expression:
    return terms[0] if len(terms) == 1 else Addition(tuple(terms))


def _forward(shape: NetworkShape) -> Iterator[Quantity]:
    naming = shape.naming
    for layer, activation in enumerate(shape.activations):
        for n in range(shape.samples):
            for j in range(shape.widths[layer + 1]):
                terms: list[Expression] = []
                for i in range(shape.widths[layer]):
                    weight, source = naming.weight(layer, i, j), shape.source(layer, i, n)
                    part = product(weight, source)
                    formula = Multiplication((_name(weight), _name(source)))
                    yield Quantity(part, "product", formula, layer=layer)
                    terms.append(_name(part))
                terms.append(_name(naming.of_unit("b", layer, j)))
                z, a = shape.z(layer, j, n), shape.a(layer, j, n)
                kind: QuantityKind = "y" if z.name.startswith("y") else "z"
                yield Quantity(z, kind, _sum(terms), layer=layer)
                if activation and activation != "softmax":
                    kind = "y" if a.name.startswith("y") else "a"
                    units = (((layer, j, n),),)
                    yield Quantity(a, kind, Applied(activation, _name(z)), layer=layer, units=units)
    if shape.has_classes:
        yield from _shares(shape)


def _shares(shape: NetworkShape) -> Iterator[Quantity]:
    layer = shape.last
    for n in range(shape.samples):
        powers: list[Expression] = [
            Applied("exp", _name(shape.z(layer, j, n))) for j in range(shape.widths[-1])
        ]
        total = shape.naming.of_sample("S", n)
        yield Quantity(total, "S", _sum(powers), layer=layer)
        for j, power in enumerate(powers):
            share = Division(power, _name(total))
            yield Quantity(shape.a(layer, j, n), "p", share, layer=layer)


def _cost(shape: NetworkShape) -> Iterator[Quantity]:
    if not shape.target:
        return
    if shape.has_classes:
        yield _cross_entropy(shape)
        return
    naming, outputs = shape.naming, shape.widths[-1]
    squares: list[Expression] = []
    for n in range(shape.samples):
        for j in range(outputs):
            y, t = shape.a(shape.last, j, n), naming.of_output("t", j, n)
            error = naming.of_output("e", j, n)
            yield Quantity(error, "error", Subtraction(_name(y), _name(t)))
            squares.append(Applied("square", _name(error)))
    cost = Label(naming.cost, f"*{naming.cost}*")
    count = len(squares)
    total = _sum(squares)
    mean = total if count == 1 else Multiplication((NumberLiteral(1 / count), total))
    yield Quantity(cost, "C", mean)
    for n in range(shape.samples):
        for j in range(outputs):
            error = naming.of_output("e", j, n)
            slope_of_cost = (
                _name(error)
                if count == 2
                else Multiplication((NumberLiteral(2 / count), _name(error)))
            )
            yield Quantity(upstream(shape, j, n), "dy", slope_of_cost)


def _cross_entropy(shape: NetworkShape) -> Quantity:
    naming = shape.naming
    terms: list[Expression] = [
        Multiplication(
            (
                _name(naming.of_output("t", j, n)),
                Applied("ln", _name(shape.a(shape.last, j, n))),
            )
        )
        for n in range(shape.samples)
        for j in range(shape.widths[-1])
    ]
    mean = Multiplication((NumberLiteral(-1 / shape.samples), _sum(terms)))
    return Quantity(Label(naming.cost, f"*{naming.cost}*"), "C", mean)


def _slope(activation: str, z: Label, a: Label) -> Expression:
    if activation == "sigmoid":
        return Multiplication((_name(a), Subtraction(NumberLiteral(1.0), _name(a))))
    if activation == "tanh":
        return Subtraction(NumberLiteral(1.0), Applied("square", _name(a)))
    return Applied("relu_slope", _name(z))


def _backward(shape: NetworkShape) -> Iterator[Quantity]:
    naming = shape.naming
    for layer in range(shape.last, -1, -1):
        activation = shape.activations[layer]
        for n in range(shape.samples):
            for j in range(shape.widths[layer + 1]):
                z, a = shape.z(layer, j, n), shape.a(layer, j, n)
                units = (((layer, j, n),),)
                if activation == "softmax":
                    error = Subtraction(_name(a), _name(naming.of_output("t", j, n)))
                    share = NumberLiteral(1 / shape.samples)
                    signal = Multiplication((share, error)) if shape.samples > 1 else error
                    yield Quantity(naming.derivative(z), "dz", signal, layer=layer)
                    continue
                if layer < shape.last:
                    signals: list[Expression] = [
                        Multiplication(
                            (
                                _name(naming.weight(layer + 1, j, k)),
                                _name(naming.derivative(shape.z(layer + 1, k, n))),
                            )
                        )
                        for k in range(shape.widths[layer + 2])
                    ]
                    yield Quantity(
                        naming.derivative(a), "da", _sum(signals), layer=layer, units=units
                    )
                if activation:
                    yield Quantity(
                        slope(z), "slope", _slope(activation, z, a), layer=layer, units=units
                    )
                    factors = (_name(slope(z)), _name(naming.derivative(a)))
                    yield Quantity(
                        naming.derivative(z),
                        "dz",
                        Multiplication(factors),
                        layer=layer,
                        units=units,
                    )
        yield from _gradients(shape, layer)
    for n in range(shape.samples):
        for i in range(shape.widths[0]):
            terms: list[Expression] = [
                Multiplication(
                    (
                        _name(naming.weight(0, i, j)),
                        _name(naming.derivative(shape.z(0, j, n))),
                    )
                )
                for j in range(shape.widths[1])
            ]
            x = naming.of_input("x", i, n)
            yield Quantity(naming.derivative(x), "dx", _sum(terms))


def _gradients(shape: NetworkShape, layer: int) -> Iterator[Quantity]:
    naming = shape.naming
    for j in range(shape.widths[layer + 1]):
        signals = [naming.derivative(shape.z(layer, j, n)) for n in range(shape.samples)]
        for i in range(shape.widths[layer]):
            terms: list[Expression] = [
                Multiplication((_name(shape.source(layer, i, n)), _name(signals[n])))
                for n in range(shape.samples)
            ]
            label = naming.derivative(naming.weight(layer, i, j))
            units = _of_weight(shape, layer, i, j)
            yield Quantity(label, "dw", _sum(terms), layer=layer, units=units)
        label = naming.derivative(naming.of_unit("b", layer, j))
        total = _sum([_name(signal) for signal in signals])
        yield Quantity(label, "db", total, layer=layer, units=_of_bias(shape, layer, j))


def _of_weight(shape: NetworkShape, layer: int, i: int, j: int) -> tuple[tuple[Unit, ...], ...]:
    return tuple(
        ((layer, j, n), *(((layer - 1, i, n),) if layer else ())) for n in range(shape.samples)
    )


def _of_bias(shape: NetworkShape, layer: int, j: int) -> tuple[tuple[Unit, ...], ...]:
    return tuple(((layer, j, n),) for n in range(shape.samples))


def _update(shape: NetworkShape) -> Iterator[Quantity]:
    naming, rate = shape.naming, Name("eta")
    for layer in range(shape.last + 1):
        for j in range(shape.widths[layer + 1]):
            for i in range(shape.widths[layer]):
                weight = naming.weight(layer, i, j)
                step = Multiplication((rate, _name(naming.derivative(weight))))
                units = _of_weight(shape, layer, i, j)
                moved = Subtraction(_name(weight), step)
                yield Quantity(updated(weight), "new_w", moved, layer=layer, units=units)
            bias = naming.of_unit("b", layer, j)
            step = Multiplication((rate, _name(naming.derivative(bias))))
            moved = Subtraction(_name(bias), step)
            units = _of_bias(shape, layer, j)
            yield Quantity(updated(bias), "new_b", moved, layer=layer, units=units)
