"""The autograder for Gradescope, from the command that writes it to the results of a submission."""

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from clearprop.cli import main
from clearprop.teaching.exercises import Exercise, exercise
from clearprop.teaching.exercises.starter_code import solution
from clearprop.teaching.grading import gradescope
from clearprop.teaching.grading.gradescope import graded

ROSTER = """學號,姓名,lang,email
B1,Ada Lovelace,en,ada@x.edu
B2,王小明,zh-TW,ming@x.tw
B3,Emmy Noether,en,
"""
SHEETS = {number: exercise("chain", 1, seed=3, key=number) for number in ("B1", "B2", "B3")}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as Gradescope makes /autograder when it builds the image: the pack is unpacked into
    source/, setup.sh is run, and run_autograder is copied beside it.

    In the place of the system's Python stands one that makes a venv out of ours: what setup.sh
    would download is here already.
    """
    folder = tmp_path_factory.mktemp("gradescope")
    (folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
    command = ["exercise", "--topic", "chain", "--seed", "3", "--lang", "en"]
    command += ["--students", str(folder / "roster.csv"), "-o", str(folder / "class")]
    assert main([*command, "--gradescope", str(folder / "pack.zip")]) == 0
    base = folder / "autograder"
    with zipfile.ZipFile(folder / "pack.zip") as pack:
        pack.extractall(base / "source")
        for entry in pack.infolist():
            (base / "source" / entry.filename).chmod(entry.external_attr >> 16 & 0o777)
    stub = folder / "bin" / "python3"
    stub.parent.mkdir()
    stub.write_text(
        f"""#!/bin/bash
if [[ $1 == -m && $2 == venv ]]; then
    mkdir -p "$3/bin"
    printf '#!/bin/bash\nexec {sys.executable} "$@"\n' > "$3/bin/python"
    printf '#!/bin/bash\necho "$@" > {folder}/installed\n' > "$3/bin/pip"
    chmod +x "$3/bin/python" "$3/bin/pip"
else
    exec {sys.executable} "$@"
