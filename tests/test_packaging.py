"""The sdist and the wheel: what is in them, and that the wheel works installed alone."""

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import clearprop

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "clearprop"

USE = """
import sys
from clearprop import *

# What came from the environment's packages; the start of Python itself loads some more.
packages = {
    name.partition(".")[0]
    for name, module in sys.modules.items()
    if "site-packages" in str(getattr(module, "__file__", ""))
}
print(sorted(name for name in packages if not name.startswith("_")))

import numpy as np
x = np.linspace(-1, 1, 20).reshape(-1, 1)
network = Network(Sequential(Linear(1, 4), ReLU(), Linear(4, 3), Sigmoid(), Linear(3, 1)))
trained = fit(network, network.initialize(seed=0), x, x**2, epochs=3)
save("network.safetensors", network, trained.params)
saved = load("network.safetensors")
print(saved.network == network and np.array_equal(saved.params, trained.params))
try:
    network.forward(trained.params, x[:, 0])
except ValueError as problem:
    print(problem.message("zh-TW"))
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run without what could lend the process another environment's packages."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**kept, "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def succeed(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    succeed(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def scripts(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts' folder of a fresh environment that the wheel alone was installed into."""
    folder = tmp_path_factory.mktemp("alone") / "environment"
    venv.create(folder)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    constraints = ROOT / "constraints.txt"
    # By this environment's pip, and not compiled: both would take longer than all that is asked.
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet")
    succeed(*pip, "--no-compile", "-c", constraints, built[1], cwd=folder)
    return scripts


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    ours = {
        f"clearprop/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert ours <= names
    assert "clearprop/py.typed" in names
    assert {
        f"clearprop/base/messages/{language}/errors.toml" for language in ("en", "zh-TW")
    } <= names
    info = f"clearprop-{clearprop.__version__}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"clearprop", info}
    licences = ("LICENSE", "src/clearprop/teaching/reports/fonts/OFL.txt")
    assert {f"{info}/licenses/{name}" for name in licences} <= names


def test_the_sdist_can_be_tested(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = ["LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "README.zh-TW.md"]
    expected += ["Makefile", "constraints.txt", ".importlinter", "pyproject.toml"]
    expected += ["src/clearprop/__init__.py", "tests/test_packaging.py", "benchmarks/__main__.py"]
    assert [name for name in expected if name not in names] == []


def test_the_wheel_works_alone(scripts: Path, tmp_path: Path) -> None:
    imported, round_trip, sentence = succeed(
        scripts / "python", "-c", USE, cwd=tmp_path
    ).splitlines()
    assert imported == "['clearprop', 'numpy']"
    assert round_trip == "True"
    assert "請用 x.reshape(-1, 1)" in sentence


def test_the_command_without_its_extra_says_what_to_install(scripts: Path, tmp_path: Path) -> None:
    done = run(scripts / "clearprop", "reproduce", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert re.search(r"pip install .*clearprop\[(cli|all)\]", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_the_constraints_are_exact_and_cover_what_is_asked_for() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    pinned = {pin.partition("==")[0].lower().replace("_", "-") for pin in pins}
    asked = re.findall(
        r'"([\w-]+)(?:>=|==)[\d.]+"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert len(asked) > 15
    assert [name for name in asked if name not in pinned] == []
