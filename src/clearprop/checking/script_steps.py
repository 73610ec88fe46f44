"""A training script without functions: one step of its loop, as something to check.

The script is run up to the loop, and the statements of one step are run again with other parameters
as often as the check needs it. The parameters are the arrays that a step changes; their gradients
stand in variables named after them, or are what the step takes off them. The loss is a variable
called so; where there is none, the output and its target are what the step subtracts.

Two comments say which statements are meant where the script does not show it:

    # clearprop: forward      above the first line of the forward pass
    # clearprop: update       below the last line of the update, or above its first
"""

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from clearprop.base.errors import ConfigurationError, ContractError, FileError
from clearprop.checking.script_supervision import (
    supervised,
)
from clearprop.checking.subjects.plain_functions import raised
from clearprop.checking.subjects.structures import is_floating, leaves
from clearprop.checking.subjects.written_names import canonical, gradient_keys, is_rate

BEGIN, END = "# clearprop: forward", "# clearprop: update"
LOSSES = ("loss", "cost", "j", "l", "totalloss", "objective", "nll", "e", "lossvalue", "trainloss")
Names = dict[str, Any]


@dataclass(eq=False)
class ScriptStep:
    """One step of a script as an object with forward and backward, like any other.

    title      the script's name
    run        runs one step with other parameters, and returns what the names stand for then
    params     what the step changes, by name
    grads      after a backward: the variables that are named as gradients of them
    target     what the output is compared with, where no loss stands in the script
    readout    the variable that is the loss or the output
    """

    title: str
    run: Callable[[Names], Names]
    readout: str
    params: Names
    lr: float = 1.0
    target: Any = None
    grads: Names = field(default_factory=dict)
    after: Names = field(default_factory=dict)

    @property
    def __name__(self) -> str:
        return self.title

    def forward(self) -> Any:
        """The loss, or the output, with the parameters as they are now."""
        self.after = self.run(copy.deepcopy(self.params))
        return self.after[self.readout]

    def backward(self) -> None:
        """The gradients, and the parameters after the update."""
        self.grads = {
            name: value
            for name, value in self.after.items()
            if any(gradient_keys((name,), headless=False)) and name not in self.params
        }
        self.params = {name: self.after[name] for name in self.params}


@dataclass(eq=False)
class Script:
    """A script that was run up to its steps. It is shared by all copies of a step."""

    path: Path
    names: Names

    def begin(self, body: Sequence[ast.stmt]) -> None:
        """Run what comes before the steps."""
        code = _compiled(body, self.path)
        supervised(self.path, lambda: exec(code, self.names))

    def __deepcopy__(self, _memo: Any) -> "Script":
        return self

    def run(self, code: CodeType, given: Names) -> Names:
        """What the names stand for after one step; the script's own are put back."""
        before = dict(self.names)
        # Python's own names, which exec puts among a script's, are a hundred and fifty to copy.
        copies = {n: _copied(value) for n, value in before.items() if n != "__builtins__"}
        self.names.update(_alike(copies, given))
        self.names.update(given)
        try:
            supervised(self.path, lambda: exec(code, self.names))
            return {name: value for name, value in self.names.items() if _is_data(value)}
        finally:
            self.names.clear()
            self.names.update(before)


def _alike(values: Names, given: Names) -> Names:
    """Arrays of the kind of those that were given, where these ask for it: to write down what is
    done with them they have to meet their like."""
    found = (getattr(leaf.value, "beside", None) for leaf in leaves(given))
    beside = next((one for one in found if one is not None), None)
    if beside is None:
        return values
    return {
        name: beside(name, value) if type(value) is np.ndarray and is_floating(value) else value
        for name, value in values.items()
    }


def _copied(value: Any) -> Any:
    if not _is_data(value):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # whatever cannot be copied is no array
        return value


def _is_data(value: Any) -> bool:
    return not isinstance(value, ModuleType | type) and not callable(value)


