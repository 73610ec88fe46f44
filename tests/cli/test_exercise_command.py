"""`clearprop exercise` from end to end."""

import json
from pathlib import Path

import pytest

from clearprop.base import messages
from clearprop.cli import main
from clearprop.teaching.exercises import TOPICS
from clearprop.teaching.exercises.students import MOST_STUDENTS

OPTIONS = (
    "--out",
    "--topic",
    "--level",
    "--seed",
    "--students",
    "--count",
    "--gradescope",
    "--lang",
)


pytestmark = pytest.mark.usefixtures("own_folder")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def variant(form: bytes) -> str:
    found: str = json.loads(form)["variant"]
    return found


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text("id,name,lang\nB1,王小明,zh-TW\nB2,Ann,en\n", encoding="utf-8")
    return path


def test_a_sheet_and_its_key_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exercise", "--topic", "step", "--level", "2", "-o", "sheet"]) == 0
    assert capsys.readouterr().out == f"Worksheet: sheet; key: {Path('sheet/key')}\n"
    files = contents(Path("sheet"))
    name = variant(files["answers.json"])
    assert name.startswith("step2-")
    assert set(files) == {
        "worksheet.html",
        "backward.py",
        "answers.json",
        "answers.csv",
        f"key/{name}.json",
        f"key/{name}.html",
    }


def test_the_same_seed_gives_the_same_files_and_another_gives_others() -> None:
    for folder, seed in (("one", "4"), ("two", "4"), ("three", "5")):
        assert main(["exercise", "--seed", seed, "--out", folder]) == 0
    assert contents(Path("one")) == contents(Path("two"))
    one, three = (contents(Path(folder))["answers.json"] for folder in ("one", "three"))
    assert variant(one) != variant(three)


