"""The table of messages: every type of message between page and session with its fields.

`clearprop.lab.messages` reads, judges and writes messages by it, and the page is tested against it.
"""

from collections.abc import Mapping
from typing import NamedTuple

VERSION = 1


class Field(NamedTuple):
    """A field of a message.

    kind  "whole", "number", "text", "flag", "list", "object", "array", with a "?" behind it where
          null may stand instead; a page may leave such a field out
    says  what it is, for whoever writes the other side
    """

    kind: str
    says: str


Fields = Mapping[str, Field]

WHERE: Fields = {
    "branch": Field("text", "the branch of the run: `main`, `1`, `2` …"),
    "step": Field("whole", "the number of steps taken, from 0"),
}
ANSWERS: Fields = {"answers": Field("whole?", "the id of the message that this answers")}

# From the page to the session.
PAGE: Mapping[str, Fields] = {
    "hello": {
        "version": Field("whole", "VERSION"),
        "language": Field("text", "en or zh-TW"),
        "recipe": Field("object?", "the recipe of the link; null for the first preset"),
        "resume": Field("text?", "the key of a session to go on with"),
    },
    "language": {"language": Field("text", "en or zh-TW")},
    "build": {"recipe": Field("object", "a recipe, or {preset: name} with what differs from it")},
    "data": {
        "name": Field("text", "the name of the file, or of a data set"),
        "csv": Field("text?", "the table as text; null for a data set by its name"),
        "inputs": Field("list?", "the columns that the network is given; null chooses"),
        "target": Field("list?", "the columns that it should give; null chooses"),
    },
    "run": {"rate": Field("number?", "steps a second; null as fast as it goes")},
    "frame": {},
    "pause": {},
    "go": {
        **WHERE,
        "phase": Field("whole?", "phases computed of the step: 0 none, null all of them"),
    },
    "select": {
        "selection": Field(
            "object?",
            "{kind: weight, bias, neuron, input, sample, layer or loss; address; sample}: address"
            " of all but sample and loss, a neuron's also of a number within a layer; sample may be"
            " null or left out; null selects nothing",
        )
    },
    "move": {
        "what": Field("text", "weight, bias, or point: an input or target of one sample"),
        "address": Field("text", "`layers[0].weight[0,3]`; of a point `input[0]` or `target[0]`"),
        "sample": Field("whole?", "of a point: which one"),
        "value": Field("number", "where it is now"),
        "settled": Field("flag", "false while it is dragged; true makes a branch from here"),
    },
    "branch": {
        **WHERE,
        "changes": Field(
            "object", "learning_rate, optimizer, batch, seed; values: {address: number}"
        ),
    },
    "plant": {
        "mistake": Field("text?", "its key, random, or null to take it out"),
        "branch": Field("text?", "where from: the run's start in that branch; null the one shown"),
    },
    "find": {
        "place": Field("text", "the path of the backward phase that is said to be wrong"),
        "line": Field("text?", "∂C/∂x, or the name of the parameter whose gradient is wrong"),
    },
    "check": {"code": Field("text?", "Python with a `backward`; null the running backward")},
    "blank": {"on": Field("flag", "whether numbers are to be predicted")},
    "answer": {
        "blank": Field("text", "which one"),
        "text": Field("text", "what the person wrote"),
    },
    "output": {
        "of": Field("text?", "the address of a neuron; null for the network"),
        "resolution": Field("whole?", "points along each axis; null chooses"),
    },
    "health": {},
    "inside": {
        "layer": Field("text?", "its path; null for the first that has something inside"),
        "stage": Field("whole?", "which stage of it, from 0; null for the first"),
    },
    "export": {"what": Field("text", "link, program, safetensors, svg, png or answers")},
    "lesson": {"name": Field("text?", "which one; null leaves the one that is open")},
    "task": {
        "part": Field("whole", "which part of the open lesson, from 0"),
        "text": Field("text?", "what the person answered; null where something is to be done"),
    },
}

