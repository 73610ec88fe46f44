"""A training in machine code: the state lies in the kernels' memory, and many steps are one call.

Whatever the lengths of the calls, the losses and the parameters are the same to the bit: sums go on
where they stood, and shuffles are drawn by the epoch.
"""

from ctypes import CDLL
from time import perf_counter
from typing import Any

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.compiled.lanes import Stack, put_stack, run_stack, take_stack
from clearprop.compiled.plan import Plan
from clearprop.compiled.running import Buffers, Ran, put, run, take
from clearprop.training.course import Course
from clearprop.training.engine_choice import EngineChoice
from clearprop.training.events import TrainingState
from clearprop.training.numpy_events import numpy_events

# A call cannot be interrupted: long enough that Python does not matter, short enough for Ctrl-C and
# a progress bar.
CALL_SECONDS = 0.03


class Machine:
    """A training that is under way in the kernels' memory.

    `course.networks` in the SIMD lanes, over `threads`, or one network by itself.
    """

    def __init__(
        self,
        course: Course,
        plan: Plan,
        library: CDLL,
        state: TrainingState,
        *,
        engine: EngineChoice,
        threads: int = 1,
        settings: Any = None,
    ) -> None:
        self.course, self.plan, self.library, self.engine = course, plan, library, engine
        self.threads = threads
        self.step, self.seed = state.step, state.seed
        self.total, self.weight = state.total, state.weight
        self._pace = 1
        self._ordered: tuple[int, Array | None] = (-1, None)
        x, target, sample_weight = course.data.take(None)
        if course.networks is None:
            self.memory: Any = Buffers(plan, x, target, sample_weight)
        else:
            own = [
                name
                for name in course.data._fields
                if (held := getattr(course.data, name)) is not None and held.own
            ]
            self.memory = Stack(
                plan, course.networks, x, target, sample_weight, own=own, settings=settings or {}
            )
        self._put(state)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one step's losses: () of one network, (K,) of several."""
        return () if self.course.networks is None else (self.course.networks,)

    @property
    def last(self) -> int:
        """The number of steps of the whole course."""
        return self.course.epochs * self.course.steps_per_epoch

    def state(self) -> TrainingState:
        """The state after the last step, in arrays of its own."""
        taken = (take if self.course.networks is None else take_stack)(self.plan, self.memory)
        return TrainingState(*taken, self.step, self.seed, self.total, self.weight)

    def advance(self, most: int, *, stop_at_nonfinite: bool = False) -> tuple[Array, Array]:
        """Take steps for about `CALL_SECONDS`, at least one and at most so many, or up to one whose
        loss is not finite where that is asked for: the losses, (steps,) or (steps, K), and the
        means of the epochs that ended with a step."""
        # The kernels stop for one network; of several they know nothing until the call ends.
        steps = 1 if stop_at_nonfinite and self.shape else min(most, self._pace)
        begin = perf_counter()
        ran = self._run(steps, stop_at_nonfinite=stop_at_nonfinite)
        seconds = max(perf_counter() - begin, 1e-6)
        # No more than fourfold: the first call also meets cold caches.
        self._pace = max(1, min(4 * self._pace, int(ran.steps * CALL_SECONDS / seconds)))
        if ran.stop == "weights_zero" and ran.steps == 0:
            return self._step_in_numpy()
        # As in NumPy: the quotient is of the parameters' dtype.
        losses = (ran.totals / ran.weights).astype(self.plan.dtype)
        means = self._add_up(ran)
        self.step += ran.steps
        return freeze(losses), means

    def _run(self, steps: int, *, stop_at_nonfinite: bool) -> Ran:
        told: Any = {
            "steps": steps,
            "step": self.step,
            "seed": self.seed,
            "order": self._order(steps),
        }
        with np.errstate(over="ignore", invalid="ignore"):
            if self.course.networks is None:
                told["stop_at_nonfinite"] = stop_at_nonfinite
                return run(self.plan, self.library, self.memory, **told)
            return run_stack(self.plan, self.library, self.memory, threads=self.threads, **told)

    def _step_in_numpy(self) -> tuple[Array, Array]:
        """A step that the kernels do not take, or the sentence that says why nobody can."""
        events = numpy_events(self.course, self.state(), self.engine)
        event = next(events)
        self._put(event.state)
        self.step, self.total, self.weight = event.state[3], event.state.total, event.state.weight
        ended = [next(events).loss] if self.step % self.course.steps_per_epoch == 0 else []
        return np.array([event.loss]), np.array(ended)

    def _put(self, state: TrainingState) -> None:
        write = put if self.course.networks is None else put_stack
        write(self.plan, self.memory, state.params, state.optimizer, state.layers)

    def _add_up(self, ran: Ran) -> Array:
        """Go on with the sums of the epoch; the means of the epochs that ended."""
        per_epoch, means, first = self.course.steps_per_epoch, [], 0
        totals = ran.totals.astype(self.plan.dtype).astype(np.float64)  # as a loss tells it
        while first < ran.steps:
            left = per_epoch - (self.step + first) % per_epoch
            part = slice(first, min(first + left, ran.steps))
            self.total = _sum_from(self.total, totals[part])
            self.weight = _sum_from(self.weight, ran.weights[part])
            if part.stop - first == left:
                with np.errstate(over="ignore", invalid="ignore"):
                    means.append(self.total / self.weight)
                self.total = self.weight = 0.0
            first = part.stop
        return np.array(means)

    def _order(self, steps: int) -> Array | None:
        """The samples of the next steps, as their epochs have shuffled them."""
        course = self.course
        if course.batch_size == course.samples:
            return None
        epoch, within = divmod(self.step, course.steps_per_epoch)
        epochs = range(epoch, -(-(self.step + steps) // course.steps_per_epoch))
        drawn = []
        for one in epochs:
            if self._ordered[0] != one:
                self._ordered = one, course.order(self.seed, one)
            drawn.append(self._ordered[1])
        return np.concatenate(drawn)[within * course.batch_size :]  # type: ignore[arg-type]


def _sum_from(start: Any, parts: Array) -> Any:
    """One after another, so that it does not matter where a call has ended."""
    sums = np.add.accumulate(np.concatenate([np.broadcast_to(start, parts[:1].shape), parts]))
    return sums[-1] if sums.ndim > 1 else float(sums[-1])
