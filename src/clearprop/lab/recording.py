"""A conversation with a session before anybody has it: the first step and its explanations, so that
a page can be read and pointed at while Python is still starting in it.

A recording is a list of [question, answers], where the question is the page's message without its
id. The page answers from it what it finds there, and asks the session everything else.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.base.messages import LANGUAGES
from clearprop.engine.graph import INPUT
from clearprop.lab.lab_opening import Opening
from clearprop.lab.lab_state import MAIN
from clearprop.lab.message_types import VERSION
from clearprop.lab.session import Session

# So many of a network's weights and neurons are explained before it lives.
MOST_EXPLAINED = 120

Message = dict[str, Any]
Recording = list[tuple[Message, list[Message]]]


def recordings(opening: Opening) -> dict[str, Recording]:
    """A recording in each language. Raises what the opening is refused with."""
    return {language: _recorded(opening, language) for language in LANGUAGES}


def _recorded(opening: Opening, language: str) -> Recording:
    session = opening.session(language)
    hello = {"type": "hello", "version": VERSION, "language": language}
    recording = [_asked(session, hello)]
    first = recording[0][1]
    moment = next(one for one in first if one["type"] == "moment")
    network = next(one for one in first if one["type"] == "network")
    questions = [
        *_selections(network),
        {"type": "output", "of": None, "resolution": None},
        {"type": "health"},
        {"type": "inside", "layer": None, "stage": None},
        *(
            {"type": "go", "branch": MAIN, "step": moment["step"], "phase": phase}
            for phase in (*range(len(moment["phases"]) + 1), None)
        ),
    ]
    recording += [_asked(session, question) for question in questions]
    # What is refused, or goes on in `work`, is left to the session itself.
    return [
        (question, answers)
        for question, answers in recording
        if answers and all(one["type"] != "sentence" for one in answers)
    ]


def _asked(session: Session, question: Message) -> tuple[Message, list[Message]]:
    return question, session.receive({**question, "id": 1})


def _selections(network: Mapping[str, Any]) -> Iterator[Message]:
    yield {"type": "select", "selection": {"kind": "loss"}}
    chosen = [
        {"kind": "bias" if one["path"].endswith("bias") else "weight", "address": address}
        for one in network["parameters"]
        for address in _entries(one["path"], one["shape"])
    ]
    chosen += [
        {"kind": "input" if column["wire"] == INPUT else "neuron", "address": address}
        for column in network["columns"]
        for wire in dict.fromkeys((column["wire"], column["output"]))
        for address in _entries(wire, column["shape"])
    ]
    for selection in chosen[:MOST_EXPLAINED]:
        yield {"type": "select", "selection": selection}
    yield {"type": "select", "selection": None}


def _entries(path: str, shape: list[int]) -> Iterator[str]:
    for index in np.ndindex(*shape):
        yield f"{path}[{','.join(map(str, index))}]"
