"""The lab as data: a session takes a message and gives messages, and knows nothing of a browser.

    session = Session()
    for answer in session.receive({"type": "hello", "id": 1, "version": 1, "language": "en"}):
        ...
    while session.busy:
        for message in session.work(0.01):
            ...

`receive` answers at once; what takes longer, a run or a long way back in one, is gone on with in
`work`, piece by piece. Whoever serves a session never calls both at the same time.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.lab import (
    handled_files,
    handled_lessons,
    handled_mistakes,
    handled_predictions,
    handled_runs,
    handled_selections,
)
from clearprop.lab import messages as table
from clearprop.lab.building_blocks import LIMITS, kinds_told
from clearprop.lab.data_sets import DATA_SETS, LabData
from clearprop.lab.lab_recipe import Problem, problem_of
from clearprop.lab.lab_state import MAIN, Answer, Answers, LabState, say, sentence
from clearprop.lab.lesson_files import Lesson
from clearprop.lab.lesson_marks import lesson_problem
from clearprop.lab.message_types import PAGE, SESSION, VERSION
from clearprop.lab.missing_here import missing_here
from clearprop.lab.own_table import OwnTable
from clearprop.lab.page_words import page_words
from clearprop.lab.pasted_code import Guest, sandboxed
from clearprop.lab.presets import PRESETS
from clearprop.lab.thumbnails import thumbnail

Handler = Callable[[LabState, Mapping[str, Any]], Answers]
HANDLERS: Mapping[str, Handler] = {
    **handled_runs.HANDLERS,
    **handled_selections.HANDLERS,
    **handled_mistakes.HANDLERS,
    **handled_predictions.HANDLERS,
    **handled_files.HANDLERS,
    **handled_lessons.HANDLERS,
}


class Session:
    """One page's lab.

    problem   what a page finds that asks for nothing; the first preset unless told otherwise
    own_data  a person's own samples, and `table` what they were taken from
    lesson    the lesson that is open at first, in the place of `problem`
    guest     what runs pasted code: a process with limits, unless the session itself is in a place
              that can be thrown away
    key       what a page names to go on with this session after a reload
    """

    def __init__(
        self,
        *,
        problem: Problem | None = None,
        own_data: LabData | None = None,
        table: OwnTable | None = None,
        lesson: Lesson | None = None,
        language: str = "en",
        guest: Guest = sandboxed,
    ) -> None:
        self.key = secrets.token_urlsafe(16)
        self._state = LabState(language, guest, lesson)
        self._state.own_data = own_data if lesson is None else lesson.data
        self._state.table = table
        self._problem = problem if lesson is None else lesson_problem(lesson)
        self._sent = 0

    @property
    def busy(self) -> bool:
        """Whether there is something for `work` to do."""
        return self._state.running or self._state.seek is not None

    @property
    def language(self) -> str:
        """The language that the page asked for."""
        return self._state.language

    def receive(self, message: str | bytes | Mapping[str, Any]) -> list[Answer]:
        """The answers to a message; a `sentence` where it cannot be done, and nothing is lost."""
        try:
            given = (
                table.read(message)
                if isinstance(message, str | bytes)
                else table.validated(dict(message), PAGE)
            )
        except ClearpropError as problem:
            return [self._numbered(self._refused(problem), None)]
        done = self._collected(self._answers(given))
        return [self._numbered(one, given["id"]) for one in done]

    def work(self, seconds: float) -> list[Answer]:
        """Go on for so long with what is not done yet; returns what there is to show."""
        deadline = time.monotonic() + seconds
        found = self._collected(handled_runs.go_on(self._state, deadline))
        if found and found[-1]["type"] == "sentence":
            self._state.stop()
        return [self._numbered(one, one.get("answers")) for one in found]

    def _collected(self, answers: Answers) -> list[Answer]:
        """The answers, and a sentence behind those that could still be given."""
        done: list[Answer] = []
        try:
            # Numbers that are not finite are shown, not warned of.
            with np.errstate(all="ignore"):
                done.extend(answers)
        except ClearpropError as problem:
            done.append(self._refused(problem))
        except MemoryError:
            done.append(sentence("error", say(self.language, "session.memory")))
        except Exception as problem:
            # A fault of ours: the page hears of it, and nothing of the person's is lost by it.
            told = f"{type(problem).__name__}: {problem}"
            done.append(sentence("error", say(self.language, "session.fault", problem=told)))
        return done

    def _refused(self, problem: ClearpropError) -> Answer:
        return sentence("error", problem.message(self.language))

    def take_verdict(self, outcome: str) -> None:
        """Know the outcome of a pasted backward that was judged elsewhere."""
        self._state.checked = outcome

    def _answers(self, given: Mapping[str, Any]) -> Answers:
        kind = given["type"]
        if kind == "hello":
            yield from self._hello(given)
        elif not self._state.branches:
            raise ConfigurationError("lab_hello_first")
        elif kind == "language":
            self._require_language(given["language"])
            yield self._welcome()
            yield from self._state.all()
        else:
            yield from HANDLERS[kind](self._state, given)

    def _numbered(self, message: Answer, answers: int | None) -> Answer:
        self._sent += 1
        numbered = {"id": self._sent, **message}
        if "answers" in SESSION[message["type"]]:
            numbered["answers"] = answers
        return table.validated(numbered, SESSION)

    def _hello(self, given: Mapping[str, Any]) -> Answers:
        if given["version"] != VERSION:
            raise ConfigurationError("lab_version", came=given["version"], expected=VERSION)
        self._require_language(given["language"])
        state, refused = self._state, None
        if not state.branches:
            problem = self._problem
            try:
                if given["recipe"] is not None:
                    problem = problem_of(given["recipe"], state.own_data)
            except ClearpropError as why:
                # A link that cannot be read still opens the lab.
                refused = why
            state.begin(problem or problem_of({}))
        yield self._welcome()
        yield from state.all()
        if refused is not None:
            yield sentence("error", refused.message(self.language))

    def _welcome(self) -> Answer:
        language, first = self.language, self._state.branches[MAIN]
        return {
            "type": "welcome",
            "version": VERSION,
            "language": language,
            "session": self.key,
            "presets": [
                {"name": name, "title": say(language, f"session.preset.{name}"), "recipe": recipe}
                for name, recipe in PRESETS.items()
            ],
            "kinds": kinds_told(language),
            "lessons": self._state.lessons.listed(language),
            "data_sets": [
                {
                    "name": name,
                    "title": say(language, f"session.data.{name}"),
                    "picture": thumbnail(make()),
                }
                for name, make in DATA_SETS.items()
            ],
            "limits": dict(LIMITS),
            "missing": missing_here(language),
            "recipe": dict(first.problem.recipe),
            "words": page_words(language),
        }

    def _require_language(self, language: str) -> None:
        if language not in messages.LANGUAGES:
            known = ", ".join(messages.LANGUAGES)
            raise ConfigurationError("language_unknown", name=language[:40], known=known)
        self._state.language = language
