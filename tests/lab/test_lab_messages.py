"""The table of messages is the truth for both sides."""

import json
import subprocess
import sys

import numpy as np
import pytest

from clearprop.base.errors import ConfigurationError
from clearprop.lab import messages as table
from clearprop.lab.inbox import MOST, Inbox
from clearprop.lab.message_types import PAGE, SESSION
from clearprop.lab.session import HANDLERS, Session
from tests.lab.pages import Page, values


def test_every_message_of_a_page_is_handled() -> None:
    assert {*HANDLERS, "hello", "language"} == set(PAGE)


def test_every_kind_of_field_is_known() -> None:
    for types in (PAGE, SESSION):
        for fields in types.values():
            assert all(field.kind.rstrip("?") in table._TAKES for field in fields.values())
            assert all(field.says for field in fields.values())


def test_the_table_is_written_as_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clearprop.lab.messages"], capture_output=True, check=True
    )
    told = json.loads(done.stdout)
    assert set(told) == {"version", "page", "session"}
    assert told["page"]["go"]["step"]["kind"] == "whole"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{", "lab_message_not_json"),
        ("[" * 100_000, "lab_message_not_json"),
        ('{"type": "pause", "id": NaN}', "lab_message_not_json"),
        ("[1]", "lab_message_no_type"),
        ('{"type": 3, "id": 1}', "lab_message_no_type"),
        ('{"type": "explode", "id": 1}', "lab_message_type"),
        ('{"type": "pause"}', "lab_message_field"),
        ('{"type": "pause", "id": true}', "lab_message_field"),
        ('{"type": "run", "id": 1, "rate": "fast"}', "lab_message_field"),
        ('{"type": "build", "id": 1, "recipe": []}', "lab_message_field"),
        ('{"type": "pause", "id": 1, "code": "1"}', "lab_message_field_unknown"),
    ],
)
def test_what_is_no_message_is_refused(text: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        table.read(text)
    assert refused.value.key == key
    assert refused.value.message("en") != refused.value.message("zh-TW")


def test_a_message_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LONGEST", 10)
    with pytest.raises(ConfigurationError, match="longer than"):
        table.read('{"type": "pause", "id": 1}')


def test_what_may_be_null_may_be_left_out() -> None:
    assert table.read('{"type": "run", "id": 1}') == {"type": "run", "id": 1, "rate": None}


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "bool"])
def test_an_array_comes_back_from_its_message(dtype: str) -> None:
    given = np.arange(6).reshape(2, 3).astype(dtype)
    np.testing.assert_array_equal(values(table.array(given)), given)


def test_a_number_that_is_not_finite_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        table.written({"type": "moment", "loss": float("nan")})


def test_a_page_that_does_not_say_hello_is_told_so() -> None:
    (answer,) = Session().receive('{"type": "pause", "id": 7}')
    assert answer["answers"] == 7
    assert "hello" in answer["text"]


def test_another_version_is_told_so() -> None:
    (answer,) = Session().receive({"type": "hello", "id": 1, "version": 99, "language": "en"})
    assert "load the page again" in answer["text"]


def test_the_session_counts_its_messages() -> None:
    page = Page()
    numbers = [one["id"] for one in [*page.greeting, *page.say("pause")]]
    assert numbers == list(range(1, len(numbers) + 1))


def test_of_what_is_said_anew_the_newest_waits() -> None:
    inbox = Inbox()
    for number in range(10_000):
        inbox.put(f'{{"type": "go", "id": {number}, "branch": "main", "step": {number}}}')
    inbox.put('{"type": "pause", "id": 3}')
    assert len(inbox) == 2
    assert "9999" in str(inbox.take())
    assert "pause" in str(inbox.take())
    assert inbox.take() is None


def test_a_point_that_is_let_go_is_never_dropped() -> None:
    inbox = Inbox()
    for settled in ("false", "true", "false", "true"):
        inbox.put(f'{{"type": "move", "id": 1, "settled": {settled}}}')
    assert len(inbox) == 3


def test_a_flood_waits_in_a_room_of_fixed_size() -> None:
    inbox = Inbox()
    for _ in range(MOST + 50):
        inbox.put("nonsense")
    assert (len(inbox), inbox.dropped) == (MOST, 50)
