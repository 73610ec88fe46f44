"""Targets by name, `file.py:name` or `package.module:name`, and what is checked of them.

A function is checked with the backward beside it that is named alike, an object or a class with
its own, at the arrays in `inputs` (or `<name>_inputs`), or at those that the file calls as the
function calls its arguments. A function that needs no arguments is called: it returns an object, or
a dictionary of what `clearprop.check` takes, with `target` and, as a tuple, `arrays`. A name may
have dots: `net.loss` is a method.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, MethodType, ModuleType
from typing import Any

from clearprop.base.errors import ConfigurationError, ContractError, FileError, UnknownNameError
from clearprop.checking import partners
from clearprop.checking.request import Request
from clearprop.checking.script_steps import TrainingScript
from clearprop.checking.subjects import foreign, written_forms
from clearprop.checking.subjects.plain_functions import call, described, guarded, raised
from clearprop.checking.subjects.structures import is_object
from clearprop.engine.layers.layer import Layer
from clearprop.engine.losses import Loss
from clearprop.engine.network import Network


def request_for(target: str, against: str | None = None) -> Request:
    """The request for a target, with a reference beside it where there is one.

    Raises ConfigurationError, FileError, UnknownNameError and ContractError for what is not there,
    cannot be imported, or is nothing that can be checked.
    """
    if target.endswith(".py"):
        return Request(TrainingScript(Path(target)))
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
    is_class = isinstance(value, type)
    if isinstance(value, kinds) or (is_class and issubclass(value, kinds)):
        return Request(value)
    if foreign.is_foreign(value):
        return Request(value, _inputs(module, name, getattr(value, "forward", value)))
    if isinstance(value, Mapping):
        return _of_case(name, value)
    if is_class:
        made = guarded(name, lambda: partners.made_instance(value), but=(ConfigurationError,))
        return _of_object(module, (name, name.lower()), made)
    if is_object(value) and not isinstance(value, MethodType):
        return _of_object(module, (name, type(value).__name__), value)
    if not callable(value):
        raise ContractError("check_target", came=described(value))
    return _of_function(module, name, value)


def _of_object(module: ModuleType, names: tuple[str, ...], value: Any) -> Request:
    forwards = written_forms.forwards_of(value)
    if not forwards:
        raise ContractError("check_target", came=described(value))
    return Request(value, _inputs(module, names[0], forwards[0], also=names[1:]))


def _of_function(module: ModuleType, name: str, value: Any) -> Request:
    if isinstance(value, MethodType):
        owner = value.__self__
        beside = partners.backward_beside(owner, value.__name__)
        backward = None if beside is None else getattr(owner, beside)
        return Request(value, _inputs(module, name, value), backward=backward)
    beside = partners.backward_beside(module, name)
    if beside is not None:
        backward = getattr(module, beside)
        own = _inputs(module, name, value)
        more = partners.beside_for_backward(module, value, backward, len(own))
        return Request(value, (*own, *more), backward=backward)
    ahead = partners.forward_beside(module, name)
    if ahead is not None:
        return _of_function(module, ahead, getattr(module, ahead))
    if name.endswith("backward"):
        ahead = name.removesuffix("backward") + "forward"
        raise ConfigurationError("target_no_forward", name=name, wanted=ahead)
    if inspect.isfunction(value) and not inspect.signature(value).parameters:
        return _made(module, name, value)
    arrays = partners.inputs_beside(module, (name,), value)
    if arrays is not None and written_forms.has_gradients(value, arrays):
        return Request(value, arrays)
    wanted = partners.expected_backward(name)
    raise ConfigurationError("target_no_backward", name=name, wanted=wanted)


def _made(module: ModuleType, name: str, maker: Any) -> Request:
    """What a function without arguments makes: a case, or something to check."""
    returned = call(maker, [])
    if isinstance(returned, Layer | Loss | Network):
        return Request(returned)
    if isinstance(returned, Mapping):
        return _of_case(name, returned)
    if is_object(returned) and written_forms.forwards_of(returned):
        return _of_object(module, (name, type(returned).__name__), returned)
    raise ContractError("target_case", name=name, came=described(returned))


def _of_case(name: str, case: Mapping[str, Any]) -> Request:
    known = {one.name for one in fields(Request)}
    if "target" not in case or not set(case) <= known:
        raise ContractError("target_case", name=name, came=f"the names {', '.join(map(str, case))}")
    return Request(**case)


def _inputs(
    module: ModuleType, name: str, function: Any, also: tuple[str, ...] = ()
) -> tuple[Any, ...]:
    stem = name.removesuffix("forward").removesuffix("_").replace(".", "_")
    found = partners.inputs_beside(module, (*dict.fromkeys((stem, name, *also)),), function)
    if found is None:
        wanted = "inputs" if not stem else f"{stem}_inputs"
        raise ConfigurationError("target_no_arrays", name=name, wanted=wanted)
    return found


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


class _AsItStands(SourceFileLoader):
    """Compiles the file as it stands now. What Python keeps compiled beside a file is known by its
    time and size, and one that was changed within a second may have both of the one before."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def module_of(path: Path) -> ModuleType:
    """The module that a Python file makes when it is run. Raises FileError."""
    if not path.is_file():
        raise FileError("target_file_missing", path=path)
    # A name that no import finds: the file may be called as a package is.
    name = f"checked file {path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItStands(name, str(path)))
    if spec is None or spec.loader is None:
        raise FileError("target_file_missing", path=path)
    module = importlib.util.module_from_spec(spec)
    # Its own folder comes first, as it does for `python file.py`; its dataclasses ask for the
    # module by name.
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:
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
    except (Exception, SystemExit) as problem:
        raise _import_failed(name, problem) from problem
    finally:
        sys.path.pop(0)


def _import_failed(where: str, problem: BaseException) -> FileError:
    return FileError("target_import", where=where, problem=raised(problem))


def _member(module: ModuleType, name: str, target: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            known = [one for one in dir(value) if not one.startswith("_")]
            known = list(vars(module)) if value is module else known
            raise UnknownNameError(
                "target_name_missing",
                name=name,
                where=target.rpartition(":")[0],
                known=", ".join([one for one in known if not one.startswith("_")][:12]) or "—",
            )
        value = getattr(value, part)
    return value
