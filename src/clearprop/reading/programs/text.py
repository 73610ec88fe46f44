"""Pieces of a program's text: docstrings, functions, comments, wrapped at one width."""

from collections.abc import Iterable, Sequence

from clearprop.base import messages
from clearprop.base.text_tables import wrapped
from clearprop.kinds.program_lines import INDENT, WIDTH, Line, listed

say = messages.within("programs")


def comment(sentence: str, indent: str = INDENT) -> list[str]:
    """A sentence as a comment."""
    return wrapped(sentence, WIDTH, f"{indent}# ")


def docstring(sentences: str, indent: str = INDENT) -> list[str]:
    """A docstring: its first sentence, and after a blank line paragraphs of more."""
    first, *more = sentences.strip().split("\n\n")
    # Room for the closing quotes, which stand behind a docstring of one line.
    lines = wrapped(first, WIDTH - 3, indent, f'{indent}"""')
    if not more and len(lines) == 1:
        return [lines[0] + '"""']
    for paragraph in more:
        lines.append("")
        for row in paragraph.split("\n"):
            lines += wrapped(row, WIDTH, indent)
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
        made += [f"{indent}{row}" for row in line.code.split("\n")]
    return made
