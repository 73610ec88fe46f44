"""Where an answer goes: to standard output, or into a file that is written whole."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.base.writing import write_whole
from clearprop.cli import terminal


class Telling(Protocol):
    """An answer that is data as well as words."""

    def to_json(self) -> str:
        """All of it as JSON text."""

    def text(self, language: str, width: int | None) -> str:
        """It in words, in lines of at most `width` columns; None takes any."""


def chosen_format(given: str | None, out: Path | None, suffixes: Mapping[str, str]) -> str:
    """The format that is asked for, or that OUT's ending says, or the first where it has none.

    `suffixes` has the ending of every known format. Raises ConfigurationError for another format,
    and for an ending that says something else than what would be in the file.
    """
    if given is not None and given not in suffixes:
        raise ConfigurationError("format_unknown", name=given, known=", ".join(suffixes))
    if out is None or _is_device(out) or not out.suffix:
        return given or next(iter(suffixes))
    if given is not None:
        if out.suffix.lower() != suffixes[given]:
            raise ConfigurationError(
                "ending_of_format",
                path=out,
                ending=out.suffix,
                format=given,
                known=suffixes[given],
            )
        return given
    require_ending(out, suffixes.values())
    return next(name for name, suffix in suffixes.items() if suffix == out.suffix.lower())


def require_ending(out: Path, suffixes: Collection[str]) -> None:
    """Refuse a file whose ending says another format than is written; one without an ending says
    nothing. Raises ConfigurationError."""
    if not out.suffix or _is_device(out) or out.suffix.lower() in suffixes:
        return
    known = ", ".join(suffixes)
    raise ConfigurationError("ending_wrong", path=out, ending=out.suffix, known=known)


def deliver(
    content: str | bytes,
    out: Path | None,
    sentence: str,
    language: str,
    *,
    inputs: tuple[Path | None, ...],
) -> None:
    """Write the answer. `sentence` names the message that says where; `inputs` are the files that
    the answer was made of, which it never replaces; None for one that was not needed.

    Raises ConfigurationError for bytes on a terminal, and where OUT is one of `inputs`; FileError
    where OUT cannot be written.
    """
    if out is None:
        if isinstance(content, str):
            sys.stdout.write(f"{content}\n")
            return
        if sys.stdout.isatty():
            raise ConfigurationError("binary_to_terminal")
        sys.stdout.buffer.write(content)
        return
    require_other_file(out, inputs)
    write_whole(out, content if isinstance(content, bytes) else f"{content}\n".encode())
    sys.stdout.write(messages.text(language, sentence, path=out) + "\n")


def show(found: Telling, language: str, *, as_json: bool) -> None:
    """Print an answer on standard output: as JSON, or in words as wide as the terminal is."""
    if as_json:
        sys.stdout.write(f"{found.to_json()}\n")
    else:
        terminal.write(found.text(language, terminal.width_of_output()))


def require_other_file(out: Path, inputs: tuple[Path | None, ...]) -> None:
    """Refuse to write over a file that the answer is made of. Raises ConfigurationError."""
    if out.exists() and any(one and one.exists() and one.samefile(out) for one in inputs):
        raise ConfigurationError("out_is_input", path=out)


def _is_device(out: Path) -> bool:
    return out.exists() and not out.is_file()
