"""What every wire of a network and its gradient are called in a program, and where gradients meet.

A wire that several steps take gets a signal back from each. Inside a combinator that takes it too,
those are added first, under a name of the combinator's own part; where they lead to one name, a
line adds them. So a residual's input x has ∂L/∂x|f back from its branch f, and ∂L/∂x is the sum of
that and of what came to the residual itself. A sum hands its own signal on to every term, which
takes no line; a concatenation cuts each term's features out of its own.

A layer that does nothing has no wire of its own: what it takes is what it puts out.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clearprop.base.errors import ContractError
from clearprop.engine.graph import INPUT, Graph, GraphStep, Node
from clearprop.engine.joining import Concatenation, Join, Sum
from clearprop.kinds.kind_tables import COMBINATOR_ROWS, LAYER_ROWS
from clearprop.kinds.program_lines import Symbol

X = Symbol("x", "x")
Y = Symbol("y", "y")
# What a join puts out, of a combinator of one's own.
_JOINED = {Sum: Symbol("sum", "S"), Concatenation: Symbol("joined", "J")}


class Meeting(NamedTuple):
    """The line that adds the parts of a gradient, and the combinator in which they meet."""

    symbol: Symbol
    parts: tuple[Symbol, ...]
    group: str


@dataclass
class _Way:
    """One way on which a wire is taken: a step, or a combinator and the ways inside it.

    term  which of a join's terms the wire is
    """

    path: str
    step: GraphStep | None = None
    term: int = 0
    inside: "list[_Way]" = field(default_factory=list)

    def into(self, group: str) -> "_Way":
        """The way into a combinator, which is made where there is none yet."""
        for one in self.inside:
            if one.path == group and one.step is None:
                return one
        self.inside.append(_Way(group))
        return self.inside[-1]

    def first(self) -> GraphStep:
        """The step that takes the wire before all others."""
        return self.inside[0].first() if self.step is None else self.step


@dataclass(frozen=True)
class Names:
    """The names of a program's arrays.

    wires     of what every step puts out, by its path
    signals   of ∂L/∂(every wire), by its step's path
    taken     of what the backward of a node assigns, by its path; None where x is ids
    cut       of what the backward of a concatenation assigns, by its path and the term's number
    meetings  the sums of gradients that stand before a step, seen from the left, by its path
    """

    wires: Mapping[str, Symbol]
    signals: Mapping[str, Symbol]
    taken: Mapping[str, Symbol | None]
    cut: Mapping[tuple[str, int], Symbol]
    meetings: Mapping[str, Sequence[Meeting]]


def names_of(graph: Graph, numbers: Mapping[str, int], *, of_ids: bool) -> Names:
    """Name everything, where `numbers` has that of every node's group."""
    return _Naming(graph, of_ids).names(numbers)


def require_ids_alone(graph: Graph) -> None:
    """Refuse ids that are taken by a join, which has a derivative. Raises ContractError."""
    steps = _Naming(graph, of_ids=True).takers_of_input
    if any(isinstance(step, Join) for step in steps):
        first = next((step for step in steps if isinstance(step, Node)), steps[0])
        raise ContractError("signal_missing", path=first.path)


def does_nothing(node: Node) -> bool:
    """Whether a layer has no line: it hands on what it takes."""
    return LAYER_ROWS[type(node.layer)].does_nothing(node.layer)


