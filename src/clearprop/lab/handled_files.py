"""Messages of what comes in and goes out: a table, and files to take away."""

from collections.abc import Mapping
from typing import Any

from clearprop.lab.data_sets import DATA_SETS, LabData, data_set
from clearprop.lab.exports import exported
from clearprop.lab.lab_recipe import fitting, problem_of
from clearprop.lab.lab_state import Answer, Answers, LabState, say, sentence
from clearprop.lab.own_table import HEAD, OwnTable, Told, data_of_table, table_of


def _data(state: LabState, given: Mapping[str, Any]) -> Answers:
    name, text = given["name"], given["csv"]
    table = table_of(name, text) if text is not None else state.table_named(name)
    notes: tuple[Told, ...] = ()
    if table is not None:
        data, notes = data_of_table(table, given["inputs"], given["target"])
    elif state.own_data is not None and state.own_data.name == name:
        data = state.own_data
    else:
        data = data_set(name)
    state.begin(problem_of(fitting(state.run.problem.recipe, data), data))
    if table is not None:
        state.table, state.own_data = table, data
    yield _told(table, data, [one.text(state.language) for one in notes])
    yield from state.all()


def _told(table: OwnTable | None, data: LabData, notes: list[str]) -> Answer:
    if table is None:
        names = [*data.inputs, *data.targets]
        kinds = dict.fromkeys(names, "number")
        cells = [
            [
                *(f"{value:.4g}" for value in x.reshape(-1)),
                *(f"{value:.4g}" for value in t.reshape(-1)),
            ]
            for x, t in zip(data.x[:HEAD], data.target[:HEAD], strict=True)
        ]
    else:
        names = list(table.names)
        kinds = dict(zip(table.names, table.kinds, strict=True))
        cells = [list(row) for row in table.rows[:HEAD]]
    roles = {**dict.fromkeys(data.inputs, "input"), **dict.fromkeys(data.targets, "target")}
    return {
        "type": "table",
        "name": data.name,
        "columns": [
            {"name": name, "kind": kinds[name], "role": roles.get(name, "unused")} for name in names
        ],
        "rows": len(data.x),
        "head": cells,
        "notes": notes,
    }


def _export(state: LabState, given: Mapping[str, Any]) -> Answers:
    for made in exported(state, given["what"]):
        yield {"type": "file", **made.told()}
    own = state.run.problem.data.name not in DATA_SETS
    if given["what"] == "link" and own:
        yield sentence("note", say(state.language, "session.link_without_data"))


HANDLERS = {"data": _data, "export": _export}