# From the session to the page.
SESSION: Mapping[str, Fields] = {
    "welcome": {
        **ANSWERS,
        "version": Field("whole", "VERSION"),
        "language": Field("text", "en or zh-TW"),
        "session": Field("text", "the key to go on with after a reload"),
        "presets": Field("list", "[{name, title, recipe}]"),
        "kinds": Field(
            "object",
            "{layers, losses, optimizers, starts}: lists of {name, title, fields: [{name, kind,"
            " default, least, most}]}",
        ),
        "lessons": Field("list", "[{name, title}]"),
        "data_sets": Field("list", "[{name, title, picture: {points, tones, image}}]"),
        "limits": Field("object", "{name: largest value}"),
        "missing": Field("list", "[{name, sentence}]: what is not to be had here, and why"),
        "recipe": Field("object", "the recipe of what is running"),
        "words": Field("object", "{key: text}: what stands on the page itself"),
    },
    "network": {
        **ANSWERS,
        "title": Field("text", "the network in one line"),
        "columns": Field(
            "list",
            "from left to right: {path, wire, output, title, kind: input, linear, layer or join;"
            " count, shape, strip, maps, x, y: [one a neuron]}; wire is z, output is a; the same"
            " where there is no activation; a strip is too wide for neurons, and y has its two"
            " ends; so it is with maps, [rows, columns] of the matrices that its numbers are",
        ),
        "edges": Field(
            "list", "{from, to: numbers of columns; weight: path or null; shape: [in, out] or null}"
        ),
        "biases": Field("list", "{column, path}"),
        "parameters": Field("list", "{path, symbol, shape}"),
        "opened": Field("list", "[path] of the layers that can be looked into"),
        "groups": Field("list", "{path, title, columns}: combinators that are not the whole"),
        "width": Field("number", "of the drawing, in its own units"),
        "height": Field("number", "of the drawing"),
        "size": Field("whole", "the number of parameters"),
        "samples": Field("whole", "the number of samples"),
        "recipe": Field("object", "the recipe of what is running"),
        "starter": Field("text", "the code that a person begins a backward with"),
        "phases": Field("list", "of a step: {id, part, path, title}"),
        "mistakes": Field("list", "[{name, title}] of those that can be planted into it"),
    },
    "moment": {
        **ANSWERS,
        **WHERE,
        "phase": Field("whole", "so many phases of the step are computed"),
        "phases": Field("list", "[{id, part, path, title}], in the order of the step"),
        "title": Field("text", "what has just been computed"),
        "says": Field("text", "the same in one sentence"),
        "lines": Field("list", "of this phase: {kind: equation, note or worked; text}"),
        "sample": Field("whole", "whose numbers are shown: its place in this step's batch"),
        "batch": Field("array?", "the samples of this step; null where all take part"),
        "input": Field("array", "x of the sample"),
        "target": Field("array", "t of the sample"),
        "parameters": Field("object", "{path: array}, before the update"),
        "values": Field("object", "{wire: array} of the sample, those that exist by now"),
        "signals": Field("object", "{wire: array} ∂C/∂(wire) of the sample, likewise"),
        "gradients": Field("object", "{path: array} ∂L/∂p over the batch, likewise"),
        "updated": Field("object", "{path: array} after the update, likewise"),
        "loss": Field("number?", "L, once it exists"),
        "cost": Field("number?", "C of the sample, once it exists"),
        "loss_after": Field("number?", "L' of the same samples after the update"),
        "learning_rate": Field("number?", "η of this step; null where there is none"),
        "texts": Field("object", "the same as text: loss, cost, loss_after, learning_rate"),
        "running": Field("flag", "whether the run goes on"),
        "steps": Field("whole", "how many steps this branch has taken"),
        "diverged": Field("text?", "where, why and which rate holds; null where it did not"),
    },
    "curve": {
        "branch": WHERE["branch"],
        "start": Field("whole", "the step of the branch's first point"),
        "stride": Field("whole", "a point every so many steps"),
        "first": Field("whole", "the number of the point that `losses` begins with: 0 is anew"),
        "losses": Field("array", "L of those steps, from before their updates"),
    },
    "branches": {
        **ANSWERS,
        "branches": Field(
            "list", "{branch, title, from: {branch, step} or null, steps, mistake: name or null}"
        ),
        "shown": Field("text", "the branch that is shown"),
    },
    "why": {
        **ANSWERS,
        "selection": Field("object?", "as it was asked; null where nothing is selected"),
        "title": Field("text", "what is selected, by its name"),
        "words": Field("text", "the whole in one paragraph"),
        "steps": Field(
            "list", "{says, equations: [text], lights: [address]}; lights are what it speaks of"
        ),
        "mathml": Field("list", "the equations as MathML; empty where it cannot be had"),
        "shares": Field("list", "{sample, value, text, percent}: what each sample adds"),
        "rest": Field("text?", "the samples that are not among the shares"),
        "terms": Field("list", "{text, value, address, lights: [address]}: the summands"),
    },
    "moved": {
        **ANSWERS,
        "address": Field("text", "what is moved"),
        "value": Field("number", "where it is now"),
        "loss": Field("number?", "L before it was moved; null where it is no finite number"),
        "predicted": Field("number?", "L as the gradient predicts it; likewise"),
        "true": Field("number?", "L as it is; likewise"),
        "gradient": Field("number?", "∂L/∂(it) where it was; likewise"),
        "texts": Field("object", "the same as text: value, loss, predicted, true, gradient"),
        "says": Field("text", "all of it in one sentence"),
        "line": Field("array", "(K, 3): value, predicted and true loss around where it was"),
    },
    "planted": {
        **ANSWERS,
        "branch": WHERE["branch"],
        "beside": Field("text?", "the branch with the right backward; null where there is none"),
        "mistake": Field("text?", "its name; null where it is to be found"),
        "says": Field("text", "what was done"),
    },
    "verdict": {
        **ANSWERS,
        "outcome": Field("text", "right, wrong or undecided"),
        "headline": Field("text", "the outcome in one line"),
        "lines": Field("list", "[text]: all that there is to say"),
        "mistake": Field("text?", "what was probably done wrong, by its name"),
        "mend": Field("text?", "what to write instead"),
        "table": Field("list", "[[cell]]: the first row has the heads"),
    },
    "mark": {
        **ANSWERS,
        "of": Field("text", "blank, find, or lesson"),
        "name": Field("text", "which blank, which line, or the number of the lesson's part"),
        "outcome": Field("text", "right, near, wrong, unreadable or missing"),
        "says": Field("text", "what to tell the person"),
        "mistake": Field("text?", "what would give the wrong number, in a sentence"),
        "right": Field("whole", "how many were right so far"),
        "asked": Field("whole", "how many were answered so far"),
    },
    "blanks": {
        **ANSWERS,
        "on": Field("flag", "whether numbers are to be predicted"),
        "blanks": Field("list", "{name, symbol, says, place, equation}: what comes next"),
    },
    "output": {
        **ANSWERS,
        "of": Field("text", "the network, or the neuron's address"),
        "form": Field("text", "curve, plane, classes or bars"),
        "title": Field("text", "what is shown"),
        "axes": Field("list", "{name, low, high, low_text, high_text} of each input that is drawn"),
        "values": Field(
            "array?", "curve (K,); plane and classes (K, K), rows along the second axis; bars (D,)"
        ),
        "sure": Field("array?", "of classes (K, K): the share of the likeliest one"),
        "classes": Field("list", "what the classes are called, by their numbers"),
        "x": Field("array?", "the samples (N, inputs drawn)"),
        "t": Field("array?", "their targets (N,), or their classes"),
        "says": Field("text", "what is left out or rounded"),
    },
    "table": {
        **ANSWERS,
        "name": Field("text", "of the data"),
        "columns": Field("list", "{name, kind: number or text, role: input, target or unused}"),
        "rows": Field("whole", "how many rows are taken"),
        "head": Field("list", "[[cell]]: the first rows"),
        "notes": Field("list", "[sentence]: what was left out, sampled or scaled"),
    },
    "findings": {
        **ANSWERS,
        **WHERE,
        "findings": Field("list", "{severity, says, advice, places: [address]}"),
        "signals": Field("list", "{path, rms, text}: how large ∂C/∂z is, layer by layer"),
        "gradients": Field("list", "{path, rms, text}: how large ∂L/∂p is, parameter by parameter"),
        "safe_rate": Field("number?", "the largest stable rate here; null where none is known"),
        "safe_rate_text": Field("text", "the same as a sentence; empty where none is known"),
        "says": Field("text", "what was looked at"),
    },
    "inside": {
        **ANSWERS,
        "layer": Field(
            "text?", "the path of what is looked into; null where no layer has an inside"
        ),
        "layers": Field("list", "{path, title} of all that can be looked into"),
        "stages": Field("list", "{part: forward or backward, title}, in their order"),
        "stage": Field("whole", "the number of the one that is shown"),
        "title": Field("text", "the layer by its name"),
        "says": Field("text", "whose numbers these are, and what is left out"),
        "lines": Field("list", "of this stage: {kind: equation, note or worked; text}"),
        "matrices": Field(
            "list",
            "{title, role: forward or backward, rows: [name], axes: [of rows, of columns], address,"
            " values: array}; in the address {row} and {column} stand for a name and a number",
        ),
    },
    "file": {
        **ANSWERS,
        "name": Field("text", "what to save it as"),
        "media_type": Field("text", "of its content"),
        "text": Field("text?", "the content, if it is text"),
        "base64": Field("text?", "the content, if it is not"),
    },
    "lesson": {
        **ANSWERS,
        "name": Field("text?", "which one; null where none is open any more"),
        "content": Field("object?", "as the lesson's file has it; likewise"),
    },
    "running": {**ANSWERS, "rate": Field("number?", "steps a second; null as fast as it goes")},
    "paused": {
        **ANSWERS,
        "says": Field("text", "why, where nobody asked; otherwise empty"),
    },
    "sentence": {
        **ANSWERS,
        "level": Field("text", "error or note"),
        "text": Field("text", "what to tell the person"),
    },
}
