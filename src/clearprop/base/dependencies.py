"""The optional packages: what each is called, and the command that installs it."""

from importlib.util import find_spec
from typing import NamedTuple

from clearprop.base.errors import MissingDependencyError


class Package(NamedTuple):
    """A package by the name that people know, and how it is installed."""

    name: str
    command: str


PACKAGES = {
    "jax": Package("JAX", "pip install 'clearprop[jax]'"),
    "jinja2": Package("Jinja2", "pip install 'clearprop[report]'"),
    "latex2mathml": Package("latex2mathml", "pip install 'clearprop[report]'"),
    "dask": Package("Dask", "pip install 'clearprop[distributed]'"),
    "distributed": Package("Dask", "pip install 'clearprop[distributed]'"),
    "matplotlib": Package("matplotlib", "pip install 'clearprop[plot]'"),
    "mpi4py": Package("mpi4py", "pip install 'clearprop[distributed]'"),
    "narwhals": Package("narwhals", "pip install 'clearprop[data]'"),
    "onnx": Package("ONNX", "pip install 'clearprop[formats]'"),
    "pyarrow": Package("pyarrow", "pip install 'clearprop[data]'"),
    "rich": Package("rich", "pip install 'clearprop[cli]'"),
    "starlette": Package("Starlette", "pip install 'clearprop[lab]'"),
    "scipy": Package("SciPy", "pip install 'clearprop[scipy]'"),
    "sklearn": Package("scikit-learn", "pip install 'clearprop[data]'"),
    "uvicorn": Package("Uvicorn", "pip install 'clearprop[lab]'"),
    "websockets": Package("websockets", "pip install 'clearprop[lab]'"),
    # Pinned: an open range would bring several gigabytes of CUDA.
    "torch": Package("PyTorch", "pip install torch==2.13.0"),
}


def is_installed(module: str) -> bool:
    """Whether `module` can be imported; it is not imported to find out."""
    return find_spec(module) is not None


def require(*modules: str) -> None:
    """Raises MissingDependencyError, with the command that installs it, for the first of `modules`
    that is not installed. Called right before they are imported."""
    for module in modules:
        if not is_installed(module):
            package = PACKAGES[module]
            raise MissingDependencyError(
                "dependency_missing", package=package.name, command=package.command
            )
