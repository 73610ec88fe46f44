"""A training in machine code: the state lies in the kernels' memory, and many steps are one call.

Whatever the lengths of the calls, the losses and the parameters are the same to the bit: sums go on
where they stood, and shuffles are drawn by the epoch.
"""

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.base.arrays import Array, freeze
from clearprop.training.course import Course
from clearprop.training.engine_choice import EngineChoice
from clearprop.training.events import TrainingState
from clearprop.training.numpy_events import numpy_events
from clearprop.training.penalized import Penalized, mean_penalty

if TYPE_CHECKING:
    from clearprop.compiled.kernel_running import Ran
    from clearprop.training.kernel_memory import KernelMemory

# A call cannot be interrupted: long enough that Python does not matter, short enough for Ctrl-C and
# a progress bar.
CALL_SECONDS = 0.03


class Machine:
    """A training that is under way in the kernels' memory: how far it is, and its next steps."""

    def __init__(
        self,
        course: Course,
        memory: "KernelMemory",
        state: TrainingState,
        *,
        dtype: str,
        engine: EngineChoice,
    ) -> None:
        self.course, self.memory, self.dtype, self.engine = course, memory, dtype, engine
        self._pace = 1
        self._penalties: list[Array] = []
        self._ordered: tuple[int, Array | None] = (-1, None)
        self._put(state)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one step's losses: () of one network, (K,) of several."""
        return () if self.course.networks is None else (self.course.networks,)

    @property
    def last(self) -> int:
        """The number of steps of the whole course."""
        return self.course.epochs * self.course.steps_per_epoch

    @property
    def penalty(self) -> Any:
        """The mean of the penalties before the steps of this epoch, (K,) of several networks."""
        return mean_penalty([one for some in self._penalties for one in some])

    def state(self, *, last: bool = False) -> TrainingState:
        """The state after the steps done, in arrays of its own; `last` if nothing will follow."""
        return TrainingState(
            *self.memory.take(last=last), self.step, self.seed, self.total, self.weight
        )

    def advance(self, most: int, *, stop_at_nonfinite: bool = False) -> tuple[Array, Any]:
        """Take steps for about `CALL_SECONDS`, at least one and at most so many, or up to one whose
        loss is not finite where that is asked for: the losses, (steps,) or (steps, K), and the
        mean of the epoch that ended with the last step, if one did; `penalty` is then that of what
        the optimizer adds to the loss."""
        # The kernels stop for one network; of several they know nothing until the call ends.
        steps = 1 if stop_at_nonfinite and self.shape else min(most, self._pace)
        begin = perf_counter()
        order = self._order(steps)
        ran = self.memory.run(steps, self.step, self.seed, order, stop_at_nonfinite)
        seconds = max(perf_counter() - begin, 1e-6)
        # No more than fourfold: the first call also meets cold caches.
        self._pace = max(1, min(4 * self._pace, int(ran.steps * CALL_SECONDS / seconds)))
        if ran.stop == "weights_zero" and ran.steps == 0:
            return self._step_in_numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            # As in NumPy: the quotient is of the parameters' dtype.
            losses = freeze((ran.totals / ran.weights).astype(self.dtype))
            mean = self._add_up(ran)
        self.step += ran.steps
        return losses, mean

    def _step_in_numpy(self) -> tuple[Array, Any]:
        """A step that the kernels do not take, or the sentence that says why nobody can."""
        before = self.state()
        events = numpy_events(self.course, before, self.engine)
        event = next(events)
        self._put(event.state)
        within = self.step % self.course.steps_per_epoch
        self._penalties = self._penalties if within != 1 else []
        if isinstance(self.course.optimizer, Penalized):
            self._penalties.append(self.course.optimizer.value(before.params)[None])
        has_ended = within == 0
        return np.array([event.loss]), next(events).loss if has_ended else None

    def _put(self, state: TrainingState) -> None:
        self.step, self.seed = state.step, state.seed
        self.total, self.weight = state.total, state.weight
        self.memory.put((state.params, state.optimizer, state.layers))

    def _add_up(self, ran: "Ran") -> Any:
        """Go on with the sums of the epoch; its mean where it has ended."""
        per_epoch, after = self.course.steps_per_epoch, self.step + ran.steps
        begun = after - (after % per_epoch or per_epoch)
        if begun >= self.step:
            self.total = self.weight = 0.0
            self._penalties = []
        last = slice(max(begun - self.step, 0), None)
        totals = ran.totals[last].astype(self.dtype).astype(np.float64)  # as a loss tells it
        self.total = _sum_from(self.total, totals)
        self.weight = _sum_from(self.weight, ran.weights[last])
        if isinstance(self.course.optimizer, Penalized):
            self._penalties.append(ran.penalties[last])
        if after % per_epoch:
            return None
        mean = self.total / self.weight
        self.total = self.weight = 0.0
        return mean

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
    return sums[-1]
