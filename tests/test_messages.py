"""The message tables: two languages that say the same things, and nothing unused or missing."""

import ast
import re
from functools import cache
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

import clearprop
from clearprop.base import messages

SOURCE = Path(clearprop.__file__).parent


def topics(language: str) -> list[str]:
    return sorted(path.stem for path in Path(messages.__file__).parent.glob(f"{language}/*.toml"))


TOPICS = topics("en")


def fields(sentence: str) -> set[str]:
    return {name.partition(".")[0] for _, name, _, _ in Formatter().parse(sentence) if name}


class Said(NamedTuple):
    """Every string that stands in the source, docstrings and all; and (where, key, fields) of every
    error that is made there with a key written out."""

    strings: frozenset[str]
    errors: tuple[tuple[str, str, frozenset[str]], ...]


@cache
def said_in_source() -> Said:
    strings: set[str] = set()
    errors = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(node.value)
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.args
                and node.func.id in vars(clearprop.base.errors)
                and node.func.id.endswith("Error")
                and isinstance(key := node.args[0], ast.Constant)
                and isinstance(key.value, str)
            ):
                names = frozenset(keyword.arg or "**" for keyword in node.keywords)
                errors.append((f"{path.name}:{node.lineno}", key.value, names))
    return Said(frozenset(strings), tuple(errors))


def test_both_languages_have_the_same_topics() -> None:
    assert messages.LANGUAGES == ("en", "zh-TW")
    assert topics("zh-TW") == TOPICS
    assert {"errors", "network"} <= set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_both_languages_have_the_same_keys_and_fields(topic: str) -> None:
    english, chinese = (messages.table(language, topic) for language in messages.LANGUAGES)
    assert list(english) == list(chinese)
    for key, sentence in english.items():
        assert fields(sentence) == fields(chinese[key]), key


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_no_sentence_is_empty(language: str, topic: str) -> None:
    assert all(sentence.strip() for sentence in messages.table(language, topic).values())


def test_the_errors_are_sentences_in_their_language() -> None:
    for key, sentence in messages.table("zh-TW", "errors").items():
        assert re.search("[\u4e00-\u9fff]", sentence), key
    for key, sentence in messages.table("en", "errors").items():
        assert sentence.isascii(), key


def test_every_error_key_is_used_in_the_source() -> None:
    unused = set(messages.table("en", "errors")) - said_in_source().strings
    assert not unused


def test_every_error_that_is_raised_has_its_sentence_and_the_sentence_its_fields() -> None:
    table = messages.table("en", "errors")
    found = said_in_source().errors
    assert len(found) > 40
    for where, key, names in found:
        assert key in table, f"{where} raises an error with no sentence: {key}"
        assert fields(table[key]) <= names or "**" in names, f"{where}: {key} lacks a field"


def test_text_fills_the_fields() -> None:
    assert messages.text("en", "network.total", count="31") == "31 parameters"
    assert messages.text("zh-TW", "network.total", count="31") == "共 31 個參數"
    assert messages.text("en", "network.path") == "path"


def test_the_sentences_within_a_topic() -> None:
    say = messages.within("network")
    assert say("en", "total", count="31") == "31 parameters"
    assert say("zh-TW", "path") == messages.text("zh-TW", "network.path")
    with pytest.raises(KeyError, match="nothing"):
        say("en", "nothing", key=1, language=2)


def test_a_missing_key_or_field_is_a_mistake_in_the_program() -> None:
    with pytest.raises(KeyError, match="nothing"):
        messages.text("en", "network.nothing")
    with pytest.raises(KeyError, match="count"):
        messages.text("en", "network.total", number=31)


def test_nested_tables_are_flattened_to_dotted_names() -> None:
    assert messages._flat({"a": {"b": {"c": "x"}}, "d": "y"}) == [("a.b.c", "x"), ("d", "y")]


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_TW.UTF-8"}, "zh-TW"),
        ({"LANG": "zh_CN.UTF-8"}, "zh-TW"),
        ({"LANG": "ZH"}, "zh-TW"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        # LC_ALL decides over LC_MESSAGES, and that over LANG; an empty one says nothing.
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_TW.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_TW", "LANG": "en_US"}, "zh-TW"),
        ({"LC_MESSAGES": "en_US", "LANG": "zh_TW"}, "en"),
    ],
)
def test_the_locale_chooses_the_language(environ: dict[str, str], language: str) -> None:
    assert messages.preferred_language(environ) == language


def test_the_environment_is_asked_unless_another_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_TW.UTF-8")
    assert messages.preferred_language() == "zh-TW"
    monkeypatch.setenv("LC_ALL", "C")
    assert messages.preferred_language() == "en"


@pytest.mark.parametrize(
    ("locale", "language"),
    [("Chinese (Traditional)_Taiwan", "zh-TW"), ("zh_TW", "zh-TW"), ("en_US", "en"), (None, "en")],
)
def test_windows_which_has_no_variables_is_asked_itself(
    locale: str | None, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("locale.getlocale", lambda: (locale, "cp950"))
    assert messages.preferred_language() == "en"
    monkeypatch.setattr("sys.platform", "win32")
    assert messages.preferred_language() == language
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert messages.preferred_language() == "en"


@pytest.mark.parametrize(
    ("sentence", "columns"),
    [("", 0), ("ReLU", 4), ("激活", 4), ("z = 激活（a）", 13), ("∂C/∂z", 5)],
)
def test_a_chinese_character_takes_two_columns(sentence: str, columns: int) -> None:
    assert messages.display_width(sentence) == columns


@pytest.mark.parametrize(
    ("sentence", "columns"),
    [("x̂", 1), ("x̂ = ŷ", 5), ("e\u0301", 1), ("a\u200db", 2), ("\ufeffz", 1), ("激\u0302", 2)],
)
def test_a_mark_on_a_character_takes_no_column(sentence: str, columns: int) -> None:
    assert messages.display_width(sentence) == columns


def test_pad_fills_up_to_the_width_in_columns() -> None:
    assert messages.pad("層", 4) + "|" == "層  |"
    assert messages.pad("layer", 7) + "|" == "layer  |"
    assert messages.pad("longer", 2) == "longer"


@pytest.mark.parametrize(
    ("rows", "word"), [(1, "row"), ("1", "row"), (0, "rows"), ("1,001", "rows")]
)
def test_the_word_behind_a_number_goes_with_it(rows: object, word: str) -> None:
    written = messages.text("en", "prediction.written", rows=rows, path="a.csv")
    assert written == f"{rows} {word} predicted: a.csv"
    assert "|" not in messages.text("zh-TW", "prediction.written", rows=rows, path="a.csv")


@pytest.mark.parametrize(
    "words", ["class's row|classes' rows", "row, too|rows – too", "|s", "列|列"]
)
def test_any_words_go_with_a_number(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    one, many = words.split("|")
    told = {"counted": f"{{n}} {{n:{words}}} left"}
    monkeypatch.setattr(messages, "table", lambda language, topic: told)
    assert messages.text("en", "made.counted", n=1) == f"1 {one} left"
    assert messages.text("en", "made.counted", n=2) == f"2 {many} left"


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("count", [1, 2])
def test_every_sentence_says_one_and_many(language: str, topic: str, count: int) -> None:
    for key, sentence in messages.table(language, topic).items():
        forms = [form for _, _, form, _ in Formatter().parse(sentence) if form and "|" in form]
        if forms:
            told = messages.text(
                language, f"{topic}.{key}", **dict.fromkeys(fields(sentence), count)
            )
            assert not any(form in told for form in forms), key
            assert any(form.split("|")[count - 1] in told for form in forms), key
