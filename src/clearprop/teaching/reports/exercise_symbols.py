"""The symbols of an exercise as HTML and as LaTeX, and its numbers as they are printed."""

from html import escape

from clearprop.base import messages
from clearprop.drawing.pen.markup import MINUS, SUBSCRIPT, runs
from clearprop.teaching.exercises.sheet import DECIMALS

# How `exercises.naming` writes a parameter after the update.
_UPDATED = "^[ new]"


def in_language(symbol: str, language: str) -> str:
    """The markup of a symbol with its words in the language."""
    word = messages.text(language, "exercises.new")
    return symbol.replace(_UPDATED, f"^[ {word}]")


def html(symbol: str, language: str) -> str:
    """A symbol in the markup of `pen.markup` as inline HTML."""
    parts = []
    for run in runs(in_language(symbol, language)):
        tag = "i" if run.italic else ("sub" if run.shift == SUBSCRIPT else "sup")
        words = escape(run.text)
        parts.append(f"<{tag}>{words}</{tag}>" if run.italic or run.shift else words)
    return "".join(parts)


def latex(symbol: str, language: str) -> str:
    """The same as LaTeX; a derivative becomes a fraction."""
    above, bar, below = symbol.partition("/")
    if bar:
        return rf"\frac{{{latex(above, language)}}}{{{latex(below, language)}}}"
    parts: list[str] = []
    raised: list[str] = []
    for run in runs(symbol.removesuffix(_UPDATED)):
        if run.shift and run.shift != SUBSCRIPT:
            raised.append(run.text)
        elif run.shift:
            parts.append(f"_{{{run.text}}}")
        else:
            # A letter behind an index begins a symbol of its own, which raises its own.
            parts += _raised(raised)
            raised.clear()
            parts.append(
                run.text.replace("∂", r"\partial ").replace("η", r"\eta ").replace("′", "'")
            )
    if symbol.endswith(_UPDATED):
        raised.append(rf"\text{{ {messages.text(language, 'exercises.new')}}}")
    return "".join([*parts, *_raised(raised)])


def decimal(value: float) -> str:
    """A number without trailing zeros: 0.3, -2, 0.6225."""
    text = f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def printed(value: float) -> str:
    """`decimal` with a true minus sign."""
    return decimal(value).replace("-", MINUS)


def _raised(parts: list[str]) -> list[str]:
    return [f"^{{{''.join(parts)}}}"] if parts else []
