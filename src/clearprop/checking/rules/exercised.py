"""What a point leaves open: a mistake that it does not show.

Only what was observed is said: how a comparison of the forward came out (one traced run), on which
side of a layer's kink its numbers lie, gradients that are 0 throughout, a single sample. A point
that shows more is looked for among a few, each tried before it is proposed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from clearprop.base.arrays import Array
from clearprop.checking.rules.judging import Judgement
from clearprop.checking.subjects.subject import Subject, copies
from clearprop.checking.verdict.coverage import NotExercised, NotExercisedKind
from clearprop.checking.witnesses.traced_forward import (
    Branch,
    CodePlace,
    Observed,
    branches,
    observed,
)
from clearprop.engine.layers.dropout import Dropout

MOST = 8  # comparisons and kinks that are told
# The points that are tried for what the given one leaves open, as code and as what it gives.
PROPOSED: Mapping[str, Callable[[Array], Array]] = {
    "{x} = {x} - {x}.mean()": lambda x: x - x.mean(),
    "{x} = -{x}": lambda x: -x,
    "{x} = 10 * {x}": lambda x: 10 * x,
    "{x} = -10 * {x}": lambda x: -10 * x,
    "{x} = {x} / 10": lambda x: x / 10,
    "{x} = np.random.default_rng(0).normal(size={x}.shape)": lambda x: np.random.default_rng(
        0
    ).normal(size=x.shape),
}


class _Side(NamedTuple):
    """A comparison, a kink or a mask: what is said of it, with how often it came out true."""

    key: NotExercisedKind
    values: Mapping[str, object]
    branch: Branch


def not_exercised(
    subject: Subject,
    dy: Array,
    seen: Observed | None,
    judgements: Mapping[str, Judgement],
) -> tuple[NotExercised, ...]:
    """What a mistake could hide in at the subject's point, which was observed as `seen`."""
    open_ones = [(key, one) for key, one in _sides(subject, seen).items() if one.branch.one_sided]
    found = list(_with_suggestions(subject, dict(open_ones[:MOST])))
    found += _zero_gradients(subject, judgements)
    found += _one_row(subject, seen)
    found += _symmetric(subject)
    if subject.dy is not None and subject.dy.size > 1 and np.all(dy == 1):
        line = "dy = np.random.default_rng(0).normal(size=dy.shape)"
        found.append(NotExercised(NotExercisedKind.UPSTREAM_ONES, "", {}, line))
    return tuple(found)


def _with_suggestions(
    subject: Subject, open_ones: Mapping[object, _Side]
) -> Iterator[NotExercised]:
    shown = _shown_by(subject, open_ones) if open_ones else {}
    for key, one in open_ones.items():
        side = "all" if one.branch.true else "none"
        values = {**one.values, "count": f"{one.branch.entries:,}"}
        yield NotExercised(one.key, side, values, shown.get(key))


def _shown_by(subject: Subject, open_ones: Mapping[object, _Side]) -> dict[object, str]:
    """By comparison, a line that gives a point at which it comes out both ways; or where none does,
    the other way."""
    name = next((one for one in subject.variables if subject.arrays[one].size), None)
    if name is None:
        return {}
    both: dict[object, str] = {}
    other: dict[object, str] = {}
    for line, change in PROPOSED.items():
        array = subject.arrays[name]
        moved = np.asarray(change(array), array.dtype)
        there = subject.at({**subject.arrays, name: moved}, subject.dy)
        try:
            sides = _sides(there, observed(there))
        except Exception:  # the person's code, at a point of ours
            continue
        code = line.format(x=name if name.isidentifier() else "x")
        for key, one in open_ones.items():
            branch = sides[key].branch if key in sides else one.branch
            if not branch.one_sided:
                both.setdefault(key, code)
            elif bool(branch.true) != bool(one.branch.true):
                other.setdefault(key, code)
        if len(both) == len(open_ones):
            break
    return other | both


def _sides(subject: Subject, seen: Observed | None) -> dict[object, _Side]:
    found: dict[object, _Side] = dict(_kinks(subject))
    for place, branch in branches(seen).items() if seen else ():
        if branch.entries:
            found[place] = _compared(place, branch)
    return found


