"""Mistakes planted, found and judged; and a backward of one's own, pasted."""

import pytest

from clearprop.lab.pasted_code import in_place
from clearprop.lab.planted_backward import PlantedMistake, wrong_lines
from clearprop.lab.session import Session
from tests.lab.pages import Page, one_of

RIGHT = """
import numpy as np

def backward(dy, x, W1, b1, W2, b2):
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz1 = (dy @ W2.T) * (z1 > 0)
    return dz1 @ W1.T, x.T @ dz1, dz1.sum(axis=0), a1.T @ dy, dy.sum(axis=0)
"""
TUTORIALS = RIGHT.replace("a1.T @ dy", "z1.T @ dy")


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.mark.parametrize("preset", ["pair", "digits"])
def test_every_mistake_that_a_network_names_can_be_planted_into_it(page: Page, preset: str) -> None:
    network = one_of(page.say("build", recipe={"preset": preset}), "network")
    named = [one["name"] for one in network["mistakes"]]
    assert ("one_sample" in named) == (preset == "digits")  # one sample is all of the pair's
    for name in named:
        assert one_of(page.say("plant", mistake=name), "planted")["mistake"]


def test_what_is_wrong_with_pasted_code_is_a_whole_sentence(page: Page) -> None:
    told = page.refused("check", code="")
    assert told == "The backward could not be judged: it defines no function 'backward'."


def test_the_tutorials_mistake_is_planted_found_and_judged(page: Page) -> None:
    page.train(10)
    answers = page.say("plant", mistake="weight_from_z")
    planted = one_of(answers, "planted")
    assert planted["branch"] == one_of(answers, "branches")["shown"] == "1"
    assert planted["beside"] == "main"
    assert "layers[2]" in planted["says"]
    for place, line, outcome in (
        ("layers[0]", None, "wrong"),
        ("layers[2]", "∂C/∂x", "near"),
        ("layers[2]", "weight", "right"),
    ):
        assert page.ask("find", "mark", place=place, line=line)["outcome"] == outcome
    verdict = page.ask("check", "verdict")
    assert verdict["outcome"] == "wrong"
    assert "z" in verdict["mistake"]
    assert "activation a" in verdict["mend"]
    assert [row[0] for row in verdict["table"]][1:] == ["x", "W1", "b1", "W2", "b2"]


def test_both_runs_go_on_beside_each_other(page: Page) -> None:
    page.say("plant", mistake="sign")
    page.say("run")
    page.session.work(0.05)
    page.say("pause")
    runs = page.session._state.branches
    assert runs["1"].steps > 0
    assert runs["main"].steps == runs["1"].steps
    assert runs["main"].losses[0] == runs["1"].losses[0]
    assert runs["main"].losses[-1] < runs["1"].losses[-1]


def test_a_hidden_mistake_has_no_name_until_it_is_found() -> None:
    page = Page(language="zh-TW")
    answers = page.say("plant", mistake="random")
    assert one_of(answers, "planted")["mistake"] is None
    assert one_of(answers, "branches")["branches"][1]["mistake"] is None
    hidden = page.session._state.run.planted
    assert hidden is not None
    assert hidden.name("zh-TW") not in one_of(answers, "planted")["says"]
    mark = one_of(answers := page.say("find", place=hidden.path), "mark")
    assert (mark["outcome"], mark["mistake"]) == ("right", hidden.name("zh-TW"))
    assert one_of(answers, "branches")["branches"][1]["mistake"] == hidden.name("zh-TW")


def test_a_mistake_is_taken_out(page: Page) -> None:
    assert "no mistake" in page.refused("plant", mistake=None)
    assert "no mistake" in page.refused("find", place="layers[0]")
    page.say("plant", mistake="zeros")
    assert one_of(page.say("plant", mistake=None), "branches")["shown"] == "main"
    assert page.ask("check", "verdict")["outcome"] == "right"


def test_what_cannot_be_planted_is_refused(page: Page) -> None:
    assert "cannot be planted" in page.refused("plant", mistake="penalty_missing")
    page.say("build", recipe={"preset": "moons", "layers": [{"kind": "Identity"}]})
    assert page.refused("plant", mistake="random")


def test_the_wrong_lines_are_told_by_what_they_should_be(page: Page) -> None:
    state = page.session._state
    for key, path, expected in (
        ("derivative_missing", "layers[1]", ("∂C/∂x",)),
        ("sign", "layers[2]", ("∂C/∂x", "weight", "bias")),
        ("zeros", "layers[0]", ("weight",)),
    ):
        page.say("plant", mistake=key)
        run = state.run
        run.planted = PlantedMistake(key, path)
        assert wrong_lines(run.planted, run.step_at(run.problem.first)) == expected


def test_a_pasted_backward_is_judged(page: Page) -> None:
    starter = one_of(page.greeting, "network")["starter"]
    assert "def backward(dy, x, W1, b1, W2, b2):" in starter
    assert page.ask("check", "verdict", code=RIGHT)["outcome"] == "right"
    verdict = page.ask("check", "verdict", code=TUTORIALS)
    assert verdict["outcome"] == "wrong"
    assert "activation a" in verdict["mend"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("x = (", "not Python"),
        ("x = 1", "backward"),
        ("def backward(*a):\n    raise ValueError('no')", "line 2"),
        ("def backward(*a):\n    return 'nothing'", "str"),
        ("import subprocess\nsubprocess.run(['true'])\ndef backward(*a): pass", "line 2"),
    ],
)
def test_code_that_cannot_be_judged_has_its_sentence(page: Page, code: str, told: str) -> None:
    assert told in page.refused("check", code=code)
    assert page.say("frame") == []


@pytest.mark.thorough
def test_code_without_an_end_is_stopped_and_the_session_lives(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clearprop.lab.pasted_code.PROCESSOR", 1)
    said = page.refused("check", code="def backward(*a):\n    while True: pass")
    # Of processor time; where the machine is shared, the clock may be over before.
    assert "1 second" in said or "8 seconds" in said
    assert one_of(page.say("go", branch="main", step=0), "moment")["step"] == 0


def test_code_that_prints_and_edits_changes_nothing_of_ours(page: Page) -> None:
    edits = RIGHT.replace("    z1 =", "    print('hello')\n    W2 += 0 * W2\n    z1 =")
    assert page.ask("check", "verdict", code=edits)["outcome"] == "right"
    before = page.session._state.run.problem.first.params.copy()
    page.say("check", code=RIGHT.replace("    z1 =", "    W1[:] = 0\n    z1 ="))
    assert (page.session._state.run.problem.first.params == before).all()


def test_in_a_place_that_is_thrown_away_code_runs_where_it_is() -> None:
    page = Page(Session(guest=in_place))
    assert page.ask("check", "verdict", code=RIGHT)["outcome"] == "right"
    assert page.ask("check", "verdict", code=TUTORIALS)["outcome"] == "wrong"
    assert "line 3" in page.refused("check", code="\ndef backward(*a):\n    raise KeyError")
    assert "not Python" in page.refused("check", code="def (")
    assert "backward" in page.refused("check", code="1")
    assert "line 1" in page.refused("check", code="1 / 0")
