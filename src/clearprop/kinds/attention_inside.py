"""What is inside of attention, number by number: how it is made and how its gradient adds up."""

import numpy as np

from clearprop.base.arrays import Array
from clearprop.base.numbers import brief
from clearprop.engine.layers.positions import turns_of
from clearprop.kinds.row import Arithmetic, InnerEntry, Inside

_PARTS = ("q", "k", "v")


def _numbers(array: Array) -> Array:
    return np.asarray(array, np.float64)


def _line(symbol: str, factors: Array, others: Array, more: tuple[str, ...] = ()) -> Arithmetic:
    value = float(_numbers(factors) @ _numbers(others))
    return Arithmetic(symbol, more, value, (_numbers(factors), _numbers(others)))


def _scale(entry: InnerEntry) -> float:
    return float(entry.layer.scoring.scale)


def _projected(entry: InnerEntry, name: str) -> tuple[Arithmetic, ...]:
    """One entry of q, k or v: a weighted sum of the position's features; turned with `rotary`."""
    head, position, feature = entry.place
    layer = entry.layer
    asking = len(entry.input) - (layer.memory or 0)
    row = position + (asking if layer.memory is not None and name != "q" else 0)
    value = float(entry.values[name][entry.place])

    if name != "q":
        head //= layer.heads // layer.shared_heads
        if row >= len(entry.input):
            # Behind the sequence: the learned one first, then that of 0.
            is_learned = layer.add_bias_kv and row == len(entry.input)
            return (Arithmetic(name, (brief(value) if is_learned else "0",), value),)

    def sum_of(own: int) -> tuple[tuple[str, ...], float, tuple[Array, Array]]:
        begin = sum(layer.sizes[: _PARTS.index(name)])
        column = begin + head * layer.head_size + own
        x, weights = _numbers(entry.input[row]), entry.params["in_proj_weight"][:, column]
        bias = float(entry.params["in_proj_bias"][0, column]) if layer.bias else 0.0
        right = (brief(bias),) if layer.bias else ()
        return right, float(x @ _numbers(weights)) + bias, (x, _numbers(weights))

    right, plain, products = sum_of(feature)
    if not layer.rotary or name == "v":
        return (Arithmetic(name, right, value, products),)
    half = layer.head_size // 2
    first = feature < half
    other_right, other, other_products = sum_of(feature + half if first else feature - half)
    turns = turns_of(position + 1, layer.head_size, 10000.0, "d")
    cosine, sine = (float(one[position, feature % half]) for one in turns)
    turned = np.array([cosine, -sine if first else sine])
    return (
        Arithmetic(f"{name}₀", right, plain, products),
        Arithmetic(f"{name}₀′", other_right, other, other_products),
        Arithmetic(name, (), value, (np.array([plain, other]), turned)),
    )


def _query_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, position, feature = entry.place
    signals = _numbers(entry.gradients["scores"][head, position]) * _scale(entry)
    return (_line("∂C/∂q", signals, entry.values["k"][head, :, feature]),)


def _key_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, position, feature = entry.place
    signals = _numbers(entry.gradients["scores"][head, :, position]) * _scale(entry)
    return (_line("∂C/∂k", signals, entry.values["q"][head, :, feature]),)


def _value_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, position, feature = entry.place
    weights = _taken(entry)[head, :, position]
    return (_line("∂C/∂v", weights, entry.gradients["output"][head, :, feature]),)


