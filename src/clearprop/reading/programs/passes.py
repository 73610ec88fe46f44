"""A network's two passes as lines: every step of its graph, from right to left for the second.

Layers that do nothing (Identity, Dropout that leaves nothing out) have no line. What is called how,
and where gradients are added, is worked out first: see `ways_back`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clearprop.base.arrays import EMPTY, Array, Shape, shape_text
from clearprop.base.errors import ContractError
from clearprop.engine.graph import Node, join_path
from clearprop.engine.initializers import Initializer
from clearprop.engine.joining import Concatenation, Join
from clearprop.engine.layers.layer import Layer
from clearprop.engine.network import Network
from clearprop.engine.summary import repr_short
from clearprop.kinds.kind_tables import COMBINATOR_ROWS, LAYER_ROWS
from clearprop.kinds.program_lines import Line, Symbol, names_assigned, names_read, subscript
from clearprop.kinds.program_pieces import Mask, Site, Statistics
from clearprop.reading.programs.group_numbers import group_numbers
from clearprop.reading.programs.side_inputs import site_of, symbols_of
from clearprop.reading.programs.ways_back import (
    Meeting,
    Names,
    X,
    does_nothing,
    names_of,
    require_ids_alone,
)


@dataclass(frozen=True)
class Section:
    """The lines of one layer in one pass: the layer's class, how it was made, and its shapes;
    `said` is the key of the sentence on it where that is not the pass's own."""

    kind: str
    title: str
    lines: tuple[Line, ...]
    said: str = ""


@dataclass(frozen=True)
class ParameterName:
    """One parameter array of the program, with the layer's place and name for it."""

    symbol: Symbol
    path: str


@dataclass(frozen=True)
class RememberedName:
    """One array of running statistics, with its layer's path and its name there."""

    symbol: Symbol
    path: str
    name: str


class KeptNames(NamedTuple):
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
    remembered   the running statistics that forward reads, where it is written as in use
    """

    forward: tuple[Section, ...]
    backward: tuple[Section, ...]
    parameters: tuple[ParameterName, ...]
    masks: tuple[Mask, ...]
    statistics: tuple[Statistics, ...]
    saved: KeptNames
    input_gradient: bool
    remembered: tuple[RememberedName, ...] = ()

    @property
    def gradients(self) -> tuple[Symbol, ...]:
        """What backward returns, in order."""
        own = tuple(one.symbol.d for one in self.parameters)
        return (X.d, *own) if self.input_gradient else own

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines of both passes."""
        return tuple(line for part in (*self.forward, *self.backward) for line in part.lines)


def passes_of(
    network: Network,
    x: Array,
    *,
    in_use: bool = False,
    beside: Mapping[str, Array] = EMPTY,
) -> Program:
    """The passes of a network at samples such as x, with such side inputs beside them; `in_use`
    writes forward as it is computed in use, with what training has remembered, and nothing of
    backward is to be read then.

    Raises ContractError for a layer that is not of the catalogue, and where ids are taken by
    something that has a derivative.
    """
    require_known(network)
    of_ids = x.dtype.kind in "iu"
    if of_ids:
        require_ids_alone(network.graph)
    shapes = network.graph.shapes(x.shape[1:])
    numbers = group_numbers(network.graph, shapes, beside)
    names = names_of(network.graph, numbers, of_ids=of_ids)
    return _Writing(network, names, numbers, shapes, in_use, beside).program(of_ids)


def require_known(network: Network) -> None:
    """Refuse layers that are not of the catalogue. Raises ContractError."""
    for node in network.graph.nodes.values():
        if type(node.layer) not in LAYER_ROWS:
            known = ", ".join(kind.__name__ for kind in LAYER_ROWS)
            name = type(node.layer).__name__
            raise ContractError("program_layer_own", name=name, known=known)


