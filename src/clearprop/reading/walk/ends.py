"""The stages at the ends of the backward pass: the loss, where it starts, and the update, to which
it leads."""

import numpy as np

from clearprop.base.numbers import brief, product_text
from clearprop.engine.step import Step
from clearprop.engine.summary import repr_short
from clearprop.engine.wires import Node, parameters_of
from clearprop.kinds.kind_tables import LOSS_ROWS
from clearprop.reading.explanation.gradients import Update, update_of
from clearprop.reading.walk.arithmetic import label, sum_of_numbers
from clearprop.reading.walk.equations import of_loss, of_optimizer
from clearprop.reading.walk.forward import parameter_symbol
from clearprop.reading.walk.stages import NamedArray, Stage, Worked

LOSS_PLACE = "loss"


def loss_stage(step: Step, sample: int) -> Stage:
    """The loss at the output, and the derivative that the backward pass starts from."""
    result, output = step.result, step.forward.output
    where = step.wiring.output
    arrays = [
        NamedArray("y", where, "samples", output),
        NamedArray("t", LOSS_PLACE, "samples", step.target),
    ]
    if result.entries is not None:
        arrays.append(NamedArray("ℓ", LOSS_PLACE, "samples", result.entries))
    arrays.append(NamedArray("∂C/∂y", where, "samples", result.gradient))
    settings = repr_short(step.loss)
    return Stage(
        "loss", "", settings, of_loss(step.loss), tuple(_loss_work(step, sample)), tuple(arrays)
    )


def _loss_work(step: Step, sample: int) -> list[Worked]:
    result, loss = step.result, step.loss
    index = (0,) * (step.forward.output.ndim - 1)
    y = float(step.forward.output[sample][index])
    slope = float(result.gradient[sample][index])
    weight = float(result.weight)
    lines = []
    target = step.target[sample]
    if result.entries is not None:
        alone = index if result.entries[sample].ndim else ()
        entry = float(result.entries[sample][alone])
        left = label("ℓ", sample, alone)
        if np.shape(target) == step.forward.output.shape[1:]:
            t = float(target[index])
            row = LOSS_ROWS.get(type(loss))
            written = f"{type(loss).__name__}(y = {brief(y)}, t = {brief(t)})"
            if row is not None and row.written is not None:
                written = row.written(y, t)
        else:
            written = f"{type(loss).__name__}(y, t = {target})"
        lines.append(Worked(left, (written,), entry))
    total = f"{brief(float(result.total))} / {brief(weight)}"
    lines.append(Worked("L = Σ ℓ / S", (total,), step.value))
    back = f"{brief(slope * weight)} / {brief(weight)}"
    return [*lines, Worked(label("∂C/∂y", sample, index), (back,), slope)]


def update_stage(step: Step, node: Node) -> Stage:
    """What the optimizer does to the parameters of one layer."""
    stepped = step.stepped
    layout = step.forward.network.layout
    params, gradient = step.forward.params, step.backward.gradient
    arrays: list[NamedArray] = []
    worked: list[Worked] = []
    for path in parameters_of(node):
        name = parameter_symbol(node.layer, path.removeprefix(f"{node.path}."))
        arrays.append(NamedArray(name, path, "whole", layout.view(params, path)))
        arrays.append(NamedArray(f"∂L/∂{name}", path, "whole", layout.view(gradient, path)))
        update = update_of(step, layout.slot(path).start)
        if stepped is not None and update is not None:
            arrays.append(NamedArray(f"{name}'", path, "whole", layout.view(stepped, path)))
            index = ",".join("0" for _ in layout.slot(path).shape)
            slope = float(gradient[layout.slot(path).start])
            worked.append(_moved(f"{name}'[{index}]", update, slope))
    if step.optimizer is None:
        return Stage("frozen", node.path, repr_short(node.layer), (), (), tuple(arrays))
    name = repr_short(node.layer)
    return Stage(
        "update", node.path, name, of_optimizer(step.optimizer), tuple(worked), tuple(arrays)
    )


def _moved(left: str, update: Update, gradient: float) -> Worked:
    before = brief(update.before)
    if update.learning_rate is None:
        return Worked(left, (before, brief(update.change)), update.after)
    taken = product_text(update.learning_rate, gradient)
    return Worked(left, (f"{before} − {taken}",), update.after)


def after_stage(step: Step) -> Stage | None:
    """The same samples with the new parameters, drawn as before; None where nothing is updated."""
    if step.stepped is None or step.optimizer is None:
        return None
    _, result = step.again(step.stepped)
    after = float(result.total / result.weight)
    change = sum_of_numbers("L' − L", np.array([after, -step.value]), after - step.value)
    return Stage(
        "after",
        "",
        repr_short(step.optimizer),
        (),
        (change,),
        (
            NamedArray("L", LOSS_PLACE, "whole", np.asarray(step.value)),
            NamedArray("L'", LOSS_PLACE, "whole", np.asarray(after)),
        ),
    )
