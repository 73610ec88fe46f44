"""A page for every layer, loss, optimizer and schedule, made from docstrings and from the rows.

    python -m clearprop.teaching.reports.kind_pages docs

A page has what the kind computes, the settings, the derivation, and the examples of its row: of
layers and losses with the verdict of their check, of optimizers with their update and its first
steps, of schedules with their rates. The pages are Markdown, and the same on every machine: a
verdict is given without its digits and by the witness that needs no other package, a number with
four digits.
"""

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clearprop.base.arrays import Shape, shape_text
from clearprop.base.writing import write_whole
from clearprop.checking.request import Request, answer, of_example, of_loss_example
from clearprop.checking.verdict import Verdict
from clearprop.engine.network import Network
from clearprop.engine.optimizers import Optimizer
from clearprop.engine.schedules import Schedule, rate_at
from clearprop.kinds.kind_tables import (
    LAYER_EXAMPLES,
    LOSS_ROWS,
    OPTIMIZER_ROWS,
    SCHEDULE_ROWS,
)
from clearprop.kinds.row import LayerExample, LossExample, LossRow

INDEX = "README.md"
COMMAND = "python -m clearprop.teaching.reports.kind_pages docs"
REQUEST = Request(None, witnesses=("finite-differences",))
# The steps whose rates a schedule's page shows.
STEPS = (0, 1, 2, 5, 10, 20, 40)
# What an optimizer's page starts from, and the gradient that it is given.
START, GRADIENT = 1.0, 0.5


class ExampleTable(NamedTuple):
    """The end of a page: a heading, what is to be said of the table, and the table."""

    heading: str
    said: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[str]]


class KindFamily(NamedTuple):
    """A folder of pages: its title, what its index says, and the table of every kind."""

    title: str
    introduction: str
    tables: Mapping[type[Any], ExampleTable]


def kind_pages() -> dict[str, dict[str, str]]:
    """The text of every page: folder → file's name → text."""
    return {folder: _pages(family) for folder, family in _families().items()}


def main(arguments: list[str]) -> int:
    """Write the pages into folders of the one that is named; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("python -m clearprop.teaching.reports.kind_pages FOLDER\n")
        return 2
    for name, pages in kind_pages().items():
        folder = Path(arguments[0], name)
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in pages.items():
            write_whole(folder / file, text.encode())
    return 0


def _families() -> dict[str, KindFamily]:
    return {
        "layers": KindFamily(
            "Layers",
            "What every layer computes, how its backward pass is derived, and what a check says "
            "of it.",
            {kind: _layer_table(examples) for kind, examples in LAYER_EXAMPLES.items()},
        ),
        "losses": KindFamily(
            "Losses",
            "What every loss measures, its slope by the output, what its mean is taken over, and "
            "what a check says of it.",
            {kind: _loss_table(row) for kind, row in LOSS_ROWS.items()},
        ),
        "optimizers": KindFamily(
            "Optimizers",
            "What every optimizer does with a gradient and what it remembers between two steps.",
            {kind: _optimizer_table(row.examples) for kind, row in OPTIMIZER_ROWS.items()},
        ),
        "schedules": KindFamily(
            "Schedules",
            "Learning rates that change with the step. An optimizer takes a schedule wherever it "
            "takes a learning rate.",
            {kind: _schedule_table(row.examples) for kind, row in SCHEDULE_ROWS.items()},
        ),
    }


def _pages(family: KindFamily) -> dict[str, str]:
    pages = {f"{kind.__name__}.md": _page(kind, table) for kind, table in family.tables.items()}
    lines = [
        f"- [{kind.__name__}]({kind.__name__}.md): {_first_sentence(kind)}"
        for kind in family.tables
    ]
    said = f"{family.introduction} Made by `{COMMAND}`."
    pages[INDEX] = "\n".join([f"# {family.title}", "", said, "", *lines, ""])
    return pages


def _page(kind: type[Any], table: ExampleTable) -> str:
    module = inspect.getmodule(kind)
    settings = str(inspect.signature(kind)).removesuffix(" -> None")
    return "\n".join(
        [
            f"# {kind.__name__}",
            "",
            inspect.getdoc(kind) or "",
            "",
            f"    {kind.__name__}{settings}",
            "",
            "## Equation and derivation",
            "",
            "Of its family:",
            "",
            "```text",
            (inspect.getdoc(module) or "").rstrip(),
            "```",
            "",
            f"## {table.heading}",
            "",
            *([table.said, ""] if table.said else []),
            _line(table.head),
            f"|{'---|' * len(table.head)}",
            *map(_line, table.rows),
            "",
        ]
    )


def _line(cells: Iterable[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _layer_table(examples: Sequence[LayerExample]) -> ExampleTable:
    head = ("Layer", "Input", "Output", "Parameters", "Check")
    return ExampleTable("Examples and their check", "", head, [*map(_layer_row, examples)])


def _layer_row(example: LayerExample) -> tuple[str, ...]:
    network = Network(example.layer)
    output = example.layer.output_shape(example.input_shape)
    slots = network.layout.slots.items()
    parameters = [f"`{path}` {shape_text(slot.shape)}" for path, slot in slots]
    mode = "" if example.training else ", in use"
    return (
        f"`{example.layer!r}`{mode}",
        _rows_of(example.input_shape) + (" ids" if example.ids is not None else ""),
        "?" if output is None else _rows_of(output),
        ", ".join(parameters) or "—",
        _said_of(answer(of_example(REQUEST, example))),
    )


def _loss_table(row: LossRow) -> ExampleTable:
    def cells(example: LossExample) -> tuple[str, ...]:
        entries = "; ".join(f"`{one}`" for one in row.equations(example.loss))
        verdict = answer(of_loss_example(REQUEST, example))
        return f"`{example.loss!r}`", entries, _rows_of((example.outputs,)), _said_of(verdict)

    head = ("Loss", "Entries ℓ and slopes", "Output", "Check")
    return ExampleTable("Examples and their check", "", head, [*map(cells, row.examples)])


def _optimizer_table(examples: Sequence[Optimizer]) -> ExampleTable:
    said = f"From w = {START:g}, with the gradient {GRADIENT:g} in each of three steps."
    rows = [
        (f"`{one!r}`", "<br>".join(f"`{line}`" for line in _update(one)), _first_steps(one))
        for one in examples
    ]
    return ExampleTable("Examples and their first steps", said, ("Optimizer", "Update", "w"), rows)


def _update(optimizer: Optimizer) -> tuple[str, ...]:
    return OPTIMIZER_ROWS[type(optimizer)].equations(optimizer, _update)


def _first_steps(optimizer: Optimizer) -> str:
    params = np.array([START])
    state, seen = optimizer.start(params), []
    for _ in range(3):
        params, state = optimizer.step(params, state, np.array([GRADIENT]))
        seen.append(f"{params[0]:.4g}")
    return ", ".join(seen)


def _schedule_table(examples: Sequence[Schedule]) -> ExampleTable:
    rows = [(f"`{one!r}`", *(f"{rate_at(one, step):.4g}" for step in STEPS)) for one in examples]
    head = ("Schedule", *(f"step {step}" for step in STEPS))
    return ExampleTable("Examples and their rates", "", head, rows)


def _said_of(verdict: Verdict) -> str:
    checked = sum(one.checked for one in verdict.arrays)
    size = sum(one.size for one in verdict.arrays)
    return f"{verdict.outcome}: {checked} of {size} entries, finite differences"


def _rows_of(shape: Shape) -> str:
    return shape_text(("N", *shape))


def _first_sentence(kind: type[Any]) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
