"""AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer find nothing in the kernels."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def runtime(name: str = "libasan.so") -> str | None:
    """A sanitizer's library, which must be loaded before Python; None where there is none."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        return None
    asked = ["gcc", f"-print-file-name={name}"]
    found = subprocess.run(asked, capture_output=True, encoding="utf-8", check=True).stdout.strip()
    return found if Path(found).is_absolute() else None


# Code that looks at every access takes the compiler most of a minute in all.
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(runtime() is None, reason="there are no sanitizers"),
]


def sanitized(what: str, library: str = "libasan.so") -> subprocess.CompletedProcess[str]:
    told = {
        "CC": "gcc",
        "LD_PRELOAD": runtime(library) or "",
        # Python itself keeps some memory to its end.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.compiled.sanitized", what],
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_is_found(dtype: str) -> None:
    done = sanitized(dtype)
    assert (done.returncode, done.stdout) == (0, "nothing found\n"), done.stderr


def test_a_planted_write_behind_an_array_would_be_found() -> None:
    done = sanitized("planted")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


@pytest.mark.skipif(runtime("libtsan.so") is None, reason="there is no ThreadSanitizer")
def test_threads_meet_wherever_they_must() -> None:
    done = sanitized("threads", "libtsan.so")
    assert (done.returncode, done.stdout) == (0, "nothing found\n"), done.stderr
    done = sanitized("race", "libtsan.so")
    assert done.returncode != 0
    assert "data race" in done.stderr
