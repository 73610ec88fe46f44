"""`main` of a program: the loop of forward, loss, backward and update.

Where the names fit their lines, every parameter is updated in a line of its own. Networks with
more parameters keep them in lists, so that what happens can still be seen at a glance.
"""

from clearprop.engine.layers.pooling import LargestUnder
from clearprop.kinds.program_lines import (
    INDENT,
    WIDTH,
    Line,
    gathered,
    in_equation,
    listed,
    literal,
    returned,
    unpacked,
)
from clearprop.kinds.program_pieces import Statistics
from clearprop.reading.programs.beginnings import memory_name, remembered
from clearprop.reading.programs.draft import Draft
from clearprop.reading.programs.recipe import running
from clearprop.reading.programs.sections import is_grouped, step_arguments
from clearprop.reading.programs.text import code_lines, comment, function, say

INNER = INDENT * 2
BESIDE = (
    "data = training_data()[0]",
    "beside = 1e-3 * max(1, abs(data).max()) * np.sin(np.arange(data.size, dtype=data.dtype))",
)


def main(draft: Draft) -> list[str]:
    """`main()`, which returns the trained parameters and the running statistics."""
    first = draft.recipe.step
    span = "STEPS" if first == 0 else f"{first}, {first} + STEPS"
    before, step, names = _named_lines(draft)
    if any(len(line) > WIDTH for line in (*before, *step)):
        before, step, names = _listed_lines(draft)
    statistics = [
        str(s) for one in draft.program.statistics for s in (one.running_mean, one.running_variance)
    ]
    body = [
        *unpacked(["x", "t", *draft.beside], "training_data()"),
        *before,
        *_statistics_before(draft),
        f"{INDENT}for step in range({span}):",
        *step,
        f'{INNER}print(f"{say(draft.language, "print")}")',
        *_result([*names, *statistics]),
    ]
    return function("main", [], say(draft.language, "doc.main"), body)


def inputs(draft: Draft) -> list[str]:
    """`inputs`, the arrays at which `clearprop check` calls the two passes."""
    items = ["training_data()[0]", "*starting_parameters()"]
    tied = _may_tie(draft)
    if tied:
        items[0] = "data + beside.reshape(data.shape)"
    if draft.beside:
        items.insert(1, "*training_data()[2:]")
    if draft.masks:
        items.insert(-1, f"*dropout_masks({draft.recipe.step}, {len(draft.settled.x)})")
    said = say(draft.language, "inputs_beside" if tied else "inputs")
    lines = listed("inputs = (", items, ")", "")
    return [*comment(said, ""), *(BESIDE if tied else ()), *lines]


def _may_tie(draft: Draft) -> bool:
    """Whether several entries of the data may be the largest under a window together: difference
    quotients say nothing of them. Data that are made up have no equal numbers."""
    layers = (node.layer for node in draft.recipe.network.graph.nodes.values())
    return not draft.settled.example and any(isinstance(one, LargestUnder) for one in layers)


def _result(names: list[str]) -> list[str]:
    if names == ["*parameters"]:
        return [f"{INDENT}return parameters"]
    starred = any(name.startswith("*") for name in names)
    return [f"{INDENT}return {gathered(names)}"] if starred else returned(names)


def _named_lines(draft: Draft) -> tuple[list[str], list[str], list[str]]:
    """Before the loop, in it, and what is returned, with a name for every array."""
    names = draft.parameters
    gradients = [f"d{name}" for name in names]
    kept = [one.symbol.name for one in remembered(draft)]
    before = [_unpack(names, "starting_parameters()", INDENT)]
    before += [_unpack(kept, "starting_memory()", INDENT)] if kept else []
    for name, memory in draft.memory:
        if memory_name(memory.name, name) not in kept:
            value = _zeros(name, memory.start)
            before.append(f"{INDENT}{memory_name(memory.name, name)} = {value}")
    results = ["_", *gradients] if draft.program.input_gradient else gradients
    step = [
        *_samples_of_step(draft),
        f"{INNER}y, cache = forward({', '.join(_forward_arguments(draft, names))})",
        _loss_line(draft),
        f"{INNER}{results[0]} = backward(dy, cache)"
        if len(results) == 1
        else _unpack(results, "backward(dy, cache)", INNER),
        *_running(draft),
    ]
    if draft.update.clipping:
        step.append(_unpack(gradients, f"clip({', '.join(gradients)})", INNER))
    step += _before_updates(draft)
    for name in names:
        own = [memory_name(one.name, name) for one in draft.update.memory]
        arguments = ", ".join([name, f"d{name}", *own, *_step_arguments(draft)])
        step.append(f"{INNER}{', '.join([name, *own])} = update({arguments})")
    return before, step, names


