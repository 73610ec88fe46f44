"""A student's own backward pass, checked beside the network of their exercise.

    backward(dy, x, W1, b1, W2, b2, …) → dx, dW1, db1, dW2, db2, …

x is (N, in), a weight (in, out) and a bias (out,); its gradient may as well be a row (1, out).
The forward pass, the witnesses and the verdict are ours; only `backward` runs in the sandbox.

One sample shows little: where every ReLU is on, its derivative may be left out, and z is a. The
judgement is made at the sheet's own samples with others beside them, so that everything is
exercised, and then with other parameters too.

A network of other layers than linear ones has its own program and arrays in its `design`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.errors import ClearpropError
from clearprop.checking.checker import CheckSettings, check_subject
from clearprop.checking.subjects.plain_functions import function_subject
from clearprop.checking.verdict import RIGHT, WRONG, Verdict
from clearprop.checking.witnesses.reference import reference_for
from clearprop.engine.network import Network
from clearprop.teaching.exercises import LayerNetwork, SmallNetwork
from clearprop.teaching.exercises.designs.design import LayerDesign
from clearprop.teaching.exercises.layer_points import at_other_parameters, with_further_samples
from clearprop.teaching.exercises.points import elsewhere, with_more_samples
from clearprop.teaching.grading.marked_handins import CodeMark
from clearprop.teaching.grading.sandbox import Limits, Sandbox
from clearprop.teaching.grading.untrusted_files import read_text


class CheckedPoint(NamedTuple):
    """A forward pass, the arrays that it is taken at, their names, and a network of the engine that
    computes the same, where there is one."""

    forward: Callable[..., Any]
    arrays: tuple[Array, ...]
    names: tuple[str, ...]
    network: Network | None


def check_code(
    path: Path, small: SmallNetwork | LayerNetwork, limits: Limits | None = None
) -> CodeMark:
    """Check the `backward` in a file against the network of an exercise.

    Whatever is wrong with the file or the code is in the mark; nothing is raised for it.
    """
    sandbox = None
    try:
        sandbox = Sandbox(read_text(path), limits)
        with sandbox:
            verdict, problem = _judge(sandbox, small)
            hidden = verdict is not None and verdict.outcome == WRONG
            only_elsewhere = hidden and _is_right(sandbox, small)
    except ClearpropError as refused:
        verdict, problem, only_elsewhere = None, refused, False
    if sandbox is None:
        return CodeMark(verdict=verdict, problem=problem)
    attempted = tuple(sorted(sandbox.attempted))
    return CodeMark(
        verdict=verdict,
        problem=problem,
        only_elsewhere=only_elsewhere,
        attempted=attempted,
        printed=sandbox.printed,
        isolated=sandbox.isolated,
    )


Judgement: TypeAlias = tuple[Verdict | None, ClearpropError | None]


def _judge(sandbox: Sandbox, network: SmallNetwork | LayerNetwork) -> Judgement:
    """The first judgement that is not right, or the last one."""
    judged: Judgement = None, None
    for point in _points(network):
        judged = _check(sandbox, point)
        if judged[0] is None or judged[0].outcome != RIGHT:
            break
    return judged


def _points(network: SmallNetwork | LayerNetwork) -> Iterator[CheckedPoint]:
    """At the numbers of the sheet with further samples, and at other parameters."""
    if isinstance(network, LayerNetwork):
        yield _layers_at(network.design, with_further_samples(network))
        yield _layers_at(network.design, at_other_parameters(network.design))
    else:
        yield _linear_at(with_more_samples(network))
        yield _linear_at(elsewhere(network))


def _is_right(sandbox: Sandbox, network: SmallNetwork | LayerNetwork) -> bool:
    """Whether it is right with the numbers of the sheet alone."""
    if isinstance(network, LayerNetwork):
        point = _layers_at(network.design, network.design.arrays(network.values))
    else:
        point = _linear_at(network)
    verdict, _ = _check(sandbox, point)
    return verdict is not None and verdict.outcome == RIGHT


def _linear_at(small: SmallNetwork) -> CheckedPoint:
    network = small.network()
    start = network.named(small.params())

    def forward(x: Array, *arrays: Array) -> Array:
        kind = np.result_type(x, *arrays)
        shaped = zip(start.items(), arrays, strict=True)
        values = {path: array.reshape(own.shape) for (path, own), array in shaped}
        params = network.replace(small.params().astype(kind), values)
        return network.forward(params, x.astype(kind)).output

    biases = [np.array(bias, dtype=np.float64) for bias in small.biases]
    weights = [np.array(weight, dtype=np.float64) for weight in small.weights]
    pairs = zip(weights, biases, strict=True)
    arrays = (np.array(small.x, dtype=np.float64), *(array for pair in pairs for array in pair))
    return CheckedPoint(forward, arrays, _names(len(small.weights)), network)


def _layers_at(design: LayerDesign, arrays: Mapping[str, Array]) -> CheckedPoint:
    names = design.program.arrays

    def forward(*given: Array) -> Array:
        known: dict[str, Any] = dict(zip(names, given, strict=True))
        # The statements are the design's: no text from outside is ever run. In one namespace, so
        # that what stands in brackets of its own sees the arrays.
        known["np"] = np
        exec("\n".join(design.program.forward), known)
        y: Array = known["y"]
        return y

    return CheckedPoint(forward, tuple(arrays[name] for name in names), names, design.reference)


def _check(sandbox: Sandbox, point: CheckedPoint) -> Judgement:
    # The checker makes sentences of its own of what a function raises, or tries something else:
    # ours say more.
    failures: list[ClearpropError] = []

    def backward(*arrays: Array) -> object:
        try:
            return _flat_biases(sandbox.call(arrays), arrays[1:])
        except ClearpropError as problem:
            failures.append(problem)
            raise

    try:
        subject = function_subject(point.forward, backward, point.arrays, names=point.names)
        network = point.network
        reference = None if network is None else reference_for(subject, network, None, 0)
        verdict = check_subject(subject, CheckSettings(), reference)
    except ClearpropError as problem:
        return None, failures[0] if failures else problem
    return (None, failures[0]) if failures else (verdict, None)


def _names(layers: int) -> tuple[str, ...]:
    """What the arrays are called: W and b of the only layer, W1, b1, W2 … of several."""
    numbers = [""] if layers == 1 else [str(layer + 1) for layer in range(layers)]
    return ("x", *(letter + number for number in numbers for letter in ("W", "b")))


def _flat_biases(returned: object, arrays: Sequence[Array]) -> object:
    if not isinstance(returned, tuple) or len(returned) != len(arrays):
        return returned
    return tuple(
        gradient[0] if np.shape(gradient) == (1, *array.shape) and array.ndim == 1 else gradient
        for gradient, array in zip(returned, arrays, strict=True)
    )
