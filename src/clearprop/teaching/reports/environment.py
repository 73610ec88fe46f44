"""The pages' templates, and how they are filled: everything is escaped, nothing may be missing."""

from base64 import b64encode
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from clearprop.base.dependencies import require

if TYPE_CHECKING:
    import jinja2


OWN = "clearprop.teaching.reports"


def template(name: str, package: str = OWN) -> "jinja2.Template":
    """The template `name` of a package, which may include those of this one. Raises
    MissingDependencyError without Jinja2."""
    require("jinja2")
    return _environment(package).get_template(name)


# Kept, because a class has a page for every student and a template is compiled once.
@lru_cache
def _environment(package: str) -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader(OWN)]),
        # Python is no HTML: what a program is shown in escapes it.
        autoescape=lambda name: name is None or not name.endswith(".py.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    font = files(OWN).joinpath("fonts", "clearprop-math.woff2")
    environment.globals["math_font"] = b64encode(font.read_bytes()).decode()
    return environment
