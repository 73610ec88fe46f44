"""The documents as data: their fenced blocks, prose, tables and links; and a page run as a reader
runs it, from top to bottom in one empty folder."""

import contextlib
import io
import linecache
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clearprop.cli import main
from clearprop.cli.commands import command_named
from clearprop.teaching.reports import report

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
CHINESE = ".zh-TW.md"
FENCED = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
# Stands for anything, in the output that a page shows.
LEFT_OUT = "…"
# These take many seconds, or as long as one likes, and have tests of their own: only their
# arguments are read.
SLOW = {"bench", "lab", "--all", "--gallery"}
# What stands on a page is said without these as well.
SHORTENED = {"reproduce": ["--without-torch"]}


class Block(NamedTuple):
    """A fenced block: its language, the file that it is, where it is one, and its text."""

    language: str
    title: str
    text: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in FENCED.findall(read(name))]


def prose(name: str) -> str:
    return FENCED.sub("", read(name))


def heading_levels(name: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(name), re.MULTILINE)]


def tables(name: str) -> list[str]:
    return re.findall(r"(?:^\|.*\|\n)+", prose(name), re.MULTILINE)


def links(name: str) -> list[str]:
    return re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose(name))


def pairs() -> list[tuple[str, str]]:
    """Every page that a person wrote in both languages, English first."""
    chinese = [*ROOT.glob(f"*{CHINESE}"), *DOCS.glob(f"*{CHINESE}")]
    names = sorted(path.relative_to(ROOT).as_posix() for path in chinese)
    return [(name.replace(CHINESE, ".md"), name) for name in names]


def run_page(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a page's programs and commands, hold what they print against what the page shows, and
    return how many there were.

    A block with a title is a file. ```python is run in one namespace, as a notebook's cells are,
    and ```text behind it is what it prints. ```console has commands behind $ and what they print;
    the commands of ```sh are run, and nothing is said of what they print. A page that does not
    import pandas itself is run without: `".[all]"`, which readers install, does not bring it.
    """
    monkeypatch.chdir(folder)
    for variable in ("LC_ALL", "LC_MESSAGES", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "zh_TW.UTF-8" if name.endswith(CHINESE) else "en_US.UTF-8")
    # A module's namespace: dataclasses look up the name of the module that they are made in.
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = blocks(name)
    if not any(_imports_pandas(block) for block in found):
        _without_pandas(monkeypatch)
    ran = 0
    for block, following in zip(found, [*found[1:], Block("", "", "")], strict=False):
        if block.title:
            titled = folder / block.title
            titled.parent.mkdir(parents=True, exist_ok=True)
            titled.write_text(block.text, encoding="utf-8")
        elif block.language == "python" and _can_run(block):
            # So that a line of it can be shown, as of a notebook's cell.
            file = f"<block {ran} of {name}>"
            linecache.cache[file] = (len(block.text), None, block.text.splitlines(True), file)
            with _printed() as printed:
                exec(compile(block.text, file, "exec"), namespace)
            expected = following.text if following.language == "text" else ""
            assert _shows(expected, printed[0]), f"{block.text}\n{printed[0]}"
            ran += 1
        elif block.language in ("console", "sh"):
            compared = block.language == "console"
            for command, shown in _commands(block):
                output = run_command(command, compared=compared)
                if output is not None:
                    assert not compared or _shows(shown, output), f"{command}\n{output}"
                    ran += 1
    return ran


def run_command(line: str, *, compared: bool) -> str | None:
    """What a command of clearprop, or `python FILE`, prints; None for a command that is not run:
    those of others, slow ones, and shortened ones whose output is not compared."""
    program, *words = shlex.split(line)
    if program == "python" and words[0].endswith(".py"):
        with _printed() as printed, pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", words)
            runpy.run_path(words[0], run_name="__main__")
        return printed[0]
    if program != "clearprop":
        return None
    if SLOW & {*words} or (words[0] in SHORTENED and not compared):
        command_named(words[0]).read(words[1:], "en")
        return None
    with _printed() as printed, pytest.MonkeyPatch.context() as patched:
        patched.setattr(report, "_pictures", lambda *_: iter(()))
        status = main([*words, *SHORTENED.get(words[0], [])])
    assert status in (0, 1), f"{line}\n{printed[0]}"
    return printed[0]


def _imports_pandas(block: Block) -> bool:
    return re.search(r"^(import|from) pandas\b", block.text, re.MULTILINE) is not None


class _NoPandas:
    """Finds no pandas, as where `".[all]"` alone was installed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)


def _without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_NoPandas(), *sys.meta_path])


def _can_run(block: Block) -> bool:
    """Whether what a program imports is installed: PyTorch need not be."""
    return "import torch" not in block.text or find_spec("torch") is not None


def _commands(block: Block) -> Iterator[tuple[str, str]]:
    """Every command of a block, and what stands below it."""
    if block.language == "sh":
        yield from ((line, "") for line in block.text.splitlines() if line.strip())
        return
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


@contextlib.contextmanager
def _printed() -> Iterator[list[str]]:
    """What is printed, to either stream, as a terminal that shows every character shows it."""
    bytes_ = io.BytesIO()
    stream = io.TextIOWrapper(bytes_, encoding="utf-8", newline="\n", write_through=True)
    text: list[str] = []
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield text
    finally:
        text.append(bytes_.getvalue().decode())


def _shows(shown: str, printed: str) -> bool:
    """Whether what a page shows is what was printed; lines' ends are trimmed, as editors do."""
    trimmed = "\n".join(line.rstrip() for line in printed.splitlines())
    parts = (re.escape(part) for part in shown.rstrip("\n").split(LEFT_OUT))
    return re.fullmatch(".*".join(parts), trimmed, re.DOTALL) is not None
