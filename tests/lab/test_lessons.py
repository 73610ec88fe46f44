"""The six lessons, their marks, and lessons that are none."""

import re
from pathlib import Path
from typing import Any

import pytest

from clearprop.base.errors import ClearpropError
from clearprop.base.messages import LANGUAGES
from clearprop.lab.lab_opening import OpenedFile, Opening, opened_lesson
from clearprop.lab.lesson_files import (
    FILE,
    LESSONS,
    Asked,
    Lesson,
    in_language,
    own_lesson,
    read_lesson,
)
from clearprop.lab.lesson_marks import (
    Reached,
    _first_step,
    _number,
    lesson_content,
    lesson_problem,
    mark_part,
    require_sound,
)
from clearprop.lab.pasted_code import in_place
from clearprop.lab.session import Session

# Worked out by hand: the parts that ask for a number, and the number.
BY_HAND = {
    "neuron": {2: 2.0},
    "line": {2: 7.0},
    "bend": {2: 0.0, 3: 0.0},
    "chain-rule": {2: 4.0, 3: 8.0},
    "backward-by-hand": {2: 3.0, 3: 0.0, 4: 0.4},
    "does-it-hold": {2: 4.0, 4: 4.0},
}
SMALLEST = """
format = "clearprop lesson"
version = 1
[title]
en = "One"
[[parts]]
kind = "read"
en = "Words."
"""


def lesson(text: str) -> Lesson:
    return read_lesson(text.encode(), "one", Path("one") / FILE)


def marked(name: str, part: int, text: str | None, language: str = "en") -> tuple[str, str]:
    found = mark_part(own_lesson(name), part, text, Reached(), language)
    return found["outcome"], found["says"]


def opened(name: str) -> Session:
    session = Opening(lesson=opened_lesson(name)).session(guest=in_place)
    tell(session, "hello", version=1, language="en")
    return session


def tell(session: Session, kind: str, **fields: Any) -> list[dict[str, Any]]:
    answers = session.receive({"type": kind, "id": 1, **fields})
    assert not [one for one in answers if one["type"] == "sentence"], answers
    return answers


def task(session: Session, part: int, text: str | None = None) -> dict[str, Any]:
    (mark,) = tell(session, "task", part=part, text=text)
    return mark


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_sound_and_says_all_of_it_in_both_languages(name: str) -> None:
    found = own_lesson(name)
    require_sound(found, Path(name))
    texts = [found.titles, *(part.texts for part in found.parts)]
    texts += [slip.texts for part in found.parts for slip in part.slips]
    assert all(set(one) == set(LANGUAGES) for one in texts)
    assert {part.kind for part in found.parts} == {"read", "step", "predict", "do"}
    assert found.parts[0].kind == "read"
    assert found.parts[-1].kind == "do"


@pytest.mark.parametrize(
    ("name", "part", "number"),
    [(name, part, number) for name, asked in BY_HAND.items() for part, number in asked.items()],
)
def test_the_numbers_that_are_asked_for(name: str, part: int, number: float) -> None:
    found = own_lesson(name)
    assert {k for k, one in enumerate(found.parts) if one.ask} == set(BY_HAND[name])
    assert marked(name, part, str(number))[0] == "right"
    assert marked(name, part, str(number + 0.5))[0] == "wrong"
    for slip in found.parts[part].slips:
        if slip.asked.number is not None:
            for language in LANGUAGES:
                told = marked(name, part, str(slip.asked.number), language)
                assert told == ("wrong", in_language(slip.texts, language))


def test_how_an_answer_may_be_written_and_what_is_said_of_others() -> None:
    for text in ("8", "8.0", "16/2", " ８ ", "w = 8"):
        assert marked("chain-rule", 3, text)[0] == "right"
    assert marked("chain-rule", 3, "−8") == ("wrong", "The size is right; look at the sign.")
    assert marked("chain-rule", 3, "8.1")[0] == "near"
    assert marked("chain-rule", 3, "4")[1].startswith("That is the weight of x₁")
    assert marked("chain-rule", 3, "eight")[0] == "unreadable"
    assert marked("chain-rule", 3, "")[0] == "missing"
    assert marked("chain-rule", 3, "4", "zh-TW")[1].startswith("這是 x₁ 的權重")


def test_a_loss_is_reached_by_training() -> None:
    session = opened("bend")
    assert task(session, 4)["outcome"] == "missing"
    tell(session, "run", rate=None)
    while session.busy:
        session.work(0.05)
        frames = tell(session, "frame")
        if any(one["type"] == "moment" and one["steps"] > 400 for one in frames):
            break
    tell(session, "pause")
    found = task(session, 4)
    assert (found["outcome"], found["right"], found["asked"]) == ("right", 1, 3)


