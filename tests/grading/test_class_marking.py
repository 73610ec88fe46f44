"""Hand-ins and keys on disk: what is found, which form counts, and a sentence for what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.base.configuration import encode
from clearprop.base.errors import ClearpropError, FileError
from clearprop.teaching.exercises import LEVELS, TOPICS, exercise
from clearprop.teaching.grading import MarkedHandIn, Unmarked, mark_folder
from clearprop.teaching.grading.answer_keys import read_key
from tests.grading.classroom import (
    BLANK,
    RIGHT,
    SHEET,
    document,
    write_csv,
    write_json,
    write_key,
)


def points(path: Path, key: Path | None = None) -> dict[str, int | str]:
    """Every hand-in's points, or the key of its sentence, by the name of its place."""
    return {
        one.place.name: one.marks.points if isinstance(one, MarkedHandIn) else one.problem.key
        for one in mark_folder(path, key)
    }


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_exercise_comes_back_from_its_key_as_it_was(
    tmp_path: Path, topic: str, level: int
) -> None:
    sheet = exercise(topic, level, seed=3, key="b7")
    write_key(tmp_path, sheet, "zh-TW", ("b7", "小安"))
    key = read_key(tmp_path / "key", sheet.variant)
    assert key.exercise == sheet
    assert (key.language, key.student_id, key.student_name) == ("zh-TW", "b7", "小安")


def test_a_folder_of_hand_ins_is_marked_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    write_key(tmp_path)
    write_json(tmp_path / "a")
    write_csv(tmp_path / "b", {**RIGHT, "y": "7"})
    (tmp_path / "c").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "notes.txt").write_text("not a hand-in")
    # Only y is lost: what comes after it is right by itself.
    whole = SHEET.points
    assert points(tmp_path) == {"a": whole, "b": whole - 1, "c": "no_handins"}


def test_one_form_one_folder_and_keys_elsewhere(tmp_path: Path) -> None:
    write_key(tmp_path / "elsewhere")
    key = tmp_path / "elsewhere" / "key"
    form = write_json(tmp_path / "class" / "a")
    assert points(form, key) == {"answers.json": SHEET.points}
    assert points(form.parent, key) == {"a": SHEET.points}
    assert points(tmp_path / "class", key) == {"a": SHEET.points}
    write_key(tmp_path / "class")
    assert points(form) == points(form, key)
    assert points(form.parent) == {"a": SHEET.points}


def test_the_blank_form_of_a_class_is_no_hand_in(tmp_path: Path) -> None:
    write_key(tmp_path)
    write_json(tmp_path, BLANK, ("", ""))
    assert points(tmp_path) == {tmp_path.name: 0}
    write_csv(tmp_path / "a")
    (tmp_path / "pictures").mkdir()
    assert points(tmp_path) == {"a": SHEET.points}
    write_json(tmp_path)
    assert points(tmp_path) == {tmp_path.name: SHEET.points, "a": SHEET.points}


