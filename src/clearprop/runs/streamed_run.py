"""A run on a table that is larger than the memory it may take: read in blocks, in every epoch.

A first pass measures the columns and draws a sample of the rows; held out is a part of the sample.
What the network is given is then written into a file beside the run, and learned from there.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.base.errors import DataError
from clearprop.data.block_reading import bytes_per_row, content_bytes, is_readable_in_blocks
from clearprop.data.blocks import MeasuredColumn, TableBlocks, measure
from clearprop.data.table import MOST_CATEGORIES
from clearprop.estimators.fitting_blocks import BlockOfRows, Streamed, WholeColumn, fit_blocks
from clearprop.runs.run_data import RunData, run_data
from clearprop.runs.run_folder import make_folder
from clearprop.runs.run_plan import RunPlan
from clearprop.runs.run_recorder import RunRecorder
from clearprop.runs.run_settings import RunSettings, memory_bytes

# A table takes about so many times the bytes of its file: as text, as numbers, as features, and in
# the order of every network.
SPREAD = 12
# The sample may take a part of the limit, several times over while it is looked at.
SAMPLE = 32
# How much of the machine's memory a table may take unless told otherwise.
SHARE_OF_MACHINE = 4
MOST_SAMPLED, LEAST_SAMPLED = 20_000, 1_000
ROWS = ".rows"


def memory_limit(settings: RunSettings) -> int:
    """How many bytes the table may take."""
    if settings.memory is not None:
        return memory_bytes(settings.memory)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // SHARE_OF_MACHINE


def is_too_large(path: Path, settings: RunSettings) -> bool:
    """Whether the file is read in blocks. Raises FileError."""
    return is_readable_in_blocks(path) and content_bytes(path) * SPREAD > memory_limit(settings)


def measured(path: Path, settings: RunSettings) -> TableBlocks:
    """Go through the file once. Raises what `read_table` raises."""
    limit = memory_limit(settings)
    rows = limit // (SAMPLE * bytes_per_row(path))
    return measure(
        path,
        block_bytes=limit // 48,
        sample_rows=min(max(rows, LEAST_SAMPLED), MOST_SAMPLED),
        seed=settings.seed,
        encoding=settings.encoding,
        categories=(*settings.categories, *settings.unread),
    )


def sampled_data(blocks: TableBlocks, settings: RunSettings) -> RunData:
    """The sample as a run takes it; its rows are counted in the whole file. What is noticed of them
    is said of the sample, for the file has more such rows."""
    data = run_data(blocks.sample, settings)
    notes = tuple((f"{key}_sampled", values) for key, values in data.notes)
    return replace(data, rows=blocks.places[data.rows], notes=notes)


def all_classes(blocks: TableBlocks, data: RunData) -> tuple[Any, ...]:
    """The classes of the whole file, in their order; none of another task. Raises DataError where
    there are too many."""
    if data.task != "classification":
        return ()
    distinct = blocks[data.columns[0]].distinct
    if distinct is None:
        raise DataError(
            "classes_many",
            column=data.columns[0],
            count=f"> {MOST_CATEGORIES}",
            most=MOST_CATEGORIES,
        )
    is_number = data.truth.dtype.kind in "iu"
    return tuple(int(one) for one in distinct) if is_number else distinct


def fit_streamed(model: Any, plan: RunPlan, recorder: RunRecorder) -> None:
    """Fit the estimator of a plan with blocks. Raises what `fit_blocks` raises."""
    given, folder = streamed(plan), recorder.folder
    was_there = folder.exists()
    make_folder(folder)
    path = folder / ROWS
    try:
        fit_blocks(
            model,
            given,
            path,
            memory_limit(plan.settings) // 4,
            watch=recorder,
            begun=None if plan.before is None else plan.before.begun,
        )
    finally:
        path.unlink(missing_ok=True)
        if not was_there:
            # Of a training that came to nothing.
            with suppress(OSError):
                folder.rmdir()


def streamed(plan: RunPlan, rows: range | None = None) -> Streamed:
    """What a plan with blocks is fitted with: all rows of the file, or some of them."""
    blocks = plan.blocks
    if blocks is None:
        raise ValueError("a plan without blocks is fitted whole")
    names = plan.training.inputs.names
    kinds = {one.name: one for one in blocks.columns}
    return Streamed(
        sample=_block(plan.training),
        held_out=None if plan.held_out is None else _block(plan.held_out),
        blocks=_learned_from(plan, blocks, rows),
        columns=plan.training.columns,
        classes=plan.classes,
        whole={name: _whole(kinds[name]) for name in names},
    )


def _whole(column: MeasuredColumn) -> WholeColumn:
    words = tuple(one for one in column.distinct or () if isinstance(one, str))
    return WholeColumn(column.missing, words)


def _block(data: RunData) -> BlockOfRows:
    weight = np.ones(len(data)) if data.weight is None else data.weight
    return BlockOfRows(data.inputs, data.truth, weight, data.rows)


def _learned_from(plan: RunPlan, blocks: TableBlocks, rows: range | None) -> Iterator[BlockOfRows]:
    """The rows that are not held out, block by block."""
    for first, table in blocks.tables(rows):
        data = _data_of(plan, table, first)
        if data is not None:
            data = data.take(~_is_held_out(data, plan))
            if len(data):
                yield _block(data)


def _data_of(plan: RunPlan, table: Any, first: int) -> RunData | None:
    """A block as the run takes it; None where none of its rows has a target."""
    try:
        data = run_data(table, plan.settings, plan.classes or None)
    except DataError as problem:
        if problem.key in ("no_rows_left", "target_all_missing"):
            return None
        row = problem.values.get("row")
        if isinstance(row, int):
            raise DataError(problem.key, **{**problem.values, "row": first + row}) from problem
        raise
    return replace(data, rows=data.rows + first)


def _is_held_out(data: RunData, plan: RunPlan) -> Any:
    held_out = plan.held_out
    if held_out is None or plan.settings.validation_file is not None:
        return np.zeros(len(data), bool)
    if data.times is not None and held_out.times is not None:
        return data.times >= held_out.times.min()
    if data.groups is not None and held_out.groups is not None:
        return np.isin(data.groups, np.unique(held_out.groups))
    return np.isin(data.rows, held_out.rows)
