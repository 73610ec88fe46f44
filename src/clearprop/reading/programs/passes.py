"""A network's two passes as lines: every layer in its place, from right to left for the second.

Layers that do nothing (Identity, Dropout that leaves nothing out) have no line. A residual's input
is read twice, so two signals come back for it: the branch's first layer assigns its part under a
name of its own, and one more line adds the two.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clearprop.base.arrays import Array, Shape, shape_text
from clearprop.base.errors import ContractError
from clearprop.engine.combinators import Residual, Sequential
from clearprop.engine.graph import join_path
from clearprop.engine.initializers import Initializer
from clearprop.engine.layers.activations import Identity
from clearprop.engine.layers.dropout import Dropout
from clearprop.engine.layers.layer import Layer
from clearprop.engine.network import Network
from clearprop.engine.summary import repr_short
from clearprop.kinds.program_lines import Line, Symbol, names_assigned, names_read
from clearprop.kinds.writers.site import Mask, Passes, Site, Statistics
from clearprop.kinds.writers.writer_catalog import WRITERS

X = Symbol("x", "x")
Y = Symbol("y", "y")
_SUM = Symbol("s", "s")


@dataclass(frozen=True)
class Section:
    """The lines of one layer in one pass: the layer's class, how it was made, and its shapes."""

    kind: str
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ParameterName:
    """One parameter array of the program, with the layer's place and name for it."""

    symbol: Symbol
    path: str


