"""The lab as data: a session takes a message and gives messages, and knows nothing of a browser.

    session = Session()
    for answer in session.receive({"type": "hello", "id": 1, "version": 1, "language": "en"}):
        ...
    while session.busy:
        for message in session.work(0.01):
            ...

`receive` answers at once; what takes longer, a run or a long way back in one, is gone on with in
`work`, piece by piece. Whoever serves a session calls both from one thread.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import ClearpropError, ConfigurationError
from clearprop.lab import messages as table
from clearprop.lab.branch_run import BranchRun, Seek
from clearprop.lab.building_blocks import LIMITS, kinds_told
from clearprop.lab.data_sets import DATA_SETS, LabData
from clearprop.lab.lab_recipe import Problem, problem_of
from clearprop.lab.lesson_files import Lesson
from clearprop.lab.lesson_marks import Reached, lesson_problem
from clearprop.lab.lesson_talk import LessonTalk
from clearprop.lab.messages import array
from clearprop.lab.moments import StepView, numbers_at, phases_told, viewed, words_at
from clearprop.lab.network_view import network_view
from clearprop.lab.page_words import page_words
from clearprop.lab.planted_backward import plantable
from clearprop.lab.presets import PRESETS
from clearprop.lab.reasons import nothing_selected, selection_of, why
from clearprop.lab.thumbnails import thumbnail

MAIN = "main"
# A way back that takes longer goes on in `work`.
AT_ONCE = 0.02

Answer = dict[str, Any]
Answers = Iterator[Answer]

say = messages.within("lab")


class Session:
    """One page's lab: what was built, its branches, what is shown and what is selected.

    key  what a page names to go on with this session after a reload
    """

    def __init__(
        self,
        *,
        problem: Problem | None = None,
        lesson: Lesson | None = None,
        language: str = "en",
    ) -> None:
        self.key = secrets.token_urlsafe(16)
        self.language = language
        self.own_data: LabData | None = None
        self._problem = problem if lesson is None else lesson_problem(lesson)
        self._lessons = LessonTalk(lesson)
        self._sent = 0
        self._branches: dict[str, BranchRun] = {}
        self._shown = MAIN
        self._step = 0
        # Phases computed of the step that is shown; None is all of them.
        self._phase: int | None = None
        self._sample = 0
        self._selection: dict[str, Any] | None = None
        self._view: tuple[tuple[str, int, int], StepView] | None = None
        self._seek: tuple[int, int | None, Seek] | None = None
        self._running = False
        self._rate: float | None = None
        self._since = 0.0
        self._taken = 0
        self._wants_frame = False
        self._points: dict[str, tuple[int, int]] = {}

    @property
    def busy(self) -> bool:
        """Whether there is something for `work` to do."""
        return self._running or self._seek is not None

    def receive(self, message: str | bytes | Mapping[str, Any]) -> list[Answer]:
        """The answers to a message; a `sentence` where it cannot be done, and nothing is lost."""
        answers: int | None = None
        try:
            given = (
                table.read(message)
                if isinstance(message, str | bytes)
                else table.validated(dict(message), table.PAGE)
            )
            answers = given["id"]
            # Numbers that are not finite are shown, not warned of.
            with np.errstate(all="ignore"):
                return [self._numbered(one, answers) for one in self._answers(given)]
        except ClearpropError as problem:
            return [self._numbered(self._refused(problem), answers)]
        except MemoryError:
            sentence = say(self.language, "session.memory")
            return [self._numbered(_sentence("error", sentence), answers)]

    def work(self, seconds: float) -> list[Answer]:
        """Go on for so long with what is not done yet; returns what there is to show."""
        deadline = time.monotonic() + seconds
        with np.errstate(all="ignore"):
            if self._seek is not None:
                return [self._numbered(one, one.get("answers")) for one in self._found(deadline)]
            if self._running:
                return [self._numbered(one, None) for one in self._run_on(deadline)]
        return []

    def _answers(self, given: Mapping[str, Any]) -> Answers:
        kind = given["type"]
        if kind != "hello" and not self._branches:
            raise ConfigurationError("lab_hello_first")
        yield from _HANDLERS[kind](self, given)

    def _numbered(self, message: Answer, answers: int | None) -> Answer:
        self._sent += 1
        fields = table.SESSION[message["type"]]
        numbered = {"type": message["type"], "id": self._sent, **message}
        if "answers" in fields:
            numbered["answers"] = answers
        return table.validated(numbered, table.SESSION)

    def _refused(self, problem: ClearpropError) -> Answer:
        return _sentence("error", problem.message(self.language))

    # What each message does.

    def _hello(self, given: Mapping[str, Any]) -> Answers:
        if given["version"] != table.VERSION:
            raise ConfigurationError("lab_version", came=given["version"], expected=table.VERSION)
        self._require_language(given["language"])
        if not self._branches:
            problem = self._problem
            if given["recipe"] is not None:
                problem = problem_of(given["recipe"], self.own_data)
            self._begin(problem or problem_of({}))
        yield self._welcome()
        yield from self._all()

    def _change_language(self, given: Mapping[str, Any]) -> Answers:
        self._require_language(given["language"])
        yield self._welcome()
        yield from self._all()

    def _build(self, given: Mapping[str, Any]) -> Answers:
        self._begin(problem_of(given["recipe"], self.own_data))
        yield from self._all()

    def _run(self, given: Mapping[str, Any]) -> Answers:
        rate = given["rate"]
        if rate is not None and not rate > 0:
            raise ConfigurationError("lab_rate", value=rate)
        run = self._branches[self._shown]
        self._seek = None
        self._rate, self._since, self._taken = rate, time.monotonic(), 0
        self._running = not run.ended
        if run.ended:
            yield self._paused(run)
        else:
            yield {"type": "running", "rate": rate}

    def _frame(self, given: Mapping[str, Any]) -> Answers:
        self._wants_frame = True
        if not self._running:
            return
        yield from self._picture()

    def _pause(self, given: Mapping[str, Any]) -> Answers:
        self._running = False
        yield {"type": "paused", "says": ""}
        self._show_last()
        yield from self._picture()

    def _go(self, given: Mapping[str, Any]) -> Answers:
        run = self._branch(given["branch"])
        self._running = False
        self._shown = run.name
        # The newest one wins: the way to an older one is left.
        self._seek = (given["id"], given["phase"], run.seek(given["step"]))
        yield from self._found(time.monotonic() + AT_ONCE)

    def _select(self, given: Mapping[str, Any]) -> Answers:
        selection = selection_of(given["selection"])
        sample = None if selection is None else selection["sample"]
        if sample is not None and sample != self._sample:
            self._view_of().step.check_sample(sample)
            self._sample = sample
            yield self._moment()
        why_it_is = self._why(selection)
        self._selection = selection
        yield why_it_is

    def _lesson(self, given: Mapping[str, Any]) -> Answers:
        self._begin(self._lessons.begin(given["name"]))
        yield from self._all()

    def _task(self, given: Mapping[str, Any]) -> Answers:
        selected = self._selection and self._selection["address"]
        reached = Reached(loss=self._view_of().step.value, selected=selected or "")
        yield self._lessons.mark(given["part"], given["text"], reached, self.language)

    # What is shown.

    def _begin(self, problem: Problem) -> None:
        """A new run. Nothing of the old one is touched before the new one can be looked at."""
        run = BranchRun(MAIN, problem)
        viewed(run.step_at(problem.first), 0)
        self._problem = problem
        self._branches = {MAIN: run}
        self._shown, self._step, self._phase, self._sample = MAIN, problem.first.step, None, 0
        self._selection, self._view, self._seek = None, None, None
        self._running = False
        self._points = {}

    def _all(self) -> Answers:
        """Everything that stands, once more."""
        self._points = {}
        yield self._network()
        yield from self._curves()
        yield self._branches_told()
        yield self._moment()
        yield self._why(self._selection)
        yield from self._lessons.told(self.language)

    def _found(self, deadline: float) -> Answers:
        """The moment that is sought, once it is there."""
        if self._seek is None:
            return
        answers, phase, seek = self._seek
        if not seek.advance(deadline):
            return
        self._seek = None
        run = self._branches[self._shown]
        self._step, self._phase = seek.step, phase
        self._view = ((run.name, seek.step, self._sample), self._looked_at(run, seek.state))
        yield {**self._moment(), "answers": answers}
        if self._selection is not None:
            yield self._why(self._selection)

    def _run_on(self, deadline: float) -> Answers:
        run = self._branches[self._shown]
        until = None
        if self._rate is not None:
            due = int((time.monotonic() - self._since) * self._rate)
            until = run.steps + max(due - self._taken, 0)
        before = run.steps
        run.advance(until, deadline)
        self._taken += run.steps - before
        if self._rate is not None and run.steps == before:
            # Nothing is due: whoever calls must not spin.
            time.sleep(max(0.0, min(deadline - time.monotonic(), 1 / self._rate)))
        if run.ended:
            self._running = False
            yield self._paused(run)
            self._show_last()
            yield from self._picture()

    def _paused(self, run: BranchRun) -> Answer:
        says = run.diverged.message(self.language) if run.diverged is not None else ""
        return {"type": "paused", "says": says or say(self.language, "session.ended")}

    def _picture(self) -> Answers:
        """The newest moment, and what the curve has got since the last one."""
        self._wants_frame = False
        self._show_last()
        yield from self._curves()
        yield self._moment()
        if self._selection is not None:
            yield self._why(self._selection)

    def _show_last(self) -> None:
        run = self._branches[self._shown]
        self._step, self._phase, self._view = run.steps, None, None

    def _view_of(self) -> StepView:
        """The step that is shown, walked."""
        run = self._branches[self._shown]
        place = (run.name, self._step, self._sample)
        if self._view is None or self._view[0] != place:
            seek = run.seek(self._step)
            seek.advance(float("inf"))
            self._view = (place, self._looked_at(run, seek.state))
        return self._view[1]

    def _looked_at(self, run: BranchRun, state: Any) -> StepView:
        step = run.step_at(state)
        # A batch may be smaller than the one in which the sample was chosen.
        return viewed(step, min(self._sample, step.samples - 1))

    def _moment(self) -> Answer:
        view, run = self._view_of(), self._branches[self._shown]
        phase = view.phases if self._phase is None else min(max(self._phase, 0), view.phases)
        batch = run.course.rows(
            self._step, run.course.order(run.last.seed, self._step // run.course.steps_per_epoch)
        )
        return {
            "type": "moment",
            "branch": run.name,
            "step": self._step,
            "phase": phase,
            "phases": phases_told(view.walk, self.language),
            **words_at(view, phase, self.language),
            **numbers_at(view, phase),
            "sample": view.sample,
            "batch": None if batch is None else array(batch),
            "running": self._running,
            "steps": run.steps,
            "diverged": None if run.diverged is None else run.diverged.message(self.language),
        }

    def _network(self) -> Answer:
        view = self._view_of()
        problem = self._branches[self._shown].problem
        return {
            "type": "network",
            **network_view(view.step),
            "samples": len(problem.data.x),
            "recipe": dict(problem.recipe),
            "phases": phases_told(view.walk, self.language),
        }

    def _curves(self) -> Answers:
        """What the page has not got yet of every branch's curve."""
        for name, run in self._branches.items():
            stride, sent = self._points.get(name, (run.stride, 0))
            if stride != run.stride:
                sent = 0
            if sent and sent == len(run.losses):
                continue
            self._points[name] = (run.stride, len(run.losses))
            yield {
                "type": "curve",
                "branch": name,
                "start": run.first_step,
                "stride": run.stride,
                "first": sent,
                "losses": array(np.array(run.losses[sent:], np.float64)),
            }

    def _branches_told(self) -> Answer:
        branches = [
            {
                "branch": name,
                "title": name,
                "from": None if run.origin is None else run.origin._asdict(),
                "steps": run.steps,
                "mistake": None if run.planted is None else run.planted.name(self.language),
            }
            for name, run in self._branches.items()
        ]
        return {"type": "branches", "branches": branches, "shown": self._shown}

    def _why(self, selection: Mapping[str, Any] | None) -> Answer:
        if selection is None:
            return {"type": "why", "selection": None, **nothing_selected()}
        fields = why(self._view_of(), selection, self.language)
        return {"type": "why", "selection": dict(selection), **fields}

    def _welcome(self) -> Answer:
        language = self.language
        first = self._branches[MAIN]
        mistakes = {
            one.key: one.name(language) for one in plantable(first.step_at(first.problem.first))
        }
        return {
            "type": "welcome",
            "version": table.VERSION,
            "language": language,
            "session": self.key,
            "presets": [
                {"name": name, "title": say(language, f"session.preset.{name}"), "recipe": recipe}
                for name, recipe in PRESETS.items()
            ],
            "kinds": kinds_told(language),
            "mistakes": [{"name": key, "title": title} for key, title in mistakes.items()],
            "lessons": self._lessons.listed(language),
            "data_sets": [
                {
                    "name": name,
                    "title": say(language, f"session.data.{name}"),
                    "picture": thumbnail(make()),
                }
                for name, make in DATA_SETS.items()
            ],
            "limits": dict(LIMITS),
            "missing": [],
            "recipe": dict(first.problem.recipe),
            "words": page_words(language),
        }

    def _branch(self, name: str) -> BranchRun:
        if name not in self._branches:
            raise ConfigurationError(
                "lab_branch_unknown", name=name[:40], known=", ".join(self._branches)
            )
        return self._branches[name]

    def _require_language(self, language: str) -> None:
        if language not in messages.LANGUAGES:
            known = ", ".join(messages.LANGUAGES)
            raise ConfigurationError("language_unknown", name=language[:40], known=known)
        self.language = language


def _sentence(level: str, text: str) -> Answer:
    return {"type": "sentence", "level": level, "text": text}


_HANDLERS: Mapping[str, Callable[[Session, Mapping[str, Any]], Answers]] = {
    "hello": Session._hello,
    "language": Session._change_language,
    "build": Session._build,
    "run": Session._run,
    "frame": Session._frame,
    "pause": Session._pause,
    "go": Session._go,
    "select": Session._select,
    "lesson": Session._lesson,
    "task": Session._task,
}
