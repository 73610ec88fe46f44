"""Puts machine code into a wheel: what hatchling calls while it builds one.

Without the two variables of the environment, which `python -m wheels` sets, the wheel has none and
is for every place.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS, PLATFORM = "CLEARPROP_WHEEL_KERNELS", "CLEARPROP_WHEEL_PLATFORM"


class KernelsHook(BuildHookInterface[Any]):
    """Includes the libraries of the folder that is named, and names the platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is written."""
        folder = os.environ.get(KERNELS)
        if not folder or version == "editable":
            return
        for library in sorted(Path(folder).iterdir()):
            place = f"clearprop/compiled/prebuilt/{library.name}"
            build_data["force_include"][str(library)] = place
        build_data["pure_python"] = False
        # ctypes loads the libraries: any Python 3 will do.
        build_data["tag"] = f"py3-none-{os.environ[PLATFORM]}"
