"""marks.csv and the comments in it."""

import csv
import io
from pathlib import Path

import pytest

from clearprop.teaching.grading import mark_folder
from clearprop.teaching.grading.gradebook import marks_csv
from clearprop.teaching.grading.untrusted_files import legible
from tests.grading.classroom import BLANK, RIGHT, SHEET, write_json, write_key


def table(folder: Path, language: str = "en") -> list[dict[str, str]]:
    content = marks_csv(mark_folder(folder), language)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_one_row_a_hand_in_with_the_points_of_every_blank(tmp_path: Path) -> None:
    write_key(tmp_path)
    write_json(tmp_path / "a", {**RIGHT, "y": "7"}, ("b1", "Ada"))
    write_json(tmp_path / "b", variant="none")
    first, second = table(tmp_path)
    assert list(first) == ["id", "name", "variant", *RIGHT, "total", "out of", "comment"]
    assert (first["id"], first["name"], first["variant"]) == ("b1", "Ada", SHEET.variant)
    assert (first["y"], first["C"]) == ("0", "1")
    assert (first["total"], first["out of"]) == (str(SHEET.points - 1), str(SHEET.points))
    assert first["comment"] == "Wrong: y = 7 instead of 1.1."
    assert second["id"] == "b"
    assert second["total"] == ""
    assert second["comment"].startswith("Not marked: There is no key for the variant 'none'")


# y = 0.6 + 0.5 = 1.1. Taken for 0.1, C is 1.7² = 2.89.
MIXED = {**BLANK, "z1(1)": "1.5", "y": "0.1", "C": "2.89", "a1(1)": "=1+1", "w": "3"}


@pytest.mark.parametrize(
    ("language", "answers", "said"),
    [
        ("en", RIGHT, "Everything is right."),
        ("zh-TW", RIGHT, "全部正確。"),
        ("en", BLANK, "No answer is filled in."),
        ("zh-TW", BLANK, "沒有填寫任何答案。"),
        (
            "en",
            MIXED,
            "Left open: z2(1), a2(1), dC/dy, dC/dw11(2), dC/dz1(1), dC/dz2(1), dC/dw11(1). "
            "Wrong: y = 0.1 instead of 1.1. "
            "Counted, because they follow rightly from earlier answers: C. "
            "Not a number: a1(1) = =1+1. The sheet has no blank called w.",
        ),
        (
            "zh-TW",
            MIXED,
            "未作答：z2(1)、a2(1)、dC/dy、dC/dw11(2)、dC/dz1(1)、dC/dz2(1)、dC/dw11(1)。"
            "答錯：y = 0.1，應為 1.1。"
            "從自己前面的答案正確推得，因此給分：C。不是數字：a1(1) = =1+1。"
            "習題單上沒有這些空格：w。",
        ),
    ],
)
def test_the_comment_is_in_the_language_of_the_sheet(
    tmp_path: Path, language: str, answers: dict[str, str], said: str
) -> None:
    write_key(tmp_path, language=language)
    write_json(tmp_path / "a", answers)
    for other in ("en", "zh-TW"):
        content = marks_csv(mark_folder(tmp_path), other).decode("utf-8-sig")
        assert list(csv.reader(io.StringIO(content)))[1][-1] == said


def test_the_header_is_in_the_language_asked_for(tmp_path: Path) -> None:
    write_key(tmp_path)
    write_json(tmp_path / "a")
    (row,) = table(tmp_path, "zh-TW")
    assert list(row) == ["學號", "姓名", "題號", *RIGHT, "總分", "滿分", "評語"]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "  =", "＝", "\r\n+"])
def test_a_spreadsheet_runs_nothing_of_what_a_student_wrote(tmp_path: Path, begin: str) -> None:
    write_key(tmp_path)
    attack = f'{begin}HYPERLINK("http://x","y")'
    write_json(tmp_path / "=a", {**RIGHT, attack: attack, "y": attack}, (attack, attack))
    write_json(tmp_path / "@b", variant=attack)
    for row in table(tmp_path):
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝"))
            assert "\n" not in cell
    assert table(tmp_path)[0]["name"].startswith("'")


def test_two_hand_ins_with_one_id_and_one_for_somebody_else_are_remarked(tmp_path: Path) -> None:
    write_key(tmp_path, student=("b1", "Ada"))
    write_json(tmp_path / "a", student=("b2", "Emmy"))
    write_json(tmp_path / "b", student=("b2", "Emmy"))
    for row in table(tmp_path):
        assert row["comment"] == (
            "Everything is right. The sheet was made for b1. 2 hand-ins have this id."
        )


def test_text_is_made_legible() -> None:
    assert legible("a\x1b[31m\nb") == "a [31m b"
    assert legible("x" * 50) == "x" * 39 + "…"
    assert legible("x" * 40) == "x" * 40


def test_a_backward_has_a_column_and_its_diagnosis_in_the_comment(tmp_path: Path) -> None:
    write_key(tmp_path, language="zh-TW")
    for name in "abc":
        write_json(tmp_path / name, BLANK if name == "a" else RIGHT)
    (tmp_path / "a" / "backward.py").write_text("x = 1")
    (tmp_path / "b" / "backward.py").write_text(ONE_INPUT)
    rows = table(tmp_path)
    assert [row["backward"] for row in rows] == ["not checked", "wrong", ""]
    assert rows[0]["comment"].startswith(
        "沒有填寫任何答案。backward.py 未能檢查：沒有定義函式「backward」。"
    )
    assert rows[1]["comment"].startswith("全部正確。backward.py 有錯。W2：")
    assert rows[1]["comment"].endswith("。有 3 份作業使用這個學號。")
    assert rows[2]["comment"].startswith("全部正確。")


ONE_INPUT = """
import numpy as np

def backward(dy, x, W1, b1, W2, b2):
    z = x @ W1 + b1
    dz = (dy @ W2.T) * (z > 0)
    return dz @ W1.T, x.T @ dz, dz.sum(0), 1.7 * z.T @ dy, dy.sum(0)
"""
