"""The verdict as data, and in every form that people and programs read."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from clearprop import MSE, Linear, check
from clearprop.base import messages
from clearprop.base.arrays import Array
from clearprop.base.errors import GradientError
from clearprop.checking.verdict import Verdict, junit

X = np.array([[0.0, -1.0], [2.0, 0.25]])


@pytest.fixture
def right() -> Verdict:
    return check(Linear(3, 2), witnesses=["complex-step"])


@pytest.fixture
def wrong() -> Verdict:
    return check(np.maximum, lambda dy, x, y: (dy * (x > y) * 2, dy * (x <= y)), X, 0 * X)


@pytest.fixture
def undecided() -> Verdict:
    return check(np.log, lambda dy, x: dy / x, X)


def test_the_outcomes(right: Verdict, wrong: Verdict, undecided: Verdict) -> None:
    assert (right.outcome, wrong.outcome, undecided.outcome) == ("right", "wrong", "undecided")


def test_the_numbers_of_an_array() -> None:
    x = np.array([0.3, -0.4])
    dy = np.array([2.0, 1.0])
    verdict = check(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2) + [0, 0.5], x, dy=dy)
    one = verdict.array("x")
    slope = 1 - np.tanh(x) ** 2
    assert one.index == (1,)
    assert one.claimed == pytest.approx(slope[1] + 0.5)
    assert one.expected == pytest.approx(slope[1], rel=1e-8)
    assert one.absolute == pytest.approx(0.5, rel=1e-8)
    assert one.relative == pytest.approx(0.5 / (2 * slope[0]), rel=1e-8)
    assert one.tolerance is not None
    assert 0 < one.tolerance < 1e-5
    assert (one.checked, one.size, one.method, one.shape) == (2, 2, "every_entry", (2,))
    assert one.step == pytest.approx(6.06e-6, rel=1e-2)
    with pytest.raises(KeyError):
        verdict.array("q")


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_every_form_in_both_languages(
    right: Verdict, wrong: Verdict, undecided: Verdict, language: str
) -> None:
    for verdict in (right, wrong, undecided):
        text = verdict.text(language)
        head = messages.text(language, f"checking.headline.{verdict.outcome}", name=verdict.name)
        assert text.startswith(head)
        page = verdict.html(language)
        assert page.startswith(f'<div lang="{language}">')
        assert page.endswith("</div>")
        assert "<table>" in page or not verdict.arrays
        ElementTree.fromstring(page)
    assert str(wrong) == wrong.text("en")
    assert wrong._repr_html_() == wrong.html("en")


def test_html_is_escaped() -> None:
    def q(x: Array) -> Array:
        return np.asarray(np.tanh(x))

    q.__name__ = "<script>"
    assert "<script>" not in check(q, lambda dy, x: dy, X).html()


def test_json(wrong: Verdict, undecided: Verdict) -> None:
    data = json.loads(wrong.to_json())
    assert data["outcome"] == "wrong"
    assert {"index", "claimed", "expected", "tolerance", "tolerance_source", "method", "step"} <= (
        set(data["arrays"][0])
    )
    assert json.loads(undecided.to_json())["findings"][0]["key"] == "output_not_finite"


def test_what_is_not_finite_is_a_word_in_json() -> None:
    verdict = check(np.tanh, lambda dy, x: dy * np.inf, X)
    one = json.loads(verdict.to_json())["arrays"][0]
    assert {one["claimed"], one["absolute"]} <= {"Infinity", "-Infinity"}


def test_junit(right: Verdict, wrong: Verdict, undecided: Verdict) -> None:
    root = ElementTree.fromstring(junit([right, wrong, undecided], "en"))
    suites = root.findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["0", "1", "0"]
    assert [suite.get("skipped") for suite in suites] == ["0", "0", "1"]
    assert suites[0].get("tests") == "3"
    failure = suites[1].find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.startswith("WRONG")
    skipped = suites[2].find("testcase/skipped")
    assert skipped is not None
    assert "The output is" in str(skipped.get("message"))
    assert ElementTree.fromstring(right.to_junit()).find("testsuite/testcase") is not None


def test_a_finding_is_a_failure_of_the_rules() -> None:
    def edits(x: Array) -> Array:
        x += 1
        return np.asarray(np.tanh(x))

    verdict = check(edits, lambda dy, x: dy * (1 - np.tanh(x + 1) ** 2), X)
    cases = ElementTree.fromstring(verdict.to_junit()).findall("testsuite/testcase")
    assert [case.get("name") for case in cases] == ["x", "rules"]
    assert cases[1].find("failure") is not None


def test_raise_if_wrong(right: Verdict, wrong: Verdict, undecided: Verdict) -> None:
    assert right.raise_if_wrong() is right
    assert undecided.raise_if_wrong() is undecided
    with pytest.raises(GradientError, match="WRONG") as caught:
        wrong.raise_if_wrong()
    assert caught.value.values["verdict"] is wrong
    assert "錯誤" in caught.value.message("zh-TW")
    with pytest.raises(AssertionError, match="UNDECIDED"):
        undecided.raise_if_wrong(undecided=True)


def test_a_verdict_of_several_names_them() -> None:
    verdict = check(MSE, witnesses=["complex-step"])
    assert verdict.name == "MSE"
    assert all(one.name.startswith("MSE(") for one in verdict.arrays)
    assert all(one.name.endswith("complex-step") for one in verdict.witnesses)
