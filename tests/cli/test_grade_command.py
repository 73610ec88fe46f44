"""`clearprop grade`: what it prints, what it writes, and its exit statuses."""

import json
import re
from pathlib import Path

import pytest

from clearprop.cli import main
from clearprop.teaching.exercises import exercise
from clearprop.teaching.exercises.starter_code import solution
from clearprop.teaching.grading import class_marking
from clearprop.teaching.grading.marked_handins import CodeMark
from tests.grading.classroom import BLANK, RIGHT, SHEET, write_csv, write_json, write_key


@pytest.fixture
def classroom(tmp_path: Path) -> Path:
    write_key(tmp_path)
    write_json(tmp_path / "a", {**RIGHT, "y": "7"}, ("b1", "Ada"))
    write_csv(tmp_path / "b", student=("b2", "王小明"))
    return tmp_path


def test_a_class_is_marked_and_written(classroom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = classroom / "marks.csv"
    assert main(["grade", str(classroom), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Ada" in said
    assert "王小明" in said
    # 25 of 26 points: a sheet of eleven blanks is worth 13, for the two dz count twice.
    assert SHEET.points == 13
    assert "2 of 2 hand-ins marked; on average 96 % of the points." in said
    assert f"Marks: {out}" in said
    assert "Wrong: y = 7" in out.read_text(encoding="utf-8-sig")
    # What the class got wrong stands in a table: y once of two.
    assert "The chain rule through a network, level 1: 2 hand-ins" in said
    assert re.search(r"\│ y +│ 1 of 2 +│ +1 │", said)


def test_marks_are_not_overwritten_unasked(
    classroom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, name in (("-o", "marks.csv"), ("--stats", "statistics.json")):
        out = classroom / name
        out.write_text("mine")
        assert main(["grade", str(classroom), option, str(out)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert f"'{out}' is there already; add --overwrite" in said.err
        assert out.read_text() == "mine"
        assert main(["grade", str(classroom), option, str(out), "--overwrite"]) == 0
        assert "b2" in out.read_text(encoding="utf-8-sig") or "blanks" in out.read_text()
        capsys.readouterr()


def test_who_handed_in_nothing_is_named(
    classroom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key(classroom, exercise("chain", 1, key="b3"), student=("b3", "Emmy"))
    write_json(classroom / "b4", BLANK, ("b4", "Kurt"))
    out = classroom / "marks.csv"
    assert main(["grade", str(classroom), "-o", str(out)]) == 0
    assert "Nothing handed in (2): b3 Emmy, b4 Kurt." in capsys.readouterr().out
    roster = classroom / "roster.csv"
    roster.write_bytes("學號,姓名\r\nB1,Ada\r\nb4,Kurt\r\nb5,王小明\r\n".encode("cp950"))
    command = ["grade", str(classroom), "--students", str(roster), "-o", str(out), "--overwrite"]
    assert main(command) == 0
    # Who is in the roster in its order, then whom a sheet was made for; ids differ in capitals.
    assert "Nothing handed in (3): b4 Kurt, b5 王小明, b3 Emmy." in capsys.readouterr().out
    rows = out.read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["b1", "b2", "b4", "b5", "b3"]
    assert rows[-1].endswith("Nothing was handed in.")
    assert main([*command, "--lang", "zh-TW"]) == 0
    assert "沒有交作業的有 3 位：b4 Kurt、b5 王小明、b3 Emmy。" in capsys.readouterr().out
    write_json(classroom / "05", BLANK, ("", ""))
    assert main(["grade", str(classroom)]) == 0
    assert "Nothing handed in (3): b3 Emmy, 05, b4 Kurt." in capsys.readouterr().out
    # One student's hand-in is no class.
    assert main(["grade", str(classroom / "a")]) == 0
    assert "Nothing handed in" not in capsys.readouterr().out


def test_the_statistics_of_a_class(classroom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # 2·0.7 with its sign turned round, twice; one backward with z in the place of a.
    for name in ("c", "d"):
        write_json(classroom / name, {**RIGHT, "dC/dy": "1.4"}, (name, name))
    wrong = solution(SHEET).replace("a1.T", "z1.T")
    (classroom / "c" / "backward.py").write_text(f"import numpy as np\n{wrong}")
    path = classroom / "statistics.json"
    assert main(["grade", str(classroom), "--stats", str(path)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"dC/dy +│ 2 of 4 +│ +2 │ +│ the sign is turned round × 2", said)
    assert "backward.py: wrong × 1" in said
    assert "weight gradient is computed from z where a belongs × 1" in said
    assert f"Statistics: {path}" in said
    (sheet,) = json.loads(path.read_text(encoding="utf-8"))["sheets"]
    assert (sheet["topic"], sheet["level"], sheet["hand_ins"]) == ("chain", 1, 4)
    # y lost once, ∂C/∂y twice: 3 of 52 points.
    assert (sheet["points"], sheet["out_of"]) == (49, 52)
    blanks = {blank["name"]: blank for blank in sheet["blanks"]}
    assert blanks["dC/dy"]["mistakes"] == {"sign": 2}
    assert (blanks["dC/dy"]["right"], blanks["dC/dy"]["wrong"], blanks["y"]["wrong"]) == (2, 2, 1)
    assert sheet["code"] == {"wrong": 1}
    assert sheet["code_mistakes"] == {"weight_from_z": 1}


def test_one_hand_in_gets_its_comment_on_the_terminal(
    classroom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", str(classroom / "a" / "answers.json")]) == 0
    assert "Wrong: y = 7 instead of 1.1." in capsys.readouterr().out


def test_in_chinese(classroom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = classroom / "marks.csv"
    assert main(["grade", str(classroom), "--lang", "zh-TW", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "學號" in said
    assert "已批改 2 份，共 2 份作業；平均得到 96 % 的分數。" in said
    assert "學號" in out.read_text(encoding="utf-8-sig")


def test_a_hand_in_that_cannot_be_marked_is_named(
    classroom: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (classroom / "c").mkdir()
    (classroom / "c" / "answers.json").write_text("{")
    assert main(["grade", str(classroom)]) == 1
    said = capsys.readouterr().out
    assert "c: " in said
    assert "is not JSON, from line 1 on." in said
    assert "2 of 3 hand-ins marked" in said
    assert "The comments are in the file that -o names." in said


def test_nothing_that_could_be_marked_leaves_the_old_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key(tmp_path)
    write_json(tmp_path / "a", variant="none")
    out = tmp_path / "marks.csv"
    out.write_text("old")
    assert main(["grade", str(tmp_path), "-o", str(out), "--overwrite"]) == 2
    assert "There is no key for the variant 'none'" in capsys.readouterr().out
    assert out.read_text() == "old"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name what to mark: clearprop grade PATH."),
        (["nowhere", "--key", "{class}/key"], "There is no file or folder 'nowhere'."),
        (["{class}", "--key", ""], "--key"),
        (["{class}", "--key", "{class}/a"], "is not a folder with keys"),
        (["{class}", "-o", "{class}"], "is a folder, where a file was meant."),
        (["{class}", "-o", "{class}/no/marks.csv"], "There is no file or folder"),
        (["{class}", "-o", "{class}/a/answers.csv"], "is a hand-in or a key"),
        (["{class}", "-o", "{class}/key/marks.csv"], "is a hand-in or a key"),
        (["{class}", "-o", "{class}/m", "--stats", "{class}/m"], "give each a file of its own"),
        (["{class}", "--students", "{class}/none.csv"], "no file"),
        (["{class}", "--stats", "{class}/key/s.json"], "is a hand-in or a key"),
        (["{class}", "--lang", "fr"], "fr"),
        (["{class}", "--fast"], "--fast"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    classroom: Path,
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [argument.replace("{class}", str(classroom)) for argument in arguments]
    assert main(["grade", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_backward_is_checked_in_its_own_process(
    classroom: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (classroom / "a" / "backward.py").write_text("print('hello')\nraise SystemExit\n")
    code = "import numpy as np\ndef backward(dy, x, W1, b1, W2, b2):\n"
    code += "    z = x @ W1 + b1\n    dz = (dy @ W2.T) * (z > 0)\n"
    code += "    return dz @ W1.T, x.T @ dz, dz.sum(0), np.maximum(z, 0).T @ dy, dy.sum(0)\n"
    (classroom / "b" / "backward.py").write_text(code)
    out = classroom / "marks.csv"
    assert main(["grade", str(classroom), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "hello" not in said
    assert "not checked" in said
    written = out.read_text(encoding="utf-8-sig")
    assert "it ends the program instead of returning gradients." in written
    assert "backward.py is right." in written

    def not_isolated(*_: object) -> CodeMark:
        return CodeMark(None, isolated=False)

    monkeypatch.setattr(class_marking, "check_code", not_isolated)
    assert main(["grade", str(classroom)]) == 0
    assert "did not let the hand-ins' code run without a network" in capsys.readouterr().out


def test_what_students_write_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key(tmp_path)
    write_json(tmp_path / "a", {**BLANK, "y": "\x1b[2J"}, ("[red]b1", "\x1b]0;x\x07[/nothing]"))
    assert main(["grade", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "[red]b1" in said


def test_ctrl_c_leaves_the_old_marks(
    classroom: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    out = classroom / "marks.csv"
    out.write_text("old")
    monkeypatch.setattr(class_marking, "mark_each", interrupted)
    assert main(["grade", str(classroom), "-o", str(out), "--overwrite"]) == 130
    assert capsys.readouterr().err.count("\n") == 1
    assert out.read_text() == "old"
    assert {path.name for path in classroom.iterdir()} == {"key", "a", "b", "marks.csv"}


@pytest.mark.parametrize(("language", "word"), [("en", "Usage"), ("zh-TW", "用法")])
def test_help(language: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grade", "--lang", language, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"{word}" in said
    assert "--key" in said
    assert "130" in said
