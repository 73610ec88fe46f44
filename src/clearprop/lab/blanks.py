"""Numbers that are predicted before they are seen: the worked lines of the phase that comes next,
each as a blank of an exercise, and so marked as `grade` marks.

Where a line is that of a Linear layer, a usual activation, a squared error or a plain update, its
formula stands in the blank, so that a wrong answer can be recognized as one with a mistake in it;
of any other the number alone is known.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clearprop.engine.graph import Node
from clearprop.engine.layers.activations import ReLU, Sigmoid, Tanh
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import MSE
from clearprop.engine.nodes import is_activation, is_linear
from clearprop.engine.step import Step
from clearprop.lab.moments import StepView
from clearprop.reading.walk import Part, WalkStage, WorkedLine
from clearprop.teaching.exercises.expressions import (
    Addition,
    Applied,
    Expression,
    Multiplication,
    Name,
    NumberLiteral,
    Subtraction,
    Values,
    evaluate,
)
from clearprop.teaching.exercises.sheet import Blank, BlankKind

# A sum of more numbers is not worked out by hand.
MOST_TERMS = 12
_FUNCTIONS: Mapping[type[Layer], str] = {ReLU: "relu", Sigmoid: "sigmoid", Tanh: "tanh"}
_KINDS: Mapping[Part, BlankKind] = {
    Part.FORWARD: "z",
    Part.LOSS: "C",
    Part.BACKWARD: "da",
    Part.UPDATE: "new_w",
}


@dataclass(frozen=True)
class AskedBlank:
    """A blank, where it stands, the equation that it follows from, and the numbers that it rests
    on, with those that are easily taken for them."""

    blank: Blank
    place: str
    equation: str
    given: Values

    @property
    def name(self) -> str:
        """What it is called among all that is asked of a run."""
        return self.blank.name

    @property
    def symbol(self) -> str:
        """What the number is called in equations."""
        return self.blank.symbol


class _Formula(NamedTuple):
    expression: Expression
    given: Values
    kind: BlankKind


def asked_next(view: StepView, done: int) -> tuple[AskedBlank, ...]:
    """The blanks of the phase behind `done` computed ones; none behind the last."""
    if done >= view.phases:
        return ()
    stage = view.walk.stages[done]
    number = view.step.forward.context.step
    found = []
    for line in stage.worked:
        if stage.part == Part.AFTER or not math.isfinite(line.value):
            continue
        formula = _checked(_formula(view, stage, line), stage, line)
        place = stage.path or str(stage.part)
        blank = Blank(
            name=f"step {number} {place} {line.left}",
            symbol=line.left,
            kind=formula.kind,
            formula=formula.expression,
            value=line.value,
            points=1,
        )
        equation = stage.equations[0] if stage.equations else ""
        found.append(AskedBlank(blank, place, equation, formula.given))
    return tuple(found)


def _checked(formula: _Formula | None, stage: WalkStage, line: WorkedLine) -> _Formula:
    """The formula where it gives the number of the line, and otherwise the number itself."""
    if formula is not None:
        found = evaluate(formula.expression, formula.given)
        if math.isclose(found, line.value, rel_tol=1e-9, abs_tol=1e-12):
            return formula
    return _Formula(NumberLiteral(line.value), {}, _KINDS.get(stage.part, "a"))


def _formula(view: StepView, stage: WalkStage, line: WorkedLine) -> _Formula | None:
    step, sample = view.step, view.sample
    node = step.forward.network.graph.nodes.get(stage.path)
    if stage.part == Part.LOSS:
        return _of_loss(step, sample, line)
    if node is None or step.forward.value(node.path).ndim != 2:
        return None
    if stage.part == Part.FORWARD:
        if is_linear(node.layer):
            return _linear_forward(step, node, sample)
        return _activation_forward(step, node, sample)
    if stage.part == Part.BACKWARD:
        if line.left.startswith("∂L"):
            return _weight_gradient(step, node) if is_linear(node.layer) else None
        if is_linear(node.layer):
            return _linear_backward(step, node, sample)
        return _activation_backward(step, node, sample)
    if stage.part == Part.UPDATE:
        return _update(step, node, line)
    return None


def _taken(step: Step, node: Node, sample: int, i: int, index: str) -> tuple[str, dict[str, float]]:
    """What a layer's input i is called, and it with the z behind it where it is an a."""
    value = float(step.forward.value(node.source)[sample, i])
    before = step.forward.network.graph.nodes.get(node.source)
    if before is None or not is_activation(before.layer):
        return f"x{index}", {f"x{index}": value}
    z = float(step.forward.value(before.source)[sample, i])
    return f"a{index}", {f"a{index}": value, f"z{index}": z}


