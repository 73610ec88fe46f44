"""Machine code in other processes and threads: after fork, spawned, at once, without asserts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform == "win32", reason="a C compiler and fork are needed"
)

SCRIPT = """
import multiprocessing, os, sys, threading
import numpy as np
from clearprop import Adam, Linear, Network, Sequential, Tanh, fit, fit_many

network = Network(Sequential(Linear(4, 9), Tanh(), Linear(9, 1)))
x = np.random.default_rng(0).normal(size=(40, 4))

def one(seed):
    told = dict(optimizer=Adam(1e-3), epochs=5, batch_size=16, engine="compiled")
    ran = fit(network, network.initialize(seed), x, x[:, :1], **told)
    return ran.engine.name, ran.params.tobytes()

def many():
    return fit_many(network, range(20), x, x[:, :1], epochs=5, engine="compiled", threads=2).params

if __name__ == "__main__":
    try:
        assert False
    except AssertionError:
        print("asserts are kept")
    expected, stack = [one(seed) for seed in range(4)], many()
    print(expected[0][0])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print("spawn", pool.map(one, range(4)) == expected)
    found = [None] * 4
    def run(seed):
        found[seed] = one(seed)
    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("threads", found == expected)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        # After the threads of a stack have been at work.
        print("fork", one(2) == expected[2], np.array_equal(many(), stack))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_it_works_there_too(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-O", "-W", "ignore::DeprecationWarning", str(script)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["compiled", "spawn True", "threads True", "fork True True"]


def test_a_short_training_loads_nothing_of_the_kernels() -> None:
    program = (
        "import sys; import numpy as np; from clearprop import Linear, Network, fit\n"
        "network, x = Network(Linear(1, 1)), np.ones((3, 1))\n"
        "print(fit(network, network.initialize(), x, x).engine.key)\n"
        "print([name for name in sys.modules if name.startswith('clearprop.compiled')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "short\n[]\n"