def test_the_weight_that_matters_most_is_selected() -> None:
    session = opened("chain-rule")
    for address, outcome in (
        ("layers[0].weight[0,0]", "missing"),
        ("layers[0].weight[1,0]", "right"),
    ):
        tell(session, "select", selection={"kind": "weight", "address": address})
        assert task(session, 4)["outcome"] == outcome


def test_the_tutorials_wrong_line_is_found_and_mended() -> None:
    session = opened("does-it-hold")
    code = own_lesson("does-it-hold").parts[3].code
    assert "dW2 = z1.T @ dy" in code
    assert task(session, 5)["outcome"] == "missing"
    (verdict,) = tell(session, "check", code=code)
    assert verdict["outcome"] == "wrong"
    assert task(session, 5)["outcome"] == "right"
    assert task(session, 6)["outcome"] == "missing"
    tell(session, "check", code=code.replace("z1.T @ dy", "a1.T @ dy"))
    assert task(session, 6)["outcome"] == "right"


def test_what_is_missing_in_the_lesson_by_hand() -> None:
    session = opened("backward-by-hand")
    code = own_lesson("backward-by-hand").parts[5].code
    for line in ("da1 = dy @ W2.T", "dz1 = da1 * (z1 > 0)", "dW1 = x.T @ dz1"):
        code = code.replace(f"{line.split(' ')[0]} = ...", line)
    assert "..." not in code
    tell(session, "check", code=code)
    assert task(session, 5)["outcome"] == "right"


def test_a_planted_mistake_is_found() -> None:
    text = SMALLEST.replace('"read"', '"do"') + "goal = { found = true }\n"
    opening = Opening(lesson=OpenedFile("one", text.encode()))
    session = opening.session()
    tell(session, "hello", version=1, language="en")
    assert task(session, 0)["outcome"] == "missing"
    tell(session, "plant", mistake="random")
    assert task(session, 0)["outcome"] == "missing"
    places = ("layers[0]", "layers[1]", "layers[2]")
    marks = [tell(session, "find", place=place)[0]["outcome"] for place in places]
    assert "right" in marks
    assert task(session, 0)["outcome"] == "right"


def test_another_lesson_can_be_opened_and_nothing_is_lost_where_there_is_none() -> None:
    session = opened("neuron")
    answers = tell(session, "lesson", name="line")
    assert [one["name"] for one in answers if one["type"] == "lesson"] == ["line"]
    (refused,) = session.receive({"type": "lesson", "id": 2, "name": "none"})
    assert refused["level"] == "error"
    assert "neuron, line, bend" in refused["text"]
    assert task(session, 2, "7")["outcome"] == "right"


def test_a_lesson_is_left_and_what_was_built_in_it_stays() -> None:
    session = opened("neuron")
    (left,) = tell(session, "lesson", name=None)
    assert (left["type"], left["name"], left["content"]) == ("lesson", None, None)
    answers = tell(session, "language", language="zh-TW")
    assert "lesson" not in [one["type"] for one in answers]
    (network,) = [one for one in answers if one["type"] == "network"]
    assert network["title"] == "2 → Linear(2, 1)"


def test_formulas_of_our_lessons_stand_in_both_languages_as_they_are() -> None:
    for name in LESSONS:
        for part in own_lesson(name).parts:
            # A word of English would stand in the Chinese lesson too; ReLU and max are names.
            words = re.findall(r"[a-z]{3,}", " ".join(part.formulas))
            assert set(words) <= {"max"}, (name, words)


def test_a_task_without_a_lesson_is_refused() -> None:
    session = Session()
    tell(session, "hello", version=1, language="en")
    (refused,) = session.receive({"type": "task", "id": 2, "part": 0})
    assert refused["text"] == "No lesson is open."
    session = opened("neuron")
    (refused,) = session.receive({"type": "task", "id": 2, "part": 0})
    assert refused["text"] == "Part 1 of the lesson asks nothing."


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "my-lesson"
    folder.mkdir()
    (folder / FILE).write_text(SMALLEST, encoding="utf-8")
    session = Opening(lesson=opened_lesson(str(folder))).session()
    answers = tell(session, "hello", version=1, language="zh-TW")
    welcome = answers[0]
    assert [one["name"] for one in welcome["lessons"]] == ["my-lesson", *LESSONS]
    told = answers[-1]
    # What is written in one language is shown in it.
    assert told["content"]["title"] == "One"
    assert told["content"]["parts"][0]["paragraphs"] == ["Words."]


def test_code_is_shown_and_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    text = SMALLEST + f"code = '''\nopen({str(trap)!r}, 'w')\n'''\n"
    content = lesson_content(lesson(text), "en")
    assert content["parts"][0]["code"] == f"open({str(trap)!r}, 'w')"
    assert not trap.exists()


