"""Messages that nobody means: every one is done or refused in a sentence, and the session lives."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from clearprop.lab import handled_runs, session
from clearprop.lab.pasted_code import in_place
from clearprop.lab.presets import PRESETS
from clearprop.lab.session import Session
from tests.lab.pages import Page, one_of

LAYERS = [
    {"kind": "BatchNorm"},
    {"kind": "Linear", "units": 3},
    {"kind": "LeakyReLU", "slope": 0.1},
    {"kind": "Dropout", "probability": 0.1},
    {"kind": "Linear"},
]
CHANGES = {
    "learning_rate": 0.1,
    "optimizer": {"kind": "Adam", "learning_rate": 0.1},
    "batch": 3,
    "seed": 4,
    "values": {"layers[0].weight[0,0]": 1.0},
}
MEANT: list[dict[str, Any]] = [
    {"type": "build", "recipe": PRESETS["tutorial"]},
    {"type": "build", "recipe": {"preset": "spirals", "layers": LAYERS}},
    {"type": "go", "branch": "main", "step": 3, "phase": 4},
    {"type": "run", "rate": 1000.0},
    {"type": "select", "selection": {"kind": "weight", "address": "layers[0].weight[0,0]"}},
    {"type": "select", "selection": {"kind": "neuron", "address": "layers[0][0]", "sample": 0}},
    {
        "type": "move",
        "what": "point",
        "address": "input[0]",
        "value": 1.0,
        "settled": True,
        "sample": 0,
    },
    {"type": "branch", "branch": "main", "step": 0, "changes": CHANGES},
    {"type": "plant", "mistake": "random", "branch": None},
    {"type": "find", "place": "layers[0]", "line": "weight"},
    {"type": "blank", "on": True},
    {"type": "answer", "blank": "x", "text": "1"},
    {"type": "output", "of": "layers[0][0]", "resolution": 5},
    {"type": "health"},
    {"type": "export", "what": "link"},
    {"type": "data", "name": "x.csv", "csv": "a,b\n1,2\n3,4", "inputs": ["a"], "target": ["b"]},
    {"type": "data", "name": "moons", "csv": None},
]
NONSENSE: list[Any] = [
    *[None, True, False, 0, 1, -1, 0.5, 10**30, "", "x", "layers[0]", "[", [], {}, [1], [None]],
    *[{"kind": "Linear"}, {"kind": 3}, "1" * 50, ["a", "a"], {"a": None}, "\u2028", [[]]],
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside a message."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from places(one, (*path, key))


def spoiled(generator: random.Random) -> dict[str, Any]:
    """A message with something in it that nobody means."""
    message = copy.deepcopy(generator.choice(MEANT))
    *way, last = generator.choice([*places(message)])
    inside: Any = message
    for key in way:
        inside = inside[key]
    inside[last] = copy.deepcopy(generator.choice(NONSENSE))
    return message


@pytest.mark.parametrize("seed", range(3))
def test_nonsense_is_refused_in_sentences_and_the_session_lives(seed: int) -> None:
    page, generator = Page(Session(guest=in_place)), random.Random(seed)
    for number in range(150):
        message = spoiled(generator)
        for one in page.session.receive({**message, "id": number}):
            assert "inside clearprop" not in str(one.get("text")), message
        page.session.work(0.001)
    assert one_of(page.say("build", recipe={}), "moment")["step"] == 0
    assert page.train(5)["step"] == 5


def test_a_fault_of_ours_ends_a_run_and_not_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page()
    page.train(3)

    def broken(*_: object) -> Iterator[dict[str, Any]]:
        yield from ()
        raise ZeroDivisionError("nobody knows")

    page.say("run")
    monkeypatch.setattr(handled_runs, "go_on", broken)
    (answer,) = page.session.work(0.01)
    assert "inside clearprop (ZeroDivisionError: nobody knows)" in answer["text"]
    assert not page.session.busy
    monkeypatch.setitem(session.HANDLERS, "health", broken)
    (answer,) = page.session.receive({"type": "health", "id": 9})
    assert (answer["answers"], answer["level"]) == (9, "error")
    monkeypatch.undo()
    assert page.go(2)["steps"] >= 3


def test_what_does_not_fit_into_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Iterator[dict[str, Any]]:
        yield from ()
        raise MemoryError

    monkeypatch.setitem(session.HANDLERS, "health", full)
    assert "memory" in Page().refused("health")
