"""A run that was killed, gone on with: the same bits as one that never was."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.cli.training_display import TrainingDisplay
from clearprop.runs import run_checkpoints
from clearprop.runs.run_history import HistoryRow, read_history

pytestmark = pytest.mark.thorough

ENGINES = ("numpy", "compiled")
SECONDS = 60


def table(folder: Path, rows: int = 300) -> Path:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3))
    y = x[:, 0] - 2 * x[:, 1] * x[:, 2] + random.normal(size=rows) / 10
    lines = [",".join(f"{value:.6f}" for value in row) for row in np.column_stack([x, y])]
    path = folder / "table.csv"
    path.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return path


def command(data: Path, engine: str, out: Path) -> list[str]:
    words = ["train", str(data), "--target", "y", "--hidden", "12,8", "--networks", "3"]
    words += ["--dropout", "0.1", "--epochs", "400", "--patience", "none", "--seed", "3"]
    return [*words, "--engine", engine, "--out", str(out)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> dict[str, Path]:
    """A run of each engine that was never killed."""
    folders = {engine: tmp_path_factory.mktemp(engine) / "run" for engine in ENGINES}
    for engine, folder in folders.items():
        assert main(command(data, engine, folder)) == 0
    return folders


def killed(words: list[str], folder: Path, delay: float) -> None:
    """Start the run in a process of its own and kill it `delay` seconds after its first
    checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", *words], stdout=subprocess.DEVNULL
    )
    end = monotonic() + SECONDS
    while not [*folder.glob("checkpoints/epoch-*")] and monotonic() < end:
        assert process.poll() is None
        sleep(0.005)
    sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()


def same_run(one: Path, other: Path) -> None:
    """Everything is the same but for the seconds."""
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    rows, others = read_history(one / "history.csv").rows, read_history(other / "history.csv").rows
    assert [row._replace(seconds=0) for row in rows] == [row._replace(seconds=0) for row in others]
    assert (one / "config.toml").read_bytes() == (other / "config.toml").read_bytes()


# CLEARPROP_KILLS asks for more random moments than a suite has time for.
KILLS = int(os.environ.get("CLEARPROP_KILLS", "1"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("moment", range(KILLS))
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(
    engine: str, moment: int, tmp_path: Path, data: Path, whole: dict[str, Path]
) -> None:
    folder = tmp_path / "run"
    seconds = read_history(whole[engine] / "history.csv").rows[-1].seconds
    delay = 0.6 * seconds * float(np.random.default_rng([moment, ENGINES.index(engine)]).random())
    while True:
        killed(command(data, engine, folder), folder, delay)
        newest = run_checkpoints.newest_checkpoint(folder / "checkpoints")
        assert newest is not None
        if not newest.ended:
            break
        # It was over before: earlier, then.
        shutil.rmtree(folder)
        delay /= 2
    assert main(["train", "--resume", str(folder)]) == 0
    same_run(folder, whole[engine])


def test_a_run_that_is_resumed_after_its_end_stays_as_it_is(
    whole: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (whole["numpy"] / "model.safetensors").stat().st_mtime_ns
    assert main(["train", "--resume", str(whole["numpy"]), "--lang", "en"]) == 0
    assert "has ended" in capsys.readouterr().out
    assert (whole["numpy"] / "model.safetensors").stat().st_mtime_ns == before


def test_a_run_that_was_killed_in_its_report_gets_it(
    whole: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole["numpy"], folder)
    (folder / "report.html").unlink()
    assert main(["train", "--resume", str(folder), "--lang", "en"]) == 0
    assert "report.html" in capsys.readouterr().out
    same_run(folder, whole["numpy"])
    assert (folder / "report.html").is_file()


def test_a_folder_that_cannot_be_written_is_said_before_the_training(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # Whoever runs the tests may be allowed to write everywhere.
    monkeypatch.setattr("clearprop.runs.run_folder.TemporaryDirectory", refused)
    folder = tmp_path / "deep" / "run"
    assert main([*command(data, "numpy", folder), "--lang", "en"]) == 2
    told = capsys.readouterr()
    assert f"'{tmp_path}' cannot be written to (Read-only file system)" in told.err
    assert told.out == ""


def test_a_run_that_is_gone_on_with_still_knows_its_best_epoch(
    capsys: pytest.CaptureFixture[str],
) -> None:
    best = HistoryRow(epoch=2, loss=1.0, score=0.25, best=True, rate=0.1, seconds=1.0)
    with TrainingDisplay(9, "loss", lambda: False, "en", best) as display:
        display.told(best._replace(epoch=5, score=0.5, best=False))
    assert "best 0.2500 in 2" in capsys.readouterr().out
