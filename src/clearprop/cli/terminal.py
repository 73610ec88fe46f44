"""Text for whatever terminal there is: tables and progress by rich, and mathematical signs spelled
with ASCII characters where the terminal knows none."""

import sys
from typing import TYPE_CHECKING, TextIO

from clearprop.base.dependencies import require
from clearprop.base.numbers import FROM_SUPERSCRIPTS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# A file or a pipe has no width of its own.
FILE_WIDTH = 120

_SPELLED = {
    "∂": "d", "·": "*", "×": "*", "⊙": "*", "−": "-", "–": "-", "Σ": "sum ", "η": "eta",
    "γ": "gamma", "β": "beta", "μ": "mu", "ε": "eps", "λ": "lambda", "α": "alpha", "δ": "delta",
    "σ": "sigma", "Φ": "Phi", "φ": "phi", "θ": "theta", "√": "sqrt", "²": "^2", "½": "1/2",
    "‖": "||", "ᵀ": "^T", "ᶻ": "^z", "ₙ": "_n", "ᵢ": "_i", "ⱼ": "_j", "₁": "_1", "₂": "_2",
    "←": "<-", "→": "->", "∞": "inf", "ℓ": "l", "\u0302": "^", "ŷ": "y^", "v̂": "v^", "…": "...",
    "—": "-", "█": "#", "▏": "#", "▎": "#", "▍": "#", "▌": "#", "▋": "#", "▊": "#", "▉": "#",
    "≤": "<=", "≥": ">=", "≈": "~", "±": "+/-",
}  # fmt: skip


def spelled(text: str, encoding: str | None) -> str:
    """`text` as it is where `encoding` has all of its characters; otherwise with its mathematical
    signs spelled out."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        for sign, spelling in _SPELLED.items():
            text = text.replace(sign, spelling)
        # 10⁻¹⁶ is 10^-16.
        for start in ("⁻", *"¹²³⁴⁵⁶⁷⁸⁹"):
            text = text.replace(f"10{start}", f"10^{start}")
        text = text.translate(FROM_SUPERSCRIPTS)
    return text


def write(text: str) -> None:
    """Print `text` and a line break as standard output can show it."""
    sys.stdout.write(spelled(f"{text}\n", getattr(sys.stdout, "encoding", None)))


def console(width: int | None = FILE_WIDTH, file: TextIO | None = None) -> "Console":
    """Standard output, or `file` in its place, by rich; a file or a pipe gets `width` columns,
    None for rich's own. Raises MissingDependencyError without rich."""
    require("rich")
    from rich.console import Console

    class PipedConsole(Console):
        """One that leaves a closed pipe to `main`, where rich ends the program with 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    made = PipedConsole(highlight=False, file=file)
    if width is not None and not made.is_terminal:
        made.width = width
    return made


def bar() -> "Progress":
    """A description, a bar, so many of so many, and the time, on standard error for a person who
    watches; gone when it is done. Nothing for a file or a pipe."""
    require("rich")
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
