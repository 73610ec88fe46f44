"""A backward pass that a person pasted, or the one that is running, beside the network's forward
pass: `check` is the judge.

    backward(dy, x, W1, b1, W2, b2, …) → dx, dW1, db1, dW2, db2, …

x is (N, in), a weight (in, out), a bias (out,), dy (N, out). Pasted code runs as `grade` runs a
student's: in a process with limits, that sees arrays and nothing else. Where there are no processes
it runs `in_place`, for a session in a place that is thrown away when it takes too long.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from clearprop.base.arrays import Array, keyed_generator
from clearprop.base.errors import ClearpropError, ContractError
from clearprop.checking.checker import CheckSettings, check_subject
from clearprop.checking.subjects.plain_functions import function_subject
from clearprop.checking.verdict import Verdict
from clearprop.checking.witnesses.reference import reference_for
from clearprop.engine.graph import Graph
from clearprop.engine.step import Step
from clearprop.lab.planted_backward import PlantedMistake, wrong_backward

# Seconds of processor time that pasted code has, and in all: a loop without end is stopped.
PROCESSOR, WALL = 2, 8.0
# So many samples show every mistake, and a batch of hundreds costs time alone.
SAMPLES = 8
LETTERS = {"weight": "W", "bias": "b"}


class Called(Protocol):
    """Code that can be called with arrays. Raises ContractError where it fails or is stopped."""

    def call(self, arrays: Sequence[Array]) -> Any:
        """What `backward(*arrays)` returns."""


Guest = Callable[[str], AbstractContextManager[Called]]


def sandboxed(code: str) -> AbstractContextManager[Called]:
    """Code in a process of its own, with limits."""
    # Imported here: where there are no processes, nothing else needs what it needs.
    from clearprop.teaching.grading.sandbox import Limits, Sandbox

    return Sandbox(code, Limits(processor=PROCESSOR, wall=WALL))


class _InPlace:
    def __init__(self, backward: Callable[..., Any]) -> None:
        self._backward = backward

    def call(self, arrays: Sequence[Array]) -> Any:
        try:
            return self._backward(*arrays)
        except (Exception, SystemExit) as problem:
            raise _raised(problem) from problem


@contextmanager
def in_place(code: str) -> Iterator[Called]:
    """Code in this process: for one that is thrown away."""
    names: dict[str, Any] = {"__name__": "backward"}
    try:
        exec(compile(code, "backward.py", "exec"), names)  # what a person asked to run
    except SyntaxError as problem:
        told = problem.msg
        raise ContractError("code_not_python", line=problem.lineno, problem=told) from problem
    except (Exception, SystemExit) as problem:
        raise _raised(problem) from problem
    backward = names.get("backward")
    if not callable(backward):
        raise ContractError("code_no_backward", line="?", problem="")
    yield _InPlace(backward)


def _raised(problem: BaseException) -> ContractError:
    if isinstance(problem, SystemExit):
        return ContractError("code_exits")
    lines = [one.lineno for one in traceback.extract_tb(problem.__traceback__)]
    told = f"{type(problem).__name__}: {problem}"[:200]
    return ContractError("code_raised", line=lines[-1] if lines else "?", problem=told)


def code_verdict(step: Step, code: str, guest: Guest) -> Verdict:
    """The verdict on pasted code. Raises ContractError for code that fails or is stopped."""
    with guest(code) as called:
        return _judged(step, called.call)


def running_verdict(step: Step, planted: PlantedMistake | None) -> Verdict:
    """The verdict on the backward pass of a run, with the mistake that is planted in it."""
    network = step.forward.network

    def backward(dy: Array, x: Array, *arrays: Array) -> tuple[Array, ...]:
        forward = network.forward(_flat(step, arrays), x)
        made = (
            network.backward(forward, dy)
            if planted is None
            else wrong_backward(planted, forward, dy)
        )
        return (np.array(made.input_gradient), *_given(network.named(made.gradient)))

    return _judged(step, lambda arrays: backward(*arrays))


def starter(graph: Graph) -> str:
    """The code that a person begins with: what it is given, and what it returns."""
    names = _names(graph)
    returned = ", ".join(f"d{name}" for name in names)
    return "\n".join(
        [
            "import numpy as np",
            "",
            "",
            f"def backward(dy, {', '.join(names)}):",
            "    ...",
            f"    return {returned}",
            "",
        ]
    )


def _judged(step: Step, call: Callable[[Sequence[Array]], Any]) -> Verdict:
    network = step.forward.network
    # The checker makes sentences of its own of what a function raises: those of the guest say more.
    failures: list[ClearpropError] = []

    def forward(x: Array, *arrays: Array) -> Array:
        kind = np.result_type(x, *arrays)
        return network.forward(_flat(step, arrays).astype(kind), x.astype(kind)).output

    def backward(*arrays: Array) -> Any:
        try:
            return call(arrays)
        except ClearpropError as problem:
            failures.append(problem)
            raise

    arrays = (_samples(step), *_given(network.named(step.forward.params)))
    try:
        subject = function_subject(forward, backward, arrays, names=_names(network.graph))
        verdict = check_subject(subject, CheckSettings(), reference_for(subject, network, None, 0))
    except ClearpropError as problem:
        raise failures[0] if failures else problem from problem
    if failures:
        raise failures[0]
    return verdict


def _samples(step: Step) -> Array:
    """Samples of the batch, and others beside them where there are few: one sample shows little."""
    x = step.forward.input[:SAMPLES]
    if x.dtype.kind != "f" or len(x) >= SAMPLES:
        return x.copy()
    drawn = keyed_generator(0, path="lab/check").normal(size=(SAMPLES - len(x), *x.shape[1:]))
    return np.concatenate([x, drawn.astype(x.dtype)])


def _names(graph: Graph) -> tuple[str, ...]:
    """What the arrays are called: x, and W and b of the only layer that learns, W1, b1, W2 … of
    several."""
    learning = [node for node in graph.nodes.values() if node.parameters]
    names = ["x"]
    for number, node in enumerate(learning, 1):
        suffix = "" if len(learning) == 1 else str(number)
        names += [f"{LETTERS.get(name, name)}{suffix}" for name in node.parameters]
    return tuple(names)


def _given(named: Mapping[str, Array]) -> list[Array]:
    """The parameters, or their gradients, as they are handed over: a bias (1, out) as (out,)."""
    return [
        (array[0] if path.endswith("bias") and array.ndim == 2 else array).copy()
        for path, array in named.items()
    ]


def _flat(step: Step, arrays: Sequence[Array]) -> Array:
    network = step.forward.network
    kind = np.result_type(*arrays) if arrays else step.forward.params.dtype
    start = network.named(step.forward.params)
    values = {path: one.reshape(start[path].shape) for path, one in zip(start, arrays, strict=True)}
    return network.replace(step.forward.params.astype(kind), values)