def _score(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, query, key = entry.place
    q, k = entry.values["q"][head, query], entry.values["k"][head, key]
    return (_line("s", _numbers(q) * _scale(entry), k),)


def _capped(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    """The capped score u tanh(s/u)."""
    cap, value = entry.layer.softcap, float(entry.values["capped"][entry.place])
    score = brief(float(entry.values["scores"][entry.place]))
    return (Arithmetic("b", (f"{brief(cap)} × tanh({score} / {brief(cap)})",), value),)


def _score_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    """With a softcap, its slope 1 − (b/u)² times what comes back to b."""
    if entry.layer.softcap is None:
        return _softmax_back(entry, "∂C/∂s")
    ratio = float(entry.values["capped"][entry.place]) / entry.layer.softcap
    signal = float(entry.gradients["capped"][entry.place])
    value = (1 - ratio * ratio) * signal
    written = f"(1 − {_bracketed(ratio)}²) × {_bracketed(signal)}"
    return (Arithmetic("∂C/∂s", (written,), value),)


def _softmax_back(entry: InnerEntry, symbol: str) -> tuple[Arithmetic, ...]:
    """What the softmax takes from the row, the same for all of it, and what is left for one."""
    head, query, _ = entry.place
    shares, signals = entry.values["weights"][head, query], entry.gradients["weights"][head, query]
    taken = _line("Σ w ∂C/∂w", shares, signals)
    own, signal = (float(one[entry.place[-1]]) for one in (shares, signals))
    value = own * (signal - taken.value)
    written = f"{brief(own)} × ({brief(signal)} − {_bracketed(taken.value)})"
    return (taken, Arithmetic(symbol, (written,), value))


def _weight(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    """The softmax of one row; what may not be looked at has a share of 0."""
    head, query, key = entry.place
    shares = _numbers(entry.values["weights"][head, query])
    scores = _numbers(entry.values.get("capped", entry.values["scores"])[head, query])
    bias = entry.cache.bias
    if bias is not None:
        whole = (len(entry.cache.weights), *entry.values["weights"].shape)
        scores = scores + np.broadcast_to(bias, whole)[entry.sample, head, query]
    seen = shares > 0
    value = float(shares[key])
    if not seen[key]:
        return (Arithmetic("w", ("0",), value),)
    highest = float(scores[seen].max())
    powers = np.exp(scores[seen] - highest)
    written = tuple(f"e^({brief(float(one - highest))})" for one in scores[seen])
    total = float(powers.sum())
    above = f"e^({brief(float(scores[key] - highest))}) / {brief(total)}"
    return (
        Arithmetic("Σ e^s", (), total, terms=(powers, written)),
        Arithmetic("w", (above,), value),
    )


def _weight_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, query, key = entry.place
    signals, values = entry.gradients["output"][head, query], entry.values["v"][head, key]
    kept = entry.cache.kept
    factor = 1.0 if kept is None else float(kept[entry.sample, head, query, key])
    return (_line("∂C/∂w", _numbers(signals) * factor, values),)


def _mean(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, position, feature = entry.place
    return (_line("o", _taken(entry)[head, position], entry.values["v"][head, :, feature]),)


def _mean_back(entry: InnerEntry) -> tuple[Arithmetic, ...]:
    head, position, feature = entry.place
    row = entry.params["out_proj_weight"][head * entry.layer.head_size + feature]
    return (_line("∂C/∂o", entry.output_gradient[position], row),)


def _taken(entry: InnerEntry) -> Array:
    """The weights as the values are multiplied with them: those that dropout left out are 0."""
    kept = entry.cache.kept
    weights = _numbers(entry.values["weights"])
    return weights if kept is None else weights * kept[entry.sample]


def _bracketed(value: float) -> str:
    text = brief(value)
    return f"({text})" if value < 0 else text


INSIDE = {
    "q": Inside(
        "q",
        lambda entry: _projected(entry, "q"),
        _query_back,
        "q = x·W_q + b_q",
        "∂C/∂q_i = scale · Σ_j ∂C/∂s_ij k_j",
    ),
    "k": Inside(
        "k",
        lambda entry: _projected(entry, "k"),
        _key_back,
        "k = x·W_k + b_k",
        "∂C/∂k_j = scale · Σ_i ∂C/∂s_ij q_i",
    ),
    "v": Inside(
        "v",
        lambda entry: _projected(entry, "v"),
        _value_back,
        "v = x·W_v + b_v",
        "∂C/∂v_j = Σ_i w_ij ∂C/∂o_i",
    ),
    "scores": Inside(
        "s",
        _score,
        _score_back,
        "s_ij = scale · q_i·k_j",
        "∂C/∂s_ij = w_ij (∂C/∂w_ij − Σ_l w_il ∂C/∂w_il)",
    ),
    "capped": Inside(
        "b",
        _capped,
        lambda entry: _softmax_back(entry, "∂C/∂b"),
        "b_ij = softcap · tanh(s_ij / softcap)",
        "∂C/∂b_ij = w_ij (∂C/∂w_ij − Σ_l w_il ∂C/∂w_il),  "
        "∂C/∂s_ij = (1 − (b_ij / softcap)²) ∂C/∂b_ij",
    ),
    "weights": Inside(
        "w",
        _weight,
        _weight_back,
        "w_ij = e^(s_ij) / Σ_l e^(s_il)",
        "∂C/∂w_ij = ∂C/∂o_i · v_j",
    ),
    "output": Inside(
        "o",
        _mean,
        _mean_back,
        "o_i = Σ_j w_ij v_j,  y = [o]·W_out + b_out",
        "∂C/∂o = ∂C/∂y·W_outᵀ",
    ),
}
