"""A run of `clearprop train` in several processes.

All processes do the same, and what they compute from it is the same: the plan from the measured
table, the learning rate, the held-out scores, the step. The first one alone writes files and
speaks.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.code_checksum import code_checksum
from clearprop.base.errors import ClearpropError, ConfigurationError, DataError
from clearprop.distributed.ranks import Ranks, together
from clearprop.distributed.shard_gradients import ShardRows
from clearprop.distributed.shard_reading import (
    measure_with_ranks,
    read_shards,
    rows_here,
    rows_of_numbers,
)
from clearprop.distributed.sharded_training import (
    ShardEpoch,
    digest,
    require_shards,
    sharded_course,
    sharded_epochs,
    steps_of,
)
from clearprop.estimators.fitting_blocks import begin_fit, with_spans
from clearprop.estimators.learning import Watch
from clearprop.estimators.member_training import TrainedEpoch, first_state
from clearprop.estimators.members import MemberCourse, MemberEpoch, Members, Rows
from clearprop.estimators.table_network import TableNetwork
from clearprop.runs.run_checkpoints import checksum
from clearprop.runs.run_folder import SETTINGS
from clearprop.runs.run_history import HistoryRow
from clearprop.runs.run_plan import RunPlan, estimator
from clearprop.runs.run_recorder import RunRecorder
from clearprop.runs.run_settings import RunSettings, read_settings, settings_text
from clearprop.runs.run_training import EndedRun, plan_run, resumed, train_run
from clearprop.runs.stopping import stop_metric
from clearprop.runs.streamed_run import streamed
from clearprop.training import DivergenceEvent

Found = TypeVar("Found")

# Unless told otherwise; it is the most processes that there can be.
SHARDS = 8
# What every process must have alike, and what is said where it has not.
DIFFER = {
    "code": "ranks_differ_code",
    "settings": "ranks_differ_settings",
    "data": "ranks_differ_data",
}


def plan_with_ranks(ranks: Ranks, settings: RunSettings) -> RunPlan:
    """The plan of a run whose rows are spread over processes.

    Raises what `plan_run` raises, and ConfigurationError where processes have not the same code,
    settings or data, and for more processes than shards.
    """
    settings = replace(settings, shards=settings.shards or SHARDS)
    require_alike(ranks, settings)
    require_shards(ranks, settings.shards or SHARDS, settings.batch_size)
    blocks = measure_with_ranks(ranks, settings)
    return _here(ranks, lambda: plan_run(settings, blocks))


def resumed_with_ranks(ranks: Ranks, folder: Path) -> RunPlan:
    """The plan of a run that has not ended, which may have had another number of processes. Raises
    what `resumed` raises."""
    settings = _here(ranks, lambda: read_settings(folder / SETTINGS))
    if settings.shards is None:
        raise ConfigurationError("resume_unsharded", folder=folder)
    plan = plan_with_ranks(ranks, settings)
    return _here(ranks, lambda: resumed(folder, plan))


def train_with_ranks(
    ranks: Ranks,
    plan: RunPlan,
    folder: Path,
    watch: Callable[[HistoryRow], object],
    is_asked: Callable[[], bool],
) -> EndedRun:
    """Train in the first process, which writes the folder as `train_run` does, while the others
    `follow`.

    watch     told of every epoch
    is_asked  whether this process was asked to end the training after its epoch

    Raises what `train_run` raises, in all processes.
    """
    told = _Told(ranks, is_asked)

    def tell(row: HistoryRow) -> bool:
        watch(row)
        return told.ends

    def fit(model: Any, plan: RunPlan, recorder: RunRecorder) -> None:
        _fit(ranks, told, model, plan, recorder)

    return train_run(plan, folder, tell, fit)


def follow(ranks: Ranks, plan: RunPlan, is_asked: Callable[[], bool]) -> None:
    """Take part in a training whose files another process writes. Raises what `train_run`
    raises."""
    model = estimator(plan, stop_metric(plan.settings, len(plan.classes)))
    _fit(ranks, _Told(ranks, is_asked), model, plan, None)


def require_alike(ranks: Ranks, settings: RunSettings) -> None:
    """Refuse processes that have not the same code, settings and data. Raises ConfigurationError,
    which says what differs, and FileError where the data cannot be read."""
    files = [Path(settings.data)]
    if settings.validation_file is not None:
        files.append(settings.validation_file)
    _, all_of_them = together(
        ranks,
        lambda: {
            "code": code_checksum(),
            "settings": settings_text(settings),
            "data": checksum(*files),
        },
    )
    for what, refusal in DIFFER.items():
        for number, one in enumerate(all_of_them):
            if one[what] != all_of_them[0][what]:
                difference = _difference(all_of_them[0][what], one[what])
                raise ConfigurationError(refusal, rank=number, **difference)


def _here(ranks: Ranks, do: Callable[[], Found]) -> Found:
    """What every process makes for itself; a refusal is everybody's."""
    return together(ranks, do, share=lambda _: None)[0]