HOSTILE = {
    "not TOML": ("[[[", "lesson_not_toml"),
    "nested": ("a = " + "[" * 5000, "lesson_not_toml"),
    "another thing": ("x = 1", "lesson_format"),
    "from the future": (SMALLEST.replace("version = 1", "version = 2"), "file_newer"),
    "no parts": (SMALLEST.split("[[parts]]")[0], "lesson_value"),
    "too many parts": (SMALLEST + '[[parts]]\nkind = "read"\nen = "x"\n' * 40, "lesson_value"),
    "an unknown kind": (SMALLEST.replace('"read"', '"run"'), "lesson_value"),
    "an unknown key": (SMALLEST + 'onclick = "x"\n', "lesson_key"),
    "no words": (SMALLEST.replace('"Words."', '""'), "lesson_value"),
    "words that are none": (SMALLEST.replace('"Words."', "1"), "lesson_value"),
    "a goal of a read": (SMALLEST + "goal = { found = true }\n", "lesson_key"),
    "two goals": (
        SMALLEST.replace('"read"', '"do"') + 'goal = { found = true, selected = "x" }\n',
        "lesson_value",
    ),
    "no question": (SMALLEST.replace('"read"', '"predict"'), "lesson_value"),
    "a number that is none": (
        SMALLEST.replace('"read"', '"predict"') + "ask = { number = nan }\n",
        "lesson_value",
    ),
    "a date": (SMALLEST + "select = { kind = 1979-05-27 }\n", "lesson_value"),
    "infinity in a recipe": (
        SMALLEST.replace("[title]", '[recipe]\ndata = { name = "line", more = inf }\n[title]'),
        "lesson_value",
    ),
    "a selection that is none": (
        SMALLEST.replace('"read"', '"step"') + 'select = { kind = "loss", run = "x" }\n',
        "lesson_key",
    ),
    "rows of two lengths": (
        SMALLEST + '[data]\ninputs = ["x"]\ntargets = ["t"]\nrows = [[1.0, 2.0], [3.0]]\n',
        "lesson_value",
    ),
    "an address that is none": (
        SMALLEST.replace('"read"', '"predict"')
        + 'ask = { of = "gradient", address = "__class__[0]" }\n',
        "lesson_refused",
    ),
    "a sample that is none": (
        SMALLEST.replace('"read"', '"predict"') + 'ask = { of = "cost", sample = 10000 }\n',
        "lesson_refused",
    ),
    "a recipe that is none": (
        SMALLEST.replace("[title]", '[recipe]\nlayers = [{ kind = "os.system" }]\n[title]'),
        "lesson_refused",
    ),
    "a network that is too large": (
        SMALLEST.replace(
            "[title]",
            '[recipe]\nlayers = [{ kind = "Linear", units = 10000 }, { kind = "Linear" }]\n[title]',
        ),
        "lesson_refused",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_lesson_is_refused_with_a_sentence(what: str) -> None:
    text, key = HOSTILE[what]
    with pytest.raises(ClearpropError) as refused:
        require_sound(lesson(text), Path("one"))
    assert refused.value.key == key
    for language in LANGUAGES:
        assert len(refused.value.message(language)) < 600


def test_a_folder_that_has_no_lesson_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / FILE).write_bytes(b"#" * 300_000)
    (tmp_path / "latin").mkdir()
    (tmp_path / "latin" / FILE).write_bytes(b"# \xe9")
    (tmp_path / "folder" / FILE).mkdir(parents=True)
    for name, key in (
        ("none", "file_missing"),
        ("file", "path_not_folder"),
        ("large", "lesson_large"),
        ("latin", "file_not_utf8"),
        ("folder", "path_is_folder"),
    ):
        with pytest.raises(ClearpropError) as refused:
            opened_lesson(str(tmp_path / name))
        assert refused.value.key == key
    with pytest.raises(ClearpropError, match="There is no lesson 'nothing'"):
        opened_lesson("nothing")


def test_a_question_may_ask_for_any_number_of_the_step() -> None:
    found = own_lesson("chain-rule")
    asked = {
        ("value", "layers[1][0]"): 2.0,
        ("signal", "layers[0][1]"): -2.0,
        ("parameter", "layers[2].bias[0,0]"): 1.0,
        ("gradient", "layers[2].bias[0,0]"): 2.0,
        ("updated", "layers[2].bias[0,0]"): 0.98,
        ("loss", ""): 1.0,
        ("cost", ""): 1.0,
        # z₁ = 0.96 + 2·0.42 − 0.04 = 1.76 and z₂ = −0.98 + 2·1.04 + 0.02 = 1.12, so
        # y = 1.96·1.76 − 1.02·1.12 + 0.98 = 3.2872.
        ("loss_after", ""): 0.2872**2,
    }
    step = _first_step(lesson_problem(found))
    for (of, address), value in asked.items():
        assert _number(Asked(of=of, address=address), step, 0.0) == pytest.approx(value)
