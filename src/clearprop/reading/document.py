"""Values as JSON, as `clearprop.base.json_values` writes them."""

import json

from clearprop.base.json_values import json_values


class Document:
    """A dataclass that can be written as JSON; an array becomes nested lists."""

    def to_json(self) -> str:
        """All of it as JSON text: the class as `type`, and every field by its name."""
        document = {"type": type(self).__name__, **json_values(self)}
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
