"""The pages' templates, and how they are filled: everything is escaped, nothing may be missing."""

from base64 import b64encode
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from clearprop.base.dependencies import require

if TYPE_CHECKING:
    import jinja2


def template(name: str) -> "jinja2.Template":
    """The template `name`. Raises MissingDependencyError without Jinja2."""
    require("jinja2")
    return _environment().get_template(name)


# Kept, because a class has a page for every student and a template is compiled once.
@lru_cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clearprop.teaching.reports"),
        # Python is no HTML: what a program is shown in escapes it.
        autoescape=lambda name: name is None or not name.endswith(".py.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    font = files("clearprop.teaching.reports").joinpath("fonts", "clearprop-math.woff2")
    environment.globals["math_font"] = b64encode(font.read_bytes()).decode()
    return environment
