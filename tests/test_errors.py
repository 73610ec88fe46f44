"""The exception tree: as its docstring draws it, catchable, picklable and in two languages."""

import copy
import pickle
import re
from typing import Any

import pytest

from clearprop.base import errors
from clearprop.base.errors import (
    ClearpropError,
    ConfigurationError,
    ContractError,
    DamagedFileError,
    DataError,
    DtypeError,
    FileError,
    ForeignFileError,
    GradientError,
    KernelsError,
    MissingDependencyError,
    NewerFileError,
    ShapeError,
    UnknownNameError,
)
from clearprop.checking.verdict import Outcome, Verdict

# (class, the builtin that it is also, a key of a sentence of its kind, the fields' values)
CASES: list[tuple[type[ClearpropError], type[Exception], str, dict[str, Any]]] = [
    (ConfigurationError, ValueError, "learning_rate_invalid", {"value": -1.0}),
    (ShapeError, ValueError, "samples_differ", {"x": 3, "target": 4}),
    (DtypeError, TypeError, "params_dtype", {"came": "int64"}),
    (
        GradientError,
        AssertionError,
        "gradient_wrong",
        {"verdict": Verdict(name="backward", outcome=Outcome.WRONG, arrays=())},
    ),
    (DataError, ValueError, "probabilities_sum", {"index": (0,), "value": 0.9}),
    (ContractError, TypeError, "layer_expected", {"where": "Network", "came": "5"}),
    (UnknownNameError, KeyError, "path_unknown", {"path": "layer", "nearest": "layers[0]"}),
    (FileError, ValueError, "file_missing", {"path": "a.safetensors"}),
    (ForeignFileError, FileError, "file_foreign", {"path": "a.safetensors"}),
    (DamagedFileError, FileError, "file_altered", {"path": "a.safetensors"}),
    (NewerFileError, FileError, "file_newer", {"path": "a", "version": "9", "known": 1}),
    (
        MissingDependencyError,
        ImportError,
        "dependency_missing",
        {"package": "torch", "command": "pip install torch"},
    ),
    (KernelsError, RuntimeError, "kernels_no_compiler", {}),
]
every_error = pytest.mark.parametrize(
    ("kind", "key", "values"),
    [(kind, key, values) for kind, _, key, values in CASES],
    ids=[kind.__name__ for kind, *_ in CASES],
)


def drawn_tree() -> dict[str, tuple[str, ...]]:
    """The tree of the module's docstring: each class, its parent and the builtin beside it."""
    tree: dict[str, tuple[str, ...]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─ ]*)(\w+Error)\b(?: \((\w+)\))?", line)
        if not found:
            continue
        branches, name, builtin = found.groups()
        depth = len(branches) // 4
        del above[depth:]
        parent = above[-1] if above else "Exception"
        tree[name] = (parent, builtin) if builtin else (parent,)
        above.append(name)
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    classes = {
        name: tuple(base.__name__ for base in item.__bases__)
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, Exception) and not issubclass(item, Warning)
    }
    assert drawn_tree() == classes


def test_every_class_has_a_case_here() -> None:
    assert {kind.__name__ for kind, *_ in CASES} | {"ClearpropError"} == set(drawn_tree())


@pytest.mark.parametrize(("kind", "builtin", "key", "values"), CASES)
def test_an_error_is_also_the_builtin_that_a_caller_expects(
    kind: type[ClearpropError], builtin: type[Exception], key: str, values: dict[str, Any]
) -> None:
    with pytest.raises(builtin) as caught:
        raise kind(key, **values)
    assert isinstance(caught.value, ClearpropError)
    assert kind.__doc__


@every_error
def test_an_error_speaks_both_languages(
    kind: type[ClearpropError], key: str, values: dict[str, Any]
) -> None:
    error = kind(key, **values)
    english, chinese = error.message(), error.message("zh-TW")
    assert str(error) == english
    assert re.search("[\u4e00-\u9fff]", chinese)
    for value in values.values():
        # A verdict speaks the reader's language; everything else is quoted as it is.
        spoken = value.text("zh-TW") if isinstance(value, Verdict) else str(value)
        assert str(value) in english
        assert spoken in chinese


@every_error
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_an_error_survives_pickling_and_copying(
    kind: type[ClearpropError], key: str, values: dict[str, Any], again: Any
) -> None:
    # A worker process hands its errors over in this way.
    error = again(kind(key, **values))
    assert type(error) is kind
    assert error.key == key
    assert error.values == values
    assert str(error) == str(kind(key, **values))