def test_the_form_that_is_filled_in_counts(tmp_path: Path) -> None:
    write_key(tmp_path)
    write_json(tmp_path / "csv", BLANK)
    write_csv(tmp_path / "csv")
    write_json(tmp_path / "json")
    write_csv(tmp_path / "json", BLANK)
    write_json(tmp_path / "same", {name: f" {text} " for name, text in RIGHT.items()})
    write_csv(tmp_path / "same")
    write_json(tmp_path / "two")
    write_csv(tmp_path / "two", {**RIGHT, "y": "1"})
    whole = SHEET.points
    assert points(tmp_path) == {"csv": whole, "json": whole, "same": whole, "two": "two_forms"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp950"])
def test_csv_as_spreadsheets_write_it(tmp_path: Path, delimiter: str, encoding: str) -> None:
    write_key(tmp_path)
    write_csv(tmp_path / "a", student=("b1", "王小明"), delimiter=delimiter, encoding=encoding)
    (one,) = mark_folder(tmp_path)
    assert isinstance(one, MarkedHandIn)
    assert one.marks.points == SHEET.points
    assert (one.student_id, one.student_name) == ("b1", "王小明")


def test_who_handed_in_is_taken_from_the_key_where_the_form_does_not_say(tmp_path: Path) -> None:
    write_key(tmp_path, student=("b9", "Emmy"))
    write_json(tmp_path / "a", student=("", ""))
    (one,) = mark_folder(tmp_path)
    assert isinstance(one, MarkedHandIn)
    assert (one.student_id, one.student_name) == ("b9", "Emmy")


def changed(**changes: object) -> str:
    return json.dumps({**document(), **changes})


def test_a_link_in_place_of_a_form_is_not_followed(tmp_path: Path) -> None:
    write_key(tmp_path)
    form = write_json(tmp_path / "a")
    hidden = form.rename(tmp_path / "hidden.json")
    form.symlink_to(hidden)
    write_json(tmp_path / "b")
    first, second = mark_folder(tmp_path)
    assert isinstance(first, Unmarked)
    assert first.problem.key == "file_is_link"
    assert isinstance(second, MarkedHandIn)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("{", "file_not_json"),
        ("[" * 100_000, "file_not_json"),
        ('{"version": ' + "9" * 10_000 + "}", "file_not_json"),
        ("[]", "document_foreign"),
        ("{}", "document_foreign"),
        (changed(format="other"), "document_foreign"),
        (changed(version=2), "file_newer"),
        (changed(version=True), "document_part"),
        (changed(version="1"), "document_part"),
        (changed(student="Ada"), "document_part"),
        (changed(student={"id": 3}), "document_part"),
        (changed(answers=["1"]), "document_part"),
        (changed(variant=5), "document_part"),
        (changed(variant=""), "variant_missing"),
        (changed(variant="chain1-FFFFFF"), "variant_unknown"),
        (changed(variant="../key/" + SHEET.variant), "variant_unknown"),
        (changed(variant="x" * 5000), "variant_unknown"),
        ('{"format": "clearprop-answers", "version": 1, "version": 1}', "name_twice"),
        (b"\xff\xfe\x00", "file_not_utf8"),
        (" " * 1_000_001, "file_too_large"),
    ],
)
def test_a_malformed_json_form_is_one_sentence(
    tmp_path: Path, content: str | bytes, key: str
) -> None:
    write_key(tmp_path)
    path = write_json(tmp_path / "a")
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    write_json(tmp_path / "b")
    first, second = mark_folder(tmp_path)
    assert isinstance(first, Unmarked)
    assert first.problem.key == key
    assert isinstance(second, MarkedHandIn)
    for language in ("en", "zh-TW"):
        sentence = first.problem.message(language)
        assert "\n" not in sentence
        assert len(sentence) < 500


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("", "form_header"),
        ("a,b\n", "form_header"),
        ("name,answer\nz,1\n", "variant_missing"),
        (f"name,answer\nvariant,{SHEET.variant}\ny,1\ny,1\n", "name_twice"),
        (f"name,answer\nvariant,{SHEET.variant}\ny,1,5\n", "file_not_csv"),
        (f'name,answer\nvariant,{SHEET.variant}\ny,"1\n', "file_not_csv"),
        (f"name,answer\nvariant,{SHEET.variant}\ny,{'1' * 10_001}\n", "file_not_csv"),
        (f"name,answer\nvariant,{SHEET.variant}\ny,{'1' * 200_000}\n", "file_not_csv"),
        ("name,answer\nvariant,nothing\n", "variant_unknown"),
        ("name,answer\nvariant,\0\n", "variant_unknown"),
    ],
)
def test_a_malformed_csv_form_is_one_sentence(tmp_path: Path, content: str, key: str) -> None:
    write_key(tmp_path)
    write_csv(tmp_path / "a").write_text(content)
    assert points(tmp_path) == {"a": key}


