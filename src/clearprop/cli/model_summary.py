"""What an estimator's file says of the table that its networks were trained on, for a terminal."""

from clearprop.base import messages
from clearprop.base.numbers import brief
from clearprop.base.text_tables import shortened, wrapped
from clearprop.data.preparation import CategoryInput, Input
from clearprop.estimators.model_file import measured_in
from clearprop.estimators.table_targets import ClassTarget, NumberTarget, TableTarget
from clearprop.formats.network_contents import SavedNetwork

# Names that are listed, and how wide one is.
MOST_NAMES = 40
NAME_WIDTH = 40

say = messages.within("cli")


def model_lines(saved: SavedNetwork, file: str, language: str, width: int) -> list[str]:
    """What is predicted from which columns, and what the inputs of the network are called."""
    preparation, target = measured_in(saved)
    comma = say(language, "comma")

    def listed(names: list[str]) -> str:
        return comma.join(names[:MOST_NAMES]) + " …" * (len(names) > MOST_NAMES)

    told = {
        "predicts": listed(_predicted(target, language)),
        "from": listed([_column(one, language) for one in preparation.inputs]),
        "inputs": listed([f"{k} = {_name(name)}" for k, name in enumerate(preparation.features)]),
        "members": say(language, "model.members_told", count=len(saved.arrays["networks"])),
    }
    if "calibration.score" in saved.arrays:
        rows = len(saved.arrays["calibration.score"])
        told["intervals"] = say(language, "model.intervals_told", rows=f"{rows:,}")
    heads = {name: say(language, f"model.{name}") for name in told}
    room = max(map(messages.display_width, heads.values())) + 2
    lines = ["", say(language, "model.title")]
    for name, sentence in told.items():
        first = f"  {messages.pad(heads[name], room)}"
        lines += wrapped(sentence, width, " " * (room + 2), first, break_words=True)
    return [*lines, "", say(language, "model.try", file=file)]


def _predicted(target: TableTarget, language: str) -> list[str]:
    if isinstance(target, ClassTarget):
        classes = say(language, "comma").join(map(str, target.classes[:MOST_NAMES]))
        return [say(language, "model.class", column=_name(target.column), classes=classes)]
    if isinstance(target, NumberTarget):
        return [
            say(language, "model.number", column=_name(name), low=brief(low), high=brief(high))
            for name, low, high in zip(target.columns, target.low, target.high, strict=True)
        ]
    return [say(language, "model.label", column=_name(name)) for name in target.columns]


def _column(one: Input, language: str) -> str:
    if isinstance(one, CategoryInput):
        return say(language, "model.words", column=_name(one.column), count=len(one.words))
    return say(language, "model.date" if one.is_date else "model.numbers", column=_name(one.column))


def _name(name: str) -> str:
    return shortened(name, NAME_WIDTH)