fi
""",
        encoding="utf-8",
    )
    stub.chmod(0o755)
    path = f"{stub.parent}:{os.environ['PATH']}"
    subprocess.run(["bash", str(base / "source" / "setup.sh")], check=True, env={"PATH": path})
    assert (folder / "installed").read_text() == "install numpy>=2.0\n"
    shutil.copy(base / "source" / "run_autograder", base / "run_autograder")
    return base


def answers(sheet: Exercise, **changed: str) -> dict[str, str]:
    return {blank.name: str(blank.value) for blank in sheet.blanks} | changed


def form(sheet: Exercise, filled: dict[str, str]) -> str:
    return json.dumps(
        {
            "format": "clearprop-answers",
            "version": 1,
            "variant": sheet.variant,
            "student": {"id": "", "name": ""},
            "answers": filled,
        }
    )


def submit(image: Path, tmp_path: Path, files: dict[str, str], *users: dict[str, Any]) -> Path:
    """A container of its own: the image with a submission in it."""
    base = tmp_path / "autograder"
    base.mkdir()
    for inside in ("source", "run_autograder"):
        (base / inside).symlink_to(image / inside)
    for name, content in files.items():
        path = base / "submission" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (base / "submission").mkdir(exist_ok=True)
    (base / "results").mkdir()
    metadata = {"id": 1, "users": list(users), "previous_submissions": []}
    (base / "submission_metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    return base


ADA = {"email": "ada@x.edu", "id": 17, "name": "Ada Lovelace"}
MING = {"email": "Ming@x.tw", "id": 18, "name": "小明"}
EMMY = {"email": "en@x.edu", "id": 19, "name": "Emmy Noether"}


def score(results: dict[str, Any]) -> tuple[int, int]:
    tests = results["tests"]
    return sum(one["score"] for one in tests), sum(one["max_score"] for one in tests)


def test_a_submission_is_graded_as_the_harness_does_it(image: Path, tmp_path: Path) -> None:
    sheet = SHEETS["B2"]
    y = next(blank for blank in sheet.blanks if blank.name == "y")
    wrong = solution(sheet).replace("a1.T", "z1.T")
    files = {
        "answers.json": form(sheet, answers(sheet, y=str(-y.value))),
        "backward.py": f"import numpy as np\nprint('mine')\n{wrong}",
    }
    base = submit(image, tmp_path, files, MING)
    # run_autograder is copied, not linked, by the harness; its working directory is /autograder.
    (base / "run_autograder").unlink()
    shutil.copy(image / "run_autograder", base / "run_autograder")
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [str(base / "run_autograder")], cwd=base, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mine" not in done.stdout
    results = json.loads((base / "results" / "results.json").read_text(encoding="utf-8"))
    assert score(results) == (12, 13) == (sheet.points - 1, sheet.points)
    assert results["output"] == "12 分，滿分 13 分。"
    by_name = {one["name"]: one for one in results["tests"]}
    assert [one["name"] for one in results["tests"]] == [
        *(blank.name for blank in sheet.blanks),
        "backward.py",
    ]
    assert by_name["y"] == {
        "number": "5",
        "name": "y",
        "score": 0,
        "max_score": 1,
        "status": "failed",
        "output": "答錯。可能的錯誤：正負號相反。",
    }
    assert by_name["C"]["status"] == "passed"
    assert by_name["backward.py"]["status"] == "failed"
    assert "該用 a 的地方，用 z 計算了權重梯度" in by_name["backward.py"]["output"]
    assert results["extra_data"] == {"variant": sheet.variant, "student_id": "B2"}
    # It is the pack's own clearprop that ran.
    which = [str(image / "source/venv/bin/python"), "-P", "-c"]
    which.append("import clearprop; print(clearprop.__file__)")
    environment["PYTHONPATH"] = str(base / "source")
    said = subprocess.run(which, cwd=base, env=environment, capture_output=True, text=True).stdout
    assert said.startswith(str(base / "source"))


def test_no_right_answer_is_told(image: Path, tmp_path: Path) -> None:
    sheet = SHEETS["B1"]
    filled = {blank.name: f"{17.25 + number}" for number, blank in enumerate(sheet.blanks)}
    base = submit(image, tmp_path, {"answers.json": form(sheet, filled)}, ADA)
    results = graded(base, "en")
    assert score(results) == (0, 13)
    told = json.dumps(results, ensure_ascii=False)
    for blank in sheet.blanks:
        assert f"{blank.value:g}" not in told or blank.value == round(blank.value), blank.name
    assert {one["status"] for one in results["tests"]} == {"failed"}


def test_a_right_backward_and_a_missing_one(image: Path, tmp_path: Path) -> None:
    sheet = SHEETS["B1"]
    code = f"import numpy as np\n{solution(sheet)}"
    files = {"hw1/answers.json": form(sheet, answers(sheet)), "hw1/backward.py": code}
    results = graded(submit(image, tmp_path, files, ADA), "en")
    assert score(results) == (13, 13)
    assert results["tests"][-1]["output"] == "backward.py is right."
    del files["hw1/backward.py"]
    (tmp_path / "again").mkdir()
    results = graded(submit(image, tmp_path / "again", files, ADA), "en")
    assert results["tests"][-1]["output"] == "backward.py was not handed in."
    assert score(results) == (13, 13)


@pytest.mark.parametrize(("user", "number"), [(ADA, "B1"), (MING, "B2"), (EMMY, "B3")])
def test_without_a_form_the_sheet_is_that_of_who_handed_in(
    image: Path, tmp_path: Path, user: dict[str, Any], number: str
) -> None:
    code = f"import numpy as np\n{solution(SHEETS[number])}"
    results = graded(submit(image, tmp_path, {"backward.py": code}, user), "en")
    assert results["extra_data"]["student_id"] == number
    assert score(results) == (0, 13)
    assert results["tests"][-1]["status"] == "passed"


def refusal(results: dict[str, Any]) -> str:
    (test,) = results["tests"]
    assert results["score"] == test["score"] == test["max_score"] == 0
    assert test["status"] == "failed"
    assert test["output"] == results["output"]
    said: str = results["output"]
    assert "\n" not in said
    return said


def test_somebody_elses_sheet_is_refused(image: Path, tmp_path: Path) -> None:
    sheet = SHEETS["B2"]
    base = submit(image, tmp_path, {"answers.json": form(sheet, answers(sheet))}, ADA)
    own = SHEETS["B1"].variant
    assert refusal(graded(base, "en")) == (
        f"This is the form of variant {sheet.variant}, which is somebody else's sheet; "
        f"yours is {own}."
    )
    # In a group one of them is enough; where the roster has no address, the form says whose it is.
    (tmp_path / "group").mkdir()
    files = {"answers.json": form(sheet, answers(sheet))}
    assert score(graded(submit(image, tmp_path / "group", files, ADA, MING), "en")) == (13, 13)
    (tmp_path / "free").mkdir()
    files = {"answers.json": form(SHEETS["B3"], answers(SHEETS["B3"]))}
    assert score(graded(submit(image, tmp_path / "free", files, ADA), "en")) == (13, 13)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "Nothing that can be marked was handed in: upload one of answers.json"),
        ({"notes.txt": "hello"}, "under exactly that name"),
        ({"answers.json": "{"}, "is not JSON"),
        ({"answers.json": "[" * 100_000}, "is not JSON"),
        ({"answers.json": " " * 1_000_001}, "is larger than"),
        ({"answers.json": "[]"}, "'submission/answers.json' is not"),
        ({"answers.json": form(SHEETS["B1"], {}).replace("chain1-", "chain9-")}, "no key for the"),
        ({"a/answers.csv": "x", "b/answers.csv": "y"}, "in several folders (a, b)"),
        ({"answers.csv": "name,answer\nvariant,../../x\n"}, "no key for the variant"),
    ],
)
def test_what_cannot_be_marked_is_a_sentence(
    image: Path, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    base = submit(image, tmp_path, files, ADA)
    sentence = refusal(graded(base, "en"))
    assert said in sentence
    assert str(tmp_path) not in sentence
    refusal(graded(base, "zh-TW"))


@pytest.mark.parametrize(
    "metadata", ["", "{", "[]", '{"users": 3}', '{"users": [3, {"email": [], "name": {}}]}']
)
def test_metadata_that_say_nothing_are_no_reason_to_stop(
    image: Path, tmp_path: Path, metadata: str
) -> None:
    sheet = SHEETS["B1"]
    base = submit(image, tmp_path, {"answers.json": form(sheet, answers(sheet))})
    (base / "submission_metadata.json").write_text(metadata)
    assert score(graded(base, "en")) == (13, 13)
    (base / "submission" / "answers.json").unlink()
    (base / "submission" / "backward.py").write_text("x = 1")
    assert "whose sheet it is cannot be told" in refusal(graded(base, "en"))


def test_hostile_work_costs_nothing_but_itself(image: Path, tmp_path: Path) -> None:
    sheet = SHEETS["B1"]
    keys = image / "source" / "key"
    code = f"import sys, shutil\nshutil.rmtree({str(keys)!r})\nsys.exit(0)\n"
    wild = answers(sheet) | {"y": "\x1b[2J<script>", "C": "9" * 10_000}
    files = {"answers.json": form(sheet, wild), "backward.py": code}
    results = graded(submit(image, tmp_path, files, ADA), "en")
    assert score(results) == (11, 13)
    assert "tries to change files" in results["tests"][-1]["output"]
    assert len(list(keys.iterdir())) == 3
    assert "\x1b" not in json.dumps(results, ensure_ascii=False)
    # A link to a key is not read as a form.
    (tmp_path / "link").mkdir()
    base = submit(image, tmp_path / "link", {}, ADA)
    (base / "submission" / "answers.json").symlink_to(next(keys.glob("*.json")))
    assert "link" in refusal(graded(base, "en"))


def test_a_fault_of_the_autograder_is_told_to_the_teacher_alone(
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret 0.4711")

    monkeypatch.setattr(gradescope, "mark", broken)
    sheet = SHEETS["B1"]
    base = submit(image, tmp_path, {"answers.json": form(sheet, answers(sheet))}, ADA)
    assert refusal(graded(base, "en")).startswith("The autograder itself failed; nothing is wrong")
    assert "secret 0.4711" in capsys.readouterr().out


def test_the_pack(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = image / "source"
    keys = {path.stem for path in (source / "key").iterdir()}
    assert keys == {sheet.variant for sheet in SHEETS.values()}
    assert stat.S_IMODE((source / "key").stat().st_mode) & 0o077 == 0
    for name in ("setup.sh", "run_autograder"):
        assert os.access(source / name, os.X_OK)
        assert subprocess.run(["bash", "-n", str(source / name)]).returncode == 0
    packs = [tmp_path / "one.zip", tmp_path / "two.zip"]
    for pack in packs:
        command = ["exercise", "-o", str(tmp_path / "sheet"), "--gradescope", str(pack)]
        assert main(command) == 0
        assert str(pack) in capsys.readouterr().out
        assert main(command) == 0  # ours is replaced
    assert packs[0].read_bytes() == packs[1].read_bytes()
    inside = tmp_path / "new" / "pack.zip"
    assert main(["exercise", "-o", str(inside.parent), "--gradescope", str(inside)]) == 0
    assert zipfile.is_zipfile(inside)
    packs[0].write_bytes(b"mine")
    capsys.readouterr()
    assert main(["exercise", "-o", str(tmp_path / "other"), "--gradescope", str(packs[0])]) == 2
    assert "is there already" in capsys.readouterr().err
    assert packs[0].read_bytes() == b"mine"
    assert not (tmp_path / "other").exists()
