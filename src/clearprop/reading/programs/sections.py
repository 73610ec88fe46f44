"""The functions of a program that are mathematics: both passes, the loss, the update."""

from collections.abc import Iterable

from clearprop.kinds.program_lines import (
    INDENT,
    WIDTH,
    Line,
    gathered,
    listed,
    literal,
    returned,
    unpacked,
)
from clearprop.reading.programs.draft import Draft
from clearprop.reading.programs.passes import Section
from clearprop.reading.programs.rows_written import schedule_lines
from clearprop.reading.programs.start import generator
from clearprop.reading.programs.text import code_lines, comment, function, say
from clearprop.reading.programs.ways_back import X

STEP_NUMBER = "n"
RATE = "rate"


def forward(draft: Draft) -> list[str]:
    """`forward(x, side inputs, masks, parameters)`, which returns y and what backward needs."""
    body = passes(draft.language, draft.program.forward, "forward")
    body += [""] if body else []
    kept = [name for group in draft.program.saved for name in group]
    if not is_grouped(draft):
        body.append(f"{INDENT}return y, {gathered(kept) if kept else '()'}")
    else:
        groups = cache_groups(draft)
        for group, names in groups.items():
            body += listed(f"{group} = (", names, ",)" if len(names) == 1 else ")")
        body.append(f"{INDENT}return y, {gathered(groups)}")
    arguments = [X, *draft.beside, *draft.masks, *draft.parameters]
    return function("forward", arguments, say(draft.language, "doc.forward"), body)


def backward(draft: Draft) -> list[str]:
    """`backward(dy, cache)`, which returns every gradient."""
    program = draft.program
    body = []
    saved = program.saved
    if saved.values or saved.parameters:
        rest = ["*_"] if saved.statistics else []
        body = unpacked([*saved.values, *saved.parameters, *rest], "cache")
        if is_grouped(draft):
            groups = [name for name in cache_groups(draft) if name != "statistics"]
            body = unpacked([*groups, *rest], "cache")
            for group in groups:
                body += unpacked(cache_groups(draft)[group], group)
        body.append("")
    body += [
        *passes(draft.language, program.backward, "backward"),
        "",
        *returned(program.gradients),
    ]
    key = "doc.backward" if program.input_gradient else "doc.backward_of_ids"
    return function("backward", ["dy", "cache"], say(draft.language, key), body)


def passes(language: str, sections: Iterable[Section], which: str) -> list[str]:
    """The lines of a pass, layer by layer, each kind explained once."""
    lines: list[str] = []
    explained: set[str] = set()
    for section in sections:
        if lines:
            lines.append("")
        if section.title:
            lines += comment(section.title)
        if section.kind not in explained:
            lines += comment(say(language, section.said or f"{which}.{section.kind}"))
            explained.add(section.kind)
        lines += code_lines(section.lines)
    return lines


def cache_groups(draft: Draft) -> dict[str, tuple[str, ...]]:
    """The cache in parts, by what they are called, where it is too long for one line."""
    saved = draft.program.saved
    groups = {"values": saved.values, "weights": saved.parameters, "statistics": saved.statistics}
    return {name: names for name, names in groups.items() if names}


def is_grouped(draft: Draft) -> bool:
    """Whether forward's last line is too long for the whole cache."""
    kept = [name for group in draft.program.saved for name in group]
    return bool(kept) and len(f"{INDENT}return y, {gathered(kept)}") > WIDTH


def sigmoid(language: str) -> list[str]:
    """`sigmoid(z)`, which never overflows."""
    line = Line("return np.exp(-np.logaddexp(0, -z))", "σ(z) = 1 / (1 + e^−z) = e^(−ln(1 + e^−z))")
    return function("sigmoid", ["z"], say(language, "doc.sigmoid"), code_lines([line]))


def loss(draft: Draft) -> list[str]:
    """`loss_and_gradient(y, t)`."""
    doc = say(draft.language, f"loss.{type(draft.recipe.loss).__name__}")
    body = [*code_lines(draft.loss.lines), *returned(["loss", "dy"])]
    return function("loss_and_gradient", ["y", "t"], doc, body)


def update(draft: Draft) -> list[str]:
    """`update(w, dw, …)`, one array's step."""
    lines = draft.update
    memory = [one.name for one in lines.memory]
    arguments = ["w", "dw", *memory, *step_arguments(draft, STEP_NUMBER, RATE)]
    body = [*code_lines(lines.lines), f"{INDENT}# {lines.result.equation}"]
    if memory:
        body += [f"{INDENT}w = {lines.result.code}", *returned(["w", *memory])]
    else:
        body.append(f"{INDENT}return {lines.result.code}")
    doc = say(draft.language, f"update.{lines.rule}")
    if lines.counts:
        doc += "\n\n" + say(draft.language, "doc.step_number")
    return function("update", arguments, doc, body)


def step_arguments(draft: Draft, step_number: str, rate: str) -> list[str]:
    """What an update takes beside arrays: the number of the step, and a rate that changes."""
    taken = [step_number] if draft.update.counts else []
    return [*taken, rate] if draft.update.schedule is not None else taken


def clip(draft: Draft) -> list[str]:
    """`clip(*gradients)`."""
    *lines, last = draft.update.clipping
    result = last.code.removeprefix("gradients = ")
    body = code_lines([*lines, Line(f"return {result}", last.equation)])
    return function("clip", ["*gradients"], say(draft.language, "doc.clip"), body)


def learning_rate(draft: Draft) -> list[str]:
    """`learning_rate(step)`."""
    schedule = draft.update.schedule
    lines = [] if schedule is None else schedule_lines(schedule)
    body = [f"{INDENT}{line}" for line in lines]
    return function("learning_rate", ["step"], say(draft.language, "doc.learning_rate"), body)


def dropout_masks(draft: Draft) -> list[str]:
    """`dropout_masks(step, samples)`."""
    lines = []
    for mask in draft.program.masks:
        k, p = mask.symbol, literal(mask.probability)
        shape = ", ".join(["samples", *map(str, mask.shape)])
        shape = f"({shape},)" if not mask.shape else f"({shape})"
        lines += [
            Line(generator(mask.path, "step"), f"{k:math} = [u ≥ {p}],  u ~ U[0, 1)"),
            Line(f"{k} = rng.random({shape}) >= {p}", ""),
        ]
    body = code_lines(lines)
    names = draft.masks
    body += [f"{INDENT}return {gathered(names)}"] if len(names) == 1 else returned(names)
    doc = say(draft.language, "doc.dropout_masks")
    return function("dropout_masks", ["step", "samples"], doc, body)


def batch(draft: Draft) -> list[str]:
    """`batch(step)`, the samples of a mini-batch."""
    settled = draft.settled
    size = settled.batch
    body = [
        f"{INDENT}epoch, position = divmod(step, {settled.per_epoch})",
        f"{INDENT}{generator('shuffle', 'epoch')}",
        f"{INDENT}order = rng.permutation({len(settled.x)})",
        f"{INDENT}return order[{size} * position : {size} * (position + 1)]",
    ]
    return function("batch", ["step"], say(draft.language, "doc.batch", size=size), body)
