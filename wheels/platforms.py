"""The platforms that have wheels of their own, and their libraries, cross-compiled by Zig.

Zig's C compiler is clang with the headers and libraries of every platform; it comes as the package
`ziglang`. A wheel for glibc 2.17 runs on every Linux of the last ten years but musl's, which takes
the wheel without machine code.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from typing import NamedTuple

from clearprop.compiled.building import SOURCES, kernel_name
from clearprop.compiled.compilers import OPTIONS
from clearprop.compiled.kernel_cache import file_name
from clearprop.compiled.processors import SUFFIXES, TARGETS, Target

DTYPES = ("float32", "float64")


class Platform(NamedTuple):
    """A platform: Zig's name for it, the wheel's, its machine among `TARGETS`, and `sys.platform`
    there."""

    name: str
    triple: str
    tag: str
    machine: str
    system: str

    @property
    def suffix(self) -> str:
        """Of its shared libraries."""
        return SUFFIXES.get(self.system, ".so")


PLATFORMS = (
    Platform(
        "linux-x86-64",
        "x86_64-linux-gnu.2.17",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "x86-64",
        "linux",
    ),
    Platform(
        "linux-aarch64",
        "aarch64-linux-gnu.2.17",
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "aarch64",
        "linux",
    ),
    Platform("macos-arm64", "aarch64-macos.11.0", "macosx_11_0_arm64", "aarch64", "darwin"),
    Platform("macos-x86-64", "x86_64-macos.11.0", "macosx_11_0_x86_64", "x86-64", "darwin"),
    Platform("windows-x86-64", "x86_64-windows-gnu", "win_amd64", "x86-64", "win32"),
)


def cross_compile(platform: Platform, folder: Path) -> list[Path]:
    """Make all libraries of a platform in `folder`, each named by its content as well."""
    folder.mkdir(parents=True)
    with ThreadPoolExecutor(cpu_count()) as pool:
        jobs = [
            pool.submit(_compile, platform, dtype, target, folder)
            for dtype in DTYPES
            for target in TARGETS[platform.machine]
        ]
        return [job.result() for job in jobs]


def _compile(platform: Platform, dtype: str, target: Target, folder: Path) -> Path:
    name = kernel_name(dtype, target)
    # A folder of its own: on Windows the linker leaves files beside the library.
    own = folder.parent / f"{platform.name}-{name}"
    own.mkdir()
    made = own / f"{name}{platform.suffix}"
    is_windows = platform.system == "win32"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", platform.triple]
    # Zig spells the levels of x86-64 with underscores.
    levels = [option.removeprefix("-march=") for option in target.options]
    level = f"-mcpu={(levels or ['baseline'])[0].replace('-', '_')}"
    position = [] if is_windows else ["-fPIC"]
    made_of = [str(SOURCES / f"{dtype}.c"), "-o", str(own / "kernels.o")]
    options = [one for one in OPTIONS if one != "-shared"]
    subprocess.run([*compiler, *options, *position, level, "-c", *made_of], check=True)
    # Linked for the oldest processor: Zig makes Windows's own library once for each level that is
    # named here, which takes it most of a minute.
    linked = ["-shared", "-s", str(own / "kernels.o"), "-o", str(made)]
    linked += [] if is_windows else ["-lm", "-pthread"]
    subprocess.run([*compiler, "-mcpu=baseline", *linked], check=True)
    return made.replace(folder / file_name(name, made.read_bytes(), platform.suffix))
