"""What the system says of a file that cannot be read, as sentences of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clearprop.base.errors import FileError

# What Python raises for contents that nobody has written with this program. RecursionError: what is
# nested too deeply.
CONTENTS_REFUSED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def read_or_refused(path: Path) -> Iterator[None]:
    """Around everything that opens or reads `path`.

    Raises FileError where it is missing, is a folder, or cannot be read.
    """
    try:
        yield
    except FileNotFoundError as problem:
        raise FileError("file_missing", path=path) from problem
    except IsADirectoryError as problem:
        raise FileError("path_is_folder", path=path) from problem
    except OSError as problem:
        reason = problem.strerror or problem
        raise FileError("file_unreadable", path=path, problem=reason) from problem
