"""What a session holds: the branches of its run, which moment is shown, what is selected; and how
all of it is told.

The handlers of the messages change it; nobody else does. Numbers of one moment come from one record
of one step, which is kept for as long as it is shown.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.base import messages
from clearprop.base.errors import ConfigurationError
from clearprop.lab.blanks import AskedBlank, asked_next
from clearprop.lab.branch_run import BranchRun, Origin, Seek
from clearprop.lab.data_sets import LabData
from clearprop.lab.lab_recipe import Problem
from clearprop.lab.lesson_files import Lesson
from clearprop.lab.lesson_talk import LessonTalk
from clearprop.lab.messages import array
from clearprop.lab.moments import StepView, numbers_at, phases_told, viewed, words_at
from clearprop.lab.network_view import network_view
from clearprop.lab.own_table import OwnTable
from clearprop.lab.pasted_code import Guest, starter
from clearprop.lab.planted_backward import PlantedMistake, plantable_kinds
from clearprop.lab.reasons import nothing_selected, why
from clearprop.training.events import TrainingState

MAIN = "main"
# More branches than these are not kept: the oldest beside the first goes.
MOST_BRANCHES = 8

Answer = dict[str, Any]
Answers = Iterator[Answer]

say = messages.within("lab")


class LabState:
    """One page's lab.

    shown      the branch that is shown, at `step` with `phase` phases computed (None: all of them)
    sample     the place in the batch of the sample that is looked at
    seek       a way to another step that is not gone to its end: (id of the message, phase, way)
    running    whether steps are taken; `rate` of them a second, None as fast as it goes
    lessons    the lesson that is open, and what was answered in it
    checked    the outcome of the last backward that was pasted; "" before one was
    predicting whether numbers are to be predicted; `answered` is what was said first of each, by
               which it counts, and `solved` are those that need not be asked again
    """

    def __init__(self, language: str, guest: Guest, lesson: Lesson | None = None) -> None:
        self.language, self.guest = language, guest
        self.lessons = LessonTalk(lesson)
        self.own_data: LabData | None = None
        self.table: OwnTable | None = None
        self.branches: dict[str, BranchRun] = {}
        self.shown = MAIN
        self.step = 0
        self.phase: int | None = None
        self.sample = 0
        self.selection: dict[str, Any] | None = None
        self.seek: tuple[int, int | None, Seek] | None = None
        self.running = False
        self.rate: float | None = None
        self.since = 0.0
        self.taken = 0
        self.wants_frame = False
        self.predicting = False
        self.checked = ""
        self.answered: dict[str, tuple[AskedBlank, str]] = {}
        self.solved: set[str] = set()
        self.right = 0
        self._made = 0
        self._view: tuple[tuple[str, int, int], StepView] | None = None
        self._points: dict[str, tuple[int, int]] = {}

    @property
    def run(self) -> BranchRun:
        """The branch that is shown."""
        return self.branches[self.shown]

    def table_named(self, name: str) -> OwnTable | None:
        """The person's own table, where it has that name."""
        return self.table if self.table is not None and self.table.name == name else None

    def begin(self, problem: Problem) -> None:
        """A new run. Nothing of the old one is touched before the new one can be looked at."""
        run = BranchRun(MAIN, problem)
        viewed(run.step_at(problem.first), 0)
        self.branches = {MAIN: run}
        self.sample = 0
        self.selection = self.seek = None
        self.answered, self.solved, self.right, self._made = {}, set(), 0, 0
        self._points = {}
        self.show(run, problem.first.step, None)

    def branch(self, name: str) -> BranchRun:
        """The branch of that name. Raises ConfigurationError."""
        if name not in self.branches:
            raise ConfigurationError(
                "lab_branch_unknown", name=name[:40], known=", ".join(self.branches)
            )
        return self.branches[name]

    def add_branch(
        self,
        problem: Problem,
        origin: Origin,
        planted: PlantedMistake | None = None,
        *,
        hidden: bool = False,
        beside: str | None = None,
    ) -> BranchRun:
        """A branch that goes on from another one, and is shown from now on."""
        number = self._made + 1
        run = BranchRun(
            str(number), problem, origin=origin, planted=planted, hidden=hidden, beside=beside
        )
        viewed(run.step_at(problem.first), 0)
        self._made = number
        others = [name for name in self.branches if name != MAIN]
        if len(others) >= MOST_BRANCHES:
            del self.branches[others[0]]
        self.branches[run.name] = run
        self.show(run, problem.first.step, None)
        return run

    def show(self, run: BranchRun, step: int, phase: int | None) -> None:
        """Show another moment; what is not done on the way to one is left."""
        self.shown, self.step, self.phase = run.name, step, phase
        self.running, self.seek, self._view = False, None, None

    def stop(self) -> None:
        """Take no more steps, and leave the way to another one."""
        self.running, self.seek = False, None

    def show_last(self) -> None:
        """Show the newest step."""
        self.step, self.phase, self._view = self.run.steps, None, None

    def state(self) -> TrainingState:
        """The state before the step that is shown."""
        seek = self.run.seek(self.step)
        seek.advance(float("inf"))
        return seek.state

    def view(self) -> StepView:
        """The step that is shown, walked."""
        place = (self.shown, self.step, self.sample)
        if self._view is None or self._view[0] != place:
            self.settle(self.state())
        if self._view is None:
            raise ConfigurationError("lab_hello_first")
        return self._view[1]

    def settle(self, state: TrainingState) -> None:
        """Look at the step from a state, which is that of the step shown."""
        step = self.run.step_at(state)
        # A batch may be smaller than the one in which the sample was chosen.
        view = viewed(step, min(self.sample, step.samples - 1))
        self._view = ((self.shown, self.step, self.sample), view)

    @property
    def phases_done(self) -> int:
        """How many phases of the step that is shown are computed."""
        phases = self.view().phases
        return phases if self.phase is None else min(max(self.phase, 0), phases)

    # How it is told.

    def all(self) -> Answers:
        """Everything that stands."""
        self._points = {}
        yield self.network()
        yield from self.curves()
        yield self.branches_told()
        yield from self.moment()
        yield self.why(self.selection)
        yield from self.lessons.told(self.language)

    def picture(self) -> Answers:
        """The newest moment, and what the curves have got since the last one."""
        self.wants_frame = False
        self.show_last()
        yield from self.curves()
        yield from self.moment()
        if self.selection is not None:
            yield self.why(self.selection)

    def moment(self) -> Answers:
        """The moment that is shown, and what is to be predicted next, where that is asked."""
        view, run, phase = self.view(), self.run, self.phases_done
        batch = run.batch_of(self.step)
        yield {
            "type": "moment",
            "branch": run.name,
            "step": self.step,
            "phase": phase,
            "phases": phases_told(view.walk, self.language),
            **words_at(view, phase, self.language),
            **numbers_at(view, phase),
            "sample": view.sample,
            "batch": None if batch is None else array(batch),
            "running": self.running,
            "steps": run.steps,
            "diverged": None if run.diverged is None else run.diverged.message(self.language),
        }
        if self.predicting:
            yield self.blanks()

    def blanks(self) -> Answer:
        """What is to be predicted now."""
        told = [
            {
                "name": one.name,
                "symbol": one.symbol,
                "says": say(self.language, "session.blank", symbol=one.symbol),
                "place": one.place,
                "equation": one.equation,
            }
            for one in (asked_next(self.view(), self.phases_done) if self.predicting else ())
            if one.name not in self.solved
        ]
        return {"type": "blanks", "on": self.predicting, "blanks": told}

    def network(self) -> Answer:
        """The network, its drawing, and the phases of its step."""
        view, problem = self.view(), self.run.problem
        return {
            "type": "network",
            **network_view(view.step, say(self.language, "session.input")),
            "samples": len(problem.data.x),
            "recipe": dict(problem.recipe),
            "starter": starter(view.step.forward.network.graph),
            "phases": phases_told(view.walk, self.language),
            "mistakes": [
                {"name": key, "title": one.name(self.language)}
                for key, one in plantable_kinds(self.run.step_at(problem.first)).items()
            ],
        }

    def curves(self) -> Answers:
        """What the page has not got yet of every branch's curve."""
        for name, run in self.branches.items():
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

    def branches_told(self) -> Answer:
        """All branches, and which is shown."""
        branches = [
            {
                "branch": name,
                "title": self._title(run),
                "from": None if run.origin is None else run.origin._asdict(),
                "steps": run.steps,
                "mistake": None
                if run.planted is None or run.hidden
                else run.planted.name(self.language),
            }
            for name, run in self.branches.items()
        ]
        return {"type": "branches", "branches": branches, "shown": self.shown}

    def why(self, selection: Mapping[str, Any] | None) -> Answer:
        """Why what is selected is what it is. Raises what the explanations raise."""
        if selection is None:
            return {"type": "why", "selection": None, **nothing_selected()}
        fields = why(self.view(), selection, self.language)
        return {"type": "why", "selection": dict(selection), **fields}

    def paused(self, says: str = "") -> Answer:
        """That the run stands, and why where nobody asked for it."""
        diverged = self.run.diverged
        if not says and self.run.ended:
            says = say(self.language, "session.ended")
            says = says if diverged is None else diverged.message(self.language)
        return {"type": "paused", "says": says}

    def start_running(self, rate: float | None) -> None:
        """From now on steps are taken."""
        self.seek = None
        self.rate, self.since, self.taken = rate, time.monotonic(), 0
        self.running = not self.run.ended

    def _title(self, run: BranchRun) -> str:
        if run.origin is None:
            return say(self.language, "session.branch.main")
        if run.planted is not None:
            return say(self.language, "session.branch.planted", step=run.origin.step)
        return say(self.language, "session.branch.other", step=run.origin.step)


def sentence(level: str, text: str) -> Answer:
    """Something to tell the person: an error or a note."""
    return {"type": "sentence", "level": level, "text": text}