def _compared(place: CodePlace, branch: Branch) -> _Side:
    operation, _, bound = place.operation.partition(" ")
    kind = {
        "clip": NotExercisedKind.BOUND,
        **dict.fromkeys(("absolute", "fabs", "sign", "heaviside"), NotExercisedKind.SIGN),
        **dict.fromkeys(("maximum", "fmax", "minimum", "fmin"), NotExercisedKind.MAXIMUM),
    }.get(operation, NotExercisedKind.COMPARISON)
    values = {
        "operation": operation,
        "line": place.line,
        "code": place.code or operation,
        "bound": {"less": "a_min", "greater": "a_max"}.get(bound, ""),
    }
    return _Side(kind, values, branch)


def _kinks(subject: Subject) -> Iterator[tuple[object, _Side]]:
    """Those of our own layers and losses: they say themselves where they have them."""
    if subject.network is None:
        if subject.loss is not None:
            arrays = subject.arrays
            yield from _loss_kinks(subject, arrays["output"], arrays["target"])
        return
    _y, (values, *_) = subject.run(copies(subject.arrays))
    for path, node in subject.network.graph.nodes.items():
        x = values[node.source]
        said = {"layer": f"{path} ({type(node.layer).__name__})" if path else subject.name}
        for kink in node.layer.kinks():
            branch = Branch(int(np.count_nonzero(x != kink)), int(np.count_nonzero(x > kink)))
            if branch.entries:
                shown = {**said, "kink": f"{kink:g}"}
                yield (path, kink), _Side(NotExercisedKind.KINK, shown, branch)
        if isinstance(node.layer, Dropout) and subject.context.training:
            dropped = (values[path] == 0) & (x != 0)
            branch = Branch(dropped.size, int(dropped.sum()))
            if node.layer.probability and branch.entries:
                yield (path, "mask"), _Side(NotExercisedKind.MASK, said, branch)
    if subject.loss is not None:
        yield from _loss_kinks(subject, values[subject.network.graph.output], subject.arrays["t"])


def _loss_kinks(subject: Subject, output: Array, target: Array) -> Iterator[tuple[object, _Side]]:
    kinks = subject.loss.kinks() if subject.loss is not None else ()
    for kink in kinks if output.shape == target.shape else ():
        apart = output - target
        branch = Branch(int(np.count_nonzero(apart != kink)), int(np.count_nonzero(apart > kink)))
        if branch.entries:
            values = {"loss": type(subject.loss).__name__, "kink": f"{kink:g}"}
            yield ("loss", kink), _Side(NotExercisedKind.LOSS_KINK, values, branch)


def _zero_gradients(
    subject: Subject, judgements: Mapping[str, Judgement]
) -> Iterator[NotExercised]:
    """Arrays, or rows and columns of parameters, whose gradient is 0 and was claimed to be."""
    first = next(iter(subject.arrays))
    for name, one in judgements.items():
        if not np.isfinite(one.expected).all():
            continue
        zero = (one.expected == 0) & (one.claimed == 0) & ~one.kinks
        shown: dict[str, object] = {"name": name}
        if zero.all():
            yield NotExercised(NotExercisedKind.ZERO_GRADIENT, "all", shown)
        elif name != first and zero.ndim == 2 and min(zero.shape) > 1:
            rows, columns = zero.all(axis=1), zero.all(axis=0)
            for side, lines in (("rows", rows), ("columns", columns)):
                if lines.any():
                    shown |= {"count": int(lines.sum()), "size": lines.size}
                    shown |= {"first": int(np.argmax(lines))}
                    yield NotExercised(NotExercisedKind.ZERO_GRADIENT, side, dict(shown))


def _one_row(subject: Subject, seen: Observed | None) -> Iterator[NotExercised]:
    """One sample: of ours the first array has one row; of a plain function the first array and the
    output have, or the forward takes a sum over one row."""
    name, first = next(iter(subject.arrays.items()))
    if first.ndim < 2 or first.shape[0] != 1:
        return
    ours = subject.network is not None or subject.loss is not None
    alone = subject.output.ndim == 0 or subject.output.shape[0] == 1
    if ours or alone or (seen is not None and seen.single):
        yield NotExercised(NotExercisedKind.ONE_ROW, "", {"name": name})


def _symmetric(subject: Subject) -> Iterator[NotExercised]:
    for name in subject.variables[1:]:
        array = subject.arrays[name]
        square = array.ndim == 2 and array.shape[0] == array.shape[1] > 1
        if square and np.array_equal(array, array.T):
            line = f"{name} = np.random.default_rng(0).normal(size={name}.shape)"
            suggestion = line if name.isidentifier() else None
            yield NotExercised(NotExercisedKind.SYMMETRIC, "", {"name": name}, suggestion)
