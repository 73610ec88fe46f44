"""RNN and GRU as lines of a program: one product for all times, a loop over the times, and the same
loop from the other end. An LSTM's are in `lstm_program`."""

from typing import NamedTuple

from clearprop.engine.layers.lengths import LENGTHS
from clearprop.kinds.program_lines import Line, Symbol, loop
from clearprop.kinds.program_pieces import Passes, Site, sum_of_samples

TIME = "time"


class _Order(NamedTuple):
    """How the code goes through the times: the heads of both loops; where the state before a time
    stands, and where the one after it; which of the states are the output, and which were met;
    and how the equations call the time before and the one behind."""

    forward: str
    backward: str
    before: str
    after: str
    put_out: str
    met: str
    past: str
    coming: str


def order_of(site: Site) -> _Order:
    """How the code of a layer goes through the times."""
    span = f"range({site.x}.shape[1])"
    up, down = f"for {TIME} in {span}:", f"for {TIME} in reversed({span}):"
    here, next_one = TIME, f"{TIME} + 1"
    if site.layer.reverse:
        return _Order(down, up, next_one, here, ":-1", "1:", "ₜ₊₁", "ₜ₋₁")
    return _Order(up, down, here, next_one, "1:", ":-1", "ₜ₋₁", "ₜ₊₁")


def given_line(site: Site, *biases: str) -> Line:
    """What x gives at all times, z = x W + b; with the bias of h where that is in the same sum."""
    a, x, w = site.own("z", "z"), site.x, site.params["weight_ih"]
    code, equation = f"{x} @ {w}", f"{x:math} · {w:math}"
    for bias in (site.params[name] for name in biases if name in site.params):
        code, equation = f"{code} + {bias}", f"{equation} + {bias:math}"
    return Line(f"{a} = {code}", f"{a:math} = {equation}")


def states_line(site: Site) -> Line:
    """Room for the state before and after every time."""
    s, x = site.own("states", "H"), site.x
    shape = f"(len({x}), {x}.shape[1] + 1, {site.layer.width('hidden')})"
    return Line(f"{s} = np.zeros({shape}, {x}.dtype)", f"{s:math} = 0")


def start_lines(site: Site, state: str, room: Symbol) -> list[Line]:
    """The state before the first time, where it stands beside x; with lengths, what goes backwards
    meets it behind every sample's own end."""
    if state not in site.beside:
        return []
    start = site.beside[state].symbol
    if _starts_at_ends(site, state):
        return [Line(f"{room}[:] = {start}[:, None]", f"{room:math}ₜ = {start:math}")]
    first, here = ("-1", "[T]") if site.layer.reverse else ("0", "[−1]")
    return [Line(f"{room}[:, {first}] = {start}", f"{room:math}{here} = {start:math}")]


def _starts_at_ends(site: Site, state: str) -> bool:
    """Whether the state before the first time stands where each sample ends."""
    return site.layer.reverse and state in site.beside and LENGTHS in site.beside


def put_out_lines(site: Site) -> list[Line]:
    """What the layer puts out; behind a sample's end 0."""
    s, y = site.own("states", "H"), site.y
    lines = [Line(f"{y} = {s}[:, {order_of(site).put_out}]", f"{y:math}ₜ = {s:math}ₜ")]
    if _starts_at_ends(site, "hidden"):
        lengths = site.beside[LENGTHS].symbol
        inside = f"(np.arange({site.x}.shape[1]) < {lengths}[:, None])[:, :, None]"
        equation = f"{y:math}ₜ = [t < {lengths:math}] ⊙ {s:math}ₜ"
        lines = [Line(f"{y} = {inside} * {s}[:, :-1]", equation)]
    return lines


def nothing_later(site: Site, name: str) -> Line:
    """The signal from the time behind, which behind the last one is 0."""
    x, width = site.x, site.layer.width("hidden") if name == "h" else site.layer.hidden
    return Line(f"later_{name} = np.zeros((len({x}), {width}), {x}.dtype)", f"later_{name} = 0")


def input_lines(site: Site) -> list[Line]:
    """∂L/∂W, ∂L/∂b and ∂L/∂x of all times."""
    x, da, w, g = site.x, site.own("z", "z").d, site.params["weight_ih"], site.gradients
    rows = f"{x}.reshape(-1, {site.layer.inputs}).T @ {da}.reshape(-1, {_width(site)})"
    lines = [
        Line(f"{g['weight_ih']} = {rows}", f"{g['weight_ih']:math} = Σₜ {x:math}ₜᵀ · {da:math}ₜ")
    ]
    if "bias_ih" in g:
        lines.append(_bias(site, "bias_ih", da))
    if site.dx is not None:
        equation = f"{site.dx:math}ₜ = {da:math}ₜ · {w:math}ᵀ"
        lines.append(Line(f"{site.dx} = {da} @ {w}.T", equation))
    return lines