@dataclass(frozen=True)
class TrainingScript:
    """A script, and what its training steps may be: of the innermost loop first."""

    path: Path

    def __iter__(self) -> Iterator[ScriptStep]:
        """Run the script up to its steps.

        Raises FileError for a file that is not there or is not Python, ContractError for one that
        raises, exits or takes too long, ConfigurationError where no step is found in it.
        """
        source, body = _read(self.path)
        marks = _marks(source)
        found: list[ScriptStep] = []
        problem: ContractError | None = None
        for ahead, block in _blocks(body, found):
            inside = _between(block, marks) if marks else block
            if not inside or not (marks or _updates(inside)):
                continue
            leading = [*ahead, *[one for one in block if one.lineno < inside[0].lineno]]
            script = Script(self.path, _started(self.path))
            try:
                script.begin(leading)
                steps = list(_steps(script, inside if marks else _through_updates(inside)))
            except ContractError as failed:
                problem = problem or failed
                continue
            found += steps
            yield from steps
        if not found and problem is not None:
            raise problem
        if not found:
            raise ConfigurationError("script_no_step", path=self.path, begin=BEGIN, end=END)


def _read(path: Path) -> tuple[str, list[ast.stmt]]:
    try:
        source = path.read_text(encoding="utf-8")
        return source, ast.parse(source).body
    except OSError as problem:
        raise FileError("target_file_missing", path=path) from problem
    except (SyntaxError, ValueError) as problem:
        raise FileError("target_import", where=path, problem=raised(problem)) from problem


def _blocks(
    body: Sequence[ast.stmt], found: Sequence[ScriptStep]
) -> Iterator[tuple[list[ast.stmt], list[ast.stmt]]]:
    """The blocks of loops, and those of no loop where nothing was found in a loop: they would run
    the whole training as one step."""
    kept = []
    for ahead, block, in_loop in _bodies(body, [], in_loop=False):
        if in_loop:
            yield ahead, block
        else:
            kept.append((ahead, block))
    for ahead, block in kept:
        if not found:
            yield ahead, block


def _marks(source: str) -> tuple[int, int] | None:
    lines = [line.strip() for line in source.splitlines()]
    places = [next((n for n, line in enumerate(lines, 1) if line.startswith(mark)), 0)
              for mark in (BEGIN, END)]  # fmt: skip
    return (places[0], places[1] or len(lines) + 1) if places[0] else None


def _between(body: Sequence[ast.stmt], marks: tuple[int, int]) -> list[ast.stmt]:
    return [one for one in body if marks[0] < one.lineno and (one.end_lineno or 0) < marks[1]]


def _bodies(
    body: Sequence[ast.stmt], ahead: list[ast.stmt], *, in_loop: bool
) -> Iterator[tuple[list[ast.stmt], list[ast.stmt], bool]]:
    """Every block of statements that is no function's, with what runs before it, and whether it is
    in a loop: inner ones first, a loop's with its first round begun."""
    for number, one in enumerate(body):
        before = [*ahead, *body[:number]]
        if isinstance(one, ast.For):
            first = ast.parse("_ = next(iter(_))").body[0]
            _first_round(first, one)
            before.append(ast.fix_missing_locations(first))
        elif isinstance(one, ast.With):
            before += _entered(one)
        elif not isinstance(one, ast.While | ast.If):
            continue
        yield from _bodies(
            one.body, before, in_loop=in_loop or isinstance(one, ast.For | ast.While)
        )
    yield ahead, list(body), in_loop


def _first_round(first: ast.stmt, loop: ast.For) -> None:
    """Make `_ = next(iter(_))` the first round of a loop."""
    if isinstance(first, ast.Assign) and isinstance(first.value, ast.Call):
        first.targets = [loop.target]
        inner = first.value.args[0]
        if isinstance(inner, ast.Call):
            inner.args = [loop.iter]
        ast.copy_location(first, loop)


def _entered(one: ast.stmt) -> list[ast.stmt]:
    if not isinstance(one, ast.With):
        return []
    return [
        ast.copy_location(ast.Assign([item.optional_vars], item.context_expr), one)
        for item in one.items
        if item.optional_vars is not None
    ]


def _updates(body: Sequence[ast.stmt]) -> list[int]:
    """The positions of statements that take something off a variable, or that hold one."""
    return [n for n, one in enumerate(body) if any(_is_update(each) for each in _flat(one))]


