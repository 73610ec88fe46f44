"""Rosters: what is read, and what is refused in a sentence."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.base.errors import FileError
from clearprop.teaching.exercises.students import Student, numbered_students, read_roster


def roster(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_roster_is_read(tmp_path: Path) -> None:
    text = 'Name,class,ID,lang\r\n"Wang, Ming",3A, B1 ,zh-TW\r\n,,,\r\n林,3A,B2,\r\n'
    expected = (Student("zh-TW", "B1", "Wang, Ming"), Student("en", "B2", "林"))
    assert read_roster(roster(tmp_path, text), "en") == expected
    assert read_roster(roster(tmp_path, text, "utf-8-sig"), "en") == expected


def test_without_languages_everybody_reads_that_of_the_command(tmp_path: Path) -> None:
    path = roster(tmp_path, "id,name\n7,Ann\n")
    assert read_roster(path, "zh-TW") == (Student("zh-TW", "7", "Ann"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no student"),
        ("id,name\n", "holds no student"),
        ("code,name\n1,Ann\n", "no column 'id' (nor id / 學號 / student id)"),
        ("id\n1\n", "no column 'name'"),
        ("學號,名\n1,Ann\n", "no column 'name'"),
        ("id,name\n1,Ann\n2\n", "line 3: there are 1 cells where 2 were expected"),
        ("id,name\n1,Ann,x\n", "line 2: there are 3 cells"),
        ("id,name\n,Ann\n", "line 2: the id is empty"),
        ("id,name\nb1,Ann\n\nB1,Bo\n", "line 4: the id 'B1' is in line 2 already"),
        ("id,name\n\uff11,Ann\n1,Bo\n", "line 3: the id '1' is in line 2 already"),
        ("id,name\na/b,Ann\n", "line 2: the id 'a/b' cannot name a folder"),
        ("id,name\na\\b,Ann\n", "cannot name a folder"),
        ("id,name\n..,Ann\n", "line 2: the id '..' cannot"),
        ("id,name\n.git,Ann\n", "the id '.git' cannot"),
        ("id,name\nKey,Ann\n", "the id 'Key' cannot"),
        ("id,name\n" + "7" * 65 + ",Ann\n", "cannot name a folder"),
        ("id,name,lang\n1,Ann,fr\n", "line 2: the language 'fr' is not known"),
        ('id,name\n1,"Ann\n', "cannot be read"),
    ],
)
def test_a_refusal_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FileError) as refused:
        read_roster(roster(tmp_path, text), "en")
    assert said in str(refused.value)
    assert "roster.csv" in str(refused.value)


@pytest.mark.parametrize(
    "header",
    ["學號,姓名", "Student ID,Full Name", "SID,Student_Name", " ＩＤ ,NAME", "學生編號,學生姓名"],
)
def test_the_usual_names_of_the_columns(tmp_path: Path, header: str) -> None:
    path = roster(tmp_path, f"{header}\nB1,王小明\n")
    assert read_roster(path, "zh-TW") == (Student("zh-TW", "B1", "王小明"),)


def test_names_in_two_columns_and_an_address(tmp_path: Path) -> None:
    text = "First Name,Last Name,SID,Email,Sections\nAda,Lovelace,7,ada@x.edu,1\n小明,王,8,,1\n"
    assert read_roster(roster(tmp_path, text), "en") == (
        Student("en", "7", "Ada Lovelace", "ada@x.edu"),
        Student("en", "8", "王小明"),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp950"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["學號,姓名", "id,name"])
def test_a_roster_as_spreadsheets_write_it(
    tmp_path: Path, header: str, delimiter: str, encoding: str
) -> None:
    text = f"{header}\r\nB1,王小明\r\nB2,Ann Lee\r\n".replace(",", delimiter)
    expected = (Student("zh-TW", "B1", "王小明"), Student("zh-TW", "B2", "Ann Lee"))
    assert read_roster(roster(tmp_path, text, encoding), "zh-TW") == expected


def test_accents_as_a_western_spreadsheet_writes_them(tmp_path: Path) -> None:
    text = "id,name\n1,Renée\n2,Zoë Müller\n"
    students = read_roster(roster(tmp_path, text, "cp1252"), "en")
    assert [one.name for one in students] == ["Renée", "Zoë Müller"]


def test_an_encoding_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_bytes(b"id,name\n1,\x81\xff\x8d\n")
    with pytest.raises(FileError, match="save it as CSV in UTF-8"):
        read_roster(path, "en")


def test_sheets_for_nobody_are_numbered() -> None:
    assert [one.folder for one in numbered_students(3, "en")] == ["01", "02", "03"]
    assert numbered_students(100, "en")[6].folder == "007"
    assert numbered_students(1, "en")[0].id == ""


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no file"):
        read_roster(tmp_path / "none.csv", "en")
    with pytest.raises(FileError, match="is a folder"):
        read_roster(tmp_path, "en")


@given(st.text())
def test_any_id_that_is_taken_names_a_folder_inside(
    tmp_path_factory: pytest.TempPathFactory, number: str
) -> None:
    folder = tmp_path_factory.mktemp("roster")
    quoted = number.replace('"', '""')
    try:
        path = roster(folder, f'id,name\n"{quoted}",Ann\n')
        (student,) = read_roster(path, "en")
    except (FileError, UnicodeEncodeError):
        return
    (folder / student.id).mkdir()
    assert (folder / student.id).resolve().parent == folder.resolve()