class _Naming:
    """The state of one naming."""

    def __init__(self, graph: Graph, of_ids: bool) -> None:
        self.graph = graph
        self.of_ids = of_ids
        self.roots = self._roots()
        self.wires = {INPUT: X}
        self.signals: dict[str, Symbol] = {}
        self.taken: dict[str, Symbol | None] = {}
        self.cut: dict[tuple[str, int], Symbol] = {}
        self.meetings: dict[str, list[Meeting]] = {}

    def names(self, numbers: Mapping[str, int]) -> Names:
        self._name_wires(numbers)
        output = self.roots[self.graph.output]
        # From right to left: what a sum hands on is named after what came to it.
        for step in reversed(self.graph.steps):
            wire = step.path
            if self.roots[wire] != wire:
                continue
            if wire == output:
                self.signals[wire] = Y.d
            else:
                self.signals[wire] = self._signal(self._ways(wire), self.wires[wire].d)
        self._name_input()
        return Names(self.wires, self.signals, self.taken, self.cut, self.meetings)

    @property
    def takers_of_input(self) -> list[GraphStep]:
        """The steps that take the network's input."""
        return [step for step, _ in self._takers(INPUT)]

    def _roots(self) -> dict[str, str]:
        """The wire that each wire is, where layers that do nothing are left out."""
        roots = {INPUT: INPUT}
        for step in self.graph.steps:
            idle = isinstance(step, Node) and does_nothing(step)
            roots[step.path] = roots[step.sources[0]] if idle else step.path
        return roots

    def _name_wires(self, numbers: Mapping[str, int]) -> None:
        joins = self._joins()
        for step in self.graph.steps:
            root = self.roots[step.path]
            if root != step.path:
                self.wires[step.path] = self.wires[root]
            elif root == self.roots[self.graph.output]:
                self.wires[step.path] = Y
            elif isinstance(step, Node):
                symbol = LAYER_ROWS[type(step.layer)].output
                self.wires[step.path] = symbol.numbered(numbers[step.path])
            else:
                self.wires[step.path] = joins[step.path]

    def _joins(self) -> dict[str, Symbol]:
        """What every join is called. They are counted where their combinator begins, the outer one
        before the inner one."""
        places = {step.path: number for number, step in enumerate(self.graph.steps)}

        def order(step: Join) -> tuple[int, int, int]:
            path = self.graph.combinator_of(step.path).path
            begin = min(places[inner.path] for inner in self.graph.inside(path))
            return begin, len(path), places[step.path]

        named: dict[str, Symbol] = {}
        counted: Counter[str] = Counter()
        for step in sorted(self.graph.joins.values(), key=order):
            row = COMBINATOR_ROWS.get(type(self.graph.combinator_of(step.path).layer))
            symbol = _JOINED[type(step)] if row is None else row.output
            counted[symbol.name] += 1
            named[step.path] = symbol.numbered(counted[symbol.name])
        return named

    def _ways(self, wire: str) -> _Way:
        """Everything that takes a wire, inside the combinators that take it."""
        around = sorted(
            (one for one in self.graph.groups.values() if self.roots[one.source] == wire),
            key=lambda one: len(one.path),
        )
        top = _Way("")
        for step, term in self._takers(wire):
            at = top
            for group in around:
                if step in self.graph.inside(group.path):
                    at = at.into(group.path)
            at.inside.append(_Way(step.path, step, term))
        return top

    def _takers(self, wire: str) -> Iterator[tuple[GraphStep, int]]:
        for step in self.graph.steps:
            if self.roots[step.path] == step.path:
                for term, source in enumerate(step.sources):
                    if self.roots[source] == wire:
                        yield step, term

    def _signal(self, way: _Way, symbol: Symbol) -> Symbol:
        """The name of what comes back on a way, which is `symbol` where a line assigns it."""
        step = way.step
        if isinstance(step, Node):
            self.taken[step.path] = symbol
            return symbol
        if isinstance(step, Concatenation):
            self.cut[step.path, way.term] = symbol
            return symbol
        if step is not None:
            return self.signals[step.path]
        if len(way.inside) == 1:
            return self._signal(way.inside[0], symbol)
        group = way.path or self._level(way.inside[0])
        before = self.meetings.setdefault(way.first().path, [])
        place = len(before)
        # Backward meets the last one first.
        parts = [self._signal(one, self._part(one, symbol, group)) for one in way.inside[::-1]]
        before.insert(place, Meeting(symbol, tuple(parts), group))
        return symbol

    def _part(self, way: _Way, symbol: Symbol, group: str) -> Symbol:
        """The name of the part of a gradient that comes back on one of several ways."""
        if isinstance(way.step, Join):
            return symbol.through(f"term{way.term + 1}", str(way.term + 1))
        child = way.path.removeprefix(group).strip(".")
        row = COMBINATOR_ROWS.get(type(self.graph.groups[group].layer))
        math = child if row is None else row.ways.get(child, child)
        return symbol.through(re.sub(r"\W+", "_", child).strip("_"), math)

    def _level(self, way: _Way) -> str:
        """The combinator in which a way begins."""
        if isinstance(way.step, Join):
            return self.graph.combinator_of(way.path).path
        return self.graph.combinator_of(way.path.rpartition(".")[0]).path

    def _name_input(self) -> None:
        ways = self._ways(INPUT)
        if not self.of_ids:
            signal = self._signal(ways, X.d)
            if signal != X.d:
                # Of a sum of one term: backward returns it by this name.
                place = ways.first().path
                sums = self.meetings.setdefault(place, [])
                sums.insert(0, Meeting(X.d, (signal,), self.graph.combinator_of(place).path))
            return
        self.taken.update(dict.fromkeys(step.path for step in self.takers_of_input))