def hidden_lines(site: Site, by: Symbol) -> list[Line]:
    """∂L/∂U and ∂L/∂b′ of all times, where all columns of U met the state."""
    g, s, order = site.gradients, site.own("states", "H"), order_of(site)
    met = f"{s}[:, {order.met}].reshape(-1, {site.layer.width('hidden')})"
    lines = [
        Line(
            f"{g['weight_hh']} = {met}.T @ {by}.reshape(-1, {_width(site)})",
            f"{g['weight_hh']:math} = Σₜ {s:math}{order.past}ᵀ · {by:math}ₜ",
        )
    ]
    if "bias_hh" in g:
        lines.append(_bias(site, "bias_hh", by))
    return lines


def _bias(site: Site, name: str, signals: Symbol) -> Line:
    gradient = site.gradients[name]
    code = sum_of_samples(str(signals), (1, _width(site)))
    return Line(f"{gradient} = {code}", f"{gradient:math} = Σₜ Σₙ {signals:math}ₜ")


def _width(site: Site) -> int:
    return len(site.layer.gates) * int(site.layer.hidden)


def arriving_line(site: Site) -> Line:
    """dh: what comes back to the state of one time."""
    code, equation = f"{site.dy}[:, {TIME}] + later_h", f"{site.dy:math}ₜ + later_h"
    if LENGTHS in site.beside:
        code, equation = f"inside * ({code})", f"inside ⊙ ({equation})"
    return Line(f"dh = {code}", f"∂L/∂hₜ = {equation}")


def inside_lines(site: Site) -> list[Line]:
    """Which samples have that time, where there are lengths."""
    if LENGTHS not in site.beside:
        return []
    lengths = site.beside[LENGTHS].symbol
    return [Line(f"inside = ({TIME} < {lengths})[:, None]", f"inside = [t < {lengths:math}]")]


def ended_lines(site: Site, code: str, equation: str, state: str = "") -> list[Line]:
    """What makes an array 0 at a time that a sample has not got, where there are lengths; a `state`
    is still the one before the first time there, if the code has not come to that yet."""
    if LENGTHS not in site.beside:
        return []
    if _starts_at_ends(site, state):
        start = site.beside[state].symbol
        kept = f"{equation} ← inside ⊙ {equation} + (1 − inside) ⊙ {start:math}"
        return [Line(f"{code} = np.where(inside, {code}, {start})", kept)]
    return [Line(f"{code} *= inside", f"{equation} ← inside ⊙ {equation}")]


def rnn_passes(site: Site) -> Passes:
    """One activation, again at every time."""
    order, u, size = order_of(site), site.params["weight_hh"], site.layer.hidden
    a, s, z = site.own("z", "z"), site.own("states", "H"), Symbol("sums", "sums")
    after = f"{s}[:, {order.after}]"
    value, slope = f"np.tanh({z})", f"(1 - {after} ** 2)"
    value_math, slope_math = f"tanh({z:math})", f"(1 − {s:math}ₜ²)"
    if site.layer.nonlinearity == "relu":
        value, slope = f"np.maximum(0, {z})", f"({after} > 0)"
        value_math, slope_math = f"max(0, {z:math})", f"[{s:math}ₜ > 0]"
    forward = (
        given_line(site, "bias_ih", "bias_hh"),
        states_line(site),
        *start_lines(site, "hidden", s),
        loop(
            order.forward,
            *inside_lines(site),
            Line(
                f"{z} = {a}[:, {TIME}] + {s}[:, {order.before}] @ {u}",
                f"{z:math} = {a:math}ₜ + {s:math}{order.past} · {u:math}",
            ),
            Line(f"{after} = {value}", f"{s:math}ₜ = {value_math}"),
            *ended_lines(site, after, f"{s:math}ₜ", "hidden"),
        ),
        *put_out_lines(site),
    )
    backward = (
        Line(
            f"{a.d} = np.zeros(({site.x}.shape[0], {site.x}.shape[1], {size}), {site.x}.dtype)",
            f"{a.d:math} = 0",
        ),
        nothing_later(site, "h"),
        loop(
            order.backward,
            *inside_lines(site),
            arriving_line(site),
            Line(f"{a.d}[:, {TIME}] = dh * {slope}", f"{a.d:math}ₜ = ∂L/∂hₜ ⊙ {slope_math}"),
            Line(f"later_h = {a.d}[:, {TIME}] @ {u}.T", f"later_h = {a.d:math}ₜ · {u:math}ᵀ"),
        ),
        *hidden_lines(site, a.d),
        *input_lines(site),
    )
    return Passes(forward, backward)