@dataclass
class _Writing:
    """The lines that were written so far, those of backward from left to right as well."""

    network: Network
    names: Names
    numbers: Mapping[str, int]
    shapes: Mapping[str, Shape | None]
    in_use: bool
    beside: Mapping[str, Array]
    remembered: list[RememberedName] = field(default_factory=list)
    parameters: dict[str, Symbol] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    forward: list[Section] = field(default_factory=list)
    backward: list[Section] = field(default_factory=list)
    masks: list[Mask] = field(default_factory=list)
    statistics: list[Statistics] = field(default_factory=list)

    def program(self, of_ids: bool) -> Program:
        for step in self.network.graph.steps:
            self.backward += map(self._meeting, self.names.meetings.get(step.path, ()))
            if isinstance(step, Join):
                self._join(step)
            elif not does_nothing(step):
                self._layer(step)
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
            not of_ids,
            tuple(self.remembered),
        )

    def _layer(self, node: Node) -> None:
        layer, path, shape = node.layer, node.path, self.shapes[node.source]
        row, number = LAYER_ROWS[type(layer)], self.numbers[path]
        params = {
            name: self._parameter(
                join_path(path, name), row.parameters[name].program.numbered(number)
            )
            for name in node.parameters
        }
        gradients = {
            name: self._gradient(join_path(path, name), symbol) for name, symbol in params.items()
        }
        site = Site(
            layer,
            self.names.wires[node.source],
            self.names.wires[path],
            self.names.taken[path],
            self.names.signals[path],
            params,
            gradients,
            number,
            path,
            shape or (),
            site_of(self.beside, path),
        )
        passes = row.passes(site)
        title = _title(layer, shape)
        kind = type(layer).__name__
        forward, said = passes.forward, ""
        if self.in_use and row.in_use is not None:
            used = row.in_use.lines(site)
            said = f"predict.{kind}" if used.forward != forward else ""
            forward = used.forward
            self.remembered += [RememberedName(s, path, name) for name, s in used.state.items()]
        self.forward.append(Section(kind, title, forward, said))
        self.backward.append(Section(kind, title, passes.backward))
        self.masks += passes.masks
        self.statistics += passes.statistics

    def _join(self, step: Join) -> None:
        """The line of a join; only a concatenation has one in backward, for every term."""
        y, dy = self.names.wires[step.path], self.names.signals[step.path]
        terms = [self.names.wires[wire] for wire in step.sources]
        kind, title = self._of_combinator(
            self.network.graph.combinator_of(step.path).path, type(step).__name__
        )
        if not isinstance(step, Concatenation):
            code = " + ".join(map(str, terms))
            equation = " + ".join(f"{term:math}" for term in terms)
            line = Line(f"{y} = {code}", f"{y:math} = {equation}")
            self.forward.append(Section(kind, title, (line,)))
            return
        code = f"{y} = np.concatenate([{', '.join(map(str, terms))}], axis={step.axis})"
        equation = " ‖ ".join(f"{term:math}" for term in terms)
        self.forward.append(Section(kind, title, (Line(code, f"{y:math} = {equation}"),)))
        cuts, start = [], 0
        for term, wire in enumerate(step.sources):
            stop = start + (self.shapes[wire] or (0,) * -step.axis)[step.axis]
            dx, shift = self.names.cut[step.path, term], f"₊{subscript(start)}" if start else ""
            equation = f"({dx:math})ₖ = ({dy:math})ₖ{shift}"
            behind = ", :" * (-step.axis - 1)
            cuts.append(Line(f"{dx} = {dy}[..., {start}:{stop}{behind}]", equation))
            start = stop
        self.backward.append(Section(kind, title, tuple(cuts)))

    def _meeting(self, one: Meeting) -> Section:
        code = " + ".join(map(str, one.parts))
        equation = " + ".join(f"{part:math}" for part in one.parts)
        line = Line(f"{one.symbol} = {code}", f"{one.symbol:math} = {equation}")
        return Section(*self._of_combinator(one.group, "Sum"), (line,))

    def _of_combinator(self, path: str, otherwise: str) -> tuple[str, str]:
        """What is said of a line of a combinator, and its title; of one's own combinator, what is
        said of any join."""
        layer = self.network.graph.groups[path].layer
        name = type(layer).__name__
        return (name if type(layer) in COMBINATOR_ROWS else otherwise), name

    def _parameter(self, path: str, symbol: Symbol) -> Symbol:
        shared = self.network.tied.get(path)
        self.parameters[path] = symbol if shared is None else self.parameters[shared]
        return self.parameters[path]

    def _gradient(self, path: str, symbol: Symbol) -> Symbol:
        """Shared parameters have a gradient for every use, which are added at the end."""
        users = self.network.graph.users(path)
        sharing = [node.parameters[name].path for node, name in users]
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

    def _saved(self, parameters: Sequence[ParameterName]) -> KeptNames:
        """What backward reads of forward, its results in the order of their making."""
        backward = [line for part in self.backward for line in part.lines]
        read = {name for line in backward for name in names_read(line.code)}
        # What a loop over the times sets in both passes, each sets for itself.
        read -= set(names_assigned(backward))
        made = names_assigned([line for part in self.forward for line in part.lines])
        given = [*symbols_of(self.beside).values(), *(mask.symbol for mask in self.masks)]
        values = dict.fromkeys([X.name, *(symbol.name for symbol in given), *made])
        names = [one.symbol.name for one in parameters]
        return KeptNames(
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