def test_every_student_has_a_variant(roster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exercise", "--students", str(roster), "-o", "class"]) == 0
    assert "Worksheets (2): class" in capsys.readouterr().out
    files = contents(Path("class"))
    own = {number: variant(files[f"{number}/answers.json"]) for number in ("B1", "B2")}
    assert own["B1"] != own["B2"]
    keys = {name: json.loads(files[f"key/{own[name]}.json"]) for name in own}
    assert keys["B1"]["language"] == "zh-TW"
    assert keys["B1"]["student"] == {"id": "B1", "name": "王小明"}
    assert keys["B2"]["language"] == "en"
    assert "王小明" in files["B1/worksheet.html"].decode()
    assert "習題單" in files["B1/worksheet.html"].decode()
    assert "Worksheet" in files["B2/worksheet.html"].decode()


def test_a_form_that_is_filled_in_is_never_lost(
    roster: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["exercise", "--students", str(roster), "-o", "class"]
    assert main(command) == 0
    form = Path("class/B2/answers.csv")
    form.write_bytes(form.read_bytes() + b"mine,1\n")
    Path("class/B1/answers.json").unlink()
    before = contents(Path("class"))
    assert main(command) == 2
    assert f"'{form}' is there already with another content" in capsys.readouterr().err
    assert contents(Path("class")) == before


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_more_sheets_than_a_folder_is_for_are_refused(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roster = tmp_path / "all.csv"
    lines = "".join(f"B{k},Ann\n" for k in range(MOST_STUDENTS + 1))
    roster.write_text(f"id,name\n{lines}", encoding="utf-8")
    for orders, key, values in (
        (["--count", "1001"], "exercise_too_many", {}),
        (["--students", str(roster)], "roster_long", {"path": roster}),
    ):
        assert main(["exercise", *orders, "-o", "class", "--lang", language]) == 2
        told = messages.text(language, f"errors.{key}", count="1,001", most="1,000", **values)
        assert told in capsys.readouterr().err
    assert not Path("class").exists()


def test_a_student_who_joins_later_gets_a_sheet_and_the_others_keep_theirs(roster: Path) -> None:
    command = ["exercise", "--students", str(roster), "-o", "class"]
    assert main(command) == 0
    before = contents(Path("class"))
    with roster.open("a", encoding="utf-8") as stream:
        stream.write("B3,Bo,\n")
    assert main(command) == 0
    after = contents(Path("class"))
    # The pages of the whole class are made anew; nothing in them is filled in.
    pages = {"worksheets.html", "key/keys.html"}
    assert {place for place in before if before[place] != after[place]} == pages
    assert after["worksheets.html"].count(b"<article") == 3
    assert "B3/answers.json" in after


def test_a_class_has_all_sheets_in_one_file_and_all_keys_in_another(
    roster: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["exercise", "--topic", "slip", "--students", str(roster), "-o", "class"]
    assert main(command) == 0
    assert f"To print all of them: {Path('class/worksheets.html')}" in capsys.readouterr().out
    files = contents(Path("class"))
    sheets, keys = files["worksheets.html"].decode(), files["key/keys.html"].decode()
    assert sheets.count("<article") == keys.count("<article") == 2
    # Each in its reader's language, with its own variant and figure; no answers among the sheets.
    assert '<article lang="zh-TW">' in sheets
    assert '<article lang="en">' in sheets
    for number in ("B1", "B2"):
        own = variant(files[f"{number}/answers.json"])
        assert own in sheets
        assert own in keys
    assert sheets.count('id="network"') == sheets.count('id="network-2"') == 1
    assert "a1.T" not in sheets
    assert "a1.T" in keys
    # Somebody else's file of that name stays.
    Path("class/worksheets.html").write_text("mine", encoding="utf-8")
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert Path("class/worksheets.html").read_text(encoding="utf-8") == "mine"


def test_so_many_sheets_without_a_roster(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exercise", "--count", "3", "-o", "class", "--lang", "zh-TW"]) == 0
    assert "3 份習題單" in capsys.readouterr().out
    files = contents(Path("class"))
    assert {place.partition("/")[0] for place in files} == {
        "01",
        "02",
        "03",
        "key",
        "worksheets.html",
    }
    assert len({variant(files[f"0{k}/answers.json"]) for k in (1, 2, 3)}) == 3
    form = json.loads(files["02/answers.json"])
    assert form["student"] == {"id": "", "name": ""}
    assert "第 02 份" in files["02/worksheet.html"].decode()


def test_a_roster_of_a_chinese_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "名單.csv"
    path.write_bytes("學號,姓名,電子郵件\r\nB1,王小明,ming@x.tw\r\n".encode("cp950"))
    assert main(["exercise", "--students", str(path), "-o", "class"]) == 0
    files = contents(Path("class"))
    assert "王小明" in files["B1/worksheet.html"].decode()
    key = json.loads(files[f"key/{variant(files['B1/answers.json'])}.json"])
    assert key["student"] == {"id": "B1", "name": "王小明", "email": "ming@x.tw"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exercise"], "clearprop exercise -o DIR"),
        (["exercise", "-o", ""], "--out needs a name"),
        (["exercise", "-o", "d", "--topic", "bread"], "no topic 'bread'"),
        (["exercise", "-o", "d", "--level", "4"], "from 1 to 3"),
        (["exercise", "-o", "d", "--level", "x"], "--level takes a whole number"),
        (["exercise", "-o", "d", "--seed", "-1"], "--seed takes a whole number"),
        (["exercise", "-o", "d", "--lang", "fr"], "'fr' is not known"),
        (["exercise", "-o", "d", "--students", "none.csv"], "no file 'none.csv'"),
        (["exercise", "-o", "d", "--count", "0"], "--count takes a whole number"),
        (["exercise", "-o", "d", "--count", "3", "--students", "r.csv"], "either --students"),
        (["exercise", "-o", "d", "--gradescope", "pack.tar"], "does not end in .zip"),
        (["exercise", "-o", "d", "--gradescope", "no/pack.zip"], "There is no file or folder 'no'"),
        (["exercise", "-o", "file"], "is a file, where a folder was meant"),
    ],
)
def test_a_refusal_is_a_sentence_and_leaves_nothing_behind(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("mine", encoding="utf-8")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["file"]


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_help_names_every_option_and_topic(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["exercise", "--help", "--lang", language]) == 0
    told = capsys.readouterr().out
    for word in (*OPTIONS, *TOPICS):
        assert word in told


def test_an_interruption_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("clearprop.teaching.reports.class_handouts.key_json", interrupted)
    assert main(["exercise", "-o", "sheet"]) == 130
    assert "Interrupted" in capsys.readouterr().err
    assert not Path("sheet").exists()