def gru_passes(site: Site) -> Passes:
    """A state that is partly kept and partly made anew, again at every time."""
    order, size = order_of(site), site.layer.hidden
    a, s, gates = site.own("z", "z"), site.own("states", "H"), site.own("gates", "G")
    before, past = f"{s}[:, {order.before}]", f"{s:math}{order.past}"
    candidate = f"{gates}[:, {TIME}, {2 * size}:]"
    parts = _after_reset(site) if site.layer.reset_after else _before_reset(site)
    forward = (
        *parts.opening,
        states_line(site),
        *start_lines(site, "hidden", s),
        Line(f"{gates} = np.zeros_like({a})", f"{gates:math} = 0"),
        *parts.room,
        loop(
            order.forward,
            *inside_lines(site),
            *parts.gates,
            Line(
                f"r, z = {gates}[:, {TIME}, :{size}], {gates}[:, {TIME}, {size}:{2 * size}]",
                f"r, z = {gates:math}ₜ",
            ),
            *parts.candidate,
            Line(
                f"{s}[:, {order.after}] = (1 - z) * {candidate} + z * {before}",
                f"{s:math}ₜ = (1 − z) ⊙ n + z ⊙ {past}",
            ),
            *ended_lines(site, f"{s}[:, {order.after}]", f"{s:math}ₜ", "hidden"),
        ),
        *put_out_lines(site),
    )
    backward = (
        Line(f"{a.d} = np.zeros_like({gates})", f"{a.d:math} = 0"),
        *parts.room_back,
        nothing_later(site, "h"),
        loop(
            order.backward,
            *inside_lines(site),
            Line(f"r, z, n = np.split({gates}[:, {TIME}], 3, axis=1)", f"r, z, n = {gates:math}ₜ"),
            arriving_line(site),
            Line("da_n = dh * (1 - z) * (1 - n**2)", "∂L/∂aₙ = ∂L/∂hₜ ⊙ (1 − z) ⊙ (1 − n²)"),
            Line(
                f"da_z = dh * ({before} - n) * z * (1 - z)",
                f"∂L/∂a_z = ∂L/∂hₜ ⊙ ({past} − n) ⊙ z ⊙ (1 − z)",
            ),
            *parts.reset_back,
            Line(
                f"{a.d}[:, {TIME}] = np.concatenate([da_r, da_z, da_n], axis=1)",
                f"{a.d:math}ₜ = ∂L/∂aᵣ ‖ ∂L/∂a_z ‖ ∂L/∂aₙ",
            ),
            *parts.later,
        ),
        *parts.gradients,
        *input_lines(site),
    )
    return Passes(forward, backward)


class _GRUParts(NamedTuple):
    """Where the two kinds of GRU differ: in forward what is made of x, room, the gates r and z and
    the candidate; in backward room, ∂L/∂a_r, what goes to the time before, and ∂L/∂U, ∂L/∂b′."""

    opening: tuple[Line, ...]
    room: tuple[Line, ...]
    gates: tuple[Line, ...]
    candidate: tuple[Line, ...]
    room_back: tuple[Line, ...]
    reset_back: tuple[Line, ...]
    later: tuple[Line, ...]
    gradients: tuple[Line, ...]


def _after_reset(site: Site) -> _GRUParts:
    """Here r meets what the state's weights made of the state."""
    order, u, size = order_of(site), site.params["weight_hh"], site.layer.hidden
    a, s, q = site.own("z", "z"), site.own("states", "H"), site.own("resets", "R")
    gates, last = site.own("gates", "G"), f"{2 * size}:"
    product = f"{s}[:, {order.before}] @ {u}"
    product_math = f"{s:math}{order.past} · {u:math}"
    if "bias_hh" in site.params:
        product += f" + {site.params['bias_hh']}"
        product_math += f" + {site.params['bias_hh']:math}"
    return _GRUParts(
        (given_line(site, "bias_ih"),),
        (Line(f"{q} = np.zeros_like({a})", f"{q:math} = 0"),),
        (
            Line(f"{q}[:, {TIME}] = {product}", f"{q:math}ₜ = {product_math}"),
            Line(
                f"{gates}[:, {TIME}] = sigmoid({a}[:, {TIME}] + {q}[:, {TIME}])",
                f"r, z = σ({a:math}ₜ + {q:math}ₜ)",
            ),
        ),
        (
            Line(
                f"inner = {a}[:, {TIME}, {last}] + r * {q}[:, {TIME}, {last}]",
                f"inner = {a:math}ₜ[n] + r ⊙ {q:math}ₜ[n]",
            ),
            Line(f"{gates}[:, {TIME}, {last}] = np.tanh(inner)", "n = tanh(inner)"),
        ),
        (Line(f"{q.d} = np.zeros_like({gates})", f"{q.d:math} = 0"),),
        (
            Line(
                f"da_r = da_n * {q}[:, {TIME}, {last}] * r * (1 - r)",
                f"∂L/∂aᵣ = ∂L/∂aₙ ⊙ {q:math}ₜ[n] ⊙ r ⊙ (1 − r)",
            ),
        ),
        (
            Line(
                f"{q.d}[:, {TIME}] = np.concatenate([da_r, da_z, da_n * r], axis=1)",
                f"{q.d:math}ₜ = ∂L/∂aᵣ ‖ ∂L/∂a_z ‖ ∂L/∂aₙ ⊙ r",
            ),
            Line(
                f"later_h = dh * z + {q.d}[:, {TIME}] @ {u}.T",
                f"later_h = ∂L/∂hₜ ⊙ z + {q.d:math}ₜ · {u:math}ᵀ",
            ),
        ),
        tuple(hidden_lines(site, q.d)),
    )


