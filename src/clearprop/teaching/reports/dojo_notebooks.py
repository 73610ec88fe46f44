"""The notebooks of the backprop dojo, made of one source each.

    python -m clearprop.teaching.reports.dojo_notebooks docs

A source, `docs/notebooks/dojo/NAME.py`, is a program in cells: `# %%` begins one of code,
`# %% [en]` and `# %% [zh-TW]` one of words. Of each come four notebooks, `NAME.ipynb` with every
backward blank and `NAME-key.ipynb` with all of them, both in two languages. In the source a blank
stands between `# blank: what is to be returned` and `# end`.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clearprop.base import messages
from clearprop.base.writing import write_whole

FOLDER = Path("notebooks") / "dojo"
LANGUAGES = ("en", "zh-TW")
CODE = "code"
CELL = re.compile(r"^# %%(?: \[(en|zh-TW)\])?\n", re.MULTILINE)
BLANK = re.compile(
    r"^def (?P<name>\w+)(?P<head>\(.*\):\n)"
    r" {4}# blank: (?P<returned>.*)\n(?P<solution>(?:.*\n)+?) {4}# end\n",
    re.MULTILINE,
)

say = messages.within("dojo")


class SourceCell(NamedTuple):
    """A cell of a source: `kind` is "code", or the language of its words."""

    kind: str
    text: str


def cells_of(source: str) -> list[SourceCell]:
    """The cells of a source in order; words come without their comment signs."""
    _, *parts = CELL.split(source)
    found = []
    for language, text in zip(parts[::2], parts[1::2], strict=True):
        if language:
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
        found.append(SourceCell(language or CODE, text.strip()))
    return found


def filled(code: str) -> str:
    """A cell of code with what belongs into its blanks."""
    return BLANK.sub(r"def \g<name>\g<head>\g<solution>", f"{code}\n").strip()


def blanked(code: str, language: str) -> str:
    """A cell of code as it is handed out: what is to be returned, and that it is not written."""

    def left_open(match: re.Match[str]) -> str:
        told = json.dumps(say(language, "left_open", name=match["name"]), ensure_ascii=False)
        return (
            f"def {match['name']}{match['head']}"
            f"    # return {match['returned']}\n"
            f"    raise NotImplementedError({told})\n"
        )

    return BLANK.sub(left_open, f"{code}\n").strip()


def file_name(name: str, language: str, *, key: bool) -> str:
    """`digits.ipynb`, `digits-key.zh-TW.ipynb`."""
    ending = "ipynb" if language == "en" else f"{language}.ipynb"
    return f"{name}{'-key' if key else ''}.{ending}"


def notebook(name: str, source: str, language: str, *, key: bool) -> Mapping[str, Any]:
    """One notebook in the format of Jupyter, 4.5, with nothing run."""
    cells: list[dict[str, Any]] = []
    for cell in cells_of(source):
        if cell.kind == CODE:
            code = filled(cell.text) if key else blanked(cell.text, language)
            # Verdicts are told in the language of the notebook.
            code = code.replace('"en"', f'"{language}"')
            cells.append(_cell("code", len(cells), code, execution_count=None, outputs=[]))
        elif cell.kind == language:
            words = cell.text if cells else _first(cell.text, name, language, key=key)
            cells.append(_cell("markdown", len(cells), words))
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def notebooks(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every notebook of the sources in a folder, and its content."""
    for path in sorted(folder.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        for language in LANGUAGES:
            for key in (False, True):
                book = notebook(path.stem, source, language, key=key)
                content = json.dumps(book, ensure_ascii=False, indent=1) + "\n"
                yield folder / file_name(path.stem, language, key=key), content.encode()


def _first(words: str, name: str, language: str, *, key: bool) -> str:
    """The first words, with links to the other language and between blank and key."""
    title, _, rest = words.partition("\n")
    (other,) = (one for one in LANGUAGES if one != language)
    links = say(
        language,
        "links_of_key" if key else "links",
        translated=file_name(name, other, key=key),
        other=file_name(name, language, key=not key),
    )
    return f"{title}\n\n{links}\n{rest}"


def _cell(kind: str, number: int, text: str, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
        **more,
    }


def main(arguments: Sequence[str]) -> int:
    """Make the notebooks in a folder of documents."""
    (docs,) = arguments
    for path, content in notebooks(Path(docs) / FOLDER):
        write_whole(path, content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
