"""`clearprop check`: targets, exit statuses, forms of output."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from clearprop import BatchNorm, CrossEntropy, Linear, ReLU, Residual, Tanh
from clearprop.base import messages
from clearprop.checking import catalogue, checker
from clearprop.checking.name_search import with_names
from clearprop.cli import main
from tests.sweeps import quick_where

PRINTED = Path(__file__).parent.parent / "data" / "printed_training.py"

CODE = """
import numpy as np
from clearprop import Linear, MSE, Network

x = np.array([[0.5, -1.0], [2.0, 0.25]])
layer = Linear(2, 3)
network = Network(layer)
text = "abc"
nothing = None
numbers = [1, 2]
inputs = (x,)
other_inputs = {"x": x}

def relu_forward(x): return np.maximum(x, 0)
def relu_backward(dy, x): return dy * (x > 0)
def other_forward(x): return np.tanh(x)
def other_backward(dy, x): return dy
def log_forward(x): return np.log(x)
def log_backward(dy, x): return dy / x
def lonely_forward(x): return x
def square(x): return x * x
def none_forward(x): return None
def none_backward(dy, x): return dy
def raises_forward(x): raise ValueError("too bad")
raises_backward = none_backward
def string_forward(x): return x
def string_backward(dy, x): return "abc"
def two_forward(x): return x
def two_backward(dy, x): return dy, dy

def case():
    return {"target": relu_forward, "backward": relu_backward, "arrays": (x,)}
