"""Machine code is made, found and run where numbers have a decimal comma, and where I is no capital
of i."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiled.both_engines import Library
from tests.sweeps import first_of

LOCALES = ("de_DE", "tr_TR")
PROGRAM = """
import ctypes, locale, sys
from pathlib import Path
import numpy as np
from clearprop import Adam, CosineDecay, CrossEntropy, Linear, Network, ReLU, Sequential, fit
from clearprop.compiled import building
locale.setlocale(locale.LC_ALL, sys.argv[1])
assert locale.localeconv()["decimal_point"] == ","
network = Network(Sequential(Linear(6, 40), ReLU(), Linear(40, 3)))
x, ids = np.random.default_rng(0).normal(size=(40, 6)), np.arange(40) % 3
ran = [
    fit(
        network, network.initialize(seed=0), x, ids, loss=CrossEntropy(), epochs=20, engine=engine,
        optimizer=Adam(CosineDecay(0.015, t_max=25, eta_min=0.0005)),
    )
    for engine in ("numpy", "compiled")
]
assert [one.engine.name for one in ran] == ["numpy", "compiled"], ran[1].engine
assert np.abs(ran[0].params - ran[1].params).max() < 1e-10
building.SOURCES, building._shelf = Path(sys.argv[2]), building._Shelf()
building.sources_digest.cache_clear()
building.cache_folder = lambda: building.SOURCES / "cache"
half = building.library("float32").half
half.restype = ctypes.c_double
print(half())
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.skipif(sys.platform != "linux", reason="locales are made by localedef there")
@pytest.mark.parametrize("name", first_of(LOCALES))
def test_in_locales_of_their_own(name: str, tmp_path: Path, kernels: Library) -> None:
    kernels("float64")
    made = subprocess.run(
        ["localedef", "-i", name, "-f", "UTF-8", str(tmp_path / f"{name}.UTF-8")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if not (tmp_path / f"{name}.UTF-8").is_dir():
        pytest.skip(f"no locale could be made (on Debian: apt install locales): {made.stderr}")
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "float32.c").write_text("double half(void) { return 0.5; }\n")
    told = {"LOCPATH": str(tmp_path), "LANG": f"{name}.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"{name}.UTF-8", str(sources)],
        env={**os.environ, **told},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "0.5\n"), done.stderr
