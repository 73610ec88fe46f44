"""A page for every layer, made from its docstrings, the catalogue and a check of its examples.

    python -m clearprop.teaching.reports.layer_pages docs/layers

A page has what the layer computes, the derivation, the settings, and for every example of the
catalogue the shapes and the verdict of its check. The pages are Markdown, and the same on every
machine: a verdict is given without its digits, and by the witness that needs no other package.
"""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path

from clearprop.base.arrays import Shape, shape_text
from clearprop.base.writing import write_whole
from clearprop.checking.request import Request, answer, of_example
from clearprop.engine.layers.layer import Layer
from clearprop.engine.network import Network
from clearprop.kinds.kind_tables import LAYER_EXAMPLES
from clearprop.kinds.row import LayerExample

INDEX = "README.md"


def layer_pages() -> Mapping[str, str]:
    """The text of every page by its file's name, and of the index."""
    pages = {
        f"{layer.__name__}.md": _page(layer, examples) for layer, examples in LAYER_EXAMPLES.items()
    }
    lines = [
        f"- [{kind.__name__}]({kind.__name__}.md): {_first_sentence(kind)}"
        for kind in LAYER_EXAMPLES
    ]
    introduction = (
        "What every layer computes, how its backward pass is derived, and what a check says of it. "
        "Made by `python -m clearprop.teaching.reports.layer_pages docs/layers`."
    )
    pages[INDEX] = "\n".join(["# Layers", "", introduction, "", *lines, ""])
    return pages


def main(arguments: list[str]) -> int:
    """Write the pages into the folder that is named; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("python -m clearprop.teaching.reports.layer_pages FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in layer_pages().items():
        write_whole(folder / name, text.encode())
    return 0


def _page(kind: type[Layer], examples: tuple[LayerExample, ...]) -> str:
    module = inspect.getmodule(kind)
    settings = str(inspect.signature(kind)).removesuffix(" -> None")
    rows = [_row(example) for example in examples]
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
            "## Examples and their check",
            "",
            "| Layer | Input | Output | Parameters | Check |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _row(example: LayerExample) -> str:
    network = Network(example.layer)
    output = example.layer.output_shape(example.input_shape)
    verdict = answer(of_example(Request(None, witnesses=("finite-differences",)), example))
    checked = sum(one.checked for one in verdict.arrays)
    size = sum(one.size for one in verdict.arrays)
    slots = network.layout.slots.items()
    parameters = [f"`{path}` {shape_text(slot.shape)}" for path, slot in slots]
    mode = "" if example.training else ", in use"
    cells = (
        f"`{example.layer!r}`{mode}",
        _rows_of(example.input_shape) + (" ids" if example.ids is not None else ""),
        "?" if output is None else _rows_of(output),
        ", ".join(parameters) or "—",
        f"{verdict.outcome}: {checked} of {size} entries, finite differences",
    )
    return f"| {' | '.join(cells)} |"


def _rows_of(shape: Shape) -> str:
    return shape_text(("N", *shape))


def _first_sentence(kind: type[Layer]) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
