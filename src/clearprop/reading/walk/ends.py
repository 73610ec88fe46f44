"""The stages at the ends of the backward pass: the loss, where it starts, and the update, to which
it leads."""

import numpy as np

from clearprop.base.numbers import bracketed, brief, product_text
from clearprop.engine.graph import Node
from clearprop.engine.step import Step, Update
from clearprop.engine.summary import repr_short
from clearprop.reading.loss_lines import WantedClass, divisor_of, loss_lines, wanted_class
from clearprop.reading.walk.equations import of_loss, of_optimizer
from clearprop.reading.walk.forward import parameter_symbol
from clearprop.reading.walk.stages import ArrayRole, Part, StageArray, WalkStage
from clearprop.reading.worked_lines import WorkedLine, label, sum_of_numbers

LOSS_PLACE = "loss"


def loss_stage(step: Step, sample: int) -> WalkStage:
    """The loss at the output, and the derivative that the backward pass starts from."""
    result, output = step.result, step.forward.output
    wanted = wanted_class(step, sample)
    where = step.forward.network.graph.output
    arrays = [
        StageArray("y", where, ArrayRole.SAMPLES, output),
        StageArray("t", LOSS_PLACE, ArrayRole.SAMPLES, step.target),
    ]
    if result.entries is not None:
        arrays.append(StageArray("ℓ", LOSS_PLACE, ArrayRole.SAMPLES, result.entries))
    arrays.append(StageArray("∂C/∂y", where, ArrayRole.SAMPLES, result.gradient))
    return WalkStage(
        part=Part.LOSS,
        path="",
        name=repr_short(step.loss),
        equations=of_loss(step.loss),
        worked=tuple(_loss_work(step, sample, wanted)),
        notes=(*([wanted] if wanted else []), divisor_of(step)),
        arrays=tuple(arrays),
    )


def _loss_work(step: Step, sample: int, wanted: WantedClass | None) -> list[WorkedLine]:
    result = step.result
    index = (0,) * (step.forward.output.ndim - 1)
    if wanted is not None and wanted.counted:
        # The class that the sample should be says more than the first one.
        index = (wanted.number,)
    slope = float(result.gradient[sample][index])
    weight = brief(float(result.weight))
    back = f"{bracketed(slope * float(result.weight))} / {weight}"
    total = f"{brief(float(result.total))} / {weight}"
    return [
        *loss_lines(step, sample, index),
        WorkedLine(label("∂C/∂y", sample, index), (back,), slope),
        WorkedLine("L = Σ ℓ / S", (total,), step.value, of_sample=False),
    ]


def update_stage(step: Step, node: Node) -> WalkStage:
    """What the optimizer does to the parameters of one layer."""
    stepped = step.stepped
    layout = step.forward.network.layout
    params, gradient = step.forward.params, step.backward.gradient
    arrays: list[StageArray] = []
    worked: list[WorkedLine] = []
    for own, slot in node.parameters.items():
        name, path = parameter_symbol(node.layer, own), slot.path
        arrays.append(StageArray(name, path, ArrayRole.WHOLE, layout.view(params, path)))
        arrays.append(StageArray(f"∂L/∂{name}", path, ArrayRole.WHOLE, layout.view(gradient, path)))
        update = step.update_of(slot.start)
        if stepped is not None and update is not None:
            arrays.append(StageArray(f"{name}'", path, ArrayRole.WHOLE, layout.view(stepped, path)))
            index = ",".join("0" for _ in slot.shape)
            slope = float(gradient[slot.start])
            worked.append(_moved(f"{name}'[{index}]", update, slope))
    return WalkStage(
        part=Part.FROZEN if step.optimizer is None else Part.UPDATE,
        path=node.path,
        name=repr_short(node.layer),
        equations=() if step.optimizer is None else of_optimizer(step.optimizer),
        worked=tuple(worked),
        arrays=tuple(arrays),
    )


def _moved(left: str, update: Update, gradient: float) -> WorkedLine:
    before = brief(update.before)
    if update.learning_rate is None:
        return WorkedLine(left, (before, brief(update.change)), update.after)
    taken = product_text(update.learning_rate, gradient)
    return WorkedLine(left, (f"{before} − {taken}",), update.after)


def after_stage(step: Step) -> WalkStage | None:
    """The same samples with the new parameters, drawn as before; None where nothing is updated."""
    if step.stepped is None or step.optimizer is None:
        return None
    _, result = step.again(step.stepped)
    after = float(result.total / result.weight)
    change = sum_of_numbers("L' − L", np.array([after, -step.value]), after - step.value)
    return WalkStage(
        part=Part.AFTER,
        path="",
        name=repr_short(step.optimizer),
        equations=(),
        worked=(change,),
        arrays=(
            StageArray("L", LOSS_PLACE, ArrayRole.WHOLE, np.asarray(step.value)),
            StageArray("L'", LOSS_PLACE, ArrayRole.WHOLE, np.asarray(after)),
        ),
    )
