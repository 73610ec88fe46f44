"""Messages of mistakes: planted into the running backward, found, and judged."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError, ContractError, UnknownNameError
from clearprop.checking.verdict import Verdict
from clearprop.lab.branch_run import Origin
from clearprop.lab.lab_state import Answers, LabState, say
from clearprop.lab.pasted_code import code_verdict, running_verdict
from clearprop.lab.planted_backward import plantable, wrong_lines

RANDOM = "random"


def _plant(state: LabState, given: Mapping[str, Any]) -> Answers:
    run = state.branch(given["branch"] or state.shown)
    mistake = given["mistake"]
    if mistake is None:
        yield from _taken_out(state)
        return
    right = state.branch(run.beside) if run.beside in state.branches else run
    first = right.problem.first
    found = plantable(right.step_at(first))
    known = list(dict.fromkeys(one.key for one in found))
    if not found:
        raise ConfigurationError("lab_nothing_to_plant")
    if mistake == RANDOM:
        # By kind first, so that those that fit into every layer are no likelier.
        mistake = secrets.choice(known)
        hidden = True
    else:
        hidden = False
    if mistake not in known:
        raise UnknownNameError("lab_mistake", name=mistake[:40], known=", ".join(known))
    planted = secrets.choice([one for one in found if one.key == mistake])
    problem = replace(right.problem, first=first)
    origin = Origin(right.name, first.step)
    made = state.add_branch(problem, origin, planted, hidden=hidden, beside=right.name)
    name = planted.name(state.language)
    key = "hidden" if hidden else "named"
    yield {
        "type": "planted",
        "branch": made.name,
        "beside": right.name,
        "mistake": None if hidden else name,
        "says": say(state.language, f"session.planted.{key}", name=name, path=planted.path),
    }
    yield state.branches_told()
    yield from state.curves()
    yield from state.moment()


def _taken_out(state: LabState) -> Answers:
    run = state.run
    right = state.branches.get(run.beside or "")
    if run.planted is None or right is None:
        raise ConfigurationError("lab_no_mistake")
    state.show(right, right.steps, None)
    yield {
        "type": "planted",
        "branch": right.name,
        "beside": None,
        "mistake": None,
        "says": say(state.language, "session.planted.out"),
    }
    yield state.branches_told()
    yield from state.curves()
    yield from state.moment()


def _find(state: LabState, given: Mapping[str, Any]) -> Answers:
    planted, place, line = state.run.planted, given["place"], given["line"]
    if planted is None:
        raise ConfigurationError("lab_no_mistake")
    wrong = wrong_lines(planted, state.view().step)
    right = place == planted.path and (line is None or line in wrong)
    near = place == planted.path and not right
    outcome = "right" if right else "near" if near else "wrong"
    if right:
        state.run.hidden = False
    name = planted.name(state.language)
    values = {"place": place, "name": name}
    yield {
        "type": "mark",
        "of": "find",
        "name": place if line is None else f"{place} {line}",
        "outcome": outcome,
        "says": say(state.language, f"session.find.{outcome}", **values),
        "mistake": name if right else None,
        "right": state.right,
        "asked": len(state.answered),
    }
    if right:
        yield state.branches_told()


def _check(state: LabState, given: Mapping[str, Any]) -> Answers:
    code, step = given["code"], state.view().step
    try:
        verdict = (
            running_verdict(step, state.run.planted)
            if code is None
            else code_verdict(step, code, state.guest)
        )
    except ContractError as problem:
        raise ContractError("lab_code_not_judged", problem=problem) from problem
    if code is None and state.run.planted is not None:
        state.run.hidden = False
    if code is not None:
        state.checked = str(verdict.outcome)
    yield {"type": "verdict", **verdict_told(verdict, state.language)}


def verdict_told(verdict: Verdict, language: str) -> dict[str, Any]:
    """The fields of `verdict`."""
    heads, rows = verdict.table(language)
    words = verdict.mistakes[0].words(language) if verdict.mistakes else None
    return {
        "outcome": str(verdict.outcome),
        "headline": messages.text(language, f"lab.session.verdict.{verdict.outcome}"),
        "lines": list(verdict.sentences(language)),
        "mistake": None if words is None else words.name,
        "mend": None if words is None else words.mend,
        "table": [heads, *rows],
    }


HANDLERS = {"plant": _plant, "find": _find, "check": _check}
