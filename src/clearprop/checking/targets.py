"""Targets by name, `file.py:name` or `package.module:name`, and what is checked of them.

A function called `forward`, or one whose name ends in forward, is checked with the backward that is
named alike, at the arrays in `inputs` (or `<name>_inputs`, named alike: `relu_forward`,
`relu_backward`, `relu_inputs`). A function that needs no arguments is called, and returns a
dictionary of what `clearprop.check` takes, with `target` and, as a tuple, `arrays`.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from clearprop.base.errors import ConfigurationError, ContractError, FileError, UnknownNameError
from clearprop.checking.request import Request
from clearprop.checking.subjects import foreign
from clearprop.checking.subjects.plain_functions import call, described, raised
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network


def request_for(target: str, against: str | None = None) -> Request:
    """The request for a target, with a reference beside it where there is one.

    Raises ConfigurationError, FileError, UnknownNameError and ContractError for what is not there,
    cannot be imported, or is nothing that can be checked.
    """
    module, name = _load(target)
    request = _request(module, name, _member(module, name, target))
    if against is None:
        return request
    beside, its_name = _load(against)
    return replace(
        request, against=_reference(beside, its_name, _member(beside, its_name, against))
    )


def _request(module: ModuleType, name: str, value: Any) -> Request:
    kinds = (Layer, Loss, Network)
    is_class = isinstance(value, type) and issubclass(value, kinds)
    if isinstance(value, kinds) or is_class:
        return Request(value)
    if foreign.is_foreign(value):
        return Request(value, _inputs(module, name))
    if isinstance(value, Mapping):
        return _of_case(name, value)
    if not callable(value):
        raise ContractError("check_target", came=described(value))
    if name.endswith("backward"):
        ahead = name.removesuffix("backward") + "forward"
        if not hasattr(module, ahead):
            raise ConfigurationError("target_no_forward", name=name, wanted=ahead)
        return _request(module, ahead, getattr(module, ahead))
    if name.endswith("forward"):
        beside = name.removesuffix("forward") + "backward"
        if not hasattr(module, beside):
            raise ConfigurationError("target_no_backward", name=name, wanted=beside)
        return Request(value, _inputs(module, name), backward=getattr(module, beside))
    if inspect.isfunction(value) and not inspect.signature(value).parameters:
        returned = call(value, [])
        if isinstance(returned, kinds):
            return Request(returned)
        if not isinstance(returned, Mapping):
            raise ContractError("target_case", name=name, came=described(returned))
        return _of_case(name, returned)
    raise ConfigurationError("target_no_backward", name=name, wanted=f"{name}_backward")


def _of_case(name: str, case: Mapping[str, Any]) -> Request:
    known = {one.name for one in fields(Request)}
    if "target" not in case or not set(case) <= known:
        raise ContractError("target_case", name=name, came=f"the names {', '.join(map(str, case))}")
    return Request(**case)


def _inputs(module: ModuleType, name: str) -> tuple[Any, ...]:
    stem = name.removesuffix("forward")
    own = f"{stem}inputs" if name.endswith("forward") else f"{name}_inputs"
    for wanted in (own, "inputs"):
        found = getattr(module, wanted, None)
        if isinstance(found, Mapping):
            return tuple(found.values())
        if isinstance(found, tuple | list):
            return tuple(found)
    raise ConfigurationError("target_no_arrays", name=name, wanted=own)


def _reference(module: ModuleType, name: str, value: Any) -> Any:
    """A network or layer as it is, or made by a function; a forward with the backward beside it."""
    beside = name.removesuffix("forward") + "backward"
    if name.endswith("forward") and callable(getattr(module, beside, None)):
        return (value, getattr(module, beside))
    if inspect.isfunction(value) and not inspect.signature(value).parameters:
        return call(value, [])
    return value


def _load(target: str) -> tuple[ModuleType, str]:
    where, _, name = target.rpartition(":")
    if not where or not name:
        raise ConfigurationError("target_form", target=target)
    return (module_of(Path(where)) if where.endswith(".py") else _module(where)), name


def module_of(path: Path) -> ModuleType:
    """The module that a Python file makes when it is run. Raises FileError."""
    if not path.is_file():
        raise FileError("target_file_missing", path=path)
    # A name that no import finds: the file may be called as a package is.
    name = f"checked file {path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileError("target_file_missing", path=path)
    module = importlib.util.module_from_spec(spec)
    # Its own folder comes first, as it does for `python file.py`; its dataclasses ask for the
    # module by name.
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        del sys.modules[name]
        raise _import_failed(str(path), problem) from problem
    finally:
        sys.path.pop(0)
    return module


def _module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name and (name == problem.name or name.startswith(f"{problem.name}.")):
            raise FileError("target_module_missing", module=name) from problem
        raise _import_failed(name, problem) from problem
    except Exception as problem:
        raise _import_failed(name, problem) from problem
    finally:
        sys.path.pop(0)


def _import_failed(where: str, problem: Exception) -> FileError:
    return FileError("target_import", where=where, problem=raised(problem))


def _member(module: ModuleType, name: str, target: str) -> Any:
    if not hasattr(module, name):
        known = [one for one in vars(module) if not one.startswith("_")]
        raise UnknownNameError(
            "target_name_missing",
            name=name,
            where=target.rpartition(":")[0],
            known=", ".join(known[:12]) or "—",
        )
    return getattr(module, name)
