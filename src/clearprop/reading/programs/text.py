"""Pieces of a program's text: docstrings, functions, comments, wrapped at one width."""

import re
from collections.abc import Iterable, Sequence

from clearprop.base import messages
from clearprop.base.messages import display_width
from clearprop.kinds.program_lines import INDENT, WIDTH, Line, listed

say = messages.within("programs")

# Between words, and behind a Chinese comma or stop.
_BREAKS = re.compile(r"(?<=[ 、，。；：])")


def wrapped(sentence: str, indent: str = "", first: str = "", width: int = WIDTH) -> list[str]:
    """A sentence in lines of at most `width` columns, each with `indent` before it; the first one
    has `first` before it instead."""
    lines: list[str] = []
    line = first or indent
    for word in _BREAKS.split(sentence):
        if display_width((line + word).rstrip()) > width and line.strip(' #"'):
            lines.append(line.rstrip())
            line = indent
        line += word
    return [*lines, line.rstrip()]


def comment(sentence: str, indent: str = INDENT) -> list[str]:
    """A sentence as a comment."""
    return wrapped(sentence, f"{indent}# ")


def docstring(sentences: str, indent: str = INDENT) -> list[str]:
    """A docstring: its first sentence, and after a blank line paragraphs of more."""
    first, *more = sentences.strip().split("\n\n")
    # Room for the closing quotes, which stand behind a docstring of one line.
    lines = wrapped(first, indent, f'{indent}"""', WIDTH - 3)
    if not more and len(lines) == 1:
        return [lines[0] + '"""']
    for paragraph in more:
        lines.append("")
        for row in paragraph.split("\n"):
            lines += wrapped(row, indent)
    return [*lines, f'{indent}"""']


def function(head: str, arguments: Iterable[object], doc: str, body: Sequence[str]) -> list[str]:
    """A function; the lines of its body are indented."""
    return [*listed(f"def {head}(", arguments, "):", ""), *docstring(doc), *body]


def code_lines(lines: Iterable[Line], indent: str = INDENT) -> list[str]:
    """Lines of code, each with its equation above it."""
    made = []
    for line in lines:
        if line.equation:
            made.append(f"{indent}# {line.equation}")
        made.append(f"{indent}{line.code}")
    return made
