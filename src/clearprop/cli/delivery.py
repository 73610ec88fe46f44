"""Where an answer goes: to standard output, or into a file that is written whole."""

import sys
from collections.abc import Mapping
from pathlib import Path

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.base.writing import write_whole


def chosen_format(given: str | None, out: Path | None, suffixes: Mapping[str, str]) -> str:
    """The format that is asked for, or that OUT's ending says, or the first.

    `suffixes` has the ending of every known format. Raises ConfigurationError for another one.
    """
    if given is None:
        named = [name for name, suffix in suffixes.items() if out and out.suffix == suffix]
        return named[0] if named else next(iter(suffixes))
    if given not in suffixes:
        raise ConfigurationError("format_unknown", name=given, known=", ".join(suffixes))
    return given


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
    if out.exists() and any(one and one.exists() and one.samefile(out) for one in inputs):
        raise ConfigurationError("out_is_input", path=out)
    write_whole(out, content if isinstance(content, bytes) else f"{content}\n".encode())
    sys.stdout.write(messages.text(language, sentence, path=out) + "\n")