def _difference(first: str, other: str) -> dict[str, str]:
    lines = zip(first.splitlines(), other.splitlines(), strict=False)
    mine, theirs = next(((a, b) for a, b in lines if a != b), (first, other))
    return {"first": mine[:60], "other": theirs[:60]}


class _Told:
    """What an epoch means for all processes: one of them may be asked to end, or be refused a
    file."""

    def __init__(self, ranks: Ranks, is_asked: Callable[[], bool]) -> None:
        self._ranks, self._is_asked = ranks, is_asked
        self.ends = False

    def watch(self, recorder: RunRecorder | None) -> Watch:
        """For `learn_rows`; the recorder is the first process's."""

        def tell(one: MemberEpoch, kept: Members) -> bool:
            numbers = digest(one.state.params, one.scores)
            heard = self._ranks.gather((self._is_asked(), numbers))
            self.ends = any(asked for asked, _ in heard)
            for number, (_, other) in enumerate(heard):
                if other != heard[0][1]:
                    raise DataError("ranks_drifted", rank=number)
            problem: ClearpropError | None = None
            try:
                if recorder is not None:
                    recorder(one, kept)
            except ClearpropError as refused:
                problem = refused
            problem = self._ranks.gather(problem)[0]
            if problem is not None:
                raise problem
            return self.ends

        return tell


def _fit(
    ranks: Ranks, told: _Told, model: Any, plan: RunPlan, recorder: RunRecorder | None
) -> None:
    blocks, settings = plan.blocks, plan.settings
    if blocks is None or settings.shards is None:
        raise ValueError("a plan of shards has measured blocks")
    given = streamed(plan, rows_here(ranks, blocks.rows, settings.shards))
    fit = _here(ranks, lambda: begin_fit(model, given))
    read, told_of = together(
        ranks,
        lambda: read_shards(ranks, fit, given.blocks, settings, blocks.rows),
        share=lambda one: (one.rows, one.spans),
    )
    fit = with_spans(fit, [span for _, spans in told_of for span in spans])
    numbers, _ = fit.numbers(given.sample)
    source = _ShardedRows(
        ranks=ranks,
        network=fit.network,
        shards=settings.shards,
        held=read.held,
        rows=sum(rows for rows, _ in told_of),
        sample=rows_of_numbers(fit, numbers),
    )
    fit.learn(source, told.watch(recorder), None if plan.before is None else plan.before.begun)


@dataclass(frozen=True, eq=False)
class _ShardedRows:
    """The rows of all processes, as `learn_rows` takes them."""

    ranks: Ranks
    network: TableNetwork
    shards: int
    held: Mapping[int, ShardRows]
    rows: int
    sample: ShardRows

    def steps(self, batch_size: int) -> int:
        return steps_of(self.rows, batch_size)

    def first(self) -> Rows:
        return Rows(*self.sample)

    def epochs(
        self, starts: Array, course: MemberCourse
    ) -> Iterator[TrainedEpoch | DivergenceEvent]:
        sharded = sharded_course(
            self.ranks,
            self.network.rest,
            self.held,
            shards=self.shards,
            loss=course.loss,
            optimizer=course.optimizer,
            epochs=course.epochs,
            batch_size=course.batch_size,
            engine=course.engine,
        )
        state = first_state(self.network.rest, starts, course)
        for one in sharded_epochs(self.ranks, sharded, state):
            if one.is_broken:
                yield _divergence(one)
                return
            yield TrainedEpoch(one.epoch, one.loss, one.state, one.engine.name)


def _divergence(broken: ShardEpoch) -> DivergenceEvent:
    network = int(np.argmin(np.isfinite(broken.loss)))
    place = broken.state.step - 1, broken.epoch, broken.loss, broken.state
    return DivergenceEvent(*place, float("nan"), network, (), None, None, None)
