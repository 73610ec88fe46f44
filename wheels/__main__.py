"""Makes every wheel in `dist/wheels`, and tries those that can be run here.

    python -m wheels [PLATFORM ...]     all of them, or those named

The exit status is 1 where a wheel that can be run does not work.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from wheels.hatch_build import KERNELS, PLATFORM
from wheels.platforms import PLATFORMS, Platform, cross_compile
from wheels.trying import ROOT, try_emulated, try_installed

OUT = ROOT / "dist" / "wheels"
HERE = {("Linux", "x86_64"): "linux-x86-64", ("Linux", "aarch64"): "linux-aarch64"}
HERE |= {("Darwin", "arm64"): "macos-arm64", ("Darwin", "x86_64"): "macos-x86-64"}
HERE |= {("Windows", "AMD64"): "windows-x86-64"}


def main(names: list[str]) -> int:
    known = {one.name: one for one in PLATFORMS}
    if unknown := set(names) - set(known):
        print(f"There is no platform {sorted(unknown)}; choose from {', '.join(known)}.")
        return 2
    shutil.rmtree(OUT, ignore_errors=True)
    status = _report("any", _pure(), "numpy")
    here = HERE.get((platform.system(), platform.machine()))
    for name in names or known:
        wheel = _native(known[name])
        if name == here:
            status |= _report(name, wheel, "compiled")
        elif name == "linux-aarch64":
            status |= _report(name, wheel, "emulated")
        else:
            print(f"{wheel.name}\n  not run: this is no such machine", flush=True)
    return status


def _pure() -> Path:
    return _build({})


def _native(platform: Platform) -> Path:
    with tempfile.TemporaryDirectory() as name:
        kernels = Path(name) / "kernels"
        cross_compile(platform, kernels)
        return _build({KERNELS: str(kernels), PLATFORM: platform.tag})


def _build(told: dict[str, str]) -> Path:
    before = set(OUT.glob("*.whl"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(OUT)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **told}, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    (made,) = set(OUT.glob("*.whl")) - before
    return made


def _report(name: str, wheel: Path, how: str) -> int:
    print(wheel.name, flush=True)
    try:
        said = try_emulated(wheel) if how == "emulated" else try_installed(wheel, how)
    except subprocess.CalledProcessError as problem:
        print(f"  {name} DOES NOT WORK: {problem.stderr}", flush=True)
        return 1
    print(f"  {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
