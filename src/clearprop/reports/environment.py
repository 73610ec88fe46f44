"""The pages' templates, and how they are filled: everything is escaped, nothing may be missing."""

from typing import TYPE_CHECKING

from clearprop.dependencies import require

if TYPE_CHECKING:
    import jinja2


def template(name: str) -> "jinja2.Template":
    """The template `name`. Raises MissingDependencyError without Jinja2."""
    require("jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clearprop.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
