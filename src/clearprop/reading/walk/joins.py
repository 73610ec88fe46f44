"""The stages where wires come together: forward at a join, and backward at the join, which hands
its signal on to its terms, and where the ways from one wire parted, whose signals are added."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.graph import Graph, GraphStep, Group, is_inside
from clearprop.engine.joining import Concatenation, Join
from clearprop.engine.nodes import is_skip, terms_behind
from clearprop.engine.step import Step
from clearprop.kinds.kind_tables import COMBINATOR_ROWS
from clearprop.kinds.program_lines import subscript
from clearprop.reading.walk.stages import ArrayRole, Part, StageArray, WalkStage
from clearprop.reading.worked_lines import WorkedLine, label, sum_of_numbers


class Fork(NamedTuple):
    """A wire that is taken by more than one member of a combinator: a layer, a join, or a
    combinator in it, which counts as one.

    last  the step after which, backward, all of them have run
    """

    group: Group
    wire: str
    members: tuple[GraphStep | Group, ...]
    last: str


def forks(graph: Graph) -> tuple[Fork, ...]:
    """Every fork, those of inner combinators first."""
    return tuple(fork for group in graph.groups.values() for fork in _forks_in(graph, group))


def join_stage(step: Step, join: Join, sample: int) -> WalkStage:
    """A join forward."""
    graph, forward = step.forward.network.graph, step.forward
    y = forward.value(join.path)
    index = (0,) * (y.ndim - 1)
    value = float(y[sample][index])
    names = _names(graph, join, "f(x)")
    if isinstance(join, Concatenation):
        part, equation = Part.JOINED, f"y = [{', '.join(names)}]"
        (term,) = terms_behind(join, forward, index)
        name = names[join.sources.index(term.path)]
        left = f"{label('y', sample, index)} = {label(name, sample, term.index)}"
        worked = WorkedLine(left, (), value)
    else:
        part = Part.SUM if is_skip(graph, join) else Part.ADDED
        equation = f"y = {' + '.join(names)}"
        entries = [float(forward.value(wire)[sample][index]) for wire in join.sources]
        worked = WorkedLine(label("y", sample, index), tuple(map(brief, entries)), value)
    arrays = [
        StageArray(name, wire, ArrayRole.SAMPLES, forward.value(wire))
        for name, wire in zip(names, join.sources, strict=True)
    ]
    return WalkStage(
        part=part,
        path=join.path,
        name=type(graph.combinator_of(join.path).layer).__name__,
        equations=(equation,),
        worked=(worked,),
        arrays=(*arrays, StageArray("y", join.path, ArrayRole.SAMPLES, y)),
    )


def split_stage(step: Step, join: Join, sample: int) -> WalkStage:
    """A join backward: every term gets what belongs to it, as it is."""
    graph = step.forward.network.graph
    signals = step.signals(join.path)
    index = (0,) * (signals.ndim - 1)
    names = _names(graph, join, "f")
    arrays = [StageArray("∂C/∂y", join.path, ArrayRole.SAMPLES, signals)]
    if isinstance(join, Concatenation):
        part = Part.PARTED
        equation = f"[{', '.join(f'∂C/∂{name}' for name in names)}] = ∂C/∂y"
        (term,) = terms_behind(join, step.forward, index)
        name = names[join.sources.index(term.path)]
        entries = [label(f"∂C/∂{name}", sample, term.index), label("∂C/∂y", sample, index)]
        arrays += [
            StageArray(f"∂C/∂{name}", wire, ArrayRole.SAMPLES, share)
            for name, wire, share in zip(names, join.sources, _shares(step, join), strict=True)
        ]
    else:
        part = Part.SPLIT if is_skip(graph, join) else Part.HANDED_ON
        through = [name for name in names if name != "x"]
        handed = [f"∂C/∂{name} = ∂C/∂y" for name in through]
        past = f" on the way past {', '.join(through)}" if through else ""
        handed += [f"∂C/∂x = ∂C/∂y{past}"] if "x" in names else []
        equation = ",  ".join(handed)
        entries = [label(f"∂C/∂{name}", sample, index) for name in through]
        entries += [label("∂C/∂x", sample, index)] if "x" in names else []
    return WalkStage(
        part=part,
        path=join.path,
        name=type(graph.combinator_of(join.path).layer).__name__,
        equations=(equation,),
        worked=(WorkedLine(" = ".join(entries), (), float(signals[sample][index])),),
        arrays=tuple(arrays),
    )


def fork_stage(step: Step, fork: Fork, sample: int) -> Iterator[WalkStage]:
    """Where the ways from one wire parted forward, what comes back through all is added; nothing
    where that is ids, for which nothing comes back."""
    graph = step.forward.network.graph
    ways: list[tuple[GraphStep | Group, Array]] = []
    for member in fork.members:
        for share in _through(step, member, fork.wire):
            if share is None:
                return
            ways.append((member, share))
    total = np.add.reduce([share for _, share in ways])
    index = (0,) * (total.ndim - 1)
    x = "x" if fork.wire == fork.group.source else "v"
    skips = [one for one in fork.members if isinstance(one, Join) and is_skip(graph, one)]
    if skips and len(ways) == 2 and x == "x":
        # What went past the branch is ∂C/∂y itself, and stands first.
        ways.sort(key=lambda way: way[0] is not skips[0])
        part, equation = Part.JOIN, "∂C/∂x = ∂C/∂y + ∂C/∂x through f"
        arrays = [StageArray("∂C/∂y", skips[0].path, ArrayRole.SAMPLES, ways[0][1])]
    else:
        part = Part.MET
        names = [f"∂C/∂{x} through {_name_in(fork.group, member)}" for member, _ in ways]
        equation = f"∂C/∂{x} = {' + '.join(names)}"
        arrays = [
            StageArray(name, fork.wire, ArrayRole.SAMPLES, share)
            for name, (_, share) in zip(names, ways, strict=True)
        ]
    entries = np.array([float(share[sample][index]) for _, share in ways])
    value = float(total[sample][index])
    yield WalkStage(
        part=part,
        path=fork.group.path if x == "x" else fork.wire,
        name=type(fork.group.layer).__name__,
        equations=(equation,),
        worked=(sum_of_numbers(label(f"∂C/∂{x}", sample, index), entries, value),),
        arrays=(*arrays, StageArray(f"∂C/∂{x}", fork.wire, ArrayRole.SAMPLES, total)),
    )


def _names(graph: Graph, join: Join, function: str) -> list[str]:
    """What the terms of a join are called: x where one is what the combinator takes, f(x) where
    there is one other, f₁(x), f₂(x) … where there are more; `function` is f(x), or f alone."""
    source = graph.combinator_of(join.path).source
    others = sum(wire != source for wire in join.sources)
    names, count = [], 0
    for wire in join.sources:
        if wire == source:
            names.append("x")
            continue
        count += 1
        number = subscript(count) if others > 1 else ""
        names.append(function.replace("f", f"f{number}"))
    return names


def _name_in(group: Group, member: GraphStep | Group) -> str:
    """What a member is called in its combinator: `left`; y where it is what is put out."""
    name = member.path.removeprefix(group.path).lstrip(".")
    row = COMBINATOR_ROWS.get(type(group.layer))
    return (name if row is None else row.ways.get(name, name)) or "y"


def _forks_in(graph: Graph, group: Group) -> Iterator[Fork]:
    members = _members(graph, group)
    wires = dict.fromkeys([group.source, *(_made(member) for member in members)])
    for wire in wires:
        takers = tuple(member for member in members if wire in _taken(member))
        if sum(_taken(member).count(wire) for member in takers) > 1:
            inside = {one.path for taker in takers for one in _steps(graph, taker)}
            last = next(
                one.path for one in graph.steps if one.path in inside and wire in one.sources
            )
            yield Fork(group, wire, takers, last)


def _members(graph: Graph, group: Group) -> tuple[GraphStep | Group, ...]:
    """What a combinator is made of, in the order in which it runs; another combinator in it is
    one member."""
    inner = [
        other
        for path, other in graph.groups.items()
        if path != group.path and is_inside(group.path, path) and graph.inside(path)
    ]
    outermost = [
        one
        for one in inner
        if not any(one is not two and is_inside(two.path, one.path) for two in inner)
    ]
    own = [
        one
        for one in graph.inside(group.path)
        if not any(is_inside(two.path, one.path) for two in outermost)
    ]
    order = {one.path: number for number, one in enumerate(graph.steps)}
    return tuple(sorted([*outermost, *own], key=lambda one: order[_steps(graph, one)[0].path]))


def _steps(graph: Graph, member: GraphStep | Group) -> tuple[GraphStep, ...]:
    return graph.inside(member.path) if isinstance(member, Group) else (member,)


def _taken(member: GraphStep | Group) -> tuple[str, ...]:
    return (member.source,) if isinstance(member, Group) else member.sources


def _made(member: GraphStep | Group) -> str:
    return member.output if isinstance(member, Group) else member.path


def _through(step: Step, member: GraphStep | Group, wire: str) -> list[Array | None]:
    """What goes back to a wire through one member; once for every term that it is."""
    if isinstance(member, Join):
        pairs = zip(member.sources, _shares(step, member), strict=True)
        return [share for source, share in pairs if source == wire]
    return [step.backward[member.path].input_gradient]


def _shares(step: Step, join: Join) -> tuple[Array, ...]:
    terms = [step.forward.value(wire) for wire in join.sources]
    return join.shares(step.signals(join.path), terms)
