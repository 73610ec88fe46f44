"""Arguments: what is understood, and one clear sentence for what is not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import clearprop
from clearprop.base import messages
from clearprop.cli import main

OPTIONS = ("--out", "--lang", "--steps", "--learning-rate", "--seeds", "--dtype", "--without-torch")


@pytest.fixture(autouse=True)
def english_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--steps", "0"], "--steps takes a whole number of at least 1, and '0' is not."),
        (["--steps", "-5"], "--steps takes a whole number of at least 1, and '-5' is not."),
        (["--steps", "2.5"], "--steps takes a whole number of at least 1, and '2.5' is not."),
        (["--seeds", "many"], "--seeds takes a whole number of at least 1, and 'many' is not."),
        (["--seeds", "0"], "--seeds takes a whole number of at least 1, and '0' is not."),
        (["--learning-rate", "0"], "--learning-rate takes a finite number above 0, and '0'"),
        (["--learning-rate", "-1"], "--learning-rate takes a finite number above 0, and '-1'"),
        (["--learning-rate", "nan"], "--learning-rate takes a finite number above 0, and 'nan'"),
        (["--learning-rate", "inf"], "--learning-rate takes a finite number above 0, and 'inf'"),
        (["--dtype", "float16"], "The dtype 'float16' is not known; choose one of float64"),
        (["--lang", "xx"], "The language 'xx' is not known; choose one of en, zh-TW."),
        (["--out", ""], "--out needs a name, and was given none."),
        (["--steps"], "--steps needs a value behind it."),
        (["--nonsense"], "There is no option --nonsense"),
        (["surplus"], "The arguments were not understood"),
    ],
)
def test_nonsense_is_one_sentence_and_status_2(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"clearprop: {sentence}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bogus"]) == 2
    assert "bogus" in capsys.readouterr().err


def test_an_output_folder_that_is_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    assert main(["reproduce", "--out", str(path)]) == 2
    assert "is a file, where a folder was meant" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_an_output_folder_that_cannot_be_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    assert main(["reproduce", "--out", str(path / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_complaints_are_in_the_language_that_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["reproduce", "--lang", "zh-TW", "--steps", "0"]) == 2
    assert "需要大於或等於 1 的整數" in capsys.readouterr().err
    assert main(["reproduce", "--steps", "0", "--lang=zh-TW"]) == 2
    assert "需要大於或等於 1 的整數" in capsys.readouterr().err
    monkeypatch.setenv("LANG", "zh_TW.UTF-8")
    assert main(["reproduce", "--steps", "0"]) == 2
    assert "需要大於或等於 1 的整數" in capsys.readouterr().err
    assert main(["reproduce", "--steps", "0", "--lang", "en"]) == 2
    assert "takes a whole number" in capsys.readouterr().err


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option(
    language: str,
    option: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANG", "zh_TW.UTF-8" if language == "zh-TW" else "en_US.UTF-8")
    assert main(["reproduce", option]) == 0
    text = capsys.readouterr().out
    assert text.strip() == messages.text(language, "cli.help.reproduce").strip()
    assert set(re.findall(r"--[a-z-]+", text)) == {*OPTIONS, "--help"}
    # A terminal of 100 columns shows it without breaking a line.
    assert max(messages.display_width(line) for line in text.splitlines()) <= 100


def test_help_of_the_command_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        assert main(arguments) == 0
        assert "reproduce" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"clearprop {clearprop.__version__}\n"


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("typer", "This needs typer, which is not installed; install it with: pip install"),
        ("rich", "This needs rich"),
        ("sklearn", "This needs scikit-learn"),
        ("matplotlib", "This needs matplotlib"),
        ("jinja2", "This needs Jinja2"),
        ("latex2mathml", "This needs latex2mathml"),
    ],
)
def test_a_missing_package_is_said_with_the_command_that_installs_it(
    module: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("clearprop.base.dependencies.is_installed", lambda name: name != module)
    assert main(["reproduce", "--out", str(tmp_path / "report")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"clearprop: {sentence}")
    assert "pip install 'clearprop[" in err
    assert list(tmp_path.iterdir()) == []


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'matplotlib', 'sklearn', 'scipy', 'torch', 'jinja2', 'safetensors', 'rich'}"
    code = (
        "import sys; from clearprop.cli import main; main(['reproduce', '--help']); "
        f"sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