def _listed_lines(draft: Draft) -> tuple[list[str], list[str], list[str]]:
    """The same with a list of all parameters, and one of each kind of memory."""
    memory = [one.name for one in draft.update.memory]
    before = [f"{INDENT}parameters = list(starting_parameters())"]
    if kept := remembered(draft):
        before.append(f"{INDENT}memory = list(starting_memory())")
    taken = len(draft.memory) if draft.resumes else 0
    for place, one in enumerate(draft.update.memory):
        value = f"memory[{place}:{taken}:{len(memory)}]"
        if not draft.resumes:
            value = f"[{_zeros('w', one.start)} for w in parameters]"
        before.append(f"{INDENT}{one.name} = {value}")
    if len(kept) > taken:
        names = [one.symbol for one in kept[taken:]]
        before += unpacked(names, f"memory[{taken}:]" if taken else "memory")
    star = "_, *gradients" if draft.program.input_gradient else "gradients"
    step = [
        *_samples_of_step(draft),
        *listed("y, cache = forward(", _forward_arguments(draft, ["*parameters"]), ")", INNER),
        _loss_line(draft),
        f"{INNER}{star} = backward(dy, cache)",
        *_running(draft),
    ]
    if draft.update.clipping:
        step.append(f"{INNER}gradients = clip(*gradients)")
    items = ["parameters[i]", *(f"{name}[i]" for name in memory)]
    arguments = ["w", "dw", *items[1:], *_step_arguments(draft)]
    step += [
        *_before_updates(draft),
        f"{INNER}for i, (w, dw) in enumerate(zip(parameters, gradients, strict=True)):",
        *listed(f"{', '.join(items)} = update(", arguments, ")", INNER + INDENT),
    ]
    return before, step, ["*parameters"]


def _unpack(names: list[str], source: str, indent: str) -> str:
    left = gathered(names) if len(names) == 1 else ", ".join(names)
    return f"{indent}{left} = {source}"


def _zeros(name: str, start: float) -> str:
    return f"np.full_like({name}, {literal(start)})" if start else f"np.zeros_like({name})"


def _statistics_before(draft: Draft) -> list[str]:
    """The running statistics before the first step of a new network."""
    if draft.recipe.layers:
        return []
    lines = []
    kind = draft.settled.params.dtype
    dtype = "" if kind == "float64" else f", np.{kind}"
    for one in draft.program.statistics:
        shape = running(draft.recipe, draft.settled.params, one.path)["running_mean"].shape
        size = f"{gathered(shape)}{dtype}"
        lines += [
            f"{INDENT}{one.running_mean} = np.zeros({size})",
            f"{INDENT}{one.running_variance} = np.ones({size})",
        ]
    return lines


def _samples_of_step(draft: Draft) -> list[str]:
    """The samples and masks of the step."""
    lines = []
    x, t = _batch_names(draft)
    if draft.settled.batch is not None:
        lines += [f"{INNER}rows = batch(step)", f"{INNER}{x}, {t} = x[rows], t[rows]"]
        lines += [f"{INNER}{name}_batch = {name}[rows]" for name in draft.beside_samples]
    if draft.masks:
        lines += unpacked(draft.masks, f"dropout_masks(step, len({x}))", INNER)
    return lines


def _forward_arguments(draft: Draft, parameters: list[str]) -> list[str]:
    """What forward is handed in a step."""
    taken = () if draft.settled.batch is None else draft.beside_samples
    beside = [f"{name}_batch" if name in taken else name for name in draft.beside]
    return [_batch_names(draft)[0], *beside, *draft.masks, *parameters]


def _loss_line(draft: Draft) -> str:
    return f"{INNER}loss, dy = loss_and_gradient(y, {_batch_names(draft)[1]})"


def _batch_names(draft: Draft) -> tuple[str, str]:
    return ("x", "t") if draft.settled.batch is None else ("x_batch", "t_batch")


def _running(draft: Draft) -> list[str]:
    """The update of the running statistics, which no gradient goes through."""
    if not draft.program.statistics:
        return []
    taken = ", ".join(draft.program.saved.statistics)
    source = f"*_, ({taken}) = cache" if is_grouped(draft) else f"*_, {taken} = cache"
    lines = [*comment(say(draft.language, "running"), INNER), f"{INNER}{source}"]
    for one in draft.program.statistics:
        lines += _remembered(draft, one)
    return lines


def _remembered(draft: Draft, one: Statistics) -> list[str]:
    x, _ = _batch_names(draft)
    lines = []
    count, count_math = f"len({x})", "N"
    if one.places > 1:
        count, count_math = "numbers", "m"
        lines.append(Line(f"numbers = {one.places} * len({x})", f"m = {one.places} N"))
    share, share_math = literal(one.momentum or 0), in_equation(one.momentum or 0)
    if one.momentum is None:
        done = int(running(draft.recipe, draft.settled.params, one.path)["num_batches"])
        number = _moved(done - draft.recipe.step + 1)
        share, share_math = "share", "α"
        lines.append(Line(f"share = 1 / ({number})", "α = 1 / n"))
    for old, new, new_math in (
        (one.running_mean, f"{one.mean}", f"{one.mean:math}"),
        (
            one.running_variance,
            f"{one.variance} * {count} / ({count} - 1)",
            f"{one.variance:math} {count_math} / ({count_math} − 1)",
        ),
    ):
        lines.append(
            Line(
                f"{old} = (1 - {share}) * {old} + {share} * {new}",
                f"{old:math} ← (1 − {share_math}) {old:math} + {share_math} {new_math}",
            )
        )
    return code_lines(lines, INNER)


def _before_updates(draft: Draft) -> list[str]:
    lines = comment(say(draft.language, "old_weights"), INNER)
    if draft.update.schedule is not None:
        taken = _moved(draft.recipe.memory.step - draft.recipe.step)
        lines.append(f"{INNER}rate = learning_rate({taken})")
    return lines


def _step_arguments(draft: Draft) -> list[str]:
    return step_arguments(draft, _moved(draft.recipe.memory.step - draft.recipe.step + 1), "rate")


def _moved(offset: int) -> str:
    """The code of `step` and a number."""
    if offset == 0:
        return "step"
    return f"step {'+' if offset > 0 else '-'} {abs(offset)}"
