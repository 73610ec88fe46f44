"""What the shells complete, asked of the shells themselves."""

import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import Linear, Network, Sequential, save
from clearprop.base import messages
from clearprop.cli import main
from clearprop.cli.command_line import HELP, Takes
from clearprop.cli.commands import COMMANDS, OPTIONS, SHELLS
from clearprop.cli.commands.write_command import OPTIMIZERS
from clearprop.cli.completion import script
from clearprop.runs.run_folder import MODEL, SETTINGS
from clearprop.runs.run_settings import RunSettings, write_settings

pytestmark = pytest.mark.thorough

pty = pytest.importorskip("pty")

# A command line, and what is proposed for its last word.
LINES: list[tuple[str, set[str]]] = [
    ("clearprop ", {one.name for one in COMMANDS}),
    ("clearprop ex", {"explain", "exercise", "export"}),
    ("clearprop --comp", {"--completion"}),
    ("clearprop --completion ", set(SHELLS)),
    ("clearprop explain --we", {"--weight"}),
    ("clearprop explain net.safetensors --d", {"--data", "--depth"}),
    ("clearprop explain net.safetensors --weight w --f", {"--format"}),
    ("clearprop explain --format ", {"text", "latex", "svg", "html", "pdf", "json"}),
    ("clearprop step --lang ", {"en", "zh-TW"}),
    ("clearprop diagram --kind network_", {"network_forward", "network_backward"}),
    ("clearprop check --witness t", {"torch"}),
    (
        "clearprop write --optimizer ada",
        {name for name in OPTIMIZERS if name.startswith("ada")},
    ),
    ("clearprop health ne", {"net.safetensors", "networks/"}),
    ("clearprop step --data da", {"data.csv"}),
    ("clearprop predict ne", {"net.safetensors", "networks/"}),
    ("clearprop predict networks da", {"data.csv"}),
    ("clearprop evaluate networks data.csv --gr", {"--group"}),
    ("clearprop data d", {"data.csv"}),
    ("clearprop grade --out da", {"data.csv"}),
    ("clearprop exercise --out n", {"networks/"}),
    ("clearprop exercise -o n", {"networks/"}),
]
lines = pytest.mark.parametrize(("line", "proposed"), LINES, ids=[line for line, _ in LINES])


# What is proposed for the last word out of the saved network of a 2-2-1 network with two samples.
LISTED: list[tuple[str, set[str]]] = [
    (
        "clearprop explain 2-2-1.safetensors --weight layers[0].b",
        {"layers[0].bias[0,0]", "layers[0].bias[0,1]"},
    ),
    (
        "clearprop explain 2-2-1.safetensors --weight layers[1].w",
        {"layers[1].weight[0,0]", "layers[1].weight[1,0]"},
    ),
    ("clearprop diagram 2-2-1.safetensors --neuron in", {"input[0]", "input[1]"}),
    ("clearprop step 2-2-1.safetensors --sample ", {"0", "1"}),
    ("clearprop step run --sample ", {"0", "1"}),
    ("clearprop explain run/ --neuron in", {"input[0]", "input[1]"}),
    ("clearprop step --sample ", set()),
    ("clearprop step missing.safetensors --sample ", set()),
]
listed = pytest.mark.parametrize(("line", "proposed"), LISTED, ids=[line for line, _ in LISTED])


@pytest.fixture
def network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with that network in it, and the command where a shell finds it."""
    made = Network(Sequential(Linear(2, 2), Linear(2, 1)))
    told: Any = {"x": np.ones((2, 2)), "target": np.ones((2, 1))}
    save(folder / "2-2-1.safetensors", made, made.initialize(0), **told)
    (folder / "run").mkdir()
    shutil.copy(folder / "2-2-1.safetensors", folder / "run" / MODEL)
    write_settings(RunSettings(data="data.csv", target=("y",)), folder / "run" / SETTINGS)
    command = folder.parent / "bin" / "clearprop"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m clearprop "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files to propose, and beside it the scripts of all shells."""
    place = tmp_path / "work"
    (place / "networks").mkdir(parents=True)
    (place / "net.safetensors").touch()
    (place / "data.csv").touch()
    for shell in SHELLS:
        (tmp_path / shell).write_text(script(shell), encoding="utf-8")
    monkeypatch.chdir(place)
    return place


def said(*command: str, **environ: str) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def bash(line: str) -> set[str]:
    """What the function of the script leaves in COMPREPLY, folders with a slash as bash shows
    them. The words are those that bash makes of the line: an equals sign is one of its own."""
    words = re.findall(r"=|[^ =]+", line) + [""] * line.endswith((" ", "="))
    code = (
        'source ../bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _clearprop; '
        'for one in "${COMPREPLY[@]}"; do echo "$one"; done'
    )
    proposed = said("bash", "--norc", "-c", code, "bash", *words)
    return {f"{one}/" if Path(one).is_dir() and one else one for one in proposed}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@lines
