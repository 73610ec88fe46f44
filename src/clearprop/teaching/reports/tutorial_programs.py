"""The tutorial's programs, written anew: what the report shows, and what runs when it is copied.

The comments are in the reader's language. The line that the tutorial prints wrongly stands as a
comment above the right one.
"""

from functools import partial

from clearprop.base import messages
from clearprop.teaching.experiments.reproduction_settings import ReproductionSettings
from clearprop.teaching.reports.environment import template

# Those that run as they are are written beside the report as well.
WHOLE_PROGRAMS = ("numpy", "torch")
WRONG_LINE = "# ✗"


def program_text(name: str, settings: ReproductionSettings, language: str) -> str:
    """The program `name`, with the steps, rate and dtype of a reproduction.

    `numpy` and `torch` are whole; `data`, `linear`, `bent` and `backward` are parts of them.
    Raises MissingDependencyError without Jinja2.
    """
    text = template(f"programs/{name}.py.j2").render(
        say=partial(messages.within("report"), language),
        steps=settings.steps,
        rate=f"{settings.learning_rate:g}",
        dtype=settings.dtype,
    )
    return text.strip() + "\n"


def program_html(text: str) -> str:
    """The lines of a program as HTML: comments stand back, and the tutorial's wrong line and the
    right one under it are marked."""
    from markupsafe import escape

    lines: list[str] = []
    below_wrong = False
    for line in text.rstrip().split("\n"):
        code = line.strip()
        written = str(escape(line))
        if code.startswith(WRONG_LINE):
            written = f"<del>{written}</del>"
        elif code.startswith("#"):
            written = f"<i>{written}</i>"
        elif below_wrong:
            written = f"<ins>{written}</ins>"
        below_wrong = code.startswith(WRONG_LINE)
        lines.append(written)
    return "<pre><code>" + "\n".join(lines) + "</code></pre>"