def test_a_row_without_an_answer_is_a_blank_left_open(tmp_path: Path) -> None:
    write_key(tmp_path)
    write_csv(tmp_path / "a").write_text(f"name,answer,\nvariant,{SHEET.variant},\ny\n\nC,,\n")
    assert points(tmp_path) == {"a": 0}


def test_a_form_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path)
    (tmp_path / "answers.xlsx").write_bytes(b"PK")
    assert points(tmp_path / "answers.xlsx") == {"answers.xlsx": "form_kind"}


Change = Callable[[dict[str, Any]], object]


def damaged(change: Change) -> str:
    data = {"format": "clearprop-exercise", "version": 1, "language": "en", "student": {}}
    data["exercise"] = encode(SHEET)
    change(data)
    return json.dumps(data)


def settings(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["exercise"]["settings"]
    return found


DAMAGE: list[tuple[Change, str]] = [
    (lambda d: d.update(language="fr"), "document_part"),
    (lambda d: d.update(student=[]), "document_part"),
    (lambda d: d.pop("exercise"), "key_damaged"),
    (lambda d: d.update(exercise={"type": "os.system"}), "key_damaged"),
    (lambda d: d.update(exercise={"type": "Name", "settings": {"name": "z"}}), "key_damaged"),
    (lambda d: d["exercise"].update(settings=3), "key_damaged"),
    (lambda d: settings(d).update(blanks=[]), "key_damaged"),
    (lambda d: settings(d).update(blanks=5), "key_damaged"),
    (lambda d: settings(d).update(givens=[]), "key_damaged"),
    (lambda d: settings(d).update(variant="other"), "document_part"),
    (lambda d: settings(d)["blanks"][0]["settings"].update(value=9.0), "key_damaged"),
    (lambda d: settings(d)["blanks"][0]["settings"].update(value="1"), "key_damaged"),
    (lambda d: settings(d)["blanks"][0]["settings"].update(points=0), "key_damaged"),
    (lambda d: settings(d)["blanks"][0]["settings"].update(name=["z"]), "key_damaged"),
    (lambda d: settings(d)["network"]["settings"].update(weights=[]), "key_damaged"),
    (lambda d: settings(d)["network"]["settings"].update(x=[["one"]]), "key_damaged"),
    (lambda d: settings(d)["network"]["settings"].update(activations=["gelu"]), "key_damaged"),
]


@pytest.mark.parametrize(("change", "key"), DAMAGE)
def test_a_damaged_key_is_one_sentence(tmp_path: Path, change: Change, key: str) -> None:
    path = write_key(tmp_path)
    path.write_text(damaged(change))
    write_json(tmp_path / "a")
    assert points(tmp_path) == {"a": key}


@given(st.data())
def test_no_byte_that_is_lost_or_changed_is_more_than_a_sentence(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        form = write_json(folder) if data.draw(st.booleans()) else write_csv(folder)
        paths = [write_key(folder), form]
        path = data.draw(st.sampled_from(paths))
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position : position + data.draw(st.integers(1, 40))] = data.draw(
            st.binary(max_size=3)
        )
        path.write_bytes(bytes(content))
        for one in mark_folder(folder):
            if isinstance(one, MarkedHandIn):
                assert 0 <= one.marks.points <= one.key.exercise.points
            else:
                assert one.problem.message("zh-TW")


def refusal(path: Path, key: Path | None = None) -> str:
    with pytest.raises(FileError) as caught:
        mark_folder(path, key)
    assert isinstance(caught.value, ClearpropError)
    return caught.value.key


def test_nothing_to_mark_and_nothing_to_mark_by(tmp_path: Path) -> None:
    place = tmp_path / "one" / "two" / "class"
    assert refusal(place) == "keys_missing"
    write_json(place / "a")
    assert refusal(place) == "keys_missing"
    assert refusal(place, tmp_path / "none") == "keys_empty"
    (place / "key").mkdir()
    assert refusal(place) == "keys_empty"
    write_key(tmp_path / "other")
    assert refusal(tmp_path / "nowhere", tmp_path / "other" / "key") == "path_missing"
    assert refusal(tmp_path / "other") == "no_handins"
