"""LaTeX as MathML."""

from clearprop.base.dependencies import require


def mathml(latex: str) -> str:
    """A LaTeX formula as a MathML element. Raises MissingDependencyError without latex2mathml."""
    require("latex2mathml")
    from latex2mathml.converter import convert

    # Inside \text it would show the backslash of an escaped underscore as well.
    return str(convert(latex.replace(r"\_", "_"), display="block"))
