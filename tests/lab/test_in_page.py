"""The session as a page's worker calls it, and what a page carries to open it with."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import MSE, SGD, Linear, Network, Sequential, save
from clearprop.lab.in_page import SessionInPage
from clearprop.lab.lab_opening import OpenedFile, Opening, layers_of, opened_lesson, opening_from
from clearprop.lab.recording import recordings

CODE = """
def backward(dy, x, W, b):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)
"""


class Page:
    """What a page hears of its session."""

    def __init__(self, opening: Opening) -> None:
        self.heard: list[dict[str, Any]] = []
        self.calls: list[bool] = []
        told = json.dumps(opening.to_json())
        self.session = SessionInPage(told, self.hear, self.calls.append)
        self.say("hello", version=1, language="en")

    def hear(self, text: str) -> None:
        self.heard.append(json.loads(text))

    def say(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        before = len(self.heard)
        self.session.receive(json.dumps({"type": kind, "id": 1, **fields}))
        return self.heard[before:]


def test_a_run_goes_on_slice_by_slice_until_it_is_stopped() -> None:
    page = Page(Opening(lesson=opened_lesson("neuron")))
    assert not page.session.work()
    page.say("run", rate=None)
    assert page.session.work()
    moment = next(one for one in page.say("frame") if one["type"] == "moment")
    assert moment["steps"] > 0
    page.say("pause")
    assert not page.session.work()


def test_pasted_code_runs_in_place_and_every_call_is_told() -> None:
    page = Page(Opening(lesson=opened_lesson("neuron")))
    (verdict,) = page.say("check", code=CODE)
    assert verdict["outcome"] == "right"
    # Once for the code itself and once for each call: begun, and ended.
    assert len(page.calls) > 4
    assert page.calls == [True, False] * (len(page.calls) // 2)
    (raised,) = page.say("check", code="import sys\nsys.exit()")
    assert raised["type"] == "sentence"
    assert page.calls[-1] is False


def test_a_verdict_of_the_other_worker_counts() -> None:
    page = Page(Opening(lesson=opened_lesson("backward-by-hand")))
    (mark,) = page.say("task", part=5, text=None)
    assert mark["outcome"] == "missing"
    page.session.take_verdict("right")
    (mark,) = page.say("task", part=5, text=None)
    assert mark["outcome"] == "right"


def test_an_opening_travels_as_json(tmp_path: Path) -> None:
    network = Network(Sequential(Linear(2, 1)))
    params = network.initialize(seed=3)
    x, target = np.ones((4, 2)), np.zeros((4, 1))
    path = tmp_path / "mine.safetensors"
    save(path, network, params, x=x, target=target, loss=MSE(), optimizer=SGD(0.1))
    saved = OpenedFile(path.name, path.read_bytes())
    table = OpenedFile("mine.csv", b"a,b\n1,2\n3,4\n5,5\n")
    for opening in (
        Opening(),
        Opening(file=saved),
        Opening(file=table, layers=layers_of("1-4-tanh-1")),
        Opening(lesson=opened_lesson("line")),
    ):
        again = opening_from(json.loads(json.dumps(opening.to_json())))
        assert again == opening
        first, second = (
            [one for one in made.session().receive(hello()) if one["type"] == "moment"]
            for made in (opening, again)
        )
        assert first == second


def test_a_recording_answers_as_a_session_does() -> None:
    opening = Opening(lesson=opened_lesson("chain-rule"))
    for language, recording in recordings(opening).items():
        kinds = {question["type"] for question, _ in recording}
        assert kinds == {"hello", "select", "output", "health", "inside", "go"}
        assert not [one for _, answers in recording for one in answers if one["type"] == "sentence"]
        session = opening.session()
        session.receive({**hello(), "language": language})
        asked = {
            "type": "select",
            "selection": {"kind": "weight", "address": "layers[2].weight[1,0]"},
        }
        (why,) = session.receive({**asked, "id": 1})
        (recorded,) = next(answers for question, answers in recording if question == asked)
        assert {**why, "id": 0} == {**recorded, "id": 0}


def hello() -> dict[str, Any]:
    return {"type": "hello", "id": 1, "version": 1, "language": "en"}
