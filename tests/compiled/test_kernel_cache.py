"""Kept machine code is never trusted blindly, and a cache that cannot be used is gone without."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clearprop.compiled import building, kernel_cache
from clearprop.compiled.processors import SUFFIX
from tests.compiled.workplace import ANSWER, Workplace, answer, new_process

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(sys.platform == "win32", reason="the compiler here is a shell script"),
]


def refusals() -> list[str]:
    """The notices, and what each says of the reason."""
    told = building.notices()
    assert [one.key for one in told] == ["kernels_not_kept"] * len(told)
    assert building.notices() == []  # each is told once
    return [getattr(one.values["problem"], "key", str(one.values["problem"])) for one in told]


def planted(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole library of the right name that answers 13: what nobody must load."""
    building.library("float32")
    (kept,) = place.kept
    new_process(monkeypatch)
    source, made = place.cache / "evil.c", place.cache / f"evil{SUFFIX}"
    source.write_text(ANSWER % 13)
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(made)], check=True)
    name = "-".join(kept.name.split("-")[:-1])
    evil = place.cache / kernel_cache.file_name(name, made.read_bytes())
    kept.unlink()
    made.replace(evil)
    evil.chmod(0o700)
    source.unlink()
    return evil


def test_the_planted_library_would_be_loaded_if_it_were_trusted(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(place, monkeypatch)
    assert answer(building.ready_library("float32")) == 13


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o720])
def test_a_cache_that_others_can_write_to_is_not_loaded_from(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    planted(place, monkeypatch)
    place.cache.chmod(mode)
    assert building.ready_library("float32") is None
    assert answer(building.library("float32")) == 42
    assert refusals() == ["kernels_cache_open"]


def test_nor_is_one_below_a_folder_that_others_can_write_to(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(place, monkeypatch)
    place.cache.parent.chmod(0o777)
    assert answer(building.library("float32")) == 42
    assert refusals() == ["kernels_cache_open"]
    # As in /tmp, they can write there but not put another folder in this one's place.
    place.cache.parent.chmod(0o1777)
    new_process(monkeypatch)
    assert answer(building.ready_library("float32")) == 13


def test_a_file_that_others_can_write_to_is_not_loaded(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(place, monkeypatch).chmod(0o777)
    assert building.ready_library("float32") is None
    assert answer(building.library("float32")) == 42


@pytest.mark.parametrize("whose", ["folder", "file"])
def test_what_belongs_to_another_user_is_not_loaded(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    evil = planted(place, monkeypatch)
    if os.getuid() == 0:
        os.chown(place.cache if whose == "folder" else evil, 12345, 12345)
    elif whose == "folder":
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    else:
        pytest.skip("only root can give a file away")
    assert building.ready_library("float32") is None
    assert answer(building.library("float32")) == 42


def test_a_symbolic_link_does_not_lead_into_such_a_folder(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planted(place, monkeypatch)
    place.cache.replace(tmp_path / "elsewhere")
    place.cache.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o777)
    assert answer(building.library("float32")) == 42
    assert refusals() == ["kernels_cache_open"]


def test_a_cache_that_cannot_be_written_is_gone_without(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.cache.parent.write_text("a file where a folder should be")
    assert answer(building.library("float32")) == 42
    assert refusals() == ["kernels_cache_unwritable"]


def test_so_is_a_full_disk(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(building, "keep", full)
    assert answer(building.library("float32")) == 42
    assert refusals() == ["No space left on device"]
    assert list(place.cache.iterdir()) == []


def test_and_a_user_without_a_home(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setattr(Path, "home", homeless)
    assert answer(building.library("float32")) == 42
    assert refusals() == ["kernels_no_home"]
