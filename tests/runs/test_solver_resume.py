"""L-BFGS, which takes no epochs: a run that was interrupted or killed ends with the same bits."""

import os
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from clearprop.base.errors import FileError
from clearprop.cli import main
from clearprop.estimators.evaluation_log import DIGEST, HEADER, EvaluationLog, data_of_log
from clearprop.runs.run_folder import ANSWERS, CHECKPOINTS, is_run
from clearprop.runs.run_plan import RunPlan
from clearprop.runs.run_settings import RunSettings
from clearprop.runs.run_training import plan_run, resumed, train_run

# CLEARPROP_KILLS asks for more random moments than a suite has time for.
KILLS = int(os.environ.get("CLEARPROP_KILLS", "1"))


def table(folder: Path, rows: int = 60) -> Path:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3))
    y = x[:, 0] - 2 * x[:, 1] * x[:, 2] + random.normal(size=rows) / 10
    lines = [",".join(f"{value:.6f}" for value in row) for row in np.column_stack([x, y])]
    path = folder / "table.csv"
    path.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return path


def plan_of(data: Path) -> RunPlan:
    return plan_run(
        RunSettings(
            data=str(data),
            target=("y",),
            hidden=(5,),
            networks=2,
            epochs=30,
            seed=3,
            optimizer="lbfgs",
        )
    )


def model_of(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    train_run(plan_of(data), folder)
    return folder


def interrupted(data: Path, folder: Path, after: int) -> Path:
    """A run that was interrupted after so many answers, and the file that they stand in."""
    asked = count(1)
    with pytest.raises(KeyboardInterrupt):
        train_run(plan_of(data), folder, stop=lambda: next(asked) == after)
    assert is_run(folder)
    return folder / CHECKPOINTS / ANSWERS


@pytest.mark.parametrize("left", [1.0, 0.93, 0.4])
def test_an_interrupted_run_ends_with_the_bits_of_one_that_was_not(
    left: float, tmp_path: Path, data: Path, whole: Path
) -> None:
    folder = tmp_path / "run"
    # Into the second of the two networks; what was half written is computed again.
    log = interrupted(data, folder, 50)
    content = log.read_bytes()
    log.write_bytes(content[: int(left * len(content))])
    train_run(resumed(folder), folder)
    assert model_of(folder) == model_of(whole)
    assert not log.exists()
    for name in ("config.toml", "history.csv"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_answers_of_other_data_are_refused(tmp_path: Path, data: Path) -> None:
    own = tmp_path / "own.csv"
    shutil.copy(data, own)
    log = interrupted(own, tmp_path / "run", 3)
    assert data_of_log(log) == plan_of(own).data
    with own.open("a") as stream:
        stream.write("1,2,3,4\n")
    with pytest.raises(FileError) as caught:
        resumed(tmp_path / "run")
    assert caught.value.key == "resume_data_changed"


def test_a_log_answers_what_it_knows_and_nothing_else(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(4, 3))
    computed: list[int] = []

    def ask(training: str, order: tuple[int, ...]) -> list[int]:
        computed.clear()
        log = EvaluationLog(tmp_path / "log", "d" * HEADER, training)
        for place in order:

            def evaluate(point: np.ndarray, place: int = place) -> tuple[float, np.ndarray]:
                computed.append(place)
                return float(point.sum()), 2 * point

            value, gradient = log.answer(points[place], evaluate)
            assert value == points[place].sum()
            np.testing.assert_array_equal(gradient, 2 * points[place])
        log.close(ended=False)
        return list(computed)

    assert ask("one", (0, 1, 2)) == [0, 1, 2]
    size = (tmp_path / "log").stat().st_size
    assert size == HEADER + 3 * (8 * 4 + DIGEST)
    assert ask("one", (0, 1, 2, 3)) == [3]
    # At another point, or of other settings, everything from there on is computed.
    assert ask("one", (0, 2, 1)) == [2, 1]
    assert ask("two", (0, 2)) == [0, 2]
    damaged = bytearray((tmp_path / "log").read_bytes())
    damaged[HEADER + 3] ^= 1
    (tmp_path / "log").write_bytes(damaged)
    assert ask("two", (0, 2)) == [0, 2]
    EvaluationLog(tmp_path / "log", "d" * HEADER, "two").close(ended=True)
    assert not (tmp_path / "log").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("moment", range(KILLS))
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(moment: int, tmp_path: Path) -> None:
    data = table(tmp_path, rows=4000)
    words = ["train", str(data), "--target", "y", "--optimizer", "lbfgs", "--hidden", "40,30"]
    words += ["--epochs", "150", "--networks", "2", "--seed", "1", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    folder = tmp_path / "run"
    log = folder / CHECKPOINTS / ANSWERS
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", *words, str(folder)], stdout=subprocess.DEVNULL
    )
    end = monotonic() + 60
    while not log.exists() and monotonic() < end:
        sleep(0.005)
    sleep(1.5 * float(np.random.default_rng(moment).random()))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert log.stat().st_size > HEADER
    assert main(["train", "--resume", str(folder)]) == 0
    assert model_of(folder) == model_of(tmp_path / "whole")