def _before_reset(site: Site) -> _GRUParts:
    """Here r meets the state itself, before its weights do."""
    order, u, size = order_of(site), site.params["weight_hh"], site.layer.hidden
    a, s, q = site.own("z", "z"), site.own("states", "H"), site.own("resets", "R")
    gates, first, last = site.own("gates", "G"), f":{2 * size}", f"{2 * size}:"
    before, past = f"{s}[:, {order.before}]", f"{s:math}{order.past}"
    g, da = site.gradients, a.d
    met = f"{s}[:, {order.met}].reshape(-1, {size}).T @ {da}[:, :, {first}].reshape(-1, {2 * size})"
    met_reset = f"{q}.reshape(-1, {size}).T @ {da}[:, :, {last}].reshape(-1, {size})"
    gradients = [
        Line(f"{u.d}_gates = {met}", f"{u.d:math}[r, z] = Σₜ {past}ᵀ · {da:math}ₜ[r, z]"),
        Line(f"{u.d}_candidate = {met_reset}", f"{u.d:math}[n] = Σₜ {q:math}ₜᵀ · {da:math}ₜ[n]"),
        Line(
            f"{g['weight_hh']} = np.concatenate([{u.d}_gates, {u.d}_candidate], axis=1)",
            f"{g['weight_hh']:math} = {u.d:math}[r, z] ‖ {u.d:math}[n]",
        ),
    ]
    if "bias_hh" in g:
        gradients.append(_bias(site, "bias_hh", da))
    return _GRUParts(
        (given_line(site, "bias_ih", "bias_hh"),),
        (Line(f"{q} = np.zeros_like({a}[:, :, {last}])", f"{q:math} = 0"),),
        (
            Line(
                f"sums = {a}[:, {TIME}, {first}] + {before} @ {u}[:, {first}]",
                f"sums = {a:math}ₜ[r, z] + {past} · {u:math}[r, z]",
            ),
            Line(f"{gates}[:, {TIME}, {first}] = sigmoid(sums)", "r, z = σ(sums)"),
        ),
        (
            Line(f"{q}[:, {TIME}] = r * {before}", f"{q:math}ₜ = r ⊙ {past}"),
            Line(
                f"inner = {a}[:, {TIME}, {last}] + {q}[:, {TIME}] @ {u}[:, {last}]",
                f"inner = {a:math}ₜ[n] + {q:math}ₜ · {u:math}[n]",
            ),
            Line(f"{gates}[:, {TIME}, {last}] = np.tanh(inner)", "n = tanh(inner)"),
        ),
        (),
        (
            Line(f"dq = da_n @ {u}[:, {last}].T", f"∂L/∂{q:math}ₜ = ∂L/∂aₙ · {u:math}[n]ᵀ"),
            Line(
                f"da_r = dq * {before} * r * (1 - r)",
                f"∂L/∂aᵣ = ∂L/∂{q:math}ₜ ⊙ {past} ⊙ r ⊙ (1 − r)",
            ),
        ),
        (
            Line(
                f"through = {da}[:, {TIME}, {first}] @ {u}[:, {first}].T",
                f"through = {da:math}ₜ[r, z] · {u:math}[r, z]ᵀ",
            ),
            Line(
                "later_h = dh * z + dq * r + through",
                f"later_h = ∂L/∂hₜ ⊙ z + ∂L/∂{q:math}ₜ ⊙ r + through",
            ),
        ),
        tuple(gradients),
    )
