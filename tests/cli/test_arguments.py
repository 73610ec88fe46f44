"""Arguments: what is understood, and one clear sentence for what is not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clearprop
from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.cli import main
from clearprop.cli.command_line import Option, Takes, parse
from clearprop.cli.commands import COMMANDS
from clearprop.cli.status import NOBODY_READS

OPTIONS = (
    *("--out", "--lang", "--steps", "--learning-rate", "--seeds", "--dtype", "--engine"),
    "--without-torch",
)


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
        (["surplus"], "There is no showpiece 'surplus'"),
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
        ("rich", "This needs rich, which is not installed; install it with: pip install"),
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


LIGHT = [
    ["--help"],
    ["--version"],
    ["--completion", "bash"],
    ["bogus"],
    *([name.name, "--help"] for name in COMMANDS),
    *([name.name, "--nonsense"] for name in COMMANDS),
    ["explain", "net.safetensors"],
    ["check"],
    ["exercise", "-o", "sheet", "--level", "0"],
]
# One process says them all, for nothing should be there before the next one.
SAY_THEM = """
import json, pathlib, sys
from clearprop.cli import main
heavy = {"numpy", "scipy", "matplotlib", "sklearn", "torch", "jax", "jinja2", "rich"}
found = []
for words in json.loads(sys.argv[1]):
    before = set(sys.modules)
    main(words)
    new = sys.modules.keys() - before if found else sys.modules.keys()
    rooms = [name.split(".")[1] for name in new if name.startswith("clearprop.")]
    loaded = heavy & {name.partition(".")[0] for name in new}
    found.append(sorted(loaded | {*rooms} - {"base", "cli"}))
pathlib.Path("loaded.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each of `LIGHT` loads that those before it did not."""
    folder = tmp_path_factory.mktemp("light")
    command = [sys.executable, "-c", SAY_THEM, json.dumps(LIGHT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "loaded.json").read_text())
    return dict(zip(map(" ".join, LIGHT), found, strict=True))


@pytest.mark.parametrize("words", [" ".join(words) for words in LIGHT])
def test_help_and_complaints_load_nothing_of_what_a_command_does(
    words: str, loaded: dict[str, list[str]]
) -> None:
    assert loaded[words] == []


OUT = Option("--out", "-o", Takes.FILE)
ALL = Option("--all", "-a", Takes.NOTHING)
LEVEL = Option("--level")


@pytest.mark.parametrize(
    ("words", "values", "others"),
    [
        ("", {}, ""),
        ("x --out y", {"--out": "y"}, "x"),
        ("--out=y x", {"--out": "y"}, "x"),
        ("--out= x", {"--out": ""}, "x"),
        ("--out=a=b", {"--out": "a=b"}, ""),
        ("-o y x", {"--out": "y"}, "x"),
        ("-oy -a x", {"--out": "y", "--all": ""}, "x"),
        ("-ao y x", {"--all": "", "--out": "y"}, "x"),
        ("-aoy", {"--all": "", "--out": "y"}, ""),
        ("--level -1 x", {"--level": "-1"}, "x"),
        ("--level --all", {"--level": "--all"}, ""),
        ("--level 1 --level 2", {"--level": "2"}, ""),
        ("- x", {}, "- x"),
        ("-a -- --out y", {"--all": ""}, "--out y"),
        ("x -- -", {}, "x -"),
    ],
)
def test_words_are_read_as_gnu_programs_read_them(
    words: str, values: dict[str, str], others: str
) -> None:
    assert parse(words.split(), (OUT, ALL, LEVEL), "it") == (values, others.split())


def test_the_words_behind_the_first_operand_can_be_left_alone() -> None:
    words = ["-a", "x", "-a", "--level"]
    assert parse(words, (ALL,), "it", until_operand=True) == ({"--all": ""}, words[1:])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--al", "There is no option --al; `it --help` lists those that there are."),
        ("--out y --lev 2", "There is no option --lev;"),
        ("-ax", "There is no option -x;"),
        ("--=x", "There is no option --;"),
        ("--level", "--level needs a value behind it."),
        ("x -o", "-o needs a value behind it."),
        ("--all=3", "--all takes no value, and was given '3'."),
    ],
)
def test_words_that_are_not_understood(words: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        parse(words.split(), (OUT, ALL, LEVEL), "it")


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        (["bogus"], "There is no command 'bogus'; `clearprop --help`", "沒有「bogus」這個指令"),
        (["explian"], "did you mean 'explain'?", "是不是 'explain'？"),
        (["health", "a", "b", "c"], "'b c'; `clearprop health --help`", "用不到「b c」"),
        (["exercise", "a"], "'a'; `clearprop exercise --help`", "用不到「a」"),
        (["check", "--all=3"], "--all takes no value, and was given '3'.", "後面不接值"),
    ],
)
def test_what_is_not_understood_is_said_in_both_languages(
    words: list[str],
    english: str,
    chinese: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(words) == 2
    assert english in capsys.readouterr().err
    monkeypatch.setenv("LANG", "zh_TW.UTF-8")
    assert main(words) == 2
    assert chinese in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ("--lang zh-TW", 0, "看得見"),
        ("--help --lang zh-TW", 0, "看得見"),
        ("--lang=zh-TW --help", 0, "看得見"),
        ("--lang zh-TW data --help", 0, "用法：clearprop data"),
        ("--lang zh-TW data", 2, "clearprop data"),
        ("--lang=zh-TW bogus", 2, "沒有「bogus」這個指令"),
        ("--lang fr --help", 2, "'fr'"),
        ("--lang", 2, "--lang needs a value"),
    ],
)
def test_the_language_may_stand_before_the_command(
    words: str, status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == status
    assert says in "".join(capsys.readouterr())


def test_what_is_asked_for_first_is_what_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version", "explain", "--nonsense"]) == 0
    assert capsys.readouterr().out == f"clearprop {clearprop.__version__}\n"
    assert main(["--help", "explain"]) == 0
    assert "COMMAND [OPTIONS]" in capsys.readouterr().out
    assert main(["explain", "a", "b", "--sample", "x", "-h"]) == 0
    assert "clearprop explain FILE [OPTIONS]" in capsys.readouterr().out


def test_without_rich_only_what_it_draws_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearprop.base.dependencies.is_installed", lambda name: name != "rich")
    assert main(["write", "1-1"]) == 0
    assert main(["check", "clearprop:Linear", "--json"]) == 0
    capsys.readouterr()
    for words in (["check", "clearprop:Linear"], ["check", "--all"], ["check", "--gallery"]):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("clearprop: This needs rich, which is not installed")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize(
    "words", [["--help"], ["write", "1-10-relu-1"], ["check", "clearprop:Linear"]]
)
def test_a_pipe_that_nobody_reads_ends_it_without_a_word(words: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "clearprop", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == NOBODY_READS


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["check", "clearprop:Linear"]])
def test_a_full_disk_is_one_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "clearprop", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "clearprop: Standard output cannot be written: No space left on device.\n"
    )


def test_memory_that_does_not_suffice_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asks(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 902. GiB")

    monkeypatch.setattr("clearprop.data.reading.read_table", asks)
    for language, sentence in (("en", "more memory than there is"), ("zh-TW", "需要的記憶體")):
        assert main(["data", str(tmp_path / "table.csv"), "--lang", language]) == 2
        err = capsys.readouterr().err
        assert sentence in err
        assert "902. GiB" in err
        assert len(err.splitlines()) == 1
