"""The symbols of an exercise as HTML and as LaTeX, and its numbers as they are printed."""

from html import escape

from clearprop.base import messages
from clearprop.drawing.pen.markup import MINUS, SUBSCRIPT, runs
from clearprop.teaching.exercises.sheet import DECIMALS

# How `exercises.naming` writes a parameter after the update, and what a program computes.
_WORDS = {"^[ new]": "exercises.new", "^[ program]": "exercises.program_symbol"}


def in_language(symbol: str, language: str) -> str:
    """The markup of a symbol with its words in the language."""
    for word, key in _WORDS.items():
        symbol = symbol.replace(word, f"^[ {messages.text(language, key)}]")
    return symbol


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
        of_program = "^[ program]"
        if below.endswith(of_program):
            quotient = latex(symbol.removesuffix(of_program), language)
            word = messages.text(language, _WORDS[of_program])
            return rf"{{\left( {quotient} \right)}}^{{\text{{{word}}}}}"
        return rf"\frac{{{latex(above, language)}}}{{{latex(below, language)}}}"
    parts: list[str] = []
    raised: list[str] = []
    word = next((word for word in _WORDS if symbol.endswith(word)), "")
    for run in runs(symbol.removesuffix(word)):
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
    if word:
        raised.append(rf"\text{{ {messages.text(language, _WORDS[word])}}}")
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
