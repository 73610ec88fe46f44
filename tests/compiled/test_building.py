"""The machine code is made once, by whatever compiler there is, and kept."""

import os
import platform
import shutil
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path

import pytest

from clearprop.base.errors import KernelsError
from clearprop.compiled import building, compilers, kernel_cache, processors
from clearprop.compiled.processors import SUFFIX, Target
from tests.compiled.workplace import Workplace, answer, new_process

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(sys.platform == "win32", reason="the compiler here is a shell script"),
]


def test_it_is_compiled_once_and_found_by_the_next_process(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert building.ready_library("float32") is None
    assert answer(building.library("float32")) == 42
    assert building.library("float32") is building.ready_library("float32")
    new_process(monkeypatch)
    assert answer(building.ready_library("float32")) == 42
    assert place.compiled == 1
    assert building.notices() == []
    assert stat.S_IMODE(place.cache.stat().st_mode) == 0o700
    assert list(place.cache.iterdir()) == place.kept  # nothing half-made is left


def test_each_dtype_has_its_own(place: Workplace) -> None:
    assert building.library("float32") is not building.library("float64")
    assert place.compiled == 2


def test_another_source_and_another_compiler_are_another_library(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    building.library("float64")
    place.write(43)
    new_process(monkeypatch)
    assert building.ready_library("float64") is None
    assert answer(building.library("float64")) == 43
    place.compile_with('exec cc -g0 "$@"')  # of another size, as after an upgrade
    new_process(monkeypatch)
    assert building.ready_library("float64") is None
    assert len(place.kept) == 2


def test_a_compiler_that_knows_no_levels_makes_the_plain_one(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = (Target("better", ("-march=better",)), Target("plain"))
    monkeypatch.setattr(building, "usable_targets", lambda: levels)
    place.compile_with('case "$*" in *-march=better*) exit 1;; esac; exec cc "$@"')
    assert answer(building.library("float32")) == 42
    # Kept as what is made for this processor, so that the better one is not tried every time.
    new_process(monkeypatch)
    assert answer(building.ready_library("float32")) == 42
    assert place.compiled == 2


def test_what_a_lesser_processor_kept_is_not_taken(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Target("plain")
    monkeypatch.setattr(building, "usable_targets", lambda: (plain,))
    building.library("float32")
    new_process(monkeypatch)
    monkeypatch.setattr(building, "usable_targets", lambda: (Target("better", ("-O1",)), plain))
    assert building.ready_library("float32") is None
    assert answer(building.library("float32")) == 42
    assert len(place.kept) == 2


@pytest.mark.parametrize("damage", [b"", b"\x7fELF", None])
def test_a_damaged_file_is_made_anew(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    building.library("float32")
    (kept,) = place.kept
    whole = kept.read_bytes()
    # Not in place: this process has the old one loaded.
    kept.unlink()
    kept.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    kept.chmod(0o700)
    new_process(monkeypatch)
    assert building.ready_library("float32") is None
    assert answer(building.library("float32")) == 42
    assert kept.read_bytes() == whole
    assert building.notices() == []


def test_a_broken_compiler_is_told_once_and_not_asked_again(place: Workplace) -> None:
    place.compile_with("echo 'nothing'>&2; echo 'cc: error: out of order' >&2; exit 1")
    for _ in range(2):
        with pytest.raises(KernelsError) as problem:
            building.library("float32")
        assert problem.value.key == "kernels_compiler_failed"
        assert problem.value.values["problem"] == "cc: error: out of order"
    assert place.compiled == len(processors.usable_targets())
    with pytest.raises(KernelsError):
        building.ready_library("float32")
    assert place.kept == []


def test_a_compiler_that_makes_nothing_or_rubbish_is_broken(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.compile_with("exit 0")
    with pytest.raises(KernelsError, match="could not make"):
        building.library("float32")
    new_process(monkeypatch)
    place.compile_with('while [ "$1" != -o ]; do shift; done; echo rubbish > "$2"')
    with pytest.raises(KernelsError, match="could not be loaded"):
        building.library("float32")


def test_without_a_compiler_a_sentence_says_how_to_get_one(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", str(tmp_path / "none"))
    assert building.ready_library("float32") is None
    with pytest.raises(KernelsError, match="apt install gcc"):
        building.library("float32")


def test_any_of_the_usual_compilers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    found = compilers.installed_compiler()
    assert found is not None
    assert found.command == (shutil.which("cc"),)
    monkeypatch.setenv("CC", "cc -m64")
    asked = compilers.installed_compiler()
    assert asked is not None
    assert asked.name == f"{shutil.which('cc')} -m64"
    assert asked.identity != found.identity


def test_kernels_of_a_wheel_come_first(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    best = processors.usable_targets()[0]
    made = tmp_path / f"made{SUFFIX}"
    compiler = compilers.installed_compiler()
    assert compiler is not None
    compilers.compile_library(compiler, place.sources / "float32.c", Target("any"), made)
    name = kernel_cache.file_name(building.kernel_name("float32", best), made.read_bytes())
    (tmp_path / "prebuilt").mkdir()
    prebuilt = tmp_path / "prebuilt" / name
    made.replace(prebuilt)
    before = place.compiled
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")  # no compiler is asked
    assert answer(building.ready_library("float32")) == 42
    assert place.compiled == before
    # A damaged one is not looked into.
    content = prebuilt.read_bytes()
    prebuilt.unlink()
    prebuilt.write_bytes(content[:-1])
    new_process(monkeypatch)
    assert building.ready_library("float32") is None


def test_what_is_no_longer_used_gives_way(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    abandoned = place.cache / ".making-before"
    abandoned.mkdir(parents=True)
    os.utime(abandoned, (0, 0))
    monkeypatch.setattr(kernel_cache, "KEPT", 2)
    for number in range(4):
        place.write(number)
        new_process(monkeypatch)
        assert answer(building.library("float32")) == number
        os.utime(place.kept[0], (number, number))
    assert len(place.kept) == 2
    assert not abandoned.exists()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_made_ahead_while_the_program_goes_on(place: Workplace, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    place.compile_with(f'while [ ! -e "{gate}" ]; do sleep 0.02; done; exec cc "$@"')
    building.build_ahead("float32")
    building.build_ahead("float32")
    eventually(lambda: place.compiled == 1)
    assert building.ready_library("float32") is None  # and does not wait
    gate.touch()
    eventually(lambda: building.ready_library("float32") is not None)
    assert place.compiled == 1
    # What fails there is said to whoever asks.
    place.compile_with("exit 1")
    building.build_ahead("float64")
    building._shelf.ahead["float64"].join()
    with pytest.raises(KernelsError):
        building.ready_library("float64")


def test_threads_that_ask_at_once_get_one_library(place: Workplace) -> None:
    place.compile_with('sleep 0.1; exec cc "$@"')
    got: list[CDLL] = []
    threads = [
        threading.Thread(target=lambda: got.append(building.library("float32"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in got}) == 1
    assert place.compiled == 1


SCRIPT = """
import sys
from pathlib import Path
from clearprop.compiled import building
building.SOURCES = Path(sys.argv[1])
"""


def process(place: Workplace, script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + textwrap.dedent(script), str(place.sources)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def test_two_processes_at_once_both_get_it(place: Workplace) -> None:
    place.compile_with('sleep 0.3; exec cc "$@"')
    both = [process(place, 'print(building.library("float32").answer())') for _ in range(2)]
    assert [one.communicate() for one in both] == [("42\n", "")] * 2
    assert len(place.kept) == 1
    assert list(place.cache.iterdir()) == place.kept


def test_a_program_that_ends_does_not_wait_for_the_compiler(
    place: Workplace, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    # Once the first is ended, the next kind of processor may be tried before the program is gone.
    place.compile_with(f'echo $$ >> "{begun}"; exec sleep 60')
    begin = time.monotonic()
    done = process(
        place,
        f"""
        import time
        building.build_ahead("float32")
        begun = Path("{begun}")
        while not begun.exists() or not begun.read_text().endswith("\\n"):
            time.sleep(0.01)
        """,
    )
    assert done.communicate() == ("", "")
    assert time.monotonic() - begin < 30
    compilers = [int(line) for line in begun.read_text().split()]
    assert compilers

    def is_gone(compiler: int) -> bool:
        try:
            os.kill(compiler, 0)
            return "Z" in Path(f"/proc/{compiler}/stat").read_text()
        except (ProcessLookupError, FileNotFoundError):
            return True

    eventually(lambda: all(map(is_gone, compilers)))


def test_a_child_after_fork_has_what_was_loaded_and_can_build(place: Workplace) -> None:
    done = process(
        place,
        """
        import os
        building.library("float32")
        building._shelf.lock.acquire()  # as if a thread were building
        child = os.fork()
        if child == 0:
            print(building.library("float32").answer(), building.library("float64").answer())
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
        """,
    )
    assert done.communicate() == ("42 42\n", "")


def test_the_levels_are_those_that_numpy_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    some = {"AVX": True, "AVX2": True, "FMA3": True, "F16C": True, "AVX512F": False}
    monkeypatch.setattr(processors, "_features", lambda: some)
    assert [one.name for one in processors.usable_targets()] == ["x86-64-v3", "x86-64"]
    monkeypatch.setattr(processors, "_features", dict)
    assert [one.name for one in processors.usable_targets()] == ["x86-64"]
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert [one.name for one in processors.usable_targets()] == ["aarch64"]
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert processors.usable_targets() == (Target("riscv64"),)


def test_numpy_says_what_the_processor_can() -> None:
    assert processors._features()
    assert all(isinstance(value, bool) for value in processors._features().values())