def odd_case(): return {"forward": 1}
def no_case(): return 3
def failing_case(): raise RuntimeError("no luck")
def made(): return layer
whole = {"target": network, "x": x, "t": np.ones((2, 3)), "loss": MSE()}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "syntax.py").write_text("def\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("mine.py:layer", 0),
        ("mine.py:relu_forward", 0),
        ("mine.py:other_forward", 1),
        ("mine.py:log_forward", 3),
        ("mine.py:case", 0),
        ("mine.py:made", 0),
        ("mine.py:whole", 0),
        ("clearprop.engine.layers.linear:Linear", 0),
        ("clearprop:MSE", 0),
        ("mine:relu_forward", 0),
    ],
)
def test_the_status_is_the_outcome(
    folder: Path, target: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", target]) == status
    out, err = capsys.readouterr()
    assert out.startswith({0: "RIGHT", 1: "WRONG", 3: "UNDECIDED"}[status])
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "check needs a TARGET"),
        (["mine"], "'mine' is no target; write file.py:name"),
        (["mine.py"], "No training step is found in mine.py"),
        (["gone.py"], "There is no file 'gone.py'"),
        (["syntax.py"], "'syntax.py' could not be imported: SyntaxError"),
        (["mine.py:"], "'mine.py:' is no target"),
        (["gone.py:f"], "There is no file 'gone.py'"),
        (["gone:f"], "There is no module 'gone'"),
        (["mine.py:gone"], "There is no 'gone' in 'mine.py'; it has np, Linear"),
        (["empty.py:gone"], "it has —."),
        (["broken.py:f"], "'broken.py' could not be imported: ModuleNotFoundError"),
        (["broken:f"], "'broken' could not be imported: ModuleNotFoundError"),
        (["syntax.py:f"], "'syntax.py' could not be imported: SyntaxError"),
        (["syntax:f"], "'syntax' could not be imported: SyntaxError"),
        (["mine.py:text"], "and str 'abc' is none of them"),
        (["mine.py:nothing"], "and None is none of them"),
        (["mine.py:numbers"], "and list of 2 is none of them"),
        (["mine.py:lonely_forward"], "there is no lonely_backward beside it"),
        (["mine.py:square"], "there is no square_backward beside it"),
        (["mine.py:none_forward"], "none_forward must return an array of numbers"),
        (["mine.py:raises_forward"], "raises_forward raised ValueError: too bad."),
        (["mine.py:string_forward"], "string_backward must return an array as the gradient of x"),
        (
            ["mine.py:two_forward"],
            "two_backward must return one gradient for each of x (1 in all), and returned 2",
        ),
        (["mine.py:odd_case"], "odd_case() must return what check() takes"),
        (["mine.py:no_case"], "and returned int 3"),
        (["mine.py:failing_case"], "failing_case raised RuntimeError: no luck"),
        (["mine.py:layer", "--against", "mine.py:text"], "and came str 'abc'"),
        (["mine.py:layer", "--lang", "xx"], "The language 'xx' is not known"),
        (["mine.py:layer", "--junit", ""], "--junit needs a name"),
        (["mine.py:layer", "--junit", "no/such/folder.xml"], "cannot be written"),
        (["--all", "mine.py:layer"], "--all and --gallery go over the catalogue and take neither"),
        (["mine.py:layer", "--nonsense"], "There is no option --nonsense"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_status_2(
    folder: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert err.count("\n") == 1
    assert out == ""


def test_a_function_without_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bare.py"
    path.write_text("def forward(x): return x\ndef backward(dy, x): return dy\n")
    assert main(["check", f"{path}:forward"]) == 2
    assert "put the arrays that it takes into 'inputs' beside it" in capsys.readouterr().err


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_tutorials_printed_backward(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [f"{PRINTED}:forward", "--against", f"{PRINTED}:reference", "--lang", language]
    assert main(["check", *arguments]) == 1
    out = capsys.readouterr().out
    assert {"en": "from z where a belongs", "zh-TW": "該用 a 的地方，用 z"}[language] in out
    (row,) = [line for line in out.splitlines() if re.match(r"│ W2 ", line)]
    assert {"en": "WRONG", "zh-TW": "錯誤"}[language] in row
    for name in ("x", "W1", "b1", "b2"):
        (row,) = [line for line in out.splitlines() if re.match(rf"│ {name} ", line)]
        assert {"en": "right", "zh-TW": "正確"}[language] in row


def test_a_reference_may_be_functions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "mine.py:relu_forward", "--against"]
    assert main([*arguments, "mine.py:relu_forward"]) == 0
    assert main([*arguments, "mine.py:other_forward"]) == 1
    assert main([*arguments, "mine.py:made"]) == 2
    assert "The reference takes x, weight, bias" in capsys.readouterr().err


@pytest.mark.parametrize(
    "target",
    quick_where(
        ["clearprop.engine.layers.linear:Linear", "mine.py:relu_forward", "mine.py:whole"],
        lambda place, _: place == 0,
    ),
)
def test_a_check_waits_for_no_framework_that_nobody_asked_for(folder: Path, target: str) -> None:
    code = (
        f"import sys; from clearprop.cli import main; status = main(['check', {target!r}]); "
        "sys.exit(status or ', '.join({'torch', 'jax'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "complex-step agrees" in done.stdout


def test_other_frameworks_are_heard_where_they_are_asked_for(
    folder: Path, torch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def heard(*arguments: str) -> list[str]:
        assert main(["check", *arguments, "--json"]) == 0
        return [one["name"] for one in json.loads(capsys.readouterr().out)["witnesses"]]

    assert heard("mine.py:layer") == ["complex-step"]
    assert heard("mine.py:layer", "--witness", "torch") == ["complex-step", "torch"]
    assert heard("mine.py:layer", "--against", "mine.py:layer") == ["complex-step", "reference"]
    # What a case says counts: its own witnesses, and its twins.
    (folder / "cases.py").write_text(
        "import numpy as np\nfrom clearprop import ReLU\n"
        "def forward(x): return np.maximum(x, 0)\n"
        "def backward(dy, x): return dy * (x > 0)\n"
        "x = np.array([[0.5, -1.0]])\n"
        "alone = {'target': ReLU(), 'x': x, 'witnesses': ('torch',)}\n"
        "twin = {'target': forward, 'backward': backward, 'arrays': (x,),"
        " 'twins': {'torch': lambda x: x.relu()}}\n"
    )
    assert heard("cases.py:alone") == ["torch"]
    assert heard("cases.py:twin") == ["complex-step", "torch"]
    assert main(["check", "mine.py:layer", "--witness", "tensorflow"]) == 2
    assert "The witness 'tensorflow' is not known" in capsys.readouterr().err
    assert main(["check", "--all", "--witness", "torch"]) == 2
    assert "take neither a TARGET nor --against, --witness or --why" in capsys.readouterr().err


def test_the_verdict_is_printed_before_a_name_is_looked_for(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = []

    def looked_for(verdict: Any, *rest: Any) -> Any:
        printed.append(capsys.readouterr().out)
        return with_names(verdict, *rest)

    monkeypatch.setattr(checker, "with_names", looked_for)
    assert main(["check", "mine.py:other_forward"]) == 1
    (before,) = printed
    assert before.startswith("WRONG: ")
    assert "│ x " in before
    assert "The likely mistake" not in before
    after = capsys.readouterr().out
    assert after.startswith("- The likely mistake")
    assert after.count("\n") == 1


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mine.py:other_forward", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["outcome"] == "wrong"
    assert data["arrays"][0]["name"] == "x"


def test_junit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mine.py:other_forward", "--junit", "out.xml"]) == 1
    root = ElementTree.parse(folder / "out.xml").getroot()
    assert root.find("testsuite/testcase/failure") is not None


@pytest.mark.thorough
def test_all_of_the_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What comes of every one is asked without the command; here every sixth, and these.
    every = catalogue.requests()
    shown = (Linear, BatchNorm, CrossEntropy, Residual)
    some = [one for n, one in enumerate(every) if n % 6 == 0 or isinstance(one.target, shown)]
    monkeypatch.setattr(catalogue, "requests", lambda: some)
    junit = tmp_path / "all.xml"
    assert main(["check", "--all", "--junit", str(junit)]) == 0
    out, err = capsys.readouterr()
    assert "The catalogue against its witnesses" in out
    for name in ("Linear(3, 4)", "BatchNorm(3)", "CrossEntropy(", "Residual(Tanh())"):
        assert name in out
    assert " 0 wrong, 0 undecided" in out
    assert err == ""
    assert len(ElementTree.parse(junit).getroot().findall("testsuite")) == len(some) > 30


def test_a_wrong_layer_of_the_catalogue_is_shown_with_its_verdict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [one for one in catalogue.requests() if isinstance(one.target, ReLU | Tanh)]
    monkeypatch.setattr(catalogue, "requests", lambda: few)
    monkeypatch.setattr(
        "clearprop.engine.layers.activations.Tanh.derivative", lambda self, z, a: 1 - a
    )
    assert main(["check", "--all", "--lang", "zh-TW"]) == 1
    assert "Tanh() 的反向傳遞不屬於它的前向傳遞" in capsys.readouterr().out
    assert main(["check", "--all", "--json"]) == 1
    outcomes = [one["outcome"] for one in json.loads(capsys.readouterr().out)]
    assert outcomes == ["wrong" if isinstance(one.target, Tanh) else "right" for one in few]
    assert {*outcomes} == {"right", "wrong"}


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_help_names_every_option(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--lang", language, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.strip() == messages.text(language, "cli.help.check").strip()
    options = {"--against", "--witness", "--why", "--all", "--gallery", "--json", "--junit"}
    options |= {"--averaged", "--lang", "--help"}
    assert set(re.findall(r"--[a-z-]+", text)) == options
    assert max(messages.display_width(line) for line in text.splitlines()) <= 100


def test_as_a_process_of_its_own(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "clearprop", "check", "mine.py:other_forward"],
        cwd=folder,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.startswith("WRONG: the backward pass of other_forward")


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_why_is_said_where_it_is_asked_for(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "def forward(x):\n    return np.tanh(x)\n"
        "def backward(dy, x):\n    return dy * np.tanh(x)\n"
        "inputs = (np.linspace(-1.2, 1, 7),)\n"
    )
    asked = ["check", f"{path}:forward", "--lang", language]
    assert main(asked) == 1
    short = capsys.readouterr().out
    assert main([*asked, "--why"]) == 1
    said = capsys.readouterr().out
    head = messages.text(language, "checking.why.head_named")
    assert head in said
    assert head not in short
    # What was named comes first, and every other kind that was tried has a line of its own.
    lines = said.partition(head)[2].strip().splitlines()
    assert messages.text(language, "mistakes.value_for_derivative.name") in lines[0]
    assert messages.text(language, "checking.why.named") in lines[0]
    assert len(lines) > 10


def test_why_is_asked_of_one_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--all", "--why", "--lang", "en"]) == 2
    assert "--why" in capsys.readouterr().err