class Saved(NamedTuple):
    """The names that forward keeps: for backward, values that it computed or was given and
    parameters; and for the training's running statistics means and variances."""

    values: tuple[str, ...]
    parameters: tuple[str, ...]
    statistics: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """Both passes of a network.

    parameters   in the order of the flat array, shared ones once
    saved        what forward keeps
    input_gradient   whether ∂L/∂x exists: not for ids
    """

    forward: tuple[Section, ...]
    backward: tuple[Section, ...]
    parameters: tuple[ParameterName, ...]
    masks: tuple[Mask, ...]
    statistics: tuple[Statistics, ...]
    saved: Saved
    input_gradient: bool

    @property
    def gradients(self) -> tuple[Symbol, ...]:
        """What backward returns, in order."""
        own = tuple(one.symbol.d for one in self.parameters)
        return (X.d, *own) if self.input_gradient else own

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines of both passes."""
        return tuple(line for part in (*self.forward, *self.backward) for line in part.lines)


def passes_of(network: Network, x: Array) -> Program:
    """The passes of a network at samples such as x.

    Raises ContractError for a layer that is not of the catalogue.
    """
    return _Walk(network, x.dtype.kind in "iu").program(x.shape[1:])


def require_known(layer: Layer) -> None:
    """Refuse a layer that is not of the catalogue. Raises ContractError."""
    _places(layer, "")


@dataclass(frozen=True)
class _Place:
    """A layer to be written, and where it stands; its branch where it is a residual."""

    layer: Layer
    path: str
    branch: "tuple[_Place, ...]" = ()


def _places(layer: Layer, path: str) -> tuple[_Place, ...]:
    if type(layer) is Sequential:
        return tuple(
            place
            for name, child in layer.children()
            for place in _places(child, join_path(path, name))
        )
    if type(layer) is Residual:
        return (_Place(layer, path, _places(layer.branch, join_path(path, "branch"))),)
    if type(layer) not in WRITERS:
        raise ContractError(
            "program_layer_own", name=type(layer).__name__, known=", ".join(map(_name, WRITERS))
        )
    if isinstance(layer, Identity) or (isinstance(layer, Dropout) and layer.probability == 0):
        return ()
    return (_Place(layer, path),)


def _name(kind: type) -> str:
    return kind.__name__


@dataclass
class _Walk:
    """The state of one walk: the numbers and names that were given out so far."""

    network: Network
    of_ids: bool
    group: int = 0
    residuals: int = 0
    taken: set[str] = field(default_factory=set)
    parameters: dict[str, Symbol] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    forward: list[Section] = field(default_factory=list)
    backward: list[Section] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)
    statistics: list[Statistics] = field(default_factory=list)

    def program(self, shape: Shape) -> Program:
        places = _places(self.network.layer, "") or (_Place(Identity(), ""),)
        self._walk(places, X, None if self.of_ids else X.d, Y, Y.d, shape)
        # They were written from left to right.
        self.backward.reverse()
        self._add_shared()
        parameters = tuple(
            ParameterName(symbol, path)
            for path, symbol in self.parameters.items()
            if path not in self.network.tied
        )
        return Program(
            tuple(self.forward),
            tuple(self.backward),
            parameters,
            tuple(self.masks),
            tuple(self.statistics),
            self._saved(parameters),
            not self.of_ids,
        )

    def _walk(
        self,
        places: Sequence[_Place],
        x: Symbol,
        dx: Symbol | None,
        y: Symbol | None,
        dy: Symbol | None,
        shape: Shape | None,
    ) -> Symbol:
        """Write the places from x on; the last output is called y, and its gradient dy, where they
        are given. Returns the last output."""
        for index, place in enumerate(places):
            last = index == len(places) - 1
            is_residual = isinstance(place.layer, Residual)
            number = self._residuals() if is_residual else self._number(place)
            own = (_SUM if is_residual else WRITERS[type(place.layer)].output).numbered(number)
            output = y if last and y is not None else own
            signal = dy if last and dy is not None else output.d
            if is_residual:
                self._residual(place, x, dx, output, signal, shape)
            else:
                self._leaf(place, x, dx, output, signal, shape, number)
            shape = place.layer.output_shape(shape)
            x, dx = output, output.d
        return x

    def _leaf(
        self,
        place: _Place,
        x: Symbol,
        dx: Symbol | None,
        y: Symbol,
        dy: Symbol,
        shape: Shape | None,
        number: int,
    ) -> None:
        layer = place.layer
        writer = WRITERS[type(layer)]
        params = {
            name: self._parameter(join_path(place.path, name), writer.params[name].numbered(number))
            for name in layer.parameters()
        }
        gradients = {
            name: self._gradient(join_path(place.path, name), symbol)
            for name, symbol in params.items()
        }
        site = Site(layer, x, y, dx, dy, params, gradients, number, place.path, shape or ())
        passes: Passes = writer.passes(site)
        title = _title(layer, shape)
        kind = type(layer).__name__
        self.forward.append(Section(kind, title, passes.forward))
        self.backward.append(Section(kind, title, passes.backward))
        self.masks += passes.masks
        self.statistics += passes.statistics

    def _residual(
        self,
        place: _Place,
        x: Symbol,
        dx: Symbol | None,
        y: Symbol,
        dy: Symbol,
        shape: Shape | None,
    ) -> None:
        if dx is None:
            raise ContractError("signal_missing", path=join_path(place.path, "branch"))
        branch_dx = dx.through("branch", "f") if place.branch else dy
        self.backward.append(
            Section(
                "Residual",
                "Residual",
                (Line(f"{dx} = {dy} + {branch_dx}", f"{dx:math} = {dy:math} + {branch_dx:math}"),),
            )
        )
        branch = self._walk(place.branch, x, branch_dx, None, dy, shape)
        self.forward.append(
            Section(
                "Residual",
                "Residual",
                (Line(f"{y} = {x} + {branch}", f"{y:math} = {x:math} + {branch:math}"),),
            )
        )

    def _number(self, place: _Place) -> int:
        """The number of the layer's group: a new one where it opens a group, or where its output's
        name is taken in this one."""
        writer = WRITERS[type(place.layer)]
        if self.group == 0 or writer.opens or writer.output.name in self.taken:
            self.group += 1
            self.taken = set()
        self.taken.add(writer.output.name)
        return self.group

    def _residuals(self) -> int:
        """The number of the next residual."""
        self.residuals += 1
        return self.residuals

    def _parameter(self, path: str, symbol: Symbol) -> Symbol:
        owner = self.network.tied.get(path)
        self.parameters[path] = symbol if owner is None else self.parameters[owner]
        return self.parameters[path]

    def _gradient(self, path: str, symbol: Symbol) -> Symbol:
        """Shared parameters have a gradient for every use, which are added at the end."""
        slots = self.network.layout.slots
        sharing = [one for one in slots if slots[one].start == slots[path].start]
        if len(sharing) == 1:
            return symbol.d
        use = sharing.index(path) + 1
        self.uses[symbol.name] = len(sharing)
        return symbol.d.through(str(use), str(use))

    def _add_shared(self) -> None:
        sums = []
        for symbol in dict.fromkeys(self.parameters.values()):
            if uses := self.uses.get(symbol.name):
                parts = [symbol.d.through(str(use), str(use)) for use in range(1, uses + 1)]
                code = " + ".join(map(str, parts))
                equation = " + ".join(f"{part:math}" for part in parts)
                sums.append(Line(f"{symbol.d} = {code}", f"{symbol.d:math} = {equation}"))
        if sums:
            self.backward.append(Section("Tied", "", tuple(sums)))

    def _saved(self, parameters: Sequence[ParameterName]) -> Saved:
        """What backward reads of forward, its results in the order of their making."""
        read = {
            name for part in self.backward for line in part.lines for name in names_read(line.code)
        }
        made = names_assigned([line for part in self.forward for line in part.lines])
        values = dict.fromkeys([X.name, *(mask.symbol.name for mask in self.masks), *made])
        names = [one.symbol.name for one in parameters]
        return Saved(
            tuple(name for name in values if name in read),
            tuple(name for name in names if name in read),
            tuple(str(s) for one in self.statistics for s in (one.mean, one.variance)),
        )


def _title(layer: Layer, shape: Shape | None) -> str:
    """The layer as it was made, without its initializers, and the shapes of its input and output"""
    made = named(layer)
    output = layer.output_shape(shape)
    if shape is None or output is None:
        return made
    return f"{made}: {shape_text(('N', *shape))} → {shape_text(('N', *output))}"


def named(layer: Layer) -> str:
    """The layer as it was made, `Linear(1, 10)`, without its initializers, which are no part of its
    two passes."""
    usual = {
        item.name: item.default
        for item in dataclasses.fields(layer)  # type: ignore[arg-type]
        if isinstance(getattr(layer, item.name), Initializer)
    }
    plain = dataclasses.replace(layer, **usual)  # type: ignore[type-var]
    return without_brackets(repr_short(plain))


def without_brackets(made: str) -> str:
    """`ReLU()` as people write it: ReLU."""
    return made.removesuffix("()")