def _flat(one: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(one, ast.FunctionDef | ast.ClassDef):
        return
    yield from ast.walk(one)


def _is_update(one: ast.AST) -> bool:
    if isinstance(one, ast.AugAssign):
        constant = isinstance(one.value, ast.Constant)
        return isinstance(one.op, ast.Sub | ast.Add) and not constant
    if isinstance(one, ast.Assign) and isinstance(one.value, ast.BinOp) and len(one.targets) == 1:
        same = ast.unparse(one.targets[0]) == ast.unparse(one.value.left)
        return same and isinstance(one.value.op, ast.Sub | ast.Add)
    return False


def _through_updates(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    return list(body[: _updates(body)[-1] + 1])


def _compiled(body: Sequence[ast.stmt], path: Path) -> CodeType:
    return compile(ast.Module(list(body), []), str(path), "exec")


def _started(path: Path) -> Names:
    return {"__name__": "__main__", "__file__": str(path), "__builtins__": __builtins__}


def _steps(script: Script, body: Sequence[ast.stmt]) -> Iterator[ScriptStep]:
    """What a step may be a step of: of its loss, or of a loss of a difference in it."""
    code, title = _compiled(body, script.path), script.path.name

    def run(given: Names) -> Names:
        return script.run(code, given)

    before = {name: _copied(value) for name, value in script.names.items() if _is_data(value)}
    after = run({})
    params = {name: value for name, value in before.items() if _changes(value, after.get(name))}
    params.update(_with_gradients(before, after))
    if not params:
        return
    assigned = {ast.unparse(t) for one in body for each in _flat(one) for t in _targets(each)}
    losses = [
        name
        for name in after
        if name in assigned and canonical(name) in LOSSES and np.size(after[name]) == 1
    ]
    rate = _rate(script.names, body)
    for name in losses:
        params_of = {n: value for n, value in params.items() if n != name}
        yield ScriptStep(title, run, name, params_of, lr=rate)
    for output, target in _differences(body, after) if not losses else ():
        yield ScriptStep(title, run, output, params, lr=rate, target=after[target])


def _with_gradients(before: Names, after: Names) -> Names:
    """Arrays that are named in the name of another of their shape: W1 beside dW1."""
    shapes = {
        key: np.shape(value)
        for name, value in after.items()
        for key in gradient_keys((name,), headless=False)
    }
    return {
        name: value
        for name, value in before.items()
        if is_floating(value) and shapes.get((canonical(name),)) == np.shape(value)
    }


def _changes(value: Any, after: Any) -> bool:
    """Whether a floating array in it is another after the step."""
    then = {leaf.path: leaf.value for leaf in leaves(after)}
    return any(
        is_floating(leaf.value)
        and leaf.path in then
        and np.shape(then[leaf.path]) == np.shape(leaf.value)
        and not np.array_equal(then[leaf.path], leaf.value, equal_nan=True)
        for leaf in leaves(value)
    )


def _targets(one: ast.AST) -> Sequence[ast.AST]:
    if isinstance(one, ast.Assign):
        return one.targets
    return [one.target] if isinstance(one, ast.AugAssign | ast.AnnAssign) else []


def _rate(names: Mapping[str, Any], body: Sequence[ast.stmt]) -> float:
    """The learning rate: a variable called so, or the number that an update multiplies with."""
    for name, value in names.items():
        number = isinstance(value, float | int) and not isinstance(value, bool)
        if number and value and is_rate(name):
            return float(value)
    for one in body:
        for update in filter(_is_update, _flat(one)):
            for inner in ast.walk(update):
                value = inner.value if isinstance(inner, ast.Constant) else None
                if isinstance(inner, ast.Name):
                    value = names.get(inner.id)
                    # What is updated may be a number itself.
                    if any(inner.id in ast.unparse(target) for target in _targets(update)):
                        continue
                if isinstance(value, float) and value:
                    return value
    return 1.0


def _differences(body: Sequence[ast.stmt], after: Names) -> Iterator[tuple[str, str]]:
    """Variables that are subtracted from each other and are of one shape: output and target."""
    seen = set()
    for one in body:
        for each in _flat(one):
            if not (isinstance(each, ast.BinOp) and isinstance(each.op, ast.Sub)):
                continue
            pair = [n.id for n in (each.left, each.right) if isinstance(n, ast.Name)]
            if len(pair) != 2 or not all(isinstance(after.get(n), np.ndarray) for n in pair):
                continue
            if after[pair[0]].shape == after[pair[1]].shape:
                for output, target in (tuple(pair), tuple(pair[::-1])):
                    if (output, target) not in seen:
                        seen.add((output, target))
                        yield output, target