def _linear_forward(step: Step, node: Node, sample: int) -> _Formula | None:
    params = step.forward[node.path].params
    weight = params["weight"]
    if len(weight) > MOST_TERMS:
        return None
    terms: list[Expression] = []
    given: dict[str, float] = {}
    for i in range(len(weight)):
        name, own = _taken(step, node, sample, i, str(i + 1))
        given |= own | {f"w{i + 1}1": float(weight[i, 0])}
        if i and i < weight.shape[1]:
            given[f"w1{i + 1}"] = float(weight[0, i])
        terms.append(Multiplication((Name(f"w{i + 1}1"), Name(name))))
    if "bias" in params:
        given["b"] = float(params["bias"][0, 0])
        terms.append(Name("b"))
    return _Formula(_sum(terms), given, "z")


def _activation_forward(step: Step, node: Node, sample: int) -> _Formula | None:
    function = _FUNCTIONS.get(type(node.layer))
    if function is None:
        return None
    z = float(step.forward.value(node.source)[sample, 0])
    return _Formula(Applied(function, Name("z1")), {"z1": z}, "a")


def _of_loss(step: Step, sample: int, line: WorkedLine) -> _Formula | None:
    """Of the mean squared error: ℓ = (y − t)² and ∂C/∂y = 2(y − t)/S."""
    if type(step.loss) is not MSE or step.forward.output.ndim != 2:
        return None
    given = {"y": float(step.forward.output[sample, 0]), "t": float(step.target[sample, 0])}
    off = Subtraction(Name("y"), Name("t"))
    if line.left.startswith("ℓ"):
        return _Formula(Applied("square", off), given, "C")
    if line.left.startswith("∂ℓ"):
        return _Formula(Multiplication((NumberLiteral(2.0), off)), given, "dz")
    if line.left.startswith("∂C"):
        per = 2.0 / float(step.result.weight)
        return _Formula(Multiplication((NumberLiteral(per), off)), given, "dz")
    return None


def _activation_backward(step: Step, node: Node, sample: int) -> _Formula | None:
    if not is_activation(node.layer):
        return None
    forward, record = step.forward[node.path], step.backward[node.path]
    slope = node.layer.derivative(forward.input[sample], forward.output[sample])
    given = {"a'(z1)": float(slope[0]), "dC/da1": float(record.output_gradient[sample, 0])}
    return _Formula(Multiplication((Name("a'(z1)"), Name("dC/da1"))), given, "dz")


def _linear_backward(step: Step, node: Node, sample: int) -> _Formula | None:
    weight = step.forward[node.path].params["weight"]
    dz = step.backward[node.path].output_gradient[sample]
    if len(dz) > MOST_TERMS:
        return None
    given: dict[str, float] = {}
    terms: list[Expression] = []
    for j, signal in enumerate(dz):
        given |= {f"w1{j + 1}": float(weight[0, j]), f"dC/dz{j + 1}": float(signal)}
        if j and j < len(weight):
            given[f"w{j + 1}1"] = float(weight[j, 0])
        terms.append(Multiplication((Name(f"w1{j + 1}"), Name(f"dC/dz{j + 1}"))))
    return _Formula(_sum(terms), given, "da")


def _weight_gradient(step: Step, node: Node) -> _Formula | None:
    if step.samples > MOST_TERMS:
        return None
    given: dict[str, float] = {}
    terms: list[Expression] = []
    for n in range(step.samples):
        index = "1" if step.samples == 1 else f"1[{n}]"
        name, own = _taken(step, node, n, 0, index)
        signal = float(step.backward[node.path].output_gradient[n, 0])
        given |= own | {f"dC/dz{index}": signal}
        terms.append(Multiplication((Name(name), Name(f"dC/dz{index}"))))
    return _Formula(_sum(terms), given, "dw")


def _update(step: Step, node: Node, line: WorkedLine) -> _Formula | None:
    bias = line.left.startswith("b")
    slot = node.parameters.get("bias" if bias else "weight")
    update = None if slot is None else step.update_of(slot.start)
    if slot is None or update is None or update.learning_rate is None:
        return None
    gradient = float(step.backward.gradient[slot.start])
    given = {"w": update.before, "eta": update.learning_rate, "dL/dw": gradient}
    taken = Multiplication((Name("eta"), Name("dL/dw")))
    return _Formula(Subtraction(Name("w"), taken), given, "new_b" if bias else "new_w")


def _sum(terms: list[Expression]) -> Expression:
    return terms[0] if len(terms) == 1 else Addition(tuple(terms))
