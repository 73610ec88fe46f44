"""A derivation and the program made of it, with the line that a well-known tutorial printed: the
gradient of the second weight matrix with z in the place of a.

    ∂C/∂W₂ = a₁ᵀ·∂C/∂y      dW2 = a1.T @ dy, and not z1.T @ dy

Where every ReLU is on, a = z and nothing shows; one neuron of the sheet is off.
"""

from dataclasses import replace

from clearprop.base.errors import ConfigurationError
from clearprop.teaching.exercises.bugs import PROGRAMS, Bug, line_blank, numbered, with_mistake
from clearprop.teaching.exercises.expressions import Multiplication, Name, evaluate
from clearprop.teaching.exercises.naming import of_program
from clearprop.teaching.exercises.quantities import NetworkShape, upstream
from clearprop.teaching.exercises.sheet import Blank, Exercise

TOPIC = "slip"
MISTAKE = Bug(5, "dW2 = z1.T @ dy")


def statements(level: int) -> tuple[str, ...]:
    """The right program of a level; the last one has two outputs, and their mean as its cost."""
    return PROGRAMS[2 if level == 3 else 1].statements


def slipped(sheet: Exercise, shape: NetworkShape) -> Exercise:
    """The sheet with the program, and asked beside its numbers: what the wrong line gives for a
    neuron that is off, what is right there, and the number of the line.

    Raises ConfigurationError where no neuron is off.
    """
    off = next((blank for blank in sheet.blanks if blank.kind == "a" and blank.value == 0), None)
    if off is None:
        raise ConfigurationError("exercise_not_found", topic=sheet.topic, level=sheet.level)
    j = next(j for j in range(shape.widths[1]) if shape.a(0, j, 0).name == off.name)
    label = shape.naming.derivative(shape.naming.weight(1, j, 0))
    dy = Name(upstream(shape, 0, 0).name)
    values = {blank.name: blank.value for blank in sheet.blanks}
    asked = []
    for name, factor in ((of_program(label), shape.z(0, j, 0)), (label, shape.a(0, j, 0))):
        formula = Multiplication((Name(factor.name), dy))
        value = round(evaluate(formula, values), 12) + 0.0
        asked.append(Blank(*name, kind="dw", formula=formula, value=value, points=1))
    program = numbered(with_mistake(statements(sheet.level), MISTAKE))
    blanks = (*sheet.blanks, *asked, line_blank(MISTAKE.line))
    return replace(sheet, blanks=blanks, program=program)
