"""The wheels, installed alone and tried: this machine's, and aarch64's under an emulator."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TRIAL = Path(__file__).parent / "trial.py"
EMULATOR = "qemu-aarch64-static"
# What a Python for aarch64 is made of, as Debian's packages.
PYTHON_PACKAGES = (
    "libc6", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "zlib1g",
    "libexpat1", "libffi8", "libssl3", "libbz2-1.0", "liblzma5", "libgcc-s1", "libstdc++6",
    "libuuid1", "libcrypt1",
)  # fmt: skip


def try_installed(wheel: Path, engine: str) -> str:
    """Install the wheel into an environment of its own, and train there: what the trial says.

    There is no compiler: what runs is what the wheel has.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "environment")
        scripts = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "install"]
        constraints = ["-c", str(ROOT / "constraints.txt")]
        _run([*pip, "--quiet", *constraints, str(wheel)], folder)
        python = [str(scripts / "python"), str(TRIAL), engine]
        return _run(python, folder, {"PATH": "", "XDG_CACHE_HOME": str(folder / "cache")})


def try_emulated(wheel: Path) -> str:
    """The same for aarch64, by an emulator of its processor; or why that could not be done."""
    if platform.system() != "Linux" or shutil.which(EMULATOR) is None:
        return f"not run: there is no {EMULATOR} (on Debian: apt install qemu-user-static)"
    if shutil.which("dpkg") is None:
        return "not run: a Python for aarch64 is taken from Debian's packages"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            site = _emulated_python(folder)
        except subprocess.CalledProcessError as problem:
            return f"not run: a Python for aarch64 could not be had ({problem.stderr.strip()})"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        told = {"PYTHONHOME": f"{folder}/root/usr", "PYTHONPATH": str(site), "PATH": ""}
        python = [EMULATOR, "-L", f"{folder}/root"]
        python[0] = shutil.which(EMULATOR) or EMULATOR
        for variable, value in told.items():
            python += ["-E", f"{variable}={value}"]
        return _run([*python, f"{folder}/root/usr/bin/python3.11", str(TRIAL), "compiled"], folder)


def _emulated_python(folder: Path) -> Path:
    """Unpack Python and NumPy for aarch64; the folder of its packages."""
    packages = folder / "packages"
    packages.mkdir()
    # apt's own lists must know the architecture: dpkg --add-architecture arm64; apt-get update.
    _run(["apt-get", "download", "-qq", *(f"{one}:arm64" for one in PYTHON_PACKAGES)], packages)
    for package in sorted(packages.glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder / "root")], folder)
    site = folder / "site"
    platforms = [
        f"--platform={tag}_aarch64" for tag in ("manylinux2014", "manylinux_2_27", "manylinux_2_28")
    ]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site), "--no-deps"]
    constraints = ["-c", str(ROOT / "constraints.txt"), "--only-binary=:all:"]
    _run([*pip, *platforms, "--python-version=3.11", *constraints, "numpy"], folder)
    return site


def _run(command: list[str], folder: Path, told: dict[str, str] | None = None) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CC")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, **(told or {})},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise subprocess.CalledProcessError(
            done.returncode, command, done.stdout, done.stderr or done.stdout
        )
    return done.stdout.strip()
