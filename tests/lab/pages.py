"""A page for tests of the session: it counts its messages and keeps what it got."""

import base64
import time
from typing import Any

import numpy as np

from clearprop.base.arrays import Array
from clearprop.lab.messages import written
from clearprop.lab.session import Session

Message = dict[str, Any]


class Page:
    """A page that said hello to a session."""

    def __init__(self, session: Session | None = None, language: str = "en") -> None:
        self.session = session or Session()
        self._count = 0
        self.greeting = self.say("hello", version=1, language=language)

    def say(self, kind: str, **fields: Any) -> list[Message]:
        """Send a message; returns its answers."""
        self._count += 1
        answers = self.session.receive({"type": kind, "id": self._count, **fields})
        for one in answers:
            # As it is sent; and no sentence may stand for a fault of ours.
            assert "inside clearprop" not in written(one)
        return answers

    def ask(self, kind: str, answer: str, **fields: Any) -> Message:
        """Send a message; returns its one answer of a type."""
        found = [one for one in self.say(kind, **fields) if one["type"] == answer]
        assert len(found) == 1, (kind, found)
        return found[0]

    def refused(self, kind: str, **fields: Any) -> str:
        """Send a message that cannot be done; returns the sentence."""
        (answer,) = self.say(kind, **fields)
        assert answer["type"] == "sentence"
        assert answer["level"] == "error"
        return str(answer["text"])

    def train(self, steps: int) -> Message:
        """Take so many steps; returns the moment after them."""
        goal = self.session._state.run.steps + steps
        self.session._state.run.advance(goal, time.monotonic() + 60)
        self.say("run")
        return one_of(self.say("pause"), "moment")

    def go(self, step: int, phase: int | None = None, branch: str = "main") -> Message:
        """The moment of a step, however long the way to it is."""
        answers = self.say("go", branch=branch, step=step, phase=phase)
        while self.session.busy:
            answers += self.session.work(1.0)
        return one_of(answers, "moment")


def one_of(messages: list[Message], kind: str) -> Message:
    """The last message of a type."""
    return [one for one in messages if one["type"] == kind][-1]


def values(told: Message) -> Array:
    """The array of a message."""
    content = base64.b64decode(told["base64"])
    return np.frombuffer(content, np.dtype(told["dtype"]).newbyteorder("<")).reshape(told["shape"])
