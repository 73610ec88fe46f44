"""However `clearprop train` ends, its best epoch or last checkpoint stays, to be gone on with."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from clearprop.cli import main
from clearprop.runs import run_checkpoints
from clearprop.runs.run_folder import open_run
from clearprop.runs.run_settings import RunSettings
from clearprop.runs.run_training import plan_run, train_run
from tests.runs.small_tables import FAST, people, words


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("data") / "people.csv")


def test_a_run_is_never_overwritten(data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["train", str(data), "--target", "rating", *FAST]
    assert main(given) == 0
    kept = (tmp_path / "clearprop-run" / "model.safetensors").read_bytes()
    assert main(given) == 0
    assert (tmp_path / "clearprop-run-2" / "model.safetensors").is_file()
    assert main([*given, "--out", "clearprop-run", "--seed", "5"]) == 2
    assert (tmp_path / "clearprop-run" / "model.safetensors").read_bytes() == kept


def test_a_training_that_diverges_keeps_its_best_epoch_and_names_a_rate(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--optimizer", "sgd", "--schedule", "constant", "--learning-rate", "0.35"]
    more += ["--epochs", "40", "--hidden", "16,16", "--patience", "none", "--validation", "0.2"]
    out = tmp_path / "run"
    assert main([*words(data, out), *more]) == 1
    err = capsys.readouterr().err
    assert "try " in err
    assert "best epoch" in err
    run = open_run(out)
    assert np.isfinite(run.model.params_).all()
    assert main(["train", "--resume", str(out)]) == 0


def test_one_that_breaks_at_once_leaves_nothing_behind(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main([*words(data, out), "--optimizer", "sgd", "--learning-rate", "1e6"]) == 2
    err = capsys.readouterr().err
    assert "try " in err
    assert not out.exists()


def test_ctrl_c_saves_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given = [*words(data, out), "--epochs", "100000", "--patience", "none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", *given],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = monotonic() + 60
    while not [*out.glob("checkpoints/epoch-*")] and monotonic() < end:
        sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"clearprop train --resume {out}" in err
    # What there is can be used as it is.
    run = open_run(out)
    newest = run_checkpoints.newest_checkpoint(out / "checkpoints")
    assert newest is not None
    assert len(newest.rows) == len(run.history.rows)
    assert not newest.ended


def test_a_full_disk_is_a_sentence_and_the_last_checkpoint_stays(
    data: Path, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    out, calls = tmp_path / "run", []
    whole = os.fsync

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(descriptor)

    given = [*words(data, out), "--epochs", "30"]
    with monkeypatch.context() as patch:
        patch.setattr("clearprop.base.writing.os.fsync", fsync)
        patch.setattr("clearprop.runs.run_recorder.MOST_SHARE", 1e9)
        assert main(given) == 2
    err = capsys.readouterr().err
    assert "No space left on device" in err
    assert f"clearprop train --resume {out}" in err
    assert main(["train", "--resume", str(out)]) == 0
    assert main([*words(data, tmp_path / "whole"), "--epochs", "30"]) == 0
    models = [folder / "model.safetensors" for folder in (out, tmp_path / "whole")]
    assert models[0].read_bytes() == models[1].read_bytes()


def test_a_folder_that_cannot_be_written_is_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(words(data, tmp_path / "file" / "run")) == 2
    assert "is a file, where a folder was meant" in capsys.readouterr().err


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    settings = RunSettings(
        data=str(data), target=("rating",), epochs=6, least_steps=0, networks=2, hidden=(4,)
    )
    whole = train_run(plan_run(settings), tmp_path / "whole")
    out = tmp_path / "run"
    # Also the one before it is written, however short the epochs.
    monkeypatch.setattr("clearprop.runs.run_recorder.MOST_SHARE", 1e9)
    train_run(plan_run(settings), out, lambda row: row.epoch == 2)
    newest = out / "checkpoints" / "epoch-000002.safetensors"
    newest.write_bytes(newest.read_bytes()[:-7])
    (out / "model.safetensors").unlink()
    assert main(["train", "--resume", str(out)]) == 0
    np.testing.assert_array_equal(open_run(out).model.params_, whole.run.model.params_)


def test_other_data_are_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = people(tmp_path / "people.csv")
    settings = RunSettings(
        data=str(data), target=("rating",), epochs=6, least_steps=0, networks=2, hidden=(4,)
    )
    train_run(plan_run(settings), tmp_path / "run", lambda row: row.epoch == 2)
    people(data, seed=1)
    assert main(["train", "--resume", str(tmp_path / "run"), "--lang", "en"]) == 2
    assert "is not what it was" in capsys.readouterr().err


def test_resume_takes_nothing_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--resume", str(tmp_path), "--epochs", "3", "--lang", "en"]) == 2
    assert "'--epochs' would make it another" in capsys.readouterr().err
