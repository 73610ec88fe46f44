"""Text for whatever terminal there is: tables and progress by rich, and mathematical signs spelled
with ASCII characters where the terminal knows none."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from clearprop.base.dependencies import require
from clearprop.base.numbers import FROM_SUPERSCRIPTS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# A file or a pipe has no width of its own.
FILE_WIDTH = 120
# Wider than any table.
_ROOMY = 10_000

_SPELLED = {
    "∂": "d", "·": "*", "×": "*", "⊙": "*", "−": "-", "–": "-", "Σ": "sum ", "η": "eta",
    "γ": "gamma", "β": "beta", "μ": "mu", "ε": "eps", "λ": "lambda", "α": "alpha", "δ": "delta",
    "σ": "sigma", "Φ": "Phi", "φ": "phi", "θ": "theta", "√": "sqrt", "²": "^2", "½": "1/2",
    "‖": "||", "ᵀ": "^T", "ᶻ": "^z", "ₙ": "_n", "ᵢ": "_i", "ⱼ": "_j", "₁": "_1", "₂": "_2",
    "←": "<-", "→": "->", "∞": "inf", "ℓ": "l", "\u0302": "^", "ŷ": "y^", "v̂": "v^", "…": "...",
    "—": "-", "█": "#", "▏": "#", "▎": "#", "▍": "#", "▌": "#", "▋": "#", "▊": "#", "▉": "#",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%",
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


def width_of_output() -> int | None:
    """How many columns the terminal has that standard output is; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def write(text: str) -> None:
    """Print `text` and a line break as standard output can show it."""
    sys.stdout.write(spelled(f"{text}\n", getattr(sys.stdout, "encoding", None)))


def console(width: int | None = FILE_WIDTH, file: TextIO | None = None) -> "Console":
    """Standard output, or `file` in its place, by rich; a file or a pipe gets `width` columns,
    None for rich's own. Raises MissingDependencyError without rich."""
    require("rich")
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    class PipedConsole(Console):
        """One that leaves a closed pipe to `main`, where rich ends the program with 1, and prints
        a table that would lose columns in a narrow terminal row by row."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

        def print(self, *objects: Any, **how: Any) -> None:
            for one in objects:
                if isinstance(one, Table) and self._needs(one) > self.width:
                    self._print_rows(one)
                    return
            super().print(*objects, **how)

        def _needs(self, table: Table) -> int:
            """How many columns the table takes where every word stands whole."""
            roomy = self.options.update(max_width=_ROOMY)
            return Measurement.get(self, roomy, table).minimum

        def _print_rows(self, table: Table) -> None:
            if table.title:
                super().print(table.title, style="bold")
            heads = [column.header for column in table.columns]
            rows = zip(*(column.cells for column in table.columns), strict=True)
            for row, (first, *others) in zip(table.rows, rows, strict=True):
                super().print(first, style=row.style or "bold")
                for head, cell in zip(heads[1:], others, strict=True):
                    if cell:
                        super().print(f"  {head}: {cell}", style=row.style)

    made = PipedConsole(highlight=False, file=file)
    if width is not None and not made.is_terminal:
        made.width = width
    return made


@contextmanager
def taken_away(progress: "Progress") -> Iterator[None]:
    """While something is printed on standard output: the bar stands on standard error, and would
    be printed over."""
    progress.stop()
    yield
    progress.start()


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
