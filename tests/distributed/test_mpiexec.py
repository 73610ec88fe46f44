"""Processes that mpiexec starts: the same bits, and an end that is told of, however it comes."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

import pytest

from clearprop.base.dependencies import is_installed
from clearprop.base.errors import ConfigurationError
from clearprop.cli import main
from clearprop.compiled.building import library
from clearprop.distributed import OneProcess
from clearprop.distributed.last_words import spoken_for
from clearprop.distributed.sharded_run import (
    plan_with_ranks,
    resumed_with_ranks,
    train_with_ranks,
)
from clearprop.runs.run_settings import read_settings
from tests.distributed.mpi_worker import digests
from tests.runs.small_tables import TARGETS, people

HOME = Path(__file__).parents[2]
# That of the environment, and not of another one.
MPIEXEC = Path(sys.executable).with_name("mpiexec")
if not (MPIEXEC.exists() and is_installed("mpi4py")):
    pytest.skip("there is no mpiexec", allow_module_level=True)

PROGRAM = [sys.executable, "-m", "mpi4py", "-m"]
# So long that it does not end by itself before it is ended.
LONG = [
    "--epochs",
    "150",
    "--networks",
    "2",
    "--hidden",
    "8",
    "--patience",
    "none",
    "--engine",
    "numpy",
    "--shards",
    "4",
]


def started(*parts: Sequence[str]) -> subprocess.Popen[str]:
    """Processes of mpiexec: a part is how many, and the words of their program."""
    words = [str(MPIEXEC)]
    for number, (count, *program) in enumerate(parts):
        words += [":"] * bool(number) + ["-n", count, *program]
    path = os.pathsep.join([str(HOME / "src"), str(HOME)])
    return subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        # A terminal of its own: mpiexec hands Ctrl-C on to all that share its.
        start_new_session=True,
    )


def ended(job: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit status and all that was said."""
    try:
        said, _ = job.communicate(timeout=60)
    finally:
        job.kill()
    return job.returncode, said


def train(data: Path, folder: Path, *more: str) -> list[str]:
    drop = ["--drop", TARGETS["income"]]
    return [
        "clearprop", "train", str(data), "--target", "income", *drop, "--out", str(folder), *LONG,
        *more,
    ]  # fmt: skip


def epochs(folder: Path) -> int:
    """After how many epochs the newest checkpoint was written; 0 without any."""
    found = [int(path.stem[-6:]) for path in folder.glob("checkpoints/epoch-*.safetensors")]
    return max(found, default=0)


def wait_for_epochs(job: subprocess.Popen[str], folder: Path, least: int) -> None:
    limit = monotonic() + 60
    while epochs(folder) < least:
        assert monotonic() < limit
        assert job.poll() is None
        sleep(0.02)


def workers(folder: Path) -> list[int]:
    """The processes that train into a folder, by their numbers."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if str(folder) in words and str(MPIEXEC) not in words and "train" in words:
            found.append(int(entry.name))
    return sorted(found)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("data") / "people.csv", rows=300)


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.thorough)])
def test_processes_end_with_the_bits_of_one(count: int) -> None:
    library("float64")
    expected = digests(OneProcess(), "compiled")
    worker = [str(count), sys.executable, "-m", "tests.distributed.mpi_worker", "compiled"]
    assert ended(started(worker)) == (0, " ".join(expected))


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_however_a_job_ends_it_is_gone_on_with_to_the_bit(data: Path, tmp_path: Path) -> None:
    import resource

    folder = tmp_path / "run"
    # Ctrl-C on mpiexec's terminal reaches all of them.
    job = started(["2", *PROGRAM, *train(data, folder)])
    wait_for_epochs(job, folder, 1)
    job.send_signal(signal.SIGINT)
    status, said = ended(job)
    assert status == 130, said
    assert "Interrupted after epoch" in said
    again = f"mpiexec -n 2 python -m mpi4py -m clearprop train --resume {folder}"
    assert again in said

    # A disk that is full for the one that writes.
    go_on = [*PROGRAM, "clearprop", "train", "--resume", str(folder)]
    before = epochs(folder)
    job = started(["2", *go_on])
    wait_for_epochs(job, folder, before + 1)
    for worker in workers(folder):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (2000, 2000))
    status, said = ended(job)
    assert status == 2, said
    assert "File too large" in said
    assert "is kept. To go on: mpiexec -n 2" in said

    # One that dies.
    before = epochs(folder)
    job = started(["2", *go_on])
    wait_for_epochs(job, folder, before + 1)
    os.kill(workers(folder)[-1], signal.SIGKILL)
    status, said = ended(job)
    assert status not in (0, 2), said
    assert "clearprop: A process of the training has died" in said
    assert again in said

    # What is left is done by one, and is what one would have made from the beginning.
    alone, given = OneProcess(), read_settings(folder / "config.toml")
    models = []
    for path, plan in (
        (folder, resumed_with_ranks(alone, folder)),
        (tmp_path / "one", plan_with_ranks(alone, given)),
    ):
        assert train_with_ranks(alone, plan, path, lambda row: None, lambda: False).is_whole
        models.append((path / "model.safetensors").read_bytes())
    assert models[0] == models[1]


@pytest.mark.thorough
def test_other_settings_and_too_many_processes_are_refused(data: Path, tmp_path: Path) -> None:
    given = train(data, tmp_path / "run")
    status, said = ended(started(["1", *PROGRAM, *given], ["1", *PROGRAM, *given, "--seed", "1"]))
    assert status == 2
    assert said.startswith("clearprop: Process 1 was given other settings")
    assert said.count("clearprop:") == 1
    assert not (tmp_path / "run").exists()


def test_who_is_refused_has_not_died(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError), spoken_for(tmp_path, "again", "en"):
        raise ConfigurationError("reduction_untrainable")
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), spoken_for(tmp_path, "again", "en"):
        raise ZeroDivisionError
    assert "A process of the training has died" in capfd.readouterr().err


def test_a_word_that_one_of_them_does_not_know_ends_all(data: Path, tmp_path: Path) -> None:
    given = train(data, tmp_path / "run")
    status, said = ended(started(["1", *PROGRAM, *given], ["1", *PROGRAM, *given, "--sed", "1"]))
    assert status == 2
    assert "clearprop: There is no option --sed" in said


def test_no_mpi_is_a_sentence(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert main(train(data, tmp_path / "run")[1:]) == 2
    assert "pip install" in capsys.readouterr().err