def test_bash(line: str, proposed: set[str], folder: Path) -> None:
    assert bash(line) == proposed


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@listed
def test_bash_proposes_addresses(line: str, proposed: set[str], network: Path) -> None:
    assert bash(line) == proposed
    *before, word = line.split(" ")
    # As far as it is typed, with the quotes and backslashes that brackets need in a shell.
    for typed in (f"'{word}", f'"{word}', word.replace("[", "\\[").replace("]", "\\]")):
        assert bash(" ".join([*before, typed])) == proposed


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_behind_an_equals_sign_and_names_with_spaces(folder: Path) -> None:
    assert bash("clearprop explain --format=s") == {"svg"}
    assert bash("clearprop explain --format=") == {"text", "latex", "svg", "html", "pdf", "json"}
    assert bash("clearprop explain --sample ") == set()
    assert bash("clearprop nonsense --f") == set()
    (folder / "net of mine.safetensors").touch()
    assert bash("clearprop explain net") == {
        "net.safetensors",
        "net of mine.safetensors",
        "networks/",
    }
    assert said("bash", "--norc", "-c", "source ../bash; complete -p clearprop") == [
        "complete -F _clearprop clearprop"
    ]


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
@lines
def test_fish(line: str, proposed: set[str], folder: Path, tmp_path: Path) -> None:
    code = f"source ../fish; complete -C {line!r}"
    told = said("fish", "--no-config", "-c", code, HOME=str(tmp_path))
    assert {one.split("\t")[0] for one in told} == proposed


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
@listed
def test_fish_proposes_addresses(
    line: str, proposed: set[str], network: Path, tmp_path: Path
) -> None:
    code = f"source ../fish; complete -C {line!r}"
    told = said("fish", "--no-config", "-c", code, HOME=str(tmp_path))
    assert {one.split("\t")[0] for one in told} == proposed


def zsh(line: str, proposed: set[str]) -> str:
    """What a zsh in a terminal shows after Tab is pressed twice, until it has shown `proposed`."""
    screen, terminal = pty.openpty()
    with subprocess.Popen(
        ["zsh", "-f", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env={**os.environ, "TERM": "dumb", "PS1": "", "COLUMNS": "200", "HOME": "/"},
    ) as process:
        os.close(terminal)
        start = "autoload -Uz compinit; compinit -D -u; source ../zsh; echo rea''dy\n"
        os.write(screen, start.encode())
        shown, typed, deadline = "", False, time.monotonic() + 30
        while time.monotonic() < deadline:
            ready, _, _ = select.select([screen], [], [], 0.1)
            if ready:
                shown += os.read(screen, 65536).decode(errors="replace")
            if not typed and "ready" in shown:
                os.write(screen, f"{line}\t\t".encode())
                shown, typed = "", True
            if typed and all(word in shown for word in proposed):
                break
        process.kill()
    os.close(screen)
    return shown


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
@pytest.mark.parametrize(
    ("line", "proposed"),
    [
        one
        for one in LINES
        if one[0]
        in (
            "clearprop ex",
            "clearprop explain --we",
            "clearprop explain net.safetensors --d",
            "clearprop explain --format ",
            "clearprop diagram --kind network_",
            "clearprop health ne",
            "clearprop exercise -o n",
            "clearprop --completion ",
        )
    ],
)
def test_zsh(line: str, proposed: set[str], folder: Path) -> None:
    shown = zsh(line, proposed)
    assert all(word in shown for word in proposed), shown


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        # Quoted as it would stand in the line.
        ("clearprop diagram 2-2-1.safetensors --neuron in", {r"input\[0\]", r"input\[1\]"}),
        ("clearprop explain 2-2-1.safetensors --weight=layers[0].b", {r"layers\[0\].bias\[0,1\]"}),
    ],
)
def test_zsh_proposes_addresses(line: str, shown: set[str], network: Path) -> None:
    assert all(word in zsh(line, shown) for word in shown)


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in SHELLS:
        assert main(["--completion", shell]) == 0
        assert capsys.readouterr().out == script(shell)
    assert main(["--completion", "tcsh"]) == 2
    assert "'tcsh' is not known; choose one of bash, zsh, fish." in capsys.readouterr().err
    assert main(["--completion"]) == 2
    assert "--completion needs a value behind it." in capsys.readouterr().err


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_what_is_declared_is_what_the_help_tells(language: str) -> None:
    told = messages.text(language, "cli.help.root")
    assert re.findall(r"^  ([a-z]+)  ", told, re.MULTILINE) == [one.name for one in COMMANDS]
    assert all(one.name in told for one in OPTIONS)
    for command in COMMANDS:
        told = messages.text(language, f"cli.help.{command.name}")
        declared = {one.name for one in (*command.options, HELP)}
        assert set(re.findall(r"--[a-z-]+", told)) == declared, command.name
        for one in command.options:
            assert not one.short or f"{one.short}, {one.name}" in told
            # A flag is followed by its description, anything else by what it takes.
            flag = re.search(rf"{one.name}(  |$)", told, re.MULTILINE)
            assert (flag is not None) is (one.takes is Takes.NOTHING), (command.name, one.name)


def test_the_values_that_are_proposed_are_those_that_there_are() -> None:
    from clearprop.base.arrays import DTYPES
    from clearprop.kinds import kind_tables
    from clearprop.reading.explanation.named_diagrams import KINDS
    from clearprop.teaching.exercises.topics import LEVELS, TOPICS

    words = {(c.name, one.name): one.words for c in COMMANDS for one in c.options}
    assert set(words["diagram", "--kind"]) == set(KINDS)
    assert words["exercise", "--topic"] == tuple(TOPICS)
    assert words["exercise", "--level"] == tuple(map(str, LEVELS))
    assert words["write", "--loss"] == tuple(name.lower() for name in kind_tables.LOSSES)
    assert words["write", "--optimizer"] == tuple(name.lower() for name in kind_tables.OPTIMIZERS)
    assert words["reproduce", "--dtype"] == words["write", "--dtype"] == tuple(DTYPES)
    assert {words[key] for key in words if key[1] == "--lang"} == {messages.LANGUAGES}
