"""Configuration as plain data: what a layer, initializer, loss or optimizer was made with.

A configurable object is immutable. `settings()` says what it takes to make it again, `encode` turns
that into JSON, and `decode` makes the object from JSON with a table of the classes it may use:
no class is ever imported by a name that stands in a file.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from clearprop.base.errors import (
    ConfigurationError,
    ContractError,
    DamagedFileError,
    UnknownNameError,
)


class Configurable:
    """Something immutable, made from settings. Subclasses are frozen dataclasses as a rule.

    type_name  what the class is called in a file; its own name unless it says another, so that a
               class can be renamed and files still be read

    Raises ConfigurationError for a setting that the class does not have, and for one that is
    missing.
    """

    type_name: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "type_name" not in vars(cls):
            cls.type_name = cls.__name__

    def __new__(cls, *values: Any, **named: Any) -> Self:
        fields = getattr(cls, "__dataclass_fields__", {})
        if fields and cls.__dataclass_params__.init:  # type: ignore[attr-defined]
            _require_settings(cls, len(values), named)
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]:
        # A copy and a pickle are made without a call: they hand `__new__` what it asks for.
        if not getattr(self, "__dataclass_fields__", {}):
            return (), {}
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return (), {field.name: getattr(self, field.name) for field in fields if field.init}

    def settings(self) -> dict[str, Any]:
        """What the constructor needs to make an equal object: by default, the dataclass fields.

        Raises ContractError for a class with a constructor of its own and no `settings`.
        """
        if dataclasses.is_dataclass(self):
            return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        if type(self).__init__ is object.__init__:
            return {}
        raise ContractError("settings_missing", name=type(self).__name__)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The inverse of `settings`."""
        return cls(**settings)


def _require_settings(cls: type, positional: int, named: Mapping[str, Any]) -> None:
    """Refuse what the constructor of a dataclass would refuse in Python's own words."""
    fields = [field for field in dataclasses.fields(cls) if field.init]
    names = [field.name for field in fields]
    for name in named:
        if name not in names:
            known = ", ".join(names) or "—"
            raise ConfigurationError("setting_unknown", owner=cls.__name__, name=name, known=known)
    for field in fields[positional:]:
        has_default = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
        if not has_default and field.name not in named:
            raise ConfigurationError("setting_missing", owner=cls.__name__, name=field.name)


def encode(value: object) -> Any:
    """`value` as JSON data; a Configurable becomes `{"type": name, "settings": {...}}`.

    Raises ContractError for what JSON has no form for.
    """
    if isinstance(value, Configurable):
        settings = {name: encode(item) for name, item in value.settings().items()}
        return {"type": value.type_name, "settings": settings}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ContractError("setting_not_json", value=repr(value), type=type(value).__name__)


def decode(data: Any, known: Mapping[str, type[Configurable]]) -> Any:
    """The inverse of `encode`, with the classes of `known` and no others.

    Raises UnknownNameError for a class that is not in `known`, DamagedFileError for settings
    that its constructor does not take.
    """
    if isinstance(data, list):
        return tuple(decode(item, known) for item in data)
    if not isinstance(data, Mapping):
        return data
    name = str(data.get("type"))
    if name not in known:
        raise UnknownNameError("class_unknown", name=name, known=", ".join(sorted(known)))
    settings = {key: decode(item, known) for key, item in data.get("settings", {}).items()}
    try:
        return known[name].from_settings(settings)
    except (TypeError, KeyError, ConfigurationError) as problem:
        raise DamagedFileError("settings_refused", name=name, problem=problem) from problem
