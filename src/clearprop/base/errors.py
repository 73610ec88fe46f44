"""Every error that clearprop raises on purpose.

    ClearpropError
    ├── ConfigurationError (ValueError)      a setting that cannot be
    ├── ShapeError (ValueError)              an array of the wrong shape
    ├── DtypeError (TypeError)               an array of the wrong dtype
    ├── DataError (ValueError)               a value in the data that cannot be
    ├── ContractError (TypeError)            a layer, loss or optimizer that breaks its contract
    ├── UnknownNameError (KeyError)          a path or name that does not exist
    ├── FileError (ValueError)               a file or folder that cannot be used
    │   ├── ForeignFileError                 not a file of clearprop's
    │   ├── DamagedFileError                 truncated, or altered after it was written
    │   └── NewerFileError                   written by a newer version
    ├── GradientError (AssertionError)       a gradient that a check found wrong
    ├── MissingDependencyError (ImportError) an optional package that is not installed
    └── KernelsError (RuntimeError)          machine code that cannot be made or loaded

An error carries the key of its sentence and the values in it, so that a program can read them and
a person reads them in their own language: `str(error)` is English, `error.message("zh-TW")`
Traditional Chinese.
"""

from typing import Any

from clearprop.base import messages


class ClearpropError(Exception):
    """The root of all of them. `key` names the sentence, `values` fill its fields."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def message(self, language: str = "en") -> str:
        """The sentence in `language` ("en" or "zh-TW"); so is another error's within it."""
        values = {
            name: value.message(language) if hasattr(value, "message") else value
            for name, value in self.values.items()
        }
        return messages.text(language, f"errors.{self.key}", **values)

    def __str__(self) -> str:
        return self.message()

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are rebuilt from `args`, which cannot hold keyword values.
        return _rebuild, (type(self), self.key, self.values)


class ConfigurationError(ClearpropError, ValueError):
    """A setting that cannot be."""


class ShapeError(ClearpropError, ValueError):
    """An array of the wrong shape."""


class DtypeError(ClearpropError, TypeError):
    """An array of the wrong dtype."""


class DataError(ClearpropError, ValueError):
    """A value in the data that cannot be."""


class ContractError(ClearpropError, TypeError):
    """A layer, loss or optimizer that breaks its contract."""


class UnknownNameError(ClearpropError, KeyError):
    """A path or name that does not exist."""


class FileError(ClearpropError, ValueError):
    """A file or folder that cannot be used."""


class ForeignFileError(FileError):
    """Not a file of clearprop's."""


class DamagedFileError(FileError):
    """Truncated, or altered after it was written."""


class NewerFileError(FileError):
    """Written by a newer version of clearprop."""


class GradientError(ClearpropError, AssertionError):
    """A gradient that a check found wrong; `values["verdict"]` is the whole verdict."""

    def message(self, language: str = "en") -> str:
        """The verdict in `language`."""
        verdict: Any = self.values["verdict"]
        return messages.text(language, f"errors.{self.key}", verdict=verdict.text(language))


class MissingDependencyError(ClearpropError, ImportError):
    """An optional package that is not installed."""


class KernelsError(ClearpropError, RuntimeError):
    """Machine code that cannot be made or loaded."""


class EngineWarning(UserWarning):
    """A training runs, but not as it was asked to, or not as fast as it could: in the language of
    the locale, as the commands do. `told` says why, in any language, by its `message`."""

    def __init__(self, told: Any) -> None:
        super().__init__(told.message(messages.preferred_language()))
        self.told = told

    def message(self, language: str = "en") -> str:
        """The sentence in `language`."""
        sentence: str = self.told.message(language)
        return sentence

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.told,)


def _rebuild(kind: type[ClearpropError], key: str, values: dict[str, object]) -> ClearpropError:
    return kind(key, **values)
